//! Thousands of simulated applications whose agents fail, stop, are killed, wait and start others at random, whose power and
//! disks fail, and that are started again as their manifests say.
//!
//! After each step: what holds of every machine does, nobody lives of whom it was answered that it was killed, what was
//! answered to be written is there, and everybody who lives is a child of its supervisor. At rest, everybody lives who
//! should, or the application has failed by more restarts than it allows. `WEFT_SEEDS` says how many; a failure tells the
//! command that runs its seed alone.
#![cfg(not(target_arch = "wasm32"))]

use kernel_core::app::Budget;
use kernel_core::environment::{Environment, MAX_THRESHOLD, Over};
use kernel_core::kernel::ProcessRow;
use kernel_core::kernel::event::Content;
use kernel_core::process::{Lifecycle, Restart, Strategy, Supervision};
use kernel_core::refusal::Code;
use kernel_tests::invariants::{Invariants, kept};
use kernel_tests::world::{Host, Kind, SimHost, World, agent, app, name, supervisor};
use kernel_tests::{alone, for_seeds};
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// How many applications there are by default.
const APPLICATIONS: u64 = 2_000;
/// How much befalls each of them.
const STEPS: usize = 12;
const NAMES: [&str; 5] = ["a", "b", "c", "d", "e"];
/// What some agents may do, and what of that they may give.
const WIDE: &str = "write /tree/x/**";
const NARROW: &str = "write /tree/x/y/**";
/// The first is below the application, the second below the first.
const SUPERVISORS: [&str; 2] = ["s", "t"];

/// What takes a guest a few milliseconds.
const WAIT: &str = "act read /proc/self/inbox {\"correlation\":9,\"deadline_ms\":7}";

/// What befell all of them together: the test is worth something only if all of these happen.
#[derive(Debug, Default)]
struct Befell {
    boots: usize,
    failed_disks: usize,
    killed: usize,
    started: usize,
    given: usize,
}

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
    /// Of whom nobody knows whether they were killed, as the disk failed meanwhile.
    perhaps: BTreeSet<&'static str>,
    /// The numbers that were to be written to a node, and the last of those of which it was answered.
    asked: Vec<u64>,
    answered: Option<u64>,
}

impl Known {
    /// Looks at all processes.
    fn look<H: Host>(&mut self, world: &World<H>, at: &str) {
        let all = world.kernel().summary().processes;
        let living = || all.iter().filter(|p| p.state != Lifecycle::Exited);
        let names = NAMES.iter().chain(&SUPERVISORS).copied().collect::<BTreeSet<&str>>();
        for process in living().filter(|p| names.contains(p.name.as_str())) {
            let name = process.name.as_str();
            let above = self.above.get(name).copied().unwrap_or("falls");
            let parent = living().find(|p| p.pid == process.parent).map(|p| p.name.as_str());
            assert_eq!(parent, Some(above), "{at}: {name} is whose child");
            assert!(!self.killed.contains(name), "{at}: {name} was killed and lives");
        }
    }

    /// Writes the next number to the node, and looks first at what is there.
    async fn write<H: Host>(&mut self, world: &World<H>, at: &str) {
        let Ok(session) = world.try_session().await else { return };
        match session.act("read", "/tree/n", "").await {
            Ok(value) => {
                let value = String::from_utf8_lossy(&value).parse().expect("a number");
                kept("the node", Some(value), &self.asked, self.answered, at);
            }
            Err(refusal) if refusal.code == Code::NotFound => kept("the node", None, &self.asked, self.answered, at),
            Err(_) => return,
        }
        let next = self.asked.len() as u64;
        self.asked.push(next);
        if session.act("write", "/tree/n", format!("{{\"replace\":true}}\n{next}")).await.is_ok() {
            self.answered = Some(next);
        }
    }

    /// Whether everybody lives who should.
    fn rest<H: Host>(&self, world: &World<H>, at: &str) {
        for (name, restart) in &self.restarts {
            let process = newest(world, name);
            let lives = process.as_ref().is_some_and(|process| process.state == Lifecycle::Running);
            let exit = process.map(|process| process.exit).unwrap_or_default();
            let may_be_away = self.killed.contains(name)
                || self.perhaps.contains(name)
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

/// Boots the machine again, in order or not, and starts what should run; whether that is anything.
async fn again(
    world: &mut World<SimHost>,
    invariants: &mut Invariants,
    dice: &mut Dice,
    befell: &mut Befell,
    at: &str,
) -> bool {
    befell.boots += 1;
    befell.failed_disks += usize::from(world.has_failed());
    world.host.heals();
    if dice.below(2) == 0 || world.has_failed() {
        world.crash().await;
    } else {
        world.reboot().await;
    }
    invariants.booted(world, at).await;
    let revived = world.kernel().revive(|_, _| true).await.expect("rows that can be read");
    assert!(revived.iter().all(|app| app.result.is_ok()), "{at}: {revived:?}");
    invariants.look(world, at).await;
    world.host.ails(3, 60);
    !revived.is_empty()
}

async fn befall(host: SimHost, seed: u64, befell: &mut Befell) {
    let mut dice = Dice(ChaCha8Rng::seed_from_u64(seed));
    // What is answered is stored, and nothing waits for a person.
    let environment = Environment::custom("sim", MAX_THRESHOLD, Over::Deny, true).expect("an environment");
    let mut world = World::boot(host, environment).await;
    let mut invariants = Invariants::default();
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
        perhaps: BTreeSet::new(),
        asked: Vec::new(),
        answered: None,
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
        // Some may start and give others what they hold, of which that is less.
        let plan = match dice.below(3) {
            0 => plan.uses(&["spawn /agent/*", "grant /proc/*", WIDE]).grants(&[NARROW]),
            _ => plan,
        };
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
    // More than what befalls it takes.
    let budget = Budget { acts: Some(1_000), messages: Some(1_000), ..Budget::default() };
    world
        .run(app("falls", []).unmounted().with(agents).overseen(supervisors).budget(budget).supervised(supervision))
        .await;
    world.host.ails(3, 60);
    for step in 0..STEPS {
        let at = format!("seed {seed}, step {step}");
        if world.has_failed() && !again(&mut world, &mut invariants, &mut dice, befell, &at).await {
            break;
        }
        known.look(&world, &at);
        invariants.processes(world.kernel(), &at);
        if step % 3 == 2 {
            invariants.look(&world, &at).await;
        }
        let alive: Vec<&'static str> = names
            .iter()
            .filter(|name| newest(&world, name).is_some_and(|p| p.state != Lifecycle::Exited))
            .copied()
            .collect();
        match dice.below(11) {
            0 => {
                world.hand.advance(Duration::from_secs(dice.below(90)));
                world.pause().await;
            }
            1 if !again(&mut world, &mut invariants, &mut dice, befell, &at).await => break,
            1 => known.write(&world, &at).await,
            2 => known.write(&world, &at).await,
            n if !alive.is_empty() => {
                let name = dice.one_of(&alive);
                let path = format!("/proc/{}", world.pid(name));
                let Ok(session) = world.try_session().await else { continue };
                if n == 3 {
                    let Ok(reply) = session.act("kill", &path, "").await else {
                        known.perhaps.insert(name);
                        continue;
                    };
                    known.killed.insert(name);
                    befell.killed += 1;
                    let receipt: serde_json::Value = serde_json::from_slice(&reply).expect("JSON");
                    let dead = receipt["dead"].as_array().expect("a list");
                    let of_it =
                        |one: &serde_json::Value| path == format!("/proc/{}", one["pid"]) && one["after_ms"].is_u64();
                    // It may have ended before, and waited to be started again.
                    let all = world.kernel().summary().processes;
                    let killed = all.iter().any(|p| path == format!("/proc/{}", p.pid) && p.exit == "killed");
                    assert_eq!(dead.iter().any(of_it), killed, "{at}: {receipt}");
                    assert_eq!(receipt["unreachable"], serde_json::json!([]), "{at}");
                } else {
                    let other = dice.one_of(&alive);
                    // A space would end the head of the body.
                    let right = dice.one_of(&[WIDE, NARROW]).replace(' ', "\\u0020");
                    let script = match dice.below(6) {
                        0 => "act stop /proc/self".to_owned(),
                        1 => "fail x".to_owned(),
                        2 => "trap".to_owned(),
                        // It is at it for a while, and dies of it or not.
                        3 => format!("{WAIT}{}", dice.one_of(&["", "\nfail x", "\ntrap"])),
                        4 => format!(
                            "act spawn /agent/{other} {{\"name\":\"kid{}\",\"use\":[\"{right}\"],\"grant\":[]}}",
                            step % 2
                        ),
                        _ => format!("act grant /proc/{} {{\"use\":[\"{right}\"]}}", world.process(other).pid),
                    };
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
    world.host.heals();
    if world.has_failed() {
        again(&mut world, &mut invariants, &mut dice, befell, &format!("seed {seed}, in the end")).await;
        world.host.heals();
    }
    // Every restart that waits is due by then.
    for _ in 0..4 {
        world.hand.advance(known.supervision.window);
        world.pause().await;
    }
    let at = format!("seed {seed}, at rest");
    known.look(&world, &at);
    known.write(&world, &at).await;
    invariants.look(&world, &at).await;
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
    for event in world.stored().await {
        match event.content {
            Content::Rights(rights) => befell.given += usize::from(!rights.lost),
            Content::Exited(exited) => befell.started += usize::from(exited.name.starts_with("kid")),
            _ => {}
        }
    }
    world.finish().await;
}

#[test]
fn who_should_live_lives_and_nobody_else() {
    let mut befell = Befell::default();
    for_seeds(APPLICATIONS, |seed| {
        let host = SimHost::seeded(seed);
        host.sim().run(befall(host, seed, &mut befell));
    });
    let Befell { boots, failed_disks, killed, started, given } = befell;
    let least = [boots, failed_disks, killed, started, given].into_iter().min();
    assert!(alone().is_some() || least > Some(0), "{befell:?} shows little");
}

/// However many agents wait for each other, their start needs no deeper stack than that of a few.
#[test]
fn a_long_line_of_agents_starts_on_a_small_stack() {
    let line = || {
        let host = SimHost::new(2, Kind::Handler);
        host.sim().run(async move {
            let names: Vec<String> = (0..250).map(|n| format!("a{n}")).collect();
            let agents = names.iter().enumerate().map(|(n, name)| match n {
                0 => agent(name),
                n => agent(name).after(&[names[n - 1].as_str()]),
            });
            let world = World::boot(host, Environment::dev()).await;
            world.install(app("line", []).with(agents)).await;
            world.session().await.act("start", "/app/line", "").await.expect("started");
            assert_eq!(world.process("a249").state, Lifecycle::Running);
            world.finish().await;
        });
    };
    std::thread::Builder::new().stack_size(512 << 10).spawn(line).expect("a thread").join().expect("it started");
}
