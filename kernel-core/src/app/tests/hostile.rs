//! Manifests that nobody wrote in good faith: none may panic, hang, or fill a terminal.

use super::*;
use proptest::prelude::*;

fn refusal(bytes: impl AsRef<[u8]>) -> String {
    shown(&parse_bytes("weft.toml", bytes.as_ref()).expect_err("it is refused"))
}

#[test]
fn an_empty_manifest_says_how_to_begin() {
    for empty in ["", " \n\t\r\n", "\u{feff}\n"] {
        let message = refusal(empty);
        assert!(message.contains("weft.toml:1:1: the manifest is empty\n    help: begin with"), "{message}");
    }
    let message = refusal("# only a comment\n");
    assert!(message.contains("app: is missing"), "{message}");
}

#[test]
fn size_is_looked_at_first() {
    let message = refusal(vec![0xff; 10 << 20]);
    assert!(message.contains("the manifest is 10485760 bytes; the limit is 1048576"), "{message}");
    let full = format!("{WHOLE}#{}", "x".repeat(MAX_MANIFEST - WHOLE.len() - 1));
    assert_eq!(full.len(), MAX_MANIFEST);
    manifest(&full);
}

#[test]
fn what_is_not_text_is_placed() {
    let message = refusal(b"[app]\nname = \"\xff\"\n");
    assert!(message.starts_with("weft.toml:2:9: the manifest is not UTF-8 text"), "{message}");
}

#[test]
fn a_byte_order_mark_and_other_line_ends_are_read() {
    manifest(&format!("\u{feff}{WHOLE}"));
    manifest(&WHOLE.replace('\n', "\r\n"));
}

#[test]
fn deep_nesting_is_refused_however_it_is_written() {
    let dotted = vec!["a"; 79].join(".");
    let both = format!("x = {}1{}", format!("{{{dotted} = ").repeat(78), "}".repeat(78));
    let deep = [
        format!("x = {}{}", "[".repeat(500_000), "]".repeat(500_000)),
        format!("x = {}1{}", "{a=".repeat(1_000), "}".repeat(1_000)),
        format!("x = {}", "[".repeat(1_000)),
        format!("{} = 1", vec!["a"; 500_000].join(".")),
        format!("[{}]", vec!["a"; 1_000].join(".")),
        format!("[[{}]]", vec!["'a'"; 1_000].join(".")),
        both.clone(),
        // Closing with the wrong bracket does not help.
        both.replace("= {", "= {]"),
        both.replace("= {", "= {] "),
        both.replace("= {", "= {]}"),
        "[".repeat(MAX_MANIFEST),
    ];
    for text in deep {
        let message = refusal(&text);
        assert!(message.contains("nested more than 32 deep"), "{}: {message}", &text[..40]);
    }
    // What only looks deep is not.
    let shallow = format!(
        "{WHOLE}\n[[service]]\nname = \"s\"\nowner = \"walker\"\nhealth = [{}\"{}\"]\n",
        "1.5, ".repeat(100),
        "[{".repeat(100)
    );
    manifest(&shallow);
    manifest(&format!("{WHOLE}{}", "# [[[[[[[[[\n".repeat(100)));
}

#[test]
fn large_manifests_are_answered_in_bounded_text() {
    let lines = |line: fn(usize) -> String| (0..30_000).map(line).collect::<String>();
    let hostile = [
        lines(|i| format!("key{i} = 1\n")),
        lines(|i| format!("[section{i}]\n")),
        lines(|_| "[[agent]]\n".to_owned()),
        lines(|i| format!("[[agent]]\nnaem = {i}\n")),
        lines(|_| "a = 1\n".to_owned()),
        lines(|_| "=\n".to_owned()),
        lines(|_| "'\n".to_owned()),
        lines(|_| "\"\"\"\n".to_owned()),
        "\"".repeat(MAX_MANIFEST),
        format!("\"{}\" = 1", "x".repeat(MAX_MANIFEST - 10)),
        format!("[app]\nname = \"{}\"", "x".repeat(MAX_MANIFEST - 20)),
        format!("[app]\nversion = \"{}\"", "1".repeat(MAX_MANIFEST - 30)),
        format!("[[agent]]\nuse = [\"read /fs/{}\"]", "a/".repeat(MAX_MANIFEST / 2 - 30)),
        format!("[[agent]]\nuse = [{}]", "\"x\",".repeat(MAX_MANIFEST / 4 - 20)),
        format!("[[agent]]\nargs = [{}]", "1,".repeat(MAX_MANIFEST / 2 - 20)),
        format!("agent = [{}]", "{name=\"a\"},".repeat(90_000)),
        format!("x = {}", "9".repeat(MAX_MANIFEST - 10)),
        format!("[[agent]]\nargs = {}", "9".repeat(MAX_MANIFEST - 20)),
        format!("[[agent]]\nargs = {}.5e{}", "9".repeat(1000), "9".repeat(1000)),
    ];
    for text in hostile {
        assert!(text.len() <= MAX_MANIFEST);
        let problems = parse("weft.toml", &text).expect_err("it is refused");
        assert!(problems.len() <= MAX_PROBLEMS + 1);
        assert!(shown(&problems).len() < 100_000, "{} bytes for {}", shown(&problems).len(), &text[..40]);
    }
}

#[test]
fn what_is_left_out_of_a_long_list_is_counted() {
    let text: String = (0..500).map(|i| format!("key{i} = 1\n")).collect();
    let message = refusal(text);
    assert!(message.ends_with("402 more problems are not listed"), "{message}");
}

#[test]
fn no_control_code_reaches_a_terminal() {
    let codes = r"\u001b[2J\u0007\r\n\u202e\u0000";
    for (from, to) in [
        ("ends_with", format!("\"{codes}\"")),
        ("\"0.1.0\"", format!("\"{codes}\"")),
        ("\"repo-audit\"", format!("\"{codes}\"")),
        ("\"read /fs/repo/**\"", format!("\"read /fs/{codes}\"")),
        ("\"list /fs/repo/**\"", format!("\"{codes} /fs/x\"")),
        ("\"worker\"", format!("\"{codes}\"")),
        ("[\"untrusted\"]", format!("[\"{codes}\"]")),
        ("\"bin/walker.wasm\" }\nuse", format!("\"{codes}\" }}\nuse")),
        ("\"32MiB\"", format!("\"{codes}\"")),
        ("\"5m\"", format!("\"{codes}\"")),
    ] {
        for problem in parse("weft.toml", &whole_with(from, &to)).expect_err(from) {
            let texts = [problem.key, problem.message, problem.help.unwrap_or_default()].concat();
            let odd = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(!texts.contains(odd) && !texts.contains("\n["), "{from}: {texts:?}");
        }
    }
    // And in the raw text, where syntax errors are found.
    let message = refusal(whole_with("ends_with", "\u{1b}[2J"));
    assert!(!message.contains('\u{1b}'), "{message:?}");
}

/// Runs a text through everything that takes one.
fn all_the_way(text: &str) {
    let Ok(manifest) = parse("weft.toml", text) else { return };
    let manifest = Arc::new(manifest);
    let mut load = |_: &str| Err("nothing here".to_owned());
    let _ = check(
        &manifest,
        &mut Surroundings { natives: None, exists: &exists, unkept: &|_| Vec::new(), load: &mut load },
    );
    let asked: Vec<Right> = asks(&manifest).into_iter().map(|ask| ask.right).take(MAX_ALLOW).collect();
    let mounts = manifest.mounts.iter().map(|mount| mount.name.value.clone());
    let consent = Consent::new(mounts, asked).expect("it is within its limit");
    resolve(&manifest, &consent).expect("everything asked for was given");
    let _ = (unused(&manifest, &consent), needs(&manifest));
}

const PIECES: &[&str] = &[
    "[",
    "]",
    "[[",
    "]]",
    "{",
    "}",
    "=",
    ",",
    ".",
    "\"",
    "'",
    "\"\"\"",
    "'''",
    "#",
    "\n",
    " ",
    "\\",
    "\\u0000",
    "\u{feff}",
    "0x",
    "-",
    "1e9",
    "nan",
    "true",
    "1979-05-27",
    "[app]\n",
    "[[agent]]\n",
    "name = ",
    "use = ",
    "\"read /fs/repo/**\"",
    "*",
    "/",
    "..",
    "é",
];

const NESTING: &[&str] = &[
    "{",
    "{",
    "{",
    "[",
    "}",
    "]",
    "]]",
    "[[",
    "a.a.a.a.a.a.a",
    "'a'.a",
    " = ",
    "=",
    "={",
    "=[",
    ",",
    "\n",
    "1",
    "1.5",
    "\"",
    "'",
    "#",
    "\\",
];

/// How deep tables and lists lie in each other.
fn depth(document: &toml::de::DeTable) -> usize {
    use toml::de::DeValue;
    let mut deepest = 0;
    let mut open: Vec<(usize, &DeValue)> = document.values().map(|value| (1, value.get_ref())).collect();
    while let Some((depth, value)) = open.pop() {
        deepest = deepest.max(depth);
        match value {
            DeValue::Table(table) => open.extend(table.values().map(|value| (depth + 1, value.get_ref()))),
            DeValue::Array(array) => open.extend(array.iter().map(|value| (depth + 1, value.get_ref()))),
            _ => {}
        }
    }
    deepest
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse_bytes("weft.toml", &bytes);
    }

    #[test]
    fn random_pieces_never_panic(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..60)) {
        all_the_way(&pieces.concat());
    }

    #[test]
    fn mutated_manifests_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, prop::sample::select(PIECES)), 1..5),
    ) {
        let mut text = WHOLE.to_owned();
        for (at, cut, piece) in changes {
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).collect();
            let start = places[at.index(places.len())];
            let end = places.iter().copied().find(|end| *end >= start + cut).unwrap_or(text.len());
            text.replace_range(start..end, piece);
        }
        all_the_way(&text);
    }

    /// What passes the guard is shallow as the parser builds it, however broken it is.
    #[test]
    fn the_guard_counts_at_least_what_the_parser_nests(pieces in prop::collection::vec(prop::sample::select(NESTING), 0..400)) {
        let text = pieces.concat();
        if source::too_deep(&text).is_none() {
            let (document, _) = toml::de::DeTable::parse_recoverable(&text);
            // A header nests once more what stands below it.
            prop_assert!(depth(document.get_ref()) <= 2 * MAX_DEPTH + 2, "{text}");
        }
    }

    /// Lines taken out, doubled and put elsewhere give manifests that often still parse.
    #[test]
    fn shuffled_manifests_never_panic(lines in prop::collection::vec(any::<prop::sample::Index>(), 1..60)) {
        let all: Vec<&str> = WHOLE.lines().collect();
        let text: String = lines.iter().map(|i| format!("{}\n", all[i.index(all.len())])).collect();
        all_the_way(&text);
        all_the_way(&format!("{WHOLE}{text}"));
    }
}
