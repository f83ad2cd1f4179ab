//! The commit protocol: no anomaly, no torn read, no doomed reader that sees what never was.

use reweave_stm::{Participant, TVar};

use super::{Pair, beside, committed};
use crate::{Model, Run, Seeded, cover};

/// The models of the commit protocol.
pub const MODELS: &[Model] = &[
    Model {
        name: "write-skew",
        property: "of two transactions that each read what the other writes, one sees the other or aborts",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["one after the other", "one aborted"],
        seeded: &[
            Seeded { bug: "stm/commit-without-validation", run: Run::loom(), expect: "write skew" },
            Seeded { bug: "stm/stamp-without-fence", run: Run::loom(), expect: "write skew" },
            Seeded { bug: "stm/commit-without-validation", run: Run::shuttle_pct(3, 5_000), expect: "write skew" },
        ],
        body: write_skew,
    },
    Model {
        name: "lost-update",
        property: "a counter ends at the number of increments that committed, two a thread",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["all committed", "one aborted"],
        seeded: &[
            Seeded { bug: "stm/commit-without-validation", run: Run::loom(), expect: "an update was lost" },
            Seeded { bug: "stm/read-without-recheck", run: Run::loom(), expect: "an update was lost" },
        ],
        body: lost_update,
    },
    Model {
        name: "torn-read",
        property: "no body sees half of a commit, not even in an attempt that will abort",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["read before", "read after"],
        seeded: &[
            Seeded { bug: "stm/read-without-recheck", run: Run::loom(), expect: "half of a commit" },
            Seeded { bug: "stm/unlock-before-publish", run: Run::loom(), expect: "half of a commit" },
            Seeded { bug: "stm/extend-without-validation", run: Run::loom(), expect: "half of a commit" },
            Seeded {
                bug: "stm/extend-without-validation",
                run: Run::shuttle_pct(3, 5_000),
                expect: "half of a commit",
            },
        ],
        body: torn_read,
    },
    Model {
        name: "doomed-reader",
        property: "a reader that sees the second of two commits sees the first, though both have the same tick",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["saw both", "saw neither", "aborted"],
        seeded: &[
            Seeded { bug: "stm/extend-without-validation", run: Run::loom(), expect: "the effect without its cause" },
            Seeded { bug: "stm/tie-ignores-owner", run: Run::loom(), expect: "the effect without its cause" },
            Seeded { bug: "stm/read-the-future", run: Run::loom(), expect: "the effect without its cause" },
        ],
        body: doomed_reader,
    },
    Model {
        name: "own-tie",
        property: "a thread that recognises its own commit by its tick does not mistake another's for it",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["saw its own", "saw the other's"],
        seeded: &[Seeded { bug: "stm/tie-ignores-owner", run: Run::loom(), expect: "halves of two commits" }],
        body: own_tie,
    },
    Model {
        name: "opposite-orders",
        property: "two commits that lock in opposite orders neither deadlock nor mix",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["both committed", "one gave way"],
        seeded: &[Seeded { bug: "stm/ignore-locks", run: Run::loom(), expect: "the commits were mixed" }],
        body: opposite_orders,
    },
    Model {
        name: "store-transaction",
        property: "stores outside transactions are transactions of their own: read in order, lost by nobody",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["saw both", "saw neither", "aborted"],
        seeded: &[Seeded {
            bug: "stm/extend-without-validation",
            run: Run::loom(),
            expect: "the second store without the first",
        }],
        body: store_transaction,
    },
];

fn write_skew() {
    let pair = Pair::new(0, 0);
    let claim = |pair: &Pair, thread: &Participant, mine: fn(&Pair) -> &TVar<i64>| {
        committed(&thread.attempt(|tx| {
            let (x, y) = pair.read(tx)?;
            if x + y == 0 { mine(pair).write(tx, 1) } else { Ok(()) }
        }))
    };
    let there = pair.clone();
    let both = beside(
        &pair.engine,
        |thread| claim(&pair, thread, |pair| &pair.x),
        move |thread| claim(&there, thread, |pair| &pair.y),
    );
    let (x, y) = pair.load();
    assert!(x + y <= 1, "write skew: both saw nothing claimed, and both claimed");
    assert!(x + y == 1 || both == (false, false), "a claim that committed is there");
    cover(if both == (true, true) { "one after the other" } else { "one aborted" });
}

fn lost_update() {
    let pair = Pair::new(0, 0);
    let increment_twice = |pair: &Pair, thread: &Participant| {
        let increment = || i64::from(committed(&thread.attempt(|tx| pair.x.modify(tx, |x| x + 1))));
        increment() + increment()
    };
    let there = pair.clone();
    let (here, there) =
        beside(&pair.engine, |thread| increment_twice(&pair, thread), move |thread| increment_twice(&there, thread));
    assert_eq!(pair.x.load(), here + there, "an update was lost, or an abort was none");
    cover(if here + there == 4 { "all committed" } else { "one aborted" });
}

fn torn_read() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    beside(
        &pair.engine,
        |reader| {
            reader.attempt(|tx| {
                let y = pair.y.read(tx)?;
                let x = pair.x.read(tx)?;
                assert_eq!(x, y, "half of a commit was seen");
                cover(if x == 0 { "read before" } else { "read after" });
                Ok(())
            });
        },
        move |writer| assert!(committed(&writer.attempt(|tx| there.write(tx, 1))), "nobody is in the writer's way"),
    );
}

fn doomed_reader() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    let (attempt, ()) = beside(
        &pair.engine,
        |reader| {
            reader.attempt(|tx| {
                let (cause, effect) = pair.read(tx)?;
                assert!(cause >= effect, "the effect without its cause");
                Ok(cause + effect)
            })
        },
        move |writer| {
            assert!(committed(&writer.attempt(|tx| there.x.write(tx, 1))));
            assert!(committed(&writer.attempt(|tx| there.y.write(tx, 1))));
        },
    );
    match attempt {
        reweave_stm::Attempt::Committed(0) => cover("saw neither"),
        reweave_stm::Attempt::Committed(2) => cover("saw both"),
        reweave_stm::Attempt::Committed(_) => {}
        _ => cover("aborted"),
    }
}

fn own_tie() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    beside(
        &pair.engine,
        |thread| {
            let wrote = committed(&thread.attempt(|tx| pair.write(tx, 1)));
            thread.attempt(|tx| {
                let (x, y) = pair.read(tx)?;
                assert_eq!(x, y, "halves of two commits were seen");
                assert!(x != 0 || !wrote, "a commit of this thread is missing");
                cover(if x == 1 { "saw its own" } else { "saw the other's" });
                Ok(())
            });
        },
        move |thread| {
            thread.attempt(|tx| there.write(tx, 2));
        },
    );
}

fn opposite_orders() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    let (here, there) = beside(
        &pair.engine,
        |thread| committed(&thread.attempt(|tx| pair.write(tx, 1))),
        move |thread| {
            committed(&thread.attempt(|tx| {
                there.y.write(tx, 2)?;
                there.x.write(tx, 2)
            }))
        },
    );
    let (x, y) = pair.load();
    assert_eq!(x, y, "the commits were mixed");
    match (here, there) {
        (true, true) => cover("both committed"),
        (true, false) => {
            assert_eq!(x, 1);
            cover("one gave way");
        }
        (false, true) => {
            assert_eq!(x, 2);
            cover("one gave way");
        }
        (false, false) => assert_eq!(x, 0, "each may meet a lock of the other"),
    }
}

fn store_transaction() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    let (attempt, ()) = beside(
        &pair.engine,
        |reader| {
            reader.attempt(|tx| {
                let (first, second) = pair.read(tx)?;
                assert!(first >= second, "the second store without the first");
                Ok(first + second)
            })
        },
        move |_| {
            there.x.store(1);
            there.y.store(1);
        },
    );
    match attempt {
        reweave_stm::Attempt::Committed(0) => cover("saw neither"),
        reweave_stm::Attempt::Committed(2) => cover("saw both"),
        reweave_stm::Attempt::Committed(_) => {}
        _ => cover("aborted"),
    }
}
