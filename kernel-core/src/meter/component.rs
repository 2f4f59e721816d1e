//! The component around its core modules, written anew: the meter's module and its instance come first, and its
//! function is exported last.
//!
//! Only what counts core modules and core instances has to be written anew, because only there something comes first;
//! all else is copied as it lies. No core instance can be handed from one component to another, so a component inside of
//! another that has code of its own gets a meter of its own, whose function each component around it exports on.

use super::{EXPORT, IMPORT, MeterError, broken, damaged, instance, module, unmetered};
use wasm_encoder::reencode::{ReencodeComponent, RoundtripReencoder};
use wasm_encoder::{
    Alias, CanonicalFunctionSection, Component, ComponentAliasSection, ComponentExportKind, ComponentExportSection,
    ComponentSectionId, ComponentTypeSection, ExportKind, InstanceSection, ModuleArg, PrimitiveValType, RawSection,
};
use wasmparser::{
    CanonicalFunction, CanonicalOption, Chunk, ComponentAlias, ComponentExternalKind, ComponentInstance,
    ComponentOuterAliasKind, ComponentTypeRef, Encoding, Instance, InstantiationArg, InstantiationArgKind, Parser,
    Payload,
};

/// How many core modules and instances come before the component's own.
const FIRST: u32 = 1;

/// The most meters of an instance: each is given all that a message may use.
const MAX_METERS: u32 = 16;

/// The component with meters in it, and how many an instance of it has.
pub(super) fn rewrite(bytes: &[u8]) -> Result<(Vec<u8>, u32), MeterError> {
    let mut rewriter = Rewriter::default();
    parts(bytes, |payload| {
        rewriter.has_code |= matches!(payload, Payload::ModuleSection { .. });
        Ok(())
    })?;
    parts(bytes, |payload| rewriter.payload(bytes, payload))?;
    let meters = rewriter.export()?;
    Ok((rewriter.out.finish(), meters))
}

/// Goes through what a component is made of, not into what lies in it. Its end is that of the bytes and is not told.
fn parts<'a>(bytes: &'a [u8], mut see: impl FnMut(Payload<'a>) -> Result<(), MeterError>) -> Result<(), MeterError> {
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    while !rest.is_empty() {
        let Chunk::Parsed { consumed, payload } = parser.parse(rest, true).map_err(broken)? else {
            return Err(damaged(bytes.len(), "it ends before its end"));
        };
        rest = &rest[consumed..];
        if let Payload::ModuleSection { unchecked_range, .. } | Payload::ComponentSection { unchecked_range, .. } =
            &payload
        {
            let inner = unchecked_range.len();
            rest = rest.get(inner..).ok_or_else(|| damaged(bytes.len(), "it ends before its end"))?;
        }
        see(payload)?;
    }
    Ok(())
}

#[derive(Default)]
struct Rewriter {
    out: Component,
    has_code: bool,
    /// How much there is of what the last functions need the numbers of.
    types: u32,
    functions: u32,
    core_functions: u32,
    instances: u32,
    /// How many meters an instance of each component has that lies in this one.
    components: Vec<u32>,
    /// The instances of those, with that number.
    metered: Vec<(u32, u32)>,
}

impl Rewriter {
    fn payload(&mut self, bytes: &[u8], payload: Payload<'_>) -> Result<(), MeterError> {
        refuse_code_as_values(&payload)?;
        match payload {
            Payload::Version { encoding: Encoding::Component, .. } if !self.has_code => Ok(()),
            Payload::Version { encoding: Encoding::Component, .. } => {
                self.out.section(&RawSection { id: ComponentSectionId::CoreModule.into(), data: &instance::MODULE });
                let mut instances = InstanceSection::new();
                instances.instantiate(0, Vec::<(&str, ModuleArg)>::new());
                self.out.section(&instances);
                Ok(())
            }
            Payload::Version { .. } => Err(crate::app::ComponentError::CoreModule.into()),
            Payload::ModuleSection { parser, unchecked_range } => {
                let module = module::rewrite(part(bytes, unchecked_range)?, parser)?;
                self.out.section(&wasm_encoder::ModuleSection(&module));
                Ok(())
            }
            Payload::ComponentSection { unchecked_range, .. } => {
                let (nested, meters) = rewrite(part(bytes, unchecked_range)?)?;
                self.components.push(meters);
                self.copy(ComponentSectionId::Component.into(), &nested);
                Ok(())
            }
            Payload::InstanceSection(section) => self.instances(section),
            Payload::ComponentAliasSection(section) => self.aliases(section),
            Payload::ComponentStartSection { .. } => unmetered("a start function of the component itself"),
            Payload::CustomSection(_) | Payload::End(_) => Ok(()),
            other => {
                self.count(&other)?;
                let Some((id, range)) = other.as_section() else {
                    return Err(damaged(0, "a part of a core module outside of one"));
                };
                let data = part(bytes, range)?;
                self.copy(id, data);
                Ok(())
            }
        }
    }

    fn copy(&mut self, id: u8, data: &[u8]) {
        self.out.section(&RawSection { id, data });
    }

    /// Counts what a section that is copied adds, and looks at its names.
    fn count(&mut self, payload: &Payload<'_>) -> Result<(), MeterError> {
        match payload {
            Payload::ComponentTypeSection(section) => self.types += section.count(),
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    let import = import.map_err(broken)?;
                    refuse_name(import.name.name, EXPORT)?;
                    match import.ty {
                        ComponentTypeRef::Func(_) => self.functions += 1,
                        ComponentTypeRef::Type(_) => self.types += 1,
                        ComponentTypeRef::Instance(_) => self.instances += 1,
                        _ => {}
                    }
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    let export = export.map_err(broken)?;
                    refuse_name(export.name.name, EXPORT)?;
                    self.count_item(export.kind);
                }
            }
            Payload::ComponentCanonicalSection(section) => {
                for function in section.clone() {
                    let function = function.map_err(broken)?;
                    match &function {
                        CanonicalFunction::Lift { .. } => self.functions += 1,
                        _ => self.core_functions += 1,
                    }
                    if let CanonicalFunction::Lift { options, .. } | CanonicalFunction::Lower { options, .. } = function
                    {
                        // Hosts agree about how often a guest is asked for room only where nothing is recoded.
                        let recoded = |option| matches!(option, CanonicalOption::UTF16 | CanonicalOption::CompactUTF16);
                        if options.iter().copied().any(recoded) {
                            return unmetered("strings that are not UTF-8");
                        }
                    }
                }
            }
            Payload::ComponentInstanceSection(section) => {
                for instance in section.clone() {
                    if let ComponentInstance::Instantiate { component_index, .. } = instance.map_err(broken)? {
                        // Components come from nowhere but this one, or the number is wrong.
                        let meters = self.components.get(component_index as usize).copied();
                        let meters = meters.ok_or_else(|| damaged(0, "there is no such component"))?;
                        if meters > 0 {
                            self.metered.push((self.instances, meters));
                        }
                    }
                    self.instances += 1;
                }
            }
            Payload::CoreTypeSection(_) => {}
            _ => return unmetered("a section that is not known"),
        }
        Ok(())
    }

    fn count_item(&mut self, kind: ComponentExternalKind) {
        match kind {
            ComponentExternalKind::Func => self.functions += 1,
            ComponentExternalKind::Type => self.types += 1,
            ComponentExternalKind::Instance => self.instances += 1,
            _ => {}
        }
    }

    fn instances(&mut self, section: wasmparser::InstanceSectionReader<'_>) -> Result<(), MeterError> {
        let mut instances = InstanceSection::new();
        for instance in section {
            let instance = match instance.map_err(broken)? {
                Instance::Instantiate { module_index, args } => {
                    let mut args = args.into_vec();
                    for arg in &mut args {
                        refuse_name(arg.name, IMPORT)?;
                        arg.index = self.moved(arg.index);
                    }
                    // A module that has no code leaves it lying.
                    args.push(InstantiationArg { name: IMPORT, kind: InstantiationArgKind::Instance, index: 0 });
                    Instance::Instantiate { module_index: self.moved(module_index), args: args.into() }
                }
                exports @ Instance::FromExports(_) => exports,
            };
            round(RoundtripReencoder.parse_instance(&mut instances, instance))?;
        }
        self.out.section(&instances);
        Ok(())
    }

    fn aliases(&mut self, section: wasmparser::ComponentAliasSectionReader<'_>) -> Result<(), MeterError> {
        let mut aliases = ComponentAliasSection::new();
        for alias in section {
            let alias = match alias.map_err(broken)? {
                ComponentAlias::CoreInstanceExport { kind, instance_index, name } => {
                    if matches!(kind, wasmparser::ExternalKind::Func | wasmparser::ExternalKind::FuncExact) {
                        self.core_functions += 1;
                    }
                    ComponentAlias::CoreInstanceExport { kind, instance_index: self.moved(instance_index), name }
                }
                alias => {
                    match alias {
                        ComponentAlias::InstanceExport { kind, .. } => self.count_item(kind),
                        ComponentAlias::Outer { kind: ComponentOuterAliasKind::Type, .. } => self.types += 1,
                        _ => {}
                    }
                    alias
                }
            };
            aliases.alias(round(RoundtripReencoder.component_alias(alias))?);
        }
        self.out.section(&aliases);
        Ok(())
    }

    /// Exports the functions that hosts call, its own first; answers how many.
    fn export(&mut self) -> Result<u32, MeterError> {
        let mut meters = 0;
        let mut exports = ComponentExportSection::new();
        let mut export = |function| {
            exports.export(super::export(meters), ComponentExportKind::Func, function, None);
            meters += 1;
        };
        let mut next = self.functions;
        if self.has_code {
            let mut types = ComponentTypeSection::new();
            types.function().params([("fuel", PrimitiveValType::S64)]).result(Some(PrimitiveValType::S64.into()));
            let mut aliases = ComponentAliasSection::new();
            aliases.alias(Alias::CoreInstanceExport { instance: 0, kind: ExportKind::Func, name: instance::SWAP });
            let mut functions = CanonicalFunctionSection::new();
            functions.lift(self.core_functions, self.types, Vec::<wasm_encoder::CanonicalOption>::new());
            self.out.section(&types).section(&aliases).section(&functions);
            export(next);
            next += 1;
        }
        let mut aliases = ComponentAliasSection::new();
        for &(instance, count) in &self.metered {
            if next - self.functions + count > MAX_METERS {
                return unmetered(format!("more than {MAX_METERS} components with code"));
            }
            for n in 0..count {
                let (kind, name) = (ComponentExportKind::Func, super::export(n));
                aliases.alias(Alias::InstanceExport { instance, kind, name: &name });
                export(next);
                next += 1;
            }
        }
        if !aliases.is_empty() {
            self.out.section(&aliases);
        }
        if !exports.is_empty() {
            self.out.section(&exports);
        }
        Ok(next - self.functions)
    }

    /// The number of what was the `index`th core module or instance.
    fn moved(&self, index: u32) -> u32 {
        if self.has_code { index.saturating_add(FIRST) } else { index }
    }
}

fn part(bytes: &[u8], range: std::ops::Range<usize>) -> Result<&[u8], MeterError> {
    bytes.get(range).ok_or_else(|| damaged(bytes.len(), "it ends before its end"))
}

fn round<T>(written: Result<T, wasm_encoder::reencode::Error>) -> Result<T, MeterError> {
    written.map_err(|error| damaged(0, error.to_string()))
}

/// Refuses a name that begins as the meter's do.
fn refuse_name(name: &str, own: &'static str) -> Result<(), MeterError> {
    let begins = name.as_bytes().get(..own.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(own.as_bytes()));
    if begins { Err(MeterError::Name(own)) } else { Ok(()) }
}

/// Refuses core modules and components that are handed on instead of instantiated where they lie: what becomes of them is
/// not to be seen.
fn refuse_code_as_values(payload: &Payload<'_>) -> Result<(), MeterError> {
    let is_code = |kind| matches!(kind, ComponentExternalKind::Module | ComponentExternalKind::Component);
    let mut found = false;
    match payload {
        Payload::ComponentImportSection(section) => {
            for import in section.clone() {
                found |=
                    matches!(import.map_err(broken)?.ty, ComponentTypeRef::Module(_) | ComponentTypeRef::Component(_));
            }
        }
        Payload::ComponentExportSection(section) => {
            for export in section.clone() {
                found |= is_code(export.map_err(broken)?.kind);
            }
        }
        Payload::ComponentInstanceSection(section) => {
            for instance in section.clone() {
                found |= match instance.map_err(broken)? {
                    ComponentInstance::Instantiate { args, .. } => args.iter().any(|arg| is_code(arg.kind)),
                    ComponentInstance::FromExports(exports) => exports.iter().any(|export| is_code(export.kind)),
                };
            }
        }
        Payload::ComponentAliasSection(section) => {
            for alias in section.clone() {
                found |= match alias.map_err(broken)? {
                    ComponentAlias::InstanceExport { kind, .. } => is_code(kind),
                    ComponentAlias::Outer { kind, .. } => {
                        matches!(kind, ComponentOuterAliasKind::CoreModule | ComponentOuterAliasKind::Component)
                    }
                    ComponentAlias::CoreInstanceExport { .. } => false,
                };
            }
        }
        _ => {}
    }
    if found { unmetered("core modules or components that are handed on") } else { Ok(()) }
}
