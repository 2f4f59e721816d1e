//! Effects: the laws of their algebra, and what is derived from what.

use crate::governance::{Derived, Dimension, Effect, Source, derive, label_effect, novelty};
use crate::label::Labels;
use proptest::prelude::*;

fn effect() -> impl Strategy<Value = Effect> {
    let part = || prop_oneof![0..=10_000u16, Just(0), Just(1), Just(9_999), Just(10_000)];
    (part(), part(), part(), part(), part()).prop_map(|(r, f, p, n, s)| Effect::new(r, f, p, n, s))
}

proptest! {
    #[test]
    fn join_is_a_semilattice(a in effect(), b in effect(), c in effect()) {
        prop_assert_eq!(a.join(b), b.join(a));
        prop_assert_eq!(a.join(b).join(c), a.join(b.join(c)));
        prop_assert_eq!(a.join(a), a);
        prop_assert_eq!(a.join(Effect::ZERO), a);
        prop_assert_eq!(a.join(Effect::MAX), Effect::MAX);
        prop_assert!(a.is_within(a.join(b)));
        prop_assert_eq!(a.is_within(b), a.join(b) == b);
    }

    #[test]
    fn then_has_its_laws(a in effect(), b in effect(), c in effect()) {
        prop_assert_eq!(a.then(b), b.then(a));
        prop_assert_eq!(a.then(Effect::ZERO), a);
        prop_assert_eq!(a.then(Effect::MAX), Effect::MAX);
        prop_assert!(a.join(b).is_within(a.then(b)));
        prop_assert_eq!(a.then(b.join(c)), a.then(b).join(a.then(c)));
        prop_assert!(a.then(c).is_within(a.join(b).then(c)));
        let (left, right) = (a.then(b).then(c), a.then(b.then(c)));
        for d in Dimension::ALL {
            prop_assert!(left.get(d).abs_diff(right.get(d)) <= 1, "{left:?} {right:?}");
        }
    }

    #[test]
    fn then_rounds_up_the_exact_value(a in effect(), b in effect()) {
        for d in Dimension::ALL {
            let (x, y) = (u64::from(a.get(d)), u64::from(b.get(d)));
            let exact = 100_000_000 - (10_000 - x) * (10_000 - y);
            prop_assert_eq!(u64::from(a.then(b).get(d)), exact.div_ceil(10_000));
        }
    }

    #[test]
    fn scale_has_its_laws(a in effect(), b in effect(), n in 0..50u32, m in 1..50u32, k in 1..50u32) {
        prop_assert_eq!(a.scale(m, m), a);
        prop_assert_eq!(a.scale(0, m), Effect::ZERO);
        prop_assert_eq!(a.join(b).scale(n, m), a.scale(n, m).join(b.scale(n, m)));
        prop_assert!(a.scale(n, m).is_within(a.scale(n + 1, m)));
        prop_assert!(a.scale(n, m + 1).is_within(a.scale(n, m)));
        let (n, j) = (n.min(m), n.min(k));
        prop_assert!(a.scale(n * j, m * k).is_within(a.scale(n, m).scale(j, k)));
    }

    #[test]
    fn score_has_its_laws(a in effect(), b in effect()) {
        let (score, sum): (u64, u64) = (a.score().into(), Dimension::ALL.iter().map(|&d| u64::from(a.get(d))).sum());
        prop_assert!(u64::from(a.largest().1) <= score && score <= sum);
        prop_assert!(a.score() <= a.join(b).score());
        let squares: u64 = Dimension::ALL.iter().map(|&d| u64::from(a.get(d)).pow(2)).sum();
        prop_assert!(score * score <= squares && squares < (score + 1) * (score + 1), "it is the floor");
        prop_assert!(a.then(b).score() >= a.join(b).score());
    }

    #[test]
    fn codecs_round_trip(a in effect()) {
        prop_assert_eq!(minicbor::decode::<Effect>(&minicbor::to_vec(a).unwrap()).unwrap(), a);
        prop_assert_eq!(serde_json::from_str::<Effect>(&serde_json::to_string(&a).unwrap()).unwrap(), a);
    }

    /// What anyone says about an act can only raise it.
    #[test]
    fn nothing_declared_lowers(base in effect(), n in 0..1_000u16, declared in effect(), weighs: bool) {
        let labels = Labels::parse(["secret", "untrusted"]).unwrap();
        let silent = derive(base, n, weighs, &labels, &Labels::NONE, None);
        let spoken = derive(base, n, weighs, &labels, &Labels::NONE, Some(declared));
        prop_assert!(base.is_within(silent.effect) && silent.effect.is_within(spoken.effect));
        prop_assert!(declared.is_within(spoken.effect));
    }
}

#[test]
fn then_is_neither_idempotent_nor_associative() {
    let half = Effect::only(Dimension::Risk, 5_000);
    assert_eq!(half.then(half).risk(), 7_500);
    let [a, b, c] = [1, 1, 9_999].map(|part| Effect::only(Dimension::Risk, part));
    assert_eq!((a.then(b).then(c).risk(), a.then(b.then(c)).risk()), (10_000, 10_000));
    let found = (1..200).any(|i| {
        let [a, b, c] = [i, 37 * i, 91 * i % 10_000].map(|part| Effect::only(Dimension::Risk, part));
        a.then(b).then(c) != a.then(b.then(c))
    });
    assert!(found, "if it were associative the documentation would have to say so");
}

#[test]
fn nothing_is_out_of_range() {
    assert_eq!(Effect::new(10_001, u16::MAX, 0, 0, 10_000), Effect::new(10_000, 10_000, 0, 0, 10_000));
    assert_eq!(Effect::MAX.score(), Effect::MAX_SCORE);
    assert_eq!(Effect::ZERO.score(), 0);
    assert_eq!(Effect::new(1, 0, 0, 0, 0).scale(1, 0), Effect::MAX, "an unknown share is the highest");
    assert_eq!(Effect::MAX.scale(u32::MAX, 1), Effect::MAX);
    let high = r#"{"risk":10001,"fairness":0,"privacy":0,"novelty":0,"security":0}"#;
    let error = serde_json::from_str::<Effect>(high).unwrap_err().to_string();
    assert!(error.contains("risk is 10001; a dimension is at most 10000"), "{error}");
    assert!(serde_json::from_str::<Effect>(r#"{"risk":1}"#).is_err(), "nothing is left out");
    let high = minicbor::to_vec([10_001u16, 0, 0, 0, 0]).unwrap();
    assert!(minicbor::decode::<Effect>(&high).is_err());
}

#[test]
fn effects_print_what_is_there() {
    assert_eq!(Effect::new(3_000, 0, 2_500, 0, 4_000).to_string(), "risk 3000, privacy 2500, security 4000");
    assert_eq!(Effect::ZERO.to_string(), "none");
    assert_eq!(Effect::new(5, 7, 7, 0, 0).largest(), (Dimension::Fairness, 7));
}

#[test]
fn novelty_halves_at_each_doubling() {
    let seen: Vec<u16> = [0, 1, 2, 3, 6, 7, 15, 31, 63, 127, 255, 511, 1_022, 1_023, u64::MAX].map(novelty).into();
    assert_eq!(seen, [1_000, 500, 500, 250, 250, 125, 62, 31, 15, 7, 3, 1, 1, 0, 0]);
}

#[test]
fn derivations_say_where_each_part_comes_from() {
    let labels = Labels::parse(["secret", "untrusted", "medical"]).unwrap();
    let clearance = Labels::parse(["medical"]).unwrap();
    let base = Effect::new(3_000, 0, 2_500, 0, 4_000);
    let declared = Effect::only(Dimension::Fairness, 100);
    let Derived { effect, contributions } = derive(base, 1_000, true, &labels, &clearance, Some(declared));
    assert_eq!(effect, Effect::new(3_000, 100, 9_000, 1_000, 6_000));
    let parts: Vec<String> = contributions.iter().map(|c| format!("{}: {}", c.source, c.effect)).collect();
    assert_eq!(
        parts,
        [
            "base: risk 3000, privacy 2500, security 4000",
            "novelty: novelty 1000",
            "label secret: privacy 9000",
            "label untrusted: security 6000",
            "declared: fairness 100",
        ]
    );
    assert_eq!(contributions.sets(Dimension::Privacy), Some(Source::Label("secret")));
    assert_eq!(contributions.sets(Dimension::Risk), Some(Source::Base));
    let bytes = minicbor::to_vec(&contributions).unwrap();
    assert_eq!(minicbor::decode::<crate::governance::Contributions>(&bytes).unwrap(), contributions);
}

#[test]
fn labels_weigh_only_where_the_row_says_so_and_they_are_not_cleared() {
    let secret = Labels::parse(["secret"]).unwrap();
    let base = Effect::only(Dimension::Risk, 200);
    assert_eq!(derive(base, 0, false, &secret, &Labels::NONE, None).effect, base);
    assert_eq!(derive(base, 0, true, &secret, &secret, None).effect, base);
    assert_eq!(derive(base, 0, true, &secret, &Labels::NONE, None).effect.privacy(), 9_000);
    assert_eq!(label_effect("anything-else"), Effect::only(Dimension::Privacy, 9_000), "unknown labels weigh most");
}
