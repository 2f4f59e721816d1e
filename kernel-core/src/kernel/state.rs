//! The kernel's state and its one door, `step`.
//!
//! Pure and synchronous: no clock, no randomness, no I/O, no await. Everything that step knows came with
//! an input; everything that it wants done goes out as [`Effects`]. What it needs and has not at hand it
//! asks for by [`Need`], having changed nothing.

use super::app::App;
use super::catalog::Catalog;
use super::effects::Effects;
use super::file_labels::Flights;
use super::fuel::WaitsForFuel;
use super::inboxes::Inboxes;
use super::input::{Boot, Counters, Input, Lack};
use super::inspect::Found;
use super::letters::Letters;
use super::links::Snapped;
use super::open::{Open, OpenKind};
use super::pids::PidMap;
use super::random::Random;
use super::road::{Novelty, Over};
use super::rows::{CACHED, Rows};
use super::suspend::Withheld;
use super::tree::Snapshot;
use super::verb::{Tail, Tool};
use crate::budget::Ledger;
use crate::environment::Environment;
use crate::governance::{Charter, Decision};
use crate::id::{ActionId, CallId, MessageId, Pid, StreamId};
use crate::ipc::{Fanouts, Retained, Topics, Waiting};
use crate::label::Labels;
use crate::path::{Endpoint, Name};
use crate::platform::{Key, Profile};
use crate::process::{History, InstanceKind, Process, TimerKey};
use crate::refusal::{Code, Refusal};
use crate::time::{Instant, Now};
use crate::tree::Node;
use bytes::Bytes;
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

/// How often step may ask for rows for one input.
pub(crate) const ROUNDS: u8 = 4;

/// How many ended processes are remembered.
const HISTORY: usize = 10_000;

/// An open stream.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    /// Whose.
    pub(crate) pid: Pid,
    /// Where it leads.
    pub(crate) to: Endpoint,
    /// Whether the right by which it was opened gives addresses that are private.
    pub(crate) private: bool,
}

/// All that the kernel knows. Owned by one driver; never cloned, never shared.
#[derive(Debug)]
pub struct State {
    pub(crate) counters: Counters,
    pub(crate) random: Random,
    pub(crate) profile: Profile,
    pub(crate) environment: Arc<Environment>,
    pub(crate) charter: Charter,
    pub(crate) kernel_name: Name,
    pub(crate) processes: PidMap<Process>,
    /// Only ever looked up, by application and name.
    pub(crate) names: FxHashMap<(Option<Name>, Name), Pid>,
    pub(crate) history: History,
    pub(crate) services: BTreeMap<Name, Pid>,
    pub(crate) tools: BTreeMap<Name, Tool>,
    pub(crate) topics: Topics,
    /// Messages of topics that are kept for who subscribes later, and those that are still handed out.
    pub(crate) retained: Retained,
    pub(crate) fanouts: Fanouts,
    pub(crate) streams: FxHashMap<StreamId, Connection>,
    pub(crate) mounts: BTreeMap<Name, Mount>,
    pub(crate) apps: BTreeMap<Name, App>,
    /// Those that have failed since the boot, with what they failed by, until they are started again or removed.
    pub(crate) failed: BTreeMap<Name, String>,
    pub(crate) catalog: Catalog,
    pub(crate) opened: BTreeMap<ActionId, Open>,
    /// The latest questions to a person that wait no more.
    pub(crate) over: Over,
    /// Calls that wait in a mailbox: which act each request belongs to.
    pub(crate) requests: FxHashMap<MessageId, ActionId>,
    pub(crate) ledger: Ledger,
    pub(crate) novelty: Novelty,
    pub(crate) rows: Rows,
    /// The uppermost node of the tree.
    pub(crate) tree: Node,
    /// Events since one told the root of the tree.
    pub(crate) rootless: u64,
    /// Whether the tree is another one since.
    pub(crate) untold_root: bool,
    /// How many bytes the tree holds of each agent, by `APPLICATION/AGENT`.
    pub(crate) held: BTreeMap<String, u64>,
    /// Snapshots of the tree, the oldest first.
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) tally: Tally,
    /// What waits in all mailboxes together.
    pub(crate) waiting: Waiting,
    pub(crate) waits_for_fuel: WaitsForFuel,
    /// The processes of which some count is not in the log yet.
    pub(crate) untold: BTreeSet<Pid>,
    /// Why nothing is acknowledged any more, once the data directory could not be written.
    pub(crate) not_durable: Option<String>,
    /// The room that is missing where everything is kept: applications do nothing meanwhile.
    pub(crate) lack: Option<Lack>,
    pub(crate) stopping: bool,
    /// The acts that have waited until their application may write into the log again, and are asked for again.
    pub(crate) passes: BTreeSet<CallId>,
    /// Who waits for it to have stopped.
    pub(crate) shutdowns: Vec<CallId>,
    /// Requests about files that no device has answered.
    pub(crate) flights: Flights,
    /// How many label rows each mount has: of its files, and of its folders for their entries.
    pub(crate) labelled: BTreeMap<Name, u64>,
    /// What devices still do for acts that were given up; each is removed by the device's answer.
    pub(crate) abandoned: FxHashMap<ActionId, Abandoned>,
    /// Outward acts that ended before their device answered, with whose they were: each is settled by the answer.
    pub(crate) unsettled: BTreeMap<ActionId, Pid>,
    /// What is under way or was kept on streams without an act that waits for it.
    pub(crate) tails: BTreeMap<StreamId, Tail>,
    /// What the kernel's own latest act was refused for: nobody else is told.
    pub(crate) unheard: Option<Refusal>,
    /// How many ends are under way, one within the other.
    pub(crate) exiting: u32,
    /// How many gifts of rights there were.
    pub(crate) gifts: u64,
    /// Whose links have snapped by them; they end next.
    pub(crate) snapped: VecDeque<Snapped>,
    /// What is withheld from those that are suspended.
    pub(crate) withheld: BTreeMap<Pid, Vec<Withheld>>,
    /// The dead letters that are kept.
    pub(crate) letters: Letters,
    /// What the boot has found of the one before.
    pub(crate) found: Found,
    /// The messages in durable inboxes.
    pub(crate) inboxes: Inboxes,
    /// The message by which a dead letter is sent again, which is kept already; 0 before it has its number.
    pub(crate) sends_again: Option<MessageId>,
    deadlines: BTreeMap<(Instant, u64), Due>,
    deadline_at: FxHashMap<u64, Instant>,
    next_deadline: u64,
}

/// What a device still does although its act is over.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Abandoned {
    /// It opens this stream for this process, and it is closed as soon as it stands.
    Connect(StreamId, Pid),
    /// It reads from this stream; what it brings is handed to the next read.
    Read(StreamId),
}

/// What a deadline is for.
#[derive(Clone, Debug)]
pub(crate) enum Due {
    /// An open act gives up.
    Open(ActionId),
    /// A timer fires.
    Timer(Pid, TimerKey),
    /// A process has lived as long as it may.
    Wall(Pid, Duration),
    /// Somebody may be spawned in a running application, whose process is this one.
    Restart(Name, Pid),
    /// A running application, whose process is this one, may write into the log again.
    Log(Name, Pid),
    /// A process that was to stop had so long.
    Stop(Pid, Duration),
    /// The kernel was to have stopped.
    Shutdown,
}

/// A folder that an application sees under `/fs`.
#[derive(Clone, Debug)]
pub(crate) struct Mount {
    /// The running application that bound it.
    pub(crate) app: Name,
    /// Whether it may be written.
    pub(crate) writable: bool,
    /// Joined to whatever is read from it.
    pub(crate) labels: Labels,
    /// What may be written to it without adding to the effect.
    pub(crate) clearance: Labels,
}

/// How often the gate said what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Tally {
    /// Acts that passed.
    pub permitted: u64,
    /// Acts that passed with a warning.
    pub warned: u64,
    /// Acts that had to wait for an answer.
    pub escalated: u64,
    /// Acts that the verdict denied.
    pub denied: u64,
    /// All refusals, also of acts that were permitted and could not be done.
    pub refused: u64,
    /// Acts over a budget.
    pub exhausted: u64,
    /// Messages that could not be delivered.
    pub dead_letters: u64,
}

impl Tally {
    pub(crate) fn count(&mut self, decision: Decision) {
        match decision {
            Decision::Permit => self.permitted += 1,
            Decision::Warn => self.warned += 1,
            Decision::Escalate => self.escalated += 1,
            Decision::Deny => self.denied += 1,
        }
    }
}

/// Rows that a step needs and has not at hand. Nothing has changed; load them and step again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Need {
    /// Their keys.
    pub keys: BTreeSet<Key>,
    /// Whether those at hand are named too.
    every: bool,
}

impl Need {
    /// One that names what is looked at, at hand or not.
    fn every() -> Need {
        Need { keys: BTreeSet::new(), every: true }
    }

    /// Asks for `key` unless it is at hand.
    pub(crate) fn want(&mut self, state: &State, key: Key) {
        if self.every || state.rows.get(&key).is_none() {
            self.keys.insert(key);
        }
    }

    /// Whether it names what is looked at, at hand or not.
    pub(crate) fn is_every(&self) -> bool {
        self.every
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }
}

impl State {
    /// A kernel that has not booted: it knows no process and refuses everyone.
    pub fn new(boot: &Boot, environment: Environment, natives: &[(Name, InstanceKind)]) -> State {
        State {
            counters: boot.last,
            random: Random::new(boot.seed),
            profile: boot.profile.clone(),
            environment: Arc::new(environment),
            charter: Charter::new(),
            kernel_name: Name::parse("kernel").unwrap_or_else(|_| unreachable!("`kernel` is a name")),
            processes: PidMap::default(),
            names: FxHashMap::default(),
            history: History::new(HISTORY),
            services: BTreeMap::new(),
            tools: BTreeMap::new(),
            topics: Topics::default(),
            retained: Retained::new(MessageId(boot.last.message)),
            fanouts: Fanouts::default(),
            streams: FxHashMap::default(),
            mounts: BTreeMap::new(),
            apps: BTreeMap::new(),
            failed: BTreeMap::new(),
            catalog: Catalog::of_natives(natives),
            opened: BTreeMap::new(),
            over: Over::default(),
            requests: FxHashMap::default(),
            ledger: Ledger::new(),
            novelty: Novelty::default(),
            rows: Rows::new(CACHED),
            tree: boot.tree,
            rootless: 0,
            untold_root: false,
            held: boot.held.iter().cloned().collect(),
            snapshots: boot.snapshots.clone(),
            tally: Tally::default(),
            waiting: Waiting::default(),
            waits_for_fuel: WaitsForFuel::default(),
            untold: BTreeSet::new(),
            not_durable: None,
            lack: None,
            stopping: false,
            passes: BTreeSet::new(),
            shutdowns: Vec::new(),
            flights: Flights::default(),
            labelled: boot.labelled.clone(),
            abandoned: FxHashMap::default(),
            unsettled: BTreeMap::new(),
            tails: BTreeMap::new(),
            unheard: None,
            exiting: 0,
            gifts: 0,
            snapped: VecDeque::new(),
            withheld: BTreeMap::new(),
            letters: Letters::found(&boot.letters),
            inboxes: Inboxes::found(&boot.inboxes),
            found: Found {
                crashed: boot.waited.is_some(),
                lost: boot.waited.unwrap_or_default(),
                unknown: boot.interrupted.len(),
                stored: boot.inboxes.len(),
                letters: boot.letters.iter().filter(|letter| letter.gone.is_none()).count(),
                verified_from: boot.verified_from,
                unsigned: boot.unsigned,
                cut_short: boot.cut_short.iter().map(|(app, _)| app.clone()).collect(),
            },
            sends_again: None,
            deadlines: BTreeMap::new(),
            deadline_at: FxHashMap::default(),
            next_deadline: 0,
        }
    }

    /// Takes one input at `now` and appends to `fx` all that it causes.
    ///
    /// # Errors
    /// [`Need`], having changed nothing: the driver loads the rows ([`State::load`]) and steps the same
    /// input again.
    pub fn step(&mut self, input: &Input, now: Now, fx: &mut Effects) -> Result<(), Need> {
        let (before, writes) = (fx.records.len(), self.writes(input));
        match input {
            Input::Act { pid, call, request } => self.travel(*pid, Some(*call), request, now, fx)?,
            Input::Unread { pid, call, request, reason } => self.unread(*pid, *call, request, reason, now, fx),
            Input::Handled { pid, message, handled } => self.handled(*pid, *message, handled, now, fx),
            Input::Unreported { pid, usage } => self.unreported(*pid, usage),
            Input::Done { action, result } => self.done(*action, result, now, fx)?,
            Input::Listed { action, result } => self.listed(*action, result, now, fx),
            Input::Started { action, result } => {
                let mut need = Need::default();
                self.want_started(*action, &mut need);
                if !need.is_empty() {
                    return Err(need);
                }
                self.started(*action, result, now, fx);
            }
            Input::Recorded { action } => self.hand_on(*action, now, fx),
            Input::Tick => {
                let mut need = Need::default();
                self.want_restarts(now, &mut need);
                if !need.is_empty() {
                    return Err(need);
                }
                self.tick(now, fx);
            }
            Input::Gone { action, pid } => self.gone(*action, *pid, now, fx),
            Input::Continue => self.go_on_handing_out(now, fx),
            Input::Flush => self.flush(now, fx),
            Input::Answer { call, action, allow, by } => self.take_answer(*call, *action, *allow, by, now, fx)?,
            Input::Attach { call, name, role, capabilities } => {
                self.attach(*call, name, role, capabilities, now, fx);
            }
            Input::Boot(boot) => self.boot(boot, now, fx),
            Input::Phase { name, micros } => self.phase(name, *micros, now, fx),
            Input::Room { lack } => self.lack = *lack,
            Input::NotDurable { reason } => self.fail_stop(reason, now, fx),
            Input::Shutdown { call, reason } => self.shutdown(*call, reason, now, fx),
        }
        self.hand_what_waited_for_fuel(now, fx);
        self.end_snapped(now, fx);
        if let Some(pid) = writes {
            self.has_written(pid, before, now, fx);
        }
        self.tell_near(now, fx);
        self.tell_root(now, fx);
        self.rows.forget();
        Ok(())
    }

    /// The rows that `input` looks at, as far as is known now: what the order of inputs is kept by.
    pub fn touches(&self, input: &Input) -> BTreeSet<Key> {
        let mut need = Need::every();
        match input {
            Input::Act { pid, request, .. } => {
                if let Ok(parsed) = request.parsed() {
                    self.want_rows(*pid, parsed, &mut need);
                }
            }
            Input::Done { action, result } => self.want_landing(*action, result.is_ok(), &mut need),
            Input::Started { action, .. } => self.want_started(*action, &mut need),
            Input::Answer { action, allow: true, .. } => {
                if let Some(Open { pid, kind: OpenKind::Escalated(held), .. }) = self.opened.get(action) {
                    self.want_rows(*pid, held.parsed(), &mut need);
                }
            }
            _ => {}
        }
        need.keys
    }

    /// From now on at most `rows` rows are kept at hand between two inputs.
    pub fn keep_at_hand(&mut self, rows: usize) {
        self.rows = Rows::new(rows);
    }

    /// Takes note of a row that [`Need`] asked for; `None` for a row that does not exist. What is at hand is
    /// never older than what storage has, so it stays.
    pub fn load(&mut self, key: Key, value: Option<Bytes>) {
        if self.rows.get(&key).is_none() {
            self.rows.set(key, value);
        }
    }

    /// Whether everything that was asked for is at hand.
    pub fn has(&self, need: &Need) -> bool {
        need.keys.iter().all(|key| self.rows.get(key).is_some())
    }

    /// A row that the act under way has asked for before; `None` if there is no such row.
    ///
    /// # Errors
    /// `failed` where it is not at hand: what is not known is never taken for absent.
    pub(crate) fn row(&self, key: &Key) -> Result<Option<&Bytes>, Refusal> {
        self.rows.get(key).ok_or_else(|| Refusal::new(Code::Failed, "a row that the act needs was not asked for"))
    }

    /// Changes a row: in the next batch, and at hand from now on.
    pub(crate) fn keep(&mut self, key: Key, value: Option<Bytes>, fx: &mut Effects) {
        self.rows.set(key.clone(), value.clone());
        fx.rows.push((key, value));
    }

    /// Whether something was begun that wants [`Input::Continue`].
    pub fn goes_on(&self) -> bool {
        !self.fanouts.is_empty()
    }

    /// When the next deadline is due, if there is one: the driver sends a `Tick` then.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first_key_value().map(|((at, _), _)| *at)
    }

    /// Adds a deadline and returns its number.
    pub(crate) fn due(&mut self, at: Instant, due: Due) -> u64 {
        self.next_deadline += 1;
        let number = self.next_deadline;
        self.deadlines.insert((at, number), due);
        self.deadline_at.insert(number, at);
        number
    }

    /// Takes a deadline back.
    pub(crate) fn undue(&mut self, number: u64) {
        if let Some(at) = self.deadline_at.remove(&number) {
            self.deadlines.remove(&(at, number));
        }
    }

    /// How long it is until a deadline is due; nothing where it is, or was taken back.
    pub(crate) fn left_of(&self, number: u64, now: Now) -> Duration {
        self.deadline_at.get(&number).map_or(Duration::ZERO, |at| at.since(now.at))
    }

    /// The deadlines that are due by `at`.
    pub(crate) fn due_until(&self, at: Instant) -> impl Iterator<Item = &Due> {
        self.deadlines.range(..=(at, u64::MAX)).map(|(_, due)| due)
    }

    fn tick(&mut self, now: Now, fx: &mut Effects) {
        // What comes due by this very step waits for the next: the rows that it looks at are not loaded.
        let last = self.next_deadline;
        let is_due = |deadlines: &BTreeMap<(Instant, u64), Due>| {
            let mut due = deadlines.range(..=(now.at, u64::MAX)).map(|(key, _)| *key);
            due.find(|(_, number)| *number <= last)
        };
        while let Some(key) = is_due(&self.deadlines) {
            let Some(due) = self.deadlines.remove(&key) else { break };
            self.deadline_at.remove(&key.1);
            match due {
                Due::Open(action) => self.expire(action, now, fx),
                Due::Timer(pid, timer) => self.fire(pid, timer, now, fx),
                Due::Wall(pid, limit) => self.outlived(pid, limit, now, fx),
                Due::Stop(pid, time) => self.overdue(pid, time, now, fx),
                Due::Restart(app, root) => self.restart_due(&app, root, now, fx),
                Due::Log(app, root) => self.may_write(&app, root, now, fx),
                Due::Shutdown => self.stop_at_once(now, fx),
            }
        }
    }

    /// The process of a name, while it lives.
    pub(crate) fn named(&self, app: Option<&Name>, name: &Name) -> Option<Pid> {
        self.names.get(&(app.cloned(), name.clone())).copied()
    }
}
