//! Ctrl-C and its relatives: the first asks for an orderly end, the second ends at once.

use crate::cli::exit::Exit;
use crate::cli::terminal::{Terminal, tell};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// Whether somebody wants the run to end.
#[derive(Clone, Debug)]
pub(super) struct Interrupt {
    told: watch::Receiver<Option<&'static str>>,
}

impl Interrupt {
    /// Listens from now on; until here a signal ends the process as it always does.
    pub(super) fn listen(terminal: Terminal) -> std::io::Result<Interrupt> {
        let mut int = signal(SignalKind::interrupt())?;
        let mut term = signal(SignalKind::terminate())?;
        let mut hup = signal(SignalKind::hangup())?;
        let (tell_it, told) = watch::channel(None);
        tokio::spawn(async move {
            let name = any(&mut int, &mut term, &mut hup).await;
            let _ = tell_it.send(Some(name));
            any(&mut int, &mut term, &mut hup).await;
            let clear = if terminal.draws { "\r\u{1b}[K" } else { "" };
            tell(&format!("{clear}weft: ended at once; the log is intact up to its last flush"));
            std::process::exit(u8::from(Exit::Failed).into());
        });
        Ok(Interrupt { told })
    }

    /// Completes when the run is to end, with the signal's name; at once if that was before.
    pub(super) async fn wait(&mut self) -> &'static str {
        match self.told.wait_for(Option::is_some).await {
            Ok(name) => name.unwrap_or_default(),
            // The listener has gone with its runtime, and this future with it.
            Err(_) => std::future::pending().await,
        }
    }
}

async fn any(int: &mut Signal, term: &mut Signal, hup: &mut Signal) -> &'static str {
    tokio::select! {
        _ = int.recv() => "Ctrl-C",
        _ = term.recv() => "SIGTERM",
        _ = hup.recv() => "SIGHUP",
    }
}
