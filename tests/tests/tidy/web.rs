//! The package and the page: what each is made of (DESIGN section 3, rule 5).

use crate::{Problem, Tree};

/// What a text of JavaScript, TypeScript or HTML imports, with the line.
fn imports(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (i, line) in text.lines().enumerate() {
        for start in ["from ", "import ", "import(", "src=", "new URL("] {
            let quoted = line.match_indices(start).filter_map(|(at, _)| {
                let rest = &line[at + start.len()..];
                let quote = rest.chars().next().filter(|c| "'\"`".contains(*c))?;
                rest[1..].split(quote).next()
            });
            found.extend(quoted.map(|specifier| (i + 1, specifier)));
        }
    }
    found
}

/// `to` as seen from the file `from`, or nothing if it climbs out of the repository.
fn resolve(from: &str, to: &str) -> Option<String> {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            other => parts.push(other),
        }
    }
    Some(parts.join("/"))
}

/// Whether a file builds, serves or tests the page, and is no part of it.
fn is_tool(path: &str) -> bool {
    path.starts_with("www/test/")
        || path.strip_prefix("www/").is_some_and(|name| name.ends_with(".mjs") && !name.contains('/'))
}

/// The page imports its own files and what the package exports, nothing else.
pub(crate) fn the_page_imports_the_package(tree: &Tree) -> Vec<Problem> {
    let package = tree.get("pkg/package.json").unwrap_or_default();
    let mut problems = Vec::new();
    let written = [".ts", ".js", ".mjs", ".html"].into_iter().flat_map(|end| tree.files("www/", end));
    for (path, text) in written.filter(|(path, _)| !is_tool(path)) {
        for (line, specifier) in imports(text) {
            let fine = match specifier.strip_prefix("weft-kernel") {
                Some("") => true,
                Some(inner) => package.contains(&format!("\".{inner}\"")),
                None if specifier.starts_with('.') => resolve(path, specifier).is_some_and(|to| to.starts_with("www/")),
                None => false,
            };
            if !fine {
                problems.push(Problem::new(path, line, format!("`{specifier}` is no public export of the package")));
            }
        }
    }
    problems
}

/// Of the workspace's crates the package touches the web platform alone.
pub(crate) fn the_package_is_built_from_the_web_platform(tree: &Tree) -> Vec<Problem> {
    let others: Vec<&str> =
        tree.crates().into_iter().filter(|folder| *folder != "platform-web" && *folder != "tests").collect();
    let mut problems = Vec::new();
    for (path, text) in tree.files("pkg/", "").filter(|(path, _)| !path.ends_with(".md")) {
        for (i, line) in text.lines().enumerate() {
            if let Some(other) = others.iter().find(|other| line.contains(**other)) {
                problems.push(Problem::new(path, i + 1, format!("`{other}`: the package is built from platform-web")));
            }
        }
    }
    problems
}
