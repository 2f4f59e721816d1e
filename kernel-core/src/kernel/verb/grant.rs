//! `grant` and `revoke`: rights that a process is given, or loses, while it runs.

use super::{Body, header, invalid};
use crate::agency::{Given, MAX_FROM_ONE, MAX_GIFT, MAX_GIVEN};
use crate::capability::{Capabilities, Right};
use crate::id::Pid;
use crate::ipc::body;
use crate::kernel::effects::Effects;
use crate::kernel::rights::Doing;
use crate::kernel::road::{Act, Answer};
use crate::kernel::state::State;
use crate::process::Process;
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use serde::{Deserialize, Serialize};

/// The rights that an act gives or takes.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Header {
    #[serde(rename = "use")]
    use_: Vec<Right>,
    grant: Vec<Right>,
}

/// What a process lost.
#[derive(Serialize)]
struct Taken<'a> {
    #[serde(rename = "use")]
    use_: Vec<&'a Right>,
    grant: Vec<&'a Right>,
}

pub(super) fn parse(body: &Body) -> Result<Capabilities, Refusal> {
    let Header { use_, grant } = header(body)?;
    if use_.is_empty() && grant.is_empty() {
        return Err(invalid("it names no right: \"use\" and \"grant\" are lists of rights, each `verb pattern`"));
    }
    Capabilities::new(use_, grant).map_err(|e| invalid(e.to_string()))
}

impl State {
    pub(super) fn apply_grant(
        &mut self,
        act: &Act,
        pid: Pid,
        rights: &Capabilities,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let rights = rights.clone().bind(pid);
        let session = self.is_session(act.pid);
        if pid == act.pid {
            return Err(invalid("a process gives itself nothing: what it may only hand on it may not use"));
        }
        let mut holdings = self
            .holdings_of(pid)
            .filter(|_| self.processes.get(&pid).is_some_and(|process| process.is_alive()))
            .ok_or_else(|| super::process::absent(pid))?;
        if !session && self.supervised_by(pid).is_some() {
            let reason = format!("/proc/{pid} is a supervisor, which the operator alone gives rights");
            return Err(Refusal::new(Code::Denied, reason));
        }
        self.refuse_widening(act.pid, &rights)?;
        let size = rights.use_rights().len() + rights.grant_rights().len();
        if size > MAX_GIFT {
            return Err(Refusal::new(
                Code::TooLarge,
                format!("{size} rights are more than the {MAX_GIFT} of one gift"),
            ));
        }
        // What a session gives outlives it, as what it starts does.
        let by = if session { Pid::KERNEL } else { act.pid };
        let has = |list: fn(&Capabilities) -> &[Right], given: &Given| {
            list(&rights).iter().all(|right| list(&given.rights).binary_search(right).is_ok())
        };
        let again = |given: &&Given| {
            given.by == by && has(Capabilities::use_rights, given) && has(Capabilities::grant_rights, given)
        };
        // What the operator gave is never younger for being given again; what others gave may stand on something younger.
        if session && holdings.given.iter().any(|given| again(&given)) {
            return Ok(Answer::empty());
        }
        let others = holdings.given.iter().filter(|given| given.by != Pid::KERNEL).count();
        let own = holdings.given.iter().filter(|given| given.by == by).count();
        if !session && (others >= MAX_GIVEN || own >= MAX_FROM_ONE) {
            let reason = format!(
                "/proc/{pid} holds {others} gifts, {own} of them from you: {MAX_GIVEN} are the most, and {MAX_FROM_ONE} from one"
            );
            return Err(self.tell_of_rights(act, pid, Refusal::new(Code::Full, reason)));
        }
        let carries = |process: &Process| process.labels.join(&act.labels).and(process.own_labels.join(&act.labels));
        if let Some(Err(e)) = self.processes.get(&pid).map(carries) {
            let full = Refusal::new(Code::TooLarge, format!("/proc/{pid} cannot carry what comes with that: {e}"));
            return Err(self.tell_of_rights(act, pid, full));
        }
        self.gifts += 1;
        holdings.given.push(Given { by, number: self.gifts, youngest: Pid(self.counters.pid), rights });
        let doing = Doing { action: act.action, labels: &act.labels };
        if let Err(e) = self.hold(pid, holdings, doing, now, fx) {
            let full = Refusal::new(Code::TooLarge, format!("/proc/{pid} cannot hold that: {e}"));
            return Err(self.tell_of_rights(act, pid, full));
        }
        if by != Pid::KERNEL {
            self.has_given(by, pid);
        }
        Ok(Answer::empty())
    }

    pub(super) fn apply_revoke(
        &mut self,
        act: &Act,
        pid: Pid,
        rights: &Capabilities,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let rights = rights.clone().bind(pid);
        let mut holdings = self.holdings_of(pid).ok_or_else(|| super::process::absent(pid))?;
        let before = self.processes.get(&pid).map(|process| process.capabilities.clone()).unwrap_or_default();
        let by = (!self.is_superior(act.pid, pid)).then_some(act.pid);
        // What it holds was chosen by others, and what it carries may tell of them: whoever may not know it is told nothing.
        let carried = self.processes.get(&pid).map(|process| process.labels.clone()).unwrap_or_default();
        let told = self.taint(act.pid, &carried).is_ok();
        if told && let Some(wider) = holdings.wider(&rights, by) {
            let reason =
                format!("/proc/{pid} holds `{wider}`, which would go on giving what is to be taken: take that");
            return Err(Refusal::new(Code::Conflict, reason).by_other());
        }
        if !holdings.take(&rights, by) {
            let whose = if by.is_some() { " from you" } else { "" };
            let none = Refusal::new(Code::NotFound, format!("/proc/{pid} holds nothing of that{whose}"));
            return if told { Err(none) } else { Ok(Answer::empty()) };
        }
        self.take_for_good(act.pid, pid, &rights, fx);
        let doing = Doing { action: act.action, labels: &act.labels };
        // Fewer than there were.
        let _ = self.hold(pid, holdings, doing, now, fx);
        self.uphold(self.dependants(pid), doing, now, fx);
        let after = self.processes.get(&pid).map(|process| process.capabilities.clone()).unwrap_or_default();
        let gone = |list: fn(&Capabilities) -> &[Right]| {
            list(&before).iter().filter(|right| list(&after).binary_search(right).is_err()).collect::<Vec<_>>()
        };
        let taken = Taken { use_: gone(Capabilities::use_rights), grant: gone(Capabilities::grant_rights) };
        // A right is taken whatever its holder carries; which, is told only to whoever may know.
        Ok(if told { Answer::Reply(body::json(&taken)) } else { Answer::empty() })
    }

    /// What the operator takes from one that its supervisor starts again is not in what it is started with then, nor in
    /// what a later boot starts it with.
    fn take_for_good(&mut self, by: Pid, pid: Pid, rights: &Capabilities, fx: &mut Effects) {
        let Some(process) = self.processes.get(&pid).filter(|_| self.is_session(by)) else { return };
        let Some(name) = process.app.clone() else { return };
        let Some(app) = self.apps.get_mut(&name) else { return };
        let below = if app.root == pid {
            app.taken.take_from_all(rights);
            app.members.iter().map(|member| member.name.clone()).collect()
        } else if app.spawned.get(&process.name) == Some(&pid) {
            self.catalog.narrow(Some(&name), &process.name, rights);
            app.taken.take_from(&process.name, rights);
            app.below(&process.name)
        } else {
            return;
        };
        // Those below have what it may hand on.
        let handed_on = rights.grant_rights().to_vec();
        let handed_on = Capabilities::new(handed_on.clone(), handed_on).unwrap_or_else(|_| rights.clone());
        for member in &below {
            self.catalog.narrow(Some(&name), member, &handed_on);
            app.taken.take_from(member, &handed_on);
        }
        self.keep_running(&name, fx);
    }

    /// A refusal that tells of what `pid` holds, which is the doing of others.
    fn tell_of_rights(&mut self, act: &Act, pid: Pid, refusal: Refusal) -> Refusal {
        let labels = self.processes.get(&pid).map(|process| process.labels.clone()).unwrap_or_default();
        self.tell_of(act.pid, &labels, refusal)
    }
}
