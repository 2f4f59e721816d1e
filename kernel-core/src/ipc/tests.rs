//! Tests of mailboxes, topics and body framing.

use super::*;
use crate::id::{ActionId, MessageId, Pid};
use crate::label::Labels;
use crate::path::{Pattern, Resource, Topic};
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

/// Puts a message there if there is room.
fn put(mailbox: &mut Mailbox, envelope: Envelope) -> Result<(), MailboxFull> {
    mailbox.room_for(&envelope)?;
    mailbox.push(envelope, 0);
    Ok(())
}

#[test]
fn a_mailbox_is_full_at_its_count() {
    let mut mailbox = Mailbox::default();
    let from =
        |id: u64| Envelope { sender: Resource::Proc(Pid(id % 128)), ..envelope(id, EnvelopeKind::Message, None, 1) };
    for id in 0..MAILBOX_MESSAGES as u64 - 1 {
        assert!(put(&mut mailbox, from(id)).is_ok(), "{id}");
    }
    // The last place is for whoever has nothing waiting.
    let full = MailboxFull { messages: MAILBOX_MESSAGES - 1, bytes: MAILBOX_MESSAGES - 1 };
    assert_eq!(put(&mut mailbox, from(9_999)), Err(full));
    let other = |id| Envelope { sender: Resource::Proc(Pid(id)), ..envelope(id, EnvelopeKind::Message, None, 1) };
    assert!(put(&mut mailbox, other(10_000)).is_ok());
    let full = MailboxFull { messages: MAILBOX_MESSAGES, bytes: MAILBOX_MESSAGES };
    assert_eq!(put(&mut mailbox, other(10_001)), Err(full));
    assert_eq!(mailbox.pop().map(|e| e.id), Some(MessageId(0)));
    assert!(put(&mut mailbox, other(10_001)).is_ok());
}

#[test]
fn a_mailbox_is_full_at_its_bytes_but_takes_any_first_message() {
    let mut mailbox = Mailbox::default();
    assert!(put(&mut mailbox, envelope(1, EnvelopeKind::Message, None, MAILBOX_BYTES)).is_ok());
    assert!(put(&mut mailbox, envelope(2, EnvelopeKind::Message, None, 1)).is_err());
    assert_eq!(mailbox.bytes(), MAILBOX_BYTES);
    assert!(mailbox.pop().is_some());
    assert_eq!((mailbox.bytes(), mailbox.is_empty()), (0, true));
}

#[test]
fn a_subscription_is_told_what_it_missed_before_what_came_later() {
    let mut mailbox = Mailbox::default();
    for (id, subscription) in [(1, 7), (2, 8), (5, 7)] {
        mailbox.push(envelope(id, EnvelopeKind::Topic, None, 1), subscription);
    }
    assert_eq!((mailbox.waiting_of(7), mailbox.waiting_of(8), mailbox.waiting_of(9)), (2, 1, 0));
    mailbox.lag(7, MessageId(3), envelope(4, EnvelopeKind::Lagged, None, 1));
    mailbox.lag(8, MessageId(6), envelope(7, EnvelopeKind::Lagged, None, 1));
    assert!(mailbox.lagged(7).is_some() && mailbox.lagged(9).is_none());
    assert_eq!((mailbox.len(), mailbox.bytes()), (5, 3));
    assert_eq!(mailbox.take(Some(3)).map(|e| e.id), None);
    let order: Vec<u64> = std::iter::from_fn(|| mailbox.pop()).map(|e| e.id.0).collect();
    assert_eq!(order, [1, 2, 4, 5, 7]);
    assert_eq!((mailbox.is_empty(), mailbox.bytes(), mailbox.waiting_of(7)), (true, 0, 0));
}

#[test]
fn a_receive_selects_by_correlation_and_leaves_requests_to_handle() {
    let mut mailbox = Mailbox::default();
    for e in [
        envelope(1, EnvelopeKind::Request, Some(7), 0),
        envelope(2, EnvelopeKind::Message, Some(8), 0),
        envelope(3, EnvelopeKind::Message, Some(7), 0),
    ] {
        mailbox.push(e, 0);
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
            match put(&mut mailbox, sent) {
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

fn topic(text: &str) -> Topic {
    Topic::parse(text).expect("a topic")
}

fn pattern(text: &str) -> Pattern {
    Pattern::parse(&format!("/topic/{text}")).expect("a pattern")
}

/// Who is told of a message on `on`, and carrying what.
fn told(topics: &Topics, on: &str) -> Vec<(Pid, Labels)> {
    let all = topics.slice(&topic(on), MessageId(9), Pid(0), 1_000);
    all.into_iter().map(|(pid, subscription)| (pid, subscription.labels)).collect()
}

#[test]
fn a_topic_has_each_listener_once_and_forgets_whoever_is_gone() {
    let (mut topics, none) = (Topics::default(), Labels::NONE);
    let news = pattern("app.news");
    let subscribe = |topics: &mut Topics, pid: u64, pattern: &Pattern, labels: &Labels| {
        topics.subscribe(Pid(pid), pattern, labels, QUEUE, MessageId(5)).is_some()
    };
    assert!(subscribe(&mut topics, 3, &news, &none) && subscribe(&mut topics, 1, &news, &none));
    assert!(subscribe(&mut topics, 3, &news, &none));
    assert_eq!(told(&topics, "app.news"), [(Pid(1), Labels::NONE), (Pid(3), Labels::NONE)]);
    topics.forget(Pid(1));
    let secret = Labels::parse(["secret"]).expect("labels");
    assert!(subscribe(&mut topics, 1, &news, &secret) && subscribe(&mut topics, 3, &news, &secret));
    assert_eq!(told(&topics, "app.news"), [(Pid(1), secret.clone()), (Pid(3), Labels::NONE)]);
    assert_eq!(topics.count(&topic("app.news"), &none), Count { all: 2, told: 1 });
    // By another one it would be told with less.
    assert!(subscribe(&mut topics, 1, &pattern("app.**"), &none));
    assert_eq!(told(&topics, "app.news"), [(Pid(1), Labels::NONE), (Pid(3), Labels::NONE)]);
    assert_eq!(topics.count(&topic("app.news"), &none), Count { all: 2, told: 2 });
    assert!(topics.unsubscribe(Pid(1), &pattern("app.**")) && !topics.unsubscribe(Pid(1), &pattern("app.**")));
    assert_eq!(told(&topics, "app.news"), [(Pid(1), secret), (Pid(3), Labels::NONE)]);
    topics.forget(Pid(1));
    assert_eq!(told(&topics, "app.news"), [(Pid(3), Labels::NONE)]);
    assert_eq!(topics.slice(&topic("app.news"), MessageId(5), Pid(0), 9).len(), 0, "it came before");
    assert_eq!(topics.slice(&topic("app.news"), MessageId(9), Pid(3), 9).len(), 0, "there is nobody behind it");
    let many = |n: usize| pattern(&format!("app.t{n}"));
    assert!((0..SUBSCRIPTIONS - 1).all(|n| subscribe(&mut topics, 3, &many(n), &none)));
    assert!(!subscribe(&mut topics, 3, &many(SUBSCRIPTIONS), &none));
    topics.forget(Pid(3));
    assert!(topics.is_empty(), "nothing is left");
}

#[test]
fn a_message_meets_just_the_patterns_that_it_is_in() {
    let words = ["a", "b", "ab", "*", "a*", "ab*"];
    let mut patterns: Vec<String> = vec!["**".to_owned()];
    for one in words {
        patterns.extend([one.to_owned(), format!("{one}.**")]);
        for two in words {
            patterns.extend([format!("{one}.{two}"), format!("{one}.{two}.**")]);
        }
    }
    let mut topics = Topics::default();
    for (n, text) in patterns.iter().enumerate() {
        assert!(topics.subscribe(Pid(n as u64 + 1), &pattern(text), &Labels::NONE, QUEUE, MessageId(0)).is_some());
    }
    let mut met = 0;
    for on in ["a", "b", "ab", "abc", "c", "a.a", "ab.b", "b.abc", "c.c", "a.b.c", "ab.ab.ab.ab"] {
        let resource = Resource::Topic(topic(on));
        let fit = |n: &usize| pattern(&patterns[*n]).matches(&resource);
        let expected: Vec<Pid> = (0..patterns.len()).filter(fit).map(|n| Pid(n as u64 + 1)).collect();
        let found: Vec<Pid> = told(&topics, on).into_iter().map(|(pid, _)| pid).collect();
        assert_eq!(found, expected, "{on}");
        assert_eq!(topics.count(&topic(on), &Labels::NONE).told, expected.len());
        // A slice after the other is the same.
        let (mut sliced, mut after) = (Vec::new(), Pid(0));
        loop {
            let slice = topics.slice(&topic(on), MessageId(1), after, 3);
            sliced.extend(slice.iter().map(|(pid, _)| *pid));
            match slice.last() {
                Some((last, _)) => after = *last,
                None => break,
            }
        }
        assert_eq!(sliced, expected, "{on}");
        met += expected.len();
    }
    assert!(met > 100, "{met} show little");
}

#[test]
fn what_is_retained_is_bounded_and_what_is_lost_is_known() {
    let mut retained = Retained::new(MessageId(0));
    let message = |id: u64, bytes: usize| envelope(id, EnvelopeKind::Topic, None, bytes);
    let since = |retained: &Retained, pattern: &Pattern, from: u64| {
        let since = retained.since(pattern, MessageId(from));
        let ids: Vec<u64> = since.messages.iter().map(|e| e.id.0).collect();
        (since.lost.map(|(id, _)| id.0), ids)
    };
    retained.keep(&topic("a.x"), message(1, 1));
    retained.keep(&topic("a.y"), message(2, 1));
    retained.keep(&topic("a.x"), message(3, 1));
    assert_eq!(since(&retained, &pattern("a.*"), 0), (None, vec![1, 2, 3]));
    assert_eq!(since(&retained, &pattern("a.x"), 2), (None, vec![3]));
    for n in 0..RETAINED_OF_TOPIC as u64 {
        retained.keep(&topic("a.x"), message(10 + n, 1));
    }
    let (lost, kept) = since(&retained, &pattern("a.x"), 0);
    assert_eq!((lost, kept.len(), kept[0]), (Some(3), RETAINED_OF_TOPIC, 10));
    assert_eq!(since(&retained, &pattern("a.x"), 4).0, None, "it had that");
    assert_eq!(since(&retained, &pattern("a.y"), 0), (None, vec![2]));
    // The newest stays, whatever it takes.
    retained.keep(&topic("a.x"), message(500, RETAINED_OF_TOPIC_BYTES));
    assert_eq!(since(&retained, &pattern("a.x"), 0), (Some(137), vec![500]));
    for n in 0..RETAINED as u64 {
        retained.keep(&topic(&format!("b.t{n}")), message(1_000 + n, 1));
    }
    // Of the first topics nothing is left, so that of none it is known what it had before.
    assert_eq!(since(&retained, &pattern("a.**"), 0), (Some(500), vec![]));
    assert_eq!(since(&retained, &pattern("c"), 501), (None, vec![]));
    assert_eq!(since(&Retained::new(MessageId(9)), &pattern("c"), 9).0, Some(9), "an earlier kernel may have had some");
}

#[test]
fn messages_that_are_handed_out_keep_their_order_and_topics_take_turns() {
    let mut fanouts = Fanouts::default();
    let fanout =
        |id| Fanout { envelope: envelope(id, EnvelopeKind::Topic, None, 10), action: ActionId(0), after: Pid(0) };
    for (on, id) in [("a", 1), ("a", 2), ("b", 3)] {
        fanouts.push(&topic(on), fanout(id));
    }
    let mut turns = Vec::new();
    while let Some((on, fanout)) = fanouts.turn() {
        turns.push((fanout.envelope.id.0, fanout.after.0));
        let after = (fanout.after == Pid(0)).then_some(Pid(7));
        fanouts.turned(on, after);
    }
    assert_eq!(turns, [(1, 0), (3, 0), (1, 7), (3, 7), (2, 0), (2, 7)]);
    assert!(fanouts.is_empty());
    // What waits behind others of its topic, and what may not be done with the first slice, is bounded.
    let full = |fanouts: &Fanouts, weight| {
        [("a", 1), ("b", SLICE)].map(|(on, listeners)| !fanouts.admits(&topic(on), listeners, weight))
    };
    fanouts.push(&topic("a"), fanout(1));
    let left = UNDER_WAY_BYTES - 10 - ENVELOPE_BYTES;
    assert_eq!((full(&fanouts, left), full(&fanouts, left + 1)), ([false; 2], [true; 2]));
    (1..UNDER_WAY as u64).for_each(|id| fanouts.push(&topic("a"), fanout(id)));
    assert_eq!(full(&fanouts, 0), [true; 2]);
    assert!(fanouts.admits(&topic("b"), SLICE - 1, 0));
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
