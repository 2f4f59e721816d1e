//! Verbs and kinds: the two closed word lists of the one idea.

use super::{PathError, text_codec};
use std::fmt;
use std::str::FromStr;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$item])* $variant,)*
        }

        impl $name {
            /// All of them, in the order of their declaration; the index of each is its `as usize`.
            pub const ALL: &[$name] = &[$($name::$variant,)*];

            /// The word.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $($name::$variant => $text,)*
                }
            }

            fn lookup(text: &str) -> Option<$name> {
                match text {
                    $($text => Some($name::$variant),)*
                    _ => None,
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl FromStr for $name {
            type Err = PathError;

            fn from_str(text: &str) -> Result<$name, PathError> {
                $name::parse(text)
            }
        }

        text_codec!($name);
    };
}

words! {
    /// What is done. Which verbs a kind of resource has is the verb table's to say.
    Verb {
        /// Reads bytes or state.
        Read = "read",
        /// Lists what is below.
        List = "list",
        /// Writes bytes.
        Write = "write",
        /// Removes.
        Remove = "remove",
        /// Leaves a message; never waits.
        Send = "send",
        /// Gives a message to every subscriber; never waits.
        Publish = "publish",
        /// Receives what is published from now on.
        Subscribe = "subscribe",
        /// Sends a request and waits for the reply.
        Call = "call",
        /// Becomes the one that answers for a name.
        Register = "register",
        /// Starts a process of an agent.
        Spawn = "spawn",
        /// Asks to end.
        Stop = "stop",
        /// Sends a signal.
        Signal = "signal",
        /// Ends a whole subtree, without asking.
        Kill = "kill",
        /// Stops a process from running for a while.
        Suspend = "suspend",
        /// Lets it run again.
        Resume = "resume",
        /// Ties the ends of two processes together.
        Link = "link",
        /// Learns of an end.
        Monitor = "monitor",
        /// Starts a timer, an application or a container.
        Start = "start",
        /// Learns of changes.
        Watch = "watch",
        /// Opens a network connection.
        Connect = "connect",
        /// Asks a model.
        Infer = "infer",
        /// Gives a right.
        Grant = "grant",
        /// Takes a right back.
        Revoke = "revoke",
        /// Asks for a right for a while.
        Elevate = "elevate",
        /// Takes away a label of secrecy.
        Declassify = "declassify",
        /// Takes away a label of distrust.
        Endorse = "endorse",
        /// Changes the charter.
        Legislate = "legislate",
        /// Installs an application.
        Install = "install",
    }
}

words! {
    /// What a resource is. The word is the first segment of its path, except that an inbox lies below its process.
    Kind {
        /// `/proc/12`
        Proc = "proc",
        /// `/proc/12/inbox`
        Inbox = "inbox",
        /// `/svc/report`
        Service = "svc",
        /// `/topic/findings.new`
        Topic = "topic",
        /// `/tool/scan-secrets`
        Tool = "tool",
        /// `/agent/scanner`
        Agent = "agent",
        /// `/app/repo-audit`
        App = "app",
        /// `/fs/repo/src/main.rs`
        Fs = "fs",
        /// `/tree/app/x`
        Tree = "tree",
        /// `/net/api.example.com:443`
        Net = "net",
        /// `/model/llama3`
        Model = "model",
        /// `/container/redis`
        Container = "container",
        /// `/timer/tick`
        Timer = "timer",
        /// `/stream/7`
        Stream = "stream",
        /// `/node/eu-1/proc/7`
        Node = "node",
        /// `/charter`
        Charter = "charter",
        /// `/letter/7`, and `/letter` for all of them
        Letter = "letter",
    }
}

impl Verb {
    /// The verb `text`, or [`PathError::Verb`].
    pub fn parse(text: &str) -> Result<Verb, PathError> {
        Verb::lookup(text).ok_or_else(|| PathError::Verb(text.to_owned()))
    }
}

impl Kind {
    /// The kind whose word is `text`, or [`PathError::UnknownKind`].
    pub fn parse(text: &str) -> Result<Kind, PathError> {
        Kind::lookup(text).ok_or_else(|| PathError::UnknownKind(text.to_owned()))
    }

    /// The kind that a path beginning with the segment `text` has.
    pub(super) fn of_root(text: &str) -> Result<Kind, PathError> {
        match Kind::parse(text) {
            Ok(Kind::Inbox) => Err(PathError::UnknownKind(text.to_owned())),
            other => other,
        }
    }

    /// How a path of this kind is written.
    pub(super) const fn form(self) -> &'static str {
        match self {
            Kind::Proc | Kind::Inbox => "/proc/PID or /proc/PID/inbox",
            Kind::Service => "/svc/NAME",
            Kind::Topic => "/topic/PART.PART",
            Kind::Tool => "/tool/NAME",
            Kind::Agent => "/agent/NAME",
            Kind::App => "/app/NAME",
            Kind::Fs => "/fs/MOUNT/SEGMENT/SEGMENT",
            Kind::Tree => "/tree/SEGMENT/SEGMENT",
            Kind::Net => "/net/HOST:PORT",
            Kind::Model => "/model/NAME",
            Kind::Container => "/container/NAME",
            Kind::Timer => "/timer/NAME",
            Kind::Stream => "/stream/ID",
            Kind::Node => "/node/NAME and then the path of another resource there",
            Kind::Charter => "/charter",
            Kind::Letter => "/letter or /letter/ID",
        }
    }
}
