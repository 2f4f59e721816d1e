//! Goes through the events of a run once, and once more for the names of what outcomes tell only the number of.

use super::{Answer, Failed, Record, Refusal, Suspended, Warning, is_gate};
use crate::cli::events::{self, Entry};
use crate::cli::run::advice::Advice;
use kernel_core::chain::Header;
use kernel_core::governance::{Decision, Facts, Verdict, explain};
use kernel_core::id::ActionId;
use kernel_core::kernel::event::{Content, Decided, Outcome, Refused, kind};
use kernel_core::kernel::{ProcessRow, Summary};
use kernel_core::path::Name;
use kernel_core::platform::{Storage, StorageError};
use kernel_core::refusal::Code;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// How many refusals, and how many kinds of warning, are listed; the others are counted.
const LISTED: usize = 1_000;

/// The kinds of event that say that an act was permitted: by far the most, and of interest only where some were
/// permitted with a warning or by an answer.
const PERMITTED: [u8; 3] = [kind::INTENT, kind::OBSERVED, kind::ROUTE_OPENED];

/// Reads what the log says of the run of what is planned that begins with event `from`. `summary` tells which
/// processes there were, and what the gate counted: what it never said is not looked for.
pub(in crate::cli::run) async fn read<S: Storage>(
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
            Content::Boot(boot) => {
                self.record.repair.clone_from(&boot.repair);
                self.record.unsigned = boot.unsigned;
            }
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

#[cfg(test)]
mod tests;
