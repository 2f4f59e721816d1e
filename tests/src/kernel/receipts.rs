//! What a receipt proves of an act, and what is found in one that does not hold.

use crate::world::{Host, Recorded, World, agent, app};
use bytes::Bytes;
use kernel_core::chain::{Evidence, EvidenceError, Receipt, event_key};
use kernel_core::codec::table_range;
use kernel_core::environment::Environment;
use kernel_core::governance::Then;
use kernel_core::id::ActionId;
use kernel_core::kernel::event::Content;
use kernel_core::kernel::rows::{TABLE_LATE, TABLE_MARK};
use kernel_core::kernel::{BootError, Proven, ReceiptError, opening, verify, verify_receipt};
use kernel_core::platform::{Batch, Storage};

const WRITE: &str = "write /fs/out/x {\"replace\":true} a body of nobody else";

/// The acts on `resource` of which the log tells, by their first event.
fn acts(log: &[Recorded], resource: &str) -> Vec<ActionId> {
    let about = |content: &Content| match content {
        Content::Intent(d) | Content::Observed(d) | Content::RouteOpened(d) | Content::Escalated(d) => {
            d.facts.resource.to_string() == resource
        }
        Content::Refused(refused) => refused.asked.ends_with(resource),
        _ => false,
    };
    let mut found: Vec<ActionId> = log.iter().filter(|e| about(&e.content)).map(|e| e.action).collect();
    found.dedup();
    found
}

/// The same after a file made of it was read again.
fn carried(receipt: &Receipt) -> Receipt {
    match Evidence::parse(Evidence::Receipt(receipt.clone()).to_json().as_bytes()) {
        Ok(Evidence::Receipt(receipt)) => receipt,
        other => panic!("{other:?}"),
    }
}

async fn receipt<H: Host>(world: &World<H>, action: ActionId, with_body: bool) -> Receipt {
    carried(&world.receipt(action, with_body).await.expect("a receipt"))
}

async fn proven<H: Host>(world: &World<H>, action: ActionId) -> Proven {
    verify_receipt(&receipt(world, action, false).await, Some(&world.key())).expect("it holds")
}

fn kinds(proven: &Proven) -> Vec<&'static str> {
    proven.events.iter().map(|event| event.content.name()).collect()
}

/// Whatever became of an act, its receipt says what was wanted, what was decided and why, and what came of it.
pub async fn a_receipt_tells_of_an_act<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let writer = agent("writer").uses(&["write /fs/out/**", "read /fs/in/**", "send /proc/*"]);
    world.run(app("a", [writer, agent("other")]).ruled("ask", "resources = ['/fs/out/asked']", Then::Escalate)).await;
    let other = format!("/proc/{}", world.pid("other"));
    world.act("writer", WRITE).await;
    world.act("writer", "read /fs/in/x").await;
    world.act("writer", "remove /fs/out/x").await;
    world.act("writer", &format!("send {other} - hello")).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("writer")));
    for allow in [true, false] {
        let write = "\ndo act write /fs/out/asked {\"replace\":true} body";
        session.act("send", &path, write).await.expect("sent");
        let ask = world.asked().await;
        world.kernel().answer(ask.action, allow, "the suite").await.expect("answered");
        world.pause().await;
    }
    let log = world.log().await;

    let [wrote, removed] = acts(&log, "/fs/out/x")[..] else { panic!("{:?}", acts(&log, "/fs/out/x")) };
    let found = proven(&world, wrote).await;
    assert_eq!(kinds(&found), ["intent", "outcome"]);
    let told = found.explain();
    assert!(told.intended.contains("writer") && told.intended.contains("`write` /fs/out/x"), "{told:?}");
    assert!(told.decided[0].starts_with("permitted: the right `write /fs/out/**`"), "{told:?}");
    assert!(told.outcome.starts_with("done"), "{told:?}");
    assert_eq!(told.detail["grant"], "write /fs/out/**");

    let found = proven(&world, removed).await;
    let told = found.explain();
    assert_eq!(kinds(&found), ["refused"]);
    assert!(told.decided[0].starts_with("refused as denied") && told.outcome == "nothing was done", "{told:?}");

    assert_eq!(kinds(&proven(&world, acts(&log, "/fs/in/x")[0]).await), ["observed"]);
    let sent = acts(&log, &other);
    assert_eq!(kinds(&proven(&world, sent[0]).await), ["route_opened"]);

    let [yes, no] = acts(&log, "/fs/out/asked")[..] else { panic!("two questions") };
    let found = proven(&world, yes).await;
    assert_eq!(kinds(&found), ["escalated", "answered", "intent", "outcome"]);
    let told = found.explain();
    assert!(told.decided[1] == "the suite allowed it" && told.outcome.starts_with("done"), "{told:?}");
    let found = proven(&world, no).await;
    assert_eq!(kinds(&found), ["escalated", "answered", "refused"]);

    for none in [ActionId(0), ActionId(999_999)] {
        let error = world.receipt(none, false).await.expect_err("there is no such act");
        assert!(matches!(error, ReceiptError::NotFound(_)), "{error}");
    }
    drop(session);
    world.finish().await;
}

/// A receipt from which something was left out, or in which something was changed, does not hold, and it is said why.
pub async fn what_does_not_hold_is_named<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let writer = agent("writer").uses(&["write /fs/out/**"]);
    world.run(app("a", [writer]).ruled("ask", "resources = ['/fs/out/asked']", Then::Escalate)).await;
    let early = world.kernel().checkpoint().await.expect("a checkpoint").1;
    world.act("writer", WRITE).await;
    world.act("writer", "write /fs/out/y {\"replace\":true} body").await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("writer")));
    session.act("send", &path, "\ndo act write /fs/out/asked {\"replace\":true} body").await.expect("sent");
    let ask = world.asked().await;
    let waits = verify_receipt(&receipt(&world, ask.action, false).await, Some(&world.key()));
    assert!(matches!(waits, Err(EvidenceError::AdmissionMissing(_))), "{waits:?}");
    world.kernel().answer(ask.action, true, "the suite").await.expect("answered");
    let is_over = |e: &Recorded| e.action == ask.action && matches!(e.content, Content::Outcome(_));
    while !world.log().await.iter().any(is_over) {
        world.pause().await;
    }
    let log = world.log().await;
    let key = world.key();
    let found = |receipt: &Receipt| {
        verify_receipt(&carried(receipt), Some(&key)).map_or_else(|error| error.code(), |_| "holds")
    };
    let changed = |receipt: &Receipt, change: &dyn Fn(&mut Receipt)| {
        let mut receipt = receipt.clone();
        change(&mut receipt);
        found(&receipt)
    };

    let (of_x, of_y) = (acts(&log, "/fs/out/x")[0], acts(&log, "/fs/out/y")[0]);
    let good = receipt(&world, of_x, true).await;
    let other = receipt(&world, of_y, true).await;
    assert_eq!(found(&good), "holds");
    assert_eq!(changed(&good, &|r| r.events.truncate(0)), "admission_missing");
    assert_eq!(changed(&good, &|r| drop(r.events.remove(0))), "admission_missing");
    assert_eq!(changed(&good, &|r| drop(r.events.pop())), "outcome_missing");
    assert_eq!(changed(&good, &|r| r.events[1] = other.events[1].clone()), "binding_failed");
    assert_eq!(changed(&good, &|r| r.action = of_y), "binding_failed");
    assert_eq!(changed(&good, &|r| r.body = other.body.clone()), "binding_failed");
    assert_eq!(changed(&good, &|r| r.body.as_mut().expect("a body").salt[0] ^= 1), "binding_failed");
    assert_eq!(changed(&good, &|r| r.events.swap(0, 1)), "chain_gap");
    assert_eq!(changed(&good, &|r| r.events[1].seq += 1), "chain_gap");
    assert_eq!(changed(&good, &|r| r.checkpoint.clone_from(&early)), "truncated");
    assert_eq!(changed(&good, &|r| r.events[0].event[60] ^= 1), "forked");
    assert_eq!(verify_receipt(&good, None).expect_err("nobody is trusted").code(), "key_untrusted");

    // An act that needed an answer was not let pass by itself.
    let asked = receipt(&world, ask.action, false).await;
    assert_eq!(found(&asked), "holds");
    assert_eq!(changed(&asked, &|r| drop(r.events.drain(..2))), "admission_missing");
    assert_eq!(changed(&asked, &|r| drop(r.events.remove(1))), "admission_missing");
    assert_eq!(changed(&asked, &|r| drop(r.events.remove(0))), "admission_missing");
    drop(session);
    world.finish().await;
}

/// A body that is too long to be kept is said to be so, and is not taken for an empty one.
pub async fn a_body_that_is_too_long_to_be_kept_is_in_no_receipt<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("a", [agent("writer").uses(&["write /fs/out/**"])])).await;
    for (name, bytes) in [("long", 16_385), ("kept", 64)] {
        world.act("writer", &format!("write /fs/out/{name} {{\"replace\":true}} {}", "x".repeat(bytes))).await;
    }
    let log = world.log().await;
    let long = acts(&log, "/fs/out/long")[0];
    let error = world.receipt(long, true).await.expect_err("it is not kept");
    assert!(matches!(error, ReceiptError::NoBody { .. }) && error.to_string().contains("too long"), "{error}");
    assert_eq!(kinds(&proven(&world, long).await), ["intent", "outcome"]);
    let kept = receipt(&world, acts(&log, "/fs/out/kept")[0], true).await;
    assert!(verify_receipt(&kept, Some(&world.key())).expect("it holds").body);
    world.finish().await;
}

/// What an act was done with is in its receipt only where that was asked for; what is not kept is said to be so.
pub async fn a_body_is_told_only_where_it_was_asked_for<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    world.run(app("a", [agent("writer").uses(&["write /fs/out/**"])])).await;
    world.act("writer", WRITE).await;
    world.act("writer", "read /fs/in/x").await;
    let log = world.log().await;
    let wrote = acts(&log, "/fs/out/x")[0];
    let without = receipt(&world, wrote, false).await;
    assert_eq!(without.body, None);
    let events = without.events.iter().map(|event| String::from_utf8_lossy(&event.event).into_owned());
    assert!(events.into_iter().all(|event| !event.contains("nobody else")));
    let with = receipt(&world, wrote, true).await;
    let body = with.body.as_ref().expect("a body");
    assert!(String::from_utf8_lossy(&body.body).contains("a body of nobody else"));
    assert!(verify_receipt(&with, Some(&world.key())).expect("it holds").body);
    let refused = acts(&log, "/fs/in/x")[0];
    let error = world.receipt(refused, true).await.expect_err("it was not done");
    assert!(matches!(error, ReceiptError::NoBody { .. }), "{error}");
    world.finish().await;
}

/// What is found wrong with what is stored, if anything.
async fn wrong<H: Host>(world: &World<H>) -> Option<String> {
    match verify(world.rows(), opening(&world.key()), |_, _| {}).await {
        Ok(_) => None,
        Err(BootError::Damaged(what)) => Some(what),
        Err(other) => panic!("{other}"),
    }
}

/// However long the log is, an act is found in it without reading all of it, also one that was answered long after it was
/// asked. What says where acts are told of is held against the log.
pub async fn an_act_is_found_in_a_long_log<H: Host>(host: H) {
    host.put("in", "x", b"x").await;
    let mut world = World::boot(host, Environment::dev()).await;
    let agents = [agent("writer").uses(&["write /fs/out/**"]), agent("reader").uses(&["read /fs/in/**"])];
    world.run(app("a", agents).ruled("ask", "resources = ['/fs/out/asked']", Then::Escalate)).await;
    world.act("writer", WRITE).await;
    let (session, path) = (world.session().await, format!("/proc/{}", world.pid("writer")));
    session.act("send", &path, "\ndo act write /fs/out/asked {\"replace\":true} body").await.expect("sent");
    let ask = world.asked().await;
    for _ in 0..6 {
        assert_eq!(world.tell("reader", "repeat 1000 read /fs/in/x").await, "1000 ok");
    }
    world.kernel().answer(ask.action, true, "the suite").await.expect("answered");
    world.pause().await;
    let log = world.log().await;

    let asked = proven(&world, ask.action).await;
    assert_eq!(kinds(&asked), ["escalated", "answered", "intent", "outcome"]);
    assert!(asked.events[1].seq - asked.events[0].seq > 5_000, "it waited long");
    let first = acts(&log, "/fs/out/x")[0];
    let reads = acts(&log, "/fs/in/x");
    assert_eq!(kinds(&proven(&world, first).await), ["intent", "outcome"]);

    // What was changed far before an act does not matter to its receipt; what is changed among what is read for it does.
    let row = world.row(&event_key(0)).await.expect("the first events");
    let mut changed = row.to_vec();
    // The last byte of the first event, which its length stands before.
    changed[1 + usize::from(u16::from_be_bytes([row[0], row[1]]))] ^= 1;
    world.put_row(&event_key(0), &changed).await;
    assert_eq!(kinds(&proven(&world, reads[5_500]).await), ["observed"]);
    let error = world.receipt(first, false).await.expect_err("events near it were changed");
    assert!(matches!(error, ReceiptError::Changed(_)), "{error}");
    world.put_row(&event_key(0), &row).await;

    assert_eq!(wrong(&world).await, None);
    let place = |row: &Bytes| u64::from_be_bytes(row[..].try_into().expect("a place"));
    for table in [TABLE_LATE, TABLE_MARK] {
        let (from, to) = table_range(table);
        let mut rows = world.rows().scan(&from, &to, 64).await.expect("rows").rows.into_iter();
        // A mark among the events of acts that came one after the other, and the row of an event of the act that waited.
        let amid = |row: &Bytes| table == TABLE_LATE || (1_000..4_000).contains(&place(row));
        let (key, row) = rows.find(|(_, row)| amid(row)).expect("there is one");
        let changed = (table == TABLE_MARK).then(|| Bytes::copy_from_slice(&(place(&row) + 200).to_be_bytes()));
        let put = async |row: Option<Bytes>| {
            world.rows().commit(Batch { changes: vec![(key.clone(), row)] }).await.expect("a commit");
        };
        put(changed).await;
        let found = wrong(&world).await.expect("it is held against the log");
        assert!(found.contains("where act"), "{found}");
        put(Some(row)).await;
        assert_eq!(wrong(&world).await, None);
    }
    drop(session);
    world.finish().await;
}
