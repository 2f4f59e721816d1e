//! Bytes that are hashed and stored: the same on every host, for ever.

use kernel_core::codec;
use kernel_core::id::Pid;
use kernel_core::label::Labels;
use kernel_core::path::{Kind, Resource, Verb};
use kernel_core::refusal::Code;
use kernel_core::time::WallTime;
use sha2::{Digest, Sha256};

fn hex(digest: impl AsRef<[u8]>) -> String {
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The hash of the encodings of every verb and kind, of ids and times at the ends of their ranges, and of
/// labels, paths and codes. A word may be added at the end, with a new hash; any other change makes old
/// logs unreadable.
pub fn words_encode_to_pinned_bytes() {
    let mut bytes = Vec::new();
    let mut put = |encoded: Result<Vec<u8>, codec::CborError>| bytes.extend(encoded.expect("it encodes"));
    Verb::ALL.iter().for_each(|verb| put(codec::encode(verb)));
    Kind::ALL.iter().for_each(|kind| put(codec::encode(kind)));
    for n in [0, 23, 24, 255, 256, 65_535, 65_536, u64::from(u32::MAX), 1 << 32, u64::MAX] {
        put(codec::encode(&Pid(n)));
        put(codec::encode(&WallTime(n)));
    }
    put(codec::encode(&Labels::parse(["secret", "private", "untrusted"]).expect("these are labels")));
    put(codec::encode(&Resource::parse("/fs/repo/a%20b/%FF", Pid(7)).expect("this is a path")));
    put(codec::encode(&Code::NotDurable));
    assert_eq!(
        hex(Sha256::digest(&bytes)),
        "5b1857328a4c8c622d76eb89fc49f4fed58846a78bf0f3f398b8bc233dc64f2b",
        "{} bytes",
        bytes.len()
    );
}

/// What is not in the one deterministic form is refused: a number with a longer head than it needs, a
/// trailing byte, an array without a length.
pub fn other_forms_are_refused() {
    assert_eq!(codec::decode::<u64>(&[0x17]), Ok(23));
    for bytes in [&[0x18, 0x17][..], &[0x17, 0x00], &[0x9f, 0x17, 0xff], &[]] {
        assert!(codec::decode::<u64>(bytes).is_err(), "{bytes:02x?}");
    }
}
