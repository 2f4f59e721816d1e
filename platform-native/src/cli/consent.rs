//! A manifest asks, the operator gives: flags, and a yes on a terminal for what they left out.

use super::exit::{Exit, Failure};
use super::run::forget_typed;
use super::terminal::{Palette, Terminal, tell};
use super::text::{closest_verb, plain};
use clap::builder::{OsStringValueParser, TypedValueParser};
use kernel_core::app::{Checked, Consent, Missing, Plan, PlanError, Unused, plan, unused};
use kernel_core::capability::Right;
use kernel_core::kernel::FEATURES;
use kernel_core::path::Name;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::BufRead;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

/// The flags that give.
#[derive(Debug, clap::Args)]
pub(crate) struct Gifts {
    /// Let the application use a folder as its mount NAME
    #[arg(long = "mount", value_name = "NAME=PATH", value_parser = OsStringValueParser::new().try_map(parse_mount))]
    mounts: Vec<(Name, PathBuf)>,
    /// Give the application a right, such as "connect /net/api.example.com:443"
    #[arg(long = "allow", value_name = "RIGHT", value_parser = parse_right)]
    allow: Vec<Right>,
}

impl Gifts {
    /// What they give.
    ///
    /// # Errors
    /// A mount that is named twice.
    pub(crate) fn given(&self) -> Result<Given, Failure> {
        Given::new(self.mounts.clone(), self.allow.clone())
    }
}

/// What the flags give.
#[derive(Clone, Debug, Default)]
pub(crate) struct Given {
    /// Each `--mount NAME=PATH`.
    pub(crate) mounts: BTreeMap<Name, PathBuf>,
    /// Each `--allow "verb pattern"`.
    pub(crate) allow: Vec<Right>,
}

impl Given {
    /// From the values of the flags.
    ///
    /// # Errors
    /// A mount that is named twice: one of the two folders would not be what the operator thinks.
    pub(crate) fn new(mounts: Vec<(Name, PathBuf)>, allow: Vec<Right>) -> Result<Given, Failure> {
        let mut by_name = BTreeMap::new();
        for (name, path) in mounts {
            if let Some(first) = by_name.insert(name.clone(), path.clone()) {
                let (first, second) = (first.display(), path.display());
                let message = format!("--mount {name} is given twice: {first} and {second}");
                return Err(Failure::usage(message).help("a mount is one folder: leave one of the two out"));
            }
        }
        Ok(Given { mounts: by_name, allow })
    }

    /// What is agreed to by it.
    ///
    /// # Errors
    /// More than can be given.
    pub(crate) fn consent(&self) -> Result<Consent, Failure> {
        Consent::new(self.mounts.keys().cloned(), self.allow.clone()).map_err(|e| Failure::usage(e.to_string()))
    }
}

fn parse_right(text: &str) -> Result<Right, String> {
    Right::parse(text).map_err(|e| match text.split_once(' ').and_then(|(verb, _)| closest_verb(verb)) {
        Some(close) => format!("{e}; did you mean `{close}`?"),
        None => e.to_string(),
    })
}

/// `NAME=PATH`; the path may be any bytes.
fn parse_mount(text: OsString) -> Result<(Name, PathBuf), String> {
    let bytes = text.into_vec();
    let form = "a mount is given as NAME=PATH, as in repo=../my-project";
    let at = bytes.iter().position(|b| *b == b'=').ok_or(form)?;
    let name = std::str::from_utf8(&bytes[..at]).map_err(|_| form)?;
    let name = Name::parse(name).map_err(|e| e.to_string())?;
    let path = std::ffi::OsStr::from_bytes(&bytes[at + 1..]);
    if path.is_empty() { Err(form.to_owned()) } else { Ok((name, path.into())) }
}

/// An application with what it was given.
#[derive(Debug)]
pub(crate) struct Agreed {
    /// What the kernel installs.
    pub(crate) plan: Plan,
    /// What was given and nobody asks for.
    pub(crate) unused: Vec<Unused>,
    /// What was given by a yes on the terminal.
    pub(crate) said_yes: Vec<Right>,
}

/// Makes the plan of `checked` from what was given; what is missing is asked for on a terminal.
///
/// # Errors
/// What is still missing, with the flags that give it, or what this kernel lacks.
pub(crate) fn agree(checked: &Checked, given: &Given, terminal: Terminal) -> Result<Agreed, Failure> {
    agree_asking(checked, given, |missing| terminal.asks && ask(checked, missing, terminal.err))
}

fn agree_asking(checked: &Checked, given: &Given, ask: impl FnOnce(&[Missing]) -> bool) -> Result<Agreed, Failure> {
    let consent = given.consent()?;
    let unused = unused(checked.manifest(), &consent);
    let missing = match plan(checked, &consent, FEATURES) {
        Ok(plan) => return Ok(Agreed { plan, unused, said_yes: Vec::new() }),
        Err(PlanError::Missing(missing)) => missing,
        Err(other) => return Err(other.into()),
    };
    // A folder cannot be given by a yes: somebody has to name it.
    let can_be_given = missing.iter().all(|one| one.mount.is_none());
    if !(can_be_given && ask(&missing)) {
        // A flag that gives nothing is often the one that was meant.
        let listing = unused.iter().map(|unused| format!("warning: {unused}")).collect();
        return Err(Failure { listing, ..refused(checked, missing) }.with("unused", unused));
    }
    let said_yes: BTreeSet<Right> = missing.into_iter().map(|one| one.right).collect();
    let said_yes: Vec<Right> = said_yes.into_iter().collect();
    let all = Given { allow: [given.allow.clone(), said_yes.clone()].concat(), ..given.clone() };
    Ok(Agreed { plan: plan(checked, &all.consent()?, FEATURES)?, unused, said_yes })
}

/// One flag with what it would give to whom.
struct Lacking<'m> {
    flag: &'m str,
    rights: Vec<String>,
    agents: Vec<&'m str>,
}

/// What is missing, flag by flag in the order in which it was found.
fn by_flag(missing: &[Missing]) -> Vec<Lacking<'_>> {
    let mut flags: Vec<Lacking<'_>> = Vec::new();
    for Missing { agent, right, flag, .. } in missing {
        let index = flags.iter().position(|known| known.flag == flag).unwrap_or_else(|| {
            flags.push(Lacking { flag, rights: Vec::new(), agents: Vec::new() });
            flags.len() - 1
        });
        let (right, lacking) = (right.to_string(), &mut flags[index]);
        if !lacking.rights.contains(&right) {
            lacking.rights.push(right);
        }
        if !lacking.agents.contains(&agent.as_str()) {
            lacking.agents.push(agent.as_str());
        }
    }
    flags
}

fn refused(checked: &Checked, missing: Vec<Missing>) -> Failure {
    let flags = by_flag(&missing);
    let mut message = format!("`{}` needs what it was not given:", checked.manifest().app.name.value);
    for Lacking { rights, agents, .. } in &flags {
        message += &format!("\n    {}: {}", agents.join(", "), rights.join(", "));
    }
    let names: Vec<&str> = flags.iter().map(|lacking| lacking.flag).collect();
    let help = format!("to give it, add {}", names.join(" "));
    Failure::new(Exit::Denied, "missing_rights", message).help(help).with("flags", names).with("missing", &missing)
}

/// Lists what is missing and reads a yes or a no.
fn ask(checked: &Checked, missing: &[Missing], palette: Palette) -> bool {
    let app = &checked.manifest().app;
    tell(&format!("{} {} asks for:", palette.bold(app.name.as_str()), app.version.value));
    for Lacking { rights, agents, .. } in by_flag(missing) {
        for right in rights {
            tell(&format!(
                "    {}  {}",
                palette.warn(&plain(&right)),
                palette.dim(&format!("({})", agents.join(", ")))
            ));
        }
    }
    // What was typed before the list was read is no answer to it.
    forget_typed();
    let _ = std::io::Write::write_all(&mut std::io::stderr(), b"Give all of this for this run? [y/N] ");
    let mut line = String::new();
    let read = std::io::stdin().lock().read_line(&mut line);
    read.is_ok() && is_yes(&line)
}

/// Whether somebody said yes in so many words. Anything else is a no.
pub(crate) fn is_yes(line: &str) -> bool {
    matches!(line.trim().to_ascii_lowercase().as_str(), "y" | "yes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::app::{Surroundings, check, parse};
    use std::sync::Arc;

    fn checked(more: &str) -> Checked {
        let text = format!("[app]\nname = \"a\"\nversion = \"0.1.0\"\n{more}");
        let manifest = Arc::new(parse("weft.toml", &text).unwrap());
        let natives = BTreeSet::from([Name::parse("n").unwrap()]);
        let mut load = |_: &str| Err("none".to_owned());
        let mut around =
            Surroundings { natives: Some(&natives), exists: &|_, _| true, unkept: &|_| Vec::new(), load: &mut load };
        check(&manifest, &mut around).unwrap()
    }

    fn right(text: &str) -> Right {
        Right::parse(text).unwrap()
    }

    fn given(mounts: &[&str], allow: &[&str]) -> Given {
        let mounts = mounts.iter().map(|name| (Name::parse(name).unwrap(), PathBuf::from("/"))).collect();
        Given::new(mounts, allow.iter().map(|text| right(text)).collect()).unwrap()
    }

    const AGENTS: &str = "[[mount]]\nname = \"repo\"\n\
        [[agent]]\nname = \"x\"\nprogram = { native = \"n\" }\nuse = [\"read /fs/repo/**\", \"list /fs/repo/**\"]\n\
        [[agent]]\nname = \"y\"\nprogram = { native = \"n\" }\nuse = [\"read /fs/repo/**\", \"connect /net/example.com:443\"]\n";

    #[test]
    fn what_is_missing_is_named_with_its_flags_and_a_folder_is_never_asked_for() {
        let failure = agree_asking(&checked(AGENTS), &Given::default(), |_| panic!("asked for a folder")).unwrap_err();
        assert_eq!(failure.exit, Exit::Denied);
        let expected = "`a` needs what it was not given:\n    x, y: read /fs/repo/**, list /fs/repo/**\n    \
                        y: connect /net/example.com:443";
        assert_eq!(failure.message, expected);
        let help = "to give it, add --mount repo=PATH --allow \"connect /net/example.com:443\"";
        assert_eq!(failure.help.as_deref(), Some(help));
    }

    #[test]
    fn a_yes_gives_what_was_listed_and_a_no_gives_nothing() {
        let (checked, mounted) = (checked(AGENTS), given(&["repo"], &[]));
        let agreed = agree_asking(&checked, &mounted, |missing| {
            assert_eq!(missing.len(), 1);
            true
        });
        let agreed = agreed.unwrap();
        assert_eq!(agreed.said_yes, [right("connect /net/example.com:443")]);
        assert!(agreed.plan.agents[1].given.contains(&right("connect /net/example.com:443")));
        let failure = agree_asking(&checked, &mounted, |_| false).unwrap_err();
        assert_eq!(failure.help.as_deref(), Some("to give it, add --allow \"connect /net/example.com:443\""));
    }

    #[test]
    fn what_nobody_asks_for_is_told() {
        let all = given(&["repo", "rpeo"], &["connect /net/example.com:443", "connect /net/other.com:1"]);
        let agreed = agree_asking(&checked(AGENTS), &all, |_| panic!("asked")).unwrap();
        let flags: Vec<&str> = agreed.unused.iter().map(|one| one.flag.as_str()).collect();
        assert_eq!(flags, ["--mount rpeo=PATH", "--allow \"connect /net/other.com:1\""]);
    }

    #[test]
    fn mounts_are_written_as_name_and_path() {
        assert_eq!(parse_mount("repo=a=b".into()).unwrap(), (Name::parse("repo").unwrap(), "a=b".into()));
        for wrong in ["repo", "repo=", "=path", "a/b=path"] {
            assert!(parse_mount(wrong.into()).is_err(), "{wrong}");
        }
        let bytes = parse_mount(OsString::from_vec(b"repo=\xff".to_vec())).unwrap();
        assert_eq!(bytes.1.as_os_str().as_bytes(), b"\xff");
        let name = || Name::parse("repo").unwrap();
        assert!(Given::new(vec![(name(), "a".into()), (name(), "b".into())], Vec::new()).is_err());
    }

    #[test]
    fn only_a_yes_is_a_yes() {
        assert!(["y\n", "Y", " yes \n"].into_iter().all(is_yes));
        assert!(!["", "\n", "n\n", "yess", "ja"].into_iter().any(is_yes));
    }
}
