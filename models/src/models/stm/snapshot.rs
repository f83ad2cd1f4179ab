//! Snapshots against commits: one instant, never a version that is gone, never one that is not yet.

use reweave_core::sync::Arc;

use super::{Pair, UNBOUNDED, beside, committed};
use crate::{Model, Run, Seeded, cover};

/// The models of snapshots.
pub const MODELS: &[Model] = &[
    Model {
        name: "snapshot-instant",
        property: "a snapshot sees all of a commit or nothing of it",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["before", "after"],
        seeded: &[
            Seeded { bug: "stm/keep-nothing", run: Run::loom_bounded(3), expect: "was pruned" },
            Seeded { bug: "stm/unlock-before-publish", run: Run::loom_bounded(3), expect: "was pruned" },
            Seeded { bug: "stm/snapshot-ignores-locks", run: Run::loom_bounded(3), expect: "half of a commit" },
            Seeded { bug: "stm/stamp-without-fence", run: Run::loom_bounded(3), expect: "half of a commit" },
            Seeded { bug: "stm/keep-nothing", run: Run::shuttle_pct(3, 5_000), expect: "was pruned" },
        ],
        body: snapshot_instant,
    },
    Model {
        name: "snapshot-order",
        property: "a snapshot that sees the second of two commits sees the first",
        runs: &[Run::loom_bounded(3), Run::loom().deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["first only", "both", "neither"],
        seeded: &[Seeded { bug: "stm/keep-nothing", run: Run::loom_bounded(3), expect: "was pruned" }],
        body: snapshot_order,
    },
    Model {
        name: "snapshot-recency",
        property: "a snapshot sees what its thread has committed before, and never less than the one before it",
        runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
        covers: &["saw the other's commit", "saw its own only"],
        seeded: &[Seeded {
            bug: "stm/stamp-leaves-clean",
            run: Run::loom_bounded(3),
            expect: "an own commit was missed",
        }],
        body: snapshot_recency,
    },
    Model {
        name: "snapshot-pruning",
        property: "pruning leaves every version that an open snapshot needs",
        runs: &[
            Run::loom_bounded(2),
            Run::loom_bounded(3).deep().may_be_cut_off("not seen to end within five minutes on two cores"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["two versions kept", "one version kept"],
        seeded: &[
            Seeded { bug: "stm/prune-too-much", run: Run::loom_bounded(3), expect: "was pruned" },
            Seeded { bug: "stm/snapshot-unannounced", run: Run::loom_bounded(3), expect: "was pruned" },
            Seeded { bug: "stm/prune-too-much", run: Run::shuttle_pct(3, 5_000), expect: "was pruned" },
        ],
        body: snapshot_pruning,
    },
];

fn snapshot_instant() {
    let pair = Pair::new_at_used_tick(0, 0);
    let there = pair.clone();
    beside(
        &pair.engine,
        |reader| {
            reader.snapshot(|s| {
                let x = s.read(&pair.x);
                let y = s.read(&pair.y);
                assert_eq!(x, y, "half of a commit was seen");
                cover(if x == 0 { "before" } else { "after" });
            });
        },
        move |writer| assert!(committed(&writer.attempt(|tx| there.write(tx, 1)))),
    );
}

fn snapshot_order() {
    let pair = Pair::new_at_used_tick(0, 0);
    let there = pair.clone();
    beside(
        &pair.engine,
        |reader| {
            reader.snapshot(|s| {
                let second = s.read(&pair.y);
                let first = s.read(&pair.x);
                assert!(first >= second, "a snapshot saw the second commit without the first");
                cover(["neither", "first only", "both"][usize::try_from(first + second).unwrap()]);
            });
        },
        move |writer| {
            assert!(committed(&writer.attempt(|tx| there.x.write(tx, 1))));
            assert!(committed(&writer.attempt(|tx| there.y.write(tx, 1))));
        },
    );
}

fn snapshot_recency() {
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    beside(
        &pair.engine,
        |thread| {
            let before = thread.snapshot(|s| s.read(&pair.y));
            let wrote = committed(&thread.attempt(|tx| pair.x.write(tx, 1)));
            let (x, y) = thread.snapshot(|s| (s.read(&pair.x), s.read(&pair.y)));
            assert_eq!(x, i64::from(wrote), "an own commit was missed");
            assert!(y >= before, "a later snapshot saw less");
            cover(if y == 1 { "saw the other's commit" } else { "saw its own only" });
        },
        move |thread| assert!(committed(&thread.attempt(|tx| there.y.write(tx, 1)))),
    );
}

fn snapshot_pruning() {
    let pair = Pair::new(0, 0);
    let there: Arc<Pair> = pair.clone();
    beside(
        &pair.engine,
        |reader| {
            reader.snapshot(|s| {
                let x = s.read(&pair.x);
                assert_eq!(s.read(&pair.x), x, "a snapshot changed");
            });
        },
        move |writer| {
            // Each snapshot moves the clock, so that each commit has a version to keep and the second one to prune.
            for value in 1..=2 {
                assert!(committed(&writer.attempt(|tx| there.x.write(tx, value))));
                assert_eq!(writer.snapshot(|s| s.read(&there.x)), value);
            }
            assert!(committed(&writer.attempt(|tx| there.x.write(tx, 3))));
            cover(if there.x.older_versions() > 1 { "two versions kept" } else { "one version kept" });
        },
    );
}
