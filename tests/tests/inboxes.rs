//! Thousands of simulated machines with a durable inbox, whose agents, power and disks fail at random.
//!
//! Several senders send to one receiver that writes down what it has handled, each its own numbers one after the other,
//! in prod, where an answer is an acknowledgement. After all is over: nothing that was accepted is missing, and at no
//! time a number was written down while an earlier one of its sender was not. What holds of every machine is looked at
//! whenever it is booted. `WEFT_SEEDS` says how many machines; a failure tells the command that runs its seed alone.
#![cfg(not(target_arch = "wasm32"))]

use kernel_core::environment::Environment;
use kernel_core::kernel::Session;
use kernel_core::process::{MAX_INTENSITY, Restart, Strategy, Supervision};
use kernel_tests::each_seed;
use kernel_tests::invariants::{Invariants, delivered};
use kernel_tests::world::{Agent, SimHost, World, agent, app, name, supervisor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many machines there are by default.
const MACHINES: u64 = 1_000;
/// How much befalls each of them.
const STEPS: usize = 16;
/// How many senders there are.
const SENDERS: u64 = 3;
/// The first is below the application, the second below the first.
const SUPERVISORS: [&str; 2] = ["s", "t"];

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }
}

/// What each sender has sent: how many were answered, and how many asked for.
#[derive(Default)]
struct Sent {
    answered: u64,
    asked: u64,
}

/// The last number of a sender that was written down, and whether all before it were.
async fn written(session: &Session, sender: u64, sent: &Sent, at: &str) -> u64 {
    let mut last = 0;
    for number in 1..=sent.asked {
        if session.act("read", &format!("/tree/s{sender}/{number}"), "").await.is_ok() {
            assert_eq!(last, number - 1, "{at}: {number} of sender {sender} was handled, and {} was not", last + 1);
            last = number;
        }
    }
    last
}

/// What was accepted of each sender is handled or there.
async fn handled(world: &World<SimHost>, all: &BTreeMap<u64, Sent>, at: &str) {
    let looking = world.session().await;
    let mut unhandled = 0;
    for (sender, sent) in all {
        let last = written(&looking, *sender, sent, at).await;
        unhandled += sent.answered.saturating_sub(last);
    }
    delivered(world.kernel(), unhandled, at);
}

async fn befall(host: SimHost, seed: u64) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let mut world = World::boot(host, Environment::prod()).await;
    let supervision = Supervision {
        strategy: Strategy::OneForAll,
        intensity: MAX_INTENSITY,
        window: Duration::from_secs(1),
        backoff: Duration::from_millis(dice.below(3) * 50),
    };
    let keeper = agent("keeper").uses(&["register /svc/keeper", "write /tree/**"]).does("act register /svc/keeper");
    let agents = [keeper.durable().restarts(Restart::Permanent), agent("other").restarts(Restart::Permanent)];
    // The two lie below the application, or below one or two supervisors, of which the lower deals with them as well as it may.
    let depth = dice.below(3) as usize;
    let supervisors = (0..depth).map(|i| {
        let mut plan = supervisor(SUPERVISORS[i]);
        plan.supervisor = i.checked_sub(1).map(|above| name(SUPERVISORS[above]));
        plan.supervision = Supervision { intensity: dice.below(3) as u32, ..supervision };
        plan
    });
    let supervisors: Vec<_> = supervisors.collect();
    let below = |agent: Agent| depth.checked_sub(1).map_or(agent.clone(), |above| agent.under(SUPERVISORS[above]));
    let plan = app("post", []).unmounted().with(agents.map(below)).overseen(supervisors);
    world.run(plan.supervised(supervision)).await;
    let mut all: BTreeMap<u64, Sent> = BTreeMap::new();
    let mut invariants = Invariants::default();
    world.host.ails(3, 40);
    for step in 0..STEPS {
        let at = format!("seed {seed}, step {step}");
        match dice.below(8) {
            0 => {
                world.host.heals();
                if dice.below(2) == 0 || world.has_failed() {
                    world.crash().await
                } else {
                    world.reboot().await
                }
                invariants.booted(&world, &at).await;
                handled(&world, &all, &at).await;
                let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
                assert!(revived.iter().all(|app| app.result.is_ok()), "{at}: {revived:?}");
                invariants.look(&world, &at).await;
                world.host.ails(3, 40);
            }
            1 => {
                // The other one fails, and both are started again, wherever the keeper is in its work.
                let Some(other) = world.kernel().processes().iter().find(|p| p.name.as_str() == "other").map(|p| p.pid)
                else {
                    continue;
                };
                let Ok(session) = world.try_session().await else { continue };
                let _ = session.act("send", &format!("/proc/{other}"), "\ndo fail x").await;
            }
            2 => {
                world.hand.advance(Duration::from_millis(100));
                world.pause().await;
            }
            _ => {
                let sender = dice.below(SENDERS);
                let Ok(session) = world.try_session().await else { continue };
                for _ in 0..1 + dice.below(6) {
                    let sent = all.entry(sender).or_default();
                    // What was asked for and not answered may have been accepted: it is sent again, as whoever sends does.
                    let number = sent.answered + 1;
                    sent.asked = sent.asked.max(number);
                    let body = format!("\ndo act write /tree/s{sender}/{number} {{\"replace\":true}} {number}");
                    match session.act("send", "/svc/keeper", body).await {
                        Ok(_) => sent.answered = number,
                        // It is being started again.
                        Err(_) => break,
                    }
                }
            }
        }
    }
    world.host.heals();
    if world.has_failed() {
        world.crash().await;
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        assert!(revived.iter().all(|app| app.result.is_ok()), "seed {seed}: {revived:?}");
    }
    // Every restart that waits is due by then, and everything is handled.
    for _ in 0..4 {
        world.hand.advance(Duration::from_secs(2));
        world.pause().await;
    }
    let at = format!("seed {seed}, at rest");
    assert_eq!(world.kernel().health().stored, 0, "{at}");
    handled(&world, &all, &at).await;
    invariants.look(&world, &at).await;
    world.finish().await;
}

#[test]
fn what_was_accepted_is_handled_in_its_order() {
    each_seed(MACHINES, befall);
}
