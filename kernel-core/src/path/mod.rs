//! Canonical paths: how a verb, a resource and a set of resources are written.
//!
//! [`Resource`] names one thing, [`Pattern`] a set of things of one kind, [`Verb`] what is done to them.
//! Each has exactly one text per value; another spelling is an error and never repaired, so that two
//! texts are equal exactly when they mean the same. Nothing here knows whether a thing exists.

mod address;
mod endpoint;
mod error;
mod name;
mod pattern;
mod resource;
mod segment;
mod text;
mod topic;
mod verb;
mod word;

pub use address::AddressClass;
pub use endpoint::Endpoint;
pub use error::PathError;
pub(crate) use name::MAX_NAME;
pub use name::Name;
pub use pattern::Pattern;
pub use resource::{FsPath, MAX_PATH, Resource, TreePath};
pub use segment::{MAX_SEGMENT, decode_segment, encode_segment};
pub(crate) use text::{TextVisitor, encode_text, text_codec};
pub use topic::Topic;
pub use verb::{Kind, Verb};

#[cfg(test)]
mod tests;
