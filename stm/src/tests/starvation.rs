//! A transaction commits after a bounded number of aborts, whatever the others do.

use std::panic::{AssertUnwindSafe, catch_unwind};

use reweave_core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use reweave_core::sync::{Arc, thread};

use crate::{
    Attempt, Cause, Conflict, ContentionPolicy, Engine, Greedy, Karma, MOST_ABORTS, Polite, Stop, TVar,
    TransactionError, Verdict, abort,
};

const VARIABLES: usize = 1_000;

/// Runs short transactions on some threads for as long as `act` takes; returns how many there were.
fn beside_short_ones<R>(
    engine: &Engine,
    vars: &Arc<Vec<TVar<i64>>>,
    threads: u64,
    act: impl FnOnce() -> R,
) -> (R, u64) {
    let (stop, done) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let others: Vec<_> = (1..=threads)
        .map(|seed| {
            let (engine, vars, stop, done) = (engine.clone(), vars.clone(), stop.clone(), done.clone());
            thread::spawn(move || {
                let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                while !stop.load(Ordering::Relaxed) {
                    random ^= random << 13;
                    random ^= random >> 7;
                    random ^= random << 17;
                    let var = &vars[(random % VARIABLES as u64) as usize];
                    engine.atomically(|tx| var.modify(tx, |value| value + 1));
                    done.fetch_add(1, Ordering::Relaxed);
                }
            })
        })
        .collect();
    // They are there before it begins.
    while done.load(Ordering::Relaxed) < 1_000 {
        thread::yield_now();
    }
    let result = act();
    stop.store(true, Ordering::Relaxed);
    others.into_iter().for_each(|other| other.join().unwrap());
    (result, done.load(Ordering::Relaxed))
}

/// Reads every variable and writes ten, against short transactions that change what it reads all the time; returns the most
/// times that its body ran.
fn long_transactions(engine: &Engine, threads: u64, count: usize) -> u32 {
    let vars: Arc<Vec<TVar<i64>>> = Arc::new((0..VARIABLES).map(|_| TVar::new_in(engine, 0)).collect());
    let (most, short) = beside_short_ones(engine, &vars, threads, || {
        let mut most = 0;
        for _ in 0..count {
            let mut runs = 0;
            engine.atomically(|tx| {
                runs += 1;
                let mut sum = 0;
                for var in &*vars {
                    sum += var.read(tx)?;
                }
                for var in &vars[..10] {
                    var.modify(tx, |value| value + 1)?;
                }
                Ok(sum)
            });
            most = most.max(runs);
        }
        most
    });
    let total: i64 = engine.snapshot(|now| vars.iter().map(|var| now.read(var)).sum());
    assert_eq!(total, short as i64 + 10 * count as i64, "an update was lost");
    most
}

#[test]
fn a_long_transaction_commits_within_the_patience_of_its_policy() {
    for threads in [2, 8] {
        let polite = Engine::new();
        let most = long_transactions(&polite, threads, 20);
        assert!(most <= Polite::default().patience + 1, "{most} runs beside {threads} threads");
        let greedy = Engine::with_policy(Greedy);
        assert!(long_transactions(&greedy, threads, 20) <= 2);
        // A run that is lost has read one variable at least.
        let karma = Engine::with_policy(Karma { patience: 5 });
        assert!(long_transactions(&karma, threads, 20) <= 6);
    }
}

/// Never gives way of its own accord.
struct Stubborn;

impl ContentionPolicy for Stubborn {
    fn after(&self, _: &Conflict) -> Verdict {
        Verdict::Again
    }
}

#[test]
fn the_bound_holds_under_a_policy_that_knows_none() {
    let engine = Engine::with_policy(Stubborn);
    let var = TVar::new_in(&engine, 0);
    let mut runs = 0;
    engine.atomically(|tx| {
        runs += 1;
        let value = var.read(tx)?;
        // Somebody always comes in between, while they can.
        let other = {
            let (engine, var) = (engine.clone(), var.clone());
            thread::spawn(move || engine.attempt(|tx| var.modify(tx, |value| value + 1)))
        };
        let reserved = matches!(other.join().unwrap(), Attempt::Conflict(Cause::Reserved));
        assert_eq!(reserved, runs > MOST_ABORTS, "in run {runs}");
        var.write(tx, value + 1)
    });
    assert_eq!(runs, MOST_ABORTS + 1);
    assert_eq!(var.load(), i64::from(MOST_ABORTS) + 1);
    assert_eq!(engine.stats().aborts.of(Cause::Reserved), 1);
}

#[test]
fn whoever_reserves_leaves_nothing_reserved_behind() {
    let engine = Engine::with_policy(Greedy);
    let (x, y) = (TVar::new_in(&engine, 0), TVar::new_in(&engine, 0));
    let disturb = || {
        let (engine, x) = (engine.clone(), x.clone());
        thread::spawn(move || engine.attempt(|tx| x.modify(tx, |value| value + 1))).join().unwrap()
    };
    let is_free = |var: &TVar<i64>| matches!(engine.attempt(|tx| var.write(tx, 0)), Attempt::Committed(()));
    // By an error of its own.
    let mut runs = 0;
    let aborted: Result<(), _> = engine.try_atomically(|tx| {
        runs += 1;
        let sum = x.read(tx)? + y.read(tx)?;
        disturb();
        if runs == 2 { abort("enough") } else { y.write(tx, sum).map_err(Stop::from) }
    });
    assert_eq!((aborted, runs), (Err(TransactionError::Aborted("enough")), 2));
    assert!(is_free(&x) && is_free(&y));
    // By a panic.
    let mut runs = 0;
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        engine.atomically(|tx| {
            runs += 1;
            let sum = x.read(tx)? + y.read(tx)?;
            disturb();
            assert!(runs < 2, "on purpose");
            y.write(tx, sum)
        })
    }));
    assert!(panicked.is_err() && is_free(&x) && is_free(&y));
    // By waiting.
    let mut runs = 0;
    let waited: i64 = engine.atomically(|tx| {
        runs += 1;
        let sum = x.read(tx)? + y.read(tx)?;
        if runs < 2 {
            disturb();
        }
        if runs == 2 {
            // The other one's commit is what it waits for, so nothing may be reserved by then.
            let x = x.clone();
            drop(thread::spawn(move || x.store(70)));
        }
        if sum < 70 { y.write(tx, sum).and_then(|()| tx.retry()) } else { Ok(sum) }
    });
    assert!(waited >= 70 && is_free(&x) && is_free(&y));
}

#[test]
fn a_destructor_of_one_that_reserved_may_reserve_itself() {
    /// Runs a transaction that meets a conflict, when it is dropped.
    #[derive(Clone)]
    struct Disturbed(Engine, TVar<i64>);
    impl Drop for Disturbed {
        fn drop(&mut self) {
            reserve_once(&self.0, &self.1);
        }
    }
    let engine = Engine::with_policy(Greedy);
    let (count, held) = (TVar::new_in(&engine, 0), TVar::new_in(&engine, None));
    let mut runs = 0;
    engine.atomically(|tx| {
        runs += 1;
        let value = count.read(tx)?;
        disturb(&engine, &count);
        // What was written in vain is dropped at the end of the attempt, of the one that reserves, too; the turn is not ours any
        // more by then.
        for _ in 0..2 {
            held.write(tx, Some(Disturbed(engine.clone(), count.clone())))?;
        }
        count.write(tx, value + 1)
    });
    assert_eq!(runs, 2);
    held.store(None);
    engine.leave();
}

/// Commits to a variable on another thread, if it can be.
fn disturb(engine: &Engine, var: &TVar<i64>) {
    let (engine, var) = (engine.clone(), var.clone());
    thread::spawn(move || engine.attempt(|tx| var.modify(tx, |value| value + 1))).join().unwrap();
}

/// A transaction that is aborted once and then reserves, under `Greedy`.
fn reserve_once(engine: &Engine, var: &TVar<i64>) {
    let mut runs = 0;
    engine.atomically(|tx| {
        runs += 1;
        let value = var.read(tx)?;
        disturb(engine, var);
        var.write(tx, value + 1)
    });
    assert_eq!(runs, 2);
}

#[test]
fn an_interrupt_kept_from_an_earlier_run_ends_a_reserving_attempt_without_harm() {
    let engine = Engine::with_policy(Greedy);
    let var = TVar::new_in(&engine, 0);
    let (mut kept, mut runs) = (None, 0);
    engine.atomically(|tx| {
        runs += 1;
        if let (2, Some(interrupt)) = (runs, kept) {
            return Err(interrupt);
        }
        let value = var.read(tx)?;
        disturb(&engine, &var);
        // In the first run the read comes too late, and is told so.
        kept = TVar::new_in(&engine, 0).read(tx).and_then(|_| var.read(tx)).err().or(kept);
        var.write(tx, value + 1)
    });
    assert_eq!(runs, 3);
}
