//! The explanation of a verdict as JSON: the `detail` of a refusal, and what the log's reader is shown.

use super::facts::Facts;
use super::verdict::{Decision, Verdict};
use serde_json::{Value, json};

/// Everything that led to `verdict`, in documented fields:
///
/// - `decision`, `sentence` (the binding reasons in words), `reasons` (each `code`, `weight`, `text`, perhaps `rule`);
/// - `process`, `name`, `agent`, `app`, `verb`, `resource`: who did what; `name` is the process's own, `agent` the
///   catalog's;
/// - `grant`: the right that permits it, or null; `missing_grant`: null, or `right` and `flag`, the command-line
///   argument that gives it;
/// - `labels`, `clearance`, `blocked`: what it carries, what the target may receive, what may not reach it;
/// - `effect` by dimension, `contributions` (each `source` and `effect`), `score`, `threshold`, `warn_at`;
/// - `environment`, `charter`: where and under which version of the rules; `accounts`: what limits still leave;
/// - `body_len` and `arguments`, the audited fields of the body.
pub fn explain(facts: &Facts, verdict: &Verdict) -> Value {
    let right = format!("{} {}", facts.verb, facts.resource);
    let granted = facts.grant.as_ref().filter(|grant| grant.permits(facts.verb, &facts.resource));
    let missing = match granted {
        Some(_) => Value::Null,
        None => json!({ "right": right, "flag": format!("--allow \"{right}\"") }),
    };
    let sentence = match verdict.decision {
        Decision::Permit => granted.map_or(String::new(), |grant| format!("the right `{grant}` permits it")),
        _ => verdict.sentence(),
    };
    json!({
        "decision": verdict.decision,
        "sentence": sentence,
        "reasons": verdict.reasons,
        "process": facts.pid,
        "name": facts.name,
        "agent": facts.agent,
        "app": facts.app,
        "verb": facts.verb,
        "resource": facts.resource,
        "grant": granted,
        "missing_grant": missing,
        "labels": facts.labels,
        "clearance": facts.clearance,
        "blocked": facts.blocked,
        "effect": facts.effect,
        "contributions": facts.contributions.iter().collect::<Vec<_>>(),
        "score": verdict.score,
        "threshold": verdict.threshold,
        "warn_at": facts.environment.warn_at(),
        "environment": facts.environment.name(),
        "charter": facts.charter,
        "accounts": facts.accounts,
        "body_len": facts.body_len,
        "arguments": facts.audit,
    })
}
