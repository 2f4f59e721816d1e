//! Tests of mailboxes, topics and body framing.

use super::*;
use crate::id::{MessageId, Pid};
use crate::label::Labels;
use crate::path::{Resource, Topic};
use bytes::Bytes;
use proptest::collection;
use proptest::prelude::*;
use std::collections::{BTreeMap, VecDeque};

fn envelope(id: u64, kind: EnvelopeKind, correlation: Option<u64>, bytes: usize) -> Envelope {
    Envelope {
        id: MessageId(id),
        sender: Resource::Proc(Pid(1)),
        target: Resource::Proc(Pid(2)),
        kind,
        correlation,
        deadline: None,
        labels: Labels::NONE,
        content_type: "".into(),
        body: Bytes::from(vec![0; bytes]),
    }
}

#[test]
fn a_mailbox_is_full_at_its_count() {
    let mut mailbox = Mailbox::default();
    let from =
        |id: u64| Envelope { sender: Resource::Proc(Pid(id % 128)), ..envelope(id, EnvelopeKind::Message, None, 1) };
    for id in 0..MAILBOX_MESSAGES as u64 - 1 {
        assert!(mailbox.push(from(id)).is_ok(), "{id}");
    }
    // The last place is for whoever has nothing waiting.
    let full = MailboxFull { messages: MAILBOX_MESSAGES - 1, bytes: MAILBOX_MESSAGES - 1 };
    assert_eq!(mailbox.push(from(9_999)), Err(full));
    let other = |id| Envelope { sender: Resource::Proc(Pid(id)), ..envelope(id, EnvelopeKind::Message, None, 1) };
    assert!(mailbox.push(other(10_000)).is_ok());
    let full = MailboxFull { messages: MAILBOX_MESSAGES, bytes: MAILBOX_MESSAGES };
    assert_eq!(mailbox.push(other(10_001)), Err(full));
    assert_eq!(mailbox.pop().map(|e| e.id), Some(MessageId(0)));
    assert!(mailbox.push(other(10_001)).is_ok());
}

#[test]
fn a_mailbox_is_full_at_its_bytes_but_takes_any_first_message() {
    let mut mailbox = Mailbox::default();
    assert!(mailbox.push(envelope(1, EnvelopeKind::Message, None, MAILBOX_BYTES)).is_ok());
    assert!(mailbox.push(envelope(2, EnvelopeKind::Message, None, 1)).is_err());
    assert_eq!(mailbox.bytes(), MAILBOX_BYTES);
    assert!(mailbox.pop().is_some());
    assert_eq!((mailbox.bytes(), mailbox.is_empty()), (0, true));
}

#[test]
fn a_receive_selects_by_correlation_and_leaves_requests_to_handle() {
    let mut mailbox = Mailbox::default();
    for e in [
        envelope(1, EnvelopeKind::Request, Some(7), 0),
        envelope(2, EnvelopeKind::Message, Some(8), 0),
        envelope(3, EnvelopeKind::Message, Some(7), 0),
    ] {
        assert!(mailbox.push(e).is_ok());
    }
    assert_eq!(mailbox.take(Some(7)).map(|e| e.id), Some(MessageId(3)));
    assert_eq!(mailbox.take(Some(7)), None);
    assert_eq!(mailbox.take(None).map(|e| e.id), Some(MessageId(2)));
    assert_eq!(mailbox.len(), 1);
}

proptest! {
    /// Whatever comes and is taken: nothing is lost or told twice, each sender's messages keep their order, and whoever
    /// has none waiting is handed over before two more of anyone else, and finds room.
    #[test]
    fn a_mailbox_is_fair_and_keeps_the_order_of_each_sender(
        steps in collection::vec((0u64..4, 0usize..200_000, any::<bool>()), 0..400),
    ) {
        let mut mailbox = Mailbox::default();
        let mut waiting: BTreeMap<u64, VecDeque<u64>> = BTreeMap::new();
        let mut since: BTreeMap<u64, BTreeMap<u64, usize>> = BTreeMap::new();
        for (id, (sender, bytes, takes)) in (1..).zip(steps) {
            let many = mailbox.len() >= 64;
            let sent = Envelope { sender: Resource::Proc(Pid(sender)), ..envelope(id, EnvelopeKind::Message, None, bytes) };
            let queue = waiting.entry(sender).or_default();
            let alone = queue.is_empty();
            match mailbox.push(sent) {
                Ok(()) => {
                    if alone && many {
                        since.insert(sender, BTreeMap::new());
                    }
                    queue.push_back(id);
                }
                Err(_) => prop_assert!(!alone || mailbox.bytes() + bytes > MAILBOX_BYTES),
            }
            if takes && let Some(taken) = mailbox.pop() {
                let Resource::Proc(Pid(of)) = taken.sender else { unreachable!("all are of processes") };
                prop_assert_eq!(waiting.get_mut(&of).and_then(VecDeque::pop_front), Some(taken.id.0));
                since.remove(&of);
                for counts in since.values_mut() {
                    let count = counts.entry(of).or_default();
                    *count += 1;
                    prop_assert!(*count <= 2, "{of} was handed over {count} times meanwhile");
                }
            }
        }
        prop_assert_eq!(mailbox.len(), waiting.values().map(VecDeque::len).sum::<usize>());
        let mut rest: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for envelope in mailbox.drain() {
            let Resource::Proc(Pid(of)) = envelope.sender else { unreachable!("all are of processes") };
            rest.entry(of).or_default().push(envelope.id.0);
        }
        waiting.retain(|_, queue| !queue.is_empty());
        prop_assert_eq!(rest, waiting.into_iter().map(|(of, queue)| (of, queue.into())).collect());
        prop_assert_eq!((mailbox.len(), mailbox.bytes()), (0, 0));
    }
}

#[test]
fn a_topic_has_each_listener_once_and_forgets_whoever_is_gone() {
    let (mut topics, none) = (Topics::default(), Labels::NONE);
    let topic = Topic::parse("app.news").expect("a topic");
    assert!(topics.subscribe(Pid(3), &topic, &none));
    assert!(topics.subscribe(Pid(1), &topic, &none));
    assert!(topics.subscribe(Pid(3), &topic, &none));
    assert_eq!(topics.receivers(&topic), [(Pid(1), Labels::NONE), (Pid(3), Labels::NONE)]);
    topics.forget(Pid(1));
    let secret = Labels::parse(["secret"]).expect("labels");
    assert!(topics.subscribe(Pid(1), &topic, &secret) && topics.subscribe(Pid(3), &topic, &secret));
    assert_eq!(topics.receivers(&topic), [(Pid(1), secret), (Pid(3), Labels::NONE)]);
    assert!(topics.subscribe(Pid(1), &topic, &none));
    assert_eq!(topics.receivers(&topic), [(Pid(1), Labels::NONE), (Pid(3), Labels::NONE)]);
    topics.forget(Pid(1));
    assert_eq!(topics.receivers(&topic), [(Pid(3), Labels::NONE)]);
    let many = |n: usize| Topic::parse(&format!("app.t{n}")).expect("a topic");
    assert!((0..SUBSCRIPTIONS - 1).all(|n| topics.subscribe(Pid(3), &many(n), &none)));
    assert!(!topics.subscribe(Pid(3), &many(SUBSCRIPTIONS), &none));
}

#[test]
fn a_body_is_one_line_of_json_and_a_payload() {
    let split = |text: &'static str| body::split(&Bytes::from_static(text.as_bytes()));
    let framed = split("{\"a\":1}\nraw\nbytes").expect("framed");
    assert_eq!((&framed.header[..], &framed.payload[..]), (&b"{\"a\":1}"[..], &b"raw\nbytes"[..]));
    let framed = split("{}").expect("framed");
    assert_eq!((&framed.header[..], &framed.payload[..]), (&b"{}"[..], &b""[..]));
    let framed = split("\n{}").expect("framed");
    assert_eq!((&framed.header[..], &framed.payload[..]), (&b""[..], &b"{}"[..]));
}

#[test]
fn bodies_over_their_limits_are_refused() {
    let long = Bytes::from(vec![b' '; body::MAX_HEADER + 1]);
    assert_eq!(body::split(&long), Err(body::FrameError::HeaderTooLong));
    let mut large = vec![0; body::MAX_PAYLOAD + 2];
    large[0] = b'\n';
    assert_eq!(body::split(&Bytes::from(large)), Err(body::FrameError::PayloadTooLarge));
}

#[test]
fn joined_bodies_split_again() {
    let joined = body::join(&serde_json::json!({"text": "two\nlines"}), b"\npayload");
    let framed = body::split(&joined).expect("framed");
    assert_eq!(&framed.payload[..], b"\npayload");
    let header: serde_json::Value = serde_json::from_slice(&framed.header).expect("json");
    assert_eq!(header["text"], "two\nlines");
}
