//! `weft tree`: nodes of a kernel that stays, and of its data directory when it has stopped.

use super::{Up, echo};
use kernel_core::chain::{Evidence, NodeProof};
use kernel_core::kernel::verify_node;
use serde_json::Value;

#[test]
fn nodes_are_written_listed_and_removed() {
    let home = echo();
    let up = Up::start(&home, &[]);
    up.weft(&["tree", "put", "/tree/notes/a", "one", "--kind", "note"]).exits(0);
    let again = up.weft(&["tree", "put", "/tree/notes/a", "two", "--expect", "absent"]).exits(2);
    assert!(again.err.contains("has another value"), "{again:?}");
    up.weft(&["tree", "put", "/tree/notes/a/b", "below"]).exits(0);
    up.weft(&["tree", "put", "/tree/notes/a-b", "beside"]).exits(0);
    assert_eq!(up.weft(&["tree", "get", "/tree/notes/a"]).exits(0).out, "one");
    let listed = up.weft(&["tree", "ls", "/tree/notes", "--json"]).exits(0).json();
    let children = listed["children"].as_object().unwrap();
    assert_eq!(children.keys().collect::<Vec<_>>(), ["a", "a-b"]);
    assert_eq!(children["a"]["node"]["kind"], "note");
    assert_eq!((&children["a"]["parent"], &children["a"]["bytes"]), (&Value::from(true), &Value::from(3)));
    assert_eq!(children["a-b"]["parent"], false);
    let top = up.weft(&["tree", "ls"]).exits(0);
    assert!(top.out.contains("notes/"), "{top:?}");
    up.weft(&["tree", "rm", "/tree/notes/a-b"]).exits(0);
    up.weft(&["tree", "get", "/tree/notes/a-b"]).exits(1);
    up.weft(&["tree", "get", "/fs/x"]).exits(2);
    let refused = up.weft(&["tree", "put", "/tree/kernel/x", "one"]).exits(3);
    assert!(refused.err.contains("the kernel's"), "{refused:?}");
}

fn proof(file: &str) -> NodeProof {
    match Evidence::parse(file.as_bytes()).unwrap() {
        Evidence::Node(proof) => proof,
        other => panic!("no proof of a node: {other:?}"),
    }
}

#[test]
fn a_proof_holds_without_the_kernel() {
    let home = echo();
    let up = Up::start(&home, &[]);
    up.weft(&["tree", "put", "/tree/notes/a", "one"]).exits(0);
    let prove = |up: &Up<'_>, path: &str| proof(&up.weft(&["tree", "prove", path]).exits(0).out);
    let (there, not) = (prove(&up, "/tree/notes/a"), prove(&up, "/tree/notes/b"));
    up.weft(&["shutdown"]).exits(0);
    let checkpoint = up.ended()["checkpoint"].clone();
    let key = kernel_core::chain::VerifierKey::parse(checkpoint["key"].as_str().unwrap()).unwrap();
    let node = |proof: &NodeProof| verify_node(proof, Some(&key)).unwrap().node;
    assert!(node(&there).is_some() && node(&not).is_none());
    // Nobody runs there any more, and what only looks looks all the same.
    let weft = |arguments: &[&str]| home.weft(&[arguments, &["--data-dir", "data"]].concat());
    assert_eq!(weft(&["tree", "get", "/tree/notes/a"]).exits(0).out, "one");
    assert!(weft(&["tree", "ls", "/tree/notes"]).exits(0).out.contains('a'));
    assert!(node(&proof(&weft(&["tree", "prove", "/tree/notes/a"]).exits(0).out)).is_some());
    weft(&["tree", "put", "/tree/notes/a", "two"]).exits(5);
    let verified = weft(&["chain", "verify", "--json"]).exits(0).json();
    assert_eq!(verified["tree"]["nodes"], 1);
}

#[test]
fn a_snapshot_is_compared_with_what_there_is() {
    let home = echo();
    let up = Up::start(&home, &[]);
    for node in ["a", "b"] {
        up.weft(&["tree", "put", &format!("/tree/notes/{node}"), "one"]).exits(0);
    }
    up.weft(&["tree", "snapshot", "before"]).exits(0);
    up.weft(&["tree", "put", "/tree/notes/a", "two"]).exits(0);
    up.weft(&["tree", "put", "/tree/notes/c", "two"]).exits(0);
    up.weft(&["tree", "rm", "/tree/notes/b"]).exits(0);
    assert_eq!(up.weft(&["tree", "get", "/tree/notes/b", "--snapshot", "before"]).exits(0).out, "one");
    let snapshots = up.weft(&["tree", "snapshots"]).exits(0).out;
    assert!(snapshots.starts_with("before ") && snapshots.contains("by operator.api, act "), "{snapshots}");
    let changes = "~ /tree/notes/a\n- /tree/notes/b\n+ /tree/notes/c\n";
    assert_eq!(up.weft(&["tree", "diff", "before"]).exits(0).out, changes);
    up.weft(&["tree", "diff", "after"]).exits(1);
    up.weft(&["shutdown"]).exits(0);
    up.ended();
    let weft = |arguments: &[&str]| home.weft(&[arguments, &["--data-dir", "data"]].concat());
    assert_eq!(weft(&["tree", "diff", "before"]).exits(0).out, changes);
    weft(&["chain", "verify"]).exits(0);
}
