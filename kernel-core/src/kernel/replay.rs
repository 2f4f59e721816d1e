//! Replay: the same journal gives the same chain head, on every host.

use super::effects::Effects;
use super::event::append;
use super::input::Input;
use super::start::{Journal, log_key};
use super::state::{ROUNDS, State};
use crate::chain::{Hash, Log};
use crate::environment::Environment;
use crate::path::Name;
use crate::platform::Key;
use crate::process::InstanceKind;
use bytes::Bytes;
use std::collections::BTreeMap;

/// Why a journal cannot be replayed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReplayError {
    /// It does not begin with a boot.
    #[error("a journal begins with the boot")]
    NoBoot,
    /// An input asks for rows without end.
    #[error("input {0} asks for rows without end")]
    Needy(usize),
    /// An event does not fit the log.
    #[error("the event of input {0} does not fit the log: {1}")]
    Event(usize, String),
}

/// Steps every input of `journal` again, on a data directory that was empty at its first boot, and returns
/// the size and the head of the log that results. Journals of later boots may follow: each begins with a boot
/// of its own. `public` is the key that the log is named after.
///
/// # Errors
/// A journal that no kernel has written.
pub fn replay(
    journal: &Journal,
    public: [u8; 32],
    environment: Environment,
    natives: &[(Name, InstanceKind)],
) -> Result<(u64, Hash), ReplayError> {
    let mut state = None;
    let mut rows: BTreeMap<Key, Option<Bytes>> = BTreeMap::new();
    let mut log = Log::new(log_key(public).name);
    let mut fx = Effects::default();
    for (index, (now, input)) in journal.iter().enumerate() {
        if let Input::Boot(boot) = input {
            state = Some(State::new(boot, environment.clone(), natives));
        }
        let state = state.as_mut().ok_or(ReplayError::NoBoot)?;
        let mut rounds = 0;
        while let Err(need) = state.step(input, *now, &mut fx) {
            rounds += 1;
            if rounds > ROUNDS {
                return Err(ReplayError::Needy(index));
            }
            for key in need.keys {
                let value = rows.get(&key).cloned().flatten();
                state.load(key, value);
            }
        }
        let mut content = Vec::new();
        for event in fx.records.drain(..) {
            append(&mut log, &event, &mut content).map_err(|e| ReplayError::Event(index, e.to_string()))?;
        }
        rows.extend(fx.rows.drain(..));
        fx = Effects::default();
    }
    Ok((log.size(), log.head()))
}
