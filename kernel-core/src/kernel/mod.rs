//! The kernel: [`Kernel`] over any host, and [`State`], the pure machine inside it.

mod acts;
mod app;
mod bodies;
mod boot;
mod budgets;
mod catalog;
mod committer;
mod defined;
mod delivery;
mod driver;
pub mod effects;
pub mod event;
mod exit;
mod file_labels;
mod fuel;
mod gate;
mod inboxes;
mod index;
pub mod input;
mod inspect;
mod letters;
mod limits;
mod links;
mod log_rate;
mod members;
mod open;
mod pids;
mod random;
mod receipt;
mod replay;
pub mod request;
mod restart;
mod revive;
mod rights;
pub mod road;
mod room;
pub mod rows;
mod running;
mod start;
pub mod state;
mod stop;
mod suspend;
mod tree;
mod unfinished;
pub mod verb;
mod verify;

pub use acts::CheckedActs;
pub use app::Until;
pub use bodies::Bodies;
pub use inboxes::KeptMessage;
pub use inspect::{AppRow, Found, Health, ProcessRow, ServiceRow, Summary};
pub use letters::{KeptLetter, LETTERS, LETTERS_BYTES, LETTERS_OF_ONE, LETTERS_OF_ONE_BYTES};
pub use receipt::{Proved, Proven, ReceiptError, prove, prove_consistency, receipt, root_of, row_of, verify_receipt};
pub use replay::{ReplayError, replay};
pub use revive::{Revived, Tombstones};
pub use start::{BootError, BootOptions, Journal, Parts, log_key, open_log, open_log_end, opening};
pub use state::{State, Tally};
pub use tree::{
    Change, CheckedTree, Child, Children, Kept, ListedNode, Listing, ProveError, ProvenNode, Snapshot, check_tree,
    prove_node, snapshots, tree_changes, tree_children, tree_record, verify_node,
};
pub use verify::{Verified, verify};

use crate::agency::Role;
use crate::capability::Capabilities;
use crate::chain::{Checkpoint, VerifierKey};
use crate::id::{ActionId, Pid};
use crate::path::Name;
use crate::platform::{ActReply, HostError, KeyPurpose, Keys, Platform, Port};
use crate::refusal::{Code, Refusal};
use bytes::Bytes;
use driver::{Gone, Inner};
use effects::{Ask, Notice};
use futures::channel::mpsc;
use input::{Input, Lack};
use std::sync::Arc;

/// How many processes are looked at while nobody else has the state.
const LOOKED_AT: usize = 4_096;

/// A running kernel. Clones are the same kernel.
pub struct Kernel<P: Platform> {
    inner: Arc<Inner<P>>,
    gone: Gone,
}

impl<P: Platform> Clone for Kernel<P> {
    fn clone(&self) -> Self {
        Kernel { inner: self.inner.clone(), gone: self.gone.clone() }
    }
}

/// What an observer is told. Observers never slow the kernel: whoever does not keep up misses notices, but no
/// question.
#[derive(Clone, Debug)]
pub enum Told {
    /// Something happened.
    Notice(Notice),
    /// Somebody has to answer.
    Ask(Ask),
}

/// A process held from outside: how people and programs reach the kernel.
#[derive(Clone, Debug)]
pub struct Session {
    port: Port,
}

impl Session {
    /// Its pid.
    pub fn pid(&self) -> Pid {
        self.port.pid()
    }

    /// One act; see [`Port::act`].
    pub fn act(&self, verb: &str, resource: &str, body: impl Into<Bytes>) -> ActReply {
        self.port.act(verb, resource, body)
    }
}

impl<P: Platform> Kernel<P> {
    /// Boots a kernel on `parts`: opens and verifies what is stored, closes what the last boot left open.
    ///
    /// # Errors
    /// [`BootError`]; nothing was changed except where it says so.
    pub async fn boot(parts: Parts<P>, options: BootOptions) -> Result<Kernel<P>, BootError> {
        let (inner, gone) = start::boot(parts, options).await?;
        Ok(Kernel { inner, gone })
    }

    /// Opens a session of `role` that holds `capabilities`.
    pub async fn attach(&self, name: Name, role: Role, capabilities: Capabilities) -> Result<Session, Refusal> {
        #[derive(serde::Deserialize)]
        struct Attached {
            pid: Pid,
        }
        let reply = self.inner.ask(|call| Input::Attach { call, name, role, capabilities }).await?;
        let Attached { pid } = serde_json::from_slice(&reply).map_err(|e| Refusal::new(Code::Failed, e.to_string()))?;
        Ok(Session { port: gate::port(&self.inner, pid) })
    }

    /// Observes: notices and questions from now on. At most `room` notices wait; the rest is dropped.
    pub fn observe(&self, room: usize) -> mpsc::Receiver<Told> {
        self.inner.observe(room)
    }

    /// Every act that waits for an answer of a person, the oldest first, each with how long it still does.
    pub fn questions(&self) -> Vec<Ask> {
        let now = self.inner.platform.stamp();
        self.inner.lock().state.questions(now)
    }

    /// Answers an escalation; the record says by whom. It is answered at once, whether or not the reply is waited for.
    ///
    /// The reply is empty where the answer counted. It is `conflict` where the question is over, because somebody
    /// answered it before, nobody did in time, or its act ended, and `not_found` where no such question is remembered.
    pub fn answer(&self, action: ActionId, allow: bool, by: &str) -> ActReply {
        self.inner.ask(|call| Input::Answer { call, action, allow, by: by.to_owned() })
    }

    /// The key that signs the log.
    ///
    /// # Errors
    /// The host's own.
    pub async fn key(&self) -> Result<VerifierKey, HostError> {
        Ok(log_key(self.inner.keys.public(KeyPurpose::Log).await?))
    }

    /// Keeps the bytes of a component, under their SHA-256, so that an `install` can name it.
    ///
    /// # Errors
    /// `not_durable` if it could not be stored, `cancelled` once the kernel has stopped.
    pub async fn keep_component(&self, bytes: Bytes) -> Result<[u8; 32], Refusal> {
        self.inner.keep_component(bytes).await
    }

    /// Makes everything so far durable and returns the signed checkpoint over it.
    ///
    /// # Errors
    /// `not_durable` if it could not be written, `cancelled` once the kernel has stopped.
    pub async fn checkpoint(&self) -> Result<(Checkpoint, String), Refusal> {
        self.inner.checkpoint().await
    }

    /// What the kernel knows of its processes, living and gone, and what its gate has said. Whoever is busy has used what
    /// its messages have until now, as far as the host can see that.
    pub fn summary(&self) -> Summary {
        let now = self.inner.platform.now();
        let core = self.inner.lock();
        core.state.summary(core.living(Pid(0), usize::MAX, now))
    }

    /// Every process that lives, by pid, with what it has used until now as in the summary.
    pub fn processes(&self) -> Vec<ProcessRow> {
        let mut rows = Vec::new();
        self.each_process(|row| rows.push(row));
        inspect::add_up(&mut rows);
        rows
    }

    /// Shows every process that lives, by pid, with what it has used until now, but in `tree` without what those have that it
    /// started and that live. They are looked at in pieces, so that however many there are nobody waits for it: what comes or goes
    /// meanwhile is among them or not.
    pub fn each_process(&self, mut show: impl FnMut(ProcessRow)) {
        let (mut from, now) = (Pid(0), self.inner.platform.now());
        loop {
            let some = self.inner.lock().living(from, LOOKED_AT, now);
            let Some(last) = some.last() else { return };
            from = Pid(last.pid.0 + 1);
            some.into_iter().for_each(&mut show);
        }
    }

    /// Every service that a process answers for, by name.
    pub fn services(&self) -> Vec<ServiceRow> {
        self.inner.lock().state.service_rows()
    }

    /// Every application that runs, by name.
    pub fn apps(&self) -> Vec<AppRow> {
        let now = self.inner.platform.now();
        self.inner.lock().state.app_rows(now)
    }

    /// How the kernel is.
    pub fn health(&self) -> Health {
        self.inner.lock().state.health()
    }

    /// Says what the disk lacks on which everything is kept, or that it lacks nothing any more: for a host that looks at it.
    /// Until then nothing that applications do is let pass.
    pub fn room(&self, lack: Option<Lack>) {
        if self.inner.lock().state.lack.is_some() != lack.is_some() {
            self.inner.submit(Input::Room { lack });
        }
    }

    /// What this boot has found of the one before.
    pub fn found(&self) -> Found {
        self.inner.lock().state.found.clone()
    }

    /// Waits until everything that has happened so far is in the log on disk; at once where it is.
    ///
    /// # Errors
    /// `not_durable` if it could not be written, `cancelled` once the kernel has stopped.
    pub async fn flushed(&self) -> Result<(), Refusal> {
        self.inner.flushed().await
    }

    /// The inputs so far, in the order in which step took them; empty unless the boot asked for a journal.
    pub fn journal(&self) -> Journal {
        self.inner.lock().journal.clone().unwrap_or_default()
    }

    /// Stops everything in order and makes the log durable; the checkpoint over all of it. The host's roles
    /// stay open until [`Kernel::close`], so that the log can still be read.
    ///
    /// # Errors
    /// `not_durable` if the log could not be written, `cancelled` if it was shut down before.
    pub async fn shutdown(&self, reason: &str) -> Result<(Checkpoint, String), Refusal> {
        // It waits for whatever has to finish. Where nothing is acknowledged any more, the checkpoint says so.
        let _ = self.inner.ask(|call| Input::Shutdown { call, reason: reason.to_owned() }).await;
        loop {
            let checkpoint = self.inner.checkpoint().await;
            // A device may have answered meanwhile; the last checkpoint covers that, too.
            if checkpoint.is_err() || self.inner.seal() {
                self.inner.close();
                return checkpoint;
            }
        }
    }

    /// Gives this handle back and waits until nothing of the kernel is left, so that its storage is closed and
    /// can be opened again. Shut it down first; while other clones of the handle live, this waits for them.
    pub async fn close(self) {
        let Kernel { inner, gone } = self;
        drop(inner);
        // It is never sent, only dropped with the kernel.
        let _ = gone.await;
    }
}

/// What an application may ask of this kernel beyond the least; `app::plan` refuses the rest by name.
pub const FEATURES: &[crate::app::Feature] = &[
    crate::app::Feature::DurableInbox,
    crate::app::Feature::Restart,
    crate::app::Feature::Rule,
    crate::app::Feature::ToolCalls,
];
