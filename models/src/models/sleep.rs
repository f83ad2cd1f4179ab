//! Sleep: who makes work against who lies down, with one worker and with two, with a deadline, and at the end of all.
//!
//! Work is a counter, which whoever makes work raises and whoever takes it lowers, each by a read-modify-write, as the
//! queues of a pool do. Every worker takes one piece and ends; so work that is left with all asleep is a deadlock, and so
//! is a worker that nobody calls.
//!
//! A role of a searcher that is left behind keeps everybody from being called, and is looked for at the end: where one
//! may search at a time, it would not be free.

use std::time::Instant;

use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_sched::sleep::{Sleep, Woken};

use crate::{Model, Run, Seeded, cover};

/// The models of sleep.
pub const MODELS: &[Model] = &[
    Model {
        name: "call-against-lying-down",
        property: "a worker that lies down while work is made gets up again, or is called",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["found at once", "found after lying down"],
        seeded: &[
            Seeded { bug: "sleep/call-without-fence", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "sleep/lie-down-without-fence", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "sleep/sleep-without-looking", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "sleep/sleep-without-looking", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: call_against_lying_down,
    },
    Model {
        name: "two-makers",
        property: "one who is called twice, or gets up as it is called, leaves no role behind",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["found after lying down"],
        seeded: &[
            Seeded { bug: "sleep/call-nobody", run: Run::loom_bounded(2), expect: "a role is left behind" },
            Seeded { bug: "sleep/call-nobody", run: Run::shuttle_pct(3, 5_000), expect: "a role is left behind" },
        ],
        body: two_makers,
    },
    Model {
        name: "one-searches",
        property: "whoever finds work, and was the only one who searched, calls another to the rest",
        runs: &[
            Run::loom_bounded(2),
            Run::loom_bounded(3).deep().may_be_cut_off("not seen to end in 25 seconds"),
            Run::shuttle_pct(3, 5_000),
        ],
        covers: &["found at once", "found after lying down"],
        seeded: &[
            Seeded { bug: "sleep/find-alone", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "sleep/find-alone", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
            Seeded { bug: "sleep/find-without-fence", run: Run::loom_bounded(2), expect: "deadlock" },
        ],
        body: one_searches,
    },
    Model {
        name: "call-against-deadline",
        property: "a call to one whose deadline passes is heeded, or goes to another",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["expired", "called"],
        seeded: &[
            Seeded { bug: "sleep/expire-though-called", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "sleep/expire-though-called", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: call_against_deadline,
    },
    Model {
        name: "call-all",
        property: "whoever lies down while all are called learns why",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["called"],
        seeded: &[Seeded { bug: "sleep/sleep-without-looking", run: Run::loom(), expect: "deadlock" }],
        body: call_all,
    },
];

/// Work to be done, and those who wait for it.
struct Shop {
    sleep: Sleep,
    work: AtomicUsize,
}

impl Shop {
    /// One worker may search at a time.
    fn new() -> Arc<Self> {
        Arc::new(Self { sleep: Sleep::new(1), work: AtomicUsize::new(0) })
    }

    /// Whether there is work. Relaxed, as the looks into queues are.
    fn wanted(&self) -> bool {
        self.work.load(Ordering::Relaxed) > 0
    }

    fn make(&self) {
        self.work.fetch_add(1, Ordering::AcqRel);
        self.sleep.call(|| self.wanted());
    }

    fn take(&self) -> bool {
        let mut work = self.work.load(Ordering::Relaxed);
        while work > 0 {
            match self.work.compare_exchange(work, work - 1, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => work = now,
            }
        }
        false
    }

    /// What a worker does until it has one piece of work. `searching`: it counts as a searcher already.
    fn find(&self, worker: usize, searching: bool) {
        let mut searching = searching || self.sleep.search();
        let mut lain = false;
        loop {
            if searching && self.take() {
                self.sleep.found(|| self.wanted());
                cover(if lain { "found after lying down" } else { "found at once" });
                return;
            }
            let woken = self.sleep.lie_down(worker, searching, None, || self.wanted());
            assert_eq!(woken, Woken::ToSearch, "there is no deadline");
            (searching, lain) = (true, true);
        }
    }

    /// All have ended.
    fn check(&self) {
        assert_eq!(self.sleep.sleepers(), 0, "somebody sleeps");
        assert!(self.sleep.search(), "a role is left behind");
    }
}

fn make_elsewhere(shop: &Arc<Shop>, pieces: usize) -> thread::JoinHandle<()> {
    let shop = shop.clone();
    thread::spawn(move || (0..pieces).for_each(|_| shop.make()))
}

fn call_against_lying_down() {
    let shop = Shop::new();
    let maker = make_elsewhere(&shop, 1);
    shop.find(0, false);
    maker.join().unwrap();
    shop.check();
}

fn two_makers() {
    let shop = Shop::new();
    let makers = [1, 1].map(|pieces| make_elsewhere(&shop, pieces));
    shop.find(0, false);
    shop.find(0, false);
    for maker in makers {
        maker.join().unwrap();
    }
    shop.check();
}

fn one_searches() {
    let shop = Shop::new();
    let other = thread::spawn({
        let shop = shop.clone();
        move || shop.find(1, false)
    });
    let maker = make_elsewhere(&shop, 2);
    shop.find(0, false);
    maker.join().unwrap();
    other.join().unwrap();
    shop.check();
}

fn call_against_deadline() {
    let shop = Shop::new();
    // One that takes nothing: it leaves, or hands its role on.
    let passer = thread::spawn({
        let shop = shop.clone();
        move || {
            if !shop.sleep.search() {
                return;
            }
            match shop.sleep.lie_down(1, true, Some(Instant::now()), || shop.wanted()) {
                Woken::Expired => cover("expired"),
                Woken::ToSearch => {
                    cover("called");
                    shop.sleep.found(|| shop.wanted());
                }
            }
        }
    });
    let maker = make_elsewhere(&shop, 1);
    shop.find(0, false);
    maker.join().unwrap();
    passer.join().unwrap();
    shop.check();
}

fn call_all() {
    let shop = Shop::new();
    let caller = thread::spawn({
        let shop = shop.clone();
        move || {
            // Relaxed: who lies down later learns it by the lock.
            shop.work.store(1, Ordering::Relaxed);
            shop.sleep.call_all();
        }
    });
    let woken = shop.sleep.lie_down(0, false, None, || shop.wanted());
    assert_eq!(woken, Woken::ToSearch, "there is no deadline");
    assert!(shop.wanted(), "woken without a reason");
    cover("called");
    shop.sleep.found(|| false);
    caller.join().unwrap();
    shop.check();
}
