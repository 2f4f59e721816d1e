//! Station 6: the log. Which events an act leaves depends on its class, a column of the verb table.

use super::Act;
use crate::governance::{Facts, Verdict};
use crate::id::{ActionId, CallId, Pid};
use crate::kernel::effects::{Effects, Wake};
use crate::kernel::event::{Answered, Commitment, Content, Counted, Decided, Event, Refused, Text, bounded_verdict};
use crate::kernel::request::Request;
use crate::kernel::rows;
use crate::kernel::state::State;
use crate::kernel::verb::table::Class;
use crate::process::{Folded, Lifecycle, Process, Route, RouteKey};
use crate::refusal::Refusal;
use crate::time::{Instant, Now};
use bytes::{BufMut, Bytes, BytesMut};
use std::time::Duration;

/// So many refusals ...
const REFUSALS: usize = 100;
/// ... in this time suspend a process.
const REFUSAL_WINDOW: Duration = Duration::from_secs(10);
/// The most kinds of refusal of one process that are folded.
const FOLDED: usize = 256;
/// The most open routes of one process; beyond it the oldest closes.
const ROUTES: usize = 64;
/// Bodies up to this length are kept beside their salt; of longer ones only the salt.
const KEPT_BODY: usize = 16 << 10;

impl State {
    /// One event for the log.
    pub(crate) fn record(&mut self, action: ActionId, content: Content, now: Now, fx: &mut Effects) {
        fx.records.push(Event { wall: now.wall, action, content: content.fitting() });
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
        let verdict = bounded_verdict(verdict);
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
                self.open_route(act, now, fx);
            }
        }
    }

    /// From now on equal acts are counted, unless a rule looks at arguments: then each is decided for itself.
    fn open_route(&mut self, act: &Act, now: Now, fx: &mut Effects) {
        if self.charter.rules().iter().any(|rule| !rule.when.arguments.is_empty()) {
            return;
        }
        let key = RouteKey {
            verb: act.verb,
            resource: act.resource.clone(),
            labels: act.labels.clone(),
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
        let fold = format!("{} {} {}", act.verb.as_str(), act.resource, refusal.code);
        let name = self.processes.get(&act.pid).map_or_else(String::new, |p| p.name.to_string());
        fx.wakes.push(self.notice_refused(&act, &name, &refusal));
        let refused = Refused {
            facts,
            verdict: verdict.map(bounded_verdict),
            code: refusal.code.as_str().to_owned(),
            reason: refusal.reason.clone(),
            pid: act.pid.0,
            asked: format!("{} {}", act.verb.as_str(), act.resource),
        };
        self.record_refusal(act.pid, act.action, fold, refused, now, fx);
        self.reply(act.pid, act.call, Err(refusal), now, fx);
    }

    /// The same for what did not even parse, or cannot be labelled.
    pub(super) fn refuse_unparsed(
        &mut self,
        pid: Pid,
        call: Option<CallId>,
        request: &Request,
        refusal: Refusal,
        now: Now,
        fx: &mut Effects,
    ) {
        self.counters.action += 1;
        let action = ActionId(self.counters.action);
        let asked = format!("{} {}", request.verb_text().escape_default(), request.resource_text().escape_default());
        let name = self.processes.get(&pid).map_or_else(String::new, |p| p.name.to_string());
        fx.wakes.push(Wake::Notice(crate::kernel::effects::Notice::Verdict {
            action,
            name,
            what: refusal.code.to_string(),
            verb: request.verb_text().to_owned(),
            resource: request.resource_text().to_owned(),
            reason: refusal.reason.clone(),
        }));
        let refused = Refused {
            facts: None,
            verdict: None,
            code: refusal.code.as_str().to_owned(),
            reason: refusal.reason.clone(),
            pid: pid.0,
            asked: asked.clone(),
        };
        let fold = format!("{asked} {}", refusal.code);
        self.record_refusal(pid, action, fold, refused, now, fx);
        self.reply(pid, call, Err(refusal.of(action)), now, fx);
    }

    fn record_refusal(
        &mut self,
        pid: Pid,
        action: ActionId,
        fold: String,
        refused: Refused,
        now: Now,
        fx: &mut Effects,
    ) {
        self.tally.refused += 1;
        if !self.folds(pid, fold, action) {
            self.record(action, Content::Refused(Box::new(refused)), now, fx);
        }
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.used.refused += 1;
        let suspend = too_many(process, now.at) && process.life == Lifecycle::Running;
        if suspend {
            let reason = format!("{REFUSALS} refusals in {} s", REFUSAL_WINDOW.as_secs());
            self.suspend(pid, reason, now, fx);
        }
    }

    /// Whether the log tells of something equal already, so that this one is only counted. If not, it is
    /// the first, recorded under `action`.
    pub(crate) fn folds(&mut self, pid: Pid, fold: String, action: ActionId) -> bool {
        let Some(process) = self.processes.get_mut(&pid) else { return false };
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

    /// Suspends a process: nothing more is handed to it, and its acts wait with it.
    fn suspend(&mut self, pid: Pid, reason: String, now: Now, fx: &mut Effects) {
        if let Some(process) = self.processes.get_mut(&pid) {
            process.life = Lifecycle::Suspended;
            // It will not do what it was started for, so its application is no success.
            let app = process.app.as_ref().and_then(|name| self.apps.get_mut(name));
            if let Some(app) = app.filter(|app| app.spawned.get(&process.name) == Some(&pid)) {
                app.failed.push(format!("{} was suspended: {reason}", process.name));
            }
        }
        self.record(ActionId(0), Content::Suspended(Text { reason, pid: pid.0 }), now, fx);
        self.weigh(pid, now, fx);
    }

    pub(super) fn record_answer(&mut self, action: ActionId, allow: bool, by: &str, now: Now, fx: &mut Effects) {
        let content = Content::Answered(Answered { allow, by: by.to_owned() });
        self.record(action, content, now, fx);
    }
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
