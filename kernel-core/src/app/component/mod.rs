//! Looks at a program before anything runs it: is it a component, and does it fit the contract?
//!
//! Everything that can be foreseen is refused here, in the core, with the reason and what to do, so
//! that both hosts refuse the same. The structure and all types are validated; function bodies are
//! left to the host, which validates them when it compiles. Nothing of the component is executed.

mod contract;
mod weight;

#[cfg(test)]
pub(super) mod tests;

pub use weight::{Weight, weigh};

use contract::{Found, Interface};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::panic::{AssertUnwindSafe, catch_unwind};
use wasmparser::component_types::{ComponentAnyTypeId, ComponentEntityType};
use wasmparser::types::{Types, TypesRef};
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

/// The largest component, bytes: 64 MiB. A host may refuse a larger file before it reads it.
pub const MAX_COMPONENT: usize = 64 << 20;

/// What both hosts can run, of what a component may be made of. Left out on purpose: threads and
/// relaxed SIMD, whose results differ from run to run; garbage-collected types and the component
/// model's own async, which the native host is built without.
const FEATURES: WasmFeatures = WasmFeatures::WASM2
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::MULTI_MEMORY)
    .union(WasmFeatures::COMPONENT_MODEL);

/// What is worth knowing about a component that fits the contract.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComponentInfo {
    /// SHA-256 of its bytes: the name under which it is kept and run.
    pub sha256: [u8; 32],
    /// Its size in bytes.
    pub size: u64,
    /// The functions of the kernel that it can call ("act", "log", ..), sorted.
    pub imports: Vec<String>,
}

/// Why a program cannot be a guest. Each says what was found and what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ComponentError {
    /// Larger than [`MAX_COMPONENT`]; it was not looked into.
    #[error(
        "it is {size} bytes; a component may have {MAX_COMPONENT}: build it optimised for size, and keep data in mounts"
    )]
    TooLarge {
        /// Its size in bytes.
        size: usize,
    },
    /// Not WebAssembly, not even a damaged piece of it.
    #[error("it is not WebAssembly, but {what}: give the path of a compiled component")]
    NotWasm {
        /// What it looks like.
        what: &'static str,
    },
    /// A core module: the step that makes it a component was left out.
    #[error("it is a core module, not a component: encode it with `wit-component` or `jco new`")]
    CoreModule,
    /// It begins as a component and then breaks the rules, at a byte.
    #[error("it is damaged or uses what no host here can run, at byte {at}: {why}; build it again")]
    Broken {
        /// Offset in bytes.
        at: usize,
        /// The validator's sentence.
        why: String,
    },
    /// It is larger in one respect than any compiler makes it, so that looking further could exhaust a host.
    #[error("it has {found} {what}, and a component may have {limit}: build it from smaller parts")]
    Excessive {
        /// What there is so much of.
        what: &'static str,
        /// How much there is, as far as it was counted.
        found: u64,
        /// How much there may be.
        limit: u64,
    },
    /// It does not export the interface through which it would be spoken to.
    #[error("it does not export `weft:guest/guest@0.1`: build it for the world `agent` of weft.wit{near}")]
    NotAGuest {
        /// A version of that interface which it does export, as a further sentence; else empty.
        near: String,
    },
    /// It needs something that the kernel does not offer.
    #[error("it imports `{import}`, which the kernel does not offer: {advice}")]
    UnknownImport {
        /// The import as it is written in the component.
        import: String,
        /// What to do about this one.
        advice: &'static str,
    },
    /// It agrees about a name and not about what stands behind it.
    #[error("`{item}` is not the contract's: {why}; build it against this kernel's weft.wit")]
    Mismatch {
        /// Interface and item.
        item: String,
        /// What differs.
        why: &'static str,
    },
}

/// Validates a component's structure and holds it against the contract. Pure; takes time in the size.
pub fn inspect(bytes: &[u8]) -> Result<ComponentInfo, ComponentError> {
    if bytes.len() > MAX_COMPONENT {
        return Err(ComponentError::TooLarge { size: bytes.len() });
    }
    if !bytes.starts_with(b"\0asm") {
        return Err(ComponentError::NotWasm { what: looks_like(bytes) });
    }
    if Parser::is_core_wasm(bytes) {
        return Err(ComponentError::CoreModule);
    }
    // Before all that recurses.
    weigh(bytes)?;
    // wasmparser 0.254 asserts how deep instances are exported by each other (validator/types.rs, TypeInfo) instead
    // of refusing it. What it had made is gone with the panic.
    let outlined = catch_unwind(AssertUnwindSafe(|| outline(bytes)));
    let gave_up = || ComponentError::Broken { at: 0, why: "its types are more than the validator can hold".to_owned() };
    let (types, imports, exports) = outlined.unwrap_or_else(|_| Err(gave_up()))?;
    let offered = imported(types.as_ref(), &imports)?;
    exported(types.as_ref(), &exports)?;
    Ok(ComponentInfo { sha256: Sha256::digest(bytes).into(), size: bytes.len() as u64, imports: offered })
}

fn broken(error: wasmparser::BinaryReaderError) -> ComponentError {
    ComponentError::Broken { at: error.offset(), why: error.message().to_owned() }
}

/// The types of the outermost component, and the names that it imports and exports.
fn outline(bytes: &[u8]) -> Result<(Types, Vec<String>, Vec<String>), ComponentError> {
    let mut validator = Validator::new_with_features(FEATURES);
    let (mut imports, mut exports) = (Vec::new(), Vec::new());
    let mut depth = 0_usize;
    for payload in Parser::new(0).parse_all(bytes) {
        let payload = payload.map_err(broken)?;
        match &payload {
            Payload::Version { encoding, .. } => {
                if depth == 0 && *encoding == Encoding::Module {
                    return Err(ComponentError::CoreModule);
                }
                depth += 1;
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section.clone() {
                    imports.push(import.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section.clone() {
                    exports.push(export.map_err(broken)?.name.name.to_owned());
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            _ => {}
        }
        if let wasmparser::ValidPayload::End(types) = validator.payload(&payload).map_err(broken)?
            && depth == 0
        {
            return Ok((types, imports, exports));
        }
    }
    Err(ComponentError::Broken { at: bytes.len(), why: "it ends before its end".to_owned() })
}

/// Checks that all imports are the contract's; answers the kernel functions among them.
fn imported(types: TypesRef<'_>, imports: &[String]) -> Result<Vec<String>, ComponentError> {
    let mut functions = Vec::new();
    for import in imports {
        let unknown = |advice| ComponentError::UnknownImport { import: import.clone(), advice };
        let interface = Interface::named(import).filter(|i| matches!(i, Interface::Kernel | Interface::Types));
        let Some(interface) = interface else { return Err(unknown(advice(import))) };
        let Some(ComponentEntityType::Instance(instance)) = types.component_item_for_import(import).map(|i| i.ty)
        else {
            return Err(ComponentError::Mismatch { item: import.clone(), why: "it is not imported as an interface" });
        };
        for (name, item) in &types[instance].exports {
            let item_name = || format!("{import}#{name}");
            match item.ty {
                ComponentEntityType::Func(func) => match interface.compare(types, name, func) {
                    Found::Same => functions.push(name.clone()),
                    Found::Unknown => {
                        let advice = "the kernel's functions are act, log, now and random";
                        return Err(ComponentError::UnknownImport { import: item_name(), advice });
                    }
                    Found::Different(why) => return Err(ComponentError::Mismatch { item: item_name(), why }),
                },
                ComponentEntityType::Type { created: ComponentAnyTypeId::Resource(_), .. } => {
                    let why = "the contract has no resource types";
                    return Err(ComponentError::Mismatch { item: item_name(), why });
                }
                // Types are compared where a function uses them.
                ComponentEntityType::Type { .. } => {}
                _ => {
                    let why = "the contract has only functions and types";
                    return Err(ComponentError::Mismatch { item: item_name(), why });
                }
            }
        }
    }
    functions.sort();
    functions.dedup();
    Ok(functions)
}

/// Checks that the guest's interface is exported and is the contract's. Other exports are left alone.
fn exported(types: TypesRef<'_>, exports: &[String]) -> Result<(), ComponentError> {
    let Some(export) = exports.iter().find(|name| Interface::named(name) == Some(Interface::Guest)) else {
        let near = exports.iter().find(|name| name.starts_with("weft:guest/"));
        let near = near.map(|name| format!(" (it exports `{name}`)")).unwrap_or_default();
        return Err(ComponentError::NotAGuest { near });
    };
    let mismatch = |item: String, why| Err(ComponentError::Mismatch { item, why });
    let Some(ComponentEntityType::Instance(instance)) = types.component_item_for_export(export).map(|i| i.ty) else {
        return mismatch(export.clone(), "it is not exported as an interface");
    };
    let handle = format!("{export}#handle");
    match types[instance].exports.get("handle").map(|item| item.ty) {
        Some(ComponentEntityType::Func(func)) => match Interface::Guest.compare(types, "handle", func) {
            Found::Same => Ok(()),
            Found::Unknown => mismatch(handle, "it is unknown"),
            Found::Different(why) => mismatch(handle, why),
        },
        _ => mismatch(handle, "there is no such function"),
    }
}

/// What to do about an import that is not the kernel's.
fn advice(import: &str) -> &'static str {
    if import.starts_with("wasi:") {
        "guests have no WASI; compile for wasm32-unknown-unknown, or stub WASI out when encoding"
    } else if import.starts_with("weft:guest/") {
        "this kernel speaks version 0.1 of weft:guest; build it against this kernel's weft.wit"
    } else {
        "a guest may import only weft:guest/kernel and weft:guest/types"
    }
}

/// A guess at what was given instead of WebAssembly, from the first bytes.
fn looks_like(bytes: &[u8]) -> &'static str {
    let start = bytes.trim_ascii_start();
    if bytes.is_empty() {
        "an empty file"
    } else if start.starts_with(b"(") {
        "WebAssembly text"
    } else if bytes.starts_with(b"\x7fELF") || bytes.starts_with(b"MZ") || bytes.starts_with(b"\xcf\xfa\xed\xfe") {
        "a program for an operating system"
    } else if bytes.starts_with(b"version https://git-lfs") {
        "a Git LFS pointer whose content was not fetched"
    } else if std::str::from_utf8(&bytes[..bytes.len().min(512)]).is_ok() {
        "text"
    } else {
        "something else"
    }
}
