//! What was started to stay, and ran when the kernel was last shut down or died, is started again.

use super::app::Running;
use super::start::all;
use super::{Kernel, rows};
use crate::agency::Role;
use crate::app::Plan;
use crate::capability::{Capabilities, Right};
use crate::id::Pid;
use crate::ipc::body;
use crate::label::Labels;
use crate::path::Name;
use crate::platform::{Platform, Storage};
use crate::refusal::{Code, Refusal};
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
    /// Its process, or why it does not run. It is tried again at the next boot.
    pub result: Result<Pid, Refusal>,
}

/// The header of the `start`.
#[derive(Serialize)]
struct Start {
    until: &'static str,
    without: Vec<Name>,
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
        let should = rows.into_iter().map(|(key, row)| (String::from_utf8_lossy(&key[1..]).into_owned(), row));
        let not_yet = should.filter(|(app, _)| !self.inner.lock().state.runs(app));
        let starts = not_yet.map(|(app, row)| {
            let bound = &bound;
            async move {
                let result = self.start_again(&app, &row, bound).await;
                Revived { app, result }
            }
        });
        Ok(join_all(starts.collect::<Vec<_>>()).await)
    }

    async fn start_again(&self, app: &str, row: &[u8], bound: impl Fn(&Name, &Name) -> bool) -> Result<Pid, Refusal> {
        let unreadable = |what: &str, e: String| Refusal::new(Code::Failed, format!("{what} cannot be read: {e}"));
        let name = Name::parse(app).map_err(|e| unreadable("its name", e.to_string()))?;
        let Running { labels, without, .. } =
            minicbor::decode(row).map_err(|e| unreadable("how it ran", e.to_string()))?;
        let plan = self.inner.storage.get(&rows::key(rows::TABLE_APP, app.as_bytes())).await;
        let plan = plan.map_err(|e| unreadable("its plan", e.to_string()))?;
        let plan = plan.ok_or_else(|| Refusal::new(Code::NotFound, "it is not installed any more"))?;
        let plan: Plan = serde_json::from_slice(&plan).map_err(|e| unreadable("its plan", e.to_string()))?;
        if let Some(mount) = plan.mounts.iter().find(|mount| !bound(&name, &mount.name)) {
            return Err(Refusal::new(Code::NotFound, format!("no folder is bound to its mount `{}`", mount.name)));
        }
        let given: BTreeSet<Right> = plan.agents.iter().flat_map(|agent| agent.given.iter().cloned()).collect();
        let path = format!("/app/{name}");
        let start = Right::parse(&format!("start {path}")).map_err(|e| unreadable("its name", e.to_string()))?;
        let held = Capabilities::new(vec![start], given.into_iter().collect())
            .map_err(|e| Refusal::new(Code::Invalid, e.to_string()))?;
        let session = Name::parse(SESSION).map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        let session = self.attach(session, Role::Root, held).await?;
        let start = Start { until: "stopped", without, labels, continues: true };
        let started = session.act("start", &path, body::json(&start)).await;
        // Whatever came of it: nobody holds this session any more.
        let _ = session.act("stop", "/proc/self", "").await;
        let Started { pid } = serde_json::from_slice(&started?).map_err(|e| unreadable("its answer", e.to_string()))?;
        Ok(pid)
    }
}
