//! Reserving: a transaction that has been aborted too often is not aborted again.
//!
//! The policy is the one under which a transaction reserves after its first conflict. Two runs of its body are then the
//! most it can take, whatever the others do; a third is what every model here looks for.

use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_stm::{Attempt, Greedy, TVar, TxResult};

use super::{beside, engine_with};
use crate::{Model, Run, Seeded, cover};

/// Why a deep exploration may be cut off.
const UNENDED: &str = "not seen to end in two minutes";

/// The models of reserving.
pub const MODELS: &[Model] = &[
    Model {
        name: "reserving-reader",
        property: "what a reserving transaction has read does not change, and it is not aborted",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["at once", "reserved"],
        seeded: &[
            Seeded { bug: "stm/ignore-reservations", run: Run::loom_bounded(2), expect: "two commits" },
            Seeded { bug: "stm/reserve-nothing", run: Run::loom_bounded(2), expect: "two commits" },
            Seeded { bug: "stm/ignore-reservations", run: Run::shuttle_pct(3, 5_000), expect: "two commits" },
        ],
        body: reserving_reader,
    },
    Model {
        name: "reserving-pair",
        property: "transactions that keep aborting each other reserve one after the other, and both commit",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["one reserved"],
        seeded: &[
            Seeded { bug: "stm/reserve-nothing", run: Run::loom_bounded(2), expect: "two commits" },
            Seeded { bug: "stm/wait-for-reserved", run: Run::shuttle_pct(3, 5_000), expect: "exceeded max_steps" },
        ],
        body: reserving_pair,
    },
    Model {
        name: "reserving-three",
        property: "one transaction reserves at a time, and whoever waits gets its turn",
        runs: &[Run::loom_bounded(0), Run::loom_bounded(1).deep().may_be_cut_off(UNENDED), Run::shuttle_pct(3, 5_000)],
        covers: &["waited"],
        seeded: &[Seeded { bug: "stm/two-reserve", run: Run::shuttle_pct(3, 5_000), expect: "two commits" }],
        body: reserving_three,
    },
    Model {
        name: "reserving-crowd",
        property: "of six threads that want the same each gets its turn and commits",
        runs: &[Run::shuttle_pct(3, 2_000), Run::shuttle_random(2_000)],
        covers: &["half of them reserved"],
        seeded: &[
            Seeded { bug: "stm/forget-next-turn", run: Run::shuttle_pct(3, 2_000), expect: "deadlock" },
            Seeded { bug: "stm/two-reserve", run: Run::shuttle_random(2_000), expect: "two commits" },
        ],
        body: reserving_crowd,
    },
];

/// A reader, which also writes so that it has something to commit, against two commits of another thread to what it reads.
fn reserving_reader() {
    let engine = engine_with(Greedy);
    let [x, y, sum] = [(); 3].map(|()| TVar::new_in(&engine, 0));
    let (mine, theirs) = ((x.clone(), y.clone()), (x, y));
    let (runs, ()) = beside(
        &engine,
        move |participant| {
            let mut runs = 0;
            participant.atomically(|tx| {
                runs += 1;
                let (x, y) = (mine.0.read(tx)?, mine.1.read(tx)?);
                assert_eq!(x, y, "the transaction saw a mixture of two commits");
                sum.write(tx, x + y)
            });
            runs
        },
        move |participant| {
            for value in 1..3 {
                participant.attempt(|tx| {
                    theirs.0.write(tx, value)?;
                    theirs.1.write(tx, value)
                });
            }
        },
    );
    assert!(runs <= 2, "a reserving transaction was aborted");
    cover(if runs == 1 { "at once" } else { "reserved" });
}

/// Adds one to both variables, in either order; returns how often the body ran.
fn add_one(participant: &reweave_stm::Participant, first: &TVar<i64>, second: &TVar<i64>) -> usize {
    let mut runs = 0;
    participant.atomically(|tx| -> TxResult<()> {
        runs += 1;
        let (a, b) = (first.read(tx)?, second.read(tx)?);
        assert_eq!(a, b, "the transaction saw a mixture of two commits");
        first.write(tx, a + 1)?;
        second.write(tx, b + 1)
    });
    assert!(runs <= 2, "a reserving transaction was aborted");
    runs
}

fn reserving_pair() {
    let engine = engine_with(Greedy);
    let (x, y) = (TVar::new_in(&engine, 0), TVar::new_in(&engine, 0));
    let theirs = (x.clone(), y.clone());
    let (mine, others) = beside(
        &engine,
        |participant| add_one(participant, &x, &y),
        move |participant| add_one(participant, &theirs.1, &theirs.0),
    );
    if mine + others == 3 {
        cover("one reserved");
    }
    assert_eq!((x.load(), y.load()), (2, 2), "of two commits one was lost");
}

/// The model of `threads` that each add one; returns how often their bodies ran in vain.
fn add_together(threads: usize) -> usize {
    let engine = engine_with(Greedy);
    let (x, y) = (TVar::new_in(&engine, 0), TVar::new_in(&engine, 0));
    let aborted = Arc::new(AtomicUsize::new(0));
    let others: Vec<_> = (1..threads)
        .map(|_| {
            let (x, y, aborted, participant) = (x.clone(), y.clone(), aborted.clone(), engine.participate());
            thread::spawn(move || {
                aborted.fetch_add(add_one(&participant, &y, &x) - 1, Ordering::Relaxed);
            })
        })
        .collect();
    let mine = engine.participate();
    aborted.fetch_add(add_one(&mine, &x, &y) - 1, Ordering::Relaxed);
    for other in others {
        other.join().unwrap();
    }
    let all = threads as i64;
    assert_eq!((x.load(), y.load()), (all, all), "of two commits one was lost");
    assert!(matches!(mine.attempt(|tx| x.write(tx, 0)), Attempt::Committed(())), "something was left reserved");
    aborted.load(Ordering::Relaxed)
}

fn reserving_three() {
    if add_together(3) == 2 {
        cover("waited");
    }
}

fn reserving_crowd() {
    if add_together(6) >= 3 {
        cover("half of them reserved");
    }
}
