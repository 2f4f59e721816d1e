//! An application from its text and bytes: read, checked, and held against what is given, all by the core.

use super::error::{Failure, Fallible, problems};
use crate::js::scope;
use bytes::Bytes;
use js_sys::{Reflect, Uint8Array};
use kernel_core::app::{
    Ask, Checked, Consent, Manifest, Missing, Plan, PlanError, Problem, ProgramPlan, Surroundings, asks, check, parse,
    plan, resolve, unused,
};
use kernel_core::capability::Right;
use kernel_core::kernel::FEATURES;
use kernel_core::kernel::verb::table;
use kernel_core::path::Name;
use kernel_core::platform::{Profile, ProgramKind};
use serde_json::{Value, json};
use std::sync::Arc;
use wasm_bindgen::{JsCast, JsValue};

/// What an application is described by.
const MANIFEST: &str = "weft.toml";

/// How much memory a machine is taken to have whose browser does not say, GiB.
const UNTOLD: f64 = 4.0;

/// What is given.
#[derive(Clone, Debug)]
pub(super) struct Given {
    allow: Vec<Right>,
    mounts: Vec<Name>,
}

impl Given {
    /// Rights as texts, and names of mounts.
    pub(super) fn new(allow: Vec<String>, mounts: Vec<Name>) -> Fallible<Given> {
        let right = |text: &String| {
            Right::parse(text).map_err(|e| Failure::new("invalid", format!("`{text}` is no right: {e}")))
        };
        Ok(Given { allow: allow.iter().map(right).collect::<Fallible<_>>()?, mounts })
    }

    fn consent(&self) -> Fallible<Consent> {
        Consent::new(self.mounts.iter().cloned(), self.allow.clone())
            .map_err(|e| Failure::new("invalid", e.to_string()))
    }

    /// What is given and all that is `missing`.
    fn and(&self, missing: &[Missing]) -> Given {
        let mut all = self.clone();
        all.mounts.extend(missing.iter().filter_map(|one| one.mount.clone()));
        all.allow.extend(missing.iter().map(|one| one.right.clone()));
        all
    }
}

/// Checks the application, and makes the plan of it from what is given.
pub(super) fn agree(manifest: &str, files: &JsValue, given: &Given, profile: &Profile) -> Fallible<(Checked, Plan)> {
    let manifest = parse(MANIFEST, manifest).map_err(|found| problems(&found))?;
    let checked = checked(&Arc::new(manifest), files).map_err(|found| problems(&found))?;
    let mut plan = plan(&checked, &given.consent()?, FEATURES)?;
    runs_here(&plan, profile)?;
    plan.bound_memory(Some(memory())).map_err(|e| Failure::new("invalid", format!("`{}`: {e}", plan.app)))?;
    Ok((checked, plan))
}

/// How much memory this machine has, bytes, as far as its browser says; it rounds, and never tells of more than some.
fn memory() -> u64 {
    let gib = Reflect::get(&scope().navigator(), &"deviceMemory".into()).ok().and_then(|gib| gib.as_f64());
    (gib.unwrap_or(UNTOLD) * f64::from(1 << 30)) as u64
}

fn checked(manifest: &Arc<Manifest>, files: &JsValue) -> Result<Checked, Vec<Problem>> {
    let mut load = |path: &str| {
        let file = Reflect::get(files, &path.into()).ok().and_then(|file| file.dyn_into::<Uint8Array>().ok());
        file.map(|file| Bytes::from(file.to_vec()))
            .ok_or_else(|| "there is no such file beside the manifest".to_owned())
    };
    let mut around = Surroundings {
        natives: None,
        exists: &|verb, kind| table::row(verb, kind).is_some(),
        unkept: &table::unkept_arguments,
        load: &mut load,
    };
    check(manifest, &mut around)
}

/// Refuses a plan with programs of a kind that this host does not run.
fn runs_here(plan: &Plan, profile: &Profile) -> Fallible<()> {
    for agent in &plan.agents {
        let (kind, name) = match agent.program {
            ProgramPlan::Wasm(_) => (ProgramKind::Wasm, "wasm"),
            ProgramPlan::Native(_) => (ProgramKind::Native, "native"),
        };
        if !profile.programs.contains(&kind) {
            let why = profile.missing.iter().find(|(what, _)| what == name).map_or("", |(_, why)| why.as_str());
            let message = format!("agent `{}` is a {name} program, which this host does not run: {why}", agent.name);
            return Err(Failure::new("unsupported", message));
        }
    }
    Ok(())
}

/// What the application is, asks for and gets, and what is wrong with it.
pub(super) fn report(manifest: &str, files: &JsValue, given: &Given) -> Value {
    let manifest = match parse(MANIFEST, manifest) {
        Ok(manifest) => Arc::new(manifest),
        // Of the same shape, so that whoever reads one needs no second way.
        Err(found) => {
            return json!({
                "app": "", "version": "", "description": "", "agents": [], "mounts": [], "asks": [], "missing": [],
                "unused": [], "problems": of_problems(&found),
            });
        }
    };
    let mut problems = Vec::new();
    let (mut missing, mut extra) = (Vec::new(), Vec::new());
    match (checked(&manifest, files), given.consent()) {
        (Err(found), _) => problems = of_problems(&found),
        (_, Err(too_much)) => problems.push(of_failure(too_much)),
        (Ok(checked), Ok(consent)) => {
            extra = unused(&manifest, &consent);
            match plan(&checked, &consent, FEATURES) {
                Ok(mut plan) => problems.extend(plan.bound_memory(Some(memory())).err().map(|too_much| {
                    let hint = "name it under `[budget]`, or lower the agents' `limits.memory`";
                    json!({ "line": 1, "key": "budget.memory", "text": too_much.to_string(), "hint": hint })
                })),
                Err(PlanError::Unsupported(needs)) => problems.extend(needs.iter().map(|need| {
                    let text = format!("{} are not supported by this kernel", need.feature.as_str());
                    json!({ "line": need.line, "key": need.key, "text": text, "hint": Value::Null })
                })),
                Err(PlanError::Missing(all)) => missing = all,
                Err(other) => problems.push(of_failure(other.into())),
            }
        }
    }
    let agents = manifest.agents.iter().map(|agent| {
        let rights = |rights: &[kernel_core::app::Placed<Right>]| -> Vec<String> {
            rights.iter().map(|right| right.value.to_string()).collect()
        };
        json!({
            "name": agent.name.value,
            "role": agent.role.value,
            "use": rights(&agent.use_),
            "grant": rights(&agent.grant),
            "optional": rights(&agent.optional),
        })
    });
    let mounts = manifest.mounts.iter().map(|mount| {
        json!({
            "name": mount.name.value,
            "mode": mount.mode,
            "labels": mount.labels,
            "clearance": mount.clearance.clone().unwrap_or_default(),
            "given": given.mounts.contains(&mount.name.value),
        })
    });
    json!({
        "app": manifest.app.name.value,
        "version": manifest.app.version.value,
        "description": manifest.app.description,
        "agents": agents.collect::<Vec<_>>(),
        "mounts": mounts.collect::<Vec<_>>(),
        "asks": of_asks(&manifest, given, &missing),
        "missing": missing,
        "unused": extra,
        "problems": problems,
    })
}

fn of_problems(found: &[Problem]) -> Vec<Value> {
    let one = |p: &Problem| json!({ "line": p.line, "key": p.key, "text": p.message, "hint": p.help });
    found.iter().map(one).collect()
}

fn of_failure(failure: Failure) -> Value {
    json!({ "line": 1, "key": "", "text": failure.message(), "hint": Value::Null })
}

/// Every right that goes beyond the application's own, with the agents that ask for it, and whether it is given.
fn of_asks(manifest: &Manifest, given: &Given, missing: &[Missing]) -> Vec<Value> {
    // Which optional rights are given is only known where no required one is missing: so as if none were.
    let granted = given.and(missing).consent().ok().and_then(|consent| resolve(manifest, &consent).ok());
    let is_given = |ask: &Ask| {
        let absent = |agent: &kernel_core::app::Granted| agent.agent == ask.agent && agent.absent.contains(&ask.right);
        !missing.iter().any(|one| one.agent == ask.agent && one.right == ask.right)
            && granted.as_ref().is_some_and(|all| !all.iter().any(absent))
    };
    let mut by_right: Vec<(Right, bool, bool, Vec<Name>)> = Vec::new();
    for ask in asks(manifest) {
        let given = is_given(&ask);
        match by_right.iter_mut().find(|(right, optional, ..)| *right == ask.right && *optional == ask.optional) {
            Some((.., all, agents)) => {
                *all &= given;
                agents.push(ask.agent);
            }
            None => by_right.push((ask.right, ask.optional, given, vec![ask.agent])),
        }
    }
    let one = |(right, optional, given, agents): &(Right, bool, bool, Vec<Name>)| json!({ "right": right.to_string(), "agents": agents, "optional": optional, "given": given });
    by_right.iter().map(one).collect()
}
