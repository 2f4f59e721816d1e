//! Fuel: what is counted, that it ends a guest alone, and what the same components cost on every host.

use super::wasm::{Bench, ECHO, HOG, LOOPER};
use super::*;
use kernel_core::meter::INSTANTIATION;
use std::time::Duration;

/// CPU time in which one that runs away is ended, nanoseconds: the machine may be busy with others.
const IN_TIME: u64 = 100_000_000;

fn fueled(fuel: u64) -> Limits {
    Limits { fuel: Some(fuel), ..Limits::default() }
}

#[tokio::test]
async fn a_message_costs_the_same_in_every_instance() {
    let bench = Bench::new();
    let mut costs = Vec::new();
    for _ in 0..3 {
        let mut guest = bench.guest(ECHO).await;
        let mut of_one = Vec::new();
        for body in ["hello", "hello", "envelope", "act call /svc/echo\n{}", "count", "count"] {
            of_one.push(guest.handle(envelope(body)).await.usage.fuel);
        }
        costs.push(of_one);
    }
    assert!(costs[0].iter().all(|fuel| *fuel > 0), "{costs:?}");
    assert_eq!(costs[0], costs[1]);
    assert_eq!(costs[0], costs[2]);
}

#[tokio::test]
async fn one_that_runs_away_is_ended_by_its_fuel_and_no_other() {
    let bench = Bench::new();
    let mut bystander = bench.guest(ECHO).await;
    let mut looper = bench.start(LOOPER, fueled(20_000_000)).await.unwrap();
    let handled = looper.handle(envelope("")).await;
    assert!(handled.usage.cpu < IN_TIME, "{} ns", handled.usage.cpu);
    assert!(handled.usage.fuel >= 20_000_000, "{}", handled.usage.fuel);
    assert_eq!(fault(handled.result, FaultKind::Fuel), "it used up its fuel, and its limit is 20000000 units");
    fault(looper.handle(envelope("")).await.result, FaultKind::Trap);
    assert_eq!(bystander.handle(envelope("hello")).await.result.unwrap().unwrap(), "hello");
}

/// The same in JavaScript, by an engine that is in the component.
#[tokio::test]
async fn a_script_that_runs_away_is_ended_too() {
    const QUICKJS: &[u8] = include_bytes!("../../../../tests/fixtures/quickjs/guest.wasm");
    let bench = Bench::new();
    let mut guest = bench.start(QUICKJS, fueled(20_000_000)).await.unwrap();
    assert_eq!(guest.handle(envelope("hello")).await.result.unwrap().unwrap(), "hello");
    let handled = guest.handle(envelope("loop")).await;
    assert!(handled.usage.cpu < IN_TIME, "{} ns", handled.usage.cpu);
    fault(handled.result, FaultKind::Fuel);
}

#[tokio::test]
async fn each_message_is_given_the_whole_limit_and_exactly_that() {
    let bench = Bench::new();
    // The first message is the dearest: the guest sets itself up.
    let cost = bench.guest(ECHO).await.handle(envelope("hello")).await.usage.fuel;
    let mut enough = bench.start(ECHO, fueled(cost)).await.unwrap();
    assert_eq!(enough.handle(envelope("hello")).await.usage.fuel, cost);
    for _ in 0..10 {
        assert_eq!(enough.handle(envelope("hello")).await.result.unwrap().unwrap(), "hello");
    }
    let mut short = bench.start(ECHO, fueled(cost - 1)).await.unwrap();
    let handled = short.handle(envelope("hello")).await;
    assert_eq!(handled.usage.fuel, cost - 1);
    fault(handled.result, FaultKind::Fuel);
    assert!(INSTANTIATION > cost);
}

#[tokio::test]
async fn no_fuel_runs_nothing() {
    let bench = Bench::new();
    let mut guest = bench.start(ECHO, fueled(0)).await.unwrap();
    fault(guest.handle(envelope("hello")).await.result, FaultKind::Fuel);
}

#[tokio::test]
async fn memory_that_is_taken_costs_fuel() {
    let mut hog = Bench::new().start(HOG, fueled(1_000_000)).await.unwrap();
    fault(hog.handle(envelope("")).await.result, FaultKind::Fuel);
}

/// What messages cost, as `pkg/test/fuel.test.mjs` asks for it in a browser.
const PINNED: &str = include_str!("../../../../tests/fixtures/fuel.json");

#[derive(serde::Deserialize, serde::Serialize)]
struct Pinned {
    component: String,
    messages: Vec<Cost>,
}

#[derive(serde::Deserialize, serde::Serialize)]
struct Cost {
    kind: EnvelopeKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    body: String,
    fuel: u64,
}

/// The same components and messages cost the same here and in a browser. `WEFT_UPDATE=1` writes what they cost now.
#[tokio::test]
async fn messages_cost_what_they_cost_in_a_browser() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let bench = Bench::new();
    let mut pinned: Vec<Pinned> = serde_json::from_str(PINNED).unwrap();
    let mut differ = Vec::new();
    for Pinned { component, messages } in &mut pinned {
        let program: &'static [u8] = std::fs::read(root.join(&*component)).unwrap().leak();
        let mut guest = bench.guest(program).await;
        for Cost { kind, target, content_type, body, fuel } in messages {
            let mut message = envelope(body.clone());
            message.kind = *kind;
            if let Some(target) = target {
                message.target = Resource::parse(target, PID).unwrap();
            }
            if let Some(content_type) = content_type {
                message.content_type = content_type.as_str().into();
            }
            let handled = guest.handle(message).await;
            handled.result.unwrap().ok();
            if handled.usage.fuel != *fuel {
                let begins: String = body.chars().take(20).collect();
                differ.push(format!("{component} {begins:?}: {} instead of {fuel}", handled.usage.fuel));
                *fuel = handled.usage.fuel;
            }
        }
    }
    if std::env::var_os("WEFT_UPDATE").is_some() {
        let text = serde_json::to_string_pretty(&pinned).unwrap() + "\n";
        std::fs::write(root.join("tests/fixtures/fuel.json"), text).unwrap();
        return;
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

/// What Python is given: its interpreter alone takes more than guests usually have.
const FOR_PYTHON: Limits = Limits { memory: 256 << 20, handle: Duration::from_secs(30), fuel: None };

/// The same in Python, whose component is too large to be kept: `WEFT_PYTHON` says where it lies. What its messages cost is written
/// beside it, for `pkg/test/python.mjs` to compare with what they cost in a browser.
#[tokio::test]
#[ignore = "wants a component in Python, which tests/ci.sh python builds"]
async fn a_guest_in_python_works_is_ended_and_costs_the_same() {
    let path = std::path::PathBuf::from(std::env::var_os("WEFT_PYTHON").expect("the path of the component"));
    let program: &'static [u8] = std::fs::read(&path).unwrap().leak();
    let bench = Bench::new();
    let mut costs = Vec::new();
    for _ in 0..2 {
        let mut guest = bench.start(program, FOR_PYTHON).await.unwrap();
        let mut of_one = Vec::new();
        for (body, said) in [
            ("hello", "hello"),
            ("work", r#"{"last": 1005, "words": ["quick", "brown", "jumps", "over", "lazy"]}"#),
            ("act", "{}\nfrom Python"),
        ] {
            let handled = guest.handle(envelope(body)).await;
            assert_eq!(handled.result.unwrap().unwrap(), said);
            let (kind, fuel) = (EnvelopeKind::Request, handled.usage.fuel);
            of_one.push(Cost { kind, target: None, content_type: None, body: body.to_owned(), fuel });
        }
        costs.push(of_one);
    }
    let [first, second] = costs.try_into().unwrap_or_else(|_| unreachable!("two instances"));
    let told = |costs: &[Cost]| serde_json::to_string_pretty(costs).unwrap();
    assert_eq!(told(&first), told(&second));
    std::fs::write(path.with_extension("fuel.json"), told(&first)).unwrap();

    let mut looper = bench.start(program, Limits { fuel: Some(20_000_000), ..FOR_PYTHON }).await.unwrap();
    let handled = looper.handle(envelope("loop")).await;
    println!("20,000,000 units of Python in {:.1} ms", handled.usage.cpu as f64 / 1e6);
    assert!(handled.usage.cpu < IN_TIME, "{} ns", handled.usage.cpu);
    fault(handled.result, FaultKind::Fuel);
    let mut hog = bench.start(program, FOR_PYTHON).await.unwrap();
    fault(hog.handle(envelope("hold")).await.result, FaultKind::Memory);
}
