//! Roles: whom a process may start, how many of them, and within which ceilings.

use crate::world::{Host, Kind, World, agent, app, name};
use kernel_core::agency::{Ceilings, CustomRole};
use kernel_core::environment::Environment;
use kernel_core::refusal::Code;

/// A role that may start those of the roles `spawns`.
fn role(called: &str, spawns: &[&str]) -> CustomRole {
    let (spawns, ceilings) = (spawns.iter().map(|role| name(role)).collect(), Ceilings::default());
    CustomRole { name: name(called), spawns, children: None, ceilings }
}

fn spawn(agent: &str, called: &str) -> String {
    format!("spawn /agent/{agent} {{\"name\":\"{called}\",\"use\":[]}}")
}

/// A right to spawn is not enough: the role of whoever starts has to start the role of whom it starts. The refusal names
/// both, and nothing is started.
pub async fn a_role_says_whom_it_starts<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let boss = agent("boss").role("lead").uses(&["spawn /agent/*"]);
    let clerk = agent("clerk").role("service").uses(&["spawn /agent/*"]);
    let firm = app("firm", [boss, clerk, agent("hand"), agent("peer").role("lead")]);
    world.run(firm.describing([role("lead", &["worker", "lead"])])).await;
    assert!(world.act("boss", &spawn("hand", "a")).await.starts_with("ok "));
    assert!(world.act("boss", &spawn("peer", "b")).await.starts_with("ok "));
    let told = world.act("boss", &spawn("clerk", "c")).await;
    assert!(told.starts_with("denied: ") && told.contains("`lead`, which may start lead, worker"), "{told}");
    assert!(told.contains("agent `clerk` is a `service`"), "{told}");
    let told = world.act("clerk", &spawn("boss", "d")).await;
    assert!(told.starts_with("denied: ") && told.contains("`service`, which may start worker"), "{told}");
    assert!(world.act("clerk", &spawn("hand", "e")).await.starts_with("ok "));
    assert_eq!(world.process("a").role.as_str(), "worker");
    assert_eq!(world.process("b").role.as_str(), "lead");
    world.finish().await;
}

/// Of each process of a role there live at most so many children at once; the end of one makes room for another.
pub async fn a_role_says_how_many<H: Host>(host: H) {
    let mut world = World::boot(host, Environment::dev()).await;
    let lead = CustomRole { children: Some(2), ..role("lead", &["worker"]) };
    let boss = |name| agent(name).role("lead").uses(&["spawn /agent/*"]);
    world.run(app("firm", [boss("boss"), boss("other"), agent("hand")]).describing([lead])).await;
    for called in ["a", "b"] {
        assert!(world.act("boss", &spawn("hand", called)).await.starts_with("ok "), "{called}");
    }
    let told = world.act("boss", &spawn("hand", "c")).await;
    assert!(told.starts_with("exhausted: ") && told.contains("a `lead` may have 2 children at once"), "{told}");
    assert!(world.act("other", &spawn("hand", "d")).await.starts_with("ok "), "each has its own");
    let session = world.session().await;
    session.act("kill", &format!("/proc/{}", world.pid("a")), "").await.expect("killed");
    world.ended("a").await;
    assert!(world.act("boss", &spawn("hand", "c")).await.starts_with("ok "));
    world.finish().await;
}

/// Whom a role starts runs within its ceilings, whatever the agent says; a lower limit of the agent stays, and what a `spawn`
/// asks for lies below both.
pub async fn whom_a_role_starts_has_its_ceilings<H: Host>(host: H) {
    let kind = host.kind();
    let mut world = World::boot(host, Environment::dev()).await;
    let ceilings = Ceilings { acts: Some(5), ..Ceilings::default() };
    let fuel = Ceilings { fuel: Some(9_000_000), ..Ceilings::default() };
    let lead = CustomRole { ceilings, ..role("lead", &["worker"]) };
    let fueler = CustomRole { ceilings: fuel, ..role("fueler", &["worker"]) };
    let boss = |name, role| agent(name).role(role).uses(&["spawn /agent/*"]);
    let low = agent("low").limited(|limits| limits.acts = Some(3));
    let high = agent("high").limited(|limits| limits.acts = Some(50));
    let firm = app("firm", [boss("boss", "lead"), boss("meter", "fueler"), agent("free"), low, high]);
    world.run(firm.describing([lead, fueler])).await;
    for (agent, acts) in [("free", 5), ("low", 3), ("high", 5)] {
        let called = format!("{agent}-kid");
        assert!(world.act("boss", &spawn(agent, &called)).await.starts_with("ok "));
        let told = world.tell(&called, "repeat 10 read /fs/in/x").await;
        assert!(told.contains("ended (limit)"), "{agent}: {told}");
        let (exit, detail) = world.ended(&called).await;
        assert!(exit == "limit" && detail.contains(&acts.to_string()), "{agent}: {detail}");
    }
    let asked = "spawn /agent/high {\"name\":\"x\",\"use\":[],\"limits\":{\"acts\":6}}";
    let told = world.act("boss", asked).await;
    assert!(told.starts_with("invalid: ") && told.contains("6 is more than the 5"), "{told}");
    // A program of the host has no meter, so a ceiling of its fuel is refused instead of forgotten.
    let told = world.act("meter", &spawn("free", "y")).await;
    let expected = if kind == Kind::Handler { "unsupported: " } else { "ok " };
    assert!(told.starts_with(expected), "{told}");
    world.finish().await;
}

/// A plan whose roles contradict themselves is not installed: nobody starts, through another, whom it may not start itself.
pub async fn roles_only_narrow<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    for (roles, agent_role, wrong) in [
        (vec![role("lead", &["service"])], "lead", "may start `service` and not `worker`"),
        (vec![role("lead", &["help"]), role("help", &["worker"])], "lead", "may start `help` and not `worker`"),
        (vec![role("lead", &["user"])], "lead", "may start `user`, which is no role of an application"),
        (vec![role("worker", &[])], "worker", "the role `worker` is there already"),
        (vec![], "lead", "has the role `lead`, which nothing describes"),
        (vec![], "root", "has the role `root`, which nothing describes"),
    ] {
        let firm = app("firm", [agent("boss").role(agent_role)]).describing(roles);
        let refusal = world.try_run(firm).await.expect_err(wrong);
        assert!(refusal.code == Code::Invalid && refusal.reason.contains(wrong), "{refusal}");
    }
    world.finish().await;
}

/// Whom those start whom a role started runs within its ceilings, too.
pub async fn ceilings_hold_all_the_way_down<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let ceilings = Ceilings { memory: Some(8 << 20), ..Ceilings::default() };
    let lead = CustomRole { ceilings, ..role("lead", &["worker"]) };
    let boss = agent("boss").role("lead").uses(&["spawn /agent/*"]).grants(&["spawn /agent/*"]);
    let hand = agent("hand").uses(&["spawn /agent/*"]);
    world.run(app("firm", [boss, hand]).describing([lead])).await;
    let told = world.act("boss", "spawn /agent/hand {\"name\":\"one\"}").await;
    assert!(told.starts_with("ok "), "{told}");
    assert!(world.act("one", &spawn("hand", "two")).await.starts_with("ok "));
    for name in ["one", "two"] {
        let session = world.session().await;
        let info = session.act("read", &format!("/proc/{}", world.pid(name)), "").await.expect("what it is");
        let info: serde_json::Value = serde_json::from_slice(&info).expect("JSON");
        assert_eq!(info["memory_limit"], 8 << 20, "{name}");
    }
    world.finish().await;
}

/// The process of an application is a supervisor: whoever may start none starts no application either, and whoever puts
/// ceilings on what it starts cannot put them on one.
pub async fn an_application_is_started_as_a_supervisor_is<H: Host>(host: H) {
    let world = World::boot(host, Environment::dev()).await;
    let all = ["supervisor", "service", "worker", "lead", "tight"];
    let ceilings = Ceilings { acts: Some(5), ..Ceilings::default() };
    let roles = [role("lead", &all), CustomRole { ceilings, ..role("tight", &all) }];
    let starter = |name, role| agent(name).role(role).uses(&["start /app/inner"]);
    let agents = [starter("hand", "worker"), starter("narrow", "tight"), starter("boss", "lead")];
    world.run(app("outer", agents).unmounted().describing(roles)).await;
    world.install(app("inner", [agent("kid")]).unmounted()).await;
    let told = world.act("hand", "start /app/inner").await;
    assert!(told.starts_with("denied: ") && told.contains("`worker`, which may start worker"), "{told}");
    let told = world.act("narrow", "start /app/inner").await;
    assert!(told.starts_with("denied: ") && told.contains("ceilings"), "{told}");
    assert!(world.act("boss", "start /app/inner").await.starts_with("ok "));
    world.finish().await;
}
