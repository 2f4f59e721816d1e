//! A number beside its bar and its floor: what every bench of a bar prints as its last line.
//!
//! Floor and measured work are run in turns in the same process, so that a busy machine slows both; what is
//! compared is the median of each.

use criterion::Criterion;
use std::time::Duration;

use crate::cpu::CpuTime;

/// How often each is measured. Criterion is to be configured with it.
pub(crate) const SAMPLES: usize = 11;

/// The most that something may take.
#[allow(dead_code)] // No bench has bars of every kind.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Bar {
    /// Microseconds of CPU time.
    Micros(f64),
    /// Times the floor.
    Times(f64),
    /// Nothing; the number is told beside the others.
    None,
}

/// Measures `work` with criterion and `floor` in turns with it; each takes a number of iterations and says how
/// long they took.
#[allow(clippy::disallowed_macros)] // A bench prints.
pub(crate) fn beside(
    c: &mut Criterion<CpuTime>,
    what: &str,
    bar: Bar,
    floor: (&str, &mut dyn FnMut(u64) -> Duration),
    mut work: impl FnMut(u64) -> Duration,
) {
    let (floor_name, run_floor) = floor;
    let (mut works, mut floors) = (Vec::new(), Vec::new());
    c.bench_function(what, |b| {
        b.iter_custom(|n| {
            floors.push(micros(run_floor(n)) / n as f64);
            let spent = work(n);
            works.push(micros(spent) / n as f64);
            spent
        });
    });
    // With `--test`, or where a filter left it out, nothing was measured.
    if works.len() < SAMPLES {
        return;
    }
    // What came before the last samples was warming up.
    let (mut works, mut floors) = (works.split_off(works.len() - SAMPLES), floors.split_off(floors.len() - SAMPLES));
    let (work, floor) = (median(&mut works), median(&mut floors));
    let times = work / floor;
    let (bar, met) = match bar {
        Bar::Micros(most) => (format!("at most {most} us"), work <= most),
        Bar::Times(most) => (format!("at most {most} x"), times <= most),
        Bar::None => ("none".to_owned(), true),
    };
    let met = if met { "met" } else { "MISSED" };
    println!("bar: {what}: {work:.3} us; floor {floor:.3} us ({floor_name}); {times:.2} x; bar {bar}: {met}\n");
}

fn micros(spent: Duration) -> f64 {
    spent.as_secs_f64() * 1e6
}

fn median(samples: &mut [f64]) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples[samples.len() / 2]
}
