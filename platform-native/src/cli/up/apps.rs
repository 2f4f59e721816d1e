//! The applications of a configuration: put in place before what should run is started again, and started if they do not
//! run then. What is in place already, given the same, is left alone.

use super::config::Wanted;
use crate::cli::api::{Api, InPlace, begin, in_place, put};
use kernel_core::path::Name;
use serde_json::{Value, json};
use std::sync::Arc;

/// What was done with one application.
#[derive(Debug)]
pub(super) struct Applied {
    pub(super) app: Name,
    pub(super) version: String,
    /// What was there before: nothing, another one of this version, or the same.
    pub(super) before: InPlace,
    /// Its process, or why it does not run.
    pub(super) result: Result<u64, String>,
}

impl Applied {
    /// One word for programs.
    fn word(&self) -> &'static str {
        match self.before {
            InPlace::Nothing => "installed",
            InPlace::Other(_) => "replaced",
            InPlace::Same => "kept",
        }
    }

    /// For a program.
    pub(super) fn document(&self) -> Value {
        let from = match &self.before {
            InPlace::Other(version) => Some(version),
            _ => None,
        };
        json!({
            "app": self.app, "version": self.version, "did": self.word(), "from": from, "pid": self.result.as_ref().ok(),
            "reason": self.result.as_ref().err(),
        })
    }
}

/// An application that is in place, or why it is not.
pub(super) struct Put<'w> {
    wanted: &'w Wanted,
    before: InPlace,
    result: Result<(), String>,
}

/// Puts all of them in place. To be done before anything runs: what is replaced must not run.
pub(super) async fn put_all<'w>(api: &Arc<Api>, wanted: &'w [Wanted]) -> Vec<Put<'w>> {
    let mut done = Vec::new();
    for wanted in wanted {
        let Wanted { checked, plan, mounts, .. } = wanted;
        let (before, result) = match in_place(api, plan, mounts).await {
            Ok(InPlace::Same) => (InPlace::Same, Ok(())),
            Ok(before) => (before, put(api, checked, plan, mounts.clone()).await.map_err(|e| e.reason().to_owned())),
            Err(refusal) => (InPlace::Same, Err(refusal.reason)),
        };
        done.push(Put { wanted, before, result });
    }
    done
}

/// Starts those that do not run.
pub(super) async fn start_all(api: &Arc<Api>, put: Vec<Put<'_>>) -> Vec<Applied> {
    let mut all = Vec::new();
    for Put { wanted, before, result } in put {
        let app = wanted.plan.app.clone();
        let running = api.kernel.apps().into_iter().find(|row| row.name == app).map(|row| row.pid.0);
        let result = match (result, running) {
            (Err(reason), _) => Err(reason),
            (Ok(()), Some(pid)) => Ok(pid),
            (Ok(()), None) => begin(api, &app, Default::default()).await.map_err(|e| e.reason().to_owned()),
        };
        all.push(Applied { app, version: wanted.plan.version.to_string(), before, result });
    }
    all
}
