//! Nurseries whose body is a future: suspended while children run, cancelled, dropped early, and left in a pool that ends.

use std::future::{Future, pending};
use std::task::{Context, Waker};

use reweave_core::context::Agent;
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::nursery::Refused;
use reweave_sched::{Failed, Nursery, nursery_async};

use super::{AFTER, LEFT};
use crate::models::kernels::{Slate, look, work_off};
use crate::models::pool::pool;
use crate::models::scope::{beside_another, mark};
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "dropped-early",
        property: "the future of a nursery that is dropped early ends its children before it goes",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["ran to its end", "never began"],
        seeded: &[
            Seeded { bug: "nursery/drop-and-leave", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/drop-and-leave", run: Run::shuttle_pct(3, 5_000), expect: AFTER },
        ],
        body: dropped_early,
    },
    Model {
        name: "end-against-suspend",
        property: "a task that waits for its children goes on when the last of them ends",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/end-silently", run: Run::loom_bounded(2), expect: "was not woken" },
            Seeded { bug: "nursery/end-silently", run: Run::shuttle_pct(3, 5_000), expect: "was not woken" },
        ],
        body: end_against_suspend,
    },
    Model {
        name: "cancelled-while-it-waits",
        property: "a task that is cancelled while it waits in a nursery waits on, and its worker runs the children",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["ended well", "cancelled"],
        seeded: &[
            Seeded { bug: "nursery/drop-and-block", run: Run::loom_bounded(1), expect: "deadlock" },
            Seeded { bug: "nursery/drop-and-block", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: cancelled_while_it_waits,
    },
    Model {
        name: "suspended-at-the-end",
        property: "a pool ends in which a task is suspended in a nursery",
        runs: &[Run::shuttle_pct(3, 5_000)],
        covers: &["ended"],
        seeded: &[Seeded { bug: "pool/end-while-telling", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" }],
        body: suspended_at_the_end,
    },
];

fn dropped_early() {
    let slate = Slate::new();
    let seen = Unseen::new(0);
    beside_another(1, |here| {
        let mut future = Box::pin(nursery_async(|n: Nursery<()>| {
            let slate = slate.clone();
            async move {
                let child = move || {
                    mark(&slate, here);
                    Ok(())
                };
                n.spawn(child).expect("nothing has cancelled it");
                pending::<Result<(), ()>>().await
            }
        }));
        assert!(future.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(future);
        let read = slate.marks();
        seen.with(|seen| *seen = read);
        cover(if read == 0 { "never began" } else { "ran to its end" });
    });
    assert_eq!(slate.marks(), seen.with(|seen| *seen), "{AFTER}");
}

fn end_against_suspend() {
    let kernel = Arc::new(Kernel::new(2));
    let slate = Slate::new();
    let mut task = kernel.work(0, |worker| {
        let here = Agent::current();
        let slate = slate.clone();
        let task = kernel.handle().spawn_async(nursery_async(move |n: Nursery<Refused>| async move {
            n.spawn(move || {
                mark(&slate, here);
                Ok(())
            })
        }));
        assert!(worker.work_once(), "it has begun");
        let other = thread::spawn({
            let kernel = kernel.clone();
            move || {
                kernel.work(1, |worker| {
                    worker.work_once();
                });
            }
        });
        while worker.work_once() {}
        other.join().unwrap();
        while worker.work_once() {}
        task
    });
    task.take().expect("the task of the nursery was not woken").unwrap().unwrap();
    assert_eq!(slate.marks(), 1, "{LEFT}");
}

/// On a kernel with one worker, which is to run the child after its parent was cancelled.
fn cancelled_while_it_waits() {
    let kernel = Arc::new(Kernel::new(1));
    let task = kernel.handle().spawn_async(nursery_async(|n: Nursery<()>| async move {
        n.spawn_async(pending::<Result<(), ()>>()).map_err(|_| ())
    }));
    let other = thread::spawn(move || {
        task.cancel("not needed");
        task
    });
    kernel.work(0, |desk| look(desk, 2));
    let task = other.join().unwrap();
    kernel.work(0, work_off);
    match task.join() {
        Ok(result) => {
            assert!(result.is_err(), "nobody has ended the child but the cancellation");
            cover("ended well");
        }
        Err(Failed::Cancelled(_)) => cover("cancelled"),
        Err(failed) => panic!("{failed}"),
    }
}

fn suspended_at_the_end() {
    let pool = pool(1, 0);
    let task = pool.spawn_async(nursery_async(|n: Nursery<()>| async move {
        n.spawn_async(pending::<Result<(), ()>>()).map_err(|_| ())?;
        pending::<Result<(), ()>>().await
    }));
    drop(pool);
    assert!(task.is_ended());
    cover("ended");
}
