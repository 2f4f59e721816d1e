//! Patterns: sets of resources of one kind, with inclusion that is exact and linear in their texts.
//!
//! A pattern is a path in which a segment may be `*` (any one) or end in `*` (any with that beginning), and
//! which may end in `/**` (zero or more further segments). By kind:
//! - topics split on `.`: `findings.*`, `findings.**`;
//! - an id is a number, `self` (of `/proc`) or `*`; below a process there is `inbox`, and `/**` is both;
//! - `/letter` is the list of all letters, `/letter/*` any of them, and `/letter/**` both;
//! - a host is a host, `*.` and a name (exactly one more part in front), or `*`; a port is a number or
//!   `*`; `/net/**` is `/net/*:*`;
//! - below `/node/NAME` there is a pattern of another kind, or `**` for everything there.
//!
//! Wildcards are in no other resource than a set of topics (a `*` in a file's name is `%2A`), so the texts of patterns
//! need no quoting. Why inclusion is exact: every segment, alone or with the others held at their shortest, can be
//! varied inside the limits on length, because a beginning must leave room for at least one more byte.

use super::endpoint::{literal, parse_port, split};
use super::resource::split_kind;
use super::topic::MAX_TOPIC;
use super::word::{check_host_pattern, check_id, check_name, check_part, check_segment};
use super::word::{host_includes, id_matches, walk, word_includes, word_matches, words_meet};
use super::{Endpoint, Kind, Name, PathError, Resource, text_codec};
use crate::id::Pid;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

/// A set of resources of one kind. Clones share the text; two patterns are equal when their texts are.
#[derive(Clone)]
pub struct Pattern {
    text: Arc<str>,
    kind: Kind,
    /// Whether it ends in `**`.
    open: bool,
    /// Where in `text` the words lie: what follows `/kind/`, without the `**` and what joins it.
    start: u16,
    end: u16,
    /// The pattern below a node, unless that is `**`.
    there: Option<Box<Pattern>>,
}

impl Pattern {
    /// The pattern `text`: at most 4,096 bytes, in canonical form.
    pub fn parse(text: &str) -> Result<Pattern, PathError> {
        parse(text, false)
    }

    /// The pattern as text, the same that it was parsed from.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// What it is a set of. `/proc/7/**` and `/proc/**` are [`Kind::Proc`] and cover inboxes too.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether resources of `kind` can be in the set.
    pub fn covers(&self, kind: Kind) -> bool {
        self.kind == kind || (self.kind == Kind::Proc && self.open && kind == Kind::Inbox)
    }

    /// Whether it is one resource and has no wildcard.
    pub fn is_literal(&self) -> bool {
        !self.text.contains('*')
    }

    /// Whether it is about `/proc/self` and waits to be bound.
    pub fn is_self(&self) -> bool {
        self.text.starts_with("/proc/self")
    }

    /// The pattern with `/proc/self` replaced by the number of `me`.
    #[must_use]
    pub fn bind(self, me: Pid) -> Pattern {
        // No other pattern of processes starts with these bytes: an id is a number or `*`.
        let Some(rest) = self.text.strip_prefix("/proc/self") else { return self };
        let text = format!("/proc/{me}{rest}");
        let end = text.len() - if self.open { "/**".len() } else { 0 };
        Pattern { end: end as u16, text: text.into(), ..self }
    }

    /// Whether `resource` is in the set. An unbound `/proc/self` is nobody. Allocates nothing.
    pub fn matches(&self, resource: &Resource) -> bool {
        let words = self.words();
        match resource {
            Resource::Proc(pid) => self.kind == Kind::Proc && id_matches(self.id(), pid.0),
            Resource::Inbox(pid) => self.covers(Kind::Inbox) && id_matches(self.id(), pid.0),
            Resource::Stream(id) => self.kind == Kind::Stream && id_matches(self.id(), id.0),
            Resource::Service(name) => self.kind == Kind::Service && self.name_matches(name),
            Resource::Tool(name) => self.kind == Kind::Tool && self.name_matches(name),
            Resource::Agent(name) => self.kind == Kind::Agent && self.name_matches(name),
            Resource::App(name) => self.kind == Kind::App && self.name_matches(name),
            Resource::Model(name) => self.kind == Kind::Model && self.name_matches(name),
            Resource::Container(name) => self.kind == Kind::Container && self.name_matches(name),
            Resource::Timer(name) => self.kind == Kind::Timer && self.name_matches(name),
            Resource::Topic(topic) => self.kind == Kind::Topic && walk(words, self.open, b'.', topic.as_str()),
            Resource::Topics(all) => self.includes(all),
            Resource::Tree(path) => self.kind == Kind::Tree && walk(words, self.open, b'/', path.as_str()),
            Resource::Fs(path) => {
                let (mount, rest) = words.split_once('/').unwrap_or((words, ""));
                self.kind == Kind::Fs
                    && (words.is_empty()
                        || (word_matches(mount, path.mount().as_str()) && walk(rest, self.open, b'/', path.rest())))
            }
            Resource::Net(endpoint) => self.kind == Kind::Net && self.endpoint_matches(endpoint),
            Resource::Node(name, resource) => {
                self.kind == Kind::Node
                    && (words.is_empty() || word_matches(words, name.as_str()))
                    && self.there.as_ref().is_none_or(|there| there.matches(resource))
            }
            Resource::Charter => self.kind == Kind::Charter,
            Resource::Letters => self.kind == Kind::Letter && words.is_empty(),
            Resource::Letter(id) => {
                self.kind == Kind::Letter && if words.is_empty() { self.open } else { id_matches(words, id.0) }
            }
        }
    }

    /// Whether anything that `resource` names is in the set: what a rule is about. Allocates nothing.
    pub fn concerns(&self, resource: &Resource) -> bool {
        match resource {
            Resource::Topics(all) => self.kind == Kind::Topic && sequences_meet(self, all, '.'),
            one => self.matches(one),
        }
    }

    /// The words of a pattern of topics or of nodes of the tree, and whether it ends in `**`.
    pub(crate) fn topic_words(&self) -> (impl Iterator<Item = &str>, bool) {
        let between = if self.kind == Kind::Tree { '/' } else { '.' };
        (self.words().split(between).filter(|word| !word.is_empty()), self.open)
    }

    /// Whether every resource of `other` is in this set too. Exact: true if and only if; linear in the
    /// texts. An unbound `/proc/self` stands for one process that has no number yet.
    pub fn includes(&self, other: &Pattern) -> bool {
        match (self.kind, other.kind) {
            (Kind::Proc | Kind::Inbox, Kind::Proc | Kind::Inbox) => {
                (self.id() == "*" || self.id() == other.id()) && (self.open || (!other.open && self.kind == other.kind))
            }
            (a, b) if a != b => false,
            (Kind::Stream, _) => self.id() == "*" || self.id() == other.id(),
            (Kind::Fs | Kind::Tree | Kind::Letter, _) => sequence_includes(self, other, '/'),
            (Kind::Topic, _) => sequence_includes(self, other, '.'),
            (Kind::Net, _) => {
                let ((host, port), (other_host, other_port)) = (self.endpoint(), other.endpoint());
                host_includes(host, other_host) && (port == "*" || port == other_port)
            }
            (Kind::Node, _) => {
                word_includes(self.first(), other.first())
                    && match (&self.there, &other.there) {
                        (None, _) => true,
                        (Some(_), None) => false,
                        (Some(a), Some(b)) => a.includes(b),
                    }
            }
            (Kind::Charter, _) => true,
            _ => word_includes(self.first(), other.first()),
        }
    }

    /// Whether `endpoint` is in the set and its host is an IP literal that the pattern spells out. Only
    /// then does the pattern give private, loopback and link-local addresses; `*` and `**` never do.
    pub fn matches_private(&self, endpoint: &Endpoint) -> bool {
        self.kind == Kind::Net && self.endpoint_matches(endpoint) && literal(self.endpoint().0).is_some()
    }

    fn words(&self) -> &str {
        &self.text[usize::from(self.start)..usize::from(self.end)]
    }

    /// The one word of a name; `*` where it is only `**`.
    fn first(&self) -> &str {
        if self.words().is_empty() { "*" } else { self.words() }
    }

    /// The id of a process or stream.
    fn id(&self) -> &str {
        self.first().split('/').next().unwrap_or_default()
    }

    fn name_matches(&self, name: &Name) -> bool {
        self.words().is_empty() || word_matches(self.words(), name.as_str())
    }

    fn endpoint(&self) -> (&str, &str) {
        self.words().rsplit_once(':').unwrap_or(("*", "*"))
    }

    fn endpoint_matches(&self, endpoint: &Endpoint) -> bool {
        let (host, port) = self.endpoint();
        host_includes(host, endpoint.host()) && (port == "*" || port.parse() == Ok(endpoint.port()))
    }
}

fn parse(text: &str, remote: bool) -> Result<Pattern, PathError> {
    let (kind, rest) = split_kind(text)?;
    let shape = || PathError::Shape(kind.form());
    let mut pattern = Pattern { text: text.into(), kind, open: false, start: 0, end: text.len() as u16, there: None };
    let Some(rest) = rest else {
        pattern.start = pattern.end;
        return if matches!(kind, Kind::Charter | Kind::Tree | Kind::Letter) { Ok(pattern) } else { Err(shape()) };
    };
    if remote && kind == Kind::Node {
        return Err(shape());
    }
    // A text has at most 4,096 bytes here, so every index fits.
    pattern.start = (text.len() - rest.len()) as u16;
    if rest == "**" && kind != Kind::Charter {
        pattern.open = true;
        pattern.end = pattern.start;
        return Ok(pattern);
    }
    let joined = match kind {
        Kind::Proc | Kind::Fs | Kind::Tree => rest.strip_suffix("/**"),
        Kind::Topic => rest.strip_suffix(".**"),
        _ => None,
    };
    let words = joined.unwrap_or(rest);
    pattern.open = joined.is_some();
    pattern.end = pattern.start + words.len() as u16;
    match kind {
        Kind::Proc | Kind::Inbox => {
            let (id, tail) = words.split_once('/').map_or((words, None), |(id, tail)| (id, Some(tail)));
            if id != "self" || remote {
                check_id(id)?;
            }
            match tail {
                None => {}
                Some("inbox") if !pattern.open => pattern.kind = Kind::Inbox,
                Some(_) => return Err(shape()),
            }
        }
        Kind::Stream | Kind::Letter => check_id(words)?,
        Kind::Fs => {
            let (mount, rest) = words.split_once('/').map_or((words, None), |(mount, rest)| (mount, Some(rest)));
            check_name(mount)?;
            rest.map_or(Ok(()), |rest| rest.split('/').try_for_each(check_segment))?;
        }
        Kind::Tree => words.split('/').try_for_each(check_segment)?,
        Kind::Topic => {
            // The limit is on the whole, `**` included, so that what is open has room to grow.
            if rest.len() > MAX_TOPIC {
                return Err(PathError::Topic(rest.to_owned()));
            }
            words.split('.').try_for_each(check_part)?;
        }
        Kind::Net => {
            let (host, port) = split(words)?;
            check_host_pattern(host)?;
            if port != "*" {
                parse_port(port)?;
            }
        }
        Kind::Node => {
            let slash = rest.find('/').ok_or_else(shape)?;
            check_name(&rest[..slash])?;
            pattern.end = pattern.start + slash as u16;
            if &rest[slash..] == "/**" {
                pattern.open = true;
            } else {
                pattern.there = Some(Box::new(parse(&rest[slash..], true)?));
            }
        }
        Kind::Charter => return Err(shape()),
        _ => check_name(words)?,
    }
    Ok(pattern)
}

fn sequence_includes(pattern: &Pattern, other: &Pattern, joint: char) -> bool {
    // Only the tree and the letters have a resource without words, so elsewhere `**` alone is one word or more.
    let rootless = matches!(pattern.kind, Kind::Tree | Kind::Letter);
    let words = |words| (!rootless || !str::is_empty(words)).then_some(words).into_iter();
    let mut ours = words(if rootless { pattern.words() } else { pattern.first() }).flat_map(|all| all.split(joint));
    let mut theirs = words(if rootless { other.words() } else { other.first() }).flat_map(|all| all.split(joint));
    loop {
        match (ours.next(), theirs.next()) {
            (Some(a), Some(b)) if word_includes(a, b) => {}
            (None, None) => return pattern.open || !other.open,
            (None, Some(_)) => return pattern.open,
            _ => return false,
        }
    }
}

/// Whether a resource is in both.
fn sequences_meet(one: &Pattern, other: &Pattern, joint: char) -> bool {
    let (mut ours, mut theirs) = (one.first().split(joint), other.first().split(joint));
    loop {
        match (ours.next(), theirs.next()) {
            (Some(a), Some(b)) if words_meet(a, b) => {}
            (None, None) => return true,
            (None, Some(_)) => return one.open,
            (Some(_), None) => return other.open,
            _ => return false,
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Eq for Pattern {}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Pattern) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Pattern {
    fn cmp(&self, other: &Pattern) -> Ordering {
        self.text.cmp(&other.text)
    }
}

impl Hash for Pattern {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl FromStr for Pattern {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Pattern, PathError> {
        Pattern::parse(text)
    }
}

text_codec!(Pattern);
