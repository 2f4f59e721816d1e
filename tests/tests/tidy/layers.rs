//! Who may import whom within the core (DESIGN section 3, rule 4).
//!
//! `id time codec path label refusal` <- domain modules <- `kernel`, and `platform` <- `task` <- `kernel`.
//! The host seam speaks of envelopes and names, so `platform` sees what domains make public; domains
//! never see `platform`. `sim` is a host like the others: it fills roles and contains no kernel logic.

use crate::krate::{Krate, Target};
use crate::{Problem, Tree};

/// The layers, and into which others each may reach besides itself.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Layer {
    Base,
    Domain,
    Platform,
    Task,
    Kernel,
    Sim,
}

use Layer::{Base, Domain, Kernel, Platform, Sim, Task};

const MODULES: &[(Layer, &[&str])] = &[
    (Base, &["codec", "id", "label", "path", "refusal", "time"]),
    (
        Domain,
        &[
            "agency",
            "app",
            "budget",
            "capability",
            "chain",
            "config",
            "console",
            "environment",
            "governance",
            "health",
            "ipc",
            "meter",
            "process",
            "service",
            "tree",
        ],
    ),
    (Platform, &["platform"]),
    (Task, &["task"]),
    (Kernel, &["kernel"]),
    (Sim, &["sim"]),
];

fn layer(module: &str) -> Option<Layer> {
    MODULES.iter().find(|(_, names)| names.contains(&module)).map(|(layer, _)| *layer)
}

fn may_reach(from: Layer, to: Layer) -> bool {
    match from {
        Base => matches!(to, Base),
        Domain => matches!(to, Base | Domain),
        Platform => matches!(to, Base | Domain | Platform),
        Task => matches!(to, Base | Domain | Platform | Task),
        Kernel => to != Sim,
        Sim => true,
    }
}

/// Every module has a layer, and reaches only into those that it may.
pub(crate) fn modules_keep_their_layer(tree: &Tree) -> Vec<Problem> {
    let core = Krate::read(tree, "kernel-core");
    let mut problems = Vec::new();
    for file in core.files.iter().filter(|file| !file.module.is_empty()) {
        let Some(from) = layer(&file.module[0]) else {
            problems.push(Problem::new(
                &file.path,
                0,
                format!(
                    "`{}` has no layer: it is not in the design's layout, or not in MODULES of tidy/layers.rs",
                    file.module[0]
                ),
            ));
            continue;
        };
        for mention in &file.code.mentions {
            let Target::Inside(path) = core.resolve(file, mention) else { continue };
            let Some(to) = path.first().and_then(|first| layer(first)) else { continue };
            if !may_reach(from, to) {
                problems.push(Problem::new(
                    &file.path,
                    mention.line,
                    format!("`{}` ({from:?}) may not reach `{}` ({to:?})", file.module[0], path.join("::")),
                ));
            }
        }
    }
    problems
}

/// A module reaches another's public face: what its root exports, or a submodule that it declares `pub`.
pub(crate) fn internals_stay_inside(tree: &Tree) -> Vec<Problem> {
    let core = Krate::read(tree, "kernel-core");
    let mut problems = Vec::new();
    for file in core.files.iter().filter(|file| !file.module.is_empty()) {
        for mention in &file.code.mentions {
            let Target::Inside(path) = core.resolve(file, mention) else { continue };
            if path.is_empty() || path[0] == file.module[0] {
                continue;
            }
            // The last segment is what is named; a module before it that is not public is an internal.
            let internal = (2..path.len()).find(|n| core.module(&path[..*n]) == Some(false));
            if let Some(n) = internal {
                let (inner, outer) = (path[..n].join("::"), &path[0]);
                problems.push(Problem::new(
                    &file.path,
                    mention.line,
                    format!("`{}` is internal: name it as `{outer}` exports it", [&*inner, &path[n]].join("::")),
                ));
            }
        }
    }
    problems
}
