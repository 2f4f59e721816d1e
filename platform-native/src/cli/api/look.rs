//! What a kernel shows its operator: nothing here acts, and nothing is answered before the log has it.

use super::Api;
use super::refused::Refused;
use crate::cli::VERSION;
use crate::cli::text::path;
use bytes::Bytes;
use kernel_core::agency::Role;
use kernel_core::app::{MountMode, Plan};
use kernel_core::codec::hex;
use kernel_core::id::Pid;
use kernel_core::kernel::rows::{TABLE_APP, key};
use kernel_core::kernel::{AppRow, ProcessRow};
use kernel_core::path::Name;
use kernel_core::platform::{Storage, StorageError};
use kernel_core::process::{Lifecycle, Used};
use kernel_core::refusal::{Code, Refusal};
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Rows read at once.
const PAGE: usize = 64;

/// What a process takes in brief, bytes, more or less.
const BRIEF: usize = 128;

/// How the kernel is. It is told whether or not the log can be written.
pub(super) fn health(api: &Api) -> Value {
    let health = api.kernel.health();
    let lack = api.space.lack();
    let status = match (&health.not_durable, health.stopping, &lack) {
        (Some(_), ..) => "not_durable",
        (None, true, _) => "stopping",
        (None, false, Some(_)) => "no_room",
        (None, false, None) => "ok",
    };
    json!({
        "weft": VERSION,
        "status": status,
        "reason": health.not_durable,
        "environment": health.environment,
        "data_dir": path(&api.data_dir),
        "pid": std::process::id(),
        "uptime_ms": u64::try_from(api.room.started.elapsed().as_millis()).unwrap_or(u64::MAX),
        "processes": health.processes,
        "apps": health.apps,
        "services": health.services,
        "waiting_bytes": health.waiting,
        "letters": health.letters,
        "stored": health.stored,
        "verdicts": health.verdicts,
        "failed": health.failed,
        "disk": { "free": api.space.free(), "reserve": api.space.reserve() },
    })
}

/// The processes that live, or all that are remembered, as JSON: there may be very many, and `brief` leaves out of each what
/// is nothing, and is written as they are looked at.
pub(super) async fn processes(api: &Api, all: bool, brief: bool) -> Result<Bytes, Refused> {
    let unwritten = |e| Refusal::new(Code::Failed, format!("the processes cannot be told: {e}"));
    let told = match (all, brief) {
        (false, true) => living(api).map_err(unwritten)?,
        (true, true) => {
            let rows = api.kernel.summary().processes;
            as_json(rows.iter().map(Brief::of).collect::<Vec<_>>()).map_err(unwritten)?
        }
        (true, false) => as_json(api.kernel.summary().processes).map_err(unwritten)?,
        (false, false) => as_json(api.kernel.processes()).map_err(unwritten)?,
    };
    api.told().await?;
    Ok(told.into())
}

fn as_json(processes: impl Serialize) -> serde_json::Result<Vec<u8>> {
    #[derive(Serialize)]
    struct Processes<R> {
        weft: &'static str,
        processes: R,
    }
    serde_json::to_vec(&Processes { weft: VERSION, processes })
}

/// The processes that live, in brief.
fn living(api: &Api) -> serde_json::Result<Vec<u8>> {
    let (mut json, end) = (as_json([(); 0])?, b"]}");
    json.truncate(json.len() - end.len());
    json.reserve(api.kernel.health().processes * BRIEF);
    let (begin, mut written) = (json.len(), Ok(()));
    api.kernel.each_process(|row| {
        if json.len() > begin {
            json.push(b',');
        }
        if written.is_ok() {
            written = serde_json::to_writer(&mut json, &Brief::of(&row));
        }
    });
    written?;
    json.extend_from_slice(end);
    Ok(json)
}

/// A process without what is nothing, and without what it has used together with all that it started.
#[derive(Serialize)]
struct Brief<'r> {
    pid: Pid,
    parent: Pid,
    name: &'r Name,
    #[serde(skip_serializing_if = "Option::is_none")]
    app: Option<&'r Name>,
    role: &'r Role,
    state: Lifecycle,
    #[serde(skip_serializing_if = "str::is_empty")]
    exit: &'r str,
    #[serde(skip_serializing_if = "str::is_empty")]
    detail: &'r str,
    #[serde(skip_serializing_if = "is_nothing")]
    messages: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    sent: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    tool_calls: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    acts: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    refused: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    cpu: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    memory: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    memory_now: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    fuel: u64,
    #[serde(skip_serializing_if = "is_nothing")]
    stored: i64,
    wall: u64,
}

impl<'r> Brief<'r> {
    fn of(row: &'r ProcessRow) -> Brief<'r> {
        let ProcessRow { pid, parent, name, app, role, state, exit, detail, used, wall, tree: _, limits: _ } = row;
        let Used { messages, sent, tool_calls, acts, refused, cpu, memory, memory_now, fuel, stored } = *used;
        Brief {
            pid: *pid,
            parent: *parent,
            name,
            app: app.as_ref(),
            role,
            state: *state,
            exit,
            detail,
            messages,
            sent,
            tool_calls,
            acts,
            refused,
            cpu,
            memory,
            memory_now,
            fuel,
            stored,
            wall: *wall,
        }
    }
}

fn is_nothing<N: Default + PartialEq>(number: &N) -> bool {
    *number == N::default()
}

/// The services that are answered for.
pub(super) async fn services(api: &Api) -> Result<Value, Refused> {
    let services = api.kernel.services();
    api.told().await?;
    Ok(json!({ "weft": VERSION, "services": services }))
}

/// The applications that are installed.
pub(super) async fn apps(api: &Api) -> Result<Value, Refused> {
    let (running, health) = (api.kernel.apps(), api.kernel.health());
    let plans = installed(api).await?;
    let apps = plans.iter().map(|plan| {
        let row = running.iter().find(|row| row.name == plan.app);
        app(api, plan, row, health.failed.get(&plan.app))
    });
    Ok(json!({ "weft": VERSION, "apps": apps.collect::<Vec<_>>() }))
}

fn app(api: &Api, plan: &Plan, row: Option<&AppRow>, failed: Option<&String>) -> Value {
    let mounts = plan.mounts.iter().map(|mount| {
        let (path, problem) = api.mounts.of(&mount.name, &plan.app);
        let mode = if mount.mode == MountMode::Write { "write" } else { "read" };
        json!({ "name": mount.name, "mode": mode, "path": path, "problem": problem })
    });
    let given: BTreeSet<String> = plan.agents.iter().flat_map(|agent| &agent.given).map(ToString::to_string).collect();
    let state = match (row, failed) {
        (Some(row), _) if row.running => "running",
        (Some(_), _) => "starting",
        (None, Some(_)) => "failed",
        (None, None) => "installed",
    };
    let log = row.map(|row| json!({ "used": row.log, "limit": row.log_limit, "waiting": row.log_waiting }));
    json!({
        "name": plan.app,
        "version": plan.version,
        "description": plan.description,
        "content": hex(&plan.content),
        "state": state,
        "reason": failed.filter(|_| row.is_none()),
        "log": log,
        "pid": row.map(|row| row.pid),
        "agents": plan.agents.iter().map(|agent| &agent.name).collect::<Vec<_>>(),
        "mounts": mounts.collect::<Vec<_>>(),
        "given": given,
    })
}

/// The plans of all installed applications, by name, as they are on disk.
pub(super) async fn installed(api: &Api) -> Result<Vec<Plan>, Refusal> {
    api.kernel.flushed().await?;
    let unread = |e: String| Refusal::new(Code::Failed, format!("the installed applications cannot be read: {e}"));
    let rows = plan_rows(&api.rows).await.map_err(|e| unread(e.to_string()))?;
    rows.values().map(|row| serde_json::from_slice(row).map_err(|e| unread(e.to_string()))).collect()
}

/// The same as they are stored.
pub(super) async fn plan_rows(rows: &impl Storage) -> Result<BTreeMap<Name, Bytes>, StorageError> {
    let (mut from, to) = (key(TABLE_APP, b""), key(TABLE_APP + 1, b""));
    let mut plans = BTreeMap::new();
    loop {
        let page = rows.scan(&from, &to, PAGE).await?;
        for (key, row) in page.rows {
            // What is called otherwise no kernel has put there, and none would start it.
            let name = std::str::from_utf8(&key[1..]).ok().and_then(|name| Name::parse(name).ok());
            plans.extend(name.map(|name| (name, row)));
        }
        match page.next {
            Some(next) => from = next,
            None => return Ok(plans),
        }
    }
}

/// The plan of one.
pub(super) async fn plan(api: &Api, name: &Name) -> Result<Plan, Refusal> {
    serde_json::from_slice(&plan_row(api, name).await?).map_err(|e| unread(name, &e.to_string()))
}

/// The same as it is stored.
pub(super) async fn plan_row(api: &Api, name: &Name) -> Result<Bytes, Refusal> {
    api.kernel.flushed().await?;
    let row = api.rows.get(&key(TABLE_APP, name.as_str().as_bytes())).await;
    let row = row.map_err(|e| unread(name, &e.to_string()))?;
    row.ok_or_else(|| Refusal::new(Code::NotFound, format!("no application `{name}` is installed")))
}

pub(super) fn unread(name: &Name, why: &str) -> Refusal {
    Refusal::new(Code::Failed, format!("the application `{name}` cannot be read: {why}"))
}
