//! `spawn /agent/NAME`: a child with a part of what its parent may give, and never more.

use super::limits::SpawnLimits;
use crate::agency::{Ceilings, Role};
use crate::budget::{AccountId, Meter};
use crate::capability::{self, Capabilities, Right};
use crate::id::{ActionId, Pid};
use crate::ipc::{Envelope, EnvelopeKind, Mailbox, body};
use crate::kernel::catalog::Agent;
use crate::kernel::delivery::clip;
use crate::kernel::effects::{Effects, Notice, Perform, Performance, Wake};
use crate::kernel::open::{Closed, Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::{Name, Resource, Verb};
use crate::platform::{Fault, StartRequest};
use crate::process::{ExitReason, Lifecycle, Process, Rare, Used};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// How long making an instance may take.
const START_DEADLINE: Duration = Duration::from_secs(120);

/// The most ancestors of a process: every act draws from the accounts of all of them, and an end ends all below.
const DEPTH: usize = 64;

/// How many rights a refusal names; the rest is counted.
const NAMED: usize = 16;

/// What a child is to be.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Spawn {
    /// Its name, if another than the agent's.
    pub name: Option<Name>,
    /// The body of its `start` envelope; the manifest's where absent.
    pub args: Option<serde_json::Value>,
    /// What it may do; the manifest's where absent.
    #[serde(rename = "use")]
    pub use_: Option<Vec<Right>>,
    /// What it may give; the manifest's where absent.
    pub grant: Option<Vec<Right>>,
    /// Lower limits than the manifest's.
    pub limits: Option<SpawnLimits>,
    /// The application that runs in which it is spawned; for the operator alone.
    pub app: Option<Name>,
}

impl State {
    pub(super) fn apply_spawn(
        &mut self,
        act: &Act,
        agent: &Name,
        spawn: &Spawn,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let parent = match &spawn.app {
            None => act.pid,
            Some(app) => self.operated(act.pid, app)?,
        };
        let app = self.processes.get(&parent).and_then(|p| p.app.clone());
        let mut definition = self
            .catalog
            .get(app.as_ref(), agent)
            .ok_or_else(|| Refusal::new(Code::NotFound, format!("there is no agent `{agent}` to spawn here")))?;
        let ceilings = self.refuse_role(parent, &definition.role, &format!("agent `{}`", definition.name))?;
        if let Some(ceilings) = &ceilings {
            definition = Arc::new(definition.within(ceilings)?);
        }
        if let Some(limits) = &spawn.limits {
            definition = Arc::new(limits.lower(&definition)?);
        }
        self.profile_allows(&definition)?;
        self.refuse_depth(parent)?;
        let name = match (&spawn.name, &spawn.app) {
            (Some(name), _) => name.clone(),
            (None, None) => definition.name.clone(),
            // That name is for the one that the application starts.
            (None, Some(_)) => Name::parse(&format!("{agent}-{}", self.counters.pid + 1))
                .map_err(|_| Refusal::new(Code::Invalid, format!("say its `name`: `{agent}` is too long to add to")))?,
        };
        let members = spawn.app.as_ref().and_then(|app| self.apps.get(app));
        if members.is_some_and(|app| app.member(&name).is_some()) {
            let reason = format!("`{name}` is the name of an agent of the application, which starts that one itself");
            return Err(Refusal::new(Code::Conflict, reason));
        }
        let supervised = self.supervises(act.pid, app.as_ref(), &name);
        let member_of = app.as_ref().and_then(|app| self.apps.get(app));
        if supervised && !member_of.is_some_and(|app| app.awaits(&name)) {
            // Somebody was asked, and much may have happened since.
            return Err(Refusal::new(Code::Cancelled, format!("`{name}` is not to be started any more")));
        }
        if let Some(holder) = self.named(app.as_ref(), &name) {
            // That there is one is the doing of whoever named it.
            let labels = self.processes.get(&holder).map(|p| p.labels.clone()).unwrap_or_default();
            let taken = Refusal::new(Code::Conflict, format!("a process named `{name}` is running already"));
            return Err(self.tell_of(act.pid, &labels, taken));
        }
        if definition.program.is_none() && !(supervised && name == *agent) {
            let reason = format!("`{agent}` is a supervisor, which only its own supervisor starts");
            return Err(Refusal::new(Code::Denied, reason));
        }
        if !supervised && member_of.is_some_and(|app| app.coming.contains_key(&name)) {
            return Err(Refusal::new(Code::Conflict, format!("an agent named `{name}` is being started again")));
        }
        let requested = Capabilities::new(
            spawn.use_.clone().unwrap_or_else(|| definition.capabilities.use_rights().to_vec()),
            spawn.grant.clone().unwrap_or_else(|| definition.capabilities.grant_rights().to_vec()),
        )
        .map_err(|e| Refusal::new(Code::Invalid, e.to_string()))?;
        self.refuse_widening(parent, &requested)?;
        self.refuse_memory(parent, &definition)?;
        let mut carried = act.labels.clone();
        if parent != act.pid {
            // What the application may give is for all its agents; this one gets no more than its own plan says.
            let beyond = |list: fn(&Capabilities) -> &[Right]| {
                let own = list(&definition.capabilities);
                list(&requested).iter().find(|right| !own.iter().any(|one| one.includes(right))).cloned()
            };
            if let Some(right) = beyond(Capabilities::use_rights).or_else(|| beyond(Capabilities::grant_rights)) {
                let reason = format!("the plan of `{agent}` does not give it `{right}`");
                return Err(Refusal::new(Code::Denied, reason));
            }
            // It is of the application, whose process carries what that was made of and what went wrong in it.
            let of_app = self.processes.get(&parent).map(|process| process.labels.clone()).unwrap_or_default();
            self.taint(act.pid, &of_app)?;
            let too_many = |e| Refusal::new(Code::TooLarge, format!("`{name}` cannot be labelled: {e}"));
            carried = carried.join(&of_app).map_err(too_many)?;
        }
        let labels = definition
            .labels
            .join(&carried)
            .map_err(|e| Refusal::new(Code::TooLarge, format!("`{name}` cannot be labelled: {e}")))?;
        if let Some(ceiling) = &definition.clearance
            && !labels.is_subset(ceiling)
        {
            let above = labels.minus(ceiling);
            return Err(Refusal::new(
                Code::Denied,
                format!("`{name}` would carry {above}, which lies above the clearance of agent `{agent}`"),
            ));
        }
        if definition.program.is_none() {
            return Ok(self.spawn_supervisor(act, name, app, requested, labels, &definition, now, fx));
        }
        let args = match &spawn.args {
            Some(args) => body::json(args),
            None => definition.args.clone(),
        };
        let start = self.start_envelope(Pid(self.counters.pid + 1), act, args);
        self.room_for(&start)?;
        let pid = self.create(
            New {
                name,
                app,
                role: definition.role.clone(),
                parent,
                capabilities: requested,
                labels,
                agent: Some(&definition),
            },
            now,
        );
        if let Some(process) = self.processes.get_mut(&pid) {
            process.rare.ceilings = ceilings.map(Box::new);
            process.rare.spawned_by = Some(act.action);
        }
        self.go_on_with_account(pid);
        if let Some(account) = self.processes.get(&pid).map(|p| p.account) {
            // There is room: that was just looked at. It is given back with the account.
            let _ = self.ledger.reserve(account, Meter::Memory, definition.limits.memory);
        }
        self.enqueue(pid, start, 0);
        let request = self.start_request(pid);
        fx.acts.push(Perform { action: act.action, durable: act.durable, what: Performance::Start(request) });
        let kind = OpenKind::Spawn { child: pid, ended: None };
        self.open(act, Open::new(act, kind), Some(now.at.after(START_DEADLINE)));
        Ok(Answer::Later)
    }

    /// The process of an application that runs, below which `pid`, who is the operator, spawns.
    fn operated(&self, pid: Pid, app: &Name) -> Result<Pid, Refusal> {
        let role = self.processes.get(&pid).map(|process| &process.role);
        if !self.is_session(pid) || !matches!(role, Some(Role::User | Role::Root)) {
            let reason = "`app` is for the operator: a process spawns in its own application";
            return Err(Refusal::new(Code::Denied, reason));
        }
        let running = self.apps.get(app).filter(|app| !app.ending && app.starting.is_none());
        running.map(|app| app.root).ok_or_else(|| Refusal::new(Code::NotFound, format!("no application `{app}` runs")))
    }

    /// A process that starts others and does nothing else: it runs at once.
    #[allow(clippy::too_many_arguments)] // What was looked at, and no more.
    fn spawn_supervisor(
        &mut self,
        act: &Act,
        name: Name,
        app: Option<Name>,
        capabilities: Capabilities,
        labels: Labels,
        definition: &Agent,
        now: Now,
        fx: &mut Effects,
    ) -> Answer {
        let (role, parent, agent) = (definition.role.clone(), act.pid, Some(definition));
        let child = self.create(New { name, app, role, parent, capabilities, labels, agent }, now);
        self.open(act, Open::new(act, OpenKind::Spawn { child, ended: None }), None);
        self.started(act.action, &Ok(()), now, fx);
        Answer::Later
    }

    /// Whether `pid` is the supervisor of `member` in `app`.
    fn supervises(&self, pid: Pid, app: Option<&Name>, member: &Name) -> bool {
        app.and_then(|app| self.apps.get(app)).is_some_and(|app| app.supervisor_of(member) == Some(pid))
    }

    /// Refuses `what`, of role `started`, that the role of `parent` may not start, or no more of; the ceilings within which it
    /// runs, where it may.
    pub(super) fn refuse_role(&self, parent: Pid, started: &Role, what: &str) -> Result<Option<Ceilings>, Refusal> {
        let Some(parent) = self.processes.get(&parent) else {
            return Err(Refusal::new(Code::NotFound, "the parent is gone"));
        };
        let (role, name) = (&parent.role, &parent.name);
        if !role.may_start(started) {
            let starts = match &role.starts()[..] {
                [] => "nobody".to_owned(),
                names => names.join(", "),
            };
            let (role, started) = (role.as_str(), started.as_str());
            let reason = format!("{name} is a `{role}`, which may start {starts}; {what} is a `{started}`");
            return Err(Refusal::new(Code::Denied, reason));
        }
        let above = parent.rare.ceilings.as_deref().copied();
        let Some(custom) = role.custom() else { return Ok(above) };
        match custom.children {
            Some(most) if parent.children.len() >= most as usize => {
                let reason = format!("a `{}` may have {most} children at once, and {name} has them", custom.name);
                Err(Refusal::new(Code::Exhausted, reason))
            }
            _ => Ok(Some(above.unwrap_or_default().and(&custom.ceilings))),
        }
    }

    /// Refuses a host that lacks the kind of program, before it is asked.
    fn profile_allows(&self, agent: &Agent) -> Result<(), Refusal> {
        let Some(kind) = agent.program_kind().filter(|kind| !self.profile.programs.contains(kind)) else {
            return Ok(());
        };
        let host = &self.profile.host;
        Err(Refusal::new(
            Code::Unsupported,
            format!("agent `{}` needs a {kind:?} program, which the {host} host does not run", agent.name),
        ))
    }

    /// Refuses an instance whose ceiling of memory is more than the accounts above it have left.
    fn refuse_memory(&self, parent: Pid, agent: &Agent) -> Result<(), Refusal> {
        let account = self.processes.get(&parent).map(|p| p.account);
        match account.and_then(|account| self.ledger.left(account, Meter::Memory)) {
            Some(left) if left < agent.limits.memory => Err(Refusal::new(
                Code::Exhausted,
                format!(
                    "agent `{}` may use {} bytes of memory, and the budget has {left} left",
                    agent.name, agent.limits.memory
                ),
            )),
            _ => Ok(()),
        }
    }

    /// Refuses a child of a process that has as many ancestors as one may have.
    fn refuse_depth(&self, parent: Pid) -> Result<(), Refusal> {
        let above = std::iter::successors(self.processes.get(&parent), |p| self.processes.get(&p.parent));
        if above.take(DEPTH).count() < DEPTH {
            return Ok(());
        }
        Err(Refusal::new(Code::Exhausted, format!("a process may have {DEPTH} ancestors, and a child would have more")))
    }

    /// Refuses what `parent` may not give, naming the rights.
    pub(super) fn refuse_widening(&self, parent: Pid, requested: &Capabilities) -> Result<(), Refusal> {
        let Some(parent) = self.processes.get(&parent) else {
            return Err(Refusal::new(Code::NotFound, "the parent is gone"));
        };
        let Err(widened) = capability::attenuate(&parent.capabilities, requested) else { return Ok(()) };
        // What a process may do to itself it gets from nobody.
        let of_itself = |right: &Right| right.pattern.is_self() && matches!(right.verb, Verb::Read | Verb::Stop);
        let beyond: Vec<&Right> = widened.iter().map(|w| &w.right).filter(|right| !of_itself(right)).collect();
        if beyond.is_empty() {
            return Ok(());
        }
        let mut rights: Vec<String> = beyond.iter().take(NAMED).map(|right| format!("`{right}`")).collect();
        if beyond.len() > NAMED {
            rights.push(format!("and {} more", beyond.len() - NAMED));
        }
        Err(Refusal::new(Code::Denied, format!("{} may not give {}", parent.name, rights.join(", "))))
    }

    /// Puts limits on the account of a process that was just created and has drawn nothing.
    pub(crate) fn limit_account(&mut self, pid: Pid, limits: impl IntoIterator<Item = (Meter, Option<u64>)>) {
        let Some(process) = self.processes.get(&pid) else { return };
        let limits: Vec<(Meter, u64)> = limits.into_iter().filter_map(|(m, n)| n.map(|n| (m, n))).collect();
        let parent = self.ledger.parent(process.account);
        // It has no children yet, and its number is free again once it is closed.
        let _ = self.ledger.close(process.account);
        let _ = self.ledger.open(process.account, parent, &limits);
    }

    /// Puts a process into the table; it is Starting.
    pub(crate) fn create(&mut self, new: New<'_>, now: Now) -> Pid {
        self.counters.pid += 1;
        let pid = Pid(self.counters.pid);
        let parent_account = self.processes.get(&new.parent).map(|p| p.account);
        let account = AccountId(pid.0);
        // The pid is new and the parent lives, so neither error can be.
        let _ = self.ledger.open(account, parent_account, new.agent.map_or(&[], |a| &a.budget));
        let on_exhausted = new.agent.map(|a| a.on_exhausted).unwrap_or_default();
        // What an agent starts is that agent's affair, and so is what it misses.
        let supervisor = new.app.as_ref().and_then(|app| self.apps.get(app)?.supervisor_of(&new.name));
        let durable = new.agent.is_some_and(|agent| agent.durable) && supervisor == Some(new.parent);
        // A supervisor is no agent: what it starts is as new as what its application starts.
        let agent = new.agent.and_then(|a| if a.program.is_some() { Some(a.name.clone()) } else { new.app.clone() });
        let process = Process {
            pid,
            name: new.name.clone(),
            agent: agent.unwrap_or_else(|| new.name.clone()),
            app: new.app.clone(),
            role: new.role,
            parent: new.parent,
            children: BTreeSet::new(),
            life: Lifecycle::Starting,
            program: new.agent.and_then(|a| a.program.clone()),
            instance: new.agent.map_or(crate::process::InstanceKind::Kept, |a| a.instance),
            limits: new.agent.map(|a| a.limits).unwrap_or_default(),
            capabilities: new.capabilities.bind(pid),
            own_labels: new.labels.clone(),
            labels: new.labels,
            clearance: new.agent.and_then(|a| a.clearance.clone()),
            mailbox: Mailbox::default(),
            handling: None,
            account,
            used: Used::default(),
            born: now.at,
            seen: now.at,
            seed: self.random.next(),
            rare: Box::new(Rare { on_exhausted, ..Rare::default() }),
            durable,
            busy: false,
            swayed: false,
        };
        self.processes.insert(pid, process);
        self.names.insert((new.app, new.name), pid);
        if let Some(parent) = self.processes.get_mut(&new.parent) {
            parent.children.insert(pid);
        }
        if let (Some(stored), Some(process)) = (new.agent.and_then(|a| a.stored), self.processes.get_mut(&pid)) {
            process.rare.stored = Some(stored);
        }
        if let Some(wall) = new.agent.and_then(|a| a.wall) {
            self.limit_wall(pid, wall, Duration::ZERO, now);
        }
        self.count_busy(pid);
        pid
    }

    /// The first envelope of a process: it waits in its mailbox before anything else can.
    fn start_envelope(&mut self, pid: Pid, act: &Act, args: Bytes) -> Envelope {
        self.counters.message += 1;
        Envelope {
            id: crate::id::MessageId(self.counters.message),
            sender: Resource::Proc(act.pid),
            target: Resource::Proc(pid),
            kind: EnvelopeKind::Start,
            correlation: None,
            deadline: None,
            labels: Labels::NONE,
            content_type: "application/json".into(),
            body: args,
        }
    }

    /// What the host needs to make an instance of `pid`.
    pub(crate) fn start_request(&self, pid: Pid) -> StartRequest {
        let process = self.processes.get(&pid);
        StartRequest {
            pid,
            program: process
                .and_then(|p| p.program.clone())
                .unwrap_or(crate::platform::Program::Wasm { hash: [0; 32] }),
            limits: process.map(|p| p.limits).unwrap_or_default(),
            seed: process.map(|p| p.seed).unwrap_or_default(),
            again: false,
        }
    }

    /// The host made the first instance of a child, or could not.
    pub(crate) fn started(&mut self, action: ActionId, result: &Result<(), Fault>, now: Now, fx: &mut Effects) {
        #[derive(Serialize)]
        struct Spawned {
            pid: Pid,
        }
        let Some(Open { pid: parent, kind: OpenKind::Spawn { child, ended }, .. }) = self.opened.get(&action) else {
            return;
        };
        let (parent, child) = (*parent, *child);
        if let Some(labels) = ended.clone() {
            fx.wakes.push(Wake::Drop { pid: child });
            let refusal = Refusal::new(Code::Cancelled, "it ended while it was being started");
            let refusal = match labels {
                Some(labels) => self.tell_of(parent, &labels, refusal),
                None => Refusal::new(Code::TooLarge, "nothing can be told of the end of what was being started"),
            };
            self.close(action, Err(refusal), now, fx);
            return;
        }
        let result = match result {
            Ok(()) => self.hand_again(child, now, fx),
            Err(fault) => Err(fault.reason.clone()),
        };
        match result {
            Ok(()) => {
                let Some(process) = self.processes.get_mut(&child) else { return };
                if process.life == Lifecycle::Starting {
                    process.enter(Lifecycle::Running);
                    let (name, app) = (process.name.to_string(), process.app.clone());
                    fx.wakes.push(Wake::Notice(Notice::Running { pid: child, name, app }));
                    self.suspend_again(child, now, fx);
                }
                let closed = Closed { note: child.to_string(), by_other: false };
                self.end_open(action, Ok(body::json(&Spawned { pid: child })), closed, now, fx);
                self.next_message(child, now, fx);
                self.app_progress(child, now, fx);
            }
            Err(reason) => {
                let reason = clip(&reason);
                self.close(action, Err(Refusal::new(Code::Failed, reason.clone())), now, fx);
                self.exit(child, ExitReason::NotStarted(reason), now, fx);
            }
        }
    }
}

/// What `create` needs to know.
pub(crate) struct New<'a> {
    pub(crate) name: Name,
    pub(crate) app: Option<Name>,
    pub(crate) role: Role,
    pub(crate) parent: Pid,
    pub(crate) capabilities: Capabilities,
    pub(crate) labels: Labels,
    pub(crate) agent: Option<&'a Agent>,
}
