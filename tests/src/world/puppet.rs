//! The puppet as a handler: the same steps as the component of `fixtures/guests/puppet`, over the same port.

use super::steps::{self, Step};
use bytes::Bytes;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::platform::{BoxFuture, Port};
use kernel_core::refusal::Refusal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

type Notes = Arc<Mutex<Vec<String>>>;

/// How a handler of a host traps: where the host takes a certain error for a trap, the error.
pub type Trap = fn() -> String;

/// A new puppet.
pub(super) fn puppet(port: Port, trap: Trap) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> {
    let stage = Stage { port, notes: Notes::default(), trap };
    move |message| Box::pin(handle(stage.clone(), message))
}

/// What a puppet acts on.
#[derive(Clone)]
struct Stage {
    port: Port,
    notes: Notes,
    trap: Trap,
}

async fn handle(stage: Stage, message: Envelope) -> Result<Bytes, String> {
    let body = String::from_utf8_lossy(&message.body).into_owned();
    match message.kind {
        EnvelopeKind::Start => run(&stage, &steps::text(&body)).await.map(|_| Bytes::new()),
        EnvelopeKind::Request => run(&stage, &body).await.map(Bytes::from),
        kind => {
            // What a timer is called is all that it says.
            let from = if kind == EnvelopeKind::Timer { &message.target } else { &message.sender };
            note(&stage.notes, steps::note(word(kind), &from.to_string(), message.labels.iter(), &message.body));
            if let Some(script) = body.strip_prefix("do ") {
                let told = run(&stage, script).await?;
                note(&stage.notes, told);
            }
            Ok(Bytes::new())
        }
    }
}

fn note(notes: &Notes, text: String) {
    notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

async fn run(stage: &Stage, script: &str) -> Result<String, String> {
    let mut lines = Vec::new();
    for line in script.lines() {
        lines.push(step(stage, steps::parse(line)?).await?);
    }
    Ok(lines.join("\n"))
}

async fn step(stage: &Stage, step: Step<'_>) -> Result<String, String> {
    Ok(match step {
        Step::Act { verb, resource, body } => {
            let result = stage.port.act(verb, resource, body).await;
            steps::told(result.as_deref().map_err(|refusal| (refusal.code.as_str(), refusal.reason.as_str())))
        }
        Step::Repeat { times, verb, resource, body } => {
            let mut ways = BTreeMap::new();
            for _ in 0..times {
                let result = stage.port.act(verb, resource, body.clone()).await;
                let way = result.as_ref().map_or_else(|refusal: &Refusal| refusal.code.as_str(), |_| "ok");
                *ways.entry(way.to_owned()).or_insert(0) += 1;
            }
            steps::counted(&ways)
        }
        Step::Heard => std::mem::take(&mut *stage.notes.lock().unwrap_or_else(PoisonError::into_inner)).join("; "),
        Step::Now => stage.port.now().0.to_string(),
        Step::Fail(text) => return Err(text.to_owned()),
        Step::Trap => return Err((stage.trap)()),
    })
}

fn word(kind: EnvelopeKind) -> &'static str {
    match kind {
        EnvelopeKind::Start => "start",
        EnvelopeKind::Message => "message",
        EnvelopeKind::Request => "request",
        EnvelopeKind::Topic => "topic",
        EnvelopeKind::Lagged => "lagged",
        EnvelopeKind::Timer => "timer",
        EnvelopeKind::Exit => "exit",
        EnvelopeKind::Approval => "approval",
        EnvelopeKind::Watch => "watch",
    }
}
