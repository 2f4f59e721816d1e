//! The core has no host: it names none and reaches for nothing that one would have to give
//! (DESIGN section 3, rules 1 and 3).
//!
//! `kernel-core/.clippy.toml` bans the same reach by type; this reads also what clippy does not build.

use crate::code::Code;
use crate::krate::{Krate, Target};
use crate::{Problem, Tree};

/// Words of host libraries and of the crates that are hosts. Documentation may say them.
const HOSTS: &[&str] = &[
    "async_std",
    "bollard",
    "cap_std",
    "docker",
    "hyper",
    "indexeddb",
    "js_sys",
    "kernel_tests",
    "libc",
    "mio",
    "nix",
    "opfs",
    "platform_native",
    "platform_web",
    "redb",
    "reqwest",
    "rusqlite",
    "rustix",
    "smol",
    "tokio",
    "wasm_bindgen",
    "wasm_bindgen_futures",
    "wasmtime",
    "web_sys",
    "winapi",
    "windows_sys",
];

/// What of the standard library belongs to a host, and what to use instead.
const REACH: &[(&[&str], &str)] = &[
    (&["time", "Instant"], "time is an argument: crate::time"),
    (&["time", "SystemTime"], "time is an argument: crate::time"),
    (&["time", "UNIX_EPOCH"], "time is an argument: crate::time"),
    (&["thread"], "hosts have threads: platform::Spawn through task"),
    (&["fs"], "files are platform::Devices, rows are platform::Storage"),
    (&["path"], "a host's path is not ours: crate::path"),
    (&["ffi", "OsStr"], "a host's string does not enter"),
    (&["ffi", "OsString"], "a host's string does not enter"),
    (&["os"], "a host's own interfaces do not enter"),
    (&["net"], "connections are platform::Devices; addresses alone are core::net"),
    (&["env"], "configuration is an argument"),
    (&["process"], "programs are platform::Sandbox"),
    (&["io"], "a host's error enters as a boxed source, its streams do not"),
    (&["hash", "RandomState"], "its order differs from run to run"),
    (&["collections", "HashMap"], "its order differs from run to run: BTreeMap, or FxHashMap for lookup only"),
    (&["collections", "HashSet"], "its order differs from run to run: BTreeSet, or FxHashSet for lookup only"),
    (&["collections", "hash_map"], "its order differs from run to run"),
    (&["collections", "hash_set"], "its order differs from run to run"),
];

/// Plain data of `std::net`, which is in `core::net` too.
const ADDRESSES: [&str; 6] = ["IpAddr", "Ipv4Addr", "Ipv6Addr", "SocketAddr", "SocketAddrV4", "SocketAddrV6"];

/// Macros that write to a host's console, or read the environment of the machine that builds.
const MACROS: [&str; 7] = ["print", "println", "eprint", "eprintln", "dbg", "env", "option_env"];

/// No identifier and no text in the core's code names a host. Its tests may.
pub(crate) fn the_core_names_no_host(tree: &Tree) -> Vec<Problem> {
    let mut problems = Vec::new();
    for file in Krate::read(tree, "kernel-core").files.iter().filter(|file| !file.test) {
        for token in file.code.tokens.iter().filter(|token| !token.test) {
            let lower = token.text.to_lowercase().replace('-', "_");
            let mut words = lower.split(|c: char| !(c.is_alphanumeric() || c == '_'));
            if let Some(word) = words.find(|word| HOSTS.contains(word)) {
                problems.push(Problem::new(&file.path, token.line, format!("names the host `{word}`")));
            }
        }
    }
    problems
}

/// Nothing in the core reaches for a clock, thread, file, socket, variable, process or console.
pub(crate) fn the_core_reaches_for_nothing(tree: &Tree) -> Vec<Problem> {
    let core = Krate::read(tree, "kernel-core");
    let mut problems = Vec::new();
    for file in core.files.iter().filter(|file| !file.test) {
        let test_line = |line: usize| file.code.tests.iter().any(|(from, to)| (*from..=*to).contains(&line));
        for mention in file.code.mentions.iter().filter(|mention| !test_line(mention.line)) {
            let Target::Outside(path) = core.resolve(file, mention) else { continue };
            if let Some(instead) = reaches(&path) {
                problems.push(Problem::new(&file.path, mention.line, format!("`{}`: {instead}", path.join("::"))));
            }
        }
        for (line, name) in macros(&file.code) {
            problems.push(Problem::new(
                &file.path,
                line,
                format!("`{name}!`: the console and the environment are the host's"),
            ));
        }
    }
    problems
}

fn reaches(path: &[String]) -> Option<&'static str> {
    if !matches!(&*path[0], "std" | "core" | "alloc") || path[0] == "core" && path.get(1).is_some_and(|s| s == "net") {
        return None;
    }
    if path.get(1).is_some_and(|s| s == "net") && path.get(2).is_some_and(|s| ADDRESSES.contains(&&**s)) {
        return None;
    }
    let starts = |reach: &[&str]| path.len() > reach.len() && reach.iter().zip(&path[1..]).all(|(a, b)| a == b);
    REACH.iter().find(|(reach, _)| starts(reach)).map(|(_, instead)| *instead)
}

/// Calls of [`MACROS`] outside of tests. What cargo knows of the package itself is the same wherever it is
/// built, so `env!("CARGO_PKG_..")` may be asked for.
fn macros(code: &Code) -> impl Iterator<Item = (usize, &str)> {
    code.tokens.windows(4).filter(|four| !four[0].test).filter_map(|four| {
        let called = four[1].text == "!" && matches!(&*four[2].text, "(" | "[" | "{");
        let of_package = four[0].text == "env" && four[3].text.starts_with("\"CARGO_PKG_");
        (called && !of_package && MACROS.contains(&&*four[0].text)).then_some((four[0].line, &*four[0].text))
    })
}
