//! Acts that wait for an answer of a person: looked at and answered by whoever may come in, who is the operator.

use super::refused::Refused;
use super::sessions::NAME;
use super::{Api, VERSION};
use kernel_core::id::ActionId;
use kernel_core::kernel::effects::Ask;
use serde::Deserialize;
use serde_json::{Value, json};

/// An answer.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Answer {
    allow: bool,
}

/// What waits.
pub(super) async fn list(api: &Api) -> Result<Value, Refused> {
    let questions = api.kernel.questions();
    api.told().await?;
    Ok(json!({ "weft": VERSION, "approvals": questions.iter().map(document).collect::<Vec<_>>() }))
}

/// Answers for the act `action`.
pub(super) async fn answer(api: &Api, action: ActionId, answer: Answer) -> Result<Value, Refused> {
    let Answer { allow } = answer;
    api.kernel.answer(action, allow, NAME).await?;
    Ok(json!({ "weft": VERSION, "action": action, "allow": allow, "by": NAME }))
}

/// A question, for a program.
pub(super) fn document(ask: &Ask) -> Value {
    let Ask { action, pid, name, app, verb, resource, detail, wait } = ask;
    // It is JSON in a text already.
    let detail: Value = serde_json::from_str(detail).unwrap_or_else(|_| json!({}));
    let wait = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
    json!({
        "action": action, "pid": pid, "name": name, "app": app, "verb": verb, "resource": resource, "detail": detail,
        "wait_ms": wait,
    })
}
