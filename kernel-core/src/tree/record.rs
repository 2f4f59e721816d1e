//! What a node holds of its own, and the hash of that.

use crate::chain::Hash;
use crate::id::Pid;
use crate::label::Labels;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The first byte of what is hashed to the hash of a record.
const RECORD: u8 = 0x12;

/// What is stored of a node.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct Record {
    /// Grows by one with every write; 0 where the node was removed.
    #[n(0)]
    pub version: u64,
    /// Who wrote it last.
    #[n(1)]
    pub owner: Pid,
    /// What its value is marked with, or its removal.
    #[n(2)]
    pub labels: Labels,
    /// The value; none where it was removed.
    #[cbor(n(3), with = "minicbor::bytes")]
    pub value: Option<Vec<u8>>,
    /// What earlier values were marked with, as far as its version tells of them.
    #[n(4)]
    #[cbor(default, skip_if = "Labels::is_empty")]
    pub earlier: Labels,
    /// What its writer says that it is; empty where it does not.
    #[n(5)]
    #[cbor(default, skip_if = "String::is_empty")]
    pub kind: String,
}

/// The same with the hash of the value in its place: what the tree's root covers, and what a proof shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Serialize, Deserialize)]
#[cbor(map)]
#[serde(deny_unknown_fields)]
pub struct Sealed {
    /// Grows by one with every write; 0 where the node was removed.
    #[n(0)]
    pub version: u64,
    /// Who wrote it last.
    #[n(1)]
    pub owner: Pid,
    /// What its value is marked with, or its removal.
    #[n(2)]
    pub labels: Labels,
    /// The SHA-256 of the value; none where it was removed.
    #[n(3)]
    pub value: Option<Hash>,
    /// What earlier values were marked with.
    #[n(4)]
    #[cbor(skip_if = "Labels::is_empty")]
    pub earlier: Labels,
    /// What its writer says that it is.
    #[n(5)]
    #[cbor(skip_if = "String::is_empty")]
    pub kind: String,
}

impl Record {
    /// What the root covers of it.
    pub fn seal(&self) -> Sealed {
        Sealed {
            version: self.version,
            owner: self.owner,
            labels: self.labels.clone(),
            value: self.value.as_ref().map(|value| Hash(Sha256::digest(value).into())),
            earlier: self.earlier.clone(),
            kind: self.kind.clone(),
        }
    }
}

impl Sealed {
    /// SHA-256(0x12 || its CBOR map).
    pub fn hash(&self) -> Hash {
        let mut bytes = vec![RECORD];
        // Writing to a Vec cannot fail.
        let _ = minicbor::encode(self, &mut bytes);
        Hash(Sha256::digest(&bytes).into())
    }
}
