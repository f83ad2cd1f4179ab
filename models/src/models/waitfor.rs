//! The wait-for graph: a deadlock is reported, nothing else is, and a broken one ends.
//!
//! Each model has its graph, which its threads enter. A check by a thread of its own sees them at any moment.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use reweave_core::cancel::Token;
use reweave_core::channel;
use reweave_core::context::Agent;
use reweave_core::lock::{AcquireError, Lock, RwLock, Semaphore};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_core::time::VirtualClock;
use reweave_core::waitfor::{self, Break, Graph};

use crate::{Model, Run, Seeded, cover};

/// The models of the wait-for graph.
pub const MODELS: &[Model] = &[
    Model {
        name: "abba",
        property: "two that wait for each other's lock are reported when both sleep, and one of them can be failed",
        runs: &[Run::loom_bounded(1), Run::loom_bounded(2).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["broken", "cancelled", "no deadlock"],
        seeded: &[
            Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(1), expect: "was not reported" },
            Seeded { bug: "waitfor/count-the-decided", run: Run::loom_bounded(1), expect: "had been ended" },
            Seeded { bug: "waitfor/find-nothing", run: Run::shuttle_pct(3, 3_000), expect: "was not reported" },
        ],
        body: abba,
    },
    Model {
        name: "stale-edge",
        property: "a lock that changes hands while others sleep makes no deadlock",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["both slept"],
        seeded: &[
            Seeded { bug: "waitfor/edges-of-yesterday", run: Run::loom_bounded(2), expect: "never was" },
            Seeded { bug: "waitfor/edges-of-yesterday", run: Run::shuttle_pct(3, 3_000), expect: "never was" },
        ],
        body: stale_edge,
    },
    Model {
        name: "knot",
        property: "a reader and a holder of permits that wait for each other are reported, and only while they do",
        runs: &[Run::loom_bounded(1), Run::shuttle_pct(3, 3_000)],
        covers: &["broken", "no deadlock"],
        seeded: &[Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(1), expect: "was not reported" }],
        body: knot,
    },
    Model {
        name: "join",
        property: "who joins an agent that waits for it is reported",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["broken", "not broken"],
        seeded: &[
            Seeded { bug: "waitfor/find-nothing", run: Run::loom_bounded(2), expect: "was not reported" },
            Seeded { bug: "waitfor/join-anybody", run: Run::shuttle_pct(3, 3_000), expect: "left: 1" },
        ],
        body: joining,
    },
    Model {
        name: "watch",
        property: "a watch tells of a deadlock once, and is gone when it has been dropped",
        runs: &[Run::loom_bounded(1), Run::shuttle_pct(3, 3_000)],
        covers: &["told", "not told"],
        seeded: &[
            Seeded { bug: "waitfor/tell-again", run: Run::shuttle_pct(3, 3_000), expect: "told twice" },
            Seeded { bug: "waitfor/watch-for-ever", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" },
        ],
        body: watching,
    },
];

/// What a pair of waits that may deadlock comes to.
pub(super) type Outcome = Result<(), AcquireError>;

/// Watches two threads that deadlock if both sleep, and sees to it that they end. Tells whether it broke the deadlock.
fn watch(graph: &Graph, token: &Token) -> bool {
    for _ in 0..2 {
        let report = graph.check_and(Break::One);
        assert!(report.waiting < 2 || report.deadlocks.len() == 1, "a deadlock was not reported");
        if let Some(deadlock) = report.deadlocks.first() {
            assert_eq!(deadlock.waits.len(), 2);
            assert!(deadlock.broken.is_some(), "both used acquire, and nothing else ends their waits yet");
            return true;
        }
        thread::yield_now();
    }
    token.cancel("the model ends");
    assert!(graph.check().deadlocks.is_empty(), "a deadlock was reported that had been ended");
    false
}

/// Checks for deadlocks, of which there are none; covers `asleep` if so many waits slept meanwhile.
pub(super) fn find_nothing(graph: &Graph, waits: usize, asleep: &'static str) {
    let report = graph.check();
    assert!(report.deadlocks.is_empty(), "a deadlock was reported that never was: {report}");
    if report.waiting == waits {
        cover(asleep);
    }
}

/// Starts both, watches, and checks what came of it.
pub(super) fn run_and_watch(both: [Box<dyn FnOnce() -> Outcome + Send>; 2]) {
    let (graph, token) = (Graph::new(), Token::new());
    graph.switch_on();
    let threads = both.map(|body| {
        let (graph, token) = (graph.clone(), token.clone());
        thread::spawn(move || {
            let _entered = graph.enter();
            token.run(body)
        })
    });
    let broken = watch(&graph, &token);
    let outcomes = threads.map(|thread| thread.join().unwrap());
    let failed = |wanted: fn(&AcquireError) -> bool| {
        outcomes.iter().filter(|outcome| outcome.as_ref().is_err_and(wanted)).count()
    };
    let victims = failed(|error| matches!(error, AcquireError::Deadlock(_)));
    let cancelled = failed(|error| matches!(error, AcquireError::Cancelled(_)));
    if broken {
        assert_eq!((victims, cancelled), (1, 0), "one of the two fails, and the other goes on");
        cover("broken");
    } else {
        assert_eq!(victims, 0, "nothing was broken");
        cover(if cancelled > 0 { "cancelled" } else { "no deadlock" });
    }
    assert_eq!(graph.waiting(), 0, "a wait that has ended is not registered");
}

fn abba() {
    let locks = Arc::new([Lock::named("a", ()), Lock::named("b", ())]);
    run_and_watch([0, 1].map(|mine| {
        let locks = locks.clone();
        Box::new(move || {
            let _held = locks[mine].lock();
            locks[1 - mine].acquire().map(drop)
        }) as Box<dyn FnOnce() -> Outcome + Send>
    }));
}

fn knot() {
    let shared = Arc::new((RwLock::named("table", ()), Semaphore::named("permits", 1)));
    let theirs = shared.clone();
    let reader = move || {
        let _held = shared.0.read();
        shared.1.acquire(1).map(drop)
    };
    let holder = move || {
        let _held = theirs.1.take(1);
        theirs.0.acquire_write().map(drop)
    };
    run_and_watch([Box::new(reader), Box::new(holder)]);
}

/// A sleeper waits for a lock, behind a future. The lock's owner releases it to the future, and then waits for the
/// sleeper: the sleeper's wait began when the lock was the owner's, and now it is another agent's, who does not wait.
fn stale_edge() {
    let graph = Graph::new();
    graph.switch_on();
    let _entered = graph.enter();
    let shared = Arc::new((Lock::named("a", ()), Lock::named("b", ())));
    let held = shared.0.lock();
    let (sleeper, checker) = {
        let mut next = pin!(shared.0.lock_async());
        let mut poll = || next.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(poll().is_pending());
        let sleeper = thread::spawn({
            let (graph, shared) = (graph.clone(), shared.clone());
            move || {
                let _entered = graph.enter();
                let _held = shared.1.lock();
                drop(shared.0.lock());
            }
        });
        let checker = thread::spawn({
            let graph = graph.clone();
            move || find_nothing(&graph, 2, "both slept")
        });
        drop(held);
        // Ready unless the sleeper has overtaken it.
        let taken = match Agent::fresh().run(poll) {
            Poll::Ready(guard) => Some(guard),
            Poll::Pending => None,
        };
        let _ = shared.1.acquire_deadline(Instant::now());
        drop(taken);
        (sleeper, checker)
    };
    sleeper.join().unwrap();
    checker.join().unwrap();
}

fn joining() {
    let (graph, token, worker) = (Graph::new(), Token::new(), Agent::fresh());
    graph.switch_on();
    let lock = Arc::new(Lock::named("held while joining", ()));
    let working = thread::spawn({
        let (graph, token, lock) = (graph.clone(), token.clone(), lock.clone());
        move || {
            let _entered = graph.enter();
            worker.run(|| token.run(|| lock.acquire().map(drop)))
        }
    });
    let watcher = thread::spawn({
        let graph = graph.clone();
        move || watch(&graph, &token)
    });
    let held = lock.lock();
    let outcome = {
        let _entered = graph.enter();
        waitfor::join("the worker", worker, || working.join().unwrap())
    };
    drop(held);
    let broken = watcher.join().unwrap();
    assert_eq!(matches!(outcome, Err(AcquireError::Deadlock(_))), broken);
    cover(if broken { "broken" } else { "not broken" });
}

fn watching() {
    let (graph, token, clock) = (Graph::new(), Token::new(), VirtualClock::new());
    graph.switch_on();
    let told = Arc::new(AtomicUsize::new(0));
    let watch = {
        let told = told.clone();
        let second = Duration::from_secs(1);
        let tell = move |_: &waitfor::Deadlock| {
            let before = told.fetch_add(1, Ordering::Relaxed);
            assert_eq!(before, 0, "it was told twice of one deadlock");
        };
        clock.run(|| graph.watch(second, Break::Never, tell)).expect("the checkers refuse no thread")
    };
    let waiter = thread::spawn({
        let (graph, token) = (graph.clone(), token.clone());
        move || {
            let _entered = graph.enter();
            let (tx, rx) = channel::unbounded::<u8>();
            let (_tx, rx) = (tx.hold(), rx.hold());
            token.run(|| rx.recv().is_err())
        }
    });
    for _ in 0..2 {
        clock.advance_to_next();
        thread::yield_now();
    }
    drop(watch);
    cover(if told.load(Ordering::Relaxed) > 0 { "told" } else { "not told" });
    token.cancel("the model ends");
    assert!(waiter.join().unwrap());
}
