//! Timers of processes.

use crate::world::{Host, World, agent, app};
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::process::Lifecycle;
use std::time::Duration;

/// A timer fires once, or again and again until it is stopped, and not before its time.
pub async fn a_timer_fires_when_it_is_due<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let script = "act start /timer/once {\"after_ms\":5000}\nact start /timer/tick {\"every_ms\":5000}";
    world.run(app("clock", [agent("a").does(script)])).await;
    let fired = async |seconds: u64| {
        world.hand.advance(Duration::from_secs(seconds));
        world.pause().await;
        let heard = world.heard("a").await;
        (heard.matches("timer /timer/once").count(), heard.matches("timer /timer/tick").count())
    };
    assert_eq!(fired(4).await, (0, 0));
    assert_eq!(fired(2).await, (1, 1));
    assert_eq!(fired(5).await, (0, 1));
    assert_eq!(world.act("a", "stop /timer/tick").await, "ok {}");
    assert_eq!(fired(20).await, (0, 0));
    world.finish().await;
}

/// Each time that a timer fires is an act of its process: where none is left that is told and ends the process, and no
/// other.
pub async fn a_timer_draws_each_time<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let ticks = agent("ticks").limited(|limits| limits.acts = Some(5)).does("act start /timer/t {\"every_ms\":1000}");
    world.run(app("clock", [ticks, agent("other")])).await;
    for _ in 0..4 {
        world.hand.advance(Duration::from_secs(1));
        world.pause().await;
    }
    assert_eq!(world.heard("ticks").await.matches("timer /timer/t").count(), 4);
    world.hand.advance(Duration::from_secs(1));
    let (exit, detail) = world.ended("ticks").await;
    assert!(exit == "limit" && detail.contains("acts"), "{exit}: {detail}");
    assert_eq!(world.process("ticks").used.acts, 5);
    let log = world.log().await;
    let over = |content: &Content| matches!(content, Content::Refused(r) if r.asked == "start /timer/t" && r.code == "exhausted");
    assert_eq!(log.iter().filter(|event| over(&event.content)).count(), 1);
    assert_eq!(world.tell("other", "").await, "");
    world.finish().await;
}

/// The timers of whoever is suspended stand still, and nothing is drawn for them; they run on when it does.
pub async fn timers_of_the_suspended_stand_still<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("clock", [agent("ticks"), agent("other")])).await;
    let start = |n: u32| format!("act start /timer/t{n} {{\"every_ms\":1000}}");
    let all: Vec<String> = (0..64).map(start).collect();
    assert!(world.tell("ticks", &all.join("\n")).await.lines().all(|told| told == "ok {}"));
    let path = format!("/proc/{}", world.pid("ticks"));
    let session = world.session().await;
    let many = "\ndo repeat 150 read /fs/in/x";
    session.act("send", &path, many).await.expect("sent");
    let refused = |world: &World<H>| world.process("ticks").used.refused;
    world.until(|world| world.process("ticks").state == Lifecycle::Suspended || refused(world) == 150).await;
    assert_eq!(refused(&world), 100);
    let before = world.process("ticks").used.acts;
    world.hand.advance(Duration::from_secs(5));
    world.pause().await;
    assert_eq!(world.process("ticks").used.acts, before);
    assert_eq!(world.tell("other", "").await, "");
    session.act("resume", &path, "").await.expect("resumed");
    world.until(|world| world.process("ticks").used.refused == 150).await;
    world.hand.advance(Duration::from_secs(1));
    world.until(|world| world.process("ticks").used.acts >= before + 64).await;
    // What was left is left: of five seconds, two.
    assert_eq!(world.act("other", "start /timer/t {\"after_ms\":5000}").await, "ok {}");
    let path = format!("/proc/{}", world.pid("other"));
    world.hand.advance(Duration::from_secs(3));
    session.act("suspend", &path, "").await.expect("suspended");
    world.hand.advance(Duration::from_secs(100));
    world.pause().await;
    session.act("resume", &path, "").await.expect("resumed");
    world.hand.advance(Duration::from_millis(1500));
    world.pause().await;
    assert_eq!(world.heard("other").await, "");
    world.hand.advance(Duration::from_millis(1000));
    world.pause().await;
    assert!(world.heard("other").await.starts_with("timer /timer/t"));
    world.finish().await;
}
