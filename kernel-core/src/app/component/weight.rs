//! What a component would cost a host, found in one pass over its bytes, before anything that recurses
//! or compiles looks at it.
//!
//! A few kilobytes can nest types deeper than a parser's stack, or make a compiler hold billions of
//! values. So everything whose cost is more than its length is counted here, with a stack of this file's
//! own: how deep components, modules and types nest, what each function passes around, and what its
//! instances take beside memories and tables. The limits are 3 to 25 times what the largest components
//! have that were looked at (SpiderMonkey with its standard library, the component tools themselves).

#[cfg(test)]
mod tests;

use super::{ComponentError, broken};
use std::collections::BTreeSet;
use wasmparser::{
    BinaryReader, BlockType, ComponentAlias, ComponentExternName, ComponentExternalKind, ComponentImport,
    ComponentInstance, ComponentOuterAliasKind, ComponentType, ComponentTypeRef, CompositeInnerType, CoreType,
    ElementItems, Encoding, FunctionBody, Instance, Operator, Parser, Payload, TypeRef,
};

/// How deep components, modules and types may lie in each other.
pub(super) const MAX_NESTING: u64 = 100;

/// The most components and modules inside of one component.
pub(super) const MAX_PARTS: u64 = 1_000;

/// The most bytes of one function's body.
pub(super) const MAX_BODY: u64 = 1 << 20;

/// The most bytes of code of all functions together.
pub(super) const MAX_CODE: u64 = 32 << 20;

/// The most values that the instructions of one function hand on: arguments and results of calls,
/// blocks and branches, those of a table of branches for each of its targets.
pub(super) const MAX_VALUES: u64 = 128 << 10;

/// The most values that the instructions of all functions hand on together.
pub(super) const MAX_ALL_VALUES: u64 = 4 << 20;

/// The most pairs of a local and a block in one function: a compiler may have to know each local's value
/// at the beginning of each block.
pub(super) const MAX_PLACES: u64 = 4 << 20;

/// The most pairs of a loop and a local that is set in it, in one function: each is a value that goes round.
pub(super) const MAX_CARRIED: u64 = 64 << 10;

/// The most bytes that its instances take beside their memories and tables: globals, functions, imports.
pub(super) const MAX_STATE: u64 = 16 << 20;

/// The most core instances that any host makes of one component.
const MAX_INSTANCES: u64 = 256;

/// What a component would cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weight {
    /// Bytes that its instances take beside their memories and tables, at most.
    pub state: u64,
}

/// Counts what a component would cost. Takes time in its size and little memory.
///
/// # Errors
///
/// [`ComponentError::Excessive`] for what is over a limit, [`ComponentError::Broken`] for what cannot be
/// read.
pub fn weigh(bytes: &[u8]) -> Result<Weight, ComponentError> {
    let mut scan = Scan::default();
    for payload in Parser::new(0).parse_all(bytes) {
        scan.payload(bytes, payload.map_err(broken)?)?;
    }
    Ok(Weight { state: scan.state()? })
}

fn within(found: u64, limit: u64, what: &'static str) -> Result<(), ComponentError> {
    if found <= limit { Ok(()) } else { Err(ComponentError::Excessive { what, found, limit }) }
}

/// Everything that is counted over the whole component.
#[derive(Default)]
struct Scan {
    open: Vec<Part>,
    parts: u64,
    code: u64,
    values: u64,
    /// The state of the largest module.
    largest: u64,
    /// The state of the outermost component; none if it instantiates what is not known here.
    whole: Option<u64>,
    labels: Vec<Label>,
}

/// One component or module whose end has not come.
struct Part {
    is_module: bool,
    /// Of a module: its own state. Of a component: that of all its instances; none if not known.
    state: Option<u64>,
    /// Of a component: the modules and components that it can instantiate.
    modules: Vec<Option<u64>>,
    components: Vec<Option<u64>>,
    /// Of a module: parameters and results of its types, and the types of its functions.
    types: Vec<(u64, u64)>,
    functions: Vec<u32>,
    /// Of a module: the function whose body comes next.
    next: usize,
}

impl Scan {
    fn payload(&mut self, bytes: &[u8], payload: Payload<'_>) -> Result<(), ComponentError> {
        if let Payload::Version { encoding, .. } = payload {
            self.parts += 1;
            within(self.parts, MAX_PARTS, "components and modules")?;
            self.open.push(Part::new(encoding == Encoding::Module));
            return within(self.open.len() as u64, MAX_NESTING, "levels of components, modules and types");
        }
        let depth = self.open.len() as u64;
        let Some(part) = self.open.last_mut() else { return Ok(()) };
        match payload {
            Payload::ComponentTypeSection(types) => {
                let range = types.range();
                let section = bytes.get(range.clone()).unwrap_or_default();
                nesting(BinaryReader::new(section, range.start), depth)?;
            }
            Payload::TypeSection(section) => {
                for group in section {
                    for ty in group.map_err(broken)?.into_types() {
                        part.types.push(match &ty.composite_type.inner {
                            CompositeInnerType::Func(f) => (f.params().len() as u64, f.results().len() as u64),
                            _ => (0, 0),
                        });
                    }
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports() {
                    if let TypeRef::Func(ty) = import.map_err(broken)?.ty {
                        part.functions.push(ty);
                    }
                    part.add(1, 40);
                }
            }
            Payload::FunctionSection(section) => {
                part.next = part.functions.len();
                for ty in section {
                    part.functions.push(ty.map_err(broken)?);
                }
            }
            // What wasmtime 48 lays out for each (wasmtime-environ, vmoffsets), rounded up.
            Payload::GlobalSection(section) => part.add(section.count().into(), 56),
            Payload::TableSection(section) => part.add(section.count().into(), 64),
            Payload::MemorySection(section) => part.add(section.count().into(), 64),
            Payload::ExportSection(section) => part.add(section.count().into(), 40),
            Payload::DataSection(section) => part.add(section.count().into(), 24),
            Payload::ElementSection(section) => {
                for element in section {
                    let items = match element.map_err(broken)?.items {
                        ElementItems::Functions(items) => items.count(),
                        ElementItems::Expressions(_, items) => items.count(),
                    };
                    part.add(items.into(), 56);
                    part.add(1, 24);
                }
            }
            Payload::CodeSectionEntry(body) => {
                let (size, values) = function(&body, part, &mut self.labels)?;
                part.next += 1;
                self.code += size;
                self.values += values;
                within(self.code, MAX_CODE, "bytes of code in all its functions")?;
                within(self.values, MAX_ALL_VALUES, "values that its functions pass on")?;
            }
            Payload::ComponentImportSection(section) => {
                for import in section {
                    match import.map_err(broken)?.ty {
                        ComponentTypeRef::Module(_) => part.modules.push(None),
                        ComponentTypeRef::Component(_) => part.components.push(None),
                        _ => {}
                    }
                }
            }
            Payload::ComponentAliasSection(section) => {
                for alias in section {
                    self.alias(&alias.map_err(broken)?);
                }
            }
            Payload::InstanceSection(section) => {
                for instance in section {
                    if let Instance::Instantiate { module_index, .. } = instance.map_err(broken)? {
                        part.instantiate(part.modules.get(module_index as usize).copied().flatten());
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance.map_err(broken)? {
                        part.instantiate(part.components.get(component_index as usize).copied().flatten());
                    }
                }
            }
            Payload::End(_) => self.end(),
            _ => {}
        }
        Ok(())
    }

    fn alias(&mut self, alias: &ComponentAlias<'_>) {
        let (is_module, state) = match *alias {
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Module, .. } => (true, None),
            ComponentAlias::InstanceExport { kind: ComponentExternalKind::Component, .. } => (false, None),
            ComponentAlias::Outer { kind, count, index } => {
                let is_module = match kind {
                    ComponentOuterAliasKind::CoreModule => true,
                    ComponentOuterAliasKind::Component => false,
                    _ => return,
                };
                let from = self.open.len().checked_sub(count as usize + 1).map(|at| &self.open[at]);
                let known = from.map(|part| if is_module { &part.modules } else { &part.components });
                (is_module, known.and_then(|known| known.get(index as usize).copied().flatten()))
            }
            _ => return,
        };
        if let Some(part) = self.open.last_mut() {
            if is_module { part.modules.push(state) } else { part.components.push(state) }
        }
    }

    fn end(&mut self) {
        let Some(part) = self.open.pop() else { return };
        if part.is_module {
            self.largest = self.largest.max(part.state.unwrap_or(u64::MAX));
        }
        match self.open.last_mut() {
            Some(around) if part.is_module => around.modules.push(part.state),
            Some(around) => around.components.push(part.state),
            None => self.whole = part.state,
        }
    }

    /// The state of all instances.
    fn state(&self) -> Result<u64, ComponentError> {
        let most = self.largest.saturating_mul(MAX_INSTANCES);
        let state = self.whole.map_or(most, |known| known.min(most));
        within(state, MAX_STATE, "bytes of globals, functions and imports in its instances")?;
        Ok(state)
    }
}

impl Part {
    fn new(is_module: bool) -> Part {
        // What every instance has, whatever is in it.
        let state = Some(if is_module { 1_024 } else { 0 });
        Part { is_module, state, modules: vec![], components: vec![], types: vec![], functions: vec![], next: 0 }
    }

    fn add(&mut self, count: u64, each: u64) {
        self.state = self.state.map(|state| state.saturating_add(count.saturating_mul(each)));
    }

    fn instantiate(&mut self, what: Option<u64>) {
        self.state = self.state.zip(what).map(|(all, one)| all.saturating_add(one));
    }

    fn block(&self, ty: BlockType) -> (u64, u64) {
        match ty {
            BlockType::Empty => (0, 0),
            BlockType::Type(_) => (0, 1),
            BlockType::FuncType(index) => self.types.get(index as usize).copied().unwrap_or_default(),
        }
    }

    fn call(&self, function: u32) -> u64 {
        self.functions.get(function as usize).map_or(0, |ty| self.signature(*ty))
    }

    fn signature(&self, ty: u32) -> u64 {
        self.types.get(ty as usize).map_or(0, |(params, results)| params + results)
    }
}

/// How deep the types of a section nest, by the grammar of the component model's binary format. Whatever
/// does not nest is read by the parser itself.
fn nesting(mut reader: BinaryReader<'_>, around: u64) -> Result<(), ComponentError> {
    // How many more items each open type has; the first are those of the section.
    let mut open = vec![reader.read_var_u32().map_err(broken)?];
    while let Some(left) = open.last_mut() {
        if *left == 0 {
            open.pop();
            continue;
        }
        *left -= 1;
        // Inside of a type there are declarations, of which only one kind is a type again.
        if open.len() > 1 {
            let skipped = match reader.read_u8().map_err(broken)? {
                0x00 => reader.read::<CoreType<'_>>().map(drop),
                0x02 => reader.read::<ComponentAlias<'_>>().map(drop),
                0x03 => reader.read::<ComponentImport<'_>>().map(drop),
                0x04 => {
                    reader.read::<ComponentExternName<'_>>().and_then(|_| reader.read::<ComponentTypeRef>()).map(drop)
                }
                0x01 => {
                    typed(&mut reader, &mut open, around)?;
                    continue;
                }
                other => {
                    let (at, why) =
                        (reader.original_position() - 1, format!("{other:#x} begins no declaration of a type"));
                    return Err(ComponentError::Broken { at, why });
                }
            };
            skipped.map_err(broken)?;
        } else {
            typed(&mut reader, &mut open, around)?;
        }
    }
    Ok(())
}

/// One type: its opening if others may lie in it, else all of it.
fn typed(reader: &mut BinaryReader<'_>, open: &mut Vec<u32>, around: u64) -> Result<(), ComponentError> {
    let mut ahead = reader.clone();
    if !matches!(ahead.read_u8().map_err(broken)?, 0x41 | 0x42) {
        return reader.read::<ComponentType<'_>>().map(drop).map_err(broken);
    }
    open.push(ahead.read_var_u32().map_err(broken)?);
    *reader = ahead;
    within(around + open.len() as u64, MAX_NESTING, "levels of components, modules and types")
}

/// A block that is open: what a branch to it hands on, and what its end does.
struct Label {
    branch: u64,
    end: u64,
    is_loop: bool,
}

impl Label {
    fn new(branch: u64, end: u64) -> Label {
        Label { branch, end, is_loop: false }
    }
}

/// The size of a function, and the values that its instructions hand on.
fn function(body: &FunctionBody<'_>, part: &Part, labels: &mut Vec<Label>) -> Result<(u64, u64), ComponentError> {
    let size = body.range().len() as u64;
    within(size, MAX_BODY, "bytes in one function")?;
    let mut locals = 0_u64;
    for group in body.get_locals_reader().map_err(broken)? {
        locals += u64::from(group.map_err(broken)?.0);
    }
    let own = part.functions.get(part.next).and_then(|ty| part.types.get(*ty as usize));
    let (params, results) = own.copied().unwrap_or_default();
    locals += params;
    labels.clear();
    labels.push(Label::new(results, results));
    let (mut values, mut blocks, mut carried) = (0_u64, 1_u64, 0_u64);
    // The locals that are set in each loop that is open.
    let mut loops: Vec<BTreeSet<u32>> = Vec::new();
    let to =
        |labels: &[Label], depth: u32| labels.len().checked_sub(depth as usize + 1).map_or(0, |at| labels[at].branch);
    let mut operators = body.get_operators_reader().map_err(broken)?;
    while !operators.eof() {
        values += match operators.read().map_err(broken)? {
            Operator::Block { blockty } | Operator::If { blockty } => {
                let (params, results) = part.block(blockty);
                labels.push(Label::new(results, results));
                blocks += 1;
                params + results
            }
            Operator::Loop { blockty } => {
                let (params, results) = part.block(blockty);
                labels.push(Label { is_loop: true, ..Label::new(params, results) });
                loops.push(BTreeSet::new());
                blocks += 1;
                params + results
            }
            Operator::Else => {
                blocks += 1;
                labels.last().map_or(0, |label| label.end)
            }
            Operator::End => {
                blocks += 1;
                let label = labels.pop();
                if label.as_ref().is_some_and(|label| label.is_loop)
                    && let Some(sets) = loops.pop()
                {
                    carried += sets.len() as u64;
                    within(carried, MAX_CARRIED, "locals that are set in loops of one function")?;
                    // They are set in the loop around it too.
                    if let Some(around) = loops.last_mut() {
                        around.extend(sets);
                    }
                }
                label.map_or(0, |label| label.end)
            }
            Operator::LocalSet { local_index } | Operator::LocalTee { local_index } => {
                if let Some(sets) = loops.last_mut() {
                    sets.insert(local_index);
                }
                0
            }
            Operator::Br { relative_depth } | Operator::BrIf { relative_depth } => {
                blocks += 1;
                to(labels, relative_depth)
            }
            Operator::BrTable { targets } => {
                blocks += u64::from(targets.len()) + 1;
                let mut sum = to(labels, targets.default());
                for target in targets.targets() {
                    sum += to(labels, target.map_err(broken)?);
                }
                sum
            }
            Operator::Return => results,
            Operator::Call { function_index } | Operator::ReturnCall { function_index } => part.call(function_index),
            Operator::CallIndirect { type_index, .. } | Operator::ReturnCallIndirect { type_index, .. } => {
                part.signature(type_index)
            }
            _ => 0,
        };
        within(values, MAX_VALUES, "values that one function passes on between its blocks and calls")?;
    }
    within(locals.saturating_mul(blocks), MAX_PLACES, "locals times blocks in one function")?;
    Ok((size, values))
}
