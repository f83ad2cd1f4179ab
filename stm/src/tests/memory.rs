//! What is kept, for how long, and that nothing is kept for ever.

use std::time::{Duration, Instant};

use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use reweave_core::sync::thread::{self, JoinHandle};
use reweave_core::sync::{Arc, Mutex};

use super::lifetimes::Tracked;
use super::{becomes, on_threads};
use crate::limbo::SWEEP_AT;
use crate::participant::PUSHES_BETWEEN_LOOKS;
use crate::tidier::ROUND_EVERY;
use crate::{Engine, TVar};

/// Idle variables are back to one version within two rounds. What a busy machine adds to them is not ours to say.
const SOON: Duration = ROUND_EVERY.saturating_mul(2 * 100);

/// Threads that run until told to stop.
struct Running {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Running {
    fn new() -> Self {
        Self { stop: Arc::new(AtomicBool::new(false)), threads: Vec::new() }
    }

    /// Runs `step` with the number of the round, over and over.
    fn repeat(&mut self, mut step: impl FnMut(usize) + Send + 'static) {
        let stop = self.stop.clone();
        self.threads.push(thread::spawn(move || {
            let mut round = 0;
            while !stop.load(Ordering::Relaxed) {
                step(round);
                round += 1;
            }
        }));
    }

    fn stop(self) {
        self.stop.store(true, Ordering::Relaxed);
        self.threads.into_iter().for_each(|thread| thread.join().expect("it does not panic"));
    }
}

/// A thread that is asleep inside a snapshot.
struct Sleeper {
    awake: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Sleeper {
    /// Opens a snapshot on a thread of this name; `check` is run in it before the sleep and after.
    fn new(name: &str, engine: &Engine, check: impl Fn(&crate::Snapshot<'_>) + Send + 'static) -> Self {
        let (awake, engine) = (Arc::new(AtomicBool::new(false)), engine.clone());
        let asleep = Arc::new(AtomicBool::new(false));
        let body = {
            let (awake, asleep) = (awake.clone(), asleep.clone());
            move || {
                engine.snapshot(|now| {
                    check(now);
                    asleep.store(true, Ordering::Release);
                    while !awake.load(Ordering::Acquire) {
                        thread::park();
                    }
                    check(now);
                });
            }
        };
        let thread = thread::try_spawn(name.to_owned(), body).expect("the system has a thread for a test");
        becomes("the snapshot is open", || asleep.load(Ordering::Acquire));
        Self { awake, thread }
    }

    fn wake(self) {
        self.awake.store(true, Ordering::Release);
        self.thread.thread().unpark();
        self.thread.join().expect("its checks hold");
    }
}

/// Waits until no variable has an older version. Nobody but the tidier does anything about it.
fn back_to_one_version(engine: &Engine) {
    let begun = Instant::now();
    becomes("each variable has one version", || engine.stats().live_versions == 0);
    assert!(begun.elapsed() < SOON, "took {:?}", begun.elapsed());
}

const VARIABLES: usize = 1_000;

/// What a stalled snapshot, short ones beside it and two updaters may keep: for each variable its current version, one for each
/// open snapshot, and one that was pushed last; and besides, for each of the four threads, what it has pushed since it last looked for
/// snapshots.
const MOST_VERSIONS: usize = VARIABLES * (2 + 2) + 4 * PUSHES_BETWEEN_LOOKS as usize;

/// Updates variables from two threads while a snapshot is open for a second; returns the variables, the engine, and the updaters.
fn update_beside_a_sleeper<T: Clone + PartialEq + Send + Sync + 'static>(
    value: impl Fn(usize) -> T + Clone + Send + 'static,
    check: impl Fn(&Engine, usize),
) -> (Engine, Arc<Vec<TVar<T>>>, Running, Sleeper) {
    let engine = Engine::new();
    let vars: Arc<Vec<_>> = Arc::new((0..VARIABLES).map(|_| TVar::new_in(&engine, value(0))).collect());
    let sleeper = Sleeper::new("sleeper", &engine, {
        let (vars, value) = (vars.clone(), value.clone());
        move |now| assert!(vars.iter().all(|var| now.with(var, |seen| *seen == value(0))))
    });
    let mut running = Running::new();
    for me in 0..2 {
        let (engine, vars, value) = (engine.clone(), vars.clone(), value.clone());
        running.repeat(move |round| {
            let var = &vars[(round * 7 + me * 3) % VARIABLES];
            engine.atomically(|tx| var.write(tx, value(round + 1)));
        });
    }
    let deadline = Instant::now() + Duration::from_secs(1);
    let mut most = 0;
    while Instant::now() < deadline {
        // One more snapshot for each version to be kept for.
        engine.snapshot(|now| now.with(&vars[0], |_| ()));
        let stats = engine.stats();
        let versions = stats.live_versions + VARIABLES;
        assert!(versions <= MOST_VERSIONS, "{versions} versions");
        check(&engine, stats.live_versions);
        most = most.max(stats.live_versions);
    }
    assert!(most >= VARIABLES, "the snapshot needs a version of each variable, and {most} are kept");
    assert!(engine.stats().commits > 4 * MOST_VERSIONS as u64, "enough to exceed the bound");
    (engine, vars, running, sleeper)
}

#[test]
fn a_stalled_snapshot_keeps_a_bounded_number_of_versions() {
    let (engine, vars, running, sleeper) = update_beside_a_sleeper(|round| round, |_, _| ());
    running.stop();
    engine.tidy();
    assert_eq!(engine.stats().live_versions, VARIABLES, "one older version for one snapshot");
    sleeper.wake();
    back_to_one_version(&engine);
    assert!(vars.iter().all(|var| var.older_versions() == 0));
}

#[test]
fn a_stalled_snapshot_keeps_a_bounded_number_of_boxed_values() {
    /// A value that is counted, and compared by its number.
    #[derive(Clone)]
    struct Counted(usize, #[expect(dead_code, reason = "it counts by being there")] Arc<Tracked>);
    impl PartialEq for Counted {
        fn eq(&self, other: &Self) -> bool {
            self.0 == other.0
        }
    }
    // In the limbos of the updaters. A sweep leaves what the two transactions may look at that are open then, one of which may not
    // be running just now: for each variable the value of its tick, and those that the two replaced within the tick, which
    // ends when one of them has retired so many. The next sweep comes when there is as much again.
    const WAITING: usize = 2 * 2 * 2 * (VARIABLES + 2 * SWEEP_AT);
    let alive = Arc::new(AtomicUsize::new(0));
    let most = AtomicUsize::new(0);
    let counted = alive.clone();
    let value = move |round| Counted(round, Arc::new(Tracked::new(&counted)));
    let (engine, vars, running, sleeper) = update_beside_a_sleeper(value, |_, _| {
        most.fetch_max(alive.load(Ordering::SeqCst), Ordering::Relaxed);
    });
    let most = most.into_inner();
    assert!(most <= MOST_VERSIONS + WAITING, "{most} values");
    running.stop();
    sleeper.wake();
    back_to_one_version(&engine);
    becomes("the values replaced are gone", || engine.tidy() == 0 && alive.load(Ordering::SeqCst) == VARIABLES);
    drop(vars);
    engine.leave();
    becomes("all values are gone", || alive.load(Ordering::SeqCst) == 0);
}

#[test]
fn a_transaction_asleep_keeps_a_bounded_number_of_values() {
    // One updater, and two transactions that are open at its sweeps: its own, and the one asleep.
    const WAITING: usize = 2 * 2 * (VARIABLES + SWEEP_AT);
    let engine = Engine::new();
    let alive = Arc::new(AtomicUsize::new(0));
    let vars: Arc<Vec<_>> = Arc::new((0..VARIABLES).map(|_| TVar::new_in(&engine, Tracked::new(&alive))).collect());
    let [asleep, awake] = [(); 2].map(|()| Arc::new(AtomicBool::new(false)));
    let sleeper = thread::spawn({
        let (engine, vars, asleep, awake) = (engine.clone(), vars.clone(), asleep.clone(), awake.clone());
        move || {
            engine.attempt(|tx| {
                vars[0].with(tx, |_| ())?;
                asleep.store(true, Ordering::Release);
                while !awake.load(Ordering::Acquire) {
                    thread::park();
                }
                Ok(())
            });
        }
    });
    becomes("the transaction is open", || asleep.load(Ordering::Acquire));
    let mut most = 0;
    for round in 0..100_000 {
        vars[round % VARIABLES].store(Tracked::new(&alive));
        most = most.max(alive.load(Ordering::SeqCst));
    }
    assert!(most <= VARIABLES + WAITING, "{most} values");
    engine.tidy();
    assert!(alive.load(Ordering::SeqCst) > VARIABLES, "it may look at what was there");
    awake.store(true, Ordering::Release);
    sleeper.thread().unpark();
    sleeper.join().expect("it does not panic");
    becomes("what it kept is gone", || engine.tidy() == 0 && alive.load(Ordering::SeqCst) == VARIABLES);
}

#[test]
fn variables_dropped_beside_a_stalled_snapshot_do_not_pile_up() {
    let engine = Engine::new();
    let alive = Arc::new(AtomicUsize::new(0));
    let sleeper = Sleeper::new("sleeper", &engine, |_| ());
    let mut most = 0;
    for _ in 0..50_000 {
        // The version that it was made with is visible at every instant: so it is kept as long as there is a handle.
        let var = TVar::new_in(&engine, Tracked::new(&alive));
        var.store(Tracked::new(&alive));
        drop(var);
        most = most.max(alive.load(Ordering::SeqCst));
    }
    assert!(most > 2, "versions are kept for the snapshot");
    // At most 4,096 variables are listed before a commit looks after them, or 20 ms' worth; and what is waiting for a sweep.
    assert!(most < 40_000, "{most} values of 100,000 at the same time");
    becomes("all values are gone", || engine.tidy() == 0 && alive.load(Ordering::SeqCst) == 0);
    assert_eq!(engine.stats().open_snapshots, 1, "while the snapshot is still open");
    sleeper.wake();
}

#[test]
fn idle_variables_of_several_engines_are_tidied() {
    let engines = [(); 3].map(|()| Engine::new());
    let vars = engines.each_ref().map(|engine| TVar::new_in(engine, String::from("old")));
    for (engine, var) in engines.iter().zip(&vars) {
        engine.snapshot(|now| {
            thread::spawn({
                let var = var.clone();
                move || var.store(String::from("new"))
            })
            .join()
            .expect("it does not panic");
            assert_eq!(now.read(var), "old");
            assert_eq!((var.older_versions(), engine.stats().live_versions), (1, 1));
        });
    }
    engines.iter().for_each(back_to_one_version);
    assert!(vars.iter().all(|var| var.older_versions() == 0 && var.load() == "new"));
    // And again, now that the tidier has been idle.
    engines[0].snapshot(|_| ());
    vars[0].store(String::from("newer"));
    back_to_one_version(&engines[0]);
}

#[test]
fn the_holder_of_the_oldest_snapshot_is_named() {
    let engine = Engine::new();
    assert_eq!((engine.stats().open_snapshots, engine.stats().oldest_snapshot), (0, None));
    let var = TVar::new_in(&engine, 0);
    let oldest = Sleeper::new("the auditor", &engine, |_| ());
    let age = |engine: &Engine| engine.stats().oldest_snapshot.expect("one is open").age;
    let before = age(&engine);
    var.store(1);
    let younger = Sleeper::new("somebody else", &engine, |_| ());
    let stats = engine.stats();
    assert_eq!((stats.open_snapshots, &*stats.oldest_snapshot.unwrap().holder), (2, "the auditor"));
    assert!(age(&engine) > before, "a snapshot after a commit moves the clock");
    assert!(engine.stats().to_string().contains("held by the auditor"), "{}", engine.stats());
    oldest.wake();
    assert_eq!(engine.stats().oldest_snapshot.unwrap().holder, "somebody else");
    younger.wake();
    assert_eq!(engine.stats().oldest_snapshot, None);
    let nameless = on_threads(1, move |_| engine.snapshot(|_| engine.stats().oldest_snapshot.unwrap().holder));
    assert!(nameless[0].starts_with("participant "), "{}", nameless[0]);
}

#[test]
fn the_last_to_leave_tidies() {
    let engine = Engine::new();
    let var = TVar::new_in(&engine, 0);
    engine.snapshot(|_| ());
    var.store(1);
    engine.leave();
    assert_eq!(engine.stats().live_versions, 0);
}

#[test]
fn pooled_nodes_are_counted_and_can_be_trimmed() {
    let engine = Engine::new();
    let vars: Vec<_> = (0..100).map(|_| TVar::new_in(&engine, 0)).collect();
    // Each push cuts the version before it out of the chain; batches of 64 of those are pooled.
    for round in 0..20 {
        engine.snapshot(|_| ());
        vars.iter().for_each(|var| var.store(round));
    }
    assert!(engine.stats().pooled_nodes > 0);
    engine.trim();
    assert_eq!(engine.stats().pooled_nodes, 0);
    back_to_one_version(&engine);
    assert_eq!(engine.stats().pooled_nodes, 0, "what is cut out of idle variables is given back at once");
}

#[test]
fn tidying_beside_everything_else_loses_nothing() {
    const TOKENS: usize = 8;
    let alive = Arc::new(AtomicUsize::new(0));
    let engine = Engine::new();
    // Tokens move between places; and each place is now and then replaced by a new variable, in the value of a variable.
    type Place = Arc<TVar<Arc<(usize, Tracked)>>>;
    let tracked = alive.clone();
    let place = {
        let (engine, tracked) = (engine.clone(), tracked.clone());
        move |number: usize| -> Place { Arc::new(TVar::new_in(&engine, Arc::new((number, Tracked::new(&tracked))))) }
    };
    let places: Arc<Vec<TVar<Place>>> =
        Arc::new((0..TOKENS).map(|number| TVar::new_in(&engine, place(number))).collect());
    let mut running = Running::new();
    for me in 0..2 {
        let (engine, places, tracked, place) = (engine.clone(), places.clone(), tracked.clone(), place.clone());
        running.repeat(move |round| {
            let (one, other) = (&places[round % TOKENS], &places[(round * 5 + me + 1) % TOKENS]);
            engine.atomically(|tx| {
                let (here, there) = (one.read(tx)?, other.read(tx)?);
                let (mine, theirs) = (here.read(tx)?, there.read(tx)?);
                if round % 5 == me {
                    one.write(tx, place(theirs.0))?;
                } else {
                    here.write(tx, Arc::new((theirs.0, Tracked::new(&tracked))))?;
                }
                if !one.ptr_eq(other) { there.write(tx, mine) } else { Ok(()) }
            });
        });
    }
    for _ in 0..2 {
        let engine = engine.clone();
        running.repeat(move |_| {
            engine.tidy();
            thread::yield_now();
        });
    }
    let deadline = Instant::now() + Duration::from_secs(1);
    while Instant::now() < deadline {
        let sum: usize =
            engine.snapshot(|now| places.iter().map(|place| now.with(&*now.read(place), |token| token.0)).sum());
        assert_eq!(sum, (0..TOKENS).sum());
    }
    running.stop();
    becomes("each place has one version", || engine.tidy() == 0);
    assert_eq!(engine.stats().live_versions, 0);
    becomes("each token has one value", || {
        engine.tidy();
        alive.load(Ordering::SeqCst) == TOKENS
    });
    drop((places, place));
    engine.leave();
    becomes("all values are gone", || alive.load(Ordering::SeqCst) == 0);
}

#[test]
fn destructors_that_use_engines_may_run_on_the_tidier() {
    /// Writes down which thread destroys it, and uses an engine there.
    struct Telling(Arc<Mutex<Vec<String>>>, TVar<usize>);
    impl Drop for Telling {
        fn drop(&mut self) {
            self.1.store(self.1.load() + 1);
            self.0.lock().push(thread::name().unwrap_or_default());
            panic!("contained");
        }
    }
    let (threads, count) = (Arc::new(Mutex::new(Vec::new())), TVar::new_in(&Engine::new(), 0));
    let engine = Engine::new();
    let var = TVar::new_in(&engine, Some(Arc::new(Telling(threads.clone(), count.clone()))));
    engine.snapshot(|_| ());
    var.store(None);
    // This thread does nothing any more, so it is the tidier who unlinks the value.
    becomes("the value is destroyed", || !threads.lock().is_empty());
    assert_eq!(*threads.lock(), ["reweave-tidier"]);
    assert_eq!(count.load(), 1);
    // It goes on all the same.
    engine.snapshot(|_| ());
    var.store(None);
    back_to_one_version(&engine);
}

/// The resident memory of this process.
#[cfg(target_os = "linux")]
fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").expect("Linux tells");
    let resident = pages.split(' ').nth(1).expect("the second number is the resident set");
    resident.parse::<usize>().expect("a number of pages") * 4096
}

/// What the other tests of the process may come to need meanwhile.
#[cfg(target_os = "linux")]
const OTHERS: usize = 48 << 20;

#[test]
#[cfg(target_os = "linux")]
fn variables_that_are_made_and_dropped_leave_nothing_behind() {
    let engine = Engine::new();
    let before = resident();
    // 80 bytes each and more: were they kept, 80 MB.
    for number in 0..1_000_000_u64 {
        TVar::new_in(&engine, [number; 6]);
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < OTHERS, "{} MiB more", grown >> 20);
}

#[test]
#[cfg(target_os = "linux")]
fn threads_that_come_and_go_leave_nothing_behind() {
    const THREADS: usize = 4_000;
    let engine = Engine::new();
    let shared = TVar::new_in(&engine, Vec::new());
    let before = resident();
    for number in 0..THREADS {
        let (engine, shared) = (engine.clone(), shared.clone());
        // Were they kept, 16 KiB each: 64 MB.
        thread::spawn(move || engine.atomically(|tx| shared.write(tx, vec![number as u8; 16 << 10])))
            .join()
            .expect("it does not panic");
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < OTHERS, "{} MiB more", grown >> 20);
    assert_eq!(engine.inner().registry.len(), 0, "nobody takes part any more");
    assert_eq!(engine.stats().commits, THREADS as u64);
}

#[test]
#[cfg(target_os = "linux")]
fn a_forked_child_has_a_tidier_of_its_own() {
    unsafe extern "C" {
        fn fork() -> i32;
        fn waitpid(child: i32, status: *mut i32, options: i32) -> i32;
        fn _exit(code: i32) -> !;
    }
    const NO_WAITING: i32 = 1;
    let keeps_a_version = || {
        let engine = Engine::new();
        let var = TVar::new_in(&engine, 0);
        engine.snapshot(|_| ());
        var.store(1);
        (engine, var)
    };
    // The parent has a tidier, which the child does not inherit.
    back_to_one_version(&keeps_a_version().0);
    // SAFETY: the child runs what is below and ends; it shares no lock with the threads that it does not have.
    let child = unsafe { fork() };
    if child == 0 {
        let (engine, var) = keeps_a_version();
        let deadline = Instant::now() + SOON;
        while var.older_versions() > 0 && Instant::now() < deadline {
            thread::yield_now();
        }
        let is_tidied = var.older_versions() == 0;
        drop((engine, var));
        // SAFETY: nothing of the parent's is to be cleared up.
        unsafe { _exit(i32::from(!is_tidied)) };
    }
    assert!(child > 0, "the system forks");
    let status = std::cell::Cell::new(-1);
    // SAFETY: the status outlives the call.
    becomes("the child ends", || unsafe { waitpid(child, status.as_ptr(), NO_WAITING) } == child);
    assert_eq!(status.get(), 0, "the child's variable was tidied");
}
