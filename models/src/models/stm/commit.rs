//! The commit protocol: no anomaly, no torn read, no doomed reader that sees what never was.

use reweave_core::sync::thread;
use reweave_stm::{Attempt, Participant};

use super::{Pair, UNBOUNDED, beside, committed};
use crate::{Model, Run, Seeded, cover};

/// The models of the commit protocol.
pub const MODELS: &[Model] = &[
    Model {
        name: "write-skew",
        property: "of two transactions that each read what the other writes, one sees the other or aborts",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["one after the other", "one aborted"],
        seeded: &[
            Seeded { bug: "stm/commit-without-validation", run: Run::loom_bounded(3), expect: "write skew" },
            Seeded { bug: "stm/commit-without-validation", run: Run::shuttle_pct(3, 5_000), expect: "write skew" },
        ],
        body: write_skew,
    },
    Model {
        name: "lost-update",
        property: "a counter ends at the number of increments that committed",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["all committed", "one aborted"],
        seeded: &[Seeded {
            bug: "stm/commit-without-validation",
            run: Run::loom_bounded(3),
            expect: "an update was lost",
        }],
        body: lost_update,
    },
    Model {
        name: "lost-updates-in-a-row",
        property: "the same with two increments a thread, so that ticks and owners tie",
        runs: &[
            Run::loom_bounded(3),
            Run::loom_bounded(4).deep().may_be_cut_off("not seen to end within five minutes on two cores"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["all committed", "one aborted"],
        seeded: &[
            Seeded { bug: "stm/commit-without-validation", run: Run::loom_bounded(3), expect: "an update was lost" },
            Seeded { bug: "stm/tick-without-fence", run: Run::loom_bounded(3), expect: "an update was lost" },
        ],
        body: lost_updates_in_a_row,
    },
    Model {
        name: "torn-read",
        property: "no body sees half of a commit, not even in an attempt that will abort",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["read before", "read after"],
        seeded: &[
            Seeded { bug: "stm/read-without-recheck", run: Run::loom_bounded(3), expect: "half of a commit" },
            Seeded { bug: "stm/unlock-before-publish", run: Run::loom_bounded(3), expect: "half of a commit" },
            Seeded { bug: "stm/extend-without-validation", run: Run::loom_bounded(3), expect: "half of a commit" },
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
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["saw both", "saw neither", "aborted"],
        seeded: &[
            Seeded {
                bug: "stm/extend-without-validation",
                run: Run::loom_bounded(3),
                expect: "the effect without its cause",
            },
            Seeded { bug: "stm/tie-ignores-owner", run: Run::loom_bounded(3), expect: "the effect without its cause" },
            Seeded { bug: "stm/read-the-future", run: Run::loom_bounded(3), expect: "the effect without its cause" },
        ],
        body: doomed_reader,
    },
    Model {
        name: "doomed-writer",
        property: "one that sees the second of two commits saw the first, also in a variable that it has written since",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["saw both", "saw neither", "aborted"],
        seeded: &[Seeded {
            bug: "stm/forget-taken-reads",
            run: Run::loom_bounded(3),
            expect: "the effect without its cause",
        }],
        body: doomed_writer,
    },
    Model {
        name: "own-tie",
        property: "a thread that recognises its own commit by its tick does not mistake another's for it",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["saw its own", "saw the other's"],
        seeded: &[Seeded { bug: "stm/tie-ignores-owner", run: Run::loom_bounded(3), expect: "halves of two commits" }],
        body: own_tie,
    },
    Model {
        name: "opposite-orders",
        property: "two commits that lock in opposite orders neither deadlock nor mix",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["both committed", "one gave way"],
        seeded: &[Seeded { bug: "stm/ignore-locks", run: Run::loom_bounded(3), expect: "the commits were mixed" }],
        body: opposite_orders,
    },
    Model {
        name: "store-transaction",
        property: "stores outside transactions are transactions of their own: read in order, lost by nobody",
        runs: &[
            Run::loom_bounded(3),
            Run::loom().deep().may_be_cut_off("not seen to end within five minutes on two cores"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["saw both", "saw neither", "aborted"],
        seeded: &[Seeded {
            bug: "stm/extend-without-validation",
            run: Run::loom_bounded(3),
            expect: "the second store without the first",
        }],
        body: store_transaction,
    },
];

fn write_skew() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    // Each reads what the other writes: in any serial order, one of them reads what the other wrote.
    let (here, there) = beside(
        &pair.engine,
        |thread| {
            thread.attempt(|tx| {
                pair.x.write(tx, 1)?;
                pair.y.read(tx)
            })
        },
        move |thread| {
            thread.attempt(|tx| {
                there.y.write(tx, 1)?;
                there.x.read(tx)
            })
        },
    );
    assert_eq!(
        pair.load(),
        (i64::from(committed(&here)), i64::from(committed(&there))),
        "a write that committed is there"
    );
    if let (Attempt::Committed(y), Attempt::Committed(x)) = (here, there) {
        assert!(x + y > 0, "write skew: neither saw what the other wrote");
        cover("one after the other");
    } else {
        cover("one aborted");
    }
}

/// Increments x in one attempt; returns how much that added.
fn increment(pair: &Pair, thread: &Participant) -> i64 {
    i64::from(committed(&thread.attempt(|tx| pair.x.modify(tx, |x| x + 1))))
}

fn lost_update() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    let (here, there) =
        beside(&pair.engine, |thread| increment(&pair, thread), move |thread| increment(&there, thread));
    assert_eq!(pair.x.load(), here + there, "an update was lost, or an abort was none");
    cover(if here + there == 2 { "all committed" } else { "one aborted" });
}

fn lost_updates_in_a_row() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    let (here, there) = beside(
        &pair.engine,
        |thread| increment(&pair, thread) + increment(&pair, thread),
        move |thread| increment(&there, thread) + increment(&there, thread),
    );
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
    doomed(false);
}

fn doomed_writer() {
    doomed(true);
}

/// Reads cause and effect; in between it writes the cause, if it `writes`.
fn doomed(writes: bool) {
    let pair = Pair::new_at_used_tick(0, 0);
    let there = pair.clone();
    let (attempt, ()) = beside(
        &pair.engine,
        |reader| {
            reader.attempt(|tx| {
                let cause = pair.x.read(tx)?;
                if writes {
                    pair.x.write(tx, 7)?;
                }
                let effect = pair.y.read(tx)?;
                assert!(cause >= effect, "the effect without its cause");
                Ok(cause + effect)
            })
        },
        move |writer| {
            let caused = committed(&writer.attempt(|tx| there.x.write(tx, 1)));
            assert!(caused || writes, "nothing but the other's lock of the cause is in the way");
            if caused {
                assert!(committed(&writer.attempt(|tx| there.y.write(tx, 1))));
            }
        },
    );
    match attempt {
        Attempt::Committed(0) => cover("saw neither"),
        Attempt::Committed(2) => cover("saw both"),
        Attempt::Committed(_) => {}
        _ => cover("aborted"),
    }
}

fn own_tie() {
    let pair = Pair::new(0, 0);
    let (mine, theirs) = (pair.engine.participate(), pair.engine.participate());
    // A commit of this thread at the very tick at which the other one commits.
    assert!(committed(&mine.attempt(|tx| pair.write(tx, 1))));
    let there = pair.clone();
    let other = thread::spawn(move || assert!(committed(&theirs.attempt(|tx| there.write(tx, 2)))));
    mine.attempt(|tx| {
        let (x, y) = pair.read(tx)?;
        assert_eq!(x, y, "halves of two commits were seen");
        cover(if x == 1 { "saw its own" } else { "saw the other's" });
        Ok(())
    });
    other.join().unwrap();
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
    let pair = Pair::new_at_used_tick(0, 0);
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
        Attempt::Committed(0) => cover("saw neither"),
        Attempt::Committed(2) => cover("saw both"),
        Attempt::Committed(_) => {}
        _ => cover("aborted"),
    }
}
