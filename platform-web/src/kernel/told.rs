//! What the kernel tells, as JSON.

use kernel_core::kernel::Told;
use kernel_core::kernel::effects::{Ask, Notice};
use serde_json::{Value, json};

/// `{notice: {kind, ..}}` or `{ask: {action, pid, name, app, verb, resource, detail, wait_ms}}`.
pub(super) fn as_json(told: Told) -> Value {
    match told {
        Told::Notice(notice) => json!({ "notice": of_notice(notice) }),
        Told::Ask(Ask { action, pid, name, app, verb, resource, detail, wait }) => {
            // It is JSON in a text already; what is none is shown as the text.
            let detail = serde_json::from_str(&detail).unwrap_or(Value::String(detail));
            let wait_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
            json!({ "ask": {
                "action": action, "pid": pid, "name": name, "app": app, "verb": verb, "resource": resource,
                "detail": detail, "wait_ms": wait_ms,
            } })
        }
    }
}

fn of_notice(notice: Notice) -> Value {
    match notice {
        Notice::Phase { name, micros } => json!({ "kind": "phase", "name": name, "micros": micros }),
        Notice::Running { pid, name, app } => json!({ "kind": "running", "pid": pid, "name": name, "app": app }),
        Notice::Exited { pid, name, app, reason, lost } => json!({
            "kind": "exited", "pid": pid, "name": name, "app": app, "exit": reason.word(), "detail": reason.detail(),
            "lost": lost,
        }),
        Notice::Suspended { pid, name, app, reason } => {
            json!({ "kind": "suspended", "pid": pid, "name": name, "app": app, "reason": reason })
        }
        Notice::Resumed { pid, name, app } => json!({ "kind": "resumed", "pid": pid, "name": name, "app": app }),
        Notice::Restarting { app, name, wait } => {
            json!({ "kind": "restarting", "app": app, "name": name, "wait_ms": wait.as_millis() as u64 })
        }
        Notice::LimitNear { pid, name, app, meter, used, limit } => json!({
            "kind": "limit_near", "pid": pid, "name": name, "app": app, "meter": meter, "used": used, "limit": limit,
        }),
        Notice::Answered { action, pid, name, app, allow, by } => json!({
            "kind": "answered", "action": action, "pid": pid, "name": name, "app": app, "allow": allow, "by": by,
        }),
        Notice::Verdict { action, pid, name, app, what, verb, resource, reason } => json!({
            "kind": "verdict", "action": action, "pid": pid, "name": name, "app": app, "what": what, "verb": verb,
            "resource": resource, "reason": reason,
        }),
        Notice::Log { pid, name, app, level, text } => {
            json!({ "kind": "log", "pid": pid, "name": name, "app": app, "level": level, "text": text })
        }
        Notice::Ended { app, ok, reason, stopped_by } => {
            json!({ "kind": "ended", "app": app, "ok": ok, "reason": reason, "stopped_by": stopped_by })
        }
        other => json!({ "kind": "other", "text": format!("{other:?}") }),
    }
}
