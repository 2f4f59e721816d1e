//! How long a decision takes with 10, 100 and 1,000 rules, each beside its bar and its floor.
//!
//! `spread` are rules as operators write them: over several verbs, kinds and folders, some by label or effect. `crowded`
//! is the worst that one folder can be given: every rule is about the act's verb and mount, and differs from the others
//! only below. `labels` and `scores` are rules without verb and resource, about a label each or about the score; the
//! latter must all be looked at.
//! Every decision here is a permit, which is what nearly all decisions are, except in `refused`.

#![allow(missing_docs)] // criterion's macros make public items without any.

mod bars;
mod cpu;

use bars::{Bar, SAMPLES, beside};
use cpu::CpuTime;
use cpu_time::ProcessTime;
use criterion::{Criterion, criterion_group, criterion_main};
use kernel_core::environment::Environment;
use kernel_core::governance::{Charter, Decision, Effect, Facts, Rule, decide, derive, novelty};
use kernel_core::id::Pid;
use kernel_core::label::Labels;
use kernel_core::path::{Name, Verb};
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;

fn charter(count: usize, when: impl Fn(usize) -> String) -> Charter {
    let rules = (0..count).map(|i| {
        let rule = format!("id = 'rule-{i}'\ntext = 'Not this.'\nthen = 'deny'\nwhen = {{ {} }}", when(i));
        toml::from_str::<Rule>(&rule).expect("a rule")
    });
    Charter::with_rules(1, rules.collect()).expect("a charter")
}

fn spread(i: usize) -> String {
    match i % 10 {
        0 => format!("verbs = ['connect'], resources = ['/net/host-{i}.example.com:443']"),
        1 => format!("verbs = ['connect'], resources = ['/net/*.example-{i}.com:443'], labels = ['secret']"),
        2 => format!("resources = ['/fs/repo/src/dir-{i}/**']"),
        3 => format!("verbs = ['write', 'remove'], resources = ['/fs/repo/dir-{i}/**']"),
        4 => format!("verbs = ['read'], resources = ['/fs/mount-{i}/**'], labels = ['untrusted']"),
        5 => format!("verbs = ['call'], resources = ['/svc/service-{i}']"),
        6 => format!("verbs = ['send'], resources = ['/svc/s-{i}*'], agents = ['scan-{i}*']"),
        7 => format!("verbs = ['spawn'], resources = ['/agent/agent-{i}']"),
        8 => format!("verbs = ['write'], resources = ['/tree/app/x-{i}/**'], effect = {{ privacy = 9000 }}"),
        _ => format!("verbs = ['publish'], resources = ['/topic/topic-{i}.**']"),
    }
}

fn facts() -> Facts {
    let derived = derive(Effect::new(500, 0, 1_000, 0, 500), novelty(3), false, &Labels::NONE, &Labels::NONE, None);
    Facts {
        version: Facts::VERSION,
        pid: Pid(7),
        name: Name::parse("walker").expect("a name"),
        agent: Name::parse("walker").expect("a name"),
        app: Some(Name::parse("repo-audit").expect("a name")),
        verb: Verb::Read,
        grant: Some("read /fs/repo/**".parse().expect("a right")),
        resource: "/fs/repo/src/kernel/road/verdict.rs".parse().expect("a path"),
        labels: Labels::NONE,
        clearance: Labels::NONE,
        blocked: Labels::NONE,
        effect: derived.effect,
        contributions: derived.contributions,
        environment: Arc::new(Environment::prod()),
        charter: 1,
        accounts: Vec::new(),
        body_len: 2,
        audit: Default::default(),
    }
}

/// The CPU time of `n` times `work`.
fn times<T>(n: u64, work: impl Fn() -> T) -> Duration {
    let begun = ProcessTime::now();
    for _ in 0..n {
        black_box(work());
    }
    begun.elapsed()
}

/// What no decision can do without: the grant held against the act, and the score of its effect.
fn least(facts: &Facts) -> (bool, u16) {
    let granted = facts.grant.as_ref().is_some_and(|right| right.permits(facts.verb, &facts.resource));
    (granted, facts.effect.score())
}

fn decided(c: &mut Criterion<CpuTime>, what: &str, bar: Bar, charter: &Charter, facts: &Facts) {
    let mut floor = |n| times(n, || least(black_box(facts)));
    let floor = ("the grant and the score", &mut floor as &mut dyn FnMut(u64) -> Duration);
    beside(c, what, bar, floor, |n| times(n, || decide(black_box(charter), black_box(facts))));
}

fn decisions(c: &mut Criterion<CpuTime>) {
    let facts = facts();
    for (count, most) in [(10, 1.0), (100, 2.0), (1_000, 5.0)] {
        let shapes = [
            ("spread", charter(count, spread)),
            ("crowded", charter(count, |i| format!("verbs = ['read'], resources = ['/fs/repo/src/dir-{i}/**']"))),
            ("labels", charter(count, |i| format!("labels = ['label-{i}']"))),
            ("scores", charter(count, |i| format!("score = {}", 3_000 + i))),
        ];
        for (shape, charter) in shapes {
            assert_eq!(decide(&charter, &facts).decision, Decision::Permit);
            decided(c, &format!("decide, {count} rules, {shape}"), Bar::Micros(most), &charter, &facts);
        }
    }
    let refused = Facts { grant: None, ..facts.clone() };
    decided(c, "decide, 10 rules, refused", Bar::None, &charter(10, spread), &refused);
}

fn config() -> Criterion<CpuTime> {
    Criterion::default()
        .with_measurement(CpuTime)
        .sample_size(SAMPLES)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
}

criterion_group! { name = decides; config = config(); targets = decisions }
criterion_main!(decides);
