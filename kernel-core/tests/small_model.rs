//! Every history of a small kernel: whatever is spawned, given, taken and ended, in whatever order, nobody holds a right
//! without a living chain from the operator, and nobody holds one that lost its source.
//!
//! The kernel is the real one, asked by its one door. What it should hold is told apart from it, from the history alone: a
//! right is held up by an earlier spawn or gift, of somebody who lives and holds the right to grant it *by what is older
//! still*. Every history up to a length is looked at, but for those that lead to the same.

mod bare;

use bytes::Bytes;
use kernel_core::agency::Role;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::id::{CallId, Pid};
use kernel_core::kernel::State;
use kernel_core::kernel::effects::{Effects, Performance};
use kernel_core::kernel::input::Input;
use kernel_core::kernel::request::Request;
use kernel_core::path::Name;
use kernel_core::process::InstanceKind;
use std::collections::BTreeSet;

/// What may be held: the second lies within the first.
const RIGHTS: [&str; 2] = ["read /fs/a/**", "read /fs/a/x"];
/// What everybody holds and hands on, so that everybody may do everything that is looked at.
const TOOLS: [&str; 3] = ["spawn /agent/p", "grant /proc/*", "revoke /proc/*"];
/// The most processes besides the operator's session.
const SLOTS: usize = 3;
/// How many steps follow the two or three spawns that every history begins with.
const LENGTH: usize = 2;

/// Lists of rights, as indices: to use and to grant.
type Pair = (&'static [usize], &'static [usize]);
const SPAWNED: [Pair; 3] = [(&[], &[]), (&[], &[0]), (&[0], &[1])];
const MOVED: [Pair; 4] = [(&[0], &[]), (&[1], &[]), (&[], &[0]), (&[], &[1])];

/// One thing that somebody does; 0 is the operator, the others count from 1 in the order of their spawns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Step {
    Spawn(usize, usize),
    Grant(usize, usize, usize),
    Revoke(usize, usize, usize),
    End(usize),
}

/// What came to somebody: from whom, to whom, which list, which right.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Came {
    from: usize,
    to: usize,
    grant: bool,
    right: usize,
    spawned: bool,
    taken: bool,
}

struct Small {
    state: State,
    fx: Effects,
    calls: u64,
    pids: Vec<Pid>,
    parents: Vec<usize>,
    alive: Vec<bool>,
    history: Vec<Came>,
}

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn texts(indices: &[usize], tools: bool) -> Vec<&'static str> {
    let tools = TOOLS.iter().filter(|_| tools).copied();
    indices.iter().map(|i| RIGHTS[*i]).chain(tools).collect()
}

impl Small {
    fn boot() -> Small {
        let mut fx = Effects::default();
        let state = bare::boot(&[(name("p"), InstanceKind::Kept)], &mut fx);
        let mut small =
            Small { state, fx, calls: 0, pids: Vec::new(), parents: vec![0], alive: vec![true], history: Vec::new() };
        let parse = |all: &[&str]| all.iter().map(|text| Right::parse(text).expect("a right")).collect::<Vec<_>>();
        let uses = [&TOOLS[..], &["read /proc/*", "kill /proc/*"]].concat();
        let capabilities = Capabilities::new(parse(&uses), parse(&texts(&[0], true))).expect("few");
        let call = small.call();
        small.step(&Input::Attach { call, name: name("operator"), role: Role::User, capabilities });
        let session = small.told(call).and_then(|reply| reply["pid"].as_u64()).expect("a session");
        small.pids.push(Pid(session));
        small
    }

    fn call(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    /// One input, with whatever the host answers to it at once.
    fn step(&mut self, input: &Input) {
        bare::step(&mut self.state, input, &mut self.fx);
        self.fx.records.clear();
        self.fx.wakes.clear();
        for perform in std::mem::take(&mut self.fx.acts) {
            if let Performance::Start(_) = perform.what {
                self.step(&Input::Started { action: perform.action, result: Ok(()) });
            }
        }
    }

    /// What a call was answered; `None` for a refusal.
    fn told(&mut self, call: CallId) -> Option<serde_json::Value> {
        let reply = std::mem::take(&mut self.fx.replies).into_iter().find(|reply| reply.call == call)?;
        reply.result.ok().map(|reply: Bytes| serde_json::from_slice(&reply).expect("JSON"))
    }

    fn act(&mut self, who: usize, verb: &str, resource: &str, body: &serde_json::Value) -> Option<serde_json::Value> {
        let (pid, call) = (self.pids[who], self.call());
        let request = Request::parse(pid, verb, resource, body.to_string().into());
        self.step(&Input::Act { pid, call, request });
        self.told(call)
    }

    /// Whether it was done.
    fn do_it(&mut self, step: Step) -> bool {
        let path = |small: &Small, slot: usize| format!("/proc/{}", small.pids[slot]);
        let body =
            |pair: &Pair, tools| serde_json::json!({ "use": texts(pair.0, tools), "grant": texts(pair.1, tools) });
        match step {
            Step::Spawn(parent, what) => {
                let slot = self.pids.len();
                let mut body = body(&SPAWNED[what], true);
                body["name"] = format!("p{slot}").into();
                let Some(spawned) = self.act(parent, "spawn", "/agent/p", &body) else { return false };
                self.pids.push(Pid(spawned["pid"].as_u64().expect("a pid")));
                self.parents.push(parent);
                self.alive.push(true);
                self.came(parent, slot, &SPAWNED[what], true);
                true
            }
            Step::Grant(from, to, what) => {
                let done = self.act(from, "grant", &path(self, to), &body(&MOVED[what], false)).is_some();
                if done {
                    self.came(from, to, &MOVED[what], false);
                }
                done
            }
            Step::Revoke(by, of, what) => {
                let done = self.act(by, "revoke", &path(self, of), &body(&MOVED[what], false)).is_some();
                if done {
                    let all = by == 0
                        || std::iter::successors(Some(of), |slot| (*slot > 0).then(|| self.parents[*slot]))
                            .any(|above| above == by);
                    let (uses, grants) = MOVED[what];
                    let within = |list: &[usize], right: usize| list.iter().any(|taken| *taken <= right);
                    for came in self.history.iter_mut().filter(|came| came.to == of && (all || came.from == by)) {
                        let list = if came.grant { grants } else { uses };
                        // What the parent gave at the spawn is no gift that it may take back as one of many givers.
                        came.taken |= within(list, came.right) && (all || !came.spawned);
                    }
                }
                done
            }
            Step::End(slot) => {
                // Answered when its program is seen dead; it is a process no more before that.
                let killed = self.act(0, "kill", &path(self, slot), &serde_json::json!({}));
                assert!(killed.is_none(), "nobody looks at programs here");
                for gone in 1..self.pids.len() {
                    let mut above = std::iter::successors(Some(gone), |slot| (*slot > 0).then(|| self.parents[*slot]));
                    if above.any(|above| above == slot) {
                        self.alive[gone] = false;
                    }
                }
                true
            }
        }
    }

    fn came(&mut self, from: usize, to: usize, pair: &Pair, spawned: bool) {
        for (list, grant) in [(pair.0, false), (pair.1, true)] {
            let new = |right: &usize| Came { from, to, grant, right: *right, spawned, taken: false };
            self.history.extend(list.iter().map(new));
        }
    }

    /// What a process holds of the rights that are looked at, as the kernel says: list and right.
    fn held(&mut self, slot: usize) -> BTreeSet<(bool, usize)> {
        let info =
            self.act(0, "read", &format!("/proc/{}", self.pids[slot]), &serde_json::json!({})).expect("it lives");
        let mut held = BTreeSet::new();
        for (list, grant) in [("use", false), ("grant", true)] {
            for text in info[list].as_array().expect("a list") {
                let of_them = RIGHTS.iter().position(|right| text == right);
                assert!(of_them.is_some() || TOOLS.iter().any(|tool| text == tool), "{text} was never given");
                held.extend(of_them.map(|right| (grant, right)));
            }
        }
        held
    }

    /// Whether the history holds up that `slot` has a right that gives `right`, by what came before the place `before`.
    fn is_held_up(&self, slot: usize, grant: bool, right: usize, before: usize, exact: bool) -> bool {
        if slot == 0 {
            return true;
        }
        self.alive[slot]
            && self.history[..before].iter().enumerate().any(|(place, came)| {
                let covers = if exact { came.right == right } else { came.right <= right };
                let outlives = came.from == 0 && !came.spawned;
                came.to == slot
                    && came.grant == grant
                    && covers
                    && !came.taken
                    && (outlives || self.is_held_up(came.from, true, came.right, place, false))
            })
    }

    /// Holds the kernel against the history.
    fn look(&mut self, steps: &[Step]) {
        for slot in (1..self.pids.len()).filter(|slot| self.alive[*slot]).collect::<Vec<_>>() {
            let held = self.held(slot);
            for grant in [false, true] {
                for right in 0..RIGHTS.len() {
                    let should = self.is_held_up(slot, grant, right, self.history.len(), true);
                    let list = if grant { "grant" } else { "use" };
                    let right = (grant, right);
                    assert_eq!(held.contains(&right), should, "{slot} {list} {}: {steps:?}", RIGHTS[right.1]);
                }
            }
        }
    }

    /// All that anybody could do next.
    fn next(&self) -> Vec<Step> {
        let lives = |slot: &usize| self.alive[*slot];
        let everybody = || (0..self.pids.len()).filter(lives);
        let mut steps: Vec<Step> = Vec::new();
        for who in everybody() {
            if self.pids.len() <= SLOTS {
                steps.extend((0..SPAWNED.len()).map(|what| Step::Spawn(who, what)));
            }
            for whom in everybody().filter(|whom| *whom > 0) {
                steps.extend((0..MOVED.len()).map(|what| Step::Grant(who, whom, what)));
                steps.extend((0..MOVED.len()).map(|what| Step::Revoke(who, whom, what)));
            }
        }
        steps.extend(everybody().filter(|slot| *slot > 0).map(Step::End));
        steps
    }
}

fn after(steps: &[Step]) -> Small {
    let mut small = Small::boot();
    for step in steps {
        assert!(small.do_it(*step), "what was done is done again: {steps:?}");
    }
    small
}

#[test]
fn no_history_gives_what_has_no_living_source() {
    let mut seen = BTreeSet::new();
    let two = (0..SPAWNED.len()).map(|what| vec![Step::Spawn(0, 1), Step::Spawn(1, what)]);
    // Three below each other: what the last gives its parent must not hold up what it has from there.
    let three = vec![Step::Spawn(0, 1), Step::Spawn(1, 1), Step::Spawn(2, 1)];
    let mut ways: Vec<Vec<Step>> = two.chain([three]).collect();
    let (mut histories, mut refused) = (0usize, 0usize);
    for _ in 0..LENGTH {
        let mut longer = Vec::new();
        for way in ways {
            for step in after(&way).next() {
                let mut small = after(&way);
                if !small.do_it(step) {
                    refused += 1;
                    continue;
                }
                histories += 1;
                let steps: Vec<Step> = way.iter().copied().chain([step]).collect();
                small.look(&steps);
                if seen.insert((small.history.clone(), small.alive.clone(), small.parents.clone())) {
                    longer.push(steps);
                }
            }
        }
        ways = longer;
    }
    assert!(histories > 2_000 && refused > 500, "the model has histories: {histories}, {refused} refused");
}
