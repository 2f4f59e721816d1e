//! Reads an application from its folder and checks it: `weft.toml` and the components that it names.

use super::exit::{Exit, Failure, problems};
use bytes::Bytes;
use kernel_core::app::{Checked, MAX_COMPONENT, MAX_MANIFEST, Problem, Surroundings, check, parse_bytes};
use kernel_core::kernel::verb::table;
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What an application is described by.
pub(crate) const MANIFEST: &str = "weft.toml";

/// Reads and checks the application at `path`: a folder, or the manifest in it.
///
/// # Errors
/// What cannot be read, or every problem of the manifest and its programs.
pub(crate) fn load(path: &Path) -> Result<Checked, Failure> {
    let manifest = locate(path)?;
    let shown = manifest.display().to_string();
    let large = "a manifest only describes; put data into files beside it";
    let text = read(&manifest, MAX_MANIFEST).map_err(|unread| unread.of_file("manifest", large, &shown))?;
    let folder = manifest.parent().unwrap_or(Path::new("."));
    let mut load =
        |program: &str| read(&folder.join(program), MAX_COMPONENT).map(Bytes::from).map_err(Unread::of_program);
    check_text(&shown, &text, &mut load)
}

/// Reads the configuration of a kernel at `path`.
///
/// # Errors
/// Why it cannot be read.
pub(crate) fn configuration(path: &Path) -> Result<Vec<u8>, Failure> {
    let large = "a configuration only says what to start";
    read(path, MAX_MANIFEST).map_err(|unread| unread.of_file("configuration", large, &path.display().to_string()))
}

/// Checks the application whose manifest is `text`, called `shown`, with the programs that `load` brings.
///
/// # Errors
/// Every problem of the manifest and its programs.
pub(crate) fn check_text(
    shown: &str,
    text: &[u8],
    load: &mut dyn FnMut(&str) -> Result<Bytes, String>,
) -> Result<Checked, Failure> {
    let parsed = parse_bytes(shown, text).map_err(|found| problems(&found))?;
    let mut around = Surroundings {
        natives: None,
        exists: &|verb, kind| table::row(verb, kind).is_some(),
        unkept: &table::unkept_arguments,
        load,
    };
    check(&Arc::new(parsed), &mut around).map_err(|found| problems(&found))
}

fn locate(path: &Path) -> Result<PathBuf, Failure> {
    let shown = path.display();
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => match path.join(MANIFEST) {
            manifest if manifest.exists() => Ok(manifest),
            _ => Err(Failure::new(Exit::Usage, "application", format!("there is no {MANIFEST} in {shown}"))
                .help(format!("name the folder of an application: it holds a {MANIFEST}"))),
        },
        Ok(_) if path.file_name().is_some_and(|name| name == MANIFEST) => Ok(path.to_owned()),
        Ok(_) => Err(Failure::new(Exit::Usage, "application", format!("{shown} is not the folder of an application"))
            .help(format!("name the folder that holds {MANIFEST}"))),
        Err(e) => Err(Failure::new(Exit::Usage, "application", format!("{shown} cannot be opened: {e}"))
            .help("name the folder of an application")),
    }
}

/// Why a file was not read.
#[derive(Debug)]
enum Unread {
    TooLarge(u64),
    NotFile,
    Io(io::Error),
}

impl Unread {
    fn of_file(self, what: &str, large: &str, shown: &str) -> Failure {
        let (message, help) = match self {
            Unread::TooLarge(size) => (format!("the {what} is {size} bytes; the limit is {MAX_MANIFEST}"), Some(large)),
            Unread::NotFile => ("it is not a file".to_owned(), None),
            Unread::Io(e) => (format!("it cannot be read: {e}"), None),
        };
        let (file, key) = (shown.to_owned(), String::new());
        problems(&[Problem { file, line: 1, column: 1, key, message, help: help.map(str::to_owned) }])
    }

    fn of_program(self) -> String {
        match self {
            Unread::TooLarge(size) => {
                kernel_core::app::ComponentError::TooLarge { size: usize::try_from(size).unwrap_or(usize::MAX) }
                    .to_string()
            }
            Unread::NotFile => "it is not a file".to_owned(),
            Unread::Io(e) if e.kind() == io::ErrorKind::NotFound => {
                "there is no such file beside the manifest".to_owned()
            }
            Unread::Io(e) => format!("it cannot be read: {e}"),
        }
    }
}

/// The bytes of the regular file at `path`, at most `limit`. Its size is looked at before it is read, and
/// a pipe or device is never waited for.
fn read(path: &Path, limit: usize) -> Result<Vec<u8>, Unread> {
    let file = open(path).map_err(Unread::Io)?;
    let meta = file.metadata().map_err(Unread::Io)?;
    if !meta.is_file() {
        return Err(Unread::NotFile);
    }
    if meta.len() > limit as u64 {
        return Err(Unread::TooLarge(meta.len()));
    }
    let mut bytes = Vec::with_capacity(usize::try_from(meta.len()).unwrap_or(0));
    // It may grow while it is read.
    file.take(limit as u64 + 1).read_to_end(&mut bytes).map_err(Unread::Io)?;
    if bytes.len() > limit { Err(Unread::TooLarge(bytes.len() as u64)) } else { Ok(bytes) }
}

fn open(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(flags).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(path: &Path) -> String {
        let failure = load(path).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        failure.listing.join("\n") + &failure.message
    }

    fn folder(manifest: &[u8]) -> tempfile::TempDir {
        let tmp = tempfile::tempdir().unwrap();
        std::fs::write(tmp.path().join(MANIFEST), manifest).unwrap();
        tmp
    }

    const APP: &str = "[app]\nname = \"a\"\nversion = \"0.1.0\"\n";
    const GUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests/echo.wasm");

    #[test]
    fn an_application_is_a_folder_or_its_manifest() {
        let tmp = folder(format!("{APP}[[agent]]\nname = \"x\"\nprogram = {{ wasm = \"echo.wasm\" }}\n").as_bytes());
        std::fs::copy(GUEST, tmp.path().join("echo.wasm")).unwrap();
        assert_eq!(load(tmp.path()).unwrap().manifest().app.name.as_str(), "a");
        load(&tmp.path().join(MANIFEST)).unwrap();
    }

    #[test]
    fn what_is_none_is_named() {
        let tmp = tempfile::tempdir().unwrap();
        assert!(refused(tmp.path()).contains("there is no weft.toml in"));
        assert!(refused(&tmp.path().join("nowhere")).contains("cannot be opened"));
        let other = tmp.path().join("other.toml");
        std::fs::write(&other, APP).unwrap();
        assert!(refused(&other).contains("is not the folder of an application"));
    }

    #[test]
    fn a_manifest_of_no_bytes_or_of_ten_megabytes_is_refused() {
        assert!(refused(folder(b"").path()).contains("the manifest is empty"));
        assert!(refused(folder(&vec![b'#'; 10 << 20]).path()).contains("the manifest is 10485760 bytes"));
    }

    #[test]
    fn a_manifest_that_would_block_is_not_waited_for() {
        let tmp = tempfile::tempdir().unwrap();
        let made = std::process::Command::new("mkfifo").arg(tmp.path().join(MANIFEST)).status();
        assert!(made.expect("this test needs `mkfifo` (coreutils)").success());
        assert!(refused(tmp.path()).contains("it is not a file"));
    }

    #[test]
    fn programs_that_cannot_be_guests_are_each_named() {
        let tmp = folder(
            format!(
                "{APP}[[agent]]\nname = \"x\"\nprogram = {{ wasm = \"none.wasm\" }}\n\
                 [[agent]]\nname = \"y\"\nprogram = {{ wasm = \"large.wasm\" }}\n\
                 [[agent]]\nname = \"z\"\nprogram = {{ wasm = \"text.wasm\" }}\n"
            )
            .as_bytes(),
        );
        let large = File::create(tmp.path().join("large.wasm")).unwrap();
        large.set_len(200 << 20).unwrap();
        std::fs::write(tmp.path().join("text.wasm"), "hello").unwrap();
        let message = refused(tmp.path());
        assert!(message.contains("agent.x.program: `none.wasm`: there is no such file"), "{message}");
        assert!(message.contains("agent.y.program: `large.wasm`: it is 209715200 bytes"), "{message}");
        assert!(message.contains("agent.z.program: `text.wasm`: it is not WebAssembly, but text"), "{message}");
    }
}
