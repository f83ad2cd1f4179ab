//! What the engine promises beyond speed, measured: a long transaction among short ones under each contention policy, and how
//! long a read of a snapshot takes when there are more threads than cores.
//!
//! ```text
//! cargo run --release -p reweave-benches --example progress
//! ```

use std::hint::black_box;
use std::time::{Duration, Instant};

use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_core::time::sleep;
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

/// An engine, its variables, and the end of the measurement.
#[derive(Clone)]
struct Bench {
    engine: Engine,
    vars: Arc<Vec<TVar<i64>>>,
    stop: Arc<AtomicBool>,
}

impl Bench {
    fn new(engine: Engine) -> Self {
        let vars = Arc::new((0..VARIABLES).map(|_| TVar::new_in(&engine, 0)).collect());
        Self { engine, vars, stop: Arc::new(AtomicBool::new(false)) }
    }

    /// Starts threads that each do the same until the end, and returns what each found.
    fn start<R: Send + 'static>(
        &self,
        threads: usize,
        work: impl Fn(&Bench, usize) -> R + Clone + Send + 'static,
    ) -> Vec<thread::JoinHandle<R>> {
        let start = |seed| {
            let (bench, work) = (self.clone(), work.clone());
            thread::spawn(move || work(&bench, seed))
        };
        (0..threads).map(start).collect()
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn end<R>(&self, threads: Vec<thread::JoinHandle<R>>) -> impl Iterator<Item = R> {
        self.stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().expect("a thread of the benchmark does not panic"))
    }
}

/// Marsaglia's xorshift: an index below `VARIABLES`.
fn any_variable(random: &mut u64) -> usize {
    *random ^= *random << 13;
    *random ^= *random >> 7;
    *random ^= *random << 17;
    (*random % VARIABLES as u64) as usize
}

/// Two short writes a transaction, until the end; returns how many transactions.
fn write(bench: &Bench, seed: usize) -> u64 {
    let mut random = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let mut done = 0;
    while !bench.is_over() {
        let (from, to) = (&bench.vars[any_variable(&mut random)], &bench.vars[any_variable(&mut random)]);
        bench.engine.atomically(|tx| {
            from.modify(tx, |value| value - 1)?;
            to.modify(tx, |value| value + 1)
        });
        done += 1;
    }
    done
}

/// The long transaction; returns how often it was aborted.
fn read_all_and_write_some(bench: &Bench) -> u32 {
    let mut runs = 0;
    bench.engine.atomically(|tx| {
        runs += 1;
        let mut sum = 0;
        for var in &*bench.vars {
            sum += var.read(tx)?;
        }
        for var in &bench.vars[..WRITTEN] {
            var.modify(tx, |value| value + sum)?;
        }
        Ok(())
    });
    runs - 1
}

/// Short transactions on some threads, with or without the long one; returns the short ones a second, and of the long one the
/// most aborts and the longest time.
fn run(engine: Engine, threads: usize, with_long: bool) -> (f64, u32, Duration) {
    let bench = Bench::new(engine);
    let (mut most_aborts, mut slowest) = (0, Duration::ZERO);
    let began = Instant::now();
    let writers = bench.start(threads, write);
    while began.elapsed() < WINDOW {
        sleep(PERIOD).expect("nothing cancels this");
        if with_long {
            let start = Instant::now();
            most_aborts = most_aborts.max(read_all_and_write_some(&bench));
            slowest = slowest.max(start.elapsed());
        }
    }
    let done: u64 = bench.end(writers).sum();
    (done as f64 / began.elapsed().as_secs_f64(), most_aborts, slowest)
}

fn starve(policy: &str, threads: usize, engine: impl Fn() -> Engine) {
    let (alone, ..) = run(engine(), threads, false);
    let (beside, aborts, slowest) = run(engine(), threads, true);
    let slowest = slowest.as_secs_f64() * 1e3;
    println!(
        "{policy:<8} {threads:>7} {alone:>14.0} {beside:>14.0} {:>6.2}x {aborts:>12} {slowest:>12.3}",
        beside / alone
    );
}

/// Snapshots of all variables, one after the other; returns the nanoseconds of each read.
fn read_snapshots(bench: &Bench) -> Vec<u32> {
    let mut took = Vec::new();
    // Two million are enough: memory is not what is measured.
    while !bench.is_over() && took.len() < 2_000_000 {
        bench.engine.snapshot(|now| {
            for var in &*bench.vars {
                let start = Instant::now();
                black_box(now.read(var));
                took.push(u32::try_from(start.elapsed().as_nanos()).unwrap_or(u32::MAX));
            }
        });
    }
    took
}

/// The time of single reads inside snapshots, on half of the threads.
fn read_latency(threads: usize) {
    let bench = Bench::new(Engine::new());
    let writers = bench.start(threads / 2, write);
    let readers = bench.start(threads / 2, |bench, _| read_snapshots(bench));
    sleep(WINDOW).expect("nothing cancels this");
    let mut took: Vec<u32> = bench.end(readers).flatten().collect();
    bench.end(writers).for_each(drop);
    took.sort_unstable();
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    println!("{threads:>7} {:>12} {:>10} {:>10} {:>12} {:>12}", took.len(), at(0.5), at(0.99), at(0.999), at(1.0));
}
