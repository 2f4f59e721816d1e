//! TOML documents as the manifests here need them: values by their path of keys. Numbers and dates are never read.

use toml::de::{DeTable, DeValue};

/// A parsed document.
pub(super) struct Document<'a>(DeTable<'a>);

/// A value in it.
#[derive(Clone, Copy)]
pub(super) struct Node<'a>(&'a DeValue<'a>);

impl<'a> Document<'a> {
    /// Parses `text`; an error tells the line.
    pub(super) fn parse(text: &'a str) -> Result<Document<'a>, String> {
        DeTable::parse(text).map(|table| Document(table.into_inner())).map_err(|error| {
            let line = error.span().map_or(0, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
            // Its own words may quote what stands there.
            format!("line {line}: no TOML")
        })
    }

    /// The value at this path of keys.
    pub(super) fn at(&'a self, path: &[&str]) -> Option<Node<'a>> {
        let (first, rest) = path.split_first()?;
        let value = Node(self.0.get(*first)?.get_ref());
        rest.iter().try_fold(value, |value, key| value.get(key))
    }

    /// The text at this path of keys.
    pub(super) fn text(&'a self, path: &[&str]) -> Option<&'a str> {
        self.at(path)?.text()
    }
}

impl<'a> Node<'a> {
    pub(super) fn get(self, key: &str) -> Option<Node<'a>> {
        self.0.as_table()?.get(key).map(|value| Node(value.get_ref()))
    }

    pub(super) fn text(self) -> Option<&'a str> {
        self.0.as_str()
    }

    pub(super) fn is_true(self) -> bool {
        self.0.as_bool() == Some(true)
    }

    /// Keys and values of a table; of anything else none.
    pub(super) fn entries(self) -> impl Iterator<Item = (&'a str, Node<'a>)> {
        self.0
            .as_table()
            .into_iter()
            .flat_map(|table| table.iter())
            .map(|(key, value)| (&**key.get_ref(), Node(value.get_ref())))
    }

    /// Values of an array; of anything else none.
    pub(super) fn items(self) -> impl Iterator<Item = Node<'a>> {
        self.0.as_array().into_iter().flat_map(|array| array.iter()).map(|value| Node(value.get_ref()))
    }
}
