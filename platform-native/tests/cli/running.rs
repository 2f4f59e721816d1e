//! Runs to the end: what is printed, what is written, and the exit code.

use crate::harness::{Done, Home, agent};
use std::io::Read;
use std::process::Stdio;

const MOUNTS: &str = "[[mount]]\nname = \"repo\"\nlabels = [\"secret\"]\n[[mount]]\nname = \"out\"\nmode = \"write\"\n";

/// One that reads, one that writes, and one that reaches for what it was not given.
fn three() -> Home {
    let reads = "use = [\"read /fs/repo/**\", \"list /fs/repo/**\"]";
    let courier = ["act read /fs/repo/a.txt", "act connect /net/203.0.113.7:443", "act connect /net/203.0.113.7:443"];
    Home::new(
        &[
            MOUNTS,
            &agent("reader", &["act list /fs/repo", "act read /fs/repo/a.txt"], reads),
            &agent("courier", &courier, "use = [\"read /fs/repo/**\"]"),
            &agent(
                "writer",
                &["act write /fs/out/report.md {\"replace\":true} written"],
                "use = [\"write /fs/out/**\"]\noptional = [\"connect /net/**\"]",
            ),
        ]
        .concat(),
    )
}

const GIVEN: [&str; 6] = ["run", "play", "--mount", "repo=repo", "--mount", "out=out"];

#[test]
fn a_run_goes_on_when_one_is_refused_and_tells_who_what_and_why() {
    let home = three();
    let done = home.weft(&GIVEN).exits(0).says(&[
        "play 0.1.0 in dev: done",
        "reader",
        "courier",
        "Refused (2)",
        "connect /net/203.0.113.7:443 denied, 2 times",
        "agent courier holds no right",
        "no flag gives it",
        "labels    secret",
        "privacy 9000",
        "of at most 9000 in dev",
        "writer: connect /net/**",
        "Checkpoint over",
        "In dev outward acts did not wait for the log",
    ]);
    let row = |of: &str| {
        let line = done.out.lines().find(|line| line.split_whitespace().nth(1) == Some(of)).unwrap();
        line.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let columns = "PID NAME ROLE EXIT MSGS ACTS REFUSED CPU ms FUEL M MEMORY";
    assert_eq!(row("NAME").join(" "), columns, "{done:#?}");
    let courier = row("courier");
    assert_eq!(courier[..7], ["4", "courier", "worker", "shutdown", "1", "1", "2"], "{done:#?}");
    assert!(courier[7].parse::<f64>().is_ok() && courier[8].parse::<f64>().is_ok(), "{courier:?}");
    assert!(courier[9].parse::<f64>().unwrap() > 0.0, "{courier:?}");
    assert!(done.out.contains(home.data().canonicalize().unwrap().to_str().unwrap()));
    assert!(!done.out.contains('\u{1b}') && done.err.is_empty(), "a pipe gets no progress: {done:#?}");
    assert_eq!(std::fs::read_to_string(home.path("out/report.md")).unwrap(), "written");
}

#[test]
fn diagnostics_that_cannot_be_written_stop_nothing() {
    let home = Home::with_script(&[]);
    home.weft(&["run", "play"]).exits(0);
    // What is warned of: compiled code cannot be kept.
    std::fs::remove_dir_all(home.data().join("cache")).unwrap();
    std::fs::write(home.data().join("cache"), "").unwrap();
    let mut command = home.command(&["run", "play"]);
    command.env("WEFT_LOG", "warn").stdout(Stdio::piped());
    command.stderr(std::fs::File::options().write(true).open("/dev/full").unwrap());
    Done::of_child(command.spawn().unwrap()).exits(0).says(&["done after"]);
}

#[test]
fn nothing_is_refused_however_soon_an_application_ends() {
    let home = Home::with_script(&[]);
    for _ in 0..40 {
        let document = home.weft(&["run", "play", "--json"]).exits(0).json();
        assert_eq!((&document["refusals"], &document["verdicts"]["refused"]), (&serde_json::json!([]), &0.into()));
    }
}

#[test]
fn json_is_one_document_with_the_same() {
    let home = three();
    let mut arguments = GIVEN.to_vec();
    arguments.push("--json");
    let document = home.weft(&arguments).exits(0).json();
    assert_eq!((&document["outcome"], &document["exit"]), (&"done".into(), &0.into()));
    assert_eq!(document["app"]["name"], "play");
    assert_eq!(document["environment"], "dev");
    assert_eq!(document["output_commit"], false);
    let processes = document["processes"].as_array().unwrap();
    let names: Vec<&str> = processes.iter().map(|process| process["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["operator", "play", "reader", "courier", "writer"]);
    for (name, messages, acts, refused) in [("reader", 1, 2, 0), ("courier", 1, 1, 2), ("writer", 1, 1, 0)] {
        let row = processes.iter().find(|row| row["name"] == name).unwrap();
        let told = ["messages", "acts", "refused"].map(|column| row[column].as_u64().unwrap());
        assert_eq!(told, [messages, acts, refused], "{row:#}");
        let used = ["cpu", "memory", "fuel"].map(|column| row[column].as_u64().unwrap());
        assert!(used[0] > 0 && used[1] >= 64 << 10 && used[2] > 1_000, "{row:#}");
    }
    let refusal = &document["refusals"][0];
    assert_eq!(
        (&refusal["agent"], &refusal["code"], &refusal["count"]),
        (&"courier".into(), &"denied".into(), &2.into())
    );
    let missing = serde_json::json!({ "right": "connect /net/203.0.113.7:443", "flag": null });
    assert_eq!(refusal["detail"]["missing_grant"], missing, "its manifest does not ask for it");
    assert_eq!(refusal["detail"]["labels"], serde_json::json!(["secret"]));
    assert_eq!(document["agents"][2]["absent"], serde_json::json!(["connect /net/**"]));
    let size = document["checkpoint"]["size"].as_u64().unwrap();
    assert_eq!(document["events"], size);
    assert!(document["checkpoint"]["note"].as_str().unwrap().starts_with("weft/"));
    assert!(document["boot"].as_array().unwrap().len() >= 5);
}

#[test]
fn strict_makes_a_refusal_exit_3() {
    let home = three();
    let mut arguments = GIVEN.to_vec();
    arguments.push("--strict");
    home.weft(&arguments).exits(3).says(&["play 0.1.0 in dev: done"]);
    // What does not exist is no refusal of the gate.
    let home =
        Home::new(&format!("{MOUNTS}{}", agent("reader", &["act read /fs/repo/none"], "use = [\"read /fs/repo/**\"]")));
    let document = home.weft(&["run", "play", "--mount", "repo=repo", "--strict", "--json"]).exits(0).json();
    assert_eq!((&document["refusals"], &document["verdicts"]["refused"]), (&serde_json::json!([]), &0.into()));
    let failure = &document["failures"][0];
    assert_eq!(
        (&failure["agent"], &failure["asked"], &failure["code"]),
        (&"reader".into(), &"read /fs/repo/none".into(), &"not_found".into())
    );
}

#[test]
fn an_optional_right_is_used_where_it_is_given() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let right = format!("connect /net/{}", listener.local_addr().unwrap());
    let step = format!("act {right}");
    let home = Home::new(&agent("publisher", &[&step], "optional = [\"connect /net/**\"]"));
    let document = home.weft(&["run", "play", "--allow", &right, "--json"]).exits(0).json();
    assert_eq!(document["refusals"].as_array().unwrap().len(), 0);
    assert_eq!(document["warnings"][0]["asked"], right, "dev warns of a connection");
    listener.set_nonblocking(true).unwrap();
    listener.accept().expect("the agent connected");
}

#[test]
fn what_stopped_an_agent_is_told_and_the_others_go_on() {
    let limited = |name: &str, program: &str, limit: &str| {
        format!("[[agent]]\nname = \"{name}\"\nprogram = {{ wasm = \"{program}.wasm\" }}\nlimits = {{ {limit} }}\n")
    };
    let home = Home::new(
        &[
            &*limited("spinner", "looper", "handle = \"200ms\""),
            &*limited("eater", "hog", "memory = \"4MiB\""),
            &*agent("trapper", &["trap"], ""),
            &*agent("failer", &["fail because it can"], ""),
            &*agent("flooder", &["repeat 200 connect /net/example.com:1"], ""),
            &*agent("worker", &["log still here"], ""),
        ]
        .concat(),
    );
    let done = home.weft(&["run", "play"]).exits(1).says(&[
        "play 0.1.0 in dev: failed",
        "spinner (3) limit: it used",
        "eater (4) limit:",
        "trapper (5) trap:",
        "failer (6) error: because it can",
        "flooder (7) was suspended: 100 refusals in 10 s",
        "Refused (100)",
    ]);
    assert!(done.err.contains("worker (8): still here"), "{done:#?}");
}

#[test]
fn what_a_guest_writes_reaches_no_terminal_unescaped() {
    let home = Home::with_script(&["log \u{1b}]0;title\u{7}", "act fly \u{1b}[2J", "fail \u{1b}[31mred"]);
    let done = home.weft(&["run", "play"]).exits(1);
    assert!(!done.out.contains('\u{1b}') && !done.err.contains('\u{1b}'), "{done:#?}");
    let shown = home.weft(&["chain", "show"]).exits(0);
    assert!(!shown.out.contains('\u{1b}'), "{shown:#?}");
}

#[test]
fn a_reader_that_goes_is_no_error_and_a_full_disk_is_one() {
    let home = Home::with_script(&[]);
    let mut child = home.start(&["run", "play"]);
    drop(child.stdout.take());
    let mut told = String::new();
    child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
    assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""));
    for arguments in
        [&["chain", "show"][..], &["chain", "show", "--json"], &["doctor"], &["--help"], &["app", "check", "play"]]
    {
        let mut child = home.start(arguments);
        drop(child.stdout.take());
        let mut told = String::new();
        child.stderr.take().unwrap().read_to_string(&mut told).unwrap();
        assert_eq!((child.wait().unwrap().code(), told.as_str()), (Some(0), ""), "{arguments:?}");
    }
    let full = || Stdio::from(std::fs::File::create("/dev/full").unwrap());
    for arguments in [&["run", "play"][..], &["chain", "checkpoint"], &["chain", "show"]] {
        let output = home.command(arguments).stdout(full()).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("standard output cannot be written"));
    }
}

#[test]
fn two_applications_have_two_logs() {
    let home = Home::with_script(&[]);
    home.weft(&["run", "play"]).exits(0);
    let text = std::fs::read_to_string(home.path("play/weft.toml")).unwrap();
    home.manifest(&text.replacen("\"play\"", "\"other\"", 1));
    home.weft(&["run", "play"]).exits(0);
    assert!(home.path(".local/share/weft/other/weft.redb").exists() && home.data().join("weft.redb").exists());
    home.weft(&["chain", "show"]).exits(2).tells(&["several applications have a log here", "weft/other", "weft/play"]);
    let output = home.command(&["run", "play"]).env("WEFT_DATA_DIR", home.path("elsewhere")).output().unwrap();
    assert!(output.status.success());
    assert!(home.path("elsewhere/weft.redb").exists());
}
