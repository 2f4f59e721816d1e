//! `weft chain show`.

use super::Which;
use super::line::{Act, Acts, SHOWN, what, who};
use crate::cli::VERSION;
use crate::cli::events::{self, Entry};
use crate::cli::exit::{Exit, Failure};
use crate::cli::terminal::{Output, Palette, Terminal, tell_failure};
use crate::cli::text::{path, plain_json, plain_within, time};
use kernel_core::kernel::event::Content;
use serde_json::json;
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Show {
    #[command(flatten)]
    which: Which,
    /// Only what this process did or what happened to it
    #[arg(long, value_name = "N")]
    pid: Option<u64>,
    /// Only acts of this verb, such as `write` or `connect`
    #[arg(long, value_name = "VERB")]
    verb: Option<String>,
    /// Only the last N of them
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Print one JSON document
    #[arg(long)]
    pub(super) json: bool,
}

impl Show {
    pub(super) async fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let stored = self.which.open().await?;
        let problem = stored.verify(None).await.err();
        if let Some(problem) = &problem {
            tell_failure(problem, terminal.err);
        }
        let mut printer = Printer::new(self);
        if self.json {
            let error = problem.as_ref().map(|problem| problem.document()["error"].clone());
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
        let mut acts = Acts::default();
        let mut failed = None;
        events::each(
            &stored.rows,
            0,
            |_| true,
            |found| {
                let line = match found {
                    Ok(entry) => {
                        let act = acts.of(&entry);
                        if !self.wants(act.as_ref()) {
                            return ControlFlow::Continue(());
                        }
                        if self.json { as_json(&entry) } else { as_text(&entry, act.as_ref(), terminal.out) }
                    }
                    Err((seq, reason)) if self.json => json!({ "row": seq, "unreadable": reason }).to_string(),
                    Err((seq, reason)) => {
                        terminal.out.bad(&format!("{seq:>8}  in this row: {}", plain_within(&reason, SHOWN)))
                    }
                };
                match printer.line(line) {
                    Ok(()) if !printer.output.is_gone() => ControlFlow::Continue(()),
                    Ok(()) => ControlFlow::Break(()),
                    Err(failure) => {
                        failed = Some(failure);
                        ControlFlow::Break(())
                    }
                }
            },
        )
        .await?;
        if let Some(failure) = failed {
            return Err(failure);
        }
        printer.finish()?;
        Ok(problem.map_or(Exit::Done, |problem| problem.exit))
    }

    fn wants(&self, act: Option<&Act>) -> bool {
        self.pid.is_none_or(|pid| act.is_some_and(|act| act.pid == pid))
            && self.verb.as_ref().is_none_or(|verb| act.is_some_and(|act| act.verb == *verb))
    }
}

fn as_text(entry: &Entry, act: Option<&Act>, palette: Palette) -> String {
    let kind = format!("{:<13}", entry.kind_name());
    let kind = match &entry.content {
        Ok(Content::Refused(_) | Content::DeadLetter(_) | Content::Suspended(_)) | Err(_) => palette.bad(&kind),
        _ => palette.bold(&kind),
    };
    let time = palette.dim(&time(entry.wall));
    format!("{:>8}  {time}  {kind}  {:<20}  {}", entry.seq, who(act), what(entry, act))
}

fn as_json(entry: &Entry) -> String {
    let (content, unreadable) = match &entry.content {
        Ok(content) => (json!(content), None),
        Err(reason) => (serde_json::Value::Null, Some(reason)),
    };
    json!({
        "seq": entry.seq,
        "time": time(entry.wall),
        "action": entry.action,
        "kind": entry.kind_name(),
        "content": content,
        "unreadable": unreadable,
    })
    .to_string()
}

/// Prints as it comes, or the last few at the end.
struct Printer {
    output: Output,
    json: bool,
    limit: Option<usize>,
    last: VecDeque<String>,
    any: bool,
}

impl Printer {
    fn new(show: &Show) -> Printer {
        Printer { output: Output::stdout(), json: show.json, limit: show.limit, last: VecDeque::new(), any: false }
    }

    fn begin(&mut self, head: &str) -> Result<(), Failure> {
        self.output.line(&plain_json(head))
    }

    fn line(&mut self, line: String) -> Result<(), Failure> {
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

    fn finish(mut self) -> Result<(), Failure> {
        for line in std::mem::take(&mut self.last) {
            self.print(&line)?;
        }
        if self.json {
            self.output.line("]}")?;
        }
        self.output.finish()
    }
}
