//! The file that `weft up --config` is given: read, and held against the applications that it names, before anything is
//! done. Paths in it are relative to its folder.

use crate::cli::address::Address;
use crate::cli::api::{AgreedApp, Clash, givable};
use crate::cli::application;
use crate::cli::consent::Given;
use crate::cli::exit::{Exit, Failure, problems};
use crate::cli::place::keep_apart;
use crate::cli::run::{bound_memory, can_be_written, runs_here};
use crate::profile::profile;
use kernel_core::app::{AppConfig, Checked, Config, Missing, Plan, PlanError, Unused, parse_config, plan, unused};
use kernel_core::environment::Environment;
use kernel_core::kernel::FEATURES;
use kernel_core::path::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) data_dir: Option<PathBuf>,
    pub(super) listen: Vec<Address>,
    pub(super) environment: Option<Environment>,
    pub(super) reserve: Option<u64>,
    pub(super) apps: Vec<Wanted>,
}

/// An application that is to be installed as this, and to run.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Where the file says so: "up.toml:5:1: app[1]".
    pub(super) place: String,
    pub(super) folder: PathBuf,
    pub(super) checked: Checked,
    pub(super) plan: Plan,
    /// The folders of those of its mounts that it has.
    pub(super) mounts: BTreeMap<Name, PathBuf>,
    /// Where the file says so of each.
    places: BTreeMap<Name, String>,
    /// What it is given and does not ask for.
    pub(super) unused: Vec<Unused>,
}

impl Settings {
    /// Reads the file at `path`, and all that it names.
    ///
    /// # Errors
    /// The first thing that is wrong, or all that is wrong with the file itself, with its place.
    pub(super) fn load(path: &Path) -> Result<Settings, Failure> {
        let shown = path.display().to_string();
        let config = parse_config(&shown, &application::configuration(path)?).map_err(|found| problems(&found))?;
        let absolute = std::path::absolute(path)
            .map_err(|e| Failure::usage(format!("nobody can say in which folder {shown} lies: {e}")))?;
        let folder = absolute.parent().unwrap_or(&absolute);
        let mut listen = Vec::new();
        for text in &config.listen {
            listen.push(match Address::parse(text.value.clone().into()) {
                Ok(Address::Unix(path)) => Address::Unix(folder.join(path)),
                Ok(tcp) => tcp,
                Err(why) => return Err(problems(&[config.problem(text.at, "listen", why, None)])),
            });
        }
        let mut apps: Vec<Wanted> = Vec::new();
        for app in &config.apps {
            let wanted = wanted(&config, app, folder)?;
            if let Some(before) = apps.iter().find(|before| before.plan.app == wanted.plan.app) {
                let message = format!("`{}` is named before, at {}", wanted.plan.app, before.place);
                return Err(problems(&[config.problem(app.at, &app.key, message, None)]));
            }
            // Each of them is to run, and the kernel has each name for one that runs.
            for mount in wanted.mounts.keys() {
                let Some(before) = apps.iter().find(|before| before.mounts.contains_key(mount)) else { continue };
                let at = app.mounts.iter().find(|(name, _)| *name == mount).map_or(app.at, |(_, path)| path.at);
                let message = format!("`{}` has the mount `{mount}`, and only one that runs can", before.plan.app);
                return Err(problems(&[config.problem(at, &format!("{}.mounts.{mount}", app.key), message, None)]));
            }
            for service in &wanted.plan.services {
                let declares = |plan: &Plan| plan.services.iter().any(|other| other.name == service.name);
                let Some(before) = apps.iter().find(|before| declares(&before.plan)) else { continue };
                let message = format!(
                    "`{}` answers for the service `{}`, which `{}` at {} does, too, and only one that runs can",
                    wanted.plan.app, service.name, before.plan.app, before.place
                );
                return Err(problems(&[config.problem(app.at, &app.key, message, None)]));
            }
            apps.push(wanted);
        }
        let data_dir = config.data_dir.as_ref().map(|path| folder.join(&path.value));
        Ok(Settings { data_dir, listen, environment: config.environment.clone(), reserve: config.reserve, apps })
    }
}

impl Wanted {
    /// It, as it is put in place.
    pub(super) fn agreed(&self) -> AgreedApp {
        AgreedApp { checked: self.checked.clone(), plan: self.plan.clone(), mounts: self.mounts.clone() }
    }

    /// Where the file gives it the folder of `mount`.
    fn place_of(&self, mount: &Name) -> &str {
        self.places.get(mount).map_or("", String::as_str)
    }
}

/// Whether the folders of these applications and `data_dir` lie apart.
///
/// # Errors
/// The first that does not, with its place.
pub(super) fn lie_apart(wanted: &[Wanted], data_dir: &Path) -> Result<(), Failure> {
    for wanted in wanted {
        for (name, folder) in &wanted.mounts {
            let placed = |failure: Failure| Failure {
                message: format!("{}: {}", wanted.place_of(name), failure.message),
                ..failure
            };
            keep_apart(data_dir, [(name, folder.as_path())]).map_err(placed)?;
        }
    }
    Ok(())
}

/// Whether a kernel in `data_dir` can give these applications their folders, which are looked at beside those that others
/// were given there: those that are `installed`, or all where that is not known.
///
/// # Errors
/// The first folder that it cannot give, with its place, or that it cannot be known what others were given.
pub(super) fn can_be_given(
    wanted: &[Wanted],
    data_dir: &Path,
    installed: Option<&BTreeSet<Name>>,
) -> Result<(), Failure> {
    let given: Vec<_> = wanted.iter().map(|wanted| (&wanted.plan.app, &wanted.mounts)).collect();
    if given.iter().all(|(_, mounts)| mounts.is_empty()) {
        return Ok(());
    }
    givable(data_dir, installed, &given)?.map_err(|Clash { app, mount, reason, help }| {
        let place = wanted.iter().find(|wanted| wanted.plan.app == app).map_or("", |wanted| wanted.place_of(&mount));
        Failure::new(Exit::Usage, "mount", format!("{place}: {reason}")).help(help)
    })
}

/// What one `[[app]]` comes to.
fn wanted(config: &Config, app: &AppConfig, base: &Path) -> Result<Wanted, Failure> {
    let at = |key: &str, at: usize| {
        let (line, column) = config.source.position(at);
        format!("{}:{line}:{column}: {key}", config.source.file())
    };
    let (place, folder) = (at(&app.key, app.at), base.join(&app.path.value));
    let placed = |failure: Failure| Failure { message: format!("{place}: {}", failure.message), ..failure };
    let checked = application::load(&folder).map_err(placed)?;
    let (mut mounts, mut places) = (BTreeMap::new(), BTreeMap::new());
    for (name, path) in &app.mounts {
        let folder = base.join(&path.value);
        let key = format!("{}.mounts.{name}", app.key);
        if !folder.is_dir() {
            let message = format!("{} is no folder", folder.display());
            return Err(problems(&[config.problem(path.at, &key, message, None)]));
        }
        places.insert(name.clone(), at(&key, path.at));
        mounts.insert(name.clone(), folder);
    }
    let given = Given { mounts, allow: app.allow.iter().map(|right| right.value.clone()).collect() };
    let consent = given.consent().map_err(placed)?;
    let unused = unused(checked.manifest(), &consent);
    let mut plan = match plan(&checked, &consent, FEATURES) {
        Ok(plan) => plan,
        Err(PlanError::Missing(missing)) => return Err(lacking(config, app, &checked, &missing)),
        Err(other) => return Err(placed(other.into())),
    };
    bound_memory(&mut plan, crate::memory::of_machine()).map_err(placed)?;
    runs_here(&plan, &profile()).map_err(placed)?;
    let mut mounts = given.mounts;
    mounts.retain(|name, _| plan.mounts.iter().any(|mount| mount.name == *name));
    can_be_written(&plan, &mounts.clone().into_iter().collect::<Vec<_>>()).map_err(placed)?;
    Ok(Wanted { place, folder, checked, plan, mounts, places, unused })
}

/// What an application needs and is not given, with what would give it.
fn lacking(config: &Config, app: &AppConfig, checked: &Checked, missing: &[Missing]) -> Failure {
    let mut message = format!("`{}` needs what it is not given:", checked.manifest().app.name.value);
    for Missing { agent, right, .. } in missing {
        message += &format!("\n    {agent}: {right}");
    }
    let mounts: BTreeSet<&Name> = missing.iter().filter_map(|one| one.mount.as_ref()).collect();
    let rights: BTreeSet<String> =
        missing.iter().filter(|one| one.mount.is_none()).map(|one| format!("{:?}", one.right.to_string())).collect();
    let mut keys = Vec::new();
    if !mounts.is_empty() {
        let folders: Vec<String> = mounts.iter().map(|name| format!("{name} = \"PATH\"")).collect();
        keys.push(format!("mounts = {{ {} }}", folders.join(", ")));
    }
    if !rights.is_empty() {
        keys.push(format!("allow = [{}]", rights.into_iter().collect::<Vec<_>>().join(", ")));
    }
    let help = format!("to give it, add {}", keys.join(" and "));
    let found = problems(&[config.problem(app.at, &app.key, message, Some(help))]);
    Failure { exit: Exit::Denied, code: "missing_rights", ..found }.with("missing", missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GUEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/guests/echo.wasm");

    fn home(config: &str) -> (tempfile::TempDir, PathBuf) {
        let tmp = tempfile::tempdir().unwrap();
        for app in ["one", "two"] {
            let folder = tmp.path().join(app);
            std::fs::create_dir(&folder).unwrap();
            std::fs::copy(GUEST, folder.join("echo.wasm")).unwrap();
            let agent = "[[agent]]\nname = \"x\"\nprogram = { wasm = \"echo.wasm\" }\n\
                         use = [\"read /fs/repo/**\", \"connect /net/example.com:443\"]\n";
            let text = format!("[app]\nname = \"{app}\"\nversion = \"0.1.0\"\n[[mount]]\nname = \"repo\"\n{agent}");
            std::fs::write(folder.join("weft.toml"), text).unwrap();
        }
        std::fs::create_dir(tmp.path().join("repo")).unwrap();
        let file = tmp.path().join("up.toml");
        std::fs::write(&file, config).unwrap();
        (tmp, file)
    }

    fn refused(config: &str) -> Failure {
        let (_tmp, file) = home(config);
        Settings::load(&file).map(drop).expect_err(config)
    }

    const WHOLE: &str =
        "allow = [\"connect /net/example.com:443\", \"read /fs/other/**\"]\nmounts = { repo = \"repo\" }\n";

    #[test]
    fn what_a_file_says_is_relative_to_its_folder() {
        let listen =
            "data_dir = \"data\"\nlisten = [\"unix:run/x.sock\", \"tcp:127.0.0.1:1\"]\nenvironment = \"dev\"\n";
        let (tmp, file) = home(&format!("{listen}[[app]]\npath = \"one\"\n{WHOLE}"));
        let settings = Settings::load(&file).unwrap();
        assert_eq!(settings.data_dir.as_deref(), Some(&*tmp.path().join("data")));
        let expected =
            [Address::Unix(tmp.path().join("run/x.sock")), Address::Tcp { host: "127.0.0.1".to_owned(), port: 1 }];
        assert_eq!(settings.listen, expected);
        assert_eq!(settings.environment.as_ref().map(Environment::name), Some("dev"));
        let [one] = &settings.apps[..] else { panic!("{settings:?}") };
        assert_eq!(one.mounts.values().collect::<Vec<_>>(), [&tmp.path().join("repo")]);
        assert_eq!(one.unused.len(), 1, "{:?}", one.unused);
        assert!(one.place.ends_with("up.toml:4:1: app[1]"), "{}", one.place);
    }

    #[test]
    fn two_that_answer_for_one_service_are_named() {
        let (tmp, file) = home("[[app]]\npath = \"one\"\n[[app]]\npath = \"two\"\n");
        for app in ["one", "two"] {
            let agent = "[[agent]]\nname = \"x\"\nprogram = { wasm = \"echo.wasm\" }\nuse = [\"register /svc/echo\"]\n";
            let service = "[[service]]\nname = \"echo\"\nowner = \"x\"\n";
            let text = format!("[app]\nname = \"{app}\"\nversion = \"0.1.0\"\n{agent}{service}");
            std::fs::write(tmp.path().join(app).join("weft.toml"), text).unwrap();
        }
        let failure = Settings::load(&file).map(drop).expect_err("both would run");
        let said = failure.listing.join("\n");
        let parts =
            ["up.toml:3:1: app[2]: `two` answers for the service `echo`, which `one` at ", "up.toml:1:1: app[1] does"];
        assert!(failure.exit == Exit::Usage && parts.iter().all(|part| said.contains(part)), "{said}");
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let denied = refused("[[app]]\npath = \"one\"\n");
        assert_eq!((denied.exit, denied.code), (Exit::Denied, "missing_rights"));
        let listing = denied.listing.join("\n");
        for part in [
            "up.toml:1:1: app[1]: `one` needs what it is not given:",
            "    x: read /fs/repo/**",
            "to give it, add mounts = { repo = \"PATH\" } and allow = [\"connect /net/example.com:443\"]",
        ] {
            assert!(listing.contains(part), "{part}: {listing}");
        }
        assert_eq!(denied.more["missing"].as_array().map(Vec::len), Some(2));
        for (config, part) in [
            ("listen = [\"tcp:x\"]\n".to_owned(), "up.toml:1:11: listen: a TCP address is given as"),
            ("[[app]]\npath = \"none\"\n".to_owned(), "up.toml:1:1: app[1]: "),
            (
                format!("[[app]]\npath = \"one\"\n{WHOLE}[[app]]\npath = \"./one\"\n{WHOLE}"),
                "up.toml:5:1: app[2]: `one` is named before",
            ),
            ("[[app]]\npath = \"one\"\nmounts.repo = \"gone\"\n".to_owned(), "up.toml:3:15: app[1].mounts.repo: "),
        ] {
            let failure = refused(&config);
            let said = [failure.listing.join("\n"), failure.message].join("\n");
            assert!(failure.exit == Exit::Usage && said.contains(part), "{part}: {said}");
        }
    }
}
