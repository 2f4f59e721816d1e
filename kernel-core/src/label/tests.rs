//! Labels in CBOR: one form, bounded.

use super::*;
use proptest::prelude::*;

fn labels(names: &[&str]) -> Labels {
    Labels::parse(names).unwrap_or_else(|bad| panic!("{bad}"))
}

#[test]
fn cbor_is_an_array_in_order() {
    let set = labels(&["secret", "private"]);
    let cbor = minicbor::to_vec(&set).expect("CBOR");
    assert_eq!(cbor, minicbor::to_vec(["private", "secret"]).expect("CBOR"));
    assert_eq!(minicbor::decode::<Labels>(&cbor).expect("labels"), set);
    assert_eq!(minicbor::to_vec(Labels::NONE).expect("CBOR"), b"\x80");
    assert!(minicbor::decode::<Labels>(b"\x80").expect("labels").is_empty());
    for wrong in [&["secret", "private"][..], &["secret", "secret"], &["Secret"], &[""], &["-a"]] {
        assert!(minicbor::decode::<Labels>(&minicbor::to_vec(wrong).expect("CBOR")).is_err(), "{wrong:?}");
    }
}

#[test]
fn a_set_is_bounded() {
    let names = |n: usize| (0..n).map(|i| format!("l{i:03}")).collect::<Vec<_>>();
    let most = Labels::parse(names(MAX_LABELS)).expect("labels");
    assert_eq!(minicbor::decode::<Labels>(&minicbor::to_vec(&most).expect("CBOR")).expect("labels"), most);
    assert!(Labels::parse(names(MAX_LABELS + 1)).is_err());
    assert!(minicbor::decode::<Labels>(&minicbor::to_vec(names(MAX_LABELS + 1)).expect("CBOR")).is_err());
    assert!(minicbor::decode::<Labels>(b"\x9a\xff\xff\xff\xff").is_err());
}

fn some() -> impl Strategy<Value = Labels> {
    prop::collection::vec(prop::sample::select(vec!["a", "b", "c", "secret", "untrusted"]), 0..5)
        .prop_map(|names| labels(&names))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn join_is_the_least_set_that_holds_both(a in some(), b in some(), c in some()) {
        let both = a.join(&b).expect("few labels");
        prop_assert!(a.is_subset(&both) && b.is_subset(&both));
        prop_assert!(both.iter().all(|label| a.contains(label) || b.contains(label)));
        prop_assert_eq!(&both, &b.join(&a).expect("few labels"));
        prop_assert_eq!(a.join(&b.join(&c).expect("few labels")), both.join(&c));
        prop_assert_eq!(a.join(&a), Ok(a.clone()));
        prop_assert!(a.minus(&b).iter().all(|label| a.contains(label) && !b.contains(label)));
        prop_assert_eq!(a.minus(&b).join(&b), Ok(both));
    }

    #[test]
    fn codecs_keep_labels(set in some()) {
        let cbor = minicbor::to_vec(&set).expect("CBOR");
        prop_assert_eq!(&minicbor::decode::<Labels>(&cbor).expect("labels"), &set);
        let json = serde_json::to_string(&set).expect("JSON");
        prop_assert_eq!(&serde_json::from_str::<Labels>(&json).expect("labels"), &set);
    }
}
