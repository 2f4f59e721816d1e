//! Receipts and proofs as their user makes them and as a stranger checks them.

use crate::harness::{Done, Home, agent};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kernel_core::chain::{Checkpoint, TileId, decode, entries, root_at};
use serde_json::{Value, json};
use std::process::Command;

/// A home in which `play` has run: one act was refused and one done.
fn ran() -> Home {
    let steps = ["act connect /net/203.0.113.7:443", "act write /tree/app/play/x {\"replace\":true} a-secret-of-mine"];
    let home = Home::new(&agent("actor", &steps, "use = [\"write /tree/app/play/**\"]"));
    home.weft(&["run", "play"]).exits(0);
    home
}

/// The number of the act of that verb of `actor`.
pub(crate) fn act(home: &Home, verb: &str, more: &[&str]) -> u64 {
    let arguments = [&["chain", "show", "--json", "--verb", verb], more].concat();
    let events = home.weft(&arguments).exits(0).json();
    events["events"][0]["action"].as_u64().unwrap_or_else(|| panic!("{events:#}"))
}

fn key(home: &Home) -> String {
    home.weft(&["chain", "checkpoint", "--json"]).exits(0).json()["key"].as_str().unwrap().to_owned()
}

/// What a stranger finds in `file`, who has nothing but the key.
fn verified(file: &Value, key: &str) -> Done {
    let stranger = Home::new("");
    std::fs::write(stranger.path("r.json"), file.to_string()).unwrap();
    stranger.weft(&["verify", "r.json", "--key", key, "--json"])
}

fn failed(file: &Value, key: &str) -> String {
    let done = verified(file, key).exits(4);
    done.json()["error"]["code"].as_str().unwrap().to_owned()
}

#[test]
fn a_stranger_learns_from_a_receipt_what_was_done() {
    let home = ran();
    let key = key(&home);
    let receipt = home.weft(&["receipt", &act(&home, "write", &[]).to_string()]).exits(0).json();
    assert_eq!((&receipt["evidence"], &receipt["version"]), (&json!("receipt"), &json!(1)));
    let told = verified(&receipt, &key).exits(0).json();
    assert!(told["intended"].as_str().unwrap().contains("`write` /tree/app/play/x"), "{told:#}");
    assert!(told["decided"][0].as_str().unwrap().starts_with("permitted: the right"), "{told:#}");
    assert!(told["outcome"].as_str().unwrap().starts_with("done"), "{told:#}");
    assert_eq!((&told["key"], &told["detail"]["verb"], &told["body"]), (&json!(key), &json!("write"), &json!(false)));
    let kinds: Vec<&Value> = told["events"].as_array().unwrap().iter().map(|event| &event["kind"]).collect();
    assert_eq!(kinds, ["intent", "outcome"]);

    let receipt = home.weft(&["receipt", &act(&home, "connect", &[]).to_string()]).exits(0);
    std::fs::write(home.path("r.json"), &receipt.out).unwrap();
    let shown = home.weft(&["verify", "r.json"]).exits(0);
    shown.says(&["The receipt holds: act", "intended  actor", "refused as denied", "outcome   nothing was done", &key]);

    let none = home.weft(&["receipt", "999999", "--json"]).exits(1);
    assert_eq!(none.json()["error"]["code"], "not_found");
    home.weft(&["verify", "nowhere.json"]).exits(2).tells(&["cannot be read"]);
    home.weft(&["verify", "repo/a.txt"]).exits(2).tells(&["it is no evidence"]);
}

#[test]
fn each_way_not_to_hold_has_its_name() {
    let home = ran();
    let key = key(&home);
    let good = home.weft(&["receipt", &act(&home, "write", &[]).to_string(), "--with-body"]).exits(0).json();
    assert_eq!(verified(&good, &key).exits(0).json()["body"], true);
    let without = |at: usize| {
        let mut receipt = good.clone();
        receipt["events"].as_array_mut().unwrap().remove(at);
        receipt
    };
    assert_eq!(failed(&without(0), &key), "admission_missing");
    assert_eq!(failed(&without(1), &key), "outcome_missing");
    let mut other = good.clone();
    other["body"]["body"] = json!(STANDARD.encode("something else"));
    assert_eq!(failed(&other, &key), "binding_failed");
    let mut other = good.clone();
    other["action"] = json!(good["action"].as_u64().unwrap() + 1);
    assert_eq!(failed(&other, &key), "binding_failed");
    let mut other = good.clone();
    other["events"].as_array_mut().unwrap().reverse();
    assert_eq!(failed(&other, &key), "chain_gap");
    let mut other = good.clone();
    let mut event = STANDARD.decode(good["events"][0]["event"].as_str().unwrap()).unwrap();
    *event.last_mut().unwrap() ^= 1;
    other["events"][0]["event"] = json!(STANDARD.encode(event));
    assert_eq!(failed(&other, &key), "forked");

    // The log goes on, and a later receipt is handed in with the checkpoint that was signed before.
    home.weft(&["run", "play"]).exits(0);
    let writes = home.weft(&["chain", "show", "--json", "--verb", "write"]).exits(0).json();
    let last = writes["events"].as_array().unwrap().last().unwrap()["action"].to_string();
    let mut later = home.weft(&["receipt", &last]).exits(0).json();
    verified(&later, &key).exits(0);
    later["checkpoint"] = good["checkpoint"].clone();
    assert_eq!(failed(&later, &key), "truncated");

    // Of another log than the one that is trusted, or of one that nobody has named.
    let stranger = ran();
    assert_eq!(failed(&good, &self::key(&stranger)), "key_untrusted");
    std::fs::write(stranger.path("r.json"), good.to_string()).unwrap();
    stranger.weft(&["verify", "r.json"]).exits(4).tells(&["not to be trusted"]);
    let nobody = Home::new("");
    std::fs::write(nobody.path("r.json"), good.to_string()).unwrap();
    nobody.weft(&["verify", "r.json"]).exits(4).tells(&["nothing says whose log it has to be", "--key KEY"]);
}

#[test]
fn one_event_and_an_earlier_state_are_proved() {
    let home = ran();
    let key = key(&home);
    let proof = home.weft(&["chain", "prove", "3"]).exits(0).json();
    let told = verified(&proof, &key).exits(0).json();
    assert_eq!((&told["evidence"], &told["event"]["seq"]), (&json!("inclusion"), &json!(3)));
    home.weft(&["chain", "prove", "99999"]).exits(1).tells(&["has no event 99999"]);

    let old = home.weft(&["chain", "checkpoint", "--json"]).exits(0).json();
    home.weft(&["run", "play"]).exits(0);
    let size = old["size"].to_string();
    let proof = home.weft(&["chain", "consistency", &size]).exits(0).json();
    let told = verified(&proof, &key).exits(0).json();
    assert_eq!(told["old"]["root"], old["root"], "what was kept is what the log begins with");
    assert!(told["size"].as_u64() > told["old"]["size"].as_u64());
    // A state between is proved where its checkpoint was kept: nobody signs one afterwards.
    home.weft(&["chain", "consistency", "2", &size]).exits(2).tells(&["has to be signed", &size]);
    std::fs::write(home.path("kept"), old["note"].as_str().unwrap()).unwrap();
    let between = home.weft(&["chain", "consistency", "2", "kept"]).exits(0).json();
    assert_eq!(verified(&between, &key).exits(0).json()["root"], old["root"]);
    let now = home.weft(&["chain", "checkpoint", "--json"]).exits(0).json()["size"].to_string();
    home.weft(&["chain", "consistency", "2", &now]).exits(0);
    let mut forged = proof.clone();
    forged["old"]["root"] = told["root"].clone();
    assert_eq!(failed(&forged, &key), "forked");
    home.weft(&["chain", "consistency", "99999"]).exits(1).tells(&["never had 99999"]);
}

/// Nothing that a person or a guest keeps to itself is in what is handed to others.
#[test]
fn secrets_are_in_no_log_no_receipt_and_no_error() {
    let planted = ["planted-in-a-body", "planted-in-a-value", "planted-in-a-token"];
    let steps = [
        "act write /tree/app/play/x {\"replace\":true} planted-in-a-value",
        "act write /fs/none/x {\"replace\":true} planted-in-a-body",
        "act connect /net/user:planted-in-a-token@203.0.113.7:443",
    ];
    let home = Home::new(&agent("actor", &steps, "use = [\"write /tree/app/play/**\"]"));
    let mut told = Vec::new();
    let mut keep = |done: Done| {
        told.push(done.out);
        told.push(done.err);
    };
    keep(home.weft(&["run", "play", "--json"]).exits(0));
    keep(home.weft(&["chain", "show", "--json"]).exits(0));
    keep(home.weft(&["chain", "show"]).exits(0));
    keep(home.weft(&["chain", "verify", "--json"]).exits(0));
    for verb in ["write", "connect"] {
        let number = act(&home, verb, &[]).to_string();
        let receipt = home.weft(&["receipt", &number]).exits(0);
        for event in receipt.json()["events"].as_array().unwrap() {
            let bytes = STANDARD.decode(event["event"].as_str().unwrap()).unwrap();
            told.push(String::from_utf8_lossy(&bytes).into_owned());
        }
        std::fs::write(home.path("r.json"), &receipt.out).unwrap();
        told.push(receipt.out);
        let done = home.weft(&["verify", "r.json", "--json"]).exits(0);
        told.push(done.out);
    }
    let seed = std::fs::read_to_string(home.data().join("log.key")).unwrap();
    for text in &told {
        for secret in planted.iter().copied().chain([seed.trim()]) {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
    }
    // What was written is kept, where it belongs.
    let kept = Command::new("grep").args(["-ac", "planted-in-a-value"]).arg(home.data().join("weft.redb")).output();
    assert_ne!(String::from_utf8_lossy(&kept.expect("grep").stdout).trim(), "0");
}

#[test]
fn a_log_is_exported_once_and_brought_up_to_date() {
    let home = ran();
    let key = kernel_core::chain::VerifierKey::parse(&key(&home)).unwrap();
    let export = || home.weft(&["chain", "export", "--tiles", "tiles", "--json"]);
    let whole = || {
        let note = std::fs::read_to_string(home.path("tiles/checkpoint")).unwrap();
        let checkpoint = Checkpoint::open(&note, std::slice::from_ref(&key)).unwrap();
        let tile = |id: TileId| {
            // The widest that is there: an older and narrower one is its beginning.
            let widths = (1..=256).rev().map(|width| home.path("tiles").join(id.path(width)));
            widths.filter_map(|path| std::fs::read(path).ok()).next().map(bytes::Bytes::from)
        };
        assert_eq!(root_at(checkpoint.size, &mut |id| tile(id)).unwrap(), checkpoint.root);
        let (last, width) = ((checkpoint.size - 1) / 256, (checkpoint.size - 1) % 256 + 1);
        let bundle = std::fs::read(home.path("tiles").join(TileId::entries_path(last, width))).unwrap();
        let events: Vec<Vec<u8>> = entries(&bundle).map(|event| event.unwrap().to_vec()).collect();
        assert_eq!(events.len() as u64, width);
        assert_eq!(decode(events.last().unwrap()).unwrap().seq, checkpoint.size - 1);
        checkpoint.size
    };
    let told = export().exits(0).json();
    assert_eq!((told["before"].as_u64(), told["size"].as_u64()), (None, Some(whole())));
    let again = export().exits(0).json();
    assert_eq!((&again["written"], &again["before"]), (&json!(0), &told["size"]));
    for _ in 0..20 {
        home.weft(&["run", "play"]).exits(0);
    }
    assert_eq!(export().exits(0).json()["size"].as_u64(), Some(whole()));
    assert!(whole() > 256, "there is a full tile");
    let left = std::fs::read_dir(home.path("")).unwrap().map(|entry| entry.unwrap().file_name());
    assert!(!left.into_iter().any(|name| name.to_string_lossy().starts_with(".tiles")));

    // Neither what is no log nor the log of others is written over, and what is ahead of this one is a finding.
    home.weft(&["chain", "export", "--tiles", "repo"]).exits(2).tells(&["holds something else than a log"]);
    let other = ran();
    let theirs = home.path("tiles").display().to_string();
    other.weft(&["chain", "export", "--tiles", &theirs]).exits(2).tells(&["holds the log of somebody else"]);
    let old = home.path("old").display().to_string();
    std::fs::create_dir(&old).unwrap();
    for name in ["weft.redb", "log.key", "lock"] {
        std::fs::copy(home.data().join(name), home.path("old").join(name)).unwrap();
    }
    home.weft(&["run", "play"]).exits(0);
    export().exits(0);
    let behind = home.weft(&["chain", "export", "--tiles", "tiles", "--data-dir", "old", "--json"]).exits(4);
    assert_eq!(behind.json()["error"]["code"], "truncated");
    home.weft(&["chain", "export"]).exits(2);
    home.weft(&["chain", "export", "--jsonl", "--tiles", "x"]).exits(2);

    let lines = home.weft(&["chain", "export", "--jsonl"]).exits(0).out;
    let shown = home.weft(&["chain", "show", "--json"]).exits(0).json();
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(&lines, shown["events"].as_array().unwrap());
}

#[test]
fn what_is_shown_is_narrowed_by_place_and_time() {
    let home = ran();
    let events = |more: &[&str]| {
        let document = home.weft(&[&["chain", "show", "--json"], more].concat()).exits(0).json();
        document["events"].as_array().unwrap().clone()
    };
    let kinds = |more: &[&str]| events(more).iter().map(|e| e["kind"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    assert_eq!(kinds(&["--resource", "/tree/app/**"]), ["intent", "outcome"], "an outcome belongs to its act");
    assert_eq!(kinds(&["--resource", "/net/203.0.113.7:*"]), ["refused"]);
    assert_eq!(kinds(&["--resource", "/tree/app/**", "--verb", "read"]).len(), 0);
    let all = events(&[]);
    assert_eq!(events(&["--since", "5"]), all[5..]);
    assert_eq!(events(&["--since", all[3]["time"].as_str().unwrap()]).last(), all.last());
    assert_eq!((events(&["--since", "1h"]).len(), events(&["--since", "2100-01-01"]).len()), (all.len(), 0));
    home.weft(&["chain", "show", "--resource", "/fs/**", "--since", "2100-01-01"])
        .exits(0)
        .tells(&["is about /fs/** since 2100-01-01"]);
    home.weft(&["chain", "show", "--resource", "fs"]).exits(2);
    home.weft(&["chain", "show", "--since", "soon"]).exits(2).tells(&["how long ago as 10m"]);
    home.weft(&["chain", "show", "--follow"]).exits(2).tells(&["no kernel runs on", "leave out --follow"]);
}
