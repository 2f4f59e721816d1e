//! The actors of `ractor`.

use crate::spent;
use ractor::{Actor, ActorProcessingErr, ActorRef, RpcReplyPort, SupervisionEvent, call as ask};
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;

struct Worker;

enum Message {
    Tell(u64),
    Ask(u64, RpcReplyPort<u64>),
    Fail,
}

impl Actor for Worker {
    type Msg = Message;
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, _: ActorRef<Message>, (): ()) -> Result<(), ActorProcessingErr> {
        Ok(())
    }

    async fn handle(&self, _: ActorRef<Message>, message: Message, (): &mut ()) -> Result<(), ActorProcessingErr> {
        match message {
            Message::Tell(number) => drop(black_box(number)),
            Message::Ask(number, reply) => drop(reply.send(number)),
            Message::Fail => return Err("it fails".into()),
        }
        Ok(())
    }
}

/// Starts its one child again whenever that has failed, and tells of each.
struct Supervisor(mpsc::UnboundedSender<ActorRef<Message>>);

impl Supervisor {
    async fn start(&self, me: &ActorRef<()>) -> Result<(), ActorProcessingErr> {
        let (child, _) = Actor::spawn_linked(None, Worker, (), me.get_cell()).await?;
        self.0.send(child)?;
        Ok(())
    }
}

impl Actor for Supervisor {
    type Msg = ();
    type State = ();
    type Arguments = ();

    async fn pre_start(&self, me: ActorRef<()>, (): ()) -> Result<(), ActorProcessingErr> {
        self.start(&me).await
    }

    async fn handle_supervisor_evt(
        &self,
        me: ActorRef<()>,
        event: SupervisionEvent,
        (): &mut (),
    ) -> Result<(), ActorProcessingErr> {
        match event {
            SupervisionEvent::ActorFailed(..) => self.start(&me).await,
            _ => Ok(()),
        }
    }
}

async fn worker() -> ActorRef<Message> {
    Actor::spawn(None, Worker, ()).await.expect("it starts").0
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
    workers.iter().for_each(|worker| worker.stop(None));
    took
}

pub fn send(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let worker = worker().await;
        for number in 0..n {
            worker.cast(Message::Tell(number)).expect("it lives");
        }
        ask!(worker, Message::Ask, 0).expect("a reply");
        worker
    };
    let (took, worker) = spent(runtime, work);
    worker.stop(None);
    took
}

pub fn call(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let worker = worker().await;
        for number in 0..n {
            black_box(ask!(worker, Message::Ask, number).expect("a reply"));
        }
        worker
    };
    let (took, worker) = spent(runtime, work);
    worker.stop(None);
    took
}

pub fn restart(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let (started, mut children) = mpsc::unbounded_channel();
        let (supervisor, _) = Actor::spawn(None, Supervisor(started), ()).await.expect("it starts");
        for _ in 0..n {
            let child = children.recv().await.expect("a child");
            child.cast(Message::Fail).expect("it lives");
        }
        children.recv().await.expect("the last");
        supervisor
    };
    let (took, supervisor) = spent(runtime, work);
    supervisor.stop(None);
    took
}
