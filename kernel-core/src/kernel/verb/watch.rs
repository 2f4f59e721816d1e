//! `watch` on `/tree` and its end: an envelope of kind `watch` for every change of a node or of one below it.
//!
//! It is a subscription like one to topics: it carries what its process carried when it asked, what does not fit is told
//! by `lagged`, and it ends with its process or its right.

use super::{Message, Subscribe, invalid};
use crate::capability::Capabilities;
use crate::id::MessageId;
use crate::ipc::{EnvelopeKind, QUEUE, WATCHERS, body};
use crate::kernel::effects::Effects;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::{Pattern, Resource, TreePath, Verb};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::Serialize;

/// What an envelope of kind `watch` says; the node is its target.
#[derive(Serialize)]
struct Changed {
    /// Whether the node was removed.
    gone: bool,
}

/// The node and all that is below it.
fn below(resource: &Resource) -> Result<Pattern, Refusal> {
    Pattern::parse(&format!("{resource}/**")).map_err(|e| invalid(e.to_string()))
}

/// Whether a right gives all that is watched.
pub(crate) fn may_watch(held: &Capabilities, watched: &Pattern) -> bool {
    held.use_rights().iter().any(|right| right.verb == Verb::Watch && right.pattern.includes(watched))
}

impl State {
    pub(super) fn apply_watch(&mut self, act: &Act, watch: &Subscribe) -> Result<Answer, Refusal> {
        let pattern = below(&act.resource)?;
        if !self.processes.get(&act.pid).is_some_and(|process| may_watch(&process.capabilities, &pattern)) {
            let reason = format!("no right gives `watch` on all that is below {}", act.resource);
            return Err(Refusal::new(Code::Denied, reason));
        }
        let held = self.topics.of(act.pid, &pattern).map(|held| held.since);
        if held.is_none() && self.topics.listening(&pattern) >= WATCHERS {
            return Err(Refusal::new(Code::Full, format!("{WATCHERS} processes watch {} already", act.resource)));
        }
        let since = held.unwrap_or(MessageId(self.counters.message));
        let queue = watch.queue.unwrap_or(QUEUE).max(1);
        self.topics.subscribe(act.pid, &pattern, &act.labels, queue, since).ok_or_else(|| {
            Refusal::new(Code::Full, format!("a process may hold {} subscriptions", crate::ipc::SUBSCRIPTIONS))
        })?;
        Ok(Answer::empty())
    }

    pub(super) fn apply_unwatch(&mut self, act: &Act) -> Result<Answer, Refusal> {
        let pattern = below(&act.resource)?;
        let absent = || Refusal::new(Code::NotFound, format!("{} is not watched", act.resource));
        let held = self.topics.of(act.pid, &pattern).cloned().ok_or_else(absent)?;
        self.leaves_no_trace(act, &held.labels, "ends no watch that it did not begin: what stays away")?;
        self.unsubscribe(act.pid, &pattern);
        Ok(Answer::empty())
    }

    /// Tells whoever watches it that a node is another now, with what it is labelled.
    pub(in crate::kernel) fn tell_watchers(
        &mut self,
        act: &Act,
        path: &TreePath,
        labels: &Labels,
        gone: bool,
        now: Now,
        fx: &mut Effects,
    ) {
        let watchers = self.topics.watchers(path, MessageId(self.counters.message + 1));
        if watchers.is_empty() {
            return;
        }
        let payload = body::json(&Changed { gone });
        let message = Message { content_type: "application/json".into(), payload, ..Message::default() };
        let mut envelope = self.envelope(act, EnvelopeKind::Watch, &message, None);
        envelope.labels = labels.clone();
        for (pid, subscription) in watchers {
            let _ = self.deliver_to(pid, &subscription, envelope.clone(), act.action, now, fx);
        }
    }
}
