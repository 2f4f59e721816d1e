//! What waits behind what.

use super::*;
use bytes::Bytes;

fn keys(names: &[&'static str]) -> BTreeSet<Key> {
    names.iter().map(|name| Bytes::from_static(name.as_bytes())).collect()
}

fn parked(names: &[&'static str]) -> Parked {
    Parked { input: Input::Tick, need: Need::default(), touches: keys(names), rounds: 0 }
}

#[test]
fn an_input_waits_behind_those_that_look_at_the_same_row() {
    let mut queue = Queue::default();
    assert!(queue.is_empty() && !queue.holds(&keys(&["a"])));
    // One of these rows is missing and the other at hand: both are waited for.
    queue.push(parked(&["a", "b"]));
    queue.push(parked(&["b", "c"]));
    assert!(queue.holds(&keys(&["x", "c"])));
    assert!(!queue.holds(&keys(&["x"])) && !queue.holds(&keys(&[])));
    let taken = queue.take();
    assert!(queue.is_empty() && !queue.holds(&keys(&["a", "b", "c"])));
    // They are tried in their order, and the second one again waits behind the first.
    let mut taken = taken.into_iter();
    queue.push(taken.next().expect("the first"));
    assert!(taken.next().is_some_and(|second| queue.holds(&second.touches)));
}
