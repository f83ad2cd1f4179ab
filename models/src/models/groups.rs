//! Groups of tasks: the end of one against the wait for several.
//!
//! The pool is a [`Kernel`]: another thread is its worker, and the main thread waits from outside. Whole pools run groups that the schedule
//! chooses.

use std::future::pending;
use std::panic::resume_unwind;

use reweave_core::sync::{Arc, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::{Failed, Pool, Task, join_all, join_any, race};

use super::kernels::{Slate, work_off, worker};
use crate::runner::choose;
use crate::{Model, Run, Seeded, cover};

/// The models of groups of tasks.
pub const MODELS: &[Model] = &[
    Model {
        name: "all-of-two",
        property: "whoever waits for all is woken by the last, and sees what each did, in their order",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["waited"],
        seeded: &[
            Seeded { bug: "task/group-without-looking", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "task/group-without-looking", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: all_of_two,
    },
    Model {
        name: "any-of-two",
        property: "one that fails is passed over, and one that succeeds is found",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["the failure came first", "both were there"],
        seeded: &[
            Seeded { bug: "task/any-gives-up", run: Run::loom_bounded(2), expect: "was given up" },
            Seeded { bug: "task/any-gives-up", run: Run::shuttle_pct(3, 5_000), expect: "was given up" },
        ],
        body: any_of_two,
    },
    Model {
        name: "race-of-two",
        property: "whoever waits for the first is woken whichever that is, and the loser is cancelled",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["won"],
        seeded: &[
            Seeded { bug: "task/group-at-the-first", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "task/group-at-the-first", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
            Seeded { bug: "task/race-spares-losers", run: Run::loom_bounded(1), expect: "was not cancelled" },
            Seeded { bug: "task/race-spares-losers", run: Run::shuttle_pct(3, 5_000), expect: "was not cancelled" },
        ],
        body: race_of_two,
    },
    Model {
        name: "groups-in-pools",
        property: "in a pool of two, by blocking and as a future, groups yield what is true of their tasks",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["all", "any", "none", "race"],
        seeded: &[
            Seeded { bug: "task/any-gives-up", run: Run::shuttle_random(3_000), expect: "was given up" },
            Seeded { bug: "task/group-without-looking", run: Run::shuttle_random(3_000), expect: "deadlock" },
        ],
        body: groups_in_pools,
    },
];

fn all_of_two() {
    let kernel = Arc::new(Kernel::new(1));
    let slates = [Slate::new(), Slate::new()];
    let tasks = [0, 1].map(|n: usize| {
        let slate = slates[n].clone();
        kernel.handle().spawn(move || {
            slate.mark();
            n
        })
    });
    let other = worker(&kernel, 0, 2);
    let outcomes = join_all(tasks).wait().expect("nothing stops it");
    let outcomes: Vec<_> = outcomes.into_iter().map(Result::unwrap).collect();
    assert_eq!(outcomes, [0, 1], "in another order");
    assert!(slates.iter().all(|slate| slate.marks() == 1));
    cover("waited");
    other.join().unwrap();
}

/// Fails, or has the value 7.
fn task(pool: &reweave_sched::Handle, fails: bool) -> Task<u32> {
    pool.spawn(move || if fails { resume_unwind(Box::new("on purpose")) } else { 7 })
}

fn any_of_two() {
    let kernel = Arc::new(Kernel::new(1));
    let tasks = [true, false].map(|fails| task(&kernel.handle(), fails));
    let other = worker(&kernel, 0, 2);
    let both = tasks.iter().all(Task::is_ended);
    let first = join_any(tasks).wait().expect("nothing stops it").expect("one that succeeds was given up");
    assert_eq!((first.index, first.outcome), (1, 7));
    cover(if both { "both were there" } else { "the failure came first" });
    let failed = first.others.into_iter().map(Task::join).next().expect("there is another");
    assert!(matches!(failed, Err(Failed::Panicked(_))), "the first fails: {failed:?}");
    other.join().unwrap();
}

fn race_of_two() {
    let kernel = Arc::new(Kernel::new(1));
    let endless = kernel.handle().spawn_async(pending());
    let tasks = [endless, task(&kernel.handle(), false)];
    let other = worker(&kernel, 0, 2);
    let mut first = race(tasks).wait().expect("nothing stops it").expect("there are two");
    assert_eq!((first.index, first.outcome.unwrap()), (1, 7));
    other.join().unwrap();
    kernel.work(0, work_off);
    let lost = first.others[0].take().expect("the loser was not cancelled");
    assert!(matches!(&lost, Err(Failed::Cancelled(lost)) if lost.reason.as_str() == "lost a race"), "{lost:?}");
    cover("won");
}

fn groups_in_pools() {
    let pool = Pool::builder().threads(2).spare_threads(0).build().expect("the checkers refuse no thread");
    let fails: Vec<bool> = (0..1 + choose(3)).map(|_| choose(2) == 0).collect();
    let (which, blocks) = (choose(3), choose(2) == 0);
    let handle = pool.handle();
    let waiting = pool.spawn_async(async move {
        let tasks: Vec<_> = fails.iter().map(|&fails| task(&handle, fails)).collect();
        match which {
            0 => {
                cover("all");
                let all = if blocks { join_all(tasks).wait() } else { join_all(tasks).await };
                let failed: Vec<bool> = all.unwrap().iter().map(Result::is_err).collect();
                assert_eq!(failed, fails, "in another order");
            }
            1 => {
                let any = if blocks { join_any(tasks).wait() } else { join_any(tasks).await };
                match any.unwrap() {
                    Ok(first) => assert!(!fails[first.index] && first.outcome == 7),
                    Err(none) => {
                        cover("none");
                        let all = fails.iter().all(|&fails| fails) && none.0.len() == fails.len();
                        assert!(all, "one that succeeds was given up");
                    }
                }
                cover("any");
            }
            _ => {
                cover("race");
                let first = if blocks { race(tasks).wait() } else { race(tasks).await };
                let first = first.unwrap().expect("there is one");
                assert_eq!(first.outcome.is_err(), fails[first.index]);
                assert!(first.others.iter().all(|other| other.is_ended() || other.token().is_cancelled()));
            }
        }
    });
    thread::yield_now();
    if let Err(Failed::Panicked(panic)) = waiting.join() {
        resume_unwind(panic);
    }
    drop(pool);
}
