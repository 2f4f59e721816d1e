//! Dead letters: messages that could not be delivered, kept until somebody sends them again or removes them.
//!
//! A letter is two rows, what is known of it and its payload, so that a list need not read payloads. At hand is only
//! which letters there are (`letters/kept.rs`).

mod kept;

pub(crate) use kept::Letters;
pub use kept::{KeptLetter, LETTERS, LETTERS_BYTES, LETTERS_OF_ONE, LETTERS_OF_ONE_BYTES};

use super::delivery::clip;
use super::effects::Effects;
use super::event::{Content, DeadLetter};
use super::rows;
use super::state::State;
use crate::id::{ActionId, LetterId, MessageId, Pid};
use crate::ipc::body::MAX_PAYLOAD;
use crate::ipc::{Envelope, EnvelopeKind};
use crate::label::Labels;
use crate::path::Resource;
use crate::platform::Key;
use crate::refusal::{Code, REASON_BYTES, Refusal, cut};
use crate::time::{Now, WallTime};
use bytes::Bytes;
use kept::LETTER_BYTES;
use minicbor::{Decode, Encode};

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
    /// A message that could not be delivered: kept, unless it came by a subscription and was not accepted before, counted,
    /// and recorded once for each sender and reason until the receiver ends; the rest is folded into counts, so that a flood
    /// does not flood the log.
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
        // What a subscriber misses must not drive out what its publisher sent to others. What its durable inbox has
        // accepted was acknowledged, and is not missed.
        let kept = match envelope.kind {
            EnvelopeKind::Topic | EnvelopeKind::Watch | EnvelopeKind::Lagged
                if !self.has_accepted(receiver, envelope.id) =>
            {
                LetterId(0)
            }
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
        let sender = counts_for(&letter);
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
        for (letter, left) in self.letters.end(id, labels) {
            match left {
                Some(labels) => self.write_gone(letter, labels, now, fx),
                None => self.keep(letter_key(letter), None, fx),
            }
        }
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
            labels,
            content_type: String::new(),
            correlation: None,
            message: MessageId(0),
            bytes: 0,
            gone: true,
        };
        self.write_letter(id, &letter, fx);
    }
}

/// A letter as a boot finds its row, whose key ends in `number`. Of one that cannot be read the row is what is known.
pub(super) fn found(number: [u8; 8], row: &[u8]) -> KeptLetter {
    let letter = LetterId(u64::from_be_bytes(number));
    let known = minicbor::decode::<Letter>(row).ok();
    let bytes = known.as_ref().map_or(0, |letter| letter.bytes.min(LETTERS_BYTES));
    KeptLetter {
        letter,
        sender: known.as_ref().map_or(Pid::KERNEL, counts_for),
        bytes: LETTER_BYTES + bytes,
        gone: known.filter(|letter| letter.gone).map(|letter| letter.labels),
    }
}

/// Whose letter it is, where those of one are bounded: of who sent it. A reply that came too late is of who had asked for it:
/// there are as many as it calls and gives up, while whoever answers cannot help being asked.
fn counts_for(letter: &Letter) -> Pid {
    match letter.kind == LATE {
        true => letter.receiver,
        false => process(&letter.sender),
    }
}

/// The process that `sender` is; the kernel where it is none.
fn process(sender: &Resource) -> Pid {
    match sender {
        Resource::Proc(pid) => *pid,
        _ => Pid::KERNEL,
    }
}
