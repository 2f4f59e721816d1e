//! `weft up`: a kernel that stays, and serves its API until it is told to stop.

mod apps;
mod boot;
mod check;
mod config;
mod measured;
mod report;

pub use measured::Measured;
pub(super) use report::checkpoint;

use super::VERSION;
use super::address::Address;
use super::api::{self, AgreedPlans, Api, Listener, Mounts, Ring, Room, Signed, Stop, Token};
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::on_runtime;
use super::place::Places;
use super::run::parse_environment;
use super::space::{RESERVE, Space};
use super::terminal::{Terminal, print, tell};
use super::text::{bytes, plain};
use crate::shared::SharedRows;
use apps::Applied;
use boot::{Booted, boot};
use clap::builder::{OsStringValueParser, TypedValueParser};
use config::{Settings, Wanted, can_be_given, lie_apart};
use kernel_core::app::parse_size;
use kernel_core::chain::{Checkpoint, VerifierKey};
use kernel_core::environment::Environment;
use kernel_core::kernel::input::Lack;
use kernel_core::kernel::{Revived, Told};
use kernel_core::refusal::Refusal;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// How often it is looked whether the log can be written and is where it was.
const LOOK: Duration = Duration::from_secs(1);

/// How long an application that is just being put in place holds up the end.
const SETTLED: Duration = Duration::from_secs(10);

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "It stays until Ctrl-C, SIGTERM or `weft shutdown`, then stops everything in order. What talks \
                        to it: ps, top, services, health, logs, approvals, letters, send, call, spawn, suspend, resume, \
                        signal, grant, revoke, kill, shutdown, run --attach, and app install, start, stop, list and remove.\n\nIt always listens on run/api.sock in its data directory, for whoever \
                        runs it and nobody else. A TCP address takes the token in api.token of the data directory; what \
                        is said there is not encrypted.\n\nA configuration is a TOML file with data_dir, listen, environment and [[app]] \
                        (path, allow, mounts); docs/configuration.md describes it.\n\nExit codes: 0 stopped in \
                        order; 1 ended at once, or the result could not be written to standard output; 2 usage, or another \
                        process has the data directory; 3 the configuration does not give what an application needs; 4 the log does not verify or could not be written; 5 unsupported here."
)]
pub(crate) struct Up {
    /// What to start with, and which applications are to run; flags go before what it says
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Only say what a start with the configuration would do
    #[arg(long, requires = "config")]
    check: bool,
    /// Where keys, log and state are kept. Default: $WEFT_DATA_DIR, else ~/.local/share/weft/kernel.d
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How strict the gate is: dev, staging or prod. Default: prod
    #[arg(long, value_name = "ENV", value_parser = parse_environment)]
    env: Option<Environment>,
    /// Listen here, too: a path, unix:PATH or tcp:HOST:PORT; port 0 takes any that is free
    #[arg(long, value_name = "ADDRESS", value_parser = OsStringValueParser::new().try_map(Address::parse))]
    listen: Vec<Address>,
    /// How much of the disk is left to operators: with less room, what applications do is refused. Default: 64MiB; 0B is none
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    reserve: Option<u64>,
    /// Print JSON: one line as soon as it listens, one when it has stopped
    #[arg(long)]
    pub(super) json: bool,
}

/// Why it stops.
enum Ending {
    /// Somebody wants it to.
    Asked(String),
    /// Nothing is acknowledged any more.
    NotDurable(String),
}

impl Up {
    /// Stays until it is stopped.
    pub(super) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        let mut settings = self.config.as_deref().map(Settings::load).transpose()?.unwrap_or_default();
        let data_dir = self.data_dir.clone().or_else(|| settings.data_dir.take());
        let data_dir = Places::from_env().of_kernel(data_dir.as_deref())?;
        let environment = self.env.clone().or_else(|| settings.environment.take()).unwrap_or_else(Environment::prod);
        lie_apart(&settings.apps, &data_dir)?;
        let listen = if self.listen.is_empty() { std::mem::take(&mut settings.listen) } else { self.listen.clone() };
        if self.check {
            let (settings, environment, listen, data_dir) = (&settings, &environment, &listen, &data_dir);
            return on_runtime(check::Check { settings, environment, listen, data_dir }.say(self.json, terminal));
        }
        let space = Space::new(&data_dir, self.reserve.or(settings.reserve).unwrap_or(RESERVE));
        on_runtime(self.stay(&settings.apps, environment, &listen, &data_dir, space, terminal))
    }

    async fn stay(
        &self,
        wanted: &[Wanted],
        environment: Environment,
        listen: &[Address],
        data_dir: &Path,
        space: Space,
        terminal: Terminal,
    ) -> Result<Exit, Failure> {
        wanted.iter().for_each(|wanted| wanted.warn(terminal));
        let mut interrupt = Interrupt::listen(terminal)
            .await
            .map_err(|e| Failure::new(Exit::Unsupported, "signals", format!("signals cannot be received: {e}")))?;
        let booted = tokio::select! {
            booted = boot(environment.clone(), data_dir) => booted?,
            signal = interrupt.wait() => {
                let message = format!("interrupted by {signal} before the kernel had booted");
                return Err(Failure::new(Exit::Failed, "interrupted", message));
            }
        };
        let Booted { kernel, told, rows, key, from, data_dir, database, devices, profile, steps, phases } = booted;
        let prepared = prepare(listen, &data_dir, devices, &rows, wanted).await;
        let (mounts, agreed, listeners) = match prepared {
            Ok(prepared) => prepared,
            Err(failure) => {
                // The next start finds one that has stopped in order.
                let found = kernel.found();
                if !self.json {
                    report::of_before(&found, terminal.err).iter().for_each(|line| tell(line));
                }
                // What was booted stops in order: its log says why.
                let _ = kernel.shutdown(&format!("it could not be served: {}", failure.message)).await;
                drop(kernel);
                rows.close().await;
                return Err(if found.crashed { failure.with("crash", report::crash(&found)) } else { failure });
            }
        };
        mounts
            .problems()
            .iter()
            .for_each(|problem| tell(&format!("{} {}", terminal.err.warn("warning:"), plain(problem))));
        let ring = Arc::new(Ring::new(from));
        phases.into_iter().for_each(|phase| ring.tell(Told::Notice(phase)));
        let output_commit = environment.output_commit();
        let hub = tokio::spawn(api::watch(told, ring.clone(), kernel.clone(), output_commit));
        let stop = Stop::new();
        let api = Arc::new(Api {
            kernel: kernel.clone(),
            rows: rows.clone(),
            profile,
            mounts,
            agreed,
            events: ring,
            stop: stop.clone(),
            data_dir: data_dir.clone(),
            output_commit,
            room: Room::default(),
            space,
        });
        // Nothing of an application runs yet.
        let lack = api.space.lack();
        if lack.is_some() {
            tell(&of_room(lack.as_ref(), terminal));
        }
        kernel.room(lack);
        let (end, over) = watch::channel(false);
        let addresses: Vec<Address> = listeners.iter().map(|listener| listener.address.clone()).collect();
        warn_of_open(&listeners, terminal);
        let mut served = JoinSet::new();
        for listener in listeners {
            served.spawn(api::serve(api.clone(), listener, over.clone()));
        }
        // Whatever takes long to start, the kernel can be asked about it meanwhile, and stopped.
        let started = tokio::select! {
            brought_up = bring_up(&api, wanted) => Ok(brought_up),
            signal = interrupt.wait() => Err(Ending::Asked(format!("the operator interrupted it ({signal})"))),
            reason = stop.asked() => Err(Ending::Asked(reason)),
            reason = lost(&api, &database, terminal) => Err(Ending::NotDurable(reason)),
        };
        let mut unwritten = Ok(());
        let ending = match started {
            Err(ending) => {
                report::of_before(&kernel.found(), terminal.err).iter().for_each(|line| tell(line));
                ending
            }
            Ok((revived, applied)) => {
                let revived = revived.unwrap_or_else(|refusal| {
                    tell(&format!("{} {}", terminal.err.warn("warning:"), plain(&refusal.reason)));
                    Vec::new()
                });
                let listening = report::Listening {
                    environment: &environment,
                    steps: &steps,
                    revived: &revived,
                    applied: &applied,
                    found: kernel.found(),
                    addresses: &addresses,
                    data_dir: &data_dir,
                };
                // Whoever reads that it listens may talk to it.
                unwritten = match self.json {
                    true => print(&[listening.document().to_string()]),
                    false => print(&listening.lines(terminal)),
                };
                match &unwritten {
                    Ok(()) => tokio::select! {
                        signal = interrupt.wait() => Ending::Asked(format!("the operator interrupted it ({signal})")),
                        reason = stop.asked() => Ending::Asked(reason),
                        reason = lost(&api, &database, terminal) => Ending::NotDurable(reason),
                    },
                    Err(failure) => Ending::Asked(failure.message.clone()),
                }
            }
        };
        // What was being put in place when somebody came is there then, or is not.
        api.settled(SETTLED).await;
        if let Ending::NotDurable(reason) = &ending {
            api.events.not_durable(reason);
        }
        let reason = match &ending {
            Ending::Asked(reason) | Ending::NotDurable(reason) => reason.clone(),
        };
        let stopped = kernel.shutdown(&reason).await.map(|(checkpoint, note)| signed(&checkpoint, note, &key));
        stop.done(stopped.clone());
        // The last that it tells.
        let _ = hub.await;
        let _ = end.send(true);
        while served.join_next().await.is_some() {}
        drop((api, kernel));
        rows.close().await;
        unwritten?;
        let failed = match (&ending, &stopped) {
            (Ending::NotDurable(reason), _) => Some(reason.clone()),
            (_, Err(refusal)) => Some(refusal.reason.clone()),
            _ => database.lost(),
        };
        if let Some(reason) = failed {
            let message = format!("the log could not be kept, and the kernel has stopped: {reason}");
            return Err(Failure::new(Exit::Integrity, "not_durable", message).help(
                "what was acknowledged before is intact where it still lies; make room, then look: weft chain verify",
            ));
        }
        let stopped = stopped.map_err(Failure::from)?;
        let report = report::Stopped { reason: &reason, signed: &stopped, from, data_dir: &data_dir };
        match self.json {
            true => print(&[report.document().to_string()])?,
            false => print(&report.lines(terminal))?,
        }
        Ok(Exit::Done)
    }
}

/// Puts the applications in place that are wanted, starts again what should run, and then those of them that do not.
async fn bring_up(api: &Arc<Api>, wanted: &[Wanted]) -> (Result<Vec<Revived>, Refusal>, Vec<Applied>) {
    let put = apps::put_all(api, wanted).await;
    // What was just put in place need not be written yet.
    if let Err(refusal) = api.kernel.flushed().await {
        return (Err(refusal), Vec::new());
    }
    let revived = api.kernel.revive(|app, mount| api.mounts.has(app, mount)).await;
    let applied = apps::start_all(api, put, revived.as_deref().unwrap_or_default()).await;
    (revived, applied)
}

/// Binds the folders that were given before, where those that are `wanted` can be given theirs, and listens.
async fn prepare(
    listen: &[Address],
    data_dir: &Path,
    devices: crate::devices::NativeDevices,
    rows: &SharedRows,
    wanted: &[Wanted],
) -> Result<(Mounts, AgreedPlans, Vec<Listener>), Failure> {
    let agreed = AgreedPlans::open(data_dir)?;
    let installed = agreed.installed(rows).await?;
    can_be_given(wanted, data_dir, Some(&installed))?;
    let mounts = Mounts::open(data_dir, devices, &installed)?;
    let mut listeners = Vec::new();
    for address in [&[Address::of(data_dir)][..], listen].concat() {
        listeners.push(match &address {
            Address::Unix(path) => Listener::unix(path).await?,
            Address::Tcp { host, port } => Listener::tcp(host, *port, Token::of(data_dir)?).await?,
        });
    }
    Ok((mounts, agreed, listeners))
}

/// Waits until the log cannot be written any more or is not where it was; why. Meanwhile the kernel is told what room there
/// is.
async fn lost(api: &Api, database: &super::database::Database, terminal: Terminal) -> String {
    let mut tick = tokio::time::interval(LOOK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        let lack = api.space.lack();
        if lack.is_some() != api.kernel.health().lack.is_some() {
            tell(&of_room(lack.as_ref(), terminal));
            api.kernel.room(lack);
        }
        if let Some(reason) = database.lost().or_else(|| api.kernel.health().not_durable) {
            return reason;
        }
    }
}

/// That there is too little room on the disk, or enough again, for a person.
fn of_room(lack: Option<&Lack>, terminal: Terminal) -> String {
    match lack {
        Some(Lack { free, reserve }) => format!(
            "{} {} are left on the disk of the data directory, and {} are kept in reserve: what applications do is \
             refused until there is room",
            terminal.err.warn("warning:"),
            bytes(*free),
            bytes(*reserve)
        ),
        None => "There is room on the disk again: applications go on".to_owned(),
    }
}

/// Says so where what is said at an address can be read on the way.
fn warn_of_open(listeners: &[Listener], terminal: Terminal) {
    for listener in listeners.iter().filter(|listener| listener.is_open()) {
        let warning = terminal.err.warn("warning:");
        tell(&format!("{warning} what is said at {}, the token too, is not encrypted", listener.address));
    }
}

fn signed(checkpoint: &Checkpoint, note: String, key: &VerifierKey) -> Signed {
    Signed {
        origin: checkpoint.origin.to_string(),
        size: checkpoint.size,
        root: checkpoint.root.to_base64(),
        key: key.to_string(),
        note,
    }
}
