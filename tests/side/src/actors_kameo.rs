//! The actors of `kameo`.

use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;
use std::hint::black_box;
use std::time::Duration;
use tokio::sync::mpsc;

struct Worker;

impl Actor for Worker {
    type Args = ();
    type Error = Infallible;

    async fn on_start((): (), _: ActorRef<Self>) -> Result<Self, Infallible> {
        Ok(Worker)
    }
}

struct Number(u64);

impl Message<Number> for Worker {
    type Reply = u64;

    async fn handle(&mut self, Number(number): Number, _: &mut Context<Self, u64>) -> u64 {
        black_box(number)
    }
}

/// A child that ends when it is told to, and tells of each start.
struct Child;

struct Fail;

impl Actor for Child {
    type Args = mpsc::UnboundedSender<()>;
    type Error = Infallible;

    async fn on_start(started: Self::Args, _: ActorRef<Self>) -> Result<Self, Infallible> {
        let _ = started.send(());
        Ok(Child)
    }
}

impl Message<Fail> for Child {
    type Reply = ();

    async fn handle(&mut self, _: Fail, context: &mut Context<Self, ()>) {
        context.stop();
    }
}

pub async fn spawn(n: u64) {
    let workers: Vec<_> = (0..n).map(|_| Worker::spawn(())).collect();
    for worker in &workers {
        worker.wait_for_startup().await;
        worker.kill();
    }
}

pub async fn send(n: u64) {
    let worker = Worker::spawn(());
    for number in 0..n {
        worker.tell(Number(number)).send().await.expect("it lives");
    }
    worker.ask(Number(0)).send().await.expect("a reply");
    worker.kill();
}

pub async fn call(n: u64) {
    let worker = Worker::spawn(());
    for number in 0..n {
        black_box(worker.ask(Number(number)).send().await.expect("a reply"));
    }
    worker.kill();
}

pub async fn restart(n: u64) {
    let (started, mut starts) = mpsc::unbounded_channel();
    let supervisor = Worker::spawn(());
    let child = Child::supervise(&supervisor, started)
        .restart_policy(RestartPolicy::Permanent)
        .restart_limit(u32::MAX, Duration::from_secs(1))
        .spawn()
        .await;
    for _ in 0..n {
        starts.recv().await.expect("a start");
        child.tell(Fail).send().await.expect("it lives");
    }
    starts.recv().await.expect("the last");
    child.kill();
    supervisor.kill();
}
