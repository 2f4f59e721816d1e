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
        ("f.whl", "https://h/f.whl", "normal"),
    ];
    assert_eq!(dependencies("requirements-dev.txt", text), triples(&expected));
    assert_eq!(dependencies("requirements/base.txt", "a\n"), triples(&[("a", "*", "normal")]));
    assert!(scan(&[("x/base.txt", b"a\n"), ("requirements/x/base.txt", b"a\n")]).manifests.is_empty());

    let text = "-e git+https://h/y.git@v1#egg=y\n--editable=git+ssh://git@h/z.git\n-e ./local\ngit+https://h/w@v2#subdirectory=s&egg=w[x]\n";
    let expected = [
        ("w", "git+https://h/w@v2#subdirectory=s&egg=w[x]", "normal"),
        ("y", "git+https://h/y.git@v1#egg=y", "normal"),
        ("z", "git+ssh://…@h/z.git", "normal"),
    ];
    assert_eq!(dependencies("requirements.txt", text), triples(&expected));
}

/// What authenticates is told nowhere, whichever manifest it stands in, however it is written and cut.
#[test]
fn credentials_of_urls_are_not_told() {
    let manifests = [
        (
            "Cargo.toml",
            "[package]\nname = \"URL\"\nlicense = \"URL\"\n[dependencies]\ng = { git = \"URL\", rev = \"v1\" }\np = { path = \"URL\" }\n",
        ),
        ("Cargo.toml", "[workspace.dependencies]\nv = \"URL\"\n[dependencies]\n\"URL\" = \"1\"\n"),
        ("Cargo.toml", "\"URL\" = 1\n\"URL\" = 2\n"),
        (
            "package.json",
            "{\"version\":\"URL\",\"license\":\"URL\",\"dependencies\":{\"a\":\"git+URL\",\"URL\":\"1\"},\"devDependencies\":{\"b\":\"URL\"}}",
        ),
        ("package.json", "\"URL\""),
        ("package.json", "{\"dependencies\":{\"a\":\"x URL y\"}}"),
        (
            "requirements.txt",
            "a @ URL\n-e git+URL#egg=b\nURL\n--editable=URL\nc @ URL ; python_version < '3'\n--index-url URL\n",
        ),
        ("go.mod", "module URL\nrequire URL v1\nrequire h.com/x URL\nreplace h.com/x => URL v1\n"),
        ("go.mod", "URL\n"),
        (
            "pyproject.toml",
            "[project]\nname = \"URL\"\nlicense = \"URL\"\ndependencies = [\"a @ URL\", \"URL\"]\n[project.optional-dependencies]\n\"URL\" = [\"b @ git+URL\"]\n[tool.poetry.dependencies]\nc = \"URL\"\n",
        ),
    ];
    let long = format!("https://u:{}PAZZ@h/x", "a".repeat(300));
    let urls = [
        "https://u:PAZZ@h/x.git",
        "https://PAZZ@h/x",
        "https://h/x?token=PAZZ",
        "https://u:PAZZ@h/x?token=PAZZ#main",
        "https://u:PA/PAZZ@h/x",
        "https://u:PA;PAZZ@h/x",
        "https://u:PA?PAZZ@h/x",
        "https://PA;PAZZ@h/x",
        "//u:PAZZ@h/x",
        long.as_str(),
    ];
    for (path, manifest) in manifests {
        for url in urls {
            let survey = scan(&[(path, manifest.replace("URL", url).as_bytes())]);
            let told = serde_json::to_string(&survey).unwrap();
            assert!(!told.contains("PA") && !told.contains("aaa"), "{url} in {path}: {told}");
        }
    }
    let text = "[dependencies]\ng = { git = \"https://u:PAZZ@h/x?a=b\", rev = \"v1\" }\n";
    assert_eq!(dependencies("Cargo.toml", text), triples(&[("g", "git https://…@h/x?…#v1", "normal")]));
}

/// Each begins as the licence does, and goes on with what it says of others.
#[test]
fn licences_that_name_others() {
    let texts = [
        (
            "GPL-3.0",
            "GNU GENERAL PUBLIC LICENSE\n  Version 3, 29 June 2007\n 13. Use with the GNU Affero General Public License.\n a work licensed under version 3 of the GNU Affero General Public License into a single combined work ... use the GNU Lesser General Public License instead of this License.",
        ),
        (
            "AGPL-3.0",
            "GNU AFFERO GENERAL PUBLIC LICENSE\n Version 3, 19 November 2007\n 13. Remote Network Interaction; Use with the GNU General Public License. under version 3 of the GNU General Public License",
        ),
        (
            "LGPL-3.0",
            "GNU LESSER GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007\n incorporates the terms and conditions of version 3 of the GNU General Public License",
        ),
        (
            "LGPL-2.1",
            "GNU LESSER GENERAL PUBLIC LICENSE\n Version 2.1, February 1999\n the ordinary GNU General Public License, version 2",
        ),
        (
            "LGPL-2.0",
            "GNU LIBRARY GENERAL PUBLIC LICENSE\n Version 2, June 1991\n the ordinary GNU General Public License",
        ),
        (
            "GPL-2.0",
            "GNU GENERAL PUBLIC LICENSE\n Version 2, June 1991\n use the GNU Lesser General Public License instead",
        ),
        ("GPL-2.0", "<h1 class=\"t\">GNU GENERAL PUBLIC LICENSE</h1>\n<p>Version 2, June 1991</p>"),
        ("GPL-1.0", "GNU GENERAL PUBLIC LICENSE\n Version 1, February 1989\n"),
        (
            "GFDL-1.3",
            "GNU Free Documentation License\n Version 1.3, 3 November 2008\n such as the GNU General Public License",
        ),
        (
            "MPL-2.0",
            "Mozilla Public License Version 2.0\n====\n1. Definitions\n 1.12. means either the GNU General Public License, Version 2.0, the GNU Lesser General Public License, Version 2.1, the GNU Affero General Public License, Version 3.0, or any later versions",
        ),
        ("MPL-1.1", "MOZILLA PUBLIC LICENSE\n Version 1.1\n ----\n1. Definitions."),
        (
            "Artistic-1.0-Perl",
            "The \"Artistic License\"\n\n Preamble\n provided that the use of this Package is embedded",
        ),
    ];
    for (licence, text) in texts {
        let survey = scan(&[("LICENSE", text.as_bytes())]);
        assert_eq!(survey.licences.keys().collect::<Vec<_>>(), [licence]);
    }
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
        ("package.json", "{\"a\":", "line 1, column 5: JSON that ends too early"),
        ("package.json", "[]", "line 1, column 0: no object"),
        ("pyproject.toml", "a = \n", "line 1"),
        ("go.mod", "garbage\n", "module"),
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

/// A secret is told by nothing that the inventory says of a file, wherever it stands in it.
#[test]
fn secrets_in_manifests_are_not_told() {
    let live = ["sk_", "live_", "aZ9kQ2mX7pLw4vBtR6yN1cHd"].concat();
    let dashed = live.replace('_', "-");
    let random = "uwTGdluysEGLMlITEbpNHDUs";
    let mixed = "kX9sPq2mLw7tRz4v";
    for secret in [live.as_str(), dashed.as_str(), random, mixed, "0f1e2d3c4b5a69788796a5b4c3d2e1f0"] {
        for (path, manifest) in [
            ("requirements.txt", "STRIPE_KEY=SECRET\nrequests==2\n"),
            ("requirements/notes.txt", "token: SECRET\nSECRET\napi_key = SECRET\nx @ https://h/SECRET/x.whl\n"),
            ("package.json", "\"SECRET\""),
            (
                "package.json",
                "{\"name\":\"SECRET\",\"version\":\"SECRET\",\"license\":\"SECRET\",\"dependencies\":{\"a\":\"SECRET\",\"SECRET\":\"1\"}}",
            ),
            ("package.json", "{\"dependencies\":{\"a\": SECRET}}"),
            ("package.json", "{\"a\": 1, \"SECRET\"}"),
            (
                "Cargo.toml",
                "[package]\nname = \"SECRET\"\nversion = \"SECRET\"\nlicense = \"SECRET\"\n[dependencies]\na = \"SECRET\"\nSECRET = \"1\"\nb = { path = \"SECRET\" }\n",
            ),
            ("Cargo.toml", "[SECRET]\nx = 1\nx = 2\n[SECRET]\n"),
            ("Cargo.toml", "SECRET\n"),
            (
                "pyproject.toml",
                "[project]\nname = \"SECRET\"\nlicense = \"SECRET\"\ndependencies = [\"SECRET\", \"a==SECRET\"]\n[dependency-groups]\nSECRET = [\"x\"]\n",
            ),
            ("go.mod", "module SECRET\nrequire SECRET v1\nrequire h.com/x SECRET\n"),
            ("x.rs", "// SPDX-License-Identifier: SECRET\n"),
        ] {
            let told = serde_json::to_string(&scan(&[(path, manifest.replace("SECRET", secret).as_bytes())])).unwrap();
            assert!(!told.contains(&secret[8..]), "{path}: {told}");
        }
    }
    // Of a telling name, nothing that is no version.
    let expected = [("db_password", "(not shown)", "normal"), ("token", "==1.2", "normal")];
    assert_eq!(dependencies("requirements.txt", "db_password=correcthorse\ntoken==1.2\n"), triples(&expected));
    // Nor of what is too long for a name.
    for (length, requirement) in [(300, "correct horse"), (400, "(not shown)")] {
        let manifest = format!("[dependencies]\n{} = \"correct horse\"\n", "horse-".repeat(length / 6));
        assert_eq!(dependencies("Cargo.toml", &manifest)[0].1, requirement);
    }
}

#[test]
fn what_manifests_say_is_told() {
    let go = "module h.com/x\nrequire h.com/a v0.0.0-20240102030405-0123456789ab // indirect\n";
    assert_eq!(dependencies("go.mod", go), triples(&[("h.com/a", "v0.0.0-20240102030405-0123456789ab", "indirect")]));
    let revision = "0123456789abcdef0123456789abcdef01234567";
    for (name, requirement) in [
        ("windows_x86_64_gnullvm", "=0.53.1".to_owned()),
        ("@typescript-eslint/eslint-plugin", "^5.0.0 || ^6.0.0-alpha.1+build".to_owned()),
        ("x", "npm:@scope/name@^1.2.3".to_owned()),
        ("x", "workspace:*".to_owned()),
        ("x", format!("git+https://github.com/a/b.git#{revision}")),
        ("x", format!("github:a/b#{revision}")),
        ("jsonwebtoken", "9".to_owned()),
        ("secrecy", ">=1.0, <2".to_owned()),
    ] {
        let text = serde_json::json!({ "dependencies": { name: requirement } }).to_string();
        assert_eq!(dependencies("package.json", &text), triples(&[(name, &requirement, "normal")]));
    }
}

/// However many licences there are, and however long the paths, the inventory stays small.
#[test]
fn licences_and_manifests_are_bounded_in_bytes() {
    let deep = "n".repeat(900);
    let mut inventory = Inventory::new();
    let mut add = |path: String, text: &str| {
        inventory.begin(&path);
        inventory.push(text.as_bytes(), true);
    };
    for n in 0..12_000 {
        add(format!("{n}.c"), &format!("// SPDX-License-Identifier: Lic-{n}-A\n"));
    }
    for n in 0..20_000 {
        add(
            format!("{deep}/{n}/package.json"),
            &format!("{{\"license\":\"L-{}\",\"dependencies\":{{\"a\":\"1\"}}}}", n % 400),
        );
    }
    let survey = inventory.finish();
    assert_eq!(survey.licences.len(), MOST_LICENCES);
    assert_eq!(survey.omitted_licences, 12_000 - MOST_LICENCES as u64 + 20_000);
    assert!(survey.omitted > 0 && survey.omitted as usize + 2 * survey.manifests.len() == 40_000);
    let bytes = serde_json::to_vec(&survey).unwrap().len();
    assert!(bytes < 20 << 20, "{bytes}");

    let mut inventory = Inventory::new();
    for n in 0..20_000 {
        inventory.begin(&format!("{deep}/{n}/package.json"));
        inventory.push(format!("{{\"license\":\"L-{}\"}}", n % 400).as_bytes(), true);
    }
    let licences = serde_json::to_vec(&inventory.finish().licences).unwrap().len();
    assert!(licences < 5 << 20, "{licences}");
}
