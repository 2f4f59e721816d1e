//! Text in, [`Manifest`] or every problem out.
//!
//! Never panics and never recurses deeper than [`super::MAX_DEPTH`], whatever the bytes.

use super::fields::{Field, Fields, Placed};
use super::manifest::*;
use super::problem::{Problem, Problems, told};
use super::roles::Described;
use super::source::{Sort, Source};
use super::units::parse_duration;
use crate::agency::{Ceilings, Role};
use crate::budget::OnExhausted;
use crate::governance::{Charter, Dimension, Effect, Rule, Then, When};
use crate::path::Name;
use crate::process::{InstanceKind, MAX_INTENSITY, Restart, Shutdown, Strategy, Supervision};
use serde_json::Value;
use std::sync::Arc;

const MANIFEST: Sort = Sort {
    what: "manifest",
    large: "a manifest only describes; put data into files beside it",
    begin: "[app]\n        name = \"my-app\"\n        version = \"0.1.0\"",
};

/// The most bytes of an agent's `args` as JSON: what fits into one message.
const MAX_ARGS: usize = 1 << 20;

const TOP: &[&str] =
    &["app", "mount", "agent", "supervisor", "role", "tool", "service", "container", "rule", "budget", "supervision"];
const APP: &[&str] = &["name", "version", "description", "ends_with"];
const MOUNT: &[&str] = &["name", "mode", "labels", "clearance"];
const AGENT: &[&str] = &[
    "name",
    "role",
    "program",
    "instance",
    "inbox",
    "use",
    "grant",
    "optional",
    "labels",
    "clearance",
    "limits",
    "restart",
    "supervisor",
    "shutdown",
    "args",
    "depends_on",
];
const SUPERVISOR: &[&str] =
    &["name", "supervisor", "strategy", "intensity", "window", "backoff", "restart", "shutdown"];
const ROLE: &[&str] = &["name", "spawns", "children", "ceilings"];
const CEILINGS: &[&str] = &["memory", "handle", "wall", "acts", "messages", "tool_calls", "fuel"];
const LIMITS: &[&str] =
    &["memory", "handle", "wall", "acts", "messages", "tool_calls", "fuel", "stored", "on_exhausted"];
const PROGRAM: &[&str] = &["wasm", "native"];
const TOOL: &[&str] = &["name", "program", "schemas", "effect", "output_labels", "clearance", "instance"];
const SERVICE: &[&str] = &["name", "owner", "methods", "health", "optional"];
const CONTAINER: &[&str] =
    &["name", "image", "command", "env", "ports", "volumes", "limits", "health", "restart", "optional"];
const RULE: &[&str] = &["id", "text", "when", "then"];
const SUPERVISION: &[&str] = &["strategy", "intensity", "window", "backoff"];
const BUDGET: &[&str] = &["acts", "messages", "tool_calls", "fuel", "tokens", "wall", "memory", "log", "on_exhausted"];

const INSTANCES: &[(&str, InstanceKind)] = &[("kept", InstanceKind::Kept), ("per_message", InstanceKind::PerMessage)];
const MODES: &[(&str, MountMode)] = &[("read", MountMode::Read), ("write", MountMode::Write)];
const INBOXES: &[(&str, Inbox)] = &[("memory", Inbox::Memory), ("durable", Inbox::Durable)];
const RESTARTS: &[(&str, Restart)] =
    &[("permanent", Restart::Permanent), ("transient", Restart::Transient), ("temporary", Restart::Temporary)];
const STRATEGIES: &[(&str, Strategy)] = &[
    ("one_for_one", Strategy::OneForOne),
    ("one_for_all", Strategy::OneForAll),
    ("rest_for_one", Strategy::RestForOne),
];
const EXHAUSTED: &[(&str, OnExhausted)] =
    &[("stop", OnExhausted::Stop), ("degrade", OnExhausted::Degrade), ("ask", OnExhausted::Ask)];
const OUTCOMES: &[(&str, Then)] = &[("warn", Then::Warn), ("escalate", Then::Escalate), ("deny", Then::Deny)];

/// Parses the manifest `text`; `file` is how messages call it.
///
/// On error it answers every problem found, in the order of the file, at most
/// [`super::MAX_PROBLEMS`] and a count of the rest.
pub fn parse(file: &str, text: &str) -> Result<Manifest, Vec<Problem>> {
    parse_bytes(file, text.as_bytes())
}

/// The same for the bytes of a file, which need not be text. Refuses by size before anything else.
pub fn parse_bytes(file: &str, bytes: &[u8]) -> Result<Manifest, Vec<Problem>> {
    let source = Arc::new(Source::new(&MANIFEST, file, bytes).map_err(|problem| vec![problem])?);
    let mut problems = Problems::new(&source);
    let manifest = {
        let document = source.document()?;
        let top = Fields::document(&document, TOP, &mut problems);
        sections(&top, &source, &mut problems)
    };
    match manifest {
        Some(manifest) if problems.is_empty() => Ok(manifest),
        _ => Err(problems.finish()),
    }
}

/// Reads every section, whatever is wrong with the others.
fn sections(top: &Fields, source: &Arc<Source>, problems: &mut Problems) -> Option<Manifest> {
    let app = app(top, problems);
    let each = |name, known, problems: &mut Problems| top.entries(name, known, problems);
    let mounts = each("mount", MOUNT, problems).iter().filter_map(|entry| mount(entry, problems)).collect();
    let agents: Vec<Agent> = each("agent", AGENT, problems).iter().filter_map(|entry| agent(entry, problems)).collect();
    let supervisors = each("supervisor", SUPERVISOR, problems).iter().filter_map(|e| supervisor(e, problems)).collect();
    let roles = each("role", ROLE, problems).iter().filter_map(|entry| role(entry, problems)).collect();
    let tools = each("tool", TOOL, problems).iter().filter_map(|entry| tool(entry, problems)).collect();
    let services = each("service", SERVICE, problems).iter().filter_map(|entry| service(entry, problems)).collect();
    let containers = each("container", CONTAINER, problems).iter().filter_map(|e| container(e, problems)).collect();
    let rules = each("rule", RULE, problems).iter().filter_map(|entry| rule(app.as_ref(), entry, problems)).collect();
    let budget = top.find("budget").map(|field| Placed { at: field.at, value: budget(field, problems) });
    let budget = budget.unwrap_or(Placed { value: Budget::default(), at: 0 });
    let supervision = top.find("supervision").and_then(|field| field.table(SUPERVISION, problems));
    let supervision = supervision.map(|fields| self::supervision(&fields, problems)).unwrap_or_default();
    if top.find("agent").is_none() {
        let help = "add at least one: [[agent]] with a name and program = { wasm = \"..\" }";
        problems.add_with_help(0, "agent", "the application has no agents", help);
    }
    Some(Manifest {
        app: app?,
        mounts,
        agents,
        supervisors,
        roles,
        tools,
        services,
        containers,
        rules,
        budget,
        supervision,
        source: source.clone(),
    })
}

fn app(top: &Fields, problems: &mut Problems) -> Option<App> {
    let Some(field) = top.find("app") else {
        problems.add_with_help(0, "app", "is missing", "begin with [app], a name and a version");
        return None;
    };
    let fields = field.table(APP, problems)?;
    let name = fields.need("name", "\"my-app\"", problems).and_then(|field| {
        let name = field.name(problems)?;
        if name.as_str().contains('.') {
            let help = "use a dash: dots separate the parts of the application's topics";
            problems.add_with_help(field.at, &field.key, "must not contain a dot", help);
        }
        Some(name)
    });
    let version = fields.need("version", "\"0.1.0\"", problems).and_then(|field| {
        field.parsed(|text| semver::Version::parse(text).map_err(|e| format!("is no semantic version: {e}")), problems)
    });
    let description = fields.find("description").and_then(|field| field.text(problems)).map(str::to_owned);
    let ends_with = fields.find("ends_with").and_then(|field| field.name(problems));
    Some(App { name: name?, version: version?, description, ends_with })
}

fn mount(fields: &Fields, problems: &mut Problems) -> Option<Mount> {
    let name = name(fields, problems);
    let mode = choice(fields, "mode", MODES, problems).unwrap_or(MountMode::Read);
    let labels = fields.find("labels").map(|field| field.labels(problems)).unwrap_or_default();
    let clearance = fields.find("clearance").map(|field| field.labels(problems));
    Some(Mount { name: name?, mode, labels, clearance })
}

fn agent(fields: &Fields, problems: &mut Problems) -> Option<Agent> {
    let name = name(fields, problems);
    let program = program(fields, problems);
    let role = fields.find("role").map(|field| field.name(problems));
    let instance = choice(fields, "instance", INSTANCES, problems);
    let inbox = fields.find("inbox").and_then(|field| field.choice(INBOXES, problems));
    let restart = fields.find("restart").and_then(|field| field.choice(RESTARTS, problems));
    let mut rights = |key| fields.find(key).map(|field| field.rights(problems)).unwrap_or_default();
    let (use_, grant, optional) = (rights("use"), rights("grant"), rights("optional"));
    let supervisor = fields.find("supervisor").and_then(|field| field.name(problems));
    let shutdown = shutdown(fields, problems).unwrap_or_default();
    let labels = fields.find("labels").map(|field| field.labels(problems)).unwrap_or_default();
    let clearance = fields.find("clearance").map(|field| field.labels(problems));
    let limits = fields.find("limits").map(|field| Placed { at: field.at, value: limits(field, problems) });
    let args = fields.find("args").map_or_else(|| Value::Object(Default::default()), |field| args(&field, problems));
    let depends_on = fields.find("depends_on").map(|field| field.names(problems)).unwrap_or_default();
    Some(Agent {
        role: match role {
            Some(role) => role?,
            None => Placed { value: Name::parse(Role::Worker.as_str()).ok()?, at: fields.at },
        },
        name: name?,
        program: program?,
        instance,
        inbox: inbox.unwrap_or(Placed { value: Inbox::Memory, at: fields.at }),
        use_,
        grant,
        optional,
        labels,
        clearance,
        limits: limits.unwrap_or(Placed { value: AgentLimits::default(), at: fields.at }),
        restart: restart.unwrap_or(Placed { value: Restart::Temporary, at: fields.at }),
        supervisor,
        shutdown,
        args,
        depends_on,
    })
}

/// The JSON of an agent's `args`, small enough to be its first message.
fn args(field: &Field, problems: &mut Problems) -> Value {
    let args = field.json(problems).unwrap_or_default();
    let size = args.to_string().len();
    if size > MAX_ARGS {
        let help = "put data into a file of a mount and pass its path";
        problems.add_with_help(field.at, &field.key, format!("is {size} bytes as JSON; the limit is {MAX_ARGS}"), help);
    }
    args
}

fn limits(field: Field, problems: &mut Problems) -> AgentLimits {
    let default = AgentLimits::default();
    let Some(fields) = field.table(LIMITS, problems) else { return default };
    let memory = size(&fields, "memory", problems).unwrap_or(default.memory);
    let handle = duration(&fields, "handle", problems).unwrap_or(default.handle);
    refuse_nothing(&fields, [("memory", memory == 0), ("handle", handle.is_zero())], problems);
    AgentLimits {
        memory,
        handle,
        wall: duration(&fields, "wall", problems),
        acts: count(&fields, "acts", problems),
        messages: count(&fields, "messages", problems),
        tool_calls: count(&fields, "tool_calls", problems),
        fuel: count(&fields, "fuel", problems),
        stored: size(&fields, "stored", problems),
        on_exhausted: choice(&fields, "on_exhausted", EXHAUSTED, problems).unwrap_or_default(),
    }
}

/// A program that has nothing of `key` cannot even start.
fn refuse_nothing<const N: usize>(fields: &Fields, keys: [(&str, bool); N], problems: &mut Problems) {
    for (key, _) in keys.into_iter().filter(|(_, none)| *none) {
        let at = fields.find(key).map_or(fields.at, |field| field.at);
        problems.add(at, &fields.key_of(key), "must be more than zero: with nothing a program cannot even start");
    }
}

fn budget(field: Field, problems: &mut Problems) -> Budget {
    let Some(fields) = field.table(BUDGET, problems) else { return Budget::default() };
    let log = size(&fields, "log", problems);
    refuse_nothing(&fields, [("log", log == Some(0))], problems);
    Budget {
        acts: count(&fields, "acts", problems),
        messages: count(&fields, "messages", problems),
        tool_calls: count(&fields, "tool_calls", problems),
        fuel: count(&fields, "fuel", problems),
        tokens: count(&fields, "tokens", problems),
        wall: duration(&fields, "wall", problems),
        memory: size(&fields, "memory", problems),
        log,
        on_exhausted: choice(&fields, "on_exhausted", EXHAUSTED, problems).unwrap_or_default(),
    }
}

fn supervisor(fields: &Fields, problems: &mut Problems) -> Option<Supervisor> {
    let name = name(fields, problems);
    let supervisor = fields.find("supervisor").and_then(|field| field.name(problems));
    let restart = choice(fields, "restart", RESTARTS, problems).unwrap_or(Restart::Permanent);
    let shutdown = shutdown(fields, problems).unwrap_or(Shutdown::Infinite);
    let supervision = supervision(fields, problems);
    Some(Supervisor { name: name?, supervisor, supervision, restart, shutdown })
}

fn role(fields: &Fields, problems: &mut Problems) -> Option<Described> {
    let name = name(fields, problems);
    let spawns = fields.find("spawns").map(|field| field.names(problems)).unwrap_or_default();
    // What is too large is no bound.
    let children = count(fields, "children", problems).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let ceilings = fields.find("ceilings").map(|field| ceilings(field, problems)).unwrap_or_default();
    Some(Described { name: name?, spawns, children, ceilings })
}

fn ceilings(field: Field, problems: &mut Problems) -> Ceilings {
    let Some(fields) = field.table(CEILINGS, problems) else { return Ceilings::default() };
    let ceilings = Ceilings {
        memory: size(&fields, "memory", problems),
        handle: duration(&fields, "handle", problems),
        wall: duration(&fields, "wall", problems),
        acts: count(&fields, "acts", problems),
        messages: count(&fields, "messages", problems),
        tool_calls: count(&fields, "tool_calls", problems),
        fuel: count(&fields, "fuel", problems),
    };
    let handle = ceilings.handle.is_some_and(|handle| handle.is_zero());
    refuse_nothing(&fields, [("memory", ceilings.memory == Some(0)), ("handle", handle)], problems);
    ceilings
}

fn shutdown(fields: &Fields, problems: &mut Problems) -> Option<Shutdown> {
    let read = |text: &str| match text {
        "kill" => Ok(Shutdown::Kill),
        "infinite" => Ok(Shutdown::Infinite),
        time => parse_duration(time).map(Shutdown::Within).map_err(|e| format!("{e}, nor `kill` or `infinite`")),
    };
    Some(fields.find("shutdown")?.parsed(read, problems)?.value)
}

fn supervision(fields: &Fields, problems: &mut Problems) -> Supervision {
    let default = Supervision::default();
    // What is too large stays too large.
    let intensity = count(fields, "intensity", problems).map(|n| u32::try_from(n).unwrap_or(u32::MAX));
    let supervision = Supervision {
        strategy: choice(fields, "strategy", STRATEGIES, problems).unwrap_or(default.strategy),
        intensity: intensity.unwrap_or(default.intensity),
        window: duration(fields, "window", problems).unwrap_or(default.window),
        backoff: duration(fields, "backoff", problems).unwrap_or(default.backoff),
    };
    for (key, wrong, why) in [
        ("intensity", supervision.intensity > MAX_INTENSITY, "must be at most 10,000"),
        ("window", supervision.window.is_zero(), "must be more than zero: in no time nothing can be counted"),
    ] {
        if wrong {
            let at = fields.find(key).map_or(fields.at, |field| field.at);
            problems.add(at, &fields.key_of(key), why);
        }
    }
    supervision
}

fn tool(fields: &Fields, problems: &mut Problems) -> Option<Tool> {
    let name = name(fields, problems);
    let program = program(fields, problems);
    let schemas = fields.find("schemas").and_then(|field| field.json(problems)).unwrap_or_default();
    let effect = fields.find("effect").and_then(|field| effect(field, problems));
    let output_labels = fields.find("output_labels").map(|field| field.labels(problems)).unwrap_or_default();
    let clearance = fields.find("clearance").map(|field| field.labels(problems));
    let instance = choice(fields, "instance", INSTANCES, problems).unwrap_or(InstanceKind::PerMessage);
    Some(Tool { name: name?, program: program?, schemas, effect, output_labels, clearance, instance })
}

fn effect(field: Field, problems: &mut Problems) -> Option<Effect> {
    let fields = field.table(&Dimension::ALL.map(Dimension::as_str), problems)?;
    let [risk, fairness, privacy, novelty, security] = Dimension::ALL.map(|dimension| {
        let Some(field) = fields.find(dimension.as_str()) else { return 0 };
        let value = field.count(problems).unwrap_or(0);
        if value > u64::from(Effect::FULL) {
            problems.add(field.at, &field.key, format!("must be 0 to {}", Effect::FULL));
        }
        u16::try_from(value).unwrap_or(Effect::FULL)
    });
    Some(Effect::new(risk, fairness, privacy, novelty, security))
}

fn service(fields: &Fields, problems: &mut Problems) -> Option<Service> {
    let name = name(fields, problems);
    let owner = fields.need("owner", "\"the agent that answers\"", problems).and_then(|field| field.name(problems));
    let mut methods = Vec::new();
    for item in fields.find("methods").map(|field| field.items(problems)).unwrap_or_default() {
        methods.extend(item.text(problems).map(|text| item.placed(text.to_owned())));
    }
    let health = fields.find("health").and_then(|field| Some(field.placed(field.json(problems)?)));
    let optional = flag(fields, "optional", problems);
    Some(Service { name: name?, owner: owner?, methods, health, optional })
}

fn container(fields: &Fields, problems: &mut Problems) -> Option<Container> {
    let name = name(fields, problems);
    let image = fields.need("image", "\"redis:7\"", problems).and_then(|field| field.text(problems));
    let mut settings = serde_json::Map::new();
    for key in ["command", "env", "ports", "volumes", "limits", "health", "restart"] {
        if let Some(value) = fields.find(key).and_then(|field| field.json(problems)) {
            settings.insert(key.to_owned(), value);
        }
    }
    let optional = flag(fields, "optional", problems);
    Some(Container { name: name?, image: image?.to_owned(), settings: Value::Object(settings), optional })
}

fn rule(app: Option<&App>, fields: &Fields, problems: &mut Problems) -> Option<Placed<Rule>> {
    let id = fields.need("id", "\"no-uploads\"", problems).and_then(|field| field.name(problems));
    let text = fields.need("text", "\"Nothing leaves this machine.\"", problems).and_then(|field| field.text(problems));
    let when = fields.need("when", "{ verbs = [\"connect\"] }", problems).and_then(|field| when(app, &field, problems));
    let then = fields.need("then", "\"deny\"", problems).and_then(|field| {
        if field.text(problems)? == "permit" {
            let help = "leave it out: what a rule does not touch is judged as before";
            problems.add_with_help(field.at, &field.key, "a rule of an application can only tighten", help);
            return None;
        }
        field.choice(OUTCOMES, problems)
    });
    let id = id?;
    let rule = Rule { id: id.value, text: text?.to_owned(), when: when?, then: then?.value };
    if let Err(errors) = Charter::with_rules(0, vec![rule.clone()]) {
        for error in errors {
            problems.add(fields.at, &fields.key, told(error.problem));
        }
    }
    Some(Placed { value: rule, at: id.at })
}

/// The conditions of a rule; they speak about this application and no other.
fn when(app: Option<&App>, field: &Field, problems: &mut Problems) -> Option<When> {
    let mut when: When = match serde_json::from_value(field.json(problems)?) {
        Ok(when) => when,
        Err(error) => {
            problems.add(field.at, &field.key, told(error));
            return None;
        }
    };
    let own: Vec<Name> = app.map(|app| app.name.value.clone()).into_iter().collect();
    if when.apps.iter().any(|name| !own.contains(name)) {
        let help = "leave `apps` out: rules about others are the operator's";
        problems.add_with_help(field.at, &field.key, "a rule of an application is about that application", help);
    }
    when.apps = own;
    Some(when)
}

fn program(fields: &Fields, problems: &mut Problems) -> Option<Placed<Program>> {
    let field = fields.need("program", "{ wasm = \"walker.wasm\" }", problems)?;
    let at = field.at;
    let fields = field.table(PROGRAM, problems)?;
    let value = match (fields.find("wasm"), fields.find("native")) {
        (Some(wasm), None) => Program::Wasm(wasm.parsed(inside, problems)?.value),
        (None, Some(native)) => Program::Native(native.name(problems)?.value),
        _ => {
            problems.add(at, &fields.key, "must be either { wasm = \"path\" } or { native = \"name\" }");
            return None;
        }
    };
    Some(Placed { value, at })
}

/// A path that cannot leave the manifest's folder, whatever the host makes of it.
fn inside(path: &str) -> Result<String, &'static str> {
    let odd = |c: char| c.is_control() || matches!(c, '\\' | ':');
    if path.is_empty() {
        Err("the path is empty")
    } else if path.len() > 1024 {
        Err("the path is longer than 1,024 bytes")
    } else if path.starts_with('/') {
        Err("the path must be relative to the manifest: programs lie in its folder")
    } else if path.contains(odd) {
        Err("the path must not hold `\\`, `:` or control characters: write it with `/`")
    } else if path.split('/').any(|part| part == "..") {
        Err("the path must stay inside the manifest's folder, so it has no `..`")
    } else if path.split('/').any(|part| part.is_empty() || part == ".") {
        Err("the path must be plain: no `.` and no empty part, as in \"bin/walker.wasm\"")
    } else {
        Ok(path.to_owned())
    }
}

fn name(fields: &Fields, problems: &mut Problems) -> Option<Placed<Name>> {
    fields.need("name", "\"a-name\"", problems)?.name(problems)
}

fn choice<T: Copy>(fields: &Fields, key: &str, words: &[(&str, T)], problems: &mut Problems) -> Option<T> {
    Some(fields.find(key)?.choice(words, problems)?.value)
}

fn flag(fields: &Fields, key: &str, problems: &mut Problems) -> bool {
    fields.find(key).and_then(|field| field.flag(problems)).unwrap_or(false)
}

fn count(fields: &Fields, key: &str, problems: &mut Problems) -> Option<u64> {
    fields.find(key)?.count(problems)
}

fn size(fields: &Fields, key: &str, problems: &mut Problems) -> Option<u64> {
    fields.find(key)?.size(problems)
}

fn duration(fields: &Fields, key: &str, problems: &mut Problems) -> Option<std::time::Duration> {
    fields.find(key)?.duration(problems)
}
