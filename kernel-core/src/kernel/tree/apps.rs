//! `/tree/kernel`: what the kernel itself keeps in the tree, where it can be proved. Nobody else writes there.
//!
//! `/tree/kernel/apps/NAME` is there for each application that is installed. The acts that it tells of change it in the step that
//! does them. It has the hash of the plan's row, so there is no second truth: an application is started by the plan that the
//! tree tells or not at all, and `weft chain verify` holds all plans against it.

use crate::chain::Hash;
use crate::id::{ActionId, Pid};
use crate::kernel::effects::Effects;
use crate::kernel::road::Act;
use crate::kernel::state::{Need, State};
use crate::kernel::verb::{all_labels, app_key, next_version};
use crate::label::Labels;
use crate::path::{Name, TreePath};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use crate::tree::Record;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The name below which everything is the kernel's.
const KERNEL: &str = "kernel";
/// Below which the applications are.
const APPS: &str = "kernel/apps/";

/// What a node of an application holds, as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Installed {
    /// Its version.
    version: String,
    /// The SHA-256 of its plan as it is stored.
    pub(super) plan: Hash,
    /// The act that installed it.
    installed: Done,
    /// The last act that installed, started or stopped it.
    asked: Done,
}

/// One act.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Done {
    /// What was asked for.
    verb: Asked,
    /// Its number.
    action: ActionId,
    /// The name of the process that asked.
    by: String,
}

/// What may be asked for of an application that is installed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(in crate::kernel) enum Asked {
    /// To be installed.
    Install,
    /// To be started.
    Start,
    /// To be stopped.
    Stop,
}

/// Whether a node is the kernel's own.
pub(in crate::kernel) fn is_kernels(path: &TreePath) -> bool {
    path.segments().next() == Some(KERNEL)
}

/// The node of an application.
fn path_of(name: &Name) -> Result<TreePath, Refusal> {
    TreePath::parse(&format!("{APPS}{name}")).map_err(|e| Refusal::new(Code::Failed, e.to_string()))
}

/// The application whose node has this row, by the name that it is stored under.
pub(super) fn app_of_node(row: &[u8]) -> Option<&[u8]> {
    row.get(1..)?.strip_prefix(APPS.as_bytes())
}

/// What a node of an application tells.
pub(super) fn told(record: &Record) -> Option<Installed> {
    serde_json::from_slice(record.value.as_deref()?).ok()
}

impl State {
    /// Asks for what a change of an application's node looks at.
    pub(in crate::kernel) fn want_app_node(&self, name: &Name, need: &mut Need) {
        if let Ok(path) = path_of(name) {
            self.want_change(&path, need);
        }
    }

    /// The node of an application tells that it was installed, of this version and with this plan.
    ///
    /// # Errors
    /// What a write of a node is refused for. Then nothing has changed.
    pub(in crate::kernel) fn app_installed(
        &mut self,
        act: &Act,
        name: &Name,
        (version, plan): (String, &[u8]),
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let installed = self.act_of(act, Asked::Install);
        let plan = Hash(Sha256::digest(plan).into());
        let told = Installed { version, plan, asked: installed.clone(), installed };
        self.put_app_node(act, name, &told, &act.labels.clone(), now, fx)
    }

    /// The node of an application tells what was asked of it; where there is none nothing does.
    ///
    /// # Errors
    /// The same.
    pub(in crate::kernel) fn app_asked(
        &mut self,
        act: &Act,
        name: &Name,
        asked: Asked,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let Some(record) = self.node(&path_of(name)?)? else { return Ok(()) };
        let Some(told) = told(&record) else { return Ok(()) };
        let told = Installed { asked: self.act_of(act, asked), ..told };
        let labels = act.labels.join(&record.labels).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))?;
        self.put_app_node(act, name, &told, &labels, now, fx)
    }

    /// The node of an application is gone, with `labels` on that.
    ///
    /// # Errors
    /// The same.
    pub(in crate::kernel) fn app_removed(
        &mut self,
        act: &Act,
        name: &Name,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let path = path_of(name)?;
        let Some(record) = self.node(&path)?.filter(|record| record.value.is_some()) else { return Ok(()) };
        let mark = Record::gone(Pid::KERNEL, labels.clone());
        let left = (!mark.labels.is_empty()).then_some(&mark);
        self.set_record(act.action, &path, Some(&record), left, fx)?;
        self.tell_watchers(act, &path, labels, true, now, fx);
        Ok(())
    }

    /// Holds the plan of an application against its node.
    ///
    /// # Errors
    /// `failed` where that tells another plan or is not there.
    pub(in crate::kernel) fn is_installed(&self, name: &Name) -> Result<(), Refusal> {
        let plan = self.row(&app_key(name))?.map(|row| Hash(Sha256::digest(row).into()));
        let told = self.node(&path_of(name)?)?.and_then(|record| told(&record)).map(|told| told.plan);
        match plan.is_some() && plan == told {
            true => Ok(()),
            false => {
                let path = format!("/tree/{APPS}{name}");
                let reason =
                    format!("what is stored of `{name}` is not what {path} tells was installed; install it again");
                Err(Refusal::new(Code::Failed, reason))
            }
        }
    }

    fn put_app_node(
        &mut self,
        act: &Act,
        name: &Name,
        told: &Installed,
        labels: &Labels,
        now: Now,
        fx: &mut Effects,
    ) -> Result<(), Refusal> {
        let path = path_of(name)?;
        let before = self.node(&path)?;
        let value = serde_json::to_vec(told).map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        let record = Record {
            version: next_version(&path, before.as_ref())?,
            owner: Pid::KERNEL,
            labels: labels.clone(),
            value: Some(value),
            earlier: before.as_ref().map_or(Ok(Labels::NONE), all_labels)?,
            kind: "app".to_owned(),
            holder: None,
        };
        self.set_record(act.action, &path, before.as_ref(), Some(&record), fx)?;
        self.tell_watchers(act, &path, labels, false, now, fx);
        Ok(())
    }

    fn act_of(&self, act: &Act, verb: Asked) -> Done {
        let by = self.processes.get(&act.pid).map(|process| process.name.to_string());
        Done { verb, action: act.action, by: by.unwrap_or_default() }
    }
}
