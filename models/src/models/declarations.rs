//! The wait-for graph and what programs declare: deadlocks that go through channels, promises, latches and `retry`
//! are reported, and a wait that somebody undeclared will end is not.

use reweave_core::channel::{self, Why};
use reweave_core::context::Agent;
use reweave_core::lock::{Guard, Latch, Lock};
use reweave_core::promise;
use reweave_core::sync::{Arc, thread};
use reweave_core::waitfor::{self, Graph};
use reweave_stm::{Stop, TVar, TransactionError, check};

use super::stm::lasting_engine;
use super::waitfor::{Outcome, find_nothing, run_and_watch};
use crate::{Model, Run, Seeded};

const WATCHED: &[&str] = &["broken", "cancelled", "no deadlock"];

/// The models of what is declared.
pub const MODELS: &[Model] = &[
    Model {
        name: "held-channel",
        property: "a receiver and a sender that wait for each other are reported once both hold their handles",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 3_000)],
        covers: WATCHED,
        seeded: &[Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(1), expect: "was not reported" }],
        body: held_channel,
    },
    Model {
        name: "held-rendezvous",
        property: "a sender that waits for a receiver who waits for it is reported once both hold their handles",
        runs: &[Run::loom_bounded(1), Run::shuttle_pct(3, 3_000)],
        covers: WATCHED,
        seeded: &[Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(1), expect: "was not reported" }],
        body: held_rendezvous,
    },
    Model {
        name: "held-promise",
        property: "a reader and the keeper of its promise that wait for each other are reported",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 3_000)],
        covers: WATCHED,
        seeded: &[Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(1), expect: "was not reported" }],
        body: held_promise,
    },
    Model {
        name: "released-sender",
        property: "a handle that was released and handed on makes no deadlock",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["both slept"],
        seeded: &[
            Seeded { bug: "waitfor/hold-for-ever", run: Run::loom_bounded(2), expect: "never was" },
            Seeded { bug: "waitfor/hold-for-ever", run: Run::shuttle_pct(3, 3_000), expect: "never was" },
        ],
        body: released_sender,
    },
    Model {
        name: "cloned-sender",
        property: "a clone of a handle that is held keeps the channel out of every deadlock",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["both slept"],
        seeded: &[
            Seeded { bug: "channel/clones-are-held", run: Run::loom_bounded(2), expect: "never was" },
            Seeded { bug: "channel/clones-are-held", run: Run::shuttle_pct(3, 3_000), expect: "never was" },
        ],
        body: cloned_sender,
    },
    Model {
        name: "last-sender",
        property: "a receiver whose last sender is just being dropped is in no deadlock",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["slept"],
        seeded: &[
            Seeded { bug: "channel/nobody-closes", run: Run::loom_bounded(2), expect: "never was" },
            Seeded { bug: "channel/nobody-closes", run: Run::shuttle_pct(3, 3_000), expect: "never was" },
        ],
        body: last_sender,
    },
    Model {
        name: "handed-values",
        property: "while values are on their way between two who hold all handles, neither is reported",
        runs: &[
            Run::loom_bounded(1),
            Run::loom_bounded(2).deep().may_be_cut_off("not seen to end"),
            Run::shuttle_pct(3, 3_000),
        ],
        covers: &["both slept"],
        seeded: &[Seeded { bug: "waitfor/count-the-decided", run: Run::loom_bounded(2), expect: "never was" }],
        body: handed_values,
    },
    Model {
        name: "released-promise",
        property: "a promise that was released and handed on makes no deadlock",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["both slept"],
        seeded: &[Seeded { bug: "waitfor/hold-for-ever", run: Run::loom_bounded(2), expect: "never was" }],
        body: released_promise,
    },
    Model {
        name: "declared-latch",
        property: "who waits for a latch that only a waiter would count down is reported, as was declared",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 3_000)],
        covers: WATCHED,
        seeded: &[Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(1), expect: "was not reported" }],
        body: declared_latch,
    },
    Model {
        name: "declared-lock",
        property: "a declaration does not stand in for the owner of a lock whose guard roams",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(4, 20_000)],
        covers: &["both slept"],
        seeded: &[Seeded { bug: "waitfor/declare-the-open", run: Run::loom_bounded(2), expect: "never was" }],
        body: declared_lock,
    },
    Model {
        name: "retry",
        property: "a transaction that waits for a variable whose only writer waits for it is reported, as was declared",
        runs: &[Run::loom_bounded(1), Run::shuttle_pct(3, 3_000)],
        covers: WATCHED,
        seeded: &[Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(1), expect: "was not reported" }],
        body: transaction,
    },
];

/// The outcome of a wait on a channel that only cancellation stops.
fn stopped(why: Option<Why>) -> Outcome {
    match why {
        Some(Why::Stopped(stopped)) => Err(stopped.into()),
        _ => Ok(()),
    }
}

fn held_channel() {
    let (tx, rx) = channel::unbounded::<u8>();
    let lock = Arc::new(Lock::named("table", ()));
    let theirs = lock.clone();
    let receiver = move || {
        let rx = rx.hold();
        let _held = theirs.lock();
        stopped(rx.recv().err())
    };
    let sender = move || {
        let tx = tx.hold();
        let acquired = lock.acquire().map(drop);
        drop(tx);
        acquired
    };
    run_and_watch([Box::new(receiver), Box::new(sender)]);
}

fn held_rendezvous() {
    let (tx, rx) = channel::rendezvous::<u8>();
    let lock = Arc::new(Lock::named("table", ()));
    let theirs = lock.clone();
    let sender = move || {
        let tx = tx.hold();
        let _held = theirs.lock();
        stopped(tx.send(1).err().map(|error| error.why))
    };
    let receiver = move || {
        let rx = rx.hold();
        let acquired = lock.acquire().map(drop);
        drop(rx);
        acquired
    };
    run_and_watch([Box::new(sender), Box::new(receiver)]);
}

fn held_promise() {
    let (promise, answer) = promise::pair::<u8, ()>();
    let lock = Arc::new(Lock::named("notes", ()));
    let theirs = lock.clone();
    let reader = move || {
        let _held = theirs.lock();
        match answer.wait() {
            Err(promise::Failure::Stopped(stopped)) => Err(stopped.into()),
            _ => Ok(()),
        }
    };
    let keeper = move || {
        let promise = promise.hold();
        let acquired = lock.acquire().map(drop);
        promise.fulfil(1);
        acquired
    };
    run_and_watch([Box::new(reader), Box::new(keeper)]);
}

fn declared_latch() {
    let shared = Arc::new((Lock::named("table", ()), Latch::named("loaded", 1)));
    let (loader, theirs) = (Agent::fresh(), shared.clone());
    let waiter = move || {
        let _held = theirs.0.lock();
        waitfor::ended_by([loader], || theirs.1.wait_or_stop())
    };
    let counter = move || {
        loader.run(|| {
            let acquired = shared.0.acquire().map(drop);
            shared.1.count_down();
            acquired
        })
    };
    run_and_watch([Box::new(waiter), Box::new(counter)]);
}

fn transaction() {
    let engine = lasting_engine();
    let shared = Arc::new((Lock::named("table", ()), TVar::new_in(&engine, false)));
    let (reads, writes) = (engine.participate(), engine.participate());
    let (writer, theirs) = (Agent::fresh(), shared.clone());
    let waiter = move || {
        let _held = theirs.0.lock();
        let waited = waitfor::ended_by([writer], || {
            reads.try_atomically(|tx| check(theirs.1.read(tx)?).map_err(Stop::<()>::from))
        });
        match waited {
            Err(TransactionError::Stopped(stopped)) => Err(stopped.into()),
            _ => Ok(()),
        }
    };
    let ender = move || {
        writer.run(|| {
            let acquired = shared.0.acquire().map(drop);
            writes.atomically(|tx| shared.1.write(tx, true));
            acquired
        })
    };
    run_and_watch([Box::new(waiter), Box::new(ender)]);
}

/// `waits`, in a thread that has a lock, is ended by `ends`, in another, while we wait for the lock: no deadlock, as
/// the other finds before it does.
fn ended_by_a_third(waits: impl FnOnce() + Send + 'static, ends: impl FnOnce(&dyn Fn()) + Send + 'static) {
    let graph = Graph::new();
    graph.switch_on();
    let lock = Arc::new(Lock::named("table", ()));
    let waiter = thread::spawn({
        let (graph, lock) = (graph.clone(), lock.clone());
        move || {
            let _entered = graph.enter();
            let _held = lock.lock();
            waits();
        }
    });
    let checker = thread::spawn({
        let graph = graph.clone();
        move || ends(&|| find_nothing(&graph, 2, "both slept"))
    });
    {
        let _entered = graph.enter();
        drop(lock.lock());
    }
    waiter.join().unwrap();
    checker.join().unwrap();
    assert_eq!(graph.waiting(), 0);
}

fn released_sender() {
    let (tx, rx) = channel::unbounded();
    let tx = tx.hold().release();
    ended_by_a_third(
        move || assert_eq!(rx.hold().recv(), Ok(1)),
        move |check| {
            check();
            tx.send(1).unwrap();
        },
    );
}

fn cloned_sender() {
    let (tx, rx) = channel::unbounded();
    let tx = tx.hold();
    let clone = tx.clone();
    ended_by_a_third(
        move || assert_eq!(rx.hold().recv(), Ok(1)),
        move |check| {
            check();
            clone.send(1).unwrap();
        },
    );
}

fn released_promise() {
    let (promise, answer) = promise::pair::<u8, ()>();
    let promise = promise.hold().release();
    ended_by_a_third(
        move || assert_eq!(answer.wait(), Ok(&1)),
        move |check| {
            check();
            promise.fulfil(1);
        },
    );
}

fn declared_lock() {
    let (us, other) = (Agent::current(), Arc::new(Lock::named("other", ())));
    let theirs = other.clone();
    ended_by_a_third(
        move || waitfor::ended_by([us], || drop(theirs.lock())),
        move |check| {
            let roaming = Guard::roam(other.lock());
            check();
            drop(roaming);
        },
    );
}

fn last_sender() {
    let graph = Graph::new();
    graph.switch_on();
    let (tx, rx) = channel::unbounded::<u8>();
    let receiver = thread::spawn({
        let graph = graph.clone();
        move || {
            let _entered = graph.enter();
            assert!(rx.hold().recv().is_err(), "nothing was sent");
        }
    });
    let sender = thread::spawn(move || drop(tx));
    find_nothing(&graph, 1, "slept");
    sender.join().unwrap();
    receiver.join().unwrap();
}

/// Two wait for each other's values in turn; whoever has sent does not end the other's wait any more, but has.
fn handed_values() {
    let graph = Graph::new();
    graph.switch_on();
    let (there, here) = (channel::unbounded(), channel::unbounded());
    let other = thread::spawn({
        let graph = graph.clone();
        move || {
            let _entered = graph.enter();
            let (tx, rx) = (here.0.hold(), there.1.hold());
            tx.send(1).unwrap();
            assert_eq!(rx.recv(), Ok(2));
        }
    });
    let checker = thread::spawn({
        let graph = graph.clone();
        move || find_nothing(&graph, 2, "both slept")
    });
    {
        let _entered = graph.enter();
        let (tx, rx) = (there.0.hold(), here.1.hold());
        assert_eq!(rx.recv(), Ok(1));
        tx.send(2).unwrap();
    }
    other.join().unwrap();
    checker.join().unwrap();
}
