//! A kernel on this host with handlers to spawn and a session that may do what the benches do.

use bytes::Bytes;
use kernel_core::agency::Role;
use kernel_core::app::{Consent, Surroundings, check, parse, plan};
use kernel_core::capability::{Capabilities, Right};
use kernel_core::environment::Environment;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::kernel::{BootOptions, FEATURES, Kernel, Parts, Session};
use kernel_core::path::Name;
use kernel_core::platform::{BoxFuture, Port, Programs};
use kernel_core::process::InstanceKind;
use platform_native::{Host, HostOptions, NativePlatform};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Runtime;

/// What `weft` runs on.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// What the session may do.
const RIGHTS: &[&str] = &[
    "install /app/*",
    "start /app/*",
    "spawn /agent/*",
    "send /svc/*",
    "send /proc/*",
    "call /svc/*",
    "kill /proc/*",
    "write /tree/**",
];

/// A kernel that runs.
pub(crate) struct Rig {
    pub(crate) runtime: Runtime,
    pub(crate) kernel: Kernel<NativePlatform>,
    pub(crate) session: Session,
    _directory: tempfile::TempDir,
}

/// A name, for texts that are one.
pub(crate) fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

/// Registers the service named by its `args` and echoes what it is sent.
fn echo(port: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send {
    move |message: Envelope| {
        if message.kind == EnvelopeKind::Start && message.body.len() > 4 {
            let port = port.clone();
            return Box::pin(async move {
                let service: String = serde_json::from_slice(&message.body).map_err(|e| e.to_string())?;
                let path = format!("/svc/{service}");
                port.act("register", &path, "").await.map_err(|e| e.to_string())
            });
        }
        Box::pin(std::future::ready(Ok(message.body)))
    }
}

/// An agent that waits for messages and gets none.
pub(crate) fn idle(_: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send {
    |message: Envelope| Box::pin(std::future::ready(Ok(message.body)))
}

#[allow(dead_code)] // Each bench uses its part.
impl Rig {
    /// Boots one in a directory of its own.
    pub(crate) fn new(environment: Environment) -> Rig {
        Rig::with(environment, &["echo", "idle"], Programs::new().with(name("echo"), echo).with(name("idle"), idle))
    }

    /// The same with these handlers to spawn.
    pub(crate) fn with(environment: Environment, names: &[&str], programs: Programs) -> Rig {
        let runtime = platform_native::runtime().expect("tokio");
        let directory = tempfile::tempdir().expect("a directory");
        let mut options = HostOptions::new(directory.path().join("data"));
        options.natives = programs;
        let (kernel, session) = runtime.block_on(async {
            let host = Host::open(options).await.expect("a host");
            let Host { platform, storage, sandbox, devices, keys, .. } = host;
            let mut boot = BootOptions::new(environment);
            boot.natives = names.iter().map(|native| (name(native), InstanceKind::Kept)).collect();
            let kernel =
                Kernel::boot(Parts { platform, storage, sandbox, devices, keys }, boot).await.expect("a kernel");
            let session = attached(&kernel, "bench").await;
            (kernel, session)
        });
        Rig { runtime, kernel, session, _directory: directory }
    }

    /// Installs and starts an application of one agent, `crasher`, whose program is the handler of that name: whenever it
    /// ends it is started again, at once and as often as it may be.
    pub(crate) async fn crasher(&self) {
        let text = "[app]\nname = \"crash\"\nversion = \"0.1.0\"\n[supervision]\nintensity = 10000\nwindow = \"1ms\"\n\
                    backoff = \"0s\"\n[budget]\nlog = \"1024GiB\"\n[[agent]]\nname = \"crasher\"\nrestart = \"permanent\"\n\
                    program = { native = \"crasher\" }\n";
        let manifest = Arc::new(parse("weft.toml", text).expect("a manifest"));
        let natives = BTreeSet::from([name("crasher")]);
        let mut load = |_: &str| Err("there is none".to_owned());
        let mut around =
            Surroundings { natives: Some(&natives), exists: &|_, _| true, unkept: &|_| Vec::new(), load: &mut load };
        let checked = check(&manifest, &mut around).expect("nothing is wrong with it");
        let plan = plan(&checked, &Consent::default(), FEATURES).expect("a plan");
        let plan = serde_json::to_vec(&plan).expect("JSON");
        self.session.act("install", "/app/crash", [&b"{}\n"[..], &plan].concat()).await.expect("installed");
        self.session.act("start", "/app/crash", "{}").await.expect("started");
    }

    /// Another session.
    pub(crate) fn attach(&self, name: &str) -> Session {
        self.runtime.block_on(attached(&self.kernel, name))
    }

    /// Spawns a handler and waits until it answers as `service`.
    pub(crate) fn service(&self, service: &str) {
        let body = format!("{{\"name\":\"{service}\",\"args\":\"{service}\",\"use\":[\"register /svc/{service}\"]}}");
        self.runtime.block_on(async {
            self.session.act("spawn", "/agent/echo", body).await.expect("spawned");
            let path = format!("/svc/{service}");
            // Fewer than what suspends a session for its refusals.
            for _ in 0..50 {
                if self.session.act("call", &path, "").await.is_ok() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            panic!("{path} did not answer");
        });
    }
}

async fn attached(kernel: &Kernel<NativePlatform>, text: &str) -> Session {
    let rights = |texts: &[&str]| texts.iter().map(|t| Right::parse(t).expect("a right")).collect();
    let held = Capabilities::new(rights(RIGHTS), rights(&["register /svc/*"])).expect("few");
    kernel.attach(name(text), Role::User, held).await.expect("a session")
}
