//! `install`, `start` and `stop` of applications.
//!
//! What is installed is a plan: the manifest, its programs and the operator's consent as one value, made
//! and checked outside. The kernel believes none of it: the rights of an application are cut from what
//! the session that starts it may give and from what is the application's own, and every agent is
//! spawned on the road.

use super::{Body, invalid, table};
use crate::agency::{Ceilings, Role};
use crate::app::{Inbox, MountMode, Plan, rule_name};
use crate::budget::Meter;
use crate::capability::{Capabilities, Right};
use crate::governance::{Charter, Rule};
use crate::id::Pid;
use crate::kernel::app::App;
use crate::kernel::defined::{budget_of, own_rights_of, spawns};
use crate::kernel::effects::Effects;
use crate::kernel::event::{Consented, Content, bounded};
use crate::kernel::log_rate::LogRate;
use crate::kernel::members::members;
use crate::kernel::open::{Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::rows;
use crate::kernel::running::{Running, Standing, running_key};
use crate::kernel::state::{Mount, State};
use crate::kernel::tree::Asked;
use crate::kernel::{FEATURES, Until};
use crate::label::Labels;
use crate::path::{Name, Resource};
use crate::platform::Key;
use crate::process::{ExitReason, Lifecycle};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How long all agents of an application may take to start.
const START_DEADLINE: Duration = Duration::from_secs(300);

/// How long whoever stops an application waits for its end at most.
const STOP_DEADLINE: Duration = Duration::from_secs(300);

/// An application to install.
#[derive(Clone, Debug)]
pub struct Install {
    /// The plan, parsed from the payload.
    pub plan: Plan,
}

/// How an application is started.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AppStart {
    /// When it is over.
    pub until: Until,
    /// Agents that are not started.
    pub without: BTreeSet<Name>,
    /// Joined to what the caller carries.
    pub labels: Labels,
    /// Go on with what was left of the budget when the kernel stopped.
    pub continues: bool,
}

pub(super) fn parse_install(body: &Body) -> Result<Install, Refusal> {
    let plan: Plan = serde_json::from_slice(&body.payload)
        .map_err(|e| invalid(format!("the payload of `install` is not a plan: {e}")))?;
    if let Some(contradiction) = plan.contradiction() {
        return Err(invalid(format!("the plan of `{}` cannot be followed: {contradiction}", plan.app)));
    }
    if let Some(agent) = plan.holds_unknown_fuel() {
        let why = format!("`{agent}` has no limits.fuel, and the fuel of all is limited");
        return Err(invalid(format!("the plan of `{}` cannot be followed: {why}", plan.app)));
    }
    match plan.features().iter().find(|feature| !FEATURES.contains(feature)) {
        None => Ok(Install { plan }),
        Some(feature) => {
            let reason = format!("`{}` needs {}, which this kernel does not have", plan.app, feature.as_str());
            Err(Refusal::new(Code::Unsupported, reason))
        }
    }
}

/// The row of an installed application.
pub(crate) fn app_key(name: &Name) -> Key {
    rows::key(rows::TABLE_APP, name.as_str().as_bytes())
}

/// The row of what an application is labelled: of whoever installed it, or removed it.
pub(crate) fn app_labels_key(name: &Name) -> Key {
    rows::key(rows::TABLE_LABELS, Resource::App(name.clone()).to_string().as_bytes())
}

impl State {
    pub(super) fn apply_install(
        &mut self,
        act: &Act,
        name: &Name,
        install: &Install,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        if &install.plan.app != name {
            return Err(invalid(format!("the plan is of `{}`, not of `{name}`", install.plan.app)));
        }
        refuse_dots(name)?;
        let holder = self.apps.get(name).map(|app| app.root);
        self.refuse_running(act, holder, format!("`{name}` is running; stop it first"))?;
        let row = serde_json::to_vec(&install.plan).map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        self.app_installed(act, name, (install.plan.version.to_string(), &row), now, fx)?;
        self.keep(app_key(name), Some(row.into()), fx);
        // What should run is what was started, not what is installed in its place. Who was killed stays so.
        let tombstone = self.row(&running_key(name))?.and_then(|row| Running::read(row).tombstone());
        self.keep(running_key(name), tombstone.map(|tombstone| tombstone.row()), fx);
        // Nobody would ever be handed it.
        let agents = install.plan.agents.iter().filter(|agent| agent.inbox == Inbox::Durable);
        let durable: BTreeSet<&Name> = agents.map(|agent| &agent.name).collect();
        self.empty_inboxes(name, |agent| durable.contains(agent), fx);
        self.label_app(name, &act.labels, fx);
        Ok(Answer::empty())
    }

    pub(super) fn apply_app_remove(
        &mut self,
        act: &Act,
        name: &Name,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let holder = self.apps.get(name).map(|app| app.root);
        self.refuse_running(act, holder, format!("`{name}` is running; stop it first"))?;
        // Whether it is there is the doing of whoever installed or removed it.
        let labels = self.app_labels(name)?;
        self.taint(act.pid, &labels)?;
        self.plan(name)?;
        let labels = labels.join(&act.labels).map_err(|e| Refusal::new(Code::TooLarge, format!("`{name}`: {e}")))?;
        self.app_removed(act, name, &labels, now, fx)?;
        self.failed.remove(name);
        self.keep(app_key(name), None, fx);
        self.keep(running_key(name), None, fx);
        self.empty_inboxes(name, |_| false, fx);
        self.retained.forget(name.as_str());
        self.label_app(name, &labels, fx);
        Ok(Answer::empty())
    }

    pub(super) fn apply_app_stop(
        &mut self,
        act: &Act,
        name: &Name,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let Some(root) = self.apps.get(name).map(|app| app.root) else {
            let row = self.row(&running_key(name))?.map(|row| Running::read(row));
            let Some(should_run) = row.filter(|row| row.standing == Standing::Wanted) else {
                return Err(Refusal::new(Code::NotFound, format!("`{name}` is not running")));
            };
            // To stop it does not hang on whether that can be told.
            let _ = self.app_asked(act, name, Asked::Stop, now, fx);
            self.keep(running_key(name), should_run.tombstone().map(|tombstone| tombstone.row()), fx);
            return Ok(Answer::empty());
        };
        let _ = self.app_asked(act, name, Asked::Stop, now, fx);
        // Also where a kernel that stops would have left it for the next one.
        self.forget_running(name, fx);
        self.mark(root, &act.labels);
        self.note_stop(name, act.pid);
        self.stop_app(name, None, ExitReason::Shutdown, now, fx);
        // One of its own would wait for its own end.
        let own = self.processes.get(&act.pid).is_none_or(|process| process.app.as_ref() == Some(name));
        match self.apps.get_mut(name).filter(|_| !own) {
            None => Ok(Answer::empty()),
            Some(app) => {
                app.stops.push(act.action);
                self.open(act, Open::new(act, OpenKind::AppStop), Some(now.at.after(STOP_DEADLINE)));
                Ok(Answer::Later)
            }
        }
    }

    /// Notes that `by` stops an application, which has not come to its end and is not its own.
    pub(super) fn note_stop(&mut self, name: &Name, by: Pid) {
        let other = self.processes.get(&by).filter(|process| process.app.as_ref() != Some(name));
        let Some(who) = other.map(|process| process.name.clone()) else { return };
        if let Some(app) = self.apps.get_mut(name).filter(|app| !app.ending) {
            app.stopped_by = Some(who);
        }
    }

    /// Refuses what cannot be done while `holder` lives, which is the doing of whoever started it.
    fn refuse_running(&mut self, act: &Act, holder: Option<Pid>, reason: String) -> Result<(), Refusal> {
        let Some(holder) = holder else { return Ok(()) };
        let labels = self.processes.get(&holder).map(|p| p.labels.clone()).unwrap_or_default();
        Err(self.tell_of(act.pid, &labels, Refusal::new(Code::Conflict, reason)))
    }

    /// Whether `pid` is held from outside.
    pub(crate) fn is_session(&self, pid: Pid) -> bool {
        self.processes.get(&pid).is_some_and(|process| process.program.is_none() && process.app.is_none())
    }

    /// The process of an application that runs.
    fn root_of(&self, app: &Name) -> Pid {
        self.apps.get(app).map_or(Pid::KERNEL, |app| app.root)
    }

    /// What an application that is installed is labelled, or that it is not.
    fn app_labels(&self, name: &Name) -> Result<Labels, Refusal> {
        let Some(row) = self.row(&app_labels_key(name))? else { return Ok(Labels::NONE) };
        minicbor::decode(row).map_err(|e| {
            Refusal::new(Code::Failed, format!("what /app/{name} is labelled cannot be read, so it stays closed: {e}"))
        })
    }

    fn label_app(&mut self, name: &Name, labels: &Labels, fx: &mut Effects) {
        let key = app_labels_key(name);
        let value = (!labels.is_empty()).then(|| minicbor::to_vec(labels).unwrap_or_default().into());
        if value.is_some() || self.rows.get(&key).is_none_or(|row| row.is_some()) {
            self.keep(key, value, fx);
        }
    }

    fn plan(&self, name: &Name) -> Result<Plan, Refusal> {
        let row = self
            .row(&app_key(name))?
            .ok_or_else(|| Refusal::new(Code::NotFound, format!("no application `{name}` is installed")))?;
        let unreadable =
            |why: String| Refusal::new(Code::Failed, format!("the stored plan of `{name}` cannot be read: {why}"));
        let plan: Plan = serde_json::from_slice(row).map_err(|e| unreadable(e.to_string()))?;
        match plan.contradiction() {
            Some(contradiction) => Err(unreadable(contradiction)),
            None => Ok(plan),
        }
    }

    pub(super) fn apply_app_start(
        &mut self,
        act: &Act,
        name: &Name,
        start: &AppStart,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        refuse_dots(name)?;
        if self.stopping {
            return Err(Refusal::new(Code::Cancelled, "the kernel is stopping"));
        }
        // What is started, and what comes of it, is the doing of whoever installed it.
        let installed = self.app_labels(name)?;
        self.taint(act.pid, &installed)?;
        let labels = installed.join(&act.labels).map_err(|e| Refusal::new(Code::TooLarge, format!("`{name}`: {e}")))?;
        let plan = self.plan(name)?;
        self.is_installed(name)?;
        let holder = self.apps.get(name).map(|app| app.root).or_else(|| self.named(None, name));
        self.refuse_running(act, holder, format!("`{name}` is running already"))?;
        for service in &plan.services {
            let (taken, holder) = match (self.services.get(&service.name), self.declares(&service.name)) {
                (Some(owner), _) => (format!("answered by /proc/{owner}"), *owner),
                (None, Some(app)) => (format!("one of `{app}`"), self.root_of(app)),
                (None, None) => continue,
            };
            let reason = format!("the service `{}` of `{name}` is {taken} already", service.name);
            self.refuse_running(act, Some(holder), reason)?;
        }
        for mount in &plan.mounts {
            if let Some(app) = self.mounts.get(&mount.name).map(|bound| bound.app.clone()) {
                let reason =
                    format!("the mount `{}` of `{name}` is bound by `{app}` already; stop that first", mount.name);
                self.refuse_running(act, Some(self.root_of(&app)), reason)?;
            }
        }
        if let Some(unknown) = start.without.iter().find(|name| !plan.names().contains(name)) {
            return Err(invalid(format!("`{name}` has no agent `{unknown}` to be started without")));
        }
        let hash: [u8; 32] = self.row(&app_key(name))?.map(|row| Sha256::digest(row).into()).unwrap_or_default();
        let before = self.row(&running_key(name))?.map(|row| Running::read(row).killed).unwrap_or_default();
        let Running { drawn, suspended, taken, .. } = match start.continues {
            true => self.ran_before(name, &hash, now)?,
            false => Running::new(hash, now.wall),
        };
        let ceilings = self.refuse_role(act.pid, &Role::Supervisor, &format!("the application `{name}`"))?;
        if ceilings.is_some_and(|ceilings| ceilings != Ceilings::default()) {
            let reason =
                format!("whom this process starts runs within ceilings, and the application `{name}` has its own");
            return Err(Refusal::new(Code::Denied, reason));
        }
        let grant = taken.of_all().fold(self.application_grant(act, &plan)?, |grant, taken| grant.without(taken));
        let charter = self.charter_with(name, &plan)?;
        self.app_asked(act, name, Asked::Start, now, fx)?;
        let root = self.create(
            super::New {
                name: name.clone(),
                app: None,
                role: Role::Supervisor,
                // What a session starts outlives it.
                parent: if self.is_session(act.pid) { Pid::KERNEL } else { act.pid },
                capabilities: grant,
                labels,
                agent: None,
            },
            now,
        );
        let limits = [
            (Meter::Acts, plan.budget.acts),
            (Meter::Messages, plan.budget.messages),
            (Meter::ToolCalls, plan.budget.tool_calls),
            (Meter::Fuel, plan.budget.fuel),
            (Meter::Tokens, plan.budget.tokens),
            (Meter::Memory, plan.budget.memory),
        ];
        self.limit_account(root, limits);
        self.open_with(root, &drawn.app);
        let limited = plan.budget.wall.is_some()
            || limits.iter().any(|(meter, limit)| limit.is_some() && !meter.is_level())
            || plan.agents.iter().any(|agent| !budget_of(agent).is_empty());
        if let Some(wall) = plan.budget.wall {
            let lived = Duration::from_nanos(now.wall.0.saturating_sub(drawn.began.0));
            self.limit_wall(root, wall, lived, now);
        }
        if let Some(process) = self.processes.get_mut(&root) {
            process.rare.on_exhausted = plan.budget.on_exhausted;
            // Its agents' application is its own name; it is their root and counts as one of them.
            process.app = Some(name.clone());
            process.enter(Lifecycle::Running);
            process.busy = false;
        }
        // It is found as the application; its name is free for an agent.
        self.names.remove(&(None, name.clone()));
        self.charter = charter;
        self.bind_mounts(&plan);
        self.record_consent(&plan, now, fx);
        let own = own_rights_of(&plan);
        self.hold_as_application(root, Capabilities::new(spawns(&own), own).unwrap_or_default());
        let members = members(&plan);
        self.add_members(name, &plan);
        for (member, taken) in taken.of_members() {
            self.catalog.narrow(Some(name), member, taken);
        }
        self.failed.remove(name);
        self.apps.insert(
            name.clone(),
            App {
                root,
                members,
                spawned: BTreeMap::new(),
                running: BTreeSet::new(),
                supervision: plan.supervision,
                restarts: BTreeMap::new(),
                coming: BTreeMap::new(),
                killed: BTreeSet::new(),
                left_out: BTreeSet::new(),
                suspended: BTreeMap::new(),
                held: suspended,
                taken,
                leaving: BTreeMap::new(),
                stopping: false,
                spawning: false,
                refusals: BTreeMap::new(),
                plan: hash,
                starting: Some(act.action),
                services: plan.services.iter().map(|service| service.name.clone()).collect(),
                until: start.until,
                ends_with: plan.ends_with.clone(),
                unregistered: plan
                    .services
                    .iter()
                    .filter(|service| !service.optional)
                    .map(|service| (service.name.clone(), service.owner.clone()))
                    .collect(),
                gone: BTreeMap::new(),
                busy: 0,
                failed: Vec::new(),
                failed_more: 0,
                monitors: BTreeMap::new(),
                labels: Labels::NONE,
                ending: false,
                began: drawn.began,
                limited,
                log: LogRate::new(plan.budget.log),
                carried: drawn.agents,
                continues: start.continues,
                row: None,
                ends_for: ExitReason::Shutdown,
                starter: None,
                stops: Vec::new(),
                over: false,
                unwanted: false,
                stopped_by: None,
            },
        );
        if let Some(app) = self.apps.get_mut(name) {
            // Whoever was killed stays so until it is started again.
            start.without.iter().for_each(|member| match before.contains(member) {
                true => app.bury(member),
                false => app.leave_out(member),
            });
        }
        if start.until == Until::Quiet {
            self.keep(running_key(name), None, fx);
            self.keep_running(name, fx);
        }
        self.open(act, Open::new(act, OpenKind::AppStart), Some(now.at.after(START_DEADLINE)));
        self.spawn_ready(name, now, fx);
        Ok(Answer::Later)
    }

    /// What an application may hand to its agents: its own, and of what its agents want beyond that
    /// only what the session may give.
    fn application_grant(&self, act: &Act, plan: &Plan) -> Result<Capabilities, Refusal> {
        let session = self.processes.get(&act.pid).map(|p| p.capabilities.clone()).unwrap_or_default();
        let mut grant = own_rights_of(plan);
        let wanted: BTreeSet<&Right> = plan.agents.iter().flat_map(|agent| &agent.given).collect();
        for right in wanted {
            if !session.can_grant(right) {
                return Err(Refusal::new(
                    Code::Denied,
                    format!("`{}` wants `{right}`, which whoever starts it may not give", plan.app),
                ));
            }
            grant.push(right.clone());
        }
        Capabilities::new(spawns(&grant), grant).map_err(|e| invalid(e.to_string()))
    }

    /// The charter with the rules of one more application. They are about it alone and only tighten.
    fn charter_with(&self, name: &Name, plan: &Plan) -> Result<Charter, Refusal> {
        if plan.rules.is_empty() {
            return Ok(self.charter.clone());
        }
        let unkept: Vec<String> = plan.rules.iter().flat_map(table::unkept_arguments).collect();
        if !unkept.is_empty() {
            return Err(invalid(format!("the rules of `{name}` cannot be evaluated: {}", unkept.join("; "))));
        }
        let mut rules = self.charter.rules().to_vec();
        for rule in &plan.rules {
            // Ids are the application's own: another one may use the same.
            let id = rule_name(name, &rule.id).map_err(invalid)?;
            let mut rule = Rule { id, ..rule.clone() };
            rule.when.apps = vec![name.clone()];
            rules.push(rule);
        }
        Charter::with_rules(self.charter.version() + 1, rules).map_err(|errors| {
            let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
            invalid(format!("the rules of `{name}` do not hold together: {}", errors.join("; ")))
        })
    }

    fn bind_mounts(&mut self, plan: &Plan) {
        for mount in &plan.mounts {
            let bound = Mount {
                app: plan.app.clone(),
                writable: mount.mode == MountMode::Write,
                labels: mount.labels.clone(),
                clearance: mount.clearance.clone().unwrap_or_default(),
            };
            self.mounts.insert(mount.name.clone(), bound);
        }
    }

    fn record_consent(&mut self, plan: &Plan, now: Now, fx: &mut Effects) {
        let given = plan.agents.iter().flat_map(|a| a.given.iter().map(move |right| format!("{}: {right}", a.name)));
        let mode = |mode| if mode == MountMode::Write { "write" } else { "read" };
        let consented = Consented {
            app: plan.app.to_string(),
            version: plan.version.to_string(),
            given: bounded(given),
            mounts: bounded(plan.mounts.iter().map(|m| format!("{} {}", m.name, mode(m.mode)))),
        };
        self.record(crate::id::ActionId(0), Content::Consent(consented), now, fx);
    }
}

/// Refuses a name in which dots are: the topics of `x` are `/topic/x.**`, so those of an `x.y` would be its, too.
fn refuse_dots(name: &Name) -> Result<(), Refusal> {
    match name.as_str().contains('.') {
        false => Ok(()),
        true => Err(invalid(format!(
            "`{name}` cannot be an application's name: dots separate the parts of its topics; use a dash"
        ))),
    }
}
