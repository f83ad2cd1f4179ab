//! Scopes: jobs that are run here and there while the body waits for them, jobs of jobs, and panics.
//!
//! The pool is a [`Kernel`] of two workers: the main thread has the scope, and another thread looks for jobs. What a job
//! writes is read behind the scope, from an instrumented cell.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use reweave_core::context::Agent;
use reweave_core::promise;
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::scope;

use super::kernels::{Slate, at_work, look, work_off};
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
            Seeded { bug: "scope/rest-with-credit", run: Run::loom_bounded(2), expect: "deadlock" },
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
        seeded: &[
            Seeded { bug: "scope/lose-panic", run: Run::loom_bounded(1), expect: "a job's panic did not come out" },
            Seeded {
                bug: "scope/lose-panic",
                run: Run::shuttle_pct(3, 5_000),
                expect: "a job's panic did not come out",
            },
        ],
        body: panic_of_a_job,
    },
    Model {
        name: "job-of-another-scope",
        property: "a scope ends although a worker that ran a job of it is blocked in a job of another",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["one after the other", "not both"],
        seeded: &[
            Seeded { bug: "scope/keep-credit", run: Run::loom_bounded(1), expect: "deadlock" },
            Seeded { bug: "scope/keep-credit", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: job_of_another_scope,
    },
];

/// A job has come this far.
fn mark(slate: &Slate, here: Agent) {
    slate.mark();
    cover(if Agent::current() == here { "ran here" } else { "ran there" });
}

/// Behind the scope.
fn check(slate: &Slate) {
    assert_eq!(slate.marks(), 1, "the scope was left before its job had ended");
}

/// A thread that is the second worker, and looks for a job so often.
fn another(kernel: &Arc<Kernel>, looks: usize) -> thread::JoinHandle<()> {
    at_work(kernel, 1, move |desk| {
        look(desk, looks);
        // What it has made itself is not left behind, and no credit.
        work_off(desk);
    })
}

/// Runs `body` as one worker while another looks for jobs.
fn beside_another(looks: usize, body: impl FnOnce(Agent)) {
    let kernel = Arc::new(Kernel::new(2));
    let other = another(&kernel, looks);
    kernel.work(0, |_| body(Agent::current()));
    other.join().unwrap();
}

fn one_job() {
    let slate = Slate::new();
    beside_another(1, |here| {
        scope(|s| {
            let slate = slate.clone();
            s.spawn(move || mark(&slate, here));
        });
        check(&slate);
    });
}

fn job_of_a_job() {
    let slate = Slate::new();
    beside_another(2, |here| {
        scope(|s| {
            let slate = slate.clone();
            s.spawn(move || s.spawn(move || mark(&slate, here)));
        });
        check(&slate);
    });
}

fn panic_of_a_job() {
    let slate = Slate::new();
    beside_another(2, |here| {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            scope(|s| {
                let slate = slate.clone();
                s.spawn(|| resume_unwind(Box::new("on purpose")));
                s.spawn(move || mark(&slate, here));
            });
        }));
        let panic = outcome.expect_err("a job's panic did not come out");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        check(&slate);
    });
}

/// The second worker may run the inner scope's job, and then the outer's, which waits until the inner has ended.
fn job_of_another_scope() {
    let kernel = Arc::new(Kernel::new(2));
    kernel.work(0, |_| {
        let here = Agent::current();
        let (promise, eventual) = promise::pair::<(), ()>();
        let (inner_ran, outer_ran) = (Unseen::new(here), Unseen::new(here));
        let mut other = None;
        scope(|outer| {
            scope(|inner| {
                inner.spawn(|| inner_ran.with(|agent| *agent = Agent::current()));
                outer.spawn(|| {
                    outer_ran.with(|agent| *agent = Agent::current());
                    eventual.wait().expect("the inner scope ends");
                });
                other = Some(another(&kernel, 2));
            });
            promise.fulfil(());
        });
        let there = [inner_ran, outer_ran].map(|agent| agent.with(|agent| *agent) != here);
        cover(if there == [true, true] { "one after the other" } else { "not both" });
        other.expect("started within").join().unwrap();
    });
}
