//! The hash of the log: SHA-256 with the domain separation of RFC 6962 2.1.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use minicbor::encode::Write;
use minicbor::{Decode, Decoder, Encode, Encoder};
use sha2::block_api::compress256;
use sha2::{Digest, Sha256};
use std::fmt;

/// The initial state of SHA-256 (FIPS 180-4 5.3.3).
const INITIAL: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// 32 bytes of SHA-256. Prints as lower-case hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// The `prev` of the first event: 32 zero bytes.
    pub const ZERO: Hash = Hash([0; 32]);

    /// How many bytes a hash is.
    pub const LEN: usize = 32;

    /// The hash of an event, as a leaf of the tree: SHA-256(0x00 || event).
    pub fn leaf(event: &[u8]) -> Hash {
        Hash(Sha256::new().chain_update([0x00]).chain_update(event).finalize().into())
    }

    /// The hash of an inner node: SHA-256(0x01 || left || right).
    pub fn node(left: &Hash, right: &Hash) -> Hash {
        // The message has always 65 bytes, so it is padded here (FIPS 180-4 5.1.1), which spares the general
        // hasher's buffer: nearly a third of the time.
        let mut blocks = [[0; 64]; 2];
        let [first, second] = &mut blocks;
        first[0] = 0x01;
        first[1..33].copy_from_slice(&left.0);
        first[33..].copy_from_slice(&right.0[..31]);
        second[..2].copy_from_slice(&[right.0[31], 0x80]);
        second[62..].copy_from_slice(&(65u16 * 8).to_be_bytes());
        let mut state = INITIAL;
        compress256(&mut state, &blocks);
        let mut hash = [0; Hash::LEN];
        for (bytes, word) in hash.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        Hash(hash)
    }

    /// The root of the tree without leaves: SHA-256 of nothing.
    pub fn of_empty_tree() -> Hash {
        Hash(Sha256::digest([]).into())
    }

    /// The hash in `bytes`, if there are exactly 32.
    pub fn from_slice(bytes: &[u8]) -> Option<Hash> {
        bytes.try_into().ok().map(Hash)
    }

    /// The hash of 64 hexadecimal digits, as it prints.
    pub fn from_hex(text: &str) -> Option<Hash> {
        let mut hash = Hash::ZERO;
        let digits = text.len() == 2 * Hash::LEN && text.is_ascii();
        let mut bytes = hash.0.iter_mut().enumerate();
        let read = |(i, byte): (usize, &mut u8)| {
            u8::from_str_radix(&text[2 * i..2 * i + 2], 16).map(|read| *byte = read).is_ok()
        };
        (digits && bytes.all(read)).then_some(hash)
    }

    /// Standard base64 with padding, as in checkpoints.
    pub fn to_base64(self) -> String {
        STANDARD.encode(self.0)
    }

    /// The hash that [`Hash::to_base64`] wrote.
    pub fn from_base64(text: &str) -> Option<Hash> {
        Hash::from_slice(&STANDARD.decode(text).ok()?)
    }
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl serde::Serialize for Hash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Hash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Hash, D::Error> {
        let text = <std::borrow::Cow<'_, str>>::deserialize(d)?;
        Hash::from_hex(&text).ok_or_else(|| serde::de::Error::custom("a hash is 64 hexadecimal digits"))
    }
}

impl<C> Encode<C> for Hash {
    fn encode<W: Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Hash {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Hash, minicbor::decode::Error> {
        let at = d.position();
        Hash::from_slice(d.bytes()?)
            .ok_or_else(|| minicbor::decode::Error::message("a hash of other than 32 bytes").at(at))
    }
}
