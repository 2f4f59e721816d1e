//! Why a text is not a path, a pattern, a name or a verb.

/// What is wrong with a text. Nothing was changed: texts are parsed before anything else happens.
///
/// Messages quote what was written with control characters escaped, so they are fit for a terminal.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PathError {
    /// More bytes than a path may have; holds how many.
    #[error("a path has at most 4,096 bytes and this one has {0}")]
    TooLong(usize),
    /// The text does not start with `/` and a kind.
    #[error("{0:?} is not a path: it starts with `/` and a kind, as in /fs/repo/README.md")]
    NotAbsolute(String),
    /// The first segment names no kind of resource.
    #[error(
        "{0:?} is not a kind of resource; there are proc, svc, topic, tool, agent, app, fs, tree, net, model, container, timer, stream, node and charter"
    )]
    UnknownKind(String),
    /// The segments do not fit the kind; holds how that kind is written.
    #[error("this kind of resource is written {0}")]
    Shape(&'static str),
    /// A `//`, or a `/` at the end.
    #[error("a segment is empty: `//` and a `/` at the end have no meaning")]
    EmptySegment,
    /// A `.` or `..`.
    #[error("`.` and `..` are not segments: a path says where it leads")]
    DotSegment,
    /// A segment of more than 255 bytes when decoded; in a pattern, one that leaves no room for its `*`.
    #[error("the segment {0:?} is too long: it has at most 255 bytes when decoded")]
    LongSegment(String),
    /// A segment that is not in the one canonical form.
    #[error("{0:?} is not canonical: A-Z a-z 0-9 - . _ ~ stand for themselves, any other byte is %XX in upper case")]
    Encoding(String),
    /// A segment that holds a `/` or a zero byte, which no file can be named.
    #[error("{0:?} holds an encoded `/` or zero byte, which is in no name")]
    Unnameable(String),
    /// Not a name.
    #[error("{0:?} is not a name: 1 to 64 of A-Z a-z 0-9 - . _ ~, but not `.` or `..`")]
    Name(String),
    /// Not the number of a process or stream.
    #[error("{0:?} is not an id: a number without leading zeros")]
    Id(String),
    /// `/proc/self` where nobody is the caller.
    #[error("/proc/self has no meaning here: name the process by its number")]
    NoSelf,
    /// Not a topic.
    #[error("{0:?} is not a topic: parts of A-Z a-z 0-9 - _ ~ joined by `.`, at most 255 bytes")]
    Topic(String),
    /// Not a host; the second says why.
    #[error("{0:?} is not a host: {1}")]
    Host(String, &'static str),
    /// Not a port.
    #[error("{0:?} is not a port: 1 to 65535 without leading zeros")]
    Port(String),
    /// A wildcard where none may be; the second says where it may.
    #[error("{0:?}: {1}")]
    Wildcard(String, &'static str),
    /// Not a verb.
    #[error("{0:?} is not a verb")]
    Verb(String),
    /// Not a right.
    #[error("{0:?} is not a right: a verb, one space and a pattern, as in `read /fs/repo/**`")]
    Right(String),
}
