//! What `weft up` prints: how it booted and where it listens, and how it stopped.

use super::apps::Applied;
use super::boot::Step;
use super::{Address, Environment, Signed, Terminal, VERSION, json};
use crate::cli::api::InPlace;
use crate::cli::api::TOKEN;
use crate::cli::terminal::Palette;
use crate::cli::text::{count, counted, duration, path, plain, shell, shown, unsigned};
use kernel_core::kernel::{Found, Revived};
use kernel_core::path::Name;
use serde_json::Value;
use std::path::Path;

/// A kernel that has come to listen.
pub(super) struct Listening<'a> {
    pub(super) environment: &'a Environment,
    pub(super) steps: &'a [Step],
    /// What should run, and was started again.
    pub(super) revived: &'a [Revived],
    /// The applications of the configuration.
    pub(super) applied: &'a [Applied],
    /// What it has found of the kernel before.
    pub(super) found: Found,
    pub(super) addresses: &'a [Address],
    pub(super) data_dir: &'a Path,
}

impl Listening<'_> {
    fn token(&self) -> Option<std::path::PathBuf> {
        let is_tcp = |address: &Address| matches!(address, Address::Tcp { .. });
        self.addresses.iter().any(is_tcp).then(|| self.data_dir.join(TOKEN))
    }

    /// For a program.
    pub(super) fn document(&self) -> Value {
        let micros = |step: &Step| u64::try_from(step.took.as_micros()).unwrap_or(u64::MAX);
        let boot = self.steps.iter().map(|step| json!({ "phase": step.name, "micros": micros(step) }));
        json!({
            "weft": VERSION,
            "environment": self.environment.name(),
            "pid": std::process::id(),
            "boot": boot.collect::<Vec<_>>(),
            "verified_from": self.found.verified_from,
            "unsigned": self.found.unsigned,
            "crash": crash(&self.found),
            "started_again": self.revived.iter().map(of_revived).collect::<Vec<_>>(),
            "apps": self.applied.iter().map(Applied::document).collect::<Vec<_>>(),
            "listening": self.addresses.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "token_file": self.token().as_deref().map(path),
            "data_dir": path(self.data_dir),
        })
    }

    /// For a person.
    pub(super) fn lines(&self, terminal: Terminal) -> Vec<String> {
        let palette = terminal.out;
        let mut lines = vec![palette.bold(&format!("weft {VERSION}: a kernel in {}", self.environment.name()))];
        lines.extend(self.steps.iter().map(|Step { name, took, more }| {
            palette.dim(format!("  {name:<9}{:>9}  {more}", duration(*took)).trim_end())
        }));
        lines.extend(of_before(&self.found, terminal.out));
        lines.extend(self.revived.iter().map(|revived| match &revived.result {
            Ok(pid) => format!("{} runs again, as process {pid}{}", plain(&revived.app), as_before(revived)),
            Err(refusal) => {
                let reason = plain(&refusal.reason);
                format!("{} {} should run and does not: {reason}", palette.warn("warning:"), plain(&revived.app))
            }
        }));
        lines.extend(self.applied.iter().map(|applied| of_applied(applied, terminal)));
        lines.extend(self.addresses.iter().map(|address| format!("Listening on {address}")));
        lines.extend(self.token().map(|token| format!("The token for TCP lies in {}", shown(&token))));
        lines.push(format!("Ctrl-C stops it, and so does weft shutdown --data-dir {}", shell(self.data_dir)));
        lines
    }
}

/// What is known of a crash; null where the kernel before has stopped in order. What waited in ordinary inboxes is known
/// as of the last write of the log.
pub(super) fn crash(found: &Found) -> Value {
    let Found { crashed, lost, unknown, stored, letters, cut_short, .. } = found;
    match crashed {
        true => json!({
            "acts_unknown": unknown, "messages_kept": stored, "messages_lost": lost, "letters": letters,
            "apps_cut_short": cut_short,
        }),
        false => Value::Null,
    }
}

/// The same for a person, in the colours of where it is said, and what of its log no signature covers.
pub(super) fn of_before(found: &Found, palette: Palette) -> Vec<String> {
    let Found { crashed, lost, unknown, stored, letters, cut_short, .. } = found;
    let mut lines = Vec::new();
    if found.unsigned > 0 {
        lines.push(format!("{} {}", palette.warn("warning:"), unsigned(found.unsigned)));
    }
    if !crashed {
        return lines;
    }
    let of = |n: &usize, one: &str| counted(*n as u64, one);
    lines.extend([
        format!("{} the kernel before did not stop in order", palette.warn("warning:")),
        format!("  of {} nobody knows what came; the log says `unknown`", of(unknown, "outward act")),
        format!("  {} in durable inboxes: handed again to whom they are for", of(stored, "message")),
        format!("  {} kept: weft letters", of(letters, "dead letter")),
        format!("  {} in other inboxes when the log was last written: lost", counted(*lost, "message")),
    ]);
    lines.extend(
        cut_short.iter().map(|app| format!("  {app} was to run until it is quiet: cut short, and not started again")),
    );
    lines
}

/// An application of the configuration, for a person.
fn of_applied(Applied { app, version, before, without, result }: &Applied, terminal: Terminal) -> String {
    let what = match before {
        None => format!("{app} {version} is not put in place"),
        Some(InPlace::Nothing) => format!("{app} {version} is installed"),
        Some(InPlace::Other(from)) => format!("{app} {version} takes the place of {from}"),
        Some(InPlace::Same) => format!("{app} {version} is there as it was"),
    };
    match (before, result) {
        (_, Ok(pid)) => format!("{what} and runs as process {pid}{}", left_out(without)),
        (None, Err(reason)) => format!("{} {what}: {}", terminal.out.warn("warning:"), plain(reason)),
        (Some(_), Err(reason)) => {
            format!("{} {what}, should run and does not: {}", terminal.out.warn("warning:"), plain(reason))
        }
    }
}

fn of_revived(revived: &Revived) -> Value {
    let reason = revived.result.as_ref().err().map(|refusal| &refusal.reason);
    json!({
        "app": revived.app, "pid": revived.result.as_ref().ok(), "reason": reason, "without": revived.without(),
        "suspended": revived.suspended,
    })
}

/// Who of an application that runs again does not, or is suspended, for a person.
fn as_before(revived: &Revived) -> String {
    let mut text = left_out(&revived.killed);
    if !revived.left_out.is_empty() {
        text += &format!(", without {} as before", names(&revived.left_out));
    }
    if !revived.suspended.is_empty() {
        text += &format!(", with {} suspended as before", names(&revived.suspended));
    }
    text
}

/// Who of an application that runs was killed, for a person.
pub(super) fn left_out<'a>(killed: impl IntoIterator<Item = &'a Name, IntoIter: ExactSizeIterator>) -> String {
    let killed = killed.into_iter();
    match killed.len() {
        0 => String::new(),
        1 => format!(", without {}, which was killed", names(killed)),
        _ => format!(", without {}, which were killed", names(killed)),
    }
}

fn names<'a>(names: impl IntoIterator<Item = &'a Name>) -> String {
    names.into_iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

/// A kernel that has stopped in order.
pub(super) struct Stopped<'a> {
    pub(super) reason: &'a str,
    pub(super) signed: &'a Signed,
    /// The event with which its start began.
    pub(super) from: u64,
    pub(super) data_dir: &'a Path,
}

impl Stopped<'_> {
    fn events(&self) -> u64 {
        self.signed.size.saturating_sub(self.from)
    }

    /// For a program.
    pub(super) fn document(&self) -> Value {
        json!({
            "weft": VERSION,
            "stopped": self.reason,
            "events": self.events(),
            "checkpoint": self.signed,
            "data_dir": path(self.data_dir),
        })
    }

    /// For a person.
    pub(super) fn lines(&self, terminal: Terminal) -> Vec<String> {
        let palette = terminal.out;
        let mut lines = vec![format!("Stopped: {}", plain(self.reason)), String::new()];
        let more = format!(", {} of them from this start", count(self.events()));
        lines.extend(checkpoint(self.signed, &more, terminal));
        lines.push(palette.dim("Keep a checkpoint elsewhere, and nobody can cut or rewrite the log unnoticed:"));
        lines.push(palette.dim(&format!("    weft chain checkpoint --data-dir {} > FILE", shell(self.data_dir))));
        lines
    }
}

/// The checkpoint of a kernel that has stopped, for a person.
pub(crate) fn checkpoint(signed: &Signed, more: &str, terminal: Terminal) -> Vec<String> {
    let palette = terminal.out;
    let mut lines =
        vec![format!("{} over {}{more}", palette.bold("Checkpoint"), counted(signed.size, "event")), String::new()];
    lines.extend(signed.note.lines().map(str::to_owned));
    lines.push(String::new());
    lines.push(format!("{} {}", palette.bold("Key"), signed.key));
    lines
}
