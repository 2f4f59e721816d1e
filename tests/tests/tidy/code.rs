//! A Rust file as tokens and as the paths that it mentions, without its comments and documentation.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use std::collections::BTreeMap;

/// One token, in order of the text; a group is an opening and a closing token with its content between.
pub(crate) struct Token {
    /// An identifier, a punctuation character, a literal as written, or one of `( ) [ ] { }`.
    pub(crate) text: String,
    /// From 1.
    pub(crate) line: usize,
    /// Whether it belongs to an item under `#[cfg(test)]` or `#[test]`.
    pub(crate) test: bool,
}

/// What a `use` names, or a path of at least two segments anywhere else. Imports of the same file are
/// followed: after `use std::time;`, `time::Instant` is `std::time::Instant`.
pub(crate) struct Mention {
    /// Segments as written, `*` for a glob.
    pub(crate) path: Vec<String>,
    /// From 1.
    pub(crate) line: usize,
    /// The inline modules that it is in.
    pub(crate) inside: Vec<String>,
    /// Whether it is part of a `use`.
    of_use: bool,
}

/// One `mod name;` or `mod name { .. }`.
pub(crate) struct Module {
    /// Its name.
    pub(crate) name: String,
    /// Whether it is `pub` without a restriction.
    pub(crate) public: bool,
    /// As for a token.
    pub(crate) test: bool,
    /// The inline modules that it is in.
    pub(crate) inside: Vec<String>,
}

/// What was read.
#[derive(Default)]
pub(crate) struct Code {
    /// All tokens but those of documentation.
    pub(crate) tokens: Vec<Token>,
    /// All paths.
    pub(crate) mentions: Vec<Mention>,
    /// All modules.
    pub(crate) modules: Vec<Module>,
    /// First and last line of each test item.
    pub(crate) tests: Vec<(usize, usize)>,
    /// What each name that a `use` brought in stands for.
    imports: BTreeMap<String, Vec<String>>,
}

/// Where in the file the reader is.
#[derive(Clone, Copy)]
struct Place<'a> {
    test: bool,
    in_use: bool,
    inside: &'a [String],
}

impl Code {
    /// Reads one file; the error says where it is no Rust.
    pub(crate) fn parse(text: &str) -> Result<Code, String> {
        let stream: TokenStream = text.parse().map_err(|e: proc_macro2::LexError| e.to_string())?;
        let mut code = Code::default();
        code.read(stream, Place { test: false, in_use: false, inside: &[] });
        for mention in &mut code.mentions {
            // A `use` is not behind itself: `use a::a;`.
            let full = code.imports.get(&mention.path[0]).filter(|full| !mention.of_use || **full != mention.path);
            if let Some(full) = full {
                mention.path.splice(..1, full.iter().cloned());
            }
        }
        Ok(code)
    }

    /// Whether the tokens from `at` on are these.
    pub(crate) fn spells(&self, at: usize, words: &[&str]) -> bool {
        words.iter().enumerate().all(|(i, word)| self.tokens.get(at + i).is_some_and(|t| t.text == *word))
    }

    /// The tokens within the group that the token at `open` opens.
    pub(crate) fn group(&self, open: usize) -> &[Token] {
        let mut depth = 0;
        for (i, token) in self.tokens.iter().enumerate().skip(open) {
            match &*token.text {
                "(" | "[" | "{" => depth += 1,
                ")" | "]" | "}" => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return &self.tokens[(open + 1).min(i)..i];
            }
        }
        &[]
    }

    fn read(&mut self, stream: TokenStream, place: Place<'_>) {
        let trees: Vec<TokenTree> = stream.into_iter().collect();
        let (mut test_until, mut use_until) = (0, 0);
        let mut i = 0;
        while i < trees.len() {
            if let Some((text, length)) = attribute(&trees[i..]) {
                if text.starts_with("doc=") {
                    i += length;
                    continue;
                }
                let for_tests = ["cfg(test", "cfg(all(test", "cfg(any(test"].iter().any(|s| text.starts_with(s));
                if (for_tests || text == "test") && i >= test_until && !place.test {
                    test_until = item_end(&trees, i + length);
                    self.tests.push((line_of(&trees[i]), trees[test_until - 1].span().end().line));
                }
            }
            if is_ident(&trees[i], "use") && i >= use_until {
                use_until = i + trees[i..].iter().take_while(|t| !is_punct(Some(t), ';')).count();
                self.use_tree(&trees[i + 1..use_until], &[], place.inside);
            }
            let here = Place { test: place.test || i < test_until, in_use: place.in_use || i < use_until, ..place };
            if !here.in_use {
                self.chain(&trees, i, here.inside);
            }
            let name = self.module(&trees[i..], here);
            self.push(&trees[i], here);
            i += 1;
            if let (Some(name), Some(TokenTree::Group(body))) = (name, trees.get(i + 1)) {
                self.push(&trees[i], here);
                let inside = [here.inside, &[name]].concat();
                self.push_group(body, Place { inside: &inside, ..here });
                i += 2;
            }
        }
    }

    fn push(&mut self, tree: &TokenTree, place: Place<'_>) {
        match tree {
            TokenTree::Group(group) => self.push_group(group, place),
            other => self.tokens.push(Token { text: other.to_string(), line: line_of(other), test: place.test }),
        }
    }

    fn push_group(&mut self, group: &Group, place: Place<'_>) {
        let (open, close) = match group.delimiter() {
            Delimiter::Parenthesis => ("(", ")"),
            Delimiter::Bracket => ("[", "]"),
            Delimiter::Brace => ("{", "}"),
            Delimiter::None => return self.read(group.stream(), place),
        };
        let token = |text: &str, line| Token { text: text.to_owned(), line, test: place.test };
        self.tokens.push(token(open, group.span_open().start().line));
        self.read(group.stream(), place);
        self.tokens.push(token(close, group.span_close().start().line));
    }

    /// Notes the module that starts here; its name, if there is one.
    fn module(&mut self, trees: &[TokenTree], place: Place<'_>) -> Option<String> {
        let [first, TokenTree::Ident(name), rest, ..] = trees else { return None };
        let has_body = matches!(rest, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace);
        if !is_ident(first, "mod") || !(has_body || is_punct(Some(rest), ';')) {
            return None;
        }
        let public = self.tokens.last().is_some_and(|t| t.text == "pub");
        let name = name.to_string();
        self.modules.push(Module { name: name.clone(), public, test: place.test, inside: place.inside.to_vec() });
        Some(name)
    }

    /// Notes everything that a `use` names; `trees` is the part after `prefix`.
    fn use_tree(&mut self, trees: &[TokenTree], prefix: &[String], inside: &[String]) {
        let mut path = prefix.to_vec();
        let mut i = if is_colons(trees, 0) { 2 } else { 0 };
        let line = trees.get(i).map_or(0, line_of);
        while let Some(tree) = trees.get(i) {
            match tree {
                TokenTree::Ident(word) if word == "as" => break,
                TokenTree::Ident(word) => path.push(word.to_string()),
                TokenTree::Group(group) => {
                    let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                    for part in inner.split(|tree| is_punct(Some(tree), ',')).filter(|part| !part.is_empty()) {
                        self.use_tree(part, &path, inside);
                    }
                    return;
                }
                punct if is_punct(Some(punct), '*') => path.push("*".to_owned()),
                _ => {}
            }
            i += 1;
        }
        // `use a::b::{self}` names `a::b`; `use super::super;` does not exist.
        if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
            path.pop();
        }
        if let Some(last) = path.last().cloned() {
            let name = if i < trees.len() { trees[i + 1].to_string() } else { last };
            self.imports.insert(name, path.clone());
            self.mentions.push(Mention { path, line, inside: inside.to_vec(), of_use: true });
        }
    }

    /// Notes the path that starts at `at`, if one does and has at least two segments.
    fn chain(&mut self, trees: &[TokenTree], at: usize, inside: &[String]) {
        // `::` before an identifier makes it a later segment, unless nothing is before that.
        if at >= 3 && is_colons(trees, at - 2) && matches!(trees[at - 3], TokenTree::Ident(_)) {
            return;
        }
        let mut path = Vec::new();
        let mut i = at;
        while let Some(TokenTree::Ident(word)) = trees.get(i) {
            path.push(word.to_string());
            if !is_colons(trees, i + 1) {
                break;
            }
            i += 3;
        }
        if path.len() > 1 {
            self.mentions.push(Mention { path, line: line_of(&trees[at]), inside: inside.to_vec(), of_use: false });
        }
    }
}

/// The text of the `#[..]` or `#![..]` at the start of `trees`, without blanks, and its length in trees.
fn attribute(trees: &[TokenTree]) -> Option<(String, usize)> {
    let length = if is_punct(trees.get(1), '!') { 3 } else { 2 };
    match trees.get(length - 1) {
        Some(TokenTree::Group(group)) if is_punct(trees.first(), '#') && group.delimiter() == Delimiter::Bracket => {
            Some((group.stream().to_string().replace(' ', ""), length))
        }
        _ => None,
    }
}

/// One past the end of the item that starts at `at`: after its braces or its semicolon.
fn item_end(trees: &[TokenTree], at: usize) -> usize {
    let ends = |tree: &TokenTree| {
        matches!(tree, TokenTree::Group(g) if g.delimiter() == Delimiter::Brace) || is_punct(Some(tree), ';')
    };
    trees[at..].iter().position(ends).map_or(trees.len(), |end| at + end + 1)
}

fn line_of(tree: &TokenTree) -> usize {
    tree.span().start().line
}

fn is_punct(tree: Option<&TokenTree>, c: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(p)) if p.as_char() == c)
}

fn is_colons(trees: &[TokenTree], at: usize) -> bool {
    is_punct(trees.get(at), ':') && is_punct(trees.get(at + 1), ':')
}

fn is_ident(tree: &TokenTree, word: &str) -> bool {
    matches!(tree, TokenTree::Ident(ident) if ident == word)
}
