//! `list` on `/tree`: what is directly below a node, for whoever may list it.
//!
//! Step looks at rows by their keys and cannot look for some, so the driver does, in what is written: an act like one on a
//! device. Labels of what the answer shows come with it: of each node that is listed, of the first below one that shows that
//! there is something, and of all that was removed among them, because that they are not there tells of them, too.

use super::list::{Child, children};
use crate::id::ActionId;
use crate::ipc::body;
use crate::kernel::driver::Inner;
use crate::kernel::effects::{Effects, Perform, Performance};
use crate::kernel::open::{Closed, Open, OpenKind};
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::label::Labels;
use crate::path::TreePath;
use crate::platform::Platform;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long it may take.
const DEADLINE: Duration = Duration::from_secs(60);

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Listing {
    /// The nodes, by name.
    pub entries: Vec<Node>,
    /// The cursor of the next page.
    pub next: Option<String>,
    /// What is known by this.
    pub labels: Labels,
}

/// One node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Node {
    /// Its name.
    pub name: String,
    /// What its writer says that it is; empty where it does not, and where only something below it is there.
    pub kind: String,
    /// The bytes of its value; null where only something below it is there.
    pub size: Option<u64>,
    /// Whether something is below it.
    pub parent: bool,
}

impl State {
    pub(in crate::kernel) fn apply_tree_list(
        &mut self,
        act: &Act,
        path: &TreePath,
        (cursor, limit): (Option<String>, usize),
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let what = Performance::Nodes { path: path.clone(), cursor, limit };
        fx.acts.push(Perform { action: act.action, durable: act.durable, what });
        self.open(act, Open::new(act, OpenKind::Listing), Some(now.at.after(DEADLINE)));
        Ok(Answer::Later)
    }

    /// What is below a node was looked for.
    pub(in crate::kernel) fn listed(
        &mut self,
        action: ActionId,
        result: &Result<Listing, (Code, String)>,
        now: Now,
        fx: &mut Effects,
    ) {
        #[derive(Serialize)]
        struct Page<'a> {
            entries: &'a [Node],
            next: &'a Option<String>,
        }
        let Some(pid) = self.opened.get(&action).map(|open| open.pid) else { return };
        let (result, by_other) = match result {
            Ok(Listing { entries, next, labels }) => {
                (self.taint(pid, labels).map(|()| body::json(&Page { entries, next })), false)
            }
            Err((code, reason)) => (Err(Refusal::new(*code, reason.clone())), true),
        };
        self.end_open(action, result, Closed { by_other, ..Closed::default() }, now, fx);
    }
}

impl<P: Platform> Inner<P> {
    /// What is directly below `path`, with all that was done so far.
    pub(in crate::kernel) async fn nodes(
        &self,
        path: &TreePath,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listing, Refusal> {
        self.flushed().await?;
        let mut labels = Ok(Labels::NONE);
        let found = children(&self.storage, path, cursor, limit, |record| {
            if let Ok(known) = &labels {
                labels = known.join(&record.labels);
            }
            record.value.is_some()
        });
        let found = found.await.map_err(|e| Refusal::new(Code::Failed, format!("the tree cannot be read: {e}")))?;
        let labels =
            labels.map_err(|e| Refusal::new(Code::TooLarge, format!("what is listed cannot be labelled: {e}")))?;
        let entry = |(name, Child { node, bytes, parent }): (String, Child)| Node {
            name,
            kind: node.map(|node| node.kind).unwrap_or_default(),
            size: bytes,
            parent,
        };
        Ok(Listing { entries: found.children.into_iter().map(entry).collect(), next: found.next, labels })
    }
}
