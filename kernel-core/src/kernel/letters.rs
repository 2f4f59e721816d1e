//! Dead letters: messages that could not be delivered, kept until somebody sends them again or removes them.
//!
//! A letter is two rows, what is known of it and its payload, so that a list need not read payloads. At hand is only
//! which letters there are. Their number and their bytes are bounded, of one sender and of all; the oldest go first.

use super::delivery::clip;
use super::effects::Effects;
use super::event::{Content, DeadLetter};
use super::rows;
use super::state::State;
use crate::id::{ActionId, LetterId, MessageId, Pid};
use crate::ipc::body::MAX_PAYLOAD;
use crate::ipc::{Envelope, EnvelopeKind};
use crate::label::{Labels, TooManyLabels};
use crate::path::Resource;
use crate::platform::Key;
use crate::refusal::{Code, REASON_BYTES, Refusal, cut};
use crate::time::{Now, WallTime};
use bytes::Bytes;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

/// The most letters that are kept ...
pub const LETTERS: usize = 1_024;
/// ... and the most bytes of them, each with what it takes besides its payload.
pub const LETTERS_BYTES: u64 = 16 << 20;
/// The most letters of one sender, so that none drives out those of all others ...
pub const LETTERS_OF_ONE: usize = 128;
/// ... and the most bytes of them.
pub const LETTERS_OF_ONE_BYTES: u64 = 4 << 20;
/// Of so many letters that are gone it is known of each what whoever took it away carried.
const LETTERS_GONE: usize = 1_024;
/// Where that is kept of all others together: it is no letter's number.
const OTHERS: LetterId = LetterId(0);
/// What a letter takes besides its payload, bytes, rounded up.
const LETTER_BYTES: u64 = 1_024;

/// What a reply is called that came when nobody waited for it any more.
const LATE: &str = "reply";

/// What is known of a letter: the row of table `49`.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub(crate) struct Letter {
    /// When it came to be one.
    #[n(0)]
    pub(crate) wall: WallTime,
    /// The act that it comes from; 0 for none.
    #[n(1)]
    pub(crate) action: ActionId,
    /// Why it was not delivered, in a word ...
    #[n(2)]
    pub(crate) code: Code,
    /// ... and in a sentence.
    #[n(3)]
    pub(crate) reason: String,
    /// Who sent it.
    #[n(4)]
    pub(crate) sender: Resource,
    /// What it was sent to.
    #[n(5)]
    pub(crate) target: Resource,
    /// The process that should have received it.
    #[n(6)]
    pub(crate) receiver: Pid,
    /// The kind of its envelope, or [`LATE`].
    #[n(7)]
    pub(crate) kind: String,
    /// What it is marked with.
    #[n(8)]
    pub(crate) labels: Labels,
    /// Its media type.
    #[n(9)]
    pub(crate) content_type: String,
    /// The number that its sender chose.
    #[n(10)]
    pub(crate) correlation: Option<u64>,
    /// The number of the message.
    #[n(11)]
    pub(crate) message: MessageId,
    /// The length of its payload.
    #[n(12)]
    pub(crate) bytes: u64,
    /// Whether it was sent again or removed by whoever carried `labels`, which come to whoever finds that out.
    #[n(13)]
    #[cbor(default)]
    pub(crate) gone: bool,
}

/// Which letter there is, as far as that is at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLetter {
    /// Its number.
    pub letter: LetterId,
    /// Who sent it; the kernel where that is no process.
    pub sender: Pid,
    /// What it takes.
    pub bytes: u64,
    /// If it is gone, the labels that are left of it.
    pub gone: Option<Labels>,
}

/// All letters that there are.
#[derive(Debug, Default)]
pub(crate) struct Letters {
    kept: BTreeMap<LetterId, KeptLetter>,
    of: BTreeMap<Pid, BTreeSet<LetterId>>,
    bytes: u64,
    /// Those that are gone, with what comes to whoever finds that out.
    gone: BTreeMap<LetterId, Labels>,
}

impl Letters {
    /// Those that a boot has found.
    pub(crate) fn found(all: &[KeptLetter]) -> Letters {
        let mut letters = Letters::default();
        for letter in all {
            match &letter.gone {
                None => letters.add(letter.clone()),
                Some(labels) => {
                    letters.gone.insert(letter.letter, labels.clone());
                }
            }
        }
        letters
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// Whether there is one of that number.
    pub(crate) fn has(&self, letter: LetterId) -> bool {
        self.kept.contains_key(&letter)
    }

    /// What comes to whoever finds out that there is no such letter.
    pub(crate) fn gone(&self, letter: LetterId) -> Option<&Labels> {
        match self.has(letter) {
            true => None,
            false => self.gone.get(&letter).or_else(|| self.gone.get(&OTHERS)),
        }
    }

    /// The same for whoever finds out that there are no others than those of a list.
    pub(crate) fn others_gone(&self) -> Option<&Labels> {
        self.gone.get(&OTHERS)
    }

    /// At most `most` of those behind `after`, with those that are gone, and whether there are more.
    pub(crate) fn page(&self, after: u64, most: usize) -> (Vec<LetterId>, bool) {
        let behind = (Bound::Excluded(LetterId(after)), Bound::Unbounded);
        let kept = self.kept.range(behind).map(|(letter, _)| *letter).take(most + 1);
        let mut page: Vec<LetterId> = kept.collect();
        page.extend(self.gone.range(behind).map(|(letter, _)| *letter).take(most + 1));
        page.sort_unstable();
        let more = page.len() > most;
        page.truncate(most);
        (page, more)
    }

    /// What is kept of all others together when one more is gone, and which is one of them then; `None` where there is
    /// room for it.
    fn outgrown(&self) -> Result<Option<(LetterId, Labels)>, TooManyLabels> {
        let each = self.gone.range((Bound::Excluded(OTHERS), Bound::Unbounded));
        let Some((oldest, labels)) = each.clone().next().filter(|_| each.count() >= LETTERS_GONE) else {
            return Ok(None);
        };
        let all = self.others_gone().map_or_else(|| Ok(labels.clone()), |others| others.join(labels))?;
        Ok(Some((*oldest, all)))
    }

    fn add(&mut self, letter: KeptLetter) {
        self.bytes += letter.bytes;
        self.of.entry(letter.sender).or_default().insert(letter.letter);
        self.kept.insert(letter.letter, letter);
    }

    fn remove(&mut self, letter: LetterId) {
        let Some(kept) = self.kept.remove(&letter) else { return };
        self.bytes -= kept.bytes;
        if let Some(of) = self.of.get_mut(&kept.sender) {
            of.remove(&letter);
            if of.is_empty() {
                self.of.remove(&kept.sender);
            }
        }
    }

    /// The letter that has to go so that the others, `newest` among them, are within the bounds.
    fn too_many(&self, newest: &KeptLetter) -> Option<LetterId> {
        let of = self.of.get(&newest.sender)?;
        let bytes: u64 = of.iter().filter_map(|letter| self.kept.get(letter)).map(|kept| kept.bytes).sum();
        let other = |letter: &LetterId| *letter != newest.letter;
        let own = if of.len() > LETTERS_OF_ONE || bytes > LETTERS_OF_ONE_BYTES { of.first() } else { None };
        let oldest =
            if self.kept.len() > LETTERS || self.bytes > LETTERS_BYTES { self.kept.keys().next() } else { None };
        own.copied().filter(other).or(oldest.copied().filter(other))
    }
}

/// The row of what is known of a letter.
pub(crate) fn letter_key(letter: LetterId) -> Key {
    rows::numbered(rows::TABLE_LETTER, letter.0)
}

/// The row of its payload; there is none where that is empty.
pub(crate) fn payload_key(letter: LetterId) -> Key {
    rows::numbered(rows::TABLE_LETTER_PAYLOAD, letter.0)
}

/// A message that is not delivered.
struct Undelivered<'a> {
    action: ActionId,
    /// The process whose log tells of it.
    at: Pid,
    receiver: Pid,
    envelope: &'a Envelope,
    kind: &'static str,
    code: Code,
    reason: String,
}

impl State {
    /// A message that could not be delivered: kept, unless it came by a subscription, counted, and recorded once for each
    /// sender and reason until the receiver ends; the rest is folded into counts, so that a flood does not flood the log.
    /// `action` is the act that it comes from, 0 where that is not known any more, or was none.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn dead_letter(
        &mut self,
        action: ActionId,
        receiver: Pid,
        envelope: &Envelope,
        code: Code,
        reason: String,
        now: Now,
        fx: &mut Effects,
    ) -> Refusal {
        let kind = envelope.kind.as_str();
        let letter = Undelivered { action, at: receiver, receiver, envelope, kind, code, reason };
        // A subscriber is told what it missed, and what it misses must not drive out what its publisher sent to others.
        let kept = match envelope.kind {
            EnvelopeKind::Topic | EnvelopeKind::Lagged => LetterId(0),
            _ => self.keep_letter(&letter, now, fx),
        };
        self.note_letter(letter, kept, now, fx)
    }

    /// The same for one that no set of labels can mark: only the log is told of it.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn unsayable_letter(
        &mut self,
        action: ActionId,
        receiver: Pid,
        envelope: &Envelope,
        reason: String,
        now: Now,
        fx: &mut Effects,
    ) -> Refusal {
        let (kind, code) = (envelope.kind.as_str(), Code::TooLarge);
        let letter = Undelivered { action, at: receiver, receiver, envelope, kind, code, reason };
        self.note_letter(letter, LetterId(0), now, fx)
    }

    /// `callee` has answered a call for which `caller` does not wait any more.
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn late_reply(
        &mut self,
        action: ActionId,
        callee: Pid,
        caller: Pid,
        labels: &Labels,
        result: &Result<Bytes, String>,
        now: Now,
        fx: &mut Effects,
    ) {
        self.counters.message += 1;
        // No more than the caller would have been told.
        let (body, content_type, code, how) = match result {
            Ok(body) if body.len() > MAX_PAYLOAD => (Bytes::new(), "", Code::TooLarge, "answered more than one may"),
            Ok(body) => (body.clone(), "", Code::TimedOut, "answered"),
            Err(text) => (clip(text).into(), "text/plain", Code::TimedOut, "answered with an error"),
        };
        let labelled = self.labelled_by_tools(callee, labels);
        let envelope = Envelope {
            id: MessageId(self.counters.message),
            sender: Resource::Proc(callee),
            target: Resource::Proc(caller),
            kind: EnvelopeKind::Message,
            correlation: None,
            deadline: None,
            labels: labelled.clone().unwrap_or_default(),
            content_type: content_type.into(),
            body,
        };
        let reason = format!("/proc/{callee} {how} when /proc/{caller} did not wait any more");
        let letter =
            Undelivered { action, at: callee, receiver: caller, envelope: &envelope, kind: LATE, code, reason };
        let kept = match labelled {
            Ok(_) if code != Code::TooLarge => self.keep_letter(&letter, now, fx),
            _ => LetterId(0),
        };
        self.note_letter(letter, kept, now, fx);
    }

    fn note_letter(&mut self, letter: Undelivered<'_>, kept: LetterId, now: Now, fx: &mut Effects) -> Refusal {
        let Undelivered { action, at, envelope, code, reason, .. } = letter;
        self.tally.dead_letters += 1;
        let mut fold = format!("dead letter from {}: {code}", envelope.sender);
        if !self.has_room_to_fold(at, &fold) {
            fold = format!("dead letter: {code}");
        }
        if !self.folds(at, &fold, action) {
            let letter = DeadLetter {
                sender: envelope.sender.to_string(),
                target: envelope.target.to_string(),
                reason: reason.clone(),
                bytes: envelope.body.len() as u64,
                letter: kept.0,
            };
            self.record(action, Content::DeadLetter(letter), now, fx);
        }
        Refusal::new(code, reason)
    }

    /// Stores a letter and lets go of the oldest over the bounds. One that is sent again is there already: 0.
    fn keep_letter(&mut self, of: &Undelivered<'_>, now: Now, fx: &mut Effects) -> LetterId {
        let envelope = of.envelope;
        if self.sends_again == Some(envelope.id) {
            return LetterId(0);
        }
        self.counters.message += 1;
        let id = LetterId(self.counters.message);
        let letter = Letter {
            wall: now.wall,
            action: of.action,
            code: of.code,
            reason: cut(of.reason.clone(), REASON_BYTES),
            sender: envelope.sender.clone(),
            target: envelope.target.clone(),
            receiver: of.receiver,
            kind: of.kind.to_owned(),
            labels: envelope.labels.clone(),
            content_type: envelope.content_type.to_string(),
            correlation: envelope.correlation,
            message: envelope.id,
            bytes: envelope.body.len() as u64,
            gone: false,
        };
        let sender = process(&letter.sender);
        self.write_letter(id, &letter, fx);
        if !envelope.body.is_empty() {
            self.keep(payload_key(id), Some(envelope.body.clone()), fx);
        }
        let newest = KeptLetter { letter: id, sender, bytes: LETTER_BYTES + letter.bytes, gone: None };
        self.letters.add(newest.clone());
        while let Some(oldest) = self.letters.too_many(&newest) {
            self.drop_letter(oldest, fx);
        }
        id
    }

    fn write_letter(&mut self, id: LetterId, letter: &Letter, fx: &mut Effects) {
        // Writing into memory cannot fail.
        let row = minicbor::to_vec(letter).unwrap_or_default();
        self.keep(letter_key(id), Some(row.into()), fx);
    }

    /// Lets go of a letter and all that is known of it.
    fn drop_letter(&mut self, id: LetterId, fx: &mut Effects) {
        self.letters.remove(id);
        self.keep(letter_key(id), None, fx);
        self.keep(payload_key(id), None, fx);
    }

    /// Whether a letter may be sent again or removed by what carries `labels`.
    ///
    /// # Errors
    /// `too_large` where no set could hold what would have to be known then of all that are gone.
    pub(crate) fn may_end_letter(&self, labels: &Labels) -> Result<(), Refusal> {
        match self.letters.outgrown() {
            Err(e) if !labels.is_empty() => {
                let reason = format!("so many letters are gone that it cannot be kept by whose doing: {e}");
                Err(Refusal::new(Code::TooLarge, reason).by_other())
            }
            _ => Ok(()),
        }
    }

    /// A letter was sent again or removed, by the doing of what carries `labels`: whoever finds that out carries
    /// them, too.
    pub(crate) fn end_letter(&mut self, id: LetterId, labels: Labels, now: Now, fx: &mut Effects) {
        self.drop_letter(id, fx);
        if labels.is_empty() {
            return;
        }
        if let Ok(Some((oldest, all))) = self.letters.outgrown() {
            self.write_gone(OTHERS, all, now, fx);
            self.letters.gone.remove(&oldest);
            self.keep(letter_key(oldest), None, fx);
        }
        self.write_gone(id, labels, now, fx);
    }

    /// Stores what is left of a letter that is gone.
    fn write_gone(&mut self, id: LetterId, labels: Labels, now: Now, fx: &mut Effects) {
        let nobody = Resource::Proc(Pid::KERNEL);
        let letter = Letter {
            wall: now.wall,
            action: ActionId(0),
            code: Code::NotFound,
            reason: String::new(),
            sender: nobody.clone(),
            target: nobody,
            receiver: Pid::KERNEL,
            kind: String::new(),
            labels: labels.clone(),
            content_type: String::new(),
            correlation: None,
            message: MessageId(0),
            bytes: 0,
            gone: true,
        };
        self.write_letter(id, &letter, fx);
        self.letters.gone.insert(id, labels);
    }
}

/// A letter as a boot finds its row, whose key ends in `number`. Of one that cannot be read the row is what is known.
pub(super) fn found(number: [u8; 8], row: &[u8]) -> KeptLetter {
    let letter = LetterId(u64::from_be_bytes(number));
    let known = minicbor::decode::<Letter>(row).ok();
    let bytes = known.as_ref().map_or(0, |letter| letter.bytes.min(LETTERS_BYTES));
    KeptLetter {
        letter,
        sender: known.as_ref().map_or(Pid::KERNEL, |letter| process(&letter.sender)),
        bytes: LETTER_BYTES + bytes,
        gone: known.filter(|letter| letter.gone).map(|letter| letter.labels),
    }
}

/// The process that `sender` is; the kernel where it is none.
fn process(sender: &Resource) -> Pid {
    match sender {
        Resource::Proc(pid) => *pid,
        _ => Pid::KERNEL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter(letter: u64, sender: u64, bytes: u64) -> KeptLetter {
        KeptLetter { letter: LetterId(letter), sender: Pid(sender), bytes, gone: None }
    }

    /// Keeps a letter; which others go.
    fn keep(letters: &mut Letters, new: KeptLetter) -> Vec<u64> {
        letters.add(new.clone());
        let mut gone = Vec::new();
        while let Some(oldest) = letters.too_many(&new) {
            letters.remove(oldest);
            gone.push(oldest.0);
        }
        gone
    }

    #[test]
    fn the_oldest_go_first_and_nobody_drives_out_all_others() {
        let mut letters = Letters::default();
        let mut keep = |new: KeptLetter| keep(&mut letters, new);
        const NONE: [u64; 0] = [];
        assert_eq!(keep(letter(1, 7, 1_024)), NONE);
        for n in 0..LETTERS_OF_ONE as u64 {
            assert_eq!(keep(letter(2 + n, 8, 1_024)), NONE);
        }
        // One more of the same sender drives out its own.
        assert_eq!(keep(letter(500, 8, 1_024)), [2]);
        assert_eq!(keep(letter(501, 8, LETTERS_OF_ONE_BYTES)).len(), LETTERS_OF_ONE);
        // The newest stays, whatever it takes.
        assert_eq!(keep(letter(502, 8, LETTERS_OF_ONE_BYTES + 1)), [501]);
        for n in 0..LETTERS as u64 - 2 {
            assert_eq!(keep(letter(600 + n, 1_000 + n, 1_024)), NONE);
        }
        assert_eq!(keep(letter(9_000, 9, 1_024)), [1]);
        assert_eq!((letters.len(), letters.page(0, 1)), (LETTERS, (vec![LetterId(502)], true)));
        assert_eq!(letters.page(8_999, 10), (vec![LetterId(9_000)], false));
    }

    #[test]
    fn all_letters_together_are_bounded_in_bytes_too() {
        let mut letters = Letters::default();
        for n in 1..=32 {
            keep(&mut letters, letter(n, n, LETTERS_OF_ONE_BYTES + 1));
            assert!(letters.bytes <= LETTERS_BYTES, "{n}: {} bytes", letters.bytes);
        }
        assert_eq!(letters.len(), 3);
    }

    #[test]
    fn that_a_letter_is_gone_stays_labelled() {
        let labels = |text: &str| Labels::parse([text]).expect("labels");
        let one = |n: u64| KeptLetter { gone: Some(labels(&format!("l{n}"))), ..letter(n, 0, 0) };
        let all: Vec<KeptLetter> = (1..=LETTERS_GONE as u64).map(one).collect();
        assert_eq!(Letters::found(&all[1..]).outgrown(), Ok(None));
        let mut letters = Letters::found(&all);
        assert_eq!(
            (letters.len(), letters.gone(LetterId(3)), letters.gone(LetterId(9_999))),
            (0, Some(&labels("l3")), None)
        );
        let (oldest, others) = letters.outgrown().expect("few labels").expect("there are many");
        assert_eq!((oldest, &others), (LetterId(1), &labels("l1")));
        letters.gone.remove(&oldest);
        letters.gone.insert(OTHERS, others.clone());
        assert_eq!(letters.outgrown(), Ok(None));
        // Nobody knows any more which it was.
        assert_eq!([1, 9_999].map(|n| letters.gone(LetterId(n))), [Some(&others); 2]);
        assert_eq!((letters.gone(LetterId(3)), letters.page(0, 1)), (Some(&labels("l3")), (vec![LetterId(2)], true)));
        letters.add(letter(9_999, 7, 0));
        assert_eq!(letters.gone(LetterId(9_999)), None);
        letters.gone.insert(LetterId(1), labels("l1"));
        letters.gone.insert(OTHERS, Labels::parse((0..64).map(|n| format!("x{n}"))).expect("labels"));
        assert!(letters.outgrown().is_err(), "no set holds it");
    }
}
