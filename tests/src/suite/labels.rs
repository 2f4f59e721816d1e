//! Labels: a join loses nothing and adds nothing, and only names are labels.

use kernel_core::label::{Labels, MAX_LABELS, TooManyLabels};

fn labels(names: &[&str]) -> Labels {
    Labels::parse(names).expect("these are labels")
}

/// What is not a label is refused, and named.
pub fn names_are_checked() {
    for good in ["secret", "a", "a-b_c.9", &"x".repeat(64)] {
        assert_eq!(labels(&[good]).iter().collect::<Vec<_>>(), [good]);
    }
    for bad in ["", "Secret", "9a", "-a", "a b", "a/b", "é", &"x".repeat(65)] {
        assert_eq!(Labels::parse(["fine", bad]), Err(bad.to_owned()));
    }
}

/// The join holds both, and everything that holds both holds the join.
pub fn join_is_the_least_upper_bound() {
    let names = ["a", "b", "c"];
    let subset = |bits: usize| {
        labels(&names[..].iter().enumerate().filter(|(i, _)| bits >> i & 1 == 1).map(|(_, n)| *n).collect::<Vec<_>>())
    };
    for a in 0..8 {
        for b in 0..8 {
            assert_eq!(subset(a).join(&subset(b)), Ok(subset(a | b)));
            assert_eq!(subset(a).is_subset(&subset(b)), a & !b == 0);
        }
    }
}

/// A set is equal to itself however it was written.
pub fn order_and_repetition_do_not_matter() {
    assert_eq!(labels(&["b", "a", "b"]), labels(&["a", "b"]));
    assert_eq!(labels(&["b", "a"]).to_string(), "a, b");
    assert_eq!(labels(&[]), Labels::NONE);
}

/// `minus` is what a clearance leaves over.
pub fn minus_leaves_what_the_other_lacks() {
    assert_eq!(labels(&["a", "b", "c"]).minus(&labels(&["b", "d"])), labels(&["a", "c"]));
    assert_eq!(labels(&["a"]).minus(&labels(&["a"])), Labels::NONE);
}

/// One more than the limit is refused, also where two sets within it come together.
pub fn the_limit_is_kept() {
    let names: Vec<String> = (0..=MAX_LABELS).map(|i| format!("l{i}")).collect();
    assert_eq!(labels_of(&names[..MAX_LABELS]).map(|l| l.len()), Ok(MAX_LABELS));
    assert!(labels_of(&names).is_err());
    let (few, rest) = (labels_of(&names[..MAX_LABELS / 2]).unwrap(), labels_of(&names[MAX_LABELS / 2..]).unwrap());
    assert_eq!(few.join(&rest), Err(TooManyLabels(MAX_LABELS + 1)));
}

fn labels_of(names: &[String]) -> Result<Labels, String> {
    Labels::parse(names)
}

/// JSON in order, and the same set back; a bad name is an error there too.
pub fn json_round_trips() {
    let both = labels(&["untrusted", "secret"]);
    let text = serde_json::to_string(&both).unwrap();
    assert_eq!(text, r#"["secret","untrusted"]"#);
    assert_eq!(serde_json::from_str::<Labels>(&text).unwrap(), both);
    assert!(serde_json::from_str::<Labels>(r#"["No"]"#).is_err());
}
