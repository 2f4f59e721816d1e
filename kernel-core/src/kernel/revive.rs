//! What was started to stay, and ran when the kernel was last shut down or died, is started again.

use super::input::Input;
use super::running::{Running, Standing, running_key};
use super::start::{all, micros};
use super::{Kernel, rows};
use crate::agency::Role;
use crate::app::Plan;
use crate::capability::{Capabilities, Right};
use crate::id::Pid;
use crate::ipc::body;
use crate::label::Labels;
use crate::path::Name;
use crate::platform::{Platform, Storage, StorageError};
use crate::refusal::{Code, Refusal};
use crate::time::WallTime;
use bytes::Bytes;
use futures::future::join_all;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// What the sessions are called that start applications again.
const SESSION: &str = "boot";

/// An application that should run, and what came of starting it again.
#[derive(Clone, Debug)]
pub struct Revived {
    /// Its name; as it is stored, where that is none.
    pub app: String,
    /// Those of its agents and supervisors that it was started without, because they were killed.
    pub killed: BTreeSet<Name>,
    /// Those that it was started without, because it had been started without them before.
    pub left_out: BTreeSet<Name>,
    /// Those of its agents that are suspended, as they were before.
    pub suspended: BTreeSet<Name>,
    /// Its process, or why it does not run. It is tried again at the next boot.
    pub result: Result<Pid, Refusal>,
}

impl Revived {
    /// Everybody whom it was started without.
    pub fn without(&self) -> BTreeSet<Name> {
        &self.killed | &self.left_out
    }
}

/// Who was killed of an application that was not started anew since.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tombstones {
    /// Whether it was killed as a whole: its own process, or the agent that it ends with.
    pub whole: bool,
    /// Those of its agents and supervisors that were killed.
    pub agents: Vec<Name>,
}

impl Tombstones {
    /// Those of `app` among the rows of a kernel. The kernel starts nothing again against them; a host that starts
    /// applications of its own accord asks here first. Whoever starts one in an operator's name does not.
    ///
    /// # Errors
    /// When the rows cannot be read.
    pub async fn of<S: Storage>(rows: &S, app: &Name) -> Result<Tombstones, StorageError> {
        let Some(row) = rows.get(&running_key(app)).await? else { return Ok(Tombstones::default()) };
        let Running { killed, standing, .. } = Running::read(&row);
        Ok(Tombstones { whole: standing == Standing::Killed, agents: killed.into_iter().collect() })
    }
}

/// The header of the `start`.
#[derive(Serialize)]
struct Start {
    until: &'static str,
    without: BTreeSet<Name>,
    labels: Labels,
    continues: bool,
}

#[derive(Deserialize)]
struct Started {
    pid: Pid,
}

impl<P: Platform> Kernel<P> {
    /// Starts again the applications that were started to stay and have neither been stopped nor failed since, each with
    /// what it was given then, with what was left of its budget, and without those of its agents that were killed. For a host to
    /// call after the boot: `bound` says of an application and one of its mounts whether that has its folder; what needs another
    /// waits for the next call. What runs is left out.
    ///
    /// Each is started by a session that holds what the operator gave when it was installed: the gate decides, and
    /// the log tells of it as of any other start.
    ///
    /// # Errors
    /// `failed` where the rows cannot be read. Nothing was started.
    pub async fn revive(&self, bound: impl Fn(&Name, &Name) -> bool) -> Result<Vec<Revived>, Refusal> {
        let rows = all(&self.inner.storage, rows::TABLE_RUNNING).await;
        let rows = rows.map_err(|e| Refusal::new(Code::Failed, format!("what should run cannot be read: {e}")))?;
        let read = |(key, row): (Bytes, Bytes)| {
            let running = minicbor::decode::<Running>(&row).map_err(|e| unreadable("how it ran", &e));
            (String::from_utf8_lossy(&key[1..]).into_owned(), running)
        };
        let should = rows.into_iter().map(read).filter(|(app, running)| {
            let wanted = running.as_ref().is_ok_and(|running| running.standing == Standing::Wanted);
            (wanted || running.is_err()) && !self.inner.lock().state.runs(app)
        });
        let starts = should.map(|(app, running)| {
            let bound = &bound;
            async move {
                let (ran, unreadable) = match running {
                    Ok(ran) => (ran, None),
                    Err(refusal) => (Running::new([0; 32], WallTime::default()), Some(refusal)),
                };
                let Running { killed, left_out, suspended, labels, .. } = ran;
                let suspended = suspended.into_keys().filter(|name| !killed.contains(name)).collect();
                let result = match unreadable {
                    None => self.start_again(&app, labels, &killed | &left_out, bound).await,
                    Some(refusal) => Err(refusal),
                };
                Revived { app, killed, left_out, suspended, result }
            }
        });
        let began = self.inner.platform.now();
        let revived = join_all(starts.collect::<Vec<_>>()).await;
        if !revived.is_empty() {
            let micros = micros(began, self.inner.platform.now());
            self.inner.submit(Input::Phase { name: "apps".to_owned(), micros });
        }
        Ok(revived)
    }

    async fn start_again(
        &self,
        app: &str,
        labels: Labels,
        without: BTreeSet<Name>,
        bound: impl Fn(&Name, &Name) -> bool,
    ) -> Result<Pid, Refusal> {
        let name = Name::parse(app).map_err(|e| unreadable("its name", &e))?;
        let plan = self.inner.storage.get(&rows::key(rows::TABLE_APP, app.as_bytes())).await;
        let plan = plan.map_err(|e| unreadable("its plan", &e))?;
        let plan = plan.ok_or_else(|| Refusal::new(Code::NotFound, "it is not installed any more"))?;
        let plan: Plan = serde_json::from_slice(&plan).map_err(|e| unreadable("its plan", &e))?;
        if let Some(mount) = plan.mounts.iter().find(|mount| !bound(&name, &mount.name)) {
            return Err(Refusal::new(Code::NotFound, format!("no folder is bound to its mount `{}`", mount.name)));
        }
        let given: BTreeSet<Right> = plan.agents.iter().flat_map(|agent| agent.given.iter().cloned()).collect();
        let path = format!("/app/{name}");
        let start = Right::parse(&format!("start {path}")).map_err(|e| unreadable("its name", &e))?;
        let held = Capabilities::new(vec![start], given.into_iter().collect())
            .map_err(|e| Refusal::new(Code::Invalid, e.to_string()))?;
        let session = Name::parse(SESSION).map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        let session = self.attach(session, Role::Root, held).await?;
        let start = Start { until: "stopped", without, labels, continues: true };
        let started = session.act("start", &path, body::json(&start)).await;
        // Whatever came of it: nobody holds this session any more.
        let _ = session.act("stop", "/proc/self", "").await;
        let Started { pid } = serde_json::from_slice(&started?).map_err(|e| unreadable("its answer", &e))?;
        Ok(pid)
    }
}

fn unreadable(what: &str, e: &dyn std::fmt::Display) -> Refusal {
    Refusal::new(Code::Failed, format!("{what} cannot be read: {e}"))
}
