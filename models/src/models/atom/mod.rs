//! The atom: changes against changes, the validator, and watches; above the stand-in that takes arc-swap's place.
//!
//! Values sit in an instrumented cell that is written before the value is published, so a version that is seen without
//! what came before it is reported.

use reweave_core::atom::{Atom, Change, NotSet};
use reweave_core::sync::{Arc, UnsafeCell, thread};

use super::linearizability;
use crate::{Model, Run, Seeded, cover};

mod watches;

/// The atom's models, file by file.
pub const MODELS: &[&[Model]] = &[CHANGES, watches::MODELS, linearizability::atom::MODELS];

/// Changes against changes and the validator.
const CHANGES: &[Model] = &[
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
    let atom = Arc::new(Atom::with_validator(Value::new(0), small).expect("0 is small"));
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
