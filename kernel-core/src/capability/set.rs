//! The capabilities of one process: rights to use and rights to grant.

use super::Right;
use crate::id::Pid;
use crate::path::{Resource, Verb};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The most rights that one list may hold, so that comparing two lists stays bounded.
pub const MAX_RIGHTS: usize = 1_024;

/// A list would hold more than [`MAX_RIGHTS`] rights. Nothing was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a list of rights holds at most 1,024 and this one has {0}")]
pub struct TooManyRights(pub usize);

/// What a process may do itself (`use`) and what it may let others do (`grant`). Neither implies the
/// other: a coordinator may hand out what it cannot do. Empty lists allow nothing.
///
/// Each list is kept in order and without duplicates, so equal capabilities are equal values and encode
/// alike. Clones share both lists.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Lists", into = "Lists")]
pub struct Capabilities {
    use_: Arc<[Right]>,
    grant: Arc<[Right]>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Lists {
    #[serde(rename = "use", default)]
    use_: Vec<Right>,
    #[serde(default)]
    grant: Vec<Right>,
}

impl Capabilities {
    /// The capabilities with these rights, in any order.
    pub fn new(use_: Vec<Right>, grant: Vec<Right>) -> Result<Capabilities, TooManyRights> {
        Ok(Capabilities { use_: sorted(use_)?, grant: sorted(grant)? })
    }

    /// The rights to use, in order.
    pub fn use_rights(&self) -> &[Right] {
        &self.use_
    }

    /// The rights to grant, in order.
    pub fn grant_rights(&self) -> &[Right] {
        &self.grant
    }

    /// The first right to use that permits `verb` on `resource`. Allocates nothing.
    pub fn permits(&self, verb: Verb, resource: &Resource) -> Option<&Right> {
        of_verb(&self.use_, verb).find(|right| right.pattern.matches(resource))
    }

    /// Whether `right` itself is one of those to use. Allocates nothing.
    pub fn holds(&self, right: &Right) -> bool {
        self.use_.binary_search(right).is_ok()
    }

    /// The first right to grant that gives `right`: by this one it could be handed on.
    pub fn granting(&self, right: &Right) -> Option<&Right> {
        of_verb(&self.grant, right.verb).find(|held| held.gives(right))
    }

    /// Whether `right` could be handed on.
    pub fn can_grant(&self, right: &Right) -> bool {
        self.granting(right).is_some()
    }

    /// The same without what `taken` includes, list by list.
    #[must_use]
    pub fn without(&self, taken: &Capabilities) -> Capabilities {
        let left = |list: &Arc<[Right]>, taken: &[Right]| -> Arc<[Right]> {
            list.iter().filter(|right| !taken.iter().any(|taken| taken.includes(right))).cloned().collect()
        };
        Capabilities { use_: left(&self.use_, &taken.use_), grant: left(&self.grant, &taken.grant) }
    }

    /// The same with `/proc/self` replaced by the number of `me`. What a process holds is always bound:
    /// else its children's `self` would be taken for its own.
    #[must_use]
    pub fn bind(self, me: Pid) -> Capabilities {
        let bind = |list: Arc<[Right]>| match list.iter().any(|right| right.pattern.is_self()) {
            false => list,
            true => in_order(list.iter().map(|right| right.clone().bind(me)).collect()),
        };
        Capabilities { use_: bind(self.use_), grant: bind(self.grant) }
    }
}

/// The rights of `verb` in an ordered list: order is by verb first.
fn of_verb(list: &[Right], verb: Verb) -> impl Iterator<Item = &Right> {
    let start = list.partition_point(|right| right.verb < verb);
    list[start..].iter().take_while(move |right| right.verb == verb)
}

fn sorted(list: Vec<Right>) -> Result<Arc<[Right]>, TooManyRights> {
    if list.len() > MAX_RIGHTS { Err(TooManyRights(list.len())) } else { Ok(in_order(list)) }
}

fn in_order(mut list: Vec<Right>) -> Arc<[Right]> {
    list.sort_unstable();
    list.dedup();
    list.into()
}

impl From<Capabilities> for Lists {
    fn from(from: Capabilities) -> Lists {
        Lists { use_: from.use_.to_vec(), grant: from.grant.to_vec() }
    }
}

impl TryFrom<Lists> for Capabilities {
    type Error = TooManyRights;

    fn try_from(lists: Lists) -> Result<Capabilities, TooManyRights> {
        Capabilities::new(lists.use_, lists.grant)
    }
}

/// An array of two arrays of text: the rights to use, then those to grant, each in order.
impl<C> minicbor::Encode<C> for Capabilities {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        ctx: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.array(2)?.encode_with(&*self.use_, ctx)?.encode_with(&*self.grant, ctx)?.ok()
    }
}

/// Takes only what encoding makes: at most [`MAX_RIGHTS`] rights a list, in order, none twice.
impl<'b, C> minicbor::Decode<'b, C> for Capabilities {
    fn decode(d: &mut minicbor::Decoder<'b>, ctx: &mut C) -> Result<Capabilities, minicbor::decode::Error> {
        let at = d.position();
        if d.array()? != Some(2) {
            return Err(minicbor::decode::Error::message("capabilities are two lists").at(at));
        }
        Ok(Capabilities { use_: decode_list(d, ctx)?, grant: decode_list(d, ctx)? })
    }
}

fn decode_list<C>(d: &mut minicbor::Decoder<'_>, ctx: &mut C) -> Result<Arc<[Right]>, minicbor::decode::Error> {
    let at = d.position();
    let no = |why: &str| minicbor::decode::Error::message(why).at(at);
    let count = d.array()?.filter(|&n| n <= MAX_RIGHTS as u64).ok_or_else(|| no("a list of rights is too long"))?;
    let mut list: Vec<Right> = Vec::new();
    for _ in 0..count {
        let right = d.decode_with(ctx)?;
        if list.last().is_some_and(|last| *last >= right) {
            return Err(no("rights are not in order"));
        }
        list.push(right);
    }
    Ok(list.into())
}
