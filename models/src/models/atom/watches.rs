//! Watches: delivery in order and once, adding and removing them beside changes, and watches that act on their own
//! atom.
//!
//! A watch's function may hold an instrumented cell that is taken from it after its removal: a call that overlaps the
//! removal is reported.

use reweave_core::atom::WatchHandle;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, UnsafeCell, Unseen, thread};

use super::{Counter, Value, counter, swap_there};
use crate::{Model, Run, Seeded, cover};

/// The models of watches.
pub(super) const MODELS: &[Model] = &[
    Model {
        name: "watch",
        property: "a watch is called once for every change of two threads, in their order, and nothing is left waiting",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["delivered by another", "delivered on return"],
        seeded: &[
            Seeded { bug: "atom/order-of-arrival", run: Run::loom(), expect: "out of order" },
            Seeded { bug: "atom/deliver-what-is-left", run: Run::loom(), expect: "called again" },
            Seeded { bug: "atom/lost-hand-off", run: Run::loom(), expect: "was not delivered" },
            Seeded { bug: "atom/two-deliverers", run: Run::loom(), expect: "was not delivered" },
            Seeded { bug: "atom/lost-hand-off", run: Run::shuttle_pct(3, 5_000), expect: "was not delivered" },
            Seeded { bug: "atom/order-of-arrival", run: Run::shuttle_pct(3, 5_000), expect: "out of order" },
        ],
        body: watch,
    },
    Model {
        name: "watch-that-swaps",
        property: "a watch that changes its own atom is called for that change too, after it returned",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["swapped inside"],
        seeded: &[
            Seeded { bug: "atom/order-of-arrival", run: Run::loom_bounded(2), expect: "out of order" },
            Seeded { bug: "atom/lost-hand-off", run: Run::shuttle_pct(3, 5_000), expect: "was not delivered" },
        ],
        body: watch_that_swaps,
    },
    Model {
        name: "remove-watch",
        property: "a watch that has been removed is not in a call, is not called again, and its function is gone",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["called before the removal", "removed before the call"],
        seeded: &[
            Seeded { bug: "atom/remove-without-waiting", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "atom/remove-without-waiting", run: Run::shuttle_pct(3, 5_000), expect: "still there" },
        ],
        body: remove_watch,
    },
    Model {
        name: "watch-removes-itself",
        property: "a watch that removes itself in its first call has no second, whoever makes changes",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["here first", "there first"],
        seeded: &[
            Seeded { bug: "atom/wait-for-oneself", run: Run::loom(), expect: "deadlock" },
            Seeded { bug: "atom/wait-for-oneself", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: watch_removes_itself,
    },
    Model {
        name: "add-watch",
        property: "the first watch is called for exactly the changes after the version that it starts from",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["before the change", "after the change"],
        seeded: &[
            Seeded { bug: "atom/look-without-fence", run: Run::loom(), expect: "was not delivered" },
            Seeded { bug: "atom/start-before-flag", run: Run::loom(), expect: "was not delivered" },
            Seeded { bug: "atom/keep-leftovers", run: Run::loom(), expect: "left waiting" },
            Seeded { bug: "atom/start-before-flag", run: Run::shuttle_pct(3, 5_000), expect: "was not delivered" },
        ],
        body: add_watch,
    },
    Model {
        name: "add-another-watch",
        property: "so is a watch that joins others",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["before the change", "after the change"],
        seeded: &[
            Seeded { bug: "atom/start-behind", run: Run::loom_bounded(2), expect: "was not delivered" },
            Seeded { bug: "atom/start-behind", run: Run::shuttle_pct(3, 5_000), expect: "was not delivered" },
        ],
        body: add_another_watch,
    },
    Model {
        name: "change-of-watches",
        property: "so is a watch that is added when the last one has just been removed",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["before the change", "after the change"],
        seeded: &[
            Seeded { bug: "atom/end-while-adding", run: Run::loom_bounded(2), expect: "was not delivered" },
            Seeded { bug: "atom/end-while-adding", run: Run::shuttle_pct(3, 5_000), expect: "was not delivered" },
        ],
        body: change_of_watches,
    },
    Model {
        name: "crowd",
        property: "with three threads changing, watches of any age see unbroken pieces of one chain to its end",
        runs: &[Run::loom_bounded(1).deep(), Run::shuttle_pct(3, 5_000), Run::shuttle_random(20_000).deep()],
        covers: &["before the change", "after the change", "delivered by another"],
        seeded: &[
            Seeded { bug: "atom/order-of-arrival", run: Run::shuttle_pct(3, 5_000), expect: "out of order" },
            Seeded { bug: "atom/lost-hand-off", run: Run::shuttle_pct(3, 5_000), expect: "was not delivered" },
            Seeded { bug: "atom/start-behind", run: Run::shuttle_pct(3, 5_000), expect: "was not delivered" },
        ],
        body: crowd,
    },
];

/// The calls of a watch: of each the old version, the new one, and whether it was made by the thread that runs the
/// model.
#[derive(Clone)]
struct Calls(Unseen<Vec<(u32, u32)>>);

impl Calls {
    fn new() -> Self {
        Self(Unseen::new(Vec::new()))
    }

    fn recorder(&self) -> impl FnMut(&Arc<Value>, &Arc<Value>) + Send + 'static {
        let calls = self.0.clone();
        move |old, new| {
            let call = (old.get(), new.get());
            calls.with(|calls| calls.push(call));
        }
    }

    fn len(&self) -> usize {
        self.0.with(|calls| calls.len())
    }

    /// Checks that the calls are those of the changes from `start` to `end`, each once and in order.
    fn check(&self, start: u32, end: u32) {
        let calls = self.0.with(|calls| calls.clone());
        for (index, call) in calls.iter().enumerate() {
            assert!(!calls[..index].contains(call), "called again for a change: {calls:?}");
        }
        let mut last = start;
        for (old, new) in &calls {
            assert_eq!(*old, last, "out of order: {calls:?} from {start}");
            last = *new;
        }
        assert_eq!(last, end, "a change was not delivered: {calls:?} from {start}");
    }
}

fn swap_twice_there(atom: &Counter) -> thread::JoinHandle<()> {
    let atom = atom.clone();
    thread::spawn(move || {
        for _ in 0..2 {
            atom.swap(Value::next);
        }
    })
}

fn watch() {
    let atom = counter();
    let calls = Calls::new();
    let _watch = atom.watch(calls.recorder());
    atom.swap(Value::next);
    let there = swap_there(&atom);
    let change = atom.swap(Value::next);
    let delivered = calls.len() >= change.new.get() as usize;
    there.join().unwrap();
    calls.check(0, 3);
    cover(if delivered { "delivered on return" } else { "delivered by another" });
    assert_eq!(atom.undelivered(), 0, "left waiting");
}

fn watch_that_swaps() {
    let atom = counter();
    let calls = Calls::new();
    let mut record = calls.recorder();
    let inside = Unseen::new(false);
    let watch = atom.watch({
        let (atom, inside) = (atom.clone(), inside.clone());
        move |old, new| {
            assert!(!inside.with(|inside| std::mem::replace(inside, true)), "called recursively");
            record(old, new);
            if new.get() == 1 {
                atom.swap(Value::next);
                cover("swapped inside");
            }
            inside.with(|inside| *inside = false);
        }
    });
    let there = swap_there(&atom);
    atom.swap(Value::next);
    there.join().unwrap();
    calls.check(0, 3);
    assert_eq!(atom.undelivered(), 0, "left waiting");
    // The function holds the atom that holds it.
    watch.remove();
}

/// What a watch uses, and what is taken from it at the removal.
struct Resource(UnsafeCell<bool>);

// SAFETY: written inside the watch, one call at a time, and after the watch was removed: that is what the model checks.
unsafe impl Send for Resource {}
// SAFETY: as above.
unsafe impl Sync for Resource {}

fn remove_watch() {
    let atom = counter();
    let resource = Arc::new(Resource(UnsafeCell::new(false)));
    let alive = Unseen::new(0_usize);
    struct Held(Arc<Resource>, Unseen<usize>);
    impl Drop for Held {
        fn drop(&mut self) {
            self.1.with(|alive| *alive -= 1);
        }
    }
    alive.with(|alive| *alive += 1);
    let steps = AtomicUsize::new(0);
    let watch = atom.watch({
        let held = Held(resource.clone(), alive.clone());
        move |_, _| {
            // A step before the access: shuttle does not see that one.
            steps.fetch_add(1, Ordering::Relaxed);
            // SAFETY: the watch has not been removed.
            held.0.0.with_mut(|called| unsafe { *called = true });
        }
    });
    let there = swap_twice_there(&atom);
    watch.remove();
    let left = alive.with(|alive| *alive);
    // SAFETY: the watch has been removed.
    let called = resource.0.with_mut(|called| unsafe { std::mem::replace(&mut *called, true) });
    cover(if called { "called before the removal" } else { "removed before the call" });
    there.join().unwrap();
    assert_eq!(left, 0, "the function is still there after the removal");
}

fn watch_removes_itself() {
    let atom = counter();
    let calls = Calls::new();
    let mut record = calls.recorder();
    let handle: Unseen<Option<WatchHandle>> = Unseen::new(None);
    let watch = atom.watch({
        let handle = handle.clone();
        move |old, new| {
            record(old, new);
            let watch = handle.with(Option::take);
            watch.expect("called once").remove();
        }
    });
    handle.with(|handle| *handle = Some(watch));
    let there = swap_there(&atom);
    let here = atom.swap(Value::next);
    there.join().unwrap();
    calls.check(0, 1);
    cover(if here.old.get() == 0 { "here first" } else { "there first" });
}

fn check_added(atom: &Counter, start: &Arc<Value>, calls: &Calls) {
    calls.check(start.get(), atom.load().get());
    cover(if start.get() == 0 { "before the change" } else { "after the change" });
    assert_eq!(atom.undelivered(), 0, "a change was left waiting");
}

fn add_watch() {
    let atom = counter();
    let calls = Calls::new();
    let there = swap_there(&atom);
    let (start, _watch) = atom.watch_from(calls.recorder());
    there.join().unwrap();
    check_added(&atom, &start, &calls);
}

fn add_another_watch() {
    let atom = counter();
    let (all, calls) = (Calls::new(), Calls::new());
    let _first = atom.watch(all.recorder());
    let there = swap_there(&atom);
    let (start, _second) = atom.watch_from(calls.recorder());
    atom.swap(Value::next);
    there.join().unwrap();
    all.check(0, 2);
    check_added(&atom, &start, &calls);
}

fn change_of_watches() {
    let atom = counter();
    let before = atom.watch(|_, _| {});
    let there = swap_twice_there(&atom);
    before.remove();
    let calls = Calls::new();
    let (start, _watch) = atom.watch_from(calls.recorder());
    there.join().unwrap();
    check_added(&atom, &start, &calls);
}

fn crowd() {
    let atom = counter();
    let (all, calls) = (Calls::new(), Calls::new());
    let _first = atom.watch(all.recorder());
    let there = [(); 2].map(|()| swap_twice_there(&atom));
    let (start, _second) = atom.watch_from(calls.recorder());
    let change = atom.swap(Value::next);
    if all.len() < change.new.get() as usize {
        cover("delivered by another");
    }
    there.into_iter().for_each(|there| there.join().unwrap());
    all.check(0, 5);
    check_added(&atom, &start, &calls);
}
