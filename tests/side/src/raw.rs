//! Tokio tasks and channels, as one would write them by hand.

use crate::spent;
use std::hint::black_box;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};

/// How many messages a mailbox holds.
const ROOM: usize = 1_024;

enum Message {
    Tell(u64),
    Ask(u64, oneshot::Sender<u64>),
    Fail,
}

/// An actor that runs, and its end.
async fn actor() -> (mpsc::Sender<Message>, tokio::task::JoinHandle<Result<(), &'static str>>) {
    let (sender, mut mailbox) = mpsc::channel(ROOM);
    let (started, starts) = oneshot::channel();
    let task = tokio::spawn(async move {
        let _ = started.send(());
        while let Some(message) = mailbox.recv().await {
            match message {
                Message::Tell(number) => drop(black_box(number)),
                Message::Ask(number, reply) => drop(reply.send(number)),
                Message::Fail => return Err("it fails"),
            }
        }
        Ok(())
    });
    starts.await.expect("it starts");
    (sender, task)
}

async fn ask(actor: &mpsc::Sender<Message>, number: u64) -> u64 {
    let (reply, answer) = oneshot::channel();
    actor.send(Message::Ask(number, reply)).await.expect("it lives");
    answer.await.expect("a reply")
}

pub fn spawn(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let mut actors = Vec::new();
        for _ in 0..n {
            actors.push(actor().await);
        }
        actors
    };
    spent(runtime, work).0
}

pub fn send(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let (actor, _) = actor().await;
        for number in 0..n {
            actor.send(Message::Tell(number)).await.expect("it lives");
        }
        ask(&actor, 0).await;
    };
    spent(runtime, work).0
}

pub fn call(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        let (actor, _) = actor().await;
        for number in 0..n {
            black_box(ask(&actor, number).await);
        }
    };
    spent(runtime, work).0
}

/// A loop that starts the next whenever one has failed.
pub fn restart(runtime: &Runtime, n: u64) -> Duration {
    let work = async move {
        for _ in 0..n {
            let (actor, task) = actor().await;
            actor.send(Message::Fail).await.expect("it lives");
            task.await.expect("no panic").expect_err("it fails");
        }
        actor().await
    };
    spent(runtime, work).0
}
