//! What the log says of one run: read back after the last flush, so that a report tells what is evidence
//! and nothing else.

use super::advice::Advice;
use crate::cli::events::{self, Entry};
use kernel_core::chain::Header;
use kernel_core::governance::{Decision, Facts, Verdict, explain};
use kernel_core::id::ActionId;
use kernel_core::kernel::event::{Content, Decided, Outcome, Refused, kind};
use kernel_core::kernel::{ProcessRow, Summary};
use kernel_core::path::Name;
use kernel_core::platform::{Storage, StorageError};
use kernel_core::refusal::Code;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// How many refusals, and how many kinds of warning, are listed; the others are counted.
const LISTED: usize = 1_000;

/// What happened in one run.
#[derive(Debug, Default)]
pub(super) struct Record {
    /// How the application ended: whether nothing went wrong, and why; `None` if it never ran.
    pub(super) ended: Option<(bool, String)>,
    /// What was repaired in the log at the start; empty where nothing was.
    pub(super) repair: String,
    /// The first refusals, those of the gate before others.
    pub(super) refusals: Vec<Refusal>,
    /// How many refusals there were beside them.
    pub(super) more_refusals: u64,
    /// How often the gate itself refused: what `--strict` asks about.
    pub(super) gate: u64,
    /// The first acts that were permitted and could not be done.
    pub(super) failures: Vec<Failed>,
    /// How many more of them there were.
    pub(super) more_failures: u64,
    /// How many acts were under way when an earlier kernel was ended by force: nobody knows what came of them.
    pub(super) unknown: u64,
    /// What passed with a warning.
    pub(super) warnings: Vec<Warning>,
    /// How many warnings of other kinds there were.
    pub(super) more_warnings: u64,
    /// What somebody was asked.
    pub(super) answers: Vec<Answer>,
    /// What processes were suspended for.
    pub(super) suspended: Vec<Suspended>,
}

/// One refusal, and those equal to it.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Refusal {
    /// The event.
    pub(super) seq: u64,
    /// The act.
    pub(super) action: ActionId,
    /// Who.
    pub(super) pid: u64,
    /// By name; empty where nobody knows it any more.
    pub(super) agent: String,
    /// The verb and the resource, or what was written instead of them.
    pub(super) asked: String,
    /// The refusal's code.
    pub(super) code: String,
    /// Its sentence.
    pub(super) reason: String,
    /// How often: this one and those equal to it.
    pub(super) count: u64,
    /// Everything that was decided upon, as `explain` documents it; null where it did not come to that.
    pub(super) detail: Value,
}

/// One act that was permitted and could not be done: a full disk, a file that nobody may read, a host that does not
/// answer.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failed {
    /// The event that tells its outcome.
    pub(super) seq: u64,
    /// The act.
    pub(super) action: ActionId,
    /// Who.
    pub(super) pid: u64,
    /// By name.
    pub(super) agent: String,
    /// The verb and the resource.
    pub(super) asked: String,
    /// The refusal's code.
    pub(super) code: String,
    /// Its sentence.
    pub(super) reason: String,
}

/// What passed with a warning, by agent, verb and resource.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Warning {
    /// The first event.
    pub(super) seq: u64,
    /// Who.
    pub(super) pid: u64,
    /// By name.
    pub(super) agent: String,
    /// The verb and the resource.
    pub(super) asked: String,
    /// The first one's sentence.
    pub(super) reason: String,
    /// How often.
    pub(super) count: u64,
    /// Everything that the first was decided upon.
    pub(super) detail: Value,
}

/// What somebody was asked, and what was answered.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Answer {
    /// The event.
    pub(super) seq: u64,
    /// The act.
    pub(super) action: ActionId,
    /// Who wanted it.
    pub(super) agent: String,
    /// The verb and the resource.
    pub(super) asked: String,
    /// Whether it was allowed.
    pub(super) allow: bool,
    /// By whom; "nobody" when nobody did.
    pub(super) by: String,
    /// Whether the act ended while it waited, so that nobody could answer any more.
    pub(super) cancelled: bool,
}

/// A process that the kernel suspended.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Suspended {
    /// Which.
    pub(super) pid: u64,
    /// Why.
    pub(super) reason: String,
}

/// The kinds of event that say that an act was permitted: by far the most, and of interest only where some were
/// permitted with a warning or by an answer.
const PERMITTED: [u8; 3] = [kind::INTENT, kind::OBSERVED, kind::ROUTE_OPENED];

/// Reads what the log says of the run of what is planned that begins with event `from`. `summary` tells which
/// processes there were, and what the gate counted: what it never said is not looked for.
pub(super) async fn read<S: Storage>(
    storage: &S,
    from: u64,
    advice: Advice<'_>,
    summary: &Summary,
) -> Result<Record, StorageError> {
    let mut reader = Reader { advice: Some(advice), ..Reader::default() };
    let all = summary.verdicts.warned > 0 || summary.verdicts.escalated > 0;
    let wanted = |header: &Header| all || !PERMITTED.contains(&header.kind);
    events::each(storage, from, wanted, |entry| {
        if let Ok(entry) = entry {
            reader.take(&entry, &advice.plan.app);
        }
        ControlFlow::Continue(())
    })
    .await?;
    reader.name(storage, from).await?;
    Ok(reader.record(&summary.processes))
}

#[derive(Default)]
struct Reader<'a> {
    /// Of its refusals, those of the gate alone.
    record: Record,
    /// The other refusals: of what was not there, full or malformed.
    others: Vec<Refusal>,
    advice: Option<Advice<'a>>,
    /// Acts of which only the outcome was read.
    unnamed: BTreeMap<ActionId, Unnamed>,
    /// Where each kind of warning is listed.
    warned: BTreeMap<(String, String), usize>,
    /// Where each refusal is listed, by its act.
    refused: BTreeMap<ActionId, Place>,
}

/// Where a refusal is listed: nowhere, where there were too many.
#[derive(Clone, Copy)]
struct Place {
    listed: Option<usize>,
    by_gate: bool,
}

/// Where an outcome is listed that names only its act.
#[derive(Clone, Copy)]
enum Unnamed {
    /// Among the failures.
    Failure(usize),
    /// Among the refusals of the gate.
    Refusal(usize),
}

impl Reader<'_> {
    fn take(&mut self, entry: &Entry, app: &Name) {
        let Ok(content) = &entry.content else { return };
        match content {
            Content::Boot(boot) => self.record.repair.clone_from(&boot.repair),
            Content::AppEnded(ended) if ended.app == app.as_str() => {
                self.record.ended = Some((ended.ok, ended.reason.clone()));
            }
            Content::Refused(refused) => self.refused(entry, refused),
            Content::Folded(folded) => {
                if let Some(place) = self.refused.get(&entry.action).copied() {
                    self.record.gate += if place.by_gate { folded.more } else { 0 };
                    let list = if place.by_gate { &mut self.record.refusals } else { &mut self.others };
                    match place.listed.and_then(|index| list.get_mut(index)) {
                        Some(first) => first.count += folded.more,
                        None => self.record.more_refusals += folded.more,
                    }
                }
            }
            Content::Intent(decided) | Content::Observed(decided) | Content::RouteOpened(decided) => {
                self.named(entry.action, decided.facts.name.as_str(), || asked(decided));
                if decided.verdict.decision == Decision::Warn {
                    self.warned(entry, decided);
                }
            }
            Content::Answered(answered) => self.record.answers.push(Answer {
                seq: entry.seq,
                action: entry.action,
                agent: String::new(),
                asked: String::new(),
                allow: answered.allow,
                by: answered.by.clone(),
                cancelled: false,
            }),
            Content::Outcome(outcome) if is_gate(&outcome.result) => self.refused_late(entry, outcome),
            Content::Outcome(outcome) if outcome.result == Outcome::UNKNOWN => self.record.unknown += 1,
            Content::Outcome(outcome) if outcome.result != Outcome::DONE => self.failed(entry, outcome),
            Content::Suspended(text) => {
                self.record.suspended.push(Suspended { pid: text.pid, reason: text.reason.clone() });
            }
            _ => {}
        }
    }

    /// An answer names only its act; the event that follows says what it was.
    fn named(&mut self, action: ActionId, agent: &str, asked: impl FnOnce() -> String) {
        if let Some(answer) = self.record.answers.last_mut().filter(|a| a.action == action && a.agent.is_empty()) {
            answer.agent = agent.to_owned();
            answer.asked = asked();
        }
    }

    fn refused(&mut self, entry: &Entry, refused: &Refused) {
        let facts = refused.facts.as_ref();
        let agent = facts.map(|facts| facts.name.to_string()).unwrap_or_default();
        self.named(entry.action, &agent, || refused.asked.clone());
        if let Some(answer) = self.record.answers.last_mut().filter(|answer| answer.action == entry.action) {
            answer.cancelled = !answer.allow && refused.code != Code::Denied.as_str();
        }
        let by_gate = is_gate(&refused.code);
        self.record.gate += u64::from(by_gate);
        let list = if by_gate { &mut self.record.refusals } else { &mut self.others };
        let listed = (list.len() < LISTED).then_some(list.len());
        self.refused.insert(entry.action, Place { listed, by_gate });
        if listed.is_none() {
            self.record.more_refusals += 1;
            return;
        }
        list.push(Refusal {
            seq: entry.seq,
            action: entry.action,
            pid: refused.pid,
            agent,
            asked: refused.asked.clone(),
            code: refused.code.clone(),
            reason: refused.reason.clone(),
            count: 1,
            detail: facts
                .zip(refused.verdict.as_ref())
                .map_or(Value::Null, |(facts, verdict)| explained(facts, verdict, self.advice)),
        });
    }

    fn failed(&mut self, entry: &Entry, outcome: &Outcome) {
        if self.record.failures.len() >= LISTED {
            self.record.more_failures += 1;
            return;
        }
        self.unnamed.insert(entry.action, Unnamed::Failure(self.record.failures.len()));
        self.record.failures.push(Failed {
            seq: entry.seq,
            action: entry.action,
            pid: 0,
            agent: String::new(),
            asked: String::new(),
            code: outcome.result.clone(),
            reason: outcome.reason.clone(),
        });
    }

    fn refused_late(&mut self, entry: &Entry, outcome: &Outcome) {
        self.record.gate += 1;
        if self.record.refusals.len() >= LISTED {
            self.record.more_refusals += 1;
            return;
        }
        self.unnamed.insert(entry.action, Unnamed::Refusal(self.record.refusals.len()));
        self.record.refusals.push(Refusal {
            seq: entry.seq,
            action: entry.action,
            pid: 0,
            agent: String::new(),
            asked: String::new(),
            code: outcome.result.clone(),
            reason: outcome.reason.clone(),
            count: 1,
            detail: Value::Null,
        });
    }

    /// An outcome names only its act: what that was and whose stands in the event that permitted it.
    async fn name<S: Storage>(&mut self, storage: &S, from: u64) -> Result<(), StorageError> {
        if self.unnamed.is_empty() {
            return Ok(());
        }
        let mut unnamed = std::mem::take(&mut self.unnamed);
        let acts: BTreeSet<ActionId> = unnamed.keys().copied().collect();
        let wanted = |header: &Header| PERMITTED.contains(&header.kind) && acts.contains(&header.action);
        events::each(storage, from, wanted, |entry| {
            if let Ok(Entry { action, content: Ok(Content::Intent(decided) | Content::Observed(decided)), .. }) = entry
                && let Some(place) = unnamed.remove(&action)
            {
                self.name_one(place, &decided);
            }
            if unnamed.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })
        .await
    }

    fn name_one(&mut self, place: Unnamed, decided: &Decided) {
        let (facts, asked) = (&decided.facts, asked(decided));
        match place {
            Unnamed::Failure(index) => {
                if let Some(failed) = self.record.failures.get_mut(index) {
                    (failed.pid, failed.agent, failed.asked) = (facts.pid.0, facts.name.to_string(), asked);
                }
            }
            Unnamed::Refusal(index) => {
                if let Some(refusal) = self.record.refusals.get_mut(index) {
                    (refusal.pid, refusal.agent, refusal.asked) = (facts.pid.0, facts.name.to_string(), asked);
                    refusal.detail = explained(facts, &decided.verdict, self.advice);
                }
            }
        }
    }

    /// What was read: the gate's refusals first, and who asked also where the log has only a number.
    fn record(self, processes: &[ProcessRow]) -> Record {
        let Reader { mut record, mut others, .. } = self;
        let room = LISTED - record.refusals.len();
        record.more_refusals += others.drain(room.min(others.len())..).map(|refusal| refusal.count).sum::<u64>();
        record.refusals.append(&mut others);
        for refusal in record.refusals.iter_mut().filter(|refusal| refusal.agent.is_empty()) {
            if let Ok(index) = processes.binary_search_by_key(&refusal.pid, |row| row.pid.0) {
                refusal.agent = processes[index].name.to_string();
            }
        }
        record
    }

    fn warned(&mut self, entry: &Entry, decided: &Decided) {
        let (agent, asked) = (decided.facts.name.to_string(), asked(decided));
        let key = (agent.clone(), asked.clone());
        if let Some(known) = self.warned.get(&key).and_then(|index| self.record.warnings.get_mut(*index)) {
            known.count += 1;
        } else if self.record.warnings.len() < LISTED {
            self.warned.insert(key, self.record.warnings.len());
            self.record.warnings.push(Warning {
                seq: entry.seq,
                pid: decided.facts.pid.0,
                agent,
                asked,
                reason: decided.verdict.sentence(),
                count: 1,
                detail: explain(&decided.facts, &decided.verdict),
            });
        } else {
            self.record.more_warnings += 1;
        }
    }
}

/// All that was decided upon, and which flag gives what was missing: null where none does.
fn explained(facts: &Facts, verdict: &Verdict, advice: Option<Advice<'_>>) -> Value {
    let mut detail = explain(facts, verdict);
    if let Some(missing) = detail["missing_grant"].as_object_mut() {
        let flag = advice.and_then(|advice| advice.flag(facts.name.as_str(), facts.verb, &facts.resource));
        missing.insert("flag".to_owned(), json!(flag));
    }
    detail
}

fn asked(decided: &Decided) -> String {
    format!("{} {}", decided.facts.verb, decided.facts.resource)
}

/// Whether a code says that the gate did not let an act pass, and not that it could not be done.
fn is_gate(code: &str) -> bool {
    [Code::Denied, Code::Pending, Code::Exhausted].iter().any(|gate| gate.as_str() == code)
}

#[cfg(test)]
mod tests {
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
            Content::Outcome(Outcome { result, reason, bytes: 0, note: String::new() })
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
            Content::Outcome(Outcome { result, reason, bytes: 0, note: String::new() })
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
}
