//! How a manifest and a command line write durations and sizes: a whole number and a unit.

use std::time::Duration;

/// The nanoseconds of one of each unit of time.
const TIMES: [(&str, u64); 6] = [
    ("us", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
    ("d", 86_400_000_000_000),
];

/// The bytes of one of each unit of size.
const SIZES: [(&str, u64); 5] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// A duration: "250us", "100ms", "30s", "5m", "2h", "1d". At most 584 years.
///
/// The error is one sentence that names the forms.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    scaled(text, &TIMES)
        .map(Duration::from_nanos)
        .ok_or_else(|| format!("{} is not a duration like \"100ms\", \"30s\" or \"5m\"", super::problem::quoted(text)))
}

/// A size in bytes: "512B", "64KiB", "64MiB", "2GiB". Units are powers of 1,024.
///
/// The error is one sentence that names the forms.
pub fn parse_size(text: &str) -> Result<u64, String> {
    scaled(text, &SIZES)
        .ok_or_else(|| format!("{} is not a size like \"64KiB\", \"64MiB\" or \"2GiB\"", super::problem::quoted(text)))
}

/// The number before the unit times the unit; `None` when either is missing or the product too large.
fn scaled(text: &str, units: &[(&str, u64)]) -> Option<u64> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at_checked(digits)?;
    let (_, factor) = units.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*factor)
}
