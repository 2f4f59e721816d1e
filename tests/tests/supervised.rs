//! Thousands of simulated applications whose agents fail, stop and are killed at random, whose power fails, and that are
//! started again as their manifests say.
//!
//! After each step: no name has two processes that live, nothing that was killed lives, no pid comes back, and everybody
//! who lives is a child of its supervisor. At rest, everybody lives who should, or the application has failed by more
//! restarts than it allows. `WEFT_SEEDS` says how many; a failure names its seed, and
//! `WEFT_SEED=N cargo test --workspace --locked --test supervised` runs that one alone.
#![cfg(not(target_arch = "wasm32"))]

use kernel_core::environment::Environment;
use kernel_core::id::Pid;
use kernel_core::kernel::ProcessRow;
use kernel_core::kernel::event::Content;
use kernel_core::process::{Lifecycle, Restart, Strategy, Supervision};
use kernel_tests::each_seed;
use kernel_tests::world::{Host, SimHost, World, agent, app, name, supervisor};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many applications there are by default.
const APPLICATIONS: u64 = 2_000;
/// How much befalls each of them.
const STEPS: usize = 12;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// The first is below the application, the second below the first.
const SUPERVISORS: [&str; 2] = ["s", "t"];

struct Dice(ChaCha8Rng);

impl Dice {
    fn below(&mut self, n: u64) -> u64 {
        self.0.next_u64() % n
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len() as u64) as usize]
    }
}

/// The newest process of that name in this life of the machine.
fn newest<H: Host>(world: &World<H>, name: &str) -> Option<ProcessRow> {
    world.kernel().summary().processes.into_iter().rev().find(|p| p.name.as_str() == name)
}

/// What is known of an application from outside.
struct Known {
    restarts: BTreeMap<&'static str, Restart>,
    /// Who is below whom.
    above: BTreeMap<&'static str, &'static str>,
    supervision: Supervision,
    killed: BTreeSet<&'static str>,
    /// Who lived when it was last looked, and who lived before, also in earlier lives of the machine.
    alive: BTreeSet<Pid>,
    gone: BTreeSet<Pid>,
}

impl Known {
    /// Looks at all processes.
    fn look<H: Host>(&mut self, world: &World<H>, at: &str) {
        let all = world.kernel().summary().processes;
        let mut alive: BTreeMap<&str, Pid> = BTreeMap::new();
        let living = || all.iter().filter(|p| p.state != Lifecycle::Exited);
        let names = NAMES.iter().chain(&SUPERVISORS).copied().collect::<BTreeSet<&str>>();
        for process in living().filter(|p| names.contains(p.name.as_str())) {
            let name = process.name.as_str();
            let above = self.above.get(name).copied().unwrap_or("falls");
            let parent = living().find(|p| p.pid == process.parent).map(|p| p.name.as_str());
            assert_eq!(parent, Some(above), "{at}: {name} is whose child");
            assert_eq!(alive.insert(name, process.pid), None, "{at}: two processes {name} live");
            assert!(!self.killed.contains(name), "{at}: {name} was killed and lives");
        }
        let alive: BTreeSet<Pid> = alive.into_values().collect();
        self.gone.extend(self.alive.difference(&alive));
        self.alive = alive;
        let back: Vec<&Pid> = self.alive.intersection(&self.gone).collect();
        assert!(back.is_empty(), "{at}: {back:?} come back");
    }

    /// Whether everybody lives who should.
    fn rest<H: Host>(&self, world: &World<H>, at: &str) {
        for (name, restart) in &self.restarts {
            let process = newest(world, name);
            let lives = process.as_ref().is_some_and(|process| process.state == Lifecycle::Running);
            let exit = process.map(|process| process.exit).unwrap_or_default();
            let may_be_away = self.killed.contains(name)
                || match restart {
                    Restart::Permanent => false,
                    Restart::Transient => exit == "normal",
                    Restart::Temporary => true,
                };
            assert!(lives || may_be_away, "{at}: {name}, {restart:?}, does not live: {exit}");
        }
    }
}

/// Whether the application is in that state.
fn is<H: Host>(world: &World<H>, state: Lifecycle) -> bool {
    world.kernel().summary().processes.iter().any(|p| p.name.as_str() == "falls" && p.state == state)
}

async fn befall(host: SimHost, seed: u64) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    let mut world = World::boot(host, Environment::dev()).await;
    let names = &NAMES[..2 + dice.below(4) as usize];
    let supervision = Supervision {
        strategy: dice.one_of(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]),
        intensity: 1 + dice.below(4) as u32,
        window: Duration::from_secs(60),
        backoff: Duration::from_millis(dice.below(3) * 500),
    };
    let mut known = Known {
        restarts: BTreeMap::new(),
        above: BTreeMap::new(),
        supervision,
        killed: BTreeSet::new(),
        alive: BTreeSet::new(),
        gone: BTreeSet::new(),
    };
    let mut agents = Vec::new();
    let depth = dice.below(3) as usize;
    let supervisors: Vec<_> = (0..depth)
        .map(|i| {
            let mut plan = supervisor(SUPERVISORS[i]);
            plan.supervision.strategy = dice.one_of(&[Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne]);
            plan.supervision.intensity = dice.below(3) as u32;
            plan.supervision.window = Duration::from_secs(60);
            if i > 0 {
                plan.supervisor = Some(name(SUPERVISORS[i - 1]));
                known.above.insert(SUPERVISORS[i], SUPERVISORS[i - 1]);
            }
            plan
        })
        .collect();
    for (i, name) in names.iter().copied().enumerate() {
        let restart = dice.one_of(&[Restart::Permanent, Restart::Transient, Restart::Temporary]);
        known.restarts.insert(name, restart);
        let needs: Vec<&str> = names[..i].iter().filter(|_| dice.below(3) == 0).copied().collect();
        let plan = agent(name).restarts(restart).after(&needs);
        // Each supervisor has somebody below it.
        let above = if i < depth { i + 1 } else { dice.below(depth as u64 + 1) as usize };
        agents.push(match above.checked_sub(1) {
            Some(above) => {
                known.above.insert(name, SUPERVISORS[above]);
                plan.under(SUPERVISORS[above])
            }
            None => plan,
        });
    }
    world.run(app("falls", []).unmounted().with(agents).overseen(supervisors).supervised(supervision)).await;
    for step in 0..STEPS {
        let at = format!("seed {seed}, step {step}");
        known.look(&world, &at);
        let alive: Vec<&'static str> = names
            .iter()
            .filter(|name| newest(&world, name).is_some_and(|p| p.state != Lifecycle::Exited))
            .copied()
            .collect();
        match dice.below(10) {
            0 => {
                world.hand.advance(Duration::from_secs(dice.below(90)));
                world.pause().await;
            }
            1 => {
                // What is stored now is what comes again.
                world.log().await;
                known.gone.append(&mut known.alive);
                if dice.below(2) == 0 {
                    world.crash().await
                } else {
                    world.reboot().await
                }
                let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
                assert!(revived.iter().all(|app| app.result.is_ok()), "{at}: {revived:?}");
                if revived.is_empty() {
                    break;
                }
            }
            n if !alive.is_empty() => {
                let name = dice.one_of(&alive);
                let path = format!("/proc/{}", world.pid(name));
                let session = world.session().await;
                if n == 2 {
                    if let Ok(reply) = session.act("kill", &path, "").await {
                        known.killed.insert(name);
                        let receipt: serde_json::Value = serde_json::from_slice(&reply).expect("JSON");
                        let dead = receipt["dead"].as_array().expect("a list");
                        let of_it = |one: &serde_json::Value| {
                            path == format!("/proc/{}", one["pid"]) && one["after_ms"].is_u64()
                        };
                        // It may have ended before, and waited to be started again.
                        let all = world.kernel().summary().processes;
                        let killed = all.iter().any(|p| path == format!("/proc/{}", p.pid) && p.exit == "killed");
                        assert_eq!(dead.iter().any(of_it), killed, "{at}: {receipt}");
                        assert_eq!(receipt["unreachable"], serde_json::json!([]), "{at}");
                    }
                } else {
                    let script = dice.one_of(&["act stop /proc/self", "fail x", "trap"]);
                    // Where it is gone by now, something else befalls it.
                    let _ = session.act("send", &path, format!("\ndo {script}")).await;
                }
                if dice.below(2) == 0 {
                    world.pause().await;
                }
            }
            _ => {}
        }
        if !is(&world, Lifecycle::Running) {
            break;
        }
    }
    // Every restart that waits is due by then.
    for _ in 0..4 {
        world.hand.advance(known.supervision.window);
        world.pause().await;
    }
    let at = format!("seed {seed}, at rest");
    known.look(&world, &at);
    if is(&world, Lifecycle::Running) {
        known.rest(&world, &at);
    } else {
        // A crash may have cut its end short, but not what it failed by.
        let over = world.log().await.into_iter().rev().find_map(|e| match e.content {
            Content::AppEnded(ended) => Some(ended.reason),
            Content::Failing(failing) => Some(failing.reason),
            _ => None,
        });
        assert!(over.as_ref().is_some_and(|why| why.contains("is the most")), "{at}: it is over: {over:?}");
    }
    world.finish().await;
}

#[test]
fn who_should_live_lives_and_nobody_else() {
    each_seed(APPLICATIONS, befall);
}
