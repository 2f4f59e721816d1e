//! Mutations of seeds that are the same in every run: a generator with a fixed seed and a few operators.
//!
//! This finds less than libFuzzer, which sees coverage; it is there so that no ordinary test run goes
//! without, and so that a failure is repeated by repeating the run.

/// SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014).
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// The numbers of `seed`.
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    /// The next number.
    pub fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`; 0 where that is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // In u64, so that a 32-bit machine draws the same.
        usize::try_from(self.draw() % (bound.max(1) as u64)).unwrap_or(0)
    }
}

/// The longest mutant.
const MAX_LEN: usize = 64 << 10;

/// Bytes at which decoders turn: ends of ranges, brackets, separators, the first bytes of CBOR items.
const TURNS: &[u8] = b"\0\x01\x17\x18\x19\x1a\x1b\x7f\x80\xff\n\r\"\\{}[]:,/.*~%-+0 9azAZ\x5f\x9f\xa0\xbf\xf9\xfb";

/// Pieces that random bytes rarely make.
const WORDS: &[&str] = &[
    "/proc/self",
    "/proc/0",
    "/fs/repo/",
    "/svc/echo",
    "/tree/",
    "**",
    "..",
    "%2F",
    "%00",
    "null",
    "true",
    "-1",
    "1e999",
    "18446744073709551615",
    "9223372036854775807",
    "\u{1}\u{2}\u{3}",
    "\u{fffd}",
    "{}",
    "[]",
    "\n\n",
    "[[agent]]\n",
    "name = \"a\"\n",
    "\u{2014} ",
    "deadline_ms",
    "labels",
    "secret",
];

/// One mutant of `seed`; `other` is another seed to take pieces from.
pub fn mutate(seed: &[u8], other: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = seed.to_vec();
    for _ in 0..=random.below(4) {
        once(&mut bytes, other, random);
    }
    bytes.truncate(MAX_LEN);
    bytes
}

fn once(bytes: &mut Vec<u8>, other: &[u8], random: &mut Random) {
    let at = random.below(bytes.len() + 1);
    let most = if random.below(4) == 0 { 256 } else { 8 };
    let len = 1 + random.below(most);
    let end = bytes.len().min(at + len);
    match random.below(9) {
        0 if at < bytes.len() => bytes[at] ^= 1 << random.below(8),
        1 if at < bytes.len() => bytes[at] = TURNS[random.below(TURNS.len())],
        2 if at < bytes.len() => bytes[at] = bytes[at].wrapping_add(if random.below(2) == 0 { 1 } else { 255 }),
        3 => drop(bytes.drain(at..end)),
        4 => bytes.truncate(at),
        5 => {
            let piece = bytes[at..end].to_vec();
            let times = 1 + random.below(40);
            bytes.splice(at..at, piece.repeat(times));
        }
        6 => {
            let from = random.below(other.len());
            let to = other.len().min(from + 4 * len);
            bytes.splice(at..end, other[from..to].iter().copied());
        }
        7 => drop(bytes.splice(at..at, WORDS[random.below(WORDS.len())].bytes())),
        _ => bytes.insert(at, TURNS[random.below(TURNS.len())]),
    }
}
