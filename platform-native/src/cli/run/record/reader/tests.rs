//! What a run's record makes of single events, and of too many.

use super::*;
use kernel_core::kernel::event::{Answered, AppEnded, Counted};
use kernel_core::time::WallTime;

fn reader() -> Reader<'static> {
    Reader::default()
}

fn entry(seq: u64, action: u64, content: Content) -> Entry {
    Entry { seq, wall: WallTime(0), action: ActionId(action), kind: content.kind(), content: Ok(content) }
}

fn refused(code: Code) -> Content {
    Content::Refused(Box::new(Refused {
        facts: None,
        verdict: None,
        code: code.as_str().to_owned(),
        reason: "no".to_owned(),
        pid: 3,
        asked: "connect /net/x:1".to_owned(),
    }))
}

#[test]
fn equal_refusals_are_one_with_a_count_and_strict_counts_each() {
    let (mut reader, app) = (reader(), Name::parse("a").unwrap());
    reader.take(&entry(1, 5, refused(Code::Denied)), &app);
    reader.take(&entry(2, 5, Content::Folded(Counted { more: 4, closed: false })), &app);
    reader.take(&entry(3, 6, refused(Code::NotFound)), &app);
    let record = reader.record(&[]);
    assert_eq!(record.refusals.len(), 2);
    assert_eq!(record.refusals[0].count, 5);
    assert_eq!(record.gate, 5, "not found is no refusal of the gate");
}

#[test]
fn what_a_device_refused_is_a_refusal_of_the_gate() {
    let (mut reader, app) = (reader(), Name::parse("a").unwrap());
    let outcome = |result: &str| {
        let (result, reason) = (result.to_owned(), "a private address".to_owned());
        Content::Outcome(Outcome { result, reason, bytes: 0, note: String::new(), tree: None })
    };
    reader.take(&entry(1, 5, outcome("denied")), &app);
    reader.take(&entry(2, 6, outcome("done")), &app);
    assert_eq!((reader.record.gate, reader.record.refusals.len()), (1, 1));
    assert_eq!(reader.unnamed.len(), 1);
}

#[test]
fn beyond_what_is_listed_refusals_are_counted() {
    let (mut reader, app) = (reader(), Name::parse("a").unwrap());
    for n in 0..LISTED as u64 + 3 {
        reader.take(&entry(n, n, refused(Code::Denied)), &app);
    }
    reader.take(&entry(0, LISTED as u64 + 2, Content::Folded(Counted { more: 2, closed: true })), &app);
    assert_eq!(reader.record.refusals.len(), LISTED);
    assert_eq!(reader.record.more_refusals, 5);
    assert_eq!(reader.record.gate, LISTED as u64 + 5);
}

#[test]
fn the_refusals_of_the_gate_come_first_and_are_cut_last() {
    let (mut reader, app) = (reader(), Name::parse("a").unwrap());
    for n in 0..LISTED as u64 + 3 {
        reader.take(&entry(n, n, refused(Code::NotFound)), &app);
    }
    let last = LISTED as u64 + 3;
    reader.take(&entry(last, LISTED as u64 - 1, Content::Folded(Counted { more: 4, closed: true })), &app);
    reader.take(&entry(last + 1, last, refused(Code::Denied)), &app);
    let record = reader.record(&[]);
    assert_eq!((record.refusals.len(), record.more_refusals, record.gate), (LISTED, 3 + 5, 1));
    assert_eq!((record.refusals[0].code.as_str(), record.refusals[1].code.as_str()), ("denied", "not_found"));
}

#[test]
fn what_failed_is_listed_and_what_nobody_knows_is_counted() {
    let (mut reader, app) = (reader(), Name::parse("a").unwrap());
    let outcome = |result: &str| {
        let (result, reason) = (result.to_owned(), "no space".to_owned());
        Content::Outcome(Outcome { result, reason, bytes: 0, note: String::new(), tree: None })
    };
    reader.take(&entry(1, 5, outcome("done")), &app);
    reader.take(&entry(2, 6, outcome("unknown")), &app);
    for n in 0..LISTED as u64 + 2 {
        reader.take(&entry(3 + n, 7 + n, outcome("full")), &app);
    }
    let record = reader.record(&[]);
    assert_eq!((record.failures.len(), record.more_failures, record.unknown), (LISTED, 2, 1));
    assert_eq!((record.failures[0].action, record.failures[0].code.as_str()), (ActionId(7), "full"));
}

#[test]
fn an_answer_is_told_with_what_it_was_about() {
    let (mut reader, app) = (reader(), Name::parse("a").unwrap());
    let answered = Answered { allow: false, by: "nobody".to_owned() };
    reader.take(&entry(1, 5, Content::Answered(answered)), &app);
    reader.take(&entry(2, 5, refused(Code::Denied)), &app);
    assert_eq!(reader.record.answers[0].asked, "connect /net/x:1");
    assert!(!reader.record.answers[0].cancelled);
    reader.take(&entry(1, 6, Content::Answered(Answered { allow: false, by: "nobody".to_owned() })), &app);
    reader.take(&entry(2, 6, refused(Code::Cancelled)), &app);
    assert!(reader.record.answers[1].cancelled);
    let ended = |app: &str| Content::AppEnded(AppEnded { app: app.to_owned(), ok: false, reason: "x".to_owned() });
    reader.take(&entry(3, 0, ended("b")), &app);
    assert_eq!(reader.record.ended, None);
    reader.take(&entry(4, 0, ended("a")), &app);
    assert_eq!(reader.record.ended, Some((false, "x".to_owned())));
}
