//! What stands in a log was signed by its kernel, and a start holds it against that.

use crate::world::{Host, Recorded, World};
use bytes::Bytes;
use kernel_core::chain::{Checkpoint, Head, Header, VerifierKey, head_key};
use kernel_core::environment::Environment;
use kernel_core::id::ActionId;
use kernel_core::kernel::event::{Content, Text, kind};
use kernel_core::kernel::rows::{TABLE_COUNTERS, TABLE_OPEN, key, numbered};
use kernel_core::kernel::{BootError, open_log, opening, verify};
use kernel_core::platform::{Batch, Key, Storage};
use kernel_core::time::WallTime;

type Changes = Vec<(Key, Option<Bytes>)>;

/// No act.
const NONE: ActionId = ActionId(0);

/// The rows of a log that somebody has added events to who does not have its key.
async fn appended<S: Storage>(rows: &S, key: &VerifierKey, events: &[(ActionId, &Content)]) -> Changes {
    let mut log = open_log(rows, key).await.expect("a log that verifies").log;
    for (action, content) in events {
        let mut bytes = Vec::new();
        content.encode(&mut bytes);
        let header = Header { wall: WallTime(1), action: *action, kind: content.kind() };
        log.append(header, &bytes).expect("an event that fits");
    }
    log.seal()
}

/// An event that anybody could have written.
fn note() -> Content {
    Content::Suspended(Text { reason: "somebody wrote this".to_owned(), pid: 7 })
}

/// The boots of a log: the event of each, and how many before it had no signature.
fn boots(log: &[Recorded]) -> Vec<(u64, u64)> {
    let boot = |e: &Recorded| if let Content::Boot(boot) = &e.content { Some((e.seq, boot.unsigned)) } else { None };
    log.iter().filter_map(boot).collect()
}

async fn write<H: Host>(world: &World<H>) {
    let session = world.session().await;
    session.act("write", "/tree/x", "{\"replace\":true}\nx").await.expect("written");
    world.kernel().flushed().await.expect("stored");
}

/// How many events are signed, and how many are there.
async fn signed<H: Host>(world: &World<H>) -> (u64, u64) {
    let head = Head::decode(&world.row(&head_key()).await.expect("a head row")).expect("a head row");
    let note = head.checkpoint.expect("a checkpoint");
    (Checkpoint::open(&note, &[world.key()]).expect("signed").size, head.size)
}

/// In prod and staging each batch is stored with the signature over it, so that a crash leaves nothing that is not signed.
pub async fn every_batch_is_signed_where_acts_wait_for_it<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    for _ in 0..3 {
        write(&world).await;
        let (signed, size) = signed(&world).await;
        assert_eq!(signed, size);
    }
    world.crash().await;
    assert_eq!(world.kernel().found().unsigned, 0);
    let log = world.log().await;
    assert!(matches!(boots(&log)[..], [(0, 0), (_, 0)]), "{:?}", boots(&log));
    world.finish().await;
}

/// In dev a boot goes on from events that nobody had signed, and says how many there were.
pub async fn a_boot_tells_what_was_not_signed<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.kernel().checkpoint().await.expect("signed");
    write(&world).await;
    world.crash().await;
    let found = world.kernel().found().unsigned;
    let log = world.log().await;
    let [(0, 0), (seq, unsigned)] = boots(&log)[..] else { panic!("{:?}", boots(&log)) };
    assert!((1..seq).contains(&unsigned) && found == unsigned, "{found}, {:?}", boots(&log));
    world.finish().await;
}

/// Whoever has the disk and not the key adds nothing to the log of a kernel that signs every batch: no start goes on from
/// it, in whatever environment, and the reason says what stands behind which signature.
pub async fn what_is_added_without_the_key_is_refused<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::prod()).await;
    write(&world).await;
    for next in [Environment::prod(), Environment::dev()] {
        world.next_in(next);
        let refused =
            world.over(async |rows, key| appended(rows, key, &[(NONE, &note()), (NONE, &note())]).await).await;
        let refused = refused.expect_err("a start that is refused");
        assert!(refused.contains("behind the last signature") && refused.contains("every batch"), "{refused}");
    }
    // By now the last kernel is one in dev, and could have left them.
    world
        .over(async |rows, key| appended(rows, key, &[(NONE, &note()), (NONE, &note())]).await)
        .await
        .expect("a start that goes on");
    assert_eq!(world.kernel().found().unsigned, 2);
    assert_eq!(boots(&world.log().await).last().map(|(_, unsigned)| *unsigned), Some(2));
    world.next_in(Environment::staging());
    world.reboot().await;
    let refused = world.over(async |rows, key| appended(rows, key, &[(NONE, &note())]).await).await;
    assert!(refused.expect_err("a start that is refused").contains("every batch"));
    world.finish().await;
}

/// The first batch of a start is signed in every environment, so a start that nobody signed is nobody's.
pub async fn a_start_without_a_signature_is_refused<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    world.kernel().flushed().await.expect("stored");
    assert!(signed(&world).await.0 > 0);
    let boot = world.log().await.into_iter().find(|e| matches!(e.content, Content::Boot(_))).expect("a boot");
    let events = [(NONE, &note()), (NONE, &boot.content), (NONE, &note())];
    let refused = world.over(async |rows, key| appended(rows, key, &events).await).await;
    let refused = refused.expect_err("a start that is refused");
    assert!(refused.contains("behind the last signature") && refused.contains("begins a start"), "{refused}");
    world.finish().await;
}

/// What is found of acts where `changes` are made to what is stored, which is then as it was.
async fn found<S: Storage>(rows: &S, log_key: &VerifierKey, changes: Changes) -> Option<String> {
    let mut before = Vec::new();
    for (key, _) in &changes {
        before.push((key.clone(), rows.get(key).await.expect("rows")));
    }
    rows.commit(Batch { changes }).await.expect("rows that are written");
    let found = verify(rows, opening(log_key), |_, _| {}).await;
    rows.commit(Batch { changes: before }).await.expect("rows that are written");
    match found {
        Ok(_) => None,
        Err(BootError::Chain(error)) => Some(format!("{}: {error}", error.code())),
        Err(other) => panic!("{other}"),
    }
}

/// Who verifies a log finds an act that begins or ends twice, or ends and never began, and rows of the state that do not fit
/// it, with the event and the act.
pub async fn acts_that_do_not_fit_are_found<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    write(&world).await;
    let log = world.log().await;
    let of_write = |kind: u8| {
        let of = |e: &&Recorded| matches!(&e.content, Content::Intent(d) if d.facts.resource.to_string() == "/tree/x");
        let act = log.iter().find(of).expect("an intent").action;
        log.iter().find(|e| e.action == act && e.content.kind() == kind).expect("an event of it")
    };
    let (intent, outcome) = (of_write(kind::INTENT), of_write(kind::OUTCOME));
    let (act, other) = (intent.action, ActionId(intent.action.0 + 1_000_000));
    let numbers = key(TABLE_COUNTERS, b"");
    world
        .over(async |rows, log_key| {
            let cases = [
                (appended(rows, log_key, &[(act, &outcome.content)]).await, "act_mismatch", act),
                (appended(rows, log_key, &[(act, &intent.content)]).await, "act_mismatch", act),
                (appended(rows, log_key, &[(other, &outcome.content)]).await, "act_mismatch", other),
                (appended(rows, log_key, &[(other, &intent.content)]).await, "state_mismatch", other),
                (vec![(numbered(TABLE_OPEN, act.0), Some(Bytes::new()))], "state_mismatch", act),
            ];
            for (changes, code, act) in cases {
                let found = found(rows, log_key, changes).await.expect("what does not fit");
                assert!(found.starts_with(code) && found.contains(&act.to_string()), "{found}, not {code} of {act}");
            }
            let mut row = rows.get(&numbers).await.expect("rows").expect("a row").to_vec();
            row[..8].fill(0);
            let found = found(rows, log_key, vec![(numbers, Some(row.into()))]).await.expect("what does not fit");
            assert!(found.contains("the last process is 0"), "{found}");
            Vec::new()
        })
        .await
        .expect("a kernel that boots");
    world.finish().await;
}
