//! What an intent commits to, read without what else it says: whole logs are looked through for it.

use minicbor::Decoder;

/// Of an intent's content the commitment to its body, and how many bytes that has; `None` where it tells either of neither.
pub(crate) fn committed(content: &[u8]) -> Option<([u8; 32], u64)> {
    let mut d = Decoder::new(content);
    let (mut hash, mut len) = (None, None);
    for _ in 0..d.map().ok()?? {
        match d.u64().ok()? {
            0 => len = body_len(&mut d),
            2 => hash = Some(d.bytes().ok()?.try_into().ok()?),
            _ => d.skip().ok()?,
        }
    }
    Some((hash?, len?))
}

/// Of facts, which are passed over, the length of the body.
fn body_len(d: &mut Decoder<'_>) -> Option<u64> {
    let mut len = None;
    for _ in 0..d.map().ok()?? {
        match d.u64().ok()? {
            15 => len = Some(d.u64().ok()?),
            _ => d.skip().ok()?,
        }
    }
    len
}
