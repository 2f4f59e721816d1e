//! A home, an application in it, and what came of a command.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// How long a command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The program under test.
pub(crate) const WEFT: &str = env!("CARGO_BIN_EXE_weft");

/// The components that tests run.
const GUESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests");

/// The example application.
const AUDIT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/repo-audit");

/// A run of it over the folder `repo`, where [`Home::with_audit`] has put it.
pub(crate) const AUDITING: [&str; 7] = ["run", "audit", "--mount", "repo=repo", "--mount", "out=out", "--json"];

/// The user and the group that own nothing.
const NOBODY: &str = "65534";

/// A home with an application `play` in it, and a folder `repo` with one file.
pub(crate) struct Home {
    tmp: TempDir,
}

/// What a command did.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) status: ExitStatus,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Home {
    /// With an application of these sections; its name and version are added.
    pub(crate) fn new(sections: &str) -> Home {
        let home = Home { tmp: tempfile::tempdir().unwrap() };
        for folder in ["play", "repo", "out"] {
            std::fs::create_dir(home.path(folder)).unwrap();
        }
        std::fs::write(home.path("repo/a.txt"), "hello\n").unwrap();
        for guest in ["script", "looper", "counter", "hog"] {
            let file = format!("{guest}.wasm");
            std::fs::copy(Path::new(GUESTS).join(&file), home.path("play").join(&file)).unwrap();
        }
        home.manifest(&format!("[app]\nname = \"play\"\nversion = \"0.1.0\"\n{sections}"));
        home
    }

    /// With one agent that does these steps and holds nothing.
    pub(crate) fn with_script(steps: &[&str]) -> Home {
        Home::new(&agent("actor", steps, ""))
    }

    pub(crate) fn manifest(&self, text: &str) {
        std::fs::write(self.path("play/weft.toml"), text).unwrap();
    }

    /// A path in it.
    pub(crate) fn path(&self, rest: &str) -> PathBuf {
        self.tmp.path().join(rest)
    }

    /// The data directory that `play` has by default.
    pub(crate) fn data(&self) -> PathBuf {
        self.path(".local/share/weft/play")
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(WEFT);
        command.args(arguments).current_dir(self.tmp.path()).env_clear().stdin(Stdio::null());
        command.env("HOME", self.tmp.path()).env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command
    }

    /// Puts the example `repo-audit` beside `play`, as `audit`.
    pub(crate) fn with_audit(self) -> Home {
        let to = self.path("audit/components");
        std::fs::create_dir_all(&to).unwrap();
        std::fs::copy(Path::new(AUDIT).join("weft.toml"), self.path("audit/weft.toml")).unwrap();
        for component in std::fs::read_dir(Path::new(AUDIT).join("components")).unwrap() {
            let component = component.unwrap();
            std::fs::copy(component.path(), to.join(component.file_name())).unwrap();
        }
        self
    }

    /// Grows `repo` by some thousand files and audits it, so that its components are compiled; how long one audit more
    /// takes then.
    pub(crate) fn auditing(&self) -> Duration {
        for n in 0..4_000 {
            let folder = self.path(&format!("repo/d{}", n / 100));
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join(format!("f{n}.rs")), "fn main() {}\n".repeat(n % 60)).unwrap();
        }
        self.weft(&AUDITING).exits(0);
        let begun = Instant::now();
        self.weft(&AUDITING).exits(0);
        begun.elapsed()
    }

    /// Runs `weft` as somebody for whom modes count. Root may read everything, so where the tests run as
    /// root the home is given to the user `nobody`, who then runs it.
    pub(crate) fn weft_as_nobody(&self, arguments: &[&str]) -> Done {
        if !rustix::process::geteuid().is_root() {
            return self.weft(arguments);
        }
        // Where the tests were built may not be reachable for others.
        let program = self.path("weft");
        if !program.exists() {
            std::fs::copy(WEFT, &program).unwrap();
        }
        let given = Command::new("chown").args(["-hR", NOBODY]).arg(self.tmp.path()).status();
        assert!(given.expect("this test needs `chown` (coreutils)").success());
        let plain = self.command(arguments);
        let mut command = Command::new("setpriv");
        command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program).args(arguments);
        command.current_dir(self.tmp.path()).env_clear().stdin(Stdio::null());
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        Done::of_child(spawned.expect("this test needs `setpriv` (util-linux)"))
    }

    /// Runs `weft` to its end, with its output in pipes.
    pub(crate) fn weft(&self, arguments: &[&str]) -> Done {
        Done::of_child(self.start(arguments))
    }

    /// Starts `weft` with its output in pipes. What it ignores from its start it goes on ignoring, and whoever
    /// runs tests in the background has them ignore Ctrl-C: so `env` gives it back.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        let plain = self.command(&[]);
        let mut command = Command::new("env");
        command.args(["--default-signal=INT,TERM,HUP", WEFT]).args(arguments).current_dir(self.tmp.path()).env_clear();
        command.envs(plain.get_envs().filter_map(|(name, value)| Some((name, value?)))).stdin(Stdio::null());
        let spawned = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        spawned.expect("this test needs `env` (coreutils)")
    }
}

impl Done {
    /// Waits for the end of a command, at most [`PATIENCE`].
    pub(crate) fn of_child(child: Child) -> Done {
        Done::within(PATIENCE, child)
    }

    /// The same for one that waits itself, so that it takes longer.
    pub(crate) fn within(patience: Duration, child: Child) -> Done {
        let pid = child.id().to_string();
        let (sender, ended) = mpsc::channel();
        std::thread::spawn(move || sender.send(child.wait_with_output().unwrap()));
        match ended.recv_timeout(patience) {
            Ok(output) => Done::of(output),
            Err(_) => {
                let _ = Command::new("kill").args(["-s", "KILL", &pid]).status();
                panic!("it did not end within {} s: {:#?}", patience.as_secs(), Done::of(ended.recv().unwrap()));
            }
        }
    }

    pub(crate) fn of(output: std::process::Output) -> Done {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Done { status: output.status, out: text(output.stdout), err: text(output.stderr) }
    }

    /// Asserts the exit code.
    pub(crate) fn exits(self, code: i32) -> Done {
        assert_eq!(self.status.code(), Some(code), "{self:#?}");
        self
    }

    /// Asserts that standard output holds these.
    pub(crate) fn says(self, parts: &[&str]) -> Done {
        for part in parts {
            assert!(self.out.contains(part), "no {part:?} in {self:#?}");
        }
        self
    }

    /// Asserts that standard error holds these.
    pub(crate) fn tells(self, parts: &[&str]) -> Done {
        for part in parts {
            assert!(self.err.contains(part), "no {part:?} in {self:#?}");
        }
        self
    }

    /// Standard output as the one document that it has to be.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("{e}: {self:#?}"))
    }
}

/// One `[[agent]]` that does these steps, with further lines.
pub(crate) fn agent(name: &str, steps: &[&str], more: &str) -> String {
    let args = serde_json::to_string(&steps.join("\n")).unwrap();
    format!("[[agent]]\nname = \"{name}\"\nprogram = {{ wasm = \"script.wasm\" }}\nargs = {args}\n{more}\n")
}
