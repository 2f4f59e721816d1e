//! What this host can do, as data.

use kernel_core::platform::{Durability, KeyCustody, Profile, ProgramKind, Suspension};

/// The profile of this build on this machine.
pub(crate) fn profile() -> Profile {
    let mut programs = vec![ProgramKind::Native];
    let mut missing = vec![(
        "containers".to_owned(),
        "this version has no container runtime: run the program as a wasm component, or outside and reach it by /net"
            .to_owned(),
    )];
    match crate::sandbox::WASM_MISSING {
        None => programs.insert(0, ProgramKind::Wasm),
        Some(why) => missing.push(("wasm".to_owned(), why.to_owned())),
    }
    Profile {
        host: "native".to_owned(),
        programs,
        net: true,
        mounts: true,
        durability: Durability::Disk,
        atomic_commits: true,
        parallelism: std::thread::available_parallelism().map_or(1, |n| u32::try_from(n.get()).unwrap_or(u32::MAX)),
        suspension: Suspension::Anywhere,
        key_custody: KeyCustody::File,
        missing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_not_listed_as_a_program() {
        let profile = profile();
        assert!(profile.parallelism >= 1);
        assert!(profile.programs.contains(&ProgramKind::Native));
        assert_eq!(profile.programs.contains(&ProgramKind::Wasm), cfg!(feature = "wasm-sandbox"));
        assert_eq!(profile.missing.iter().any(|(what, _)| what == "wasm"), !cfg!(feature = "wasm-sandbox"));
        assert!(!profile.programs.contains(&ProgramKind::Container));
        assert!(profile.missing.iter().any(|(what, _)| what == "containers"));
    }
}
