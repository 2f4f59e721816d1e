//! `weft ps`: the processes of a kernel.

use super::Which;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text::{bytes, count, duration, plain};
use serde_json::Value;
use std::collections::BTreeMap;
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

impl Ps {
    /// Runs it.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let document = kernel.get(if self.all { "/v1/processes?all" } else { "/v1/processes" }).await?;
            if self.which.json {
                print_json(&document)?;
            } else {
                let rows = document["processes"].as_array().map(Vec::as_slice).unwrap_or_default();
                print(&if self.usage { self.used(rows, terminal) } else { self.lines(rows, terminal) })?;
            }
            Ok(Exit::Done)
        })
    }

    fn lines(&self, rows: &[Value], terminal: Terminal) -> Vec<String> {
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
            let text = |name: &str| plain(row[name].as_str().unwrap_or_default());
            let number = |name: &str| row[name].as_u64().unwrap_or(0);
            let exit = match (text("exit"), text("detail")) {
                (word, detail) if detail.is_empty() => word,
                (word, detail) => format!("{word}: {detail}"),
            };
            table.row([
                number("pid").to_string(),
                number("parent").to_string(),
                format!("{}{}", "  ".repeat(depth), text("name")),
                text("app"),
                text("role"),
                text("state"),
                count(number("messages")),
                count(number("acts")),
                count(number("refused")),
                count(number("cpu") / 1_000_000),
                bytes(number("memory")),
                count(number("fuel") / 1_000_000),
                exit,
            ]);
        }
        table.fit(terminal.out_columns, &DROPPABLE);
        table.lines()
    }
}

/// What is left out of what was used where it does not fit, the first first.
const USED_DROPPABLE: [&str; 4] = ["APP", "NOW", "TOOLS", "FUEL M"];

impl Ps {
    fn used(&self, rows: &[Value], terminal: Terminal) -> Vec<String> {
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
            let text = |name: &str| plain(row[name].as_str().unwrap_or_default());
            let used = if self.tree { &row["tree"] } else { row };
            let number = |name: &str| used[name].as_u64().unwrap_or(0);
            let stored = used["stored"].as_i64().unwrap_or(0);
            table.row([
                row["pid"].to_string(),
                format!("{}{}", "  ".repeat(depth), text("name")),
                text("app"),
                duration(Duration::from_nanos(row["wall"].as_u64().unwrap_or(0))),
                count(number("cpu") / 1_000_000),
                count(number("acts")),
                count(number("sent")),
                count(number("tool_calls")),
                bytes(number("memory")),
                bytes(number("memory_now")),
                count(number("fuel") / 1_000_000),
                format!("{}{}", if stored < 0 { "-" } else { "" }, bytes(stored.unsigned_abs())),
            ]);
        }
        table.fit(terminal.out_columns, &USED_DROPPABLE);
        table.lines()
    }
}

/// The rows below whoever started them, each with how deep it lies. One whose parent is not among them is at the top.
fn tree(rows: &[Value]) -> Vec<(usize, &Value)> {
    let pid = |row: &Value, name: &str| row[name].as_u64().unwrap_or(0);
    let mut children: BTreeMap<u64, Vec<&Value>> = BTreeMap::new();
    let known: std::collections::BTreeSet<u64> = rows.iter().map(|row| pid(row, "pid")).collect();
    let mut top = Vec::new();
    for row in rows {
        // Who starts another was there before it, so nothing goes in a circle.
        match pid(row, "parent") {
            parent if parent < pid(row, "pid") && known.contains(&parent) => {
                children.entry(parent).or_default().push(row)
            }
            _ => top.push(row),
        }
    }
    let mut ordered = Vec::with_capacity(rows.len());
    let mut way: Vec<(usize, &Value)> = top.into_iter().rev().map(|row| (0, row)).collect();
    while let Some((depth, row)) = way.pop() {
        ordered.push((depth, row));
        let below = children.remove(&pid(row, "pid")).unwrap_or_default();
        way.extend(below.into_iter().rev().map(|child| (depth + 1, child)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn whoever_was_started_stands_below_whoever_started_it() {
        let row = |pid: u64, parent: u64| json!({ "pid": pid, "parent": parent });
        let rows = [row(2, 0), row(3, 2), row(4, 0), row(5, 3), row(6, 2), row(9, 7), row(10, 10)];
        let order: Vec<(usize, u64)> =
            tree(&rows).iter().map(|(depth, row)| (*depth, row["pid"].as_u64().unwrap())).collect();
        assert_eq!(order, [(0, 2), (1, 3), (2, 5), (1, 6), (0, 4), (0, 9), (0, 10)]);
    }
}
