//! Applications: installed from what was sent, started by a process that holds what they were given, removed.

use super::refused::Refused;
use super::{AgreedPlans, Api, look, sessions};
use crate::cli::VERSION;
use crate::cli::application;
use crate::cli::consent::{Agreed, Given, agree};
use crate::cli::run::{bound_memory, can_be_written, runs_here};
use crate::cli::terminal::Terminal;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use kernel_core::app::{Checked, MAX_COMPONENT, Plan};
use kernel_core::capability::Right;
use kernel_core::codec::hex;
use kernel_core::ipc::body;
use kernel_core::kernel::Until;
use kernel_core::path::Name;
use kernel_core::refusal::{Code, Refusal};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// What is sent of an application.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Install {
    /// The text of its `weft.toml`.
    manifest: String,
    /// Its programs in base64, each under the name that the manifest has for it.
    #[serde(default)]
    programs: BTreeMap<String, String>,
    /// Each `--allow`.
    #[serde(default)]
    allow: Vec<Right>,
    /// Each `--mount`: a folder of the kernel's machine, absolute.
    #[serde(default)]
    mounts: BTreeMap<Name, PathBuf>,
}

/// How an application is started.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Start {
    until: Until,
}

/// Installs what was sent. Once begun it goes on, whether or not anybody waits for it.
pub(super) async fn install(api: Arc<Api>, install: Install) -> Result<Value, Refused> {
    carry_on(async move {
        let Install { manifest, programs, allow, mounts } = install;
        if let Some((name, path)) = mounts.iter().find(|(_, path)| !path.is_absolute()) {
            let reason = format!("the folder {} of mount `{name}` has to be absolute", path.display());
            return Err(Refused::new(Code::Invalid, reason));
        }
        let checked = tokio::task::spawn_blocking(move || check(&manifest, &programs)).await.map_err(broken)??;
        let given = Given { mounts, allow };
        let Agreed { mut plan, unused, .. } = agree(&checked, &given, Terminal::default())?;
        bound_memory(&mut plan, crate::memory::of_machine())?;
        runs_here(&plan, &api.profile)?;
        let bound = |mount: &Name| plan.mounts.iter().any(|known| known.name == *mount);
        let mounts: BTreeMap<Name, PathBuf> = given.mounts.into_iter().filter(|(mount, _)| bound(mount)).collect();
        let pairs: Vec<(Name, PathBuf)> = mounts.clone().into_iter().collect();
        can_be_written(&plan, &pairs)?;
        let one = AgreedApp { checked, plan: plan.clone(), mounts };
        put(&api, vec![one]).await?.into_iter().collect::<Result<(), _>>()?;
        let app = json!({ "name": plan.app, "version": plan.version, "content": hex(&plan.content) });
        Ok(json!({ "weft": VERSION, "app": app, "unused": unused }))
    })
    .await
}

/// An application that the operator has agreed to, with the folders of its mounts.
#[derive(Clone)]
pub(crate) struct AgreedApp {
    pub(crate) checked: Checked,
    pub(crate) plan: Plan,
    pub(crate) mounts: BTreeMap<Name, PathBuf>,
}

/// What is to be installed, and what there was before.
struct Ready {
    payload: Vec<u8>,
    folders: BTreeMap<Name, PathBuf>,
    /// What was agreed to.
    hash: Option<String>,
}

/// Puts these in place; of each, whether it is. Their folders are handed out together, so that what one had can become
/// another's, and whoever is not put in place after all has again what it had, as far as nobody else has that now. Once begun
/// it goes on to its end, whether or not anybody waits for it.
pub(crate) async fn put(api: &Arc<Api>, apps: Vec<AgreedApp>) -> Result<Vec<Result<(), Refused>>, Refused> {
    if apps.is_empty() {
        return Ok(Vec::new());
    }
    let api = api.clone();
    carry_on(async move { put_now(&api, apps).await }).await
}

async fn put_now(api: &Arc<Api>, apps: Vec<AgreedApp>) -> Result<Vec<Result<(), Refused>>, Refused> {
    let _turn = api.room.turns.acquire().await;
    let mut payloads = Vec::new();
    for app in &apps {
        payloads.push(payload(api, app).await);
    }
    let theirs = api.clone();
    let hand_out = move || apps_ready(&theirs, apps, payloads);
    let ready = tokio::task::spawn_blocking(hand_out).await.map_err(broken)?;
    let (mut results, mut failed) = (Vec::new(), Vec::new());
    for (name, ready) in ready {
        let installed = match &ready {
            Ok(Ready { payload, .. }) => act(api, "install", &name, body::join(&json!({}), payload)).await.map(drop),
            Err(_) => Ok(()),
        };
        results.push(match (ready, installed) {
            (Ok(ready), Err(refusal)) => {
                failed.push((name, ready));
                Err(refusal.into())
            }
            (ready, _) => ready.map(drop),
        });
    }
    if !failed.is_empty() {
        let theirs = api.clone();
        tokio::task::spawn_blocking(move || give_back(&theirs, &failed)).await.map_err(broken)?;
    }
    Ok(results)
}

/// What is handed to the kernel of one, whose programs it has then.
async fn payload(api: &Api, app: &AgreedApp) -> Result<Vec<u8>, Refused> {
    let name = &app.plan.app;
    if api.kernel.apps().iter().any(|row| row.name == *name) {
        return Err(Refused::new(Code::Conflict, format!("`{name}` is running; stop it first")));
    }
    for program in app.checked.programs().values() {
        api.kernel.keep_component(program.bytes.clone()).await?;
    }
    let unwritten = |e| Refusal::new(Code::Invalid, format!("the plan cannot be written: {e}"));
    Ok(serde_json::to_vec(&app.plan).map_err(unwritten)?)
}

/// Notes that these are agreed to, and then gives them their folders: together, or each for itself where one cannot be given
/// what it is to have. Blocks briefly.
fn apps_ready(
    api: &Api,
    apps: Vec<AgreedApp>,
    payloads: Vec<Result<Vec<u8>, Refused>>,
) -> Vec<(Name, Result<Ready, Refused>)> {
    let agreed = |app: &AgreedApp, payload: Result<Vec<u8>, Refused>| {
        let (name, payload) = (&app.plan.app, payload?);
        let (folders, hash) = (api.mounts.given(name), api.agreed.keep(name, &payload)?);
        Ok(Ready { payload, folders, hash })
    };
    let mut ready: Vec<_> = apps.iter().zip(payloads).map(|(app, payload)| agreed(app, payload)).collect();
    let given: Vec<_> =
        apps.iter().zip(&ready).filter(|(_, ready)| ready.is_ok()).map(|(app, _)| app.given()).collect();
    if !given.is_empty() && api.mounts.give(&given).is_err() {
        for (app, ready) in apps.iter().zip(&mut ready).filter(|(_, ready)| ready.is_ok()) {
            let Err(refused) = api.mounts.give(&[app.given()]) else { continue };
            if let Ok(Ready { hash, .. }) = std::mem::replace(ready, Err(refused)) {
                api.agreed.restore(&app.plan.app, hash);
            }
        }
    }
    apps.into_iter().map(|app| app.plan.app).zip(ready).collect()
}

impl AgreedApp {
    fn given(&self) -> (&Name, &BTreeMap<Name, PathBuf>) {
        (&self.plan.app, &self.mounts)
    }
}

/// What is there before, where something was not put in its place, has what it had, or else cannot be started. Blocks
/// briefly.
fn give_back(api: &Api, failed: &[(Name, Ready)]) {
    let before: Vec<_> = failed.iter().map(|(app, ready)| (app, &ready.folders)).collect();
    let back = api.mounts.give_back(&before);
    for (app, ready) in failed.iter().filter(|(app, _)| back.contains(&app)) {
        api.agreed.restore(app, ready.hash.clone());
    }
}

/// What is installed where something is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum InPlace {
    Nothing,
    /// Another application, or the same that was given something else, of this version.
    Other(String),
    /// The very same, given the same.
    Same,
}

/// What is installed in the place of `plan` and its folders.
pub(crate) async fn in_place(api: &Api, plan: &Plan, mounts: &BTreeMap<Name, PathBuf>) -> Result<InPlace, Refusal> {
    let row = match look::plan_row(api, &plan.app).await {
        Ok(row) => Some(row),
        Err(refusal) if refusal.code == Code::NotFound => None,
        Err(refusal) => return Err(refusal),
    };
    compared(row.as_deref(), &api.agreed, &api.mounts.given(&plan.app), plan, mounts)
}

/// The same, where the row of the application and its folders are these.
pub(crate) fn compared(
    row: Option<&[u8]>,
    agreed: &AgreedPlans,
    folders: &BTreeMap<Name, PathBuf>,
    plan: &Plan,
    mounts: &BTreeMap<Name, PathBuf>,
) -> Result<InPlace, Refusal> {
    let Some(row) = row else { return Ok(InPlace::Nothing) };
    let known: Plan = serde_json::from_slice(row).map_err(|e| look::unread(&plan.app, &e.to_string()))?;
    let same = known == *plan && folders == mounts && agreed.is(&plan.app, row);
    Ok(if same { InPlace::Same } else { InPlace::Other(known.version.to_string()) })
}

/// Checks what was sent as `weft app check` checks a folder.
fn check(manifest: &str, programs: &BTreeMap<String, String>) -> Result<Checked, Refused> {
    let mut load = |program: &str| {
        let text = programs.get(program).ok_or("it was not sent")?;
        // Not decoded to find out that it is too large.
        if text.len() / 4 * 3 > MAX_COMPONENT + 3 {
            return Err(format!("it has more than the {MAX_COMPONENT} bytes that a component may have"));
        }
        STANDARD.decode(text).map(Bytes::from).map_err(|e| format!("it is not base64 with padding: {e}"))
    };
    Ok(application::check_text(application::MANIFEST, manifest.as_bytes(), &mut load)?)
}

/// Starts an application and waits until all its agents run. Once begun it goes on.
pub(super) async fn start(api: Arc<Api>, name: Name, start: Start) -> Result<Value, Refused> {
    carry_on(async move {
        let pid = begin(&api, &name, start.until, &[]).await?;
        Ok(json!({ "weft": VERSION, "app": name, "pid": pid }))
    })
    .await
}

/// The same, for whoever waits, and without some of its agents; its process.
pub(crate) async fn begin(api: &Arc<Api>, name: &Name, until: Until, without: &[Name]) -> Result<u64, Refused> {
    let turn = api.room.turns.acquire().await;
    let plan = look::plan(api, name).await?;
    for mount in &plan.mounts {
        if let (_, Some(problem)) = api.mounts.of(&mount.name, name) {
            let refused = Refused::new(Code::Conflict, format!("`{name}` cannot be started: {problem}"));
            return Err(refused.help(format!("install it again with --mount {}=PATH", mount.name)));
        }
    }
    if !api.agreed.is(name, &look::plan_row(api, name).await?) {
        let reason = format!("what is installed as `{name}` is not what was agreed to when it was installed here");
        return Err(Refused::new(Code::Conflict, reason).help("look at what it asks for, and install it again"));
    }
    let session = sessions::starter(&api.kernel, &plan).await?;
    let reply =
        session.act("start", &format!("/app/{name}"), body::json(&json!({ "until": until, "without": without })));
    // The kernel has it: what it was given cannot be given to somebody else any more.
    drop(turn);
    let reply = reply.await;
    sessions::end(&session).await;
    let reply: Value = serde_json::from_slice(&reply?).unwrap_or_default();
    Ok(reply["pid"].as_u64().unwrap_or(0))
}

/// Removes an application, and lets go of the folders that nobody else was given.
pub(super) async fn remove(api: Arc<Api>, name: Name) -> Result<Value, Refused> {
    carry_on(async move {
        let _turn = api.room.turns.acquire().await;
        act(&api, "remove", &name, Bytes::new()).await?;
        let installed: BTreeSet<Name> = look::installed(&api).await?.into_iter().map(|plan| plan.app).collect();
        api.mounts.keep(&installed);
        Ok(json!({ "weft": VERSION, "app": name }))
    })
    .await
}

/// One act on the application `name`, by a session that may do no other.
async fn act(api: &Api, verb: &str, name: &Name, body: Bytes) -> Result<Bytes, Refusal> {
    let session = sessions::installer(&api.kernel, name).await?;
    let reply = session.act(verb, &format!("/app/{name}"), body).await;
    sessions::end(&session).await;
    reply
}

/// Does it to its end, also where whoever asked is gone before that.
async fn carry_on<T: Send + 'static>(
    work: impl Future<Output = Result<T, Refused>> + Send + 'static,
) -> Result<T, Refused> {
    tokio::spawn(work).await.map_err(broken)?
}

fn broken(_: tokio::task::JoinError) -> Refused {
    Refused::new(Code::Failed, "it broke off; this is a fault of the kernel's host")
}
