//! A permit costs no allocation: counted by the allocator itself, not timed.
//!
//! This is a crate of its own because it replaces the global allocator, and has one test because tests of one crate
//! share it.
#![allow(clippy::disallowed_types)] // Counting per thread keeps the test runner's own threads out of the count.

use kernel_core::environment::Environment;
use kernel_core::governance::{Charter, Decision, Effect, Facts, Rule, decide, derive, novelty};
use kernel_core::id::Pid;
use kernel_core::label::Labels;
use kernel_core::path::{Name, Resource};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;

struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator as it came; counting touches only a thread-local cell
// that needs neither allocation nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        unsafe { System.realloc(at, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often `work` allocates on this thread.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = COUNT.with(Cell::get);
    work();
    COUNT.with(Cell::get) - before
}

/// Rules of every shape, of which none says anything about the act below.
fn charter() -> Charter {
    let mut rules = Vec::new();
    for i in 0..200 {
        let when = match i % 8 {
            0 => format!("verbs = ['connect'], resources = ['/net/host-{i}.example.com:443']"),
            1 => format!("resources = ['/fs/repo/src/dir-{i}/**']"),
            2 => "resources = ['/fs/*/src/**'], labels = ['secret']".to_owned(),
            3 => "effect = { privacy = 9000 }".to_owned(),
            4 => format!("agents = ['other-{i}*']"),
            5 => "apps = ['elsewhere']".to_owned(),
            6 => "verbs = ['write'], arguments = { replace = { equals = true } }".to_owned(),
            _ => "verbs = ['read'], score = 20000".to_owned(),
        };
        let rule = format!("id = 'rule-{i}'\ntext = 'Not this.'\nthen = 'deny'\nwhen = {{ {when} }}");
        rules.push(toml::from_str::<Rule>(&rule).expect("a rule"));
    }
    Charter::with_rules(1, rules).expect("a charter")
}

#[test]
fn permit_allocates_nothing() {
    let charter = charter();
    let resource: Resource = "/fs/repo/src/kernel/main.rs".parse().expect("a path");
    let labels = Labels::parse(["private"]).expect("labels");
    let base = Effect::new(500, 0, 1_000, 0, 500);
    let (mut declared, mut derived) = Default::default();
    let deriving = allocations(|| {
        declared = derive(base, novelty(3), true, &Labels::NONE, &Labels::NONE, Some(Effect::MAX));
        derived = derive(base, novelty(3), true, &labels, &Labels::NONE, None);
    });
    assert_eq!(deriving, 0, "deriving an effect allocates");
    assert_eq!((declared.effect, derived.effect.privacy()), (Effect::MAX, 9_000));
    let derived = derive(base, novelty(3), false, &labels, &Labels::NONE, None);
    let facts = Facts {
        version: Facts::VERSION,
        pid: Pid(7),
        name: Name::parse("walker").expect("a name"),
        agent: Name::parse("walker").expect("a name"),
        app: Some(Name::parse("repo-audit").expect("a name")),
        verb: kernel_core::path::Verb::Read,
        grant: Some("read /fs/repo/**".parse().expect("a right")),
        resource,
        labels,
        clearance: Labels::NONE,
        blocked: Labels::NONE,
        effect: derived.effect,
        contributions: derived.contributions,
        environment: Arc::new(Environment::prod()),
        charter: 1,
        accounts: Vec::new(),
        body_len: 2,
        audit: Default::default(),
    };
    let mut verdict = None;
    let permitting = allocations(|| verdict = Some(decide(&charter, &facts)));
    assert_eq!(verdict.map(|verdict| verdict.decision), Some(Decision::Permit));
    assert_eq!(permitting, 0, "a permit allocates");

    // The counter counts: a refusal says why, and words need room.
    let refused = Facts { grant: None, ..facts };
    assert!(allocations(|| drop(decide(&charter, &refused))) > 0);
}
