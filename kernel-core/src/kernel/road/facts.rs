//! What a decision is made upon: gathered for one act, from what the kernel knows.

use super::Survey;
use crate::governance::{self, Facts};
use crate::id::Pid;
use crate::kernel::request::Parsed;
use crate::kernel::state::State;
use crate::kernel::verb::Op;
use crate::path::Resource;
use bytes::Bytes;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

impl State {
    pub(super) fn facts(&self, pid: Pid, parsed: &Parsed, body: &Bytes, survey: &Survey) -> Facts {
        let process = self.processes.get(&pid);
        Facts {
            version: Facts::VERSION,
            pid,
            name: process.map_or_else(|| self.kernel_name.clone(), |p| p.name.clone()),
            app: process.and_then(|p| p.app.clone()),
            verb: parsed.verb,
            resource: parsed.resource.clone(),
            grant: survey.grant.for_facts(&parsed.resource, parsed.verb),
            labels: survey.labels.clone(),
            clearance: survey.target.clearance.clone(),
            blocked: survey.target.blocked.clone(),
            effect: survey.derived.effect,
            contributions: survey.derived.contributions.clone(),
            environment: self.environment.clone(),
            charter: self.charter.version(),
            accounts: self.levels(pid),
            body_len: body.len() as u64,
            audit: self.audited(pid, parsed),
            agent: process.map_or_else(|| self.kernel_name.clone(), |p| p.agent.clone()),
        }
    }

    /// The audited fields of the body. What a child gets where a spawn leaves it out stands in the catalog, and a
    /// rule is about what it gets, so that is what is kept of either.
    fn audited(&self, pid: Pid, parsed: &Parsed) -> BTreeMap<String, Value> {
        let mut audit = parsed.audit.clone();
        let (Op::Spawn(spawn), Resource::Agent(name)) = (&parsed.op, &parsed.resource) else { return audit };
        let app = self.processes.get(&pid).and_then(|p| p.app.as_ref());
        let Some(agent) = self.catalog.get(app, name) else { return audit };
        let gets = [
            ("use", spawn.use_.as_deref().unwrap_or(agent.capabilities.use_rights())),
            ("grant", spawn.grant.as_deref().unwrap_or(agent.capabilities.grant_rights())),
        ];
        let gets: Map<String, Value> = gets
            .into_iter()
            .map(|(field, rights)| (field.to_owned(), rights.iter().map(|right| right.to_string()).collect()))
            .collect();
        // A list that is too long to be kept is not: a rule about it cannot be evaluated, and that denies.
        audit.retain(|field, _| !gets.contains_key(field));
        audit.extend(governance::audit(&gets, gets.keys().map(String::as_str)));
        audit
    }
}
