//! The `weft` command: its arguments, and what each command does.
//!
//! One file a command. Results go to standard output, questions, progress and errors to standard error;
//! every command has `--json` for one document of a documented shape (`platform-native/docs/json.md`).
//! Exit codes are in `exit`.

mod address;
mod ahead;
mod api;
mod app;
mod application;
mod backup;
mod chain;
mod client;
mod consent;
mod database;
mod doctor;
mod events;
mod exit;
mod interrupt;
mod place;
mod run;
mod space;
mod stored;
mod table;
mod terminal;
mod text;
mod tree;
mod up;
mod web;

#[doc(hidden)]
pub use up::Measured;

use clap::error::{ContextKind, ContextValue};
use clap::{CommandFactory, Parser};
use exit::{Exit, Failure};
use kernel_core::app::closest;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::process::ExitCode;
use std::time::Duration;
use terminal::{Terminal, print_json, tell_failure};
use tokio::signal::unix::{SignalKind, signal};

/// The version of this program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The most files and connections that this process asks to have open.
const DESCRIPTORS: u64 = 65_536;

/// How long tasks that do not end by themselves may keep the process.
const PATIENCE: Duration = Duration::from_millis(200);

/// An operating-system kernel for AI agents
///
/// Exit codes: 0 done, 1 the application failed or the result could not be written, 2 usage, 3 denied,
/// 4 integrity or durability failure, 5 unsupported here.
#[derive(Debug, Parser)]
#[command(name = "weft", version, max_term_width = 100)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Run an application to its end
    Run(run::Run),
    /// Start a kernel that stays
    Up(up::Up),
    /// Show the processes of a kernel that stays
    Ps(client::Ps),
    /// Show what they use, look after look
    Top(client::Top),
    /// Show its services
    Services(client::Services),
    /// Say how it is
    Health(client::Health),
    /// Show what its guests have logged and what has happened
    Logs(client::Logs),
    /// Show the messages that could not be delivered, send them again or remove them
    #[command(args_conflicts_with_subcommands = true)]
    Letters(client::Letters),
    /// Send a message to one of its processes or services
    Send(client::Send),
    /// Call one of its processes, services or tools and print the reply
    Call(client::Call),
    /// Start a process of one of its agents
    Spawn(client::Spawn),
    /// Keep one of its processes from going on, until it is resumed
    #[command(
        after_help = "An agent of an application that stays is suspended after the end of the kernel, too, until it is \
                            resumed or the application is started anew. A process that an agent has started is gone then."
    )]
    Suspend(client::Process),
    /// Let a suspended process go on
    Resume(client::Process),
    /// Interrupt one of its processes, or tell it to look again
    Signal(client::Signal),
    /// Give one of its processes rights
    Grant(client::Grant),
    /// Take rights from one of its processes, and from all that have them from it
    Revoke(client::Revoke),
    /// End one of its processes and all that it started
    Kill(client::Kill),
    /// Show what waits for an answer, and answer it
    #[command(subcommand)]
    Approvals(client::Approvals),
    /// Stop it in order
    Shutdown(client::Shutdown),
    /// Look at the resource tree, change it, and prove what is in it
    #[command(subcommand)]
    Tree(tree::Command),
    /// Make a verified copy of all that a kernel keeps, while it runs or not
    Backup(backup::Backup),
    /// Make a data directory from a backup
    Restore(backup::Restore),
    /// Check applications, and install, start, stop and remove them
    #[command(subcommand)]
    App(app::Command),
    /// Read and verify the log of what was done
    #[command(subcommand)]
    Chain(chain::Command),
    /// Print the receipt of an act: what was intended, decided and done, with the proof that the log holds it
    Receipt(chain::Receipt),
    /// Verify a receipt or another proof, without the log that it is from
    Verify(chain::VerifyFile),
    /// Say what this machine can do
    Doctor(doctor::Doctor),
    /// Serve the page: the kernel in a tab of this machine's browser
    Web(web::Web),
}

/// Runs the command that the process was started with.
pub fn main() -> ExitCode {
    quiet_assertions();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            let error = suggested(error);
            let wrong = error.use_stderr();
            if wrong && std::env::args_os().any(|argument| argument == "--json") {
                // Where it cannot be written there is still what is told below.
                let _ = print_json(&wrong_line(&error).document());
            }
            // Help and versions are results; whoever does not read them does not want them.
            let _ = error.print();
            return if wrong { Exit::Usage } else { Exit::Done }.into();
        }
    };
    let filter = tracing_subscriber::EnvFilter::try_from_env("WEFT_LOG");
    let filter = filter.unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("error"));
    let terminal = Terminal::detect();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false);
    // What cannot be written is not told: telling it would panic where it cannot be written either.
    log.log_internal_errors(false).init();
    match arguments.command.run(terminal) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            if arguments.command.json()
                && let Err(unwritten) = print_json(&failure.document())
            {
                tell_failure(&unwritten, terminal);
            }
            tell_failure(&failure, terminal);
            failure.exit.into()
        }
    }
}

impl Command {
    fn json(&self) -> bool {
        match self {
            Command::Run(run) => run.json,
            Command::Up(up) => up.json,
            Command::Ps(ps) => ps.which.json,
            Command::Top(top) => top.which.json,
            Command::Services(services) => services.which.json,
            Command::Health(health) => health.which.json,
            Command::Logs(logs) => logs.which.json,
            Command::Letters(letters) => letters.json(),
            Command::Send(send) => send.which.json,
            Command::Call(call) => call.which.json,
            Command::Spawn(spawn) => spawn.which.json,
            Command::Suspend(process) | Command::Resume(process) => process.which.json,
            Command::Signal(signal) => signal.which.json,
            Command::Grant(grant) => grant.which.json,
            Command::Revoke(revoke) => revoke.which.json,
            Command::Kill(kill) => kill.which.json,
            Command::Approvals(approvals) => approvals.json(),
            Command::Shutdown(shutdown) => shutdown.which.json,
            Command::Tree(tree) => tree.json(),
            Command::Backup(backup) => backup.which.json,
            Command::Restore(restore) => restore.json,
            Command::App(app) => app.json(),
            Command::Chain(chain) => chain.json(),
            Command::Receipt(receipt) => receipt.json,
            Command::Verify(verify) => verify.json,
            Command::Doctor(doctor) => doctor.json,
            Command::Web(web) => web.json,
        }
    }

    fn run(&self, terminal: Terminal) -> Result<Exit, Failure> {
        match self {
            Command::Run(run) => run.run(terminal),
            Command::Up(up) => up.run(terminal),
            Command::Ps(ps) => ps.run(terminal),
            Command::Top(top) => top.run(terminal),
            Command::Services(services) => services.run(terminal),
            Command::Health(health) => health.run(terminal),
            Command::Logs(logs) => logs.run(terminal),
            Command::Letters(letters) => letters.run(terminal),
            Command::Send(send) => send.run(terminal),
            Command::Call(call) => call.run(terminal),
            Command::Spawn(spawn) => spawn.run(terminal),
            Command::Suspend(process) => process.suspend(terminal),
            Command::Resume(process) => process.resume(terminal),
            Command::Signal(signal) => signal.run(terminal),
            Command::Grant(grant) => grant.run(terminal),
            Command::Revoke(revoke) => revoke.run(terminal),
            Command::Kill(kill) => kill.run(terminal),
            Command::Approvals(approvals) => approvals.run(terminal),
            Command::Shutdown(shutdown) => shutdown.run(terminal),
            Command::Tree(tree) => tree.run(terminal),
            Command::Backup(backup) => backup.run(terminal),
            Command::Restore(restore) => restore.run(terminal),
            Command::App(app) => app.run(terminal),
            Command::Chain(chain) => on_runtime(chain.run(terminal)),
            Command::Receipt(receipt) => on_runtime(receipt.run()),
            Command::Verify(verify) => on_runtime(verify.run(terminal)),
            Command::Doctor(doctor) => on_runtime(doctor.run(terminal)),
            Command::Web(web) => on_runtime(web.run(terminal)),
        }
    }
}

/// The same with the command that a word which is none was most likely meant to be. The parser knows only of words
/// that look alike.
fn suggested(mut error: clap::Error) -> clap::Error {
    let unknown = match (error.get(ContextKind::InvalidSubcommand), error.get(ContextKind::SuggestedSubcommand)) {
        (Some(ContextValue::String(word)), None) => word.clone(),
        _ => return error,
    };
    let mut command = Arguments::command();
    for argument in std::env::args_os().skip(1) {
        if let Some(inner) = command.find_subcommand(argument) {
            command = inner.clone();
        }
    }
    if let Some(close) = closest(&unknown, command.get_subcommands().map(|inner| inner.get_name())) {
        error.insert(ContextKind::SuggestedSubcommand, ContextValue::Strings(vec![close.to_owned()]));
    }
    error
}

/// A command line that is none, for a program: the parser's first paragraph.
fn wrong_line(error: &clap::Error) -> Failure {
    let failure = |message: &str| Failure::usage(message).help("`weft --help` lists the commands and their flags");
    if error.kind() == clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return failure("a command is missing");
    }
    let text = error.to_string();
    let first = text.split("\n\n").next().unwrap_or_default();
    failure(first.trim_start_matches("error: ").trim())
}

/// Runs `work` on a runtime of its own, which is gone afterwards, whatever still runs on it.
fn on_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    raise_descriptors();
    let runtime = crate::runtime()
        .map_err(|e| Failure::new(Exit::Unsupported, "runtime", format!("no threads can be started here: {e}")))?;
    let done = runtime.block_on(async {
        // A file that may not grow any more is an error of the write like any other, not the end of the process.
        let xfsz = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        let _kept = signal(xfsz);
        work.await
    });
    runtime.shutdown_timeout(PATIENCE);
    done
}

/// Raises how many files and connections this process may have open to what it is allowed, up to
/// [`DESCRIPTORS`]: the usual 1,024 are meant for programs that wait with select(2).
fn raise_descriptors() {
    let limit = getrlimit(Resource::Nofile);
    let allowed = limit.maximum.unwrap_or(DESCRIPTORS).min(DESCRIPTORS);
    if limit.current.is_some_and(|current| current < allowed) {
        // Where it cannot be raised there are fewer.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(allowed), ..limit });
    }
}

/// Keeps panics of the database and of the validator of components from the terminal: both assert what they
/// read, and whoever calls them tells a failed assertion as damage, with the file and what to do. Any other
/// panic is a bug and is shown.
fn quiet_assertions() {
    let shown = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let told = |file: &str| ["/redb-", "/wasmparser-"].iter().any(|name| file.contains(name));
        if !panic.location().is_some_and(|place| told(place.file())) {
            shown(panic);
        }
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_consistent() {
        Arguments::command().debug_assert();
    }

    #[test]
    fn only_commands_that_exist_are_shown() {
        let help = Arguments::command().render_long_help().to_string();
        let now = [
            "run",
            "up",
            "ps",
            "top",
            "suspend",
            "resume",
            "signal",
            "grant",
            "revoke",
            "kill",
            "logs",
            "approvals",
            "tree",
            "backup",
            "restore",
            "app",
            "chain",
            "receipt",
            "verify",
            "doctor",
            "web",
        ];
        for now in now {
            assert!(help.contains(&format!("\n  {now} ")), "{now}: {help}");
        }
    }

    #[test]
    fn wrong_arguments_are_usage_errors() {
        for wrong in [
            &["weft"][..],
            &["weft", "fly"],
            &["weft", "run"],
            &["weft", "run", "app", "--mount", "repo"],
            &["weft", "run", "app", "--allow", "read"],
            &["weft", "run", "app", "--allow", "fly /fs/x"],
            &["weft", "run", "app", "--env", "moon"],
            &["weft", "run", "app", "--timeout", "soon"],
            &["weft", "chain", "show", "--pid", "x"],
            &["weft", "chain", "verify", "--key", "x"],
            &["weft", "chain", "prove", "first"],
            &["weft", "receipt", "-1"],
            &["weft", "verify"],
        ] {
            assert!(Arguments::try_parse_from(wrong).is_err_and(|e| e.use_stderr()), "{wrong:?}");
        }
        let right =
            ["weft", "run", "app", "--mount", "r=x", "--allow", "read /fs/x/**", "--env", "prod", "--timeout", "5m"];
        Arguments::try_parse_from(right).unwrap();
    }
}
