//! Parallel operations: limits, progress, cancellation and a shared iterator, while parts are cut and stolen.
//!
//! On a [`Kernel`] of two workers the main thread runs the operation and another looks for jobs; that this is hungry makes the first cut
//! what it works on. Whole pools are run with operations and options that the schedule chooses.

use reweave_core::cancel::Token;
use reweave_core::context::Agent;
use reweave_core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::par::Par;
use reweave_sched::{Pool, join};

use super::kernels::{Slate, at_work, hungry, look, work_off, worker};
use crate::runner::choose;
use crate::{Model, Run, Seeded, cover};

/// The models of parallel operations.
pub const MODELS: &[Model] = &[
    Model {
        name: "one-at-a-time",
        property: "no more items are in work at the same time than may be",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["done"],
        seeded: &[
            Seeded { bug: "par/overshoot", run: Run::loom_bounded(2), expect: "more in work at once than may be" },
            Seeded {
                bug: "par/overshoot",
                run: Run::shuttle_pct(3, 5_000),
                expect: "more in work at once than may be",
            },
        ],
        body: one_at_a_time,
    },
    Model {
        name: "half-instead-of-part",
        property: "who is hungry, and may have no part of a limited operation, gets what its worker has kept to itself",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["given"],
        seeded: &[
            Seeded { bug: "par/keep-halves", run: Run::loom_bounded(1), expect: "nobody was given the half" },
            Seeded { bug: "par/keep-halves", run: Run::shuttle_pct(3, 5_000), expect: "nobody was given the half" },
        ],
        body: half_instead_of_part,
    },
    Model {
        name: "each-once-in-order",
        property: "each item is done once, what is made is put together in the order of the items, and is seen",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["both at work", "one alone"],
        seeded: &[
            Seeded { bug: "par/lose-cut", run: Run::loom_bounded(1), expect: "was done 0 times" },
            Seeded { bug: "par/lose-cut", run: Run::shuttle_pct(3, 5_000), expect: "was done 0 times" },
            Seeded { bug: "par/put-together-backwards", run: Run::loom_bounded(1), expect: "in another order" },
        ],
        body: each_once_in_order,
    },
    Model {
        name: "progress-rises",
        property: "progress is told by one at a time, with greater and greater numbers, up to all items",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["told thrice", "told less often"],
        seeded: &[
            Seeded { bug: "par/tell-again", run: Run::loom_bounded(1), expect: "is not more than" },
            Seeded { bug: "par/tell-again", run: Run::shuttle_pct(3, 5_000), expect: "is not more than" },
        ],
        body: progress_rises,
    },
    Model {
        name: "progress-is-told",
        property: "when two are done with a step at the same time, both steps have been told before either goes far",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 10_000)],
        covers: &["with another", "alone"],
        seeded: &[
            Seeded { bug: "par/leave-untold", run: Run::loom_bounded(2), expect: "a step was not told" },
            Seeded { bug: "par/leave-untold", run: Run::shuttle_pct(3, 10_000), expect: "a step was not told" },
        ],
        body: progress_is_told,
    },
    Model {
        name: "cancelled",
        property: "behind a cancellation nobody begins more than the item that he is at, and all parts have ended at the return",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["stopped", "all were done"],
        seeded: &[
            Seeded { bug: "par/heed-nothing", run: Run::loom_bounded(1), expect: "begun behind the cancellation" },
            Seeded {
                bug: "par/heed-nothing",
                run: Run::shuttle_pct(3, 5_000),
                expect: "begun behind the cancellation",
            },
        ],
        body: cancelled,
    },
    Model {
        name: "iterator",
        property: "an iterator is asked by one at a time and not after its end, and results are in its order",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["both at work", "one alone"],
        seeded: &[
            Seeded { bug: "par/leave-unsorted", run: Run::loom_bounded(2), expect: "in another order" },
            Seeded { bug: "par/ask-again", run: Run::loom_bounded(1), expect: "asked after its end" },
        ],
        body: iterator,
    },
    Model {
        name: "whole-pools",
        property: "in a pool of three each operation, with any limit, is what it is in sequence",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["map", "filter", "reduce", "iterator", "as many as may be"],
        seeded: &[
            Seeded {
                bug: "par/overshoot",
                run: Run::shuttle_random(3_000),
                expect: "more in work at once than may be",
            },
            Seeded { bug: "par/leave-unsorted", run: Run::shuttle_random(3_000), expect: "in another order" },
            Seeded { bug: "par/put-together-backwards", run: Run::shuttle_random(3_000), expect: "in another order" },
        ],
        body: whole_pools,
    },
];

/// Items in work, of which there may be so many.
struct Limit {
    now: AtomicUsize,
    most: usize,
}

impl Limit {
    fn new(most: usize) -> Self {
        Self { now: AtomicUsize::new(0), most }
    }

    /// Does an item; tells whether there were as many as may be.
    fn during(&self, item: impl FnOnce()) -> bool {
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        assert!(now <= self.most, "{now} are more in work at once than may be");
        item();
        self.now.fetch_sub(1, Ordering::Relaxed);
        now == self.most
    }
}

fn one_at_a_time() {
    let kernel = hungry();
    let other = worker(&kernel, 1, 2);
    kernel.work(0, |_| {
        let (limit, items) = (Limit::new(1), [0; 3].map(|_| Slate::new()));
        let each = |item: usize| {
            limit.during(|| items[item].mark());
        };
        Par::new().max_concurrency(1).for_each(0..3, each).expect("nobody cancels it");
        assert!(items.iter().all(|item| item.marks() == 1));
        cover("done");
    });
    other.join().unwrap();
}

/// Waits until another has come so far.
fn until(flag: &AtomicBool) {
    while !flag.load(Ordering::Acquire) {
        thread::yield_now();
    }
}

/// The operation runs beside a half that its worker has kept to itself; another looks twice: in vain, and when a block has been done
/// since.
fn half_instead_of_part() {
    let kernel = Arc::new(Kernel::new(2));
    let flags = Arc::new([0; 4].map(|_| AtomicBool::new(false)));
    let other = at_work(&kernel, 1, {
        let flags = flags.clone();
        move |desk| {
            let [begun, looked, asked, answered] = &*flags;
            for (before, after) in [(begun, looked), (asked, answered)] {
                until(before);
                look(desk, 1);
                after.store(true, Ordering::Release);
            }
        }
    });
    let [begun, looked, asked, answered] = &*flags;
    kernel.work(0, |_| {
        let here = Agent::current();
        let each = |item: usize| {
            let (before, after) = if item == 0 { (begun, looked) } else { (asked, answered) };
            before.store(true, Ordering::Release);
            until(after);
        };
        let ((), there) = join(
            || Par::new().max_concurrency(1).for_each(0..2, each).expect("nobody cancels it"),
            || Agent::current() != here,
        );
        assert!(there, "nobody was given the half");
        cover("given");
    });
    other.join().unwrap();
}

fn each_once_in_order() {
    let kernel = hungry();
    let other = worker(&kernel, 1, 2);
    kernel.work(0, |_| {
        let (here, both) = (Agent::current(), Unseen::new(false));
        let items = [0; 4].map(|_| Slate::new());
        let each = |item: usize| {
            items[item].mark();
            if Agent::current() != here {
                both.with(|both| *both = true);
            }
            vec![item]
        };
        let made = Par::new().max_concurrency(2).reduce(0..4, each, |first, second| [first, second].concat());
        for (item, marks) in items.iter().map(Slate::marks).enumerate() {
            assert_eq!(marks, 1, "item {item} was done {marks} times");
        }
        assert_eq!(made, Ok(Some(vec![0, 1, 2, 3])), "put together in another order");
        cover(if both.with(|both| *both) { "both at work" } else { "one alone" });
    });
    other.join().unwrap();
}

fn progress_rises() {
    let kernel = hungry();
    let other = worker(&kernel, 1, 2);
    kernel.work(0, |_| {
        // Instrumented: two who tell at the same time are reported.
        let (telling, told) = (Slate::new(), Unseen::new(vec![0]));
        let tell = |done| {
            telling.mark();
            told.with(|told| {
                let before = told[told.len() - 1];
                assert!(done > before, "{done} is told, which is not more than {before}");
                told.push(done);
            });
        };
        Par::new().progress(1, tell).for_each(0..3, |_| ()).expect("nobody cancels it");
        let times = told.with(|told| {
            assert_eq!(told.last(), Some(&3), "the last is not told");
            told.len() - 1
        });
        cover(if times == 3 { "told thrice" } else { "told less often" });
    });
    other.join().unwrap();
}

fn progress_is_told() {
    let kernel = hungry();
    let away = Arc::new(AtomicBool::new(false));
    let other = at_work(&kernel, 1, {
        let away = away.clone();
        move |desk| {
            look(desk, 1);
            work_off(desk);
            away.store(true, Ordering::Release);
        }
    });
    kernel.work(0, |_| {
        let here = Agent::current();
        let (told, done, by_both) = (Unseen::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        let each = |item: usize| {
            if Agent::current() != here {
                by_both.store(true, Ordering::Relaxed);
            } else if item == 2 {
                // Item 3 is the other's, or was not taken. When the other has gone nobody is telling, and what is done has been counted.
                until(&away);
                let (told, done) = (told.with(|told| *told), done.load(Ordering::Relaxed));
                assert_eq!(told, done, "a step was not told");
                cover(if by_both.load(Ordering::Relaxed) { "with another" } else { "alone" });
            }
            done.fetch_add(1, Ordering::Relaxed);
        };
        let progress = Par::new().progress(1, |done| told.with(|told| *told = done));
        progress.for_each(0..4, each).expect("nobody cancels it");
    });
    other.join().unwrap();
}

fn cancelled() {
    let kernel = hungry();
    let other = worker(&kernel, 1, 2);
    kernel.work(0, |_| {
        let (token, late) = (Token::new(), AtomicUsize::new(0));
        let items = [0; 6].map(|_| Slate::new());
        let each = |item: usize| {
            if token.is_cancelled() {
                late.fetch_add(1, Ordering::Relaxed);
            }
            items[item].mark();
            if item == 3 {
                token.cancel("enough");
            }
        };
        let outcome = token.run(|| Par::new().for_each(0..6, each));
        let late = late.load(Ordering::Relaxed);
        assert!(late <= 1, "{late} items were begun behind the cancellation, one of them by who had looked before");
        // Read without a race: all parts have ended.
        let done: u32 = items.iter().map(Slate::marks).sum();
        assert_eq!(outcome.is_ok(), done == 6, "{done} were done, and the outcome is {outcome:?}");
        cover(if outcome.is_ok() { "all were done" } else { "stopped" });
    });
    other.join().unwrap();
}

fn iterator() {
    let kernel = hungry();
    let other = worker(&kernel, 1, 2);
    kernel.work(0, |_| {
        let (here, both) = (Agent::current(), Unseen::new(false));
        let (asked, mut items) = (Slate::new(), Some(0..6));
        let items = std::iter::from_fn(|| {
            asked.mark();
            let item = items.as_mut().expect("the iterator was asked after its end").next();
            if item.is_none() {
                items = None;
            }
            item
        });
        let each = |item: usize| {
            if Agent::current() != here {
                both.with(|both| *both = true);
            }
            item
        };
        let made = Par::new().max_concurrency(2).map_iter(items, each);
        assert_eq!(made, Ok(Vec::from_iter(0..6)), "in another order, or not all");
        cover(if both.with(|both| *both) { "both at work" } else { "one alone" });
    });
    other.join().unwrap();
}

fn whole_pools() {
    let most = 1 + choose(3);
    let (limit, par) = (Limit::new(most), Par::new().max_concurrency(most));
    let each = |item: usize| {
        if limit.during(thread::yield_now) && most > 1 {
            cover("as many as may be");
        }
        item
    };
    let pool = Pool::builder().threads(3).spare_threads(0).build().expect("the checkers refuse no thread");
    let (made, expected) = pool.install(|| match choose(4) {
        0 => {
            cover("map");
            (par.map(0..6, each), Vec::from_iter(0..6))
        }
        1 => {
            cover("filter");
            (par.filter(0..6, |&item| each(item) != 2), vec![0, 1, 3, 4, 5])
        }
        2 => {
            cover("reduce");
            let made = par.reduce(0..6, |item| vec![each(item)], |first, second| [first, second].concat());
            (made.map(Option::unwrap_or_default), Vec::from_iter(0..6))
        }
        _ => {
            cover("iterator");
            (par.map_iter(0..6, each), Vec::from_iter(0..6))
        }
    });
    assert_eq!(made, Ok(expected), "in another order, or not all");
    drop(pool);
}
