//! The atom: changes against changes, the validator, and watches; above the stand-in that takes arc-swap's place.
//!
//! Values sit in an instrumented cell that is written before the value is published, so a version that is seen without what
//! came before it is reported. A watch's function holds such a cell too: a call that overlaps its removal is reported.

use reweave_core::atom::{Atom, Change, NotSet, WatchHandle};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, UnsafeCell, Unseen, thread};

use crate::{Model, Run, Seeded, cover};

/// The atom's models.
pub const MODELS: &[Model] = &[
    Model {
        name: "swaps",
        property: "of concurrent swaps none is lost, and each returns a version and its successor",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["here first", "there first"],
        seeded: &[
            Seeded { bug: "atom/lost-update", run: Run::loom(), expect: "a swap was lost" },
            Seeded { bug: "atom/lost-update", run: Run::shuttle_dfs(), expect: "a swap was lost" },
        ],
        body: swaps,
    },
    Model {
        name: "compare-and-set",
        property: "of two that compare with the same version one wins, and the other gets its value back",
        runs: &[Run::loom(), Run::shuttle_dfs()],
        covers: &["here won", "there won"],
        seeded: &[Seeded { bug: "atom/compare-nothing", run: Run::loom(), expect: "one winner" }],
        body: compare_and_set,
    },
    Model {
        name: "validator",
        property: "a value that the validator rejects is never current, also when a swap tries again",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["here rejected", "there rejected"],
        seeded: &[
            Seeded { bug: "atom/validate-once", run: Run::loom(), expect: "a rejected value was published" },
            Seeded {
                bug: "atom/validate-once",
                run: Run::shuttle_pct(3, 5_000),
                expect: "a rejected value was published",
            },
        ],
        body: validator,
    },
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
        runs: &[Run::loom_bounded(2), Run::loom().deep(), Run::shuttle_pct(3, 5_000)],
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
        runs: &[Run::loom_bounded(2), Run::loom().deep(), Run::shuttle_pct(3, 5_000)],
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

/// A value that loom watches: written once, before it is published.
struct Value(UnsafeCell<u32>);

// SAFETY: written when made, before anybody else can reach it, and only read afterwards.
unsafe impl Send for Value {}
// SAFETY: as above.
unsafe impl Sync for Value {}

impl Value {
    fn new(value: u32) -> Self {
        let cell = UnsafeCell::new(0);
        // SAFETY: nobody else has it yet.
        cell.with_mut(|cell| unsafe { *cell = value });
        Self(cell)
    }

    fn get(&self) -> u32 {
        // SAFETY: never written after it was made.
        self.0.with(|cell| unsafe { *cell })
    }

    fn next(&self) -> Self {
        Self::new(self.get() + 1)
    }
}

type Counter = Arc<Atom<Value>>;

fn counter() -> Counter {
    Arc::new(Atom::new(Value::new(0)))
}

fn swap_there(atom: &Counter) -> thread::JoinHandle<Change<Value>> {
    let atom = atom.clone();
    thread::spawn(move || atom.swap(Value::next))
}

fn swap_twice_there(atom: &Counter) -> thread::JoinHandle<()> {
    let atom = atom.clone();
    thread::spawn(move || {
        for _ in 0..2 {
            atom.swap(Value::next);
        }
    })
}

fn check_change(change: &Change<Value>) {
    assert_eq!(change.new.get(), change.old.get() + 1, "a change is a version and its successor");
}

fn swaps() {
    let atom = counter();
    let there = swap_there(&atom);
    let here = atom.swap(Value::next);
    let there = there.join().unwrap();
    assert_eq!(atom.load().get(), 2, "a swap was lost");
    check_change(&here);
    check_change(&there);
    let (first, second) = if here.old.get() == 0 { (&here, &there) } else { (&there, &here) };
    assert!(Arc::ptr_eq(&first.new, &second.old), "the second change begins where the first ended");
    cover(if here.old.get() == 0 { "here first" } else { "there first" });
}

fn compare_and_set() {
    let atom = counter();
    let seen = atom.load_full();
    let there = thread::spawn({
        let (atom, seen) = (atom.clone(), seen.clone());
        move || atom.compare_and_set(&seen, Value::new(1))
    });
    let here = atom.compare_and_set(&seen, Value::new(2));
    let there = there.join().unwrap();
    assert_eq!(u32::from(here.is_ok()) + u32::from(there.is_ok()), 1, "one winner");
    let (mine, other) = if here.is_ok() { (2, 1) } else { (1, 2) };
    cover(if here.is_ok() { "here won" } else { "there won" });
    for outcome in [here, there] {
        match outcome {
            Ok(change) => assert_eq!([change.old.get(), change.new.get()], [0, mine]),
            Err(changed) => assert_eq!([changed.value.get(), changed.current.get()], [other, mine]),
        }
    }
    assert_eq!(atom.load().get(), mine);
}

fn validator() {
    let small = |value: &Value| if value.get() < 2 { Ok(()) } else { Err("full") };
    let atom = Arc::new(Atom::with_validator(Value::new(0), small).ok().expect("0 is small"));
    let there = thread::spawn({
        let atom = atom.clone();
        move || atom.try_swap(Value::next).map_err(NotSet::Rejected)
    });
    let here = atom.try_swap(Value::next).map_err(NotSet::Rejected);
    let seen = atom.load().get();
    assert!(seen < 2, "a rejected value was published");
    let there = there.join().unwrap();
    assert!(atom.load().get() < 2, "a rejected value was published");
    assert!(here.is_ok() != there.is_ok(), "one finds room");
    cover(if here.is_ok() { "there rejected" } else { "here rejected" });
    for outcome in [here, there] {
        match outcome {
            Err(NotSet::Rejected(rejected)) => assert_eq!((rejected.value.get(), rejected.reason), (2, "full")),
            Err(NotSet::Changed(_)) => panic!("a swap does not compare"),
            Ok(change) => check_change(&change),
        }
    }
}

/// The calls of a watch: of each the old version, the new one, and whether it was made by the thread that runs the model.
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
