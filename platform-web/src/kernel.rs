//! The class that JavaScript drives, in the kernel's worker: [`WebKernel`].
//!
//! Everything that it does is an act of a session on the kernel's one road, or looks at what the kernel or its log
//! says. Values are plain objects, as `weft` prints them with `--json`; numbers are JavaScript's. Errors are `Error`
//! objects with a `code`: that of a refusal, or `boot`, `storage`, `mount`, `crashed`; and a sentence for a person.

use crate::crash;
use crate::devices::WebDevices;
use crate::spawn::WebSpawn;
use crate::storage::RedbStorage;
use crate::tools::{self, Tools};
use crate::{Host, HostOptions, StorageKind, WebPlatform};
use futures::StreamExt;
use futures::channel::mpsc;
use js_sys::{Function, Uint8Array};
use kernel_core::chain::VerifierKey;
use kernel_core::environment::Environment;
use kernel_core::id::ActionId;
use kernel_core::ipc::body;
use kernel_core::kernel::effects::Notice;
use kernel_core::kernel::{BootOptions, Kernel, Parts, Session, Told};
use kernel_core::path::Name;
use kernel_core::platform::{Durability, Platform, Profile, Programs, Spawn};
use kernel_core::process::InstanceKind;
use serde::Deserialize;
use serde_json::{Value, json};
use std::cell::RefCell;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

mod application;
mod error;
mod evidence;
mod folders;
mod install;
mod log;
mod mounting;
mod operator;
mod source;
mod told;
mod values;

#[cfg(test)]
mod tests;

use application::Given;
use error::{Failure, Fallible, OrThrow};
use folders::Folders;
use values::{from_js, to_js};

/// How many notices may wait for the page. What is over it is not shown as it happens; the log misses nothing.
const NOTICES: usize = 4_096;

/// What the session of the page's user is called in the log.
const OPERATOR: &str = "operator";

/// How to boot.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Options {
    #[serde(default)]
    storage: Kept,
    #[serde(default = "dev")]
    environment: String,
    #[serde(default = "default_name")]
    name: String,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kept {
    #[default]
    Opfs,
    Memory,
}

fn dev() -> String {
    "dev".to_owned()
}

fn default_name() -> String {
    "default".to_owned()
}

/// A kernel in this worker.
#[wasm_bindgen]
#[derive(Debug)]
pub struct WebKernel {
    /// Taken by `shutdown`.
    running: RefCell<Option<Running>>,
    name: Name,
    profile: Profile,
    persisted: Option<bool>,
    devices: WebDevices,
    folders: Folders,
    tools: Tools,
    told: Function,
}

/// What there is as long as it runs. Clones are the same.
#[derive(Clone, Debug)]
struct Running {
    kernel: RunningKernel,
    rows: RedbStorage,
    operator: Session,
    key: VerifierKey,
}

/// The kernel, which says nothing of itself when it is printed.
#[derive(Clone)]
struct RunningKernel(Kernel<WebPlatform>);

impl std::fmt::Debug for RunningKernel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Kernel")
    }
}

#[wasm_bindgen]
impl WebKernel {
    /// Boots a kernel from `{storage: "opfs" | "memory", environment: "dev" | "staging" | "prod", name}`, by default
    /// the kernel `default` in the origin private file system, in dev. `told` is called with every notice
    /// (`{notice: {..}}`), every question (`{ask: {..}}`) and, once at most, with `{crashed: {message}}`.
    pub async fn boot(options: JsValue, told: Function) -> Result<WebKernel, JsValue> {
        let told_of_crash = told.clone();
        crash::on_crash(move |message| {
            let news = to_js(&json!({ "crashed": { "message": message } }));
            // Whoever listens cannot save the kernel, and it must not matter what he throws.
            let _ = told_of_crash.call1(&JsValue::NULL, &news);
        });
        boot(options, told).await.or_throw()
    }

    /// What this host can and cannot do, as `weft doctor` prints it, with `persisted`: whether the browser promised
    /// not to clear what is stored by itself, `null` for a kernel in memory.
    pub fn profile(&self) -> JsValue {
        let mut profile = json!(self.profile);
        profile["persisted"] = json!(self.persisted);
        to_js(&profile)
    }

    /// What an application is and asks for, and what is wrong with it. `files` holds the bytes of its programs by
    /// their paths in the manifest; `allow` and `mounts` are what would be given. A bad manifest is no error.
    pub fn check(&self, manifest: &str, files: JsValue, allow: JsValue, mounts: JsValue) -> Result<JsValue, JsValue> {
        let check = || -> Fallible<JsValue> {
            alive()?;
            let mounts: Vec<String> = from_js("mounts", &mounts)?;
            let mounts = mounts.iter().map(|name| mounting::parse(name)).collect::<Fallible<_>>()?;
            let given = Given::new(from_js("allow", &allow)?, mounts)?;
            Ok(to_js(&application::report(manifest, &files, &given)))
        };
        check().or_throw()
    }

    /// Makes a folder or files reachable as `/fs/NAME`: a `FileSystemDirectoryHandle`, `{files: [[path, File], ..]}`,
    /// or `"opfs"` for a folder of this kernel in the origin private file system. `conflict` where the name is that of
    /// another folder, which was given to an application.
    pub async fn mount(&self, name: &str, source: JsValue) -> Result<(), JsValue> {
        let mount = async {
            let running = self.running()?;
            let _turn = self.devices.turn().await;
            let name = mounting::parse(name)?;
            let opened = source::opened(&self.name, &name, source).await?;
            mounting::bind(&self.devices, &running, name, opened).await?;
            self.folders.keep(&self.devices).await;
            // What should run may have waited for it.
            let (kernel, devices, told) = (running.kernel.0, self.devices.clone(), self.told.clone());
            WebSpawn.spawn("revive", revive(kernel, devices, told));
            Ok(())
        };
        mount.await.or_throw()
    }

    /// The folders that were given to applications, and which of them are bound: `[{name, folder, mode, given, bound}, ..]`. For one
    /// that is not, a page asks its user (`folder.requestPermission({mode})`) and mounts it.
    pub async fn folders(&self) -> Result<JsValue, JsValue> {
        let folders = async {
            alive()?;
            let _turn = self.devices.turn().await;
            Ok(self.folders.list(&self.devices).await)
        };
        folders.await.or_throw()
    }

    /// Installs an application with what it is given: `allow` as `["verb pattern", ..]`, `mounts` as `{name: source}`,
    /// each as for `mount`. They are bound when the application was installed, and not before.
    pub async fn install(
        &self,
        manifest: &str,
        files: JsValue,
        allow: JsValue,
        mounts: JsValue,
    ) -> Result<(), JsValue> {
        install::install(self, manifest, &files, &allow, &mounts).await.or_throw()
    }

    /// Starts an installed application with what it was given when it was installed. It ends when it is quiet, or with
    /// `until` as `stopped` when it is stopped; and always with the agent that its manifest names in `ends_with`. A
    /// notice `ended` tells.
    pub async fn start(&self, app: &str, until: &str) -> Result<(), JsValue> {
        install::start(self, app, until).await.or_throw()
    }

    /// Stops a running application: its agents in reverse order of their start.
    pub async fn stop(&self, app: &str) -> Result<(), JsValue> {
        self.operate("stop", &format!("/app/{app}"), body::json(&json!({}))).await.map(drop).or_throw()
    }

    /// One act of the operator's session: `verb` on `resource`, with the body's fields in `head` and the raw bytes of
    /// `payload`. The answer's bytes.
    pub async fn act(
        &self,
        verb: &str,
        resource: &str,
        head: JsValue,
        payload: Option<Uint8Array>,
    ) -> Result<Uint8Array, JsValue> {
        let act = async {
            let head: Value = if head.is_undefined() { json!({}) } else { from_js("the body", &head)? };
            let payload = payload.map(|bytes| bytes.to_vec()).unwrap_or_default();
            let answer = self.operate(verb, resource, body::join(&head, &payload)).await?;
            Ok(Uint8Array::from(&answer[..]))
        };
        act.await.or_throw()
    }

    /// Answers the question of the act `action`. A late answer is ignored.
    pub fn answer(&self, action: f64, allow: bool) -> Result<(), JsValue> {
        let answer = || -> Fallible<()> {
            // Whoever asks hears of it by the notice `answered`.
            drop(self.running()?.kernel.0.answer(ActionId(action as u64), allow, OPERATOR));
            Ok(())
        };
        answer().or_throw()
    }

    /// Kills a process and all below it. The log names who did.
    pub async fn kill(&self, pid: f64) -> Result<(), JsValue> {
        let head = body::json(&json!({}));
        self.operate("kill", &format!("/proc/{}", pid as u64), head).await.map(drop).or_throw()
    }

    /// Makes a function a tool of this kernel: `/tool/NAME`, declared as the body of `register` says (`{effect,
    /// output_labels, schema}`). `run` is called with `{tool, arguments, caller}` and an `AbortSignal`, and answers a promise
    /// of bytes. The number by which it is taken back.
    pub async fn register_tool(&self, name: &str, declared: JsValue, run: Function) -> Result<f64, JsValue> {
        let register = async {
            let running = self.running()?;
            let declared: Value = from_js("what is declared", &declared)?;
            Ok(operator::offer(&running.kernel.0, &self.tools, name, &declared, run).await? as f64)
        };
        register.await.or_throw()
    }

    /// Takes a tool back. What is calling it is told that it has ended.
    pub async fn unregister_tool(&self, number: f64) -> Result<(), JsValue> {
        let unregister = async {
            self.running()?;
            if let Some(session) = self.tools.withdraw(number as u64) {
                operator::leave(&session).await;
            }
            Ok(())
        };
        unregister.await.or_throw()
    }

    /// What the kernel knows of its processes, living and gone, and what its gate has said.
    pub fn summary(&self) -> Result<JsValue, JsValue> {
        self.running().map(|running| to_js(&json!(running.kernel.0.summary()))).or_throw()
    }

    /// Events of the log from number `from` on, at most `limit`, as `weft chain show --json` prints them, with the
    /// size of the log: `{events: [..], size}`. What happened a moment ago may not be stored yet.
    pub async fn events(&self, range: JsValue) -> Result<JsValue, JsValue> {
        let events = async {
            let running = self.running()?;
            let range: log::Range = from_js("the range", &range)?;
            Ok(to_js(&log::events(&running.rows, range).await?))
        };
        events.await.or_throw()
    }

    /// Verifies the whole stored log: `{ok, size, root, problem?}`.
    pub async fn verify(&self) -> Result<JsValue, JsValue> {
        let verify = async {
            let running = self.running()?;
            // What was told to a person should be in what is verified.
            running.kernel.0.checkpoint().await?;
            Ok(to_js(&log::verify(&running.rows, &running.key).await?))
        };
        verify.await.or_throw()
    }

    /// Makes everything so far durable; the signed checkpoint over it, a note to keep elsewhere.
    pub async fn checkpoint(&self) -> Result<String, JsValue> {
        let checkpoint = async { Ok(self.running()?.kernel.0.checkpoint().await?.1) };
        checkpoint.await.or_throw()
    }

    /// The key that signs the log, as `weft` prints it.
    pub async fn key(&self) -> Result<String, JsValue> {
        self.running().map(|running| running.key.to_string()).or_throw()
    }

    /// The receipt of an act, as `weft receipt` prints it; with the body of the act if that is wanted. Everything so far is made
    /// durable for it.
    pub async fn receipt(&self, action: f64, with_body: bool) -> Result<String, JsValue> {
        let receipt = async { evidence::receipt(&self.running()?, ActionId(action as u64), with_body).await };
        receipt.await.or_throw()
    }

    /// At most 1,000 of what is directly below a node, by name: `{children: [{name, node, bytes, parent}, ..], next}`, where `next`
    /// is the cursor of those that follow. The page's user looks into his own tree, which is no act.
    pub async fn tree_children(&self, path: &str, cursor: Option<String>) -> Result<JsValue, JsValue> {
        let children = async { Ok(to_js(&evidence::children(&self.running()?, path, cursor.as_deref()).await?)) };
        children.await.or_throw()
    }

    /// The proof of what a node is, or that it is not there, as `weft tree prove` prints it. Everything so far is made durable for
    /// it.
    pub async fn prove_node(&self, path: &str) -> Result<String, JsValue> {
        let prove = async { evidence::prove(&self.running()?, path).await };
        prove.await.or_throw()
    }

    /// All bytes of a file in a mount, at most 64 MiB, for the page's user: not an act, because it is his own file.
    /// `too_large` for a larger one.
    pub async fn read_file(&self, mount: &str, path: &str) -> Result<Uint8Array, JsValue> {
        let read = async {
            alive()?;
            let whole = self.devices.read_whole(mount, path).await.map_err(error::of_size)?;
            Ok(Uint8Array::from(&whole[..]))
        };
        read.await.or_throw()
    }

    /// Stops everything in order, makes the log durable and closes the database; the signed checkpoint over all.
    pub async fn shutdown(&self, reason: &str) -> Result<String, JsValue> {
        let shutdown = async {
            let Running { kernel, rows, operator, .. } = self.running()?;
            let stopped = kernel.0.shutdown(reason).await;
            self.running.borrow_mut().take();
            drop((rows, operator));
            kernel.0.close().await;
            Ok(stopped?.1)
        };
        shutdown.await.or_throw()
    }
}

/// Checks a file that `receipt`, `prove_node`, or a command that makes evidence has written, against the key of the log that it
/// has to be of: what it is evidence of, as `weft verify --json` prints it. It needs no kernel. What does not hold is thrown
/// under its code.
#[wasm_bindgen]
pub fn verify_evidence(text: &str, key: Option<String>) -> Result<JsValue, JsValue> {
    evidence::verify(text, key.as_deref()).map(|said| to_js(&said)).or_throw()
}

impl WebKernel {
    /// The kernel, if it runs.
    fn running(&self) -> Fallible<Running> {
        alive()?;
        let stopped = || Failure::new("cancelled", "the kernel was shut down".to_owned());
        self.running.borrow().clone().ok_or_else(stopped)
    }

    async fn operate(&self, verb: &str, resource: &str, body: bytes::Bytes) -> Fallible<bytes::Bytes> {
        Ok(self.running()?.operator.act(verb, resource, body).await?)
    }
}

/// Whether the kernel can still be spoken to.
fn alive() -> Fallible<()> {
    match crash::crashed() {
        None => Ok(()),
        Some(message) => Err(Failure::new(
            "crashed",
            format!("the kernel crashed ({message}); what was recorded is intact: boot it again by reloading the page"),
        )),
    }
}

async fn boot(options: JsValue, told: Function) -> Fallible<WebKernel> {
    alive()?;
    let options: Options = from_js("the options", &options)?;
    let invalid = |what: String| Failure::new("invalid", what);
    let name = Name::parse(&options.name).map_err(|e| invalid(format!("the kernel's name: {e}")))?;
    let unknown = || invalid(format!("there is no environment `{}`: it is dev, staging or prod", options.environment));
    let environment = Environment::named(&options.environment).ok_or_else(unknown)?;
    let storage = match options.storage {
        Kept::Opfs => StorageKind::Opfs,
        Kept::Memory => StorageKind::Memory,
    };
    let tools = Tools::default();
    let mut host = HostOptions::new(name.clone(), storage);
    let program = Name::parse(tools::PROGRAM).map_err(|e| invalid(e.to_string()))?;
    let handlers = tools.clone();
    host.natives = Programs::new().with(program.clone(), move |port| handlers.handler(port));
    let Host { platform, storage, sandbox, devices, keys, persisted } = Host::open(host).await?;
    let profile = platform.profile().clone();
    let (rows, kept_devices) = (storage.clone(), devices.clone());
    let (tell, news) = mpsc::channel(NOTICES);
    let parts = Parts { platform, storage, sandbox, devices, keys };
    let mut boot = BootOptions::new(environment);
    boot.observer = Some(tell);
    boot.natives = vec![(program, InstanceKind::PerMessage)];
    let kernel = Kernel::boot(parts, boot).await?;
    let key = kernel.key().await.map_err(|e| Failure::new("boot", format!("the signing key: {e}")))?;
    WebSpawn.spawn("told", pass_on(news, told.clone(), tools.clone()));
    let operator = operator::attach(&kernel).await?;
    let devices = kept_devices;
    let folders = match profile.durability {
        Durability::Disk => Folders::open(&name).await,
        _ => Folders::default(),
    };
    folders.bind(&devices, &rows).await;
    WebSpawn.spawn("revive", revive(kernel.clone(), devices.clone(), told.clone()));
    let running = RefCell::new(Some(Running { kernel: RunningKernel(kernel), rows, operator, key }));
    Ok(WebKernel { running, name, profile, persisted, devices, folders, tools, told })
}

/// Starts again what should run, and tells what came of each. What needs a folder that is not bound for it waits until it is.
async fn revive(kernel: Kernel<WebPlatform>, devices: WebDevices, told: Function) {
    let bound = |app: &Name, mount: &Name| devices.given(mount).is_some_and(|given| given.contains(app));
    // Where the rows cannot be read the kernel has told already that it goes no further.
    for revived in kernel.revive(bound).await.unwrap_or_default() {
        let (pid, reason) = match &revived.result {
            Ok(pid) => (Some(pid), None),
            Err(refusal) => (None, Some(&refusal.reason)),
        };
        let news = json!({ "notice": {
            "kind": "revived", "app": revived.app, "pid": pid, "reason": reason, "without": revived.without(),
            "suspended": revived.suspended,
        } });
        let _ = told.call1(&JsValue::NULL, &to_js(&news));
    }
}

/// Passes on what the kernel tells until it is gone.
async fn pass_on(mut news: mpsc::Receiver<Told>, told: Function, tools: Tools) {
    while let Some(one) = news.next().await {
        if let Told::Notice(Notice::Exited { pid, .. }) = &one
            && let Some(session) = tools.exited(*pid)
        {
            operator::leave(&session).await;
        }
        // What the listener throws is his affair.
        let _ = told.call1(&JsValue::NULL, &to_js(&told::as_json(one)));
    }
}
