//! Components that cost more than they are long, each a little over a limit, and the same a little under.

use super::super::inspect;
use super::super::tests::{WIT, component};
use super::*;
use wasm_encoder as enc;
use wasm_encoder::Instruction as I;

/// A type section with types that lie in each other.
fn nested_types(kind: u8, depth: usize) -> Vec<u8> {
    let mut types = vec![1];
    (0..depth).for_each(|_| types.extend([kind, 1, 1]));
    types.extend([kind, 0]);
    section(7, &types)
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![id];
    enc::Encode::encode(&body.len(), &mut bytes);
    bytes.extend(body);
    bytes
}

fn of_sections(sections: &[Vec<u8>]) -> Vec<u8> {
    [enc::Component::HEADER.to_vec(), sections.concat()].concat()
}

fn with_module(module: &enc::Module) -> Vec<u8> {
    let mut component = enc::Component::new();
    component.section(&enc::ModuleSection(module));
    component.finish()
}

/// A module with one function of type `i32 -> ()`, and a type of so many results.
fn one_function(results: usize, locals: u32, body: &[I<'_>]) -> Vec<u8> {
    let mut types = enc::TypeSection::new();
    types.ty().function([enc::ValType::I32], []);
    types.ty().function([], vec![enc::ValType::I32; results]);
    let (mut functions, mut code) = (enc::FunctionSection::new(), enc::CodeSection::new());
    functions.function(0);
    let mut function = enc::Function::new([(locals, enc::ValType::I32)]);
    for instruction in body {
        function.instruction(instruction);
    }
    function.instruction(&I::End);
    code.function(&function);
    let mut module = enc::Module::new();
    module.section(&types).section(&functions).section(&code);
    with_module(&module)
}

fn refused(bytes: &[u8], part: &str) {
    for error in [weigh(bytes).unwrap_err(), inspect(bytes).unwrap_err()] {
        let ComponentError::Excessive { what, found, limit } = error else { panic!("{part}: {error}") };
        assert!(what.contains(part) && found > limit, "{part}: {error}");
        assert!(error.to_string().contains(&limit.to_string()), "{error}");
    }
}

fn passes(bytes: &[u8]) {
    weigh(bytes).unwrap();
    // Nothing is exported, which is all that is wrong with it.
    assert!(matches!(inspect(bytes), Err(ComponentError::NotAGuest { .. } | ComponentError::Broken { .. })));
}

#[test]
fn types_that_nest_are_refused_before_anything_recurses_into_them() {
    let guest = component(WIT);
    for kind in [0x41, 0x42] {
        passes(&of_sections(&[nested_types(kind, 90)]));
        for depth in [100, 1_500, 20_000, 1_000_000] {
            refused(&of_sections(&[nested_types(kind, depth)]), "levels");
            refused(&[&guest[..], &nested_types(kind, depth)].concat(), "levels");
        }
    }
    // Between other declarations: core types, aliases, imports and exports.
    let mut types = vec![1];
    for _ in 0..200 {
        types.extend([0x41, 5]);
        types.extend([0x00, 0x60, 0, 0]);
        types.extend([0x00, 0x50, 1, 1, 0x60, 0, 0]);
        types.extend([0x02, 0x03, 2, 0, 0]);
        types.extend([0x03, 0, 1, b'a', 0x05, 0]);
        types.push(0x01);
    }
    types.extend([0x42, 0]);
    refused(&of_sections(&[section(7, &types)]), "levels");
}

#[test]
fn instances_that_export_each_other_are_refused_without_a_panic() {
    // Each instance type exports an instance of the one before.
    let mut types = Vec::new();
    enc::Encode::encode(&20_000_usize, &mut types);
    types.extend([0x42, 0]);
    for index in 0..19_999_u32 {
        types.extend([0x42, 2, 0x02, 0x03, 0x02, 1]);
        enc::Encode::encode(&index, &mut types);
        types.extend([0x04, 0x00, 1, b'a', 0x05, 0]);
    }
    let bytes = of_sections(&[section(7, &types)]);
    assert!(matches!(inspect(&bytes), Err(ComponentError::Broken { .. })));
}

#[test]
fn components_that_nest_or_are_many_are_refused() {
    let nested =
        |depth| (0..depth).fold(enc::Component::HEADER.to_vec(), |inner, _| of_sections(&[section(4, &inner)]));
    passes(&nested(90));
    refused(&nested(100), "levels");
    refused(&nested(3_000), "levels");
    let many = |count| of_sections(&vec![section(4, &enc::Component::HEADER); count]);
    passes(&many(900));
    refused(&many(1_000), "components and modules");
}

#[test]
fn tables_of_branches_that_hand_on_many_values_are_refused() {
    let bomb = |depth: u32, results: usize| {
        let mut body = vec![I::Block(enc::BlockType::FunctionType(1)); depth as usize];
        body.extend([I::LocalGet(0), I::If(enc::BlockType::Empty)]);
        body.extend(vec![I::LocalGet(0); results + 1]);
        body.push(I::BrTable((1..=depth).collect::<Vec<_>>().into(), 1));
        body.push(I::End);
        body.extend(vec![I::LocalGet(0); results]);
        body.extend(vec![I::End; depth as usize]);
        body.extend(vec![I::Drop; results]);
        one_function(results, 0, &body)
    };
    passes(&bomb(100, 100));
    refused(&bomb(400, 400), "values that one function passes on");
    refused(&bomb(900, 900), "values that one function passes on");
}

#[test]
fn locals_in_many_blocks_long_bodies_and_much_code_are_refused() {
    let loops = |locals, depth| {
        let mut body = vec![I::Loop(enc::BlockType::Empty); depth];
        body.extend(vec![I::End; depth]);
        one_function(0, locals, &body)
    };
    passes(&loops(1_000, 1_000));
    refused(&loops(10_000, 1_000), "locals times blocks");
    passes(&one_function(0, 0, &vec![I::Nop; 1 << 19]));
    refused(&one_function(0, 0, &vec![I::Nop; 2 << 20]), "bytes in one function");
}

#[test]
fn locals_that_go_round_in_many_loops_are_refused() {
    let loops = |locals: u32, depth| {
        let mut body = vec![I::Loop(enc::BlockType::Empty); depth];
        (0..locals).for_each(|local| body.extend([I::LocalGet(local), I::LocalSet(local)]));
        body.extend(vec![I::End; depth]);
        one_function(0, locals, &body)
    };
    passes(&loops(200, 200));
    refused(&loops(1_000, 1_000), "locals that are set in loops");
}

/// So many modules with so many globals, each instantiated so often.
fn instances(globals: u32, times: u32, around: impl Fn(enc::Component) -> enc::Component) -> Vec<u8> {
    let mut section = enc::GlobalSection::new();
    let ty = enc::GlobalType { val_type: enc::ValType::I64, mutable: false, shared: false };
    for _ in 0..globals {
        section.global(ty, &enc::ConstExpr::i64_const(1));
    }
    let mut module = enc::Module::new();
    module.section(&section);
    let mut component = enc::Component::new();
    component.section(&enc::ModuleSection(&module));
    let mut made = enc::InstanceSection::new();
    for _ in 0..times {
        made.instantiate::<_, &str>(0, []);
    }
    component.section(&made);
    around(component).finish()
}

#[test]
fn what_instances_take_is_counted_as_often_as_they_are_made() {
    let plain = |globals, times| instances(globals, times, |component| component);
    let one = weigh(&plain(1_000, 1)).unwrap().state;
    assert!(one > 16_000);
    assert_eq!(weigh(&plain(1_000, 7)).unwrap().state, one * 7);
    refused(&plain(480_000, 240), "in its instances");
    // In a component that is instantiated twice, or that nobody instantiates.
    let inside = |times: u32| {
        instances(1_000, 3, |inner| {
            let mut outer = enc::Component::new();
            outer.section(&enc::NestedComponentSection(&inner));
            let mut made = enc::ComponentInstanceSection::new();
            for _ in 0..times {
                made.instantiate::<Vec<(&str, enc::ComponentExportKind, u32)>, &str>(0, vec![]);
            }
            outer.section(&made);
            outer
        })
    };
    assert_eq!(weigh(&inside(0)).unwrap().state, 0);
    assert_eq!(weigh(&inside(2)).unwrap().state, one * 6);
}

#[test]
fn the_guests_of_the_tests_weigh_little() {
    assert!(weigh(&component(WIT)).unwrap().state < 32 << 10);
}
