//! The contract of `Sandbox`, with a kernel that a test scripts.

use super::*;
use bytes::Bytes;
use futures::channel::oneshot;
use kernel_core::id::{MessageId, Pid};
use kernel_core::ipc::EnvelopeKind;
use kernel_core::label::Labels;
use kernel_core::path::{Name, Resource};
use kernel_core::platform::{ActReply, FaultKind, Limits, LogLevel, Syscalls};
use kernel_core::refusal::{Code, Refusal};
use kernel_core::time::Instant;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

#[cfg(not(feature = "wasm-sandbox"))]
mod absent;
#[cfg(feature = "wasm-sandbox")]
mod fuel;
#[cfg(feature = "wasm-sandbox")]
mod meter;
mod native;
#[cfg(feature = "wasm-sandbox")]
mod wasm;

const PID: Pid = Pid(7);

/// A kernel that notes what it is asked and answers by the resource:
/// `/svc/echo` with the body at once, `/svc/later` with it after a moment, `/svc/never` not at all,
/// anything else with a refusal.
#[derive(Default)]
struct Scripted {
    acts: AtomicU64,
    logs: Mutex<Vec<(LogLevel, String)>>,
    waiting: Mutex<Vec<oneshot::Sender<Result<Bytes, Refusal>>>>,
}

impl Syscalls for Scripted {
    fn act(&self, pid: Pid, verb: &str, resource: &str, body: Bytes) -> ActReply {
        assert_eq!(pid, PID);
        self.acts.fetch_add(1, Ordering::SeqCst);
        match resource {
            "/svc/echo" => ActReply::ready(Ok(body)),
            "/svc/later" => {
                let (answer, reply) = oneshot::channel();
                tokio::spawn(async move {
                    tokio::time::sleep(std::time::Duration::from_millis(5)).await;
                    let _ = answer.send(Ok(body));
                });
                ActReply::Wait(reply)
            }
            "/svc/never" => {
                let (answer, reply) = oneshot::channel();
                self.waiting.lock().unwrap().push(answer);
                ActReply::Wait(reply)
            }
            _ => ActReply::ready(Err(Refusal::new(Code::NotDurable, format!("no {verb} of {resource}")))),
        }
    }

    fn log(&self, _: Pid, level: LogLevel, text: &str) {
        self.logs.lock().unwrap().push((level, text.to_owned()));
    }

    fn now(&self, _: Pid) -> Instant {
        Instant(42)
    }
}

fn envelope(body: impl Into<Bytes>) -> Envelope {
    Envelope {
        id: MessageId(3),
        sender: Resource::parse("/proc/5", PID).unwrap(),
        target: Resource::parse("/svc/echo", PID).unwrap(),
        kind: EnvelopeKind::Request,
        correlation: Some(9),
        deadline: Some(Instant(1_000)),
        labels: Labels::parse(["secret", "private"]).unwrap(),
        content_type: "text/plain".into(),
        body: body.into(),
    }
}

fn request(program: Program, limits: Limits) -> StartRequest {
    StartRequest { pid: PID, program, limits, seed: [1; 32], again: false }
}

fn fault<T: std::fmt::Debug>(result: Result<T, Fault>, kind: FaultKind) -> String {
    let fault = result.unwrap_err();
    assert_eq!(fault.kind, kind, "{}", fault.reason);
    assert!(!fault.reason.contains('\n'), "{}", fault.reason);
    fault.reason
}
