//! Station 2: which labels does the act carry, and may they reach the resource?

use crate::id::Pid;
use crate::kernel::request::Parsed;
use crate::kernel::rows;
use crate::kernel::state::{Mount, Need, State};
use crate::kernel::verb::Op;
use crate::label::Labels;
use crate::path::{FsPath, Kind, Resource, Verb};
use crate::refusal::{Code, Refusal};

/// What the kernel knows of a resource before it decides.
#[derive(Debug, Default)]
pub(crate) struct Target {
    /// Labels that may reach it without adding to the effect.
    pub(crate) clearance: Labels,
    /// Labels that its ceiling refuses.
    pub(crate) blocked: Labels,
    /// Whether what reaches it leaves the kernel.
    pub(crate) outward: bool,
    /// Why it cannot be acted upon although a right says so (a mount that is read-only, or not bound).
    pub(crate) refusal: Option<Refusal>,
}

impl State {
    /// What the process carries, joined with what it put on this act.
    pub(super) fn carried(&self, pid: Pid, parsed: &Parsed) -> Labels {
        let own = self.processes.get(&pid).map(|p| &p.labels).cloned().unwrap_or_default();
        match &parsed.op {
            Op::Send(m) | Op::Publish(m) | Op::StreamWrite(m) => own.join(&m.labels),
            Op::Call(c) => own.join(&c.message.labels),
            Op::Write(w) => own.join(&w.labels),
            _ => own,
        }
    }

    /// What is known of the resource. Looked at only where a right permits the act: whoever has none
    /// does not learn whether the resource exists.
    pub(super) fn target(&self, _: Pid, parsed: &Parsed, labels: &Labels, granted: bool, need: &mut Need) -> Target {
        let mut target = Target { outward: leaves(parsed), ..Target::default() };
        if !granted {
            return target;
        }
        match &parsed.resource {
            Resource::Fs(path) => self.mount_target(path, parsed.verb, &mut target, need),
            Resource::Tree(path) => need.want(self, rows::key(rows::TABLE_TREE, path.as_str().as_bytes())),
            Resource::App(name) => {
                need.want(self, crate::kernel::verb::app_key(name));
                // Starting it spawns its agents in the same step, so what those acts need is needed now.
                need.want(self, rows::novelty(name, Verb::Spawn, Kind::Agent));
            }
            resource @ (Resource::Proc(_) | Resource::Service(_)) if matches!(parsed.verb, Verb::Send | Verb::Call) => {
                if let Some(ceiling) = self
                    .receiver(resource)
                    .ok()
                    .and_then(|pid| self.processes.get(&pid))
                    .and_then(|p| p.clearance.as_ref())
                {
                    target.blocked = labels.minus(ceiling);
                }
            }
            _ => {}
        }
        target
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
        if mount.labelled_files > 0 || verb == Verb::Write {
            need.want(self, file_key(path));
        }
    }

    /// The labels that reading `path` brings.
    pub(crate) fn file_labels(&self, path: &FsPath) -> Labels {
        let mount = self.mounts.get(path.mount()).map(|m: &Mount| m.labels.clone()).unwrap_or_default();
        mount.join(&self.stored_labels(path))
    }

    fn stored_labels(&self, path: &FsPath) -> Labels {
        let row = self.rows.get(&file_key(path)).flatten();
        row.and_then(|bytes| minicbor::decode(bytes).ok()).unwrap_or_default()
    }

    /// Keeps the labels of a file that is about to be written. A replaced file has the labels of what
    /// replaces it; anything else joins.
    pub(crate) fn label_file(
        &mut self,
        path: &FsPath,
        labels: &Labels,
        replaced: bool,
        fx: &mut crate::kernel::effects::Effects,
    ) {
        let before = self.stored_labels(path);
        let after = if replaced { labels.clone() } else { before.join(labels) };
        if after == before {
            return;
        }
        if let Some(mount) = self.mounts.get_mut(path.mount()) {
            let change = i64::from(!after.is_empty()) - i64::from(!before.is_empty());
            mount.labelled_files = mount.labelled_files.saturating_add_signed(change);
        }
        let value = (!after.is_empty()).then(|| minicbor::to_vec(&after).unwrap_or_default().into());
        self.keep(file_key(path), value, fx);
    }

    /// Joins `labels` to what `pid` carries, unless they lie above its ceiling.
    pub(crate) fn taint(&mut self, pid: Pid, labels: &Labels) -> Result<(), Refusal> {
        let Some(process) = self.processes.get_mut(&pid) else { return Ok(()) };
        if let Some(ceiling) = &process.clearance
            && !labels.is_subset(ceiling)
        {
            let above = labels.minus(ceiling);
            return Err(Refusal::new(
                Code::Denied,
                format!("what came back is labelled {above}, which lies above the clearance of {}", process.name),
            ));
        }
        process.labels = process.labels.join(labels);
        Ok(())
    }
}

fn file_key(path: &FsPath) -> crate::platform::Key {
    rows::key(rows::TABLE_LABELS, Resource::Fs(path.clone()).to_string().as_bytes())
}

/// Whether an act carries data out of the kernel.
fn leaves(parsed: &Parsed) -> bool {
    match parsed.verb {
        Verb::Write => matches!(parsed.resource, Resource::Fs(_) | Resource::Stream(_)),
        Verb::Connect | Verb::Infer => true,
        Verb::Start => matches!(parsed.resource, Resource::Container(_)),
        Verb::Call => matches!(parsed.resource, Resource::Tool(_)),
        _ => false,
    }
}
