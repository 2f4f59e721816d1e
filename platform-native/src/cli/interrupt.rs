//! Ctrl-C and its relatives, for what runs a kernel: the first asks for an orderly end, the second ends at once.
//!
//! Signals are listened to on a thread of their own until the process ends, so that the second one is heard
//! whatever the kernel, or the terminal, is doing. A signal that was ignored when the process was started stays
//! ignored: that is how `nohup` and shells keep a program running.

use super::exit::Exit;
use super::terminal::{Terminal, tell};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{oneshot, watch};

/// How long the last line may take: a terminal that takes nothing is not waited for.
const LAST: Duration = Duration::from_millis(100);

/// Whether somebody wants it to end.
#[derive(Clone, Debug)]
pub(crate) struct Interrupt {
    told: watch::Receiver<Option<&'static str>>,
}

impl Interrupt {
    /// Listens from now on; until here a signal ends the process as it always does.
    pub(crate) async fn listen(terminal: Terminal) -> std::io::Result<Interrupt> {
        let (tell_it, told) = watch::channel(None);
        let (ready, listens) = oneshot::channel();
        let listen = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread().enable_io().build() {
                Ok(runtime) => runtime,
                Err(e) => return drop(ready.send(Err(e))),
            };
            runtime.block_on(async {
                let mut signals = match Signals::listen() {
                    Ok(signals) => signals,
                    Err(e) => return drop(ready.send(Err(e))),
                };
                let _ = ready.send(Ok(()));
                let name = signals.next().await;
                let _ = tell_it.send(Some(name));
                signals.next().await;
                end_at_once(terminal);
            });
        };
        std::thread::Builder::new().name("weft-signals".to_owned()).spawn(listen)?;
        listens.await.map_err(std::io::Error::other)??;
        Ok(Interrupt { told })
    }

    /// Completes when it is to end, with the signal's name; at once if that was before.
    pub(crate) async fn wait(&mut self) -> &'static str {
        match self.told.wait_for(Option::is_some).await {
            Ok(name) => name.unwrap_or_default(),
            // The process is ending.
            Err(_) => std::future::pending().await,
        }
    }
}

fn end_at_once(terminal: Terminal) {
    let clear = if terminal.draws { "\r\u{1b}[K" } else { "" };
    let (told, written) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        tell(&format!("{clear}weft: ended at once; the log is intact up to its last flush"));
        let _ = told.send(());
    });
    let _ = written.recv_timeout(LAST);
    std::process::exit(u8::from(Exit::Failed).into());
}

/// The signals that end it; none for one that was ignored at the start.
struct Signals {
    int: Option<Signal>,
    term: Option<Signal>,
    hup: Option<Signal>,
}

impl Signals {
    fn listen() -> std::io::Result<Signals> {
        let ignored = ignored();
        let of = |kind: SignalKind| {
            let is_ignored = ignored >> (kind.as_raw_value() - 1) & 1 == 1;
            (!is_ignored).then(|| signal(kind)).transpose()
        };
        let (int, term) = (of(SignalKind::interrupt())?, of(SignalKind::terminate())?);
        Ok(Signals { int, term, hup: of(SignalKind::hangup())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            () = one(&mut self.int) => "Ctrl-C",
            () = one(&mut self.term) => "SIGTERM",
            () = one(&mut self.hup) => "SIGHUP",
        }
    }
}

async fn one(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// The signals that this process ignores, a bit for each, as Linux tells it (proc(5), `SigIgn`). Elsewhere
/// none is known to be.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let bits = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    bits.and_then(|bits| u64::from_str_radix(bits.trim(), 16).ok()).unwrap_or(0)
}
