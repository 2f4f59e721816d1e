//! What is stored of an application that should run at a later boot, or of which somebody was killed.

use super::app::{App, Until};
use super::budgets::Drawn;
use super::effects::Effects;
use super::rows;
use super::state::State;
use crate::capability::Capabilities;
use crate::id::Pid;
use crate::label::Labels;
use crate::path::Name;
use crate::platform::Key;
use crate::process::{ExitReason, Process, Suspender};
use crate::refusal::{Code, Refusal};
use crate::time::{Now, WallTime};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};

/// What is stored of an application that was started to stay, and of one of which somebody was killed.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(super) struct Running {
    /// What its process carried when it was started.
    #[n(0)]
    pub(super) labels: Labels,
    /// Those of its agents and supervisors that were killed.
    #[n(1)]
    pub(super) killed: BTreeSet<Name>,
    /// SHA-256 of the row of its plan.
    #[n(2)]
    pub(super) plan: minicbor::bytes::ByteArray<32>,
    /// What was drawn of its budget.
    #[n(3)]
    #[cbor(default)]
    pub(super) drawn: Drawn,
    /// Whether it should run.
    #[n(4)]
    #[cbor(default)]
    pub(super) standing: Standing,
    /// Those that it was started without and that were not killed. A version that did not tell them apart has them among
    /// the killed.
    #[n(5)]
    #[cbor(default)]
    pub(super) left_out: BTreeSet<Name>,
    /// Those of its agents that are suspended, or ended so.
    #[n(6)]
    #[cbor(default)]
    pub(super) suspended: BTreeMap<Name, Suspended>,
    /// What the operator took for good.
    #[n(7)]
    #[cbor(default)]
    pub(super) taken: Taken,
}

/// Whether an application that has a row should run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub(super) enum Standing {
    /// It should: a later boot starts it again.
    #[default]
    #[n(0)]
    Wanted,
    /// It is over or was stopped, and the row says who of it was killed.
    #[n(1)]
    Over,
    /// It was killed as a whole.
    #[n(2)]
    Killed,
    /// It runs until it is quiet: a later boot does not start it again, and tells that it was cut short.
    #[n(3)]
    Once,
}

/// How an agent is suspended. One that a process suspended is not among them: that was the affair of a process that is gone.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(crate) struct Suspended {
    /// By whom.
    #[n(0)]
    pub(super) by: Suspender,
    /// What is known by that.
    #[n(1)]
    pub(super) labels: Labels,
}

impl Suspended {
    /// How `process` is, if it is.
    pub(super) fn of(process: &Process) -> Option<Suspended> {
        let by = process.rare.suspended?;
        // What no set can hold is not told of as long as the process lives, and what it carried is more than what others did.
        let labels = process.labels.join(&process.rare.touched).unwrap_or_else(|_| process.labels.clone());
        Some(Suspended { by, labels })
    }
}

/// The rights that the operator took from an application while it ran, and that nobody in it is started with again.
#[derive(Clone, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(crate) struct Taken {
    /// From its own process.
    #[n(0)]
    all: Vec<Capabilities>,
    /// From its agents and supervisors.
    #[n(1)]
    members: BTreeMap<Name, Vec<Capabilities>>,
}

impl Taken {
    /// They were taken from its own process.
    pub(super) fn take_from_all(&mut self, rights: &Capabilities) {
        add(&mut self.all, rights);
    }

    /// They were taken from `member`.
    pub(super) fn take_from(&mut self, member: &Name, rights: &Capabilities) {
        add(self.members.entry(member.clone()).or_default(), rights);
    }

    /// What was taken from its own process.
    pub(super) fn of_all(&self) -> impl Iterator<Item = &Capabilities> {
        self.all.iter()
    }

    /// What was taken from whom.
    pub(super) fn of_members(&self) -> impl Iterator<Item = (&Name, &Capabilities)> {
        self.members.iter().flat_map(|(member, taken)| taken.iter().map(move |rights| (member, rights)))
    }
}

fn add(taken: &mut Vec<Capabilities>, rights: &Capabilities) {
    if !taken.contains(rights) {
        taken.push(rights.clone());
    }
}

impl Running {
    /// Of one that is started anew at `began`.
    pub(super) fn new(plan: [u8; 32], began: WallTime) -> Running {
        Running {
            labels: Labels::NONE,
            killed: BTreeSet::new(),
            plan: plan.into(),
            drawn: Drawn { began, ..Drawn::default() },
            standing: Standing::Wanted,
            left_out: BTreeSet::new(),
            suspended: BTreeMap::new(),
            taken: Taken::default(),
        }
    }

    /// What a row says. One that cannot be read is of one that was killed: nobody knows that it was not.
    pub(super) fn read(row: &[u8]) -> Running {
        let unread = Running { standing: Standing::Killed, ..Running::new([0; 32], WallTime::default()) };
        minicbor::decode(row).unwrap_or(unread)
    }

    /// What stays stored of it when it is not to run any more: who was killed.
    pub(super) fn tombstone(self) -> Option<Running> {
        let standing = match self.standing {
            Standing::Killed => Standing::Killed,
            _ if self.killed.is_empty() => return None,
            Standing::Wanted | Standing::Once | Standing::Over => Standing::Over,
        };
        Some(Running { standing, killed: self.killed, ..Running::new(*self.plan, WallTime::default()) })
    }

    /// The row.
    pub(super) fn row(&self) -> Bytes {
        Bytes::from(minicbor::to_vec(self).unwrap_or_default())
    }
}

/// The row that says that an application should run, or who of it was killed.
pub(super) fn running_key(name: &Name) -> Key {
    rows::key(rows::TABLE_RUNNING, name.as_str().as_bytes())
}

impl App {
    /// What stays stored of it when it is not to run any more. To kill what it ends with is to kill it.
    pub(super) fn tombstone(&self) -> Option<Running> {
        let whole = matches!(self.ends_for, ExitReason::Killed(_))
            || self.ends_with.as_ref().is_some_and(|last| self.killed.contains(last));
        let standing = if whole { Standing::Killed } else { Standing::Over };
        let killed = self.killed.clone();
        Running { standing, killed, ..Running::new(self.plan, WallTime::default()) }.tombstone()
    }
}

impl State {
    /// Stores that `name` should run, if it is to stay, with what it has drawn of its budget, who of it is suspended and what
    /// the operator took from it; or that it runs until it is quiet. Of one that is over, or does not run yet because it is
    /// being started anew, who was killed is stored.
    pub(crate) fn keep_running(&mut self, name: &Name, fx: &mut Effects) {
        let Some(app) = self.apps.get(name).filter(|app| !app.unwanted) else { return };
        let stays = app.until == Until::Stopped && (app.starting.is_none() || app.continues);
        if stays && app.ends_with.as_ref().is_some_and(|last| app.is_left_out(last)) {
            // Without what it ends with it would never end.
            return self.forget_running(name, fx);
        }
        // What an agent starts is that agent's affair, also at a later boot.
        let root = self.processes.get(&app.root).filter(|root| root.parent == Pid::KERNEL);
        let new = Running { killed: app.killed.clone(), ..Running::new(app.plan, app.began) };
        let running = match root {
            Some(root) if stays => Some(Running {
                labels: root.own_labels.clone(),
                drawn: self.drawn(app),
                left_out: app.left_out.clone(),
                suspended: self.suspended_of(app),
                taken: app.taken.clone(),
                ..new
            }),
            Some(_) if app.until == Until::Quiet && !app.ending => Some(Running { standing: Standing::Once, ..new }),
            _ => app.tombstone(),
        };
        let row = running.map(|running| running.row());
        if app.row == row {
            return;
        }
        self.keep(running_key(name), row.clone(), fx);
        if let Some(app) = self.apps.get_mut(name) {
            app.row = row;
        }
    }

    /// The same where `pid`, which is one of them perhaps, was suspended or resumed.
    pub(crate) fn keep_suspended(&mut self, pid: Pid, fx: &mut Effects) {
        if let Some(name) = self.processes.get(&pid).and_then(|process| process.app.clone()) {
            self.keep_running(&name, fx);
        }
    }

    /// Those of an application that the kernel or a user has suspended.
    fn suspended_of(&self, app: &App) -> BTreeMap<Name, Suspended> {
        let now = app.spawned.iter().filter_map(|(name, pid)| {
            let process = self.processes.get(pid)?;
            Some((name.clone(), Suspended::of(process)?))
        });
        let before = app.held.iter().chain(&app.suspended).map(|(name, how)| (name.clone(), how.clone()));
        before.chain(now).filter(|(_, how)| how.by != Suspender::Process).collect()
    }

    /// What is stored of an application that ran when the kernel before stopped, for a start that goes on with it.
    ///
    /// # Errors
    /// Where it did not run, or is not what is installed now.
    pub(super) fn ran_before(&self, name: &Name, plan: &[u8; 32], now: Now) -> Result<Running, Refusal> {
        let row = self.row(&running_key(name))?.map(|row| minicbor::decode::<Running>(row)).transpose();
        let row = row.map_err(|e| Refusal::new(Code::Failed, format!("how `{name}` ran cannot be read: {e}")))?;
        let Some(mut ran) = row.filter(|row| row.standing == Standing::Wanted) else {
            let reason = format!("`{name}` did not run when the kernel stopped, so there is nothing to go on with");
            return Err(Refusal::new(Code::NotFound, reason));
        };
        if *ran.plan != *plan {
            let reason = format!("what is installed as `{name}` is not what ran: start it anew");
            return Err(Refusal::new(Code::Conflict, reason));
        }
        if ran.drawn.began == WallTime::default() {
            // A version that kept no budgets did not know when it was started.
            ran.drawn.began = now.wall;
        }
        Ok(ran)
    }
}
