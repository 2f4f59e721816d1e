//! The tree against a naive one: built anew from its nodes after every change.

use super::branch::{digit, name_hash, row_hash};
use super::*;
use crate::chain::Hash;
use crate::id::Pid;
use crate::label::Labels;
use bytes::Bytes;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A tree in memory.
#[derive(Debug, Default)]
struct Store {
    head: Node,
    rows: BTreeMap<Bytes, Bytes>,
    nodes: BTreeMap<String, Hash>,
}

impl Store {
    fn set(&mut self, path: &str, after: Option<Hash>) -> Result<(), Broken> {
        let before = self.nodes.get(path).copied();
        let update = set(self.head, path, before, after, |key| Ok::<_, Broken>(self.rows.get(key).cloned()))?;
        for (key, row) in update.rows {
            match row {
                Some(row) => self.rows.insert(key, row),
                None => self.rows.remove(&key),
            };
        }
        self.head = update.head;
        match after {
            Some(record) => self.nodes.insert(path.to_owned(), record),
            None => self.nodes.remove(path),
        };
        Ok(())
    }

    /// Its head and rows, made from its nodes.
    fn naive(&self) -> (Node, BTreeMap<Bytes, Bytes>) {
        let mut rows = BTreeMap::new();
        let nodes = self.nodes.iter().map(|(path, record)| (path.clone(), *record)).collect();
        let head = build(nodes, &mut |key, row| {
            assert!(rows.insert(key, row).is_none(), "a row is made once");
        });
        (head, rows)
    }

    fn check(&self) {
        let (head, rows) = self.naive();
        assert_eq!(head, self.head);
        assert_eq!(rows, self.rows);
    }

    fn prove(&self, path: &str) -> Proof {
        prove(self.head, path, |key| Ok::<_, Broken>(self.rows.get(key).cloned())).expect("whole rows")
    }
}

fn record(n: u8) -> Hash {
    Hash([n | 1; 32])
}

/// Names whose hashes have digits in common, so that small trees have rows below rows.
fn names() -> Vec<String> {
    let first = |name: &str| name_hash(name).0[0];
    let all = (0..4_000).map(|n| format!("n{n}"));
    let mut names: Vec<String> = all.filter(|name| first(name) == 0x5a || first(name) == 0x5b).take(12).collect();
    names.extend(["a", "a-b", "a.b", "%00"].map(str::to_owned));
    names
}

fn path() -> impl Strategy<Value = String> {
    let name = prop::sample::select(names());
    prop::collection::vec(name, 0..4).prop_map(|names| names.join("/"))
}

fn tree() -> impl Strategy<Value = Store> {
    prop::collection::vec((path(), prop::option::weighted(0.7, any::<u8>())), 0..60).prop_map(|changes| {
        let mut store = Store::default();
        for (path, after) in changes {
            store.set(&path, after.map(record)).expect("whole rows");
        }
        store
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_changes_came_to_is_what_the_nodes_make(store in tree()) {
        store.check();
    }

    #[test]
    fn a_proof_shows_what_is_there_and_what_is_not(store in tree(), others in prop::collection::vec(path(), 8)) {
        for path in store.nodes.keys().chain(&others) {
            let proof = store.prove(path);
            prop_assert_eq!(verify(store.head.root(), path, &proof), Ok(store.nodes.get(path).copied()));
        }
    }

    #[test]
    fn no_changed_proof_holds(store in tree(), path in path(), at: prop::sample::Index, bit in 0..8u8) {
        let (proof, root) = (store.prove(&path), store.head.root());
        let fails = |proof: Proof| verify(root, &path, &proof).is_err();
        for head in [Node { record: Hash([8; 32]), ..proof.head }, Node { children: Hash([8; 32]), ..proof.head }] {
            let other = Proof { head, ..proof.clone() };
            prop_assert!(fails(other));
        }
        let mut more = proof.clone();
        more.rows.push(Bytes::from_static(b"row"));
        prop_assert!(fails(more));
        for n in 0..proof.rows.len() {
            let mut less = proof.clone();
            less.rows.remove(n);
            prop_assert!(fails(less));
            let mut other = proof.clone();
            let mut row = other.rows[n].to_vec();
            let byte = at.index(row.len());
            row[byte] ^= 1 << bit;
            other.rows[n] = row.into();
            prop_assert!(fails(other));
        }
    }

    #[test]
    fn a_row_that_was_changed_is_never_built_upon(store in tree(), path in path(), at: prop::sample::Index) {
        let mut store = store;
        let on_the_way: Vec<Bytes> = store.prove(&path).rows;
        let keys: Vec<Bytes> =
            store.rows.iter().filter(|(_, row)| on_the_way.contains(row)).map(|(key, _)| key.clone()).collect();
        prop_assume!(!keys.is_empty());
        let row = store.rows.get_mut(at.get(&keys)).expect("a row");
        let mut bytes = row.to_vec();
        *bytes.last_mut().expect("no row is empty") ^= 1;
        *row = bytes.into();
        // The way to the same node of another parent may have an equal row, and is whole.
        if prove(store.head, &path, |key| Ok::<_, Broken>(store.rows.get(key).cloned())).is_err() {
            prop_assert!(store.set(&path, Some(record(9))).is_err());
        }
    }

    #[test]
    fn rows_read_back(store in tree(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for row in store.rows.values() {
            prop_assert_eq!(Branch::decode(row).map(|branch| branch.encode()), Some(row.clone()));
            prop_assert!(Branch::decode(&row[..row.len() - 1]).is_none());
        }
        if let Some(branch) = Branch::decode(&bytes) {
            prop_assert_eq!(&branch.encode()[..], &bytes[..]);
        }
    }
}

#[test]
fn all_that_a_change_needs_is_asked_for_in_three_rounds() {
    let mut store = Store::default();
    for n in 0..5_000u32 {
        store.set(&format!("deep/er/n{n}"), Some(record(n as u8))).expect("whole rows");
    }
    for n in (0..6_000).step_by(7) {
        let path = format!("deep/er/n{n}");
        let mut at_hand: BTreeMap<Bytes, Option<Bytes>> = BTreeMap::new();
        for _ in 0..3 {
            let mut asked = Vec::new();
            wanted(&path, |key| at_hand.get(key).map(Option::as_ref), |key| asked.push(key));
            at_hand.extend(asked.into_iter().map(|key| (key.clone(), store.rows.get(&key).cloned())));
        }
        let row = |key: &Bytes| Ok::<_, Broken>(at_hand.get(key).expect("a row that was asked for").clone());
        let before = store.nodes.get(&path).copied();
        set(store.head, &path, before, Some(record(3)), row).expect("whole rows");
        set(store.head, &path, before, None, row).expect("whole rows");
    }
}

#[test]
fn names_that_have_many_digits_in_common_lie_apart() {
    let mut store = Store::default();
    let mut by_start: BTreeMap<Vec<usize>, String> = BTreeMap::new();
    let pair = (0..).map(|n: u32| n.to_string()).find_map(|name| {
        let start = (0..5).map(|n| digit(&name_hash(&name), n)).collect();
        by_start.insert(start, name.clone()).map(|other| (other, name))
    });
    let (one, other) = pair.expect("two of them");
    store.set(&one, Some(record(1))).expect("whole rows");
    let alone = (store.head, store.rows.clone());
    store.set(&other, Some(record(3))).expect("whole rows");
    store.check();
    assert!(store.rows.len() >= 6, "a row for each digit that they have in common, and one that parts them");
    store.set(&other, None).expect("whole rows");
    assert_eq!((store.head, store.rows.clone()), alone);
    store.set(&one, None).expect("whole rows");
    assert_eq!((store.head, store.rows.len()), (Node::EMPTY, 0));
}

#[test]
fn a_record_is_another_than_is_stored() {
    let mut store = Store::default();
    store.set("a/b", Some(record(1))).expect("whole rows");
    store.nodes.insert("a/b".to_owned(), record(3));
    store.set("a/b", Some(record(5))).expect_err("it was changed beside the tree");
    store.nodes.remove("a/b");
    store.set("a/b", Some(record(5))).expect_err("it is gone beside the tree");
    store.nodes.insert("a".to_owned(), record(3));
    store.set("a", Some(record(5))).expect_err("it was added beside the tree");
}

#[test]
fn the_hash_of_a_record_covers_all_of_it() {
    let labels = |name: &str| Labels::parse([name]).expect("a label");
    let node = Record {
        version: 7,
        owner: Pid(3),
        labels: labels("secret"),
        value: Some(b"value".to_vec()),
        earlier: labels("private"),
        kind: "note".to_owned(),
        holder: Some("app/agent".to_owned()),
    };
    let others = [
        Record { version: 8, ..node.clone() },
        Record { owner: Pid(4), ..node.clone() },
        Record { labels: labels("private"), ..node.clone() },
        Record { value: Some(b"valve".to_vec()), ..node.clone() },
        Record { value: None, ..node.clone() },
        Record { earlier: Labels::NONE, ..node.clone() },
        Record { kind: String::new(), ..node.clone() },
        Record { holder: None, ..node.clone() },
    ];
    for other in others {
        assert_ne!(node.seal().hash(), other.seal().hash(), "{other:?}");
    }
    let read: Record = minicbor::decode(&minicbor::to_vec(&node).expect("a record")).expect("a record");
    assert_eq!(read, node);
}

/// The bytes that FORMAT.md gives.
#[test]
fn the_format_is_pinned() {
    let node = Record {
        version: 1,
        owner: Pid(3),
        labels: Labels::NONE,
        value: Some(b"one".to_vec()),
        earlier: Labels::NONE,
        kind: String::new(),
        holder: None,
    };
    let mut store = Store::default();
    store.set("app/x", Some(node.seal().hash())).expect("whole rows");
    let printed = |bytes: &[u8]| crate::codec::hex(bytes);
    assert_eq!(printed(&minicbor::to_vec(&node).expect("a record")), "a40001010302800343".to_owned() + "6f6e65");
    assert_eq!(store.rows.len(), 2);
    let leaf = |name: &str, node: Node| [name_hash(name).0.to_vec(), node.to_bytes().to_vec()].concat();
    let below = Node { record: node.seal().hash(), children: Hash::ZERO };
    let bits = |name: &str| (1u16 << digit(&name_hash(name), 0)).to_be_bytes();
    let row = |name: &str, node: Node| [&bits(name)[..], &bits(name), &leaf(name, node)].concat();
    let x = row("x", below);
    assert_eq!(store.rows[&Bytes::from_static(b"\x50app\x00")], x);
    let app = row("app", Node { record: Hash::ZERO, children: row_hash(&x) });
    assert_eq!(store.rows[&Bytes::from_static(b"\x50\x00")], app);
    assert_eq!(store.head, Node { record: Hash::ZERO, children: row_hash(&app) });
    assert_eq!(store.head.root().to_string(), PINNED_ROOT);
}

const PINNED_ROOT: &str = "4d637b9637ff92dfde0b6eada1f0df2ffb9e62e852eeb12c50c81000c3df196a";
