//! Who acts: a process of role user for each connection, held by `Kernel::attach`.
//!
//! It holds what an operator may do to a kernel and hands nothing on. An application is started by a process that
//! holds what was given to that application. A process that has started something ends no sooner than that, because
//! its end would end it, too.

use super::Api;
use crate::shared::SharedPlatform;
use bytes::Bytes;
use kernel_core::app::Plan;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::kernel::{Kernel, Session};
use kernel_core::path::{Name, Pattern, Verb};
use kernel_core::process::Role;
use kernel_core::refusal::{Code, Refusal};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

/// What they are called in the log. No application can be called so, because of the dot.
const NAME: &str = "operator.api";

/// The most that are kept for what they have started.
const KEPT: usize = 4_096;

/// What an operator may do.
const RIGHTS: &[&str] = &[
    "call /proc/*",
    "call /svc/*",
    "call /tool/*",
    "kill /proc/*",
    "link /proc/*",
    "list /tree/**",
    "monitor /app/*",
    "monitor /proc/*",
    "publish /topic/**",
    "read /proc/*",
    "read /tree/**",
    "remove /tree/**",
    "resume /proc/*",
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

/// A session of a connection. However that ends, also while the session is being made, the session is let go of.
pub(super) struct Held {
    api: Arc<Api>,
    session: Session,
}

impl Held {
    /// A session of an operator.
    pub(super) async fn open(api: Arc<Api>) -> Result<Held, Refusal> {
        // In a task of its own, which goes on where nobody waits for it any more: the process is made at once, and
        // the answer that names it may take until the log is written.
        let opening = tokio::spawn(async move {
            let session = api.sessions.open(&api.kernel).await?;
            Ok(Held { api, session })
        });
        opening.await.map_err(|e| Refusal::new(Code::Failed, format!("the session could not be made: {e}")))?
    }

    /// It.
    pub(super) fn session(&self) -> &Session {
        &self.session
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let (api, session) = (self.api.clone(), self.session.clone());
        // Where there is no runtime any more the kernel has stopped, and the session with it.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(async move { api.sessions.release(&api.kernel, session).await });
        }
    }
}

/// The sessions that are kept although their connections are gone.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    // Held to add or to take; never while anybody is waited for.
    kept: Mutex<Vec<Session>>,
}

impl Sessions {
    /// A session of an operator.
    pub(super) async fn open(&self, kernel: &Kernel<SharedPlatform>) -> Result<Session, Refusal> {
        self.attach(kernel, Capabilities::new(rights()?, Vec::new())).await
    }

    /// A session that may install and remove the application `app`.
    pub(super) async fn installer(&self, kernel: &Kernel<SharedPlatform>, app: &Name) -> Result<Session, Refusal> {
        let right = |verb| Ok::<_, Refusal>(Right { verb, pattern: pattern(&format!("/app/{app}"))? });
        let held = vec![right(Verb::Install)?, right(Verb::Remove)?];
        self.attach(kernel, Capabilities::new(held, Vec::new())).await
    }

    /// A session that may start the application of `plan` and hand on what that was given.
    pub(super) async fn starter(&self, kernel: &Kernel<SharedPlatform>, plan: &Plan) -> Result<Session, Refusal> {
        let start = Right { verb: Verb::Start, pattern: pattern(&format!("/app/{}", plan.app))? };
        let given: BTreeSet<Right> = plan.agents.iter().flat_map(|agent| agent.given.iter().cloned()).collect();
        self.attach(kernel, Capabilities::new(vec![start], given.into_iter().collect())).await
    }

    async fn attach<E: std::fmt::Display>(
        &self,
        kernel: &Kernel<SharedPlatform>,
        capabilities: Result<Capabilities, E>,
    ) -> Result<Session, Refusal> {
        let capabilities = capabilities.map_err(invalid)?;
        if self.kept.lock().unwrap_or_else(PoisonError::into_inner).len() >= KEPT {
            let reason = format!("{KEPT} sessions are kept for what they have started; stop some of that first");
            return Err(Refusal::new(Code::Full, reason));
        }
        kernel.attach(Name::parse(NAME).map_err(invalid)?, Role::User, capabilities).await
    }

    /// Ends a session whose connection is gone, or keeps it for what it has started.
    pub(super) async fn release(&self, kernel: &Kernel<SharedPlatform>, session: Session) {
        if kernel.children(session.pid()) > 0 {
            self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(session);
        } else {
            end(&session).await;
        }
    }

    /// Ends those that were kept for what has ended.
    pub(super) async fn reap(&self, kernel: &Kernel<SharedPlatform>) {
        let over: Vec<Session> = {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            kept.extract_if(.., |session| kernel.children(session.pid()) == 0).collect()
        };
        for session in over {
            end(&session).await;
        }
    }
}

async fn end(session: &Session) {
    // What it waited for is cancelled. Where the kernel has stopped it is gone already.
    let _ = session.act("stop", "/proc/self", Bytes::new()).await;
}

fn rights() -> Result<Vec<Right>, Refusal> {
    RIGHTS.iter().map(|text| Right::parse(text).map_err(invalid)).collect()
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
        let rights = rights().unwrap();
        assert_eq!(rights.len(), RIGHTS.len());
        let mut sorted = RIGHTS.to_vec();
        sorted.sort_unstable();
        assert_eq!(sorted, RIGHTS);
        for outside in ["/fs/", "/net/", "/model/", "/container/", "/charter"] {
            assert!(!RIGHTS.iter().any(|right| right.contains(outside)), "{outside}");
        }
        // They come and go by the road that has them agreed to.
        assert!(!RIGHTS.iter().any(|right| right.starts_with("install") || right.starts_with("remove /app")));
        assert!(NAME.contains('.'));
    }
}
