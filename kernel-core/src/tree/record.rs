//! What a node holds of its own, and the hash of that.

use crate::chain::Hash;
use crate::id::Pid;
use crate::label::Labels;
use minicbor::{Decode, Encode};
use serde::Serialize;
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
    /// Whose bytes its value is: `APPLICATION/AGENT`; none of what nobody is held to.
    #[n(6)]
    pub holder: Option<String>,
}

/// The same with the hash of the value in its place: what the tree's root covers, and what a proof shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
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
    #[cbor(default, skip_if = "Labels::is_empty")]
    pub earlier: Labels,
    /// What its writer says that it is.
    #[n(5)]
    #[cbor(default, skip_if = "String::is_empty")]
    pub kind: String,
    /// Whose bytes its value is: `APPLICATION/AGENT`; null where nobody is held to them.
    #[n(6)]
    pub holder: Option<String>,
}

impl Record {
    /// What a removal leaves that carries `labels`.
    pub fn gone(owner: Pid, labels: Labels) -> Record {
        let (earlier, kind) = (Labels::NONE, String::new());
        Record { version: 0, owner, labels, value: None, earlier, kind, holder: None }
    }

    /// What the root covers of it.
    pub fn seal(&self) -> Sealed {
        Sealed {
            version: self.version,
            owner: self.owner,
            labels: self.labels.clone(),
            value: self.value.as_ref().map(|value| Hash(Sha256::digest(value).into())),
            earlier: self.earlier.clone(),
            kind: self.kind.clone(),
            holder: self.holder.clone(),
        }
    }

    /// How many bytes its value has.
    pub fn bytes(&self) -> u64 {
        self.value.as_ref().map_or(0, |value| value.len() as u64)
    }
}

impl Sealed {
    /// Its CBOR map.
    pub fn to_bytes(&self) -> Vec<u8> {
        // Writing to a Vec cannot fail.
        minicbor::to_vec(self).unwrap_or_default()
    }

    /// SHA-256(0x12 || its CBOR map).
    pub fn hash(&self) -> Hash {
        Sealed::hash_of(&self.to_bytes())
    }

    /// The same of a map that is written already.
    pub fn hash_of(bytes: &[u8]) -> Hash {
        Hash(Sha256::new().chain_update([RECORD]).chain_update(bytes).finalize().into())
    }
}
