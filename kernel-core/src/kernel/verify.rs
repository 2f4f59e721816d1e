//! A whole stored log and what belongs to it, verified in one pass over its events.
//!
//! Every check is shown each event once, decoded, in order: the chain and its tiles ([`Opening`]), and those of [`Checks`].
//! What they find counts only when the log itself verifies, so that a changed event is named as one.

use super::acts::{Acts, CheckedActs};
use super::bodies::{Bodies, BodyCheck};
use super::event::{Content, kind, tree_root};
use super::index::IndexCheck;
use super::start::{BootError, PAGE};
use super::tree::{CheckedTree, check_tree};
use crate::chain::{ChainError, Decoded, Hash, Opened, Opening};
use crate::platform::{Storage, StorageError};

/// What a log that verifies is like.
#[derive(Debug)]
pub struct Verified {
    /// The log.
    pub opened: Opened,
    /// What was found of acts to fit together.
    pub acts: CheckedActs,
    /// What is kept of the bodies of outward acts.
    pub bodies: Bodies,
    /// The tree, where the log tells of one.
    pub tree: Option<CheckedTree>,
    /// The boots that went on from events that no signature covered: the event of each, and how many.
    pub unsigned: Vec<(u64, u64)>,
}

/// Verifies the log that `opening` is of: that no event was changed, moved, added or taken away, that each act begins once and
/// ends once and the state's rows have its numbers, that the kept bodies are those that it commits to, that the tree is the one that it tells last, and that receipts will find what they are made of. Events
/// and bodies are read once. `told` hears how many events have been read, and of how many.
///
/// The storage is one that stores a batch as a whole or not at all.
///
/// # Errors
/// What does not verify, and where; what cannot be read. Nothing is changed.
pub async fn verify<S: Storage>(
    storage: &S,
    mut opening: Opening,
    mut told: impl FnMut(u64, u64),
) -> Result<Verified, BootError> {
    let mut checks = Checks::new(storage).await?;
    while let Some(want) = opening.wants() {
        let page = storage.scan(&want.from, &want.to, PAGE).await?;
        opening.feed(&page.rows, page.next, &mut |event| checks.event(event))?;
        drop(page.rows);
        checks.compare(storage).await?;
        let (read, of) = opening.position();
        told(read, of);
    }
    let opened = opening.finish()?.whole()?;
    let Checks { acts, unfit, bodies, index, root, unsigned } = checks;
    unfit.map_or(Ok(()), Err)?;
    let bodies = bodies.found()?;
    let acts = acts.finish(storage).await?;
    index.found()?;
    let tree = check_tree(storage, root).await?;
    Ok(Verified { opened, acts, bodies, tree, unsigned })
}

/// What looks at every event. One more check is one more field here, and one more line in each function below.
#[derive(Debug)]
struct Checks {
    acts: Acts,
    /// The first event of an act that does not fit those before it.
    unfit: Option<ChainError>,
    bodies: BodyCheck,
    index: IndexCheck,
    /// The last root of the tree.
    root: Option<Hash>,
    unsigned: Vec<(u64, u64)>,
}

impl Checks {
    async fn new<S: Storage>(storage: &S) -> Result<Checks, BootError> {
        let index = IndexCheck::new(storage).await?;
        Ok(Checks {
            acts: Acts::default(),
            unfit: None,
            bodies: BodyCheck::default(),
            index,
            root: None,
            unsigned: Vec::new(),
        })
    }

    /// Takes the next event.
    fn event(&mut self, event: &Decoded<'_>) {
        if self.unfit.is_none() {
            self.unfit = self.acts.event(event.seq, &event.header, event.content).err();
        }
        self.bodies.event(event);
        self.index.event(event);
        let kind = event.header.kind;
        self.root = tree_root(kind, event.content).or(self.root);
        if kind == kind::BOOT
            && let Ok(Content::Boot(boot)) = Content::decode(kind, event.content)
            && boot.unsigned > 0
        {
            self.unsigned.push((event.seq, boot.unsigned));
        }
    }

    /// Looks into storage for what the events since the last time lead to.
    async fn compare<S: Storage>(&mut self, storage: &S) -> Result<(), StorageError> {
        self.bodies.compare(storage).await?;
        self.index.compare(storage).await
    }
}
