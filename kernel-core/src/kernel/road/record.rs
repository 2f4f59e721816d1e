//! Station 6: the log. Which events an act leaves depends on its class, a column of the verb table.

use super::{Act, Held};
use crate::governance::{Facts, Verdict};
use crate::id::{ActionId, CallId, Pid};
use crate::kernel::effects::{Effects, Notice, Wake};
use crate::kernel::event::{Answered, Commitment, Content, Counted, Decided, Event, Refused};
use crate::kernel::request::Request;
use crate::kernel::rows;
use crate::kernel::state::State;
use crate::kernel::verb::table::Class;
use crate::label::Labels;
use crate::path::{Resource, Verb};
use crate::process::{ExitReason, Folded, Lifecycle, Process, Route, RouteKey};
use crate::refusal::{Code, Refusal};
use crate::time::{Instant, Now};
use bytes::{BufMut, Bytes, BytesMut};
use sha2::{Digest, Sha256};
use std::time::Duration;

/// So many refusals ...
const REFUSALS: usize = 100;
/// ... in this time suspend a process.
const REFUSAL_WINDOW: Duration = Duration::from_secs(10);
/// The most kinds of refusal of one process that are folded.
const FOLDED: usize = 256;
/// How many of them are kept for dead letters of any sender, by reason.
const RESERVED: usize = 8;
/// The most open routes of one process; beyond it the oldest closes.
const ROUTES: usize = 64;
/// Bodies up to this length are kept beside their salt; of longer ones only the salt.
pub(crate) const KEPT_BODY: usize = 16 << 10;

impl State {
    /// One event for the log. Whatever texts are in it, it fits: no guest can stop the log by what it says.
    pub(crate) fn record(&mut self, action: ActionId, content: Content, now: Now, fx: &mut Effects) {
        match content.tree() {
            Some(_) => (self.rootless, self.untold_root) = (0, false),
            None => self.rootless += 1,
        }
        fx.records.push(Event { wall: now.wall, action, content: content.fitted() });
    }

    /// The event of a permitted act, by its class.
    pub(super) fn record_permitted(
        &mut self,
        act: &Act,
        body: &Bytes,
        facts: Facts,
        verdict: Verdict,
        now: Now,
        fx: &mut Effects,
    ) {
        match act.class {
            Class::Observing => {
                let decided = Box::new(Decided { facts, verdict, body: None });
                self.record(act.action, Content::Observed(decided), now, fx);
            }
            Class::Outward => {
                let salt: [u8; 16] = self.random.salt();
                let mut row = BytesMut::with_capacity(16 + body.len().min(KEPT_BODY));
                row.put_slice(&salt);
                if body.len() <= KEPT_BODY {
                    row.put_slice(body);
                }
                fx.rows.push((rows::numbered(rows::TABLE_BODY, act.action.0), Some(row.freeze())));
                fx.rows.push((rows::numbered(rows::TABLE_OPEN, act.action.0), Some(Bytes::new())));
                let body = Some(Commitment::Open { salt, body: body.clone() });
                let decided = Box::new(Decided { facts, verdict, body });
                self.record(act.action, Content::Intent(decided), now, fx);
            }
            Class::Inner => {
                let decided = Box::new(Decided { facts, verdict, body: None });
                self.record(act.action, Content::RouteOpened(decided), now, fx);
            }
        }
    }

    /// From now on equal acts are counted, unless a rule looks at arguments: then each is decided for itself.
    pub(super) fn open_route(&mut self, act: Act, now: Now, fx: &mut Effects) {
        if self.charter.rules().iter().any(|rule| !rule.when.arguments.is_empty()) {
            return;
        }
        let key = RouteKey {
            verb: act.verb,
            resource: act.resource,
            grant: act.grant,
            labels: act.labels,
            charter: self.charter.version(),
        };
        let Some(process) = self.processes.get_mut(&act.pid) else { return };
        let routes = &mut process.rare.routes;
        // The same road with other labels or under another charter is another route: the old one closes.
        let stale = routes
            .iter()
            .position(|r| r.key.verb == key.verb && r.key.resource == key.resource)
            .or((routes.len() >= ROUTES).then_some(0));
        let closed = stale.map(|index| routes.remove(index));
        routes.push(Route { id: act.action, key, count: 1, told: 0 });
        self.untold.insert(act.pid);
        if let Some(route) = closed {
            self.record(route.id, counted(&route, true), now, fx);
        }
    }

    /// Closes the routes of a process that rest on a right which it does not hold any more.
    pub(crate) fn close_lost_routes(&mut self, pid: Pid, now: Now, fx: &mut Effects) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let held = &process.capabilities;
        let rests = |route: &Route| route.key.grant.as_ref().is_none_or(|right| held.holds(right));
        let (kept, lost): (Vec<Route>, Vec<Route>) =
            std::mem::take(&mut process.rare.routes).into_iter().partition(rests);
        process.rare.routes = kept;
        for route in lost {
            self.record(route.id, counted(&route, true), now, fx);
        }
    }

    /// Closes every route of a process that ends.
    pub(crate) fn close_routes(&mut self, process: &mut Process, now: Now, fx: &mut Effects) {
        for route in std::mem::take(&mut process.rare.routes) {
            self.record(route.id, counted(&route, true), now, fx);
        }
        for folded in std::mem::take(&mut process.rare.folded).into_values().filter(|f| f.more > 0) {
            let content = Content::Folded(Counted { more: folded.more, closed: true });
            self.record(folded.first, content, now, fx);
        }
    }

    /// Tells the log of all counts that it does not know yet. Called just before each flush.
    pub(crate) fn tell_counts(&mut self, now: Now, fx: &mut Effects) {
        for pid in std::mem::take(&mut self.untold) {
            let from = fx.records.len();
            let Some(process) = self.processes.get_mut(&pid) else { continue };
            for route in process.rare.routes.iter_mut().filter(|r| r.count > r.told) {
                let content = counted(route, false);
                route.told = route.count;
                fx.records.push(Event { wall: now.wall, action: route.id, content });
            }
            for folded in process.rare.folded.values_mut().filter(|f| f.more > 0) {
                let content = Content::Folded(Counted { more: folded.more, closed: false });
                folded.more = 0;
                fx.records.push(Event { wall: now.wall, action: folded.first, content });
            }
            self.has_written(pid, from, now, fx);
        }
    }

    /// A refusal: recorded unless it equals an earlier one, counted, told, replied.
    pub(crate) fn refuse(
        &mut self,
        act: Act,
        facts: Option<Facts>,
        verdict: Option<Verdict>,
        refusal: Refusal,
        now: Now,
        fx: &mut Effects,
    ) {
        let refusal = refusal.of(act.action);
        let counts = is_own_doing(&refusal);
        let asked = Asked::new(act.action, act.pid, act.verb, &act.resource);
        self.record_refused(asked, facts, verdict, &refusal, counts, now, fx);
        self.reply(act.pid, act.call, Err(refusal), now, fx);
    }

    /// The same for an act of which nothing but its text was looked at: it did not parse, it cannot be labelled,
    /// nothing that its process asks for is heard, or a row that it needs cannot be read.
    pub(super) fn refuse_unread(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        request: &Request,
        refusal: Refusal,
        now: Now,
        fx: &mut Effects,
    ) {
        self.counters.action += 1;
        let refusal = refusal.of(ActionId(self.counters.action));
        let asked = Asked::unread(refusal.action, pid, request);
        let counts = is_own_doing(&refusal);
        self.record_refused(asked, None, None, &refusal, counts, now, fx);
        self.reply(pid, call, Err(refusal), now, fx);
    }

    /// What every refusal leaves: a notice, an event or one more of an equal one, and a count.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn record_refused(
        &mut self,
        asked: Asked,
        facts: Option<Facts>,
        verdict: Option<Verdict>,
        refusal: &Refusal,
        counts: bool,
        now: Now,
        fx: &mut Effects,
    ) {
        let Asked { action, pid, verb, resource } = asked;
        let of_facts = || facts.as_ref().map(|facts| facts.name.to_string());
        let name = self.processes.get(&pid).map(|p| p.name.to_string()).or_else(of_facts).unwrap_or_default();
        let app =
            self.processes.get(&pid).and_then(|p| p.app.clone()).or(facts.as_ref().and_then(|facts| facts.app.clone()));
        let asked = format!("{verb} {resource}");
        // Equal is what the log would say the same of. The reason comes last, because anything may stand in it.
        let labels = facts.as_ref().map(|facts| &facts.labels).or(self.processes.get(&pid).map(|p| &p.labels));
        let labels = labels.map(Labels::to_string).unwrap_or_default();
        let fold = format!("{asked} {} [{labels}] {}", refusal.code, refusal.for_the_log());
        fx.wakes.push(Wake::Notice(Notice::Verdict {
            action,
            pid,
            name,
            app,
            what: refusal.code.to_string(),
            verb,
            resource,
            reason: refusal.for_the_log(),
        }));
        let refused = Refused {
            facts,
            verdict,
            code: refusal.code.as_str().to_owned(),
            reason: refusal.for_the_log(),
            pid: pid.0,
            asked,
        };
        if !self.folds(pid, &fold, action) {
            self.record(action, Content::Refused(Box::new(refused)), now, fx);
        }
        self.count_refused(pid, counts, now, fx);
    }

    /// Counts a refusal that the log tells of; too many that are its own doing suspend the process. One that is
    /// stopping would go on until it has finished, so it is ended.
    pub(crate) fn count_refused(&mut self, pid: Pid, counts: bool, now: Now, fx: &mut Effects) {
        self.tally.refused += 1;
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.used.refused += 1;
        if !counts || !too_many(process, now.at) {
            return;
        }
        let reason = format!("{REFUSALS} refusals in {} s", REFUSAL_WINDOW.as_secs());
        match process.life {
            Lifecycle::Running => self.suspend_for(pid, reason, now, fx),
            Lifecycle::Stopping => drop(self.exit(pid, ExitReason::Limit(reason), now, fx)),
            Lifecycle::Starting | Lifecycle::Suspended | Lifecycle::Exited => {}
        }
    }

    /// Whether the log tells of something equal already, so that this one is only counted. If not, it is
    /// the first, recorded under `action`.
    pub(crate) fn folds(&mut self, pid: Pid, fold: &str, action: ActionId) -> bool {
        let Some(process) = self.processes.get_mut(&pid) else { return false };
        // What a guest wrote may be long, and a process has many.
        let fold: [u8; 32] = Sha256::digest(fold).into();
        if let Some(folded) = process.rare.folded.get_mut(&fold) {
            folded.more += 1;
            self.untold.insert(pid);
            return true;
        }
        if process.rare.folded.len() < FOLDED {
            process.rare.folded.insert(fold, Folded { first: action, more: 0 });
        }
        false
    }

    /// Whether `pid` folds `fold` already, or has room to.
    pub(crate) fn has_room_to_fold(&self, pid: Pid, fold: &str) -> bool {
        let Some(process) = self.processes.get(&pid) else { return true };
        let fold: [u8; 32] = Sha256::digest(fold).into();
        process.rare.folded.len() < FOLDED - RESERVED || process.rare.folded.contains_key(&fold)
    }

    pub(super) fn record_answer(
        &mut self,
        action: ActionId,
        held: &Held,
        allow: bool,
        by: &str,
        now: Now,
        fx: &mut Effects,
    ) {
        let content = Content::Answered(Answered { allow, by: by.to_owned() });
        self.record(action, content, now, fx);
        let facts = held.facts();
        let (pid, name, app) = (facts.pid, facts.name.to_string(), facts.app.clone());
        fx.wakes.push(Wake::Notice(Notice::Answered { action, pid, name, app, allow, by: by.to_owned() }));
    }
}

/// Which act was refused, in words.
pub(crate) struct Asked {
    action: ActionId,
    pid: Pid,
    verb: String,
    resource: String,
}

impl Asked {
    /// An act that was parsed.
    pub(crate) fn new(action: ActionId, pid: Pid, verb: Verb, resource: &Resource) -> Asked {
        Asked { action, pid, verb: verb.as_str().to_owned(), resource: resource.to_string() }
    }

    /// An act as it came.
    pub(super) fn unread(action: ActionId, pid: Pid, request: &Request) -> Asked {
        let verb = request.verb_text().escape_default().to_string();
        Asked { action, pid, verb, resource: request.resource_text().escape_default().to_string() }
    }
}

/// Whether what ends an act that was permitted is a refusal, and not just the end of a wait or of what it
/// waited for: a time that ran out, a process that ended, an answer that says that something went wrong.
pub(crate) fn is_refusal(class: Class, code: Code) -> bool {
    match code {
        Code::TimedOut | Code::Cancelled | Code::NotDurable => false,
        Code::Failed => class != Class::Inner,
        _ => true,
    }
}

/// Whether a refusal by the kernel counts toward the limit: whoever gets it could have known before, by itself. That
/// something is taken, gone, full, too much together or waits for another is what others did, and so is a denial for
/// labels that they brought (see [`State::sway`]).
pub(crate) fn is_own_doing(refusal: &Refusal) -> bool {
    let by_itself = matches!(refusal.code, Code::Denied | Code::Invalid | Code::Unsupported);
    by_itself && !refusal.by_other
}

fn counted(route: &Route, closed: bool) -> Content {
    Content::RouteCounted(Counted { more: route.count - route.told, closed })
}

/// Notes one refusal and says whether there have been too many.
fn too_many(process: &mut Process, at: Instant) -> bool {
    let times = &mut process.rare.refusals;
    times.push_back(at);
    while times.front().is_some_and(|t| at.since(*t) > REFUSAL_WINDOW) || times.len() > REFUSALS {
        times.pop_front();
    }
    times.len() >= REFUSALS
}
