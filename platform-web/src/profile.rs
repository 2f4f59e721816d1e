//! What a tab can do, as data.

use crate::js::scope;
use kernel_core::platform::{Durability, KeyCustody, Profile, ProgramKind};

/// The profile of this build in this worker. `programs` is what the sandbox can start; what keeps it from
/// components is in `missing`.
pub(crate) fn profile(durability: Durability) -> Profile {
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
        key_custody: KeyCustody::NonExtractable,
        missing,
    }
}
