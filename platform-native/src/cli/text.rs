//! Numbers, times and foreign texts as a person reads them.

use kernel_core::app::closest;
use kernel_core::path::Verb;
use kernel_core::time::WallTime;
use std::fmt::{self, Display};
use std::path::Path;
use std::time::Duration;

/// `text` fit for a terminal: control codes and marks that reorder or hide text are escaped, and the
/// rest stays. For everything that a guest, a file or a log may have written.
pub(crate) fn plain(text: &str) -> String {
    Plain(text).to_string()
}

/// The same, written where it is shown.
pub(crate) struct Plain<'t>(pub(crate) &'t str);

impl Display for Plain<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some((at, hostile)) = rest.char_indices().find(|(_, c)| is_hostile(*c)) {
            write!(f, "{}{}", &rest[..at], hostile.escape_unicode())?;
            rest = &rest[at + hostile.len_utf8()..];
        }
        f.write_str(rest)
    }
}

/// Whether a terminal would act upon it, or a reader be misled by it.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A JSON text that is fit for a terminal, too, and means the same: what JSON lets stand and a terminal would act
/// upon can only be in its strings, and is escaped there.
pub(crate) fn plain_json(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hostile(c) && c != '\n' {
            let mut units = [0; 2];
            c.encode_utf16(&mut units).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        } else {
            out.push(c);
        }
    }
    out
}

/// The same, at most `most` characters. What is too long keeps both its ends: a sentence about a long name
/// begins with who and ends with why.
pub(crate) fn plain_within(text: &str, most: usize) -> String {
    let text = plain(text);
    let all = text.chars().count();
    if all <= most {
        return text;
    }
    let end = most / 3;
    let head: String = text.chars().take(most - end).collect();
    let tail: String = text.chars().skip(all - end).collect();
    format!("{head}...{tail}")
}

/// `line` in lines that fit into `columns`, broken between words; those after the first are indented by
/// `hang`. A word that is too long stays whole, so that it can be copied. Without columns the line stays.
pub(crate) fn fitted(line: &str, columns: Option<usize>, hang: usize) -> Vec<String> {
    let Some(columns) = columns.filter(|columns| width(line) > *columns) else { return vec![line.to_owned()] };
    let hang = hang.min(columns / 2);
    let (mut lines, mut current, mut used, mut any) = (Vec::new(), String::new(), 0, false);
    for (i, word) in line.split(' ').enumerate() {
        let wide = width(word);
        if any && used + 1 + wide > columns {
            lines.push(std::mem::replace(&mut current, " ".repeat(hang)).trim_end().to_owned());
            (used, any) = (hang, false);
        } else if i > 0 && (any || lines.is_empty()) {
            current.push(' ');
            used += 1;
        }
        current.push_str(word);
        used += wide;
        any |= wide > 0;
    }
    lines.push(current.trim_end().to_owned());
    lines
}

/// The columns that a text takes, without its colours: characters, which is right for what the kernel names.
fn width(text: &str) -> usize {
    let mut in_code = false;
    let counts = |c: &char| match (in_code, *c) {
        (false, '\u{1b}') => {
            in_code = true;
            false
        }
        (true, c) => {
            in_code = c != 'm';
            false
        }
        (false, _) => true,
    };
    text.chars().filter(counts).count()
}

/// `text` as one word of a shell's command line, in double quotes where that is enough.
pub(crate) fn quoted(text: &str) -> String {
    if text.contains(['"', '$', '`', '\\', '!']) { single(text) } else { format!("\"{text}\"") }
}

/// A path as one word of a shell's command line, without quotes where it needs none.
pub(crate) fn shell(path: &Path) -> String {
    let text = shown(path);
    let is_plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    if !text.is_empty() && text.chars().all(is_plain) { text } else { single(&text) }
}

fn single(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

/// The verb that `word` was most likely meant to be, where it is none.
pub(crate) fn closest_verb(word: &str) -> Option<&'static str> {
    if Verb::parse(word).is_ok() { None } else { closest(word, Verb::ALL.iter().map(|verb| verb.as_str())) }
}

/// A path for a person.
pub(crate) fn shown(path: &Path) -> String {
    plain(&path.to_string_lossy())
}

/// A path for a document: what is not UTF-8 in it is replaced.
pub(crate) fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// A count with its thousands set apart: "12,345".
pub(crate) fn count(n: u64) -> String {
    Count(n).to_string()
}

/// The same, written where it is shown.
pub(crate) struct Count(pub(crate) u64);

impl Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut thousands = 1;
        while self.0 / thousands >= 1_000 {
            thousands *= 1_000;
        }
        write!(f, "{}", self.0 / thousands)?;
        while thousands > 1 {
            thousands /= 1_000;
            write!(f, ",{:03}", self.0 / thousands % 1_000)?;
        }
        Ok(())
    }
}

/// A count of things: "1 event", "2 events".
pub(crate) fn counted(n: u64, one: &str) -> String {
    format!("{} {one}{}", count(n), if n == 1 { "" } else { "s" })
}

/// What a start has verified of a log of so many events.
pub(crate) fn verified(events: u64, from: u64) -> String {
    match from {
        0 => format!("{} in its log verified", counted(events, "event")),
        _ => format!("{} in its log, verified from event {} on", counted(events, "event"), count(from)),
    }
}

/// That a start goes on from so many events which no signature covers.
pub(crate) fn unsigned(events: u64) -> String {
    format!(
        "no signature covers the end of the log ({}): the kernel before ended before it signed that, or whoever has this disk \
         made it",
        counted(events, "event")
    )
}

/// Bytes in the unit that leaves one to four digits before the point: "512 B", "3.2 MiB".
pub(crate) fn bytes(n: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if n < 1024 {
        return format!("{n} B");
    }
    let mut value = n as f64 / 1024.0;
    let mut unit = 0;
    while value >= 1024.0 && unit + 1 < UNITS.len() {
        value /= 1024.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A duration to about three digits: "0.4 ms", "3.21 s", "2 m 5 s".
pub(crate) fn duration(d: Duration) -> String {
    match d.as_secs() {
        0 if d < Duration::from_millis(100) => format!("{:.1} ms", d.as_secs_f64() * 1e3),
        0 => format!("{} ms", d.as_millis()),
        1..60 => format!("{:.2} s", d.as_secs_f64()),
        s @ 60..3600 => format!("{} m {} s", s / 60, s % 60),
        s => format!("{} h {} m", s / 3600, s % 3600 / 60),
    }
}

/// How much of a limit is used, with the unit of what it is a limit of.
pub(crate) fn limit_near(meter: &str, used: u64, limit: u64) -> String {
    let percent = u128::from(used) * 100 / u128::from(limit.max(1));
    let amount = |n: u64| match meter {
        "memory" => bytes(n),
        "wall" | "handle" => duration(Duration::from_nanos(n)),
        _ => count(n),
    };
    format!("{percent} % of its {meter}: {} of {}", amount(used), amount(limit))
}

/// Wall time as RFC 3339 in UTC with milliseconds: "2026-03-01T12:00:00.123Z".
pub(crate) fn time(wall: WallTime) -> String {
    let millis = wall.0 / 1_000_000;
    let (days, in_day) = (millis / 86_400_000, millis % 86_400_000);
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (in_day / 3_600_000, in_day / 60_000 % 60, in_day / 1_000 % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{:03}Z", in_day % 1_000)
}

/// The wall time that [`time`] prints so; also without fractions of a second, seconds, or the time of day.
pub(crate) fn parse_time(text: &str) -> Option<WallTime> {
    let (date, rest) = match text.split_once('T') {
        Some((date, rest)) => (date, rest.strip_suffix('Z')?),
        None => (text, "00:00"),
    };
    let number = |text: &str, digits: usize| {
        (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse::<u64>().ok()).flatten()
    };
    let [year, month, day] = date.split('-').collect::<Vec<_>>().try_into().ok()?;
    let (year, month, day) = (number(year, 4)?, number(month, 2)?, number(day, 2)?);
    let (rest, millis) = match rest.split_once('.') {
        Some((rest, millis)) => (rest, number(millis, 3)?),
        None => (rest, 0),
    };
    let mut parts = rest.split(':').map(|part| number(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if parts.next().is_some() || hour > 23 || minute > 59 || second > 59 || year < 1970 {
        return None;
    }
    // The inverse of `civil` (the same source, days_from_civil), which also says whether there is such a day.
    let shifted_year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (shifted_year / 400, shifted_year % 400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let days = era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    let days = days.checked_sub(719_468).filter(|days| civil(*days) == (year, month, day))?;
    let in_day = ((hour * 60 + minute) * 60 + second) * 1_000 + millis;
    (days * 86_400_000 + in_day).checked_mul(1_000_000).map(WallTime)
}

/// The Gregorian date `days` after 1970-01-01 (Hinnant, "chrono-compatible low-level date algorithms", civil_from_days).
fn civil(days: u64) -> (u64, u64, u64) {
    let z = days + 719_468;
    let (era, day_of_era) = (z / 146_097, z % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + u64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_act_upon_is_escaped() {
        assert_eq!(plain("a\u{1b}[31mb\r\nc\u{202e}d\u{9b}e"), "a\\u{1b}[31mb\\u{d}\\u{a}c\\u{202e}d\\u{9b}e");
        assert_eq!(plain("grüße, 日本 🦀"), "grüße, 日本 🦀");
        let hostile = serde_json::json!({ "a\u{7f}": "\u{9b}x\u{202e}\u{1b}\n" });
        let printed = plain_json(&format!("{hostile:#}"));
        assert!(printed.contains("\\u007f") && printed.contains("\\u009bx\\u202e"), "{printed}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&printed).unwrap(), hostile);
        assert_eq!(plain_within("abcdefgh", 6), "abcd...gh");
        assert_eq!(plain_within("äbc", 3), "äbc");
    }

    #[test]
    fn lines_are_broken_between_words_and_colours_take_no_place() {
        let fit = |line: &str, columns| fitted(line, Some(columns), 4);
        assert_eq!(fit("  one two three", 15), ["  one two three"]);
        assert_eq!(fit("  one two three", 14), ["  one two", "    three"]);
        assert_eq!(fit("  \u{1b}[31mone\u{1b}[0m two three", 15).len(), 1);
        assert_eq!(fit("a word-that-is-far-too-long b", 10), ["a", "    word-that-is-far-too-long", "    b"]);
        assert_eq!(fit("one    two", 8), ["one", "    two"]);
        assert_eq!(fitted("one two", None, 4), ["one two"]);
    }

    #[test]
    fn what_is_printed_to_be_typed_is_one_word_for_a_shell() {
        let shell = |path: &str| shell(Path::new(path));
        assert_eq!(shell("/home/me/größe"), "/home/me/größe");
        assert_eq!(shell("/my data/it's"), "'/my data/it'\\''s'");
        assert_eq!(quoted("read /fs/a"), "\"read /fs/a\"");
        assert_eq!(quoted("read /fs/$a"), "'read /fs/$a'");
    }

    #[test]
    fn a_verb_that_is_nearly_one_is_found() {
        let words = ["conect", "lst", "raed", "xyzzy", "", "read"];
        assert_eq!(words.map(closest_verb), [Some("connect"), Some("list"), Some("read"), None, None, None]);
    }

    #[test]
    fn numbers_read_well() {
        assert_eq!(["0", "999", "1,000", "1,234,567"], [0, 999, 1_000, 1_234_567].map(count).each_ref().map(|s| &**s));
        assert_eq!(counted(1, "event"), "1 event");
        assert_eq!(counted(2_000, "event"), "2,000 events");
        assert_eq!(bytes(1_023), "1023 B");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(300 << 20), "300.0 MiB");
        assert_eq!(bytes(u64::MAX), "16384.0 PiB");
    }

    #[test]
    fn times_are_read_as_they_are_printed() {
        for millis in [0, 951_782_399_999, 951_782_400_000, 951_868_800_000, 1_709_164_800_123, 4_102_444_800_000] {
            let wall = WallTime(millis * 1_000_000);
            assert_eq!(parse_time(&time(wall)), Some(wall), "{}", time(wall));
        }
        let at = |text| parse_time(text).map(time);
        assert_eq!(at("2026-03-01").as_deref(), Some("2026-03-01T00:00:00.000Z"));
        assert_eq!(at("2024-02-29T23:59Z").as_deref(), Some("2024-02-29T23:59:00.000Z"));
        for wrong in [
            "",
            "2026-02-29",
            "2026-00-01",
            "2026-13-01",
            "2026-01-00",
            "2026-01-01T24:00Z",
            "2026-1-1",
            "1969-12-31",
            "2026-03-01T12:00:00",
            "2026-03-01T12Z",
            "2026-03-01T12:00:00+01:00",
            "+026-03-01",
        ] {
            assert_eq!(parse_time(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_read_well() {
        let ms = Duration::from_millis;
        assert_eq!(duration(Duration::from_micros(420)), "0.4 ms");
        assert_eq!(duration(ms(250)), "250 ms");
        assert_eq!(duration(ms(3_214)), "3.21 s");
        assert_eq!(duration(ms(125_000)), "2 m 5 s");
        assert_eq!(duration(ms(7_260_000)), "2 h 1 m");
    }

    #[test]
    fn times_are_rfc_3339() {
        assert_eq!(time(WallTime(0)), "1970-01-01T00:00:00.000Z");
        assert_eq!(time(WallTime(951_782_400_000_000_000)), "2000-02-29T00:00:00.000Z");
        assert_eq!(time(WallTime(1_772_366_400_123_456_789)), "2026-03-01T12:00:00.123Z");
        assert_eq!(time(WallTime(u64::MAX)), "2554-07-21T23:34:33.709Z");
    }
}
