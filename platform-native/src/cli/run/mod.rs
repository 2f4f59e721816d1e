//! `weft run`: an application from its folder to its end, and what came of it.

mod advice;
mod attach;
mod boot;
mod draw;
mod drive;
mod question;
mod record;
mod report;
mod screen;

use super::address::Address;
use super::application;
use super::consent::{Agreed, Gifts, agree};
use super::exit::{Exit, Failure};
use super::interrupt::Interrupt;
use super::on_runtime;
use super::place::Places;
use super::stored;
use super::terminal::Terminal;
use super::text::{bytes, counted, time};
use advice::Advice;
use boot::{Booted, boot};
pub(super) use boot::{can_be_written, runs_here};
use clap::builder::{OsStringValueParser, TypedValueParser};
pub(super) use draw::forget_typed;
pub(super) use drive::NOBODY;
use drive::drive;
use futures::StreamExt;
use kernel_core::app::{Checked, Plan, TooMuchMemory, parse_duration};
use kernel_core::environment::Environment;
use kernel_core::kernel::Told;
use kernel_core::path::Name;
use kernel_core::platform::said;
pub(super) use question::{about, seconds};
use report::{Report, Signed};
use screen::Screen;
use std::path::PathBuf;
use std::time::Duration;

/// Its arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "On a terminal, what the application needs and was not given by --allow is asked for, once, before \
                        anything runs, and so is each act that the gate wants an answer for. Elsewhere nobody is \
                        asked.\n\nWith --attach it runs on a kernel that `weft up` has started: it is installed \
                        there, unless it is, started, followed to its end and, if it was not there before, removed again; what was \
                        logged, recorded and written stays. Only a terminal that is there answers for its acts, besides \
                        weft approvals.\n\nExit codes: 0 done; 1 the application failed, was stopped, interrupted or timed out, or the result could \
                        not be written to standard output; 2 usage; 3 a right that it needs was not given, or --strict \
                        and something was refused; 4 the log does not verify or could not be written; 5 unsupported \
                        here."
)]
pub(crate) struct Run {
    /// The folder of the application: it holds a weft.toml
    #[arg(value_name = "APP")]
    app: PathBuf,
    #[command(flatten)]
    gifts: Gifts,
    /// How strict the gate is: dev, staging or prod
    #[arg(long, value_name = "ENV", default_value = "dev", value_parser = parse_environment, conflicts_with = "attach")]
    env: Environment,
    /// Where keys, log and state are kept. Default: $WEFT_DATA_DIR, else ~/.local/share/weft/NAME of the application,
    /// with --attach ~/.local/share/weft/kernel.d
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Run it on the kernel that stays in the data directory, and remove it again if it was not installed there
    #[arg(long)]
    attach: bool,
    /// Where that listens, if not in its data directory: a path, unix:PATH or tcp:HOST:PORT
    #[arg(long, value_name = "ADDRESS", requires = "attach",
        value_parser = OsStringValueParser::new().try_map(Address::parse))]
    at: Option<Address>,
    /// What holds the token for a TCP address. Default: api.token of the data directory
    #[arg(long, value_name = "FILE", requires = "attach")]
    token_file: Option<PathBuf>,
    /// Stop the application after this long, as in 30s or 5m
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    timeout: Option<Duration>,
    /// End with exit code 3 if anything was refused
    #[arg(long)]
    strict: bool,
    /// Print one JSON document at the end
    #[arg(long)]
    pub(super) json: bool,
}

fn parse_timeout(text: &str) -> Result<Duration, String> {
    match parse_duration(text) {
        Ok(Duration::ZERO) => Err("nothing can be done in no time; leave --timeout out for no limit".to_owned()),
        other => other,
    }
}

pub(super) fn parse_environment(text: &str) -> Result<Environment, String> {
    Environment::named(text).ok_or_else(|| "there are dev, staging and prod".to_owned())
}

/// Gives an application that names no `[budget] memory` half of the machine's.
///
/// # Errors
/// That its agents may use more than that together.
pub(super) fn bound_memory(plan: &mut Plan, machine: Option<u64>) -> Result<(), Failure> {
    plan.bound_memory(machine).map_err(|TooMuchMemory { agents, asked, half }| {
        let agents = counted(agents as u64, "agent");
        let (asked, half) = (bytes(asked), bytes(half));
        let message = format!(
            "`{}` has {agents} that may use {asked} of memory together, and an application that names no `[budget] \
             memory` has {half}: half of what this machine has",
            plan.app
        );
        let help =
            "name it in weft.toml, as in `[budget]` with `memory = \"4GiB\"`, or lower the agents' `limits.memory`";
        Failure::usage(message).help(help)
    })
}

impl Run {
    /// Runs it. Until the host is opened nothing is changed anywhere.
    pub(super) fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        if self.attach {
            return on_runtime(self.attach(terminal));
        }
        let given = self.gifts.given()?;
        let checked = application::load(&self.app)?;
        let mut agreed = agree(&checked, &given, terminal)?;
        bound_memory(&mut agreed.plan, crate::memory::of_machine())?;
        let app = &agreed.plan.app;
        let data_dir = Places::from_env().of_app(self.data_dir.as_deref(), app)?;
        let bound = |name: &Name| agreed.plan.mounts.iter().any(|mount| mount.name == *name);
        let mounts: Vec<(Name, PathBuf)> = given.mounts.into_iter().filter(|(name, _)| bound(name)).collect();
        on_runtime(self.run_on(terminal, &checked, &agreed, data_dir, mounts))
    }

    async fn run_on(
        &self,
        terminal: Terminal,
        checked: &Checked,
        agreed: &Agreed,
        data_dir: PathBuf,
        mounts: Vec<(Name, PathBuf)>,
    ) -> Result<Exit, Failure> {
        let mut interrupt = Interrupt::listen(terminal)
            .await
            .map_err(|e| Failure::new(Exit::Unsupported, "signals", format!("signals cannot be received: {e}")))?;
        let mut screen = Screen::new(terminal);
        agreed.unused.iter().for_each(|unused| screen.warning(&unused.to_string()));
        let plan = &agreed.plan;
        screen.heading(&format!("weft {}: {} {} in {}", super::VERSION, plan.app, plan.version, self.env.name()));
        let booted = tokio::select! {
            booted = boot(self.env.clone(), plan, &data_dir, &mounts, &mut screen) => booted?,
            signal = interrupt.wait() => {
                let message = format!("interrupted by {signal} before the application was started; nothing was done");
                return Err(Failure::new(Exit::Failed, "interrupted", message));
            }
        };
        let Booted { kernel, mut told, rows, key, from, started, data_dir, database } = booted;
        let ending = drive(&kernel, checked, plan, &mut told, &mut screen, &mut interrupt, self.timeout).await;
        screen.stopping(&ending);
        let stopped = kernel.shutdown(&ending.reason()).await;
        while let Some(news) = told.next().await {
            if let Told::Notice(notice) = news {
                screen.notice(&notice);
            }
        }
        screen.end();
        let elapsed = screen.elapsed();
        let summary = kernel.summary();
        drop(kernel);
        let record = record::read(&rows, from, Advice { manifest: checked.manifest(), plan }, &summary).await;
        let size = stored::head(&rows).await.ok().flatten().map_or(from, |head| head.size);
        rows.close().await;

        let lost = database.lost();
        let not_durable = match (&lost, &stopped, &record) {
            (Some(lost), ..) => Some(lost.clone()),
            (_, Err(refusal), _) => Some(refusal.reason.clone()),
            (_, _, Err(error)) => Some(said(error)),
            _ => None,
        };
        let signed = stopped.ok().filter(|_| lost.is_none()).map(|(checkpoint, note)| Signed { checkpoint, note, key });
        let record = record.unwrap_or_default();
        let (outcome, reason) = report::outcome(&ending, &record, not_durable.as_deref());
        let exit = report::exit(outcome, &ending, self.strict, record.gate);
        let report = Report {
            plan,
            mounts,
            unused: &agreed.unused,
            said_yes: &agreed.said_yes,
            outcome,
            reason,
            exit,
            started: time(started),
            elapsed,
            boot: screen.into_steps(),
            summary,
            record,
            lost: lost.is_some(),
            events: Some(size.saturating_sub(from)),
            signed,
            data_dir: &data_dir,
            output_commit: self.env.output_commit(),
        };
        report.print(self.json, terminal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::consent::Given;

    fn plan(agents: usize, budget: &str) -> Plan {
        let tmp = tempfile::tempdir().unwrap();
        let mut text = format!("[app]\nname = \"play\"\nversion = \"0.1.0\"\n{budget}");
        for n in 0..agents {
            text += &format!("[[agent]]\nname = \"a{n}\"\nprogram = {{ wasm = \"g.wasm\" }}\n");
        }
        let guest = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests/looper.wasm");
        std::fs::copy(guest, tmp.path().join("g.wasm")).unwrap();
        std::fs::write(tmp.path().join("weft.toml"), text).unwrap();
        let checked = application::load(tmp.path()).unwrap();
        agree(&checked, &Given::default(), Terminal::default()).unwrap().plan
    }

    #[test]
    fn an_application_that_names_no_memory_has_half_of_the_machines() {
        let machine = 1 << 30;
        let mut few = plan(8, "");
        bound_memory(&mut few, Some(machine)).unwrap();
        assert_eq!(few.budget.memory, Some(machine / 2));
        let refused = bound_memory(&mut plan(9, ""), Some(machine)).unwrap_err();
        let parts = ["9 agents that may use 576.0 MiB", "names no `[budget] memory` has 512.0 MiB"];
        assert!(parts.iter().all(|part| refused.message.contains(part)), "{}", refused.message);
        assert_eq!(refused.exit, Exit::Usage);
        let mut named = plan(9, "[budget]\nmemory = \"4GiB\"\n");
        bound_memory(&mut named, Some(machine)).unwrap();
        assert_eq!(named.budget.memory, Some(4 << 30));
        let mut unknown = plan(9, "");
        bound_memory(&mut unknown, None).unwrap();
        assert_eq!(unknown.budget.memory, None);
    }
}
