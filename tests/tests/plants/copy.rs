//! A copy of the kernel and of its clauses, to plant faults in and to build.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is copied of the workspace.
const COPIED: [&str; 5] =
    ["Cargo.lock", "kernel-core", "tests/src", "tests/fixtures/guests/puppet", "tests/fixtures/guests/puppet.wasm"];

/// The switch, for the root of the kernel.
const SWITCH: &str = r#"
/// Whether the fault of this number is on.
#[doc(hidden)]
#[allow(dead_code, clippy::disallowed_methods)]
pub(crate) fn planted(number: usize) -> bool {
    static ON: std::sync::OnceLock<Option<usize>> = std::sync::OnceLock::new();
    *ON.get_or_init(|| std::env::var("WEFT_PLANT").ok()?.parse().ok()) == Some(number)
}
"#;

/// The crate of the clauses, without what only the other tests need.
const TESTS: &str = r#"
[package]
name = "kernel-tests"
version.workspace = true
edition.workspace = true
publish = false

[dependencies]
kernel-core = { workspace = true, features = ["sim"] }
bytes.workspace = true
futures.workspace = true
serde_json.workspace = true
sha2.workspace = true
toml.workspace = true
"#;

/// Runs the clauses about values, and those about a kernel in the simulation.
const RUNNER: &str = r#"
//! The clauses about values, and those about a kernel in the simulation.
macro_rules! simulated {
    ($clause:path) => {
        kernel_tests::each_seed(4, |host, _| $clause(host))
    };
}

mod values {
    kernel_tests::each_clause!(#[test]);
}

mod sim {
    kernel_tests::each_kernel_clause!(#[test] simulated);
}
"#;

/// A copy in the target directory.
pub(crate) struct Copy {
    place: PathBuf,
    files: BTreeMap<String, Vec<u8>>,
}

impl Copy {
    /// Reads what is to be copied.
    pub(crate) fn make() -> Copy {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("planted");
        let mut files = BTreeMap::new();
        COPIED.iter().for_each(|path| read(&root, path, &mut files));
        let workspace = std::fs::read_to_string(root.join("Cargo.toml")).expect("a workspace");
        let workspace: String = workspace
            .lines()
            .map(|line| match line {
                _ if line.starts_with("members") => "members = [\"kernel-core\", \"tests\"]",
                _ if line.starts_with("default-members") || line.starts_with("exclude") => "",
                line => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        files.insert("Cargo.toml".to_owned(), workspace.into_bytes());
        files.insert("tests/Cargo.toml".to_owned(), TESTS.as_bytes().to_vec());
        files.insert("tests/tests/planted.rs".to_owned(), RUNNER.as_bytes().to_vec());
        let mut copy = Copy { place, files };
        let root = "kernel-core/src/lib.rs";
        copy.file(root).extend_from_slice(SWITCH.as_bytes());
        copy
    }

    fn file(&mut self, path: &str) -> &mut Vec<u8> {
        self.files.get_mut(path).unwrap_or_else(|| panic!("there is no file {path} in the copy"))
    }

    /// Puts `replace` where `find` stands, which is once.
    pub(crate) fn change(&mut self, path: &str, find: &str, replace: &str) {
        let text = String::from_utf8(self.file(path).clone()).expect("text");
        let times = text.matches(find).count();
        assert!(times == 1, "{path} has this {times} times, and a fault is planted where it stands once:\n{find}");
        *self.file(path) = text.replace(find, replace).into_bytes();
    }

    /// Writes what has changed and builds it; the path of the test binary.
    pub(crate) fn build(&self) -> String {
        for (path, bytes) in &self.files {
            let path = self.place.join(path);
            // A file that is touched is built again.
            if std::fs::read(&path).ok().as_ref() != Some(bytes) {
                std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
                std::fs::write(&path, bytes).expect("a file");
            }
        }
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target directory");
        let built = Command::new(env!("CARGO"))
            .args(["test", "--no-run", "--offline", "--test", "planted", "--message-format", "json"])
            .current_dir(&self.place)
            .env("CARGO_TARGET_DIR", target)
            .env_remove("RUSTFLAGS")
            .output()
            .expect("cargo");
        let said = String::from_utf8_lossy(&built.stdout);
        assert!(built.status.success(), "{}\n{said}", String::from_utf8_lossy(&built.stderr));
        let mut executables = said.lines().filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).ok()?;
            (line["target"]["name"] == "planted").then(|| line["executable"].as_str().map(str::to_owned))?
        });
        executables.next_back().expect("the binary")
    }
}

fn read(root: &Path, path: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    let at = root.join(path);
    if !at.is_dir() {
        files.insert(path.to_owned(), std::fs::read(at).expect("a file"));
        return;
    }
    for entry in std::fs::read_dir(at).expect("a folder") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name");
        read(root, &format!("{path}/{name}"), files);
    }
}
