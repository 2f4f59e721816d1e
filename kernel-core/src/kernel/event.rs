//! What the log says: one type per kind of event, its CBOR map and its JSON.
//!
//! Contents are minicbor maps with ascending integer keys, so that they are deterministic CBOR and may
//! gain keys later; FORMAT.md lists them. Hashing of bodies is left to encoding, which the committer
//! does outside the state's lock.

mod apps;
mod committed;
mod explain;
mod fit;
mod limits;
mod rooted;

pub use apps::{AppEnded, Failing, Restarting};
pub(crate) use committed::committed;
pub use explain::{Explanation, explain};
pub(crate) use fit::{append, bounded, bounded_verdict};
pub use limits::{LimitNear, LimitRaised};
pub use rooted::{Rooted, tree_root};

use crate::chain::Hash;
use crate::codec::hex;
use crate::governance::{Facts, Verdict};
use crate::id::ActionId;
use crate::time::WallTime;
use bytes::Bytes;
use minicbor::{Decode, Encode};
use serde::Serialize;
use sha2::{Digest, Sha256};

/// One event before it has a place in the log.
#[derive(Clone, Debug)]
pub struct Event {
    /// When step made it.
    pub wall: WallTime,
    /// The act that it belongs to; 0 for none.
    pub action: ActionId,
    /// What happened.
    pub content: Content,
}

macro_rules! contents {
    ($($(#[$doc:meta])* $code:literal $constant:ident $variant:ident($body:ty) = $name:literal;)*) => {
        /// What an event says.
        #[derive(Clone, Debug, Serialize)]
        #[serde(rename_all = "snake_case", untagged)]
        #[non_exhaustive]
        pub enum Content {
            $($(#[$doc])* $variant($body),)*
        }

        /// The event kinds on the wire.
        pub mod kind {
            $($(#[$doc])* pub const $constant: u8 = $code;)*
        }

        impl Content {
            /// The event kind on the wire.
            pub fn kind(&self) -> u8 {
                match self { $(Content::$variant(_) => kind::$constant,)* }
            }

            /// The event kind in words.
            pub fn name(&self) -> &'static str {
                match self { $(Content::$variant(_) => $name,)* }
            }

            /// Appends the CBOR map to what writing to cannot fail.
            pub fn encode<W: minicbor::encode::Write>(&self, out: W) {
                let _ = match self { $(Content::$variant(body) => minicbor::encode(body, out),)* };
            }

            /// Reads the CBOR map of an event of `kind`.
            ///
            /// # Errors
            /// A kind that this version does not know, or a map that does not fit the kind.
            pub fn decode(kind: u8, bytes: &[u8]) -> Result<Content, String> {
                match kind {
                    $(kind::$constant => minicbor::decode(bytes).map(Content::$variant).map_err(|e| e.to_string()),)*
                    other => Err(format!("events of kind {other} are newer than this version")),
                }
            }
        }
    };
}

contents! {
    /// The kernel booted.
    0 BOOT Boot(Booted) = "boot";
    /// A phase of the boot ended.
    1 PHASE Phase(Phase) = "phase";
    /// An outward act was permitted and is about to be performed.
    2 INTENT Intent(Box<Decided>) = "intent";
    /// What came of an intent, or of an observing act that a device could not do.
    3 OUTCOME Outcome(Outcome) = "outcome";
    /// An observing act was permitted.
    4 OBSERVED Observed(Box<Decided>) = "observed";
    /// An act was refused.
    5 REFUSED Refused(Box<Refused>) = "refused";
    /// Refusals equal to an earlier one, counted.
    6 FOLDED Folded(Counted) = "folded";
    /// An inner act was permitted and opened a route.
    7 ROUTE_OPENED RouteOpened(Box<Decided>) = "route_opened";
    /// How many acts a route has carried.
    8 ROUTE_COUNTED RouteCounted(Counted) = "route_counted";
    /// A process ended.
    9 EXITED Exited(Exited) = "exited";
    /// An escalation was answered, or its deadline passed.
    10 ANSWERED Answered(Answered) = "answered";
    /// The operator gave an application what it asked for.
    11 CONSENT Consent(Consented) = "consent";
    /// The kernel is stopping.
    12 SHUTDOWN Shutdown(Text) = "shutdown";
    /// A session was opened.
    13 ATTACHED Attached(Attached) = "attached";
    /// An application ended.
    14 APP_ENDED AppEnded(AppEnded) = "app_ended";
    /// A message could not be delivered.
    15 DEAD_LETTER DeadLetter(DeadLetter) = "dead_letter";
    /// A process was suspended by the kernel.
    16 SUSPENDED Suspended(Text) = "suspended";
    /// An act waits for the answer to an escalation.
    17 ESCALATED Escalated(Box<Decided>) = "escalated";
    /// An event that the log could not hold, and what can be said of it.
    18 UNFIT Unfit(Unfit) = "unfit";
    /// An agent that ended is started again.
    19 RESTARTING Restarting(Restarting) = "restarting";
    /// A limit is nearly used up.
    20 LIMIT_NEAR LimitNear(LimitNear) = "limit_near";
    /// Somebody allowed more than a limit.
    21 LIMIT_RAISED LimitRaised(LimitRaised) = "limit_raised";
    /// A process was given rights, or lost some, while it runs.
    22 RIGHTS Rights(Rights) = "rights";
    /// An application has failed, and its agents are given their time to stop.
    23 FAILING Failing(Failing) = "failing";
    /// The root of the tree, where it is another one and no outcome tells it, or no event has told it for long.
    24 ROOT Root(Rooted) = "root";
}

/// Kind 0.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Booted {
    /// The kernel's version.
    #[n(0)]
    pub version: String,
    /// "native", "web", "sim".
    #[n(1)]
    pub host: String,
    /// The environment's name.
    #[n(2)]
    pub environment: String,
    /// What was repaired in the stored log; empty where nothing was.
    #[n(3)]
    pub repair: String,
    /// How many events before this one no signature covered when it was recorded: they were hashed, and the last
    /// boot ended before it signed them.
    #[n(4)]
    #[cbor(default)]
    pub unsigned: u64,
    /// The root of the tree that this boot begins with; none in events of versions whose tree had none.
    #[n(5)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<Hash>,
    /// The first event that this start verified, where that was not the very first: those before it are vouched for by the
    /// signed root alone, and whether they are still there as they were is for a verification of the whole.
    #[n(6)]
    pub verified_from: Option<u64>,
}

/// Kind 1.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Phase {
    /// Its name.
    #[n(0)]
    pub name: String,
    /// Microseconds.
    #[n(1)]
    pub micros: u64,
}

/// Kinds 2, 4, 7 and 17: an act that was permitted, or waits for an answer, with all that was decided upon.
#[derive(Clone, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Decided {
    /// What was known.
    #[n(0)]
    pub facts: Facts,
    /// What was decided.
    #[n(1)]
    pub verdict: Verdict,
    /// The commitment to the body of an outward act.
    #[n(2)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<Commitment>,
}

/// Kind 3.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Outcome {
    /// "done", or the refusal's code; "unknown" where the kernel died meanwhile.
    #[n(0)]
    pub result: String,
    /// What went wrong, for a person; empty where nothing did.
    #[n(1)]
    pub reason: String,
    /// Bytes that came or went.
    #[n(2)]
    pub bytes: u64,
    /// The pid of a spawn, the address of a connection; empty otherwise.
    #[n(3)]
    pub note: String,
    /// The root of the tree after an act that changed it.
    #[n(4)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tree: Option<Hash>,
}

/// Kind 5.
#[derive(Clone, Debug, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Refused {
    /// What was known, where the act parsed.
    #[n(0)]
    pub facts: Option<Facts>,
    /// What was decided, where it came to that.
    #[n(1)]
    pub verdict: Option<Verdict>,
    /// The refusal's code.
    #[n(2)]
    pub code: String,
    /// The refusal's reason.
    #[n(3)]
    pub reason: String,
    /// Who, where there are no facts.
    #[n(4)]
    pub pid: u64,
    /// The verb and the resource as they came, where they did not parse.
    #[n(5)]
    pub asked: String,
}

/// Kinds 6 and 8.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Counted {
    /// So many since the log was last told.
    #[n(0)]
    pub more: u64,
    /// Whether that was the last of them.
    #[n(1)]
    pub closed: bool,
}

/// Kind 9.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Exited {
    /// Its id.
    #[n(0)]
    pub pid: u64,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Its application; empty for none.
    #[n(2)]
    pub app: String,
    /// One word.
    #[n(3)]
    pub reason: String,
    /// What the word leaves out.
    #[n(4)]
    pub detail: String,
    /// Envelopes handed to it.
    #[n(5)]
    pub messages: u64,
    /// Acts that passed.
    #[n(6)]
    pub acts: u64,
    /// Acts refused.
    #[n(7)]
    pub refused: u64,
    /// Messages that were waiting and are lost.
    #[n(8)]
    pub lost: u64,
}

/// Kind 10.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Answered {
    /// Yes or no.
    #[n(0)]
    pub allow: bool,
    /// Who answered; "nobody" when the deadline passed.
    #[n(1)]
    pub by: String,
}

/// Kind 11.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Consented {
    /// The application.
    #[n(0)]
    pub app: String,
    /// Its version.
    #[n(1)]
    pub version: String,
    /// What its agents hold beyond the application's own, as "agent: verb pattern".
    #[n(2)]
    pub given: Vec<String>,
    /// Bound mounts, as "name mode".
    #[n(3)]
    pub mounts: Vec<String>,
}

/// Kinds 12 and 16.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Text {
    /// Why.
    #[n(0)]
    pub reason: String,
    /// Whom it concerns; 0 for the kernel.
    #[n(1)]
    pub pid: u64,
}

/// Kind 13.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Attached {
    /// Its pid.
    #[n(0)]
    pub pid: u64,
    /// Its name.
    #[n(1)]
    pub name: String,
    /// Its role.
    #[n(2)]
    pub role: String,
    /// What it may do itself.
    #[n(3)]
    pub use_: Vec<String>,
    /// What it may give.
    #[n(4)]
    pub grant: Vec<String>,
}

/// Kind 15.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct DeadLetter {
    /// Who sent it.
    #[n(0)]
    pub sender: String,
    /// Where it should have gone.
    #[n(1)]
    pub target: String,
    /// Why it did not.
    #[n(2)]
    pub reason: String,
    /// The payload's length.
    #[n(3)]
    pub bytes: u64,
    /// The number under which it is kept; 0 where it is not.
    #[n(4)]
    #[cbor(default)]
    pub letter: u64,
}

/// Kind 18: it stands at the place of an event that is too long, or is not CBOR in the form of the log. That no
/// event is so is the duty of whoever makes events; this is what keeps one that fails in it from ending the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Unfit {
    /// The kind that it was of.
    #[n(0)]
    pub kind: u8,
    /// How many bytes its content had.
    #[n(1)]
    pub bytes: u64,
    /// SHA-256 of its content, in hexadecimal.
    #[n(2)]
    pub hash: String,
    /// Why it did not fit.
    #[n(3)]
    pub reason: String,
}

/// Kind 22.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize)]
#[cbor(map)]
pub struct Rights {
    /// Whose.
    #[n(0)]
    pub pid: u64,
    /// Whether it lost them.
    #[n(1)]
    pub lost: bool,
    /// Rights to use that it holds now and did not, or the other way round.
    #[n(2)]
    pub use_: Vec<String>,
    /// The same of rights to grant.
    #[n(3)]
    pub grant: Vec<String>,
}

impl Outcome {
    /// The result of what was done.
    pub const DONE: &str = "done";
    /// The result of an intent of which nobody knows what came of it.
    pub const UNKNOWN: &str = "unknown";
}

/// A commitment to a body: SHA-256 of 16 random bytes and the body. The salt is kept in a row apart, so
/// that erasing the row leaves nothing that the body could be guessed by.
#[derive(Clone, Debug)]
pub enum Commitment {
    /// Not yet hashed.
    Open {
        /// 16 random bytes.
        salt: [u8; 16],
        /// What is committed to.
        body: Bytes,
    },
    /// As the log holds it.
    Hash([u8; 32]),
}

impl Commitment {
    /// The hash.
    pub fn hash(&self) -> [u8; 32] {
        match self {
            Commitment::Hash(hash) => *hash,
            Commitment::Open { salt, body } => {
                let mut hasher = Sha256::new();
                hasher.update(salt);
                hasher.update(body);
                hasher.finalize().into()
            }
        }
    }
}

impl<C> Encode<C> for Commitment {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        _: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        e.bytes(&self.hash())?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Commitment {
    fn decode(d: &mut minicbor::Decoder<'b>, _: &mut C) -> Result<Self, minicbor::decode::Error> {
        let hash = <[u8; 32]>::try_from(d.bytes()?)
            .map_err(|_| minicbor::decode::Error::message("a commitment has 32 bytes"))?;
        Ok(Commitment::Hash(hash))
    }
}

impl Serialize for Commitment {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(&format_args!("sha256:{}", hex(&self.hash())))
    }
}

impl Content {
    /// How many bytes of a body it holds until it is encoded.
    pub(crate) fn body_len(&self) -> usize {
        match self {
            Content::Intent(decided) => match &decided.body {
                Some(Commitment::Open { body, .. }) => body.len(),
                _ => 0,
            },
            _ => 0,
        }
    }
}
