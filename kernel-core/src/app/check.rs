//! Finds what is wrong with an application before it is installed: everything that can be known from
//! its manifest and its programs, without running anything.

use super::component::{ComponentInfo, MAX_COMPONENT, inspect};
use super::consent::mount_of;
use super::fields::Placed;
use super::manifest::{Agent, Manifest, MountMode, Program};
use super::order::{cycles, start_order};
use super::problem::{Problem, Problems, quoted, suggestion};
use super::roles;
use super::supervisors::{self, never_ends, way_of_last};
use crate::capability::Right;
use crate::codec::hex;
use crate::governance::Rule;
use crate::path::{Kind, Name, Verb};
use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The most bytes that all programs of one application may have together: 256 MiB.
pub const MAX_PROGRAMS: usize = 4 * MAX_COMPONENT;

/// What a check has to know from outside.
pub struct Surroundings<'a> {
    /// The native programs that the host registered; `None` for an application that came as a
    /// directory or package, which may not name any.
    pub natives: Option<&'a BTreeSet<Name>>,
    /// Whether the verb table has a row for a verb on a kind.
    pub exists: &'a dyn Fn(Verb, Kind) -> bool,
    /// What a rule asks for that no act it speaks about would tell, each in one sentence. Such a rule could not be
    /// evaluated and would refuse all those acts.
    pub unkept: &'a dyn Fn(&Rule) -> Vec<String>,
    /// The bytes of a program by its path in the manifest, or one sentence that says why not. Called
    /// at most once for each path.
    pub load: &'a mut dyn FnMut(&str) -> Result<Bytes, String>,
}

/// An application in which a check found nothing wrong, together with the programs that it looked at:
/// what is installed is what was checked.
#[derive(Clone, Debug)]
pub struct Checked {
    manifest: Arc<Manifest>,
    programs: BTreeMap<String, Component>,
}

/// One program of an application.
#[derive(Clone, Debug)]
pub struct Component {
    /// What the check saw.
    pub info: ComponentInfo,
    /// Its bytes.
    pub bytes: Bytes,
}

impl Checked {
    /// The manifest.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// Each component by its path in the manifest.
    pub fn programs(&self) -> &BTreeMap<String, Component> {
        &self.programs
    }

    /// The content address of the application: SHA-256 over a line "weft-app-v1", the manifest's
    /// SHA-256 and, in the order of their paths, a line `HASH  PATH` for each program, hex in lower case.
    pub fn content(&self) -> [u8; 32] {
        let mut text = format!("weft-app-v1\n{}\n", hex(&self.manifest.source.hash()));
        for (path, component) in &self.programs {
            text += &format!("{}  {path}\n", hex(&component.info.sha256));
        }
        Sha256::digest(text.as_bytes()).into()
    }
}

/// Checks an application. On error it answers every problem, in the order of the manifest.
pub fn check(manifest: &Arc<Manifest>, around: &mut Surroundings<'_>) -> Result<Checked, Vec<Problem>> {
    let mut problems = Problems::new(&manifest.source);
    duplicates(manifest, &mut problems);
    references(manifest, &mut problems);
    supervisors::check(manifest, &mut problems);
    roles::check(manifest, &mut problems);
    fuel(manifest, &mut problems);
    for agent in &manifest.agents {
        for (list, rights) in [("use", &agent.use_), ("grant", &agent.grant), ("optional", &agent.optional)] {
            let key = format!("agent.{}.{list}", agent.name.value);
            for right in rights {
                self::right(manifest, agent, &key, right, around.exists, &mut problems);
            }
        }
    }
    for rule in &manifest.rules {
        if let Err(why) = super::rule_name(&manifest.app.name.value, &rule.id) {
            problems.add(rule.at, "rule.id", why);
        }
        let key = format!("rule.{}.when.arguments", rule.id);
        for unkept in (around.unkept)(rule) {
            problems.add(rule.at, &key, unkept);
        }
    }
    let programs = programs(manifest, around, &mut problems);
    if problems.is_empty() { Ok(Checked { manifest: manifest.clone(), programs }) } else { Err(problems.finish()) }
}

fn duplicates(manifest: &Manifest, problems: &mut Problems) {
    fn twice<'a>(section: &str, names: impl Iterator<Item = &'a Placed<Name>>, problems: &mut Problems) {
        all_differ(section, names.map(|name| (&name.value, name.at)), problems);
    }
    fn all_differ<'a>(section: &str, names: impl Iterator<Item = (&'a Name, usize)>, problems: &mut Problems) {
        let mut seen: BTreeMap<&Name, usize> = BTreeMap::new();
        for (name, at) in names {
            if let Some(first) = seen.insert(name, at) {
                let (line, _) = problems.source().position(first);
                problems.add(
                    at,
                    section,
                    format!("the name {} is taken already, on line {line}", quoted(name.as_str())),
                );
            }
        }
    }
    twice("mount", manifest.mounts.iter().map(|mount| &mount.name), problems);
    // All of them can be depended upon, by name.
    let processes = manifest.agents.iter().map(|agent| &agent.name);
    let processes = processes.chain(manifest.containers.iter().map(|container| &container.name));
    twice("agent", processes.chain(manifest.supervisors.iter().map(|supervisor| &supervisor.name)), problems);
    twice("role", manifest.roles.iter().map(|role| &role.name), problems);
    twice("tool", manifest.tools.iter().map(|tool| &tool.name), problems);
    twice("service", manifest.services.iter().map(|service| &service.name), problems);
    all_differ("rule", manifest.rules.iter().map(|rule| (&rule.id, rule.at)), problems);
}

fn references(manifest: &Manifest, problems: &mut Problems) {
    let agents = || manifest.agents.iter().map(|agent| agent.name.as_str());
    let containers = || manifest.containers.iter().map(|container| container.name.as_str());
    let known: BTreeSet<&str> = agents().chain(containers()).collect();
    if let Some(last) = &manifest.app.ends_with
        && manifest.agent(last.as_str()).is_none()
    {
        problems.push(last.at, "app.ends_with", || {
            (format!("there is no agent {}", quoted(last.as_str())), suggestion(last.as_str(), agents()))
        });
    }
    if let Some(last) = &manifest.app.ends_with
        && let Some(why) = never_ends(way_of_last(manifest))
    {
        let message = format!("{} {why}", quoted(last.as_str()));
        problems.add_with_help(last.at, "app.ends_with", message, "say restart = \"transient\" of that agent");
    }
    for service in manifest.services.iter().filter(|service| !known.contains(service.owner.as_str())) {
        let key = format!("service.{}.owner", service.name.value);
        problems.push(service.owner.at, &key, || {
            let owner = service.owner.as_str();
            (format!("there is no agent or container {}", quoted(owner)), suggestion(owner, known.iter().copied()))
        });
    }
    let supervisors = manifest.supervisors.iter().map(|supervisor| supervisor.name.as_str());
    let needed_too: BTreeSet<&str> = known.iter().copied().chain(supervisors).collect();
    for agent in &manifest.agents {
        for needed in agent.depends_on.iter().filter(|needed| !needed_too.contains(needed.as_str())) {
            problems.push(needed.at, &format!("agent.{}.depends_on", agent.name.value), || {
                let message = format!("there is no agent, supervisor or container {}", quoted(needed.as_str()));
                (message, suggestion(needed.as_str(), needed_too.iter().copied()))
            });
        }
    }
    if start_order(manifest).is_none() {
        for cycle in cycles(manifest) {
            let names: Vec<&str> = cycle.iter().map(|unit| unit.name().as_str()).collect();
            let (at, key) = cycle[0].needs();
            let message = format!("these wait for each other: {} -> {}", names.join(" -> "), names[0]);
            problems.add_with_help(at, &key, message, "leave one of these dependencies out");
        }
    }
}

/// What a message is given of an account of fuel is held while it is handled, so each component needs to say how much that is.
fn fuel(manifest: &Manifest, problems: &mut Problems) {
    let Some(all) = manifest.budget.fuel else { return };
    for agent in manifest.agents.iter().filter(|agent| matches!(agent.program.value, Program::Wasm(_))) {
        let key = format!("agent.{}.limits.fuel", agent.name.value);
        match agent.limits.fuel {
            None => {
                let message =
                    format!("{} needs a limit, because [budget] fuel limits all", quoted(agent.name.as_str()));
                let help = "say how much one message may use; so much is held while one is handled";
                problems.add_with_help(agent.name.at, &key, message, help);
            }
            Some(one) if one > all => {
                let message = format!("{one} for one message is more than the {all} that [budget] fuel gives to all");
                problems.add(agent.limits.at, &key, message);
            }
            Some(_) => {}
        }
    }
}

/// Checks that a right could ever be used: that its verb fits, and that its names exist.
fn right(
    manifest: &Manifest,
    agent: &Agent,
    key: &str,
    right: &Placed<Right>,
    exists: &dyn Fn(Verb, Kind) -> bool,
    problems: &mut Problems,
) {
    let (verb, pattern, kind) = (right.verb, &right.pattern, right.pattern.kind());
    let shown = quoted(&right.to_string());
    if !Kind::ALL.iter().any(|kind| pattern.covers(*kind) && exists(verb, *kind)) {
        problems.push(right.at, key, || {
            let verbs: Vec<&str> = Verb::ALL.iter().filter(|v| exists(**v, kind)).map(|v| v.as_str()).collect();
            let help = (!verbs.is_empty()).then(|| format!("what can be done there: {}", verbs.join(", ")));
            (format!("{shown} permits nothing: there is no `{verb}` for that kind of resource"), help)
        });
        return;
    }
    if let Some(name) = mount_of(pattern) {
        let mounts = || manifest.mounts.iter().map(|mount| mount.name.as_str());
        match manifest.mount(name) {
            None if name.contains('*') => {
                let help = "name the mount: each folder is bound and given by its own name";
                problems.add_with_help(right.at, key, format!("{shown} is for mounts of any name"), help);
            }
            None => problems.push(right.at, key, || {
                let help = suggestion(name, mounts());
                let help = help.unwrap_or_else(|| format!("declare it: [[mount]] with name = \"{name}\""));
                (format!("{shown}: there is no mount {}", quoted(name)), Some(help))
            }),
            Some(mount) if mount.mode == MountMode::Read && matches!(verb, Verb::Write | Verb::Remove) => {
                let help = format!("write mode = \"write\" in the [[mount]] `{name}`");
                problems.add_with_help(right.at, key, format!("{shown}: that mount is only for reading"), help);
            }
            Some(_) => {}
        }
    }
    let numbered = |rest: &str| rest.starts_with(|c: char| c.is_ascii_digit());
    if pattern.as_str().strip_prefix("/proc/").or(pattern.as_str().strip_prefix("/stream/")).is_some_and(numbered) {
        let help = "write /proc/self for the process itself, or `*`";
        problems.add_with_help(right.at, key, format!("{shown}: numbers are only known when processes run"), help);
    }
    let service = manifest.services.iter().find(|service| pattern.as_str() == format!("/svc/{}", service.name.value));
    if let (Verb::Register, Some(service)) = (verb, service)
        && service.owner.value != agent.name.value
    {
        let message = format!("{shown}: that service belongs to {}", quoted(service.owner.as_str()));
        problems.add(right.at, key, message);
    }
}

fn programs(
    manifest: &Manifest,
    around: &mut Surroundings<'_>,
    problems: &mut Problems,
) -> BTreeMap<String, Component> {
    let agents = manifest.agents.iter().map(|agent| ("agent", &agent.name, &agent.program));
    let tools = manifest.tools.iter().map(|tool| ("tool", &tool.name, &tool.program));
    let mut good = BTreeMap::new();
    let mut bad: BTreeMap<&str, String> = BTreeMap::new();
    let mut total = 0_usize;
    for (section, name, program) in agents.chain(tools) {
        let key = format!("{section}.{}.program", name.value);
        match &program.value {
            Program::Native(native) => match around.natives {
                None => {
                    let help = "compile it to a component and write { wasm = \"..\" }";
                    let message = "native programs are part of the host and cannot come from an application";
                    problems.add_with_help(program.at, &key, message, help);
                }
                Some(known) if !known.contains(native) => problems.push(program.at, &key, || {
                    let message = format!("the host has no native program {}", quoted(native.as_str()));
                    (message, suggestion(native.as_str(), known.iter().map(Name::as_str)))
                }),
                Some(_) => {}
            },
            Program::Wasm(path) if good.contains_key(path) => {}
            Program::Wasm(path) => {
                if !bad.contains_key(path.as_str()) {
                    match program_at(path, &mut total, around.load) {
                        Ok(component) => {
                            good.insert(path.clone(), component);
                            continue;
                        }
                        Err(reason) => {
                            bad.insert(path, reason);
                        }
                    }
                }
                let reason = bad.get(path.as_str()).map(String::as_str).unwrap_or_default();
                problems.add(program.at, &key, format!("{}: {reason}", quoted(path)));
            }
        }
    }
    good
}

fn program_at(
    path: &str,
    total: &mut usize,
    load: &mut dyn FnMut(&str) -> Result<Bytes, String>,
) -> Result<Component, String> {
    if *total > MAX_PROGRAMS {
        return Err(format!("not looked at: the programs before it are more than {MAX_PROGRAMS} bytes"));
    }
    let bytes = load(path)?;
    *total = total.saturating_add(bytes.len());
    let info = inspect(&bytes).map_err(|error| error.to_string())?;
    Ok(Component { info, bytes })
}
