//! Parallel operations are equal to their sequential forms, whatever the input, whoever is hungry, and wherever there is a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use quickcheck::{Arbitrary, Gen, quickcheck};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Lazy, hint, thread};

use crate::par::{self, Par, par_filter, par_for, par_map, par_map_iter, par_reduce};
use crate::{Pool, join};

static POOLS: Lazy<Vec<Pool>> = Lazy::new(|| [1, 2, 4].map(|threads| Pool::new(threads).unwrap()).into());

/// Items, how many of them take long, which one panics, and where they are worked on.
#[derive(Clone, Debug)]
struct Input {
    items: Vec<u16>,
    dear: usize,
    panic_at: Option<usize>,
    pool: usize,
}

impl Arbitrary for Input {
    fn arbitrary(g: &mut Gen) -> Self {
        let mut items: Vec<u16> = Vec::arbitrary(g);
        // Now and then more than a few blocks.
        if u8::arbitrary(g).is_multiple_of(4) && !items.is_empty() {
            let more = usize::arbitrary(g) % 5000;
            items = items.iter().copied().cycle().take(more).collect();
        }
        let panic_at = (bool::arbitrary(g) && !items.is_empty()).then(|| usize::arbitrary(g) % items.len());
        Self { dear: 1 + usize::arbitrary(g) % 50, panic_at, pool: usize::arbitrary(g) % 3, items }
    }
}

impl Input {
    /// What is done with the item of this number: it panics, takes long, or neither.
    fn meet(&self, place: usize) {
        assert!(self.panic_at != Some(place), "at {place}");
        if place.is_multiple_of(self.dear) {
            (0..200).for_each(|_| hint::spin_loop());
        }
        if place.is_multiple_of(61) {
            thread::yield_now();
        }
    }

    /// Whether an operation in a pool has the outcome `expected`, or panics with the item that does.
    fn holds<T: PartialEq + Send>(&self, operation: impl FnOnce() -> T + Send, expected: T) -> bool {
        let outcome = catch_unwind(AssertUnwindSafe(|| POOLS.get()[self.pool].install(operation)));
        match (outcome, self.panic_at) {
            (Ok(outcome), None) => outcome == expected,
            (Err(panic), Some(place)) => panic.downcast_ref() == Some(&format!("at {place}")),
            _ => false,
        }
    }

    fn numbered(&self) -> Vec<(usize, u16)> {
        self.items.iter().copied().enumerate().collect()
    }
}

/// An item that counts those that there are.
#[derive(Debug)]
pub(super) struct Counted<'a>(usize, &'a AtomicUsize);

impl<'a> Counted<'a> {
    pub(super) fn new(value: usize, alive: &'a AtomicUsize) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(value, alive)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.1.fetch_sub(1, Ordering::Relaxed);
    }
}

quickcheck! {
    fn map_is_the_sequential_map(input: Input) -> bool {
        let items = input.numbered();
        let f = |&(place, item): &(usize, u16)| { input.meet(place); u64::from(item) * 3 };
        let expected = input.items.iter().map(|&item| u64::from(item) * 3).collect();
        input.holds(|| par_map(&items, f), expected)
    }

    fn map_of_a_range_is_the_sequential_map(input: Input) -> bool {
        let f = |place| { input.meet(place); input.items[place].to_string() };
        input.holds(|| par_map(0..input.items.len(), f), input.items.iter().map(ToString::to_string).collect())
    }

    fn filter_is_the_sequential_filter(input: Input) -> bool {
        let items = input.numbered();
        let keep = |item: &&(usize, u16)| { input.meet(item.0); item.1.is_multiple_of(3) };
        let expected = items.iter().filter(|item| item.1.is_multiple_of(3)).collect();
        input.holds(|| par_filter(&items, keep), expected)
    }

    fn reduce_is_the_sequential_reduce(input: Input) -> bool {
        let items = input.numbered();
        let map = |&(place, item): &(usize, u16)| { input.meet(place); vec![item] };
        // Associative and not commutative.
        let both = |mut a: Vec<u16>, mut b: Vec<u16>| { a.append(&mut b); a };
        let expected = (!items.is_empty()).then(|| input.items.clone());
        input.holds(|| par_reduce(&items, map, both), expected)
    }

    fn for_each_meets_each_item_once(input: Input) -> bool {
        let mut items = input.numbered();
        let held = input.holds(|| par_for(&mut items, |item| { input.meet(item.0); item.1 = item.1.wrapping_add(1); }), ());
        let met = items.iter().zip(&input.items).filter(|(after, before)| after.1 == before.wrapping_add(1)).count();
        let untouched = items.iter().zip(&input.items).filter(|(after, before)| after.1 == **before).count();
        held && met + untouched == items.len() && (input.panic_at.is_some() || met == items.len())
    }

    fn map_of_an_iterator_is_the_sequential_map(input: Input) -> bool {
        let items = input.numbered();
        let f = |(place, item): (usize, u16)| { input.meet(place); u64::from(item) * 3 };
        let expected = input.items.iter().map(|&item| u64::from(item) * 3).collect();
        input.holds(|| par_map_iter(items, f), expected)
    }

    fn a_panic_of_the_iterator_comes_out(input: Input) -> bool {
        let items = (0..input.items.len()).inspect(|&place| input.meet(place));
        input.holds(|| par_map_iter(items, |place| place), (0..input.items.len()).collect())
    }

    fn everything_is_dropped_once(input: Input) -> bool {
        let (given, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let mut items: Vec<_> = (0..input.items.len()).map(|place| Counted::new(place, &given)).collect();
        let f = |item: Counted<'_>| { input.meet(item.0); Counted::new(item.0, &made) };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            POOLS.get()[input.pool].install(|| par_map(par::drain(&mut items), f))
        }));
        let alive = outcome.as_ref().map_or(0, Vec::len);
        let before = made.load(Ordering::Relaxed);
        drop(outcome);
        let left = items.len();
        drop(items);
        before == alive && left == 0 && (given.into_inner(), made.into_inner()) == (0, 0)
    }

    fn everything_from_an_iterator_is_dropped_once(input: Input) -> bool {
        let (given, made) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let items: Vec<_> = (0..input.items.len()).map(|place| Counted::new(place, &given)).collect();
        let f = |item: Counted<'_>| { input.meet(item.0); Counted::new(item.0, &made) };
        let outcome = catch_unwind(AssertUnwindSafe(|| POOLS.get()[input.pool].install(|| par_map_iter(items, f))));
        drop(outcome);
        (given.into_inner(), made.into_inner()) == (0, 0)
    }

    fn errors_are_values(input: Input) -> bool {
        let f = |place: usize| {
            input.meet(place);
            if input.items[place].is_multiple_of(2) { Ok(place) } else { Err(input.items[place]) }
        };
        let outcomes = POOLS.get()[input.pool].install(|| Par::new().map_each(0..input.items.len(), f));
        outcomes.len() == input.items.len()
            && outcomes.iter().enumerate().all(|(place, outcome)| match outcome {
                Err(par::ItemError::Panicked(_)) => input.panic_at == Some(place),
                Err(par::ItemError::Failed(item)) => *item == input.items[place] && item % 2 == 1,
                Ok(ok) => *ok == place && input.items[place].is_multiple_of(2) && input.panic_at != Some(place),
                _ => false,
            })
    }
}

#[test]
fn the_few_dear_items_are_spread() {
    // The first eighth takes almost all of the time; and while one of them is worked on, another is: they wait for each other.
    let pool = Pool::new(2).unwrap();
    let (begun, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let spread = |place: usize| {
        if place < 100 {
            most.fetch_max(begun.fetch_add(1, Ordering::Relaxed) + 1, Ordering::Relaxed);
            (0..50).for_each(|_| thread::yield_now());
            begun.fetch_sub(1, Ordering::Relaxed);
        }
    };
    for _ in 0..200 {
        pool.install(|| par_for(0..1000, spread));
        if most.load(Ordering::Relaxed) == 2 {
            return;
        }
    }
    panic!("two were never in work at the same time");
}

#[test]
fn operations_nest() {
    for pool in POOLS.get() {
        let (sums, joined) = pool.install(|| {
            join(
                || par_map(0..50, |rows| par_reduce(0..rows, |n| n, |a, b| a + b).unwrap_or(0)),
                || par_map_iter(0..50, |n| par_map(0..n, |n| n).len()),
            )
        });
        assert_eq!(sums, (0..50).map(|rows| (0..rows).sum()).collect::<Vec<usize>>());
        assert_eq!(joined, (0..50).collect::<Vec<_>>());
    }
}

#[test]
fn outside_of_pools_the_global_one_serves() {
    assert_eq!(par_map(&[1, 2, 3], |n| n + 1), [2, 3, 4]);
    assert_eq!(par_map_iter("a b".split(' '), str::len), [1, 1]);
    assert_eq!(par_map(&[0; 0], |n: &i32| *n), [0; 0]);
}

#[test]
fn results_without_size_are_counted_and_dropped() {
    let dropped = AtomicUsize::new(0);
    struct Unit<'a>(&'a AtomicUsize);
    impl Drop for Unit<'_> {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let units = POOLS.get()[1].install(|| par_map(0..1000, |_| ()));
    assert_eq!(units.len(), 1000);
    let made = POOLS.get()[2].install(|| par_map(&[(); 1000], |()| Unit(&dropped)));
    drop(made);
    assert_eq!(dropped.into_inner(), 1000);
}
