//! `weft ps`: the processes of a kernel.

use super::Which;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text::{Count, Plain, bytes, duration};
use kernel_core::process::Used;
use serde::Deserialize;
use serde_json::Value;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Display;
use std::time::Duration;

/// What is left out where the table does not fit, the first first.
const DROPPABLE: [&str; 5] = ["FUEL M", "ROLE", "CPU ms", "MEMORY", "MSGS"];

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Ps {
    /// Show who has started whom
    #[arg(long)]
    tree: bool,
    /// Show those that have ended, too
    #[arg(long)]
    all: bool,
    /// Show what each has used; with --tree, together with all that it started
    #[arg(long)]
    usage: bool,
    #[command(flatten)]
    pub(crate) which: Which,
}

/// What a kernel answers.
#[derive(Deserialize)]
struct Processes<'d> {
    #[serde(borrow)]
    processes: Vec<Row<'d>>,
}

/// One process. There may be very many, so nothing of the answer is copied that need not be.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Row<'d> {
    pid: u64,
    parent: u64,
    #[serde(borrow)]
    name: Cow<'d, str>,
    #[serde(borrow)]
    app: Option<Cow<'d, str>>,
    #[serde(borrow)]
    role: Cow<'d, str>,
    #[serde(borrow)]
    state: Cow<'d, str>,
    #[serde(borrow)]
    exit: Cow<'d, str>,
    #[serde(borrow)]
    detail: Cow<'d, str>,
    messages: u64,
    sent: u64,
    tool_calls: u64,
    acts: u64,
    refused: u64,
    cpu: u64,
    memory: u64,
    memory_now: u64,
    fuel: u64,
    stored: i64,
    wall: u64,
    tree: Used,
}

impl Row<'_> {
    /// What it used itself.
    fn used(&self) -> Used {
        let Row { messages, sent, tool_calls, acts, refused, cpu, memory, memory_now, fuel, stored, .. } = *self;
        Used { messages, sent, tool_calls, acts, refused, cpu, memory, memory_now, fuel, stored }
    }
}

impl Ps {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let bytes = kernel.bytes(self.path()).await?;
            if self.which.json {
                print_json(&kernel.parsed::<Value>(&bytes)?)?;
            } else {
                let Processes { processes } = kernel.parsed(&bytes)?;
                let lines = if self.usage { self.used(&processes, terminal) } else { self.lines(&processes, terminal) };
                print(&lines)?;
            }
            Ok(Exit::Done)
        })
    }

    /// What it asks for: no more than it shows.
    fn path(&self) -> &'static str {
        match (self.all, self.which.json || self.usage) {
            (true, true) => "/v1/processes?all",
            (false, true) => "/v1/processes",
            (true, false) => "/v1/processes?all&brief",
            (false, false) => "/v1/processes?brief",
        }
    }

    fn lines(&self, rows: &[Row<'_>], terminal: Terminal) -> Vec<String> {
        use Align::{Left, Right};
        let mut columns = vec![
            ("PID", Right),
            ("PARENT", Right),
            ("NAME", Left),
            ("APP", Left),
            ("ROLE", Left),
            ("STATE", Left),
            ("MSGS", Right),
            ("ACTS", Right),
            ("REFUSED", Right),
            ("CPU ms", Right),
            ("MEMORY", Right),
            ("FUEL M", Right),
        ];
        if self.all {
            columns.push(("EXIT", Left));
        }
        let mut table = Table::new(&columns);
        let order = if self.tree { tree(rows) } else { rows.iter().map(|row| (0, row)).collect() };
        for (depth, row) in order {
            let between = if row.detail.is_empty() { "" } else { ": " };
            table.row([
                &row.pid as &dyn Display,
                &row.parent,
                &format_args!("{:1$}{2}", "", 2 * depth, Plain(&row.name)),
                &Plain(row.app.as_deref().unwrap_or_default()),
                &Plain(&row.role),
                &Plain(&row.state),
                &Count(row.messages),
                &Count(row.acts),
                &Count(row.refused),
                &Count(row.cpu / 1_000_000),
                &bytes(row.memory),
                &Count(row.fuel / 1_000_000),
                &format_args!("{}{between}{}", Plain(&row.exit), Plain(&row.detail)),
            ]);
        }
        table.fit(terminal.out_columns, &DROPPABLE);
        table.lines()
    }
}

/// What is left out of what was used where it does not fit, the first first.
const USED_DROPPABLE: [&str; 4] = ["APP", "NOW", "TOOLS", "FUEL M"];

impl Ps {
    fn used(&self, rows: &[Row<'_>], terminal: Terminal) -> Vec<String> {
        use Align::{Left, Right};
        let mut table = Table::new(&[
            ("PID", Right),
            ("NAME", Left),
            ("APP", Left),
            ("WALL", Right),
            ("CPU ms", Right),
            ("ACTS", Right),
            ("SENT", Right),
            ("TOOLS", Right),
            ("MEMORY", Right),
            ("NOW", Right),
            ("FUEL M", Right),
            ("STORED", Right),
        ]);
        let order = if self.tree { tree(rows) } else { rows.iter().map(|row| (0, row)).collect() };
        for (depth, row) in order {
            let used = if self.tree { row.tree } else { row.used() };
            table.row([
                &row.pid as &dyn Display,
                &format_args!("{:1$}{2}", "", 2 * depth, Plain(&row.name)),
                &Plain(row.app.as_deref().unwrap_or_default()),
                &duration(Duration::from_nanos(row.wall)),
                &Count(used.cpu / 1_000_000),
                &Count(used.acts),
                &Count(used.sent),
                &Count(used.tool_calls),
                &bytes(used.memory),
                &bytes(used.memory_now),
                &Count(used.fuel / 1_000_000),
                &format_args!("{}{}", if used.stored < 0 { "-" } else { "" }, bytes(used.stored.unsigned_abs())),
            ]);
        }
        table.fit(terminal.out_columns, &USED_DROPPABLE);
        table.lines()
    }
}

/// The rows below whoever started them, each with how deep it lies. One whose parent is not among them is at the top.
fn tree<'r, 'd>(rows: &'r [Row<'d>]) -> Vec<(usize, &'r Row<'d>)> {
    let mut children: BTreeMap<u64, Vec<&Row<'_>>> = BTreeMap::new();
    let known: std::collections::BTreeSet<u64> = rows.iter().map(|row| row.pid).collect();
    let mut top = Vec::new();
    for row in rows {
        // Who starts another was there before it, so nothing goes in a circle.
        if row.parent < row.pid && known.contains(&row.parent) {
            children.entry(row.parent).or_default().push(row);
        } else {
            top.push(row);
        }
    }
    let mut ordered = Vec::with_capacity(rows.len());
    let mut way: Vec<(usize, &Row<'_>)> = top.into_iter().rev().map(|row| (0, row)).collect();
    while let Some((depth, row)) = way.pop() {
        ordered.push((depth, row));
        let below = children.remove(&row.pid).unwrap_or_default();
        way.extend(below.into_iter().rev().map(|child| (depth + 1, child)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_was_started_stands_below_whoever_started_it() {
        let row = |pid, parent| Row { pid, parent, ..Row::default() };
        let rows = [row(2, 0), row(3, 2), row(4, 0), row(5, 3), row(6, 2), row(9, 7), row(10, 10)];
        let order: Vec<(usize, u64)> = tree(&rows).iter().map(|(depth, row)| (*depth, row.pid)).collect();
        assert_eq!(order, [(0, 2), (1, 3), (2, 5), (1, 6), (0, 4), (0, 9), (0, 10)]);
    }
}
