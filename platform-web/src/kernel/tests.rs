//! The class as JavaScript uses it, without guests: those are tested with the package.

use super::*;
use crate::storage::tests::clear;
use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use wasm_bindgen_test::wasm_bindgen_test;

fn options(storage: &str, name: &str) -> JsValue {
    to_js(&json!({ "storage": storage, "environment": "dev", "name": name }))
}

async fn booted(storage: &str, name: &str) -> WebKernel {
    WebKernel::boot(options(storage, name), Function::new_no_args("")).await.unwrap()
}

fn json_of(value: &JsValue) -> Value {
    from_js("a value", value).unwrap()
}

fn code(error: &JsValue) -> String {
    assert!(error.is_instance_of::<js_sys::Error>());
    Reflect::get(error, &"code".into()).unwrap().as_string().unwrap()
}

fn message(error: &JsValue) -> String {
    error.unchecked_ref::<js_sys::Error>().message().into()
}

const MANIFEST: &str = "[app]\nname = \"a\"\nversion = \"0.1.0\"\ndescription = \"For a test\"\n\
    [[mount]]\nname = \"repo\"\nlabels = [\"private\"]\nclearance = [\"secret\"]\n\
    [[agent]]\nname = \"x\"\nprogram = { wasm = \"echo.wasm\" }\nuse = [\"read /fs/repo/**\"]\n\
    optional = [\"connect /net/example.com:443\"]\n\
    [[agent]]\nname = \"y\"\nprogram = { wasm = \"echo.wasm\" }\nuse = [\"connect /net/example.org:443\"]\n";

fn files() -> JsValue {
    let files = Object::new();
    let echo = Uint8Array::from(&include_bytes!("../../../tests/fixtures/guests/echo.wasm")[..]);
    Reflect::set(&files, &"echo.wasm".into(), &echo).unwrap();
    files.into()
}

fn texts(texts: &[&str]) -> JsValue {
    texts.iter().map(|text| JsValue::from_str(text)).collect::<Array>().into()
}

#[wasm_bindgen_test]
async fn a_kernel_boots_tells_and_stops_with_a_signed_log() {
    let told = Array::new();
    let kept = told.clone();
    let listener = Closure::<dyn FnMut(JsValue)>::new(move |news| {
        kept.push(&news);
    });
    let listen: Function = listener.as_ref().unchecked_ref::<Function>().clone();
    let kernel = WebKernel::boot(options("memory", "told"), listen).await.unwrap();
    let profile = json_of(&kernel.profile());
    assert_eq!(
        (&profile["host"], &profile["durability"], &profile["persisted"]),
        (&json!("web"), &json!("memory"), &Value::Null)
    );
    assert_eq!((&profile["suspension"], &profile["key_custody"]), (&json!("next_act"), &json!("non_extractable")));
    for missing in ["containers", "raw sockets", "suspension of what computes"] {
        assert!(profile["missing"].as_array().unwrap().iter().any(|one| one[0] == missing), "{profile}");
    }
    let note = kernel.checkpoint().await.unwrap();
    let key = kernel.key().await.unwrap();
    assert!(note.starts_with(key.split('+').next().unwrap()), "{note} by {key}");
    let verified = json_of(&kernel.verify().await.unwrap());
    assert_eq!(verified["ok"], true, "{verified}");
    let events = json_of(&kernel.events(to_js(&json!({ "from": 0, "limit": 3 }))).await.unwrap());
    assert_eq!(events["events"].as_array().unwrap().len(), 3, "{events}");
    assert_eq!((&events["events"][0]["kind"], &events["events"][0]["seq"]), (&json!("boot"), &json!(0)));
    assert!(events["size"].as_u64().unwrap() >= 4);
    let last = json_of(&kernel.events(to_js(&json!({ "from": 3 }))).await.unwrap());
    assert_eq!(last["events"][0]["seq"], 3);
    let summary = json_of(&kernel.summary().unwrap());
    assert_eq!(summary["processes"][0]["name"], "operator");
    assert!(told.iter().any(|news| json_of(&news)["notice"]["kind"] == "phase"));
    kernel.shutdown("the test is over").await.unwrap();
    for refused in
        [kernel.summary().map(drop), kernel.checkpoint().await.map(drop), kernel.shutdown("again").await.map(drop)]
    {
        assert_eq!(code(&refused.unwrap_err()), "cancelled");
    }
}

#[wasm_bindgen_test]
async fn a_log_goes_on_after_a_shutdown_and_is_held_by_one_kernel() {
    clear(&Name::parse("goes-on").unwrap()).await;
    let kernel = booted("opfs", "goes-on").await;
    assert_eq!(json_of(&kernel.profile())["durability"], "disk");
    let held = WebKernel::boot(options("opfs", "goes-on"), Function::new_no_args("")).await.unwrap_err();
    assert_eq!((code(&held).as_str(), Reflect::get(&held, &"kind".into()).unwrap()), ("storage", "held".into()));
    let head = to_js(&json!({ "replace": true }));
    kernel.act("write", "/tree/notes/one", head, Some(Uint8Array::from(&b"kept"[..]))).await.unwrap();
    let first = kernel.shutdown("the tab is closed").await.unwrap();
    let kernel = booted("opfs", "goes-on").await;
    let read = kernel.act("read", "/tree/notes/one", JsValue::UNDEFINED, None).await.unwrap().to_vec();
    assert!(read.ends_with(b"kept"), "{}", String::from_utf8_lossy(&read));
    let second = kernel.checkpoint().await.unwrap();
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<u64>().unwrap();
    assert!(size(&second) > size(&first));
    assert!(json_of(&kernel.verify().await.unwrap())["size"].as_u64().unwrap() >= size(&second));
    kernel.shutdown("done").await.unwrap();
}

#[wasm_bindgen_test]
async fn a_check_tells_what_is_asked_for_and_what_is_given() {
    let kernel = booted("memory", "check").await;
    let check = |allow: &[&str], mounts: &[&str]| {
        json_of(&kernel.check(MANIFEST, files(), texts(allow), texts(mounts)).unwrap())
    };
    let report = check(&[], &[]);
    assert_eq!((&report["app"], &report["version"], &report["problems"]), (&json!("a"), &json!("0.1.0"), &json!([])));
    assert_eq!(report["mounts"][0]["labels"], json!(["private"]));
    assert_eq!(report["mounts"][0]["clearance"], json!(["secret"]));
    assert_eq!(report["agents"][0]["use"], json!(["read /fs/repo/**"]));
    let given = |report: &Value| -> Vec<(String, bool, bool)> {
        let asks = report["asks"].as_array().unwrap().iter();
        let bool = |ask: &Value, key: &str| ask[key].as_bool().unwrap();
        asks.map(|ask| (ask["right"].as_str().unwrap().to_owned(), bool(ask, "optional"), bool(ask, "given"))).collect()
    };
    let (repo, com, org) = ("read /fs/repo/**", "connect /net/example.com:443", "connect /net/example.org:443");
    let of =
        |all: [(&str, bool, bool); 3]| all.map(|(right, optional, given)| (right.to_owned(), optional, given)).to_vec();
    assert_eq!(given(&report), of([(repo, false, false), (com, true, false), (org, false, false)]));
    assert_eq!(given(&check(&[com], &["repo"])), of([(repo, false, true), (com, true, true), (org, false, false)]));
    assert_eq!(given(&check(&[org], &["repo"])), of([(repo, false, true), (com, true, false), (org, false, true)]));
    assert_eq!(check(&[org], &["repo", "rpeo"])["unused"].as_array().unwrap().len(), 1);
    // What is wrong is told, not thrown.
    let wrong = json_of(&kernel.check("[app]\nname = 7\n", files(), texts(&[]), texts(&[])).unwrap());
    assert!(!wrong["problems"].as_array().unwrap().is_empty(), "{wrong}");
    for (key, value) in report.as_object().unwrap() {
        let empty = if value.is_array() { json!([]) } else { json!("") };
        assert!(key == "problems" || wrong[key] == empty, "{key}: {wrong}");
    }
    let missing = json!({ "agent": "x", "right": repo, "flag": "--mount repo=PATH", "mount": "repo" });
    assert_eq!(report["missing"][0], missing);
    let absent = json_of(&kernel.check(MANIFEST, Object::new().into(), texts(&[]), texts(&[])).unwrap());
    assert!(absent["problems"][0]["text"].as_str().unwrap().contains("no such file"), "{absent}");
    kernel.shutdown("done").await.unwrap();
}

#[wasm_bindgen_test]
async fn what_was_not_given_is_not_installed() {
    let kernel = booted("memory", "install").await;
    let install =
        |allow: &'static [&'static str], mounts: Value| kernel.install(MANIFEST, files(), texts(allow), to_js(&mounts));
    let refused = install(&["connect /net/example.org:443"], json!({})).await.unwrap_err();
    assert_eq!(code(&refused), "denied");
    assert!(message(&refused).contains("--mount repo=PATH"), "{}", message(&refused));
    for wrong in [json!("opfs"), json!({ "repo": 7 }), json!({ "not a name": "opfs" })] {
        assert_eq!(code(&install(&["connect /net/example.org:443"], wrong).await.unwrap_err()), "invalid");
    }
    assert_eq!(code(&install(&["fly /net/x"], json!({})).await.unwrap_err()), "invalid");
    assert_eq!(code(&kernel.start("a", "quiet").await.unwrap_err()), "not_found");
    assert_eq!(code(&kernel.stop("a").await.unwrap_err()), "not_found");
    assert_eq!(
        code(&kernel.act("connect", "/net/example.com:443", JsValue::UNDEFINED, None).await.unwrap_err()),
        "denied"
    );
    kernel.shutdown("done").await.unwrap();
}

#[wasm_bindgen_test]
async fn folders_and_files_are_mounted_and_read_back() {
    let kernel = booted("memory", "mounts").await;
    let file = web_sys::File::new_with_str_sequence(&Array::of1(&"hello".into()), "a.txt").unwrap();
    let files = Object::new();
    Reflect::set(&files, &"files".into(), &Array::of1(&Array::of2(&"d/a.txt".into(), &file))).unwrap();
    kernel.mount("dropped", files.into()).await.unwrap();
    assert_eq!(kernel.read_file("dropped", "d/a.txt").await.unwrap().to_vec(), b"hello");
    assert_eq!(code(&kernel.read_file("dropped", "b").await.unwrap_err()), "not_found");
    kernel.mount("out", "opfs".into()).await.unwrap();
    for wrong in [JsValue::NULL, JsValue::from(7), Object::new().into()] {
        assert_eq!(code(&kernel.mount("x", wrong).await.unwrap_err()), "invalid");
    }
    assert_eq!(code(&kernel.mount("not a name", "opfs".into()).await.unwrap_err()), "invalid");
    kernel.shutdown("done").await.unwrap();
}

#[wasm_bindgen_test]
async fn an_application_that_is_not_installed_changes_no_mount() {
    let kernel = booted("memory", "unbound").await;
    let list = |content: &str| {
        let file = web_sys::File::new_with_str_sequence(&Array::of1(&content.into()), "f").unwrap();
        let source = Object::new();
        Reflect::set(&source, &"files".into(), &Array::of1(&Array::of2(&"f".into(), &file))).unwrap();
        source
    };
    let private = Object::new();
    Reflect::set(&private, &"repo".into(), &list("private")).unwrap();
    let install = || kernel.install(MANIFEST, files(), texts(&[]), private.clone().into());
    assert_eq!(code(&install().await.unwrap_err()), "denied");
    assert_eq!(code(&kernel.read_file("repo", "f").await.unwrap_err()), "not_found");
    kernel.mount("repo", list("harmless").into()).await.unwrap();
    assert_eq!(code(&install().await.unwrap_err()), "denied");
    assert_eq!(kernel.read_file("repo", "f").await.unwrap().to_vec(), b"harmless");
    kernel.shutdown("done").await.unwrap();
}

#[wasm_bindgen_test]
async fn limits_beyond_half_of_the_machine_want_a_budget_that_names_its_memory() {
    let kernel = booted("memory", "bounded").await;
    let problems = |more: &str| {
        let manifest = format!("{MANIFEST}limits = {{ memory = \"1TiB\" }}\n{more}");
        json_of(&kernel.check(&manifest, files(), texts(&["connect /net/example.org:443"]), texts(&["repo"])).unwrap())
    };
    let bounded = problems("");
    let text = bounded["problems"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("names no `[budget] memory` has"), "{bounded}");
    let named = problems("[budget]\nmemory = \"2TiB\"\n");
    assert_eq!(named["problems"], json!([]), "{named}");
    kernel.shutdown("done").await.unwrap();
}

/// A log of several pages is verified while its kernel goes on.
#[wasm_bindgen_test]
async fn a_long_log_is_verified_in_pieces_while_the_kernel_goes_on() {
    const ACTS: u64 = 32_000;
    let kernel = booted("memory", "pieces").await;
    kernel.act("write", "/tree/x", to_js(&json!({ "replace": true })), None).await.unwrap();
    let session = kernel.running().unwrap().operator;
    let acts = (0..ACTS).map(|_| session.act("read", "/tree/x", body::json(&json!({}))));
    futures::future::join_all(acts).await;
    kernel.checkpoint().await.unwrap();
    let ticked = std::rc::Rc::new(std::cell::Cell::new(0));
    let (ticks, acting) = (ticked.clone(), session.clone());
    WebSpawn.spawn("ticks", async move {
        // Until the kernel is shut down. What is committed meanwhile is not what is being verified.
        while acting.act("read", "/tree/x", body::json(&json!({}))).await.is_ok() {
            ticks.set(ticks.get() + 1);
            crate::clock::turn().await;
        }
    });
    let Running { rows, key, .. } = kernel.running().unwrap();
    let before = ticked.get();
    let verified = log::verify(&rows, &key).await.unwrap_or_else(|e| panic!("{}", e.message()));
    let meanwhile = ticked.get() - before;
    assert!(verified["ok"] == true && verified["size"].as_u64().unwrap() > ACTS, "{verified}");
    assert!(meanwhile >= 3, "until it was verified other things ran {meanwhile} times");
    drop(rows);
    kernel.shutdown("done").await.unwrap();
}

#[wasm_bindgen_test]
async fn options_that_are_none_are_refused_in_words() {
    for (wrong, named) in [
        (json!({ "storage": "disk" }), "opfs"),
        (json!({ "environment": "test" }), "dev, staging or prod"),
        (json!({ "name": "../x" }), "the kernel's name"),
        (json!({ "nmae": "x" }), "nmae"),
    ] {
        let refused = WebKernel::boot(to_js(&wrong), Function::new_no_args("")).await.unwrap_err();
        assert_eq!(code(&refused), "invalid");
        assert!(message(&refused).contains(named), "{}", message(&refused));
    }
}

/// Panics inside of a call from JavaScript, which catches the trap as the browser's event loop would.
fn panic_in_a_call() {
    let panics = Closure::<dyn FnMut()>::new(|| panic!("told to"));
    let call = Function::new_with_args("panics", "try { panics() } catch (trap) { return String(trap) }");
    let caught = call.call1(&JsValue::NULL, panics.as_ref()).unwrap();
    assert!(caught.as_string().unwrap().contains("unreachable"));
    // Its borrow was never given back.
    panics.forget();
}

#[wasm_bindgen_test]
async fn after_a_panic_nothing_of_the_kernel_runs_and_every_call_says_so() {
    let told = Array::new();
    let kept = told.clone();
    let listener = Closure::<dyn FnMut(JsValue)>::new(move |news| {
        kept.push(&news);
    });
    let listen: Function = listener.as_ref().unchecked_ref::<Function>().clone();
    let kernel = WebKernel::boot(options("memory", "crash"), listen).await.unwrap();
    let ticked = std::rc::Rc::new(std::cell::Cell::new(0));
    let ticks = ticked.clone();
    WebSpawn.spawn("ticks", async move {
        loop {
            crate::clock::pause(1).await;
            ticks.set(ticks.get() + 1);
        }
    });
    crate::clock::pause(20).await;
    assert!(ticked.get() > 0);
    panic_in_a_call();
    let news = json_of(&told.get(told.length() - 1));
    let message = news["crashed"]["message"].as_str().unwrap();
    assert!(message.starts_with("told to (") && message.contains("tests.rs"), "{message}");
    let nothing = || JsValue::UNDEFINED;
    for refused in [
        kernel.summary().map(drop),
        kernel.answer(1.0, true),
        kernel.check(MANIFEST, files(), texts(&[]), texts(&[])).map(drop),
        kernel.act("read", "/tree/x", nothing(), None).await.map(drop),
        kernel.checkpoint().await.map(drop),
        kernel.verify().await.map(drop),
        kernel.events(to_js(&json!({}))).await.map(drop),
        kernel.receipt(1.0, false).await.map(drop),
        kernel.tree_children("/tree", None).await.map(drop),
        kernel.prove_node("/tree").await.map(drop),
        kernel.read_file("m", "x").await.map(drop),
        kernel.mount("m", nothing()).await,
        kernel.install(MANIFEST, files(), nothing(), nothing()).await,
        kernel.start("a", "quiet").await,
        kernel.stop("a").await,
        kernel.kill(1.0).await,
        kernel.shutdown("now").await.map(drop),
        WebKernel::boot(options("memory", "crash"), Function::new_no_args("")).await.map(drop),
    ] {
        let error = refused.unwrap_err();
        assert_eq!(code(&error), "crashed");
        assert!(super::tests::message(&error).contains("told to"));
    }
    let before = ticked.get();
    crate::clock::pause(20).await;
    assert_eq!(ticked.get(), before, "a task went on");
    crash::forget();
}

/// Prints how fast a kernel on the origin private file system is, beside the bars of DESIGN:
/// `cargo test --release -p platform-web --lib -- --include-ignored --nocapture speed`.
#[wasm_bindgen_test]
#[ignore = "measures"]
async fn speed() {
    const ACTS: usize = 20_000;
    const CALLERS: usize = 256;
    let now = || crate::js::scope().performance().unwrap().now();
    clear(&Name::parse("speed").unwrap()).await;
    let at = now();
    let kernel = booted("opfs", "speed").await;
    let bar = |what: &str, found: f64, bar: &str| {
        wasm_bindgen_test::console_log!("bar: {what}: {found:.0}; the bar is {bar}");
    };
    bar("boot, milliseconds", now() - at, "400 cold");
    kernel.act("write", "/tree/x", to_js(&json!({ "replace": true })), None).await.unwrap();
    let size = |note: &str| note.lines().nth(1).unwrap().parse::<f64>().unwrap();
    let before = size(&kernel.checkpoint().await.unwrap());
    let at = now();
    let session = kernel.running().unwrap().operator;
    let callers = (0..CALLERS).map(|_| async {
        for _ in 0..ACTS / CALLERS {
            session.act("read", "/tree/x", body::json(&json!({}))).await.unwrap();
        }
    });
    futures::future::join_all(callers).await;
    let events = size(&kernel.checkpoint().await.unwrap()) - before;
    bar("durable events a second", events / (now() - at) * 1e3, "20,000");
    let at = now();
    let verified = json_of(&kernel.verify().await.unwrap());
    bar("events verified a second", verified["size"].as_f64().unwrap() / (now() - at) * 1e3, "200,000");
    kernel.shutdown("measured").await.unwrap();
    let at = now();
    booted("opfs", "speed").await.shutdown("measured").await.unwrap();
    bar("boot over that log and shutdown, milliseconds", now() - at, "none");
}

#[wasm_bindgen_test]
async fn a_log_whose_key_is_gone_is_not_continued() {
    let name = Name::parse("no-key").unwrap();
    clear(&name).await;
    booted("opfs", "no-key").await.shutdown("done").await.unwrap();
    let factory = crate::js::scope().indexed_db().unwrap().unwrap();
    factory.delete_database("weft/no-key").unwrap();
    for _ in 0..2 {
        let refused = WebKernel::boot(options("opfs", "no-key"), Function::new_no_args("")).await.unwrap_err();
        assert_eq!(code(&refused), "boot");
        assert!(message(&refused).contains("key"), "{}", message(&refused));
    }
}
