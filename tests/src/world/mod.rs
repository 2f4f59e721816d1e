//! A kernel on some host, with puppets for processes: what the clauses of the suite are told with.
//!
//! A clause gets a world, starts applications whose agents are puppets, tells them what to do and looks at
//! what came of it: at transcripts, at the host's files, at the log. However a clause ends well, its world
//! is finished: the kernel is shut down, what is stored is verified, and the journal of all its inputs is
//! replayed, which has to give the same head.

mod deaths;
mod host;
mod plan;
mod puppet;
#[path = "../../fixtures/guests/puppet/src/steps.rs"]
#[allow(missing_docs)]
pub mod steps;
mod watch;

pub use deaths::{WatchedGuest, WatchedSandbox};
pub use host::{COMPONENT, Host, Kind, MOUNTS, SimHost, hash, name, programs};
pub use plan::{Agent, App, agent, app, rights, supervisor};
pub use puppet::Trap;
pub use watch::{Answers, Commits, Hand, Rows, Watched};

use bytes::Bytes;
use futures::StreamExt;
use futures::channel::mpsc;
use kernel_core::agency::Role;
use kernel_core::capability::Capabilities;
use kernel_core::chain::{Checkpoint, Hash, Receipt, TABLE_EVENTS, VerifierKey, decode, entries, event_key};
use kernel_core::codec::table_range;
use kernel_core::environment::Environment;
use kernel_core::id::{ActionId, Pid};
use kernel_core::ipc::body;
use kernel_core::kernel::effects::{Ask, Notice};
use kernel_core::kernel::event::Content;
use kernel_core::kernel::input::{Counters, Input};
use kernel_core::kernel::{
    BootError, BootOptions, Journal, Kernel, ProcessRow, ReceiptError, Revived, Session, Told, Tombstones, log_key,
    open_log, opening, receipt, replay, verify,
};
use kernel_core::path::Name;
use kernel_core::platform::{Batch, Clock, KeyPurpose, Keys, Storage};
use kernel_core::process::{InstanceKind, Lifecycle};
use kernel_core::refusal::{Code, Refusal};
use serde_json::{Value, json};
use std::time::Duration;

/// What a session of the suite may do and give.
pub const EVERYTHING: &[&str] = &[
    "read /fs/**",
    "list /fs/**",
    "write /fs/**",
    "remove /fs/**",
    "list /tree/**",
    "read /tree/**",
    "watch /tree/**",
    "write /tree/**",
    "remove /tree/**",
    "read /proc/**",
    "send /proc/*",
    "call /proc/*",
    "stop /proc/*",
    "kill /proc/*",
    "monitor /proc/*",
    "grant /proc/*",
    "revoke /proc/*",
    "suspend /proc/*",
    "resume /proc/*",
    "signal /proc/*",
    "link /proc/*",
    "send /svc/*",
    "call /svc/*",
    "register /svc/*",
    "register /tool/*",
    "call /tool/*",
    "list /letter",
    "read /letter/*",
    "send /letter/*",
    "remove /letter/*",
    "publish /topic/**",
    "subscribe /topic/**",
    "spawn /agent/*",
    "install /app/*",
    "start /app/*",
    "stop /app/*",
    "remove /app/*",
    "monitor /app/*",
    "connect /net/**",
    "start /container/*",
];

/// One event of a log, decoded.
#[derive(Debug)]
pub struct Recorded {
    /// Its place.
    pub seq: u64,
    /// The act that it belongs to; 0 for none.
    pub action: ActionId,
    /// What it says.
    pub content: Content,
}

/// A kernel on a host.
pub struct World<H: Host> {
    /// The host, for its files.
    pub host: H,
    /// What holds the host back.
    pub hand: Hand,
    kernel: Option<Kernel<Watched<H::Platform>>>,
    rows: Option<Rows<<H::Platform as kernel_core::platform::Platform>::Storage>>,
    told: mpsc::Receiver<Told>,
    public: [u8; 32],
    environment: Environment,
    clock: Option<Watched<H::Platform>>,
    journal: Journal,
    /// Whether the journal tells all that is stored.
    whole: bool,
    at_hand: Option<usize>,
}

/// What is left of a world that was finished.
#[derive(Debug)]
pub struct Finished<H> {
    /// The host, with all that is stored.
    pub host: H,
    /// How many events its log has.
    pub size: u64,
    /// The leaf hash of the last one.
    pub head: Hash,
    /// The public half of the key that signed it.
    pub public: [u8; 32],
}

impl<H: Host> World<H> {
    /// Boots a kernel on `host`.
    pub async fn boot(host: H, environment: Environment) -> World<H> {
        World::with(host, environment, Hand::new(false)).await
    }

    /// Boots a kernel on `host`, held by `hand`.
    pub async fn with(host: H, environment: Environment, hand: Hand) -> World<H> {
        World::holding(host, environment, hand, None).await
    }

    /// Boots a kernel on `host` that keeps no stored row at hand, so that every input has to ask for its own.
    pub async fn forgetful(host: H, environment: Environment) -> World<H> {
        World::holding(host, environment, Hand::new(false), Some(0)).await
    }

    async fn holding(host: H, environment: Environment, hand: Hand, at_hand: Option<usize>) -> World<H> {
        let mut world = World {
            host,
            hand,
            kernel: None,
            rows: None,
            told: mpsc::channel(0).1,
            public: [0; 32],
            environment,
            clock: None,
            journal: Journal::new(),
            whole: true,
            at_hand,
        };
        world.start().await;
        world.whole = world.kernel().journal().iter().all(|(_, input)| match input {
            Input::Boot(boot) => boot.last == Counters::default(),
            _ => true,
        });
        world
    }

    async fn start(&mut self) {
        self.try_start().await.expect("a kernel that boots");
    }

    async fn try_start(&mut self) -> Result<(), BootError> {
        let (parts, rows) = self.hand.watch(self.host.open().await);
        self.public = parts.keys.public(KeyPurpose::Log).await.expect("a key");
        self.clock = Some(parts.platform.clone());
        self.rows = Some(rows);
        let (observer, told) = mpsc::channel(10_000);
        self.told = told;
        let mut options = BootOptions::new(self.environment.clone());
        options.natives = vec![(name("puppet"), InstanceKind::Kept)];
        options.observer = Some(observer);
        options.journal = true;
        options.rows = self.at_hand.unwrap_or(options.rows);
        let kernel = Kernel::boot(parts, options).await?;
        if self.host.kind() == Kind::Component {
            kernel.keep_component(Bytes::from_static(COMPONENT)).await.expect("a component that is kept");
        }
        self.kernel = Some(kernel);
        Ok(())
    }

    /// The kernel.
    pub fn kernel(&self) -> &Kernel<Watched<H::Platform>> {
        self.kernel.as_ref().expect("a kernel that runs")
    }

    /// What is stored.
    pub fn rows(&self) -> &Rows<<H::Platform as kernel_core::platform::Platform>::Storage> {
        self.rows.as_ref().expect("a kernel that runs")
    }

    /// Shuts the kernel down in order and boots another over what is stored.
    pub async fn reboot(&mut self) {
        self.kernel().shutdown("the suite boots again").await.expect("an orderly end");
        self.boot_again().await;
    }

    /// Boots another kernel over what is stored by one that was shut down.
    pub async fn boot_again(&mut self) {
        self.let_go().await;
        self.start().await;
    }

    /// Where the kernels that boot from now on run.
    pub fn next_in(&mut self, environment: Environment) {
        self.whole = false;
        self.environment = environment;
    }

    /// Cuts the power, and boots another kernel over what is stored.
    pub async fn crash(&mut self) {
        self.whole = false;
        self.hand.cut_power();
        self.let_go().await;
        self.hand = self.hand.fresh();
        self.start().await;
    }

    /// Ends its kernel when the log is written, by a crash or in order, and boots another one, which starts again what should
    /// run.
    pub async fn lives_again(&mut self, crash: bool) -> Vec<Revived> {
        self.log().await;
        match crash {
            true => self.crash().await,
            false => self.reboot().await,
        }
        self.kernel().revive(|_, _| true).await.expect("rows that can be read")
    }

    /// Shuts the kernel down, puts rows among what is stored behind its back, and boots another over it. Its
    /// journal does not tell of them, so it is not replayed.
    pub async fn reboot_over(&mut self, changes: Vec<(kernel_core::platform::Key, Option<Bytes>)>) {
        self.over(async |_, _| changes).await.expect("a kernel that boots");
    }

    /// Shuts the kernel down, puts rows among what is stored behind its back, and sees that no kernel boots over it, for a
    /// reason that says `why`. Then puts back what was there, and boots another.
    pub async fn refused_over(&mut self, changes: Vec<(kernel_core::platform::Key, Option<Bytes>)>, why: &str) {
        let refused = self.over(async |_, _| changes).await.expect_err("a boot that is refused");
        assert!(refused.contains(why), "{refused}");
    }

    /// Shuts the kernel down, puts the rows among what is stored that `change` makes of it, and boots another over it.
    ///
    /// # Errors
    /// Why it does not boot. Then what was there is put back, and another one boots over that.
    pub async fn over(
        &mut self,
        change: impl AsyncFnOnce(
            &Rows<<H::Platform as kernel_core::platform::Platform>::Storage>,
            &VerifierKey,
        ) -> Vec<(kernel_core::platform::Key, Option<Bytes>)>,
    ) -> Result<(), String> {
        self.whole = false;
        self.kernel().shutdown("the suite boots again").await.expect("an orderly end");
        let rows = self.rows().clone();
        self.let_go().await;
        let changes = change(&rows, &self.key()).await;
        let mut before = Vec::new();
        for (key, _) in &changes {
            before.push((key.clone(), rows.get(key).await.expect("rows")));
        }
        rows.commit(Batch { changes }).await.expect("rows that are written");
        drop(rows);
        let Err(refused) = self.try_start().await else { return Ok(()) };
        let rows = self.rows.take().expect("rows that were opened");
        rows.commit(Batch { changes: before }).await.expect("rows that are written");
        drop(rows);
        self.clock = None;
        self.start().await;
        Err(refused.to_string())
    }

    /// Whether its disk has failed, so that nothing is acknowledged any more.
    pub fn has_failed(&self) -> bool {
        self.kernel().health().not_durable.is_some()
    }

    async fn let_go(&mut self) {
        let kernel = self.kernel.take().expect("a kernel that runs");
        self.journal.extend(kernel.journal());
        self.clock = None;
        self.rows = None;
        self.told = mpsc::channel(0).1;
        kernel.close().await;
    }

    /// A session that may do and give everything that the suite needs.
    pub async fn session(&self) -> Session {
        self.session_with(EVERYTHING, EVERYTHING).await
    }

    /// The same, where the kernel answers still.
    ///
    /// # Errors
    /// `not_durable` where its disk has failed.
    pub async fn try_session(&self) -> Result<Session, Refusal> {
        let held = Capabilities::new(rights(EVERYTHING), rights(EVERYTHING)).expect("few rights");
        self.kernel().attach(name("operator"), Role::User, held).await
    }

    /// A session with these rights.
    pub async fn session_with(&self, uses: &[&str], grants: &[&str]) -> Session {
        let held = Capabilities::new(rights(uses), rights(grants)).expect("few rights");
        self.kernel().attach(name("operator"), Role::User, held).await.expect("a session")
    }

    /// Installs and starts `app`, which may be given everything; returns when each of its agents has handled
    /// its `start`.
    ///
    /// # Errors
    /// What the session was refused.
    pub async fn try_run(&self, app: App) -> Result<(), Refusal> {
        self.try_run_by(&self.session().await, app).await
    }

    /// The same, started by `session`.
    ///
    /// # Errors
    /// What the session was refused.
    pub async fn try_run_by(&self, session: &Session, app: App) -> Result<(), Refusal> {
        let path = format!("/app/{}", app.name);
        let until = if app.quiet { "quiet" } else { "stopped" };
        let names: Vec<String> = app.agents.iter().map(|agent| agent.name.clone()).collect();
        let settle = !app.quiet;
        let plan = serde_json::to_vec(&app.plan(self.host.kind().program())).expect("a plan");
        session.act("install", &path, body::join(&json!({}), &plan)).await?;
        session.act("start", &path, body::json(&json!({ "until": until, "labels": app.labels }))).await?;
        for agent in names.iter().filter(|_| settle) {
            if self.find(agent).is_some() {
                self.tell(agent, "").await;
            }
        }
        Ok(())
    }

    /// Installs `app` and does not start it.
    pub async fn install(&self, app: App) {
        let plan = serde_json::to_vec(&app.plan(self.host.kind().program())).expect("a plan");
        let path = format!("/app/{}", app.name);
        self.session().await.act("install", &path, body::join(&json!({}), &plan)).await.expect("installed");
    }

    /// The same for an application that nothing stands in the way of.
    pub async fn run(&self, app: App) {
        let name = app.name.clone();
        self.try_run(app).await.unwrap_or_else(|refusal| panic!("{name} was not started: {refusal}"));
    }

    /// Has the puppet `agent` run `script`; the transcript, or the refusal of the call.
    pub async fn tell(&self, agent: &str, script: &str) -> String {
        // A session of its own each time: what one puppet's answer is labelled must not reach the next puppet.
        let session = self.session().await;
        let told = match session.act("call", &format!("/proc/{}", self.pid(agent)), format!("\n{script}")).await {
            Ok(reply) => {
                let reply = String::from_utf8_lossy(&reply).into_owned();
                reply.split_once('\n').map_or(String::new(), |(_, transcript)| transcript.to_owned())
            }
            Err(refusal) => format!("{}: {}", refusal.code.as_str(), refusal.reason),
        };
        let _ = session.act("stop", "/proc/self", "").await;
        told
    }

    /// Tells a puppet to do one act: what came of it.
    pub async fn act(&self, agent: &str, act: &str) -> String {
        self.tell(agent, &format!("act {act}")).await
    }

    /// What has come to a puppet since this was asked last, except for requests.
    pub async fn heard(&self, agent: &str) -> String {
        self.tell(agent, "heard").await
    }

    /// The labels that a process carries now.
    pub async fn labels(&self, agent: &str) -> Vec<String> {
        let session = self.session().await;
        let info = session.act("read", &format!("/proc/{}", self.pid(agent)), "").await.expect("what it is");
        let info: Value = serde_json::from_slice(&info).expect("JSON");
        let labels = info["labels"].as_array().cloned().unwrap_or_default();
        labels.iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }

    fn find(&self, agent: &str) -> Option<Pid> {
        let processes = self.kernel().summary().processes;
        processes.iter().rfind(|p| p.name.as_str() == agent && p.state != Lifecycle::Exited).map(|p| p.pid)
    }

    /// The pid of a process that lives.
    pub fn pid(&self, agent: &str) -> Pid {
        self.find(agent).unwrap_or_else(|| panic!("no process {agent} lives"))
    }

    /// The newest process of a name, living or gone.
    pub fn process(&self, agent: &str) -> ProcessRow {
        let processes = self.kernel().summary().processes;
        let newest = processes.into_iter().rev().find(|p| p.name.as_str() == agent);
        newest.unwrap_or_else(|| panic!("there never was a process {agent}"))
    }

    /// Waits until the newest process of that name has ended; how, and the rest of the reason.
    pub async fn ended(&mut self, agent: &str) -> (String, String) {
        loop {
            let process = self.process(agent);
            if process.state == Lifecycle::Exited {
                return (process.exit, process.detail);
            }
            self.notice().await;
        }
    }

    /// Waits for the next notice.
    pub async fn notice(&mut self) -> Notice {
        match self.told.next().await.expect("a kernel that runs") {
            Told::Notice(notice) => notice,
            Told::Ask(ask) => panic!("nobody expected to be asked: {} {} {}", ask.name, ask.verb, ask.resource),
        }
    }

    /// Waits for the next question.
    pub async fn asked(&mut self) -> Ask {
        loop {
            if let Told::Ask(ask) = self.told.next().await.expect("a kernel that runs") {
                return ask;
            }
        }
    }

    /// Lets the host's time pass, without moving it on: what is under way gets its turns.
    pub async fn pause(&self) {
        let clock = self.clock.clone().expect("a kernel that runs");
        clock.sleep_until(clock.now().after(Duration::from_millis(5))).await;
    }

    /// Lets others have their turns until `done`, however little time passes.
    pub async fn until(&self, done: impl Fn(&World<H>) -> bool) {
        while !done(self) {
            self.host.turn().await;
        }
    }

    /// A row as it is stored now.
    pub async fn row(&self, key: &[u8]) -> Option<Bytes> {
        self.rows().get(key).await.expect("rows")
    }

    /// Who was killed of an application, as it is stored.
    pub async fn tombstones(&self, app: &str) -> Tombstones {
        let app = Name::parse(app).expect("a name");
        Tombstones::of(self.rows.as_ref().expect("a kernel that runs"), &app).await.expect("rows")
    }

    /// Changes a stored row, behind the kernel's back.
    pub async fn put_row(&self, key: &[u8], value: &[u8]) {
        let changes = vec![(Bytes::copy_from_slice(key), Some(Bytes::copy_from_slice(value)))];
        self.rows().commit(Batch { changes }).await.expect("a commit");
    }

    /// Whether the whole log verifies as it is stored now.
    pub async fn verifies(&self) -> bool {
        open_log(self.rows(), &log_key(self.public)).await.is_ok()
    }

    /// Makes everything durable and reads the log.
    pub async fn log(&self) -> Vec<Recorded> {
        self.kernel().checkpoint().await.expect("a checkpoint");
        self.stored().await
    }

    /// The receipt of an act under a checkpoint over all that has happened.
    ///
    /// # Errors
    /// As those of [`receipt`].
    pub async fn receipt(&self, action: ActionId, with_body: bool) -> Result<Receipt, ReceiptError> {
        let (_, note) = self.kernel().checkpoint().await.expect("a checkpoint");
        receipt(self.rows(), action, &note, with_body).await
    }

    /// The key that signs the log.
    pub fn key(&self) -> VerifierKey {
        log_key(self.public)
    }

    /// The log as it is stored now.
    pub async fn stored(&self) -> Vec<Recorded> {
        let rows = self.rows();
        let (mut from, to) = (event_key(0), table_range(TABLE_EVENTS).1);
        let mut found = Vec::new();
        loop {
            let page = rows.scan(&from, &to, 64).await.expect("rows");
            for (_, row) in &page.rows {
                for entry in entries(row) {
                    let event = decode(entry.expect("an entry")).expect("an event");
                    let content = Content::decode(event.header.kind, event.content).expect("a content");
                    found.push(Recorded { seq: event.seq, action: event.header.action, content });
                }
            }
            match page.next {
                Some(next) => from = next,
                None => return found,
            }
        }
    }

    /// Shuts down, verifies what is stored and replays the journal.
    pub async fn finish(mut self) -> Finished<H> {
        let shutdown = self.kernel().shutdown("the clause is over").await;
        let rows = self.rows().clone();
        let public = self.public;
        self.let_go().await;
        let key = log_key(public);
        let opened = open_log(&rows, &key).await.expect("a log that verifies");
        let (size, head) = (opened.log.size(), opened.log.head());
        match shutdown {
            Ok((Checkpoint { size: signed, .. }, _)) => {
                assert_eq!((opened.signed, signed), (size, size), "the last checkpoint is over all of the log");
                if self.whole {
                    verify(&rows, opening(&key), |_, _| {}).await.expect("all of it is what the log tells");
                    let natives = [(name("puppet"), InstanceKind::Kept)];
                    let again = replay(&self.journal, public, self.environment.clone(), &natives);
                    assert_eq!(again.expect("a journal that replays"), (size, head), "the journal gives the same log");
                }
            }
            Err(refusal) => assert_eq!(refusal.code, Code::NotDurable, "{refusal}"),
        }
        Finished { host: self.host, size, head, public }
    }
}
