//! Whoever may not come in, asks for what is not served, sends too much, or is too slow: refused or dropped, and nobody
//! else notices.

use super::{Answer, Up, answer, ask, request, tcp};
use crate::harness::Home;
use serde_json::json;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

/// How long a connection that says nothing may stay, with room for a machine that is busy.
const DROPPED: Duration = Duration::from_secs(20);

const TCP: [&str; 2] = ["--listen", "tcp:127.0.0.1:0"];

#[test]
fn only_the_token_opens_a_tcp_address() {
    let home = Home::new("");
    let up = Up::start(&home, &TCP);
    let (address, token) = (up.tcp(), up.token());
    let get = |path: &str, more: &str| -> Answer { ask(tcp(&address), &request("GET", path, more, "")) };
    let here = format!("host: {address}\r\n");
    let bearer = format!("authorization: Bearer {token}\r\n");
    get("/v1/health", &[&*here, &*bearer].concat()).is(200);
    let port = address.rsplit(':').next().unwrap();
    get("/v1/health", &format!("host: localhost:{port}\r\n{bearer}")).is(200);

    let last = if token.ends_with('0') { '1' } else { '0' };
    let wrong = format!("authorization: Bearer {}{last}\r\n", &token[..token.len() - 1]);
    let other = format!("authorization: Basic {token}\r\n");
    for more in ["", &wrong, &other, "authorization: Bearer\r\n", "authorization: Bearer \r\n"] {
        for path in ["/v1/health", "/v1/openapi.json", "/nowhere"] {
            let refused = get(path, &[&here, more].concat());
            assert_eq!(refused.refuses(401), "denied");
            assert!(refused.head.to_ascii_lowercase().contains("www-authenticate: bearer"), "{refused:?}");
        }
    }
    // A page from elsewhere that had its own name lead here, and one that says where it is from.
    assert_eq!(get("/v1/health", &format!("host: evil.example:{port}\r\n{bearer}")).refuses(421), "denied");
    assert_eq!(get("http://evil.example/v1/health", &[&*here, &*bearer].concat()).refuses(421), "denied");
    assert_eq!(get("/v1/health", &format!("{here}{here}{bearer}")).refuses(400), "invalid");
    for origin in ["http://evil.example", "null", "https://localhost"] {
        assert_eq!(get("/v1/health", &format!("{here}{bearer}origin: {origin}\r\n")).refuses(403), "denied");
    }
    get("/v1/health", &format!("{here}{bearer}origin: http://{address}\r\n")).is(200);
    assert_eq!(
        ask(up.unix(), &request("GET", "/v1/health", "origin: http://localhost\r\n", "")).refuses(403),
        "denied"
    );

    // Commands find the token themselves, and it is in nothing that is printed.
    let at = format!("tcp:{address}");
    let health = up.weft(&["health", "--at", &at]).exits(0);
    home.weft(&["health", "--at", &at, "--token-file", "data/api.token"]).exits(0);
    std::fs::write(home.path("other"), "0".repeat(64)).unwrap();
    std::fs::set_permissions(home.path("other"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let refused = home.weft(&["health", "--at", &at, "--token-file", "other", "--json"]).exits(3);
    assert_eq!(refused.json()["error"]["code"], "denied");
    std::fs::set_permissions(home.path("other"), std::fs::Permissions::from_mode(0o644)).unwrap();
    home.weft(&["health", "--at", &at, "--token-file", "other"]).exits(2).tells(&["mode 644"]);
    for said in [up.said.to_string(), health.out, up.weft(&["logs"]).exits(0).out] {
        assert!(!said.contains(&token), "{said}");
    }
    let mode = |path: &str| std::fs::metadata(home.path(path)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("data/api.token"), mode("data/run"), mode("data/run/api.sock")), (0o600, 0o700, 0o600));
    home.weft(&["up", "--data-dir", "more", "--listen", "tcp:0.0.0.0:0"]).exits(2).tells(&["every address"]);
    home.weft(&["up", "--data-dir", "more", "--listen", &at]).exits(2).tells(&["cannot be listened on"]);
    home.weft(&["chain", "verify", "--data-dir", "more"]).exits(0);
}

#[test]
fn what_is_too_much_or_no_request_is_refused() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    let kind = "content-type: application/json\r\n";
    let post = |more: &str, body: &str| ask(up.unix(), &request("POST", "/v1/acts", more, body));
    // Told before any of it is sent, and where nothing says how long it is.
    let large = format!("POST /v1/acts HTTP/1.1\r\nhost: x\r\n{kind}content-length: 99999999999\r\n\r\n");
    assert_eq!(ask(up.unix(), &large).refuses(413), "too_large");
    let mut chunked = format!("POST /v1/acts HTTP/1.1\r\nhost: x\r\n{kind}transfer-encoding: chunked\r\n\r\n");
    (0..3).for_each(|_| chunked += &format!("100000\r\n{}\r\n", "x".repeat(0x10_0000)));
    assert_eq!(ask(up.unix(), &chunked).refuses(413), "too_large");
    let payload = "x".repeat((1 << 20) + 1);
    let act = json!({ "verb": "send", "resource": "/proc/1", "payload": payload }).to_string();
    assert_eq!(post(kind, &act).refuses(413), "too_large");
    let head = format!("GET /v1/health HTTP/1.1\r\nhost: x\r\nx: {}\r\n\r\n", "x".repeat(1 << 20));
    assert!(matches!(ask_raw(&up, &head), None | Some(431)), "a head of a megabyte");
    let many = "x: y\r\n".repeat(100);
    assert!(matches!(ask_raw(&up, &format!("GET /v1/health HTTP/1.1\r\nhost: x\r\n{many}\r\n")), None | Some(431)));
    assert!(matches!(ask_raw(&up, "\x16\x03\x01 no http\r\n\r\n"), None | Some(400)));

    assert_eq!(post("", "{}").refuses(415), "invalid");
    assert_eq!(post("content-type: text/plain\r\n", "{}").refuses(415), "invalid");
    let bodies = ["", "{", "[]", "{}", "{\"verb\":\"send\"}", "{\"verb\":\"send\",\"resource\":\"/proc/1\",\"x\":1}"];
    for body in bodies {
        assert_eq!(post(kind, body).refuses(400), "invalid", "{body}");
    }
    let not_base64 = json!({ "verb": "send", "resource": "/proc/1", "payload": "%", "encoding": "base64" }).to_string();
    assert_eq!(post(kind, &not_base64).refuses(400), "invalid");
    // What parses comes to the gate, which decides and records it.
    for (verb, resource, status, code) in [
        ("fly", "/proc/1", 400, "invalid"),
        ("read", "proc/1", 400, "invalid"),
        ("read", "/fs/repo/a", 403, "denied"),
        ("connect", "/net/example.com:443", 403, "denied"),
        ("read", "/node/eu-1/tree", 501, "unsupported"),
        ("kill", "/proc/99", 404, "not_found"),
        ("kill", "/proc/0", 404, "not_found"),
    ] {
        let refused = up.act(verb, resource, json!({}));
        assert_eq!(refused.refuses(status), code, "{verb} {resource}");
        assert!(refused.json()["error"]["action"].as_u64().unwrap() > 0, "{refused:?}");
    }
    assert_eq!(up.ask("GET", "/v1/processes?x", None).refuses(400), "invalid");
    assert_eq!(up.ask("DELETE", "/v1/apps/none", None).refuses(404), "not_found");
    up.ask("GET", "/v1/health", None).is(200);
}

/// The status of what is answered to a request that need not be answered at all.
fn ask_raw(up: &Up<'_>, request: &str) -> Option<u16> {
    let mut stream = up.unix();
    let _ = stream.write_all(request.as_bytes());
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    (!bytes.is_empty()).then(|| answer(&String::from_utf8_lossy(&bytes)).status)
}

/// Waits until the other side ends a connection; what it said before.
fn dropped(mut stream: UnixStream) -> String {
    let since = Instant::now();
    stream.set_read_timeout(Some(DROPPED)).unwrap();
    let mut bytes = Vec::new();
    match stream.read_to_end(&mut bytes) {
        Ok(_) => {}
        Err(e) if e.kind() == std::io::ErrorKind::ConnectionReset => {}
        Err(e) => panic!("it was not dropped within {:?}: {e}", since.elapsed()),
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[test]
fn whoever_is_slow_or_gone_is_dropped_and_holds_nobody_up() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    // One that says nothing, one that was answered and says no more, one that never ends its head, one that never
    // sends the body that it promised, and as many more as are taken.
    let silent = up.unix();
    let mut idle = up.unix();
    idle.write_all(b"GET /v1/health HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut slow = up.unix();
    let mut promised = up.unix();
    let head = "POST /v1/acts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    promised.write_all(head.as_bytes()).unwrap();
    let trickle = std::thread::spawn(move || {
        slow.write_all(b"GET /v1/health HTTP/1.1\r\n").unwrap();
        let limit = Instant::now() + DROPPED;
        while slow.write_all(b"x: y\r\n").is_ok() {
            assert!(Instant::now() < limit, "a head without an end was waited for");
            std::thread::sleep(Duration::from_millis(200));
        }
    });
    let mut crowd: Vec<UnixStream> = (0..252).map(|_| up.unix()).collect();
    let turned_away = ask(up.unix(), &request("GET", "/v1/health", "", ""));
    assert_eq!(turned_away.refuses(503), "full");
    // However slowly it asks, and also one of the commands.
    let mut hesitant = up.unix();
    std::thread::sleep(Duration::from_millis(200));
    hesitant.write_all(request("GET", "/v1/health", "", "").as_bytes()).unwrap();
    let mut told = String::new();
    hesitant.read_to_string(&mut told).unwrap();
    assert_eq!(answer(&told).refuses(503), "full");
    up.weft(&["logs", "--follow"]).exits(1).tells(&["256 connections are open, and no more are taken"]);
    // A place is free as soon as somebody goes.
    drop(crowd.pop());
    let since = Instant::now();
    while ask(up.unix(), &request("GET", "/v1/health", "", "")).status != 200 {
        assert!(since.elapsed() < Duration::from_secs(3), "no place was free");
    }
    let told = dropped(promised);
    assert_eq!(answer(&told).refuses(408), "timed_out");
    dropped(silent);
    assert!(dropped(idle).starts_with("HTTP/1.1 200 OK"));
    trickle.join().unwrap();
    crowd.into_iter().for_each(|stream| drop(dropped(stream)));
    up.ask("GET", "/v1/health", None).is(200);
    // Nobody of them ever acted.
    assert_eq!(up.ask("GET", "/v1/processes", None).is(200)["processes"], json!([]));
}

/// However many read events, whoever asks for something else gets in.
#[test]
fn readers_of_events_leave_room_for_others() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    let asks = |_| {
        let mut stream = up.unix();
        stream.write_all(b"GET /v1/events HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
        stream
    };
    let mut readers: Vec<UnixStream> = (0..200).map(asks).collect();
    // The head tells, and what follows it is not waited for.
    let mut begins = |stream: &mut UnixStream| {
        let mut head = [0; 12];
        stream.read_exact(&mut head).unwrap();
        String::from_utf8_lossy(&head).into_owned()
    };
    let told: Vec<String> = readers.iter_mut().map(&mut begins).collect();
    assert_eq!(told.iter().filter(|head| head.ends_with("200")).count(), 128, "{told:?}");
    assert!(told.iter().all(|head| head.ends_with("200") || head.ends_with("503")), "{told:?}");
    up.weft(&["logs", "--follow"]).exits(1).tells(&["128 connections read events, and no more are taken"]);
    up.weft(&["ps"]).exits(0);
    drop(readers);
    let since = Instant::now();
    while !begins(&mut asks(0)).ends_with("200") {
        assert!(since.elapsed() < Duration::from_secs(30), "no place was free");
        // Whoever is gone is missed when there is something to tell.
        up.act("read", "/fs/repo/a", json!({}));
    }
    up.weft(&["shutdown"]).exits(0);
}

#[test]
fn a_stale_socket_is_replaced_and_a_living_one_never() {
    let home = Home::new("");
    std::fs::create_dir(home.path("sockets")).unwrap();
    std::fs::set_permissions(home.path("sockets"), std::fs::Permissions::from_mode(0o700)).unwrap();
    let path = home.path("sockets/a.sock");
    let listen = ["--listen", "unix:sockets/a.sock"];
    let up = Up::start(&home, &listen);
    home.weft(&["health", "--at", "sockets/a.sock"]).exits(0);
    let other = home.weft(&["up", "--data-dir", "other", "--listen", "sockets/a.sock", "--json"]).exits(2);
    assert_eq!(other.json()["error"]["code"], "held");
    home.weft(&["health", "--at", "sockets/a.sock"]).exits(0);
    up.kill();
    assert!(path.exists() && home.path("data/run/api.sock").exists());
    home.weft(&["health", "--at", "sockets/a.sock"]).exits(5).tells(&["nobody listens there"]);
    let up = Up::start(&home, &listen);
    home.weft(&["shutdown", "--at", "sockets/a.sock"]).exits(0);
    up.ended();
    assert!(!path.exists());
    // Somebody else's.
    let living = UnixListener::bind(&path).unwrap();
    home.weft(&["up", "--data-dir", "data", "--listen", "sockets/a.sock"]).exits(2).tells(&["somebody answers there"]);
    assert!(UnixStream::connect(&path).is_ok());
    drop(living);
    std::fs::set_permissions(home.path("sockets"), std::fs::Permissions::from_mode(0o755)).unwrap();
    home.weft(&["up", "--data-dir", "data", "--listen", "sockets/a.sock"]).exits(2).tells(&["mode 755"]);
    home.weft(&["chain", "verify", "--data-dir", "data"]).exits(0);
}

#[test]
fn whoever_breaks_off_at_once_leaves_no_session_behind() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    let act = json!({ "verb": "read", "resource": "/proc/self", "body": {} }).to_string();
    for n in 0..200 {
        let mut stream = up.unix();
        stream.write_all(request("POST", "/v1/acts", "content-type: application/json\r\n", &act).as_bytes()).unwrap();
        // At once, or while the session is being made.
        if n % 2 == 0 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    let limit = Instant::now() + Duration::from_secs(20);
    loop {
        let rows = up.weft(&["ps", "--json"]).exits(0).json();
        let sessions = rows["processes"].as_array().unwrap().iter().filter(|row| row["name"] == "operator.api").count();
        if sessions == 0 {
            break;
        }
        assert!(Instant::now() < limit, "{sessions} sessions are left");
    }
    let all = up.weft(&["ps", "--all", "--json"]).exits(0).json();
    let ever = all["processes"].as_array().unwrap().iter().filter(|row| row["name"] == "operator.api").count();
    assert!(ever > 20, "{ever} sessions were ever made");
}

#[test]
fn applications_come_and_go_in_one_way_alone() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    assert_eq!(up.act("remove", "/app/play", json!({})).refuses(403), "denied");
}
