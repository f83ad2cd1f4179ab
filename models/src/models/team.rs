//! A team of threads: nobody works before all have prepared.

use reweave_core::sync::{Arc, UnsafeCell};
use reweave_sched::team;

use crate::{Model, Run, Seeded, cover};

/// The team's models.
pub const MODELS: &[Model] = &[Model {
    name: "start-together",
    property: "whoever works sees what every member has prepared",
    runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
    covers: &["worked"],
    seeded: &[
        Seeded { bug: "team/relaxed-barrier", run: Run::loom(), expect: "Causality violation" },
        Seeded { bug: "team/no-barrier", run: Run::shuttle_pct(3, 5_000), expect: "began before all had prepared" },
    ],
    body: start_together,
}];

/// What each member prepares.
struct Desks([UnsafeCell<bool>; 2]);

// SAFETY: a desk is written by its own member before the barrier, and only read behind it.
unsafe impl Send for Desks {}
// SAFETY: as above.
unsafe impl Sync for Desks {}

fn start_together() {
    let desks = Arc::new(Desks([UnsafeCell::new(false), UnsafeCell::new(false)]));
    let tidied = desks.clone();
    let results = team::run(
        2,
        // SAFETY: the member's own desk, before the barrier.
        move |member| tidied.0[member].with_mut(|desk| unsafe { *desk = true }),
        move |member| {
            // SAFETY: behind the barrier nobody writes.
            let other = desks.0[1 - member].with(|desk| unsafe { *desk });
            assert!(other, "a member began before all had prepared");
            cover("worked");
        },
    );
    for result in results.expect("the checkers refuse no thread") {
        if let Err(panic) = result {
            std::panic::resume_unwind(panic);
        }
    }
}
