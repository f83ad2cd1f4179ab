//! How pools end: shut down against spawns and wakes, finished, cancelled, in time or not; and what a pool on several nodes finds.
//!
//! On a [`Kernel`], where all is done is counted; in pools with threads of their own, that somebody sees it, and that all who wait hear of it.
//! A thread that is left behind is a deadlock.

use std::future::{pending, poll_fn};
use std::task::{Poll, Waker};

use reweave_core::event::Limits;
use reweave_core::promise;
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_core::time::Clock;
use reweave_core::topology::Topology;
use reweave_sched::kernel::Kernel;
use reweave_sched::{Failed, Pool, Shutdown, ShutdownError, spawn};

use super::kernels::{work_off, worker};
use super::pool::pool;
use crate::{Model, Run, Seeded, cover};

/// The models of ends.
pub const MODELS: &[Model] = &[
    Model {
        name: "suspended-counts",
        property: "a pool that is shut down is over when its suspended futures have been woken and have ended, and not before",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["woken after it was shut"],
        seeded: &[
            Seeded {
                bug: "pool/count-suspended-first",
                run: Run::loom_bounded(3),
                expect: "over with a future suspended",
            },
            Seeded {
                bug: "pool/count-suspended-first",
                run: Run::shuttle_pct(3, 5_000),
                expect: "over with a future suspended",
            },
            Seeded { bug: "pool/shut-turns-wakes-away", run: Run::loom_bounded(3), expect: "a wake was turned away" },
            Seeded {
                bug: "pool/shut-turns-wakes-away",
                run: Run::shuttle_pct(3, 5_000),
                expect: "a wake was turned away",
            },
        ],
        body: suspended_counts,
    },
    Model {
        name: "finish-against-wake",
        property: "what is suspended when its pool is shut down is woken from outside, and finished with all that it starts",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(5_000)],
        covers: &["finished"],
        seeded: &[
            Seeded { bug: "pool/last-leaves-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
            Seeded { bug: "pool/over-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: finish_against_wake,
    },
    Model {
        name: "finish-against-spawn",
        property: "what comes while its pool is shut down is finished with all that it starts, or refused",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(5_000)],
        covers: &["finished", "refused"],
        seeded: &[Seeded { bug: "pool/shut-without-looking", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: finish_against_spawn,
    },
    Model {
        name: "deadline",
        property: "a pool that was shut down and not ended in time refuses what is new, and can be waited for again",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(3_000)],
        covers: &["refused"],
        seeded: &[Seeded {
            bug: "pool/shut-too-late",
            run: Run::shuttle_pct(3, 5_000),
            expect: "came in though the pool had been shut",
        }],
        body: deadline,
    },
    Model {
        name: "cancel",
        property: "cancelling a pool ends what runs, what is suspended, and what is started afterwards",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(3_000)],
        covers: &["started afterwards", "never begun"],
        seeded: &[
            Seeded { bug: "pool/cancel-once", run: Run::shuttle_pct(3, 5_000), expect: "started afterwards, and ran" },
            Seeded { bug: "task/deaf-to-all", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: cancel,
    },
    Model {
        name: "let-go",
        property: "a pool that is let go finishes what is there, and its threads end by themselves",
        runs: &[Run::shuttle_pct(3, 5_000)],
        covers: &["finished"],
        seeded: &[Seeded { bug: "pool/over-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: let_go,
    },
    Model {
        name: "left-suspended",
        property: "what is suspended when its pool is dropped is cancelled by then",
        runs: &[Run::shuttle_pct(3, 5_000)],
        covers: &["cancelled"],
        seeded: &[Seeded {
            bug: "pool/leave-suspended",
            run: Run::shuttle_pct(3, 5_000),
            expect: "it was left suspended",
        }],
        body: left_suspended,
    },
    Model {
        name: "nodes",
        property: "what waits in the injector of any node is found",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(3_000)],
        covers: &["found"],
        seeded: &[Seeded { bug: "pool/look-into-one-injector", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: nodes,
    },
];

fn suspended_counts() {
    let kernel = Arc::new(Kernel::new(1));
    let kept = Unseen::new(None::<Waker>);
    let mut task = kernel.handle().spawn_async({
        let kept = kept.clone();
        poll_fn(move |cx| match kept.with(|kept| kept.replace(cx.waker().clone())) {
            None => Poll::Pending,
            Some(_) => Poll::Ready(()),
        })
    });
    let polls = worker(&kernel, 0, 1);
    kernel.shut();
    let over = kernel.is_over();
    polls.join().unwrap();
    assert!(!over, "the pool was over with a future suspended");
    let waker = kept.with(|kept| kept.clone()).expect("it has been polled");
    waker.wake();
    kernel.work(0, work_off);
    assert!(matches!(task.take(), Some(Ok(()))), "a wake was turned away");
    // Nobody looks on a kernel, unless asked.
    kernel.shut();
    assert!(kernel.is_over(), "everything is done, and the pool is not over");
    cover("woken after it was shut");
    kept.with(|kept| *kept = None);
}

fn finish_against_wake() {
    let pool = pool(1, 0);
    let (promise, eventual) = promise::pair::<u32, ()>();
    let mut task = pool.spawn_async(async move { eventual.await.unwrap() + spawn(|| 1).await.unwrap() });
    let other = thread::spawn(move || promise.fulfil(6));
    pool.shutdown(Shutdown::Finish).unwrap();
    match task.take() {
        Some(Ok(7)) => cover("finished"),
        other => panic!("it was not finished: {other:?}"),
    }
    other.join().unwrap();
}

fn finish_against_spawn() {
    let pool = pool(2, 0);
    let handle = pool.handle();
    let other = thread::spawn(move || {
        let task = handle.spawn(|| spawn(|| 7).join());
        match task.join() {
            Ok(Ok(7)) => cover("finished"),
            Err(Failed::Cancelled(cancelled)) => {
                assert_eq!(cancelled.reason.as_str(), "its pool has shut down");
                cover("refused");
            }
            other => panic!("it ended with {other:?}"),
        }
    });
    pool.shutdown(Shutdown::Finish).unwrap();
    other.join().unwrap();
}

fn deadline() {
    // One is blocked, and another could run what comes in.
    let pool = pool(2, 0);
    let (promise, eventual) = promise::pair::<u32, ()>();
    let task = pool.spawn(move || *eventual.wait().unwrap());
    // It may pass at any moment.
    let limits = Limits::until(Clock::real().now());
    match pool.shutdown_with(Shutdown::Finish, limits) {
        Err(ShutdownError::Unfinished { .. }) => {}
        other => panic!("nobody has fulfilled the promise: {other:?}"),
    }
    match pool.spawn(|| 8).join() {
        Err(Failed::Cancelled(_)) => cover("refused"),
        other => panic!("it came in though the pool had been shut: {other:?}"),
    }
    let other = thread::spawn(move || promise.fulfil(7));
    pool.shutdown(Shutdown::Finish).unwrap();
    assert_eq!(task.join().unwrap(), 7);
    other.join().unwrap();
}

fn cancel() {
    let pool = pool(1, 0);
    let (promise, eventual) = promise::pair::<u32, ()>();
    let suspended = pool.spawn_async(pending::<()>());
    let outer = pool.spawn(move || {
        // Until it is cancelled.
        assert!(eventual.wait().is_err(), "nobody fulfils it");
        spawn(|| ())
    });
    pool.shutdown(Shutdown::Cancel("enough".into())).unwrap();
    assert!(matches!(suspended.join(), Err(Failed::Cancelled(_))), "it was not cancelled");
    match outer.join() {
        Ok(inner) => {
            assert!(matches!(inner.join(), Err(Failed::Cancelled(_))), "a task was started afterwards, and ran");
            cover("started afterwards");
        }
        Err(Failed::Cancelled(_)) => cover("never begun"),
        Err(failed) => panic!("it ended with {failed}"),
    }
    drop(promise);
}

fn let_go() {
    let pool = pool(1, 0);
    let (promise, eventual) = promise::pair::<u32, ()>();
    let task = pool.spawn_async(async move { eventual.await.unwrap() });
    let other = thread::spawn(move || promise.fulfil(7));
    pool.detach();
    assert_eq!(task.join().expect("it was let in"), 7);
    cover("finished");
    other.join().unwrap();
}

fn left_suspended() {
    let pool = pool(1, 0);
    let mut task = pool.spawn_async(pending::<()>());
    drop(pool);
    match task.take() {
        Some(Err(Failed::Cancelled(cancelled))) => {
            assert_eq!(cancelled.reason.as_str(), "its pool has shut down");
            cover("cancelled");
        }
        None => panic!("it was left suspended"),
        other => panic!("it ended with {other:?}"),
    }
}

fn nodes() {
    let machine = Topology::of_nodes(&[&[&[0]], &[&[1]]], |_, _| 20);
    let pool = Pool::builder().threads(2).spare_threads(0).topology(machine).build().unwrap();
    // To each in turn: where a caller runs is nobody's knowledge here.
    for task in [0, 1].map(|n| pool.spawn(move || n)) {
        task.join().unwrap();
        cover("found");
    }
    drop(pool);
}
