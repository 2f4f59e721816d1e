//! `weft run --attach`: an application on a kernel that stays, from its installation there to its end, and what came of it.
//!
//! It is installed, unless the very same is, started until it is quiet, followed by its events and removed again. The
//! report is made of these events: the log is the kernel's, and tells more.

mod record;

use super::Run;
use super::drive::{self, Course, Ending};
use super::question::Answer;
use super::report::{self, Report};
use super::screen::Screen;
use crate::cli::application;
use crate::cli::client::{Event, Events, Which, ask_of, request_of};
use crate::cli::consent::{Agreed, Given, agree};
use crate::cli::exit::{Exit, Failure};
use crate::cli::interrupt::Interrupt;
use crate::cli::terminal::Terminal;
use crate::cli::text::{counted, plain, shown, time};
use kernel_core::app::{Checked, Plan};
use kernel_core::codec::hex;
use kernel_core::environment::Environment;
use kernel_core::id::{ActionId, Pid};
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::{ProcessRow, Summary};
use kernel_core::path::Name;
use kernel_core::refusal::{Code, Refusal};
use kernel_core::time::WallTime;
use record::{Told, notice_of};
use serde_json::{Value, json};
use std::cell::Cell;
use std::collections::BTreeSet;
use std::path::Path;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How often progress is asked for and drawn.
const DRAW: Duration = Duration::from_millis(500);

/// How long the events up to the end of an application that has stopped are waited for.
const LAST: Duration = Duration::from_secs(30);

/// How long the answer to a start is waited for before the application is told to stop once more.
const AGAIN: Duration = Duration::from_millis(100);

/// What waits for the start of an application, which takes as long.
type Starting = Pin<Box<dyn Future<Output = (Result<Value, Failure>, Duration)>>>;

/// An application on a kernel that stays.
struct Attached<'a> {
    which: &'a Which,
    plan: &'a Plan,
    events: Events,
    told: Told,
    /// Until its start is answered.
    starting: Option<Starting>,
    /// Whether its start was asked for.
    begun: Rc<Cell<bool>>,
    /// The code with which its start was refused: what runs under its name is not this run.
    refused: Option<&'static str>,
    /// Its own process of this run, once it is known.
    root: Option<u64>,
    /// Whether its end may have been among events that were missed.
    unsure: bool,
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
        let events = Events::open(&which, "from=now").await?;
        let before = newest(&which).await?;
        let at = Instant::now();
        let ours = install(&which, &checked, &agreed, &given).await?;
        screen.step("install", at.elapsed(), if ours { "" } else { "it is there already" });
        let mut attached = Attached::new(&which, plan, events, before);
        let ending = drive::follow(&mut attached, &mut screen, &mut interrupt, self.timeout).await;
        screen.stopping(&ending);
        if !matches!(ending, Ending::Ended | Ending::Stopped(_) | Ending::Gone(_) | Ending::NotDurable(_)) {
            attached.stop(&mut screen).await;
        }
        let Attached { told, root, .. } = attached;
        screen.end();
        let processes = rows(&which, plan, root.or(told.first)).await.unwrap_or_else(|failure| {
            screen.warning(&format!("what its processes have used is not known: {}", failure.message));
            Vec::new()
        });
        let summary = Summary { verdicts: told.tally(&processes), processes, environment: environment.clone() };
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
        report.print(self.json, terminal)
    }
}

/// What happens in such a run.
enum News {
    Events(Result<Option<Vec<Event>>, Failure>),
    /// Its start is answered, after so long.
    Started(Result<Value, Failure>, Duration),
}

impl<'a> Attached<'a> {
    /// One that is not started yet, and whose processes will come after `before`.
    fn new(which: &'a Which, plan: &'a Plan, events: Events, before: Pid) -> Attached<'a> {
        let begun = Rc::new(Cell::new(false));
        let (theirs, to, path) = (begun.clone(), which.clone(), format!("/v1/apps/{}/start", plan.app));
        let starting = async move {
            theirs.set(true);
            let at = Instant::now();
            let started = async { to.connect().await?.post(&path, &json!({ "until": "quiet" })).await }.await;
            (started, at.elapsed())
        };
        let (starting, told): (Starting, Told) = (Box::pin(starting), Told::of(before));
        let starting = Some(starting);
        Attached { which, plan, events, told, starting, begun, refused: None, root: None, unsure: false }
    }

    /// Its start is answered.
    fn started(&mut self, result: Result<Value, Failure>, took: Duration, screen: &mut Screen) -> Option<Ending> {
        self.starting = None;
        match result {
            Ok(reply) => {
                self.root = reply["pid"].as_u64();
                screen.step("start", took, &counted(self.plan.agents.len() as u64, "agent"));
                if let Some(root) = self.root.filter(|root| self.told.first.is_some_and(|first| first < *root)) {
                    // What was told is of somebody else's run, just before. What was told of this one is looked for.
                    self.told = Told::of(Pid(root - 1));
                    self.unsure = true;
                }
                self.over()
            }
            Err(failure) => {
                self.refused = Some(failure.code);
                if failure.code == Code::Conflict.as_str() {
                    // What was told is of somebody else's run.
                    self.told = Told::of(self.told.before);
                }
                Some(ending_of(&failure))
            }
        }
    }

    /// Takes what has happened; the end, if that was among it.
    fn happened(&mut self, events: Vec<Event>, screen: &mut Screen) -> Option<Ending> {
        let app = self.plan.app.as_str();
        for event in events {
            match event.kind.as_str() {
                "lagged" => {
                    self.told.missed(&event.data);
                    self.unsure = true;
                }
                "reconnected" => self.unsure = true,
                "restarted" => return Some(Ending::Gone("another was started in its place".to_owned())),
                "stopped" => {
                    let not_durable = event.data["not_durable"].as_str();
                    return Some(match not_durable {
                        Some(reason) => Ending::NotDurable(reason.to_owned()),
                        None => Ending::Gone("it has stopped".to_owned()),
                    });
                }
                "ask" if event.data["app"] == app => self.ask(&event.data, screen),
                _ => {
                    let Some((whose, notice)) = notice_of(&event) else { continue };
                    if whose != app {
                        continue;
                    }
                    if self.told.take(&notice) {
                        screen.notice(&notice);
                    } else if matches!(notice, Notice::Ended { .. }) {
                        // An earlier run's, unless all that came before it was missed.
                        self.unsure = true;
                    }
                    let over = self.over();
                    if over.is_some() {
                        return over;
                    }
                }
            }
        }
        None
    }

    /// How it is over, as far as that was told. Until its start is answered, whose end that was is not known.
    fn over(&self) -> Option<Ending> {
        self.told.ended.as_ref().filter(|_| self.starting.is_none())?;
        Some(self.told.stopped_by.clone().map_or(Ending::Ended, Ending::Stopped))
    }

    fn ask(&mut self, document: &Value, screen: &mut Screen) {
        let ask = ask_of(document);
        if self.told.asked(&ask) {
            screen.ask(ask);
        }
    }

    /// Looks once more at what missed events may have told: whether it still runs, and what waits for an answer.
    async fn look_again(&mut self, screen: &mut Screen) -> Result<Option<Ending>, Failure> {
        let mut kernel = self.which.connect().await?;
        let app = self.plan.app.as_str();
        let apps = kernel.get("/v1/apps").await?;
        let known = apps["apps"].as_array().into_iter().flatten().find(|known| known["name"] == app);
        let runs = known.is_some_and(|known| {
            known["state"] != "installed" && self.root.is_none_or(|root| known["pid"].as_u64() == Some(root))
        });
        if !runs {
            // What tells of its end may be under way.
            let ending = self.rest(DRAW, screen).await;
            return Ok(Some(ending.unwrap_or_else(|| {
                self.told.ended_unseen();
                Ending::Ended
            })));
        }
        let waiting = kernel.get("/v1/approvals").await?;
        for ask in waiting["approvals"].as_array().into_iter().flatten().filter(|ask| ask["app"] == app) {
            self.ask(ask, screen);
        }
        self.unsure = false;
        Ok(None)
    }

    /// Takes what comes within `most`, up to its end; that, if it is among it.
    async fn rest(&mut self, most: Duration, screen: &mut Screen) -> Option<Ending> {
        let ended = async {
            while self.over().is_none()
                && let Ok(Some(events)) = self.events.next().await
            {
                let ending = self.happened(events, screen);
                if ending.is_some() {
                    return ending;
                }
            }
            self.over()
        };
        tokio::time::timeout(most, ended).await.ok().flatten()
    }

    /// Stops it, and reads the events up to its end.
    async fn stop(&mut self, screen: &mut Screen) {
        if !self.begun.get() {
            return;
        }
        let until = loop {
            // Whose it is that runs is known once its start is answered, which it is at once where that is somebody else.
            self.answered(AGAIN, screen).await;
            match self.refused {
                Some(code) if code == Code::Conflict.as_str() => return,
                // It has failed while it was started: what tells of that is under way.
                Some(_) => break DRAW,
                None => {}
            }
            match self.stopped(screen).await {
                Ok(_) => {
                    self.answered(LAST, screen).await;
                    break LAST;
                }
                // The kernel waits only so long for one stop, and for the next one again.
                Err(failure) if failure.code == Code::TimedOut.as_str() => {}
                // Its start has not come to the kernel yet, and it is stopped once that has.
                Err(_) if self.starting.is_some() => {}
                // It does not run any more.
                Err(_) => break DRAW,
            }
        };
        self.rest(until, screen).await;
    }

    /// Takes the answer to its start, if that comes within `most`.
    async fn answered(&mut self, most: Duration, screen: &mut Screen) {
        if let Some(starting) = &mut self.starting
            && let Ok((result, took)) = tokio::time::timeout(most, starting).await
        {
            self.started(result, took, screen);
        }
    }

    /// Asks the kernel to stop it, and takes what happens until that is answered: when it has stopped.
    async fn stopped(&mut self, screen: &mut Screen) -> Result<Value, Failure> {
        let (which, path) = (self.which, format!("/app/{}", self.plan.app));
        let mut stopped = pin!(async { which.connect().await?.act("stop", &path, json!({})).await });
        let mut more = true;
        loop {
            tokio::select! {
                answer = &mut stopped => return answer,
                events = self.events.next(), if more => {
                    more = match events {
                        Ok(Some(events)) => self.happened(events, screen).is_none(),
                        _ => false,
                    };
                }
            }
        }
    }
}

impl Course for Attached<'_> {
    type News = News;

    const LOOK: Duration = DRAW;

    async fn next(&mut self) -> News {
        let starting = async {
            match &mut self.starting {
                Some(starting) => starting.await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            events = self.events.next() => News::Events(events),
            (result, took) = starting => News::Started(result, took),
        }
    }

    async fn take(&mut self, news: News, screen: &mut Screen) -> Option<Ending> {
        match news {
            News::Events(Ok(Some(events))) => self.happened(events, screen),
            News::Events(Ok(None)) => Some(Ending::Gone("it has stopped".to_owned())),
            News::Events(Err(failure)) => Some(ending_of(&failure)),
            News::Started(result, took) => self.started(result, took, screen),
        }
    }

    async fn answer(&mut self, answer: Answer, screen: &mut Screen) {
        let (path, body) = (format!("/v1/approvals/{}", answer.action), json!({ "allow": answer.allow }));
        let answered = async { self.which.connect().await?.post(&path, &body).await }.await;
        if let Err(failure) = answered {
            screen.warning(&failure.message);
        }
    }

    /// Others may: they are left to wait.
    async fn unanswered(&mut self, acts: Vec<ActionId>, screen: &mut Screen) {
        for action in acts {
            screen
                .warning(&format!("nobody answers here any more; act {action} waits: weft approvals approve {action}"));
        }
    }

    async fn look(&mut self, screen: &mut Screen) -> Option<Ending> {
        if self.unsure && self.starting.is_none() {
            match self.look_again(screen).await {
                Ok(None) => {}
                Ok(ending) => return ending,
                Err(failure) => return Some(ending_of(&failure)),
            }
        }
        if screen.draws()
            && let Ok(processes) = rows(self.which, self.plan, self.root.or(self.told.first)).await
        {
            let summary = Summary { verdicts: self.told.tally(&processes), processes, environment: String::new() };
            screen.progress(&summary);
        }
        None
    }
}

/// The number of the process that asks this: what is started later has a greater one.
async fn newest(which: &Which) -> Result<Pid, Failure> {
    let process = which.connect().await?.act("read", "/proc/self", json!({})).await?;
    let unsaid = || Failure::new(Exit::Failed, "broke_off", "the kernel does not say which process asks");
    process["pid"].as_u64().map(Pid).ok_or_else(unsaid)
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
            let version = plain(known["version"].as_str().unwrap_or_default());
            let other = format!("is installed as version {version}, or was given something else,");
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
async fn rows(which: &Which, plan: &Plan, from: Option<u64>) -> Result<Vec<ProcessRow>, Failure> {
    let Some(from) = from else { return Ok(Vec::new()) };
    let document = which.connect().await?.get("/v1/processes?all").await?;
    let rows = document["processes"].as_array().into_iter().flatten();
    let ours = rows.filter(|row| row["app"] == plan.app.as_str() && row["pid"].as_u64() >= Some(from));
    let unreadable = |e| Failure::new(Exit::Failed, "failed", format!("a process of it cannot be read: {e}"));
    ours.map(|row| serde_json::from_value(row.clone()).map_err(unreadable)).collect()
}

/// What it comes to that a request was not done.
fn ending_of(failure: &Failure) -> Ending {
    match failure.code {
        "no_kernel" | "broke_off" => Ending::Gone(failure.message.clone()),
        code => {
            let code = Code::ALL.iter().find(|known| known.as_str() == code).copied().unwrap_or(Code::Failed);
            Ending::Refused(Refusal::new(code, failure.message.clone()))
        }
    }
}
