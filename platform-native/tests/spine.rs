//! The whole kernel on the native host: handlers of the trusted base, sessions, the log.

use bytes::Bytes;
use kernel_core::agency::Role;
use kernel_core::capability::{Capabilities, Right};
use kernel_core::environment::Environment;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::kernel::{BootOptions, Kernel, Parts, log_key, open_log};
use kernel_core::path::Name;
use kernel_core::platform::{BoxFuture, KeyPurpose, Keys, Port, Programs};
use kernel_core::process::InstanceKind;
use kernel_core::refusal::Code;
use platform_native::{Host, HostOptions};
use std::time::Duration;

fn name(text: &str) -> Name {
    Name::parse(text).expect("a name")
}

fn rights(texts: &[&str]) -> Vec<Right> {
    texts.iter().map(|t| Right::parse(t).expect("a right")).collect()
}

fn echo(port: Port) -> impl FnMut(Envelope) -> BoxFuture<'static, Result<Bytes, String>> + Send {
    move |message: Envelope| {
        let port = port.clone();
        Box::pin(async move {
            if message.kind == EnvelopeKind::Start {
                port.act("register", "/svc/echo", "").await.map_err(|e| e.to_string())?;
            }
            Ok(message.body)
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_spawns_a_handler_and_calls_it() {
    let dir = tempfile::tempdir().expect("a directory");
    let data = dir.path().join("data");
    let mut options = HostOptions::new(&data);
    options.natives = Programs::new().with(name("echo"), echo);
    let natives = options.natives.names().map(|name| (name.clone(), InstanceKind::Kept)).collect();
    let host = Host::open(options).await.expect("a host");
    let Host { platform, storage, sandbox, devices, keys, .. } = host;
    let parts = Parts { platform, storage, sandbox, devices, keys };
    let mut boot = BootOptions::new(Environment::dev());
    boot.natives = natives;
    let kernel = Kernel::boot(parts, boot).await.expect("a kernel");
    let uses = rights(&["spawn /agent/echo", "call /svc/echo", "send /svc/echo"]);
    let grants = rights(&["register /svc/echo"]);
    let held = Capabilities::new(uses, grants).expect("few");
    let session = kernel.attach(name("operator"), Role::User, held).await.expect("a session");
    let spawned = session.act("spawn", "/agent/echo", "{\"use\":[\"register /svc/echo\"]}").await.expect("spawned");
    assert_eq!(&spawned[..], b"{\"pid\":2}");
    // The handler registers its service when it handles its first envelope, after the spawn was answered. Ten
    // seconds of patience, in fewer calls than suspend a session for its refusals.
    for _ in 0..50 {
        match session.act("call", "/svc/echo", "").await {
            Err(refusal) if refusal.code == Code::NotFound => tokio::time::sleep(Duration::from_millis(200)).await,
            _ => break,
        }
    }
    for _ in 0..1_000 {
        let reply = session.act("call", "/svc/echo", "\nhello").await.expect("a reply");
        assert_eq!(&reply[..], b"{\"labels\":[]}\nhello");
    }
    let refused = session.act("connect", "/net/example.com:443", "").await.expect_err("no right");
    assert_eq!(refused.code, Code::Denied);
    assert!(refused.reason.contains("holds no right `connect /net/example.com:443`"), "{}", refused.reason);

    let (checkpoint, note) = kernel.shutdown("done").await.expect("a checkpoint");
    drop(kernel);
    // Boot, three phases and the session; the spawn with its outcome; the handler's `register`; one route and
    // its count instead of a thousand calls; the refusal; then the end.
    assert!(checkpoint.size < 40, "{} events for a thousand calls", checkpoint.size);

    // The kernel's own tasks let go of the directory when they notice its end.
    let host = loop {
        match Host::open(HostOptions::new(&data)).await {
            Err(error) if error.to_string().contains("in use by") => tokio::task::yield_now().await,
            opened => break opened.expect("the host again"),
        }
    };
    let public = host.keys.public(KeyPurpose::Log).await.expect("a key");
    let opened = open_log(&host.storage, &log_key(public)).await.expect("a log that verifies");
    assert_eq!((opened.log.size(), opened.signed), (checkpoint.size, checkpoint.size));
    assert_eq!(opened.log.signed(), Some(note.as_str()));
}
