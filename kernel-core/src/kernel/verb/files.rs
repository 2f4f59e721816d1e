//! `read`, `list`, `write` and `remove` on `/fs`: what the mounts hold.

use super::{Body, header, invalid};
use crate::ipc::body;
use crate::kernel::effects::{Effects, Perform, Performance};
use crate::kernel::file_labels::{Does, Flight, Shows};
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::{FsPath, Name, Verb};
use crate::platform::{DeviceReply, DeviceRequest, WriteMode};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a device may take over a file, or over what goes out on a stream, before its caller is told so.
const DEVICE_DEADLINE: Duration = Duration::from_secs(60);
/// Bytes of a read that does not say.
const DEFAULT_READ: u32 = 64 << 10;
/// Entries of one page of a listing.
const PAGE: u32 = 1_000;

/// Which bytes to read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Read {
    /// The first byte.
    pub offset: u64,
    /// How many; at most 1 MiB, by default 64 KiB. Fewer come only at the end.
    pub len: Option<u32>,
    /// The snapshot of the tree by which to read; none for what there is now, and for files.
    pub at: Option<Name>,
}

/// Which page of a listing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct List {
    /// The `next` of the page before.
    pub cursor: Option<String>,
    /// Entries, at most and by default 1,000.
    pub limit: Option<u32>,
}

impl List {
    /// How many entries a page has at most.
    pub(super) fn of_page(&self) -> Result<u32, Refusal> {
        match self.limit.unwrap_or(PAGE) {
            limit @ 1..=PAGE => Ok(limit),
            _ => Err(invalid(format!("\"limit\" is 1 to {PAGE}"))),
        }
    }
}

/// How and what to write.
#[derive(Clone, Debug)]
pub struct Write {
    /// The way.
    pub mode: WriteMode,
    /// Joined to what the writer carries.
    pub labels: Labels,
    /// Compare-and-set: the SHA-256 that the value must have, or `None` inside for "must not exist".
    pub expect: Option<Option<[u8; 32]>>,
    /// What a node of the tree is said to be; empty for a file.
    pub kind: String,
    /// The raw bytes.
    pub payload: Bytes,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct WriteHeader {
    replace: bool,
    append: bool,
    offset: Option<u64>,
    labels: Labels,
    kind: String,
    /// Hexadecimal SHA-256, or "absent".
    expect: Option<String>,
}

/// Which snapshot an act on the tree is about, where it is about one.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct OfSnapshot {
    pub(super) snapshot: Option<Name>,
}

pub(super) fn parse_write(body: &Body) -> Result<Write, Refusal> {
    let h: WriteHeader = header(body)?;
    let mode = match (h.replace, h.append, h.offset) {
        (true, false, None) => WriteMode::Replace,
        (false, true, None) => WriteMode::Append,
        (false, false, Some(offset)) => WriteMode::At(offset),
        _ => return Err(invalid("a write says exactly one of \"replace\":true, \"append\":true, \"offset\":n")),
    };
    let expect = h.expect.as_deref().map(parse_expect).transpose()?;
    Ok(Write { mode, labels: h.labels, expect, kind: h.kind, payload: body.payload.clone() })
}

fn parse_expect(text: &str) -> Result<Option<[u8; 32]>, Refusal> {
    if text == "absent" {
        return Ok(None);
    }
    let mut hash = [0u8; 32];
    let ok = text.len() == 64
        && text.is_ascii()
        && hash
            .iter_mut()
            .enumerate()
            .all(|(i, byte)| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).map(|b| *byte = b).is_ok());
    ok.then_some(Some(hash)).ok_or_else(|| invalid("\"expect\" is 64 hexadecimal digits of a SHA-256, or \"absent\""))
}

/// The length of a read. The row let none pass that is over its limit.
pub(super) fn read_len(len: Option<u32>) -> u32 {
    len.unwrap_or(DEFAULT_READ)
}

impl State {
    pub(super) fn apply_fs_read(
        &mut self,
        act: &Act,
        path: &FsPath,
        read: &Read,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let request = DeviceRequest::Read {
            mount: path.mount().to_string(),
            path: path.rest().to_owned(),
            offset: read.offset,
            len: read_len(read.len),
        };
        let flight = Flight { path: path.clone(), shows: Shows::Content, does: Does::Look, writes: None };
        self.ask_about_file(act, flight, request, now, fx)
    }

    pub(super) fn apply_fs_list(
        &mut self,
        act: &Act,
        path: &FsPath,
        list: &List,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let request = DeviceRequest::List {
            mount: path.mount().to_string(),
            path: path.rest().to_owned(),
            cursor: list.cursor.clone(),
            limit: list.of_page()?,
        };
        let flight = Flight { path: path.clone(), shows: Shows::Entries, does: Does::Look, writes: None };
        self.ask_about_file(act, flight, request, now, fx)
    }

    pub(super) fn apply_fs_write(
        &mut self,
        act: &Act,
        path: &FsPath,
        write: &Write,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let stored = self.may_store(act.pid, write.payload.len() as u64, 0)?;
        self.weigh_limits(act.pid, &[stored], now, fx);
        let request = DeviceRequest::Write {
            mount: path.mount().to_string(),
            path: path.rest().to_owned(),
            mode: write.mode,
            body: write.payload.clone(),
            expect: write.expect,
        };
        let flight = Flight {
            path: path.clone(),
            // Whether the file is the expected one is told by every answer.
            shows: if write.expect.is_some() { Shows::Content } else { Shows::Nothing },
            does: match write.mode {
                WriteMode::Replace => Does::Replace(act.labels.clone()),
                WriteMode::Append | WriteMode::At(_) => Does::Change,
            },
            writes: Some((act.pid, write.payload.len())),
        };
        self.ask_about_file(act, flight, request, now, fx)
    }

    pub(super) fn apply_fs_remove(
        &mut self,
        act: &Act,
        path: &FsPath,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let request = DeviceRequest::Remove { mount: path.mount().to_string(), path: path.rest().to_owned() };
        // Nothing of what was there is left.
        let flight = Flight {
            path: path.clone(),
            shows: Shows::Presence,
            does: Does::Replace(act.labels.clone()),
            writes: None,
        };
        self.ask_about_file(act, flight, request, now, fx)
    }

    /// Hands a request about a file to the host. Its caller carries from now on what the answer will show,
    /// and the file what its caller carries: before the bytes can be there, in a batch that is written first,
    /// so that no crash leaves a labelled file without its labels.
    fn ask_about_file(
        &mut self,
        act: &Act,
        mut flight: Flight,
        request: DeviceRequest,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let shown = self.shown_labels(&flight.path, flight.shows)?;
        let writes = matches!(act.verb, Verb::Write | Verb::Remove);
        // Whoever finds it afterwards, or finds it gone, learns of what it was done upon.
        let seen = shown.minus(&self.declared(&flight.path));
        let labels = if writes { act.labels.join(&seen) } else { Ok(Labels::NONE) };
        let labels = labels.map_err(|e| Refusal::new(Code::TooLarge, format!("{}: {e}", act.resource)))?;
        self.taint(act.pid, &shown)?;
        self.join_labels(&flight.path, &labels, fx)?;
        if let Does::Replace(after) = &mut flight.does {
            *after = labels.clone();
        }
        self.flights.begin(act.action, flight);
        let durable = act.durable || !labels.is_empty();
        self.ask(act, durable, request, now, fx)
    }

    /// Hands a request to the host; the act stays open until the device answers.
    pub(super) fn ask_device(
        &mut self,
        act: &Act,
        request: DeviceRequest,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        self.ask(act, act.durable, request, now, fx)
    }

    fn ask(
        &mut self,
        act: &Act,
        durable: bool,
        request: DeviceRequest,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        fx.acts.push(Perform { action: act.action, durable, what: Performance::Device(request) });
        self.open(act, Open::new(act, OpenKind::Device), Some(now.at.after(DEVICE_DEADLINE)));
        Ok(Answer::Later)
    }
}

/// What a device answered, as the reply of the act.
pub(crate) fn device_reply(reply: &DeviceReply) -> Bytes {
    #[derive(Serialize)]
    struct Entries<'a> {
        entries: &'a [crate::platform::Entry],
        next: &'a Option<String>,
    }
    match reply {
        DeviceReply::Entries { entries, next } => body::json(&Entries { entries, next }),
        DeviceReply::Data { body, .. } => body.clone(),
        DeviceReply::Done { .. } => Bytes::from_static(b"{}"),
    }
}
