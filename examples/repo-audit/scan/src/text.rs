//! Tells text from what is not.
//!
//! A file is binary when its first [`HEAD`] bytes hold a NUL, when it begins like a known binary format,
//! or when its name says neither way and it holds control characters that text does not use.

use crate::inventory::languages;

/// How many bytes at the start of a file decide.
pub const HEAD: usize = 8 * 1024;

/// Beginnings of formats that may have no NUL in their head. Those that are plain letters count where something follows that
/// no text holds.
const MAGIC: &[&[u8]] = &[
    b"%PDF-",
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"PK\x03\x04",
    b"\x1f\x8b",
    b"BZh",
    b"\xfd7zXZ",
    b"\x28\xb5\x2f\xfd",
    b"wOF2",
    b"wOFF",
    b"OggS",
    b"ID3",
    b"fLaC",
    b"RIFF",
    b"\xff\xfe",
    b"\xfe\xff",
];

/// Extensions of formats that are never text, lower-case.
const BINARY: &[&str] = &[
    "7z", "a", "bin", "bmp", "br", "bz2", "class", "der", "dll", "dylib", "eot", "exe", "gif", "gz", "ico", "jar",
    "jpeg", "jpg", "mp3", "mp4", "o", "ogg", "otf", "p12", "pdf", "pfx", "png", "pyc", "rlib", "rmeta", "so", "tar",
    "tgz", "tif", "tiff", "ttf", "wasm", "webm", "webp", "woff", "woff2", "xz", "zip", "zst",
];

/// What the name alone says: `Some(true)` binary, `Some(false)` text, `None` nothing.
pub fn named(path: &str) -> Option<bool> {
    let extension = extension(path);
    if extension.is_some_and(|e| BINARY.iter().any(|b| b.eq_ignore_ascii_case(e))) {
        Some(true)
    } else if languages::of(path).is_some() {
        Some(false)
    } else {
        None
    }
}

/// Whether a file that begins with `head` is binary. `named_text`: its name is that of a text format.
pub fn is_binary(head: &[u8], named_text: bool) -> bool {
    if memchr::memchr(0, head).is_some() {
        return true;
    }
    let odd = |b: &u8| matches!(b, 0x01..=0x08 | 0x0e..=0x1a | 0x1c..=0x1f);
    if let Some(magic) = MAGIC.iter().find(|magic| head.starts_with(magic)) {
        let cut = std::str::from_utf8(head).err().is_some_and(|error| error.error_len().is_some());
        return !magic.iter().all(u8::is_ascii_graphic) || cut || head.iter().any(odd);
    }
    !named_text && head.iter().any(odd)
}

/// Whether a character is not to be seen itself, but changes what is: control characters, marks that turn the direction of
/// writing (Unicode Standard Annex 9), and those of no width.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// The last segment of a path.
pub fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

/// A size for a person, with one decimal, in integers.
pub fn size(bytes: u64) -> String {
    for (unit, name) in [(1_000_000_000, "GB"), (1_000_000, "MB"), (1_000, "kB")] {
        if bytes >= unit {
            let tenths = bytes / (unit / 10);
            return format!("{}.{} {name}", tenths / 10, tenths % 10);
        }
    }
    format!("{bytes} byte{}", if bytes == 1 { "" } else { "s" })
}

/// What follows the last dot of the file name, if it is neither the first character nor the last.
pub fn extension(path: &str) -> Option<&str> {
    let (stem, extension) = file_name(path).rsplit_once('.')?;
    (!stem.is_empty() && !extension.is_empty()).then_some(extension)
}
