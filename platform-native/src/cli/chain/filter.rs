//! Which events `weft chain show` shows.

use super::line::Act;
use crate::cli::events::Entry;
use crate::cli::text::{closest_verb, parse_time};
use kernel_core::app::parse_duration;
use kernel_core::path::{Pattern, Verb};
use kernel_core::time::WallTime;
use std::time::{SystemTime, UNIX_EPOCH};

/// What an event has to be.
#[derive(Debug, clap::Args)]
pub(super) struct Filter {
    /// Only what this process did or what happened to it
    #[arg(long, value_name = "N", value_parser = parse_pid)]
    pid: Option<u64>,
    /// Only acts of this verb, such as `write` or `connect`
    #[arg(long, value_name = "VERB", value_parser = parse_verb)]
    verb: Option<Verb>,
    /// Only acts on what lies in this pattern, such as `/fs/repo/**`
    #[arg(long, value_name = "PATTERN", value_parser = parse_pattern)]
    resource: Option<Pattern>,
    /// Only from this event on, by its number, or since then: 2026-03-01, 2026-03-01T12:00:00Z, or 10m ago
    #[arg(long, value_name = "EVENT|TIME", value_parser = parse_since)]
    since: Option<Since>,
}

/// Where to begin.
#[derive(Clone, Debug)]
pub(super) enum Since {
    /// At this event.
    Event(u64),
    /// At this time, and how it was given.
    Time(WallTime, String),
}

fn parse_pid(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| "a process is given by its number, as in the column PID of a run's report".to_owned())
}

fn parse_verb(text: &str) -> Result<Verb, String> {
    Verb::parse(text).map_err(|e| match closest_verb(text) {
        Some(close) => format!("{e}; did you mean `{close}`?"),
        None => e.to_string(),
    })
}

fn parse_pattern(text: &str) -> Result<Pattern, String> {
    Pattern::parse(text).map_err(|e| e.to_string())
}

fn parse_since(text: &str) -> Result<Since, String> {
    if let Ok(seq) = text.parse() {
        return Ok(Since::Event(seq));
    }
    let ago = || {
        let ago = parse_duration(text).ok()?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        let since = now.saturating_sub(ago).as_nanos();
        Some(WallTime(u64::try_from(since).unwrap_or(u64::MAX)))
    };
    let time = parse_time(text).or_else(ago);
    let wrong = || "it is the number of an event, a time as 2026-03-01T12:00:00Z, or how long ago as 10m".to_owned();
    time.map(|time| Since::Time(time, text.to_owned())).ok_or_else(wrong)
}

impl Filter {
    /// Whether `entry`, which is of `act`, is to be shown.
    pub(super) fn wants(&self, entry: &Entry, act: Option<&Act>) -> bool {
        let begun = match &self.since {
            None => true,
            Some(Since::Event(seq)) => entry.seq >= *seq,
            Some(Since::Time(time, _)) => entry.wall >= *time,
        };
        begun
            && self.pid.is_none_or(|pid| act.is_some_and(|act| act.pid == pid))
            && self.verb.as_ref().is_none_or(|verb| act.is_some_and(|act| act.verb == verb.as_str()))
            && self.resource.as_ref().is_none_or(|pattern| {
                act.and_then(|act| act.resource.as_ref()).is_some_and(|resource| pattern.matches(resource))
            })
    }

    /// The event to begin with, where it is said.
    pub(super) fn first(&self) -> Option<u64> {
        match &self.since {
            None => None,
            Some(Since::Event(seq)) => Some(*seq),
            Some(Since::Time(..)) => Some(0),
        }
    }

    /// What is looked for, in words.
    pub(super) fn words(&self) -> Option<String> {
        let parts = [
            self.verb.as_ref().map(|verb| format!("an act `{verb}`")),
            self.pid.map(|pid| format!("of process {pid}")),
            self.resource.as_ref().map(|pattern| format!("about {pattern}")),
            self.since.as_ref().map(|since| match since {
                Since::Event(seq) => format!("from event {seq} on"),
                Since::Time(_, text) => format!("since {text}"),
            }),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_is_a_number_or_a_time() {
        assert!(matches!(parse_since("17"), Ok(Since::Event(17))));
        for time in ["2026-03-01", "2026-03-01T12:00:00Z", "10m", "2h"] {
            assert!(matches!(parse_since(time), Ok(Since::Time(..))), "{time}");
        }
        for wrong in ["", "yesterday", "2026-13-01", "-1", "2026-03-01T12"] {
            assert!(parse_since(wrong).is_err(), "{wrong}");
        }
    }
}
