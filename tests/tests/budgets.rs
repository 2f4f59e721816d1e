//! Hundreds of simulated applications that act until their budget is used up, on machines whose power and disks fail at random.
//!
//! Each is started again by every kernel that boots, with what it had left. Whatever was cut off: over all lives
//! together the log never tells of more acts than the budget has, nor does a device perform more; and when the budget
//! is used up, the log tells of exactly as many, so none was lost either. What holds of every machine is looked at in each
//! life. `WEFT_SEEDS` says how many; a failure tells the command that runs its seed alone.
#![cfg(not(target_arch = "wasm32"))]

use kernel_core::app::Budget;
use kernel_core::environment::Environment;
use kernel_core::kernel::event::Content;
use kernel_core::process::{Lifecycle, MAX_INTENSITY, Restart, Supervision};
use kernel_tests::each_seed;
use kernel_tests::invariants::{Invariants, within};
use kernel_tests::world::{Host, SimHost, World, agent, app, supervisor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// How many applications there are by default.
const APPLICATIONS: u64 = 400;
/// The most lives of each.
const LIVES: usize = 60;

/// How many outward acts of the application the log tells of, and how many of those of its agent `a`.
async fn told<H: Host>(world: &World<H>) -> (u64, u64) {
    let mut all = (0, 0);
    for event in world.log().await {
        if let Content::Intent(decided) = event.content
            && decided.facts.app.as_ref().is_some_and(|app| app.as_str() == "spends")
        {
            all.0 += 1;
            all.1 += u64::from(decided.facts.name.as_str() == "a");
        }
    }
    all
}

async fn spend(host: SimHost, seed: u64) {
    let mut dice = ChaCha8Rng::seed_from_u64(seed);
    let mut below = move |n: u64| dice.next_u64() % n;
    let mut world = World::boot(host, Environment::prod()).await;
    let (limit, own) = (20 + below(60), 5 + below(20));
    let writes = |name: &str| agent(name).uses(&["write /fs/out/**"]).restarts(Restart::Permanent);
    let agents = [writes("a").limited(|limits| limits.acts = Some(own)), writes("b")];
    // However often `a` comes again to find nothing left, that is not what ends it.
    let patient = Supervision { intensity: MAX_INTENSITY, ..Supervision::default() };
    let budget = Budget { acts: Some(limit), ..Budget::default() };
    // Both lie below the application, or `a` below a supervisor of its own, or both below one.
    let [a, b] = agents;
    let agents = match below(3) {
        0 => [a, b],
        1 => [a.under("s"), b],
        _ => [a.under("s"), b.under("s")],
    };
    let mut above = supervisor("s");
    above.supervision = Supervision { intensity: below(3) as u32, ..patient };
    world.run(app("spends", agents).overseen([above]).budget(budget).supervised(patient)).await;
    // What is stored is what comes again.
    world.log().await;
    let mut performed = 0;
    let mut over = false;
    let mut invariants = Invariants::default();
    for life in 0..LIVES {
        let at = format!("seed {seed}, life {life}");
        world.host.ails(3, 20);
        for _ in 0..1 + below(3) {
            let name = if below(3) == 0 { "a" } else { "b" };
            let process = world.process(name);
            if process.state != Lifecycle::Running {
                continue;
            }
            let times = 1 + below(5);
            let script = format!("\ndo repeat {times} write /fs/out/{name} {{\"replace\":true}} x");
            let Ok(session) = world.try_session().await else { break };
            let _ = session.act("send", &format!("/proc/{}", process.pid), script).await;
            for _ in 0..below(40) {
                world.host.turn().await;
            }
            if below(3) == 0 {
                world.pause().await;
            }
        }
        invariants.look(&world, &at).await;
        let asked = world.hand.asked().len() as u64;
        let orderly = below(4) == 0;
        world.host.heals();
        if orderly && !world.has_failed() {
            world.reboot().await;
        } else {
            // The next hand has seen nothing yet.
            performed += asked;
            world.crash().await;
        }
        invariants.booted(&world, &at).await;
        let performed = performed + world.hand.asked().len() as u64;
        let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
        let (all, of_a) = told(&world).await;
        within("acts", all, limit, &at);
        within("acts of a", of_a, own, &at);
        within("acts that the log tells of were performed", performed, all, &at);
        // It has failed by its budget, or cannot even be started by what is left.
        over = revived.is_empty() || revived.iter().any(|app| app.result.is_err());
        if over {
            assert_eq!(all, limit, "{at}: it is over before its budget is");
            break;
        }
    }
    assert!(over, "seed {seed}: it has more lives than are looked at");
    world.finish().await;
}

#[test]
fn all_lives_together_use_what_one_may() {
    each_seed(APPLICATIONS, spend);
}
