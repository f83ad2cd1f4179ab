//! What the engine keeps in memory when it is treated badly, and for how long.
//!
//! ```sh
//! cargo run --release -p reweave-stm --example memory
//! ```
//!
//! Three scenes: a snapshot that stays open for ten seconds while two threads update a thousand variables at full speed, with
//! values in place and with values behind pointers; ten million variables, made and dropped; a hundred thousand threads that
//! each run one transaction. It takes about half a minute. Peaks of resident memory are Linux's.

use std::time::{Duration, Instant};

use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_stm::{Engine, TVar};

const VARIABLES: usize = 1_000;
const STALL: Duration = Duration::from_secs(10);
const MADE_AND_DROPPED: u64 = 10_000_000;
const THREADS: u64 = 100_000;

fn main() {
    beside_a_stalled_snapshot("i64", |round| round as i64);
    beside_a_stalled_snapshot("String", |round| format!("the value of round {round}"));
    many_variables();
    many_threads();
}

/// A line of `/proc/self/status`, in KiB.
fn status(line: &str) -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let value = status.lines().find_map(|text| text.strip_prefix(line));
    value.and_then(|text| text.trim_matches([':', ' ', '\t', 'k', 'B']).parse().ok()).unwrap_or(0)
}

/// Runs a scene; returns how much resident memory it took at its peak, and how much more there is after it, in KiB.
fn measured(scene: impl FnOnce()) -> (usize, usize) {
    // Makes the peak start from here.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
    let before = status("VmRSS");
    scene();
    (status("VmHWM").saturating_sub(before), status("VmRSS").saturating_sub(before))
}

fn beside_a_stalled_snapshot<T: Clone + Send + Sync + 'static>(
    name: &str,
    value: impl Fn(usize) -> T + Clone + Send + 'static,
) {
    println!("a snapshot open for {STALL:?} beside two threads that update {VARIABLES} variables of type {name}");
    let (peak, left) = measured(|| {
        let engine = Engine::new();
        let vars: Arc<Vec<_>> = Arc::new((0..VARIABLES).map(|_| TVar::new_in(&engine, value(0))).collect());
        let [stop, wake, asleep] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
        let sleeper = {
            let (engine, wake, asleep) = (engine.clone(), wake.clone(), asleep.clone());
            let body = move || {
                engine.snapshot(|_| {
                    asleep.store(true, Ordering::Release);
                    while !wake.load(Ordering::Acquire) {
                        thread::park();
                    }
                });
            };
            thread::try_spawn("sleeper".to_owned(), body).expect("a thread")
        };
        while !asleep.load(Ordering::Acquire) {
            thread::yield_now();
        }
        let updaters: Vec<_> = (0..2)
            .map(|me| {
                let (engine, vars, value, stop) = (engine.clone(), vars.clone(), value.clone(), stop.clone());
                thread::spawn(move || {
                    let mut round = 1;
                    while !stop.load(Ordering::Relaxed) {
                        let var = &vars[(round * 7 + me * 3) % VARIABLES];
                        engine.atomically(|tx| var.write(tx, value(round)));
                        round += 1;
                    }
                })
            })
            .collect();
        let begun = Instant::now();
        let mut most = 0;
        while begun.elapsed() < STALL {
            let next_look = Instant::now() + Duration::from_millis(1);
            while !thread::park_until(next_look) {}
            // Short snapshots beside the long one: without them no variable would have more than the one older version.
            engine.snapshot(|now| now.with(&vars[0], |_| ()));
            most = most.max(engine.stats().live_versions);
        }
        println!("  while it is open    {}", engine.stats());
        println!("  older versions      {most} at most: {:.3} a variable", most as f64 / VARIABLES as f64);
        stop.store(true, Ordering::Relaxed);
        updaters.into_iter().for_each(|updater| updater.join().expect("it does not panic"));
        let kept = engine.stats().live_versions;
        wake.store(true, Ordering::Release);
        sleeper.thread().unpark();
        sleeper.join().expect("it does not panic");
        let ended = Instant::now();
        while engine.stats().live_versions > 0 {
            thread::yield_now();
        }
        println!("  after its end       {kept} older versions of idle variables gone after {:?}", ended.elapsed());
    });
    println!("  resident memory     {peak} KiB at the peak, {left} KiB left\n");
}

fn many_variables() {
    println!("{MADE_AND_DROPPED} variables made and dropped, half of them with a value behind a pointer");
    let (peak, left) = measured(|| {
        let engine = Engine::new();
        let begun = Instant::now();
        for number in 0..MADE_AND_DROPPED / 2 {
            TVar::new_in(&engine, number);
            TVar::new_in(&engine, [number; 4]);
        }
        println!("  time                {:?}", begun.elapsed());
    });
    println!("  resident memory     {peak} KiB at the peak, {left} KiB left\n");
}

fn many_threads() {
    println!("{THREADS} threads that each run one transaction");
    let (peak, left) = measured(|| {
        let engine = Engine::new();
        let (count, text) = (TVar::new_in(&engine, 0), TVar::new_in(&engine, String::new()));
        let begun = Instant::now();
        for number in 0..THREADS {
            let (engine, count, text) = (engine.clone(), count.clone(), text.clone());
            let transaction = move || {
                engine.atomically(|tx| {
                    count.modify(tx, |count| count + 1)?;
                    text.write(tx, number.to_string())
                });
            };
            thread::spawn(transaction).join().expect("it does not panic");
        }
        println!("  time                {:?}", begun.elapsed());
        assert_eq!((count.load(), text.load()), (THREADS, (THREADS - 1).to_string()));
    });
    println!("  resident memory     {peak} KiB at the peak, {left} KiB left");
}
