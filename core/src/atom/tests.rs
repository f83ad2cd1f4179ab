//! The atom on one and on several real threads. What interleavings can do to it is in `models/`.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quickcheck::{Arbitrary, Gen, quickcheck};

use super::{Atom, Change, NotSet, WatchHandle};
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Mutex, thread};

/// What a watch was called with.
type Seen<T> = Arc<Mutex<Vec<(T, T)>>>;

fn record<T: Clone + Send + Sync + 'static, E>(atom: &Atom<T, E>) -> (Seen<T>, WatchHandle) {
    let seen = Seen::default();
    let watch = atom.watch({
        let seen = seen.clone();
        move |old, new| seen.lock().push(((**old).clone(), (**new).clone()))
    });
    (seen, watch)
}

fn small(value: &i32) -> Result<(), &'static str> {
    if value.abs() < 50 { Ok(()) } else { Err("too large") }
}

#[derive(Clone, Debug)]
enum Step {
    Add(i32),
    Reset(i32),
    /// Compare with the version of so many steps ago.
    CompareAndSet(usize, i32),
    SetIfEq(i32, i32),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        let value = |g: &mut Gen| i32::from(i8::arbitrary(g)) % 60;
        match u8::arbitrary(g) % 4 {
            0 => Step::Add(value(g)),
            1 => Step::Reset(value(g)),
            2 => Step::CompareAndSet(usize::arbitrary(g) % 3, value(g)),
            _ => Step::SetIfEq(value(g) % 3, value(g) % 3),
        }
    }
}

quickcheck! {
    /// One thread sees a plain variable: what is accepted becomes current, what is refused changes nothing, and a watch
    /// hears of exactly the changes.
    fn an_atom_is_a_variable(steps: Vec<Step>) -> bool {
        let atom = Atom::with_validator(0, small).unwrap();
        let (seen, _watch) = record(&atom);
        let (mut value, mut changes, mut versions) = (0, Vec::new(), vec![atom.load_full()]);
        for step in steps {
            let (expected, outcome) = match step {
                Step::Add(n) => (Some(value + n), atom.try_swap(|old| old + n).map_err(NotSet::Rejected)),
                Step::Reset(n) => (Some(n), atom.try_reset(n).map_err(NotSet::Rejected)),
                Step::CompareAndSet(back, n) => {
                    let version = &versions[versions.len() - 1 - back.min(versions.len() - 1)];
                    let current = Arc::ptr_eq(version, versions.last().unwrap());
                    (current.then_some(n), atom.try_compare_and_set(version, n))
                }
                Step::SetIfEq(old, n) => ((value == old).then_some(n), atom.try_set_if_eq(&old, n)),
            };
            match (expected, outcome) {
                (Some(new), Ok(change)) => {
                    assert!(small(&new).is_ok() && *change.old == value && *change.new == new);
                    assert!(Arc::ptr_eq(&change.old, versions.last().unwrap()));
                    changes.push((value, new));
                    versions.push(change.new);
                    value = new;
                }
                (Some(new), Err(NotSet::Rejected(rejected))) => {
                    assert!(rejected.value == new && rejected.reason == "too large" && small(&new).is_err());
                }
                (None, Err(NotSet::Changed(changed))) => assert_eq!(*changed.current, value),
                (expected, outcome) => panic!("{expected:?}, but the atom did {outcome:?}"),
            }
            assert!(*atom.load() == value && Arc::ptr_eq(&atom.load_full(), versions.last().unwrap()));
        }
        *seen.lock() == changes && atom.undelivered() == 0
    }
}

#[test]
fn an_atom_without_a_validator_cannot_refuse() {
    let atom = Atom::new(1);
    let Change { old, new } = atom.swap(|n| n + 1);
    assert_eq!((*old, *new), (1, 2));
    assert_eq!(*atom.reset(5).old, 2);
    assert_eq!(format!("{atom:?} {} {:?}", atom.load(), atom.load()), "Atom(5) 5 5");
    assert_eq!(std::mem::size_of::<Atom<u64>>(), 48, "what an atom costs that nobody watches");
}

#[test]
fn a_loaded_value_stays_while_the_atom_moves_on() {
    let atom = Atom::new(String::from("old"));
    let (current, full) = (atom.load(), atom.load_full());
    atom.reset("new".into());
    assert_eq!((&**current, &**full), ("old", "old"));
    assert!(Arc::ptr_eq(current.as_arc(), &full));
    assert_eq!(*current.into_arc(), "old");
    assert_eq!(*atom.load(), "new");
}

#[test]
fn the_first_value_is_validated_too() {
    let error = Atom::with_validator(99, small).err().unwrap();
    assert_eq!((error.value, error.reason), (99, "too large"));
    assert!(error.to_string().contains("rejected the new value (too large)"), "{error}");
}

#[test]
fn comparison_is_by_identity_or_by_value() {
    let atom = Atom::new(1);
    let first = atom.load_full();
    atom.reset(1);
    let error = atom.compare_and_set(&first, 2).unwrap_err();
    assert_eq!((error.value, *error.current), (2, 1), "an equal value is not the same version");
    assert!(error.to_string().contains("changed by somebody else"));
    assert!(atom.try_set_if_eq(&1, 2).is_ok());
}

#[test]
fn a_panic_in_the_function_or_the_validator_leaves_the_atom_as_it_was() {
    let atom = Atom::with_validator(1, |n: &i32| {
        assert!(*n < 10, "a validator of the user's that panics");
        small(n)
    })
    .unwrap();
    let (seen, _watch) = record(&atom);
    for value in [10, 11] {
        let change = catch_unwind(AssertUnwindSafe(|| {
            atom.try_swap(|_| if value == 10 { value } else { panic!("a function of the user's that panics") })
        }));
        assert!(change.is_err());
    }
    assert_eq!(*atom.load(), 1);
    assert!(atom.try_swap(|n| n + 1).is_ok());
    assert_eq!(*seen.lock(), [(1, 2)]);
}

#[test]
fn a_watch_may_change_the_atom_and_is_called_later_for_it() {
    let atom = Arc::new(Atom::new(0));
    let (depth, deepest, seen) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)), Seen::default());
    let _watch = atom.watch({
        let (atom, deepest, seen) = (atom.clone(), deepest.clone(), seen.clone());
        move |old, new| {
            deepest.fetch_max(depth.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            seen.lock().push((**old, **new));
            if **new < 10_000 {
                atom.swap(|n| n + 1);
            }
            depth.fetch_sub(1, Ordering::Relaxed);
        }
    });
    atom.swap(|n| n + 1);
    assert_eq!(*atom.load(), 10_000);
    assert_eq!(deepest.load(Ordering::Relaxed), 1, "no recursion");
    assert!(seen.lock().iter().copied().eq((0..10_000).map(|n| (n, n + 1))));
}

#[test]
fn a_panicking_watch_is_contained_and_stays() {
    let atom = Atom::new(0);
    let calls = Arc::new(AtomicUsize::new(0));
    let _bomb = atom.watch({
        let calls = calls.clone();
        move |_, _| {
            calls.fetch_add(1, Ordering::Relaxed);
            panic!("a watch of the user's that panics");
        }
    });
    let (seen, _watch) = record(&atom);
    atom.reset(1);
    atom.reset(2);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    assert_eq!(*seen.lock(), [(0, 1), (1, 2)]);
}

#[test]
fn a_removed_watch_is_dropped_at_once_and_a_dropped_handle_leaves_it() {
    let atom = Atom::new(0);
    let held = Arc::new(());
    let watch = atom.watch({
        let held = held.clone();
        move |_, _| assert_eq!(Arc::strong_count(&held), 2)
    });
    atom.reset(1);
    watch.remove();
    assert_eq!(Arc::strong_count(&held), 1);
    let (seen, watch) = record(&atom);
    drop(watch);
    atom.reset(2);
    assert_eq!(*seen.lock(), [(1, 2)]);
    let watch = atom.watch({
        let held = held.clone();
        move |_, _| drop(held.clone())
    });
    drop(atom);
    assert_eq!(Arc::strong_count(&held), 1, "the functions end with the atom");
    watch.remove();
}

#[test]
fn a_watch_may_remove_itself_and_others() {
    let atom = Atom::new(0);
    let handles = Arc::new(Mutex::new(Vec::new()));
    let calls = Arc::new(AtomicUsize::new(0));
    for _ in 0..2 {
        let watch = atom.watch({
            let (handles, calls) = (handles.clone(), calls.clone());
            move |_, _| {
                calls.fetch_add(1, Ordering::Relaxed);
                let removed: Vec<WatchHandle> = std::mem::take(&mut *handles.lock());
                removed.into_iter().for_each(WatchHandle::remove);
            }
        });
        handles.lock().push(watch);
    }
    atom.reset(1);
    atom.reset(2);
    assert_eq!(calls.load(Ordering::Relaxed), 1, "the first call removed both");
    assert_eq!(Arc::strong_count(&calls), 1, "and both functions are gone");
}

#[test]
fn a_watch_may_add_a_watch_which_starts_from_then() {
    let atom = Arc::new(Atom::new(0));
    let seen = Seen::default();
    let _watch = atom.watch({
        let (atom, seen, mut added) = (atom.clone(), seen.clone(), false);
        move |_, _| {
            if !std::mem::replace(&mut added, true) {
                let seen = seen.clone();
                drop(atom.watch(move |old, new| seen.lock().push((**old, **new))));
            }
        }
    });
    atom.reset(1);
    atom.reset(2);
    assert_eq!(*seen.lock(), [(1, 2)]);
}

#[test]
fn removal_waits_for_the_call_of_another_thread() {
    let atom = Arc::new(Atom::new(0));
    let (inside, leave, left) = (AtomicBool::new(false), AtomicBool::new(false), AtomicBool::new(false));
    let flags = Arc::new((inside, leave, left));
    let watch = atom.watch({
        let flags = flags.clone();
        move |_, _| {
            flags.0.store(true, Ordering::Release);
            while !flags.1.load(Ordering::Acquire) {
                thread::yield_now();
            }
            flags.2.store(true, Ordering::Release);
        }
    });
    let changer = thread::spawn({
        let atom = atom.clone();
        move || atom.reset(1)
    });
    while !flags.0.load(Ordering::Acquire) {
        thread::yield_now();
    }
    let remover = thread::spawn({
        let flags = flags.clone();
        move || {
            watch.remove();
            assert!(flags.2.load(Ordering::Acquire), "removed while the call was under way");
        }
    });
    atom.reset(2);
    assert_eq!(atom.undelivered(), 1, "the second change waits for the first to be delivered");
    flags.1.store(true, Ordering::Release);
    remover.join().unwrap();
    changer.join().unwrap();
}

#[test]
fn values_whose_destructors_panic_or_change_the_atom_do_no_harm() {
    struct Busy(Option<Arc<Atom<usize>>>);
    impl Drop for Busy {
        fn drop(&mut self) {
            if let Some(counter) = &self.0 {
                counter.swap(|n| n + 1);
                panic!("a destructor of the user's that panics");
            }
        }
    }
    let counter = Arc::new(Atom::new(0));
    let atom = Atom::new(Busy(None));
    let (seen, _watch) = record(&counter);
    let _quiet = atom.watch(|_, _| {});
    for _ in 0..3 {
        let change = atom.reset(Busy(Some(counter.clone())));
        let _ = catch_unwind(AssertUnwindSafe(|| drop(change)));
    }
    let _ = catch_unwind(AssertUnwindSafe(|| drop(atom.reset(Busy(None)))));
    assert_eq!(*counter.load(), 3, "every value was dropped once");
    assert_eq!(*seen.lock(), [(0, 1), (1, 2), (2, 3)]);
}

/// Threads change one atom while others watch for a while: every watch sees an unbroken piece of the one chain of
/// versions.
#[test]
fn watches_on_real_threads_see_unbroken_pieces_of_the_chain() {
    const CHANGES: usize = 2_000;
    let atom = Arc::new(Atom::new(0_usize));
    let (whole, _watch) = record(&atom);
    let changers: Vec<_> = (0..3)
        .map(|thread| {
            let atom = atom.clone();
            thread::spawn(move || {
                for change in 0..CHANGES {
                    if (thread + change) % 3 == 0 {
                        while atom.compare_and_set(&atom.load_full(), *atom.load() + 1).is_err() {}
                    } else {
                        atom.swap(|n| n + 1);
                    }
                }
            })
        })
        .collect();
    let watchers: Vec<_> = (0..2)
        .map(|_| {
            let atom = atom.clone();
            thread::spawn(move || {
                for _ in 0..200 {
                    let calls = Arc::new(Mutex::new(Vec::new()));
                    let (start, watch) = atom.watch_from({
                        let calls = calls.clone();
                        move |old, new| calls.lock().push((old.clone(), new.clone()))
                    });
                    thread::yield_now();
                    watch.remove();
                    let mut last = start;
                    for (old, new) in calls.lock().drain(..) {
                        assert!(Arc::ptr_eq(&old, &last), "a change was missed, repeated or out of order");
                        last = new;
                    }
                    assert_eq!(Arc::strong_count(&calls), 1, "removed means gone");
                }
            })
        })
        .collect();
    changers.into_iter().chain(watchers).for_each(|thread| thread.join().unwrap());
    let whole = whole.lock();
    assert!(whole.windows(2).all(|pair| pair[0].1 == pair[1].0), "the calls are one chain");
    assert_eq!(whole.len(), 3 * CHANGES, "every change was delivered once");
    assert_eq!(atom.undelivered(), 0);
}
