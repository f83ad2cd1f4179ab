//! Scopes: jobs that are run here and there while the body waits for them, jobs of jobs, and panics.
//!
//! The pool is a [`Kernel`] of two workers: the main thread has the scope, and another thread looks for jobs. What a job
//! writes is read behind the scope, from an instrumented cell.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use reweave_core::context::Agent;
use reweave_core::sync::{Arc, UnsafeCell, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::scope;

use crate::{Model, Run, Seeded, cover};

/// The models of scopes.
pub const MODELS: &[Model] = &[
    Model {
        name: "one-job",
        property: "a scope is left behind the end of its job, and what that did is visible",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "scope/leave-early", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "scope/touch-after-end", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "scope/keep-credit", run: Run::loom_bounded(2), expect: "deadlock" },
        ],
        body: one_job,
    },
    Model {
        name: "job-of-a-job",
        property: "a scope waits for the jobs of its jobs",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[Seeded { bug: "scope/leave-early", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: job_of_a_job,
    },
    Model {
        name: "panic",
        property: "a job's panic goes on behind the scope, when all its jobs have ended",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[Seeded { bug: "scope/leave-early", run: Run::shuttle_pct(3, 5_000), expect: "a job has panicked" }],
        body: panic_of_a_job,
    },
];

/// What jobs write. It outlives the scope, so that a job that does, too, is reported and nothing worse.
#[derive(Clone)]
pub(super) struct Desk(Arc<Watched>);

struct Watched(UnsafeCell<u32>);

// SAFETY: the models check that its accesses are ordered; the checkers report where they are not.
unsafe impl Send for Watched {}
// SAFETY: as above.
unsafe impl Sync for Watched {}

impl Desk {
    pub(super) fn new() -> Self {
        Self(Arc::new(Watched(UnsafeCell::new(0))))
    }

    /// How often it was written.
    pub(super) fn read(&self) -> u32 {
        // SAFETY: reported if not.
        self.0.0.with(|desk| unsafe { *desk })
    }

    /// Writes it, and says where.
    pub(super) fn write(&self, here: Agent) {
        // SAFETY: reported if not.
        self.0.0.with_mut(|desk| unsafe { *desk += 1 });
        cover(if Agent::current() == here { "ran here" } else { "ran there" });
    }

    fn check(&self) {
        assert_eq!(self.read(), 1, "the scope was left before its job had ended");
    }
}

/// Runs `body` as one worker while another looks for jobs.
pub(super) fn beside_another(looks: usize, body: impl FnOnce(Agent)) {
    let kernel = Arc::new(Kernel::new(2));
    let other = thread::spawn({
        let kernel = kernel.clone();
        move || {
            kernel.work(1, |desk| {
                for _ in 0..looks {
                    desk.work_once();
                }
                // What it has made itself is not left behind.
                while desk.work_once() {}
            });
        }
    });
    kernel.work(0, |_| body(Agent::current()));
    other.join().unwrap();
}

fn one_job() {
    let desk = Desk::new();
    beside_another(1, |here| {
        scope(|s| {
            let desk = desk.clone();
            s.spawn(move || desk.write(here));
        });
        desk.check();
    });
}

fn job_of_a_job() {
    let desk = Desk::new();
    beside_another(2, |here| {
        scope(|s| {
            let desk = desk.clone();
            s.spawn(move || s.spawn(move || desk.write(here)));
        });
        desk.check();
    });
}

fn panic_of_a_job() {
    let desk = Desk::new();
    beside_another(2, |here| {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                let desk = desk.clone();
                s.spawn(|| resume_unwind(Box::new("on purpose")));
                s.spawn(move || desk.write(here));
            });
        }));
        let panic = outcome.expect_err("a job has panicked");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        desk.check();
    });
}
