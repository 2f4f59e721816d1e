//! Conflicts, UTF-8 and size, whole and in pieces.

use super::*;
use proptest::prelude::*;

fn scan(path: &str, chunks: &[&[u8]]) -> Vec<Defect> {
    let mut hygiene = Hygiene::new(1000);
    hygiene.begin(path, 0);
    for (n, chunk) in chunks.iter().enumerate() {
        hygiene.push(chunk, n + 1 == chunks.len());
    }
    hygiene.take()
}

fn kinds(path: &str, text: &[u8]) -> Vec<(String, Option<u64>)> {
    scan(path, &[text]).into_iter().map(|d| (d.kind, d.line)).collect()
}

#[test]
fn conflicts() {
    let whole = b"a\n<<<<<<< HEAD\nb\n||||||| base\nc\n=======\nd\n>>>>>>> topic\ne\n";
    assert_eq!(kinds("a.rs", whole), [("merge-conflict".to_owned(), Some(2))]);
    assert_eq!(scan("a.rs", &[whole])[0].detail, "merge conflict, lines 2 to 8");
    assert_eq!(kinds("a.rs", b"<<<<<<< HEAD\r\nx\r\n=======\r\ny\r\n>>>>>>> b\r\n").len(), 1);
    assert_eq!(kinds("a.rs", b"<<<<<<< HEAD\nx\n"), [("merge-conflict".to_owned(), Some(1))]);
    assert_eq!(kinds("a.rs", b"x\n=======\ny\n>>>>>>> topic\n"), [("merge-conflict".to_owned(), Some(4))]);
    assert_eq!(kinds("a.rs", b"<<<<<<< a\n=======\n>>>>>>> b\n<<<<<<< c\n=======\n>>>>>>> d").len(), 2);
    assert_eq!(kinds("a.rs", b"<<<<<<< a\n<<<<<<< b\n=======\n>>>>>>> b\n").len(), 2);
    for none in [
        &b"Title\n=======\n\ntext\n"[..],
        b" <<<<<<< HEAD\n",
        b"x <<<<<<< HEAD\n",
        b"<<<<<<<<< HEAD\n",
        b"// <<<<<<< HEAD\n// =======\n// >>>>>>> b\n",
        b"<<<<<<<\nHeading\n",
        b">>>>>>>\n",
        b"\"<<<<<<< HEAD\\n=======\\n>>>>>>> b\"\n",
    ] {
        assert_eq!(kinds("a.rs", none), [], "{:?}", String::from_utf8_lossy(none));
    }
    assert_eq!(kinds("thread.mbox", b">>>>>>> he said\n"), []);
    assert_eq!(kinds("x.bin", b"\0\n<<<<<<< HEAD\n=======\n>>>>>>> b\n"), []);
}

#[test]
fn utf8() {
    assert_eq!(kinds("a.rs", "Grüße, 世界 🦀\n".as_bytes()), []);
    assert_eq!(kinds("a.rs", b"ok\nGr\xfc\xdfe\n\xff"), [("invalid-utf8".to_owned(), Some(2))]);
    assert_eq!(scan("a.rs", &[b"ok\nGr\xfc\xdfe\n"])[0].detail, "byte 0xFC in column 3 is not UTF-8");
    assert_eq!(kinds("a.rs", b"ends with \xe4\xb8"), [("invalid-utf8".to_owned(), Some(1))]);
    // Surrogates and overlong forms are not UTF-8 (RFC 3629).
    assert_eq!(kinds("a.rs", b"\xed\xa0\x80").len(), 1);
    assert_eq!(kinds("a.rs", b"\xc0\x80").len(), 1);
    assert_eq!(kinds("logo.png", b"\xff\xfe\xfd"), []);
    assert_eq!(kinds("a.txt", b"\xff\xfea\0b\0"), [], "UTF-16 is not taken for text");
}

#[test]
fn size_and_entries() {
    assert_eq!(kinds("a", &[b'x'; 1000]), []);
    assert_eq!(kinds("a", &[b'x'; 1001]), [("large-file".to_owned(), None)]);
    let mut hygiene = Hygiene::new(10);
    hygiene.begin("sparse", 5 << 30);
    hygiene.push(b"", true);
    hygiene.entry("l", "broken-link", "why");
    let kinds: Vec<String> = hygiene.take().into_iter().map(|d| d.kind).collect();
    assert_eq!(kinds, ["large-file", "broken-link"]);
}

proptest! {
    #[test]
    fn utf8_agrees_with_the_standard_library(bytes in proptest::collection::vec(prop_oneof![Just(b'a'), Just(b'\n'), Just(0xe4), Just(0xb8), Just(0x96), Just(0xf0), Just(0x9f), Just(0xa6), Just(0x80), Just(0xc3), any::<u8>().prop_filter("text", |b| *b >= 0x20)], 0..60), size in 1usize..9) {
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        let chunks = if chunks.is_empty() { vec![&b""[..]] } else { chunks };
        let found = scan("a.rs", &chunks).into_iter().find(|d| d.kind == "invalid-utf8");
        let expected = std::str::from_utf8(&bytes).err().map(|e| bytes[..e.valid_up_to()].iter().filter(|b| **b == b'\n').count() as u64 + 1);
        let binary = [&b"PK\x03\x04"[..], b"\xff\xfe", b"\xfe\xff"].iter().any(|magic| bytes.starts_with(magic)) || bytes.starts_with(b"\xff\xd8\xff");
        if !binary {
            prop_assert_eq!(found.map(|d| d.line), expected.map(Some));
        }
    }
}
