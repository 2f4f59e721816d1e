//! What a guest's worker may say, and what time it gets, told by nobody's worker.

use super::events::{Event, GuestEvents, Used};
use super::guest::Live;
use crate::clock::{WebClock, pause, turn};
use bytes::Bytes;
use futures::StreamExt;
use js_sys::{Function, JsString, Object, Reflect, Uint8Array};
use kernel_core::id::Pid;
use kernel_core::ipc::body::{self, FrameError, MAX_HEADER, MAX_PAYLOAD};
use kernel_core::platform::{ActReply, Clock, FaultKind, Gauge, LogLevel, Port, Syscalls};
use kernel_core::time::Instant;
use std::sync::Arc;
use std::time::Duration;
use wasm_bindgen::JsCast;
use wasm_bindgen_test::wasm_bindgen_test;

struct Quiet;

impl Syscalls for Quiet {
    fn act(&self, _: Pid, _: &str, _: &str, _: Bytes) -> ActReply {
        ActReply::ready(Ok(Bytes::new()))
    }

    fn log(&self, _: Pid, _: LogLevel, _: &str) {}

    fn now(&self, _: Pid) -> Instant {
        Instant(0)
    }
}

/// An instance whose worker is this test, which tells what that would.
fn instance() -> (Live, GuestEvents) {
    let (told, events) = GuestEvents::channel();
    let worker = Object::new();
    for method in ["handle", "reply", "refuse", "end"] {
        Reflect::set(&worker, &method.into(), &Function::new_no_args("")).unwrap();
    }
    let port = Port::new(Arc::new(Quiet), Pid(7));
    (Live { worker: worker.unchecked_into(), events, port, clock: WebClock::new(), gauge: Gauge::default() }, told)
}

#[wasm_bindgen_test]
async fn what_a_guest_says_is_cut_before_it_is_copied_and_is_still_too_large() {
    let (told, mut events) = GuestEvents::channel();
    let long = JsString::from("x").repeat(1 << 24);
    let large = Uint8Array::new_with_length(64 << 20);
    let newline_at = |at: u32| large.fill(10, at, at + 1);
    let mut said = async || events.next().await.unwrap();
    for (at, error) in [(0, FrameError::PayloadTooLarge), (MAX_HEADER as u32, FrameError::PayloadTooLarge)] {
        let body = newline_at(at);
        told.act(long.clone(), long.clone(), body, 0.0, 0, 0);
        let Event::Act { verb, resource, body, .. } = said().await else { panic!("another event") };
        // The kernel itself cuts to one byte more than a path may have.
        assert_eq!((verb.len(), resource.len()), (4_097, 4_097));
        assert!(body.len() <= MAX_HEADER + MAX_PAYLOAD + 2);
        assert_eq!(body::split(&body.into()), Err(error));
        large.fill(0, at, at + 1);
    }
    told.handled(large, 0.0, 0, 0);
    let Event::Handled(Ok(reply), _) = said().await else { panic!("another event") };
    assert_eq!(reply.len(), MAX_PAYLOAD + 1);
    told.failed(long.clone(), 0.0, 0, 0);
    assert!(matches!(said().await, Event::Handled(Err(text), _) if text.len() == 2_048));
    told.log(2, long.clone(), 0.0, 0, 0);
    assert!(matches!(said().await, Event::Log(LogLevel::Info, text, _) if text.len() == 2_048));
    told.fault("trap", long, 0.0, 0, 0);
    assert!(matches!(said().await, Event::Fault(FaultKind::Trap, text, _) if text.len() == 2_048));
    // What is not too large is whole.
    let largest = Uint8Array::new_with_length((MAX_HEADER + 1 + MAX_PAYLOAD) as u32);
    told.act("read".into(), "/tree/x".into(), largest, 0.0, 0, 0);
    assert!(
        matches!(said().await, Event::Act { verb, body, .. } if verb == "read" && body.len() == MAX_HEADER + 1 + MAX_PAYLOAD)
    );
}

#[wasm_bindgen_test]
async fn a_guest_that_logs_gains_no_time() {
    let (mut live, told) = instance();
    let limit = Duration::from_millis(150);
    wasm_bindgen_futures::spawn_local(async move {
        // A line every 20 ms, and never an end.
        for line in 1..200 {
            pause(20).await;
            told.log(2, "still here".into(), f64::from(line) * 20.0, 0, 0);
        }
    });
    let clock = WebClock::new();
    let begun = clock.now();
    let ran = live.run(limit).await;
    assert_eq!(ran.result.unwrap_err().kind, FaultKind::Cpu);
    assert!(clock.now() < begun.after(Duration::from_secs(2)));
}

#[wasm_bindgen_test]
async fn an_answer_that_lies_unread_was_in_time() {
    for (ran, in_time) in [(5.0, true), (300.0, false)] {
        let (mut live, told) = instance();
        wasm_bindgen_futures::spawn_local(async move {
            pause(5).await;
            // This worker is busy beyond the guest's limit; the answer is told by a message that comes meanwhile.
            let channel = web_sys::MessageChannel::new().unwrap();
            let answer = wasm_bindgen::prelude::Closure::once_into_js(move |_: wasm_bindgen::JsValue| {
                told.handled(Uint8Array::new_with_length(1), ran, 0, 0);
            });
            channel.port2().set_onmessage(Some(answer.unchecked_ref()));
            let until = js_sys::Date::now() + 400.0;
            while js_sys::Date::now() < until {}
            channel.port1().post_message(&wasm_bindgen::JsValue::NULL).unwrap();
        });
        let ran = live.run(Duration::from_millis(100)).await;
        turn().await;
        match ran.result {
            Ok(answer) => assert!(in_time && answer == Ok(vec![0])),
            Err(fault) => assert!(!in_time && fault.kind == FaultKind::Cpu, "{fault:?}"),
        }
        assert_eq!(ran.used.ran, Duration::from_secs_f64(if in_time { 0.005 } else { 0.3 }));
    }
}

#[wasm_bindgen_test]
fn what_is_used_is_a_number() {
    let (told, mut events) = GuestEvents::channel();
    told.started(f64::NAN, 1, 2);
    let started = futures::FutureExt::now_or_never(events.next()).flatten();
    assert_eq!(started, Some(Event::Started(Used { ran: Duration::ZERO, memory: 1, fuel: 2 })));
}
