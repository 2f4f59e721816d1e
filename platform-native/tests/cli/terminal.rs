//! What somebody at a terminal sees and is asked. `script` (bsdutils) makes the terminal.

use crate::harness::{Home, WEFT, agent};
use std::io::{Read, Write};
use std::process::{Command, Stdio};

/// Runs `weft` at a terminal, answering each question in turn; what was seen, and the exit code.
pub(crate) fn at_terminal(home: &Home, arguments: &str, answers: &[&str], colours: bool) -> (String, i32) {
    at_terminal_of(100, home, arguments, answers, colours)
}

/// The same at one of so many columns.
fn at_terminal_of(columns: u16, home: &Home, arguments: &str, answers: &[&str], colours: bool) -> (String, i32) {
    let mut command = Command::new("script");
    let run = format!("stty columns {columns}; exec {WEFT} {arguments}");
    command.args(["--quiet", "--return", "--command", &run, "/dev/null"]);
    command.current_dir(home.path("")).env_clear().env("HOME", home.path("")).env("TERM", "xterm");
    command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
    if !colours {
        command.env("NO_COLOR", "1");
    }
    let spawned = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
    let mut child = spawned.expect("this test needs `script` (bsdutils)");
    let (mut keys, mut screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let (mut seen, mut asked, mut buffer) = (String::new(), 0, [0; 4096]);
    loop {
        let read = screen.read(&mut buffer).unwrap_or(0);
        if read == 0 {
            break;
        }
        seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        if seen.matches("[y/N] ").count() > asked {
            keys.write_all(answers.get(asked).copied().unwrap_or("n\n").as_bytes()).unwrap();
            asked += 1;
        }
    }
    (seen, child.wait().unwrap().code().unwrap_or(-1))
}

fn connecting(list: &str) -> Home {
    Home::new(&agent("courier", &["act connect /net/127.0.0.1:9"], &format!("{list} = [\"connect /net/127.0.0.1:9\"]")))
}

#[test]
fn a_terminal_shows_the_boot_and_a_table() {
    let home = Home::with_script(&["log hello"]);
    let (seen, code) = at_terminal(&home, "run play", &[], true);
    assert_eq!(code, 0, "{seen}");
    for part in ["play 0.1.0 in dev", "storage", "keys", "chain", "actor", "\u{1b}[1m", "\u{1b}[K", "hello"] {
        assert!(seen.contains(part), "no {part:?} in {seen}");
    }
    let (plain, _) = at_terminal(&home, "run play", &[], false);
    assert!(!plain.contains("\u{1b}[1m") && !plain.contains("\u{1b}[0m"), "{plain}");
}

#[test]
fn progress_stays_on_one_line_of_a_narrow_terminal() {
    let home = Home::with_script(&["wait 600"]);
    let (seen, code) = at_terminal(&home, "run play", &[], false);
    assert_eq!(code, 0, "{seen}");
    let (narrow, code) = at_terminal_of(40, &home, "run play", &[], false);
    assert_eq!(code, 0, "{narrow}");
    let drawn = |seen: &str| -> Vec<String> {
        let pieces = seen.split("\r\u{1b}[K").skip(1).map(|piece| piece.split('\r').next().unwrap_or_default());
        pieces.filter(|piece| piece.contains("processes")).map(str::to_owned).collect()
    };
    assert!(drawn(&seen).iter().any(|line| line.contains("messages")), "{seen}");
    assert!(!drawn(&narrow).is_empty() && drawn(&narrow).iter().all(|line| line.chars().count() < 40), "{narrow}");
}

#[test]
fn what_is_missing_is_asked_for_and_only_a_yes_gives_it() {
    let home = connecting("use");
    let (seen, code) = at_terminal(&home, "run play", &["n\n"], false);
    assert!(seen.contains("connect /net/127.0.0.1:9") && seen.contains("--allow"), "{seen}");
    assert_eq!(code, 3);
    let (seen, code) = at_terminal(&home, "run play --json", &["y\n"], false);
    assert!(seen.contains("given_on_terminal"), "{seen}");
    assert_eq!(code, 0, "{seen}");
}

#[test]
fn an_escalation_is_asked_then_and_there() {
    let home = connecting("optional");
    let run = "run play --env prod --strict --allow 'connect /net/127.0.0.1:9'";
    let (seen, code) = at_terminal(&home, run, &["yes\n"], false);
    for part in ["courier wants to connect /net/127.0.0.1:9", "score 5678 of 3000 in prod", "allowed by operator"] {
        assert!(seen.contains(part), "no {part:?} in {seen}");
    }
    assert_eq!(code, 0, "{seen}");
    let (seen, code) = at_terminal(&home, run, &["n\n"], false);
    assert!(seen.contains("not allowed by operator"), "{seen}");
    assert_eq!(code, 3, "{seen}");
    // Ctrl-D: nobody typed an answer.
    let (seen, code) = at_terminal(&home, run, &["\u{4}"], false);
    assert!(seen.contains("nobody answered, so it was refused") && !seen.contains("not allowed by"), "{seen}");
    assert_eq!(code, 3, "{seen}");
    // Ctrl-C: the question is withdrawn with the run.
    let (seen, _) = at_terminal(&home, run, &["\u{3}"], false);
    assert!(seen.contains("not answered: the run was interrupted"), "{seen}");
}
