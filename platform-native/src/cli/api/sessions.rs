//! Who acts: a process of role user for each connection, held by `Kernel::attach`.
//!
//! It holds what an operator may do to a kernel and hands nothing on, and ends with its connection. An application is
//! started by a process that holds what was given to that application, and outlives it. Rights are given to a process by one
//! that may hand on what an operator may do, and do nothing else: it starts nothing that nobody has agreed to.

use crate::shared::SharedPlatform;
use bytes::Bytes;
use kernel_core::agency::Role;
use kernel_core::app::Plan;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::kernel::{Kernel, Session};
use kernel_core::path::{Name, Pattern, Verb};
use kernel_core::refusal::{Code, Refusal};
use std::collections::BTreeSet;

/// What they are called in the log, and who answers there for what waits. No application can be called so, because of the dot.
pub(super) const NAME: &str = "operator.api";

/// What an operator may do.
const RIGHTS: &[&str] = &[
    "call /proc/*",
    "call /svc/*",
    "call /tool/*",
    "kill /proc/*",
    "link /proc/*",
    "list /letter",
    "list /tree/**",
    "monitor /app/*",
    "monitor /proc/*",
    "publish /topic/**",
    "read /letter/*",
    "read /proc/*",
    "read /tree/**",
    "remove /letter/*",
    "remove /tree/**",
    "resume /proc/*",
    "revoke /proc/*",
    "send /letter/*",
    "send /proc/*",
    "send /svc/*",
    "signal /proc/*",
    "spawn /agent/*",
    "start /app/*",
    "stop /app/*",
    "stop /proc/*",
    "subscribe /topic/**",
    "suspend /proc/*",
    "watch /tree/**",
    "write /tree/**",
];

/// A session of a connection. However that ends, also while the session is being made, the session ends.
pub(super) struct Held(Session);

impl Held {
    /// A session of an operator.
    pub(super) async fn open(kernel: Kernel<SharedPlatform>) -> Result<Held, Refusal> {
        Held::with(kernel, Capabilities::new(rights(RIGHTS)?, Vec::new())).await
    }

    /// A session that may give what an operator may do.
    pub(super) async fn giver(kernel: Kernel<SharedPlatform>) -> Result<Held, Refusal> {
        Held::with(kernel, Capabilities::new(rights(&["grant /proc/*"])?, rights(RIGHTS)?)).await
    }

    async fn with<E>(kernel: Kernel<SharedPlatform>, capabilities: Result<Capabilities, E>) -> Result<Held, Refusal>
    where
        E: std::fmt::Display + Send + 'static,
    {
        // In a task of its own, which goes on where nobody waits for it any more: the process is made at once, and
        // the answer that names it may take until the log is written.
        let opening = tokio::spawn(async move { attach(&kernel, capabilities).await.map(Held) });
        opening.await.map_err(|e| Refusal::new(Code::Failed, format!("the session could not be made: {e}")))?
    }

    /// It.
    pub(super) fn session(&self) -> &Session {
        &self.0
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let session = self.0.clone();
        // Where there is no runtime any more the kernel has stopped, and the session with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { end(&session).await });
        }
    }
}

/// A session that may install and remove the application `app`.
pub(super) async fn installer(kernel: &Kernel<SharedPlatform>, app: &Name) -> Result<Session, Refusal> {
    let right = |verb| Ok::<_, Refusal>(Right { verb, pattern: pattern(&format!("/app/{app}"))? });
    attach(kernel, Capabilities::new(vec![right(Verb::Install)?, right(Verb::Remove)?], Vec::new())).await
}

/// A session that may start the application of `plan` and hand on what that was given.
pub(super) async fn starter(kernel: &Kernel<SharedPlatform>, plan: &Plan) -> Result<Session, Refusal> {
    let start = Right { verb: Verb::Start, pattern: pattern(&format!("/app/{}", plan.app))? };
    let given: BTreeSet<Right> = plan.agents.iter().flat_map(|agent| agent.given.iter().cloned()).collect();
    attach(kernel, Capabilities::new(vec![start], given.into_iter().collect())).await
}

async fn attach<E: std::fmt::Display>(
    kernel: &Kernel<SharedPlatform>,
    capabilities: Result<Capabilities, E>,
) -> Result<Session, Refusal> {
    kernel.attach(Name::parse(NAME).map_err(invalid)?, Role::User, capabilities.map_err(invalid)?).await
}

/// Ends a session; what it spawned ends with it, and applications that it started do not.
pub(super) async fn end(session: &Session) {
    // What it waited for is cancelled. Where the kernel has stopped it is gone already.
    let _ = session.act("stop", "/proc/self", Bytes::new()).await;
}

fn rights(texts: &[&str]) -> Result<Vec<Right>, Refusal> {
    texts.iter().map(|text| Right::parse(text).map_err(invalid)).collect()
}

fn pattern(text: &str) -> Result<Pattern, Refusal> {
    Pattern::parse(text).map_err(invalid)
}

fn invalid(e: impl std::fmt::Display) -> Refusal {
    Refusal::new(Code::Invalid, e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_operator_holds_rights_and_reaches_nothing_outside() {
        let rights = rights(RIGHTS).unwrap();
        assert_eq!(rights.len(), RIGHTS.len());
        let mut sorted = RIGHTS.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, RIGHTS);
        for outside in ["/fs/", "/net/", "/model/", "/container/", "/charter"] {
            assert!(!RIGHTS.iter().any(|right| right.contains(outside)), "{outside}");
        }
        // By a session that may start nothing.
        assert!(!RIGHTS.iter().any(|right| right.starts_with("grant")));
        // They come and go by the road that has them agreed to.
        assert!(!RIGHTS.iter().any(|right| right.starts_with("install") || right.starts_with("remove /app")));
        assert!(NAME.contains('.'));
    }
}
