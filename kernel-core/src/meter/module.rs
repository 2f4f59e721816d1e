//! One core module, written anew: each block of a function begins with its charge.
//!
//! A block is a piece of code that is entered only at its beginning and left only at its end, so what is charged at the
//! beginning is what is executed, unless an instruction in it traps. Blocks are as long as they can be: what no branch
//! leads to begins none. Code that is never reached costs nothing.
//!
//! A function holds the number in a local while it runs, which engines keep in a register; others see it where the function calls,
//! returns, or has used it up.

use super::{IMPORT, LEFT, MeterError, OUT, SIGNAL, broken, cost, damaged, unmetered};
use wasm_encoder::reencode::{Error, Reencode, utils};
use wasm_encoder::{
    BlockType, CodeSection, EntityType, Function, GlobalType, ImportSection, Instruction as I, Module, SectionId,
    TypeSection, ValType,
};
use wasmparser::{CompositeInnerType, FunctionBody, Operator, Parser, Payload, TypeRef};

/// The module with charges in its functions.
pub(super) fn rewrite(bytes: &[u8], parser: Parser) -> Result<Module, MeterError> {
    let mut rewriter = Rewriter::outline(bytes, parser.clone())?;
    let mut module = Module::new();
    rewriter.parse_core_module(&mut module, parser, bytes)?;
    Ok(module)
}

/// What has to be known of a module before it is written anew.
#[derive(Default)]
struct Rewriter {
    /// The number of parameters of each type.
    types: Vec<u32>,
    imported_functions: u32,
    imported_globals: u32,
    /// The types of its own functions.
    functions: Vec<u32>,
    /// The function whose body comes next.
    next: usize,
    imports_written: bool,
}

impl Rewriter {
    fn outline(bytes: &[u8], parser: Parser) -> Result<Rewriter, MeterError> {
        let mut outline = Rewriter::default();
        for payload in parser.parse_all(bytes) {
            match payload.map_err(broken)? {
                Payload::TypeSection(section) => {
                    for group in section {
                        for ty in group.map_err(broken)?.into_types() {
                            let CompositeInnerType::Func(function) = &ty.composite_type.inner else {
                                return unmetered("garbage-collected types");
                            };
                            outline.types.push(function.params().len() as u32);
                        }
                    }
                }
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(broken)?;
                        if import.module == IMPORT {
                            return Err(MeterError::Name(IMPORT));
                        }
                        match import.ty {
                            TypeRef::Func(_) | TypeRef::FuncExact(_) => outline.imported_functions += 1,
                            TypeRef::Global(_) => outline.imported_globals += 1,
                            _ => {}
                        }
                    }
                }
                Payload::FunctionSection(section) => {
                    for ty in section {
                        outline.functions.push(ty.map_err(broken)?);
                    }
                }
                Payload::TagSection(_) => return unmetered("exceptions"),
                Payload::UnknownSection { id, .. } => return unmetered(format!("a section of the unknown kind {id}")),
                _ => {}
            }
        }
        Ok(outline)
    }

    /// A module without code has nothing to charge for, and stays as it is.
    fn has_code(&self) -> bool {
        !self.functions.is_empty()
    }

    /// Adds the number and the function behind the imports that are there.
    fn import(&mut self, imports: &mut ImportSection) {
        self.imports_written = true;
        let left = GlobalType { val_type: ValType::I64, mutable: true, shared: false };
        imports.import(IMPORT, LEFT, EntityType::Global(left));
        imports.import(IMPORT, OUT, EntityType::Function(self.types.len() as u32));
    }

    /// Takes the number into the function's local.
    fn take(&self, function: &mut Function, left: u32) {
        function.instruction(&I::GlobalGet(self.imported_globals)).instruction(&I::LocalSet(left));
    }

    /// Gives the number back, for others to see.
    fn give(&self, function: &mut Function, left: u32) {
        function.instruction(&I::LocalGet(left)).instruction(&I::GlobalSet(self.imported_globals));
    }

    /// Takes from the number what `amount` puts on the stack, and ends the instance if that is too much.
    fn charge(&self, function: &mut Function, left: u32, amount: &[I<'_>]) {
        function.instruction(&I::LocalGet(left));
        for instruction in amount {
            function.instruction(instruction);
        }
        let test = [I::I64Sub, I::LocalTee(left), I::I64Const(0), I::I64LtS, I::If(BlockType::Empty)];
        for instruction in &test {
            function.instruction(instruction);
        }
        self.give(function, left);
        function.instruction(&I::Call(self.imported_functions)).instruction(&I::Unreachable).instruction(&I::End);
    }
}

type Outcome<T = ()> = Result<T, Error<MeterError>>;

fn refused<T>(error: MeterError) -> Outcome<T> {
    Err(Error::UserError(error))
}

impl Reencode for Rewriter {
    type Error = MeterError;

    fn type_index(&mut self, ty: u32) -> Outcome<u32> {
        // The next one is the meter's.
        if ty as usize >= self.types.len() {
            return refused(damaged(0, format!("there is no type {ty}")));
        }
        Ok(ty)
    }

    fn function_index(&mut self, function: u32) -> Outcome<u32> {
        Ok(if self.has_code() && function >= self.imported_functions { function.saturating_add(1) } else { function })
    }

    fn global_index(&mut self, global: u32) -> Outcome<u32> {
        Ok(if self.has_code() && global >= self.imported_globals { global.saturating_add(1) } else { global })
    }

    fn memory_type(&mut self, memory: wasmparser::MemoryType) -> Outcome<wasm_encoder::MemoryType> {
        match memory {
            wasmparser::MemoryType { shared: true, .. } => refused(MeterError::Unmetered("shared memories".into())),
            wasmparser::MemoryType { memory64: true, .. } => {
                refused(MeterError::Unmetered("memories of 64 bits".into()))
            }
            wasmparser::MemoryType { page_size_log2: Some(_), .. } => {
                refused(MeterError::Unmetered("pages of its own size".into()))
            }
            plain => Ok(utils::memory_type(self, plain)),
        }
    }

    fn table_type(&mut self, table: wasmparser::TableType) -> Outcome<wasm_encoder::TableType> {
        match table {
            wasmparser::TableType { shared: true, .. } => refused(MeterError::Unmetered("shared tables".into())),
            wasmparser::TableType { table64: true, .. } => refused(MeterError::Unmetered("tables of 64 bits".into())),
            wasmparser::TableType { maximum: Some(SIGNAL), .. } => {
                refused(MeterError::Unmetered(format!("a table of at most {SIGNAL} elements, the meter's signal,")))
            }
            plain => utils::table_type(self, plain),
        }
    }

    fn parse_type_section(&mut self, types: &mut TypeSection, section: wasmparser::TypeSectionReader<'_>) -> Outcome {
        utils::parse_type_section(self, types, section)?;
        if self.has_code() {
            types.ty().function([], []);
        }
        Ok(())
    }

    fn parse_import_section(
        &mut self,
        imports: &mut ImportSection,
        section: wasmparser::ImportSectionReader<'_>,
    ) -> Outcome {
        utils::parse_import_section(self, imports, section)?;
        if self.has_code() {
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
        let early = matches!(before, Some(SectionId::Type | SectionId::Import));
        if self.has_code() && !self.imports_written && !early {
            let mut imports = ImportSection::new();
            self.import(&mut imports);
            module.section(&imports);
        }
        Ok(())
    }

    fn parse_custom_section(&mut self, _: &mut Module, _: wasmparser::CustomSectionReader<'_>) -> Outcome {
        // Names and debug information would be wrong now, and a section of the meter's name must be its own.
        Ok(())
    }

    fn parse_function_body(&mut self, code: &mut CodeSection, body: FunctionBody<'_>) -> Outcome {
        let ty = self.functions.get(self.next).copied().unwrap_or(u32::MAX);
        self.next += 1;
        let Some(&params) = self.types.get(ty as usize) else {
            return refused(damaged(body.range().start, "a function without a type"));
        };
        let mut locals = Vec::new();
        let mut own = u64::from(params);
        for group in body.get_locals_reader()? {
            let (count, ty) = group?;
            own += u64::from(count);
            locals.push((count, self.val_type(ty)?));
        }
        let Ok(own) = u32::try_from(own) else {
            return refused(damaged(body.range().start, "more locals than can be counted"));
        };
        let (mut operators, mut starts) = (Vec::new(), Vec::new());
        let mut reader = body.get_operators_reader()?;
        while !reader.eof() {
            let (operator, start) = reader.read_with_offset()?;
            operators.push(operator);
            starts.push(start - body.range().start);
        }
        starts.push(body.range().len());
        let charges = charges(&operators).map_err(Error::UserError)?;
        // What is left, and the number that an instruction is given.
        let (left, number) = (own, own.saturating_add(1));
        locals.push((1, ValType::I64));
        if operators.iter().any(|operator| cost::extent(operator).is_some()) {
            locals.push((1, ValType::I32));
        }
        let mut function = Function::new(locals);
        // What does not change is copied as it lies, from here on to the next that does.
        let mut copied = starts[0];
        let copy = |function: &mut Function, from: &mut usize, to: usize| {
            function.raw(body.as_bytes().get(*from..to).unwrap_or_default().iter().copied());
            *from = to;
        };
        self.take(&mut function, left);
        let mut charges = charges.into_iter().peekable();
        let mut open = 0;
        for (at, operator) in operators.into_iter().enumerate() {
            while let Some(charge) = charges.next_if(|charge| charge.at <= at) {
                if charge.cost > 0 {
                    copy(&mut function, &mut copied, starts[at]);
                    self.charge(&mut function, left, &[I::I64Const(charge.cost as i64)]);
                }
            }
            if let Operator::LocalGet { local_index: local }
            | Operator::LocalSet { local_index: local }
            | Operator::LocalTee { local_index: local } = operator
                && local >= own
            {
                return refused(damaged(body.range().start, format!("there is no local {local}")));
            }
            if let Some(cost::Extent { up, down }) = cost::extent(&operator) {
                copy(&mut function, &mut copied, starts[at]);
                function.instruction(&I::LocalSet(number));
                let shift = if up > 0 { [I::I64Const(up), I::I64Shl] } else { [I::I64Const(down), I::I64ShrU] };
                let [by, shift] = shift;
                self.charge(&mut function, left, &[I::LocalGet(number), I::I64ExtendI32U, by, shift]);
                function.instruction(&I::LocalGet(number));
            }
            let calls = calls(&operator);
            if calls || leaves(&operator, &mut open).map_err(Error::UserError)? {
                copy(&mut function, &mut copied, starts[at]);
                self.give(&mut function, left);
            }
            if names_what_moves(&operator) {
                copy(&mut function, &mut copied, starts[at]);
                function.instruction(&utils::instruction(self, operator)?);
                copied = starts[at + 1];
            }
            if calls {
                self.take(&mut function, left);
            }
        }
        copy(&mut function, &mut copied, body.range().len());
        code.function(&function);
        Ok(())
    }
}

/// Whether an instruction calls a function and goes on behind it. Each of these names what moves, so it is written anew.
fn calls(operator: &Operator<'_>) -> bool {
    matches!(operator, Operator::Call { .. } | Operator::CallIndirect { .. })
}

/// Whether an instruction may leave its function without a trap; `open` is how many blocks are open in the function.
fn leaves(operator: &Operator<'_>, open: &mut u32) -> Result<bool, MeterError> {
    use Operator as O;
    Ok(match operator {
        O::Block { .. } | O::Loop { .. } | O::If { .. } => {
            *open += 1;
            false
        }
        O::End => match open.checked_sub(1) {
            Some(rest) => {
                *open = rest;
                false
            }
            None => true,
        },
        O::Br { relative_depth } | O::BrIf { relative_depth } => relative_depth == open,
        O::BrTable { targets } => {
            let mut leaves = targets.default() == *open;
            for target in targets.targets() {
                leaves |= target.map_err(broken)? == *open;
            }
            leaves
        }
        O::Return | O::ReturnCall { .. } | O::ReturnCallIndirect { .. } => true,
        _ => false,
    })
}

/// Whether an instruction names functions, globals or types: all else means the same wherever it stands.
fn names_what_moves(operator: &Operator<'_>) -> bool {
    use Operator as O;
    match operator {
        O::Call { .. } | O::ReturnCall { .. } | O::RefFunc { .. } => true,
        O::CallIndirect { .. } | O::ReturnCallIndirect { .. } => true,
        O::GlobalGet { .. } | O::GlobalSet { .. } => true,
        O::Block { blockty } | O::Loop { blockty } | O::If { blockty } => {
            matches!(blockty, wasmparser::BlockType::FuncType(_) | wasmparser::BlockType::Type(_))
        }
        O::RefNull { .. } | O::TypedSelect { .. } | O::TypedSelectMulti { .. } => true,
        _ => false,
    }
}

/// What is charged before the instruction `at`.
struct Charge {
    at: usize,
    cost: u64,
}

/// A block of the language that is open.
struct Frame {
    kind: Kind,
    /// Whether its beginning is reached.
    reached: bool,
    /// Whether a branch that is reached leads to its end.
    targeted: bool,
    /// Of an `else`: whether the end of the first half is reached.
    first: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Block,
    Loop,
    If,
    Else,
}

/// The blocks of a function in their order, with what each costs.
struct Blocks {
    charges: Vec<Charge>,
    /// Whether what comes next is reached; its block is the last.
    reached: bool,
    frames: Vec<Frame>,
}

impl Blocks {
    /// What comes at `at` begins a block, if it is reached.
    fn begin(&mut self, at: usize, reached: bool) {
        self.reached = reached;
        if reached {
            self.charges.push(Charge { at, cost: 0 });
        }
    }

    fn open(&mut self, kind: Kind) {
        self.frames.push(Frame { kind, reached: self.reached, targeted: false, first: false });
    }

    fn branch(&mut self, depth: u32) -> Result<(), MeterError> {
        let frame = self.frames.len().checked_sub(depth as usize + 1).map(|at| &mut self.frames[at]);
        let frame = frame.ok_or_else(|| damaged(0, "a branch out of its function"))?;
        frame.targeted |= self.reached;
        Ok(())
    }
}

fn charges(operators: &[Operator<'_>]) -> Result<Vec<Charge>, MeterError> {
    let mut blocks = Blocks { charges: Vec::new(), reached: true, frames: Vec::new() };
    blocks.open(Kind::Block);
    blocks.begin(0, true);
    let unbalanced = || damaged(0, "blocks that do not end where they should");
    for (at, operator) in operators.iter().enumerate() {
        let cost = cost::of(operator)?;
        if blocks.reached
            && let Some(block) = blocks.charges.last_mut()
        {
            block.cost += cost;
        }
        let (next, reached) = (at + 1, blocks.reached);
        match operator {
            Operator::Block { .. } => blocks.open(Kind::Block),
            Operator::Loop { .. } => {
                blocks.open(Kind::Loop);
                blocks.begin(next, reached);
            }
            Operator::If { .. } => {
                blocks.open(Kind::If);
                blocks.begin(next, reached);
            }
            Operator::Else => {
                let frame = blocks.frames.last_mut().ok_or_else(unbalanced)?;
                if frame.kind != Kind::If {
                    return Err(unbalanced());
                }
                (frame.kind, frame.first) = (Kind::Else, reached);
                let begun = frame.reached;
                blocks.begin(next, begun);
            }
            Operator::End => {
                let frame = blocks.frames.pop().ok_or_else(unbalanced)?;
                match frame.kind {
                    Kind::If => blocks.begin(next, frame.reached),
                    Kind::Else => blocks.begin(next, reached || frame.first || frame.targeted),
                    Kind::Block if frame.targeted => blocks.begin(next, true),
                    // Nothing but the instruction before leads here: the block goes on.
                    Kind::Block | Kind::Loop => {}
                }
            }
            Operator::Br { relative_depth } => {
                blocks.branch(*relative_depth)?;
                blocks.reached = false;
            }
            Operator::BrIf { relative_depth } => {
                blocks.branch(*relative_depth)?;
                blocks.begin(next, reached);
            }
            Operator::BrTable { targets } => {
                blocks.branch(targets.default())?;
                for target in targets.targets() {
                    blocks.branch(target.map_err(broken)?)?;
                }
                blocks.reached = false;
            }
            Operator::Return
            | Operator::Unreachable
            | Operator::ReturnCall { .. }
            | Operator::ReturnCallIndirect { .. } => blocks.reached = false,
            _ => {}
        }
    }
    Ok(blocks.charges)
}
