//! A backup on its way from a kernel that runs: whose log it is, files, rows, and an end without which it is cut short.
//!
//! Each entry is a byte that says what it is, and two byte strings, each after its length as a u32, big-endian.

use super::copy::Copy;
use crate::cli::api::KEPT;
use crate::cli::exit::{Exit, Failure};
use crate::data_dir::text_of;
use crate::shared::SharedRows;
use bytes::{BufMut, Bytes, BytesMut};
use futures::Stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use kernel_core::chain::VerifierKey;
use kernel_core::platform::StorageError;
use std::io;
use std::path::Path;
use tokio::sync::OwnedSemaphorePermit;

/// What lies beside the rows and goes with them.
pub(in crate::cli) const FILES: [&str; 2] = KEPT;

/// Behind every row.
pub(super) const END: &[u8] = &[0xff];

const KEY: u8 = 1;
const FILE: u8 = 2;
const ROW: u8 = 3;
const DONE: u8 = 4;

/// The most bytes of one part of an entry: more than any row has.
const MOST: usize = 64 << 20;

fn entry(out: &mut BytesMut, kind: u8, first: &[u8], second: &[u8]) {
    out.put_u8(kind);
    for part in [first, second] {
        out.put_u32(u32::try_from(part.len()).unwrap_or(u32::MAX));
        out.put_slice(part);
    }
}

/// All rows as they are now as the body of an answer, with the files of `data_dir`. `permit` is let go of at its end.
///
/// # Errors
/// A file that cannot be read.
pub(in crate::cli) fn served(
    rows: &SharedRows,
    key: &VerifierKey,
    data_dir: &Path,
    permit: OwnedSemaphorePermit,
) -> io::Result<StreamBody<impl Stream<Item = Result<Frame<Bytes>, StorageError>> + use<>>> {
    let mut head = BytesMut::new();
    entry(&mut head, KEY, key.to_string().as_bytes(), b"");
    for name in FILES {
        if let Some(text) = text_of(&data_dir.join(name))? {
            entry(&mut head, FILE, name.as_bytes(), text.as_bytes());
        }
    }
    let state = (Some(head.freeze()), Some(rows.all()), permit);
    Ok(StreamBody::new(futures::stream::unfold(state, |(head, pages, permit)| async move {
        if let Some(head) = head {
            return Some((Ok(Frame::data(head)), (None, pages, permit)));
        }
        let mut pages = pages?;
        let mut out = BytesMut::new();
        match pages.recv().await {
            Some(Ok(page)) => {
                page.iter().for_each(|(key, value)| entry(&mut out, ROW, key, value));
                Some((Ok(Frame::data(out.freeze())), (None, Some(pages), permit)))
            }
            Some(Err(error)) => Some((Err(error), (None, None, permit))),
            None => {
                entry(&mut out, DONE, b"", b"");
                Some((Ok(Frame::data(out.freeze())), (None, None, permit)))
            }
        }
    })))
}

/// Takes all of it into `copy`. Whose log it is.
///
/// # Errors
/// That it was cut short, and what cannot be written.
pub(super) async fn take(mut body: Incoming, copy: &mut Copy) -> Result<VerifierKey, Failure> {
    let broken = |why: &str| {
        let message = format!("the backup broke off: {why}");
        Failure::new(Exit::Failed, "broke_off", message)
            .help("nothing of it was kept; see whether the kernel still runs")
    };
    let (mut waiting, mut key, mut is_done) = (BytesMut::new(), None, false);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|e| broken(&e.to_string()))?;
        waiting.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
        while let Some((kind, first, second)) = next(&mut waiting).ok_or_else(|| broken("it is no backup"))? {
            let text = |bytes: &Bytes| String::from_utf8(bytes.to_vec()).map_err(|_| broken("it is no backup"));
            match kind {
                KEY => key = VerifierKey::parse(&text(&first)?),
                FILE if FILES.contains(&&*text(&first)?) => copy.file(&text(&first)?, &text(&second)?)?,
                ROW => copy.row(first, second).await?,
                DONE => is_done = true,
                _ => return Err(broken("it is of another version of weft")),
            }
        }
    }
    match key {
        Some(key) if is_done => Ok(key),
        _ => Err(broken("it ended in the middle")),
    }
}

/// The next entry, if all of it is there; `None` for what cannot be one.
fn next(waiting: &mut BytesMut) -> Option<Option<(u8, Bytes, Bytes)>> {
    let part = |from: usize| -> Option<Option<(usize, usize)>> {
        let Some(len) = waiting.get(from..from + 4) else { return Some(None) };
        let len = u32::from_be_bytes(len.try_into().ok()?) as usize;
        if len > MOST { None } else { Some((waiting.len() >= from + 4 + len).then_some((from + 4, from + 4 + len))) }
    };
    let Some((first, end)) = part(1)? else { return Some(None) };
    let Some((second, all)) = part(end)? else { return Some(None) };
    let entry = waiting.split_to(all).freeze();
    Some(Some((entry[0], entry.slice(first..end), entry.slice(second..all))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_read_as_they_come() {
        let mut all = BytesMut::new();
        entry(&mut all, ROW, b"key", b"");
        entry(&mut all, DONE, b"", b"");
        let (mut waiting, mut found) = (BytesMut::new(), Vec::new());
        for byte in all {
            waiting.put_u8(byte);
            while let Some((kind, first, second)) = next(&mut waiting).unwrap() {
                found.push((kind, first, second));
            }
        }
        assert_eq!(found, [(ROW, Bytes::from("key"), Bytes::new()), (DONE, Bytes::new(), Bytes::new())]);
        let mut hostile = BytesMut::from(&[ROW, 0xff, 0xff, 0xff, 0xff][..]);
        assert!(next(&mut hostile).is_none(), "nobody waits for four gigabytes");
    }
}
