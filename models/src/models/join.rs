//! Joins: a half that is taken back against one that is stolen, halves of stolen halves, panics of both.
//!
//! The pool is a [`Kernel`] of two workers, of which the first is told that somebody is hungry, so that it shares. Halves
//! write to instrumented cells that are read behind the join.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use reweave_core::cancel::{Token, current};
use reweave_core::context::Agent;
use reweave_core::sync::{Arc, Unseen};
use reweave_sched::join;
use reweave_sched::kernel::Kernel;

use super::kernels::{Slate, at_work, worker};
use crate::{Model, Run, Seeded, cover};

/// The models of joins.
pub const MODELS: &[Model] = &[
    Model {
        name: "back-or-stolen",
        property: "a shared half is run once, here or there, and seen from behind the join",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["taken back", "stolen"],
        seeded: &[
            Seeded { bug: "join/done-before-result", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "join/touch-after-done", run: Run::loom_bounded(2), expect: "Causality violation" },
        ],
        body: back_or_stolen,
    },
    Model {
        name: "panics",
        property: "a panic of either half goes on behind the join, and the first's before the second's",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["the first alone", "both"],
        seeded: &[Seeded { bug: "join/done-before-result", run: Run::loom_bounded(1), expect: "Causality violation" }],
        body: panics,
    },
    Model {
        name: "leapfrog",
        property: "whoever waits for a stolen half runs halves of that half, and nothing else",
        runs: &[
            Run::loom_bounded(2),
            Run::loom_bounded(3).deep().may_be_cut_off("not seen to end in 25 seconds"),
            Run::shuttle_pct(3, 10_000),
        ],
        covers: &["helped", "alone"],
        seeded: &[Seeded { bug: "join/leapfrog-without-looking", run: Run::loom_bounded(2), expect: "a stranger" }],
        body: leapfrog,
    },
];

/// A kernel of two, of whom the first is to share.
fn hungry() -> Arc<Kernel> {
    let kernel = Arc::new(Kernel::new(2));
    kernel.feed(0);
    kernel
}

/// The half has run.
fn check(slate: &Slate) {
    assert_eq!(slate.marks(), 1, "the half has run once");
}

fn back_or_stolen() {
    let kernel = hungry();
    let other = worker(&kernel, 1, 1);
    kernel.work(0, |_| {
        let here = Agent::current();
        let token = Token::new();
        let slate = Slate::new();
        let (first, second) = token.run(|| {
            join(
                || 1,
                || {
                    slate.mark();
                    cover(if Agent::current() == here { "taken back" } else { "stolen" });
                    current().expect("it has the context of the join").id()
                },
            )
        });
        assert_eq!((first, second), (1, token.id()));
        check(&slate);
    });
    other.join().unwrap();
}

fn panics() {
    let kernel = hungry();
    let other = worker(&kernel, 1, 1);
    kernel.work(0, |_| {
        let slate = Slate::new();
        let ran = Unseen::new(false);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            join(
                || resume_unwind(Box::new("first")),
                || {
                    slate.mark();
                    ran.with(|ran| *ran = true);
                    resume_unwind(Box::new("second"))
                },
            )
        }));
        let panic = outcome.map(|((), ())| ()).expect_err("both panic");
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"first"), "the first's panic is the one");
        if ran.with(|ran| *ran) {
            check(&slate);
            cover("both");
        } else {
            cover("the first alone");
        }
    });
    other.join().unwrap();
}

/// The first worker joins; the second steals the half, joins in it, and joins again afterwards, on its own account.
fn leapfrog() {
    let kernel = hungry();
    kernel.feed(1);
    let main = Agent::current();
    // Whether the first worker waits, so that it is to run nothing but what it waits for.
    let waiting = Unseen::new(false);
    let other = at_work(&kernel, 1, {
        let (kernel, waiting) = (kernel.clone(), waiting.clone());
        move |desk| {
            if !desk.work_once() {
                return;
            }
            kernel.feed(1);
            let stranger = || {
                let here = Agent::current() == main && waiting.with(|waiting| *waiting);
                assert!(!here, "a stranger was run by one who waits");
            };
            join(|| (), stranger);
        }
    });
    kernel.work(0, |_| {
        let (mine, other) = (Slate::new(), Slate::new());
        let half = || {
            let stolen = Agent::current() != main;
            waiting.with(|waiting| *waiting = stolen);
            let part = || {
                other.mark();
                cover(if stolen && Agent::current() == main { "helped" } else { "alone" });
            };
            join(|| mine.mark(), part);
        };
        join(|| (), half);
        waiting.with(|waiting| *waiting = false);
        check(&mine);
        check(&other);
    });
    other.join().unwrap();
}
