//! A random tree with planted items, and what an audit of it has to say.

use super::credential::{self, KINDS};
use super::random::Random;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;

/// Path, line (0 for none), kind.
pub(super) type Found = BTreeSet<(String, u64, String)>;

/// What was planted.
#[derive(Default)]
pub(super) struct Planted {
    pub(super) secrets: Found,
    pub(super) defects: Found,
    /// Manifests by path: kind, and dependencies as name, requirement, scope.
    pub(super) manifests: BTreeMap<String, (&'static str, BTreeSet<[String; 3]>)>,
    /// Licences by name: how many headers, then the texts and manifests.
    pub(super) licences: BTreeMap<&'static str, (u64, Vec<String>)>,
    /// What must not be shown anywhere.
    pub(super) values: Vec<String>,
    /// Regular files.
    pub(super) files: u64,
}

/// Lines that hold nothing, in the manner of several languages; some look like something.
const FILLER: &[&str] = &[
    "use std::collections::BTreeMap;",
    "    let value = self.next_token()?;",
    "fn parse(input: &str) -> Result<Token, Error> {",
    "}",
    "",
    "// A comment about passwords and tokens.",
    "    password: String,",
    "    return { token: null, secret: undefined };",
    "import os, sys",
    "token = os.environ[\"TOKEN\"]",
    "key: value",
    "- name: build the thing",
    "checksum = \"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"",
    "api_key = \"your-api-key-here\"",
    "password = \"changeme\"",
    "export API_KEY=${API_KEY}",
    "https://user:password@example.com/path",
    "AKIAIOSFODNN7EXAMPLE",
    "Title",
    "=======",
    "let id = \"550e8400-e29b-41d4-a716-446655440000\";",
    "#include <stdio.h>",
    "\tif err != nil {",
    "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
    "Grüße aus Köln, 世界",
    "const HEADER: &str = \"-----BEGIN PRIVATE KEY-----\";",
    "https://example.org/items?page=2&token=next&sort=name",
    "background: url(data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4)",
    "assert_eq!(a, b);",
];

const NAMES: &[&str] =
    &["rs", "py", "js", "ts", "yaml", "md", "txt", "go", "toml", "dat", "sh", "java", "c", "json", "env", "unknown"];

/// A file that is being written, and what was planted in it.
struct File<'p> {
    planted: &'p mut Planted,
    path: String,
    bytes: Vec<u8>,
    line: u64,
    end: &'static str,
}

impl<'p> File<'p> {
    fn new(planted: &'p mut Planted, path: &str) -> File<'p> {
        File { planted, path: path.to_owned(), bytes: Vec::new(), line: 1, end: "\n" }
    }

    fn text(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
    }

    fn next_line(&mut self) {
        self.text(self.end);
        self.line += 1;
    }

    fn filler(&mut self, random: &mut Random, lines: usize) {
        for _ in 0..lines {
            self.text(random.pick(FILLER));
            self.next_line();
        }
    }

    fn credential(&mut self, random: &mut Random, kind: usize) {
        let credential = credential::any(random, kind);
        self.text(&credential.text);
        self.planted.secrets.insert((self.path.clone(), self.line, credential.kind.to_owned()));
        self.planted.values.push(credential.secret);
    }

    fn private_key(&mut self, random: &mut Random) {
        let (lines, kind) = credential::private_key(random);
        self.planted.secrets.insert((self.path.clone(), self.line, kind.to_owned()));
        for line in &lines {
            self.text(line);
            self.next_line();
        }
        // The last but one is shorter, the one before it is whole.
        self.planted.values.push(lines[lines.len() - 3].clone());
    }

    fn conflict(&mut self) {
        self.planted.defects.insert((self.path.clone(), self.line, "merge-conflict".to_owned()));
        for line in ["<<<<<<< HEAD", "ours", "=======", "theirs", ">>>>>>> topic"] {
            self.text(line);
            self.next_line();
        }
    }

    fn invalid_utf8(&mut self) {
        self.planted.defects.insert((self.path.clone(), self.line, "invalid-utf8".to_owned()));
        self.bytes.extend_from_slice(b"caf\xe9 ");
    }

    fn write(self, root: &Path) {
        write(root, &self.path, &self.bytes);
        self.planted.files += 1;
    }
}

fn write(root: &Path, path: &str, bytes: &[u8]) {
    let at = root.join(path);
    fs::create_dir_all(at.parent().unwrap()).unwrap();
    fs::write(at, bytes).unwrap();
}

/// Grows a tree at `root`. `large`: with files that are larger than any guest's memory.
pub(super) fn grow(root: &Path, seed: u64, large: bool) -> Planted {
    let mut random = Random::new(seed);
    let mut planted = Planted::default();
    ordinary(root, &mut random, &mut planted);
    awkward(root, &mut random, &mut planted);
    dense(root, &mut random, &mut planted);
    entries(root, &mut planted);
    manifests(root, &mut random, &mut planted);
    licences(root, &mut planted);
    if large {
        huge(root, &mut random, &mut planted);
    }
    planted
}

/// Files as they are, with something here and there; every kind comes at least twice.
fn ordinary(root: &Path, random: &mut Random, planted: &mut Planted) {
    let mut kind = 0;
    for n in 0..48 {
        let name = format!("src/dir{}/file{n}.{}", n % 5, random.pick(NAMES));
        let mut file = File::new(planted, &name);
        let mut broken = false;
        for _ in 0..6 {
            let lines = random.below(80);
            file.filler(random, lines);
            match random.below(9) {
                0 => file.private_key(random),
                1 if !name.ends_with("toml") => file.conflict(),
                2 if !broken => {
                    broken = true;
                    file.invalid_utf8();
                    file.credential(random, kind % KINDS);
                    kind += 1;
                    file.next_line();
                }
                _ => {
                    file.text(random.pick(&["", "    ", "\t", "// ", "# "]));
                    file.credential(random, kind % KINDS);
                    kind += 1;
                    file.next_line();
                }
            }
        }
        file.write(root);
    }
    assert!(kind >= 2 * KINDS, "{kind}");
}

/// At the first byte, at the last, alone, with other line ends, on endless lines, in names that are hard to say.
fn awkward(root: &Path, random: &mut Random, planted: &mut Planted) {
    for kind in 0..KINDS {
        let mut file = File::new(planted, &format!("ends/{kind}.txt"));
        file.credential(random, kind);
        file.next_line();
        file.filler(random, 3);
        file.credential(random, kind);
        file.write(root);
        let mut file = File::new(planted, &format!("alone/{kind}.conf"));
        file.credential(random, kind);
        file.write(root);
    }
    let mut file = File::new(planted, "ends/key.pem");
    file.private_key(random);
    file.bytes.pop();
    file.write(root);
    let mut file = File::new(planted, "windows/settings.ini");
    file.end = "\r\n";
    for kind in 0..KINDS {
        file.filler(random, 2);
        file.credential(random, kind);
        file.next_line();
    }
    file.private_key(random);
    file.conflict();
    file.write(root);
    // Longer than what is seen of a line at once, with something to either side of every cut.
    let mut file = File::new(planted, "dist/bundle.min.js");
    for n in 0..4_000 {
        file.credential(random, n % KINDS);
        file.text(random.pick(&[" , ", " ;[1,2] ", "  "]));
    }
    file.next_line();
    file.credential(random, 0);
    file.next_line();
    file.write(root);
    let mut file = File::new(planted, "dist/data.json");
    file.text(&"[1,2],".repeat(20_000 + random.below(50_000)));
    file.credential(random, 9);
    file.text(&"[3,4],".repeat(random.below(50_000)));
    file.write(root);
    // No text, and still a token in it.
    let mut file = File::new(planted, "bin/image.dat");
    file.bytes.extend((0..5_000u32).flat_map(u32::to_le_bytes).filter(|b| *b != b'\n'));
    file.credential(random, 2);
    file.bytes.extend([0; 500]);
    file.write(root);
    for name in ["with space/über uns.rs", "odd/100%.md", "odd/a|b`c.md", "odd/-rf.sh"] {
        let mut file = File::new(planted, name);
        let kind = random.below(KINDS);
        file.credential(random, kind);
        file.next_line();
        file.write(root);
    }
    // A name that is not UTF-8 is told as the kernel writes it.
    let mut file = File::new(planted, "odd/caf%E9.rs");
    file.credential(random, 4);
    fs::write(root.join("odd").join(OsStr::from_bytes(b"caf\xe9.rs")), &file.bytes).unwrap();
    planted.files += 1;
}

/// More than a batch of nothing but credentials: wherever the walker cuts, it cuts through one or beside it.
fn dense(root: &Path, random: &mut Random, planted: &mut Planted) {
    let mut file = File::new(planted, "dense/leaked.txt");
    for n in 0..9_000 {
        file.credential(random, n % KINDS);
        file.next_line();
        if n % 200 == 0 {
            file.private_key(random);
        }
    }
    assert!(file.bytes.len() > 540_000);
    file.write(root);
}

/// What is no file, and what should be none.
fn entries(root: &Path, planted: &mut Planted) {
    let at = root.join("links");
    fs::create_dir(&at).unwrap();
    symlink("../src", at.join("fine")).unwrap();
    symlink("missing", at.join("broken")).unwrap();
    symlink("loop", at.join("loop")).unwrap();
    symlink("/etc/passwd", at.join("outside")).unwrap();
    // That one leads out is counted, and no defect: see `scanned.outside_links`.
    for name in ["broken", "loop"] {
        planted.defects.insert((format!("links/{name}"), 0, "broken-link".to_owned()));
    }
    assert!(std::process::Command::new("mkfifo").arg(at.join("fifo")).status().unwrap().success());
    planted.defects.insert(("links/fifo".to_owned(), 0, "special-file".to_owned()));
    let file = fs::File::create(root.join("large.img")).unwrap();
    file.set_len(10 * 1024 * 1024 + 1).unwrap();
    planted.files += 1;
    planted.defects.insert(("large.img".to_owned(), 0, "large-file".to_owned()));
}

fn manifests(root: &Path, random: &mut Random, planted: &mut Planted) {
    let v: Vec<String> = (0..8).map(|_| random.version()).collect();
    // In dependencies' URLs, where the inventory prints what stands around them: file and line.
    let p: Vec<String> = (0..4).map(|_| credential::password(random)).collect();
    for (password, (path, line)) in
        p.iter().zip([("m/Cargo.toml", 8), ("m/package.json", 1), ("m/requirements.txt", 5), ("m/pyproject.toml", 3)])
    {
        planted.secrets.insert((path.to_owned(), line, "url-password".to_owned()));
        planted.values.push(password.clone());
    }
    let texts = [
        (
            "m/Cargo.toml",
            "cargo",
            format!(
                "[package]\nname = \"m\"\nversion = \"{}\"\nlicense = \"MPL-2.0\"\n[dependencies]\nserde = \"{}\"\nnear = {{ path = \"../near\" }}\nown = {{ git = \"https://u:{}@git.internal/own\" }}\n[dev-dependencies]\nproptest = {{ version = \"{}\" }}\n",
                v[0], v[1], p[0], v[2]
            ),
            vec![
                ["serde", &v[1], "normal"],
                ["near", "path ../near", "normal"],
                ["own", "git https://…@git.internal/own", "normal"],
                ["proptest", &v[2], "dev"],
            ],
        ),
        (
            "m/package.json",
            "npm",
            format!(
                "{{\"name\": \"m\", \"version\": \"{}\", \"dependencies\": {{\"left-pad\": \"^{}\", \"own\": \"git+https://bot:{}@git.internal/own\"}}, \"devDependencies\": {{\"esbuild\": \"{}\"}}}}",
                v[0], v[3], p[1], v[4]
            ),
            vec![
                ["left-pad", "^", "normal"],
                ["own", "git+https://…@git.internal/own", "normal"],
                ["esbuild", &v[4], "dev"],
            ],
        ),
        (
            "m/requirements.txt",
            "requirements",
            format!(
                "# what it needs\nrequests[socks]>={}  # http\n-r other.txt\nflask=={}\n-e git+https://oauth2:{}@git.internal/own.git#egg=own\n",
                v[5], v[6], p[2]
            ),
            vec![
                ["requests", ">=", "normal"],
                ["flask", "==", "normal"],
                ["own", "git+https://…@git.internal/own.git#egg=own", "normal"],
            ],
        ),
        (
            "m/pyproject.toml",
            "pyproject",
            format!(
                "[project]\nname = \"m\"\ndependencies = [\"httpx>={}\", \"own @ https://u:{}@git.internal/own.whl\"]\n[build-system]\nrequires = [\"hatchling\"]\n",
                v[7], p[3]
            ),
            vec![
                ["httpx", ">=", "normal"],
                ["own", "https://…@git.internal/own.whl", "normal"],
                ["hatchling", "*", "build"],
            ],
        ),
        (
            "m/go.mod",
            "go",
            format!(
                "module example.org/m\n\ngo 1.22\n\nrequire (\n\tgolang.org/x/net v{}\n\tgolang.org/x/text v{} // indirect\n)\n",
                v[1], v[2]
            ),
            vec![["golang.org/x/net", "v", "normal"], ["golang.org/x/text", "v", "indirect"]],
        ),
    ];
    // What a requirement of one sign stands for: the sign before this manifest's version.
    let versions = [
        ("left-pad", &v[3]),
        ("requests", &v[5]),
        ("flask", &v[6]),
        ("httpx", &v[7]),
        ("golang.org/x/net", &v[1]),
        ("golang.org/x/text", &v[2]),
    ];
    for (path, kind, text, dependencies) in texts {
        write(root, path, text.as_bytes());
        planted.files += 1;
        let whole = |[name, requirement, scope]: [&str; 3]| {
            let version = versions.iter().find(|(of, _)| *of == name).map_or("", |(_, version)| version);
            [name.to_owned(), format!("{requirement}{version}"), scope.to_owned()]
        };
        planted.manifests.insert(path.to_owned(), (kind, dependencies.into_iter().map(whole).collect()));
    }
    planted.licences.insert("MPL-2.0", (0, vec!["m/Cargo.toml".to_owned()]));
}

fn licences(root: &Path, planted: &mut Planted) {
    for n in 0..3 {
        write(
            root,
            &format!("lic/{n}.c"),
            b"// SPDX-License-Identifier: GPL-2.0-only WITH Linux-syscall-note\nint main(void);\n",
        );
    }
    let mit = "Permission is hereby granted, free of charge, to any person obtaining a copy of this software, to deal in\nthe Software without restriction. The above copyright notice and this permission notice shall be included.\n";
    write(root, "LICENSE", mit.as_bytes());
    planted.files += 4;
    planted.licences.insert("GPL-2.0-only WITH Linux-syscall-note", (3, vec![]));
    planted.licences.insert("MIT", (0, vec!["LICENSE".to_owned()]));
}

/// Larger than the memory of any agent, with something at its start, all through it, and at its end.
fn huge(root: &Path, random: &mut Random, planted: &mut Planted) {
    let mut file = File::new(planted, "huge/dump.sql");
    let block = "INSERT INTO item VALUES (1, 'a row like many others', NULL);\n".repeat(1024);
    for n in 0..2_200 {
        file.credential(random, n % KINDS);
        file.next_line();
        file.text(&block);
        file.line += 1024;
    }
    file.private_key(random);
    file.credential(random, 2);
    assert!(file.bytes.len() > 128 << 20);
    file.planted.defects.insert(("huge/dump.sql".to_owned(), 0, "large-file".to_owned()));
    file.write(root);
}
