//! The kernel's hot paths on this host, in CPU time of the whole process, each beside its floor.
//!
//! Bars: spawn at most 4 us; send on an open route at most 0.5 us, the first send at most 5 us; a call at
//! most 4 times a round trip over two tokio oneshots; a governed outward act at most 25 us, and at least
//! 50,000 a second with 256 callers that wait for the log.

#[path = "../../kernel-core/benches/cpu/mod.rs"]
mod cpu;

use bytes::Bytes;
use cpu::CpuTime;
use cpu_time::ProcessTime;
use criterion::{Criterion, criterion_group, criterion_main};
use kernel_core::capability::{Capabilities, Right};
use kernel_core::environment::Environment;
use kernel_core::ipc::{Envelope, EnvelopeKind};
use kernel_core::kernel::{BootOptions, Kernel, Parts, Session};
use kernel_core::path::Name;
use kernel_core::platform::{BoxFuture, Port, Programs};
use kernel_core::process::Role;
use platform_native::{Host, HostOptions, NativePlatform};
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

const CALLERS: u64 = 256;

fn name(text: &str) -> Name {
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

struct Rig {
    runtime: Runtime,
    kernel: Kernel<NativePlatform>,
    session: Session,
    _directory: tempfile::TempDir,
}

impl Rig {
    fn new(environment: Environment) -> Rig {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("tokio");
        let directory = tempfile::tempdir().expect("a directory");
        let mut options = HostOptions::new(directory.path().join("data"));
        options.natives = Programs::new().with(name("echo"), echo);
        let (kernel, session) = runtime.block_on(async {
            let host = Host::open(options).await.expect("a host");
            let Host { platform, storage, sandbox, devices, keys, .. } = host;
            let mut boot = BootOptions::new(environment);
            boot.natives = vec![name("echo")];
            let kernel =
                Kernel::boot(Parts { platform, storage, sandbox, devices, keys }, boot).await.expect("a kernel");
            let rights = |texts: &[&str]| texts.iter().map(|t| Right::parse(t).expect("a right")).collect();
            let uses = rights(&["spawn /agent/*", "send /svc/*", "call /svc/*", "kill /proc/*", "write /tree/**"]);
            let held = Capabilities::new(uses, rights(&["register /svc/*"])).expect("few");
            let session = kernel.attach(name("bench"), Role::User, held).await.expect("a session");
            (kernel, session)
        });
        Rig { runtime, kernel, session, _directory: directory }
    }

    fn service(&self, service: &str) {
        let body = format!("{{\"name\":\"{service}\",\"args\":\"{service}\",\"use\":[\"register /svc/{service}\"]}}");
        self.runtime.block_on(self.session.act("spawn", "/agent/echo", body)).expect("spawned");
    }
}

/// The CPU time of `work` as a share of `iterations`.
fn spent(work: impl FnOnce()) -> Duration {
    let begun = ProcessTime::now();
    work();
    begun.elapsed()
}

fn spawn(c: &mut Criterion<CpuTime>) {
    let rig = Rig::new(Environment::dev());
    let mut next = 0u64;
    c.bench_function("spawn an in-process agent (bar 4 us)", |b| {
        b.iter_custom(|n| {
            let spent = spent(|| {
                rig.runtime.block_on(async {
                    for _ in 0..n {
                        next += 1;
                        let body = format!("{{\"name\":\"a{next}\",\"use\":[]}}");
                        rig.session.act("spawn", "/agent/echo", body).await.expect("spawned");
                    }
                });
            });
            rig.runtime.block_on(rig.kernel.checkpoint()).expect("a checkpoint");
            spent
        });
    });
    c.bench_function("floor: spawn a tokio task and wait for it", |b| {
        b.iter_custom(|n| {
            spent(|| {
                rig.runtime.block_on(async {
                    for _ in 0..n {
                        tokio::spawn(async { black_box(1) }).await.expect("a number");
                    }
                });
            })
        });
    });
}

fn messages(c: &mut Criterion<CpuTime>) {
    let rig = Rig::new(Environment::dev());
    rig.service("echo");
    c.bench_function("send on an open route, and its handling (bar 0.5 us without)", |b| {
        b.iter_custom(|n| {
            spent(|| {
                rig.runtime.block_on(async {
                    for _ in 0..n {
                        rig.session.act("send", "/svc/echo", "").await.expect("sent");
                    }
                });
            })
        });
    });
    let mut next = 0u64;
    c.bench_function("first send on a route, and its handling (bar 5 us without)", |b| {
        b.iter_custom(|n| {
            let services: Vec<String> = (0..n)
                .map(|_| {
                    next += 1;
                    format!("s{next}")
                })
                .collect();
            services.iter().for_each(|s| rig.service(s));
            let paths: Vec<String> = services.iter().map(|s| format!("/svc/{s}")).collect();
            spent(|| {
                rig.runtime.block_on(async {
                    for path in &paths {
                        rig.session.act("send", path, "").await.expect("sent");
                    }
                });
            })
        });
    });
    c.bench_function("call round trip (bar 4 x floor)", |b| {
        b.iter_custom(|n| {
            spent(|| {
                rig.runtime.block_on(async {
                    for _ in 0..n {
                        rig.session.act("call", "/svc/echo", "\nhello").await.expect("a reply");
                    }
                });
            })
        });
    });
    let one = tokio::runtime::Builder::new_current_thread().build().expect("tokio");
    c.bench_function("floor: round trip between two tasks over tokio oneshots", |b| {
        b.iter_custom(|n| {
            spent(|| {
                one.block_on(async {
                    let (sender, mut receiver) = mpsc::channel::<(u64, oneshot::Sender<u64>)>(8);
                    tokio::spawn(async move {
                        while let Some((number, reply)) = receiver.recv().await {
                            let _ = reply.send(number);
                        }
                    });
                    for number in 0..n {
                        let (reply, answer) = oneshot::channel();
                        sender.send((number, reply)).await.expect("sent");
                        black_box(answer.await.expect("a reply"));
                    }
                });
            })
        });
    });
}

fn outward(c: &mut Criterion<CpuTime>) {
    let rig = Rig::new(Environment::dev());
    c.bench_function("governed outward act in dev (bar 25 us)", |b| {
        b.iter_custom(|n| {
            spent(|| {
                rig.runtime.block_on(async {
                    for _ in 0..n {
                        rig.session.act("write", "/tree/bench", "{\"replace\":true}\nvalue").await.expect("written");
                    }
                });
            })
        });
    });
    let rig = Rig::new(Environment::prod());
    c.bench_function("governed outward act, durable, 256 callers (bar 20 us)", |b| {
        b.iter_custom(|n| {
            let each = n.div_ceil(CALLERS);
            let spent = spent(|| {
                rig.runtime.block_on(async {
                    let callers: Vec<_> = (0..CALLERS)
                        .map(|caller| {
                            let session = rig.session.clone();
                            tokio::spawn(async move {
                                for _ in 0..each {
                                    let path = format!("/tree/bench/{caller}");
                                    session.act("write", &path, "{\"replace\":true}\nvalue").await.expect("written");
                                }
                            })
                        })
                        .collect();
                    for caller in callers {
                        caller.await.expect("done");
                    }
                });
            });
            spent.mul_f64(n as f64 / (each * CALLERS) as f64)
        });
    });
}

fn config() -> Criterion<CpuTime> {
    Criterion::default().with_measurement(CpuTime).sample_size(11).measurement_time(Duration::from_secs(3))
}

criterion_group! { name = kernel; config = config(); targets = spawn, messages, outward }
criterion_main!(kernel);
