//! The sessions of the page's user: one that looks and speaks, and one for each application that he installs or
//! starts, which holds just what he gave to it.

use super::OPERATOR;
use super::error::{Failure, Fallible};
use crate::WebPlatform;
use crate::storage::RedbStorage;
use crate::tools::{PROGRAM, Tools};
use js_sys::Function;
use kernel_core::agency::Role;
use kernel_core::app::Plan;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::ipc::body;
use kernel_core::kernel::{Kernel, Session, rows};
use kernel_core::path::{Name, Pattern, Verb};
use kernel_core::platform::{Key, Storage};
use kernel_core::refusal::{Code, Refusal};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// One day, in milliseconds: the longest that a receive may wait.
const DAY: u64 = 86_400_000;

/// What the user may do by himself. What reaches out of the tab, or gives rights to others, is not among it: that is
/// what he gives an application when it is installed.
const OWN: &[&str] = &[
    "read /fs/**",
    "list /fs/**",
    "write /fs/**",
    "remove /fs/**",
    "list /tree/**",
    "read /tree/**",
    "write /tree/**",
    "remove /tree/**",
    "read /proc/**",
    "send /proc/*",
    "call /proc/*",
    "stop /proc/*",
    "kill /proc/*",
    "suspend /proc/*",
    "resume /proc/*",
    "revoke /proc/*",
    "signal /proc/*",
    "monitor /proc/*",
    "send /svc/*",
    "call /svc/*",
    "call /tool/*",
    "list /letter",
    "read /letter/*",
    "send /letter/*",
    "remove /letter/*",
    "publish /topic/**",
    "subscribe /topic/**",
    "stop /app/*",
    "remove /app/*",
    "monitor /app/*",
    "start /timer/*",
    "stop /timer/*",
];

/// The session that looks and speaks.
pub(super) async fn attach(kernel: &Kernel<WebPlatform>) -> Fallible<Session> {
    let own = OWN.iter().map(|text| Right::parse(text).map_err(invalid)).collect::<Fallible<Vec<_>>>()?;
    let held = Capabilities::new(own, Vec::new()).map_err(invalid)?;
    Ok(kernel.attach(name()?, Role::User, held).await?)
}

/// A session that runs this one application, and hands on what it was given.
pub(super) async fn of_app(kernel: &Kernel<WebPlatform>, plan: &Plan) -> Fallible<Session> {
    let pattern = Pattern::parse(&format!("/app/{}", plan.app)).map_err(invalid)?;
    let own = [Verb::Install, Verb::Start, Verb::Monitor].map(|verb| Right { verb, pattern: pattern.clone() });
    let given: BTreeSet<Right> = plan.agents.iter().flat_map(|agent| agent.given.iter().cloned()).collect();
    let held = Capabilities::new(own.to_vec(), given.into_iter().collect()).map_err(invalid)?;
    Ok(kernel.attach(name()?, Role::User, held).await?)
}

/// Offers the function `run` as the tool `name`, declared as the body of its `register` says; its number.
pub(super) async fn offer(
    kernel: &Kernel<WebPlatform>,
    tools: &Tools,
    name: &str,
    declared: &Value,
    run: Function,
) -> Fallible<u64> {
    let name = Name::parse(name).map_err(|e| invalid(format!("`{name}` is no name of a tool: {e}")))?;
    let register = Right::parse(&format!("register /tool/{name}")).map_err(invalid)?;
    let spawn = Right::parse(&format!("spawn /agent/{PROGRAM}")).map_err(invalid)?;
    let held = Capabilities::new(vec![spawn], vec![register.clone()]).map_err(invalid)?;
    let session = kernel.attach(self::name()?, Role::User, held).await?;
    let (number, registered) = tools.offer(name.clone(), body::json(declared), run);
    tools.keep(number, session.clone());
    let head = json!({ "name": format!("tool.{name}"), "args": number, "use": [register.to_string()], "grant": [] });
    let spawned = session.act("spawn", &format!("/agent/{PROGRAM}"), body::json(&head)).await;
    let ended = || Refusal::new(Code::Failed, format!("the process of /tool/{name} ended before it had registered"));
    let registered = match spawned {
        Ok(_) => registered.await.unwrap_or_else(|_| Err(ended())),
        Err(refusal) => Err(refusal),
    };
    if let Err(refusal) = registered {
        drop(tools.withdraw(number));
        leave(&session).await;
        return Err(refusal.into());
    }
    Ok(number)
}

/// Keeps `session`, whose child the running application `app` is, until that has ended.
pub(super) async fn stay(session: Session, app: Name) {
    if session.act("monitor", &format!("/app/{app}"), body::json(&json!({}))).await.is_ok() {
        loop {
            let receive = body::json(&json!({ "deadline_ms": DAY }));
            match session.act("read", "/proc/self/inbox", receive).await {
                Err(refusal) if refusal.code == Code::TimedOut => {}
                // It has ended, or the kernel stops.
                _ => break,
            }
        }
    }
    leave(&session).await;
}

/// Ends a session that has done what it was for.
pub(super) async fn leave(session: &Session) {
    // One that has ended already is as good.
    let _ = session.act("stop", "/proc/self", body::json(&json!({}))).await;
}

/// The plan of the installed application `app`.
pub(super) async fn installed(stored: &RedbStorage, app: &str) -> Fallible<Plan> {
    let missing = || Failure::new("not_found", format!("no application `{app}` is installed"));
    let row = stored.get(&app_key(app)).await?.ok_or_else(missing)?;
    let unreadable = |e| Failure::new("failed", format!("the stored plan of `{app}` cannot be read: {e}"));
    serde_json::from_slice(&row).map_err(unreadable)
}

/// Where the plan of an installed application is stored.
pub(super) fn app_key(app: &str) -> Key {
    rows::key(rows::TABLE_APP, app.as_bytes())
}

fn name() -> Fallible<Name> {
    Name::parse(OPERATOR).map_err(invalid)
}

fn invalid(error: impl std::fmt::Display) -> Failure {
    Failure::new("invalid", error.to_string())
}
