//! The language of a file, by its name.

use crate::text;

/// Extensions, lower-case, in byte order.
const EXTENSIONS: &[(&str, &str)] = &[
    ("ada", "Ada"),
    ("adb", "Ada"),
    ("adoc", "AsciiDoc"),
    ("ads", "Ada"),
    ("asm", "Assembly"),
    ("astro", "Astro"),
    ("awk", "Awk"),
    ("bash", "Shell"),
    ("bat", "Batch"),
    ("bzl", "Starlark"),
    ("c", "C"),
    ("cc", "C++"),
    ("cfg", "INI"),
    ("cjs", "JavaScript"),
    ("clj", "Clojure"),
    ("cljs", "Clojure"),
    ("cmake", "CMake"),
    ("conf", "INI"),
    ("cpp", "C++"),
    ("cr", "Crystal"),
    ("cs", "C#"),
    ("css", "CSS"),
    ("csv", "CSV"),
    ("cu", "CUDA"),
    ("cxx", "C++"),
    ("d", "D"),
    ("dart", "Dart"),
    ("dockerfile", "Dockerfile"),
    ("el", "Emacs Lisp"),
    ("elm", "Elm"),
    ("env", "INI"),
    ("erl", "Erlang"),
    ("ex", "Elixir"),
    ("exs", "Elixir"),
    ("f90", "Fortran"),
    ("fish", "Shell"),
    ("fs", "F#"),
    ("fsx", "F#"),
    ("glsl", "GLSL"),
    ("go", "Go"),
    ("gradle", "Groovy"),
    ("graphql", "GraphQL"),
    ("groovy", "Groovy"),
    ("h", "C"),
    ("hbs", "Handlebars"),
    ("hcl", "HCL"),
    ("hh", "C++"),
    ("hpp", "C++"),
    ("hrl", "Erlang"),
    ("hs", "Haskell"),
    ("htm", "HTML"),
    ("html", "HTML"),
    ("hxx", "C++"),
    ("ini", "INI"),
    ("ipynb", "Jupyter"),
    ("java", "Java"),
    ("jl", "Julia"),
    ("js", "JavaScript"),
    ("json", "JSON"),
    ("json5", "JSON"),
    ("jsonc", "JSON"),
    ("jsonl", "JSON"),
    ("jsx", "JavaScript"),
    ("kt", "Kotlin"),
    ("kts", "Kotlin"),
    ("less", "Less"),
    ("lisp", "Lisp"),
    ("lock", "Lock file"),
    ("lua", "Lua"),
    ("m", "Objective-C"),
    ("markdown", "Markdown"),
    ("md", "Markdown"),
    ("mdx", "Markdown"),
    ("mjs", "JavaScript"),
    ("mk", "Makefile"),
    ("ml", "OCaml"),
    ("mli", "OCaml"),
    ("mm", "Objective-C"),
    ("mts", "TypeScript"),
    ("nim", "Nim"),
    ("nix", "Nix"),
    ("pas", "Pascal"),
    ("php", "PHP"),
    ("pl", "Perl"),
    ("pm", "Perl"),
    ("properties", "INI"),
    ("proto", "Protocol Buffers"),
    ("ps1", "PowerShell"),
    ("py", "Python"),
    ("pyi", "Python"),
    ("pyx", "Cython"),
    ("r", "R"),
    ("rb", "Ruby"),
    ("rs", "Rust"),
    ("rst", "reStructuredText"),
    ("s", "Assembly"),
    ("sass", "Sass"),
    ("scala", "Scala"),
    ("scm", "Scheme"),
    ("scss", "Sass"),
    ("sh", "Shell"),
    ("sol", "Solidity"),
    ("sql", "SQL"),
    ("svelte", "Svelte"),
    ("svg", "SVG"),
    ("swift", "Swift"),
    ("tcl", "Tcl"),
    ("tex", "TeX"),
    ("tf", "HCL"),
    ("tfvars", "HCL"),
    ("toml", "TOML"),
    ("ts", "TypeScript"),
    ("tsx", "TypeScript"),
    ("txt", "Text"),
    ("v", "Verilog"),
    ("vb", "Visual Basic"),
    ("vhd", "VHDL"),
    ("vim", "Vim script"),
    ("vue", "Vue"),
    ("wat", "WebAssembly text"),
    ("wgsl", "WGSL"),
    ("wit", "WIT"),
    ("xml", "XML"),
    ("xsd", "XML"),
    ("xsl", "XML"),
    ("yaml", "YAML"),
    ("yml", "YAML"),
    ("zig", "Zig"),
    ("zsh", "Shell"),
];

/// Whole names, in byte order.
const NAMES: &[(&str, &str)] = &[
    (".bashrc", "Shell"),
    (".env", "INI"),
    (".envrc", "Shell"),
    (".gitattributes", "Git"),
    (".gitignore", "Git"),
    (".npmrc", "INI"),
    ("BUILD", "Starlark"),
    ("CMakeLists.txt", "CMake"),
    ("Containerfile", "Dockerfile"),
    ("Dockerfile", "Dockerfile"),
    ("GNUmakefile", "Makefile"),
    ("Gemfile", "Ruby"),
    ("Jenkinsfile", "Groovy"),
    ("Justfile", "Just"),
    ("Makefile", "Makefile"),
    ("Rakefile", "Ruby"),
    ("Vagrantfile", "Ruby"),
    ("WORKSPACE", "Starlark"),
    ("go.mod", "Go module"),
    ("go.sum", "Lock file"),
    ("justfile", "Just"),
    ("makefile", "Makefile"),
    ("package-lock.json", "Lock file"),
    ("pnpm-lock.yaml", "Lock file"),
];

/// The language of the file at `path`, if its name tells.
pub fn of(path: &str) -> Option<&'static str> {
    let name = text::file_name(path);
    if let Ok(at) = NAMES.binary_search_by(|(known, _)| (*known).cmp(name)) {
        return Some(NAMES[at].1);
    }
    let extension = text::extension(path)?;
    let mut lower = [0u8; 12];
    let lower = lower.get_mut(..extension.len())?;
    lower.copy_from_slice(extension.as_bytes());
    lower.make_ascii_lowercase();
    let at = EXTENSIONS.binary_search_by(|(known, _)| known.as_bytes().cmp(lower)).ok()?;
    Some(EXTENSIONS[at].1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_in_order() {
        assert!(EXTENSIONS.is_sorted_by(|a, b| a.0 < b.0));
        assert!(NAMES.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn names_and_extensions() {
        assert_eq!(of("src/main.rs"), Some("Rust"));
        assert_eq!(of("A/B/INDEX.HTML"), Some("HTML"));
        assert_eq!(of("x/Makefile"), Some("Makefile"));
        assert_eq!(of("x/go.sum"), Some("Lock file"));
        assert_eq!(of("x.unknownextensionname"), None);
        assert_eq!(of(".rs"), None);
    }
}
