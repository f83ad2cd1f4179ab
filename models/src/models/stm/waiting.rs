//! `retry` against commits: no wake-up is lost, in either branch of an alternative.
//!
//! A lost wake-up is a deadlock, which both checkers report.

use reweave_core::sync::Arc;
use reweave_stm::{TVar, Tx, TxResult, check};

use super::{Pair, UNBOUNDED, beside, committed};
use crate::{Model, Run, Seeded, cover};

/// The models of waiting.
pub const MODELS: &[Model] = &[
    Model {
        name: "retry-commit",
        property: "who waits for a variable is woken by the commit that changes it",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["ran once", "ran again"],
        seeded: &[
            Seeded { bug: "stm/mark-before-enqueue", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "stm/forget-waiters", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "stm/mark-before-enqueue", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: retry_commit,
    },
    Model {
        name: "retry-two-commits",
        property: "who waits for two variables to agree is woken by whichever commit makes them",
        runs: &[
            Run::loom_bounded(3),
            Run::loom_bounded(4).deep().may_be_cut_off("not seen to end within five minutes on two cores"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["ran once", "ran again"],
        seeded: &[Seeded { bug: "stm/forget-waiters", run: Run::loom_bounded(3), expect: "deadlock" }],
        body: retry_two_commits,
    },
    Model {
        name: "retry-or-else",
        property: "who waits in both branches is woken by a change of either",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["ran once", "ran again"],
        seeded: &[
            Seeded { bug: "stm/or-else-forgets-reads", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "stm/mark-before-enqueue", run: Run::loom_bounded(3), expect: "deadlock" },
        ],
        body: retry_or_else,
    },
    Model {
        name: "retry-after-write",
        property: "who waits for a variable that it has written, too, is woken by a commit to it",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["ran once", "ran again"],
        seeded: &[
            Seeded { bug: "stm/forget-taken-reads", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "stm/forget-taken-reads", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: retry_after_write,
    },
    Model {
        name: "or-else-after-write",
        property: "who waits in both branches is woken by a change of what the undone branch had read and written",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["ran once", "ran again"],
        seeded: &[
            Seeded { bug: "stm/undo-forgets-taken-reads", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "stm/undo-forgets-taken-reads", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: or_else_after_write,
    },
];

fn cover_attempts(attempts: usize) {
    cover(if attempts == 1 { "ran once" } else { "ran again" });
}

/// One waits for a `chance` that the other gives it by setting x to 1.
fn wait_for_x(pair: &Arc<Pair>, mut chance: impl FnMut(&mut Tx<'_>) -> TxResult<()>) {
    let there = pair.clone();
    beside(
        &pair.engine,
        |waiter| {
            let mut attempts = 0;
            waiter.atomically(|tx| {
                attempts += 1;
                chance(tx)
            });
            cover_attempts(attempts);
        },
        move |writer| writer.atomically(|tx| there.x.write(tx, 1)),
    );
}

fn retry_commit() {
    let pair = Pair::new(0, 0);
    wait_for_x(&pair, |tx| check(pair.x.read(tx)? == 1));
}

fn retry_two_commits() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    beside(
        &pair.engine,
        |waiter| {
            let mut attempts = 0;
            waiter.atomically(|tx| {
                attempts += 1;
                let (x, y) = pair.read(tx)?;
                check(x + y == 2)
            });
            cover_attempts(attempts);
        },
        move |writer| {
            assert!(committed(&writer.attempt(|tx| there.y.write(tx, 1))));
            assert!(committed(&writer.attempt(|tx| there.x.write(tx, 1))));
        },
    );
}

fn retry_or_else() {
    let pair = Pair::new(0, 0);
    wait_for_x(&pair, |tx| tx.or_else(|tx| check(pair.x.read(tx)? == 1), |tx| check(pair.y.read(tx)? == 1)));
}

/// Adds 10 to x, provided that it was 1.
fn add_if_1(x: &TVar<i64>, tx: &mut Tx<'_>) -> TxResult<()> {
    let before = x.read(tx)?;
    x.write(tx, before + 10)?;
    check(before == 1)
}

fn retry_after_write() {
    let pair = Pair::new(0, 0);
    wait_for_x(&pair, |tx| {
        // Another read, so that there is something to wait for if that of x were forgotten.
        pair.y.read(tx)?;
        add_if_1(&pair.x, tx)
    });
    assert_eq!(pair.x.load(), 11, "the change that it waited for comes before its own");
}

fn or_else_after_write() {
    let pair = Pair::new(0, 0);
    wait_for_x(&pair, |tx| tx.or_else(|tx| add_if_1(&pair.x, tx), |tx| check(pair.y.read(tx)? == 1)));
    assert_eq!(pair.x.load(), 11, "the change that it waited for comes before its own");
}
