//! A kernel on the simulated host that has done a little of everything: what seeds and bodies start from.

use bytes::Bytes;
use kernel_core::agency::Role;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::chain::{Checkpoint, Evidence, Opened, VerifierKey};
use kernel_core::environment::Environment;
use kernel_core::id::ActionId;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::kernel::{
    BootError, BootOptions, Journal, Kernel, Session, log_key, open_log, prove, prove_consistency, receipt,
};
use kernel_core::path::{Name, TreePath};
use kernel_core::platform::{BoxFuture, Key, KeyPurpose, Keys, Port, Programs};
use kernel_core::process::InstanceKind;
use kernel_core::refusal::Refusal;
use kernel_core::sim::{Sim, SimKeys, SimPlatform, SimStorage};
use std::collections::BTreeMap;
use std::sync::OnceLock;

/// Rows of a storage.
pub type Rows = BTreeMap<Key, Bytes>;

/// What the sample run left behind.
#[derive(Debug)]
pub struct Sample {
    /// All rows, after an orderly shutdown.
    pub rows: Rows,
    /// Every input that step took.
    pub journal: Journal,
    /// Every checkpoint that was signed, as its note.
    pub notes: Vec<String>,
    /// What can be handed to others of it, by a name.
    pub evidence: Vec<(String, Evidence)>,
}

/// What the bodies' sessions may do: everything that the simulated host can perform.
pub const RIGHTS: &[&str] = &[
    "spawn /agent/*",
    "send /svc/*",
    "call /svc/*",
    "send /proc/*",
    "call /proc/*",
    "kill /proc/*",
    "monitor /proc/*",
    "read /proc/*",
    "monitor /app/*",
    "list /letter",
    "read /letter/*",
    "send /letter/*",
    "remove /letter/*",
    "publish /topic/**",
    "subscribe /topic/**",
    "register /svc/*",
    "read /tree/**",
    "write /tree/**",
    "remove /tree/**",
    "list /tree/**",
    "read /fs/**",
    "write /fs/**",
    "remove /fs/**",
    "list /fs/**",
    "connect /net/*:*",
    "install /app/*",
    "start /app/*",
    "stop /app/*",
    "remove /app/*",
];

/// The agent that the host of the samples has.
pub const ECHO: &str = "echo";

/// A name, for texts that are one.
pub fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

/// The handlers of the host: `echo` answers what it is sent and does the acts that its messages name.
pub fn programs() -> Programs {
    Programs::new().with(name(ECHO), echo)
}

fn echo(port: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send {
    move |message: Envelope| {
        let port = port.clone();
        Box::pin(async move {
            if message.kind == EnvelopeKind::Start {
                let _ = port.act("register", "/svc/echo", "").await;
            }
            if let Some(text) = message.body.strip_prefix(b"fail ") {
                return Err(String::from_utf8_lossy(text).into_owned());
            }
            Ok(message.body)
        })
    }
}

/// Boots a kernel on `storage`.
///
/// # Errors
/// What it does not accept there.
pub async fn boot(sim: &Sim, storage: SimStorage) -> Result<Kernel<SimPlatform>, BootError> {
    let devices = sim.devices();
    devices.mount("repo");
    devices.put("repo", "README", b"read me");
    let mut options = BootOptions::new(Environment::dev());
    options.natives = vec![(name(ECHO), InstanceKind::Kept)];
    options.journal = true;
    Kernel::boot(sim.parts(storage, programs(), devices), options).await
}

/// A session that holds [`RIGHTS`] and may give them.
///
/// # Errors
/// What the kernel says.
pub async fn session(kernel: &Kernel<SimPlatform>) -> Result<Session, Refusal> {
    let rights: Vec<Right> = RIGHTS.iter().filter_map(|text| Right::parse(text).ok()).collect();
    let held = Capabilities::new(rights.clone(), rights).expect("few");
    kernel.attach(name("fuzz"), Role::User, held).await
}

/// Verifies a stored log with the key that signs on the simulated host.
///
/// # Errors
/// What does not verify.
pub async fn verify(storage: &SimStorage) -> Result<Opened, BootError> {
    open_log(storage, &key()).await
}

/// The note of a checkpoint, signed by [`key`].
pub fn signed(checkpoint: &Checkpoint) -> String {
    let signature = futures_now(SimKeys.sign(KeyPurpose::Log, checkpoint.body().as_bytes()));
    checkpoint.sign(&key(), signature.expect("a signature"))
}

/// The key that signs the logs of the simulated host.
pub fn key() -> VerifierKey {
    let public = futures_now(SimKeys.public(KeyPurpose::Log)).expect("a key that everyone knows");
    log_key(public)
}

/// The output of a future that never waits.
fn futures_now<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(output) => output,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

/// The sample run, once.
pub fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(run)
}

/// The checkpoints of the sample run.
pub fn checkpoints() -> &'static [Checkpoint] {
    static CHECKPOINTS: OnceLock<Vec<Checkpoint>> = OnceLock::new();
    let open = |note: &String| Checkpoint::open(note, &[key()]).expect("a checkpoint that was signed");
    CHECKPOINTS.get_or_init(|| sample().notes.iter().map(open).collect())
}

/// Evidence of each kind, and receipts of acts of which different things came.
async fn evidence(kernel: &Kernel<SimPlatform>, storage: &SimStorage) -> Vec<(String, Evidence)> {
    let (_, note) = kernel.checkpoint().await.expect("a checkpoint");
    let mut found = Vec::new();
    for number in 1..10 {
        // The third is a write; of the others no body is kept, or it is empty.
        if let Ok(receipt) = receipt(storage, ActionId(number), &note, number == 3).await {
            found.push((format!("act-{number}"), Evidence::Receipt(receipt)));
        }
    }
    found.push(("inclusion".to_owned(), Evidence::Inclusion(prove(storage, 7, &note).await.expect("a proof"))));
    found.push((
        "consistency".to_owned(),
        Evidence::Consistency(prove_consistency(storage, 9, &note).await.expect("a proof")),
    ));
    for (name, path) in [("node", "app/node-3"), ("no-node", "app/none")] {
        let proof = kernel.prove_node(&TreePath::parse(path).expect("a path")).await.expect("a proof");
        found.push((name.to_owned(), Evidence::Node(proof)));
    }
    found
}

fn run() -> Sample {
    let sim = Sim::new(1);
    let storage = sim.storage();
    sim.run(async {
        let kernel = boot(&sim, storage.clone()).await.expect("a kernel on an empty disk");
        let session = session(&kernel).await.expect("a session");
        let mut notes = Vec::new();
        session.act("spawn", "/agent/echo", "{\"use\":[\"register /svc/echo\"]}").await.expect("spawned");
        for round in 0..40 {
            // What comes of an act makes no difference here: refusals are a part of the sample.
            let acts = [
                ("write", format!("/tree/app/node-{round}"), "{\"replace\":true,\"labels\":[\"secret\"]}\nvalue"),
                ("read", format!("/tree/app/node-{round}"), ""),
                ("call", "/svc/echo".to_owned(), "\nhello"),
                ("send", format!("/svc/none-{round}"), ""),
                ("connect", "/net/example.com:443".to_owned(), ""),
                ("read", "/fs/repo/README".to_owned(), "{\"len\":4}"),
                ("start", format!("/timer/t{round}"), "{\"after_ms\":1}"),
                ("nonsense", "not a path".to_owned(), ""),
            ];
            for (verb, resource, body) in acts {
                let _ = session.act(verb, &resource, body).await;
            }
            if round % 8 == 0 {
                notes.push(kernel.checkpoint().await.expect("a checkpoint").1);
            }
        }
        let evidence = evidence(&kernel, &storage).await;
        let journal = kernel.journal();
        notes.push(kernel.shutdown("done").await.expect("a last checkpoint").1);
        Sample { rows: storage.rows(), journal, notes, evidence }
    })
}
