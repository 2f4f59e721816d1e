//! Network connections as streams.

use crate::Refusal;
use crate::acts::{act, act_with, unexpected};
use serde::Deserialize;

/// How long a connection may take, in milliseconds: the kernel's own default, since a person may be asked first.
const PATIENCE: u64 = 30_000;

/// An open connection; closed when dropped.
#[derive(Debug)]
pub struct Stream {
    path: String,
}

/// Connects to `endpoint`, a `/net/HOST:PORT`.
pub fn connect(endpoint: &str) -> Result<Stream, Refusal> {
    #[derive(Deserialize)]
    struct Reply {
        stream: String,
    }
    let reply = act("connect", endpoint, &format!("{{\"deadline_ms\":{PATIENCE}}}"))?;
    let reply: Reply = serde_json::from_slice(&reply).map_err(|_| unexpected("connect"))?;
    Ok(Stream { path: reply.stream })
}

impl Stream {
    /// Writes all of `bytes`, at most 1 MiB.
    pub fn write(&self, bytes: &[u8]) -> Result<(), Refusal> {
        act_with("write", &self.path, "{}", bytes).map(drop)
    }

    /// Reads what has arrived; empty at the end.
    pub fn read(&self, len: usize, deadline_ms: u64) -> Result<Vec<u8>, Refusal> {
        act("read", &self.path, &format!("{{\"len\":{len},\"deadline_ms\":{deadline_ms}}}"))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        // It dies with its owner in any case.
        let _ = act("stop", &self.path, "{}");
    }
}
