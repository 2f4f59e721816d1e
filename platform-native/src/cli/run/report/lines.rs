//! The report for a person.

use super::{Outcome, Report, Signed};
use crate::cli::run::NOBODY;
use crate::cli::run::question::effect;
use crate::cli::run::record::{Answer, Failed, Refusal, Warning};
use crate::cli::table::{Align, Table};
use crate::cli::terminal::{Palette, Terminal, indent};
use crate::cli::text::{bytes, count, counted, duration, fitted, plain, plain_within, shell, shown};
use kernel_core::kernel::ProcessRow;
use serde_json::Value;

/// How many refusals and warnings are printed; `--json` and `weft chain show` have all.
const SHOWN: usize = 20;

/// How many processes are printed.
const PROCESSES: usize = 100;

/// What is left out of the table of processes where it does not fit, the first first.
const DROPPABLE: [&str; 5] = ["FUEL M", "ROLE", "CPU ms", "MEMORY", "MSGS"];

/// Where the texts of a refusal begin.
const TEXT: usize = 14;

/// The most characters of one foreign text.
const WIDTH: usize = 400;

/// All of it, line by line, fitted to a terminal.
pub(in crate::cli::run) fn lines(report: &Report<'_>, terminal: Terminal) -> Vec<String> {
    let (palette, columns) = (terminal.out, terminal.out_columns);
    let fit = |lines: Vec<String>| -> Vec<String> {
        lines.iter().flat_map(|line| fitted(line, columns, indent(line) + 2)).collect()
    };
    let mut lines = fit(vec![headline(report, palette)]);
    lines.push(String::new());
    lines.extend(processes(report, palette, columns));
    lines.extend(fit(troubled(report, palette)));
    lines.push(String::new());
    lines.extend(fit(vec![verdicts(report)]));
    lines.extend(refusals(report, palette, columns));
    lines.extend(fit(failures(report, palette)));
    lines.extend(fit(warnings(report, palette)));
    lines.extend(fit(answers(report, palette)));
    lines.extend(fit(absent(report)));
    lines.push(String::new());
    lines.extend(report.signed.iter().flat_map(|signed| checkpoint(signed, report, palette)));
    lines.push(format!("{} {}", palette.bold("Data"), shown(report.data_dir)));
    lines.extend(fit(notes(report, palette)));
    lines
}

/// What else somebody should know.
fn notes(report: &Report<'_>, palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    if report.outcome == Outcome::NotDurable && !report.lost {
        let directory = shell(report.data_dir);
        lines.push("What was acknowledged before is intact: make room there, then look with".to_owned());
        lines.push(format!("    weft chain verify --data-dir {directory}"));
    }
    if !report.record.repair.is_empty() {
        lines.push(palette.warn(&format!("The log was repaired at the start: {}", plain(&report.record.repair))));
    }
    if !report.output_commit {
        let environment = &report.summary.environment;
        lines.push(format!("In {environment} outward acts did not wait for the log; in staging and prod they do."));
    }
    lines
}

fn headline(report: &Report<'_>, palette: Palette) -> String {
    let how = match report.outcome {
        Outcome::Done => palette.good("done"),
        Outcome::Failed => palette.bad("failed"),
        Outcome::Refused => palette.bad("refused"),
        Outcome::Stopped => palette.bad("stopped"),
        Outcome::TimedOut => palette.bad("timed out"),
        Outcome::Interrupted => palette.bad("interrupted"),
        Outcome::NotDurable if report.lost => palette.bad("the log is gone"),
        Outcome::NotDurable => palette.bad("the log could not be written"),
    };
    let reason =
        if report.reason.is_empty() { String::new() } else { format!(": {}", plain_within(&report.reason, WIDTH)) };
    let (plan, environment) = (report.plan, &report.summary.environment);
    let name = palette.bold(plan.app.as_str());
    format!("{name} {} in {environment}: {how} after {}{reason}", plan.version, duration(report.elapsed))
}

fn processes(report: &Report<'_>, palette: Palette, columns: Option<usize>) -> Vec<String> {
    use Align::{Left, Right};
    let mut table = Table::new(&[
        ("PID", Right),
        ("NAME", Left),
        ("ROLE", Left),
        ("EXIT", Left),
        ("MSGS", Right),
        ("ACTS", Right),
        ("REFUSED", Right),
        ("CPU ms", Right),
        ("FUEL M", Right),
        ("MEMORY", Right),
    ]);
    let measured = |n: u64, text: String| if n == 0 { "-".to_owned() } else { text };
    for ProcessRow { pid, name, role, exit, used, state, .. } in report.summary.processes.iter().take(PROCESSES) {
        let exit = if exit.is_empty() { format!("{state:?}").to_lowercase() } else { exit.clone() };
        table.row([
            pid.to_string(),
            name.to_string(),
            role.as_str().to_owned(),
            exit,
            count(used.messages),
            count(used.acts),
            count(used.refused),
            measured(used.cpu, format!("{:.1}", used.cpu as f64 / 1e6)),
            measured(used.fuel, format!("{:.1}", used.fuel as f64 / 1e6)),
            measured(used.memory, bytes(used.memory)),
        ]);
    }
    table.fit(columns, &DROPPABLE);
    let mut lines = table.lines();
    if let Some(heading) = lines.first_mut() {
        *heading = palette.bold(heading);
    }
    let beyond = report.summary.processes.len().saturating_sub(PROCESSES) as u64;
    if beyond > 0 {
        lines.push(palette.dim(&format!("and {} more; --json has all", count(beyond))));
    }
    lines
}

/// Processes that did not end in order, and why.
fn troubled(report: &Report<'_>, palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    for row in report.troubled().take(PROCESSES) {
        let text = plain_within(&format!("{} ({}) {}: {}", row.name, row.pid, row.exit, row.detail), WIDTH);
        lines.push(palette.bad(&text));
    }
    for suspended in &report.record.suspended {
        let (name, reason) = (report.name(suspended.pid), plain_within(&suspended.reason, WIDTH));
        lines.push(palette.warn(&format!("{name} ({}) was suspended: {reason}", suspended.pid)));
    }
    lines
}

fn verdicts(report: &Report<'_>) -> String {
    let said = &report.summary.verdicts;
    // The gate's denials are among the refusals; the others are of what was not there, full or malformed.
    let counts = [
        (said.warned, "permitted with a warning"),
        (said.escalated, "asked about"),
        (said.denied, "denied by the gate"),
        (said.refused.saturating_sub(said.denied), "refused for another reason"),
        (said.exhausted, "over a budget"),
    ];
    let mut parts = vec![format!("{} permitted", count(said.permitted))];
    parts.extend(counts.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{} {word}", count(*n))));
    let undelivered = match said.dead_letters {
        0 => String::new(),
        n => format!(" {} could not be delivered.", counted(n, "message")),
    };
    format!("Acts: {}.{undelivered}", parts.join(", "))
}

fn refusals(report: &Report<'_>, palette: Palette, columns: Option<usize>) -> Vec<String> {
    let record = &report.record;
    let all = record.refusals.iter().map(|r| r.count).sum::<u64>() + record.more_refusals;
    if all == 0 {
        return Vec::new();
    }
    let mut lines = vec![String::new(), palette.bold(&format!("Refused ({})", count(all)))];
    for refusal in record.refusals.iter().take(SHOWN) {
        lines.extend(refused(refusal, report.name(refusal.pid), palette, columns));
    }
    lines.extend(not_shown(record.refusals.len(), record.more_refusals, palette));
    lines
}

fn refused(refusal: &Refusal, who: &str, palette: Palette, columns: Option<usize>) -> Vec<String> {
    let times = if refusal.count > 1 { format!(", {} times", count(refusal.count)) } else { String::new() };
    let asked = plain_within(&refusal.asked, WIDTH);
    let first = format!("  {} ({}) {} {}{times}", who, refusal.pid, palette.bad(&asked), palette.dim(&refusal.code));
    let mut lines = fitted(&first, columns, 4);
    let mut row = |name: &str, text: &str| {
        let line = format!("    {}  {text}", palette.dim(&format!("{name:<8}")));
        lines.extend(fitted(&line, columns, TEXT));
    };
    reasons(refusal).iter().for_each(|reason| row("why", &plain_within(reason, WIDTH)));
    let detail = &refusal.detail;
    if let Some(right) = detail["missing_grant"]["right"].as_str() {
        let advice = match detail["missing_grant"]["flag"].as_str() {
            Some(flag) => format!("give it with {flag}"),
            None => "its manifest does not ask for it, so no flag gives it".to_owned(),
        };
        row("missing", &plain_within(&format!("{right}; {advice}"), WIDTH));
    }
    if detail.is_object() {
        row("labels", &labels(&detail["labels"]));
        let within =
            format!("score {} of at most {} in {}", detail["score"], detail["threshold"], word(&detail["environment"]));
        row("effect", &format!("{}; {within}", effect(&detail["effect"])));
    }
    match refusal.seq {
        0 => row("act", &format!("{} in the log", refusal.action)),
        seq => row("event", &format!("{seq} in the log, act {}", refusal.action)),
    }
    lines
}

/// Every reason that was enough for a refusal: taking away the first alone changes nothing.
fn reasons(refusal: &Refusal) -> Vec<String> {
    let detail = &refusal.detail;
    let all = detail["reasons"].as_array().into_iter().flatten();
    let binding = all.filter(|reason| reason["weight"] == detail["decision"]);
    let texts = binding.filter_map(|reason| reason["text"].as_str()).filter(|text| !refusal.reason.contains(text));
    std::iter::once(refusal.reason.as_str()).chain(texts).map(str::to_owned).collect()
}

/// What was permitted and could not be done. An agent may have gone on without a word of it.
fn failures(report: &Report<'_>, palette: Palette) -> Vec<String> {
    let record = &report.record;
    let mut lines = Vec::new();
    if !record.failures.is_empty() {
        let all = record.failures.len() as u64 + record.more_failures;
        lines.extend([String::new(), palette.bold(&format!("Permitted, and could not be done ({})", count(all)))]);
        for Failed { seq, pid, agent, asked, code, reason, .. } in record.failures.iter().take(SHOWN) {
            let (asked, reason) = (plain_within(asked, WIDTH), plain_within(reason, WIDTH));
            let event = palette.dim(&format!("event {seq}"));
            lines.push(format!("  {} ({pid}) {} {code}: {reason}  {event}", plain(agent), palette.bad(&asked)));
        }
        lines.extend(not_shown(record.failures.len(), record.more_failures, palette));
    }
    if record.unknown > 0 {
        let acts = counted(record.unknown, "act");
        lines.push(String::new());
        lines.push(palette.warn(&format!(
            "Nobody knows what came of {acts} that an earlier run had begun when it was ended by force: \
             `weft chain show` has them, with outcome unknown"
        )));
    }
    lines
}

fn labels(value: &Value) -> String {
    let all: Vec<&str> = value.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if all.is_empty() { "none".to_owned() } else { plain(&all.join(", ")) }
}

fn word(value: &Value) -> String {
    plain(value.as_str().unwrap_or_default())
}

fn warnings(report: &Report<'_>, palette: Palette) -> Vec<String> {
    let record = &report.record;
    let all = record.warnings.iter().map(|w| w.count).sum::<u64>() + record.more_warnings;
    if all == 0 {
        return Vec::new();
    }
    let mut lines = vec![String::new(), palette.bold(&format!("Permitted with a warning ({})", count(all)))];
    for Warning { agent, pid, asked, count: n, detail, seq, reason } in record.warnings.iter().take(SHOWN) {
        let times = if *n > 1 { format!(", {} times", count(*n)) } else { String::new() };
        let score = format!("score {} of at most {}", detail["score"], detail["threshold"]);
        let carried = match labels(&detail["labels"]) {
            none if none == "none" => String::new(),
            some => format!(", carries {some}"),
        };
        let why = match seq {
            0 => plain_within(reason, WIDTH),
            seq => format!("{score}{carried}, event {seq}"),
        };
        let asked = palette.warn(&plain_within(asked, WIDTH));
        lines.push(format!("  {agent} ({pid}) {asked}{times}  {}", palette.dim(&why)));
    }
    lines.extend(not_shown(record.warnings.len(), record.more_warnings, palette));
    lines
}

fn not_shown(listed: usize, more: u64, palette: Palette) -> Option<String> {
    let rest = listed.saturating_sub(SHOWN) as u64 + more;
    (rest > 0).then(|| palette.dim(&format!("  and {} more; `weft chain show` has all", count(rest))))
}

fn answers(report: &Report<'_>, palette: Palette) -> Vec<String> {
    if report.record.answers.is_empty() {
        return Vec::new();
    }
    let mut lines = vec![String::new(), palette.bold("Asked")];
    for answer in report.record.answers.iter().take(SHOWN) {
        let (agent, asked) = (plain(&answer.agent), plain_within(&answer.asked, WIDTH));
        lines.push(format!("  {agent} {asked}: {}", answered(answer, report.outcome, palette)));
    }
    lines.extend(not_shown(report.record.answers.len(), 0, palette));
    lines
}

fn answered(answer: &Answer, outcome: Outcome, palette: Palette) -> String {
    let by = plain(&answer.by);
    match (answer.allow, answer.cancelled, outcome) {
        (true, ..) => palette.warn(&format!("allowed by {by}")),
        (false, true, Outcome::Interrupted) => palette.bad("not answered: the run was interrupted"),
        (false, true, Outcome::TimedOut) => palette.bad("not answered: the time of the run was over (--timeout)"),
        (false, true, _) => palette.bad("not answered: what asked had ended"),
        (false, false, _) if answer.by == NOBODY => palette.bad("nobody answered, so it was refused"),
        (false, false, _) => palette.bad(&format!("not allowed by {by}")),
    }
}

/// Optional rights of which nothing was given.
fn absent(report: &Report<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for agent in &report.plan.agents {
        for right in &agent.absent {
            lines.push(format!("  {}: {right}", agent.name));
        }
    }
    if !lines.is_empty() {
        lines.insert(0, String::new());
        lines.insert(1, "Not given, and not needed".to_owned());
    }
    lines
}

/// The note begins and ends a paragraph and nothing is added to its lines, so that it can be copied into a file.
fn checkpoint(signed: &Signed, report: &Report<'_>, palette: Palette) -> Vec<String> {
    let size = counted(signed.checkpoint.size, "event");
    let added = report.events.map_or_else(String::new, |added| format!(", {} of them from this run", count(added)));
    let mut lines = vec![format!("{} over {size}{added}", palette.bold("Checkpoint"))];
    lines.push(String::new());
    lines.extend(signed.note.lines().map(str::to_owned));
    lines.push(String::new());
    lines.push(format!("{} {}", palette.bold("Key"), signed.key));
    lines.push(palette.dim("Keep a checkpoint elsewhere, and nobody can cut or rewrite the log unnoticed:"));
    let directory = shell(report.data_dir);
    lines.push(palette.dim(&format!("    weft chain checkpoint --data-dir {directory} > FILE")));
    lines
}
