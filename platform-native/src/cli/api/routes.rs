//! Everything that is served, in one table: what a request is matched against, and what the OpenAPI document is made of.

use super::refused::Refused;
use hyper::{Method, StatusCode};
use kernel_core::id::ActionId;
use kernel_core::path::Name;
use kernel_core::refusal::Code;

/// What is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Op {
    Health,
    Processes,
    Services,
    Apps,
    Install,
    Start,
    Remove,
    Act,
    Approvals,
    Answer,
    Events,
    Checkpoint,
    Log,
    Inclusion,
    Consistency,
    Receipt,
    Children,
    Prove,
    Backup,
    Snapshots,
    Diff,
    Shutdown,
    OpenApi,
}

/// One method of one path.
#[derive(Debug)]
pub(super) struct Route {
    pub(super) method: Method,
    /// A segment in braces is a name, or the number of an act or an event.
    pub(super) path: &'static str,
    pub(super) op: Op,
    /// One line.
    pub(super) summary: &'static str,
    /// What has to be known besides.
    pub(super) about: &'static str,
    pub(super) query: &'static [Query],
    /// The schema of the body, where there is one, and the most bytes that it may have.
    pub(super) body: Option<(&'static str, usize)>,
    /// The schema of what is answered.
    pub(super) reply: &'static str,
    /// Which statuses tell of what went wrong, beside those that every route has.
    pub(super) errors: &'static [u16],
}

/// One thing that a query may say.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) name: &'static str,
    /// What it takes; a flag takes nothing.
    pub(super) values: &'static [&'static str],
    pub(super) about: &'static str,
}

/// What may go wrong whatever is asked: a request that does not parse, is of nobody who may ask, takes too long, is too
/// large or too many, and a kernel that has stopped.
pub(super) const ALWAYS: &[u16] = &[400, 401, 403, 404, 405, 408, 413, 421, 429, 500, 503];

/// The most bytes of the body of an act: a payload of 1 MiB in base64, and its line of JSON.
pub(super) const ACT: usize = 2 << 20;

/// The most bytes of an application: components of 96 MiB together, in base64.
pub(super) const APP: usize = 128 << 20;

/// The most bytes of any other body.
const SMALL: usize = 64 << 10;

/// What is served.
pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/v1/health",
        op: Op::Health,
        summary: "How the kernel is",
        about: "Answered also by a kernel whose log cannot be written any more: `status` says so.",
        query: &[],
        body: None,
        reply: "Health",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/processes",
        op: Op::Processes,
        summary: "The processes that live, by pid",
        about: "",
        query: &[
            Query {
                name: "all",
                values: &[],
                about: "Also those that have ended, of which the latest 10,000 are kept",
            },
            Query {
                name: "brief",
                values: &[],
                about: "Without `tree`, and of each without what is 0, empty or null, but for `parent` and `wall`; for very many processes",
            },
        ],
        body: None,
        reply: "Processes",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/services",
        op: Op::Services,
        summary: "The services that are answered for",
        about: "",
        query: &[],
        body: None,
        reply: "Services",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/apps",
        op: Op::Apps,
        summary: "The applications that are installed, and whether they run",
        about: "",
        query: &[],
        body: None,
        reply: "Apps",
        errors: &[],
    },
    Route {
        method: Method::POST,
        path: "/v1/apps",
        op: Op::Install,
        summary: "Installs an application",
        about: "The kernel checks the manifest and its programs itself, and gives nothing beyond `allow` and `mounts`. What \
                needs more is refused as `denied`, and `error.detail` has `flags` and `missing` as `weft run --json` has \
                them. An application of that name takes its place, unless it runs (`conflict`).",
        query: &[],
        body: Some(("Install", APP)),
        reply: "Installed",
        errors: &[409, 415, 501],
    },
    Route {
        method: Method::POST,
        path: "/v1/apps/{name}/start",
        op: Op::Start,
        summary: "Starts an installed application",
        about: "Answered when all its agents run. It is started by a process that holds what was given when it was \
                installed, and nothing else.",
        query: &[],
        body: Some(("Start", SMALL)),
        reply: "Started",
        errors: &[409, 415, 501, 504],
    },
    Route {
        method: Method::DELETE,
        path: "/v1/apps/{name}",
        op: Op::Remove,
        summary: "Removes an application that does not run",
        about: "Its folders are not mounted any more.",
        query: &[],
        body: None,
        reply: "Removed",
        errors: &[409],
    },
    Route {
        method: Method::POST,
        path: "/v1/acts",
        op: Op::Act,
        summary: "One act: a verb, a resource, a body",
        about: "The one road: `VERBS.md` lists all that can be asked. Who acts is a process of role user, one for each \
                connection, made at its first act; it carries the labels of what it was told, and its acts are decided, \
                recorded and counted like those of any process. It ends with the connection, or when what it has started \
                has ended. An act that waits, as `call` does, is answered at its deadline at the latest.",
        query: &[],
        body: Some(("Act", ACT)),
        reply: "Acted",
        errors: &[409, 415, 501, 504],
    },
    Route {
        method: Method::GET,
        path: "/v1/approvals",
        op: Op::Approvals,
        summary: "The acts that wait for an answer, the oldest first",
        about: "`detail` is all that was decided upon, and `wait_ms` how long each still waits; it is refused then.",
        query: &[],
        body: None,
        reply: "Approvals",
        errors: &[],
    },
    Route {
        method: Method::POST,
        path: "/v1/approvals/{action}",
        op: Op::Answer,
        summary: "Answers for an act that waits",
        about: "Once: a question that somebody has answered, that nobody answered in time or whose act has ended is a \
                `conflict` that says so, and one that never was is `not_found`. The log says who answered. A yes is for \
                what was asked; what has changed since is decided again.",
        query: &[],
        body: Some(("Answer", SMALL)),
        reply: "Answered",
        errors: &[409, 415],
    },
    Route {
        method: Method::GET,
        path: "/v1/events",
        op: Op::Events,
        summary: "What happens, as server-sent events",
        about: "Each event has an id. `Last-Event-ID` goes on behind that one; without it, events come from now on. The \
                kernel keeps the latest 4,096 (4 MiB) and never waits: a reader that was slower is told what it missed by \
                an event `lagged` with `from` and `to`, the numbers of the first and the last of them, and goes on with \
                what there is. One that comes with an id of an earlier start of the kernel is told `restarted`. What a \
                guest logs is shown whatever it is labelled. The last event is `stopped`.",
        query: &[
            Query {
                name: "from",
                values: &["now", "oldest"],
                about: "Where to begin without `Last-Event-ID`; `now` by default",
            },
            Query { name: "follow", values: &["true", "false"], about: "Whether to wait for more; `true` by default" },
        ],
        body: None,
        reply: "Event",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/log/{event}",
        op: Op::Log,
        summary: "The log from one event on, as far as it is on disk",
        about: "Some rows of it: `next` is the number to ask for then. Beyond the last event there are none, and `next` is \
                the number that comes next. `event` of each is its bytes, whose hash the one after it has as `prev`.",
        query: &[],
        body: None,
        reply: "Log",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/checkpoint",
        op: Op::Checkpoint,
        summary: "The signed checkpoint over all that happened so far",
        about: "To be kept elsewhere: `weft chain verify --against` finds by it that a log was rewritten or rolled back. Everything \
                so far is made durable for it.",
        query: &[],
        body: None,
        reply: "Checkpoint",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/log/{event}/proof",
        op: Op::Inclusion,
        summary: "The proof that the log has one event",
        about: "The answer is the file that `weft verify` takes, under a checkpoint over all that happened so far, which is \
                signed for it.",
        query: &[],
        body: None,
        reply: "Inclusion",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/log/{event}/consistency",
        op: Op::Consistency,
        summary: "The proof that the log begins with what it was before that event",
        about: "`event` is how many events the log had then. The answer is the file that `weft verify` takes, under a checkpoint \
                over all that happened so far, which is signed for it.",
        query: &[],
        body: None,
        reply: "Consistency",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/receipts/{action}",
        op: Op::Receipt,
        summary: "What the log says of one act, with the proof that it does",
        about: "The answer is the file that `weft verify` takes: a checkpoint over all that happened so far is signed for \
                it. The log is read from its beginning up to the end of the act. An act that is under way gets a receipt \
                that does not verify yet, as `outcome_missing` or `admission_missing`.",
        query: &[Query {
            name: "body",
            values: &[],
            about: "Also what the act was done with, where that is kept; without it there is only what it hashes to",
        }],
        body: None,
        reply: "Receipt",
        errors: &[],
    },
    Route {
        method: Method::POST,
        path: "/v1/tree/children",
        op: Op::Children,
        summary: "What is directly below a node of the tree, by name",
        about: "As it is stored, for whoever runs the kernel: to read a node as a process does is an act. At most 1,000 on a page; \
                `next` is the `cursor` of the next. One that has a node and something below it may be on two pages.",
        query: &[],
        body: Some(("ListNodes", SMALL)),
        reply: "Children",
        errors: &[415],
    },
    Route {
        method: Method::POST,
        path: "/v1/tree/prove",
        op: Op::Prove,
        summary: "A proof of what a node of the tree is, or that it is not there",
        about: "Everything so far is made durable, and a checkpoint is signed over it: the proof leads from the node to the \
                root of the tree, to the event that tells it, and to that checkpoint.",
        query: &[],
        body: Some(("ProveNode", SMALL)),
        reply: "Proved",
        errors: &[415],
    },
    Route {
        method: Method::GET,
        path: "/v1/backup",
        op: Op::Backup,
        summary: "All that is stored, as of one moment",
        about: "What `weft backup` makes a backup of: everything that was done so far is signed, then the rows are sent as \
                they are between two commits, while the kernel goes on. The key that signs is not among them. What does \
                not end with its end mark was cut short.",
        query: &[],
        body: None,
        reply: "Backup",
        errors: &[],
    },
    Route {
        method: Method::GET,
        path: "/v1/tree/snapshots",
        op: Op::Snapshots,
        summary: "The snapshots of the tree, the oldest first",
        about: "To take one is an act, `write` on `/tree`, and so is to read a node as it was.",
        query: &[],
        body: None,
        reply: "Snapshots",
        errors: &[],
    },
    Route {
        method: Method::POST,
        path: "/v1/tree/diff",
        op: Op::Diff,
        summary: "What is not now, or in a later snapshot of the tree, as it is in a snapshot",
        about: "Each node with what it was and what it is: hashes of values and no values, which to read is an act. What this takes \
                grows with the changes and not with the tree.",
        query: &[],
        body: Some(("Diff", SMALL)),
        reply: "Changes",
        errors: &[415],
    },
    Route {
        method: Method::POST,
        path: "/v1/shutdown",
        op: Op::Shutdown,
        summary: "Stops the kernel in order",
        about: "Answered when everything has stopped and the log is on disk, with the checkpoint over all of it.",
        query: &[],
        body: Some(("Shutdown", SMALL)),
        reply: "Stopped",
        errors: &[415],
    },
    Route {
        method: Method::GET,
        path: "/v1/openapi.json",
        op: Op::OpenApi,
        summary: "This document",
        about: "",
        query: &[],
        body: None,
        reply: "OpenApi",
        errors: &[],
    },
];

/// What a path has for the segment in braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    /// For `{name}`.
    Name(Name),
    /// For `{action}`.
    Action(ActionId),
    /// For `{event}`.
    Event(u64),
}

impl Slot {
    fn parse(slot: &str, text: &str) -> Result<Slot, Refused> {
        let wrong = |e: String| Refused::new(Code::Invalid, format!("the path names none: {e}"));
        let number = || text.parse().map_err(|_| wrong("its number is a whole one".to_owned()));
        match slot {
            "{action}" => Ok(Slot::Action(ActionId(number()?))),
            "{event}" => Ok(Slot::Event(number()?)),
            _ => Name::parse(text).map(Slot::Name).map_err(|e| wrong(e.to_string())),
        }
    }
}

/// The route of a request, and what its path names.
pub(super) fn find(method: &Method, path: &str) -> Result<(&'static Route, Option<Slot>), Refused> {
    let mut allowed = Vec::new();
    for route in ROUTES {
        let Some(slot) = fits(route.path, path) else { continue };
        if route.method == *method {
            return Ok((route, slot.map(|(slot, text)| Slot::parse(slot, text)).transpose()?));
        }
        allowed.push(route.method.as_str());
    }
    if allowed.is_empty() {
        let refused = Refused::new(Code::NotFound, "nothing is served under this path");
        return Err(refused.help("GET /v1/openapi.json lists what is"));
    }
    let allowed = allowed.join(", ");
    let refused = Refused::new(Code::Invalid, format!("this path takes {allowed} and no other method"));
    Err(refused.status(StatusCode::METHOD_NOT_ALLOWED).allow(allowed))
}

/// Whether `path` is one of `template`, and what stands for which segment in braces.
fn fits<'p>(template: &'static str, path: &'p str) -> Option<Option<(&'static str, &'p str)>> {
    let mut named = None;
    let (mut wanted, mut given) = (template.split('/'), path.split('/'));
    loop {
        match (wanted.next(), given.next()) {
            (None, None) => return Some(named),
            (Some(slot), Some(segment)) if slot.starts_with('{') && !segment.is_empty() => {
                named = Some((slot, segment));
            }
            (Some(word), Some(segment)) if word == segment => {}
            _ => return None,
        }
    }
}

/// What a query says, if the route takes it: each flag or value once.
pub(super) fn query(route: &Route, text: Option<&str>) -> Result<Vec<(&'static str, &'static str)>, Refused> {
    let mut found: Vec<(&'static str, &'static str)> = Vec::new();
    for part in text.unwrap_or_default().split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let wrong =
            |what: &str| Err(Refused::new(Code::Invalid, format!("`{}` in the query {what}", name.escape_debug())));
        let Some(known) = route.query.iter().find(|known| known.name == name) else {
            return wrong("means nothing here");
        };
        let value = match known.values {
            [] if value.is_empty() => "",
            values => match values.iter().find(|known| **known == value) {
                Some(value) => value,
                None if values.is_empty() => return wrong("takes no value"),
                None => return wrong(&format!("takes {}", values.join(" or "))),
            },
        };
        if found.iter().any(|(before, _)| *before == known.name) {
            return wrong("is there twice");
        }
        found.push((known.name, value));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(method: Method, path: &str) -> u16 {
        find(&method, path).map_or_else(|refused| refused.status.as_u16(), |_| 200)
    }

    #[test]
    fn a_request_is_what_the_table_has() {
        assert_eq!(status(Method::GET, "/v1/health"), 200);
        let (route, name) = find(&Method::POST, "/v1/apps/play/start").unwrap();
        assert_eq!((route.op, name), (Op::Start, Some(Slot::Name(Name::parse("play").unwrap()))));
        let (route, action) = find(&Method::POST, "/v1/approvals/17").unwrap();
        assert_eq!((route.op, action), (Op::Answer, Some(Slot::Action(ActionId(17)))));
        for (method, path, expected) in [
            (Method::GET, "/", 404),
            (Method::GET, "/v1", 404),
            (Method::GET, "/v1/health/", 404),
            (Method::GET, "/v2/health", 404),
            (Method::POST, "/v1/health", 405),
            (Method::HEAD, "/v1/health", 405),
            (Method::OPTIONS, "/v1/acts", 405),
            (Method::GET, "/v1/apps/play", 405),
            (Method::DELETE, "/v1/apps/", 404),
            (Method::DELETE, "/v1/apps/a%2Fb", 400),
            (Method::POST, "/v1/approvals/x", 400),
            (Method::POST, "/v1/approvals/-1", 400),
            (Method::POST, "/v1/approvals/18446744073709551616", 400),
        ] {
            assert_eq!(status(method.clone(), path), expected, "{method} {path}");
        }
        assert_eq!(find(&Method::PUT, "/v1/apps").unwrap_err().allowed(), Some("GET, POST"));
    }

    #[test]
    fn a_query_says_only_what_the_table_has() {
        let (events, _) = find(&Method::GET, "/v1/events").unwrap();
        assert_eq!(query(events, None).unwrap(), []);
        assert_eq!(query(events, Some("from=oldest&follow=false")).unwrap(), [("from", "oldest"), ("follow", "false")]);
        for wrong in ["from", "from=x", "follow=", "from=now&from=now", "all", "x=y"] {
            assert!(query(events, Some(wrong)).is_err(), "{wrong}");
        }
        let (processes, _) = find(&Method::GET, "/v1/processes").unwrap();
        assert_eq!(query(processes, Some("all")).unwrap(), [("all", "")]);
        assert!(query(processes, Some("all=yes")).is_err());
    }
}
