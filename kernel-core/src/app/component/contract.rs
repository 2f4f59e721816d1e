//! The contract of `weft.wit` as data, and how the types of a component are held against it.
//!
//! The comparison walks the contract, never the component, so what a component declares cannot make
//! it long. A test derives the same from `weft.wit` itself.

use wasmparser::PrimitiveValType as P;
use wasmparser::component_types::{ComponentDefinedType, ComponentFuncTypeId, ComponentValType};
use wasmparser::types::TypesRef;

/// An interface of the package `weft:guest`, in any version compatible with 0.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interface {
    /// What a guest may call.
    Kernel,
    /// The types of both others.
    Types,
    /// What a guest must export.
    Guest,
}

/// What a comparison found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// The function is the contract's.
    Same,
    /// The interface has no function of that name.
    Unknown,
    /// It has, and this differs.
    Different(&'static str),
}

/// A type of the contract.
enum Shape {
    Plain(P),
    List(&'static Shape),
    Maybe(&'static Shape),
    Result(&'static Shape, &'static Shape),
    Record(&'static [(&'static str, Shape)]),
    Enum(&'static [&'static str]),
}

/// A function of the contract: parameters by name, and what it answers.
type Signature = (&'static [(&'static str, Shape)], Option<&'static Shape>);

const STRING: Shape = Shape::Plain(P::String);
const U64: Shape = Shape::Plain(P::U64);
const BYTES: Shape = Shape::List(&Shape::Plain(P::U8));

const CODE: Shape = Shape::Enum(&[
    "denied",
    "pending",
    "not-found",
    "full",
    "timed-out",
    "deadlock",
    "exhausted",
    "too-large",
    "invalid",
    "conflict",
    "unsupported",
    "cancelled",
    "not-durable",
    "failed",
]);
const KIND: Shape =
    Shape::Enum(&["start", "message", "request", "topic", "lagged", "timer", "exit", "approval", "watch"]);
const LEVEL: Shape = Shape::Enum(&["trace", "debug", "info", "warn", "error"]);
const REFUSAL: Shape = Shape::Record(&[
    ("code", CODE),
    ("reason", STRING),
    ("action", U64),
    ("ticket", Shape::Maybe(&U64)),
    ("detail", BYTES),
]);
const ENVELOPE: Shape = Shape::Record(&[
    ("id", U64),
    ("sender", STRING),
    ("target", STRING),
    ("kind", KIND),
    ("correlation", Shape::Maybe(&U64)),
    ("deadline", Shape::Maybe(&U64)),
    ("labels", Shape::List(&STRING)),
    ("content-type", STRING),
    ("body", BYTES),
]);

const ACT: Signature =
    (&[("verb", STRING), ("resource", STRING), ("body", BYTES)], Some(&Shape::Result(&BYTES, &REFUSAL)));
const LOG: Signature = (&[("level", LEVEL), ("text", STRING)], None);
const NOW: Signature = (&[], Some(&U64));
const RANDOM: Signature = (&[("n", Shape::Plain(P::U32))], Some(&BYTES));
const HANDLE: Signature = (&[("message", ENVELOPE)], Some(&Shape::Result(&BYTES, &STRING)));

impl Interface {
    /// The interface of that name, if its version is compatible with 0.1.
    pub(super) fn named(name: &str) -> Option<Interface> {
        let (interface, version) = name.strip_prefix("weft:guest/")?.split_once('@')?;
        let version = semver::Version::parse(version).ok()?;
        if (version.major, version.minor) != (0, 1) || !version.pre.is_empty() {
            return None;
        }
        match interface {
            "kernel" => Some(Interface::Kernel),
            "types" => Some(Interface::Types),
            "guest" => Some(Interface::Guest),
            _ => None,
        }
    }

    /// Holds function `name` of type `func` against this interface.
    pub(super) fn compare(self, types: TypesRef<'_>, name: &str, func: ComponentFuncTypeId) -> Found {
        let (params, result) = match (self, name) {
            (Interface::Kernel, "act") => ACT,
            (Interface::Kernel, "log") => LOG,
            (Interface::Kernel, "now") => NOW,
            (Interface::Kernel, "random") => RANDOM,
            (Interface::Guest, "handle") => HANDLE,
            _ => return Found::Unknown,
        };
        let func = &types[func];
        if func.async_ {
            return Found::Different("it is asynchronous");
        }
        let same_params = func.params.len() == params.len()
            && func
                .params
                .iter()
                .zip(params)
                .all(|((name, ty), (wanted, shape))| name.as_str() == *wanted && shape.fits(types, *ty));
        if !same_params {
            return Found::Different("its parameters differ");
        }
        let same_result = match (result, func.result) {
            (None, None) => true,
            (Some(shape), Some(ty)) => shape.fits(types, ty),
            _ => false,
        };
        if same_result { Found::Same } else { Found::Different("its result differs") }
    }
}

impl Shape {
    fn fits(&self, types: TypesRef<'_>, ty: ComponentValType) -> bool {
        let defined = match (self, ty) {
            (Shape::Plain(wanted), ComponentValType::Primitive(given)) => return *wanted == given,
            (_, ComponentValType::Primitive(_)) => return false,
            (_, ComponentValType::Type(id)) => &types[id],
        };
        match (self, defined) {
            (Shape::Plain(wanted), ComponentDefinedType::Primitive(given)) => wanted == given,
            (Shape::List(wanted), ComponentDefinedType::List { element, .. }) => wanted.fits(types, *element),
            (Shape::Maybe(wanted), ComponentDefinedType::Option { ty, .. }) => wanted.fits(types, *ty),
            (Shape::Result(ok, err), ComponentDefinedType::Result { ok: Some(o), err: Some(e), .. }) => {
                ok.fits(types, *o) && err.fits(types, *e)
            }
            (Shape::Record(wanted), ComponentDefinedType::Record(record)) => {
                wanted.len() == record.fields.len()
                    && wanted
                        .iter()
                        .zip(&record.fields)
                        .all(|((name, shape), (given, ty))| given.as_str() == *name && shape.fits(types, *ty))
            }
            (Shape::Enum(wanted), ComponentDefinedType::Enum(given)) => {
                wanted.len() == given.len() && wanted.iter().zip(given).all(|(name, given)| given.as_str() == *name)
            }
            _ => false,
        }
    }
}
