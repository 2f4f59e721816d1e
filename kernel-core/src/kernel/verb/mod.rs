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

pub(crate) use app::app_key;
pub use app::{AppStart, Install};
pub use call::Call;
pub(crate) use files::device_reply;
pub use files::{List, Read, Write};
pub use inbox::InboxRead;
pub use send::Message;
pub(crate) use spawn::New;
pub use spawn::Spawn;
pub use streams::StreamRead;
pub use timer::TimerStart;

use crate::ipc::body::{self, Framed};
use crate::kernel::effects::Effects;
use crate::kernel::request::Parsed;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::path::{Kind, Resource, Verb};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use table::{NoRow, Row};

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
pub fn parse(verb: Verb, resource: &Resource, body: &Bytes) -> Result<(Op, &'static Row), Refusal> {
    let kind = resource.kind();
    let row = table::lookup(verb, kind).map_err(|no| match no {
        NoRow::DoesNotApply(..) => invalid(no.to_string()),
        NoRow::Missing(..) => Refusal::new(Code::Unsupported, no.to_string()),
    })?;
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
            return Err(Refusal::new(Code::Unsupported, format!("`{}` on {resource} is not built", verb.as_str())));
        }
    };
    Ok((op, row))
}

impl State {
    /// Does what a permitted act says, or hands it to the host.
    pub(crate) fn apply(&mut self, act: &Act, parsed: &Parsed, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        match (&parsed.op, &parsed.resource) {
            (Op::Send(message), _) => self.apply_send(act, message, now, fx),
            (Op::Publish(message), Resource::Topic(topic)) => self.apply_publish(act, topic, message, now, fx),
            (Op::Call(call), _) => self.apply_call(act, call, now, fx),
            (Op::Inbox(read), _) => self.apply_inbox(act, read, now),
            (Op::Read(read), Resource::Fs(path)) => self.apply_fs_read(act, path, read, now, fx),
            (Op::List(list), Resource::Fs(path)) => self.apply_fs_list(act, path, list, now, fx),
            (Op::Write(write), Resource::Fs(path)) => self.apply_fs_write(act, path, write, now, fx),
            (Op::Remove, Resource::Fs(path)) => self.apply_fs_remove(act, path, now, fx),
            (Op::Read(_), Resource::Tree(path)) => self.apply_tree_read(act, path),
            (Op::Write(write), Resource::Tree(path)) => self.apply_tree_write(act, path, write, fx),
            (Op::Remove, Resource::Tree(path)) => self.apply_tree_remove(path, fx),
            (Op::StreamRead(read), Resource::Stream(stream)) => self.apply_stream_read(act, *stream, read, now, fx),
            (Op::StreamWrite(bytes), Resource::Stream(stream)) => self.apply_stream_write(act, *stream, bytes, now, fx),
            (Op::Stop, Resource::Stream(stream)) => self.apply_stream_stop(act, *stream, now, fx),
            (Op::Subscribe, Resource::Topic(topic)) => self.apply_subscribe(act, topic),
            (Op::Register, Resource::Service(name)) => self.apply_register(act, name),
            (Op::Spawn(spawn), Resource::Agent(name)) => self.apply_spawn(act, name, spawn, now, fx),
            (Op::Info, Resource::Proc(pid)) => self.apply_info(*pid),
            (Op::Stop, Resource::Proc(pid)) => self.apply_stop(*pid, now, fx),
            (Op::Kill, Resource::Proc(pid)) => self.apply_kill(act, *pid, now, fx),
            (Op::Monitor, _) => self.apply_monitor(act),
            (Op::Connect, Resource::Net(endpoint)) => self.apply_connect(act, endpoint, now, fx),
            (Op::StartTimer(start), Resource::Timer(name)) => self.apply_timer_start(act, name, *start, now),
            (Op::Stop, Resource::Timer(name)) => self.apply_timer_stop(act, name),
            (Op::Remove, Resource::App(name)) => self.apply_app_remove(name, fx),
            (Op::Install(install), Resource::App(name)) => self.apply_install(name, install, fx),
            (Op::StartApp(start), Resource::App(name)) => self.apply_app_start(act, name, start, now, fx),
            (Op::Stop, Resource::App(name)) => self.apply_app_stop(name, now, fx),
            (_, resource) => {
                Err(Refusal::new(Code::Unsupported, format!("`{}` on {resource} is not built", parsed.verb.as_str())))
            }
        }
    }
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
