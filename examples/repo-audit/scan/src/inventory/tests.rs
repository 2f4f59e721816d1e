//! Languages, lines, licences and manifests.

use super::*;

fn scan(files: &[(&str, &[u8])]) -> Survey {
    let mut inventory = Inventory::new();
    for (path, bytes) in files {
        inventory.begin(path);
        inventory.push(bytes, true);
    }
    inventory.finish()
}

fn manifest(path: &str, text: &str) -> Manifest {
    scan(&[(path, text.as_bytes())]).manifests.pop().unwrap_or_default()
}

fn dependencies(path: &str, text: &str) -> Vec<(String, String, String)> {
    let manifest = manifest(path, text);
    assert_eq!(manifest.problem, None);
    manifest.dependencies.into_iter().map(|d| (d.name, d.requirement, d.scope)).collect()
}

fn triples(expected: &[(&str, &str, &str)]) -> Vec<(String, String, String)> {
    expected.iter().map(|(a, b, c)| ((*a).to_owned(), (*b).to_owned(), (*c).to_owned())).collect()
}

#[test]
fn languages_and_lines() {
    let survey = scan(&[
        ("a.rs", b"a\nb\n"),
        ("b.rs", b"a\nb"),
        ("c.py", b""),
        ("d", b"x"),
        ("e.png", b"\x89PNG"),
        ("f.rs", b"a\0b"),
    ]);
    let tally = |files, lines, bytes| Tally { files, lines, bytes };
    assert_eq!(survey.languages["Rust"], tally(2, 4, 7));
    assert_eq!(survey.languages["Python"], tally(1, 0, 0));
    assert_eq!(survey.languages["other"], tally(1, 1, 1));
    assert_eq!(survey.binary, tally(2, 0, 7));
}

#[test]
fn licences() {
    let mit = b"MIT License\n\nPermission is hereby granted, free of charge, to any person... The above copyright notice and this permission notice shall be included";
    let survey = scan(&[
        ("LICENSE-MIT", mit),
        ("vendor/x/COPYING", b"GNU GENERAL PUBLIC LICENSE\n   Version 3, 29 June 2007\n"),
        (
            "LICENSE",
            b"                              Apache License\n                        Version 2.0, January 2004\n",
        ),
        ("a.rs", b"// SPDX-License-Identifier: MIT OR Apache-2.0\nfn main() {}\n"),
        ("b.c", b"/* SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note */\n"),
        ("c.html", b"<!-- SPDX-License-Identifier: CC0-1.0 -->\n"),
        ("d.rs", b"const TAG: &str = \"SPDX-License-Identifier: {}\";\n"),
        ("e.rs", b"// SPDX-License-Identifier: (MIT AND BSD-3-Clause)\n"),
        ("licenses.rs", mit),
        ("Cargo.toml", b"[package]\nname = \"x\"\nlicense = \"MPL-2.0\"\n"),
    ]);
    let keys: Vec<&str> = survey.licences.keys().map(String::as_str).collect();
    assert_eq!(
        keys,
        [
            "(MIT AND BSD-3-Clause)",
            "Apache-2.0",
            "CC0-1.0",
            "GPL-2.0-only WITH Linux-syscall-note",
            "GPL-3.0",
            "MIT",
            "MIT OR Apache-2.0",
            "MPL-2.0"
        ]
    );
    assert_eq!(survey.licences["MIT"].texts, ["LICENSE-MIT"]);
    assert_eq!(survey.licences["MIT OR Apache-2.0"].headers, 1);
    assert_eq!(survey.licences["MPL-2.0"].manifests, ["Cargo.toml"]);
}

#[test]
fn cargo() {
    let text = r#"
        [package]
        name = "x"
        version = "0.1.0"
        [dependencies]
        a = "1"
        b = { version = "2.0", features = ["f"] }
        c.workspace = true
        d = { git = "https://h/d", rev = "abc" }
        e = { path = "../e" }
        renamed = { package = "f", version = "3" }
        [dependencies.g]
        version = "4"
        [dev-dependencies]
        h = "5"
        [build-dependencies]
        i = "6"
        [target.'cfg(unix)'.dependencies]
        j = "7"
        [workspace.dependencies]
        k = "8"
    "#;
    let expected = [
        ("i", "6", "build"),
        ("h", "5", "dev"),
        ("a", "1", "normal"),
        ("b", "2.0", "normal"),
        ("c", "workspace", "normal"),
        ("d", "git https://h/d#abc", "normal"),
        ("e", "path ../e", "normal"),
        ("f", "3", "normal"),
        ("g", "4", "normal"),
        ("j", "7", "normal"),
        ("k", "8", "workspace"),
    ];
    assert_eq!(dependencies("x/Cargo.toml", text), triples(&expected));
    let manifest = manifest("Cargo.toml", text);
    assert_eq!(
        (manifest.name.as_deref(), manifest.version.as_deref(), manifest.kind.as_str()),
        (Some("x"), Some("0.1.0"), "cargo")
    );
}

#[test]
fn npm() {
    let text = r#"{"name":"x","version":"1.0.0","license":"ISC","dependencies":{"a":"^1","@s/b":"~2"},"devDependencies":{"c":"*"},"peerDependencies":{"d":">=3"}}"#;
    let expected = [("c", "*", "dev"), ("@s/b", "~2", "normal"), ("a", "^1", "normal"), ("d", ">=3", "peer")];
    assert_eq!(dependencies("package.json", text), triples(&expected));
}

#[test]
fn requirements() {
    let text = "# c\na==1.0\nB[x,y] >=2,<3 ; python_version < '3.9'  # why\n-r other.txt\n--index-url https://h\nc @ https://h/c.whl\nd==4 --hash=sha256:00 \\\n  --hash=sha256:11\ne\nhttps://h/f.whl\n./local\n";
    let expected = [
        ("B", ">=2,<3", "normal"),
        ("a", "==1.0", "normal"),
        ("c", "https://h/c.whl", "normal"),
        ("d", "==4", "normal"),
        ("e", "*", "normal"),
    ];
    assert_eq!(dependencies("requirements-dev.txt", text), triples(&expected));
}

#[test]
fn pyproject() {
    let text = r#"
        [build-system]
        requires = ["hatchling>=1"]
        [project]
        name = "x"
        version = "1"
        license = "MIT"
        dependencies = ["a>=1", "b[c]~=2.0"]
        [project.optional-dependencies]
        docs = ["sphinx"]
        [dependency-groups]
        test = ["pytest>7", {include-group = "docs"}]
        [tool.poetry.dependencies]
        python = "^3.9"
        d = "^4"
        [tool.poetry.group.dev.dependencies]
        e = {version = "5"}
    "#;
    let expected = [
        ("hatchling", ">=1", "build"),
        ("e", "5", "dev"),
        ("sphinx", "*", "docs"),
        ("a", ">=1", "normal"),
        ("b", "~=2.0", "normal"),
        ("d", "^4", "normal"),
        ("pytest", ">7", "test"),
    ];
    assert_eq!(dependencies("pyproject.toml", text), triples(&expected));
}

#[test]
fn go() {
    let text = "module h.com/x\n\ngo 1.22\n\nrequire h.com/a v1.2.3\nrequire (\n\th.com/b v0.1.0 // indirect\n\th.com/c v2.0.0+incompatible\n)\n\nreplace (\n\th.com/a => ../a\n)\nexclude h.com/d v1.0.0\n";
    let expected = [
        ("h.com/b", "v0.1.0", "indirect"),
        ("h.com/a", "v1.2.3", "normal"),
        ("h.com/c", "v2.0.0+incompatible", "normal"),
    ];
    assert_eq!(dependencies("go.mod", text), triples(&expected));
    assert_eq!(manifest("go.mod", text).name.as_deref(), Some("h.com/x"));
}

#[test]
fn broken_manifests_say_why() {
    for (path, text, why) in [
        ("Cargo.toml", "[package\n", "line 1"),
        ("package.json", "{\"a\":", "EOF"),
        ("package.json", "[]", "invalid type"),
        ("pyproject.toml", "a = \n", "line 1"),
        ("Cargo.toml", &format!("a = {}", "[".repeat(100_000)), "line 1"),
        ("package.json", &"[".repeat(100_000), ""),
        ("Cargo.toml", &"#".repeat(LARGEST_MANIFEST + 1), "larger than"),
    ] {
        let problem = manifest(path, text).problem.unwrap_or_default();
        assert!(!problem.is_empty() && problem.contains(why), "{path}: {problem}");
    }
    let survey = scan(&[("Cargo.toml", b"a = \"\xff\"")]);
    assert_eq!(survey.manifests[0].problem.as_deref(), Some("not UTF-8"));
}

#[test]
fn dependencies_are_bounded() {
    let many: String = (0..30_000).map(|n| format!("p{n}==1\n")).collect();
    let survey = scan(&[
        ("a/requirements.txt", many.as_bytes()),
        ("b/requirements.txt", many.as_bytes()),
        ("c/requirements.txt", many.as_bytes()),
    ]);
    let kept: usize = survey.manifests.iter().map(|m| 1 + m.dependencies.len()).sum();
    assert_eq!(kept, MOST_DEPENDENCIES);
    assert_eq!(survey.omitted as usize + kept, 3 * 30_001);
}
