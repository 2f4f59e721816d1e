//! Receipts: all that the log says of one act, with the proof, made from a stored log and checked without one.

use super::event::{Commitment, Content, Decided, Explanation, explain, kind};
use super::index::{Found, NotFound, events_of, is_part};
use super::rows::{TABLE_BODY, numbered};
use crate::chain::{
    self, Checkpoint, CheckpointError, Consistency, EvidenceError, Hash, MAX_EVENTS, ProofError, Receipt, SaltedBody,
    Sealed, TileId, VerifierKey, consistency, decode_verified, entries, event_key, event_seq, inclusion, root_at,
    tile_key, verify_inclusion,
};
use crate::governance::{Decision, Facts};
use crate::id::ActionId;
use crate::platform::{Storage, StorageError};
use crate::time::WallTime;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Why no evidence could be made. Nothing was changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The rows could not be read.
    #[error("the log could not be read: {0}")]
    Storage(#[from] StorageError),
    /// There is no such event, or no such state of the log.
    #[error("{0}")]
    NotFound(String),
    /// The body was asked for and is not kept.
    #[error("the body of act {action} {why}")]
    NoBody {
        /// The act.
        action: ActionId,
        /// Why it is not there.
        why: &'static str,
    },
    /// The tiles of the log do not make the proof, so the log is damaged.
    #[error("no proof can be made: {0}")]
    Proof(#[from] ProofError),
    /// An event is not the one that belongs there, so the log was changed.
    #[error("no proof can be made: event {0} was changed or is missing; `weft chain verify` says more")]
    Changed(u64),
    /// What was said to be its checkpoint is none.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
}

/// The receipt of `action`, under the signed checkpoint `note` of it; with the body of
/// the act where `with_body` says so.
///
/// However long the log is, no more is read than is told where the act is told of (`index.rs`): O(log n) to find it, and at most
/// some 4,096 events. Acts of a log from before that was written are looked for in all of it. What is read is held against
/// the checkpoint, so that nothing is in a receipt, or is not, because an event was changed.
///
/// # Errors
/// That there is no such act, what is not kept, and what cannot be read.
pub async fn receipt<S: Storage>(
    storage: &S,
    action: ActionId,
    note: &str,
    with_body: bool,
) -> Result<Receipt, ReceiptError> {
    let checkpoint = Checkpoint::open_unverified(note)?;
    let size = checkpoint.size;
    let Found { events: mut found, read } = events_of(storage, action, size).await.map_err(|e| match e {
        NotFound::Storage(e) => ReceiptError::Storage(e),
        NotFound::Changed(seq) => ReceiptError::Changed(seq),
    })?;
    // A kernel that runs has verified the end of its log alone: what is left out of a receipt must not be so because it was
    // changed before that. Each event that was read leads to the next.
    if let Some((seq, leaf)) = read {
        included(storage, seq, leaf, &checkpoint).await?;
    }
    if found.is_empty() {
        return Err(ReceiptError::NotFound(format!("the log of {size} events tells of no act {action}")));
    }
    found.truncate(MAX_EVENTS);
    let mut events = Vec::new();
    for (seq, event) in found {
        let proof = included(storage, seq, Hash::leaf(&event), &checkpoint).await?;
        events.push(Sealed { seq, event, proof });
    }
    let body = if with_body { Some(kept_body(storage, action, &events).await?) } else { None };
    Ok(Receipt { action, events, checkpoint: note.to_owned(), body })
}

/// The proof that event `seq`, of this hash, is what a log has there; it was checked.
async fn included<S: Storage>(
    storage: &S,
    seq: u64,
    leaf: Hash,
    checkpoint: &Checkpoint,
) -> Result<Vec<Hash>, ReceiptError> {
    let size = checkpoint.size;
    let proof = with_tiles(storage, |tiles| inclusion(seq, size, &mut |id| tiles.get(&id).cloned())).await?;
    verify_inclusion(leaf, seq, size, checkpoint.root, &proof).map_err(|_| ReceiptError::Changed(seq))?;
    Ok(proof)
}

/// The proof that a log has event `seq`, under the signed checkpoint `note` of it.
///
/// # Errors
/// That there is no such event, and what cannot be read.
pub async fn prove<S: Storage>(storage: &S, seq: u64, note: &str) -> Result<chain::Inclusion, ReceiptError> {
    let checkpoint = Checkpoint::open_unverified(note)?;
    let size = checkpoint.size;
    if seq >= size {
        return Err(ReceiptError::NotFound(format!("the checkpoint is over {size} events, and has no event {seq}")));
    }
    let event = event_at(storage, seq).await?;
    let proof = included(storage, seq, Hash::leaf(&event), &checkpoint).await?;
    Ok(chain::Inclusion { event: Sealed { seq, event, proof }, checkpoint: note.to_owned() })
}

/// The proof that a log begins with its first `old` events, under the signed checkpoint `note` of it.
///
/// # Errors
/// That it never had so many, and what cannot be read.
pub async fn prove_consistency<S: Storage>(storage: &S, old: u64, note: &str) -> Result<Consistency, ReceiptError> {
    let size = Checkpoint::open_unverified(note)?.size;
    let root = root_of(storage, old, size).await?;
    let proof = with_tiles(storage, |tiles| consistency(old, size, &mut |id| tiles.get(&id).cloned())).await?;
    Ok(Consistency { size: old, root, proof, checkpoint: note.to_owned() })
}

/// The root that a log of `size` events had when it had `old` of them.
///
/// # Errors
/// That it never had so many, and what cannot be read.
pub async fn root_of<S: Storage>(storage: &S, old: u64, size: u64) -> Result<Hash, ReceiptError> {
    if old > size {
        return Err(ReceiptError::NotFound(format!(
            "the checkpoint is over {size} events, and its log never had {old}"
        )));
    }
    with_tiles(storage, |tiles| root_at(old, &mut |id| tiles.get(&id).cloned())).await
}

/// The first event of the stored row that holds event `seq`, which is there. Rows have many events each, so it is looked
/// for by halves: the row begins at `low` or behind that, and before `high`.
///
/// # Errors
/// What cannot be read.
pub async fn row_of<S: Storage>(storage: &S, seq: u64) -> Result<u64, StorageError> {
    let (mut low, mut high) = (0, seq + 1);
    if storage.get(&event_key(seq)).await?.is_some() {
        return Ok(seq);
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        let page = storage.scan(&event_key(middle), &event_key(high), 1).await?;
        match page.rows.first().and_then(|(key, _)| event_seq(key)) {
            Some(first) => low = first,
            None => high = middle,
        }
    }
    Ok(low)
}

/// Event `seq` as it is stored.
async fn event_at<S: Storage>(storage: &S, seq: u64) -> Result<Vec<u8>, ReceiptError> {
    let row = storage.get(&event_key(row_of(storage, seq).await?)).await?.unwrap_or_default();
    let mut all = entries(&row).flatten();
    let found = all.find(|bytes| decode_verified(bytes).is_ok_and(|event| event.seq == seq));
    found.map(<[u8]>::to_vec).ok_or(ReceiptError::Changed(seq))
}

/// The body of `action`, of which `events` tell.
async fn kept_body<S: Storage>(storage: &S, action: ActionId, events: &[Sealed]) -> Result<SaltedBody, ReceiptError> {
    let intent = events.iter().find_map(|sealed| {
        let event = decode_verified(&sealed.event).ok().filter(|event| event.header.kind == kind::INTENT)?;
        match Content::decode(kind::INTENT, event.content) {
            Ok(Content::Intent(decided)) => Some(decided),
            _ => None,
        }
    });
    let row = storage.get(&numbered(TABLE_BODY, action.0)).await?;
    let missing = |why| Err(ReceiptError::NoBody { action, why });
    match row.as_deref().map(<[u8]>::split_first_chunk::<16>) {
        None => missing("is not kept: it was erased, or the act is not an outward one"),
        Some(None) => missing("is damaged"),
        Some(Some((_, []))) if intent.is_some_and(|intent| intent.facts.body_len > 0) => {
            missing("is not kept: it was too long for that")
        }
        Some(Some((salt, body))) => Ok(SaltedBody { salt: *salt, body: body.to_vec() }),
    }
}

/// What `make` makes of tiles, each of which is read when it is found to be missing.
pub(super) async fn with_tiles<S: Storage, T>(
    storage: &S,
    make: impl Fn(&BTreeMap<TileId, Bytes>) -> Result<T, ProofError>,
) -> Result<T, ReceiptError> {
    let mut tiles = BTreeMap::new();
    loop {
        match make(&tiles) {
            Err(ProofError::MissingTile(id)) if !tiles.contains_key(&id) => match storage.get(&tile_key(id)).await? {
                Some(tile) => drop(tiles.insert(id, tile)),
                None => return Err(ProofError::MissingTile(id).into()),
            },
            made => return Ok(made?),
        }
    }
}

/// A receipt that holds.
#[derive(Clone, Debug)]
pub struct Proven {
    /// The act.
    pub action: ActionId,
    /// The state of the log that holds it, as its key signed it.
    pub checkpoint: Checkpoint,
    /// What the log says of it, in its order.
    pub events: Vec<Proved>,
    /// Whether the body in the receipt is the one that the log commits to; `false` where there is none in it.
    pub body: bool,
}

/// One event of it.
#[derive(Clone, Debug)]
pub struct Proved {
    /// Its place in the log.
    pub seq: u64,
    /// When it was recorded, by the kernel's clock.
    pub wall: WallTime,
    /// What it says.
    pub content: Content,
}

impl Proven {
    /// The same in sentences.
    pub fn explain(&self) -> Explanation {
        explain(self.events.iter().map(|event| &event.content))
    }
}

/// Checks a receipt: `key` signed the checkpoint, the log under it holds the events, and they tell of one act from its
/// decision to what came of it.
///
/// # Errors
/// What does not hold, or is missing.
pub fn verify_receipt(receipt: &Receipt, key: Option<&VerifierKey>) -> Result<Proven, EvidenceError> {
    let (checkpoint, decoded) = receipt.verify(key)?;
    let mut events = Vec::new();
    for event in decoded {
        let seq = event.seq;
        let unread =
            |e| EvidenceError::Binding(format!("event {seq} says something that this program cannot read: {e}"));
        let content = Content::decode(event.header.kind, event.content).map_err(unread)?;
        events.push(Proved { seq, wall: event.header.wall, content });
    }
    let intent = Course::of(&events, receipt.action)?;
    if let Some(body) = &receipt.body {
        is_committed(body, intent)?;
    }
    Ok(Proven { action: receipt.action, checkpoint, events, body: receipt.body.is_some() })
}

/// Whether the intent of an act commits to `body`.
fn is_committed(body: &SaltedBody, intent: Option<&Decided>) -> Result<(), EvidenceError> {
    let binding = |what: &str| Err(EvidenceError::Binding(what.to_owned()));
    let Some(Decided { facts, body: Some(commitment), .. }) = intent else {
        return binding("there is a body, and no intent that commits to one");
    };
    let opened = Commitment::Open { salt: body.salt, body: Bytes::copy_from_slice(&body.body) };
    if body.body.len() as u64 != facts.body_len || opened.hash() != commitment.hash() {
        return binding("the body is not the one that the intent commits to");
    }
    Ok(())
}

/// How far an act has come, event by event.
#[derive(Default)]
struct Course<'e> {
    /// Who wanted what.
    facts: Option<&'e Facts>,
    /// Whether somebody was asked and has not answered.
    asked: bool,
    /// The last answer.
    answer: Option<bool>,
    /// What let it pass, and whether that wants an outcome.
    admitted: Option<(u64, bool)>,
    intent: Option<&'e Decided>,
    refused: bool,
    outcome: bool,
}

impl<'e> Course<'e> {
    /// Goes through the events of `action`; its intent, where it has one.
    fn of(events: &'e [Proved], action: ActionId) -> Result<Option<&'e Decided>, EvidenceError> {
        let mut course = Course::default();
        for event in events {
            course.step(event)?;
        }
        let missing = |what: &str| Err(EvidenceError::AdmissionMissing(format!("act {action}: {what}")));
        match course.admitted {
            _ if course.asked => missing("somebody was asked, and the answer is not there"),
            None if !course.refused => missing("no event says that it was let pass or refused"),
            Some((seq, true)) if !course.outcome => Err(EvidenceError::OutcomeMissing(format!(
                "act {action} was let pass by event {seq}, and no event says what came of it"
            ))),
            _ => Ok(course.intent),
        }
    }

    fn step(&mut self, event: &'e Proved) -> Result<(), EvidenceError> {
        let seq = event.seq;
        let binding = |what: &str| Err(EvidenceError::Binding(format!("event {seq} {what}")));
        let missing = |what: &str| Err(EvidenceError::AdmissionMissing(format!("before event {seq} {what}")));
        if self.outcome || self.refused {
            return binding("follows the end of the act");
        }
        match &event.content {
            Content::Escalated(_) if self.asked || self.admitted.is_some() => {
                return binding("asks again for what is under way");
            }
            Content::Escalated(decided) => {
                self.is_of(seq, &decided.facts)?;
                self.asked = true;
            }
            Content::Answered(_) if !self.asked => return missing("the question is not there"),
            Content::Answered(answered) => {
                self.asked = false;
                self.answer = Some(answered.allow);
            }
            Content::Intent(decided) | Content::Observed(decided) | Content::RouteOpened(decided) => {
                if self.admitted.is_some() {
                    return binding("lets pass what was let pass before");
                }
                self.is_of(seq, &decided.facts)?;
                let wants_answer = decided.verdict.decision == Decision::Escalate;
                if self.asked || (wants_answer && self.answer.is_none()) {
                    return missing("the answer that it needed is not there");
                }
                if self.answer == Some(false) || decided.verdict.decision == Decision::Deny {
                    return binding("lets pass what was denied");
                }
                let intent = matches!(event.content, Content::Intent(_));
                self.intent = intent.then_some(decided);
                self.admitted = Some((seq, intent));
            }
            Content::Refused(refused) => {
                if let Some(facts) = &refused.facts {
                    self.is_of(seq, facts)?;
                }
                if self.asked {
                    return missing("the answer is not there");
                }
                if self.intent.is_some() {
                    return binding("refuses what was begun");
                }
                self.refused = true;
            }
            Content::Outcome(_) if self.admitted.is_none() => {
                return missing("there is nothing that let the act pass");
            }
            Content::Outcome(_) => self.outcome = true,
            Content::Unfit(unfit) if is_part(unfit.kind) => return missing("there is one that the log could not hold"),
            Content::Unfit(_) => {}
            _ => return binding("is no part of an act"),
        }
        Ok(())
    }

    /// Whether it is the same process that wants the same.
    fn is_of(&mut self, seq: u64, facts: &'e Facts) -> Result<(), EvidenceError> {
        let same =
            |before: &Facts| (before.pid, before.verb, &before.resource) == (facts.pid, facts.verb, &facts.resource);
        if self.facts.is_some_and(|before| !same(before)) {
            return Err(EvidenceError::Binding(format!("event {seq} is about something else than the one before it")));
        }
        self.facts = Some(facts);
        Ok(())
    }
}
