//! In which order agents start: each after what it depends on, else as the manifest lists them.

use super::manifest::{Agent, Manifest};
use std::collections::BTreeMap;

/// The agents in start order, or `None` when some wait for each other. Dependencies on anything that
/// is not an agent are left out: a check has named them.
pub(super) fn start_order(manifest: &Manifest) -> Option<Vec<&Agent>> {
    let (order, left) = settle(manifest, vec![false; manifest.agents.len()]);
    left.is_empty().then(|| order.into_iter().map(|i| &manifest.agents[i]).collect())
}

/// Every cycle of `depends_on`, each once and beginning with its first agent in the manifest.
pub(super) fn cycles(manifest: &Manifest) -> Vec<Vec<&Agent>> {
    let needed = dependencies(manifest);
    let mut gone = vec![false; manifest.agents.len()];
    let mut found = Vec::new();
    loop {
        let (order, left) = settle(manifest, gone.clone());
        let Some(&start) = left.first() else { return found };
        for i in order {
            gone[i] = true;
        }
        // Each that is left needs another that is left, so walking along must come back to itself.
        let mut walked: Vec<usize> = Vec::new();
        let mut at = start;
        while !walked.contains(&at) {
            walked.push(at);
            let Some(next) = needed[at].iter().copied().find(|i| left.contains(i)) else { return found };
            at = next;
        }
        let mut cycle: Vec<usize> = walked.into_iter().skip_while(|i| *i != at).collect();
        let first = cycle.iter().enumerate().min_by_key(|(_, agent)| **agent).map_or(0, |(i, _)| i);
        cycle.rotate_left(first);
        for i in &cycle {
            gone[*i] = true;
        }
        found.push(cycle.into_iter().map(|i| &manifest.agents[i]).collect());
    }
}

/// Starts whatever can start, in passes; answers the order and who is left. Who is `gone` holds nobody up.
fn settle(manifest: &Manifest, mut gone: Vec<bool>) -> (Vec<usize>, Vec<usize>) {
    let needed = dependencies(manifest);
    let mut order = Vec::new();
    // Always the first that can start, so that the order changes as little as the dependencies ask.
    while let Some(next) = (0..needed.len()).find(|i| !gone[*i] && needed[*i].iter().all(|n| gone[*n])) {
        gone[next] = true;
        order.push(next);
    }
    let left = (0..needed.len()).filter(|i| !gone[*i]).collect();
    (order, left)
}

/// For each agent the agents that it depends on, by their places in the manifest.
fn dependencies(manifest: &Manifest) -> Vec<Vec<usize>> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for (i, agent) in manifest.agents.iter().enumerate() {
        places.entry(agent.name.as_str()).or_insert(i);
    }
    let of = |agent: &Agent| agent.depends_on.iter().filter_map(|name| places.get(name.as_str()).copied()).collect();
    manifest.agents.iter().map(of).collect()
}
