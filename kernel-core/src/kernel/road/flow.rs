//! Station 2: which labels does the act carry, and may they reach the resource?

use crate::governance::Effect;
use crate::id::Pid;
use crate::kernel::request::Parsed;
use crate::kernel::rows;
use crate::kernel::state::{Need, State};
use crate::kernel::tree::is_kernels;
use crate::kernel::verb::Op;
use crate::label::{Labels, TooManyLabels};
use crate::path::{FsPath, Kind, Resource, Verb};
use crate::process::Process;
use crate::refusal::{Code, Refusal};

/// What the kernel knows of a resource before it decides.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// Labels that may reach it without adding to the effect.
    pub(crate) clearance: Labels,
    /// Labels that its ceiling refuses.
    pub(crate) blocked: Labels,
    /// What whoever answers for it said of what is done to it.
    pub(crate) declared: Option<Effect>,
    /// What whoever said so, and what its clearance is, carried then: what is told of it is labelled so.
    pub(crate) told: Labels,
    /// Why it cannot be acted upon although a right says so (a mount that is read-only, or not bound).
    pub(crate) refusal: Option<Refusal>,
}

impl State {
    /// What the process carries, joined with what it put on this act.
    pub(super) fn carried(&self, pid: Pid, parsed: &Parsed) -> Result<Labels, TooManyLabels> {
        put_on(self.processes.get(&pid).map(|p| p.labels.clone()).unwrap_or_default(), parsed)
    }

    /// The same if it carried only what it began with.
    pub(super) fn carried_at_first(&self, pid: Pid, parsed: &Parsed) -> Result<Labels, TooManyLabels> {
        let first = |p: &Process| p.rare.first_labels.as_deref().unwrap_or(&p.own_labels).clone();
        put_on(self.processes.get(&pid).map(first).unwrap_or_default(), parsed)
    }

    /// Asks for every row that an act of `pid` looks at: what the target has, and how new the act is.
    pub(crate) fn want_rows(&self, pid: Pid, parsed: &Parsed, need: &mut Need) {
        let Ok(labels) = self.carried(pid, parsed) else { return };
        let granted = self.authority(pid, parsed).is_some();
        self.target(pid, parsed, &labels, granted, need);
        self.uses(pid, parsed, need);
    }

    /// What is known of the resource. Looked at only where a right permits the act: whoever has none
    /// does not learn whether the resource exists.
    pub(super) fn target(&self, pid: Pid, parsed: &Parsed, labels: &Labels, granted: bool, need: &mut Need) -> Target {
        let mut target = Target::default();
        if !granted {
            return target;
        }
        match &parsed.resource {
            Resource::Fs(path) => self.mount_target(path, parsed.verb, &mut target, need),
            Resource::Tree(path) => {
                if matches!(parsed.op, Op::Write(_) | Op::Remove) && is_kernels(path) {
                    let reason =
                        "what lies at and below /tree/kernel is the kernel's, which alone writes and removes there";
                    target.refusal = Some(Refusal::new(Code::Denied, reason));
                }
                self.want_node(path, &parsed.op, need);
            }
            Resource::Letters | Resource::Letter(_) => self.want_letters(pid, parsed, need),
            Resource::App(name) => {
                need.want(self, crate::kernel::verb::app_key(name));
                need.want(self, crate::kernel::verb::app_labels_key(name));
                need.want(self, crate::kernel::running::running_key(name));
                self.want_app_node(name, need);
                // Starting it spawns its agents in the same step, so what those acts need is needed now.
                need.want(self, rows::novelty(name, Verb::Spawn, Kind::Agent));
            }
            Resource::Tool(name) if parsed.verb == Verb::Call => match self.receiver(&parsed.resource) {
                Ok(pid) => {
                    target.blocked = self.above_ceiling(pid, labels);
                    if let Some(tool) = self.tools.get(name) {
                        target.declared = Some(tool.effect);
                        target.told = tool.asked.clone();
                        if let Some(clearance) = &tool.clearance {
                            target.clearance = clearance.clone();
                            // Both are parts of what the act carries, so they fit into one set.
                            let above = labels.minus(clearance);
                            target.blocked = target.blocked.join(&above).unwrap_or(above);
                        }
                    }
                }
                Err(gone) => target.refusal = Some(gone),
            },
            resource @ (Resource::Proc(_) | Resource::Service(_))
                if matches!(parsed.verb, Verb::Send | Verb::Call | Verb::Signal | Verb::Grant) =>
            {
                if let Ok(pid) = self.receiver(resource) {
                    target.blocked = self.above_ceiling(pid, labels);
                }
            }
            _ => {}
        }
        target
    }

    /// Those of `labels` that `pid` may not receive.
    fn above_ceiling(&self, pid: Pid, labels: &Labels) -> Labels {
        let ceiling = self.processes.get(&pid).and_then(|process| process.clearance.as_ref());
        ceiling.map_or(Labels::NONE, |ceiling| labels.minus(ceiling))
    }

    fn mount_target(&self, path: &FsPath, verb: Verb, target: &mut Target, need: &mut Need) {
        let Some(mount) = self.mounts.get(path.mount()) else {
            target.refusal = Some(Refusal::new(
                Code::NotFound,
                format!("no folder is bound to the mount `{0}`; bind one with --mount {0}=PATH", path.mount()),
            ));
            return;
        };
        target.clearance = mount.clearance.clone();
        if matches!(verb, Verb::Write | Verb::Remove) && !mount.writable {
            target.refusal =
                Some(Refusal::new(Code::Denied, format!("the mount `{}` is bound for reading only", path.mount())));
        }
        self.want_labels(path, verb, need);
    }

    /// Joins `labels` to what `pid` carries, unless they lie above its ceiling or are too
    /// many: then it must not get what is labelled so. It is not told by which labels either: whoever writes
    /// chooses their names, and could spell something with them.
    pub(crate) fn taint(&mut self, pid: Pid, labels: &Labels) -> Result<(), Refusal> {
        let Some(process) = self.processes.get_mut(&pid) else { return Ok(()) };
        if let Some(ceiling) = &process.clearance
            && !labels.is_subset(ceiling)
        {
            let above = labels.minus(ceiling);
            let reason = format!("what came back is labelled above the clearance of {}", process.name);
            return Err(Refusal::new(Code::Denied, reason).aside(format!("above it: {above}")).by_other());
        }
        process.labels = process
            .labels
            .join(labels)
            .map_err(|e| Refusal::new(Code::TooLarge, format!("{} may not take what came back: {e}", process.name)))?;
        Ok(())
    }

    /// Notes that something with `labels` was handed to `pid`, which did not look for it: what it is denied for what it
    /// carries is not its own doing from then on, for an instance of one message until that ends.
    pub(crate) fn sway(&mut self, pid: Pid, labels: &Labels) {
        if let Some(process) = self.processes.get_mut(&pid)
            && !labels.is_subset(&process.own_labels)
        {
            process.swayed = true;
        }
    }

    /// Whether others have brought labels to `pid`, see [`State::sway`].
    pub(super) fn is_swayed(&self, pid: Pid) -> bool {
        self.processes.get(&pid).is_some_and(|process| process.swayed || process.rare.first_labels.is_some())
    }

    /// A refusal that tells of somebody else's doing: whoever gets it carries from then on what that was
    /// labelled, or does not get to know it.
    pub(crate) fn tell_of(&mut self, pid: Pid, labels: &Labels, refusal: Refusal) -> Refusal {
        self.taint(pid, labels).err().unwrap_or(refusal)
    }

    /// Joins `labels` to a process that ends, whatever its ceiling: its end tells of what they are on.
    pub(crate) fn mark(&mut self, pid: Pid, labels: &Labels) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        match process.labels.join(labels) {
            Ok(joined) => process.labels = joined,
            Err(_) => process.rare.unsayable = true,
        }
    }
}

/// `own` labels, joined with those that were put on this act.
fn put_on(own: Labels, parsed: &Parsed) -> Result<Labels, TooManyLabels> {
    match &parsed.op {
        Op::Send(m) | Op::StreamWrite(m) => own.join(&m.labels),
        Op::Publish(p) => own.join(&p.message.labels),
        Op::Call(c) => own.join(&c.message.labels),
        Op::Write(w) => own.join(&w.labels),
        Op::StartApp(start) => own.join(&start.labels),
        _ => Ok(own),
    }
}
