//! What holds of every simulated machine at every moment, whatever befalls it: stated here, looked at by every suite that
//! runs with seeds.
//!
//! - No two processes of one application that live have the same name, and whoever answers for a service lives.
//! - A pid is of one process. Who was seen gone, or lived before the machine was booted again, is not seen living, and no
//!   process gets a number that the stored log tells of.
//! - Every right of a process is one that its parent may grant, or whoever lives and may give to those that run; the rights
//!   of whom nobody living has started are the operator's to give, or an application's own. What a process may do to itself it has from nobody.
//! - No account has drawn more than its limit, whatever the meter.
//! - The stored log verifies, and what it has told stays there as it was. It tells of one start and one end of each process
//!   and of no act after its end, of no outcome without its intent and of one intent of each act.
//! - What was acknowledged is there: see [`kept`] and [`delivered`].

use crate::world::{EVERYTHING, Host, World, name, rights};
use kernel_core::agency::Role;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::chain::{TABLE_EVENTS, VerifierKey, decode, entries, event_key};
use kernel_core::codec::table_range;
use kernel_core::id::{ActionId, Pid};
use kernel_core::kernel::event::Content;
use kernel_core::kernel::{Kernel, ProcessRow, open_log};
use kernel_core::path::{Name, Verb};
use kernel_core::platform::{Platform, Storage};
use kernel_core::process::Lifecycle;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};

/// What was seen of one machine so far, over all of its lives.
#[derive(Debug, Default)]
pub struct Invariants {
    /// Who was seen in this life of the machine: its name and its parent.
    seen: BTreeMap<Pid, (String, Pid)>,
    gone: BTreeSet<Pid>,
    /// The highest pid that the log told of when the machine was booted.
    told: Pid,
    /// How many entries the log had, and the digest of them.
    log: (u64, [u8; 32]),
}

/// What a log tells of.
#[derive(Debug, Default)]
pub struct Told {
    /// The acts that have an intent and no outcome.
    pub open: BTreeSet<ActionId>,
    begun: BTreeSet<u64>,
    ended: BTreeSet<u64>,
    last: u64,
}

impl Invariants {
    /// Looks at a machine that runs, now and at any moment.
    ///
    /// # Panics
    /// When an invariant does not hold; `at` says where that was.
    pub async fn look<H: Host>(&mut self, world: &World<H>, at: &str) {
        self.processes(world.kernel(), at);
        self.holdings(world.kernel(), at).await;
    }

    /// Looks at a machine that has just been booted again, and on which nobody lives yet but what its boot has started.
    ///
    /// # Panics
    /// As [`Invariants::look`].
    pub async fn booted<H: Host>(&mut self, world: &World<H>, at: &str) {
        self.booted_over(world.kernel(), world.rows(), at).await;
    }

    /// The same of a kernel outside a world, over `rows`.
    ///
    /// # Panics
    /// As [`Invariants::look`].
    pub async fn booted_over<P: Platform, S: Storage>(&mut self, kernel: &Kernel<P>, rows: &S, at: &str) {
        let told = self.log(kernel, rows, at).await;
        self.told = Pid(told.last);
        // Of whom the log does not tell nobody was told: such a number was never used.
        self.gone.retain(|pid| *pid <= self.told);
        self.gone.extend(self.seen.keys().filter(|pid| **pid <= self.told));
        self.seen.clear();
        self.processes(kernel, at);
    }

    /// Names and pids, of which no act is needed to look.
    ///
    /// # Panics
    /// As [`Invariants::look`].
    pub fn processes<P: Platform>(&mut self, kernel: &Kernel<P>, at: &str) {
        let all = kernel.summary().processes;
        let mut names = BTreeSet::new();
        let mut living = BTreeSet::new();
        for process in &all {
            let (pid, who) = (process.pid, (process.name.to_string(), process.parent));
            assert!(
                pid > self.told,
                "{at}: {pid} is {who:?}, and an earlier life of the machine told of {}",
                self.told
            );
            let before = self.seen.entry(pid).or_insert_with(|| who.clone());
            assert_eq!(*before, who, "{at}: {pid} is used twice");
            if process.state == Lifecycle::Exited {
                continue;
            }
            assert!(!self.gone.contains(&pid), "{at}: {pid}, {who:?}, was gone and lives");
            assert!(living.insert(pid), "{at}: {pid} is there twice");
            // An application's own process is found as the application, and leaves its name to an agent.
            if let Some(app) = process.app.as_ref().filter(|_| !is_root(process)) {
                assert!(names.insert((app, &process.name)), "{at}: two processes {} of {app} live", process.name);
            }
        }
        for service in kernel.services() {
            assert!(
                living.contains(&service.pid),
                "{at}: {} is answered by {}, which is gone",
                service.name,
                service.pid
            );
        }
        self.gone.extend(self.seen.keys().filter(|pid| !living.contains(pid)));
    }

    /// The rights and the accounts of all that live. A kernel that answers no more is not asked.
    async fn holdings<P: Platform>(&self, kernel: &Kernel<P>, at: &str) {
        let looks = Capabilities::new(rights(&["read /proc/*"]), Vec::new()).expect("few rights");
        let Ok(session) = kernel.attach(name("looks"), Role::User, looks).await else { return };
        let mut all = BTreeMap::new();
        let processes = kernel.processes();
        for process in processes.iter().filter(|process| process.pid != session.pid()) {
            let path = format!("/proc/{}", process.pid);
            // It may have ended by now.
            let Ok(info) = session.act("read", &path, "{\"usage\":true}").await else { continue };
            let info: Value = serde_json::from_slice(&info).expect("what a process is");
            for limit in list(&info["usage"]["limits"]) {
                let number = |key: &str| limit[key].as_u64().expect("a number");
                within(&format!("{} of {}", limit["meter"], process.name), number("used"), number("limit"), at);
            }
            let parse = |texts: &Value| -> Vec<Right> {
                list(texts).iter().map(|text| Right::parse(text.as_str().expect("a text")).expect("a right")).collect()
            };
            let rights = Capabilities::new(parse(&info["use"]), parse(&info["grant"])).expect("few rights");
            all.insert(process.pid, (process, rights));
        }
        // A session, which may give everything, gives nothing here.
        let gives = |(process, rights): &(&ProcessRow, Capabilities)| {
            process.app.is_some() && rights.use_rights().iter().any(|right| right.verb == Verb::Grant)
        };
        let givers: Vec<&Capabilities> = all.values().filter(|one| gives(one)).map(|(_, rights)| rights).collect();
        for (pid, (process, rights)) in &all {
            let name = &process.name;
            let above = match process.parent {
                Pid::KERNEL => &of_operator(name),
                parent => match all.get(&parent) {
                    Some((_, rights)) => rights,
                    // Its parent has ended since, and it with it.
                    None => continue,
                },
            };
            let itself = format!("/proc/{pid}");
            let is_own =
                |right: &Right| matches!(right.verb, Verb::Read | Verb::Stop) && right.pattern.as_str() == itself;
            for right in rights.use_rights().iter().chain(rights.grant_rights()).filter(|right| !is_own(right)) {
                let has_source = above.can_grant(right) || givers.iter().any(|giver| giver.can_grant(right));
                assert!(has_source, "{at}: {name}, {pid}, holds `{right}`, which nobody may give it");
            }
        }
        let _ = session.act("stop", "/proc/self", "").await;
    }

    /// Looks at the log as it is stored.
    ///
    /// # Panics
    /// As [`Invariants::look`].
    pub async fn log<P: Platform, S: Storage>(&mut self, kernel: &Kernel<P>, rows: &S, at: &str) -> Told {
        let key = kernel.key().await.expect("a key");
        self.log_under(&key, rows, at).await
    }

    /// The same where no kernel runs.
    ///
    /// # Panics
    /// As [`Invariants::look`].
    pub async fn log_under<S: Storage>(&mut self, key: &VerifierKey, rows: &S, at: &str) -> Told {
        open_log(rows, key).await.unwrap_or_else(|e| panic!("{at}: {e}"));
        let (mut from, to) = (event_key(0), table_range(TABLE_EVENTS).1);
        let (mut size, mut digest, mut told) = (0, Sha256::new(), Told::default());
        loop {
            let page = rows.scan(&from, &to, 64).await.expect("rows");
            for entry in page.rows.iter().flat_map(|(_, row)| entries(row)) {
                let entry = entry.expect("an entry");
                if size == self.log.0 {
                    self.grown(&digest, at);
                }
                digest.update(entry);
                size += 1;
                let event = decode(entry).expect("an event");
                let content = Content::decode(event.header.kind, event.content).expect("a content");
                told.hear(event.header.action, &content, at);
            }
            match page.next {
                Some(next) => from = next,
                None => break,
            }
        }
        assert!(size >= self.log.0, "{at}: the log had {} events and has {size}", self.log.0);
        if size == self.log.0 {
            self.grown(&digest, at);
        }
        self.log = (size, digest.finalize().into());
        told
    }

    /// What the log told when it was looked at last is the same still.
    fn grown(&self, digest: &Sha256, at: &str) {
        let now: [u8; 32] = digest.clone().finalize().into();
        assert!(self.log.0 == 0 || now == self.log.1, "{at}: the first {} events are not what they were", self.log.0);
    }
}

impl Told {
    fn hear(&mut self, action: ActionId, content: &Content, at: &str) {
        match content {
            Content::Intent(decided) => {
                assert!(self.open.insert(action), "{at}: two intents of {action:?}");
                self.acts(decided.facts.pid.0, at);
            }
            Content::Outcome(outcome) => {
                // One of an observing act that a device could not do has no intent.
                if !self.open.remove(&action) {
                    assert_ne!(outcome.result, "done", "{at}: an outcome of {action:?} and no intent");
                }
                if let Ok(child) = outcome.note.parse() {
                    self.begins(child, at);
                }
            }
            Content::Observed(decided) | Content::RouteOpened(decided) | Content::Escalated(decided) => {
                self.acts(decided.facts.pid.0, at);
            }
            Content::Attached(attached) => self.begins(attached.pid, at),
            Content::Exited(exited) => {
                self.last = self.last.max(exited.pid);
                assert!(self.ended.insert(exited.pid), "{at}: {} {} ended twice", exited.pid, exited.name);
            }
            Content::Rights(rights) => self.last = self.last.max(rights.pid),
            _ => {}
        }
    }

    fn acts(&mut self, pid: u64, at: &str) {
        self.last = self.last.max(pid);
        assert!(!self.ended.contains(&pid), "{at}: {pid} acts, which has ended");
    }

    fn begins(&mut self, pid: u64, at: &str) {
        self.last = self.last.max(pid);
        assert!(self.begun.insert(pid), "{at}: {pid} begins twice");
    }
}

/// What was used of what may be is no more than that. Nothing is below zero: a number that would be is greater than all.
///
/// # Panics
/// When it is more.
pub fn within(what: &str, used: u64, limit: u64, at: &str) {
    assert!(used <= limit, "{at}: {used} of {limit}, {what}");
}

/// What is `found` in a place to which numbers that grow are written is one of those that were `asked` for, and no older than
/// the one of which it was `answered` last that it is written.
///
/// # Panics
/// When it is another, or nothing.
pub fn kept(place: &str, found: Option<u64>, asked: &[u64], answered: Option<u64>, at: &str) {
    assert!(found.is_none_or(|value| asked.contains(&value)), "{at}: {place} has {found:?}, and nobody wrote that");
    assert!(found >= answered, "{at}: {place} has {found:?}, and {answered:?} was answered");
}

/// What was `answered` to be accepted by durable inboxes is `handled`, or still there: stored, or a letter.
///
/// # Panics
/// When some of it is neither.
pub fn delivered<P: Platform>(kernel: &Kernel<P>, unhandled: u64, at: &str) {
    let health = kernel.health();
    let there = (health.stored + health.letters) as u64;
    assert!(unhandled <= there, "{at}: {unhandled} were accepted and not handled, and {there} are there");
}

/// Whether it is the process of an application.
fn is_root(process: &ProcessRow) -> bool {
    process.role == Role::Supervisor && process.app.as_ref() == Some(&process.name)
}

/// What the operator may give to a session or to the application `name`, and what is the application's own.
fn of_operator(name: &Name) -> Capabilities {
    let own = [
        format!("read /app/{name}"),
        format!("list /app/{name}"),
        format!("list /tree/app/{name}/**"),
        format!("watch /tree/app/{name}/**"),
        "start /timer/*".to_owned(),
        "stop /timer/*".to_owned(),
        "read /stream/*".to_owned(),
        "write /stream/*".to_owned(),
        "stop /stream/*".to_owned(),
    ];
    let all: Vec<&str> = EVERYTHING.iter().copied().chain(own.iter().map(String::as_str)).collect();
    Capabilities::new(Vec::new(), rights(&all)).expect("few rights")
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}
