//! Accounts: by example, and as a property that no sequence of draws breaks.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ROOT: AccountId = AccountId(0);
const APP: AccountId = AccountId(1);
const AGENT: AccountId = AccountId(2);

fn three() -> Ledger {
    let mut ledger = Ledger::new();
    ledger.open(ROOT, None, &[(Meter::Acts, 100), (Meter::Memory, 1_000)]).unwrap();
    ledger.open(APP, Some(ROOT), &[(Meter::Acts, 50), (Meter::Tokens, 10)]).unwrap();
    ledger.open(AGENT, Some(APP), &[(Meter::Memory, 600)]).unwrap();
    ledger
}

#[test]
fn a_reservation_draws_from_every_ancestor_or_none() {
    let mut ledger = three();
    assert_eq!(ledger.reserve(AGENT, Meter::Acts, 50), Ok(()));
    for id in [ROOT, APP, AGENT] {
        assert_eq!(ledger.line(id, Meter::Acts).unwrap().held, 50);
    }
    let refused = ledger.reserve(AGENT, Meter::Acts, 1);
    assert_eq!(refused, Err(Exhausted { account: APP, meter: Meter::Acts, limit: 50, used: 50 }));
    for id in [ROOT, APP, AGENT] {
        assert_eq!(ledger.line(id, Meter::Acts).unwrap().drawn(), 50, "a refusal changes nothing");
    }
    assert_eq!(refused.unwrap_err().to_string(), "the budget `acts` of account 1 is used up: 50 of 50 are drawn");
    // The root has more: only the application's own limit was in the way.
    assert_eq!(ledger.reserve(ROOT, Meter::Acts, 50), Ok(()));
    assert_eq!(ledger.left(ROOT, Meter::Acts), Some(0));
}

#[test]
fn settling_spends_what_happened_and_frees_the_rest() {
    let mut ledger = three();
    ledger.reserve(AGENT, Meter::Tokens, 8).unwrap();
    assert_eq!(ledger.settle(AGENT, Meter::Tokens, 8, 3), None);
    assert_eq!(ledger.left(AGENT, Meter::Tokens), Some(7));
    // More than was reserved counts too, and says whose limit it passed.
    ledger.reserve(AGENT, Meter::Tokens, 7).unwrap();
    assert_eq!(
        ledger.settle(AGENT, Meter::Tokens, 7, 9),
        Some(Exhausted { account: APP, meter: Meter::Tokens, limit: 10, used: 12 })
    );
    assert_eq!(ledger.left(AGENT, Meter::Tokens), Some(0));
    // Nothing was held any more, so nothing is freed.
    ledger.release(AGENT, Meter::Tokens, 100);
    assert_eq!(ledger.line(APP, Meter::Tokens).unwrap().used, 12);
}

#[test]
fn memory_is_a_level() {
    let mut ledger = three();
    ledger.reserve(AGENT, Meter::Memory, 600).unwrap();
    assert_eq!(ledger.reserve(AGENT, Meter::Memory, 1).unwrap_err().account, AGENT);
    assert_eq!(ledger.settle(AGENT, Meter::Memory, 600, 500), None);
    assert_eq!((ledger.left(AGENT, Meter::Memory), ledger.left(ROOT, Meter::Memory)), (Some(100), Some(500)));
    ledger.release(AGENT, Meter::Memory, 200);
    assert_eq!(ledger.left(ROOT, Meter::Memory), Some(700));
    ledger.close(AGENT).unwrap();
    assert_eq!(ledger.left(ROOT, Meter::Memory), Some(1_000), "the dead hold no memory");
}

#[test]
fn closing_spends_what_is_held() {
    let mut ledger = three();
    ledger.reserve(AGENT, Meter::Acts, 5).unwrap();
    assert_eq!(ledger.close(APP), Err(CloseError::HasChildren(APP, 1)));
    let lines = ledger.close(AGENT).unwrap();
    assert_eq!(lines.iter().find(|l| l.meter == Meter::Acts).map(|l| (l.used, l.held)), Some((5, 0)));
    assert_eq!(ledger.line(ROOT, Meter::Acts).map(|l| (l.used, l.held)), Some((5, 0)));
    assert_eq!(ledger.close(AGENT), Err(CloseError::NotOpen(AGENT)));
    assert_eq!(ledger.reserve(AGENT, Meter::Acts, 0).unwrap_err().limit, 0, "no account, nothing allowed");
    assert_eq!(ledger.left(AGENT, Meter::Acts), Some(0));
    ledger.close(APP).unwrap();
    ledger.close(ROOT).unwrap();
    assert!(ledger.is_empty());
}

#[test]
fn opening_is_checked() {
    let mut ledger = three();
    assert_eq!(ledger.open(APP, None, &[]), Err(OpenError::Taken(APP)));
    assert_eq!(ledger.open(AccountId(9), Some(AccountId(8)), &[]), Err(OpenError::NoParent(AccountId(8))));
    assert_eq!(ledger.len(), 3);
    ledger.open(AccountId(9), Some(ROOT), &[(Meter::Fuel, 7), (Meter::Fuel, 3)]).unwrap();
    assert_eq!(ledger.left(AccountId(9), Meter::Fuel), Some(3), "the lowest limit counts");
}

#[test]
fn what_a_child_holds_is_not_the_parent_s_to_give_back() {
    let mut ledger = three();
    ledger.reserve(AGENT, Meter::Memory, 300).unwrap();
    ledger.reserve(ROOT, Meter::Memory, 100).unwrap();
    ledger.release(ROOT, Meter::Memory, 400);
    assert_eq!(ledger.line(ROOT, Meter::Memory).unwrap().held, 300);
    ledger.settle(APP, Meter::Memory, 300, 0);
    assert_eq!(ledger.line(AGENT, Meter::Memory).unwrap().held, 300);
}

#[test]
fn nothing_limited_is_not_counted() {
    let mut ledger = three();
    assert_eq!(ledger.left(AGENT, Meter::Money), None);
    assert_eq!(ledger.reserve(AGENT, Meter::Money, u64::MAX), Ok(()));
    assert_eq!(ledger.settle(AGENT, Meter::Money, u64::MAX, u64::MAX), None);
    assert_eq!(ledger.line(AGENT, Meter::Money), None);
    assert_eq!(ledger.levels(AGENT).len(), 5);
}

#[test]
fn each_limit_is_told_of_once_when_it_is_nearly_drawn() {
    let mut ledger = three();
    ledger.spend(AGENT, Meter::Acts, 39).unwrap();
    assert_eq!(ledger.take_near(), []);
    ledger.spend(AGENT, Meter::Acts, 1).unwrap();
    assert_eq!(ledger.take_near(), [Exhausted { account: APP, meter: Meter::Acts, limit: 50, used: 40 }]);
    ledger.spend(ROOT, Meter::Acts, 50).unwrap();
    assert_eq!(ledger.take_near(), [Exhausted { account: ROOT, meter: Meter::Acts, limit: 100, used: 90 }]);
    ledger.spend(AGENT, Meter::Acts, 10).unwrap();
    // What is held now and given back is told of once as well.
    for _ in 0..2 {
        ledger.reserve(AGENT, Meter::Memory, 500).unwrap();
        ledger.release(AGENT, Meter::Memory, 500);
    }
    assert_eq!(ledger.take_near(), [Exhausted { account: AGENT, meter: Meter::Memory, limit: 600, used: 500 }]);
    assert_eq!((nearly(0), nearly(1), nearly(5), nearly(u64::MAX)), (0, 1, 4, 14757395258967641292));
}

#[test]
fn a_limit_is_raised_by_what_it_began_with() {
    let mut ledger = three();
    ledger.spend(AGENT, Meter::Acts, 50).unwrap();
    assert_eq!(ledger.take_near().len(), 1);
    assert_eq!(ledger.raise(APP, Meter::Acts), Some((50, 100)));
    assert_eq!((ledger.left(APP, Meter::Acts), ledger.left(ROOT, Meter::Acts)), (Some(50), Some(50)));
    ledger.spend(AGENT, Meter::Acts, 30).unwrap();
    let near: Vec<AccountId> = ledger.take_near().into_iter().map(|near| near.account).collect();
    assert_eq!(near, [APP, ROOT], "a higher limit is told of once more");
    assert_eq!(ledger.raise(APP, Meter::Acts), Some((50, 150)));
    ledger.spend(AGENT, Meter::Acts, 20).unwrap();
    assert_eq!(ledger.spend(AGENT, Meter::Acts, 1).unwrap_err().account, ROOT, "an ancestor's limit stays");
    assert_eq!((ledger.raise(AGENT, Meter::Acts), ledger.raise(APP, Meter::Fuel)), (None, None));
    // Who goes on with a raised limit is raised by what it began with.
    ledger.open(AccountId(3), Some(ROOT), &[(Meter::Tokens, 10), (Meter::Money, 0)]).unwrap();
    ledger.go_on(AccountId(3), Meter::Tokens, 20, 15);
    assert_eq!(ledger.left(AccountId(3), Meter::Tokens), Some(5));
    assert_eq!(ledger.raise(AccountId(3), Meter::Tokens), Some((10, 30)));
    assert_eq!(ledger.raise(AccountId(3), Meter::Money), None, "of nothing there is not more");
    ledger.go_on(AccountId(3), Meter::Acts, 5, 5);
    assert_eq!(ledger.left(AccountId(3), Meter::Acts), Some(0), "what has no limit of its own is not gone on with");
}

#[test]
fn no_sum_overflows() {
    let mut ledger = Ledger::new();
    ledger.open(ROOT, None, &[(Meter::Risk, u64::MAX)]).unwrap();
    ledger.settle(ROOT, Meter::Risk, 0, u64::MAX - 1);
    assert_eq!(ledger.reserve(ROOT, Meter::Risk, 1), Ok(()));
    assert!(ledger.reserve(ROOT, Meter::Risk, 1).is_err());
    ledger.settle(ROOT, Meter::Risk, 0, u64::MAX);
    assert_eq!(ledger.line(ROOT, Meter::Risk).unwrap().drawn(), u64::MAX);
}

#[derive(Clone, Debug)]
enum Step {
    Open { parent: u8, limits: Vec<(Meter, u64)> },
    Reserve { account: u8, meter: Meter, n: u64 },
    Spend { account: u8, meter: Meter, n: u64 },
    Settle { account: u8, meter: Meter, reserved: u64, actual: u64 },
    Release { account: u8, meter: Meter, n: u64 },
    Close { account: u8 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let meter = || prop::sample::select(vec![Meter::Acts, Meter::Memory, Meter::Tokens]);
    let n = 0..40u64;
    let step = prop_oneof![
        (any::<u8>(), prop::collection::vec((meter(), 0..100u64), 0..3))
            .prop_map(|(parent, limits)| Step::Open { parent, limits }),
        (any::<u8>(), meter(), n.clone()).prop_map(|(account, meter, n)| Step::Reserve { account, meter, n }),
        (any::<u8>(), prop::sample::select(vec![Meter::Acts, Meter::Tokens]), n.clone())
            .prop_map(|(account, meter, n)| Step::Spend { account, meter, n }),
        (any::<u8>(), meter(), n.clone(), n.clone()).prop_map(|(account, meter, reserved, actual)| Step::Settle {
            account,
            meter,
            reserved,
            actual
        }),
        (any::<u8>(), meter(), n).prop_map(|(account, meter, n)| Step::Release { account, meter, n }),
        any::<u8>().prop_map(|account| Step::Close { account }),
    ];
    prop::collection::vec(step, 1..60)
}

proptest! {
    /// On each meter an account has at least the sum of its open children; a reservation never passes a limit;
    /// what is refused changes nothing.
    #[test]
    fn sums_hold(steps in steps()) {
        let mut ledger = Ledger::new();
        ledger.open(ROOT, None, &[(Meter::Acts, 60), (Meter::Memory, 60)]).unwrap();
        let mut open = vec![ROOT];
        let mut next = 1;
        let mut told = BTreeSet::new();
        for step in steps {
            let pick = |n: u8| open[usize::from(n) % open.len()];
            match step {
                Step::Open { parent, limits } => {
                    ledger.open(AccountId(next), Some(pick(parent)), &limits).unwrap();
                    open.push(AccountId(next));
                    next += 1;
                }
                Step::Reserve { account, meter, n } => {
                    let before: Vec<_> = open.iter().map(|&id| ledger.lines(id)).collect();
                    let left = ledger.left(pick(account), meter);
                    match ledger.reserve(pick(account), meter, n) {
                        Ok(()) => prop_assert!(left.is_none_or(|left| n <= left)),
                        Err(e) => {
                            prop_assert!(left.is_some_and(|left| n > left) || e.used > e.limit, "{e}");
                            prop_assert_eq!(open.iter().map(|&id| ledger.lines(id)).collect::<Vec<_>>(), before);
                        }
                    }
                }
                Step::Spend { account, meter, n } => {
                    let mut other = ledger.clone();
                    let spent = ledger.spend(pick(account), meter, n);
                    prop_assert_eq!(other.reserve(pick(account), meter, n), spent);
                    if spent.is_ok() {
                        other.settle(pick(account), meter, n, n);
                    }
                    for &id in &open {
                        prop_assert_eq!(ledger.lines(id), other.lines(id));
                    }
                    prop_assert_eq!(&ledger.clone().take_near(), &other.take_near());
                }
                Step::Settle { account, meter, reserved, actual } => {
                    ledger.settle(pick(account), meter, reserved, actual);
                }
                Step::Release { account, meter, n } => ledger.release(pick(account), meter, n),
                Step::Close { account } => {
                    let id = pick(account);
                    if id != ROOT && ledger.close(id).is_ok() {
                        open.retain(|&o| o != id);
                    }
                }
            }
            for near in ledger.take_near() {
                prop_assert!(near.used >= nearly(near.limit), "{near} is not near");
                prop_assert!(told.insert((near.account, near.meter)), "{near} was told of before");
            }
            let mut below: BTreeMap<(AccountId, Meter), (u64, u64)> = BTreeMap::new();
            for &id in &open {
                for line in ledger.lines(id).unwrap() {
                    if let Some(parent) = ledger.parent(id)
                        && let Some(above) = ledger.line(parent, line.meter)
                    {
                        let sum = below.entry((parent, line.meter)).or_default();
                        *sum = (sum.0 + line.used, sum.1 + line.held);
                        prop_assert!(above.used >= sum.0 && above.held >= sum.1, "{above:?} has less than {sum:?}");
                    }
                }
            }
        }
    }
}
