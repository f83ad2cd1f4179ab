//! The injector and the door before it: two who bring tasks from outside, the worker that takes them, and who closes the door.
//!
//! The pool is a [`Kernel`]. What came in before the door was closed has run by then, and what comes later is turned away; so
//! a task that did neither was let in and forgotten.

use reweave_core::sync::{Arc, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::{Failed, Task};

use super::kernels::{Slate, look, work_off};
use crate::{Model, Run, Seeded, cover};

/// The models of the injector.
pub const MODELS: &[Model] = &[
    Model {
        name: "two-bring-one-takes",
        property: "what two bring at the same time is run once each",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["both ran"],
        seeded: &[
            Seeded { bug: "injector/count-outside-lock", run: Run::loom_bounded(2), expect: "let in and left behind" },
            Seeded {
                bug: "injector/count-outside-lock",
                run: Run::shuttle_pct(3, 5_000),
                expect: "let in and left behind",
            },
        ],
        body: two_bring_one_takes,
    },
    Model {
        name: "bring-against-close",
        property: "what comes as the door is closed is run, or turned away",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran", "turned away"],
        seeded: &[
            Seeded { bug: "door/count-late", run: Run::loom_bounded(2), expect: "let in and left behind" },
            Seeded { bug: "door/count-late", run: Run::shuttle_pct(3, 5_000), expect: "let in and left behind" },
            Seeded { bug: "door/close-without-comparing", run: Run::loom_bounded(2), expect: "let in and left behind" },
            Seeded {
                bug: "door/close-without-comparing",
                run: Run::shuttle_pct(3, 5_000),
                expect: "let in and left behind",
            },
        ],
        body: bring_against_close,
    },
];

/// A task that is brought by another thread, and the slate that it marks.
struct Brought(Slate, thread::JoinHandle<Task<()>>);

fn bring(kernel: &Arc<Kernel>) -> Brought {
    let (kernel, slate) = (kernel.clone(), Slate::new());
    let marks = slate.clone();
    Brought(slate, thread::spawn(move || kernel.handle().spawn(move || marks.mark())))
}

impl Brought {
    fn task(self) -> (Slate, Task<()>) {
        (self.0, self.1.join().unwrap())
    }
}

/// Whether it has run; if not, it was turned away.
fn ran((slate, mut task): (Slate, Task<()>)) -> bool {
    let ran = match task.take().expect("a task was let in and left behind") {
        Ok(()) => true,
        Err(Failed::Cancelled(_)) => false,
        Err(failed) => panic!("it ended with {failed}"),
    };
    assert_eq!(slate.marks(), u32::from(ran), "a task ran twice, or was turned away and ran");
    ran
}

fn two_bring_one_takes() {
    let kernel = Arc::new(Kernel::new(1));
    let brought = [(); 2].map(|()| bring(&kernel));
    kernel.work(0, |desk| look(desk, 1));
    let tasks = brought.map(Brought::task);
    kernel.work(0, work_off);
    for task in tasks {
        assert!(ran(task), "the door was open");
    }
    cover("both ran");
}

fn bring_against_close() {
    let kernel = Arc::new(Kernel::new(1));
    let brought = bring(&kernel);
    kernel.work(0, |desk| look(desk, 1));
    let closed = kernel.close_if_done();
    let task = brought.task();
    if !closed {
        kernel.work(0, work_off);
    }
    cover(if ran(task) { "ran" } else { "turned away" });
}
