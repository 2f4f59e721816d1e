//! The meter's own core module, of which each instance of a component has one.

use super::{IMPORT, INSTANTIATION, LEFT, OUT, SIGNAL};
use std::sync::LazyLock;
use wasm_encoder::{
    CodeSection, ConstExpr, CustomSection, ExportKind, ExportSection, Function, FunctionSection, GlobalSection,
    GlobalType, HeapType, Instruction as I, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

/// Sets the number and answers what it was.
pub(super) const SWAP: &str = "swap";

/// Bytes that an instance of it has beside its table, counted as those of a guest's modules are.
pub(super) const STATE: u64 = 1_024 + 56 + 64 + 3 * 40;

/// The bytes of the module. A host that holds core modules knows the meter's by them: it carries a section of which
/// guests' modules are stripped.
pub static MODULE: LazyLock<Vec<u8>> = LazyLock::new(|| module().finish());

fn module() -> Module {
    let mut types = TypeSection::new();
    types.ty().function([], []);
    types.ty().function([ValType::I64], [ValType::I64]);
    let mut functions = FunctionSection::new();
    functions.function(0).function(1);
    let mut tables = TableSection::new();
    tables.table(TableType {
        element_type: RefType::FUNCREF,
        minimum: 0,
        maximum: Some(SIGNAL),
        table64: false,
        shared: false,
    });
    let mut globals = GlobalSection::new();
    let left = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
    globals.global(left, &ConstExpr::i64_const(INSTANTIATION as i64));
    let mut exports = ExportSection::new();
    exports.export(LEFT, ExportKind::Global, 0);
    exports.export(OUT, ExportKind::Func, 0);
    exports.export(SWAP, ExportKind::Func, 1);
    let mut code = CodeSection::new();
    // The growth tells a host that it is asked about; what it answers does not matter.
    let out = [I::RefNull(HeapType::FUNC), I::I32Const(1), I::TableGrow(0), I::Drop, I::Unreachable, I::End];
    let swap = [I::GlobalGet(0), I::LocalGet(0), I::GlobalSet(0), I::End];
    for body in [&out[..], &swap] {
        let mut function = Function::new([]);
        for instruction in body {
            function.instruction(instruction);
        }
        code.function(&function);
    }
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&globals).section(&exports).section(&code);
    module.section(&CustomSection { name: IMPORT.into(), data: (&[][..]).into() });
    module
}
