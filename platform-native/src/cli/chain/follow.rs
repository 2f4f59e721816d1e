//! `weft chain show --follow`: the log of a kernel that runs, event by event as it is written.

use super::line::Acts;
use super::live::Page;
use super::show::{Printer, as_text};
use super::{Filter, Which};
use crate::cli::client;
use crate::cli::events::Entry;
use crate::cli::exit::{Exit, Failure};
use crate::cli::place::Places;
use crate::cli::terminal::{Terminal, tell};
use crate::cli::text::shown;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel_core::chain::{ChainError, Hash, decode};
use std::time::Duration;

/// How often it is asked for more.
const LOOK: Duration = Duration::from_millis(100);

/// Shows what is wanted of the log, from its beginning in `filter` or from now on, until nobody reads any more or the
/// kernel is gone.
pub(super) async fn follow(which: &Which, filter: &Filter, json: bool, terminal: Terminal) -> Result<Exit, Failure> {
    let path = Places::from_env().existing(which.data_dir.as_deref())?;
    let kernel = client::Which::of(Some(&path), None, None).connect().await;
    let mut kernel = kernel.map_err(|e| match e.code {
        "no_kernel" => Failure::usage(format!("no kernel runs on {}, so nothing more will come", shown(&path)))
            .help("leave out --follow to see what is stored, or start a kernel on it: weft up"),
        _ => e,
    })?;
    let (mut acts, mut last) = (Acts::default(), None);
    // Beyond the end there is nothing, and the answer says where the end is.
    let mut from = filter.first().unwrap_or(u64::MAX);
    let mut printer = Printer::followed(json);
    loop {
        let answer = match kernel.bytes(&format!("/v1/log/{from}")).await {
            Ok(answer) => answer,
            Err(gone) if matches!(gone.code, "broke_off" | "cancelled") => {
                tell("weft: the kernel is gone, and what it wrote last is in `weft chain show`");
                return Ok(Exit::Done);
            }
            Err(other) => return Err(other),
        };
        let page: Page = kernel.parsed(&answer)?;
        for raw in &page.events {
            let event = STANDARD.decode(&raw.event).map_err(|e| kernel.broke_off(&e.to_string()))?;
            let decoded = decode(&event).map_err(|e| kernel.broke_off(&e.to_string()))?;
            if last.is_some_and(|(seq, hash)| (seq + 1, hash) != (decoded.seq, decoded.prev)) {
                return Err(ChainError::Forked { seq: decoded.seq }.into());
            }
            last = Some((decoded.seq, Hash::leaf(&event)));
            let entry = Entry::of(&decoded);
            let act = acts.of(&entry);
            if filter.wants(&entry, act.as_ref()) {
                printer.at_once(&if json {
                    entry.json().to_string()
                } else {
                    as_text(&entry, act.as_ref(), terminal)
                })?;
            }
        }
        if printer.is_gone() {
            return Ok(Exit::Done);
        }
        let more = !page.events.is_empty();
        from = page.next;
        if !more {
            tokio::time::sleep(LOOK).await;
        }
    }
}
