//! Escalations, put to whoever sits at the terminal: one at a time, each with all that was decided upon.
//!
//! An answer counts only for the question that it was typed below: what was typed before is thrown away,
//! and a question whose deadline has passed is withdrawn.

use crate::cli::consent::is_yes;
use crate::cli::terminal::Palette;
use crate::cli::text::{plain, plain_within};
use kernel_core::id::ActionId;
use kernel_core::kernel::effects::Ask;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::mpsc;

/// The questions that wait, the first of which is on the screen.
#[derive(Debug, Default)]
pub(super) struct Questions {
    open: VecDeque<Asked>,
}

/// A question, and until when it waits.
#[derive(Debug)]
struct Asked {
    ask: Ask,
    until: Instant,
}

/// What to do with a line that was typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Answer {
    /// The act that waited.
    pub(super) action: ActionId,
    /// Yes or no.
    pub(super) allow: bool,
}

impl Questions {
    /// Whether somebody is being asked.
    pub(super) fn is_asking(&self) -> bool {
        !self.open.is_empty()
    }

    /// Adds one; true if it is to be shown now.
    pub(super) fn add(&mut self, ask: Ask) -> bool {
        let until = Instant::now() + ask.wait;
        self.open.push_back(Asked { ask, until });
        self.open.len() == 1
    }

    /// The one on the screen, and how long it still waits.
    pub(super) fn shown(&self) -> Option<(&Ask, Duration)> {
        self.open.front().map(|Asked { ask, until }| (ask, until.saturating_duration_since(Instant::now())))
    }

    /// Takes the answer to the one on the screen.
    pub(super) fn answer(&mut self, line: &str) -> Option<Answer> {
        self.open.pop_front().map(|Asked { ask, .. }| Answer { action: ask.action, allow: is_yes(line) })
    }

    /// The act waits no more. True if its question was on the screen.
    pub(super) fn withdraw(&mut self, action: ActionId) -> bool {
        let shown = self.shown().is_some_and(|(ask, _)| ask.action == action);
        self.open.retain(|asked| asked.ask.action != action);
        shown
    }
}

/// The lines of one question that still waits for so long, the prompt last.
pub(super) fn lines(ask: &Ask, left: Duration, palette: Palette) -> Vec<String> {
    let mut lines = about(ask, palette);
    lines.push(format!("  Allow this once? No answer within {} s is a no. [y/N] ", seconds(left)));
    lines
}

/// Who wants what, and all that was decided upon.
pub(in crate::cli) fn about(ask: &Ask, palette: Palette) -> Vec<String> {
    let detail: Value = serde_json::from_str(&ask.detail).unwrap_or_default();
    let mut lines = vec![format!(
        "{} {} wants to {} {}",
        palette.warn("?"),
        palette.bold(&plain(&ask.name)),
        plain(&ask.verb),
        plain_within(&ask.resource, 500)
    )];
    let texts = detail["reasons"].as_array().into_iter().flatten().filter_map(|reason| reason["text"].as_str());
    lines.extend(texts.map(|text| format!("    {}", plain(text))));
    lines.push(format!("    score {} of {} in {}", detail["score"], detail["threshold"], word(&detail["environment"])));
    lines.push(format!("    effect {}", effect(&detail["effect"])));
    let labels: Vec<&str> = detail["labels"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if !labels.is_empty() {
        lines.push(format!("    carries {}", plain(&labels.join(", "))));
    }
    lines
}

/// Seconds, of which the last may be a part.
pub(in crate::cli) fn seconds(left: Duration) -> u128 {
    left.as_millis().div_ceil(1_000)
}

fn word(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

/// "risk 3000, privacy 9000": the dimensions that are not zero.
pub(super) fn effect(effect: &Value) -> String {
    let dimensions = ["risk", "fairness", "privacy", "novelty", "security"];
    let of = |name: &&str| effect[*name].as_u64().filter(|n| *n > 0).map(|n| format!("{name} {n}"));
    let parts: Vec<String> = dimensions.iter().filter_map(of).collect();
    if parts.is_empty() { "none".to_owned() } else { parts.join(", ") }
}

/// Reads lines from standard input on a thread of its own, which ends with the process: a read of a
/// terminal cannot be taken back. Each line comes with the moment at which it was read.
pub(super) fn typed() -> mpsc::Receiver<(Instant, String)> {
    let (lines, typed) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines() {
            let Ok(line) = line else { return };
            if lines.blocking_send((Instant::now(), line)).is_err() {
                return;
            }
        }
    });
    typed
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::id::Pid;

    fn ask(action: u64) -> Ask {
        let detail = r#"{"score":10500,"threshold":3000,"environment":"prod","labels":["secret"],
            "reasons":[{"code":"over_threshold","text":"the score is over\u001b[1m"}],
            "effect":{"risk":3000,"fairness":0,"privacy":9000,"novelty":0,"security":4000}}"#;
        Ask {
            action: ActionId(action),
            pid: Pid(3),
            name: "courier".to_owned(),
            app: None,
            verb: "connect".to_owned(),
            resource: "/net/x:1".to_owned(),
            detail: detail.to_owned(),
            wait: Duration::from_secs(10),
        }
    }

    #[test]
    fn a_question_says_who_wants_what_and_why_it_is_asked() {
        let text = lines(&ask(1), Duration::from_millis(9_900), Palette::default()).join("\n");
        for part in [
            "courier wants to connect /net/x:1",
            "the score is over\\u{1b}[1m",
            "score 10500 of 3000 in prod",
            "carries secret",
            "No answer within 10 s is a no",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(text.contains("effect risk 3000, privacy 9000, security 4000"), "{text}");
        assert!(!text.contains('\u{1b}'));
    }

    #[test]
    fn an_explanation_that_cannot_be_read_is_no_panic() {
        assert!(lines(&Ask { detail: "{".to_owned(), ..ask(1) }, Duration::ZERO, Palette::default()).len() > 2);
    }

    #[test]
    fn a_question_waits_no_longer_for_being_shown_late() {
        let mut questions = Questions::default();
        questions.add(ask(1));
        questions.add(Ask { wait: Duration::ZERO, ..ask(2) });
        assert!(questions.shown().is_some_and(|(_, left)| left > Duration::ZERO && left <= ask(1).wait));
        questions.answer("n");
        assert_eq!(questions.shown().map(|(ask, left)| (ask.action, left)), Some((ActionId(2), Duration::ZERO)));
    }

    #[test]
    fn each_answer_is_for_the_question_on_the_screen() {
        let mut questions = Questions::default();
        assert!(questions.add(ask(1)));
        assert!(!questions.add(ask(2)));
        assert!(!questions.add(ask(3)));
        assert!(!questions.withdraw(ActionId(2)), "it was not on the screen");
        assert_eq!(questions.answer("y"), Some(Answer { action: ActionId(1), allow: true }));
        assert!(questions.withdraw(ActionId(3)), "it was on the screen");
        assert_eq!(questions.answer("y"), None);
    }
}
