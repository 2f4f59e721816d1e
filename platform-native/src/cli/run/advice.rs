//! Which flag would have given what was refused: none, where the manifest does not ask for it.
//!
//! The kernel decides by what a process holds and knows no flags; what could be given stands in the manifest.

use crate::cli::text::quoted;
use kernel_core::app::{Manifest, Plan};
use kernel_core::capability::Right;
use kernel_core::path::{Resource, Verb};

/// What was asked for, and what was given.
#[derive(Clone, Copy)]
pub(super) struct Advice<'a> {
    pub(super) manifest: &'a Manifest,
    pub(super) plan: &'a Plan,
}

impl Advice<'_> {
    /// The flag that gives what an act of `agent` lacked; `None` where no flag does.
    pub(super) fn flag(&self, agent: &str, verb: Verb, resource: &Resource) -> Option<String> {
        let permits = |right: &Right| right.permits(verb, resource);
        let agent = self.manifest.agent(agent)?;
        let asked = [&agent.use_, &agent.optional].into_iter().flatten().any(|right| permits(&right.value));
        let planned = self.plan.agents.iter().find(|planned| planned.name == agent.name.value)?;
        // Given to the agent, and not handed on to this process: another flag changes nothing.
        let given = planned.capabilities.use_rights().iter().any(permits);
        if !asked || given {
            return None;
        }
        if let Resource::Fs(file) = resource
            && !self.plan.mounts.iter().any(|bound| bound.name == *file.mount())
        {
            return Some(format!("--mount {}=PATH", file.mount()));
        }
        Some(format!("--allow {}", quoted(&format!("{verb} {resource}"))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernel_core::app::{Consent, Surroundings, check, parse, plan};
    use kernel_core::path::Name;
    use std::collections::BTreeSet;
    use std::sync::Arc;

    const MANIFEST: &str = "[app]\nname = \"a\"\nversion = \"0.1.0\"\n[[mount]]\nname = \"out\"\nmode = \"write\"\n\
        [[agent]]\nname = \"x\"\nprogram = { native = \"n\" }\n\
        optional = [\"connect /net/**\", \"write /fs/out/**\"]\n\
        [[agent]]\nname = \"y\"\nprogram = { native = \"n\" }\n";

    #[test]
    fn a_flag_is_named_only_where_it_gives_something() {
        let manifest = Arc::new(parse("weft.toml", MANIFEST).unwrap());
        let natives = BTreeSet::from([Name::parse("n").unwrap()]);
        let mut load = |_: &str| Err("none".to_owned());
        let mut around =
            Surroundings { natives: Some(&natives), exists: &|_, _| true, unkept: &|_| Vec::new(), load: &mut load };
        let checked = check(&manifest, &mut around).unwrap();
        let given = Consent::new([], vec![Right::parse("connect /net/a.com:1").unwrap()]).unwrap();
        let plan = plan(&checked, &given, &[]).unwrap();
        let advice = Advice { manifest: checked.manifest(), plan: &plan };
        let flag = |agent, verb: &str, resource: &str| {
            advice.flag(agent, Verb::parse(verb).unwrap(), &resource.parse().unwrap())
        };
        assert_eq!(flag("x", "connect", "/net/b.com:1").as_deref(), Some("--allow \"connect /net/b.com:1\""));
        assert_eq!(flag("x", "connect", "/net/a.com:1"), None, "it was given");
        assert_eq!(flag("x", "write", "/fs/out/f").as_deref(), Some("--mount out=PATH"));
        assert_eq!(flag("y", "connect", "/net/b.com:1"), None, "y does not ask");
        assert_eq!(flag("z", "connect", "/net/b.com:1"), None, "there is no z");
    }
}
