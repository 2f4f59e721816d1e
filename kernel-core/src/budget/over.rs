//! What becomes of whoever has used up an account.

use serde::{Deserialize, Serialize};

/// What becomes of the owner of an account, and of what lies below it, when an act is over that account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnExhausted {
    /// The owner ends, and all that it started with it.
    #[default]
    Stop,
    /// The act is refused, and so is each further one; who acts goes on with what draws nothing.
    Degrade,
    /// The act waits for a person, whose yes adds the limit once more. After a no it is as for [`OnExhausted::Degrade`].
    Ask,
}

impl OnExhausted {
    /// Whether it is what it is where nothing is said.
    pub fn is_stop(&self) -> bool {
        *self == OnExhausted::Stop
    }
}
