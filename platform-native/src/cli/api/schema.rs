//! The shapes of what is sent and answered.

use kernel_core::refusal::Code;
use serde_json::{Map, Value, json};

/// All of them, by name.
pub(super) fn all() -> Value {
    let text = || json!({ "type": "string" });
    let number = || json!({ "type": "integer", "minimum": 0 });
    let maybe_text = || json!({ "type": ["string", "null"] });
    let maybe_number = || json!({ "type": ["integer", "null"], "minimum": 0 });
    let list = |item: Value| json!({ "type": "array", "items": item });
    let texts = || list(text());
    let one_of = |values: &[&str]| json!({ "type": "string", "enum": values });
    let of = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let encoding = || one_of(&["utf-8", "base64"]);
    let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
    let verdicts = ["permitted", "warned", "escalated", "denied", "refused", "exhausted", "dead_letters"];
    let counts: Vec<(&str, Value)> = verdicts.iter().map(|name| (*name, number())).collect();
    let mut all = json!({
        "Error": answer(&[("error", object(&[
            ("code", one_of(&codes)), ("reason", text()), ("help", maybe_text()), ("action", number()),
            ("ticket", maybe_number()), ("detail", json!({ "type": "object" })),
        ]))]),
        "Health": answer(&[
            ("status", one_of(&["ok", "no_room", "stopping", "not_durable"])), ("reason", maybe_text()), ("environment", text()),
            ("data_dir", text()), ("pid", number()), ("uptime_ms", number()), ("processes", number()),
            ("apps", number()), ("services", number()), ("waiting_bytes", number()), ("letters", number()), ("stored", number()),
            ("verdicts", object(&counts)),
            ("failed", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
            ("disk", object(&[("free", maybe_number()), ("reserve", number())])),
        ]),
        "Process": with(object(&[
            ("pid", number()), ("parent", number()), ("name", text()), ("role", text()),
            ("state", one_of(&["starting", "running", "suspended", "stopping", "exited"])), ("wall", number()),
        ]), &[
            ("app", maybe_text()), ("exit", text()), ("detail", text()), ("messages", number()), ("sent", number()), ("tool_calls", number()),
            ("acts", number()), ("refused", number()), ("cpu", number()), ("memory", number()),
            ("memory_now", number()), ("fuel", number()), ("stored", json!({ "type": "integer" })), ("tree", of("Used")), ("limits", list(of("Limit"))),
        ]),
        "Limit": object(&[
            ("meter", text()), ("of", one_of(&["account", "instance", "message", "process"])), ("used", number()), ("limit", number()),
        ]),
        "Used": object(&[
            ("messages", number()), ("sent", number()), ("tool_calls", number()), ("acts", number()),
            ("refused", number()), ("cpu", number()), ("memory", number()), ("memory_now", number()),
            ("fuel", number()), ("stored", json!({ "type": "integer" })),
        ]),
        "Processes": answer(&[("processes", list(of("Process")))]),
        "Service": object(&[("name", text()), ("pid", number()), ("process", text()), ("app", maybe_text())]),
        "Services": answer(&[("services", list(of("Service")))]),
        "Mount": object(&[("name", text()), ("mode", one_of(&["read", "write"])), ("path", maybe_text()), ("problem", maybe_text())]),
        "App": object(&[
            ("name", text()), ("version", text()), ("description", maybe_text()), ("content", text()),
            ("state", one_of(&["installed", "starting", "running", "failed"])), ("reason", maybe_text()),
            ("log", json!({ "anyOf": [object(&[("used", number()), ("limit", number()), ("waiting", number())]), { "type": "null" }] })),
            ("pid", maybe_number()), ("agents", texts()),
            ("mounts", list(of("Mount"))), ("given", texts()),
        ]),
        "Apps": answer(&[("apps", list(of("App")))]),
        "Install": with(object(&[("manifest", text())]), &[
            ("programs", json!({ "type": "object", "additionalProperties": { "type": "string", "contentEncoding": "base64" } })),
            ("allow", texts()),
            ("mounts", json!({ "type": "object", "additionalProperties": { "type": "string" } })),
        ]),
        "Installed": answer(&[
            ("app", object(&[("name", text()), ("version", text()), ("content", text())])),
            ("unused", list(object(&[("flag", text()), ("reason", text())]))),
        ]),
        "Start": with(object(&[]), &[("until", one_of(&["stopped", "quiet"]))]),
        "Started": answer(&[("app", text()), ("pid", number())]),
        "Removed": answer(&[("app", text())]),
        "Act": with(object(&[("verb", text()), ("resource", text())]), &[
            ("body", json!({ "type": "object" })), ("payload", text()), ("encoding", encoding()),
        ]),
        "Acted": answer(&[
            ("pid", number()), ("body", json!({})), ("payload", text()), ("encoding", encoding()),
        ]),
        "Approval": object(&[
            ("action", number()), ("pid", number()), ("name", text()), ("app", maybe_text()), ("verb", text()),
            ("resource", text()), ("detail", json!({ "type": "object" })), ("wait_ms", number()),
        ]),
        "Approvals": answer(&[("approvals", list(of("Approval")))]),
        "Answer": object(&[("allow", json!({ "type": "boolean" }))]),
        "Answered": answer(&[("action", number()), ("allow", json!({ "type": "boolean" })), ("by", text())]),
        "Event": with(object(&[("time", text())]), &[
            ("pid", number()), ("name", text()), ("text", text()), ("level", text()), ("reason", maybe_text()),
            ("detail", json!({ "type": ["string", "object"] })), ("action", number()), ("what", text()), ("verb", text()),
            ("resource", text()), ("app", maybe_text()), ("ok", json!({ "type": "boolean" })), ("micros", number()),
            ("wait_ms", number()), ("allow", json!({ "type": "boolean" })), ("by", text()),
            ("meter", text()), ("used", number()), ("limit", number()), ("lost", number()), ("stopped_by", maybe_text()),
            ("not_durable", maybe_text()),
            ("from", json!({ "type": ["integer", "string"] })), ("to", json!({ "type": ["integer", "string"] })),
        ]),
        "Log": answer(&[("next", number()), ("events", list(object(&[
            ("seq", number()), ("time", text()), ("action", number()), ("kind", text()), ("event", text()),
            ("content", json!({ "type": ["object", "null"] })), ("unreadable", maybe_text()),
        ])))]),
        "Receipt": with(object(&[
            ("evidence", one_of(&["receipt"])), ("version", number()), ("action", number()),
            ("events", list(object(&[("seq", number()), ("event", text()), ("proof", texts())]))), ("checkpoint", text()),
        ]), &[("body", object(&[("salt", text()), ("body", text())]))]),
        "ListNodes": with(object(&[("path", text())]), &[("cursor", maybe_text())]),
        "Child": object(&[
            ("node", json!({ "anyOf": [of("Node"), { "type": "null" }] })), ("bytes", maybe_number()),
            ("parent", json!({ "type": "boolean" })),
        ]),
        "Node": object(&[
            ("version", number()), ("owner", number()), ("labels", texts()), ("value", maybe_text()), ("earlier", texts()),
            ("kind", text()), ("holder", maybe_text()),
        ]),
        "Children": answer(&[
            ("children", json!({ "type": "object", "additionalProperties": of("Child") })), ("next", maybe_text()),
        ]),
        "Snapshot": object(&[
            ("name", text()), ("action", number()), ("root", text()), ("labels", texts()), ("holder", maybe_text()),
            ("bytes", number()), ("at", number()), ("by", text()),
        ]),
        "Snapshots": answer(&[("snapshots", list(of("Snapshot")))]),
        "Diff": with(object(&[("from", text())]), &[("to", maybe_text())]),
        "Change": object(&[
            ("path", text()), ("before", json!({ "anyOf": [of("Node"), { "type": "null" }] })),
            ("after", json!({ "anyOf": [of("Node"), { "type": "null" }] })),
        ]),
        "Changes": answer(&[("changes", list(of("Change")))]),
        "ProveNode": object(&[("path", text())]),
        "Proof": with(object(&[
            ("evidence", text()), ("version", number()), ("path", text()), ("head", text()), ("rows", texts()),
            ("events", list(object(&[("seq", number()), ("event", text()), ("proof", texts())]))), ("checkpoint", text()),
        ]), &[("record", text())]),
        "Proved": answer(&[("proof", of("Proof"))]),
        "Shutdown": with(object(&[]), &[("reason", text())]),
        "Stopped": answer(&[("checkpoint", object(&[
            ("origin", text()), ("size", number()), ("root", text()), ("key", text()), ("note", text()),
        ]))]),
    });
    // One macro takes no more.
    all["Inclusion"] = object(&[
        ("evidence", one_of(&["inclusion"])),
        ("version", number()),
        ("events", list(object(&[("seq", number()), ("event", text()), ("proof", texts())]))),
        ("checkpoint", text()),
    ]);
    all["Consistency"] = object(&[
        ("evidence", one_of(&["consistency"])),
        ("version", number()),
        ("old", object(&[("size", number()), ("root", text())])),
        ("proof", texts()),
        ("checkpoint", text()),
    ]);
    all["Checkpoint"] =
        answer(&[("origin", text()), ("size", number()), ("root", text()), ("key", text()), ("note", text())]);
    all
}

/// An object that has all of these.
fn object(members: &[(&str, Value)]) -> Value {
    let names: Vec<&str> = members.iter().map(|(name, _)| *name).collect();
    let properties: Map<String, Value> =
        members.iter().map(|(name, schema)| ((*name).to_owned(), schema.clone())).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

/// The same that may have these, too.
fn with(mut object: Value, members: &[(&str, Value)]) -> Value {
    for (name, schema) in members {
        object["properties"][*name] = schema.clone();
    }
    object
}

/// What is answered: the version of the program, and these.
fn answer(members: &[(&str, Value)]) -> Value {
    object(&[&[("weft", json!({ "type": "string" }))], members].concat())
}
