//! A bounded memory of processes that are gone.

use super::{ExitReason, Limit, Used};
use crate::agency::Role;
use crate::id::Pid;
use crate::path::Name;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// What is remembered of a process after its end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Its id.
    pub pid: Pid,
    /// Who spawned it.
    pub parent: Pid,
    /// Its name.
    pub name: Name,
    /// Its application.
    pub app: Option<Name>,
    /// Its role.
    pub role: Role,
    /// Why it ended.
    pub reason: ExitReason,
    /// What it had used.
    pub used: Used,
    /// The same with all that it had started.
    pub tree: Used,
    /// How long it lived, nanoseconds.
    pub wall: u64,
    /// What it might have used at most, and how near it came to that.
    pub limits: Vec<Limit>,
}

/// The latest ends, oldest first.
#[derive(Clone, Debug)]
pub struct History {
    ended: VecDeque<Ended>,
    bound: usize,
}

impl History {
    /// Remembers at most `bound` ends.
    pub fn new(bound: usize) -> History {
        History { ended: VecDeque::new(), bound }
    }

    /// Adds one; the oldest goes if there are too many.
    pub fn push(&mut self, ended: Ended) {
        if self.ended.len() >= self.bound {
            self.ended.pop_front();
        }
        self.ended.push_back(ended);
    }

    /// Whether `pid` is remembered as one of the application `app`.
    pub fn was_of(&self, pid: Pid, app: &Name) -> bool {
        self.ended.iter().rev().any(|ended| ended.pid == pid && ended.app.as_ref() == Some(app))
    }

    /// The end of `pid`, if it is remembered.
    pub fn of(&self, pid: Pid) -> Option<&Ended> {
        self.ended.iter().rev().find(|ended| ended.pid == pid)
    }

    /// The same, to complete what is remembered of it.
    pub fn of_mut(&mut self, pid: Pid) -> Option<&mut Ended> {
        self.ended.iter_mut().rev().find(|ended| ended.pid == pid)
    }

    /// The latest end of a process of that name in `app`.
    pub fn last_of(&self, app: &Name, name: &Name) -> Option<&Ended> {
        self.ended.iter().rev().find(|ended| ended.app.as_ref() == Some(app) && ended.name == *name)
    }

    /// Oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Ended> {
        self.ended.iter()
    }
}
