//! Components are made here from `weft.wit` and from broken variants of it, with the encoder that
//! guests are built with, around a core module that does nothing.

use super::*;
use proptest::prelude::*;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{Resolve, WorldItem, WorldKey};

pub(in crate::app) const WIT: &str = include_str!("../../../wit/weft.wit");

/// A component for the world `agent` of `wit`, with bodies that trap.
pub(in crate::app) fn component(wit: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("weft.wit", wit).expect("the fixture's WIT parses");
    let world = resolve.select_world(&[package], Some("agent")).expect("there is a world");
    let mut module = core_module(&resolve, world);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).expect("metadata fits");
    let mut encoder = ComponentEncoder::default().module(&module).expect("the core module fits its WIT");
    encoder.encode().expect("it encodes")
}

/// A core module with every import and export that the world asks for.
fn core_module(resolve: &Resolve, world: wit_parser::WorldId) -> Vec<u8> {
    use wasm_encoder::*;
    let (mut types, mut imports, mut functions) = (TypeSection::new(), ImportSection::new(), FunctionSection::new());
    let (mut exports, mut code) = (ExportSection::new(), CodeSection::new());
    let flat = |ty: &WasmType| match ty {
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
    };
    let mut signature = |function: &wit_parser::Function, variant| {
        let signature = resolve.wasm_signature(variant, function);
        types.ty().function(signature.params.iter().map(flat), signature.results.iter().map(flat));
        types.len() - 1
    };
    let world = &resolve.worlds[world];
    let mut imported = 0;
    for (key, item) in &world.imports {
        for (module, function) in functions_of(resolve, key, item) {
            let ty = signature(function, AbiVariant::GuestImport);
            imports.import(module.as_deref().unwrap_or("$root"), &function.name, EntityType::Function(ty));
            imported += 1;
        }
    }
    let mut defined = 0;
    for (key, item) in &world.exports {
        for (module, function) in functions_of(resolve, key, item) {
            functions.function(signature(function, AbiVariant::GuestExport));
            let name = module.map_or(function.name.clone(), |module| format!("{module}#{}", function.name));
            exports.export(&name, ExportKind::Func, imported + defined);
            defined += 1;
        }
    }
    types.ty().function([ValType::I32; 4], [ValType::I32]);
    functions.function(types.len() - 1);
    exports.export("cabi_realloc", ExportKind::Func, imported + defined);
    exports.export("memory", ExportKind::Memory, 0);
    for _ in 0..=defined {
        let mut body = wasm_encoder::Function::new([]);
        body.instruction(&Instruction::Unreachable).instruction(&Instruction::End);
        code.function(&body);
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType { minimum: 1, maximum: None, memory64: false, shared: false, page_size_log2: None });
    let mut module = Module::new();
    module.section(&types).section(&imports).section(&functions).section(&memories).section(&exports).section(&code);
    module.finish()
}

/// The functions of one import or export, each with the interface it is in.
fn functions_of<'a>(
    resolve: &'a Resolve,
    key: &WorldKey,
    item: &'a WorldItem,
) -> Vec<(Option<String>, &'a wit_parser::Function)> {
    match item {
        WorldItem::Function(function) => vec![(None, function)],
        WorldItem::Interface { id, .. } => {
            let name = resolve.name_world_key(key);
            resolve.interfaces[*id].functions.values().map(|f| (Some(name.clone()), f)).collect()
        }
        WorldItem::Type { .. } => Vec::new(),
    }
}

/// `weft.wit` with one text replaced by another; the text must be there.
fn wit_with(from: &str, to: &str) -> String {
    assert!(WIT.contains(from), "weft.wit no longer contains {from:?}");
    WIT.replace(from, to)
}

#[test]
fn the_contract_itself_passes() {
    let bytes = component(WIT);
    let info = inspect(&bytes).unwrap();
    assert_eq!(info.size, bytes.len() as u64);
    assert_eq!(info.sha256, <[u8; 32]>::from(Sha256::digest(&bytes)));
    assert_eq!(info.imports, ["act", "log", "now", "random"]);
}

#[test]
fn a_later_patch_and_further_exports_pass_and_another_minor_does_not() {
    inspect(&component(&wit_with("weft:guest@0.1.0", "weft:guest@0.1.7"))).unwrap();
    inspect(&component(&wit_with("export guest;", "export guest; export extra: func() -> u32;"))).unwrap();
    for version in ["0.2.0", "1.1.0", "0.1.0-beta"] {
        let error = inspect(&component(&wit_with("weft:guest@0.1.0", &format!("weft:guest@{version}")))).unwrap_err();
        assert!(matches!(error, ComponentError::UnknownImport { .. }), "{version}: {error}");
        assert!(error.to_string().contains(version), "{error}");
    }
}

#[test]
fn a_component_that_imports_less_passes() {
    let info = inspect(&component(&wit_with("import kernel;", ""))).unwrap();
    assert_eq!(info.imports, Vec::<String>::new());
}

#[test]
fn what_differs_from_the_contract_is_named() {
    let act = "act: func(verb: string, %resource: string, body: list<u8>) -> result<list<u8>, refusal>;";
    for (from, to, item, why) in [
        ("now: func() -> u64;", "now: func() -> u32;", "weft:guest/kernel@0.1.0#now", "result"),
        ("random: func(n: u32)", "random: func(n: u64)", "#random", "parameters"),
        ("text: string)", "line: string)", "#log", "parameters"),
        (act, "act: func(verb: string, body: list<u8>) -> result<list<u8>, refusal>;", "#act", "parameters"),
        ("ticket: option<u64>,", "", "#act", "result"),
        ("conflict, unsupported", "unsupported, conflict", "#act", "result"),
        ("enum level { trace, debug,", "enum level { debug,", "#log", "parameters"),
        ("-> result<list<u8>, string>", "-> result<string, string>", "weft:guest/guest@0.1.0#handle", "result"),
        ("content-type: string,", "media-type: string,", "#handle", "parameters"),
        ("handle: func", "cope: func", "#handle", "no such function"),
    ] {
        let error = inspect(&component(&wit_with(from, to))).unwrap_err();
        let ComponentError::Mismatch { item: found, why: reason } = &error else { panic!("{to}: {error}") };
        assert!(found.ends_with(item) && reason.contains(why), "{to}: {error}");
        assert!(error.to_string().contains("weft.wit"), "{error}");
    }
}

#[test]
fn what_the_kernel_does_not_offer_is_named() {
    let fork = wit_with("now: func() -> u64;", "now: func() -> u64; fork: func();");
    let error = inspect(&component(&fork)).unwrap_err();
    assert!(error.to_string().contains("weft:guest/kernel@0.1.0#fork"), "{error}");

    let other = wit_with("import kernel;", "import kernel; import odd;") + "interface odd { f: func(); }";
    let error = inspect(&component(&other)).unwrap_err();
    assert!(error.to_string().contains("`weft:guest/odd@0.1.0`"), "{error}");

    let bare = wit_with("import kernel;", "import kernel; import now: func() -> u64;");
    let error = inspect(&component(&bare)).unwrap_err();
    assert!(error.to_string().contains("imports `now`"), "{error}");

    let wasi = wit_with("import kernel;", "import kernel; import wasi:clocks/wall@0.2.0;")
        + "package wasi:clocks@0.2.0 { interface wall { now: func() -> u64; } }";
    let error = inspect(&component(&wasi)).unwrap_err();
    assert!(error.to_string().contains("wasi:clocks/wall@0.2.0") && error.to_string().contains("no WASI"), "{error}");

    let resource = wit_with("interface kernel {", "interface kernel { resource door; open: func(d: borrow<door>);");
    let error = inspect(&component(&resource)).unwrap_err();
    assert!(matches!(error, ComponentError::Mismatch { .. } | ComponentError::UnknownImport { .. }), "{error}");
}

#[test]
fn a_component_without_our_world_is_told_so() {
    let error = inspect(&component(&wit_with("export guest;", "export f: func();"))).unwrap_err();
    assert_eq!(error, ComponentError::NotAGuest { near: String::new() });
    let empty = wasm_encoder::Component::new().finish();
    assert_eq!(inspect(&empty), Err(ComponentError::NotAGuest { near: String::new() }));
}

#[test]
fn what_is_no_component_is_told_apart() {
    let no_wasm: [(&[u8], &str); 5] = [
        (b"", "empty"),
        (b"  (component)", "WebAssembly text"),
        (b"\x7fELF\x02", "operating system"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"#!/bin/sh\n", "text"),
    ];
    for (bytes, what) in no_wasm {
        let error = inspect(bytes).unwrap_err();
        assert!(matches!(error, ComponentError::NotWasm { .. }) && error.to_string().contains(what), "{error}");
    }
    assert_eq!(inspect(&wasm_encoder::Module::new().finish()), Err(ComponentError::CoreModule));
    assert!(matches!(inspect(b"\0asm\x0d\0\x01"), Err(ComponentError::Broken { .. })));
    assert!(matches!(inspect(b"\0asm\xff\0\x01\0"), Err(ComponentError::Broken { .. })));
}

#[test]
fn a_component_over_the_limit_is_not_parsed() {
    let mut bytes = component(WIT);
    bytes.resize(MAX_COMPONENT + 1, 0);
    assert_eq!(inspect(&bytes), Err(ComponentError::TooLarge { size: MAX_COMPONENT + 1 }));
}

#[test]
fn truncations_are_refused() {
    let bytes = component(WIT);
    // After the last export two custom sections follow; without them it is still whole.
    let whole = (0..bytes.len()).filter(|end| inspect(&bytes[..*end]).is_ok()).count();
    assert!(whole <= 2, "{whole}");
    assert!((0..bytes.len() / 2).all(|end| inspect(&bytes[..end]).is_err()));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_components_never_panic(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = component(WIT);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok(info) = inspect(&bytes) {
            prop_assert!(info.imports.len() <= 4);
        }
    }

    #[test]
    fn random_bytes_after_a_header_never_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
        bytes.extend(tail);
        let _ = inspect(&bytes);
    }
}
