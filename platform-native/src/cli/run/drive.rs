//! A run from the installation to its end: what the session does, and what it waits for meanwhile.

use super::question;
use super::screen::Screen;
use crate::cli::interrupt::Interrupt;
use crate::cli::text::{bytes, counted};
use crate::shared::SharedPlatform;
use futures::StreamExt;
use futures::channel::mpsc;
use kernel_core::agency::Role;
use kernel_core::app::{Checked, Plan};
use kernel_core::capability::{Capabilities, Right};
use kernel_core::ipc::body;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::{Kernel, Session, Summary, Told};
use kernel_core::path::{Name, Pattern, Verb};
use kernel_core::process::Lifecycle;
use kernel_core::refusal::{Code, Refusal};
use serde_json::json;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::pin::pin;
use std::time::{Duration, Instant};
use tokio::sync::mpsc as lines;

/// How often progress is drawn.
const DRAW: Duration = Duration::from_millis(125);

/// One day, in milliseconds: the longest that a receive may wait.
const DAY: u64 = 86_400_000;

/// What the session is called in the log.
const OPERATOR: &str = "operator";

/// Who answers where nobody does, as the log says it.
pub(in crate::cli) const NOBODY: &str = "nobody";

/// Why a run is over.
#[derive(Clone, Debug)]
pub(super) enum Ending {
    /// The application ended by itself; the log says how.
    Ended,
    /// The session was refused what it needed to install or start it.
    Refused(Refusal),
    /// It took longer than `--timeout`.
    TimedOut(Duration),
    /// A signal came.
    Interrupted(&'static str),
}

impl Ending {
    /// Why the kernel is told to stop, for the record.
    pub(super) fn reason(&self) -> String {
        match self {
            Ending::Ended => "the run is over".to_owned(),
            Ending::Refused(refusal) => format!("the application could not be started: {}", refusal.reason),
            Ending::TimedOut(limit) => format!("the run was not over within {} ms (--timeout)", limit.as_millis()),
            Ending::Interrupted(signal) => format!("the operator interrupted the run ({signal})"),
        }
    }
}

/// Installs and starts an application and waits for its end.
pub(super) async fn drive(
    kernel: &Kernel<SharedPlatform>,
    checked: &Checked,
    plan: &Plan,
    told: &mut mpsc::Receiver<Told>,
    screen: &mut Screen,
    interrupt: &mut Interrupt,
    timeout: Option<Duration>,
) -> Ending {
    let (step, mut steps) = lines::unbounded_channel();
    let started = Cell::new(false);
    let mut play = pin!(play(kernel, checked, plan, step, &started));
    let mut interrupted = pin!(interrupt.wait());
    let mut over = pin!(async {
        match timeout {
            Some(limit) => {
                tokio::time::sleep(limit).await;
                limit
            }
            None => std::future::pending().await,
        }
    });
    let mut draw = tokio::time::interval(DRAW);
    draw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut typed: Option<lines::Receiver<(Instant, String)>> = None;
    loop {
        tokio::select! {
            signal = &mut interrupted => return Ending::Interrupted(signal),
            Some(news) = told.next() => match news {
                Told::Notice(Notice::Ended { app, .. }) if app == plan.app.as_str() => return Ending::Ended,
                Told::Notice(notice) => screen.notice(&notice),
                Told::Ask(ask) => {
                    if screen.asks() && typed.is_none() {
                        typed = Some(question::typed());
                    }
                    screen.ask(ask);
                }
            },
            Some(Step { name, took, more }) = steps.recv() => screen.step(name, took, &more),
            line = next(&mut typed) => match line {
                Some((at, line)) => {
                    if let Some(answer) = screen.typed(at, &line) {
                        // What came of it is told by a notice.
                        drop(kernel.answer(answer.action, answer.allow, OPERATOR));
                    }
                }
                None => {
                    typed = None;
                    for action in screen.hang_up() {
                        drop(kernel.answer(action, false, NOBODY));
                    }
                }
            },
            refusal = &mut play => return Ending::Refused(refusal),
            limit = &mut over => return Ending::TimedOut(limit),
            _ = draw.tick() => {
                let summary = kernel.summary();
                // Where so much was told that the notice of its end was lost.
                if started.get() && !runs(&summary, &plan.app) {
                    return Ending::Ended;
                }
                screen.progress(&summary);
            }
        }
    }
}

pub(super) async fn next(typed: &mut Option<lines::Receiver<(Instant, String)>>) -> Option<(Instant, String)> {
    match typed {
        Some(typed) => typed.recv().await,
        None => std::future::pending().await,
    }
}

/// Something that was done, for the boot log.
struct Step {
    name: &'static str,
    took: Duration,
    more: String,
}

/// Whether anything of the application is alive.
fn runs(summary: &Summary, app: &Name) -> bool {
    summary.processes.iter().any(|row| row.app.as_ref() == Some(app) && row.state != Lifecycle::Exited)
}

/// What the session does: it starts the application, and is there until the run is over. Completes when it is
/// refused something, which it also is where the kernel cannot go on.
async fn play(
    kernel: &Kernel<SharedPlatform>,
    checked: &Checked,
    plan: &Plan,
    steps: lines::UnboundedSender<Step>,
    started: &Cell<bool>,
) -> Refusal {
    let session = match start(kernel, checked, plan, steps).await {
        Ok(session) => session,
        Err(refusal) => return refusal,
    };
    started.set(true);
    loop {
        let receive = body::json(&json!({ "deadline_ms": DAY }));
        match session.act("read", "/proc/self/inbox", receive).await {
            Err(refusal) if refusal.code != Code::TimedOut => return refusal,
            _ => {}
        }
    }
}

/// Installs and starts the application.
async fn start(
    kernel: &Kernel<SharedPlatform>,
    checked: &Checked,
    plan: &Plan,
    steps: lines::UnboundedSender<Step>,
) -> Result<Session, Refusal> {
    // Whoever drew them has gone only when the run is over.
    let tell = |name, at: Instant, more| drop(steps.send(Step { name, took: at.elapsed(), more }));
    let at = Instant::now();
    let mut size = 0;
    for program in checked.programs().values() {
        size += program.info.size;
        kernel.keep_component(program.bytes.clone()).await?;
    }
    tell("programs", at, format!("{}, {}", counted(checked.programs().len() as u64, "component"), bytes(size)));

    let at = Instant::now();
    let name = Name::parse(OPERATOR).map_err(|e| Refusal::new(Code::Invalid, e.to_string()))?;
    let session = kernel.attach(name, Role::User, authority(plan)?).await?;
    let app = format!("/app/{}", plan.app);
    let unwritable = |e: serde_json::Error| Refusal::new(Code::Invalid, format!("the plan cannot be written: {e}"));
    let payload = serde_json::to_vec(plan).map_err(unwritable)?;
    session.act("install", &app, body::join(&json!({}), &payload)).await?;
    session.act("start", &app, body::json(&json!({ "until": "quiet" }))).await?;
    tell("start", at, counted(plan.agents.len() as u64, "agent"));
    Ok(session)
}

/// What the session holds: to run this one application, and to hand on what the operator gave it.
fn authority(plan: &Plan) -> Result<Capabilities, Refusal> {
    let invalid = |e: &dyn std::fmt::Display| Refusal::new(Code::Invalid, e.to_string());
    let pattern = Pattern::parse(&format!("/app/{}", plan.app)).map_err(|e| invalid(&e))?;
    let own = [Verb::Install, Verb::Start].map(|verb| Right { verb, pattern: pattern.clone() });
    let given: BTreeSet<Right> = plan.agents.iter().flat_map(|agent| agent.given.iter().cloned()).collect();
    Capabilities::new(own.to_vec(), given.into_iter().collect()).map_err(|e| invalid(&e))
}
