//! The puppet as a handler: the same steps as the component of `fixtures/guests/puppet`, over the same port.

use super::steps::{self, Step};
use bytes::Bytes;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::platform::{BoxFuture, Port};
use kernel_core::refusal::Refusal;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

type Notes = Arc<Mutex<Vec<String>>>;

/// A new puppet.
pub(super) fn puppet(port: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> {
    let notes = Notes::default();
    move |message| Box::pin(handle(port.clone(), notes.clone(), message))
}

async fn handle(port: Port, notes: Notes, message: Envelope) -> Result<Bytes, String> {
    let body = String::from_utf8_lossy(&message.body).into_owned();
    match message.kind {
        EnvelopeKind::Start => run(&port, &notes, &steps::text(&body)).await.map(|_| Bytes::new()),
        EnvelopeKind::Request => run(&port, &notes, &body).await.map(Bytes::from),
        kind => {
            let sender = message.sender.to_string();
            note(&notes, steps::note(word(kind), &sender, message.labels.iter(), &message.body));
            if let Some(script) = body.strip_prefix("do ") {
                let told = run(&port, &notes, script).await?;
                note(&notes, told);
            }
            Ok(Bytes::new())
        }
    }
}

fn note(notes: &Notes, text: String) {
    notes.lock().unwrap_or_else(PoisonError::into_inner).push(text);
}

async fn run(port: &Port, notes: &Notes, script: &str) -> Result<String, String> {
    let mut lines = Vec::new();
    for line in script.lines() {
        lines.push(step(port, notes, steps::parse(line)?).await?);
    }
    Ok(lines.join("\n"))
}

async fn step(port: &Port, notes: &Notes, step: Step<'_>) -> Result<String, String> {
    Ok(match step {
        Step::Act { verb, resource, body } => {
            let result = port.act(verb, resource, body).await;
            steps::told(result.as_deref().map_err(|refusal| (refusal.code.as_str(), refusal.reason.as_str())))
        }
        Step::Repeat { times, verb, resource, body } => {
            let mut ways = BTreeMap::new();
            for _ in 0..times {
                let result = port.act(verb, resource, body.clone()).await;
                let way = result.as_ref().map_or_else(|refusal: &Refusal| refusal.code.as_str(), |_| "ok");
                *ways.entry(way.to_owned()).or_insert(0) += 1;
            }
            steps::counted(&ways)
        }
        Step::Heard => std::mem::take(&mut *notes.lock().unwrap_or_else(PoisonError::into_inner)).join("; "),
        Step::Now => port.now().0.to_string(),
        Step::Fail(text) => return Err(text.to_owned()),
        // What the simulated sandbox takes for the end of the instance.
        Step::Trap => return Err("trap: told to".to_owned()),
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
