//! The verbs: how each body parses and what each act does once it was permitted.
//!
//! `table` says which verb fits which kind of resource; nothing outside it exists. One file per verb.

mod app;
mod call;
mod connect;
mod files;
mod grant;
mod inbox;
mod kill;
mod letter;
mod limits;
mod link;
mod monitor;
mod process;
mod register;
mod send;
mod signal;
mod spawn;
mod streams;
mod suspend;
pub mod table;
mod timer;
mod tool;
mod topic;
mod tree;
mod watch;

pub use app::{AppStart, Install};
pub(crate) use app::{app_key, app_labels_key};
pub use call::Call;
pub use connect::Connect;
use files::OfSnapshot;
pub(crate) use files::device_reply;
pub use files::{List, Read, Write};
pub use inbox::InboxRead;
pub use kill::Kill;
pub(crate) use kill::Killed;
pub use limits::SpawnLimits;
pub use link::Link;
pub use process::ReadProcess;
pub use send::Message;
pub use signal::Signal;
pub(crate) use spawn::New;
pub use spawn::Spawn;
pub use streams::StreamRead;
pub(crate) use streams::Tail;
pub use timer::TimerStart;
pub use tool::NewTool;
pub(crate) use tool::Tool;
pub use topic::{Publish, Subscribe};
pub(in crate::kernel) use tree::{all_labels, next_version};
pub(crate) use watch::may_watch;

use crate::capability::Capabilities;
use crate::governance;
use crate::ipc::body;
use crate::kernel::effects::Effects;
use crate::kernel::request::Parsed;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::path::{Kind, Name, Resource, Verb};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::time::Duration;
use table::{NoRow, Row};

/// The body of an act, typed.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum Op {
    Read(Read),
    Info(ReadProcess),
    Inbox(InboxRead),
    StreamRead(StreamRead),
    StreamWrite(Message),
    List(List),
    Write(Write),
    Remove,
    Snapshot(Name),
    Forget(Name),
    Send(Message),
    SendAgain,
    Letter,
    Publish(Publish),
    Subscribe(Subscribe),
    Watch(Subscribe),
    Call(Call),
    Register,
    RegisterTool(Box<NewTool>),
    Spawn(Box<Spawn>),
    Stop,
    Kill(Kill),
    Suspend,
    Resume,
    Link(Link),
    Signal(Signal),
    Monitor,
    Connect(Connect),
    StartTimer(TimerStart),
    StartApp(Box<AppStart>),
    Install(Box<Install>),
    Grant(Capabilities),
    Revoke(Capabilities),
}

impl Op {
    /// How long it waits at most for what it asks for, where it waits for another process or a peer.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        let ms = match self {
            Op::Call(call) => return Some(call.deadline),
            Op::Kill(kill) => return Some(kill.deadline),
            Op::Inbox(read) => read.deadline_ms,
            Op::StreamRead(read) => read.deadline_ms,
            Op::Connect(connect) => connect.deadline_ms,
            _ => return None,
        };
        ms.map(Duration::from_millis)
    }
}

/// Parses the body of `verb` on `resource`.
///
/// # Errors
/// `Invalid` where the pair does not exist or the body does not fit, `Unsupported` where the pair is
/// not built yet, `TooLarge` where the payload is over its limit.
pub fn parse(verb: Verb, resource: &Resource, body: &Bytes) -> Result<Parts, Refusal> {
    let kind = resource.kind();
    let row = table::lookup(verb, kind).map_err(|no| match no {
        NoRow::DoesNotApply(..) => invalid(no.to_string()),
        NoRow::Missing(..) => Refusal::new(Code::Unsupported, no.to_string()),
    })?;
    let is_one = !matches!(resource, Resource::Letters | Resource::Topics(_));
    let takes = match kind {
        Kind::Letter => is_one == (verb != Verb::List),
        Kind::Topic => is_one || verb != Verb::Publish,
        _ => true,
    };
    if !takes {
        return Err(invalid(format!("`{verb}` is not something that can be done to {resource}")));
    }
    let framed = body::split(body).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))?;
    if !row.payload && !framed.payload.is_empty() {
        return Err(invalid(format!("`{verb}` on {resource} takes no payload")));
    }
    let fields = fields(row, &framed.header)?;
    let audit = governance::audit(&fields, row.audited());
    let body = Body { fields: Value::Object(fields), payload: framed.payload };
    let op = match (verb, kind) {
        (Verb::Read, Kind::Fs | Kind::Tree) => Op::Read(header(&body)?),
        (Verb::Read, Kind::Proc) => Op::Info(header(&body)?),
        (Verb::Read, Kind::Letter) => Op::Letter,
        (Verb::Read, Kind::Inbox) => Op::Inbox(header(&body)?),
        (Verb::Read, Kind::Stream) => Op::StreamRead(header(&body)?),
        (Verb::List, _) => Op::List(header(&body)?),
        (Verb::Write, Kind::Stream) => Op::StreamWrite(send::parse(&body)?),
        (Verb::Write | Verb::Remove, Kind::Tree) if let Some(name) = header::<OfSnapshot>(&body)?.snapshot => {
            of_whole_tree(resource, &body)?;
            if verb == Verb::Write { Op::Snapshot(name) } else { Op::Forget(name) }
        }
        (Verb::Write, _) => Op::Write(files::parse_write(&body)?),
        (Verb::Remove, _) => Op::Remove,
        (Verb::Send, Kind::Letter) => Op::SendAgain,
        (Verb::Send, _) => Op::Send(send::parse(&body)?),
        (Verb::Publish, _) => Op::Publish(topic::parse_publish(&body)?),
        (Verb::Subscribe, _) => Op::Subscribe(header(&body)?),
        (Verb::Watch, _) => Op::Watch(header(&body)?),
        (Verb::Call, _) => Op::Call(call::parse(&body)?),
        (Verb::Register, Kind::Tool) => Op::RegisterTool(Box::new(tool::parse(&body)?)),
        (Verb::Register, _) => Op::Register,
        (Verb::Spawn, _) => Op::Spawn(Box::new(header(&body)?)),
        (Verb::Stop, _) => Op::Stop,
        (Verb::Kill, _) => Op::Kill(kill::parse(&body)?),
        (Verb::Suspend, _) => Op::Suspend,
        (Verb::Resume, _) => Op::Resume,
        (Verb::Signal, _) => Op::Signal(signal::parse(&body)?),
        (Verb::Link, _) => Op::Link(link::parse(&body)?),
        (Verb::Monitor, _) => Op::Monitor,
        (Verb::Connect, _) => Op::Connect(header(&body)?),
        (Verb::Start, Kind::Timer) => Op::StartTimer(timer::parse(&body)?),
        (Verb::Start, Kind::App) => Op::StartApp(Box::new(header(&body)?)),
        (Verb::Grant, _) => Op::Grant(grant::parse(&body)?),
        (Verb::Revoke, _) => Op::Revoke(grant::parse(&body)?),
        (Verb::Install, _) => Op::Install(Box::new(app::parse_install(&body)?)),
        _ => {
            return Err(Refusal::new(Code::Unsupported, format!("`{}` on {resource} is not built", verb.as_str())));
        }
    };
    Ok(Parts { op, row, audit })
}

impl State {
    /// Does what a permitted act says, or hands it to the host.
    pub(crate) fn apply(&mut self, act: &Act, parsed: &Parsed, now: Now, fx: &mut Effects) -> Result<Answer, Refusal> {
        match (&parsed.op, &parsed.resource) {
            (Op::Send(message), _) => self.apply_send(act, message, now, fx),
            (Op::Publish(publish), Resource::Topic(topic)) => self.apply_publish(act, topic, publish, now, fx),
            (Op::Call(call), _) => self.apply_call(act, call, now, fx),
            (Op::Inbox(read), _) => self.apply_inbox(act, read, now, fx),
            (Op::Read(read), Resource::Fs(path)) => self.apply_fs_read(act, path, read, now, fx),
            (Op::List(list), Resource::Fs(path)) => self.apply_fs_list(act, path, list, now, fx),
            (Op::Write(write), Resource::Fs(path)) => self.apply_fs_write(act, path, write, now, fx),
            (Op::Remove, Resource::Fs(path)) => self.apply_fs_remove(act, path, now, fx),
            (Op::Read(read), Resource::Tree(path)) => self.apply_tree_read(act, path, read),
            (Op::Write(write), Resource::Tree(path)) => self.apply_tree_write(act, path, write, now, fx),
            (Op::Remove, Resource::Tree(path)) => self.apply_tree_remove(act, path, now, fx),
            (Op::List(list), Resource::Tree(path)) => {
                let page = (list.cursor.clone(), list.of_page()? as usize);
                self.apply_tree_list(act, path, page, now, fx)
            }
            (Op::Snapshot(name), Resource::Tree(_)) => self.apply_snapshot(act, name, now, fx),
            (Op::Forget(name), Resource::Tree(_)) => self.apply_forget(act, name, fx),
            (Op::Watch(watch), Resource::Tree(_)) => self.apply_watch(act, watch),
            (Op::Stop, Resource::Tree(_)) => self.apply_unwatch(act),
            (Op::StreamRead(read), Resource::Stream(stream)) => self.apply_stream_read(act, *stream, read, now, fx),
            (Op::StreamWrite(m), Resource::Stream(stream)) => {
                self.apply_stream_write(act, *stream, &m.payload, now, fx)
            }
            (Op::Stop, Resource::Stream(stream)) => self.apply_stream_stop(act, *stream, now, fx),
            (Op::List(list), Resource::Letters) => self.apply_letter_list(act, list),
            (Op::Letter, Resource::Letter(id)) => self.apply_letter_read(act, *id),
            (Op::SendAgain, Resource::Letter(id)) => self.apply_letter_send(act, *id, now, fx),
            (Op::Remove, Resource::Letter(id)) => self.apply_letter_remove(act, *id, now, fx),
            (Op::Subscribe(subscribe), _) => self.apply_subscribe(act, subscribe, now, fx),
            (Op::Stop, Resource::Topic(_) | Resource::Topics(_)) => self.apply_unsubscribe(act),
            (Op::Register, Resource::Service(name)) => self.apply_register(act, name),
            (Op::RegisterTool(tool), Resource::Tool(name)) => self.apply_register_tool(act, name, tool),
            (Op::Spawn(spawn), Resource::Agent(name)) => self.apply_spawn(act, name, spawn, now, fx),
            (Op::Info(read), Resource::Proc(pid)) => self.apply_info(act, *pid, *read, now),
            (Op::Stop, Resource::Proc(pid)) => self.apply_stop(act, *pid, now, fx),
            (Op::Kill(kill), Resource::Proc(pid)) => self.apply_kill(act, *pid, *kill, now, fx),
            (Op::Suspend, Resource::Proc(pid)) => self.apply_suspend(act, *pid, now, fx),
            (Op::Signal(signal), Resource::Proc(pid)) => self.apply_signal(act, *pid, *signal, now, fx),
            (Op::Link(link), Resource::Proc(pid)) => self.apply_link(act, *pid, *link),
            (Op::Resume, Resource::Proc(pid)) => self.apply_resume(act, *pid, now, fx),
            (Op::Grant(rights), Resource::Proc(pid)) => self.apply_grant(act, *pid, rights, now, fx),
            (Op::Revoke(rights), Resource::Proc(pid)) => self.apply_revoke(act, *pid, rights, now, fx),
            (Op::Monitor, _) => self.apply_monitor(act),
            (Op::Connect(connect), Resource::Net(endpoint)) => self.apply_connect(act, endpoint, connect, now, fx),
            (Op::StartTimer(start), Resource::Timer(name)) => self.apply_timer_start(act, name, *start, now),
            (Op::Stop, Resource::Timer(name)) => self.apply_timer_stop(act, name),
            (Op::Remove, Resource::App(name)) => self.apply_app_remove(act, name, now, fx),
            (Op::Install(install), Resource::App(name)) => self.apply_install(act, name, install, now, fx),
            (Op::StartApp(start), Resource::App(name)) => self.apply_app_start(act, name, start, now, fx),
            (Op::Stop, Resource::App(name)) => self.apply_app_stop(act, name, now, fx),
            (_, resource) => {
                Err(Refusal::new(Code::Unsupported, format!("`{}` on {resource} is not built", parsed.verb.as_str())))
            }
        }
    }
}

/// Whether an act is about the whole tree, and says nothing else.
fn of_whole_tree(resource: &Resource, body: &Body) -> Result<(), Refusal> {
    let whole = matches!(resource, Resource::Tree(path) if path.as_str().is_empty());
    match whole && body.payload.is_empty() && body.fields.as_object().is_some_and(|fields| fields.len() == 1) {
        true => Ok(()),
        false => Err(invalid("\"snapshot\" is about /tree, stands alone, and takes no payload")),
    }
}

/// A body taken apart and held against its row.
struct Body {
    fields: Value,
    payload: Bytes,
}

/// What parsing the body of an act gives.
#[derive(Debug)]
pub struct Parts {
    /// The body, typed.
    pub op: Op,
    /// The verb table's row.
    pub row: &'static Row,
    /// The fields that the row marks for audit.
    pub audit: BTreeMap<String, Value>,
}

/// The JSON line as an object whose fields all belong to `row`.
fn fields(row: &Row, header: &[u8]) -> Result<Map<String, Value>, Refusal> {
    if header.is_empty() || header == b"{}" {
        return Ok(Map::new());
    }
    let fields: Map<String, Value> = serde_json::from_slice(header)
        .map_err(|e| invalid(format!("the first line of the body is not a JSON object: {e}")))?;
    row.check(&fields).map_err(|e| invalid(e.to_string()))?;
    // Null is the same as leaving a field out.
    Ok(fields.into_iter().filter(|(_, value)| !value.is_null()).collect())
}

/// The fields as `T`, in which every field may be left out.
fn header<T: DeserializeOwned + Default>(body: &Body) -> Result<T, Refusal> {
    if body.fields.as_object().is_some_and(Map::is_empty) {
        // What most messages say.
        return Ok(T::default());
    }
    T::deserialize(&body.fields).map_err(|e| invalid(format!("the first line of the body does not fit: {e}")))
}

pub(crate) fn invalid(reason: impl Into<String>) -> Refusal {
    Refusal::new(Code::Invalid, reason)
}
