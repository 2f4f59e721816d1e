//! Resources: the one canonical path of everything that an act can be done to.

use super::segment;
use super::{Endpoint, Kind, Name, PathError, Pattern, Topic, text_codec};
use crate::id::{LetterId, Pid, StreamId};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// The most bytes that the text of a path or pattern may have.
pub const MAX_PATH: usize = 4_096;

/// One thing that an act can be done to. Parses from and prints as its canonical path.
///
/// Clones are cheap: texts are shared. The order is that of the kinds, then of what they hold.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Resource {
    /// `/proc/12`
    Proc(Pid),
    /// `/proc/12/inbox`
    Inbox(Pid),
    /// `/svc/report`
    Service(Name),
    /// `/topic/findings.new`
    Topic(Topic),
    /// `/topic/findings.*`: all topics of a pattern, to subscribe to them
    Topics(Pattern),
    /// `/tool/scan-secrets`
    Tool(Name),
    /// `/agent/scanner`
    Agent(Name),
    /// `/app/repo-audit`
    App(Name),
    /// `/fs/repo/src/main.rs`
    Fs(FsPath),
    /// `/tree/app/x`
    Tree(TreePath),
    /// `/net/api.example.com:443`
    Net(Endpoint),
    /// `/model/llama3`
    Model(Name),
    /// `/container/redis`
    Container(Name),
    /// `/timer/tick`
    Timer(Name),
    /// `/stream/7`
    Stream(StreamId),
    /// `/node/eu-1/proc/7`: the rest is a resource of that node, never of a node again.
    Node(Name, Box<Resource>),
    /// `/charter`
    Charter,
    /// `/letter`: all dead letters
    Letters,
    /// `/letter/7`
    Letter(LetterId),
}

/// A place in a mount: the mount's name, then canonical segments. Clones share their texts.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FsPath {
    mount: Name,
    rest: Arc<str>,
}

/// A node of the tree: canonical segments joined by `/`; empty for the root. Clones share the text.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TreePath(Arc<str>);

impl Resource {
    /// The resource whose path is `text`; `/proc/self` is `me`. At most 4,096 bytes, in canonical form.
    pub fn parse(text: &str, me: Pid) -> Result<Resource, PathError> {
        parse(text, Some(me), false)
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        match self {
            Resource::Proc(_) => Kind::Proc,
            Resource::Inbox(_) => Kind::Inbox,
            Resource::Service(_) => Kind::Service,
            Resource::Topic(_) | Resource::Topics(_) => Kind::Topic,
            Resource::Tool(_) => Kind::Tool,
            Resource::Agent(_) => Kind::Agent,
            Resource::App(_) => Kind::App,
            Resource::Fs(_) => Kind::Fs,
            Resource::Tree(_) => Kind::Tree,
            Resource::Net(_) => Kind::Net,
            Resource::Model(_) => Kind::Model,
            Resource::Container(_) => Kind::Container,
            Resource::Timer(_) => Kind::Timer,
            Resource::Stream(_) => Kind::Stream,
            Resource::Node(..) => Kind::Node,
            Resource::Charter => Kind::Charter,
            Resource::Letters | Resource::Letter(_) => Kind::Letter,
        }
    }
}

/// Splits `/kind/rest`; the rest is `None` where nothing follows the kind.
pub(super) fn split_kind(text: &str) -> Result<(Kind, Option<&str>), PathError> {
    if text.len() > MAX_PATH {
        return Err(PathError::TooLong(text.len()));
    }
    let body = text.strip_prefix('/').ok_or_else(|| PathError::NotAbsolute(text.to_owned()))?;
    match body.bytes().position(|b| b == b'/') {
        Some(i) => Ok((Kind::of_root(&body[..i])?, Some(&body[i + 1..]))),
        None => Ok((Kind::of_root(body)?, None)),
    }
}

/// The number `text`, in its one spelling.
pub(super) fn parse_id(text: &str) -> Result<u64, PathError> {
    let digits = text == "0" || text.starts_with(|c: char| matches!(c, '1'..='9'));
    digits.then(|| text.parse().ok()).flatten().ok_or_else(|| PathError::Id(text.to_owned()))
}

fn parse(text: &str, me: Option<Pid>, remote: bool) -> Result<Resource, PathError> {
    let (kind, rest) = split_kind(text)?;
    match (kind, rest) {
        (Kind::Charter, None) => return Ok(Resource::Charter),
        (Kind::Letter, None) => return Ok(Resource::Letters),
        (Kind::Tree, None) => return Ok(Resource::Tree(TreePath::parse("")?)),
        (Kind::Tree, Some("")) => return Err(PathError::EmptySegment),
        _ => {}
    }
    let shape = || PathError::Shape(kind.form());
    let rest = rest.ok_or_else(shape)?;
    let name = || Name::parse(rest);
    Ok(match kind {
        Kind::Proc | Kind::Inbox => {
            let (id, inbox) = match rest.split_once('/') {
                None => (rest, false),
                Some((id, "inbox")) => (id, true),
                Some(_) => return Err(shape()),
            };
            let pid = if id == "self" { me.ok_or(PathError::NoSelf)? } else { Pid(parse_id(id)?) };
            if inbox { Resource::Inbox(pid) } else { Resource::Proc(pid) }
        }
        Kind::Service => Resource::Service(name()?),
        Kind::Topic if rest.contains('*') => Resource::Topics(Pattern::parse(text)?),
        Kind::Topic => Resource::Topic(Topic::parse(rest)?),
        Kind::Tool => Resource::Tool(name()?),
        Kind::Agent => Resource::Agent(name()?),
        Kind::App => Resource::App(name()?),
        Kind::Fs => match rest.split_once('/') {
            None => Resource::Fs(FsPath::new(name()?, "")?),
            Some((_, "")) => return Err(PathError::EmptySegment),
            Some((mount, rest)) => Resource::Fs(FsPath::new(Name::parse(mount)?, rest)?),
        },
        Kind::Tree => Resource::Tree(TreePath::parse(rest)?),
        Kind::Net => Resource::Net(Endpoint::parse(rest)?),
        Kind::Model => Resource::Model(name()?),
        Kind::Container => Resource::Container(name()?),
        Kind::Timer => Resource::Timer(name()?),
        Kind::Stream => Resource::Stream(StreamId(parse_id(rest)?)),
        Kind::Node => {
            let slash = rest.find('/').filter(|_| !remote).ok_or_else(shape)?;
            let there = parse(&rest[slash..], None, true)?;
            Resource::Node(Name::parse(&rest[..slash])?, Box::new(there))
        }
        Kind::Letter => Resource::Letter(LetterId(parse_id(rest)?)),
        Kind::Charter => return Err(shape()),
    })
}

impl FsPath {
    /// The place `rest` in `mount`: canonical segments joined by `/`, or nothing for the mount itself.
    pub fn new(mount: Name, rest: &str) -> Result<FsPath, PathError> {
        let bytes = "/fs//".len() + mount.as_str().len() + rest.len();
        if bytes > MAX_PATH {
            return Err(PathError::TooLong(bytes));
        }
        segment::check_all(rest)?;
        Ok(FsPath { mount, rest: rest.into() })
    }

    /// The mount.
    pub fn mount(&self) -> &Name {
        &self.mount
    }

    /// The canonical segments below the mount, joined by `/`; empty for the mount itself.
    pub fn rest(&self) -> &str {
        &self.rest
    }

    /// The canonical segments below the mount.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        segments(&self.rest)
    }
}

impl TreePath {
    /// The node `text`: canonical segments joined by `/`, without `/tree/`; nothing for the root.
    pub fn parse(text: &str) -> Result<TreePath, PathError> {
        let bytes = "/tree/".len() + text.len();
        if bytes > MAX_PATH {
            return Err(PathError::TooLong(bytes));
        }
        segment::check_all(text)?;
        Ok(TreePath(text.into()))
    }

    /// The segments joined by `/`; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The canonical segments.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        segments(&self.0)
    }
}

fn segments(text: &str) -> impl Iterator<Item = &str> {
    text.split('/').filter(|segment| !segment.is_empty())
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Resource::Proc(pid) => write!(f, "/proc/{pid}"),
            Resource::Inbox(pid) => write!(f, "/proc/{pid}/inbox"),
            Resource::Service(name) => words(f, "/svc/", name.as_str()),
            Resource::Topic(topic) => words(f, "/topic/", topic.as_str()),
            Resource::Topics(pattern) => f.write_str(pattern.as_str()),
            Resource::Tool(name) => words(f, "/tool/", name.as_str()),
            Resource::Agent(name) => words(f, "/agent/", name.as_str()),
            Resource::App(name) => words(f, "/app/", name.as_str()),
            Resource::Fs(path) => {
                words(f, "/fs/", path.mount.as_str())?;
                if path.rest.is_empty() { Ok(()) } else { words(f, "/", &path.rest) }
            }
            Resource::Tree(path) if path.0.is_empty() => f.write_str("/tree"),
            Resource::Tree(path) => words(f, "/tree/", &path.0),
            Resource::Net(endpoint) => write!(f, "/net/{endpoint}"),
            Resource::Model(name) => words(f, "/model/", name.as_str()),
            Resource::Container(name) => words(f, "/container/", name.as_str()),
            Resource::Timer(name) => words(f, "/timer/", name.as_str()),
            Resource::Stream(id) => write!(f, "/stream/{id}"),
            Resource::Node(name, there) => {
                words(f, "/node/", name.as_str())?;
                fmt::Display::fmt(there, f)
            }
            Resource::Charter => f.write_str("/charter"),
            Resource::Letters => f.write_str("/letter"),
            Resource::Letter(id) => write!(f, "/letter/{id}"),
        }
    }
}

fn words(f: &mut fmt::Formatter<'_>, root: &str, rest: &str) -> fmt::Result {
    f.write_str(root)?;
    f.write_str(rest)
}

impl fmt::Debug for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for FsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Resource::Fs(self.clone()), f)
    }
}

impl fmt::Debug for FsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Resource::Tree(self.clone()), f)
    }
}

impl fmt::Debug for TreePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses without a caller: `/proc/self` is an error.
impl FromStr for Resource {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Resource, PathError> {
        parse(text, None, false)
    }
}

text_codec!(Resource);
