//! `weft top`: what the processes of a kernel use, look after look.

use super::Which;
use crate::cli::VERSION;
use crate::cli::exit::{Exit, Failure};
use crate::cli::on_runtime;
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Output, Terminal};
use crate::cli::text::{bytes, count, plain, plain_json};
use kernel_core::app::parse_duration;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// How many processes are shown to a person.
const SHOWN: usize = 30;

/// What is left out where the table does not fit, the first first.
const DROPPABLE: [&str; 4] = ["FUEL M/s", "STATE", "APP", "REFUSED/s"];

/// Its arguments.
#[derive(Debug, clap::Args)]
pub(crate) struct Top {
    /// How long from one look to the next, as in 1s or 500ms
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = parse_every)]
    every: Duration,
    /// How often it is looked. Default: on a terminal until Ctrl-C, elsewhere once
    #[arg(long, value_name = "N")]
    times: Option<u64>,
    #[command(flatten)]
    pub(crate) which: Which,
}

fn parse_every(text: &str) -> Result<Duration, String> {
    let every = parse_duration(text)?;
    // A connection that is idle for longer is ended.
    let range = Duration::from_millis(100)..=Duration::from_secs(4);
    if range.contains(&every) { Ok(every) } else { Err("from 100ms to 4s".to_owned()) }
}

/// What a process has used so far.
type Used = [u64; 5];

/// What is counted, in that order.
const COUNTED: [&str; 5] = ["cpu", "messages", "acts", "refused", "fuel"];

impl Top {
    /// Runs it. The first look is only there to be compared with.
    pub(crate) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let stays = terminal.out_columns.is_some() && terminal.draws && !self.which.json;
        let times = self.times.unwrap_or(if stays { u64::MAX } else { 1 });
        on_runtime(async {
            let mut kernel = self.which.connect().await?;
            let mut before = used(&kernel.get("/v1/processes").await?);
            let mut at = Instant::now();
            for _ in 0..times {
                tokio::time::sleep(self.every).await;
                let document = kernel.get("/v1/processes").await?;
                let passed = std::mem::replace(&mut at, Instant::now()).elapsed();
                let rows = rates(&document, &before, passed);
                before = used(&document);
                let mut output = Output::stdout();
                if self.which.json {
                    let line = json!({ "weft": VERSION, "micros": passed.as_micros() as u64, "processes": rows });
                    output.line(&plain_json(&line.to_string()))?;
                } else {
                    let clear = if stays { "\u{1b}[H\u{1b}[J" } else { "" };
                    let lines = lines(&rows, terminal);
                    output.line(&format!("{clear}{}", lines.join("\n")))?;
                }
                let gone = output.is_gone();
                output.finish()?;
                if gone {
                    break;
                }
            }
            Ok(Exit::Done)
        })
    }
}

fn number(row: &Value, name: &str) -> u64 {
    row[name].as_u64().unwrap_or(0)
}

fn used(document: &Value) -> BTreeMap<u64, Used> {
    let rows = document["processes"].as_array().into_iter().flatten();
    rows.map(|row| (number(row, "pid"), COUNTED.map(|name| number(row, name)))).collect()
}

/// What each process has used within `passed`, the one with the most CPU time first. One that was not there before has
/// used all of it since then.
fn rates(document: &Value, before: &BTreeMap<u64, Used>, passed: Duration) -> Vec<Value> {
    let seconds = passed.as_secs_f64().max(1e-6);
    let rate = |row: &Value| {
        let known = before.get(&number(row, "pid")).copied().unwrap_or_default();
        let mut of = COUNTED.iter().zip(known).map(|(name, known)| {
            let more = number(row, name).saturating_sub(known) as f64 / seconds;
            (more * 10.0).round() / 10.0
        });
        let (cpu, mut next) = (of.next().unwrap_or(0.0) / 1e9 * 100.0, || of.next().unwrap_or(0.0));
        json!({
            "pid": row["pid"], "name": row["name"], "app": row["app"], "state": row["state"], "memory": row["memory"],
            "cpu_percent": (cpu * 10.0).round() / 10.0, "messages_per_s": next(), "acts_per_s": next(),
            "refused_per_s": next(), "fuel_per_s": next(),
        })
    };
    let mut rows: Vec<Value> = document["processes"].as_array().into_iter().flatten().map(rate).collect();
    let cpu = |row: &Value| row["cpu_percent"].as_f64().unwrap_or(0.0);
    rows.sort_by(|a, b| cpu(b).total_cmp(&cpu(a)).then(number(b, "memory").cmp(&number(a, "memory"))));
    rows
}

fn lines(rows: &[Value], terminal: Terminal) -> Vec<String> {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("PID", Right),
        ("NAME", Left),
        ("APP", Left),
        ("STATE", Left),
        ("CPU %", Right),
        ("MEMORY", Right),
        ("MSGS/s", Right),
        ("ACTS/s", Right),
        ("REFUSED/s", Right),
        ("FUEL M/s", Right),
    ]);
    for row in rows.iter().take(SHOWN) {
        let text = |name: &str| plain(row[name].as_str().unwrap_or_default());
        let tenths = |name: &str| format!("{:.1}", row[name].as_f64().unwrap_or(0.0));
        table.row([
            number(row, "pid").to_string(),
            text("name"),
            text("app"),
            text("state"),
            tenths("cpu_percent"),
            bytes(number(row, "memory")),
            tenths("messages_per_s"),
            tenths("acts_per_s"),
            tenths("refused_per_s"),
            format!("{:.1}", row["fuel_per_s"].as_f64().unwrap_or(0.0) / 1e6),
        ]);
    }
    table.fit(terminal.out_columns, &DROPPABLE);
    let mut lines = table.lines();
    if let more @ 1.. = rows.len().saturating_sub(SHOWN) {
        lines.push(format!("and {} more", count(more as u64)));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_was_used_since_the_last_look() {
        let row = |pid: u64, cpu: u64, acts: u64| json!({ "pid": pid, "name": "a", "cpu": cpu, "acts": acts, "messages": 4, "fuel": 10 });
        let before = used(&json!({ "processes": [row(1, 5_000_000_000, 10)] }));
        let now = json!({ "processes": [row(1, 5_500_000_000, 30), row(2, 1_500_000_000, 1)] });
        let rows = rates(&now, &before, Duration::from_secs(2));
        assert_eq!(
            (&rows[0]["pid"], &rows[0]["cpu_percent"], &rows[0]["messages_per_s"]),
            (&json!(2), &json!(75.0), &json!(2.0))
        );
        assert_eq!((&rows[1]["cpu_percent"], &rows[1]["acts_per_s"]), (&json!(25.0), &json!(10.0)));
        assert_eq!((&rows[0]["fuel_per_s"], &rows[1]["fuel_per_s"]), (&json!(5.0), &json!(0.0)));
        assert!(parse_every("1s").is_ok() && parse_every("10s").is_err() && parse_every("x").is_err());
    }
}
