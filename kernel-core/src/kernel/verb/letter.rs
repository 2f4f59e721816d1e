//! `list`, `read`, `send` and `remove` on `/letter`: what could not be delivered, and what becomes of it.
//!
//! What a letter is labelled comes to whoever learns of it, also that it is gone. To send one again is an act of
//! whoever does it: the message that goes out is another act, which takes the road for itself.

use super::files::List;
use super::invalid;
use crate::id::{LetterId, MessageId, Pid};
use crate::ipc::{EnvelopeKind, body};
use crate::kernel::effects::Effects;
use crate::kernel::letters::{Letter, letter_key, payload_key};
use crate::kernel::request::{Parsed, Request};
use crate::kernel::road::{Act, Answer};
use crate::kernel::rows;
use crate::kernel::state::{Need, State};
use crate::label::Labels;
use crate::path::{Resource, Verb};
use crate::refusal::{Code, Refusal};
use crate::time::Now;
use bytes::Bytes;
use serde::Serialize;

/// Letters of one page.
const PAGE: u32 = 100;

/// A letter as it is told.
#[derive(Serialize)]
struct Told<'a> {
    letter: u64,
    /// Nanoseconds since 1970.
    at: u64,
    code: Code,
    reason: &'a str,
    sender: String,
    target: String,
    receiver: u64,
    kind: &'a str,
    labels: &'a Labels,
    content_type: &'a str,
    correlation: Option<u64>,
    message: u64,
    bytes: u64,
}

fn told(id: LetterId, letter: &Letter) -> Told<'_> {
    Told {
        letter: id.0,
        at: letter.wall.0,
        code: letter.code,
        reason: &letter.reason,
        sender: letter.sender.to_string(),
        target: letter.target.to_string(),
        receiver: letter.receiver.0,
        kind: &letter.kind,
        labels: &letter.labels,
        content_type: &letter.content_type,
        correlation: letter.correlation,
        message: letter.message.0,
        bytes: letter.bytes,
    }
}

/// Where a letter goes when it is sent again: to what it was sent to, or where a message cannot be sent to that, to the
/// process that should have received it. What the kernel itself had to say is not sent again.
fn goes_to(letter: &Letter) -> Option<Resource> {
    match (letter.kind.as_str(), &letter.target) {
        ("message" | "request", Resource::Proc(_) | Resource::Service(_)) => Some(letter.target.clone()),
        ("message" | "request" | "topic" | "reply", _) => Some(Resource::Proc(letter.receiver)),
        _ => None,
    }
}

/// Which letters `list` is about: those behind the cursor.
fn behind(list: &List) -> Option<u64> {
    list.cursor.as_ref().map_or(Some(0), |cursor| cursor.parse().ok())
}

impl State {
    /// Asks for the rows that an act on letters looks at.
    pub(crate) fn want_letters(&self, pid: Pid, parsed: &Parsed, need: &mut Need) {
        match (&parsed.resource, &parsed.op) {
            (Resource::Letters, super::Op::List(list)) => {
                let (page, _) = self.letters.page(behind(list).unwrap_or(u64::MAX), page_of(list));
                let kept = page.into_iter().filter(|letter| self.letters.has(*letter));
                kept.for_each(|letter| need.want(self, letter_key(letter)));
            }
            (Resource::Letter(id), _) if self.letters.has(*id) => {
                need.want(self, letter_key(*id));
                if parsed.verb != Verb::Remove {
                    need.want(self, payload_key(*id));
                }
                if parsed.verb == Verb::Send
                    && let Ok(letter) = self.letter(*id)
                    && let (Some(target), Some(process)) = (goes_to(&letter), self.processes.get(&pid))
                {
                    need.want(self, rows::novelty(&process.agent, Verb::Send, target.kind()));
                }
            }
            _ => {}
        }
    }

    /// What is known of a letter.
    fn letter(&self, id: LetterId) -> Result<Letter, Refusal> {
        let absent = || {
            let latest = self.counters.message;
            let why = match id.0 > latest {
                true => format!("the latest number is {latest}"),
                false => {
                    "it was sent again or removed, gave place to newer ones, or is the number of a message".to_owned()
                }
            };
            Refusal::new(Code::NotFound, format!("there is no letter {id}: {why}"))
        };
        if !self.letters.has(id) {
            return Err(absent());
        }
        let row = self.row(&letter_key(id))?.ok_or_else(absent)?;
        minicbor::decode(row)
            .map_err(|e| Refusal::new(Code::Failed, format!("letter {id} cannot be read, so it stays closed: {e}")))
    }

    /// The same for `pid`, which carries from now on what the letter is labelled, or what whoever took it away carried.
    fn open_letter(&mut self, pid: Pid, id: LetterId) -> Result<Letter, Refusal> {
        if let Some(gone) = self.letters.gone(id).cloned() {
            self.taint(pid, &gone)?;
        }
        let letter = self.letter(id)?;
        self.taint(pid, &letter.labels)?;
        Ok(letter)
    }

    fn payload(&self, id: LetterId) -> Result<Bytes, Refusal> {
        Ok(self.row(&payload_key(id))?.cloned().unwrap_or_default())
    }

    pub(super) fn apply_letter_list(&mut self, act: &Act, list: &List) -> Result<Answer, Refusal> {
        let after = behind(list).ok_or_else(|| invalid("the cursor is not one that a list of letters gave"))?;
        let (page, more) = self.letters.page(after, page_of(list));
        let next = page.last().filter(|_| more).map(ToString::to_string);
        let others = self.letters.others_gone().into_iter();
        let gone: Vec<Labels> = others.chain(page.iter().filter_map(|id| self.letters.gone(*id))).cloned().collect();
        for labels in gone {
            let _ = self.taint(act.pid, &labels);
        }
        let mut shown = Vec::new();
        for id in page {
            let Ok(letter) = self.letter(id) else { continue };
            // Who may not know of it is not told, nor is who could not carry it.
            if self.taint(act.pid, &letter.labels).is_ok() {
                shown.push((id, letter));
            }
        }
        let shown: Vec<Told<'_>> = shown.iter().map(|(id, letter)| told(*id, letter)).collect();
        Ok(Answer::Reply(body::json(&serde_json::json!({ "letters": shown, "next": next }))))
    }

    pub(super) fn apply_letter_read(&mut self, act: &Act, id: LetterId) -> Result<Answer, Refusal> {
        let letter = self.open_letter(act.pid, id)?;
        Ok(Answer::Reply(body::join(&told(id, &letter), &self.payload(id)?)))
    }

    pub(super) fn apply_letter_remove(
        &mut self,
        act: &Act,
        id: LetterId,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let letter = self.open_letter(act.pid, id)?;
        let labels = self.ends_by(act, &letter)?;
        self.end_letter(id, labels, now, fx);
        Ok(Answer::empty())
    }

    pub(super) fn apply_letter_send(
        &mut self,
        act: &Act,
        id: LetterId,
        now: Now,
        fx: &mut Effects,
    ) -> Result<Answer, Refusal> {
        #[derive(Serialize)]
        struct Line<'a> {
            labels: &'a Labels,
            content_type: &'a str,
            correlation: Option<u64>,
        }
        let letter = self.open_letter(act.pid, id)?;
        let target = goes_to(&letter)
            .ok_or_else(|| invalid(format!("letter {id} is of the kernel itself, which does not say it again")))?;
        let line = Line { labels: &letter.labels, content_type: &letter.content_type, correlation: letter.correlation };
        let body = body::join(&line, &self.payload(id)?);
        let request = Request::parse(act.pid, Verb::Send.as_str(), &target.to_string(), body);
        let labels = self.ends_by(act, &letter)?;
        let stores = self.receiver(&target).is_ok_and(|pid| self.stores(pid, EnvelopeKind::Message));
        self.sends_again = Some(MessageId(0));
        let sent = self.travel_within(act.pid, &request, now, fx);
        let message = self.sends_again.take().unwrap_or_default();
        sent?;
        self.end_letter(id, labels, now, fx);
        let reply = body::json(&serde_json::json!({ "id": message.0 }));
        Ok(if stores { Answer::Stored(reply) } else { Answer::Reply(reply) })
    }

    /// What that a letter is gone is labelled, if `act` takes it away, and whether it may.
    fn ends_by(&self, act: &Act, letter: &Letter) -> Result<Labels, Refusal> {
        let labels = act.labels.join(&letter.labels).map_err(|e| Refusal::new(Code::TooLarge, e.to_string()))?;
        self.may_end_letter(&labels)?;
        Ok(labels)
    }
}

/// How many letters a list shows at most.
fn page_of(list: &List) -> usize {
    list.limit.unwrap_or(PAGE).clamp(1, PAGE) as usize
}
