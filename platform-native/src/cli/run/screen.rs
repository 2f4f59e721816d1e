//! What a person sees while an application runs: the boot with its timings, one line of progress that
//! is drawn over, what was refused as it happens, and questions.
//!
//! All of it goes to standard error, and nothing but warnings where that is no terminal. Nothing here
//! waits for the terminal (see `draw`), but the end, and that not for long.

use super::draw::{Pen, forget_typed};
use super::drive::{Ending, NOBODY};
use super::question::{self, Answer, Questions};
use crate::cli::terminal::{Terminal, indent};
use crate::cli::text::{count, counted, duration, fitted, limit_near, plain_within};
use kernel_core::id::ActionId;
use kernel_core::kernel::Summary;
use kernel_core::kernel::effects::{Ask, Notice};
use kernel_core::platform::LogLevel;
use kernel_core::process::Lifecycle;
use std::time::{Duration, Instant};

/// How many refusals and warnings are shown as they happen; all are in the summary.
const SHOWN: usize = 20;

/// How many lines are kept while somebody is being asked.
const HELD: usize = 200;

/// The most characters of a foreign text in one line.
const WIDTH: usize = 300;

/// How long what is typed counts for nothing after a question was withdrawn: it was meant for that one.
const DEAF: Duration = Duration::from_secs(1);

/// The most characters of the line of progress: a wrapped line could not be drawn over.
const STATUS: usize = 78;

/// How long the end waits for what is not drawn yet.
const LAST: Duration = Duration::from_millis(500);

/// The screen of one run.
pub(super) struct Screen {
    terminal: Terminal,
    pen: Pen,
    started: Instant,
    questions: Questions,
    /// Lines that wait until nobody is being asked, and how many more there were.
    held: Vec<String>,
    held_more: u64,
    drawn: bool,
    verdicts: usize,
    deaf_until: Option<Instant>,
    steps: Vec<(String, Duration)>,
}

impl Screen {
    /// On standard error.
    pub(super) fn new(terminal: Terminal) -> Screen {
        let forget = move || {
            if terminal.asks {
                forget_typed()
            }
        };
        Screen::on(terminal, Pen::on(Box::new(std::io::stderr()), forget))
    }

    fn on(terminal: Terminal, pen: Pen) -> Screen {
        let started = Instant::now();
        Screen {
            terminal,
            pen,
            started,
            questions: Questions::default(),
            held: Vec::new(),
            held_more: 0,
            drawn: false,
            verdicts: 0,
            deaf_until: None,
            steps: Vec::new(),
        }
    }

    /// Whether somebody can be asked.
    pub(super) fn asks(&self) -> bool {
        self.terminal.asks
    }

    /// Whether somebody is being asked.
    pub(super) fn is_asking(&self) -> bool {
        self.questions.is_asking()
    }

    /// Whether progress is drawn.
    pub(super) fn draws(&self) -> bool {
        self.terminal.draws
    }

    /// Since when it runs.
    pub(super) fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Every step of the boot so far.
    pub(super) fn into_steps(mut self) -> Vec<(String, Duration)> {
        std::mem::take(&mut self.steps)
    }

    /// One step of the boot: kept, and shown on a terminal.
    pub(super) fn step(&mut self, name: &str, took: Duration, more: &str) {
        self.steps.push((name.to_owned(), took));
        if self.terminal.draws {
            let palette = self.terminal.err;
            let line = format!("  {name:<9}{:>9}  {more}", duration(took));
            self.line(&palette.dim(line.trim_end()));
        }
    }

    /// A heading, on a terminal.
    pub(super) fn heading(&mut self, text: &str) {
        if self.terminal.draws {
            let text = self.terminal.err.bold(text);
            self.line(&text);
        }
    }

    /// A warning, also where there is no terminal.
    pub(super) fn warning(&mut self, text: &str) {
        let line = format!("{} {}", self.terminal.err.warn("warning:"), plain_within(text, WIDTH));
        self.line(&line);
    }

    /// One line above the line of progress.
    fn line(&mut self, line: &str) {
        if self.questions.is_asking() {
            if self.held.len() < HELD {
                self.held.push(line.to_owned());
            } else {
                self.held_more += 1;
            }
            return;
        }
        self.clear();
        let lines = fitted(line, self.terminal.err_columns, indent(line) + 2).join("\n");
        self.pen.text(format!("{lines}\n"));
    }

    /// Takes the line of progress away.
    pub(super) fn clear(&mut self) {
        if std::mem::take(&mut self.drawn) {
            self.pen.passing("\r\u{1b}[K".to_owned());
        }
    }

    /// Draws the line of progress anew.
    pub(super) fn progress(&mut self, summary: &Summary) {
        if !self.terminal.draws || self.questions.is_asking() {
            return;
        }
        // The last column stays empty: some terminals begin a new line behind it.
        let most = self.terminal.err_columns.map_or(STATUS, |columns| STATUS.min(columns - 1));
        let line = progress(summary, self.elapsed(), most);
        self.pen.passing(format!("\r\u{1b}[K{}", self.terminal.err.dim(&line)));
        self.drawn = true;
    }

    /// Shows what the kernel tells.
    pub(super) fn notice(&mut self, notice: &Notice) {
        let over = match notice {
            Notice::Answered { action, by, .. } if by == NOBODY => {
                Some((action, "no answer in time: refused".to_owned()))
            }
            Notice::Answered { action, allow, by, .. } => {
                let said = if *allow { "allowed it" } else { "did not allow it" };
                Some((action, format!("{} {said}", plain_within(by, WIDTH))))
            }
            // Where so much was told that its answer was not.
            Notice::Verdict { action, .. } => Some((action, "it waits no more: refused".to_owned())),
            _ => None,
        };
        if let Some((action, how)) = over
            && self.questions.withdraw(*action)
        {
            self.pen.text(format!("\n    {how}\n"));
            self.deaf_until = Some(Instant::now() + DEAF);
            self.ask_next();
        }
        let (palette, on_terminal) = (self.terminal.err, self.terminal.draws);
        match notice {
            Notice::Phase { name, micros } => self.step(name, Duration::from_micros(*micros), ""),
            Notice::Exited { name, pid, reason, .. } if !reason.is_normal() => {
                let text = plain_within(&reason.to_string(), WIDTH);
                if on_terminal {
                    self.line(&format!("  {} {name} ({pid}) {text}", palette.bad("ended")));
                }
            }
            Notice::Suspended { name, pid, reason, .. } if on_terminal => {
                let why = reason.as_ref().map_or_else(String::new, |why| format!(": {}", plain_within(why, WIDTH)));
                self.line(&format!("  {} {name} ({pid}) is suspended{why}", palette.warn("held")));
            }
            Notice::Resumed { name, pid, .. } if on_terminal => {
                self.line(&format!("  {} {name} ({pid}) goes on", palette.good("goes")));
            }
            Notice::Restarting { name, wait, .. } if on_terminal => {
                let after = if wait.is_zero() { String::new() } else { format!(" after {} ms", wait.as_millis()) };
                self.line(&format!("  {} {name} is started again{after}", palette.warn("again")));
            }
            Notice::LimitNear { pid, name, meter, used, limit, .. } if on_terminal => {
                let used = limit_near(meter, *used, *limit);
                self.line(&format!("  {} {name} ({pid}) has used {used}", palette.warn("limit")));
            }
            Notice::Verdict { name, what, verb, resource, reason, .. } if on_terminal => {
                self.verdicts += 1;
                if self.verdicts <= SHOWN {
                    let word = if what == "warned" { palette.warn(what) } else { palette.bad(what) };
                    let text = plain_within(&format!("{name}: {verb} {resource}: {reason}"), WIDTH);
                    self.line(&format!("  {word} {text}"));
                } else if self.verdicts == SHOWN + 1 {
                    self.line(&palette.dim("  what else is refused or warned of is in the summary"));
                }
            }
            // In a pipe only what somebody should know.
            Notice::Log { pid, name, level, text, .. }
                if *level >= if on_terminal { LogLevel::Info } else { LogLevel::Warn } =>
            {
                let from = palette.dim(&format!("{name} ({pid}):"));
                self.line(&format!("  {from} {}", plain_within(text, WIDTH)));
            }
            _ => {}
        }
    }

    /// An act waits for an answer.
    pub(super) fn ask(&mut self, ask: Ask) {
        if self.asks() {
            if self.questions.add(ask) {
                self.show_question();
            }
        } else {
            let text = format!(
                "{} wants to {} {}: nobody can be asked here; it waits at most {} s for an answer and is then refused",
                ask.name,
                ask.verb,
                ask.resource,
                question::seconds(ask.wait)
            );
            self.warning(&text);
        }
    }

    /// A line was typed, and read at a moment. It counts only below the question on the screen: a yes must
    /// never go to another act than the one that it was typed for.
    pub(super) fn typed(&mut self, at: Instant, line: &str) -> Option<Answer> {
        if !self.pen.answers(at) {
            return None;
        }
        if self.deaf_until.is_some_and(|until| Instant::now() < until) {
            self.show_question();
            return None;
        }
        let answer = self.questions.answer(line);
        if answer.is_some() {
            self.ask_next();
        }
        answer
    }

    /// No more is typed: what is open gets no yes, and what waited for it is shown.
    pub(super) fn hang_up(&mut self) -> Vec<ActionId> {
        let open: Vec<ActionId> =
            std::iter::from_fn(|| self.questions.answer("")).map(|answer| answer.action).collect();
        if !open.is_empty() {
            self.pen.text("\n".to_owned());
            self.ask_next();
        }
        open
    }

    fn ask_next(&mut self) {
        if self.questions.is_asking() {
            self.show_question();
        } else {
            for line in std::mem::take(&mut self.held) {
                self.line(&line);
            }
            if let more @ 1.. = std::mem::take(&mut self.held_more) {
                let text = self.terminal.err.dim(&format!("  {} more were not kept", counted(more, "line")));
                self.line(&text);
            }
        }
    }

    fn show_question(&mut self) {
        self.clear();
        if let Some((ask, left)) = self.questions.shown() {
            let mut lines = question::lines(ask, left, self.terminal.err);
            let prompt = lines.pop().unwrap_or_default();
            let fit = |line: &String| fitted(line, self.terminal.err_columns, indent(line) + 2);
            let text: String = lines.iter().flat_map(fit).map(|line| format!("{line}\n")).collect();
            self.pen.question(text, prompt);
        }
    }

    /// The run is over, and everything that still runs is being stopped.
    pub(super) fn stopping(&mut self, ending: &Ending) {
        if let Ending::Interrupted(signal) = ending {
            self.hang_up();
            self.clear();
            self.warning(&format!("{signal}: stopping in order; once more to end at once"));
        }
    }

    /// Nothing more is asked or drawn; the report follows.
    pub(super) fn end(&mut self) {
        self.hang_up();
        self.clear();
        self.pen.wait(LAST);
        if let more @ 1.. = self.pen.lost() {
            self.warning(&format!("{} could not be shown: the terminal did not take them", counted(more, "line")));
        }
        if self.terminal.draws {
            self.pen.text("\n".to_owned());
        }
        self.pen.wait(LAST);
    }
}

impl Drop for Screen {
    /// What follows is written to the same terminal by others.
    fn drop(&mut self) {
        self.pen.wait(LAST);
    }
}

/// "3.21 s  5 processes, 12,345 acts, 210 messages, 1 refused", or as many of these as fit into `most` characters.
fn progress(summary: &Summary, elapsed: Duration, most: usize) -> String {
    let alive = summary.processes.iter().filter(|row| row.state != Lifecycle::Exited && row.app.is_some());
    let (mut processes, mut acts, mut messages) = (0, 0, 0);
    for row in alive {
        processes += 1;
        acts += row.used.acts;
        messages += row.used.messages;
    }
    let mut parts = vec![format!("  {processes} processes"), format!(", {} acts", count(acts))];
    parts.push(format!(", {} messages", count(messages)));
    if let refused @ 1.. = summary.verdicts.refused {
        parts.push(format!(", {} refused", count(refused)));
    }
    let mut line = format!("  {}", duration(elapsed));
    let mut room = most.saturating_sub(line.chars().count());
    for part in parts {
        match room.checked_sub(part.chars().count()) {
            Some(left) => room = left,
            None => break,
        }
        line += &part;
    }
    line
}

#[cfg(test)]
mod tests;
