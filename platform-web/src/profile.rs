//! What a tab can do, as data.

use crate::js::scope;
use kernel_core::platform::{Durability, KeyCustody, Profile, ProgramKind, Suspension};

/// The profile of this build in this worker. `no_storage` says why rows that should be kept are not.
pub(crate) fn profile(durability: Durability, no_storage: Option<String>) -> Profile {
    let mut programs = vec![ProgramKind::Native];
    let mut missing = vec![
        (
            "containers".to_owned(),
            "a tab has no container runtime: run the program as a wasm component, or outside and reach it by /net"
                .to_owned(),
        ),
        (
            "raw sockets".to_owned(),
            "a tab has no sockets: what connects to /net speaks HTTP/1.1, and the browser's fetch carries it"
                .to_owned(),
        ),
    ];
    missing.push((
        "suspension of what computes".to_owned(),
        "nothing can hold the worker that a guest computes in: a guest that is suspended stops at its next act, and its limit of CPU time \
         holds until then"
            .to_owned(),
    ));
    missing.push((
        "some names".to_owned(),
        "a folder that was picked shows no links, and no files or folders whose names are not allowed everywhere (with \
         < > : \" | ? * or \\ in them, a space or a dot at an end, or device names such as con): nothing tells that they \
         are there; a folder that was dropped as its files shows all but links"
            .to_owned(),
    ));
    missing.extend(no_storage.map(|why| ("storage".to_owned(), format!("{why}: the log is gone with this tab"))));
    match crate::sandbox::wasm_missing() {
        None => programs.insert(0, ProgramKind::Wasm),
        Some(why) => missing.push(("wasm".to_owned(), why.to_owned())),
    }
    Profile {
        host: "web".to_owned(),
        programs,
        net: true,
        mounts: true,
        durability,
        atomic_commits: true,
        parallelism: scope().navigator().hardware_concurrency() as u32,
        suspension: Suspension::NextAct,
        key_custody: KeyCustody::NonExtractable,
        missing,
    }
}
