//! Tokio tasks and channels, as one would write them by hand.

use std::hint::black_box;
use tokio::sync::{mpsc, oneshot};

/// How many messages a mailbox holds.
const ROOM: usize = 1_024;

type Request = (u64, Option<oneshot::Sender<u64>>);

fn actor() -> mpsc::Sender<Request> {
    let (sender, mut mailbox) = mpsc::channel::<Request>(ROOM);
    tokio::spawn(async move {
        while let Some((number, reply)) = mailbox.recv().await {
            match reply {
                Some(reply) => drop(reply.send(number)),
                None => drop(black_box(number)),
            }
        }
    });
    sender
}

pub async fn spawn(n: u64) {
    let actors: Vec<_> = (0..n).map(|_| actor()).collect();
    drop(black_box(actors));
}

pub async fn send(n: u64) {
    let actor = actor();
    for number in 0..n {
        actor.send((number, None)).await.expect("it lives");
    }
    let (reply, done) = oneshot::channel();
    actor.send((0, Some(reply))).await.expect("it lives");
    done.await.expect("a reply");
}

pub async fn call(n: u64) {
    let actor = actor();
    for number in 0..n {
        let (reply, answer) = oneshot::channel();
        actor.send((number, Some(reply))).await.expect("it lives");
        black_box(answer.await.expect("a reply"));
    }
}

/// A loop that starts a task whenever the one before has ended.
pub async fn restart(n: u64) {
    for _ in 0..n {
        let (sender, mut mailbox) = mpsc::channel::<u64>(ROOM);
        let task = tokio::spawn(async move { mailbox.recv().await });
        sender.send(1).await.expect("it lives");
        black_box(task.await.expect("it ends"));
    }
}
