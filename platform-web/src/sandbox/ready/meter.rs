//! The memory meter: rewrites a core module so that what it takes is counted, and ends it at its limit.
//!
//! A module that grows memories or tables is given two imports, both mutable globals of 64 bits that all core modules
//! of an instance share: `room`, the bytes that may still be taken, and `asked`, what was asked for when that was too
//! much. Each growth becomes a call of a function at the module's end, which asks for room first and, where there is
//! none, notes the number and traps: nothing was taken. What the module has from the start stands in a section of its
//! own. A growth beyond a declared maximum fails inside the guest, as everywhere.
//!
//! The sum is the one that wasmtime's limiter keeps natively, a table element counted as eight bytes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, CustomSection, EntityType, Function, FunctionSection, GlobalType, ImportSection,
    Instruction, Module, SectionId, TypeSection, ValType,
};
use wasmparser::{Operator, Parser, Payload, TypeRef};

/// The module of the imports, and the name of the section.
pub(super) const METER: &str = "weft:meter";

/// What a table element counts as, bytes.
const TABLE_ELEMENT: u64 = 8;

/// log2 of a page.
const PAGE: i64 = 16;

/// The most pages of a 32-bit memory, and the most elements of a 32-bit table.
const MOST_PAGES: u64 = 1 << 16;
const MOST_ELEMENTS: u64 = u32::MAX as u64;

/// The module with the meter built in. The module must be valid.
pub(super) fn meter(module: &[u8]) -> Result<Vec<u8>, String> {
    let mut outline = Outline::of(module).map_err(|e| e.to_string())?;
    outline.place();
    let mut out = Module::new();
    outline.parse_core_module(&mut out, Parser::new(0), module).map_err(|e| e.to_string())?;
    out.section(&CustomSection { name: METER.into(), data: outline.initial.to_le_bytes().as_slice().into() });
    Ok(out.finish())
}

/// What is grown somewhere, and the function that does it.
struct Growth {
    kind: Kind,
    /// The most pages or elements.
    most: u64,
    /// Its type and its place among the functions.
    type_index: u32,
    function: u32,
}

#[derive(Clone, Copy)]
enum Kind {
    Memory(u32),
    Table(u32, ValType),
}

/// What has to be known of a module before it is written anew.
#[derive(Default)]
struct Outline {
    types: u32,
    functions: u32,
    imported_globals: u32,
    /// The most pages of each memory; the element type and the most elements of each table.
    memories: Vec<u64>,
    tables: Vec<(ValType, u64)>,
    /// Bytes that it has from the start.
    initial: u64,
    memory_growth: BTreeMap<u32, Growth>,
    table_growth: BTreeMap<u32, Growth>,
    imports_written: bool,
}

impl Outline {
    fn of(module: &[u8]) -> wasmparser::Result<Outline> {
        let mut outline = Outline::default();
        for payload in Parser::new(0).parse_all(module) {
            match payload? {
                Payload::TypeSection(section) => {
                    for group in section {
                        outline.types += group?.types().len() as u32;
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import?;
                        match import.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => outline.functions += 1,
                            TypeRef::Global(_) => outline.imported_globals += 1,
                            TypeRef::Memory(memory) => outline.memory(memory.maximum),
                            TypeRef::Table(table) => outline.table(&table),
                            TypeRef::Tag(_) => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => outline.functions += section.count(),
                Payload::MemorySection(section) => {
                    for memory in section {
                        let memory = memory?;
                        outline.memory(memory.maximum);
                        outline.initial = outline.initial.saturating_add(memory.initial.saturating_mul(1 << PAGE));
                    }
                }
                Payload::TableSection(section) => {
                    for table in section {
                        let table = table?.ty;
                        outline.table(&table);
                        outline.initial = outline.initial.saturating_add(table.initial.saturating_mul(TABLE_ELEMENT));
                    }
                }
                Payload::CodeSectionEntry(body) => {
                    for operator in body.get_operators_reader()? {
                        outline.grows(&operator?);
                    }
                }
                _ => {}
            }
        }
        Ok(outline)
    }

    fn memory(&mut self, maximum: Option<u64>) {
        self.memories.push(maximum.unwrap_or(MOST_PAGES));
    }

    fn table(&mut self, table: &wasmparser::TableType) {
        // A type that cannot be written is one that validation has refused.
        let element = utils::ref_type(&mut Plain, table.element_type).unwrap_or(wasm_encoder::RefType::FUNCREF);
        self.tables.push((ValType::Ref(element), table.maximum.unwrap_or(MOST_ELEMENTS)));
    }

    /// Notes what an instruction grows. Its function is placed when all are known.
    fn grows(&mut self, operator: &Operator<'_>) {
        let unplaced = |kind, most| Growth { kind, most, type_index: 0, function: 0 };
        match *operator {
            Operator::MemoryGrow { mem } => {
                let most = self.memories.get(mem as usize).copied().unwrap_or(MOST_PAGES);
                self.memory_growth.entry(mem).or_insert_with(|| unplaced(Kind::Memory(mem), most));
            }
            Operator::TableGrow { table } => {
                let (element, most) =
                    self.tables.get(table as usize).copied().unwrap_or((ValType::FUNCREF, MOST_ELEMENTS));
                self.table_growth.entry(table).or_insert_with(|| unplaced(Kind::Table(table, element), most));
            }
            _ => {}
        }
    }

    /// Puts the functions behind those that are there.
    fn place(&mut self) {
        let (mut types, mut functions) = (self.types, self.functions);
        for growth in self.memory_growth.values_mut().chain(self.table_growth.values_mut()) {
            (growth.type_index, growth.function) = (types, functions);
            types += 1;
            functions += 1;
        }
    }

    fn growths(&self) -> impl Iterator<Item = &Growth> {
        self.memory_growth.values().chain(self.table_growth.values())
    }

    fn is_metered(&self) -> bool {
        self.growths().next().is_some()
    }

    fn room(&self) -> u32 {
        self.imported_globals
    }

    fn asked(&self) -> u32 {
        self.imported_globals + 1
    }

    /// Adds the two globals behind the imports that are there.
    fn import(&mut self, imports: &mut ImportSection) {
        self.imports_written = true;
        let global = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        imports.import(METER, "room", EntityType::Global(global));
        imports.import(METER, "asked", EntityType::Global(global));
    }

    /// The function that grows in place of the instruction; takes and answers what that does.
    fn body(&self, growth: &Growth) -> Function {
        // Parameters: for a table the element, then the number. Locals: the bytes, the answer.
        let n = if matches!(growth.kind, Kind::Table(..)) { 1 } else { 0 };
        let (more, answer) = (n + 1, n + 2);
        let mut f = Function::new([(1, ValType::I64), (1, ValType::I32)]);
        let mut emit = |instructions: &[Instruction<'_>]| {
            for instruction in instructions {
                f.instruction(instruction);
            }
        };
        use Instruction as I;
        let grow: &[I<'_>] = match growth.kind {
            Kind::Memory(memory) => &[I::LocalGet(n), I::MemoryGrow(memory)],
            Kind::Table(table, _) => &[I::LocalGet(0), I::LocalGet(n), I::TableGrow(table)],
        };
        let size = match growth.kind {
            Kind::Memory(memory) => I::MemorySize(memory),
            Kind::Table(table, _) => I::TableSize(table),
        };
        // Over its own maximum: the instruction fails by itself.
        emit(&[size, I::I64ExtendI32U, I::LocalGet(n), I::I64ExtendI32U, I::I64Add]);
        emit(&[I::I64Const(growth.most as i64), I::I64GtU, I::If(BlockType::Empty)]);
        emit(grow);
        emit(&[I::Return, I::End]);
        emit(&[I::LocalGet(n), I::I64ExtendI32U]);
        match growth.kind {
            Kind::Memory(_) => emit(&[I::I64Const(PAGE), I::I64Shl]),
            Kind::Table(..) => emit(&[I::I64Const(TABLE_ELEMENT as i64), I::I64Mul]),
        }
        // Over the limit: the end.
        emit(&[I::LocalTee(more), I::GlobalGet(self.room()), I::I64GtU, I::If(BlockType::Empty)]);
        emit(&[I::LocalGet(more), I::GlobalSet(self.asked()), I::Unreachable, I::End]);
        emit(grow);
        emit(&[I::LocalTee(answer), I::I32Const(-1), I::I32Ne, I::If(BlockType::Empty)]);
        emit(&[I::GlobalGet(self.room()), I::LocalGet(more), I::I64Sub, I::GlobalSet(self.room()), I::End]);
        emit(&[I::LocalGet(answer), I::End]);
        f
    }
}

type Outcome = Result<(), Error<Infallible>>;

impl Reencode for Outline {
    type Error = Infallible;

    fn global_index(&mut self, global: u32) -> Result<u32, Error<Infallible>> {
        // The two new imports lie between the imported globals and the module's own.
        Ok(if global >= self.imported_globals && self.is_metered() { global + 2 } else { global })
    }

    fn instruction<'a>(&mut self, operator: Operator<'a>) -> Result<Instruction<'a>, Error<Infallible>> {
        let growth = match &operator {
            Operator::MemoryGrow { mem } => self.memory_growth.get(mem),
            Operator::TableGrow { table } => self.table_growth.get(table),
            _ => None,
        };
        match growth {
            Some(growth) => Ok(Instruction::Call(growth.function)),
            None => utils::instruction(self, operator),
        }
    }

    fn parse_type_section(&mut self, types: &mut TypeSection, section: wasmparser::TypeSectionReader<'_>) -> Outcome {
        utils::parse_type_section(self, types, section)?;
        for growth in self.growths() {
            match growth.kind {
                Kind::Memory(_) => types.ty().function([ValType::I32], [ValType::I32]),
                Kind::Table(_, element) => types.ty().function([element, ValType::I32], [ValType::I32]),
            }
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Outcome {
        utils::parse_import_section(self, imports, section)?;
        if self.is_metered() {
            self.import(imports);
        }
        Ok(())
    }

    fn intersperse_section_hook(
        &mut self,
        module: &mut Module,
        _after: Option<SectionId>,
        before: Option<SectionId>,
    ) -> Outcome {
        // A module without imports gets the section where it belongs: right behind the types.
        let early = matches!(before, Some(SectionId::Custom | SectionId::Type | SectionId::Import));
        if self.is_metered() && !self.imports_written && !early {
            let mut imports = ImportSection::new();
            self.import(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_function_section(
        &mut self,
        functions: &mut FunctionSection,
        section: wasmparser::FunctionSectionReader<'_>,
    ) -> Outcome {
        utils::parse_function_section(self, functions, section)?;
        for growth in self.growths() {
            functions.function(growth.type_index);
        }
        Ok(())
    }

    fn parse_code_section(&mut self, code: &mut CodeSection, section: wasmparser::CodeSectionReader<'_>) -> Outcome {
        utils::parse_code_section(self, code, section)?;
        for growth in self.growths() {
            code.function(&self.body(growth));
        }
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut Module, _: wasmparser::CustomSectionReader<'_>) -> Outcome {
        // Names and debug information are of no use here, and a section of our name must be ours.
        Ok(())
    }
}

/// Types, as they are.
struct Plain;

impl Reencode for Plain {
    type Error = Infallible;
}
