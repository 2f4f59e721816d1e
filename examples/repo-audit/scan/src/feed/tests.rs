//! The cutter against a plain reading of the whole file.

use super::*;
use proptest::prelude::*;

#[derive(Debug, PartialEq, Eq)]
struct Seen {
    own: Vec<u8>,
    line: u64,
    offset: u64,
    skipped_at_own: u64,
}

fn cut(path: &str, chunks: &[&[u8]]) -> (Vec<Seen>, u64) {
    let mut feed = Feed::default();
    feed.begin(path);
    let mut seen = Vec::new();
    let mut see = |b: &Block<'_>| {
        assert!(b.from <= b.to && b.to <= b.text.len());
        seen.push(Seen {
            own: b.own().to_vec(),
            line: b.line,
            offset: b.offset,
            skipped_at_own: b.skipped + b.from as u64,
        });
    };
    for (n, chunk) in chunks.iter().enumerate() {
        feed.push(chunk, n + 1 == chunks.len(), &mut see);
    }
    (seen, feed.lines())
}

/// Text with lines from empty to several strides long.
fn text() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        6 => 0usize..80,
        2 => Just(BLOCK - 2),
        2 => Just(BLOCK - 1),
        2 => Just(BLOCK),
        1 => (BLOCK - LEFT)..(BLOCK + RIGHT + 8),
        1 => (2 * BLOCK - 4)..(2 * BLOCK + RIGHT + 4),
    ];
    (proptest::collection::vec(line, 0..12), any::<bool>()).prop_map(|(lines, end)| {
        let mut text = Vec::new();
        for (n, length) in lines.iter().enumerate() {
            text.extend((0..*length).map(|at| b'a' + ((at * 7 + n) % 23) as u8));
            if end || n + 1 < lines.len() {
                text.push(b'\n');
            }
        }
        text
    })
}

fn split<'a>(bytes: &'a [u8], cuts: &[proptest::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.sort_unstable();
    let mut chunks = Vec::new();
    let mut from = 0;
    for to in at {
        chunks.push(&bytes[from..to]);
        from = to;
    }
    chunks.push(&bytes[from..]);
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn every_byte_comes_once_and_lines_and_offsets_are_true(bytes in text(), cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 0..9)) {
        let (seen, lines) = cut("x.txt", &split(&bytes, &cuts));
        let mut at = 0;
        for block in &seen {
            prop_assert_eq!(block.offset, at as u64);
            prop_assert_eq!(&block.own[..], &bytes[at..at + block.own.len()]);
            prop_assert_eq!(block.line, bytes[..at].iter().filter(|b| **b == b'\n').count() as u64 + 1);
            let line_start = bytes[..at].iter().rposition(|b| *b == b'\n').map_or(0, |n| n + 1);
            prop_assert_eq!(block.skipped_at_own, (at - line_start) as u64);
            at += block.own.len();
        }
        prop_assert_eq!(at, bytes.len());
        let newlines = bytes.iter().filter(|b| **b == b'\n').count() as u64;
        let open = u64::from(bytes.last().is_some_and(|b| *b != b'\n'));
        prop_assert_eq!(lines, newlines + open);
    }

    #[test]
    fn where_lines_are_cut_does_not_depend_on_the_chunks(bytes in text(), cuts in proptest::collection::vec(any::<proptest::sample::Index>(), 1..9)) {
        // Of each line, the places where a piece of it begins.
        let pieces = |seen: &[Seen]| -> Vec<u64> { seen.iter().filter(|b| b.skipped_at_own > 0).map(|b| b.offset).collect() };
        let whole = cut("x.txt", &[&bytes]);
        let chunked = cut("x.txt", &split(&bytes, &cuts));
        prop_assert_eq!(pieces(&whole.0), pieces(&chunked.0));
    }
}

#[test]
fn a_short_line_is_seen_whole_and_a_long_one_with_its_surroundings() {
    let mut bytes = vec![b'x'; 3 * BLOCK];
    bytes.push(b'\n');
    let mut feed = Feed::default();
    feed.begin("x.txt");
    let mut shapes = Vec::new();
    feed.push(&bytes, true, &mut |b| shapes.push((b.from, b.to - b.from, b.text.len() - b.to, b.skipped)));
    let stride = BLOCK as u64;
    assert_eq!(
        shapes,
        [
            (0, BLOCK, RIGHT, 0),
            (LEFT, BLOCK, RIGHT, stride - 512),
            (LEFT, BLOCK, 1, 2 * stride - 512),
            (LEFT, 1, 0, 3 * stride - 512)
        ]
    );
}

#[test]
fn nothing_is_seen_of_an_empty_file() {
    assert_eq!(cut("x", &[b""]), (vec![], 0));
    assert_eq!(cut("x", &[b"", b"", b""]), (vec![], 0));
}

#[test]
fn memory_does_not_grow_with_the_file() {
    let mut feed = Feed::default();
    feed.begin("x.txt");
    let chunk = vec![b'x'; 100_000];
    for _ in 0..300 {
        feed.push(&chunk, false, &mut |_| {});
        assert!(feed.held.len() <= BLOCK + LEFT + RIGHT);
    }
}

#[test]
fn binary_is_decided_by_the_head_however_it_comes() {
    let mut bytes = b"some text ".repeat(900);
    bytes[text::HEAD - 1] = 0;
    for size in [1, 100, text::HEAD, bytes.len()] {
        let chunks: Vec<&[u8]> = bytes.chunks(size).collect();
        let mut feed = Feed::default();
        feed.begin("x.rs");
        for (n, chunk) in chunks.iter().enumerate() {
            feed.push(chunk, n + 1 == chunks.len(), &mut |b| assert!(b.binary));
        }
    }
    bytes[text::HEAD - 1] = b' ';
    bytes[text::HEAD] = 0;
    let mut feed = Feed::default();
    feed.begin("x.rs");
    feed.push(&bytes, true, &mut |b| assert!(!b.binary));
}
