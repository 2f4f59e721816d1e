//! The rows. Base effects are those of the design's table; a verb that is not in it takes the nearest row that is, and
//! its doc says which.

use super::{Class, Field, Row, Type};
use crate::governance::Effect;
use crate::path::{Kind, Verb};

/// Sending, publishing, calling.
const EXCHANGE: Effect = Effect::new(200, 0, 0, 0, 200);
/// Reading, listing.
const LOOK: Effect = Effect::new(500, 0, 1_000, 0, 500);
/// Writing, removing.
const CHANGE: Effect = Effect::new(1_200, 0, 300, 0, 800);
/// Starting a process.
const SPAWN: Effect = Effect::new(800, 0, 0, 0, 1_000);
/// Asking a model that runs on this machine: lower than the row of `infer`, which is for one that does not.
pub const INFER_LOCAL: Effect = Effect::new(1_000, 500, 500, 0, 500);
/// Asking a model elsewhere.
const INFER_REMOTE: Effect = Effect::new(1_500, 500, 2_500, 0, 1_500);
/// Opening a connection.
const CONNECT: Effect = Effect::new(3_000, 0, 2_500, 0, 4_000);
/// Starting a container.
const CONTAINER: Effect = Effect::new(3_000, 0, 1_000, 0, 4_500);
/// Giving authority.
const GRANT: Effect = Effect::new(2_000, 0, 0, 0, 4_000);
/// Taking a label away.
const DECLASSIFY: Effect = Effect::new(2_000, 0, 7_000, 0, 5_000);
/// Changing the charter.
const LEGISLATE: Effect = Effect::new(5_000, 2_000, 0, 0, 6_000);

/// The most bytes of a payload or reply.
const MIB: u64 = 1 << 20;
/// The longest wait, one day, in milliseconds.
const DAY_MS: u64 = 86_400_000;

const fn field(name: &'static str, ty: Type, doc: &'static str) -> Field {
    Field { name, ty, audit: false, doc }
}

impl Field {
    const fn audited(self) -> Field {
        Field { audit: true, ..self }
    }
}

const LABELS: Field = field("labels", Type::Texts(64), "labels joined to those that the process carries; default none");
const CONTENT_TYPE: Field = field("content_type", Type::Text(255), "media type of the payload; default empty");
const CORRELATION: Field =
    field("correlation", Type::Int(u64::MAX), "a number that is echoed, by which a receive can select; default none");
const DEADLINE: Field =
    field("deadline_ms", Type::Int(DAY_MS), "the longest wait, milliseconds, at most a day; default 30000");
const LEN: Field = field("len", Type::Int(MIB), "the most bytes to return, at most 1048576; default 65536");
const OFFSET: Field = field("offset", Type::Int(u64::MAX), "where to begin, bytes from the start; default 0");

/// Which page of a listing.
const PAGE: &[Field] = &[
    field("cursor", Type::Text(8_192), "`next` of the page before; default the first page"),
    field("limit", Type::Int(1_000), "entries of a page, 1 to 1000; default 1000"),
];

/// Rights that are given or taken.
const RIGHTS: &[Field] = &[
    field("use", Type::Texts(1_024), "rights to use, each `verb pattern`; default none").audited(),
    field("grant", Type::Texts(1_024), "rights to grant; default none").audited(),
];

/// How a file or node is written.
const WRITE: &[Field] = &[
    field("offset", Type::Int(u64::MAX), "write from here, bytes from the start").audited(),
    field("append", Type::Bool, "write at the end").audited(),
    field("replace", Type::Bool, "put the payload in the place of the whole, at once or not at all").audited(),
    field(
        "expect",
        Type::Text(64),
        "hexadecimal SHA-256 of the whole value to write over, or `absent`; else `conflict`",
    ),
    LABELS,
];

const SNAPSHOT: Field =
    field("snapshot", Type::Text(255), "on /tree and alone: the name of a snapshot of the whole tree").audited();
const QUEUE: Field =
    field("queue", Type::Int(1_024), "how many of its messages may wait at once, 1 to 1024; default 256");
/// The same for a node.
const WRITE_NODE: &[Field] = &[
    WRITE[0],
    WRITE[1],
    WRITE[2],
    WRITE[3],
    WRITE[4],
    field("kind", Type::Text(64), "what it is, in a word of the writer's choice, which is kept with it; default none")
        .audited(),
    SNAPSHOT,
];

const fn act(verb: Verb, kinds: &'static [Kind], class: Class, base: Effect) -> Row {
    Row {
        verb,
        kinds,
        class,
        weighs: matches!(class, Class::Outward),
        base,
        blocking: false,
        fields: &[],
        payload: false,
        reply: "`{}`",
        doc: "",
        missing: None,
    }
}

impl Row {
    const fn takes(self, fields: &'static [Field]) -> Row {
        Row { fields, ..self }
    }

    const fn payload(self) -> Row {
        Row { payload: true, ..self }
    }

    /// What it carries is kept with its labels or comes along with them, so they do not weigh.
    const fn keeps_labels(self) -> Row {
        Row { weighs: false, ..self }
    }

    const fn blocks(self) -> Row {
        Row { blocking: true, ..self }
    }

    const fn reply(self, reply: &'static str) -> Row {
        Row { reply, ..self }
    }

    const fn doc(self, doc: &'static str) -> Row {
        Row { doc, ..self }
    }

    const fn missing(self, what: &'static str) -> Row {
        Row { missing: Some(what), ..self }
    }
}

use Class::{Inner, Observing, Outward};

/// All rows, in the order in which `VERBS.md` shows them.
pub static ROWS: &[Row] = &[
    // Files and the tree.
    act(Verb::Read, &[Kind::Fs], Observing, LOOK)
        .takes(&[OFFSET, LEN])
        .reply("the bytes, fewer than `len` only at the end")
        .doc("Reads a range of a file. Labels of what is read join the process, and those of what an error tells of."),
    act(Verb::Read, &[Kind::Tree], Observing, LOOK)
        .takes(&[
            OFFSET,
            LEN,
            field("at", Type::Text(255), "the snapshot whose node is read; default what there is now"),
        ])
        .reply("the bytes, fewer than `len` only at the end")
        .doc("Reads a range of a node of the tree. Labels of what is read join the process, and those of what an error tells of."),
    act(Verb::List, &[Kind::Fs], Observing, LOOK)
        .takes(PAGE)
        .reply(
            "`{\"entries\":[{\"name\",\"kind\",\"size\"}],\"next\":cursor or null}`; a kind is `file`, `directory`, `link` (it \
             leads to something in the mount), `broken_link` (its target is missing, or itself), `outside_link` (it leads out of the mount), `mount` \
             (the folder of another mount, where what is in it is reached) or `other`",
        )
        .doc("Lists what lies directly below, a page at a time."),
    act(Verb::List, &[Kind::Tree], Observing, LOOK)
        .takes(PAGE)
        .reply(
            "`{\"entries\":[{\"name\",\"kind\",\"size\",\"parent\"}],\"next\":cursor or null}`; a size is null where only something below the \
             node is there, and `parent` says whether something is; one that has a value and something below it may be on two pages",
        )
        .doc("Lists what lies directly below a node, a page at a time; a page may have few where much was removed. Labels of what is listed, \
              and of what was removed there, join the process."),
    act(Verb::Write, &[Kind::Fs], Outward, CHANGE)
        .takes(WRITE)
        .payload()
        .doc("Writes the payload to a file, which is made if it is not there. Exactly one of `offset`, `append` and \
              `replace` is given. What the file that was compared is labelled, or what an error tells of, joins the \
              process; the file keeps the labels of what it was compared with."),
    act(Verb::Write, &[Kind::Tree], Outward, CHANGE)
        .keeps_labels()
        .takes(WRITE_NODE)
        .payload()
        .reply("`{\"version\":number}`, one more than before")
        .doc("Puts the payload in the place of a node, which is made if it is not there: of `offset`, `append` and \
              `replace` it takes `replace`. The outcome in the log tells the root of the tree that this makes. With `snapshot` alone it keeps the whole tree as it is now under that name, \
              at most 64 times (the reply is `{}`; `conflict` if the name is taken). Nobody writes below `/tree/kernel`: there the kernel itself tells what is installed (`FORMAT.md`). The node keeps the labels, also those of what it was compared with. The reply tells how often it was written, so what \
              those writes were labelled joins the process."),
    act(Verb::Watch, &[Kind::Tree], Observing, LOOK)
        .takes(&[QUEUE])
        .doc("Receives an envelope of kind `watch` for every change of the node or of one below it, with what that is labelled: \
              its target is the node, its body `{\"gone\":bool}`. At most 16 processes watch one node. What does not fit is told by \
              `lagged`. Effect as `read`."),
    act(Verb::Stop, &[Kind::Tree], Inner, EXCHANGE)
        .doc("Ends a watch of one's own, named as it was begun. Effect as `send`. An instance of one message that carries \
              more than its process began with ends only those that were begun with that."),
    act(Verb::Remove, &[Kind::Fs], Outward, CHANGE)
        .doc("Removes a file or an empty folder. What it was labelled joins the process and whoever finds nothing there."),
    act(Verb::Remove, &[Kind::Tree], Outward, CHANGE)
        .keeps_labels()
        .takes(&[SNAPSHOT])
        .doc("Removes a node, and none below it, or lets go of a snapshot. The outcome in the log tells the root of the tree that this makes. What the node was labelled joins the process; that and what the process carries joins \
              whoever finds nothing there."),
    // Messages.
    act(Verb::Send, &[Kind::Proc, Kind::Service], Inner, EXCHANGE)
        .takes(&[LABELS, CONTENT_TYPE, CORRELATION])
        .payload()
        .reply("`{\"id\":message}`")
        .doc("Puts the payload into a mailbox and does not wait. A full mailbox is `full`, and the message a dead letter; one sender can fill \
              eight ninths of one, and where many wait each sender has its turn. Where it is \
              a durable inbox, the message is stored, in staging and prod before this is answered, and handed to the agent \
              again until its `handle` has returned, also by a later kernel."),
    act(Verb::Publish, &[Kind::Topic], Inner, EXCHANGE)
        .takes(&[
            LABELS,
            CONTENT_TYPE,
            CORRELATION,
            field("retain", Type::Bool, "keep it for those who subscribe later; default false"),
        ])
        .payload()
        .reply("`{\"id\":message,\"receivers\":count,\"missed\":count}`; missed are those whose mailbox is full or whose clearance is too low; who subscribed carrying what the publisher does not carry is in neither")
        .doc("Puts the payload into the mailbox of every subscriber and does not wait. The number of the message grows \
              and never comes again. Messages of one sender on one topic arrive in their order. Receivers are \
              counted at once; where there are 256 or more, they are handed the message bit by bit, `missed` counts the first 256 of \
              them, and it is `full` while 1,024 messages or 64 MiB are being handed out so. What is retained is kept in memory: \
              of one topic the latest 128 messages and 2 MiB, of all together 4,096 and 32 MiB."),
    act(Verb::Subscribe, &[Kind::Topic], Observing, LOOK)
        .takes(&[
            QUEUE,
            field("from", Type::Int(u64::MAX), "the number of the first message that is wanted of those that are retained; default none of them"),
        ])
        .doc("Receives from now on what is published on the topic, or on any topic of a pattern (`/topic/findings.*`), which has to \
              lie within a right as a whole, with what the process carries now. What does not fit is told of by one envelope of kind \
              `lagged` in its place, `{\"topic\",\"from\",\"to\"}`: between these two numbers, both included, messages did not come; \
              so is with `from` what is not retained any more, or was by an earlier kernel. A process has at most 256 \
              subscriptions, and one message comes once however many of them it fits. Effect as `read`: it learns."),
    act(Verb::Stop, &[Kind::Topic], Inner, EXCHANGE)
        .doc("Ends a subscription of one's own, named as it was made; what it missed is not told any more. Effect as `send`. An instance of one message that carries \
              more than its process began with ends only those that were made with that: what stays away would tell of it."),
    act(Verb::Call, &[Kind::Service, Kind::Proc], Inner, EXCHANGE)
        .takes(&[DEADLINE, LABELS, CONTENT_TYPE, CORRELATION])
        .payload()
        .blocks()
        .reply("a line `{\"labels\":[...]}`, then what the callee's `handle` returned")
        .doc("Sends a request and waits for the reply. Refused at once with `deadlock` where the wait would close a \
              cycle."),
    act(Verb::Register, &[Kind::Service], Observing, EXCHANGE)
        .doc("Becomes the process that answers for the name: what comes to it there comes with what the process carries now. \
              `conflict` if another does. Effect as `send`."),
    act(Verb::Read, &[Kind::Inbox], Inner, EXCHANGE)
        .takes(&[
            field("correlation", Type::Int(u64::MAX), "take only an envelope with this number; default any"),
            DEADLINE,
        ])
        .blocks()
        .reply("a line of JSON `{id, sender, target, kind, correlation, deadline, labels, content_type}`, then the body")
        .doc("Takes the next envelope out of the own mailbox, waiting for one; nobody takes from another's. The other half of `send`, so it is \
              recorded and weighs as that; its labels join the process. An instance of one message that carries more than \
              its process began with takes nothing: what it left would tell of it."),
    // Tools.
    act(Verb::Register, &[Kind::Tool], Observing, EXCHANGE)
        .takes(&[
            field("effect", Type::Json, "the least effect of a call: `{risk, fairness, privacy, novelty, security}`, each from 0 to 10000, default 0; without it every call has the highest there is").audited(),
            field("output_labels", Type::Texts(64), "labels joined to all that it answers; default none").audited(),
            field("clearance", Type::Texts(64), "labels that may reach it: they do not weigh on a call, and all others are refused; where it is not given any label may reach it, and weighs").audited(),
            field("schema", Type::Json, "what the payload of a call has to be: a JSON schema of `type`, `properties`, `required`, `additionalProperties`, `items`, `enum`, `const`, `minimum`, `maximum`, `minLength`, `maxLength`, `minItems`, `maxItems`, with `title`, `description`, `default` and `examples` for people; any other keyword is `invalid`; without it any bytes are taken"),
        ])
        .doc("Becomes the process that answers for the tool, until it ends: what comes to it there comes with what the process \
              carries now, and so does a denial that tells of what was declared. `conflict` if it is taken, `full` where the \
              schemas of all tools of a process take more than 4 MiB. Effect as `send`."),
    act(Verb::Call, &[Kind::Tool], Outward, EXCHANGE)
        .takes(&[DEADLINE, LABELS, CONTENT_TYPE, CORRELATION])
        .payload()
        .blocks()
        .reply("a line `{\"labels\":[...]}`, then what the tool's `handle` returned")
        .doc("Calls a tool with the payload as its arguments, of which none are `{}`, and waits for the answer. What the tool declared can only \
              raise the effect. Arguments that do not fit its schema are `invalid`, and it is handed nothing; nor do those fit \
              that have a key twice in an object, or that take more than 262,144 steps to be held against it."),
    // Dead letters.
    act(Verb::List, &[Kind::Letter], Observing, LOOK)
        .takes(&[
            field("cursor", Type::Text(20), "`next` of the page before; default the first page"),
            field("limit", Type::Int(100), "letters of a page, 1 to 100; default 100"),
        ])
        .reply("`{\"letters\":[{letter, at, code, reason, sender, target, receiver, kind, labels, content_type, correlation, message, bytes}],\"next\":cursor or null}`; `at` is in nanoseconds since 1970, a kind that of the envelope or `reply`")
        .doc("Lists `/letter`: the messages that were sent and could not be delivered and the replies that came too late, the oldest \
              first; what a subscriber did not receive is none, unless its durable inbox had accepted it. The latest 1,024 of them are kept, at most 16 MiB, and of one sender at most 128 and 4 MiB; they \
              survive the kernel's end. Labels of what is listed join the process; what lies above its clearance is left out."),
    act(Verb::Read, &[Kind::Letter], Observing, LOOK)
        .reply("a line of JSON as `list` has it, then the payload")
        .doc("Reads a letter. Its labels join the process, and where it is gone, what whoever took it away carried."),
    act(Verb::Send, &[Kind::Letter], Outward, EXCHANGE)
        .keeps_labels()
        .reply("`{\"id\":message}`")
        .doc("Sends a letter again, to its target or, where that is a topic or a tool, to the process that should have received it. \
              What goes out is a `send` of the caller's own, which is decided and counted for itself, carries the labels of the \
              letter, and arrives as a message. The letter goes when it was delivered, and stays where it was not."),
    act(Verb::Remove, &[Kind::Letter], Outward, CHANGE)
        .keeps_labels()
        .doc("Removes a letter. Its labels join the process; they and what the process carries join whoever finds that it is gone."),
    // Processes.
    act(Verb::Read, &[Kind::Proc], Observing, LOOK)
        .takes(&[field("usage", Type::Bool, "what it has used, too, but for the CPU time, memory and fuel of a message that is not over, and its limits; then all that a message of it, or of what it started, ever carried joins the caller")])
        .reply("`{pid, parent, name, app, role, state, environment, use, grant, labels, memory_limit}`, and `usage` where it was asked for: `{messages, sent, tool_calls, acts, refused, cpu, memory, memory_now, fuel, stored, wall, tree, limits}`; `tree` is the same of it and all that it started, `limits` are `{meter, of, used, limit}`, where `of` is `account` (it and all below it draw from that), `instance`, `message` (then `used` is the most that one has taken) or `process`; times in nanoseconds")
        .doc("Reads what a process is and what it holds. What it carries joins the caller."),
    act(Verb::Spawn, &[Kind::Agent], Outward, SPAWN)
        .keeps_labels()
        .takes(&[
            field("name", Type::Text(64), "its name, unique in its application; default the agent's"),
            field("args", Type::Json, "what the process is given with its first envelope; default the manifest's"),
            field("use", Type::Texts(1_024), "rights to use, each `verb pattern`; default those of the manifest, which is what rules see then").audited(),
            field("grant", Type::Texts(1_024), "rights to grant; default those of the manifest, which is what rules see then").audited(),
            field("limits", Type::Json, "lower limits than the manifest's for this one process: an object of `acts`, `messages`, `tool_calls`, `fuel`, `memory` (bytes), `handle_ms`, `wall_ms`; a higher one is `invalid`"),
            field("app", Type::Text(64), "for the operator alone: the application that runs in which it is spawned, below its process and within its plan; `name` is `AGENT-PID` then where it is not said").audited(),
        ])
        .reply("`{\"pid\":process}`")
        .doc("Starts a process of an agent. What it asks for must lie within what the caller may grant. It carries what \
              the caller carries. Its account lies below the caller's: whatever it draws is drawn there, too, and all that a \
              process starts gets no more than itself."),
    act(Verb::Stop, &[Kind::Proc], Outward, SPAWN)
        .keeps_labels()
        .doc("Asks a process to end after what it is handling; `/proc/self` is to exit. To ask again changes nothing. No more messages \
              come to it, and a receive in which it waits is `cancelled`. A supervisor ends when those below it have stopped. \
              Effect as `spawn`. Whoever is told of the end carries what the caller carried."),
    act(Verb::Kill, &[Kind::Proc], Outward, SPAWN)
        .keeps_labels()
        .takes(&[field(
            "deadline_ms",
            Type::Int(DAY_MS),
            "the longest wait until all is seen dead, milliseconds, at most a day; default 5000",
        )])
        .blocks()
        .reply(
            "`{\"dead\":[{\"pid\",\"name\",\"app\",\"after_ms\"}],\"unreachable\":[{\"pid\",\"name\",\"app\",\"what\"}]}`, `app` null \
             for what belongs to none; the process alone where the caller is not cleared for what else ended",
        )
        .doc("Ends a process and all that it started, without asking, and waits until the host has seen that nothing of \
              them runs any more. For the kernel each is gone at once: it acts no more and is not started again. What was \
              not seen dead by the deadline is `unreachable`, with what it was, a `component` or a `handler` of the host. Effect \
              as `spawn`. Whoever is told of an end carries what the caller carried; what the dead carried joins the caller."),
    act(Verb::Suspend, &[Kind::Proc], Outward, SPAWN)
        .keeps_labels()
        .doc("Keeps one process from going on until it is resumed, and none of those that it started: it is handed nothing, \
              its acts and the answers to them wait, its timers stand still, and a guest that computes stops (in a tab, at \
              its next act). How long it waits for others runs on, and so does its wall time. To ask again changes nothing; \
              `conflict` while it is starting or stopping. It may be stopped and killed, and is not started again then. \
              Effect as `spawn`. Whoever looks at it learns of what the caller carried."),
    act(Verb::Resume, &[Kind::Proc], Outward, SPAWN)
        .keeps_labels()
        .doc("Lets a suspended process go on where it was held; one that is not suspended stays as it is. What the kernel \
              suspended for its refusals, and what a session of a user did, is resumed by a session of a user alone. \
              Effect as `spawn`. Whoever looks at it learns of what the caller carried."),
    act(Verb::Signal, &[Kind::Proc], Outward, SPAWN)
        .keeps_labels()
        .takes(&[field("signal", Type::Text(16), "`interrupt`, `reload` or `user`").audited()])
        .doc("Signals to a process. `interrupt` cancels what it waits for, which is answered `cancelled`; one that waits for \
              nothing is not interrupted. `reload` and `user` reach it as an envelope in front of all that waits: of kind `message`, \
              from `/proc/0`, in whose name nobody sends, with the media type `application/vnd.weft.signal.reload` (or `.user`) and \
              the body `{\"signal\",\"sender\"}`. One of each waits at most: another one is not handed over as well, and none is \
              ever `full`. Effect as `spawn`. Whoever is interrupted or handed a signal carries what the caller did."),
    act(Verb::Link, &[Kind::Proc], Outward, SPAWN)
        .keeps_labels()
        .takes(&[
            field("trap", Type::Bool, "the caller is told of the other's end by an envelope of kind `exit`, and does not end by it"),
            field("unlink", Type::Bool, "the link is taken away, on both sides"),
        ])
        .doc("Ties the ends of the caller and of a process together, as OTP has it: when one of them ends otherwise than by itself and \
              well (it failed, trapped, was killed or stopped from above, reached a limit), the other ends, too, as `linked`, unless it \
              asked to be told instead. An end that is `normal` does nothing to the other. Whoever asked to be told is told of every end. For supervision it is a failure. To link again changes only \
              whether the caller is told. Effect as `spawn`. Whoever ends or is told carries what whoever ended and whoever \
              linked them did."),
    act(Verb::Monitor, &[Kind::Proc, Kind::App], Observing, LOOK)
        .doc("Receives an envelope of kind `exit` when it ends, with what the process carries now. Effect as `read`: it \
              learns."),
    act(Verb::Grant, &[Kind::Proc], Outward, GRANT)
        .keeps_labels()
        .takes(RIGHTS)
        .doc("Gives another process rights while it runs, at most 64: all of them must lie within what the caller may grant. It \
              holds them for as long as the caller lives and may grant them, by what it held when it gave them; what a session \
              gives outlives the session. A process holds at most 64 gifts, and 8 from one giver; a supervisor is given any by \
              a session alone. It carries what the caller carries from then on, and begins with it."),
    act(Verb::Revoke, &[Kind::Proc], Outward, SPAWN)
        .keeps_labels()
        .takes(RIGHTS)
        .reply("`{\"use\":[right],\"grant\":[right]}`: what it lost; `{}` where the caller is not cleared for what it carries")
        .doc("Takes rights from a process: those that lie within the named ones. What the caller gave it; all that it holds, \
              where the caller is itself, is above it, or is a session and it is none. `not_found` where that is nothing, and \
              `conflict`, where it holds a right that is more and would go on giving them. Whoever has a right from somebody who \
              may not grant it any more loses it in the same step, with the routes, services, tools, subscriptions, monitors and \
              links that rest on it, and the connections to where it may connect no more. What a session takes from an agent \
              that its supervisor starts again it does not have then either, until its application is started anew. Effect \
              as to `kill`: authority only narrows. Whoever loses something carries what the caller carries."),
    // Timers and streams.
    act(Verb::Start, &[Kind::Timer], Inner, EXCHANGE)
        .takes(&[
            field("after_ms", Type::Int(31 * DAY_MS), "fire once, after so many milliseconds"),
            field("every_ms", Type::Int(31 * DAY_MS), "fire again and again, so many milliseconds apart, at least 1"),
        ])
        .doc("Starts a timer of one's own: an envelope of kind `timer` comes when it fires. Exactly one of the fields \
              is given. Each time that it fires is an act: where none is left of `acts`, that ends the owner of the account \
              that ran out as any other does, or the timer alone where the owner does not end by that. It takes the place of a timer of its name. Instances of one message \
              that carry other labels have other timers, of whatever name, and at most half of all that there may be. \
              Effect as `send`, to oneself."),
    act(Verb::Stop, &[Kind::Timer, Kind::Stream], Inner, EXCHANGE)
        .doc("Stops a timer or closes a stream of one's own. Effect as `send`: what went through a stream was judged \
              when it was written. An instance of one message stops timers that were started with the labels that it \
              carries, and where that is more than its process began with closes only streams that were used with that: \
              what is gone would tell of it."),
    act(Verb::Connect, &[Kind::Net], Outward, CONNECT)
        .takes(&[DEADLINE])
        .blocks()
        .reply("`{\"stream\":\"/stream/N\"}`")
        .doc("Opens a TCP connection; those that are still being opened count as streams. Private, loopback and link-local addresses need a right that names them."),
    act(Verb::Read, &[Kind::Stream], Observing, LOOK)
        .takes(&[LEN, DEADLINE])
        .blocks()
        .reply("the bytes that are there, at least one; none at the end")
        .doc("Reads from a stream of one's own, waiting for bytes. What the process carries joins the stream: what was read \
              is not there for the next."),
    act(Verb::Write, &[Kind::Stream], Outward, CHANGE)
        .takes(&[LABELS])
        .payload()
        .doc("Writes the payload to a stream of one's own."),
    // Applications.
    act(Verb::Install, &[Kind::App], Outward, SPAWN)
        .keeps_labels()
        .payload()
        .doc("Installs an application; the payload is its plan as JSON: manifest, programs and consent in one value. \
              Its programs were given to the kernel before. Effect as `spawn`. The plan keeps the labels."),
    act(Verb::Start, &[Kind::App], Outward, SPAWN)
        .keeps_labels()
        .takes(&[
            field("until", Type::Text(16), "`quiet`: it ends when nothing is left to do; default `stopped`"),
            field("without", Type::Texts(1_024), "agents that are not started; nobody waits for them"),
            LABELS,
            field("continues", Type::Bool, "it goes on with what was left of its budget when the kernel stopped in which it ran, as what the kernel itself starts again does; default a new budget"),
        ])
        .reply("`{\"pid\":process}`, when all agents run")
        .doc("Starts the agents of an installed application, in the order of their dependencies. Effect as `spawn`. They \
              carry what the caller carries and what the plan is labelled, and so does the caller from then on. What a \
              session starts outlives the session, and until `stopped` the kernel, too."),
    act(Verb::Stop, &[Kind::App], Outward, SPAWN)
        .keeps_labels()
        .doc("Stops an application: its processes are asked to end in the reverse of the order of their start, those that do not \
              depend on each other below a supervisor of strategy `one_for_one` together, and each is \
              given the time that the manifest gives it. Over when the application is, but at once for one of its own \
              processes; `timed_out` after 300 s, and it goes on. Effect as `spawn`. Whoever is told of the end carries what \
              the caller carried."),
    act(Verb::Remove, &[Kind::App], Outward, SPAWN)
        .keeps_labels()
        .doc("Removes a stopped application. Effect as `spawn`. What the process and the plan carried joins whoever finds \
              nothing there."),
    // What a later version brings.
    act(Verb::Infer, &[Kind::Model], Outward, INFER_REMOTE)
        .blocks()
        .doc("Asks a language model. A model on this machine has the lower effect 1000 500 500 N 500.")
        .missing("language models"),
    act(Verb::Start, &[Kind::Container], Outward, CONTAINER).doc("Starts a container.").missing("containers"),
    act(Verb::Stop, &[Kind::Container], Outward, CONTAINER)
        .doc("Stops a container. Effect as to start one.")
        .missing("containers"),
    act(Verb::Read, &[Kind::Container], Observing, LOOK).doc("Reads a container's log.").missing("containers"),
    act(Verb::Elevate, &[Kind::Proc], Outward, GRANT)
        .doc("Asks for a right for a while. Effect as `grant`.")
        .missing("rights that are given for a while"),
    act(Verb::Declassify, &[Kind::Proc, Kind::Fs, Kind::Tree], Outward, DECLASSIFY)
        .doc("Takes a label of secrecy away.")
        .missing("declassification"),
    act(Verb::Endorse, &[Kind::Proc, Kind::Fs, Kind::Tree], Outward, DECLASSIFY)
        .doc("Takes the label `untrusted` away. Effect as `declassify`.")
        .missing("endorsement"),
    act(Verb::Legislate, &[Kind::Charter], Outward, LEGISLATE)
        .doc("Changes the charter.")
        .missing("legislative branch"),
];
