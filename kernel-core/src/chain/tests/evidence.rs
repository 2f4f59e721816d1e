//! Files of evidence: what they are read as, and what is found in those that do not hold.

use super::*;

/// Act `n / 2` has the events `n` and `n + 1` of these logs.
const SIZE: u64 = 600;

struct Proven {
    store: Store,
    log: Log,
}

fn log() -> Proven {
    let (log, store) = stored(&[3, 250, 3, SIZE - 256]);
    Proven { store, log }
}

impl Proven {
    fn note(&self) -> String {
        sign(&self.log.checkpoint(), &signing_key())
    }

    fn sealed(&self, seq: u64) -> Sealed {
        let proof = inclusion(seq, self.log.size(), &mut |id| self.store.tile(id)).unwrap();
        let all: Vec<Vec<u8>> = self.store.events().into_iter().flat_map(|(_, events)| events).collect();
        Sealed { seq, event: all[usize::try_from(seq).unwrap()].clone(), proof }
    }

    fn receipt(&self, action: u64) -> Receipt {
        let events = vec![self.sealed(2 * action), self.sealed(2 * action + 1)];
        Receipt { action: ActionId(action), events, checkpoint: self.note(), body: None }
    }
}

fn found(receipt: &Receipt) -> &'static str {
    let again = match Evidence::parse(Evidence::Receipt(receipt.clone()).to_json().as_bytes()) {
        Ok(Evidence::Receipt(again)) => again,
        other => panic!("{other:?}"),
    };
    assert_eq!(&again, receipt, "a file says what it was made of");
    receipt.verify(Some(&key_of(&signing_key()))).map_or_else(|e| e.code(), |_| "holds")
}

#[test]
fn a_receipt_holds_and_each_part_of_it_counts() {
    let proven = log();
    let good = proven.receipt(150);
    let (checkpoint, events) = good.verify(Some(&key_of(&signing_key()))).unwrap();
    assert_eq!((checkpoint, events.len()), (proven.log.checkpoint(), 2));
    assert_eq!(found(&good), "holds");
    let changed = |change: &dyn Fn(&mut Receipt)| {
        let mut receipt = good.clone();
        change(&mut receipt);
        found(&receipt)
    };
    assert_eq!(changed(&|r| *r.events[1].event.last_mut().unwrap() ^= 1), "forked");
    assert_eq!(changed(&|r| r.events[1].event.clear()), "forked");
    assert_eq!(changed(&|r| r.events[0].proof[3].0[0] ^= 1), "forked");
    assert_eq!(changed(&|r| r.events[0].proof.truncate(5)), "forked");
    assert_eq!(changed(&|r| r.events.swap(0, 1)), "chain_gap");
    assert_eq!(changed(&|r| r.events[1].seq += 1), "chain_gap");
    assert_eq!(changed(&|r| r.events[1] = r.events[0].clone()), "chain_gap");
    assert_eq!(changed(&|r| r.events[1].seq = SIZE), "truncated");
    assert_eq!(changed(&|r| r.action = ActionId(151)), "binding_failed");
    assert_eq!(changed(&|r| r.events[1] = proven.sealed(307)), "binding_failed");
    assert_eq!(changed(&|r| r.checkpoint = r.checkpoint.replacen("600", "601", 1)), "key_untrusted");
    assert_eq!(changed(&|r| r.checkpoint.clear()), "key_untrusted");
    let earlier = stored(&[300]).0.checkpoint();
    assert_eq!(changed(&|r| r.checkpoint = sign(&earlier, &signing_key())), "truncated");
}

#[test]
fn nobody_is_trusted_without_a_key() {
    let receipt = log().receipt(1);
    let stranger = SigningKey::from_bytes(&[8; 32]);
    let mut renamed = key_of(&signing_key());
    renamed.name = Origin::parse("weft.example/other").unwrap();
    for key in [None, Some(key_of(&stranger)), Some(renamed)] {
        assert_eq!(receipt.verify(key.as_ref()).unwrap_err().code(), "key_untrusted");
    }
    // The right key on the log of another origin.
    let other = Checkpoint { origin: Origin::parse("weft.example/other").unwrap(), ..log().log.checkpoint() };
    let forged = Receipt { checkpoint: sign(&other, &signing_key()), ..receipt };
    assert_eq!(found(&forged), "key_untrusted");
}

/// Whoever holds the key can sign another log; what was proved of one does not hold in the other.
#[test]
fn a_receipt_of_one_log_does_not_hold_in_another() {
    let good = log().receipt(150);
    let (mut other, _) = stored(&[200]);
    other.append(header(0), &content(9_999)).unwrap();
    append(&mut other, SIZE - 201);
    let forked = Receipt { checkpoint: sign(&other.checkpoint(), &signing_key()), ..good };
    assert_eq!(found(&forked), "forked");
}

/// A log of whoever holds the key, whose events do not follow each other.
#[test]
fn events_that_do_not_follow_each_other_are_a_gap() {
    let event = |seq, prev: Hash| {
        let mut bytes = Vec::new();
        super::super::event::write(&mut bytes, seq, &prev, header(0), &content(seq));
        bytes
    };
    let of = |first: Vec<u8>, second: Vec<u8>| {
        let (a, b) = (Hash::leaf(&first), Hash::leaf(&second));
        let checkpoint = Checkpoint { origin: origin(), size: 2, root: Hash::node(&a, &b), every_batch: false };
        let events =
            vec![Sealed { seq: 0, event: first, proof: vec![b] }, Sealed { seq: 1, event: second, proof: vec![a] }];
        Receipt { action: ActionId(0), events, checkpoint: sign(&checkpoint, &signing_key()), body: None }
    };
    let first = event(0, Hash::ZERO);
    let second = event(1, Hash::leaf(&first));
    assert_eq!(found(&of(first.clone(), second.clone())), "holds");
    assert_eq!(found(&of(first.clone(), event(1, Hash::ZERO))), "chain_gap");
    assert_eq!(found(&of(first.clone(), event(7, Hash::leaf(&first)))), "chain_gap");
    assert_eq!(found(&of(event(0, Hash::leaf(b"x")), second)), "chain_gap");
}

#[test]
fn inclusion_and_consistency_are_files_too() {
    let (proven, key) = (log(), key_of(&signing_key()));
    let inclusion = Inclusion { event: proven.sealed(599), checkpoint: proven.note() };
    let file = Evidence::Inclusion(inclusion.clone());
    assert_eq!(Evidence::parse(file.to_json().as_bytes()), Ok(file));
    assert_eq!(inclusion.verify(Some(&key)).unwrap().1.seq, 599);
    assert_eq!(inclusion.verify(None).unwrap_err().code(), "key_untrusted");
    for size in [0, 1, 255, 256, 300, 600] {
        let tiles = &mut |id| proven.store.tile(id);
        let (root, proof) = (root_at(size, tiles).unwrap(), consistency(size, SIZE, tiles).unwrap());
        let good = Consistency { size, root, proof, checkpoint: proven.note() };
        let file = Evidence::Consistency(good.clone());
        assert_eq!(Evidence::parse(file.to_json().as_bytes()), Ok(file));
        assert_eq!(good.verify(Some(&key)), Ok(proven.log.checkpoint()));
        let other = Consistency { root: Hash::leaf(b"x"), ..good.clone() };
        assert_eq!(other.verify(Some(&key)).unwrap_err().code(), "forked", "size {size}");
        let more = Consistency { size: SIZE + 1, ..good };
        assert_eq!(more.verify(Some(&key)).unwrap_err().code(), "truncated");
    }
}

#[test]
fn a_proof_of_a_long_log_fits_into_two_kibibytes() {
    let event = Sealed { seq: 5_000_000, event: vec![0xa5; 300], proof: vec![Hash::leaf(b"x"); 24] };
    let mut proof = Inclusion { event, checkpoint: log().note() };
    proof.checkpoint =
        proof.checkpoint.replacen("600", "10000000", 1).replace("weft.example/log", "weft/0123456789abcdef");
    let file = Evidence::Inclusion(proof).to_json();
    assert!(file.len() <= 2_048, "{} bytes", file.len());
}

#[test]
fn what_is_no_evidence_is_said_to_be_none() {
    let good = Evidence::Receipt(log().receipt(1)).to_json();
    let (root, checkpoint) = (Hash::ZERO, log().note());
    let consistency = Evidence::Consistency(Consistency { size: 1, root, proof: Vec::new(), checkpoint }).to_json();
    Evidence::parse(consistency.as_bytes()).unwrap();
    let long = " ".repeat(MAX_EVIDENCE) + &good;
    let mut many = log().receipt(1);
    many.events = vec![many.events[0].clone(); MAX_EVENTS + 1];
    let mut deep = log().receipt(1);
    deep.events[0].proof = vec![Hash::ZERO; 129];
    for text in [
        "",
        "{}",
        "null",
        "weft.example/log\n2\n",
        &good.replacen("\"version\":1", "\"version\":2", 1),
        &good.replacen("\"receipt\"", "\"inclusion\"", 1),
        &good.replacen("\"receipt\"", "\"consistency\"", 1),
        &good.replacen("\"receipt\"", "\"something\"", 1),
        &good.replacen("\"action\":1", "\"action\": -1", 1),
        &good.replacen("\"action\":1", "\"action\": 1, \"action\": 1", 1),
        &good.replacen("\"action\":1", "\"action\": 1, \"verdict\": \"permit\"", 1),
        &good.replacen("\"action\":1", "\"action\": 1, \"proof\": null", 1),
        &good.replacen("\"action\":1", "\"action\": 1, \"body\": null", 1),
        &good.replacen("\"action\":1", "\"action\": null", 1),
        &good.replacen("\"events\"", "\"proof\"", 1),
        &consistency.replacen("\"old\"", "\"events\": [], \"old\"", 1),
        &consistency.replacen("\"old\"", "\"action\": null, \"old\"", 1),
        &good.replacen("\"event\":\"", "\"event\": \"*", 1),
        &format!("{good}{good}"),
        &long,
        &Evidence::Receipt(many).to_json(),
        &Evidence::Receipt(deep).to_json(),
    ] {
        assert!(Evidence::parse(text.as_bytes()).is_err(), "{}", &text[..text.len().min(200)]);
    }
    Evidence::parse(good.as_bytes()).unwrap();
}
