//! `weft chain show`.

use super::follow::follow;
use super::line::{Act, Acts, SHOWN, what, who};
use super::live::Live;
use super::{Filter, Source, Which};
use crate::cli::VERSION;
use crate::cli::events::{self, Entry};
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::{Output, Terminal, tell, tell_failure};
use crate::cli::text::{fitted, path, plain_json, plain_within, shell, time};
use kernel_core::kernel::event::Content;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    filter: Filter,
    /// Only the last N of them
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Go on with what a kernel that runs writes, from now on or since --since
    #[arg(long, short, conflicts_with_all = ["limit", "key"])]
    follow: bool,
    /// Print one JSON document; with --follow one for each event
    #[arg(long)]
    pub(super) json: bool,
}

impl Show {
    pub(super) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        if self.follow {
            return follow(&self.which, &self.filter, self.json, terminal).await;
        }
        let stored = match self.which.source().await? {
            Source::Stored(stored) => stored,
            Source::Kernel(live) => return self.of_kernel(*live, terminal).await,
        };
        let problem = stored.log().await.err();
        if let Some(problem) = &problem {
            tell_failure(problem, terminal);
        }
        let mut printer = Printer::new(self);
        if self.json {
            let error = problem.as_ref().map(Failure::error);
            let mut head = json!({
                "weft": VERSION,
                "data_dir": path(&stored.path),
                "origin": stored.key.name.as_str(),
                "verified": problem.is_none(),
                "problem": error,
            })
            .to_string();
            // The events follow inside the same document, one by one, so that any log fits.
            head.pop();
            printer.begin(&format!("{head},\"events\":["))?;
        }
        self.head(&mut printer, terminal)?;
        let mut acts = Acts::default();
        let mut failed = None;
        let read = events::each(
            &stored.rows,
            0,
            |_| true,
            |found| {
                let line = match found {
                    Ok(entry) => match self.line(&entry, &mut acts, terminal) {
                        Some(line) => line,
                        None => return ControlFlow::Continue(()),
                    },
                    Err((seq, reason)) if self.json => json!({ "row": seq, "unreadable": reason }).to_string(),
                    Err((seq, reason)) => {
                        terminal.out.bad(&format!("{seq:>8}  in this row: {}", plain_within(&reason, SHOWN)))
                    }
                };
                printer.next(line, &mut failed)
            },
        )
        .await;
        if let Some(failure) = failed {
            return Err(failure);
        }
        // What was shown is shown: the document that was begun is ended, and says where that is.
        let stopped = read.err().map(Failure::from);
        let found = printer.found;
        printer.finish(&json!({ "stopped": stopped.as_ref().map(Failure::error) }))?;
        if let Some(stopped) = stopped {
            if problem.is_none_or(|problem| problem.message != stopped.message) {
                tell_failure(&stopped, terminal);
            }
            return Ok(stopped.exit);
        }
        self.tell_nothing(found, &stored.path);
        Ok(problem.map_or(Exit::Done, |problem| problem.exit))
    }

    /// The same of a kernel that runs, up to now. Whether it verifies is known at its end.
    async fn of_kernel(&self, mut live: Live, terminal: Terminal) -> Result<Exit, Failure> {
        let (checkpoint, _) = live.checkpoint().await?;
        let (shown, path) = (path(&live.path), live.path.clone());
        let mut printer = Printer::new(self);
        if self.json {
            let head = json!({ "weft": VERSION, "data_dir": shown, "origin": checkpoint.origin.as_str() }).to_string();
            printer.begin(&format!("{},\"events\":[", head.trim_end_matches('}')))?;
        }
        self.head(&mut printer, terminal)?;
        let (mut acts, mut failed) = (Acts::default(), None);
        let shown = live.each(&checkpoint, |entry| match self.line(entry, &mut acts, terminal) {
            Some(line) => printer.next(line, &mut failed),
            None => ControlFlow::Continue(()),
        });
        let problem = shown.await.err();
        if let Some(failure) = failed {
            return Err(failure);
        }
        let found = printer.found;
        let error = problem.as_ref().map(Failure::error);
        printer.finish(&json!({ "verified": problem.is_none(), "problem": error, "stopped": null }))?;
        if let Some(problem) = problem {
            tell_failure(&problem, terminal);
            return Ok(problem.exit);
        }
        self.tell_nothing(found, &path);
        Ok(Exit::Done)
    }

    fn head(&self, printer: &mut Printer, terminal: Terminal) -> Result<(), Failure> {
        match terminal.out_columns {
            Some(columns) if !self.json => printer.output.line(&terminal.out.bold(&heading(columns))),
            _ => Ok(()),
        }
    }

    /// What is shown of `entry`, if it is wanted.
    fn line(&self, entry: &Entry, acts: &mut Acts, terminal: Terminal) -> Option<String> {
        let act = acts.of(entry);
        let wanted = self.filter.wants(entry, act.as_ref());
        wanted.then(|| if self.json { entry.json().to_string() } else { as_text(entry, act.as_ref(), terminal) })
    }

    fn tell_nothing(&self, found: bool, path: &Path) {
        if !found && let Some(filter) = self.filter.words() {
            tell(&format!("weft: nothing in the log of {} is {filter}", shell(path)));
        }
    }
}

/// Where a terminal is narrower than this, an event gets no column for its date and what it says goes on below.
const WIDE: usize = 110;

fn heading(columns: usize) -> String {
    let time = if columns < WIDE { format!("{:<12}", "TIME") } else { format!("{:<24}", "TIME") };
    format!("{:>8}  {time}  {:>6}  {:<13}  {:<20}  WHAT", "EVENT", "ACT", "KIND", "WHO")
}

pub(super) fn as_text(entry: &Entry, act: Option<&Act>, terminal: Terminal) -> String {
    let palette = terminal.out;
    let kind = format!("{:<13}", entry.kind_name());
    let kind = match &entry.content {
        Ok(Content::Refused(_) | Content::DeadLetter(_) | Content::Suspended(_)) | Err(_) => palette.bad(&kind),
        _ => palette.bold(&kind),
    };
    let mut time = time(entry.wall);
    if terminal.out_columns.is_some_and(|columns| columns < WIDE) {
        // RFC 3339: the date takes eleven characters, the zone one.
        time = time.get(11..23).unwrap_or_default().to_owned();
    }
    let action = if entry.action.0 == 0 { String::new() } else { entry.action.to_string() };
    let (seq, time, said) = (entry.seq, palette.dim(&time), what(entry, act));
    let line = format!("{seq:>8}  {time}  {action:>6}  {kind}  {:<20}  {said}", who(act));
    fitted(&line, terminal.out_columns, 10).join("\n")
}

/// Prints as it comes, or the last few at the end.
pub(super) struct Printer {
    output: Output,
    json: bool,
    limit: Option<usize>,
    last: VecDeque<String>,
    any: bool,
    /// Whether there was anything to print.
    found: bool,
}

impl Printer {
    fn new(show: &Show) -> Printer {
        let (json, limit) = (show.json, show.limit);
        Printer { output: Output::stdout(), json, limit, last: VecDeque::new(), any: false, found: false }
    }

    /// One that prints an event after the other, with nothing around them.
    pub(super) fn followed(json: bool) -> Printer {
        Printer { output: Output::stdout(), json, limit: None, last: VecDeque::new(), any: false, found: false }
    }

    /// Prints one of them, now.
    pub(super) fn at_once(&mut self, line: &str) -> Result<(), Failure> {
        let line = if self.json { plain_json(line) } else { line.to_owned() };
        self.output.line(&line)?;
        self.output.flush()
    }

    /// Whether nobody reads any more.
    pub(super) fn is_gone(&self) -> bool {
        self.output.is_gone()
    }

    fn begin(&mut self, head: &str) -> Result<(), Failure> {
        self.output.line(&plain_json(head))
    }

    /// Prints the next line, unless nobody reads any more; what failed is put into `failed`.
    fn next(&mut self, line: String, failed: &mut Option<Failure>) -> ControlFlow<()> {
        match self.line(line) {
            Ok(()) if !self.output.is_gone() => ControlFlow::Continue(()),
            Ok(()) => ControlFlow::Break(()),
            Err(failure) => {
                *failed = Some(failure);
                ControlFlow::Break(())
            }
        }
    }

    fn line(&mut self, line: String) -> Result<(), Failure> {
        self.found = true;
        match self.limit {
            None => self.print(&line),
            Some(limit) => {
                self.last.push_back(line);
                if self.last.len() > limit {
                    self.last.pop_front();
                }
                Ok(())
            }
        }
    }

    fn print(&mut self, line: &str) -> Result<(), Failure> {
        let comma = if self.json && std::mem::replace(&mut self.any, true) { "," } else { "" };
        let line = if self.json { plain_json(line) } else { line.to_owned() };
        self.output.line(&format!("{comma}{line}"))
    }

    /// The end of what was begun; `members` are those of the document behind the events.
    fn finish(mut self, members: &Value) -> Result<(), Failure> {
        for line in std::mem::take(&mut self.last) {
            self.print(&line)?;
        }
        if self.json {
            let members = members.to_string();
            self.output.line(&format!("],{}", plain_json(members.trim_start_matches('{'))))?;
        }
        self.output.finish()
    }
}
