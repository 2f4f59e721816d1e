//! Evidence: files that leave the kernel and are checked by whoever has them, the log's key, and nothing else.
//!
//! Each is one JSON document that holds a signed checkpoint and hashes that lead from what it is about to the root in
//! that checkpoint. What is read here came from outside, and nothing of it is believed before its `verify`. What events
//! say is not known here: `kernel/receipt.rs` looks at that. `kernel-core/FORMAT.md` gives every member.

mod node;

pub use node::NodeProof;

use super::event::{Decoded, decode};
use super::note::VerifierKey;
use super::proof::{verify_consistency, verify_inclusion};
use super::{Checkpoint, Hash, MAX_NOTE};
use crate::id::ActionId;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Deserializer, Serialize};

/// The version that this code writes and reads.
const VERSION: u64 = 1;

/// The longest file that is read, in bytes.
pub const MAX_EVIDENCE: usize = 2 << 20;

/// The most events of a receipt.
pub const MAX_EVENTS: usize = 16;

/// The most hashes of a proof: as many as lead through 2^64 events, for either of its two ends.
const MAX_PROOF: usize = 128;

/// Why bytes are no evidence at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no evidence: {0}")]
pub struct NotEvidence(pub String);

/// Why evidence does not hold. Each is one of the findings of `FORMAT.md`, with what was found.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// No event says that the act was let pass or refused, or the answer is missing that it needed.
    #[error("{0}")]
    AdmissionMissing(String),
    /// An outward act was let pass, and no event says what came of it.
    #[error("{0}")]
    OutcomeMissing(String),
    /// The parts do not belong together.
    #[error("{0}")]
    Binding(String),
    /// The numbers of the events or their `prev` do not fit.
    #[error("{0}")]
    Gap(String),
    /// The checkpoint covers fewer events than the evidence is about.
    #[error("{0}")]
    Truncated(String),
    /// A proof leads to another root than the signed one.
    #[error("{0}")]
    Forked(String),
    /// Nothing says whose log it has to be, or somebody else signed.
    #[error("{0}")]
    KeyUntrusted(String),
}

impl EvidenceError {
    /// The kind of failure in one word, as `ChainError::code` has them for a stored log.
    pub fn code(&self) -> &'static str {
        match self {
            EvidenceError::AdmissionMissing(_) => "admission_missing",
            EvidenceError::OutcomeMissing(_) => "outcome_missing",
            EvidenceError::Binding(_) => "binding_failed",
            EvidenceError::Gap(_) => "chain_gap",
            EvidenceError::Truncated(_) => "truncated",
            EvidenceError::Forked(_) => "forked",
            EvidenceError::KeyUntrusted(_) => "key_untrusted",
        }
    }
}

/// What a file is evidence of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// All that the log says of one act.
    Receipt(Receipt),
    /// That the log has one event.
    Inclusion(Inclusion),
    /// That the log begins with an earlier state of it.
    Consistency(Consistency),
    /// What a node of the resource tree is.
    Node(NodeProof),
}

/// An event with the proof that the log has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Its place in the log.
    pub seq: u64,
    /// Its bytes, as they are stored.
    pub event: Vec<u8>,
    /// The hashes that lead from it to the root.
    pub proof: Vec<Hash>,
}

/// The body of an outward act, with the salt of its commitment.
#[derive(Clone, PartialEq, Eq)]
pub struct SaltedBody {
    /// 16 random bytes.
    pub salt: [u8; 16],
    /// The body.
    pub body: Vec<u8>,
}

// What is in it may be nobody's business.
impl std::fmt::Debug for SaltedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaltedBody").field("bytes", &self.body.len()).finish_non_exhaustive()
    }
}

/// All that the log says of one act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    /// The act.
    pub action: ActionId,
    /// Its events, in the order of the log.
    pub events: Vec<Sealed>,
    /// The note of the checkpoint to which the proofs lead.
    pub checkpoint: String,
    /// What was done, where that is told.
    pub body: Option<SaltedBody>,
}

/// That the log has one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inclusion {
    /// The event.
    pub event: Sealed,
    /// The note of the checkpoint to which its proof leads.
    pub checkpoint: String,
}

/// That the log begins with an earlier state of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consistency {
    /// How many events there were then.
    pub size: u64,
    /// The root over them.
    pub root: Hash,
    /// The hashes that lead from one root to the other.
    pub proof: Vec<Hash>,
    /// The note of the checkpoint of the later state.
    pub checkpoint: String,
}

impl Evidence {
    /// Reads a file.
    ///
    /// # Errors
    /// That it is none, and why. What it says is not looked at yet.
    pub fn parse(file: &[u8]) -> Result<Evidence, NotEvidence> {
        if file.len() > MAX_EVIDENCE {
            return refuse(format!("it has more than {MAX_EVIDENCE} bytes"));
        }
        let wire: Wire = serde_json::from_slice(file).or_else(|e| refuse(e.to_string()))?;
        if wire.version != VERSION {
            return refuse(format!("it has version {}, and this program reads version {VERSION}", wire.version));
        }
        if wire.checkpoint.len() > MAX_NOTE {
            return refuse("its checkpoint is too long".to_owned());
        }
        let Wire { evidence, action, events, old, proof, checkpoint, body, path, record, head, rows, .. } = wire;
        let of_log = path.is_none() && record.is_none() && head.is_none() && rows.is_none();
        let read = |events: Vec<WireEvent>| events.into_iter().map(Sealed::read).collect::<Result<Vec<_>, _>>();
        let events = events.map(read).transpose()?;
        match (&*evidence, action, events, old, proof, body) {
            ("receipt", Some(action), Some(events), None, None, body) if of_log && events.len() <= MAX_EVENTS => {
                let body = body.map(SaltedBody::read).transpose()?;
                Ok(Evidence::Receipt(Receipt { action: ActionId(action), events, checkpoint, body }))
            }
            ("inclusion", None, Some(events), None, None, None) if of_log => match <[Sealed; 1]>::try_from(events) {
                Ok([event]) => Ok(Evidence::Inclusion(Inclusion { event, checkpoint })),
                Err(_) => refuse("an inclusion is of one event".to_owned()),
            },
            ("consistency", None, None, Some(WireTree { size, root }), Some(proof), None) if of_log => {
                let (root, proof) = (read_hash(&root)?, read_proof(proof)?);
                Ok(Evidence::Consistency(Consistency { size, root, proof, checkpoint }))
            }
            ("node", None, Some(events), None, None, None) => {
                match (<[Sealed; 1]>::try_from(events), path, head, rows) {
                    (Ok([event]), Some(path), Some(head), Some(rows)) => {
                        Ok(Evidence::Node(NodeProof::read(event, path, (record, &head, rows), checkpoint)?))
                    }
                    _ => refuse("it has not the members of a node".to_owned()),
                }
            }
            ("receipt" | "inclusion" | "consistency" | "node", ..) => {
                refuse(format!("it has not the members of a {evidence}"))
            }
            _ => refuse("its kind is none of receipt, inclusion, consistency and node".to_owned()),
        }
    }

    /// The file.
    pub fn to_json(&self) -> String {
        let mut wire = Wire { version: VERSION, ..Wire::default() };
        match self {
            Evidence::Receipt(Receipt { action, events, checkpoint, body }) => {
                "receipt".clone_into(&mut wire.evidence);
                wire.action = Some(action.0);
                wire.events = Some(events.iter().map(Sealed::written).collect());
                wire.checkpoint.clone_from(checkpoint);
                let written = |body: &SaltedBody| WireBody {
                    salt: STANDARD.encode(body.salt),
                    body: STANDARD.encode(&body.body),
                };
                wire.body = body.as_ref().map(written);
            }
            Evidence::Inclusion(Inclusion { event, checkpoint }) => {
                "inclusion".clone_into(&mut wire.evidence);
                wire.events = Some(vec![event.written()]);
                wire.checkpoint.clone_from(checkpoint);
            }
            Evidence::Consistency(Consistency { size, root, proof, checkpoint }) => {
                "consistency".clone_into(&mut wire.evidence);
                wire.old = Some(WireTree { size: *size, root: root.to_base64() });
                wire.proof = Some(proof.iter().map(|hash| hash.to_base64()).collect());
                wire.checkpoint.clone_from(checkpoint);
            }
            Evidence::Node(proof) => proof.write(&mut wire),
        }
        // Texts and numbers are always JSON.
        serde_json::to_string(&wire).unwrap_or_default()
    }
}

impl Receipt {
    /// Checks that `key` signed the checkpoint, that the log under it has the events, and that they are of the act.
    ///
    /// # Errors
    /// What does not hold; what the events say is not looked at.
    pub fn verify(&self, key: Option<&VerifierKey>) -> Result<(Checkpoint, Vec<Decoded<'_>>), EvidenceError> {
        let checkpoint = signed(&self.checkpoint, key)?;
        let mut found: Vec<Decoded<'_>> = Vec::new();
        for sealed in &self.events {
            let seq = sealed.seq;
            if found.last().is_some_and(|before| before.seq >= seq) {
                return Err(EvidenceError::Gap(format!("event {seq} stands behind one with no smaller number")));
            }
            let event = sealed.verify(&checkpoint)?;
            let before = found.last().filter(|before| before.seq + 1 == seq);
            if before.is_some() && self.events.get(found.len() - 1).is_none_or(|b| Hash::leaf(&b.event) != event.prev) {
                return Err(EvidenceError::Gap(format!("event {seq} does not follow the event before it")));
            }
            if event.header.action != self.action {
                let other = event.header.action;
                return Err(EvidenceError::Binding(format!(
                    "event {seq} is of act {other}, not of act {}",
                    self.action
                )));
            }
            found.push(event);
        }
        Ok((checkpoint, found))
    }
}

impl Inclusion {
    /// Checks that `key` signed the checkpoint and that the log under it has the event.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, key: Option<&VerifierKey>) -> Result<(Checkpoint, Decoded<'_>), EvidenceError> {
        let checkpoint = signed(&self.checkpoint, key)?;
        let event = self.event.verify(&checkpoint)?;
        Ok((checkpoint, event))
    }
}

impl Consistency {
    /// Checks that `key` signed the checkpoint and that the log under it begins with the earlier state.
    ///
    /// # Errors
    /// What does not hold.
    pub fn verify(&self, key: Option<&VerifierKey>) -> Result<Checkpoint, EvidenceError> {
        let checkpoint = signed(&self.checkpoint, key)?;
        let (old, size) = (self.size, checkpoint.size);
        if old > size {
            return Err(EvidenceError::Truncated(format!(
                "the checkpoint is over {size} events, and the earlier state had {old}"
            )));
        }
        let other = |_| {
            EvidenceError::Forked(format!(
                "the log of {size} events does not begin with the {old} of the earlier state"
            ))
        };
        verify_consistency(old, self.root, size, checkpoint.root, &self.proof).map_err(other)?;
        Ok(checkpoint)
    }
}

impl Sealed {
    /// The event, if the log under `checkpoint`, whose signature was checked, has it.
    fn verify(&self, checkpoint: &Checkpoint) -> Result<Decoded<'_>, EvidenceError> {
        let (seq, size) = (self.seq, checkpoint.size);
        if seq >= size {
            return Err(EvidenceError::Truncated(format!("the checkpoint is over {size} events, without event {seq}")));
        }
        // What it says of its own number is told first: it names what was mixed up.
        let event = decode(&self.event);
        if let Ok(event) = &event
            && event.seq != seq
        {
            return Err(EvidenceError::Gap(format!("event {} stands at the place of event {seq}", event.seq)));
        }
        let hash = Hash::leaf(&self.event);
        let other = || EvidenceError::Forked(format!("event {seq} is not the one of the signed log of {size} events"));
        verify_inclusion(hash, seq, size, checkpoint.root, &self.proof).map_err(|_| other())?;
        let event = event.map_err(|e| EvidenceError::Binding(format!("event {seq} cannot be read: {e}")))?;
        if seq == 0 && event.prev != Hash::ZERO {
            return Err(EvidenceError::Gap("event 0 follows another one".to_owned()));
        }
        Ok(event)
    }

    fn read(wire: WireEvent) -> Result<Sealed, NotEvidence> {
        let event = read_bytes(&wire.event)?;
        if event.len() > super::MAX_EVENT {
            return refuse(format!("event {} is longer than an event can be", wire.seq));
        }
        Ok(Sealed { seq: wire.seq, event, proof: read_proof(wire.proof)? })
    }

    fn written(&self) -> WireEvent {
        let proof = self.proof.iter().map(|hash| hash.to_base64()).collect();
        WireEvent { seq: self.seq, event: STANDARD.encode(&self.event), proof }
    }
}

impl SaltedBody {
    fn read(wire: WireBody) -> Result<SaltedBody, NotEvidence> {
        let salt = read_bytes(&wire.salt)?.try_into().or_else(|_| refuse("a salt has 16 bytes".to_owned()))?;
        Ok(SaltedBody { salt, body: read_bytes(&wire.body)? })
    }
}

/// The checkpoint of `note` if `key` signed it. Without a key nobody is trusted.
fn signed(note: &str, key: Option<&VerifierKey>) -> Result<Checkpoint, EvidenceError> {
    let untrusted = |why: String| Err(EvidenceError::KeyUntrusted(why));
    let Some(key) = key else {
        return untrusted("nothing says whose log it has to be".to_owned());
    };
    let checkpoint = match Checkpoint::open(note, std::slice::from_ref(key)) {
        Ok(checkpoint) => checkpoint,
        Err(e) => return untrusted(format!("the checkpoint is not to be trusted: {e}")),
    };
    if checkpoint.origin != key.name {
        return untrusted(format!("it is of the log {}, not of {}", checkpoint.origin, key.name));
    }
    Ok(checkpoint)
}

/// A file as it is written. Every member is one of these, and no other is read: what nobody checks says nothing.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    evidence: String,
    version: u64,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    action: Option<u64>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    record: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    rows: Option<Vec<String>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    events: Option<Vec<WireEvent>>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    body: Option<WireBody>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    old: Option<WireTree>,
    #[serde(default, deserialize_with = "present", skip_serializing_if = "Option::is_none")]
    proof: Option<Vec<String>>,
    checkpoint: String,
}

/// A member that is there has a value: `null` is none.
fn present<'de, D: Deserializer<'de>, T: Deserialize<'de>>(member: D) -> Result<Option<T>, D::Error> {
    T::deserialize(member).map(Some)
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireEvent {
    seq: u64,
    event: String,
    proof: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireBody {
    salt: String,
    body: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WireTree {
    size: u64,
    root: String,
}

fn refuse<T>(why: String) -> Result<T, NotEvidence> {
    Err(NotEvidence(why))
}

fn read_bytes(text: &str) -> Result<Vec<u8>, NotEvidence> {
    STANDARD.decode(text).or_else(|_| refuse("a member is not base64".to_owned()))
}

fn read_hash(text: &str) -> Result<Hash, NotEvidence> {
    Hash::from_base64(text).map_or_else(|| refuse("a member is not a hash in base64".to_owned()), Ok)
}

fn read_proof(texts: Vec<String>) -> Result<Vec<Hash>, NotEvidence> {
    if texts.len() > MAX_PROOF {
        return refuse("a proof is longer than any".to_owned());
    }
    texts.iter().map(|text| read_hash(text)).collect()
}
