//! A thousand random graphs of calls: processes that call each other through one another, all at once, some of them
//! killed meanwhile.
//!
//! Whatever waits for whom: a wait that would close a circle is refused, so no run ends with two processes waiting for
//! each other. Nothing here takes time, so a call that is over by its deadline waited for nobody who could answer.
//! What holds of every machine is looked at after each round. `WEFT_SEEDS` says how many graphs; a failure tells the command
//! that runs its seed alone.
#![cfg(not(target_arch = "wasm32"))]

use futures::future::join_all;
use kernel_core::environment::Environment;
use kernel_tests::invariants::Invariants;
use kernel_tests::world::{Host, SimHost, World, agent, app};
use kernel_tests::{alone, for_seeds};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How many graphs there are by default.
const GRAPHS: u64 = 1_000;
const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

/// How calls ended, over all graphs: the test is worth something only if all of these happen.
#[derive(Debug, Default)]
struct Ends {
    answered: usize,
    refused: usize,
    gone: usize,
}

async fn entangle(host: SimHost, seed: u64, ends: &mut Ends) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut below = |n: usize| (dice.next_u64() % n as u64) as usize;
    let world = World::boot(host, Environment::dev()).await;
    let names = &NAMES[..2 + below(NAMES.len() - 1)];
    let agents = names.iter().map(|name| {
        let one = agent(name).uses(&["call /svc/*", &format!("register /svc/{name}")]);
        let one = one.does(&format!("act register /svc/{name}"));
        if below(3) == 0 { one.per_message() } else { one }
    });
    world.run(app("graph", []).with(agents)).await;
    let mut invariants = Invariants::default();
    for round in 0..3 {
        let mut sessions = Vec::new();
        for _ in 0..1 + below(8) {
            let way: Vec<&str> = (0..1 + below(6)).map(|_| names[below(names.len())]).collect();
            let script =
                way.iter().rev().fold("heard".to_owned(), |then, name| format!("act call /svc/{name} - {then}"));
            let first = names[below(names.len())];
            sessions.push((world.session().await, format!("/svc/{first}"), format!("\n{script}")));
        }
        let turns = below(60);
        let victim = (below(4) == 0).then(|| names[below(names.len())]);
        let calls = join_all(sessions.iter().map(|(session, path, script)| session.act("call", path, script.clone())));
        let kills = async {
            let Some(victim) = victim else { return };
            for _ in 0..turns {
                world.host.turn().await;
            }
            let process = world.kernel().summary().processes.into_iter().find(|p| p.name.as_str() == victim);
            if let Some(process) = process {
                // It may be gone already.
                let _ = world.session().await.act("kill", &format!("/proc/{}", process.pid), "").await;
            }
        };
        let (told, ()) = futures::join!(calls, kills);
        for told in told {
            let text = told.map_or_else(|e| format!("{e:?}"), |reply| String::from_utf8_lossy(&reply).into_owned());
            assert!(!text.contains("timed_out") && !text.contains("TimedOut"), "seed {seed}: {text}");
            ends.answered += usize::from(!text.contains("deadlock") && !text.contains("ended"));
            ends.refused += usize::from(text.contains("deadlock: "));
            ends.gone += usize::from(text.contains("ended"));
        }
        invariants.look(&world, &format!("seed {seed}, round {round}")).await;
        assert_eq!(world.kernel().health().waiting, 0, "seed {seed}: bytes wait in mailboxes");
    }
    world.finish().await;
}

#[test]
fn nobody_waits_in_a_circle() {
    let mut ends = Ends::default();
    for_seeds(GRAPHS, |seed| {
        let host = SimHost::seeded(seed);
        host.sim().run(entangle(host, seed, &mut ends));
    });
    if alone().is_none() {
        assert!(ends.answered > 0 && ends.refused > 0 && ends.gone > 0, "{ends:?}");
    }
}
