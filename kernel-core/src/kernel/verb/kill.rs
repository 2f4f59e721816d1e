//! `kill`: ends a process and all that it started, and tells what was seen dead.
//!
//! For the kernel a process is gone at once. Its guest is gone when the host has seen that nothing of it runs any more:
//! the act waits for that, at most until its deadline, and names what was not seen by then.

use super::Body;
use super::process::absent;
use crate::id::{ActionId, Pid};
use crate::ipc::body;
use crate::kernel::effects::{Effects, Wake};
use crate::kernel::exit::Dead;
use crate::kernel::open::{Closed, Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::{Labels, TooManyLabels};
use crate::path::Name;
use crate::process::{ExitReason, Program};
use crate::refusal::Refusal;
use crate::time::{Instant, Now};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// How long a kill waits where it does not say.
const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// How long to wait until all is seen dead.
#[derive(Clone, Copy, Debug)]
pub struct Kill {
    /// At most.
    pub deadline: Duration,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
struct Header {
    deadline_ms: Option<u64>,
}

pub(super) fn parse(body: &Body) -> Result<Kill, Refusal> {
    let header: Header = super::header(body)?;
    Ok(Kill { deadline: header.deadline_ms.map_or(DEFAULT_DEADLINE, Duration::from_millis) })
}

/// What a kill has come to: the answer as it will be.
#[derive(Debug, Serialize)]
pub(crate) struct Killed {
    dead: Vec<SeenDead>,
    unreachable: Vec<Unseen>,
    #[serde(skip)]
    begun: Instant,
    /// Those whose guests were not seen gone yet.
    #[serde(skip)]
    waiting: BTreeMap<Pid, Unseen>,
}

/// A process that is dead.
#[derive(Debug, Serialize)]
struct SeenDead {
    pid: Pid,
    name: Name,
    app: Option<Name>,
    /// How long that took.
    after_ms: u64,
}

/// A process that is none any more, while something of its guest may still run.
#[derive(Debug, Serialize)]
struct Unseen {
    pid: Pid,
    name: Name,
    app: Option<Name>,
    /// "component" or "handler".
    what: &'static str,
}

impl Killed {
    fn new(now: Now) -> Killed {
        Killed { dead: Vec::new(), unreachable: Vec::new(), begun: now.at, waiting: BTreeMap::new() }
    }

    /// One more has ended: it is dead at once if it had no guest.
    fn ended(&mut self, dead: Dead) {
        let Dead { pid, name, app, program } = dead;
        let what = match program {
            None => return self.dead.push(SeenDead { pid, name, app, after_ms: 0 }),
            Some(Program::Wasm { .. }) => "component",
            Some(Program::Native { .. }) => "handler",
        };
        self.waiting.insert(pid, Unseen { pid, name, app, what });
    }

    /// The guest of `pid` is gone.
    fn seen(&mut self, pid: Pid, now: Now) {
        let Some(Unseen { pid, name, app, .. }) = self.waiting.remove(&pid) else { return };
        let after_ms = u64::try_from(now.at.since(self.begun).as_millis()).unwrap_or(u64::MAX);
        self.dead.push(SeenDead { pid, name, app, after_ms });
    }

    /// Nobody waits for the rest any more.
    fn over(&mut self) {
        self.unreachable.extend(std::mem::take(&mut self.waiting).into_values());
    }
}

impl State {
    pub(super) fn apply_kill(
        &mut self,
        act: &Act,
        pid: Pid,
        kill: Kill,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let mut killed = Killed::new(now);
        if !self.processes.contains_key(&pid) {
            // There is nothing to end, and nothing comes again.
            return match self.forgo_restart(pid, &act.labels, now, fx) {
                true => Ok(Answer::Reply(body::json(&killed))),
                false => Err(absent(pid)),
            };
        }
        let below = self.labels_below(pid);
        self.mark(pid, &act.labels);
        let by = self.processes.get(&act.pid).map_or_else(|| "the kernel".to_owned(), |p| format!("by {}", p.name));
        let before = fx.wakes.len();
        let mut dead = self.exit(pid, ExitReason::Killed(by), now, fx);
        // A process is killed whatever it carries; what it had started is told only to whoever may know.
        if !below.is_ok_and(|labels| self.taint(act.pid, &labels).is_ok()) {
            dead.retain(|gone| gone.pid == pid);
        }
        dead.into_iter().for_each(|dead| killed.ended(dead));
        if killed.waiting.is_empty() {
            return Ok(Answer::Reply(body::json(&killed)));
        }
        // Before they are dropped.
        let watched = killed.waiting.keys().map(|pid| Wake::Watch { action: act.action, pid: *pid });
        fx.wakes.splice(before..before, watched.collect::<Vec<_>>());
        let deadline = now.at.after(kill.deadline);
        self.open(act, Open::new(act, OpenKind::Kill(Box::new(killed))), Some(deadline));
        Ok(Answer::Later)
    }

    /// The host has seen that the guest of `pid` is gone, which the act `action` killed.
    pub(crate) fn gone(&mut self, action: ActionId, pid: Pid, now: Now, fx: &mut Effects) {
        let Some(Open { kind: OpenKind::Kill(killed), .. }) = self.opened.get_mut(&action) else { return };
        killed.seen(pid, now);
        if killed.waiting.is_empty() {
            self.unseen(action, now, fx);
        }
    }

    /// A kill waits for nothing any more.
    pub(crate) fn unseen(&mut self, action: ActionId, now: Now, fx: &mut Effects) {
        let Some(Open { kind: OpenKind::Kill(killed), .. }) = self.opened.get_mut(&action) else { return };
        killed.over();
        let told = body::json(killed);
        self.end_open(action, Ok(told), Closed::default(), now, fx);
    }

    /// What a process and all that it started carry together.
    fn labels_below(&self, pid: Pid) -> Result<Labels, TooManyLabels> {
        let Some(process) = self.processes.get(&pid) else { return Ok(Labels::NONE) };
        let mut children = process.children.iter();
        children.try_fold(process.labels.clone(), |labels, child| labels.join(&self.labels_below(*child)?))
    }
}
