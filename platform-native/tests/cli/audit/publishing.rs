//! What leaves the machine, and what does not.

use super::{APP, audit, auditing, report};
use crate::harness::{Done, Home};
use crate::terminal::at_terminal;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A home with a credential in its repository; the credential.
fn leaking() -> (Home, String) {
    let home = Home::with_script(&[]);
    let key = format!("{}_{}", "ghp", "Zq7Rk2Wm9Xt4Lb8Nv3Hs6Jd1Fg5PcYaQeUiO");
    std::fs::write(home.path("repo/leaked.py"), format!("key = '{key}'\n")).unwrap();
    (home, key)
}

/// A server that takes one request, answers it, and tells what it was.
fn server() -> (String, mpsc::Receiver<(String, Value)>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let _ = sender.send(answer(stream.unwrap()));
        }
    });
    (address, requests)
}

fn answer(mut stream: TcpStream) -> (String, Value) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let (mut request, mut buffer) = (Vec::new(), [0; 4096]);
    let (head, body) = loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the request ends early: {}", String::from_utf8_lossy(&request));
        request.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8(request.clone()).unwrap();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| line.strip_prefix("Content-Length: ")).unwrap();
        if body.len() == length.parse::<usize>().unwrap() {
            break (head.to_owned(), serde_json::from_str(body).unwrap());
        }
    };
    stream.write_all(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    (head, body)
}

#[test]
fn the_totals_are_posted_where_it_is_allowed_and_dev_warns() {
    let (home, key) = leaking();
    let (address, requests) = server();
    let right = format!("connect /net/{address}");
    let done = audit(&home, &["--allow", &right]).exits(0);
    let (head, posted) = requests.recv_timeout(Duration::from_secs(5)).unwrap();
    assert!(head.starts_with("POST / HTTP/1.1\r\n") && head.contains(&format!("\r\nHost: {address}\r\n")), "{head}");
    assert_eq!(posted["application"], "repo-audit");
    assert_eq!((&posted["totals"]["walker"]["files"], &posted["totals"]["secrets"]["found"]), (&json!(2), &json!(1)));
    assert!(!posted.to_string().contains("leaked.py") && !posted.to_string().contains(&key[..12]), "{posted:#}");

    let document = done.json();
    assert_eq!(document["warnings"][0]["asked"], right, "{document:#}");
    assert_eq!(document["warnings"][0]["agent"], "publisher");
    assert_eq!(document["warnings"][0]["detail"]["labels"], json!([]), "nothing labelled reached it");
    assert_eq!(report(&home)["publisher"], json!({ "endpoint": address, "status": 202, "problem": null }));
    let markdown = std::fs::read_to_string(home.path("out/report.md")).unwrap();
    assert!(markdown.contains("posted the totals") && markdown.contains("HTTP status 202"), "{markdown}");

    let run = ["run", APP, "--mount", "repo=repo", "--mount", "out=out", "--data-dir", "data", "--allow", &right];
    home.weft(&run).exits(0).says(&["Permitted with a warning (1)", "publisher", &right, "score"]);
    requests.recv_timeout(Duration::from_secs(5)).unwrap();
}

#[test]
fn a_pattern_names_no_place_to_post_to_and_of_several_the_first_is_used() {
    let (home, _) = leaking();
    let done = audit(&home, &["--allow", "connect /net/**"]).exits(0);
    done.tells(&["publisher", "`connect /net/**` names no place to post to"]);
    let published = &report(&home)["publisher"];
    assert_eq!((&published["endpoint"], &published["status"]), (&Value::Null, &Value::Null));
    assert!(published["problem"].as_str().unwrap().contains("it takes `connect /net/HOST:PORT`"), "{published}");

    let (address, requests) = server();
    let right = format!("connect /net/{address}");
    let both = audit(&home, &["--allow", "connect /net/example.com:1", "--allow", &right]).exits(0);
    both.tells(&[&format!("it may connect to {address} and example.com:1, and posts to {address} alone")]);
    requests.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(report(&home)["publisher"]["endpoint"], json!(address));
}

#[test]
fn a_server_that_is_not_there_is_a_line_in_the_report() {
    let (home, _) = leaking();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    audit(&home, &["--allow", &format!("connect /net/{gone}")]).exits(0);
    let published = &report(&home)["publisher"];
    assert_eq!((&published["endpoint"], &published["status"]), (&json!(gone), &Value::Null));
    assert!(published["problem"].as_str().unwrap().contains("refused"), "{published}");
}

#[test]
fn prod_asks_and_without_an_answer_refuses_while_the_run_goes_on() {
    let (home, _) = leaking();
    let (address, requests) = server();
    let right = format!("connect /net/{address}");
    // Half a minute of it is the time for an answer.
    let asks = home.start(&auditing(&["--allow", &right, "--env", "prod"]));
    let document = Done::within(Duration::from_secs(90), asks).exits(0).json();
    assert!(requests.try_recv().is_err(), "nothing was posted");
    assert_eq!(document["outcome"], "done");
    assert_eq!(document["answers"][0]["asked"], right, "{document:#}");
    assert_eq!((&document["answers"][0]["allow"], &document["answers"][0]["by"]), (&json!(false), &json!("nobody")));
    let report = report(&home);
    assert_eq!((&report["complete"], &report["publisher"]["status"]), (&json!(true), &Value::Null));
    assert_eq!(report["secrets"]["found"], 1);
}

#[test]
fn a_yes_at_a_terminal_lets_prod_post() {
    let (home, _) = leaking();
    let (address, requests) = server();
    let run = format!("run {APP} --mount repo=repo --mount out=out --env prod --allow 'connect /net/{address}'");
    let (seen, code) = at_terminal(&home, &run, &["yes\n"], false);
    assert!(seen.contains(&format!("publisher wants to connect /net/{address}")), "{seen}");
    assert_eq!(code, 0, "{seen}");
    let (_, posted) = requests.recv_timeout(Duration::from_secs(5)).unwrap();
    assert_eq!(posted["totals"]["secrets"]["found"], 1);
    assert_eq!(report(&home)["publisher"], json!({ "endpoint": address, "status": 202, "problem": null }));
}

#[test]
fn the_refusal_of_the_courier_is_told_in_full_everywhere() {
    let (home, _) = leaking();
    let run = ["run", APP, "--mount", "repo=repo", "--mount", "out=out", "--data-dir", "data"];
    let target = "/net/exfil.example.com:443";
    home.weft(&run).exits(0).says(&[
        "Refused (1)",
        &format!("connect {target} denied"),
        &format!("connect {target}; its manifest does not ask for it, so no flag gives it"),
        "why       the effect of this act scores",
        "labels    secret",
        "risk 3000",
        "privacy 9000",
        "security 4000",
        "of at most 9000 in dev",
        "courier (",
    ]);
    let markdown = std::fs::read_to_string(home.path("out/report.md")).unwrap();
    for part in [
        "| Who | courier (process ",
        &format!("connect `{target}`"),
        &format!("| Missing grant | `connect {target}` |"),
        "| Labels it carried | secret |",
        "risk 3000",
        "privacy 9000",
        "9000 in dev",
    ] {
        assert!(markdown.contains(part), "no {part:?} in {markdown}");
    }
    let in_report = report(&home)["refusals"][0].clone();
    assert_eq!(
        (&in_report["agent"], &in_report["verb"], &in_report["resource"]),
        (&json!("courier"), &json!("connect"), &json!(target))
    );
    let document = audit(&home, &[]).exits(0).json();
    for detail in [&in_report["refusal"]["detail"], &document["refusals"][0]["detail"]] {
        assert_eq!(
            (&detail["agent"], &detail["verb"], &detail["resource"]),
            (&json!("courier"), &json!("connect"), &json!(target))
        );
        assert_eq!(detail["missing_grant"]["right"], json!(format!("connect {target}")));
        assert_eq!(detail["missing_grant"]["flag"], Value::Null, "no flag gives it");
        assert_eq!(
            (&detail["labels"], &detail["threshold"], &detail["environment"]),
            (&json!(["secret"]), &json!(9000), &json!("dev"))
        );
        assert_eq!((&detail["effect"]["risk"], &detail["effect"]["privacy"]), (&json!(3000), &json!(9000)));
        assert!(detail["score"].as_u64().unwrap() > 9000);
    }
}
