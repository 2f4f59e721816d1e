//! How much of the disk applications get: what they write into the log has a rate, and where there is little room left they
//! do nothing.

use super::budgets::near;
use super::supervision::{comes_again, end};
use crate::world::{Host, World, agent, app};
use futures::FutureExt;
use kernel_core::app::Budget;
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::input::Lack;
use kernel_core::path::Verb;
use kernel_core::process::{Lifecycle, Restart};
use std::time::Duration;

/// What an application may write in an hour.
const LOG: u64 = 64 << 10;

fn loud() -> Budget {
    Budget { log: Some(LOG), ..Budget::default() }
}

/// How many files the log says were read.
async fn reads<H: Host>(world: &World<H>) -> usize {
    let read = |content: &Content| matches!(content, Content::Observed(decided) if decided.facts.verb == Verb::Read);
    world.log().await.iter().filter(|event| read(&event.content)).count()
}

/// What acts of an application add to the log has a rate: one that is over it waits, is told of before, and holds up nobody
/// else; what waits can be killed.
pub async fn what_an_application_writes_has_a_rate<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let reader = |name: &str| agent(name).uses(&["read /fs/in/**"]);
    world.run(app("loud", [reader("a"), reader("b")]).budget(loud())).await;
    world.run(app("calm", [agent("c").uses(&["read /tree/**"])]).unmounted()).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("a")));
    let script = "{\"deadline_ms\":80000000}\nrepeat 5000 read /fs/in/x";
    let mut told = Box::pin(session.act("call", &path, script));
    assert!((&mut told).now_or_never().is_none());
    let waits = |world: &World<H>| world.kernel().apps().iter().map(|app| app.log_waiting).sum::<usize>();
    world.until(|world| waits(world) == 1).await;
    let first = reads(&world).await;
    assert!((60..400).contains(&first), "{first}");
    let told_near = near(&world).await;
    let of = |at: usize| (told_near[at].0.as_str(), told_near[at].1.as_str(), told_near[at].3);
    assert_eq!((told_near.len(), of(0), of(1)), (2, ("loud", "log", LOG), ("loud", "log", LOG)));
    assert!(told_near[0].2 >= LOG / 5 * 4 && told_near[0].2 < LOG && told_near[1].2 == LOG, "{told_near:?}");
    let rows = world.kernel().apps();
    let row = rows.iter().find(|row| row.name.as_str() == "loud").expect("it runs");
    assert!(row.log >= LOG && row.log_limit == LOG, "{row:?}");
    // Others of its application wait behind it, and nobody else does.
    let other = world.session().await;
    let one = "{\"deadline_ms\":80000000}\nact read /fs/in/x";
    let mut behind = Box::pin(other.act("call", &format!("/proc/{}", world.pid("b")), one));
    assert!((&mut behind).now_or_never().is_none());
    world.until(|world| waits(world) == 2).await;
    // What waits can be interrupted, and asked for again.
    let b = format!("/proc/{}", world.pid("b"));
    world.session().await.act("signal", &b, "{\"signal\":\"interrupt\"}").await.expect("signalled");
    let interrupted = behind.await.expect("it was answered");
    assert!(String::from_utf8_lossy(&interrupted).contains("cancelled"), "{interrupted:?}");
    let mut behind = Box::pin(other.act("call", &b, one));
    assert!((&mut behind).now_or_never().is_none());
    world.until(|world| waits(world) == 2).await;
    assert!(world.act("c", "read /tree/x").await.starts_with("not_found"));
    // What was written is forgotten bit by bit.
    world.hand.advance(Duration::from_secs(360));
    let behind = behind.await.expect("it had its turn");
    assert!(String::from_utf8_lossy(&behind).contains("ok "), "{behind:?}");
    world.until(|world| waits(world) == 1).await;
    let second = reads(&world).await;
    assert!(second > first + 5 && second < first + first / 2, "{first} and {second}");
    assert_eq!(near(&world).await.len(), 2, "it was told of already");
    world.session().await.act("kill", &path, "").await.expect("killed");
    assert_eq!(waits(&world), 0);
    let refusal = told.await.expect_err("it was killed");
    assert!(refusal.reason.contains("ended"), "{refusal}");
    // Nor does whoever waits keep its application from stopping.
    let last = world.session().await;
    let mut cut = Box::pin(last.act("call", &b, "{\"deadline_ms\":80000000}\nrepeat 5000 read /fs/in/x"));
    assert!((&mut cut).now_or_never().is_none());
    world.until(|world| waits(world) == 1).await;
    world.session().await.act("stop", "/app/loud", "").await.expect("stopped");
    assert_eq!(world.ended("b").await.0, "shutdown");
    drop(cut);
    world.finish().await;
}

/// While there is too little room on the disk nothing that an application does is let pass, which leaves one event of each
/// process however often it tries, and suspends nobody; operators act on.
pub async fn without_room_applications_do_nothing<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let world = World::boot(host, Environment::dev()).await;
    world
        .run(app("busy", [agent("a").uses(&["read /fs/in/**", "write /fs/out/**"]).restarts(Restart::Permanent)]))
        .await;
    assert!(world.act("a", "read /fs/in/x").await.starts_with("ok "));
    let lack = Lack { free: 1, reserve: 64 << 20 };
    world.kernel().room(Some(lack));
    assert_eq!(world.kernel().health().lack, Some(lack));
    let before = world.log().await.len();
    for act in ["write /fs/out/y - y", "read /fs/in/x"] {
        let told = world.act("a", act).await;
        assert!(told.starts_with("full: ") && told.contains("67108864 bytes"), "{told}");
    }
    assert!(world.tell("a", "repeat 200 read /fs/in/x").await.starts_with("200 full"));
    let since = world.log().await.split_off(before);
    let pid = world.pid("a").0;
    let of_a = |content: &Content| match content {
        Content::Refused(refused) => refused.pid == pid,
        Content::Observed(decided) | Content::Intent(decided) => decided.facts.pid.0 == pid,
        _ => false,
    };
    let told = since.iter().filter(|event| of_a(&event.content)).count();
    assert_eq!(told, 1, "{since:?}");
    world.session().await.act("read", &format!("/proc/{}", world.pid("a")), "").await.expect("looked at");
    // Whoever fails meanwhile is started again when there is room.
    let first = world.pid("a");
    end(&world, "a", "fail x").await;
    world.until(|world| world.process("a").state == Lifecycle::Exited).await;
    world.hand.advance(Duration::from_secs(10));
    world.pause().await;
    assert_eq!(world.process("a").pid, first, "nobody is started again");
    world.kernel().room(None);
    world.hand.advance(Duration::from_secs(10));
    comes_again(&world, "a", first).await;
    assert!(world.act("a", "read /fs/in/x").await.starts_with("ok "));
    world.finish().await;
}
