//! How long a decision takes with 10, 100 and 1,000 rules. Bars: 1, 2 and 5 microseconds.
//!
//! `spread` are rules as operators write them: over several verbs, kinds and folders, some by label or effect. `crowded`
//! is the worst that one folder can be given: every rule is about the act's verb and mount, and differs from the others
//! only below. `labels` and `scores` are rules without verb and resource, about a label each or about the score; the
//! latter must all be looked at.
//! Every decision here is a permit, which is what nearly all decisions are, except in `refused`.

#![allow(missing_docs)] // criterion's macros make public items without any.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use kernel_core::environment::Environment;
use kernel_core::governance::{Charter, Decision, Effect, Facts, Rule, decide, derive, novelty};
use kernel_core::id::Pid;
use kernel_core::label::Labels;
use kernel_core::path::{Name, Verb};
use std::hint::black_box;
use std::sync::Arc;

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
        commitment: None,
        audit: Default::default(),
    }
}

fn decisions(c: &mut Criterion) {
    let facts = facts();
    let mut group = c.benchmark_group("decide");
    for count in [10, 100, 1_000] {
        let shapes = [
            ("spread", charter(count, spread)),
            ("crowded", charter(count, |i| format!("verbs = ['read'], resources = ['/fs/repo/src/dir-{i}/**']"))),
            ("labels", charter(count, |i| format!("labels = ['label-{i}']"))),
            ("scores", charter(count, |i| format!("score = {}", 3_000 + i))),
        ];
        for (shape, charter) in shapes {
            assert_eq!(decide(&charter, &facts).decision, Decision::Permit);
            group.bench_with_input(BenchmarkId::new(shape, count), &charter, |b, charter| {
                b.iter(|| decide(black_box(charter), black_box(&facts)));
            });
        }
    }
    let refused = Facts { grant: None, ..facts.clone() };
    let charter = charter(10, spread);
    group.bench_function("refused/10", |b| b.iter(|| decide(black_box(&charter), black_box(&refused))));
    group.finish();
}

criterion_group!(benches, decisions);
criterion_main!(benches);
