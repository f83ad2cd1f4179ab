//! Latch and barrier.

use reweave_core::cancel::Token;
use reweave_core::lock::{Barrier, Latch};
use reweave_core::sync::{Arc, UnsafeCell, thread};

use crate::{Model, Run, Seeded, cover};

/// The models of latch and barrier.
pub const MODELS: &[Model] = &[
    Model {
        name: "latch",
        property: "who passes a latch sees what happened before each count",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["waited", "passed at once"],
        seeded: &[
            Seeded { bug: "latch/relaxed-count", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "latch/open-silently", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "latch/open-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: latch,
    },
    Model {
        name: "barrier-generations",
        property: "in each generation one leads, and all see what the others did before",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["led", "followed"],
        seeded: &[
            Seeded { bug: "barrier/relaxed-generation", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "barrier/pass-silently", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "barrier/keep-count", run: Run::loom_bounded(3), expect: "Causality violation" },
            Seeded { bug: "barrier/pass-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: barrier_generations,
    },
    Model {
        name: "barrier-stopped-arrival",
        property: "an arrival that gives up is taken back, or has passed",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["gave up", "passed"],
        seeded: &[
            Seeded { bug: "barrier/stay-arrived", run: Run::loom_bounded(3), expect: "deadlock" },
            Seeded { bug: "barrier/stay-arrived", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: barrier_stopped_arrival,
    },
];

/// A cell for each of two threads: written by its own before they meet, read by both after.
struct Cells([UnsafeCell<u32>; 2]);

// SAFETY: that the accesses do not overlap is what the models check.
unsafe impl Send for Cells {}
// SAFETY: as above.
unsafe impl Sync for Cells {}

impl Cells {
    fn new() -> Self {
        Self([UnsafeCell::new(0), UnsafeCell::new(0)])
    }

    fn set(&self, index: usize, value: u32) {
        // SAFETY: the cell of this thread, before the meeting.
        self.0[index].with_mut(|cell| unsafe { *cell = value });
    }

    fn get(&self, index: usize) -> u32 {
        // SAFETY: after the meeting.
        self.0[index].with(|cell| unsafe { *cell })
    }
}

fn latch() {
    let shared = Arc::new((Latch::new(2), Cells::new()));
    let counters = [0, 1].map(|index| {
        let shared = shared.clone();
        thread::spawn(move || {
            shared.1.set(index, 1);
            shared.0.count_down()
        })
    });
    cover(if shared.0.is_open() { "passed at once" } else { "waited" });
    shared.0.wait();
    assert_eq!((shared.1.get(0), shared.1.get(1)), (1, 1), "a count was seen without what came before it");
    let opened = counters.map(|counter| counter.join().unwrap());
    assert_eq!(opened.iter().filter(|opened| **opened).count(), 1, "one count opens the latch");
}

/// Two generations: each thread writes its cell before the first meeting, reads the other's between the two.
fn meet(barrier: &Barrier, cells: &Cells, me: usize) -> [bool; 2] {
    cells.set(me, 1);
    let first = barrier.wait();
    cover(if first { "led" } else { "followed" });
    assert_eq!(cells.get(1 - me), 1, "passed before the other had arrived");
    let second = barrier.wait();
    // The other has read it by now.
    cells.set(me, 2);
    [first, second]
}

fn barrier_generations() {
    let shared = Arc::new((Barrier::new(2), Cells::new()));
    let other = thread::spawn({
        let shared = shared.clone();
        move || meet(&shared.0, &shared.1, 1)
    });
    let mine = meet(&shared.0, &shared.1, 0);
    let others = other.join().unwrap();
    assert!(mine[0] != others[0] && mine[1] != others[1], "one leads in each generation");
}

fn barrier_stopped_arrival() {
    let (barrier, token) = (Arc::new(Barrier::new(2)), Token::new());
    let hasty = thread::spawn({
        let (barrier, token) = (barrier.clone(), token.clone());
        move || match token.run(|| barrier.wait_or_stop()) {
            Ok(leads) => {
                cover("passed");
                leads
            }
            Err(_) => {
                cover("gave up");
                barrier.wait()
            }
        }
    });
    token.cancel("enough");
    let mine = barrier.wait();
    assert_ne!(hasty.join().unwrap(), mine, "one of the two leads");
}
