//! One event as a line for a person: who, and what.

use crate::cli::events::Entry;
use crate::cli::run::NOBODY;
use crate::cli::text::{count, counted, duration, limit_near, plain_within};
use kernel_core::governance::{Decision, Facts};
use kernel_core::id::Pid;
use kernel_core::kernel::event::{Content, Decided, Restarting};
use kernel_core::path::Resource;
use std::collections::BTreeMap;
use std::time::Duration;

/// The most characters of one foreign text in a line.
pub(super) const SHOWN: usize = 300;

/// How many acts are remembered for events that only name the act.
const REMEMBERED: usize = 65_536;

/// What an act was, for the events that follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Act {
    /// Who.
    pub(super) pid: u64,
    /// By name; empty where it is not known.
    pub(super) name: String,
    /// The verb; empty where it did not parse.
    pub(super) verb: String,
    /// On what, where that is known and parsed.
    pub(super) resource: Option<Resource>,
    /// Verb and resource.
    what: String,
}

/// The acts that later events may still name.
#[derive(Debug, Default)]
pub(super) struct Acts {
    known: BTreeMap<u64, Act>,
}

impl Acts {
    /// The act of `entry`: its own, or the one that it follows.
    pub(super) fn of(&mut self, entry: &Entry) -> Option<Act> {
        let action = entry.action.0;
        let act = match entry.content.as_ref().ok()? {
            Content::Intent(decided)
            | Content::Observed(decided)
            | Content::RouteOpened(decided)
            | Content::Escalated(decided) => Act::of_facts(&decided.facts),
            Content::Refused(refused) => match &refused.facts {
                Some(facts) => Act::of_facts(facts),
                None => {
                    let (verb, resource) = refused.asked.split_once(' ').unwrap_or((&refused.asked, ""));
                    let resource = Resource::parse(resource, Pid(refused.pid)).ok();
                    let (verb, what) = (verb.to_owned(), refused.asked.clone());
                    Act { pid: refused.pid, name: String::new(), verb, resource, what }
                }
            },
            Content::Outcome(_) => return self.known.remove(&action),
            Content::RouteCounted(counted) | Content::Folded(counted) if counted.closed => {
                return self.known.remove(&action);
            }
            Content::RouteCounted(_) | Content::Folded(_) | Content::Answered(_) => {
                return self.known.get(&action).cloned();
            }
            Content::Exited(exited) => return Some(Act::of_process(exited.pid, &exited.name)),
            Content::Attached(attached) => return Some(Act::of_process(attached.pid, &attached.name)),
            Content::Suspended(text) => return Some(Act::of_process(text.pid, "")),
            Content::Rights(rights) => return Some(Act::of_process(rights.pid, "")),
            _ => return None,
        };
        // An observation has nothing that follows it.
        if !matches!(entry.content, Ok(Content::Observed(_))) {
            self.known.insert(action, act.clone());
            if self.known.len() > REMEMBERED {
                self.known.pop_first();
            }
        }
        Some(act)
    }
}

impl Act {
    fn of_facts(facts: &Facts) -> Act {
        Act {
            pid: facts.pid.0,
            name: facts.name.to_string(),
            verb: facts.verb.as_str().to_owned(),
            resource: Some(facts.resource.clone()),
            what: format!("{} {}", facts.verb, facts.resource),
        }
    }

    fn of_process(pid: u64, name: &str) -> Act {
        Act { pid, name: name.to_owned(), verb: String::new(), resource: None, what: String::new() }
    }
}

/// Who: "walker (7)".
pub(super) fn who(act: Option<&Act>) -> String {
    match act {
        Some(act) if act.name.is_empty() => format!("({})", act.pid),
        Some(act) => format!("{} ({})", plain_within(&act.name, SHOWN), act.pid),
        None => "-".to_owned(),
    }
}

/// What happened, in one line.
pub(super) fn what(entry: &Entry, act: Option<&Act>) -> String {
    let of_act = || act.map_or_else(|| format!("act {}", entry.action), |act| act.what.clone());
    let text = match &entry.content {
        Err(reason) => format!("cannot be read: {reason}"),
        Ok(content) => match content {
            Content::Boot(boot) => {
                let repair = if boot.repair.is_empty() { String::new() } else { format!("; {}", boot.repair) };
                let unsigned = match boot.unsigned {
                    0 => String::new(),
                    n => format!("; {} before it had no signature", counted(n, "event")),
                };
                let verified = boot
                    .verified_from
                    .map_or_else(String::new, |from| format!("; verified from event {} on", count(from)));
                format!("weft {} on {}, {}{repair}{unsigned}{verified}", boot.version, boot.host, boot.environment)
            }
            Content::Phase(phase) => format!("{} {}", phase.name, duration(Duration::from_micros(phase.micros))),
            Content::Intent(decided)
            | Content::Observed(decided)
            | Content::RouteOpened(decided)
            | Content::Escalated(decided) => verdict(decided),
            Content::Unfit(unfit) => format!("an event of kind {} is not here: {}", unfit.kind, unfit.reason),
            Content::Outcome(outcome) => {
                let note = if outcome.note.is_empty() { String::new() } else { format!(" ({})", outcome.note) };
                let reason = if outcome.reason.is_empty() { String::new() } else { format!(": {}", outcome.reason) };
                format!("{}: {}{note}{reason}", of_act(), outcome.result)
            }
            Content::Refused(refused) => format!("{}: {}: {}", refused.asked, refused.code, refused.reason),
            Content::Folded(folded) => format!("{}: refused {} more", of_act(), times(folded.more)),
            Content::RouteCounted(route) if route.more == 0 => format!("{}: closed", of_act()),
            Content::RouteCounted(route) => {
                format!("{}: {} more{}", of_act(), times(route.more), if route.closed { ", closed" } else { "" })
            }
            Content::Exited(exited) => {
                let detail = if exited.detail.is_empty() { String::new() } else { format!(": {}", exited.detail) };
                let lost = if exited.lost > 0 { format!(", {} lost", count(exited.lost)) } else { String::new() };
                let (messages, acts) = (counted(exited.messages, "message"), counted(exited.acts, "act"));
                format!("{}{detail}; {messages}, {acts}, {} refused{lost}", exited.reason, count(exited.refused))
            }
            Content::Answered(answered) if !answered.allow && answered.by == NOBODY => {
                format!("{}: nobody answered", of_act())
            }
            Content::Answered(answered) => {
                format!("{}: {}allowed by {}", of_act(), if answered.allow { "" } else { "not " }, answered.by)
            }
            Content::Consent(consent) => format!(
                "{} {}: given {}; mounts {}",
                consent.app,
                consent.version,
                listed(&consent.given),
                listed(&consent.mounts)
            ),
            Content::Shutdown(text) | Content::Suspended(text) => text.reason.clone(),
            Content::Attached(attached) => format!(
                "{} {}; may {}; may give {}",
                attached.role,
                attached.name,
                listed(&attached.use_),
                listed(&attached.grant)
            ),
            Content::AppEnded(ended) => format!("{}: {}", ended.app, ended.reason),
            Content::Failing(failing) => format!("{} stops: {}", failing.app, failing.reason),
            Content::Root(rooted) => format!("the root of the tree is {}", rooted.tree),
            Content::Restarting(restarting) => {
                let others = match restarting.others.len() {
                    0 => String::new(),
                    _ => format!(", and with it {}", listed(&restarting.others)),
                };
                let Restarting { app, agent, reason, wait, .. } = restarting;
                let wait = Duration::from_nanos(*wait).as_millis();
                format!("{app}: {agent} {reason}, and is started again after {wait} ms{others}")
            }
            Content::LimitNear(near) => {
                format!("{} ({}) has used {}", near.name, near.pid, limit_near(&near.meter, near.used, near.limit))
            }
            Content::LimitRaised(raised) => {
                let (more, limit) = (count(raised.by), count(raised.limit));
                format!("{} ({}) has {more} {} more: {limit}", raised.name, raised.pid, raised.meter)
            }
            Content::Rights(rights) => format!(
                "{}; may {}; may give {}",
                if rights.lost { "lost" } else { "given" },
                listed(&rights.use_),
                listed(&rights.grant)
            ),
            Content::DeadLetter(letter) => {
                format!("{} to {}: {}; {} bytes", letter.sender, letter.target, letter.reason, count(letter.bytes))
            }
            other => other.name().to_owned(),
        },
    };
    plain_within(&text, SHOWN)
}

fn verdict(decided: &Decided) -> String {
    let (facts, verdict) = (&decided.facts, &decided.verdict);
    let decision = if verdict.decision == Decision::Permit { "" } else { verdict.decision.as_str() };
    let labels: Vec<&str> = facts.labels.iter().collect();
    let labels = if labels.is_empty() { String::new() } else { format!(" [{}]", labels.join(" ")) };
    let score = format!("{}/{}", verdict.score, verdict.threshold);
    format!("{} {}{labels}  {score} {decision}", facts.verb, facts.resource).trim_end().to_owned()
}

fn times(n: u64) -> String {
    if n == 1 { "once".to_owned() } else { format!("{} times", count(n)) }
}

fn listed(all: &[String]) -> String {
    if all.is_empty() { "nothing".to_owned() } else { all.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::id::ActionId;
    use kernel_core::kernel::event::{Answered, Counted, Outcome, Refused, Text};
    use kernel_core::time::WallTime;

    fn entry(content: Content) -> Entry {
        Entry { seq: 1, wall: WallTime(0), action: ActionId(9), kind: content.kind(), content: Ok(content) }
    }

    fn refused(asked: &str) -> Entry {
        entry(Content::Refused(Box::new(Refused {
            facts: None,
            verdict: None,
            code: "invalid".to_owned(),
            reason: "no such verb".to_owned(),
            pid: 4,
            asked: asked.to_owned(),
        })))
    }

    #[test]
    fn events_that_name_an_act_are_told_with_it() {
        let mut acts = Acts::default();
        let first = refused("fly /fs/repo");
        let act = acts.of(&first);
        assert_eq!(who(act.as_ref()), "(4)");
        assert_eq!(what(&first, act.as_ref()), "fly /fs/repo: invalid: no such verb");
        let folded = entry(Content::Folded(Counted { more: 3, closed: true }));
        let act = acts.of(&folded);
        assert_eq!(what(&folded, act.as_ref()), "fly /fs/repo: refused 3 times more");
        assert_eq!(acts.of(&folded), None, "it was closed");
    }

    #[test]
    fn an_outcome_without_its_intent_names_the_number() {
        let outcome = Outcome {
            result: "done".to_owned(),
            reason: String::new(),
            bytes: 1_500,
            note: "x".to_owned(),
            tree: None,
        };
        let outcome = entry(Content::Outcome(outcome));
        assert_eq!(what(&outcome, Acts::default().of(&outcome).as_ref()), "act 9: done (x)");
    }

    #[test]
    fn nothing_is_said_of_what_was_nothing() {
        let closed = entry(Content::RouteCounted(Counted { more: 0, closed: true }));
        assert_eq!(what(&closed, None), "act 9: closed");
        let answered = |by: &str| entry(Content::Answered(Answered { allow: false, by: by.to_owned() }));
        assert_eq!(what(&answered("nobody"), None), "act 9: nobody answered");
        assert_eq!(what(&answered("operator"), None), "act 9: not allowed by operator");
    }

    #[test]
    fn no_name_writes_control_codes() {
        let act = Act::of_process(7, "\u{1b}[2Jwalker\n");
        assert_eq!(who(Some(&act)), "\\u{1b}[2Jwalker\\u{a} (7)");
    }

    #[test]
    fn no_event_writes_control_codes() {
        let hostile = entry(Content::Shutdown(Text { reason: "\u{1b}[2Jgone\n".to_owned(), pid: 0 }));
        assert_eq!(what(&hostile, None), "\\u{1b}[2Jgone\\u{a}");
    }
}
