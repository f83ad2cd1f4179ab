//! The fences of the clock, and the restoring of a record by an abort: each with the client that notices it missing.
//!
//! Most of these need a third thread that does nothing but move the clock, or a commit that a third party aborts; they are
//! bounded.

use reweave_core::sync::{Arc, thread};
use reweave_stm::{Participant, TVar, check};

use super::{Pair, committed};
use crate::{Model, Run, Seeded, cover};

/// The models of single fences.
pub const MODELS: &[Model] = &[
    Model {
        name: "tick-order",
        property: "ticks follow the order in which commits read and write, so that an instant is a prefix of it",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["reader committed", "snapshot in between"],
        seeded: &[Seeded {
            bug: "stm/validate-without-fence",
            run: Run::loom_bounded(4),
            expect: "the later commit without the earlier",
        }],
        body: tick_order,
    },
    Model {
        name: "begin-fence",
        property: "who begins after the clock was moved by a third party sees the commits that came before",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["read"],
        seeded: &[Seeded { bug: "stm/begin-without-fence", run: Run::loom_bounded(3), expect: "half of a commit" }],
        body: begin_fence,
    },
    Model {
        name: "shared-instant",
        property: "two snapshots that share an instant see the same commits",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["before", "after"],
        seeded: &[Seeded { bug: "stm/snapshot-without-fence", run: Run::loom_bounded(2), expect: "half of a commit" }],
        body: shared_instant,
    },
    Model {
        name: "shared-instant-pruning",
        property: "a snapshot that shares an instant is seen by those who prune",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["read"],
        seeded: &[Seeded { bug: "stm/share-without-fence", run: Run::loom_bounded(3), expect: "was pruned" }],
        body: shared_instant_pruning,
    },
    Model {
        name: "abort-keeps-waiters",
        property: "a commit that gives up keeps the mark of those who wait",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["woken"],
        seeded: &[Seeded { bug: "stm/abort-forgets-waiters", run: Run::loom_bounded(2), expect: "deadlock" }],
        body: abort_keeps_waiters,
    },
];

/// A pair whose clock's tick is used, and three participants.
fn three() -> (Arc<Pair>, [Participant; 3]) {
    let pair = Pair::new(0, 0);
    let participants = [(); 3].map(|()| pair.engine.participate());
    let other = TVar::new_in(&pair.engine, 0);
    assert!(committed(&participants[0].attempt(|tx| other.write(tx, 1))));
    (pair, participants)
}

fn tick_order() {
    let (pair, [reader, writer, auditor]) = three();
    let there = pair.clone();
    let writing = thread::spawn(move || committed(&writer.attempt(|tx| there.x.write(tx, 1))));
    let there = pair.clone();
    let auditing = thread::spawn(move || auditor.snapshot(|s| (s.read(&there.x), s.read(&there.y))));
    // If it reads x = 0 and commits, it comes before the writer.
    let mut read = 0;
    let done = committed(&reader.attempt(|tx| {
        read = pair.x.read(tx)?;
        pair.y.write(tx, 1)
    }));
    writing.join().unwrap();
    let seen = auditing.join().unwrap();
    assert!(!(done && read == 0 && seen == (1, 0)), "a snapshot saw the later commit without the earlier");
    if done {
        cover("reader committed");
    }
    if seen == (0, 1) || seen == (1, 0) {
        cover("snapshot in between");
    }
}

fn begin_fence() {
    let (pair, [reader, writer, auditor]) = three();
    let there = pair.clone();
    let writing = thread::spawn(move || {
        writer.attempt(|tx| there.write(tx, 1));
    });
    let ticking = thread::spawn(move || auditor.snapshot(|_| ()));
    reader.attempt(|tx| {
        let (x, y) = pair.read(tx)?;
        assert!(x >= y, "half of a commit was seen");
        cover("read");
        Ok(())
    });
    writing.join().unwrap();
    ticking.join().unwrap();
}

fn shared_instant() {
    let (pair, [reader, writer, other]) = three();
    let there = pair.clone();
    let writing = thread::spawn(move || {
        writer.attempt(|tx| there.write(tx, 1));
    });
    let ticking = thread::spawn(move || other.snapshot(|_| ()));
    reader.snapshot(|s| {
        let (x, y) = (s.read(&pair.x), s.read(&pair.y));
        assert_eq!(x, y, "half of a commit was seen");
        cover(if x == 0 { "before" } else { "after" });
    });
    writing.join().unwrap();
    ticking.join().unwrap();
}

fn shared_instant_pruning() {
    let pair = Pair::new(0, 0);
    let (reader, writer) = (pair.engine.participate(), pair.engine.participate());
    // Moves the clock to an instant that the next snapshot may share.
    reader.snapshot(|_| ());
    let there = pair.clone();
    let writing = thread::spawn(move || {
        writer.attempt(|tx| there.x.write(tx, 1));
        writer.snapshot(|_| ());
        writer.attempt(|tx| there.x.write(tx, 2));
    });
    reader.snapshot(|s| {
        let x = s.read(&pair.x);
        assert_eq!(x, s.read(&pair.x), "a snapshot changed");
        cover("read");
    });
    writing.join().unwrap();
}

fn abort_keeps_waiters() {
    let pair = Pair::new(0, 0);
    let [waiter, writer, spoiler] = [(); 3].map(|()| pair.engine.participate());
    let there = pair.clone();
    // Its first attempt may lock x, find that y has changed, and give up.
    let writing = thread::spawn(move || {
        writer.atomically(|tx| {
            there.y.read(tx)?;
            there.x.write(tx, 1)
        });
    });
    let there = pair.clone();
    let spoiling = thread::spawn(move || {
        spoiler.attempt(|tx| there.y.write(tx, 1));
    });
    waiter.atomically(|tx| check(pair.x.read(tx)? == 1));
    cover("woken");
    writing.join().unwrap();
    spoiling.join().unwrap();
}
