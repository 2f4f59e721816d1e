//! What is stored of an application that should run at a later boot, or of which somebody was killed.

use super::app::App;
use super::budgets::Drawn;
use super::rows;
use crate::label::Labels;
use crate::path::Name;
use crate::platform::Key;
use crate::process::ExitReason;
use bytes::Bytes;

/// What is stored of an application that was started to stay, and of one of which somebody was killed.
#[derive(Clone, Debug, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub(super) struct Running {
    /// What its process carried when it was started.
    #[n(0)]
    pub(super) labels: Labels,
    /// Those of its agents that were killed, or that it was started without.
    #[n(1)]
    pub(super) without: Vec<Name>,
    /// SHA-256 of the row of its plan.
    #[n(2)]
    pub(super) plan: minicbor::bytes::ByteArray<32>,
    /// What was drawn of its budget.
    #[n(3)]
    #[cbor(default)]
    pub(super) drawn: Drawn,
    /// Whether it should run.
    #[n(4)]
    #[cbor(default)]
    pub(super) standing: Standing,
}

/// Whether an application that has a row should run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(index_only)]
pub(super) enum Standing {
    /// It should: a later boot starts it again.
    #[default]
    #[n(0)]
    Wanted,
    /// It is over or was stopped, and the row says who of it was killed.
    #[n(1)]
    Over,
    /// It was killed as a whole.
    #[n(2)]
    Killed,
}

impl Running {
    /// What a row says. One that cannot be read is of one that was killed: nobody knows that it was not.
    pub(super) fn read(row: &[u8]) -> Running {
        minicbor::decode(row).unwrap_or_else(|_| Running {
            labels: Labels::NONE,
            without: Vec::new(),
            plan: [0; 32].into(),
            drawn: Drawn::default(),
            standing: Standing::Killed,
        })
    }

    /// What stays stored of it when it is not to run any more: who was killed.
    pub(super) fn tombstone(self) -> Option<Running> {
        let standing = match self.standing {
            Standing::Killed => Standing::Killed,
            Standing::Wanted | Standing::Over if self.without.is_empty() => return None,
            Standing::Wanted | Standing::Over => Standing::Over,
        };
        Some(Running { labels: Labels::NONE, drawn: Drawn::default(), standing, ..self })
    }

    /// The row.
    pub(super) fn row(&self) -> Bytes {
        Bytes::from(minicbor::to_vec(self).unwrap_or_default())
    }
}

/// The row that says that an application should run, or who of it was killed.
pub(super) fn running_key(name: &Name) -> Key {
    rows::key(rows::TABLE_RUNNING, name.as_str().as_bytes())
}

impl App {
    /// What stays stored of it when it is not to run any more. To kill what it ends with is to kill it.
    pub(super) fn tombstone(&self) -> Option<Running> {
        let whole = matches!(self.ends_for, ExitReason::Killed(_))
            || self.ends_with.as_ref().is_some_and(|last| self.killed.contains(last));
        let running = Running {
            labels: Labels::NONE,
            without: self.killed.iter().cloned().collect(),
            plan: self.plan.into(),
            drawn: Drawn::default(),
            standing: if whole { Standing::Killed } else { Standing::Over },
        };
        running.tombstone()
    }
}
