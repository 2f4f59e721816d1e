//! The start of a kernel over a log of 10,000,000 events, by the clock: from exec until it says that it listens, after an
//! orderly end and after a `kill -9`. Beside it the start over a new directory. And the verification of all of it.
//!
//! `WEFT_EVENTS` says how many events; the directory is written once, and takes about 450 bytes for each.

use kernel_core::chain::{Header, Opened};
use kernel_core::id::ActionId;
use kernel_core::kernel::{log_key, open_log};
use kernel_core::platform::{Batch, KeyPurpose, Keys, Storage};
use kernel_core::time::WallTime;
use platform_native::{Host, HostOptions};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WEFT: &str = env!("CARGO_BIN_EXE_weft");
const EVENTS: u64 = 10_000_000;
/// Events in a commit.
const GROUP: u64 = 10_000;
/// An odd number, so that one is in the middle.
const SAMPLES: usize = 5;
/// Seconds, at most.
const BAR: f64 = 3.0;
/// Events verified a second, at least.
const VERIFIED: f64 = 1_000_000.0;

/// Starts one; how long it took until it listened.
fn start(data: &Path) -> (Child, Duration) {
    let begun = Instant::now();
    let mut command = Command::new(WEFT);
    command.args(["up", "--json", "--data-dir"]).arg(data).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.stderr(Stdio::inherit()).spawn().expect("it starts");
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("text");
    assert!(line.contains("listening"), "{line}");
    (child, begun.elapsed())
}

fn stop(mut child: Child, data: &Path, in_order: bool) {
    if in_order {
        let status = Command::new(WEFT).args(["shutdown", "--data-dir"]).arg(data).stdout(Stdio::null()).status();
        assert!(status.expect("it starts").success());
    } else {
        child.kill().expect("killed");
    }
    child.wait().expect("it ends");
}

/// Goes on with the log in `data` until it has so many events.
async fn grow(data: &Path, events: u64) {
    let host = Host::open(HostOptions::new(data)).await.expect("a host");
    let key = log_key(host.keys.public(KeyPurpose::Log).await.expect("a key"));
    let Opened { mut log, .. } = open_log(&host.storage, &key).await.expect("a log");
    // The content of an event of kind 12, which makes it about 300 bytes.
    let mut content = vec![0xa1, 0x00, 0x78, 220];
    content.extend([b'x'; 220]);
    while log.size() < events {
        for _ in 0..GROUP.min(events - log.size()) {
            let header =
                Header { wall: WallTime(1_700_000_000_000_000_000 + log.size()), action: ActionId(0), kind: 12 };
            log.append(header, &content).expect("appended");
        }
        let checkpoint = log.checkpoint();
        let signature = host.keys.sign(KeyPurpose::Log, checkpoint.body().as_bytes()).await.expect("signed");
        log.attach(checkpoint.sign(&key, signature)).expect("attached");
        host.storage.commit(Batch { changes: log.seal() }).await.expect("committed");
    }
}

/// The median over samples of starts that each begin after the end that is asked for.
fn starts(data: &Path, in_order: bool) -> f64 {
    let mut took = Vec::new();
    for _ in 0..SAMPLES {
        let (child, _) = start(data);
        // The log goes on for a moment, with commits that no signature covers yet.
        std::thread::sleep(Duration::from_millis(300));
        stop(child, data, in_order);
        let (child, time) = start(data);
        stop(child, data, true);
        took.push(time.as_secs_f64());
    }
    took.sort_by(f64::total_cmp);
    took[took.len() / 2]
}

fn main() {
    // With `--test` nothing is measured.
    let is_test = std::env::args().any(|argument| argument == "--test");
    let events = std::env::var("WEFT_EVENTS").map_or(EVENTS, |events| events.parse().expect("a number"));
    let events = if is_test { 20_000 } else { events };
    let folder = tempfile::tempdir().expect("a folder");
    let (data, fresh) = (folder.path().join("data"), folder.path().join("fresh"));
    for directory in [&data, &fresh] {
        let (child, _) = start(directory);
        stop(child, directory, true);
    }
    let runtime = platform_native::runtime().expect("tokio");
    let begun = Instant::now();
    runtime.block_on(grow(&data, events));
    let took = begun.elapsed().as_secs_f64();
    let size = data.join("weft.redb").metadata().expect("a file").len() >> 20;
    println!("{events} events in {size} MiB, written durably in {took:.1} s: {:.0} a second", events as f64 / took);
    let floor = starts(&fresh, true);
    for (in_order, after) in [(true, "after an orderly end"), (false, "after a kill -9")] {
        let took = starts(&data, in_order);
        let met = if took <= BAR { "met" } else { "MISSED" };
        println!(
            "bar: start over {events} events, {after}: {:.1} ms; floor {:.1} ms (the start over a new directory); bar at \
             most {BAR} s: {met}",
            took * 1e3,
            floor * 1e3
        );
    }
    for pages in [false, true] {
        let begun = Instant::now();
        let mut verify = Command::new(WEFT);
        verify
            .args(["chain", "verify", "--data-dir"])
            .arg(&data)
            .args(pages.then_some("--pages"))
            .stdout(Stdio::null());
        assert!(verify.status().expect("it starts").success());
        let took = begun.elapsed().as_secs_f64();
        let rate = events as f64 / took;
        let (also, bar) = if pages {
            (", and the database's pages", "none: met".to_owned())
        } else {
            ("", format!("at least {VERIFIED:.0}: {}", if rate >= VERIFIED { "met" } else { "MISSED" }))
        };
        println!("bar: weft chain verify of {events} events{also}: {took:.1} s, {rate:.0} a second; bar {bar}\n");
    }
}
