//! Signed notes (C2SP signed-note) with Ed25519 signatures.
//!
//! A note is text, an empty line, and lines `— <key name> <base64>` where the base64 is a 4-byte key id
//! and the signature over the text. Signatures of unknown keys are ignored; one of a known key that does
//! not verify spoils the note. Only signature type 0x01 (Ed25519) is known here.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::VerifyingKey;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// The longest note that is read, in bytes.
pub const MAX_NOTE: usize = 256 * 1024;

const ED25519: u8 = 0x01;
const MARK: &str = "\u{2014} ";

/// The name of a log, which is also the name of the key that signs its checkpoints: 1 to 255 bytes
/// without white space, control characters or `+`, by custom a URL without its scheme.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(Arc<str>);

impl Origin {
    /// The origin `text`, if it is one.
    pub fn parse(text: &str) -> Option<Origin> {
        let fits = (1..=255).contains(&text.len());
        (fits && !text.contains(|c: char| c.is_whitespace() || c.is_control() || c == '+')).then(|| Origin(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// A public key with the name under which it signs.
///
/// As text it is `<name>+<key id, 8 hexadecimal digits>+<base64 of 0x01 and the key>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VerifierKey {
    /// The name in its signature lines.
    pub name: Origin,
    /// The Ed25519 public key, 32 bytes.
    pub public: [u8; 32],
}

impl VerifierKey {
    /// The key that prints as `text`; `None` if the text is malformed or its id is not that of the key.
    pub fn parse(text: &str) -> Option<VerifierKey> {
        let mut parts = text.splitn(3, '+');
        let name = Origin::parse(parts.next()?)?;
        let id = parts.next()?;
        let key = STANDARD.decode(parts.next()?).ok()?;
        let public = key.strip_prefix(&[ED25519])?.try_into().ok()?;
        let key = VerifierKey { name, public };
        (id == format!("{:08x}", key.id())).then_some(key)
    }

    /// The key id: the first four bytes of SHA-256(name || 0x0a || 0x01 || key), big-endian.
    pub fn id(&self) -> u32 {
        let text = self.name.as_str();
        let hash = Sha256::new().chain_update(text).chain_update([b'\n', ED25519]).chain_update(self.public).finalize();
        u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
    }

    /// The signature line of this key for a signature that it made.
    pub fn signature(&self, signature: [u8; 64]) -> Signature {
        Signature { name: self.name.clone(), id: self.id(), bytes: signature.to_vec() }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519];
        key.extend_from_slice(&self.public);
        write!(f, "{}+{:08x}+{}", self.name, self.id(), STANDARD.encode(key))
    }
}

/// One signature line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    /// Who signed, by name.
    pub name: Origin,
    /// Who signed, by key id.
    pub id: u32,
    /// The signature; 64 bytes for Ed25519.
    pub bytes: Vec<u8>,
}

/// Why a note was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NoteError {
    /// It is not a signed note.
    #[error("not a signed note: {0}")]
    Malformed(&'static str),
    /// No known key signed it.
    #[error("no trusted key signed it, only {signers}")]
    Untrusted {
        /// The names and ids in its signature lines.
        signers: String,
    },
    /// A known key is named and did not make this signature.
    #[error("the signature of {name} does not verify")]
    BadSignature {
        /// The name in the signature line.
        name: String,
    },
}

/// A note: text and the signatures below it. Nothing in it is to be believed before [`Note::verify`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The signed text, with its final newline.
    pub text: String,
    /// At least one signature, in the order of the lines.
    pub signatures: Vec<Signature>,
}

impl Note {
    /// Takes a note apart.
    pub fn parse(note: &str) -> Result<Note, NoteError> {
        let refuse = |what| Err(NoteError::Malformed(what));
        if note.len() > MAX_NOTE {
            return refuse("too long");
        }
        if note.bytes().any(|b| b < 0x20 && b != b'\n') {
            return refuse("a control character");
        }
        let Some(gap) = note.rfind("\n\n") else {
            return refuse("no empty line before the signatures");
        };
        let (text, lines) = (&note[..=gap], &note[gap + 2..]);
        let Some(lines) = lines.strip_suffix('\n') else {
            return refuse("the last signature line is missing or has no newline");
        };
        let signatures = lines.split('\n').map(signature_line).collect::<Option<Vec<_>>>();
        match signatures {
            Some(signatures) => Ok(Note { text: text.to_owned(), signatures }),
            None => refuse("a malformed signature line"),
        }
    }

    /// The first of `keys` that signed. Signatures of other keys are ignored.
    pub fn verify<'k>(&self, keys: &'k [VerifierKey]) -> Result<&'k VerifierKey, NoteError> {
        let mut signer = None;
        for signature in &self.signatures {
            let Some(key) = keys.iter().find(|key| key.name == signature.name && key.id() == signature.id) else {
                continue;
            };
            let valid = VerifyingKey::from_bytes(&key.public).is_ok_and(|public| {
                ed25519_dalek::Signature::from_slice(&signature.bytes)
                    .is_ok_and(|signature| public.verify_strict(self.text.as_bytes(), &signature).is_ok())
            });
            if !valid {
                return Err(NoteError::BadSignature { name: signature.name.to_string() });
            }
            signer = signer.or(Some(key));
        }
        signer.ok_or_else(|| {
            let signers = self.signatures.iter().map(|s| format!("{} ({:08x})", s.name, s.id)).collect::<Vec<_>>();
            NoteError::Untrusted { signers: signers.join(", ") }
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            let mut bytes = signature.id.to_be_bytes().to_vec();
            bytes.extend_from_slice(&signature.bytes);
            writeln!(f, "{MARK}{} {}", signature.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

fn signature_line(line: &str) -> Option<Signature> {
    let (name, bytes) = line.strip_prefix(MARK)?.split_once(' ')?;
    let name = Origin::parse(name)?;
    let bytes = STANDARD.decode(bytes).ok()?;
    let (id, bytes) = bytes.split_first_chunk::<4>()?;
    (!bytes.is_empty()).then(|| Signature { name, id: u32::from_be_bytes(*id), bytes: bytes.to_vec() })
}
