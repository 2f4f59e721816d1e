//! Recognises licences: SPDX headers (SPDX 2.3, annex E) and the texts of the common ones.

use crate::text;
use memchr::memmem;

/// Whether a file of this name holds a licence text.
pub(super) fn is_text(path: &str) -> bool {
    const STEMS: &[&str] = &["license", "licence", "copying", "unlicense", "licenses", "licences"];
    let name = text::file_name(path).to_ascii_lowercase();
    let stem = name.split(['.', '-', '_']).next().unwrap_or("");
    let code = crate::inventory::languages::of(path)
        .is_some_and(|language| !matches!(language, "Markdown" | "Text" | "reStructuredText" | "HTML"));
    STEMS.contains(&stem) && !code
}

/// The expression of an `SPDX-License-Identifier:` that begins in the first `within` bytes of `bytes`.
pub(super) fn header(bytes: &[u8], within: usize) -> Option<String> {
    const TAG: &[u8] = b"SPDX-License-Identifier:";
    let mut from = 0;
    while let Some(found) = memmem::find(&bytes[from..], TAG) {
        let at = from + found;
        if at >= within {
            return None;
        }
        from = at + TAG.len();
        let rest = &bytes[from..];
        let line = &rest[..memchr::memchr(b'\n', rest).unwrap_or(rest.len()).min(200)];
        if let Some(expression) = expression(line) {
            return Some(expression);
        }
    }
    None
}

/// A licence expression at the start of `line`: identifiers joined by AND, OR and WITH, with parentheses.
pub(super) fn expression(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    let line = line.trim().trim_end_matches("*/").trim_end_matches("-->").trim_end_matches("*)").trim();
    let mut parts: Vec<&str> = Vec::new();
    let mut expects_name = true;
    for word in line.split_ascii_whitespace() {
        let bare = word.trim_matches(['(', ')', ',', '"', '\'']);
        let operator = matches!(bare, "AND" | "OR" | "WITH");
        if operator == expects_name || !operator && !is_identifier(bare) {
            break;
        }
        expects_name = operator;
        parts.push(if operator { bare } else { word.trim_matches([',', '"', '\'']) });
    }
    if expects_name {
        parts.pop();
    }
    let text = parts.join(" ");
    let balanced = text.matches('(').count() == text.matches(')').count();
    (!text.is_empty()).then(|| if balanced { text } else { text.replace(['(', ')'], "") })
}

fn is_identifier(word: &str) -> bool {
    let plausible =
        word.len() >= 2 && word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'+'));
    // Every identifier on the SPDX list has a capital or a digit; prose and placeholders seldom do.
    plausible
        && word.as_bytes()[0].is_ascii_alphanumeric()
        && word.bytes().any(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
}

/// What a licence text holds that no other does, in words. The first that fits is the one. Licences name each other, so
/// those of GNU and Mozilla go by their title and what follows it at once.
const TEXTS: &[(&str, &[&str])] = &[
    ("AGPL-3.0", &["gnu affero general public license version 3 19 november 2007"]),
    ("LGPL-3.0", &["gnu lesser general public license version 3 29 june 2007"]),
    ("LGPL-2.1", &["gnu lesser general public license version 2 1 february 1999"]),
    ("LGPL-2.0", &["gnu library general public license version 2 june 1991"]),
    ("GPL-3.0", &["gnu general public license version 3 29 june 2007"]),
    ("GPL-2.0", &["gnu general public license version 2 june 1991"]),
    ("GPL-1.0", &["gnu general public license version 1 february 1989"]),
    ("GFDL-1.3", &["gnu free documentation license version 1 3 3 november 2008"]),
    ("GFDL-1.2", &["gnu free documentation license version 1 2 november 2002"]),
    ("MPL-1.1", &["mozilla public license version 1 1 1 definitions"]),
    ("MPL-2.0", &["mozilla public license version 2 0"]),
    ("Artistic-1.0-Perl", &["the artistic license preamble", "provided that the use of this package is embedded"]),
    ("EPL-2.0", &["eclipse public license v 2 0"]),
    (
        "Apache-2.0 WITH LLVM-exception",
        &["apache license", "version 2 0 january 2004", "llvm exceptions to the apache 2 0 license"],
    ),
    ("Apache-2.0", &["apache license", "version 2 0 january 2004"]),
    ("Apache-2.0", &["licensed under the apache license version 2 0"]),
    ("BSL-1.0", &["boost software license version 1 0"]),
    ("CC0-1.0", &["cc0 1 0 universal"]),
    ("CC-BY-4.0", &["creative commons attribution 4 0 international"]),
    ("CC-BY-SA-4.0", &["creative commons attribution sharealike 4 0 international"]),
    ("Unlicense", &["this is free and unencumbered software released into the public domain"]),
    ("WTFPL", &["do what the fuck you want to public license"]),
    ("Unicode-3.0", &["unicode license v3"]),
    ("Unicode-DFS-2016", &["unicode inc license agreement data files and software"]),
    ("OFL-1.1", &["sil open font license version 1 1"]),
    (
        "BSD-4-Clause",
        &["redistribution and use in source and binary forms", "all advertising materials mentioning features"],
    ),
    ("BSD-3-Clause", &["redistribution and use in source and binary forms", "neither the name"]),
    (
        "BSD-3-Clause",
        &["redistribution and use in source and binary forms", "may not be used to endorse or promote products"],
    ),
    (
        "BSD-2-Clause",
        &["redistribution and use in source and binary forms", "provided that the following conditions are met"],
    ),
    (
        "MIT-0",
        &[
            "permission is hereby granted free of charge",
            "to deal in the software without restriction",
            "to permit persons to whom the software is furnished to do so the software is provided",
        ],
    ),
    ("MIT", &["permission is hereby granted free of charge", "the above copyright notice and this permission notice"]),
    (
        "ISC",
        &[
            "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted provided that",
        ],
    ),
    (
        "ISC",
        &[
            "permission to use copy modify and distribute this software for any purpose with or without fee is hereby granted provided that",
        ],
    ),
    (
        "0BSD",
        &[
            "permission to use copy modify and or distribute this software for any purpose with or without fee is hereby granted the software",
        ],
    ),
    (
        "Zlib",
        &[
            "this software is provided as is without any express or implied warranty",
            "altered source versions must be plainly marked",
        ],
    ),
];

/// The bytes of a tag of HTML after its `<`, which is what `text` begins with; 0 where it is none.
fn tag(text: &[u8]) -> usize {
    match text {
        [b'<', b'/' | b'a'..=b'z' | b'A'..=b'Z', ..] => text.iter().take(200).position(|b| *b == b'>').unwrap_or(0),
        _ => 0,
    }
}

/// The licence that `bytes` is the text of, as an SPDX identifier.
pub(super) fn recognise(bytes: &[u8]) -> Option<&'static str> {
    let mut words = String::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [b, after @ ..] = rest {
        rest = after.get(tag(rest)..).unwrap_or_default();
        if b.is_ascii_alphanumeric() {
            words.push(b.to_ascii_lowercase() as char);
        } else if !words.ends_with(' ') && !words.is_empty() {
            words.push(' ');
        }
    }
    let holds = |phrase: &&str| memmem::find(words.as_bytes(), phrase.as_bytes()).is_some();
    TEXTS.iter().find(|(_, phrases)| phrases.iter().all(holds)).map(|(id, _)| *id)
}
