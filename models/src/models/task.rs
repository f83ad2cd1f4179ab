//! Tasks: wake against run, end against await, cancel against begin, and the handle's end against the task's.
//!
//! The pool is a [`Kernel`]: the model's threads are its workers. What a task works on stands in instrumented cells, and so
//! does a task's body, its output and the waker of who awaits it: one with two owners is reported. A lost wake-up leaves a
//! task that is not in any queue and has not ended.

use std::future::{Future, IntoFuture, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use reweave_core::event;
use reweave_core::sync::atomic::{AtomicBool, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::{Failed, Task};

use super::kernels::{Slate, work_off, worker};
use crate::{Model, Run, Seeded, cover};

/// The models of tasks.
pub const MODELS: &[Model] = &[
    Model {
        name: "wake-against-run",
        property: "a task that is woken is polled after what its waker did before",
        runs: &[Run::loom_bounded(4), Run::shuttle_pct(3, 5_000)],
        covers: &["polled once more", "polled twice more"],
        seeded: &[
            Seeded { bug: "task/wake-without-writing", run: Run::loom_bounded(3), expect: "a wake-up was lost" },
            Seeded { bug: "task/forget-woken", run: Run::loom_bounded(3), expect: "a wake-up was lost" },
            Seeded { bug: "task/forget-woken", run: Run::shuttle_pct(3, 5_000), expect: "a wake-up was lost" },
        ],
        body: wake_against_run,
    },
    Model {
        name: "end-against-await",
        property: "a task that awaits another goes on when that ends, and sees what it did",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["waited", "did not wait"],
        seeded: &[
            Seeded { bug: "task/end-silently", run: Run::loom_bounded(2), expect: "was not woken" },
            Seeded { bug: "task/end-silently", run: Run::shuttle_pct(3, 5_000), expect: "was not woken" },
            Seeded { bug: "task/end-before-output", run: Run::loom_bounded(2), expect: "Causality violation" },
        ],
        body: end_against_await,
    },
    Model {
        name: "end-against-forgetting",
        property: "the waker of one who awaits no longer is taken back, or was taken by the end",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ended", "not ended"],
        seeded: &[Seeded { bug: "task/forget-anyway", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: end_against_forgetting,
    },
    Model {
        name: "end-against-join",
        property: "a blocked thread is woken at the end of the task, and sees what it did",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["joined"],
        seeded: &[Seeded { bug: "task/end-before-output", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: end_against_join,
    },
    Model {
        name: "end-against-event",
        property: "who waits for the end by an event gets the result, whenever it comes",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["waited"],
        seeded: &[
            Seeded { bug: "task/take-before-looking", run: Run::loom_bounded(2), expect: "has been taken already" },
            Seeded {
                bug: "task/take-before-looking",
                run: Run::shuttle_pct(3, 5_000),
                expect: "has been taken already",
            },
        ],
        body: end_against_event,
    },
    Model {
        name: "cancel-against-begin",
        property: "a task that is cancelled as it begins runs or is cancelled, and not both",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran", "did not run"],
        seeded: &[
            Seeded { bug: "task/begin-twice", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "task/begin-twice", run: Run::shuttle_pct(3, 5_000), expect: "it was cancelled, and ran" },
        ],
        body: cancel_against_begin,
    },
    Model {
        name: "cancel-against-suspend",
        property: "a future that is cancelled as it suspends does not stay suspended",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["begun", "not begun"],
        seeded: &[
            Seeded { bug: "task/forget-woken", run: Run::loom_bounded(2), expect: "the cancellation was lost" },
            Seeded { bug: "task/forget-woken", run: Run::shuttle_pct(3, 5_000), expect: "the cancellation was lost" },
        ],
        body: cancel_against_suspend,
    },
    Model {
        name: "drop-against-end",
        property: "a task whose handle goes as it ends is freed once, by the last",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["freed here", "freed there"],
        seeded: &[Seeded { bug: "task/relaxed-release", run: Run::loom(), expect: "Causality violation" }],
        body: drop_against_end,
    },
];

fn wake_against_run() {
    let kernel = Kernel::new(1);
    let done = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
    let kept = Unseen::new(None::<Waker>);
    let polls = Unseen::new(0);
    let task = kernel.handle().spawn_async({
        let (done, kept, polls) = (done.clone(), kept.clone(), polls.clone());
        poll_fn(move |cx| {
            polls.with(|polls| *polls += 1);
            kept.with(|kept| *kept = Some(cx.waker().clone()));
            // Relaxed: a wake-up orders by itself.
            let done = done.iter().all(|done| done.load(Ordering::Relaxed));
            if done { Poll::Ready(()) } else { Poll::Pending }
        })
    });
    kernel.work(0, |desk| {
        assert!(desk.work_once());
        let waker = kept.with(|kept| kept.take()).expect("polled just now");
        let other = thread::spawn({
            let (done, waker) = (done.clone(), waker.clone());
            move || {
                done[1].store(true, Ordering::Relaxed);
                waker.wake();
            }
        });
        done[0].store(true, Ordering::Relaxed);
        waker.wake();
        work_off(desk);
        other.join().unwrap();
        work_off(desk);
    });
    assert!(task.is_ended(), "a wake-up was lost");
    cover(if polls.with(|polls| *polls) == 2 { "polled once more" } else { "polled twice more" });
    kept.with(|kept| *kept = None);
}

fn end_against_await() {
    let kernel = Arc::new(Kernel::new(2));
    let slate = Slate::new();
    let waited = Unseen::new(true);
    let outer = kernel.work(0, |desk| {
        let inner = kernel.handle().spawn({
            let slate = slate.clone();
            move || slate.mark()
        });
        let outer = kernel.handle().spawn_async({
            let (slate, waited) = (slate.clone(), waited.clone());
            async move {
                let ended = inner.is_ended();
                waited.with(|waited| *waited = !ended);
                inner.await.unwrap();
                slate.marks()
            }
        });
        // It steals the oldest, which is the inner.
        let other = worker(&kernel, 1, 1);
        desk.work_once();
        other.join().unwrap();
        work_off(desk);
        outer
    });
    cover(if waited.with(|waited| *waited) { "waited" } else { "did not wait" });
    assert_eq!(result_of(outer).expect("the outer task was not woken").unwrap(), 1);
}

fn result_of<T>(mut task: Task<T>) -> Option<Result<T, Failed>> {
    task.take()
}

fn end_against_forgetting() {
    let kernel = Arc::new(Kernel::new(2));
    kernel.work(0, |desk| {
        let inner = kernel.handle().spawn(|| {});
        let outer = kernel.handle().spawn_async(async move {
            let mut joining = pin!(Some(inner.into_future()));
            let ended = poll_fn(|cx| {
                // The awaiting begins, and is given up.
                let inner = joining.as_mut().as_pin_mut().expect("polled once");
                let ended = inner.poll(cx).is_ready();
                joining.set(None);
                Poll::Ready(ended)
            });
            cover(if ended.await { "ended" } else { "not ended" });
        });
        let other = worker(&kernel, 1, 1);
        desk.work_once();
        other.join().unwrap();
        work_off(desk);
        result_of(outer).expect("it does not wait").unwrap();
    });
}

fn end_against_join() {
    let kernel = Arc::new(Kernel::new(1));
    let slate = Slate::new();
    let task = kernel.handle().spawn({
        let slate = slate.clone();
        move || slate.mark()
    });
    let other = worker(&kernel, 0, 1);
    task.join().unwrap();
    assert_eq!(slate.marks(), 1);
    cover("joined");
    other.join().unwrap();
}

fn end_against_event() {
    let kernel = Arc::new(Kernel::new(1));
    let slate = Slate::new();
    let mut task = kernel.handle().spawn({
        let slate = slate.clone();
        move || slate.mark()
    });
    let other = worker(&kernel, 0, 1);
    event::wait(task.event()).expect("nothing stops this wait").unwrap();
    assert_eq!(slate.marks(), 1);
    cover("waited");
    other.join().unwrap();
}

fn cancel_against_begin() {
    let kernel = Arc::new(Kernel::new(1));
    let slate = Slate::new();
    let task = kernel.handle().spawn({
        let slate = slate.clone();
        move || slate.mark()
    });
    let other = worker(&kernel, 0, 1);
    task.cancel("not needed");
    other.join().unwrap();
    match result_of(task).expect("it was taken out of the queue") {
        Ok(()) => cover("ran"),
        Err(Failed::Cancelled(_)) => {
            assert_eq!(slate.marks(), 0, "it was cancelled, and ran");
            cover("did not run");
        }
        Err(failed) => panic!("it ended with {failed}"),
    }
}

fn cancel_against_suspend() {
    let kernel = Arc::new(Kernel::new(1));
    let begun = Unseen::new(false);
    let task = kernel.handle().spawn_async({
        let begun = begun.clone();
        poll_fn(move |_: &mut Context<'_>| {
            begun.with(|begun| *begun = true);
            Poll::<()>::Pending
        })
    });
    let other = worker(&kernel, 0, 1);
    task.cancel("not needed");
    other.join().unwrap();
    kernel.work(0, work_off);
    cover(if begun.with(|begun| *begun) { "begun" } else { "not begun" });
    match result_of(task).expect("the cancellation was lost") {
        Err(Failed::Cancelled(_)) => {}
        other => panic!("it ended with {other:?}"),
    }
}

fn drop_against_end() {
    /// Writes to its slate when it goes.
    struct Output(Slate, Unseen<bool>);
    impl Drop for Output {
        fn drop(&mut self) {
            self.0.mark();
            cover(if self.1.with(|here| *here) { "freed here" } else { "freed there" });
        }
    }
    let kernel = Arc::new(Kernel::new(1));
    let slate = Slate::new();
    let dropping = Unseen::new(false);
    let task = kernel.handle().spawn({
        let output = Output(slate.clone(), dropping.clone());
        move || {
            output.0.mark();
            output
        }
    });
    let other = worker(&kernel, 0, 1);
    dropping.with(|here| *here = true);
    drop(task);
    dropping.with(|here| *here = false);
    other.join().unwrap();
    assert_eq!(slate.marks(), 2, "it ran, and its output was dropped once");
}
