//! Which letters there are: their number and their bytes are bounded, of one sender and of all, and the oldest go first. Of
//! those that somebody took away what whoever did that carried is left.

use crate::id::{LetterId, Pid};
use crate::label::{Labels, TooManyLabels};
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
pub(super) const LETTER_BYTES: u64 = 1_024;

/// Which letter there is, as far as that is at hand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLetter {
    /// Its number.
    pub letter: LetterId,
    /// For whom it counts: who sent it, or had asked for it where it is a reply; the kernel where that is no process.
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

    /// A letter was taken away by the doing of what carries `labels`: what is kept now of which letter, and of which
    /// nothing any more.
    pub(super) fn end(&mut self, letter: LetterId, labels: Labels) -> Vec<(LetterId, Option<Labels>)> {
        if labels.is_empty() {
            return Vec::new();
        }
        let mut left = vec![(letter, Some(labels.clone()))];
        if let Ok(Some((oldest, all))) = self.outgrown() {
            self.gone.insert(OTHERS, all.clone());
            self.gone.remove(&oldest);
            left.extend([(OTHERS, Some(all)), (oldest, None)]);
        }
        self.gone.insert(letter, labels);
        left
    }

    /// What is kept of all others together when one more is gone, and which is one of them then; `None` where there is
    /// room for it.
    ///
    /// # Errors
    /// No set could hold that.
    pub(super) fn outgrown(&self) -> Result<Option<(LetterId, Labels)>, TooManyLabels> {
        let each = self.gone.range((Bound::Excluded(OTHERS), Bound::Unbounded));
        let Some((oldest, labels)) = each.clone().next().filter(|_| each.count() >= LETTERS_GONE) else {
            return Ok(None);
        };
        let all = self.others_gone().map_or_else(|| Ok(labels.clone()), |others| others.join(labels))?;
        Ok(Some((*oldest, all)))
    }

    pub(super) fn add(&mut self, letter: KeptLetter) {
        self.bytes += letter.bytes;
        self.of.entry(letter.sender).or_default().insert(letter.letter);
        self.kept.insert(letter.letter, letter);
    }

    pub(super) fn remove(&mut self, letter: LetterId) {
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
    pub(super) fn too_many(&self, newest: &KeptLetter) -> Option<LetterId> {
        let of = self.of.get(&newest.sender)?;
        let bytes: u64 = of.iter().filter_map(|letter| self.kept.get(letter)).map(|kept| kept.bytes).sum();
        let other = |letter: &LetterId| *letter != newest.letter;
        let own = if of.len() > LETTERS_OF_ONE || bytes > LETTERS_OF_ONE_BYTES { of.first() } else { None };
        let oldest =
            if self.kept.len() > LETTERS || self.bytes > LETTERS_BYTES { self.kept.keys().next() } else { None };
        own.copied().filter(other).or(oldest.copied().filter(other))
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
        assert!(letters.end(LetterId(8_000), Labels::NONE).is_empty());
        let left = [(8_000, Some("l8000")), (0, Some("l1")), (1, None)].map(|(n, l)| (LetterId(n), l.map(labels)));
        assert_eq!(letters.end(LetterId(8_000), labels("l8000")), left);
        // Nobody knows any more which it was.
        assert_eq!([1, 9_999].map(|n| letters.gone(LetterId(n))), [Some(&labels("l1")); 2]);
        assert_eq!((letters.gone(LetterId(3)), letters.page(0, 1)), (Some(&labels("l3")), (vec![LetterId(2)], true)));
        letters.add(letter(9_999, 7, 0));
        assert_eq!(letters.gone(LetterId(9_999)), None);
        letters.gone.insert(OTHERS, Labels::parse((0..64).map(|n| format!("x{n}"))).expect("labels"));
        assert!(letters.outgrown().is_err(), "no set holds it");
    }
}
