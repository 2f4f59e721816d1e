//! What the events of a kernel tell of one run.

use crate::cli::client::Event;
use crate::cli::run::record::{Answer, Record, Refusal, Warning, is_gate};
use kernel_core::id::{ActionId, Pid};
use kernel_core::kernel::effects::{Ask, Notice};
use kernel_core::kernel::{ProcessRow, Tally};
use kernel_core::platform::LogLevel;
use kernel_core::process::ExitReason;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::Duration;

/// How many refusals, and how many kinds of warning, are listed; the others are counted.
const LISTED: usize = 1_000;

/// What was told so far.
#[derive(Debug)]
pub(super) struct Told {
    /// Processes of this run have greater numbers than this one; what is told of others was an earlier run's.
    pub(super) before: Pid,
    record: Record,
    /// What is known of acts that were asked about: who, and what.
    asked: BTreeMap<ActionId, (String, String)>,
    tally: Tally,
    /// The first process of the run.
    pub(super) first: Option<u64>,
    /// How the application ended: whether nothing went wrong, and why.
    pub(super) ended: Option<(bool, String)>,
    /// Who stopped it, if nothing went wrong until then.
    pub(super) stopped_by: Option<String>,
    /// How many events came too fast.
    pub(super) missed: u64,
}

impl Told {
    /// Nothing, of a run whose processes come after `before`.
    pub(super) fn of(before: Pid) -> Told {
        let (record, asked, tally) = (Record::default(), BTreeMap::new(), Tally::default());
        Told { before, record, asked, tally, first: None, ended: None, stopped_by: None, missed: 0 }
    }

    /// Events were missed.
    pub(super) fn missed(&mut self, lagged: &Value) {
        let number = |name: &str| lagged[name].as_u64().unwrap_or(0);
        self.missed += number("to").saturating_sub(number("from")) + 1;
    }

    /// An act waits for an answer; whether that is new.
    pub(super) fn asked(&mut self, ask: &Ask) -> bool {
        if ask.pid <= self.before || self.asked.contains_key(&ask.action) {
            return false;
        }
        self.tally.escalated += 1;
        self.seen(ask.pid);
        self.asked.insert(ask.action, (ask.name.clone(), format!("{} {}", ask.verb, ask.resource)));
        true
    }

    /// Whether a notice of the application is of this run. One that names no process is, once one was that does: the
    /// events of an earlier run came before.
    fn is_of_this_run(&mut self, notice: &Notice) -> bool {
        let pid = match notice {
            Notice::Running { pid, .. }
            | Notice::Exited { pid, .. }
            | Notice::Suspended { pid, .. }
            | Notice::Resumed { pid, .. }
            | Notice::LimitNear { pid, .. }
            | Notice::Answered { pid, .. }
            | Notice::Verdict { pid, .. }
            | Notice::Log { pid, .. } => *pid,
            _ => return self.first.is_some(),
        };
        let ours = pid > self.before;
        if ours {
            self.seen(pid);
        }
        ours
    }

    fn seen(&mut self, pid: Pid) {
        self.first = Some(self.first.map_or(pid.0, |first| first.min(pid.0)));
    }

    /// Takes one notice of the application; whether it is of this run.
    pub(super) fn take(&mut self, notice: &Notice) -> bool {
        if !self.is_of_this_run(notice) {
            return false;
        }
        match notice {
            Notice::Answered { action, name, allow, by, .. } => {
                let (agent, asked) = self.asked.remove(action).unwrap_or_else(|| (name.clone(), String::new()));
                let (allow, by, action) = (*allow, by.clone(), *action);
                self.record.answers.push(Answer { seq: 0, action, agent, asked, allow, by, cancelled: false });
            }
            Notice::Verdict { action, pid, name, what, verb, resource, reason, .. } => {
                let asked = format!("{verb} {resource}");
                if what == "warned" {
                    self.tally.warned += 1;
                    self.warned(*pid, name, asked, reason);
                } else {
                    self.refused(*action, *pid, name, asked, what, reason);
                }
            }
            Notice::Ended { ok, reason, stopped_by, .. } => {
                self.ended = Some((*ok, reason.clone()));
                self.stopped_by = stopped_by.clone().filter(|_| *ok);
            }
            _ => {}
        }
        true
    }

    /// It is over, and how was not told.
    pub(super) fn ended_unseen(&mut self) {
        let reason = "it is over, and how it ended was told too fast to be read; the log of the kernel has it";
        self.ended = Some((false, reason.to_owned()));
    }

    fn refused(&mut self, action: ActionId, pid: Pid, agent: &str, asked: String, code: &str, reason: &str) {
        self.tally.refused += 1;
        self.tally.denied += u64::from(code == "denied");
        self.tally.exhausted += u64::from(code == "exhausted");
        self.record.gate += u64::from(is_gate(code));
        let known = |one: &&mut Refusal| {
            (one.pid, &*one.asked, &*one.code, &*one.reason) == (pid.0, asked.as_str(), code, reason)
        };
        if let Some(known) = self.record.refusals.iter_mut().find(known) {
            known.count += 1;
        } else if self.record.refusals.len() < LISTED {
            let (agent, code, reason) = (agent.to_owned(), code.to_owned(), reason.to_owned());
            let refusal =
                Refusal { seq: 0, action, pid: pid.0, agent, asked, code, reason, count: 1, detail: Value::Null };
            self.record.refusals.push(refusal);
        } else {
            self.record.more_refusals += 1;
        }
    }

    fn warned(&mut self, pid: Pid, agent: &str, asked: String, reason: &str) {
        let known = |one: &&mut Warning| one.agent == agent && one.asked == asked;
        if let Some(known) = self.record.warnings.iter_mut().find(known) {
            known.count += 1;
        } else if self.record.warnings.len() < LISTED {
            let (agent, reason) = (agent.to_owned(), reason.to_owned());
            self.record.warnings.push(Warning {
                seq: 0,
                pid: pid.0,
                agent,
                asked,
                reason,
                count: 1,
                detail: Value::Null,
            });
        } else {
            self.record.more_warnings += 1;
        }
    }

    /// All of it, the refusals of the gate first.
    pub(super) fn record(self) -> Record {
        let Told { mut record, ended, .. } = self;
        record.refusals.sort_by_key(|refusal| !is_gate(&refusal.code));
        Record { ended, ..record }
    }

    /// The verdicts: those that events tell of, and as permitted what these processes did beside what was refused, warned
    /// of or allowed by an answer.
    pub(super) fn tally(&self, processes: &[ProcessRow]) -> Tally {
        let passed: u64 = processes.iter().map(|row| row.used.acts.saturating_sub(row.used.refused)).sum();
        let allowed = self.record.answers.iter().filter(|answer| answer.allow).count() as u64;
        Tally { permitted: passed.saturating_sub(self.tally.warned).saturating_sub(allowed), ..self.tally }
    }
}

/// What an event tells, and of which application; `None` for what is told otherwise or not shown.
pub(super) fn notice_of(event: &Event) -> Option<(String, Notice)> {
    let data = &event.data;
    let text = |name: &str| data[name].as_str().unwrap_or_default().to_owned();
    let number = |name: &str| data[name].as_u64().unwrap_or(0);
    let (pid, name, action) = (Pid(number("pid")), text("name"), ActionId(number("action")));
    let app = data["app"].as_str().and_then(|app| kernel_core::path::Name::parse(app).ok());
    let whose = text("app");
    let notice = match event.kind.as_str() {
        "running" => Notice::Running { pid, name, app },
        "exited" => {
            let (reason, lost) = (reason_of(&text("reason"), text("detail")), number("lost"));
            Notice::Exited { pid, name, app, reason, lost }
        }
        "suspended" => Notice::Suspended { pid, name, app, reason: data["reason"].as_str().map(str::to_owned) },
        "resumed" => Notice::Resumed { pid, name, app },
        "restarting" => Notice::Restarting { app: whose.clone(), name, wait: Duration::from_millis(number("wait_ms")) },
        "limit_near" => {
            let (meter, used, limit) = (text("meter"), number("used"), number("limit"));
            Notice::LimitNear { pid, name, app: whose.clone(), meter, used, limit }
        }
        "answered" => Notice::Answered { action, pid, name, app, allow: data["allow"] == true, by: text("by") },
        "verdict" => {
            let (what, verb, resource, reason) = (text("what"), text("verb"), text("resource"), text("reason"));
            Notice::Verdict { action, pid, name, app, what, verb, resource, reason }
        }
        "log" => Notice::Log { pid, name, app, level: level_of(&text("level")), text: text("text") },
        "ended" => {
            let (ok, stopped_by) = (data["ok"] == true, data["stopped_by"].as_str().map(str::to_owned));
            return Some((name.clone(), Notice::Ended { app: name, ok, reason: text("reason"), stopped_by }));
        }
        _ => return None,
    };
    Some((whose, notice))
}

fn level_of(word: &str) -> LogLevel {
    match word {
        "error" => LogLevel::Error,
        "warn" => LogLevel::Warn,
        "info" => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

fn reason_of(word: &str, detail: String) -> ExitReason {
    match word {
        "normal" => ExitReason::Normal,
        "shutdown" => ExitReason::Shutdown,
        "killed" => ExitReason::Killed(detail),
        "trap" => ExitReason::Trap(detail),
        "limit" => ExitReason::Limit(detail),
        "not started" => ExitReason::NotStarted(detail),
        "linked" => ExitReason::Linked(detail),
        _ => ExitReason::Error(detail),
    }
}
