//! The report for a person, in Markdown that reads well as it stands.

use crate::gathered::Gathered;
use guest::message::Tried;
use scan::text::{is_unseen, size};
use serde_json::Value;
use std::fmt::Write;

/// Rows of a table, at most; all of them are in the report for programs.
const ROWS: usize = 200;

/// The report as Markdown.
pub(crate) fn render(gathered: &Gathered) -> String {
    let mut out = String::from("# Repository audit\n\n");
    summary(&mut out, gathered);
    secrets(&mut out, gathered);
    refusals(&mut out, gathered);
    hygiene(&mut out, gathered);
    inventory(&mut out, gathered);
    out
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}

macro_rules! line {
    ($out:expr) => { $out.push('\n') };
    ($out:expr, $($text:tt)*) => { line($out, format_args!($($text)*)) };
}

fn summary(out: &mut String, gathered: &Gathered) {
    if !gathered.problems.is_empty() {
        line!(out, "> **This audit is not complete.**");
        for problem in &gathered.problems {
            line!(out, "> - {}", text(problem));
        }
        line!(out);
    }
    let found = |name: &str| gathered.scanned.get(name).map_or(0, |scanned| scanned.found);
    line!(out, "| | |");
    line!(out, "|---|---|");
    if let Some(walked) = &gathered.walked {
        line!(
            out,
            "| Scanned | {}, {}, in {} |",
            counted(walked.files, "file"),
            size(walked.bytes),
            counted(walked.folders, "folder")
        );
    }
    line!(out, "| Secrets | {} |", number(found("secrets")));
    line!(out, "| Things to tidy | {} |", number(found("hygiene")));
    let dependencies: usize = gathered.survey.manifests.iter().map(|m| m.dependencies.len()).sum();
    line!(out, "| Lines of text | {} |", count(found("inventory")));
    line!(
        out,
        "| Dependencies | {} in {} |",
        count(dependencies as u64),
        counted(gathered.survey.manifests.len() as u64, "manifest")
    );
    let refused = gathered.tried.iter().filter(|tried| tried.refusal.is_some()).count();
    line!(out, "| Refused acts of agents | {} |", number(refused as u64));
    if let Some(walked) = &gathered.walked {
        let notes = [
            (walked.unreadable, ("could not be read", "could not be read")),
            (
                walked.partly_scanned,
                (
                    "is longer than the limit, or grew, and was scanned in part",
                    "are longer than the limit, or grew, and were scanned in part",
                ),
            ),
            (
                walked.outside_links,
                (
                    "link leads out of the folder; what is there was not scanned",
                    "links lead out of the folder; what is there was not scanned",
                ),
            ),
            (
                walked.other_mounts,
                (
                    "folder is that of another mount; what is there was not scanned",
                    "folders are those of other mounts; what is there was not scanned",
                ),
            ),
            (
                walked.skipped_folders,
                ("folder was left out, as the manifest says", "folders were left out, as the manifest says"),
            ),
        ];
        for (n, (one, many)) in notes.iter().filter(|(n, _)| *n > 0) {
            line!(out, "| Note | {} {} |", count(*n), if *n == 1 { one } else { many });
        }
    }
    line!(out);
}

fn secrets(out: &mut String, gathered: &Gathered) {
    line!(out, "## Secrets\n");
    if gathered.secrets.kept.is_empty() {
        line!(out, "None found.\n");
        return;
    }
    line!(out, "Revoke each of these where it was issued; deleting it from the file is not enough.\n");
    line!(out, "| where | what | excerpt |");
    line!(out, "|---|---|---|");
    for secret in gathered.secrets.kept.iter().take(ROWS) {
        line!(out, "| {}:{} | {} | {} |", code(&secret.path), secret.line, text(&secret.kind), code(&secret.excerpt));
    }
    let (_, unlisted) = gathered.counted("secrets", &gathered.secrets);
    more(out, gathered.secrets.kept.len(), unlisted);
}

fn refusals(out: &mut String, gathered: &Gathered) {
    line!(out, "## What agents were refused\n");
    match &gathered.tried {
        Some(tried) => refusal(out, tried),
        None => line!(out, "The courier did not speak.\n"),
    }
    match &gathered.published {
        Some(published) => match (&published.endpoint, published.status, &published.problem) {
            (None, _, None) => line!(out, "The publisher was given no right to connect, so it posted nothing.\n"),
            (Some(endpoint), Some(status), _) if !(200..300).contains(&status) => {
                line!(
                    out,
                    "The publisher sent the totals, without findings, to {}, which did not take them (HTTP status {status}).\n",
                    code(endpoint)
                );
            }
            (Some(endpoint), Some(status), _) => {
                line!(
                    out,
                    "The publisher posted the totals, without findings, to {} (HTTP status {status}).\n",
                    code(endpoint)
                );
            }
            (endpoint, _, problem) => {
                let to = endpoint.as_deref().map_or(String::new(), |endpoint| format!(" to {}", code(endpoint)));
                line!(
                    out,
                    "The publisher could not post the totals{to}: {}.\n",
                    text(problem.as_deref().unwrap_or("no response").trim_end_matches('.'))
                );
            }
        },
        None => line!(out, "The publisher did not speak.\n"),
    }
}

/// The keys are those of the kernel's explanation; what it does not say is left out.
fn refusal(out: &mut String, tried: &Tried) {
    let Some(refusal) = &tried.refusal else {
        line!(out, "**The courier was not refused**: {} {} succeeded.\n", text(&tried.verb), code(&tried.resource));
        return;
    };
    let detail = &refusal.detail;
    match tried.findings {
        0 => line!(
            out,
            "The courier was given an empty list of findings and tried to connect all the same. The kernel refused.\n"
        ),
        1 => line!(out, "The courier was given 1 finding and tried to take it out. The kernel refused.\n"),
        n => line!(
            out,
            "The courier was given {} and tried to take them out. The kernel refused.\n",
            counted(n, "finding")
        ),
    }
    line!(out, "| | |");
    line!(out, "|---|---|");
    let process = detail.get("process").map_or(String::new(), |pid| format!(" (process {pid})"));
    line!(out, "| Who | courier{process} |");
    line!(out, "| Verb and resource | {} {} |", text(&tried.verb), code(&tried.resource));
    line!(out, "| Answer | {}: {} |", text(&refusal.code), text(&refusal.reason));
    let missing = detail.pointer("/missing_grant/right").and_then(Value::as_str);
    if let Some(right) = missing {
        line!(out, "| Missing grant | {} |", code(right));
    }
    if !tried.labels.is_empty() {
        line!(out, "| Labels it carried | {} |", text(&tried.labels.join(", ")));
    }
    if let Some(effect) = detail.get("effect").and_then(Value::as_object) {
        let parts: Vec<String> = effect.iter().map(|(name, value)| format!("{name} {value}")).collect();
        line!(out, "| Effect | {} |", text(&parts.join(", ")));
    }
    if let (Some(score), Some(threshold)) = (detail.get("score"), detail.get("threshold")) {
        let environment = detail.get("environment").and_then(Value::as_str).unwrap_or("this environment");
        line!(out, "| Score and threshold | {score}, threshold {threshold} in {} |", text(environment));
    }
    line!(out, "| In the log | act {} |", refusal.action);
    line!(out);
}

fn hygiene(out: &mut String, gathered: &Gathered) {
    line!(out, "## Things to tidy\n");
    if gathered.defects.kept.is_empty() {
        line!(out, "Nothing found.\n");
        return;
    }
    line!(out, "| where | what | detail |");
    line!(out, "|---|---|---|");
    for defect in gathered.defects.kept.iter().take(ROWS) {
        let at = defect.line.map_or(String::new(), |line| format!(":{line}"));
        line!(out, "| {}{at} | {} | {} |", code(&defect.path), text(&defect.kind), text(&defect.detail));
    }
    let (_, unlisted) = gathered.counted("hygiene", &gathered.defects);
    more(out, gathered.defects.kept.len(), unlisted);
}

fn inventory(out: &mut String, gathered: &Gathered) {
    let survey = &gathered.survey;
    line!(out, "## Inventory\n\n### Languages\n");
    line!(out, "| language | files | lines | size |");
    line!(out, "|---|--:|--:|--:|");
    let mut languages: Vec<_> = survey.languages.iter().collect();
    languages.sort_unstable_by_key(|(name, tally)| (std::cmp::Reverse(tally.lines), name.as_str()));
    for (name, tally) in languages.into_iter().take(ROWS) {
        line!(out, "| {} | {} | {} | {} |", text(name), count(tally.files), count(tally.lines), size(tally.bytes));
    }
    if survey.binary.files > 0 {
        line!(out, "| not text | {} | | {} |", count(survey.binary.files), size(survey.binary.bytes));
    }
    line!(out, "\n### Licences\n");
    if survey.licences.is_empty() {
        line!(out, "None recognised.");
    } else {
        line!(out, "| licence | texts | headers | manifests |");
        line!(out, "|---|---|--:|---|");
        for (name, licence) in survey.licences.iter().take(ROWS) {
            line!(
                out,
                "| {} | {} | {} | {} |",
                text(name),
                some(&licence.texts),
                count(licence.headers),
                some(&licence.manifests)
            );
        }
        more(out, survey.licences.len(), survey.omitted_licences);
    }
    line!(out, "\n### Dependencies\n");
    if survey.manifests.is_empty() {
        line!(out, "No manifest found.");
        return;
    }
    line!(out, "| manifest | package | dependencies |");
    line!(out, "|---|---|---|");
    for manifest in survey.manifests.iter().take(ROWS) {
        let name = manifest.name.as_deref().unwrap_or("");
        let version = manifest.version.as_deref().unwrap_or("");
        let what = match &manifest.problem {
            Some(problem) => format!("could not be read: {}", text(problem)),
            None => dependencies(&manifest.dependencies),
        };
        line!(out, "| {} | {} | {what} |", code(&manifest.path), text(format!("{name} {version}").trim()));
    }
    more(out, survey.manifests.len(), survey.omitted);
}

fn dependencies(all: &[scan::inventory::Dependency]) -> String {
    const SHOWN: usize = 12;
    let mut shown: Vec<String> =
        all.iter().take(SHOWN).map(|d| text(format!("{} {}", d.name, d.requirement).trim())).collect();
    if all.len() > SHOWN {
        shown.push(format!("and {} more", all.len() - SHOWN));
    }
    if shown.is_empty() { "none".to_owned() } else { shown.join(", ") }
}

fn some(paths: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut shown: Vec<String> = paths.iter().take(SHOWN).map(|path| code(path)).collect();
    if paths.len() > SHOWN {
        shown.push(format!("and {} more", paths.len() - SHOWN));
    }
    shown.join(", ")
}

fn more(out: &mut String, listed: usize, unlisted: u64) {
    if listed > ROWS {
        line!(out, "\n{} more are in `report.json`.", count((listed - ROWS) as u64));
    }
    if unlisted > 0 {
        line!(out, "\n{} were counted, but not kept.", count(unlisted));
    }
    line!(out);
}

/// Text of others within a table cell: nothing in it may become markup, a link or a new row.
fn text(raw: &str) -> String {
    let mut out = String::with_capacity(raw.len());
    for c in raw.chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '!' | '&' | '~' => out.extend(['\\', c]),
            c => push_seen(&mut out, c),
        }
    }
    out
}

/// The same as code: backquotes in it need a longer fence, and `|` is escaped even there.
fn code(raw: &str) -> String {
    let longest = raw.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if raw.starts_with('`') || raw.ends_with('`') { " " } else { "" };
    let mut clean = String::with_capacity(raw.len());
    raw.chars().for_each(|c| push_seen(&mut clean, c));
    format!("{fence}{pad}{}{pad}{fence}", clean.replace('|', "\\|"))
}

/// A character as it is; of one that is not to be seen, its number, and of a control character a blank.
fn push_seen(out: &mut String, c: char) {
    if c.is_control() {
        out.push(' ');
    } else if is_unseen(c) {
        // Writing to a string cannot fail.
        let _ = write!(out, "{{U+{:04X}}}", u32::from(c));
    } else {
        out.push(c);
    }
}

/// A number that is bold unless it is 0.
fn number(n: u64) -> String {
    if n == 0 { "none".to_owned() } else { format!("**{}**", count(n)) }
}

/// Digits in groups of three.
fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// A count of things: "1 file", "2 files".
fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests;
