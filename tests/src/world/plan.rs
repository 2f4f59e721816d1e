//! Applications of puppets, said in few words.

use super::host::name;
use kernel_core::agency::CustomRole;
use kernel_core::app::{AgentLimits, AgentPlan, Budget, Inbox, MountMode, MountPlan, Plan, ProgramPlan};
use kernel_core::app::{Consent, ServicePlan, SupervisorPlan};
use kernel_core::capability::{Capabilities, Right};
use kernel_core::governance::{Rule, Then, When};
use kernel_core::label::Labels;
use kernel_core::process::{InstanceKind, Restart, Shutdown, Supervision};

/// An agent to be.
#[derive(Clone, Debug)]
pub struct Agent {
    pub(super) name: String,
    role: &'static str,
    uses: Vec<String>,
    grants: Vec<String>,
    args: String,
    instance: InstanceKind,
    clearance: Option<Labels>,
    labels: Labels,
    /// Its ceilings.
    pub limits: AgentLimits,
    depends_on: Vec<String>,
    restart: Restart,
    inbox: Inbox,
    supervisor: Option<String>,
    shutdown: Shutdown,
    own: bool,
}

/// A puppet that holds nothing, has no ceiling for labels and does nothing at its start.
pub fn agent(name: &str) -> Agent {
    Agent {
        name: name.to_owned(),
        role: "worker",
        uses: Vec::new(),
        grants: Vec::new(),
        args: String::new(),
        instance: InstanceKind::Kept,
        clearance: None,
        labels: Labels::NONE,
        limits: AgentLimits::default(),
        depends_on: Vec::new(),
        restart: Restart::Temporary,
        inbox: Inbox::Memory,
        supervisor: None,
        shutdown: Shutdown::default(),
        own: false,
    }
}

fn labels(names: &[&str]) -> Labels {
    Labels::parse(names).expect("labels")
}

impl Agent {
    /// What it is for.
    #[must_use]
    pub fn role(mut self, role: &'static str) -> Agent {
        self.role = role;
        self
    }

    /// What it may do.
    #[must_use]
    pub fn uses(mut self, rights: &[&str]) -> Agent {
        self.uses.extend(rights.iter().map(|right| (*right).to_owned()));
        self
    }

    /// All its rights are the application's own.
    #[must_use]
    pub fn own(mut self) -> Agent {
        self.own = true;
        self
    }

    /// What it may hand on.
    #[must_use]
    pub fn grants(mut self, rights: &[&str]) -> Agent {
        self.grants.extend(rights.iter().map(|right| (*right).to_owned()));
        self
    }

    /// What it does at its start.
    #[must_use]
    pub fn does(mut self, script: &str) -> Agent {
        self.args = script.to_owned();
        self
    }

    /// A fresh instance for every message.
    #[must_use]
    pub fn per_message(mut self) -> Agent {
        self.instance = InstanceKind::PerMessage;
        self
    }

    /// The ceiling of what may reach it.
    #[must_use]
    pub fn cleared_for(mut self, names: &[&str]) -> Agent {
        self.clearance = Some(labels(names));
        self
    }

    /// What it carries from its start.
    #[must_use]
    pub fn carries(mut self, names: &[&str]) -> Agent {
        self.labels = labels(names);
        self
    }

    /// Which agents must run before it starts.
    #[must_use]
    pub fn after(mut self, agents: &[&str]) -> Agent {
        self.depends_on.extend(agents.iter().map(|agent| (*agent).to_owned()));
        self
    }

    /// When it is started again.
    #[must_use]
    pub fn restarts(mut self, restart: Restart) -> Agent {
        self.restart = restart;
        self
    }

    /// What is sent to it is stored until it has handled it.
    #[must_use]
    pub fn durable(mut self) -> Agent {
        self.inbox = Inbox::Durable;
        self
    }

    /// The supervisor that it is below.
    #[must_use]
    pub fn under(mut self, supervisor: &str) -> Agent {
        self.supervisor = Some(supervisor.to_owned());
        self
    }

    /// How it is stopped.
    #[must_use]
    pub fn stops(mut self, shutdown: Shutdown) -> Agent {
        self.shutdown = shutdown;
        self
    }

    /// Changes its ceilings.
    #[must_use]
    pub fn limited(mut self, limit: impl FnOnce(&mut AgentLimits)) -> Agent {
        limit(&mut self.limits);
        self
    }

    fn plan(&self, program: &ProgramPlan) -> AgentPlan {
        let texts = |rights: &[String]| super::rights(&rights.iter().map(String::as_str).collect::<Vec<_>>());
        let (uses, grants) = (texts(&self.uses), texts(&self.grants));
        let given: Vec<Right> = if self.own { Vec::new() } else { uses.iter().chain(&grants).cloned().collect() };
        AgentPlan {
            name: name(&self.name),
            role: name(self.role),
            program: program.clone(),
            instance: self.instance,
            inbox: self.inbox,
            capabilities: Capabilities::new(uses, grants).expect("few rights"),
            given,
            absent: Vec::new(),
            labels: self.labels.clone(),
            clearance: self.clearance.clone(),
            limits: self.limits,
            restart: self.restart,
            supervisor: self.supervisor.as_deref().map(name),
            shutdown: self.shutdown,
            depends_on: self.depends_on.iter().map(|agent| name(agent)).collect(),
            args: serde_json::Value::from(self.args.as_str()).to_string(),
        }
    }
}

/// A permanent supervisor directly below the application, with the strategy, intensity and window that a manifest has by
/// default, and no backoff.
pub fn supervisor(called: &str) -> SupervisorPlan {
    SupervisorPlan {
        name: name(called),
        supervisor: None,
        supervision: Supervision { backoff: std::time::Duration::ZERO, ..Supervision::default() },
        restart: Restart::Permanent,
        shutdown: Shutdown::Infinite,
    }
}

/// An application to be.
#[derive(Clone, Debug)]
pub struct App {
    pub(super) name: String,
    pub(super) agents: Vec<Agent>,
    pub(super) quiet: bool,
    mounts: Vec<MountPlan>,
    services: Vec<ServicePlan>,
    rules: Vec<Rule>,
    budget: Budget,
    supervision: Supervision,
    supervisors: Vec<SupervisorPlan>,
    roles: Vec<CustomRole>,
    ends_with: Option<String>,
    pub(super) labels: Labels,
}

/// An application with these agents, with the mount `in` for reading and `out` for writing, that runs until
/// it is stopped.
pub fn app<const N: usize>(name: &str, agents: [Agent; N]) -> App {
    let app = App {
        name: name.to_owned(),
        agents: agents.into(),
        quiet: false,
        mounts: Vec::new(),
        services: Vec::new(),
        rules: Vec::new(),
        budget: Budget::default(),
        supervision: Supervision::default(),
        supervisors: Vec::new(),
        roles: Vec::new(),
        ends_with: None,
        labels: Labels::NONE,
    };
    app.mounted("in", MountMode::Read, &[], &[]).mounted("out", MountMode::Write, &[], &[])
}

impl App {
    /// With these agents, too.
    #[must_use]
    pub fn with(mut self, agents: impl IntoIterator<Item = Agent>) -> App {
        self.agents.extend(agents);
        self
    }

    /// It ends when it is quiet.
    #[must_use]
    pub fn until_quiet(mut self) -> App {
        self.quiet = true;
        self
    }

    /// It ends with this agent.
    #[must_use]
    pub fn ends_with(mut self, agent: &str) -> App {
        self.ends_with = Some(agent.to_owned());
        self
    }

    /// It binds no mounts, so that it runs beside an application that does.
    #[must_use]
    pub fn unmounted(mut self) -> App {
        self.mounts.clear();
        self
    }

    /// Binds a mount, in place of one of that name.
    #[must_use]
    pub fn mounted(mut self, mount: &str, mode: MountMode, joins: &[&str], cleared: &[&str]) -> App {
        self.mounts.retain(|other| other.name != name(mount));
        let plan = MountPlan { name: name(mount), mode, labels: labels(joins), clearance: Some(labels(cleared)) };
        self.mounts.push(plan);
        self
    }

    /// Adds a rule: its id, the TOML of its `when`, and what it says.
    #[must_use]
    pub fn ruled(mut self, id: &str, when: &str, then: Then) -> App {
        let when: When = toml::from_str(when).unwrap_or_else(|e| panic!("{when}: {e}"));
        self.rules.push(Rule { id: name(id), text: "It is so.".to_owned(), when, then });
        self
    }

    /// Declares a service, which it cannot do without unless that is `optional`.
    #[must_use]
    pub fn serving(mut self, service: &str, owner: &str, optional: bool) -> App {
        let plan = ServicePlan { name: name(service), owner: name(owner), methods: Vec::new(), optional };
        self.services.push(plan);
        self
    }

    /// Its account.
    #[must_use]
    pub fn budget(mut self, budget: Budget) -> App {
        self.budget = budget;
        self
    }

    /// It is started with these labels.
    #[must_use]
    pub fn labelled(mut self, names: &[&str]) -> App {
        self.labels = labels(names);
        self
    }

    /// How it deals with the ends of its agents.
    #[must_use]
    pub fn supervised(mut self, supervision: Supervision) -> App {
        self.supervision = supervision;
        self
    }

    /// With these supervisors, each after the one that it is below.
    #[must_use]
    pub fn overseen(mut self, supervisors: impl IntoIterator<Item = SupervisorPlan>) -> App {
        self.supervisors.extend(supervisors);
        self
    }

    /// With these roles.
    #[must_use]
    pub fn describing(mut self, roles: impl IntoIterator<Item = CustomRole>) -> App {
        self.roles.extend(roles);
        self
    }

    /// The plan of it, with `program` for each of its agents.
    pub fn plan(&self, program: ProgramPlan) -> Plan {
        Plan {
            app: name(&self.name),
            version: "0.1.0".parse().expect("a version"),
            description: None,
            content: [0; 32],
            ends_with: self.ends_with.as_deref().map(name),
            agents: self.agents.iter().map(|agent| agent.plan(&program)).collect(),
            supervisors: self.supervisors.clone(),
            roles: self.roles.clone(),
            services: self.services.clone(),
            mounts: self.mounts.clone(),
            topics: None,
            tree: None,
            rules: self.rules.clone(),
            budget: self.budget,
            supervision: self.supervision,
            consent: Consent::new([], Vec::new()).expect("nothing"),
        }
    }
}

/// The rights that `texts` spell.
pub fn rights(texts: &[&str]) -> Vec<Right> {
    texts.iter().map(|text| Right::parse(text).unwrap_or_else(|e| panic!("{text}: {e}"))).collect()
}
