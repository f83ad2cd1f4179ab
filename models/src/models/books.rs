//! What a pool knows of its tasks, and cancelling all of them.

use std::future::pending;

use reweave_core::sync::{Arc, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::task::State;
use reweave_sched::{Failed, Policy};

use super::kernels::{look, work_off};
use crate::{Model, Run, Seeded, cover};

/// The models of accounts.
pub const MODELS: &[Model] = &[
    Model {
        name: "found-at-any-time",
        property: "a task that ends is found among those that have not ended, or among those that have",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["not begun", "ended"],
        seeded: &[
            Seeded { bug: "table/remove-first", run: Run::loom_bounded(2), expect: "was not found" },
            Seeded { bug: "table/remove-first", run: Run::shuttle_pct(3, 5_000), expect: "was not found" },
        ],
        body: found_at_any_time,
    },
    Model {
        name: "cancelled-by-number",
        property: "a task that is cancelled by its number as it is started leaves no slot and no entry behind",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["ran", "cancelled"],
        seeded: &[
            Seeded { bug: "agenda/come-after-the-end", run: Run::loom_bounded(2), expect: "a slot was kept" },
            Seeded { bug: "agenda/come-after-the-end", run: Run::shuttle_pct(3, 5_000), expect: "a slot was kept" },
        ],
        body: cancelled_by_number,
    },
    Model {
        name: "cancel-all",
        property: "a future that is started, or suspends, as all are cancelled does not stay suspended, unless it came later",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["begun", "not begun"],
        seeded: &[
            Seeded { bug: "task/deaf-to-all", run: Run::loom_bounded(2), expect: "the cancellation was lost" },
            Seeded { bug: "task/deaf-to-all", run: Run::shuttle_pct(3, 5_000), expect: "the cancellation was lost" },
        ],
        body: cancel_all,
    },
];

fn found_at_any_time() {
    let kernel = Arc::new(Kernel::with(1, Policy::new().observed(1)));
    let task = kernel.handle().spawn(|| ());
    let id = task.id().expect("all tasks have numbers where there is an account");
    let other = thread::spawn({
        let kernel = kernel.clone();
        move || {
            let tasks = kernel.handle().tasks();
            assert!(tasks.len() == 1 && tasks[0].id == id, "the task was not found");
            match tasks[0].state {
                State::Pending => cover("not begun"),
                State::Completed => cover("ended"),
                _ => {}
            }
        }
    });
    kernel.work(0, |desk| assert!(desk.work_once()));
    other.join().unwrap();
    assert_eq!(kernel.handle().tasks()[0].state, State::Completed);
}

fn cancelled_by_number() {
    let kernel = Arc::new(Kernel::with(1, Policy::new().observed(1)));
    let class = kernel.handle().class("one at a time", 1);
    let other = thread::spawn({
        let kernel = kernel.clone();
        move || {
            if let Some(task) = kernel.handle().tasks().first() {
                kernel.handle().cancel_task(task.id, "by its number");
            }
        }
    });
    let task = class.task().spawn(|| ());
    kernel.work(0, |desk| look(desk, 1));
    other.join().unwrap();
    kernel.work(0, work_off);
    cover(if task.join().is_ok() { "ran" } else { "cancelled" });
    assert_eq!((class.running(), class.waiting()), (0, 0), "a slot was kept, or an entry");
    assert!(kernel.close_if_done(), "not all is done");
}

fn cancel_all() {
    let kernel = Arc::new(Kernel::new(1));
    let task = kernel.handle().spawn_async(pending::<()>());
    let other = thread::spawn({
        let kernel = kernel.clone();
        move || kernel.handle().cancel_all("all of you")
    });
    kernel.work(0, |desk| look(desk, 1));
    cover(if task.is_ended() { "not begun" } else { "begun" });
    other.join().unwrap();
    kernel.work(0, work_off);
    assert!(task.is_ended(), "the cancellation was lost");
    assert!(matches!(task.join(), Err(Failed::Cancelled(_))));
}
