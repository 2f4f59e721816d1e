//! The verbs: how each body parses and what each act does once it was permitted.
//!
//! `table` says which verb fits which kind of resource; nothing outside it exists. One file per verb.

mod app;
mod call;
mod connect;
mod files;
mod inbox;
mod monitor;
mod process;
mod register;
mod send;
mod spawn;
mod streams;
pub mod table;
mod timer;
mod topic;
mod tree;

pub use app::{AppStart, Install};
pub use call::Call;
pub use files::{List, Read, Write};
pub use inbox::InboxRead;
pub use send::Message;
pub use spawn::Spawn;
pub use streams::StreamRead;
pub use timer::TimerStart;

use crate::ipc::body::{self, Framed};
use crate::path::{Kind, Resource, Verb};
use crate::refusal::{Code, Refusal};
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The body of an act, typed.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Op {
    Read(Read),
    Info,
    Inbox(InboxRead),
    StreamRead(StreamRead),
    StreamWrite(Bytes),
    List(List),
    Write(Write),
    Remove,
    Send(Message),
    Publish(Message),
    Subscribe,
    Call(Call),
    Register,
    Spawn(Box<Spawn>),
    Stop,
    Kill,
    Monitor,
    Connect,
    StartTimer(TimerStart),
    StartApp(Box<AppStart>),
    Install(Box<Install>),
}

/// Parses the body of `verb` on `resource`.
///
/// # Errors
/// `Invalid` where the pair does not exist or the body does not fit, `Unsupported` where the pair is
/// not built yet, `TooLarge` where the payload is over its limit.
pub fn parse(verb: Verb, resource: &Resource, body: &Bytes) -> Result<Op, Refusal> {
    let kind = resource.kind();
    let Some(row) = table::row(verb, kind) else {
        return Err(invalid(format!("`{}` does not apply to {resource}; VERBS.md says what does", verb.as_str())));
    };
    if let Some(missing) = row.missing {
        return Err(Refusal::new(
            Code::Unsupported,
            format!("`{}` on {resource} needs {missing}, which this version does not have", verb.as_str()),
        ));
    }
    let framed = body::split(body).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))?;
    if !row.payload && !framed.payload.is_empty() {
        return Err(invalid(format!("`{}` on {resource} takes no payload", verb.as_str())));
    }
    let op = match (verb, kind) {
        (Verb::Read, Kind::Fs | Kind::Tree) => Op::Read(header(&framed)?),
        (Verb::Read, Kind::Proc) => empty(&framed, Op::Info)?,
        (Verb::Read, Kind::Inbox) => Op::Inbox(header(&framed)?),
        (Verb::Read, Kind::Stream) => Op::StreamRead(header(&framed)?),
        (Verb::List, _) => Op::List(header(&framed)?),
        (Verb::Write, Kind::Stream) => empty(&framed, Op::StreamWrite(framed.payload.clone()))?,
        (Verb::Write, _) => Op::Write(files::parse_write(&framed)?),
        (Verb::Remove, _) => empty(&framed, Op::Remove)?,
        (Verb::Send, _) => Op::Send(send::parse(&framed)?),
        (Verb::Publish, _) => Op::Publish(send::parse(&framed)?),
        (Verb::Subscribe, _) => empty(&framed, Op::Subscribe)?,
        (Verb::Call, _) => Op::Call(call::parse(&framed)?),
        (Verb::Register, _) => empty(&framed, Op::Register)?,
        (Verb::Spawn, _) => Op::Spawn(Box::new(header(&framed)?)),
        (Verb::Stop, _) => empty(&framed, Op::Stop)?,
        (Verb::Kill, _) => empty(&framed, Op::Kill)?,
        (Verb::Monitor, _) => empty(&framed, Op::Monitor)?,
        (Verb::Connect, _) => empty(&framed, Op::Connect)?,
        (Verb::Start, Kind::Timer) => Op::StartTimer(timer::parse(&framed)?),
        (Verb::Start, Kind::App) => Op::StartApp(Box::new(header(&framed)?)),
        (Verb::Install, _) => Op::Install(Box::new(app::parse_install(&framed)?)),
        _ => {
            return Err(Refusal::new(
                Code::Unsupported,
                format!("`{}` on {resource} is not built", verb.as_str()),
            ));
        }
    };
    Ok(op)
}

/// The JSON line as `T`; an empty line is `{}`.
fn header<T: DeserializeOwned>(framed: &Framed) -> Result<T, Refusal> {
    let text: &[u8] = if framed.header.is_empty() { b"{}" } else { &framed.header };
    serde_json::from_slice(text).map_err(|e| invalid(format!("the JSON line of the body does not fit the verb: {e}")))
}

/// `op`, provided that the JSON line is empty.
fn empty(framed: &Framed, op: Op) -> Result<Op, Refusal> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Nothing {}
    if !framed.header.is_empty() && &framed.header[..] != b"{}" {
        let Nothing {} = header(framed)?;
    }
    Ok(op)
}

pub(crate) fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::new(Code::Invalid, reason)
}
