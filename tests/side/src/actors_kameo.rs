//! The actors of `kameo`.

use crate::spent;
use kameo::actor::{Actor, ActorRef, Spawn};
use kameo::error::Infallible;
use kameo::message::{Context, Message};
use kameo::supervision::RestartPolicy;
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::Runtime;
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

/// A child that fails when it is told to, and tells of each start.
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
    type Reply = Result<(), &'static str>;

    async fn handle(&mut self, _: Fail, _: &mut Context<Self, Self::Reply>) -> Self::Reply {
        Err("it fails")
    }
}

async fn worker() -> ActorRef<Worker> {
    let worker = Worker::spawn(());
    worker.wait_for_startup().await;
    worker
}

pub fn spawn(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let mut workers = Vec::new();
        for _ in 0..n {
            workers.push(worker().await);
        }
        workers
    };
    let (took, workers) = spent(runtime, work);
    workers.iter().for_each(ActorRef::kill);
    took
}

pub fn send(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let worker = worker().await;
        for number in 0..n {
            worker.tell(Number(number)).send().await.expect("it lives");
        }
        worker.ask(Number(0)).send().await.expect("a reply");
        worker
    };
    let (took, worker) = spent(runtime, work);
    worker.kill();
    took
}

pub fn call(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let worker = worker().await;
        for number in 0..n {
            black_box(worker.ask(Number(number)).send().await.expect("a reply"));
        }
        worker
    };
    let (took, worker) = spent(runtime, work);
    worker.kill();
    took
}

pub fn restart(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let (started, mut starts) = mpsc::unbounded_channel();
        let supervisor = worker().await;
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
        supervisor
    };
    let (took, supervisor) = spent(runtime, work);
    supervisor.kill();
    took
}
