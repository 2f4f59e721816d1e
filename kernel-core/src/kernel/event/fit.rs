//! What makes every event fit into the log: texts and lists are cut where an event is made, and an event
//! that does not fit all the same is replaced by one that says so.
//!
//! An event may have 65,470 bytes. Facts are bounded by their types: a resource and a right have 4 KiB each,
//! three sets of labels 4 KiB each with 10 KiB for what they add, the accounts of 64 ancestors 10 KiB, audited
//! fields 1 KiB each. With the bounds below no event comes near the limit twice over.

use super::{Content, Event, Unfit};
use crate::chain::{AppendError, Header, Log};
use crate::codec::hex;
use crate::governance::Verdict;
use crate::refusal::{REASON_BYTES, cut};
use sha2::{Digest, Sha256};

/// The most bytes of a list of texts in one event.
const LIST_BYTES: usize = 16 << 10;
/// The most bytes of what was asked: a verb and a resource of the greatest length.
const ASKED_BYTES: usize = 4_200;
/// The most reasons that are kept of a verdict; they come the weightiest first.
const REASONS: usize = 16;
/// The most bytes of one of them.
const REASON_OF_VERDICT: usize = 512;

impl Content {
    /// The same with every text that somebody else may have written cut to its bound.
    #[must_use]
    pub(crate) fn fitted(mut self) -> Content {
        match &mut self {
            Content::Boot(boot) => fit(&mut boot.repair, REASON_BYTES),
            Content::Phase(phase) => fit(&mut phase.name, REASON_BYTES),
            Content::Intent(decided)
            | Content::Observed(decided)
            | Content::RouteOpened(decided)
            | Content::Escalated(decided) => fit_verdict(&mut decided.verdict),
            Content::Outcome(outcome) => {
                fit(&mut outcome.reason, REASON_BYTES);
                fit(&mut outcome.note, REASON_BYTES);
            }
            Content::Refused(refused) => {
                fit(&mut refused.reason, REASON_BYTES);
                fit(&mut refused.asked, ASKED_BYTES);
                refused.verdict.iter_mut().for_each(fit_verdict);
            }
            Content::Exited(exited) => fit(&mut exited.detail, REASON_BYTES),
            Content::Answered(answered) => fit(&mut answered.by, REASON_BYTES),
            Content::Consent(consented) => {
                fit_list(&mut consented.given);
                fit_list(&mut consented.mounts);
            }
            Content::Shutdown(text) | Content::Suspended(text) => fit(&mut text.reason, REASON_BYTES),
            Content::Attached(attached) => {
                fit_list(&mut attached.use_);
                fit_list(&mut attached.grant);
            }
            Content::AppEnded(ended) => fit(&mut ended.reason, REASON_BYTES),
            Content::Failing(failing) => fit(&mut failing.reason, REASON_BYTES),
            Content::DeadLetter(letter) => {
                fit(&mut letter.sender, ASKED_BYTES);
                fit(&mut letter.target, ASKED_BYTES);
                fit(&mut letter.reason, REASON_BYTES);
            }
            Content::Restarting(restarting) => {
                fit(&mut restarting.reason, REASON_BYTES);
                fit_list(&mut restarting.others);
            }
            Content::Rights(rights) => {
                fit_list(&mut rights.use_);
                fit_list(&mut rights.grant);
            }
            Content::Unfit(unfit) => fit(&mut unfit.reason, REASON_BYTES),
            Content::Folded(_)
            | Content::RouteCounted(_)
            | Content::LimitNear(_)
            | Content::LimitRaised(_)
            | Content::Root(_) => {}
        }
        self
    }
}

fn fit(text: &mut String, most: usize) {
    if text.len() > most {
        *text = cut(std::mem::take(text), most);
    }
}

fn fit_list(texts: &mut Vec<String>) {
    if texts.iter().map(String::len).sum::<usize>() > LIST_BYTES {
        *texts = bounded(std::mem::take(texts).into_iter());
    }
}

fn fit_verdict(verdict: &mut Verdict) {
    verdict.reasons.truncate(REASONS);
    verdict.reasons.iter_mut().for_each(|reason| fit(&mut reason.text, REASON_OF_VERDICT));
}

/// A list of texts that fits into an event; what does not fit is counted in a last entry.
pub(crate) fn bounded(texts: impl Iterator<Item = String>) -> Vec<String> {
    let (mut kept, mut bytes, mut left) = (Vec::new(), 0, 0);
    for text in texts {
        bytes += text.len();
        if bytes <= LIST_BYTES {
            kept.push(text);
        } else {
            left += 1;
        }
    }
    if left > 0 {
        kept.push(format!("... and {left} more"));
    }
    kept
}

/// A verdict that fits into an event, and into an explanation of it.
pub(crate) fn bounded_verdict(mut verdict: Verdict) -> Verdict {
    fit_verdict(&mut verdict);
    verdict
}

/// Appends `event` to `log`, or in its place one that says that it does not fit. `content` is room to encode in.
///
/// # Errors
/// None that an event can cause.
pub(crate) fn append(log: &mut Log, event: &Event, content: &mut Vec<u8>) -> Result<u64, AppendError> {
    content.clear();
    event.content.encode(content);
    let header = |kind| Header { wall: event.wall, action: event.action, kind };
    let kind = event.content.kind();
    let error = match log.append(header(kind), content) {
        Ok(seq) => return Ok(seq),
        Err(error) => error,
    };
    let hash = hex(&Sha256::digest(&content[..]));
    let unfit = Content::Unfit(Unfit { kind, bytes: content.len() as u64, hash, reason: error.to_string() });
    content.clear();
    unfit.encode(content);
    log.append(header(unfit.kind()), content)
}

#[cfg(test)]
mod tests {
    use super::super::{Outcome, Text};
    use super::*;
    use crate::chain::Origin;
    use crate::id::ActionId;
    use crate::time::WallTime;

    fn event(content: Content) -> Event {
        Event { wall: WallTime(1), action: ActionId(7), content }
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        let text = |reason: String| Content::Shutdown(Text { reason, pid: 0 }).fitted();
        let Content::Shutdown(Text { reason, .. }) = text("\u{1f980}".repeat(5_000)) else { panic!() };
        assert!(reason.len() <= REASON_BYTES && reason.ends_with("\u{1f980} ..."), "{}", reason.len());
        let Content::Shutdown(Text { reason, .. }) = text("short".to_owned()) else { panic!() };
        assert_eq!(reason, "short");
    }

    #[test]
    fn an_event_that_does_not_fit_is_replaced_by_one_that_says_so() {
        let mut log = Log::new(Origin::parse("weft/test").unwrap());
        let long =
            |len| Outcome { result: "x".repeat(len), reason: String::new(), bytes: 0, note: String::new(), tree: None };
        let mut content = Vec::new();
        assert_eq!(append(&mut log, &event(Content::Outcome(long(10))), &mut content), Ok(0));
        assert_eq!(append(&mut log, &event(Content::Outcome(long(70_000))), &mut content), Ok(1));
        let Ok(Content::Unfit(unfit)) = Content::decode(18, &content) else { panic!("not replaced") };
        assert_eq!((unfit.kind, unfit.hash.len()), (3, 64));
        assert!(unfit.bytes > 70_000 && unfit.reason.contains("over the limit"), "{unfit:?}");
    }
}
