//! A run from the installation to its end: what the session does, and what it waits for meanwhile.

use super::question::{self, Answer};
use super::screen::Screen;
use crate::cli::interrupt::Interrupt;
use crate::cli::text::{bytes, counted};
use crate::shared::SharedPlatform;
use futures::StreamExt;
use futures::channel::mpsc;
use kernel_core::agency::Role;
use kernel_core::app::{Checked, Plan};
use kernel_core::capability::{Capabilities, Right};
use kernel_core::id::ActionId;
use kernel_core::ipc::body;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::{Kernel, Session, Summary, Told};
use kernel_core::path::{Name, Pattern, Verb};
use kernel_core::process::Lifecycle;
use kernel_core::refusal::{Code, Refusal};
use serde_json::json;
use std::cell::Cell;
use std::collections::BTreeSet;
use std::pin::{Pin, pin};
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
    /// Somebody else stopped it: who.
    Stopped(String),
    /// The session was refused what it needed to install or start it.
    Refused(Refusal),
    /// It took longer than `--timeout`.
    TimedOut(Duration),
    /// A signal came.
    Interrupted(&'static str),
    /// The kernel that it runs on is gone; why that is known.
    Gone(String),
    /// The kernel that it runs on can keep nothing any more.
    NotDurable(String),
}

impl Ending {
    /// Why the kernel is told to stop, for the record.
    pub(super) fn reason(&self) -> String {
        match self {
            Ending::Ended => "the run is over".to_owned(),
            Ending::Stopped(by) => format!("{by} stopped the application"),
            Ending::Refused(refusal) => format!("the application could not be started: {}", refusal.reason),
            Ending::TimedOut(limit) => format!("the run was not over within {} ms (--timeout)", limit.as_millis()),
            Ending::Interrupted(signal) => format!("the operator interrupted the run ({signal})"),
            Ending::Gone(why) | Ending::NotDurable(why) => why.clone(),
        }
    }
}

/// A run as it is followed, on whichever kernel: what happens in it, and what is done about that.
pub(super) trait Course {
    /// What happens.
    type News;

    /// How often its state is looked at.
    const LOOK: Duration;

    /// Waits for what happens next; nothing is lost where that is given up.
    async fn next(&mut self) -> Self::News;

    /// Takes what has happened; how the run is over, if that was it.
    async fn take(&mut self, news: Self::News, screen: &mut Screen) -> Option<Ending>;

    /// Hands an answer on.
    async fn answer(&mut self, answer: Answer, screen: &mut Screen);

    /// Nobody here answers for these acts any more.
    async fn unanswered(&mut self, acts: Vec<ActionId>, screen: &mut Screen);

    /// Looks at its state and draws it; how the run is over, where so much was told that its end was not heard of.
    async fn look(&mut self, screen: &mut Screen) -> Option<Ending>;
}

/// Follows a run to its end, the operator's or the time's.
pub(super) async fn follow(
    course: &mut impl Course,
    screen: &mut Screen,
    interrupt: &mut Interrupt,
    timeout: Option<Duration>,
) -> Ending {
    tokio::select! {
        // A run that is interrupted at once is not begun.
        biased;
        signal = interrupt.wait() => Ending::Interrupted(signal),
        limit = over(timeout) => Ending::TimedOut(limit),
        ending = to_its_end(course, screen) => ending,
    }
}

/// Completes when the time is over.
async fn over(timeout: Option<Duration>) -> Duration {
    match timeout {
        Some(limit) => {
            tokio::time::sleep(limit).await;
            limit
        }
        None => std::future::pending().await,
    }
}

async fn to_its_end<C: Course>(course: &mut C, screen: &mut Screen) -> Ending {
    let mut look = tokio::time::interval(C::LOOK);
    look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut typed: Option<lines::Receiver<(Instant, String)>> = None;
    loop {
        let ending = tokio::select! {
            news = course.next() => course.take(news, screen).await,
            line = next(&mut typed) => {
                match line {
                    Some((at, line)) => {
                        if let Some(answer) = screen.typed(at, &line) {
                            course.answer(answer, screen).await;
                        }
                    }
                    None => {
                        typed = None;
                        let open = screen.hang_up();
                        course.unanswered(open, screen).await;
                    }
                }
                None
            }
            _ = look.tick() => course.look(screen).await,
        };
        if let Some(ending) = ending {
            return ending;
        }
        if screen.is_asking() && typed.is_none() {
            typed = Some(question::typed());
        }
        // However much happens, whoever wants it to end is heard.
        tokio::task::yield_now().await;
    }
}

async fn next(typed: &mut Option<lines::Receiver<(Instant, String)>>) -> Option<(Instant, String)> {
    match typed {
        Some(typed) => typed.recv().await,
        None => std::future::pending().await,
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
    let (step, steps) = lines::unbounded_channel();
    let started = Cell::new(false);
    let play = pin!(play(kernel, checked, plan, step, &started));
    let mut course = Own { kernel, plan, told, steps, started: &started, play };
    follow(&mut course, screen, interrupt, timeout).await
}

/// A run on a kernel of its own.
struct Own<'a, P> {
    kernel: &'a Kernel<SharedPlatform>,
    plan: &'a Plan,
    told: &'a mut mpsc::Receiver<Told>,
    steps: lines::UnboundedReceiver<Step>,
    started: &'a Cell<bool>,
    /// What the session does.
    play: Pin<&'a mut P>,
}

/// What happens in such a run.
enum News {
    Told(Told),
    Step(Step),
    /// The session was refused something.
    Refused(Refusal),
}

impl<P: Future<Output = Refusal>> Course for Own<'_, P> {
    type News = News;

    const LOOK: Duration = DRAW;

    async fn next(&mut self) -> News {
        tokio::select! {
            Some(told) = self.told.next() => News::Told(told),
            Some(step) = self.steps.recv() => News::Step(step),
            refusal = &mut self.play => News::Refused(refusal),
        }
    }

    async fn take(&mut self, news: News, screen: &mut Screen) -> Option<Ending> {
        match news {
            News::Told(Told::Notice(Notice::Ended { app, .. })) if app == self.plan.app.as_str() => {
                return Some(Ending::Ended);
            }
            News::Told(Told::Notice(notice)) => screen.notice(&notice),
            News::Told(Told::Ask(ask)) => screen.ask(ask),
            News::Step(Step { name, took, more }) => screen.step(name, took, &more),
            News::Refused(refusal) => return Some(Ending::Refused(refusal)),
        }
        None
    }

    async fn answer(&mut self, answer: Answer, _: &mut Screen) {
        // What came of it is told by a notice.
        drop(self.kernel.answer(answer.action, answer.allow, OPERATOR));
    }

    async fn unanswered(&mut self, acts: Vec<ActionId>, _: &mut Screen) {
        acts.into_iter().for_each(|action| drop(self.kernel.answer(action, false, NOBODY)));
    }

    async fn look(&mut self, screen: &mut Screen) -> Option<Ending> {
        let summary = self.kernel.summary();
        if self.started.get() && !runs(&summary, &self.plan.app) {
            return Some(Ending::Ended);
        }
        screen.progress(&summary);
        None
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
