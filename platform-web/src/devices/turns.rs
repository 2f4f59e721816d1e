//! What is done one after the other: writes of one path, so that compare-and-set is exact among everything that
//! goes through this host, and changes of what is mounted.

use futures::channel::oneshot;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

type Waiting = BTreeMap<String, VecDeque<oneshot::Sender<Turn>>>;

/// Who waits for which path; a path whose turn somebody has is an entry.
#[derive(Clone, Debug, Default)]
pub(super) struct Turns {
    waiting: Rc<RefCell<Waiting>>,
}

/// The turn at one path. Dropping it lets the next begin.
#[derive(Debug)]
pub(crate) struct Turn {
    path: String,
    waiting: Rc<RefCell<Waiting>>,
}

impl Turns {
    /// Waits for the turn at `path`, in the order of asking. Giving up the wait is giving up the turn.
    pub(super) async fn take(&self, path: &str) -> Turn {
        let mine = || Turn { path: path.to_owned(), waiting: self.waiting.clone() };
        let turn = match self.waiting.borrow_mut().get_mut(path) {
            Some(queue) => {
                let (give, given) = oneshot::channel();
                queue.push_back(give);
                Some(given)
            }
            None => None,
        };
        match turn {
            Some(given) => given.await.unwrap_or_else(|_| unreachable!("a turn is handed on before it is dropped")),
            None => {
                self.waiting.borrow_mut().insert(path.to_owned(), VecDeque::new());
                mine()
            }
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let next = {
            let mut waiting = self.waiting.borrow_mut();
            let next = waiting.get_mut(&self.path).and_then(VecDeque::pop_front);
            if next.is_none() {
                waiting.remove(&self.path);
            }
            next
        };
        if let Some(next) = next {
            let turn = Turn { path: std::mem::take(&mut self.path), waiting: self.waiting.clone() };
            // Whoever gave up the wait hands it on by dropping it.
            drop(next.send(turn));
        }
    }
}
