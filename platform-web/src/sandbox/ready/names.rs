//! The names in a component, before a transpiler writes them into JavaScript.
//!
//! Names of the component model are kebab-case, but a core module may import and export any text. The transpiler quotes
//! it; that it always does so rightly is not left to it: a name that could end a string or a comment is refused here,
//! and so are the names that the memory meter takes for itself.

use super::meter::METER;
use std::fmt;
use wasmparser::{ComponentInstance, Encoding, Instance, Parser, Payload};

/// The longest name; the longest known are mangled symbols of a few hundred bytes.
const LONGEST: usize = 4_096;

/// The two names of the contract as a component writes them, with their patch versions.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub(super) struct World {
    /// The imports of the kernel's functions: none, one, or one for each version that its parts were built against.
    pub(super) kernel: Vec<String>,
    /// The export that has `handle`.
    pub(super) guest: String,
}

/// Why a component is not made ready.
#[derive(Debug)]
pub(super) enum Refused {
    /// It cannot be read; the validator said so before.
    Damaged(wasmparser::BinaryReaderError),
    /// A name that no toolchain makes.
    Name(String),
    /// It was asked about something that is no guest.
    NoGuest,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refused::Damaged(error) => write!(f, "it is damaged: {}", error.message()),
            Refused::Name(name) => write!(
                f,
                "it holds the name `{name}`, and a name here has no quotes, backslashes or control characters"
            ),
            Refused::NoGuest => f.write_str("it does not export weft:guest/guest@0.1.x"),
        }
    }
}

impl From<wasmparser::BinaryReaderError> for Refused {
    fn from(error: wasmparser::BinaryReaderError) -> Refused {
        Refused::Damaged(error)
    }
}

/// Looks at every name in a component and all that is nested in it, and answers those of the contract.
pub(super) fn world(component: &[u8]) -> Result<World, Refused> {
    let mut world = World::default();
    let mut nested: Vec<Encoding> = Vec::new();
    for payload in Parser::new(0).parse_all(component) {
        match payload? {
            Payload::Version { encoding, .. } => nested.push(encoding),
            Payload::End(_) => drop(nested.pop()),
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    plain(import.module)?;
                    plain(import.name)?;
                }
            }
            Payload::ExportSection(section) => {
                for export in section {
                    plain(export?.name)?;
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    match instance? {
                        Instance::Instantiate { args, .. } => args.iter().try_for_each(|arg| plain(arg.name))?,
                        Instance::FromExports(exports) => exports.iter().try_for_each(|export| plain(export.name))?,
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    match instance? {
                        ComponentInstance::Instantiate { args, .. } => {
                            args.iter().try_for_each(|arg| plain(arg.name))?
                        }
                        ComponentInstance::FromExports(exports) => {
                            exports.iter().try_for_each(|export| plain(export.name.name))?;
                        }
                    }
                }
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    let name = import?.name.name;
                    plain(name)?;
                    if nested.len() == 1 && is_version_of(name, "weft:guest/kernel@0.1.") {
                        world.kernel.push(name.to_owned());
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section {
                    let name = export?.name.name;
                    plain(name)?;
                    // The first is the one that was held against the contract.
                    if nested.len() == 1 && world.guest.is_empty() && is_version_of(name, "weft:guest/guest@0.1.") {
                        name.clone_into(&mut world.guest);
                    }
                }
            }
            _ => {}
        }
    }
    if world.guest.is_empty() { Err(Refused::NoGuest) } else { Ok(world) }
}

/// Whether `name` is `interface` with a patch version.
fn is_version_of(name: &str, interface: &str) -> bool {
    name.strip_prefix(interface).is_some_and(|patch| !patch.is_empty() && patch.bytes().all(|b| b.is_ascii_digit()))
}

/// Whether a name can stand in any string or comment of JavaScript.
fn plain(name: &str) -> Result<(), Refused> {
    let harmless = |b: u8| matches!(b, b' '..=b'~') && !matches!(b, b'\'' | b'"' | b'`' | b'\\');
    if name.len() <= LONGEST && name.bytes().all(harmless) && !name.contains("*/") && name != METER {
        return Ok(());
    }
    Err(Refused::Name(name.escape_default().take(80).collect()))
}
