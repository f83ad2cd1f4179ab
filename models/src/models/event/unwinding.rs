//! Waits that a panic unwinds: they leave all lists, and what they were notified of goes to the next waiter.
//!
//! Under loom these models are small and have few preemptions: there all threads are one to the standard library, whose
//! locks, inside loom's, count as poisoned when one thread releases them while another unwinds.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use reweave_core::event::{Event, Waiter, wait};
use reweave_core::sync::atomic::Ordering;

use super::{Permits, elsewhere, notified_too_early, take_slow_or};
use crate::{Model, Run, Seeded, cover};

/// The models of waits that unwind.
pub(super) const MODELS: &[Model] = &[
    Model {
        name: "unwound-enlisting",
        property: "a wait that panics while it enlists leaves the list, and loses no notification",
        runs: &[Run::loom_bounded(1), Run::shuttle_pct(3, 5_000)],
        covers: &["unwound", "taken at once"],
        seeded: &[
            Seeded { bug: "event/unwind-silently", run: Run::loom_bounded(1), expect: "leaves nothing behind" },
            Seeded { bug: "event/stay-listed", run: Run::loom_bounded(1), expect: "leaves nothing behind" },
            Seeded { bug: "event/drop-notification", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: || unwound(Step::Enlist),
    },
    Model {
        name: "unwound-attempt",
        property: "a wait that panics when it attempts what it was notified of passes the notification on",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["unwound", "taken at once"],
        seeded: &[
            Seeded { bug: "event/unwind-owing", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "event/unwind-owing", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: || unwound(Step::Attempt),
    },
    Model {
        name: "unwound-owing",
        property: "a select that came too early for one event and panics at another passes on what it owes",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(5_000)],
        covers: &["unwound", "left"],
        seeded: &[Seeded { bug: "event/unwind-owing", run: Run::shuttle_random(5_000), expect: "deadlock" }],
        body: unwound_owing,
    },
];

/// Where an event panics.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// After it has enlisted.
    Enlist,
    /// When it is attempted after it has been enlisted.
    Attempt,
}

/// An event that panics at one step, and is another event otherwise.
struct Fragile<E> {
    event: E,
    breaks_at: Step,
    enlisted: bool,
}

impl<E: Event> Fragile<E> {
    fn new(event: E, breaks_at: Step) -> Self {
        Self { event, breaks_at, enlisted: false }
    }
}

const ON_PURPOSE: &str = "on purpose";

impl<E: Event> Event for Fragile<E> {
    type Output = E::Output;

    fn attempt(&mut self) -> Option<E::Output> {
        if self.breaks_at == Step::Attempt && self.enlisted {
            resume_unwind(Box::new(ON_PURPOSE));
        }
        self.event.attempt()
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let ready = self.event.enlist(waiter);
        if self.breaks_at == Step::Enlist {
            resume_unwind(Box::new(ON_PURPOSE));
        }
        self.enlisted = true;
        ready
    }

    fn delist(&mut self) {
        self.event.delist();
    }

    fn pass_on(&mut self) {
        self.event.pass_on();
    }
}

/// What `wait` returns, or `None` if it panicked on purpose.
fn unless_unwound<R>(wait: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(wait)).map_or_else(
        |panic| {
            if panic.downcast_ref::<&str>() != Some(&ON_PURPOSE) {
                resume_unwind(panic);
            }
            cover("unwound");
            None
        },
        Some,
    )
}

fn unwound(step: Step) {
    let permits = Permits::new(0);
    let patient = elsewhere(&permits, |permits| {
        wait(permits.take()).unwrap();
        permits.release();
    });
    let fragile = elsewhere(&permits, move |permits| {
        if let Some(taken) = unless_unwound(|| wait(Fragile::new(permits.take(), step))) {
            taken.unwrap();
            cover("taken at once");
            permits.release();
        }
    });
    permits.release();
    fragile.join().unwrap();
    patient.join().unwrap();
    assert!(permits.waiters.is_empty(), "a wait that was unwound leaves nothing behind");
    assert_eq!(permits.free.load(Ordering::Relaxed), 1, "there was one permit");
}

fn unwound_owing() {
    notified_too_early(|left, right| {
        unless_unwound(|| cover(take_slow_or(left, Fragile::new(right.take(), Step::Attempt))));
    });
}
