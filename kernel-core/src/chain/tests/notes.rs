//! Signed notes and checkpoints.

use super::*;
use proptest::prelude::*;

fn other_key() -> SigningKey {
    SigningKey::from_bytes(&[9; 32])
}

fn checkpoint() -> Checkpoint {
    Checkpoint { origin: origin(), size: 70_000, root: Hash::leaf(b"x"), every_batch: false }
}

#[test]
fn a_signed_checkpoint_comes_back() {
    let note = sign(&checkpoint(), &signing_key());
    let keys = [key_of(&other_key()), key_of(&signing_key())];
    assert_eq!(Checkpoint::open(&note, &keys), Ok(checkpoint()));
    assert_eq!(Note::parse(&note).unwrap().to_string(), note);
    assert_eq!(Note::parse(&note).unwrap().verify(&keys), Ok(&keys[1]));
}

/// An extension line of C2SP tlog-checkpoint: whoever does not know it ignores it, as we do others.
#[test]
fn a_checkpoint_says_that_every_batch_is_signed() {
    let every = Checkpoint { every_batch: true, ..checkpoint() };
    assert_eq!(every.body(), format!("{}every batch is signed\n", checkpoint().body()));
    assert_eq!(Checkpoint::open(&sign(&every, &signing_key()), &[key_of(&signing_key())]), Ok(every.clone()));
    let body = checkpoint().body();
    assert_eq!(Checkpoint::parse(&format!("{body}something\n")), Ok(checkpoint()));
    assert_eq!(Checkpoint::parse(&format!("{body}every batch is signed by me\n")), Ok(checkpoint()));
    assert_eq!(Checkpoint::parse(&format!("{body}something\nevery batch is signed\n")), Ok(every));
    assert!(Checkpoint::parse(&format!("{body}\nevery batch is signed\n")).is_err());
}

/// The verifier key of the example in golang.org/x/mod/sumdb/note, whose id is part of its text.
#[test]
fn verifier_keys_have_the_id_that_others_give_them() {
    let text = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
    let key = VerifierKey::parse(text).unwrap();
    assert_eq!((key.id(), key.to_string().as_str()), (0xc74f20a3, text));
    for bad in [
        "",
        "PeterNeumann",
        "PeterNeumann+c74f20a3",
        "PeterNeumann+c74f20a4+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10Q=",
        "PeterNeumann+c74f20a3+Ahpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
        "+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert_eq!(VerifierKey::parse(bad), None, "{bad}");
    }
}

#[test]
fn signatures_of_unknown_keys_are_ignored_and_false_ones_are_not() {
    let good = sign(&checkpoint(), &signing_key());
    let keys = [key_of(&signing_key())];
    let untrusted = Checkpoint::open(&sign(&checkpoint(), &other_key()), &keys);
    assert!(matches!(untrusted, Err(CheckpointError::Note(NoteError::Untrusted { .. }))), "{untrusted:?}");

    let mut note = Note::parse(&good).unwrap();
    for _ in 0..20 {
        note.signatures.insert(0, key_of(&other_key()).signature([1; 64]));
    }
    assert_eq!(Checkpoint::open(&note.to_string(), &keys), Ok(checkpoint()));

    note.signatures.push(key_of(&signing_key()).signature([1; 64]));
    let spoiled = Checkpoint::open(&note.to_string(), &keys);
    assert!(matches!(spoiled, Err(CheckpointError::Note(NoteError::BadSignature { .. }))), "{spoiled:?}");
    assert!(Checkpoint::open(&good, &[]).is_err());
}

#[test]
fn malformed_notes_are_refused() {
    let good = sign(&checkpoint(), &signing_key());
    let line = good.split("\n\n").nth(1).unwrap();
    for bad in [
        String::new(),
        "text\n".to_owned(),
        "text\n\n".to_owned(),
        "text\n\n\n".to_owned(),
        format!("text\n{line}"),
        good.trim_end().to_owned(),
        good.replace('\u{2014}', "-"),
        good.replace("70000", "70\t000"),
        format!("{good}more\n"),
        "text\n\n\u{2014} name AAAA\n".to_owned(),
        "text\n\n\u{2014} name AAAAAA==\n".to_owned(),
        "text\n\n\u{2014} na+me AAAAAAA=\n".to_owned(),
        "text\n\n\u{2014}  AAAAAAA=\n".to_owned(),
        "text\n\n\u{2014} name AAAAAA\n".to_owned(),
        format!("{}\n\n{line}", "x".repeat(MAX_NOTE)),
    ] {
        assert!(matches!(Note::parse(&bad), Err(NoteError::Malformed(_))), "{bad}");
    }
    let blank = format!("a\n\nb\n\n{line}");
    assert_eq!(Note::parse(&blank).unwrap().text, "a\n\nb\n");
}

#[test]
fn checkpoints_have_one_form() {
    let root = Hash::leaf(b"x").to_base64();
    let parse = |text: &str| Checkpoint::parse(text);
    assert_eq!(parse(&checkpoint().body()), Ok(checkpoint()));
    assert_eq!(parse(&format!("o\n0\n{root}\nextension\n")).unwrap().size, 0);
    for bad in [
        format!("o\n1\n{root}"),
        format!("o\n01\n{root}\n"),
        format!("o\n+1\n{root}\n"),
        format!("o\n-1\n{root}\n"),
        format!("o\n\n{root}\n"),
        format!("o\n18446744073709551616\n{root}\n"),
        format!("\n1\n{root}\n"),
        format!("o o\n1\n{root}\n"),
        "o\n1\nAAAA\n".to_owned(),
        "o\n1\n".to_owned(),
        format!("o\n1\n{root}\n\n"),
        format!("o\n1\n{}\n", root.trim_end_matches('=')),
    ] {
        assert!(parse(&bad).is_err(), "{bad:?}");
    }
    for bad in ["", "a b", "a+b", "a\nb", "a\u{a0}b", "a\u{7f}"] {
        assert_eq!(Origin::parse(bad), None, "{bad:?}");
    }
    assert!(Origin::parse(&"x".repeat(256)).is_none());
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,40}(\n\n)?(\u{2014} )?\\PC{0,40}\n?") {
        let _ = Note::parse(&text);
        let _ = Checkpoint::open_unverified(&text);
        let _ = VerifierKey::parse(&text);
    }

    #[test]
    fn any_changed_character_is_found(at in any::<prop::sample::Index>(), to in "[0-9A-Za-z\n ]") {
        let good = sign(&checkpoint(), &signing_key());
        let at = at.index(good.chars().count());
        let bad: String = good.chars().enumerate().map(|(i, c)| if i == at { to.chars().next().unwrap() } else { c }).collect();
        prop_assume!(bad != good);
        prop_assert!(Checkpoint::open(&bad, &[key_of(&signing_key())]).is_err());
    }
}
