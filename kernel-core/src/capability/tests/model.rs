//! Every history of a small model: no sequence of spawns and grants gives anybody what the root could not.
//!
//! A few slots hold processes; slot 0 is the root, which began with what its state says. Any process may
//! spawn into any other slot, whatever was there having ended (so lineages are of any depth), and may grant
//! any right that it may grant to anybody, to use or to grant. All states that can be reached from all
//! roots are visited. A state is the bits of what each slot holds, which makes "all" a finite number.

use super::*;
use std::collections::BTreeSet;

/// The rule under test: what a spawn must satisfy, and what a grant must.
struct Rule {
    spawn: fn(&Capabilities, &Capabilities) -> bool,
    grant: fn(&Capabilities, &Right) -> bool,
}

const REAL: Rule = Rule {
    spawn: |parent, requested| attenuate(parent, requested).is_ok_and(|child| child == *requested),
    grant: |giver, right| giver.can_grant(right),
};

/// Capabilities over `n` rights are `2 * n` bits: use, then grant. Nobody is [`NOBODY`].
type Held = u8;
const NOBODY: Held = u8::MAX;

struct World {
    rights: Vec<Right>,
    /// `spawn[parent][requested]` and `grant[giver][right]`, as the rule decides them.
    spawn: Vec<Vec<bool>>,
    grant: Vec<Vec<bool>>,
    /// For each list of rights, as bits, which acts it reaches, as bits.
    reach: Vec<u64>,
}

impl World {
    fn new(texts: &[&str], rule: &Rule) -> World {
        let rights = rights(texts);
        let n = rights.len();
        let list =
            |bits: usize| -> Vec<Right> { (0..n).filter(|i| bits >> i & 1 == 1).map(|i| rights[i].clone()).collect() };
        let all: Vec<Capabilities> = (0..1usize << (2 * n))
            .map(|held| Capabilities::new(list(held & ((1 << n) - 1)), list(held >> n)).expect("few rights"))
            .collect();
        let everything = reach(&rights);
        let bits = |list: &[Right]| {
            reach(list).iter().map(|act| 1 << everything.iter().position(|a| a == act).expect("an act")).sum()
        };
        World {
            spawn: all.iter().map(|parent| all.iter().map(|child| (rule.spawn)(parent, child)).collect()).collect(),
            grant: all.iter().map(|giver| rights.iter().map(|right| (rule.grant)(giver, right)).collect()).collect(),
            reach: (0..1usize << n).map(|held| bits(&list(held))).collect(),
            rights,
        }
    }

    /// What may be done by whoever holds `held`, and what may be granted.
    fn reach_of(&self, held: Held) -> (u64, u64) {
        let n = self.rights.len();
        (self.reach[usize::from(held) & ((1 << n) - 1)], self.reach[usize::from(held) >> n])
    }

    fn next(&self, state: &[Held]) -> Vec<Vec<Held>> {
        let n = self.rights.len();
        let mut all = Vec::new();
        let mut with = |slot: usize, held: Held| {
            let mut state = state.to_vec();
            state[slot] = held;
            all.push(state);
        };
        for giver in state.iter().filter(|&&held| held != NOBODY).map(|&held| usize::from(held)) {
            for slot in 1..state.len() {
                (0..self.spawn.len())
                    .filter(|&child| self.spawn[giver][child])
                    .for_each(|child| with(slot, child as Held));
            }
            for slot in (0..state.len()).filter(|&slot| state[slot] != NOBODY) {
                let bits = (0..2 * n).filter(|bit| self.grant[giver][bit % n]);
                bits.for_each(|bit| with(slot, state[slot] | 1 << bit));
            }
        }
        all
    }

    /// Visits every state from every root; says how many there are, or the first that widens.
    fn explore(&self, slots: usize) -> Result<usize, Vec<Held>> {
        let mut count = 0;
        for root in 0..self.spawn.len() {
            let (used, grantable) = self.reach_of(root as Held);
            let mut first = vec![NOBODY; slots];
            first[0] = root as Held;
            let (mut seen, mut open) = (BTreeSet::from([first.clone()]), vec![first]);
            while let Some(state) = open.pop() {
                for (slot, &held) in state.iter().enumerate().filter(|&(_, &held)| held != NOBODY) {
                    let (use_, grant) = self.reach_of(held);
                    let own = if slot == 0 { used } else { 0 };
                    if use_ & !(grantable | own) != 0 || grant & !grantable != 0 {
                        return Err(state);
                    }
                }
                for state in self.next(&state) {
                    if seen.insert(state.clone()) {
                        open.push(state);
                    }
                }
            }
            count += seen.len();
        }
        Ok(count)
    }
}

const NESTED: [&str; 3] = ["read /fs/a/**", "read /fs/a/x*", "write /fs/a/xy"];
const PLAIN: [&str; 2] = ["read /fs/**", "read /fs/a/xy"];

#[test]
fn no_history_widens() {
    let nested = World::new(&NESTED, &REAL).explore(2).unwrap_or_else(|state| panic!("{state:?} widens"));
    let plain = World::new(&PLAIN, &REAL).explore(3).unwrap_or_else(|state| panic!("{state:?} widens"));
    assert!(nested > 5_000 && plain > 2_000, "the model has histories: {nested}, {plain}");
}

#[test]
fn the_model_finds_rules_that_widen() {
    let faulty: [(&str, Rule); 5] = [
        ("no check", Rule { spawn: |_, _| true, ..REAL }),
        (
            "use implies grant",
            Rule {
                spawn: |parent, child| {
                    let all = [parent.use_rights(), parent.grant_rights()].concat();
                    [child.use_rights(), child.grant_rights()]
                        .concat()
                        .iter()
                        .all(|right| all.iter().any(|held| held.includes(right)))
                },
                ..REAL
            },
        ),
        (
            "the grant list is not checked",
            Rule { spawn: |parent, child| child.use_rights().iter().all(|right| parent.can_grant(right)), ..REAL },
        ),
        (
            "inclusion the wrong way round",
            Rule { grant: |giver, right| giver.grant_rights().iter().any(|held| right.includes(held)), ..REAL },
        ),
        (
            "the verb is not compared",
            Rule {
                grant: |giver, right| giver.grant_rights().iter().any(|held| held.pattern.includes(&right.pattern)),
                ..REAL
            },
        ),
    ];
    for (name, rule) in faulty {
        assert!(World::new(&NESTED, &rule).explore(2).is_err(), "{name} goes unnoticed");
    }
}
