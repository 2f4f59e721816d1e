//! The fuel meter under a real engine: what is metered behaves as before, costs what its instructions cost one by one,
//! and ends where its fuel does.

use kernel_core::meter::{self, INSTANTIATION, Metered, SIGNAL, export};
use proptest::prelude::*;
use wasm_encoder::Instruction as I;
use wasm_encoder::{
    BlockType, CanonicalFunctionSection, CanonicalOption, CodeSection, Component, ComponentAliasSection,
    ComponentExportKind, ComponentExportSection, ComponentTypeSection, ConstExpr, ElementSection, Elements, ExportKind,
    ExportSection, Function, FunctionSection, GlobalSection, GlobalType, HeapType, InstanceSection, MemorySection,
    MemoryType, Module, ModuleArg, ModuleSection, PrimitiveValType, RefType, StartSection, TableSection, TableType,
    TypeSection, ValType,
};
use wasmtime::component::Linker;
use wasmtime::{Engine, ResourceLimiter, Store};

/// What an instruction costs, said once more and by itself: `kernel-core/FUEL.md`.
fn cost(instruction: &I<'_>) -> i64 {
    match instruction {
        I::Block(_) | I::Loop(_) | I::Else | I::End | I::Nop => 0,
        I::Call(_) | I::ReturnCall(_) => 10,
        I::CallIndirect { .. } => 14,
        I::I32DivU | I::I32RemU | I::F64Sqrt => 8,
        I::MemoryFill(_) | I::MemoryCopy { .. } | I::TableFill(_) => 16,
        I::MemoryGrow(_) | I::TableGrow(_) => 64,
        _ => 1,
    }
}

/// The functions of a module, each taking a number and answering one: what they are made of depends on the bytes.
struct Program<'b> {
    choices: std::slice::Iter<'b, u8>,
    /// Whether each instruction counts itself in the last global.
    counted: bool,
}

const FUNCTIONS: u32 = 3;
/// The global that instructions count themselves in.
const COUNT: u32 = 1;
/// Locals: the number, then one counter for each loop that is open.
const LOOPS: u32 = 3;

impl Program<'_> {
    fn next(&mut self, below: u32) -> u32 {
        u32::from(self.choices.next().copied().unwrap_or(0)) % below
    }

    fn emit(&self, out: &mut Vec<I<'static>>, instructions: &[I<'static>]) {
        for instruction in instructions {
            let cost = cost(instruction);
            if self.counted && cost > 0 {
                self.count(out, cost);
            }
            out.push(instruction.clone());
        }
    }

    fn count(&self, out: &mut Vec<I<'static>>, more: i64) {
        out.extend([I::GlobalGet(COUNT), I::I64Const(more), I::I64Add, I::GlobalSet(COUNT)]);
    }

    /// What the number given to an instruction costs.
    fn extent(&self, out: &mut Vec<I<'static>>, cost: i64) {
        if self.counted {
            self.count(out, cost);
        }
    }

    fn statements(&mut self, out: &mut Vec<I<'static>>, function: u32, depth: u32, loops: u32) {
        for _ in 0..=self.next(3) {
            if self.choices.len() == 0 {
                return;
            }
            self.statement(out, function, depth, loops);
        }
    }

    fn statement(&mut self, out: &mut Vec<I<'static>>, function: u32, depth: u32, loops: u32) {
        let kinds = if depth < 4 { 19 } else { 10 };
        let (a, b) = (self.next(7) as i32, self.next(250) as i32);
        match self.next(kinds) {
            0 => self
                .emit(out, &[I::LocalGet(0), I::I32Const(3 + a), I::I32Mul, I::I32Const(b), I::I32Add, I::LocalSet(0)]),
            1 => self.emit(out, &[I::LocalGet(0), I::I32Const(1 + a), I::I32DivU, I::LocalSet(0)]),
            // A division by what may be nothing: a trap.
            2 => self
                .emit(out, &[I::I32Const(b), I::LocalGet(0), I::I32Const(255), I::I32And, I::I32RemU, I::LocalSet(0)]),
            3 if function + 1 < FUNCTIONS => self.emit(out, &[I::LocalGet(0), I::Call(function + 1), I::LocalSet(0)]),
            4 if function + 1 < FUNCTIONS => {
                let call = I::CallIndirect { type_index: 0, table_index: 0 };
                self.emit(out, &[I::LocalGet(0), I::I32Const(function as i32 + 1), call, I::LocalSet(0)]);
            }
            5 => {
                let n = b * 40;
                self.emit(out, &[I::I32Const(a), I::LocalGet(0), I::I32Const(n)]);
                self.extent(out, i64::from(n) >> 4);
                self.emit(out, &[I::MemoryFill(0)]);
            }
            6 => {
                let n = b * 300;
                self.emit(out, &[I::I32Const(a), I::I32Const(b), I::I32Const(n)]);
                self.extent(out, i64::from(n) >> 4);
                self.emit(out, &[I::MemoryCopy { src_mem: 0, dst_mem: 0 }]);
            }
            7 => {
                let pages = a % 3;
                self.emit(out, &[I::I32Const(pages)]);
                self.extent(out, i64::from(pages) << 12);
                self.emit(out, &[I::MemoryGrow(0), I::LocalGet(0), I::I32Add, I::LocalSet(0)]);
            }
            8 => {
                self.emit(out, &[I::LocalGet(0), I::I32Const(7), I::I32And, I::I32Const(a), I::I32Eq]);
                self.emit(out, &[I::If(BlockType::Empty), I::LocalGet(0), I::Return, I::End]);
            }
            9 => self.emit(out, &[I::Nop, I::GlobalGet(0), I::LocalGet(0), I::I32Xor, I::GlobalSet(0)]),
            10 | 11 => {
                self.emit(out, &[I::LocalGet(0), I::I32Const(1), I::I32And, I::If(BlockType::Empty)]);
                self.statements(out, function, depth + 1, loops);
                if a % 2 == 0 {
                    self.emit(out, &[I::Else]);
                    self.statements(out, function, depth + 1, loops);
                }
                self.emit(out, &[I::End]);
            }
            12 => {
                self.emit(out, &[I::Block(BlockType::Empty)]);
                self.statements(out, function, depth + 1, loops);
                self.emit(out, &[I::LocalGet(0), I::I32Const(1 + a), I::I32And, I::BrIf(0)]);
                self.statements(out, function, depth + 1, loops);
                self.emit(out, &[I::End]);
            }
            13 | 14 if loops < LOOPS => {
                let counter = 1 + loops;
                self.emit(out, &[I::I32Const(1 + a % 3), I::LocalSet(counter), I::Loop(BlockType::Empty)]);
                self.statements(out, function, depth + 1, loops + 1);
                let less = [I::LocalGet(counter), I::I32Const(1), I::I32Sub, I::LocalTee(counter), I::BrIf(0), I::End];
                self.emit(out, &less);
            }
            15 => {
                self.emit(out, &[I::Block(BlockType::Empty), I::Block(BlockType::Empty), I::Block(BlockType::Empty)]);
                self.emit(out, &[I::LocalGet(0), I::I32Const(3), I::I32RemU]);
                self.emit(out, &[I::BrTable([0, 1, 2][..a as usize % 4].to_vec().into(), 1), I::End]);
                self.statements(out, function, depth + 1, loops);
                self.emit(out, &[I::End]);
                self.statements(out, function, depth + 1, loops);
                self.emit(out, &[I::End]);
            }
            // What is behind a branch is never reached.
            16 => {
                self.emit(out, &[I::Block(BlockType::Empty), I::Br(0)]);
                self.statements(out, function, depth + 1, loops);
                self.emit(out, &[I::Loop(BlockType::Empty), I::Br(0), I::End, I::End]);
            }
            17 => {
                self.emit(out, &[I::Block(BlockType::Empty), I::Block(BlockType::Empty)]);
                self.emit(out, &[I::LocalGet(0), I::I32Const(a), I::I32And, I::BrIf(1)]);
                self.statements(out, function, depth + 1, loops);
                self.emit(out, &[I::Br(0), I::End]);
                self.statements(out, function, depth + 1, loops);
                self.emit(out, &[I::End]);
            }
            _ => self.emit(out, &[I::LocalGet(0), I::Drop, I::Block(BlockType::Empty), I::End]),
        }
    }

    fn module(mut self) -> Module {
        let mut bodies = Vec::new();
        for function in 0..FUNCTIONS {
            let mut body = Vec::new();
            self.statements(&mut body, function, 0, 0);
            self.emit(&mut body, &[I::LocalGet(0), I::End]);
            bodies.push(body);
        }
        module(&bodies, None)
    }
}

/// A module of functions from a number to a number, with memory, a table of them all, and two globals.
fn module(bodies: &[Vec<I<'static>>], start: Option<u32>) -> Module {
    let mut types = TypeSection::new();
    types.ty().function([ValType::I32], [ValType::I32]);
    types.ty().function([], [ValType::I64]);
    types.ty().function([], []);
    let n = bodies.len() as u32;
    let mut functions = FunctionSection::new();
    for index in 0..n {
        functions.function(if start == Some(index) { 2 } else { 0 });
    }
    functions.function(1);
    let mut tables = TableSection::new();
    let table = TableType {
        element_type: RefType::FUNCREF,
        minimum: n.into(),
        maximum: Some(50),
        table64: false,
        shared: false,
    };
    tables.table(table);
    let mut memories = MemorySection::new();
    let memory = MemoryType { minimum: 1, maximum: Some(4), memory64: false, shared: false, page_size_log2: None };
    memories.memory(memory);
    let mut globals = GlobalSection::new();
    globals.global(GlobalType { val_type: ValType::I32, mutable: true, shared: false }, &ConstExpr::i32_const(5));
    globals.global(GlobalType { val_type: ValType::I64, mutable: true, shared: false }, &ConstExpr::i64_const(0));
    let mut exports = ExportSection::new();
    exports.export("run", ExportKind::Func, 0).export("count", ExportKind::Func, n);
    let mut elements = ElementSection::new();
    let all: Vec<u32> = (0..n).collect();
    elements.active(Some(0), &ConstExpr::i32_const(0), Elements::Functions(all.into()));
    let mut code = CodeSection::new();
    for body in bodies {
        let mut function = Function::new([(LOOPS, ValType::I32)]);
        for instruction in body {
            function.instruction(instruction);
        }
        code.function(&function);
    }
    let mut count = Function::new([]);
    count.instruction(&I::GlobalGet(COUNT)).instruction(&I::End);
    code.function(&count);
    let mut module = Module::new();
    module.section(&types).section(&functions).section(&tables).section(&memories).section(&globals).section(&exports);
    if let Some(function_index) = start {
        module.section(&StartSection { function_index });
    }
    module.section(&elements).section(&code);
    module
}

/// A component around a core module, with its functions `run` and `count`.
fn component(module: &Module) -> Vec<u8> {
    let mut instances = InstanceSection::new();
    instances.instantiate(0, Vec::<(&str, ModuleArg)>::new());
    let mut types = ComponentTypeSection::new();
    types.function().params([("n", PrimitiveValType::S32)]).result(Some(PrimitiveValType::S32.into()));
    types.function().params(Vec::<(&str, PrimitiveValType)>::new()).result(Some(PrimitiveValType::S64.into()));
    let mut aliases = ComponentAliasSection::new();
    for name in ["run", "count"] {
        aliases.alias(wasm_encoder::Alias::CoreInstanceExport { instance: 0, kind: ExportKind::Func, name });
    }
    let mut functions = CanonicalFunctionSection::new();
    functions.lift(0, 0, Vec::<CanonicalOption>::new()).lift(1, 1, Vec::<CanonicalOption>::new());
    let mut exports = ComponentExportSection::new();
    exports.export("run", ComponentExportKind::Func, 0, None).export("count", ComponentExportKind::Func, 1, None);
    let mut component = Component::new();
    component.section(&ModuleSection(module)).section(&instances).section(&types).section(&aliases);
    component.section(&functions).section(&exports);
    component.finish()
}

/// Sees the meter's signal.
#[derive(Default)]
struct Watch {
    empty: bool,
}

impl ResourceLimiter for Watch {
    fn memory_growing(&mut self, _: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(maximum.is_none_or(|most| desired <= most))
    }

    fn table_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.empty |= maximum == Some(SIGNAL as usize) && desired > current;
        Ok(maximum.is_none_or(|most| desired <= most))
    }
}

/// How a run ended, and what it used.
#[derive(Debug, PartialEq)]
enum End {
    Answered(i32),
    Trapped,
    Empty,
}

struct Run {
    end: End,
    /// Of a metered component that was not ended.
    used: Option<i64>,
    count: Option<i64>,
}

fn run(engine: &Engine, component: &[u8], argument: i32, fuel: Option<i64>) -> Run {
    let component = wasmtime::component::Component::from_binary(engine, component).expect("a valid component");
    let mut store = Store::new(engine, Watch::default());
    store.limiter(|watch| watch);
    let ended = |store: &Store<Watch>| Run {
        end: if store.data().empty { End::Empty } else { End::Trapped },
        used: None,
        count: None,
    };
    let Ok(instance) = Linker::new(engine).instantiate(&mut store, &component) else { return ended(&store) };
    if let Some(fuel) = fuel {
        let swap = instance.get_typed_func::<(i64,), (i64,)>(&mut store, &*export(0)).expect("the meter");
        assert_eq!(swap.call(&mut store, (fuel,)).expect("the meter"), (INSTANTIATION as i64,));
    }
    let run = instance.get_typed_func::<(i32,), (i32,)>(&mut store, "run").expect("run");
    let Ok((answer,)) = run.call(&mut store, (argument,)) else { return ended(&store) };
    let used = fuel.map(|fuel| {
        let swap = instance.get_typed_func::<(i64,), (i64,)>(&mut store, &*export(0)).expect("the meter");
        fuel - swap.call(&mut store, (i64::MAX,)).expect("the meter").0
    });
    let count = instance.get_typed_func::<(), (i64,)>(&mut store, "count").expect("count");
    let (count,) = count.call(&mut store, ()).expect("the count");
    Run { end: End::Answered(answer), used, count: Some(count) }
}

fn metered(component: &[u8]) -> Vec<u8> {
    let Metered { component, .. } = meter::meter(component).expect("it can be metered");
    component
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    /// The same answer or trap as without the meter, and the fuel of its instructions one by one; with one unit less
    /// it does not get to its end.
    #[test]
    fn what_is_metered_does_the_same_and_costs_what_it_executes(
        choices in prop::collection::vec(any::<u8>(), 0..300),
        argument in -5i32..300,
    ) {
        let engine = Engine::default();
        let program = |counted| component(&Program { choices: choices.iter(), counted }.module());
        let plain = program(false);
        let with_meter = metered(&plain);
        prop_assert_eq!(&with_meter, &metered(&plain));
        let (before, counted) = (run(&engine, &plain, argument, None), run(&engine, &program(true), argument, None));
        let after = run(&engine, &with_meter, argument, Some(i64::MAX));
        prop_assert_eq!(&before.end, &counted.end);
        prop_assert_eq!(&before.end, &after.end);
        if let Some(used) = after.used {
            prop_assert_eq!(Some(used), counted.count);
            let exact = run(&engine, &with_meter, argument, Some(used));
            prop_assert_eq!((exact.end, exact.used), (after.end, Some(used)));
            prop_assert_eq!(run(&engine, &with_meter, argument, Some(used - 1)).end, End::Empty);
        }
    }
}

/// Everything that could go on for ever, or for very long in one instruction, is ended by its fuel.
#[test]
fn every_runaway_ends() {
    let looped = |body: &[I<'static>]| [&[I::Loop(BlockType::Empty)][..], body, &[I::End, I::Unreachable]].concat();
    let fill = |n| vec![I::I32Const(0), I::I32Const(0), I::I32Const(n), I::MemoryFill(0), I::LocalGet(0)];
    let indirect = I::CallIndirect { type_index: 0, table_index: 0 };
    let runaways: Vec<(&str, Vec<I<'static>>)> = vec![
        ("an empty loop", looped(&[I::Br(0)])),
        ("a loop of nothing but blocks", looped(&[I::Block(BlockType::Empty), I::Nop, I::End, I::Br(0)])),
        ("a loop on a condition", looped(&[I::I32Const(1), I::BrIf(0)])),
        ("a loop by a table of branches", looped(&[I::LocalGet(0), I::BrTable([0, 0][..].to_vec().into(), 0)])),
        (
            "a loop that is left and entered",
            looped(&[I::Block(BlockType::Empty), I::I32Const(1), I::BrIf(0), I::Unreachable, I::End, I::Br(0)]),
        ),
        ("a loop in a loop", looped(&[I::Loop(BlockType::Empty), I::I32Const(1), I::BrIf(1), I::End])),
        ("recursion", vec![I::LocalGet(0), I::Call(0)]),
        ("recursion by a table", vec![I::LocalGet(0), I::I32Const(0), indirect]),
        ("tail calls", vec![I::LocalGet(0), I::ReturnCall(0)]),
        (
            "tail calls by a table",
            vec![I::LocalGet(0), I::I32Const(0), I::ReturnCallIndirect { type_index: 0, table_index: 0 }],
        ),
        ("filling 2 GiB", fill(i32::MIN)),
        ("filling 4 GiB", fill(-1)),
        (
            "copying 2 GiB",
            vec![
                I::I32Const(0),
                I::I32Const(0),
                I::I32Const(i32::MIN),
                I::MemoryCopy { src_mem: 0, dst_mem: 0 },
                I::LocalGet(0),
            ],
        ),
        ("growing a memory", vec![I::I32Const(-1), I::MemoryGrow(0)]),
        ("growing a table", vec![I::RefNull(HeapType::FUNC), I::I32Const(-1), I::TableGrow(0)]),
        (
            "filling a table",
            vec![I::I32Const(0), I::RefNull(HeapType::FUNC), I::I32Const(-1), I::TableFill(0), I::LocalGet(0)],
        ),
        (
            "filling again and again",
            looped(&[I::I32Const(0), I::I32Const(0), I::I32Const(60_000), I::MemoryFill(0), I::Br(0)]),
        ),
        ("growing by nothing again and again", looped(&[I::I32Const(0), I::MemoryGrow(0), I::Drop, I::Br(0)])),
        // Its own first global is the one that would be the meter's if numbers were not moved.
        (
            "a loop that fills up its own globals",
            looped(&[I::I64Const(i64::MAX), I::GlobalSet(COUNT), I::I32Const(-1), I::GlobalSet(0), I::Br(0)]),
        ),
    ];
    let engine = Engine::default();
    for (what, mut body) in runaways {
        body.push(I::End);
        let ran = run(&engine, &metered(&component(&module(&[body], None))), 1, Some(50_000));
        assert_eq!(ran.end, End::Empty, "{what}");
    }
}

/// What a start function executes is taken from what instantiating may take, and not from what a message is given.
#[test]
fn start_functions_are_charged() {
    let engine = Engine::default();
    let answer = vec![I::LocalGet(0), I::End];
    let counting = vec![
        I::I32Const(1_000),
        I::LocalSet(0),
        I::Loop(BlockType::Empty),
        I::LocalGet(0),
        I::I32Const(1),
        I::I32Sub,
        I::LocalTee(0),
        I::BrIf(0),
        I::End,
        I::End,
    ];
    let bytes = metered(&component(&module(&[answer.clone(), counting], Some(1))));
    let compiled = wasmtime::component::Component::from_binary(&engine, &bytes).unwrap();
    let mut store = Store::new(&engine, Watch::default());
    let instance = Linker::new(&engine).instantiate(&mut store, &compiled).unwrap();
    let swap = instance.get_typed_func::<(i64,), (i64,)>(&mut store, &*export(0)).unwrap();
    let (left,) = swap.call(&mut store, (0,)).unwrap();
    assert_eq!(INSTANTIATION as i64 - left, 2 + 1_000 * 5);
    let endless = vec![I::Loop(BlockType::Empty), I::Br(0), I::End, I::End];
    let bytes = metered(&component(&module(&[answer, endless], Some(1))));
    assert_eq!(run(&engine, &bytes, 1, None).end, End::Empty);
}
