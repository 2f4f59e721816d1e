//! Grows a tree of source files to measure with. The same seed gives the same bytes.
//!
//! The files are those of a mixed repository: mostly code of a few languages, some configuration, prose,
//! lock files full of checksums, data on long lines, and a few that are not text. Sizes are spread as in
//! real repositories, most of them small and a few large. One file in a thousand holds a credential, so
//! that there is something to find, and to compare what was found.

use crate::random::Random;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::Path;

const WORDS: &[&str] = &[
    "account", "array", "bind", "block", "buffer", "build", "byte", "cache", "call", "channel", "check", "chunk",
    "client", "close", "code", "column", "commit", "config", "connect", "context", "copy", "count", "create",
    "current", "data", "decode", "default", "delete", "device", "domain", "driver", "empty", "encode", "entry",
    "error", "event", "expect", "fetch", "field", "file", "filter", "first", "flag", "flush", "format", "frame",
    "group", "handle", "hash", "header", "height", "host", "image", "index", "input", "insert", "item", "job",
    "kernel", "label", "last", "layer", "length", "level", "limit", "line", "list", "load", "local", "lock", "log",
    "map", "mask", "match", "memory", "merge", "message", "method", "mode", "module", "name", "next", "node", "number",
    "object", "offset", "open", "option", "order", "output", "owner", "packet", "page", "parent", "parse", "path",
    "pattern", "peer", "pending", "point", "pool", "port", "print", "process", "query", "queue", "range", "read",
    "record", "region", "remove", "render", "report", "request", "reset", "resource", "response", "result", "return",
    "route", "scan", "scope", "search", "section", "select", "send", "server", "session", "shared", "signal", "size",
    "slot", "socket", "source", "span", "stack", "start", "state", "status", "stop", "store", "stream", "string",
    "table", "target", "task", "test", "thread", "time", "token", "total", "trace", "track", "tree", "type", "update",
    "user", "value", "vector", "version", "view", "wait", "width", "write",
];

const HEX: &str = "0123456789abcdef";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Lines of each language: `@w` is a word, `@s` one in snake case, `@T` a type, `@n` a number, `@p` prose, `@h` a checksum,
/// `@b` base64. How often a line stands here is how often it comes.
const LANGUAGES: &[(&str, u32, &[&str])] = &[
    (
        "rs",
        24,
        &[
            "use crate::@w::{@T, @T};",
            "    let @s = self.@s.@w(@s, @n)?;",
            "    let mut @s: Vec<@T> = Vec::with_capacity(@n);",
            "pub fn @s(&mut self, @w: &@T, @s: usize) -> Result<@T, Error> {",
            "    if @s.is_empty() || @s >= self.@s {",
            "        return Err(Error::@T(format!(\"@p: {@w}\")));",
            "    }",
            "}",
            "",
            "/// @p.",
            "    // @p",
            "    @s: Option<@T>,",
            "        @T::@T { @w, @s } => self.@s(@w, @s),",
            "    self.@s += @n;",
            "#[derive(Clone, Debug, PartialEq)]",
            "pub struct @T {",
            "    assert_eq!(@s, @n, \"@p\");",
            "    match self.@w {",
            "        _ => {}",
        ],
    ),
    (
        "py",
        14,
        &[
            "import @w",
            "from @w.@w import @T, @T",
            "    def @s(self, @w, @s=None):",
            "        self.@s = @s",
            "        if not @s:",
            "            raise @T(\"@p\")",
            "        return [@w for @w in self.@s if @w.@s]",
            "",
            "    # @p",
            "    \"\"\"@p.\"\"\"",
            "        @s = {\"@w\": @s, \"@w\": @n, \"@w\": \"@w\"}",
            "class @T(@T):",
            "        for @w, @w in enumerate(@s):",
            "            @s.append(@w.@s(@n))",
        ],
    ),
    (
        "ts",
        16,
        &[
            "import { @T, @w } from './@w/@w';",
            "export class @T extends @T {",
            "  private readonly @s: @T;",
            "  async @w(@s: @T, @w?: number): Promise<@T> {",
            "    const @s = await this.@s.@w(@w);",
            "    if (@w === undefined) {",
            "      throw new Error(`@p: ${@w}`);",
            "    }",
            "  }",
            "}",
            "",
            "  // @p",
            "    return this.@w.map((@w) => @w.@s);",
            "    this.@s = { ...this.@s, @w: @n, @s: '@w' };",
        ],
    ),
    (
        "go",
        10,
        &[
            "package @w",
            "\t\"github.com/@w/@w/@w\"",
            "func (@w *@T) @T(@w @T, @w int) (*@T, error) {",
            "\tif err != nil {",
            "\t\treturn nil, fmt.Errorf(\"@p: %w\", err)",
            "\t}",
            "}",
            "",
            "// @T @p.",
            "\t@w := @w.@T(@w, @n)",
            "\tfor _, @w := range @w.@T {",
            "\t\t@w.@T = append(@w.@T, @w)",
        ],
    ),
    (
        "c",
        14,
        &[
            "#include \"@s.h\"",
            "#define @s_@w 0x@n",
            "static int @s(struct @s *@w, size_t @s)",
            "{",
            "\tif (@w->@s == NULL)",
            "\t\treturn -EINVAL;",
            "\t@w->@s = @s(@w, @n);",
            "}",
            "",
            "/* @p */",
            " * @p",
            "\tfor (i = 0; i < @s; i++) {",
            "\t\t@w[i] = @s[i] & 0xff;",
            "\tprintk(\"@p: %d\\n\", @s);",
        ],
    ),
    (
        "json",
        6,
        &[
            "  {",
            "    \"@w\": \"@w\",",
            "    \"@s\": @n,",
            "    \"@w\": [\"@w\", \"@w\"],",
            "    \"@w\": \"https://example.org/@w/@w?@w=@n\"",
            "  },",
        ],
    ),
    ("yaml", 4, &["@w:", "  @s: @w", "  @s: @n", "  - name: @p", "    @w: \"@w\"", "# @p"]),
    (
        "md",
        7,
        &["# @p", "", "@p. @p. @p.", "@p, @p; see [@w](./@w/@w.md).", "- @p", "    @w --@w @n", "| @w | @w | @n |"],
    ),
    (
        "lock",
        2,
        &[
            "[[package]]",
            "name = \"@w-@w\"",
            "version = \"@n.0.@n\"",
            "source = \"registry+https://github.com/rust-lang/crates.io-index\"",
            "checksum = \"@h\"",
            "",
        ],
    ),
    (
        "svg",
        1,
        &[
            "<path d=\"M@n @nL@n @nC@n @n @n @n @n @nZ\" fill=\"#@n\"/>",
            "<g id=\"@w\" transform=\"translate(@n,@n)\">",
            "</g>",
            "<image href=\"data:image/png;base64,@b\"/>",
        ],
    ),
    ("min.js", 1, &["function(@w,@w){return @w.@w(@w,@n)}var @w=@w.@w||{};", "if(@w&&@w.@w===@n)@w[@w]=\"@w\";"]),
];

/// Grows `files` files of about `bytes` bytes in all below `folder`, which is made; answers the bytes written.
pub(crate) fn grow(folder: &Path, files: usize, bytes: u64, seed: u64) -> io::Result<u64> {
    let mut random = Random::new(seed);
    let shares: Vec<u32> = LANGUAGES.iter().map(|(_, share, _)| *share).collect();
    let all: u32 = shares.iter().sum();
    let mut written = 0;
    for n in 0..files {
        // As many files to a folder as people put there.
        let place = folder.join(format!("{}/{}", WORDS[n / 400 % WORDS.len()], WORDS[n / 20 % 20 + n / 8000]));
        if n % 20 == 0 {
            fs::create_dir_all(&place)?;
        }
        let mean = (bytes - written.min(bytes)) / (files - n) as u64;
        let size = spread(&mut random, mean as usize);
        let stem = format!("{}_{}_{n}", random.pick(WORDS), random.pick(WORDS));
        let body = if n % 250 == 249 {
            let body = (0..size).map(|_| random.next() as u8).collect();
            fs::write(place.join(format!("{stem}.bin")), &body)?;
            body
        } else {
            let mut at = random.below(all as usize) as u32;
            let language = shares
                .iter()
                .position(|share| {
                    if at < *share {
                        true
                    } else {
                        at -= share;
                        false
                    }
                })
                .unwrap_or(0);
            let (extension, _, lines) = LANGUAGES[language];
            let body = text(&mut random, lines, size, extension != "min.js", n % 1000 == 500).into_bytes();
            fs::write(place.join(format!("{stem}.{extension}")), &body)?;
            body
        };
        written += body.len() as u64;
    }
    Ok(written)
}

/// A size around `mean`: half of the files are smaller than a third of it, one in a hundred is ten times as large.
fn spread(random: &mut Random, mean: usize) -> usize {
    match random.below(100) {
        0 => mean * 10,
        1..=9 => mean * 3 + random.below(mean + 1) * 2,
        10..=49 => mean / 2 + random.below(mean + 1),
        _ => random.below(mean * 2 / 3 + 1),
    }
}

fn text(random: &mut Random, lines: &[&str], size: usize, short: bool, planted: bool) -> String {
    let mut out = String::with_capacity(size + 256);
    let secret = planted.then(|| size / 2);
    let mut told = false;
    while out.len() < size {
        if secret.is_some_and(|at| out.len() >= at && !told) {
            told = true;
            let _ = writeln!(out, "\napi_key = \"{}\"", random.text(ALNUM, 40));
        }
        let line = random.pick(lines);
        fill(random, line, &mut out);
        if short {
            out.push('\n');
        }
    }
    out
}

fn fill(random: &mut Random, line: &str, out: &mut String) {
    let mut parts = line.split('@');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let mut rest = part.chars();
        match rest.next() {
            Some('w') => out.push_str(random.pick(WORDS)),
            Some('s') => {
                out.push_str(random.pick(WORDS));
                for _ in 0..random.below(3) {
                    out.push('_');
                    out.push_str(random.pick(WORDS));
                }
            }
            Some('T') => {
                for _ in 0..1 + random.below(3) {
                    let word = random.pick(WORDS);
                    out.push(word.as_bytes()[0].to_ascii_uppercase() as char);
                    out.push_str(&word[1..]);
                }
            }
            Some('n') => {
                let _ = write!(out, "{}", random.below(1000));
            }
            Some('p') => {
                for n in 0..3 + random.below(9) {
                    out.push_str(if n > 0 { " " } else { "" });
                    out.push_str(random.pick(WORDS));
                }
            }
            Some('h') => out.push_str(&random.text(HEX, 64)),
            Some('b') => out.push_str(&random.text(BASE64, 400)),
            Some(other) => out.push(other),
            None => {}
        }
        out.push_str(rest.as_str());
    }
}
