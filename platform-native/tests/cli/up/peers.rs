//! Peers that are somebody else, take nothing, or say only half of it; and a plan that nobody agreed to.

use super::{Up, answer, ask, request};
use crate::harness::{Home, agent};
use platform_native::kernel_core::app::{Checked, Consent, Surroundings, check, parse, plan};
use platform_native::kernel_core::kernel::FEATURES;
use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The user and the group that own nothing.
const NOBODY: &str = "65534";

/// Says what came of `GET /v1/health` at a Unix socket. Whoever is turned away may not have read what was asked.
const CLIENT: &str = "$SIG{PIPE} = 'IGNORE'; my $s = IO::Socket::UNIX->new(Peer => $ARGV[0]) or die \"it cannot connect: $!\"; \
    print $s \"GET /v1/health HTTP/1.1\\r\\nhost: x\\r\\nconnection: close\\r\\n\\r\\n\"; $s->flush; local $/; print <$s>;";

#[test]
fn whoever_is_another_user_is_turned_away_even_where_the_file_system_lets_them_in() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: only root can become another user, and this is not root");
        return;
    }
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    // What keeps others out first is taken away.
    for (path, mode) in [("", 0o755), ("data", 0o755), ("data/run", 0o755), ("data/run/api.sock", 0o666)] {
        std::fs::set_permissions(home.path(path), std::fs::Permissions::from_mode(mode)).unwrap();
    }
    let client = |who: &[&str]| {
        let command = [who, &["perl", "-MIO::Socket::UNIX", "-e", CLIENT]].concat();
        let output = Command::new(command[0]).args(&command[1..]).arg(up.socket()).output();
        let output = output.expect("this test needs `setpriv` (util-linux) and `perl`");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        answer(&String::from_utf8(output.stdout).unwrap())
    };
    client(&["env"]).is(200);
    let refused = client(&["setpriv", "--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
    assert_eq!(refused.refuses(403), "denied");
    assert!(refused.json()["error"]["reason"].as_str().unwrap().contains("run by user 0"), "{refused:?}");
    // Neither does this program talk to a socket that is somebody else's.
    let theirs = home.weft_as_nobody(&["health", "--at", "data/run/api.sock"]).exits(5);
    theirs.tells(&["user 0 listens there, not user 65534"]);
}

#[test]
fn a_reader_that_takes_nothing_is_dropped_and_holds_nobody_up() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    let mut stream = up.unix();
    // More than any buffer on the way holds is answered to these.
    let many = "GET /v1/openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500);
    stream.write_all(many.as_bytes()).unwrap();
    let since = Instant::now();
    loop {
        ask(up.unix(), &request("GET", "/v1/health", "", "")).is(200);
        // A write tells that the other side is gone; what is written is read by nobody.
        match stream.write(b"x") {
            Ok(_) => {}
            Err(e) if matches!(e.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => break,
            Err(e) => panic!("{e}"),
        }
        assert!(since.elapsed() < Duration::from_secs(30), "it was waited for");
        std::thread::sleep(Duration::from_millis(100));
    }
    let took = since.elapsed();
    assert!(took > Duration::from_secs(8), "it had no time to take anything: {took:?}");
}

#[test]
fn whoever_says_no_more_gets_what_was_asked_for_and_half_a_request_is_none() {
    let home = Home::new("");
    let up = Up::start(&home, &[]);
    let said = |text: &str| {
        let mut stream = up.unix();
        stream.write_all(text.as_bytes()).unwrap();
        stream.shutdown(Shutdown::Write).unwrap();
        let (mut bytes, since) = (Vec::new(), Instant::now());
        let _ = stream.read_to_end(&mut bytes);
        assert!(since.elapsed() < Duration::from_secs(4), "{text:?} was waited for");
        String::from_utf8(bytes).unwrap()
    };
    answer(&said(&request("GET", "/v1/health", "", ""))).is(200);
    let head = "POST /v1/acts HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{";
    for half in ["", "GET /v1/he", "GET /v1/health HTTP/1.1\r\nhost: x\r\n", head] {
        let told = said(half);
        assert!(told.is_empty() || answer(&told).status == 400, "{half:?}: {told:?}");
    }
    up.ask("GET", "/v1/health", None).is(200);
}

/// The plan of an application `other`, as `install` takes it.
fn planned(home: &Home) -> String {
    let text = format!("[app]\nname = \"other\"\nversion = \"0.1.0\"\n{}", agent("x", &[], ""));
    let guest = bytes::Bytes::from(std::fs::read(home.path("play/script.wasm")).unwrap());
    let mut load = |_: &str| Ok(guest.clone());
    let mut around = Surroundings { natives: None, exists: &|_, _| true, unkept: &|_| Vec::new(), load: &mut load };
    let checked: Checked = check(&Arc::new(parse("weft.toml", &text).unwrap()), &mut around).unwrap();
    serde_json::to_string(&plan(&checked, &Consent::default(), FEATURES).unwrap()).unwrap()
}

#[test]
fn what_an_agent_installs_is_not_started_as_what_a_person_agreed_to() {
    let home = Home::new("");
    let act = format!("act install /app/other {{}} {}", planned(&home));
    let manifest = agent("maker", &[&act], "use = [\"install /app/other\"]");
    home.manifest(&format!("[app]\nname = \"play\"\nversion = \"0.1.0\"\n{manifest}"));
    let up = Up::start(&home, &["--env", "dev"]);
    up.weft(&["app", "install", "play", "--allow", "install /app/other"]).exits(0);
    up.weft(&["app", "start", "play"]).exits(0);
    let limit = Instant::now() + Duration::from_secs(20);
    while !up.weft(&["app", "list"]).exits(0).out.contains("other") {
        assert!(Instant::now() < limit, "{}", up.weft(&["logs"]).out);
    }
    let refused = up.weft(&["app", "start", "other"]).exits(2);
    refused.tells(&["what is installed as `other` is not what was agreed to"]);
    up.weft(&["app", "list"]).exits(0).says(&["other  0.1.0    installed"]);
}
