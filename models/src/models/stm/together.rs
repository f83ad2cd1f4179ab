//! Transactions beside atoms and channels: who learns of something from one of the three finds it in the others.
//!
//! A message is never ahead of what it announces: what was committed before a send is in every snapshot and every
//! transaction that begins after the receive, and what was swapped before it is in every load. A transaction that waits
//! and a receive that waits wake each other, in a circle.

use reweave_core::atom::Atom;
use reweave_core::channel::{self, Receiver, Sender};
use reweave_core::sync::{Arc, thread};
use reweave_stm::{Attempt, Engine, Participant, TVar, check};

use super::lasting_engine;
use crate::{Model, Run, Seeded, cover};

/// The models of transactions, atoms and channels together.
pub const MODELS: &[Model] = &[
    Model {
        name: "announced-commit",
        property: "who receives a number finds it in the variable and in the atom, and the atom's in the variable",
        runs: &[
            Run::loom_bounded(3),
            Run::loom_bounded(4).deep().may_be_cut_off("not seen to end within two minutes on two cores"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["there", "waited", "ahead of the message"],
        seeded: &[
            Seeded { bug: "stm/stamp-leaves-clean", run: Run::loom_bounded(2), expect: "ahead of the snapshot" },
            Seeded { bug: "stm/stamp-leaves-clean", run: Run::shuttle_pct(3, 5_000), expect: "ahead of the snapshot" },
            Seeded { bug: "channel/relaxed-stamp", run: Run::loom_bounded(2), expect: "Causality violation" },
        ],
        body: announced_commit,
    },
    Model {
        name: "answered-retry",
        property: "a commit wakes a transaction that waits, whose answer by channel comes after its commit and its swap",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran once", "ran again"],
        seeded: &[
            Seeded { bug: "stm/forget-waiters", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "stm/mark-before-enqueue", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "channel/enlist-without-look", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "stm/forget-waiters", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: answered_retry,
    },
    Model {
        name: "watch-that-announces",
        property: "a watch that sends on announces the changes of an atom in their order, none before its commit",
        runs: &[
            Run::loom_bounded(2),
            Run::loom_bounded(3).deep().may_be_cut_off("not seen to end within two minutes on two cores"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["here first", "there first"],
        seeded: &[
            Seeded { bug: "atom/order-of-arrival", run: Run::loom_bounded(2), expect: "out of order" },
            Seeded { bug: "atom/lost-hand-off", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "atom/order-of-arrival", run: Run::shuttle_pct(3, 5_000), expect: "out of order" },
        ],
        body: watch_that_announces,
    },
    Model {
        name: "back-pressure",
        property: "work that transactions limit and a channel hands over is done once, and whoever waits for all of it sees it",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000), Run::shuttle_random(100_000).deep()],
        covers: &["held back", "all done"],
        seeded: &[
            Seeded { bug: "stm/forget-waiters", run: Run::shuttle_random(3_000), expect: "deadlock" },
            Seeded { bug: "stm/commit-without-validation", run: Run::shuttle_random(3_000), expect: "a piece of work" },
            Seeded { bug: "atom/lost-update", run: Run::shuttle_random(3_000), expect: "a piece of work" },
            Seeded { bug: "channel/claim-without-swap", run: Run::shuttle_random(3_000), expect: "exceeded max_steps" },
        ],
        body: back_pressure,
    },
];

/// A variable, and an atom that follows it.
struct World {
    engine: Engine,
    var: TVar<i64>,
    atom: Atom<i64>,
}

impl World {
    fn new() -> Arc<Self> {
        let engine = lasting_engine();
        let var = TVar::new_in(&engine, 0);
        Arc::new(Self { engine, var, atom: Atom::new(0) })
    }

    /// Adds one to the variable in a transaction, and lets the atom follow; returns the number.
    fn count(&self, thread: &Participant) -> i64 {
        let number = thread.atomically(|tx| {
            let number = self.var.read(tx)? + 1;
            self.var.write(tx, number)?;
            Ok(number)
        });
        self.atom.swap(|&seen| seen.max(number));
        number
    }

    /// Checks that the variable and the atom are not behind a number that was received.
    fn check(&self, thread: &Participant, received: i64) {
        let held = self.atom.load_full();
        assert!(*held >= received, "a message was ahead of the atom");
        let seen = thread.snapshot(|snapshot| snapshot.read(&self.var));
        assert!(seen >= received, "a message was ahead of the snapshot");
        assert!(seen >= *held, "the atom was ahead of the snapshot");
        if let Attempt::Committed(read) = thread.attempt(|tx| self.var.read(tx)) {
            assert!(read >= seen, "a snapshot was ahead of the transaction");
        }
        if *held > received || seen > received {
            cover("ahead of the message");
        }
    }
}

/// Receives, and marks whether that was possible at once.
fn receive<T>(rx: &Receiver<T>) -> T {
    match rx.try_recv() {
        Ok(message) => {
            cover("there");
            message
        }
        Err(_) => {
            cover("waited");
            rx.recv().expect("the sender sends before it leaves")
        }
    }
}

fn announced_commit() {
    let world = World::new();
    let (mine, theirs) = (world.engine.participate(), world.engine.participate());
    // Moves the clock to an instant that the next snapshot shares, unless a commit is known to have come between.
    mine.snapshot(|_| ());
    let (tx, rx) = channel::bounded(1);
    let there = world.clone();
    let announcer = thread::spawn(move || {
        tx.send(there.count(&theirs)).expect("the receiver is there");
        there.count(&theirs);
    });
    let received = receive(&rx);
    world.check(&mine, received);
    announcer.join().unwrap();
    assert_eq!((world.var.load(), *world.atom.load()), (2, 2));
}

fn answered_retry() {
    let world = World::new();
    let (mine, theirs) = (world.engine.participate(), world.engine.participate());
    let (tx, rx) = channel::rendezvous();
    let there = world.clone();
    let answerer = thread::spawn(move || {
        let mut attempts = 0;
        theirs.atomically(|tx| {
            attempts += 1;
            check(there.var.read(tx)? == 1)
        });
        cover(if attempts == 1 { "ran once" } else { "ran again" });
        tx.send(there.count(&theirs)).expect("the receiver is there");
    });
    mine.atomically(|tx| world.var.write(tx, 1));
    let answer = rx.recv().expect("the sender sends before it leaves");
    assert_eq!(answer, 2, "the answer came before the question");
    world.check(&mine, answer);
    answerer.join().unwrap();
}

fn watch_that_announces() {
    let world = World::new();
    let (mine, theirs) = (world.engine.participate(), world.engine.participate());
    let (tx, rx): (Sender<(i64, i64)>, _) = channel::unbounded();
    let _watch = world.atom.watch(move |old, new| tx.send((**old, **new)).expect("the receiver is there"));
    // The first call of a watch is in order whatever happens: it waits for the version that it starts from.
    world.count(&mine);
    let there = world.clone();
    let other = thread::spawn(move || there.count(&theirs));
    let number = world.count(&mine);
    let mut last = 0;
    for _ in 0..3 {
        let (old, new) = rx.recv().expect("the watch stays");
        assert_eq!(old, last, "an announcement was out of order");
        world.check(&mine, new);
        last = new;
    }
    cover(if number == 2 { "here first" } else { "there first" });
    other.join().unwrap();
    assert_eq!(last, 3, "the last announcement is the last change");
}

fn back_pressure() {
    const PIECES: i64 = 4;
    let engine = lasting_engine();
    // Pieces that have been begun and not been done; and those that have been done.
    let (open, done) = (TVar::new_in(&engine, 0), TVar::new_in(&engine, 0));
    let sum = Arc::new(Atom::new(0));
    let (tx, rx) = channel::bounded(2);
    let makers = [0, PIECES / 2].map(|first| {
        let (thread, open, tx) = (engine.participate(), open.clone(), tx.clone());
        thread::spawn(move || {
            for piece in first..first + PIECES / 2 {
                let mut attempts = 0;
                thread.atomically(|tx| {
                    attempts += 1;
                    let begun = open.read(tx)?;
                    check(begun < 2)?;
                    open.write(tx, begun + 1)
                });
                if attempts > 1 {
                    cover("held back");
                }
                tx.try_send(1 << piece).expect("a piece of work found no room, though only two may be open");
            }
        })
    });
    drop(tx);
    let doers = [(); 2].map(|()| {
        let (thread, open, done) = (engine.participate(), open.clone(), done.clone());
        let (rx, sum) = (rx.clone(), sum.clone());
        thread::spawn(move || {
            while let Ok(piece) = rx.recv() {
                sum.swap(|sum| sum + piece);
                thread.atomically(|tx| {
                    open.modify(tx, |open| open - 1)?;
                    done.modify(tx, |done| done + 1)
                });
            }
        })
    });
    let waiter = engine.participate();
    waiter.atomically(|tx| check(done.read(tx)? == PIECES));
    // Before the joins, which would order everything.
    assert_eq!(*sum.load(), (1 << PIECES) - 1, "a piece of work was lost or done twice");
    cover("all done");
    makers.into_iter().chain(doers).for_each(|thread| thread.join().unwrap());
    assert_eq!(open.load(), 0, "a piece of work is still open");
}
