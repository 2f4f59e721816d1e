//! `weft run --attach`: an application on a kernel that stays, from its installation there to its end, and what came of it.
//!
//! It is installed, unless the very same is, started until it is quiet, followed by its events and removed again. The
//! report is made of these events: the log is the kernel's, and tells more.

mod record;

use super::drive::{self, Ending};
use super::report::{self, Report};
use super::screen::Screen;
use super::{Run, question};
use crate::cli::application;
use crate::cli::client::{Event, Events, Which, ask_of, request_of};
use crate::cli::consent::{Agreed, Given, agree};
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::terminal::{Terminal, print, print_json};
use crate::cli::text::{counted, shown, time};
use kernel_core::app::{Checked, Plan};
use kernel_core::codec::hex;
use kernel_core::environment::Environment;
use kernel_core::kernel::{ProcessRow, Summary};
use kernel_core::path::Name;
use kernel_core::refusal::{Code, Refusal};
use kernel_core::time::WallTime;
use record::{Told, notice_of};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::Path;
use std::pin::pin;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often progress is asked for and drawn.
const DRAW: Duration = Duration::from_millis(500);

/// How long the end of an application that was told to stop is waited for.
const LAST: Duration = Duration::from_secs(30);

/// An application on a kernel that stays.
struct Attached<'a> {
    which: &'a Which,
    plan: &'a Plan,
    screen: Screen,
    told: Told,
    /// Its own process of this run, once it is known.
    root: Option<u64>,
}

impl Run {
    /// Runs it on a kernel that stays.
    pub(super) async fn attach(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let given = self.gifts.given()?;
        let checked = application::load(&self.app)?;
        let agreed = agree(&checked, &given, terminal)?;
        let mut interrupt = Interrupt::listen(terminal)
            .await
            .map_err(|e| Failure::new(Exit::Unsupported, "signals", format!("signals cannot be received: {e}")))?;
        let started = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let started = time(WallTime(u64::try_from(started.as_nanos()).unwrap_or(u64::MAX)));
        let which = Which::of(self.data_dir.as_deref(), self.at.as_ref(), self.token_file.as_deref());
        let mut screen = Screen::new(terminal);
        agreed.unused.iter().for_each(|unused| screen.warning(&unused.to_string()));
        let plan = &agreed.plan;
        let health = which.connect().await?.get("/v1/health").await?;
        let environment = health["environment"].as_str().unwrap_or_default().to_owned();
        screen.heading(&format!("weft {}: {} {} in {environment}", crate::cli::VERSION, plan.app, plan.version));
        // Before anything happens that they tell of.
        let mut events = Events::open(&which, "from=now").await?;
        let at = Instant::now();
        let ours = install(&which, &checked, &agreed, &given).await?;
        screen.step("install", at.elapsed(), if ours { "" } else { "it is there already" });
        let mut attached = Attached { which: &which, plan, screen, told: Told::default(), root: None };
        let ending = attached.drive(&mut events, &mut interrupt, self.timeout).await;
        attached.screen.stopping(&ending);
        if !matches!(ending, Ending::Ended) {
            attached.stop(&mut events).await;
        }
        let Attached { mut screen, told, root, .. } = attached;
        screen.end();
        let processes = rows(&which, plan, root.or(told.first)).await;
        let acts = processes.iter().map(|row| row.used.acts).sum();
        let summary = Summary { processes, verdicts: told.tally(acts), environment: environment.clone() };
        if ours {
            let path = format!("/v1/apps/{}", plan.app);
            let removed = async { which.connect().await?.delete(&path).await }.await;
            if let Err(failure) = removed {
                screen.warning(&format!("`{}` could not be removed again: {}", plan.app, failure.message));
            }
        }
        if told.missed > 0 {
            let missed = counted(told.missed, "event");
            screen.warning(&format!("{missed} came too fast to be told; the log of the kernel has all of them"));
        }
        let record = told.record();
        let (outcome, reason) = report::outcome(&ending, &record, None);
        let exit = report::exit(outcome, &ending, self.strict, record.gate);
        let bound = |name: &Name| plan.mounts.iter().any(|mount| mount.name == *name);
        let report = Report {
            plan,
            mounts: given.mounts.into_iter().filter(|(name, _)| bound(name)).collect(),
            unused: &agreed.unused,
            said_yes: &agreed.said_yes,
            outcome,
            reason,
            exit,
            started,
            elapsed: screen.elapsed(),
            boot: screen.into_steps(),
            summary,
            record,
            lost: false,
            events: None,
            signed: None,
            data_dir: Path::new(health["data_dir"].as_str().unwrap_or_default()),
            output_commit: Environment::named(&environment).is_none_or(|environment| environment.output_commit()),
        };
        let printed = if self.json { print_json(&report.document()) } else { print(&report::lines(&report, terminal)) };
        printed.map(|()| exit)
    }
}

impl Attached<'_> {
    /// Starts it, and waits for its end, the operator's or the time's.
    async fn drive(&mut self, events: &mut Events, interrupt: &mut Interrupt, timeout: Option<Duration>) -> Ending {
        let path = format!("/v1/apps/{}/start", self.plan.app);
        let (which, at) = (self.which, Instant::now());
        let mut starting = pin!(async {
            let started = async { which.connect().await?.post(&path, &json!({ "until": "quiet" })).await }.await;
            (started, at.elapsed())
        });
        let mut started = false;
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
        draw.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut typed = None;
        loop {
            tokio::select! {
                signal = &mut interrupted => return Ending::Interrupted(signal),
                next = events.next() => match next {
                    Ok(Some(events)) => {
                        if let Some(ending) = self.take(events) {
                            return ending;
                        }
                        if self.screen.is_asking() && typed.is_none() {
                            typed = Some(question::typed());
                        }
                    }
                    Ok(None) => return gone("it has stopped"),
                    Err(failure) => return gone(&failure.message),
                },
                (result, took) = &mut starting, if !started => {
                    started = true;
                    match result {
                        Ok(reply) => {
                            self.root = reply["pid"].as_u64();
                            self.screen.step("start", took, &counted(self.plan.agents.len() as u64, "agent"));
                        }
                        Err(failure) => return Ending::Refused(refusal_of(&failure)),
                    }
                }
                line = drive::next(&mut typed) => match line {
                    Some((at, line)) => {
                        if let Some(answer) = self.screen.typed(at, &line) {
                            self.answer(answer.action.0, answer.allow).await;
                        }
                    }
                    None => {
                        typed = None;
                        for action in self.screen.hang_up() {
                            self.answer(action.0, false).await;
                        }
                    }
                },
                limit = &mut over => return Ending::TimedOut(limit),
                _ = draw.tick(), if self.screen.draws() => {
                    let from = self.root.or(self.told.first);
                    let processes = rows(self.which, self.plan, from).await;
                    let summary = Summary { processes, verdicts: self.told.tally(0), environment: String::new() };
                    self.screen.progress(&summary);
                }
            }
        }
    }

    /// Takes what has happened; the end, if that was among it.
    fn take(&mut self, events: Vec<Event>) -> Option<Ending> {
        let app = self.plan.app.as_str();
        let mut ending = None;
        for event in events {
            match event.kind.as_str() {
                "lagged" => self.told.missed(&event.data),
                "stopped" => ending = Some(gone("it has stopped")),
                "ask" if event.data["app"] == app => {
                    let ask = ask_of(&event.data);
                    self.told.asked(&ask);
                    self.screen.ask(ask);
                }
                _ => {
                    let Some((whose, notice)) = notice_of(&event) else { continue };
                    if whose == app {
                        self.told.take(&notice);
                        self.screen.notice(&notice);
                        if self.told.ended.is_some() {
                            return Some(Ending::Ended);
                        }
                    }
                }
            }
        }
        ending
    }

    async fn answer(&mut self, action: u64, allow: bool) {
        let path = format!("/v1/approvals/{action}");
        let answered = async { self.which.connect().await?.post(&path, &json!({ "allow": allow })).await }.await;
        if let Err(failure) = answered {
            self.screen.warning(&failure.message);
        }
    }

    /// Stops it, and reads the events up to its end.
    async fn stop(&mut self, events: &mut Events) {
        let path = format!("/app/{}", self.plan.app);
        let stopped = async { self.which.connect().await?.act("stop", &path, json!({})).await }.await;
        let until = match stopped {
            Ok(_) => LAST,
            // It does not run, or has failed while it was started: what tells of that is under way.
            Err(_) => DRAW,
        };
        let _ = tokio::time::timeout(until, async {
            while let Ok(Some(events)) = events.next().await {
                if self.take(events).is_some() {
                    break;
                }
            }
        })
        .await;
    }
}

/// Installs it; whether that was to be done, because it was not there.
async fn install(which: &Which, checked: &Checked, agreed: &Agreed, given: &Given) -> Result<bool, Failure> {
    let (plan, apps) = (&agreed.plan, which.connect().await?.get("/v1/apps").await?);
    let known = apps["apps"].as_array().into_iter().flatten().find(|app| app["name"] == plan.app.as_str());
    if let Some(known) = known {
        let conflict = |what: &str, help: String| {
            Failure::new(Exit::Usage, "conflict", format!("`{}` {what} on that kernel", plan.app)).help(help)
        };
        if known["state"] != "installed" {
            return Err(conflict("runs already", format!("stop it first: weft app stop {}", plan.app)));
        }
        if !is_same(known, plan, given) {
            let other = format!("is installed as version {}, or was given something else,", known["version"]);
            return Err(conflict(&other, format!("remove it first: weft app remove {}", plan.app)));
        }
        return Ok(false);
    }
    which.connect().await?.post("/v1/apps", &request_of(checked, agreed, given)?).await?;
    Ok(true)
}

/// Whether what is installed is the same, given the same.
fn is_same(known: &Value, plan: &Plan, given: &Given) -> bool {
    let rights: BTreeSet<String> = plan.agents.iter().flat_map(|agent| &agent.given).map(ToString::to_string).collect();
    let theirs: BTreeSet<String> =
        known["given"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect();
    let folders = |mount: &Value| {
        let name = mount["name"].as_str().unwrap_or_default();
        let ours = given.mounts.iter().find(|(known, _)| known.as_str() == name).map(|(_, path)| path);
        let absolute = ours.map(|path| shown(&std::path::absolute(path).unwrap_or_else(|_| path.clone())));
        absolute.is_some() && mount["path"].as_str() == absolute.as_deref()
    };
    let mounts = known["mounts"].as_array().map(Vec::as_slice).unwrap_or_default();
    known["content"] == hex(&plan.content)
        && rights == theirs
        && mounts.len() == plan.mounts.len()
        && mounts.iter().all(folders)
}

/// The processes of this run, living and gone, from `from` on.
async fn rows(which: &Which, plan: &Plan, from: Option<u64>) -> Vec<ProcessRow> {
    let Some(from) = from else { return Vec::new() };
    let asked = async { which.connect().await?.get("/v1/processes?all").await }.await;
    let document = asked.unwrap_or_default();
    let rows = document["processes"].as_array().into_iter().flatten();
    let ours = rows.filter(|row| row["app"] == plan.app.as_str() && row["pid"].as_u64() >= Some(from));
    ours.filter_map(|row| serde_json::from_value(row.clone()).ok()).collect()
}

/// What the operator's own act was refused for.
fn refusal_of(failure: &Failure) -> Refusal {
    let code = Code::ALL.iter().find(|code| code.as_str() == failure.code).copied().unwrap_or(Code::Failed);
    Refusal::new(code, failure.message.clone())
}

fn gone(why: &str) -> Ending {
    Ending::Refused(Refusal::new(Code::Cancelled, format!("the kernel is gone: {why}")))
}
