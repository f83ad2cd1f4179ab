//! What the engine promises beyond speed, measured: a long transaction among short ones under each contention policy, and how
//! long a read of a snapshot takes when there are more threads than cores.
//!
//! ```text
//! cargo run --release -p reweave-benches --example progress
//! ```

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use reweave_stm::{Engine, Greedy, Karma, Polite, TVar};

const VARIABLES: usize = 1_000;
const WRITTEN: usize = 10;
/// How long each figure is measured for.
const WINDOW: Duration = Duration::from_millis(1_500);
/// The long transaction comes ten times a second.
const PERIOD: Duration = Duration::from_millis(100);

fn main() {
    println!(
        "A transaction that reads {VARIABLES} variables and writes {WRITTEN}, ten times a second, beside short ones on all of them."
    );
    println!(
        "{:<8} {:>7} {:>14} {:>14} {:>7} {:>12} {:>12}",
        "policy", "threads", "short alone/s", "short beside/s", "kept", "most aborts", "slowest, ms"
    );
    for threads in [2, 8] {
        starve("polite", threads, || Engine::with_policy(Polite::default()));
        starve("karma", threads, || Engine::with_policy(Karma::default()));
        starve("greedy", threads, || Engine::with_policy(Greedy));
    }
    println!("\nA read in a snapshot of {VARIABLES} variables, half of the threads reading and half writing.");
    println!(
        "{:>7} {:>12} {:>10} {:>10} {:>12} {:>12}",
        "threads", "reads", "p50, ns", "p99, ns", "p99.9, ns", "most, ns"
    );
    for threads in [2, 8, 64] {
        read_latency(threads);
    }
}

fn variables(engine: &Engine) -> Vec<TVar<i64>> {
    (0..VARIABLES).map(|_| TVar::new_in(engine, 0)).collect()
}

/// Marsaglia's xorshift: an index below `VARIABLES`.
fn any_variable(random: &mut u64) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random % VARIABLES as u64) as usize
}

/// Two short writes a transaction, until told to stop; returns how many transactions.
fn write(engine: &Engine, vars: &[TVar<i64>], seed: usize, stop: &AtomicBool) -> u64 {
    let mut random = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut done = 0;
    while !stop.load(Ordering::Relaxed) {
        let (from, to) = (&vars[any_variable(&mut random)], &vars[any_variable(&mut random)]);
        engine.atomically(|tx| {
            from.modify(tx, |value| value - 1)?;
            to.modify(tx, |value| value + 1)
        });
        done += 1;
    }
    done
}

/// Short transactions on some threads, with or without the long one; returns the short ones a second, and of the long one the
/// most aborts and the longest time.
fn run(engine: &Engine, threads: usize, with_long: bool) -> (f64, u32, Duration) {
    let vars = variables(engine);
    let (stop, done) = (AtomicBool::new(false), AtomicU64::new(0));
    let (mut most_aborts, mut slowest) = (0, Duration::ZERO);
    let began = Instant::now();
    std::thread::scope(|scope| {
        for seed in 0..threads {
            let (vars, stop, done) = (&vars, &stop, &done);
            scope.spawn(move || done.fetch_add(write(engine, vars, seed, stop), Ordering::Relaxed));
        }
        while began.elapsed() < WINDOW {
            std::thread::sleep(PERIOD);
            if !with_long {
                continue;
            }
            let (mut runs, start) = (0, Instant::now());
            engine.atomically(|tx| {
                runs += 1;
                let mut sum = 0;
                for var in &vars {
                    sum += var.read(tx)?;
                }
                for var in &vars[..WRITTEN] {
                    var.modify(tx, |value| value + sum)?;
                }
                Ok(())
            });
            most_aborts = most_aborts.max(runs - 1);
            slowest = slowest.max(start.elapsed());
        }
        stop.store(true, Ordering::Relaxed);
    });
    (done.load(Ordering::Relaxed) as f64 / began.elapsed().as_secs_f64(), most_aborts, slowest)
}

fn starve(policy: &str, threads: usize, engine: impl Fn() -> Engine) {
    let (alone, ..) = run(&engine(), threads, false);
    let (beside, aborts, slowest) = run(&engine(), threads, true);
    let slowest = slowest.as_secs_f64() * 1e3;
    println!(
        "{policy:<8} {threads:>7} {alone:>14.0} {beside:>14.0} {:>6.2}x {aborts:>12} {slowest:>12.3}",
        beside / alone
    );
}

/// The time of single reads inside snapshots of all variables, on half of the threads.
fn read_latency(threads: usize) {
    let engine = Engine::new();
    let vars = variables(&engine);
    let stop = AtomicBool::new(false);
    let mut took: Vec<u32> = std::thread::scope(|scope| {
        for seed in 0..threads / 2 {
            let (engine, vars, stop) = (&engine, &vars, &stop);
            scope.spawn(move || write(engine, vars, seed, stop));
        }
        let readers: Vec<_> = (0..threads / 2)
            .map(|_| {
                let (engine, vars, stop) = (&engine, &vars, &stop);
                scope.spawn(move || {
                    let mut took = Vec::new();
                    while !stop.load(Ordering::Relaxed) {
                        engine.snapshot(|now| {
                            for var in vars {
                                let start = Instant::now();
                                black_box(now.read(var));
                                took.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
                            }
                        });
                        // Enough of it: memory is not what is measured.
                        if took.len() > 2_000_000 {
                            break;
                        }
                    }
                    took
                })
            })
            .collect();
        std::thread::sleep(WINDOW);
        stop.store(true, Ordering::Relaxed);
        readers.into_iter().flat_map(|reader| reader.join().expect("a reader does not panic")).collect()
    });
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!("{threads:>7} {:>12} {:>10} {:>10} {:>12} {:>12}", took.len(), at(0.5), at(0.99), at(0.999), at(1.0));
}
