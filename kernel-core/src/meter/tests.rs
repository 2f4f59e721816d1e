//! What comes out of the meter is valid and has lost nothing but names; what cannot be metered is refused by name.
//! What it does when it runs is tested where there is an engine (`platform-native/src/sandbox/tests/meter.rs`).

use super::*;
use crate::app::inspect;
use wasm_encoder as enc;
use wasm_encoder::Instruction as I;
use wasmparser::{Parser, Payload, Validator, WasmFeatures};

const GUESTS: &[(&str, &[u8])] = &[
    ("echo", include_bytes!("../../../tests/fixtures/guests/echo.wasm")),
    ("puppet", include_bytes!("../../../tests/fixtures/guests/puppet.wasm")),
    ("hog", include_bytes!("../../../tests/fixtures/guests/hog.wasm")),
    ("trapper", include_bytes!("../../../tests/fixtures/guests/trapper.wasm")),
    ("walker", include_bytes!("../../../examples/repo-audit/components/walker.wasm")),
    ("secrets", include_bytes!("../../../examples/repo-audit/components/secrets.wasm")),
    ("inventory", include_bytes!("../../../examples/repo-audit/components/inventory.wasm")),
];

/// The outermost component's imports and exports, and the custom sections in all of it.
fn names(bytes: &[u8]) -> (Vec<String>, Vec<String>, Vec<String>) {
    let (mut imports, mut exports, mut custom, mut depth) = (vec![], vec![], vec![], 0);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.unwrap() {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            Payload::ComponentImportSection(section) if depth == 1 => {
                imports.extend(section.into_iter().map(|import| import.unwrap().name.name.to_owned()));
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                exports.extend(section.into_iter().map(|export| export.unwrap().name.name.to_owned()));
            }
            Payload::CustomSection(section) => custom.push(section.name().to_owned()),
            _ => {}
        }
    }
    (imports, exports, custom)
}

fn validate(bytes: &[u8]) {
    let features = WasmFeatures::WASM2 | WasmFeatures::TAIL_CALL | WasmFeatures::COMPONENT_MODEL;
    Validator::new_with_features(features).validate_all(bytes).unwrap_or_else(|e| panic!("{e}"));
}

#[test]
fn guests_gain_one_export_and_lose_their_names() {
    for (name, bytes) in GUESTS {
        let Metered { component, meters, state } = meter(bytes).unwrap_or_else(|e| panic!("{name}: {e}"));
        validate(&component);
        let ((imports, mut exports, _), after) = (names(bytes), names(&component));
        exports.push(export(0));
        assert_eq!(meters, 1, "{name}");
        assert_eq!((imports, exports), (after.0, after.1), "{name}");
        assert_eq!(after.2, [IMPORT], "{name}: the meter's own section and no other");
        assert!(state > weigh(bytes).unwrap().state);
        assert_eq!(meter(bytes).unwrap().component, component, "{name}: the same each time");
        assert!(meter(&component).is_err(), "{name}: once is enough");
    }
}

/// A module of one function, with whatever comes before its code.
fn with_function(sections: impl FnOnce(&mut enc::Module), body: &[I<'_>]) -> enc::Module {
    let mut module = enc::Module::new();
    let mut types = enc::TypeSection::new();
    types.ty().function([], []);
    module.section(&types);
    sections(&mut module);
    let mut code = enc::CodeSection::new();
    let mut function = enc::Function::new([]);
    for instruction in body {
        function.instruction(instruction);
    }
    function.instruction(&I::End);
    code.function(&function);
    module.section(&code);
    module
}

fn function(module: &mut enc::Module) {
    let mut functions = enc::FunctionSection::new();
    functions.function(0);
    module.section(&functions);
}

fn of_module(module: &enc::Module) -> Vec<u8> {
    let mut component = enc::Component::new();
    component.section(&enc::ModuleSection(module));
    component.finish()
}

fn refused(bytes: &[u8], part: &str) {
    let error = meter(bytes).expect_err(part).to_string();
    assert!(error.contains(part), "{part}: {error}");
}

#[test]
fn what_cannot_be_metered_is_named() {
    let memory = |memory64, shared| {
        let mut memories = enc::MemorySection::new();
        memories.memory(enc::MemoryType { minimum: 1, maximum: Some(1), memory64, shared, page_size_log2: None });
        let mut module = enc::Module::new();
        module.section(&memories);
        of_module(&module)
    };
    refused(&memory(true, false), "memories of 64 bits");
    refused(&memory(false, true), "shared memories");
    let table = |maximum, table64| {
        let mut tables = enc::TableSection::new();
        let element_type = enc::RefType::FUNCREF;
        tables.table(enc::TableType { element_type, minimum: 0, maximum: Some(maximum), table64, shared: false });
        let mut module = enc::Module::new();
        module.section(&tables);
        of_module(&module)
    };
    refused(&table(9, true), "tables of 64 bits");
    refused(&table(SIGNAL, false), "the meter's signal");
    meter(&table(SIGNAL + 1, false)).unwrap();
    let body = |instructions: &[I<'_>]| of_module(&with_function(function, instructions));
    refused(&body(&[I::AtomicFence]), "`threads`");
    refused(&body(&[I::Throw(0)]), "`exceptions`");
    refused(&body(&[I::RefNull(enc::HeapType::FUNC), I::RefAsNonNull, I::Drop]), "`function-references`");
    refused(&body(&[I::I32Const(0), I::RefI31, I::Drop]), "`gc`");
    refused(&body(&[I::Suspend(0)]), "`stack-switching`");
    refused(&body(&[I::I64Const(0), I::I64Const(0), I::I64MulWideS, I::Drop, I::Drop]), "`wide-arithmetic`");
    let relaxed = [I::V128Const(0), I::V128Const(0), I::I8x16RelaxedSwizzle, I::Drop];
    refused(&body(&relaxed), "`relaxed-simd`");
    meter(&body(&[I::Nop])).unwrap();
    let mut structs = enc::TypeSection::new();
    structs.ty().struct_([]);
    let mut module = enc::Module::new();
    module.section(&structs);
    refused(&of_module(&module), "garbage-collected types");
}

/// A component inside of another that has code has a meter of its own, for each of its instances, and hosts reach all.
#[test]
fn each_component_with_code_has_a_meter() {
    let inner = of_module(&with_function(function, &[I::Nop]));
    let around = |inner: &[u8], times: usize, code: bool| {
        let mut outer = enc::Component::new();
        outer.section(&enc::RawSection { id: 4, data: inner });
        if code {
            outer.section(&enc::ModuleSection(&with_function(function, &[])));
        }
        let mut instances = enc::ComponentInstanceSection::new();
        for _ in 0..times {
            instances.instantiate(0, Vec::<(&str, enc::ComponentExportKind, u32)>::new());
        }
        outer.section(&instances);
        outer.finish()
    };
    for (component, meters) in [
        (inner.clone(), 1),
        (around(&inner, 1, false), 1),
        (around(&inner, 1, true), 2),
        (around(&inner, 3, true), 4),
        (around(&around(&inner, 3, true), 2, true), 9),
    ] {
        validate(&component);
        let metered = meter(&component).unwrap();
        validate(&metered.component);
        assert_eq!(metered.meters, meters);
        let exports: Vec<String> = (0..meters).map(export).collect();
        assert_eq!(names(&metered.component).1, exports);
    }
    refused(&around(&inner, 16, true), "more than 16 components with code");
    let mut exports = enc::ComponentExportSection::new();
    exports.export("m", enc::ComponentExportKind::Module, 0, None);
    let mut outer = enc::Component::new();
    outer.section(&enc::ModuleSection(&with_function(function, &[]))).section(&exports);
    refused(&outer.finish(), "handed on");
}

#[test]
fn the_meters_names_are_its_own() {
    let importing = |module: &mut enc::Module| {
        let mut imports = enc::ImportSection::new();
        let ty = enc::GlobalType { val_type: enc::ValType::I64, mutable: true, shared: false };
        imports.import(IMPORT, LEFT, enc::EntityType::Global(ty));
        module.section(&imports);
        function(module);
    };
    assert_eq!(meter(&of_module(&with_function(importing, &[]))), Err(MeterError::Name(IMPORT)));
    let (_, echo) = GUESTS[0];
    for taken in [export(0), EXPORT.to_uppercase()] {
        let mut exports = enc::ComponentExportSection::new();
        exports.export(&taken, enc::ComponentExportKind::Type, 0, None);
        let mut bytes = echo.to_vec();
        let mut section = vec![11];
        enc::Encode::encode(&exports, &mut section);
        bytes.extend(section);
        assert_eq!(meter(&bytes), Err(MeterError::Name(EXPORT)), "{taken}");
    }
}

/// The meter adds a type and a local behind those that are there: what lies behind them is as invalid as before.
#[test]
fn nothing_invalid_becomes_valid() {
    for body in [
        &[I::LocalGet(0), I::Drop][..],
        &[I::I64Const(7), I::LocalSet(0)],
        &[I::I32Const(0), I::CallIndirect { type_index: 1, table_index: 0 }],
        &[I::Block(enc::BlockType::FunctionType(1)), I::End],
        &[I::Br(7)],
        &[I::End],
        &[I::Else],
    ] {
        let bytes = of_module(&with_function(function, body));
        assert!(matches!(meter(&bytes), Err(MeterError::Component(ComponentError::Broken { .. }))), "{body:?}");
    }
    // A number of a function or a global that is not there stays one.
    for body in [&[I::Call(1)][..], &[I::GlobalGet(0), I::Drop]] {
        let metered = meter(&of_module(&with_function(function, body))).unwrap().component;
        assert!(Validator::new().validate_all(&metered).is_err(), "{body:?}");
    }
}

#[test]
fn what_is_no_component_is_refused() {
    refused(b"", "");
    refused(b"\0asm\x01\0\0\0", "core module");
    refused(b"something else", "");
    for (name, bytes) in GUESTS {
        inspect(bytes).unwrap();
        for cut in [9, 100, bytes.len() / 2, bytes.len() - 1] {
            assert!(meter(&bytes[..cut]).is_err(), "{name} at {cut}");
        }
    }
}
