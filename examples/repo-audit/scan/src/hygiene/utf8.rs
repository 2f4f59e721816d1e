//! Checks UTF-8 piece by piece: a sequence may be cut anywhere. Only the first fault of a file is told.

use crate::feed::Block;

/// The first byte that is not UTF-8.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bad {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) byte: u8,
}

#[derive(Debug, Default)]
pub(super) struct Check {
    /// The beginning of a sequence whose rest comes with the next block, and where it stands.
    begun: [u8; 4],
    length: usize,
    place: (u64, u64),
    done: bool,
}

impl Check {
    /// Looks at the block's own bytes.
    pub(super) fn feed(&mut self, block: &Block<'_>) -> Option<Bad> {
        if self.done {
            return None;
        }
        let own = block.own();
        let mut from = 0;
        while self.length > 0 && from < own.len() {
            self.begun[self.length] = own[from];
            match std::str::from_utf8(&self.begun[..self.length + 1]) {
                Ok(_) => self.length = 0,
                Err(e) if e.error_len().is_some() || self.length == 3 => {
                    self.done = true;
                    return Some(self.bad());
                }
                Err(_) => self.length += 1,
            }
            from += 1;
        }
        let error = std::str::from_utf8(&own[from..]).err()?;
        let at = from + error.valid_up_to();
        let (line, column) = block.place(block.from + at);
        self.place = (line, column);
        self.begun[0] = own[at];
        if error.error_len().is_some() {
            self.done = true;
            return Some(self.bad());
        }
        let begun = &own[at..];
        self.begun[..begun.len()].copy_from_slice(begun);
        self.length = begun.len();
        None
    }

    /// The file ends; a sequence that was begun is not whole.
    pub(super) fn end(&self) -> Option<Bad> {
        (self.length > 0 && !self.done).then(|| self.bad())
    }

    fn bad(&self) -> Bad {
        Bad { line: self.place.0, column: self.place.1, byte: self.begun[0] }
    }
}
