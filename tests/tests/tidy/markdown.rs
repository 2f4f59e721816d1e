//! What the documents tell a reader to do can be done, as far as the tree shows.

use crate::code::Code;
use crate::{Problem, Tree};

/// Programs that a reader has, or gets from the tools that a document names. What they do with their
/// arguments is not looked at, except that a path into this tree must exist.
const PROGRAMS: [&str; 17] = [
    "apt-get", "bash", "cat", "cd", "cp", "curl", "docker", "export", "git", "ls", "mkdir", "node", "npm", "npx",
    "python3", "rustup", "sh",
];

/// Commands of the README exist: programs, subcommands and flags of `weft`, steps of the test command,
/// packages, and files. A block counts as commands if it is marked `sh` or `console`, or if its lines
/// start with one of ours; in `console` those after `$ ` do.
pub(crate) fn readme_commands_exist(tree: &Tree) -> Vec<Problem> {
    let path = "README.md";
    let weft = Cli::read(tree);
    let mut problems = Vec::new();
    for (line, command) in commands(tree.get(path).unwrap_or_default()) {
        let words: Vec<&str> = command.split_whitespace().skip_while(|word| is_assignment(word)).collect();
        problems.extend(check(tree, &weft, &words).into_iter().map(|what| Problem::new(path, line, what)));
    }
    problems
}

fn is_assignment(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
}

/// Commands with the line each starts on: continued lines joined, chains and pipes apart, comments off.
fn commands(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut fence: Option<&str> = None;
    let mut lines = text.lines().enumerate();
    while let Some((i, line)) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language.trim()) };
            continue;
        }
        let written = match fence {
            Some("sh" | "bash" | "shell") => Some(line.trim()),
            Some("console") => line.trim().strip_prefix("$ "),
            Some("" | "text") => ours(line.trim()),
            Some(_) => None,
            None => line.strip_prefix("    ").and_then(|line| ours(line.trim())),
        };
        let Some(first) = written.filter(|line| !line.is_empty() && !line.starts_with('#')) else { continue };
        let mut command = first.to_owned();
        while command.ends_with('\\') {
            command.pop();
            let Some((_, next)) = lines.next() else { break };
            command.push_str(next.trim());
        }
        let command = command.split(" #").next().unwrap_or_default().replace("&&", "|").replace("||", "|");
        found.extend(command.split('|').map(|part| (i + 1, part.trim().to_owned())));
    }
    found
}

/// The line, if it starts with a command of ours.
fn ours(line: &str) -> Option<&str> {
    let line = line.strip_prefix("$ ").unwrap_or(line);
    let first = line.split_whitespace().find(|word| !is_assignment(word))?;
    (["cargo", "weft"].contains(&first) || first.ends_with("tests/ci.sh")).then_some(line)
}

/// What is wrong with one command.
fn check(tree: &Tree, weft: &Cli, words: &[&str]) -> Option<String> {
    let (program, arguments) = words.split_first()?;
    let known = match *program {
        "cargo" => match arguments.iter().position(|word| *word == "--") {
            Some(dashes) if arguments[0] == "run" => weft.check(&arguments[dashes + 1..]),
            _ => package(tree, arguments),
        },
        _ if program.rsplit('/').next() == Some("weft") => weft.check(arguments),
        _ if program.ends_with("tests/ci.sh") => steps(tree, arguments),
        _ if program.contains('/') && tree.exists(program) => None,
        _ if PROGRAMS.contains(program) => match (*program, arguments.first()) {
            ("bash" | "sh", Some(script)) if script.ends_with("tests/ci.sh") => steps(tree, &arguments[1..]),
            _ => None,
        },
        _ => Some(format!("`{program}`: no such program is known")),
    };
    known.or_else(|| lost_path(tree, words))
}

/// An argument that looks like a path into the tree and leads nowhere.
fn lost_path(tree: &Tree, words: &[&str]) -> Option<String> {
    let folders = ["examples/", "tests/", "kernel-core/", "platform-", "pkg/", "www/"];
    let inside = |word: &str| folders.iter().any(|folder| word.starts_with(folder)) && word.contains('/');
    let parts = words.iter().map(|word| word.rsplit('=').next().unwrap_or(word));
    let lost = parts.filter(|word| inside(word)).find(|word| !tree.exists(word))?;
    Some(format!("`{lost}` does not exist"))
}

/// `-p NAME` and `--example NAME`s of cargo.
fn package(tree: &Tree, arguments: &[&str]) -> Option<String> {
    let name = arguments.windows(2).find(|two| matches!(two[0], "-p" | "--package"))?[1];
    let declared = tree.files("", "Cargo.toml").any(|(_, text)| text.contains(&format!("name = \"{name}\"")));
    (!declared).then(|| format!("no package is called `{name}`"))
}

/// Steps of the test command: each is a function there.
fn steps(tree: &Tree, arguments: &[&str]) -> Option<String> {
    let script = tree.get("tests/ci.sh").unwrap_or_default();
    let lost = arguments
        .iter()
        .find(|step| !step.starts_with('-') && !script.lines().any(|line| line == format!("step_{step}() {{")))?;
    Some(format!("tests/ci.sh has no step `{lost}`"))
}

/// What the command line of `weft` understands, as its source declares it.
struct Cli {
    /// Variants of every enum that derives `Subcommand`, as they are typed.
    subcommands: Vec<String>,
    /// Every identifier and text in the sources: a flag is a field or a text of one of them.
    words: Vec<String>,
}

impl Cli {
    fn read(tree: &Tree) -> Cli {
        let mut cli =
            Cli { subcommands: vec!["help".to_owned()], words: vec!["help".to_owned(), "version".to_owned()] };
        for (_, text) in tree.files("platform-native/src/", ".rs") {
            let Ok(code) = Code::parse(text) else { continue };
            cli.words.extend(code.tokens.iter().map(|t| t.text.trim_matches('"').replace('_', "-")));
            for at in (0..code.tokens.len()).filter(|at| code.spells(*at, &["derive", "("])) {
                if code.group(at + 1).iter().any(|t| t.text == "Subcommand") {
                    cli.subcommands.extend(variants(&code, at));
                }
            }
        }
        cli
    }

    fn check(&self, arguments: &[&str]) -> Option<String> {
        let flag = arguments.iter().take_while(|word| **word != "--").filter_map(|word| word.strip_prefix("--"));
        let flag = flag.map(|word| word.split('=').next().unwrap_or(word));
        if let Some(lost) = flag.filter(|word| !word.is_empty()).find(|word| !self.words.iter().any(|w| w == word)) {
            return Some(format!("`weft` has no flag `--{lost}`"));
        }
        let command = arguments.iter().find(|word| !word.starts_with('-'))?;
        let known = self.subcommands.iter().any(|name| name == command);
        (!known).then(|| format!("`weft` has no command `{command}`"))
    }
}

/// The variants of the enum after the attribute at `at`, in kebab case, with the names and aliases that
/// their attributes give.
fn variants(code: &Code, at: usize) -> Vec<String> {
    let Some(open) = (at..code.tokens.len()).find(|i| code.tokens[*i].text == "{") else { return Vec::new() };
    let mut names = Vec::new();
    let mut depth = 0;
    let mut expected = true;
    for token in code.group(open) {
        match &*token.text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            "," if depth == 0 => expected = true,
            text if depth == 0 && expected && text.starts_with(char::is_alphabetic) => {
                names.push(kebab(text));
                expected = false;
            }
            text => names.extend(text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).map(str::to_owned)),
        }
    }
    names
}

fn kebab(camel: &str) -> String {
    let mut out = String::new();
    for c in camel.chars() {
        if c.is_uppercase() && !out.is_empty() {
            out.push('-');
        }
        out.extend(c.to_lowercase());
    }
    out
}

/// A link of a document to a file of this tree leads to one.
pub(crate) fn links_lead_somewhere(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for (path, text) in tree.files("", ".md") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (i, line) in text.lines().enumerate() {
            for (at, _) in line.match_indices("](") {
                let target = line[at + 2..].split([')', '#', ' ']).next().unwrap_or_default();
                if target.is_empty() || target.contains(':') {
                    continue;
                }
                let full = join(folder, target);
                if !tree.exists(&full) {
                    problems.push(Problem::new(path, i + 1, format!("`{target}` does not exist")));
                }
            }
        }
    }
    problems
}

fn join(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}
