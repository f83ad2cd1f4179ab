//! Scopes, their ends, what they keep, and random programs of nested scopes.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::*;
use crate::sync::thread;

/// A value that notes its drop.
struct Noted<'a>(&'a RefCell<Vec<u32>>, u32);

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

#[test]
fn everything_that_can_be_allocated() {
    Arena::new().scope(|scope| {
        let number = scope.alloc(1_u8);
        let wide = scope.alloc_with(|| 2_u128);
        let copied = scope.alloc_slice_copy(&[1_u16, 2, 3]);
        let filled = scope.alloc_slice_fill_with(4, |index| index * index);
        let text = scope.alloc_str("text");
        let nothing = scope.alloc(());
        let owned = scope.alloc_owned(vec![1]);
        *number += 1;
        *wide += 1;
        copied[1] = 7;
        filled[3] += 1;
        text.make_ascii_uppercase();
        assert_eq!((*number, *wide, &*copied, &*filled), (2, 3, &[1, 7, 3][..], &[0, 1, 4, 10][..]));
        assert_eq!((&*text, *nothing, &*owned), ("TEXT", (), &vec![1]));
        assert!((&raw const *wide).is_aligned() && (&raw const filled[0]).is_aligned());
    });
}

#[test]
fn an_inner_scope_frees_its_own_only() {
    let arena = Arena::new();
    arena.scope(|outer| {
        let first = outer.alloc(1_u64);
        let before = arena.stats();
        let mut addresses = Vec::new();
        for round in 0..3 {
            outer.scope(|inner| {
                let inside = inner.alloc(round);
                // The outer scope is at work inside the inner one, and keeps what it gives out there.
                *first += *outer.alloc(1_u64);
                addresses.push((&raw const *inside).addr());
                assert_eq!(arena.stats().open_scopes, 2);
                assert!(inner.used_bytes() < outer.used_bytes());
            });
        }
        assert_eq!(*first, 4);
        assert_eq!(arena.stats().used_bytes, before.used_bytes + 3 * 8, "three numbers of the outer scope");
        assert_eq!(addresses[0], addresses[2], "the inner level is used again");
    });
    let stats = arena.stats();
    assert_eq!((stats.open_scopes, stats.used_bytes, stats.chunks), (0, 0, 2));
}

#[test]
fn a_panic_ends_its_scope_and_those_inside() {
    let arena = Arena::new();
    let drops = RefCell::new(Vec::new());
    let caught = catch_unwind(AssertUnwindSafe(|| {
        arena.scope(|scope| {
            let _owned = scope.alloc_owned(Noted(&drops, 1));
            scope.scope(|inner| {
                inner.alloc([0_u8; 5000]);
                resume_unwind(Box::new("on purpose"))
            })
        })
    }));
    assert!(caught.is_err());
    assert_eq!(*drops.borrow(), [1]);
    assert_eq!((arena.stats().open_scopes, arena.stats().used_bytes), (0, 0));
    assert!(arena.stats().high_water_bytes >= 5000);
    assert_eq!(arena.scope(|scope| *scope.alloc(7)), 7);
}

#[test]
fn a_panic_while_a_value_is_made_leaves_the_scope_usable() {
    Arena::new().scope(|scope| {
        let before = scope.alloc(1);
        for fails_at in 0..3 {
            let made = catch_unwind(AssertUnwindSafe(|| {
                scope.alloc_slice_fill_with(
                    3,
                    |index| if index == fails_at { resume_unwind(Box::new(())) } else { index },
                );
            }));
            assert!(made.is_err());
        }
        assert!(catch_unwind(AssertUnwindSafe(|| scope.alloc_with(|| -> u8 { resume_unwind(Box::new(())) }))).is_err());
        assert_eq!((*before, *scope.alloc(2)), (1, 2));
    });
}

#[test]
fn values_are_made_with_the_scope_at_hand() {
    Arena::new().scope(|scope| {
        let pair = scope.alloc_with(|| (&*scope.alloc(1), scope.scope(|inner| *inner.alloc(2))));
        let rows = scope.alloc_slice_fill_with(3, |row| scope.alloc_slice_fill_with(row, |_| row));
        assert_eq!((*pair.0, pair.1), (1, 2));
        assert_eq!(rows.iter().map(|row| row.iter().sum::<usize>()).collect::<Vec<_>>(), [0, 1, 4]);
    });
}

#[test]
fn an_owned_value_is_dropped_once() {
    let drops = RefCell::new(Vec::new());
    Arena::new().scope(|scope| {
        let kept = scope.alloc_owned(Noted(&drops, 1));
        drop(scope.alloc_owned(Noted(&drops, 2)));
        let out = scope.alloc_owned(Noted(&drops, 3)).into_inner();
        std::mem::forget(scope.alloc_owned(Noted(&drops, 4)));
        assert_eq!((drops.borrow().clone(), kept.1, out.1), (vec![2], 1, 3));
    });
    assert_eq!(*drops.borrow(), [2, 3, 1], "in the reverse order of their declaration, and the forgotten one never");
}

#[test]
fn memory_is_kept_up_to_the_limit() {
    let fill = |arena: &Arena, bytes: usize| arena.scope(|scope| scope.alloc_slice_fill_with(bytes, |_| 1_u8).len());
    let arena = Arena::keeping(10_000);
    fill(&arena, 3000);
    let held = arena.stats().held_bytes;
    assert!((3000..=10_000).contains(&held), "{held}");
    fill(&arena, 3000);
    assert_eq!(arena.stats().held_bytes, held, "the chunk was used again");
    fill(&arena, 20_000);
    assert_eq!((arena.stats().held_bytes, arena.stats().chunks), (0, 0), "and one too large given back");
    // The limit is on all levels together.
    arena.scope(|scope| {
        scope.alloc([1_u8; 6000]);
        scope.scope(|inner| *inner.alloc([1_u8; 6000]));
    });
    let stats = arena.stats();
    assert!(stats.held_bytes <= 10_000 && stats.chunks == 1, "{stats:?}");
    assert!((12_000..30_000).contains(&stats.high_water_bytes), "{stats:?}");
    // Nothing is ever kept with a limit of nothing.
    let arena = Arena::keeping(0);
    fill(&arena, 1);
    assert_eq!(arena.stats(), Stats { high_water_bytes: 1, ..Stats::default() });
}

#[test]
fn large_scopes_take_several_chunks() {
    let arena = Arena::new();
    arena.scope(|scope| {
        let pieces: Vec<&mut [u32]> = (0..100).map(|at| scope.alloc_slice_fill_with(200, |_| at)).collect();
        assert!(pieces.iter().enumerate().all(|(at, piece)| piece.iter().all(|&value| value as usize == at)));
        assert!(arena.stats().chunks > 3);
    });
}

#[test]
fn the_arena_of_a_thread_nests_and_is_reset() {
    // In a thread of its own: the test runner's may have been used before.
    let stats = thread::spawn(|| {
        let sum = local(|outer| {
            let one = outer.alloc(1);
            let two = local(|inner| *inner.alloc(*one + 1));
            assert_eq!(local_stats().open_scopes, 1);
            *one + two
        });
        assert_eq!(sum, 3);
        local_stats()
    });
    let stats = stats.join().unwrap();
    assert_eq!((stats.open_scopes, stats.used_bytes, stats.chunks), (0, 0, 2));
}

#[test]
fn an_arena_moves_between_threads() {
    let arena = Arena::new();
    arena.scope(|scope| *scope.alloc(1));
    let moved = thread::spawn(move || arena.scope(|scope| *scope.alloc(2)));
    assert_eq!(moved.join().unwrap(), 2);
}

#[test]
fn a_thread_that_ends_still_has_scopes() {
    struct AtExit(Cell<Option<crate::sync::Arc<crate::trigger::Trigger>>>);
    impl Drop for AtExit {
        fn drop(&mut self) {
            let answer = local(|scope| *scope.alloc(42));
            if let Some(trigger) = self.0.take() {
                trigger.signal(answer);
            }
        }
    }
    crate::sync::thread_local! {
        static AT_EXIT: AtExit = AtExit(Cell::new(None));
    }
    // Whichever of the two thread-locals goes first: one order for each thread.
    for first_local in [false, true] {
        let trigger = crate::sync::Arc::new(crate::trigger::Trigger::new());
        let at_exit = trigger.clone();
        thread::spawn(move || {
            if first_local {
                local(|scope| *scope.alloc(1));
            }
            AT_EXIT.with(|it| it.0.set(Some(at_exit)));
            local(|scope| *scope.alloc(1));
        })
        .join()
        .unwrap();
        assert_eq!(trigger.signalled(), Some(42));
    }
}

/// A program of nested scopes.
#[derive(Clone, Debug)]
enum Step {
    Number(u64),
    Byte(u8),
    Text(String),
    Slice(u8, u16),
    Nest(Vec<Step>),
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 6 {
            0 => Step::Number(u64::arbitrary(g)),
            1 => Step::Byte(u8::arbitrary(g)),
            2 => Step::Text(String::arbitrary(g)),
            3 => Step::Slice(u8::arbitrary(g), u16::arbitrary(g) % 700),
            _ => {
                let mut smaller = Gen::new(g.size() / 4);
                Step::Nest(if smaller.size() == 0 { Vec::new() } else { Vec::arbitrary(&mut smaller) })
            }
        }
    }
}

/// Runs the steps; returns the least number of bytes that the deepest moment must have taken.
fn run(scope: &Scope<'_>, steps: &[Step]) -> usize {
    let (mut numbers, mut bytes, mut texts, mut slices) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut own, mut peak) = (0, 0);
    for step in steps {
        match step {
            Step::Number(value) => numbers.push((scope.alloc(*value), *value)),
            Step::Byte(value) => bytes.push((scope.alloc_with(|| *value), *value)),
            Step::Text(text) => texts.push((scope.alloc_str(text), text)),
            Step::Slice(value, len) => {
                slices.push((scope.alloc_slice_fill_with(usize::from(*len), |_| u32::from(*value)), *value, *len));
            }
            Step::Nest(steps) => {
                let used = scope.used_bytes();
                peak = peak.max(own + scope.scope(|inner| run(inner, steps)));
                assert_eq!(scope.used_bytes(), used, "an inner scope took something from the outer one");
            }
        }
        own += match step {
            Step::Number(_) => 8,
            Step::Byte(_) => 1,
            Step::Text(text) => text.len(),
            Step::Slice(_, len) => 4 * usize::from(*len),
            Step::Nest(_) => 0,
        };
        peak = peak.max(own);
    }
    // Everything is still what it was: nothing was handed out twice, nothing freed too early.
    assert!(numbers.iter().all(|(at, value)| **at == *value && (&raw const **at).is_aligned()));
    assert!(bytes.iter().all(|(at, value)| **at == *value));
    assert!(texts.iter().all(|(at, text)| **at == ***text));
    assert!(slices.iter().all(|(at, value, len)| {
        at.len() == usize::from(*len) && at.iter().all(|it| *it == u32::from(*value)) && at.as_ptr().is_aligned()
    }));
    assert!(scope.used_bytes() >= own);
    peak
}

#[test]
fn random_programs_find_their_values_and_leave_nothing() {
    fn law(programs: Vec<Vec<Step>>, keep: u16) -> bool {
        let arena = Arena::keeping(usize::from(keep));
        let mut high_water = 0;
        for steps in &programs {
            high_water = high_water.max(arena.scope(|scope| run(scope, steps)));
            let stats = arena.stats();
            assert_eq!((stats.open_scopes, stats.used_bytes), (0, 0));
            assert!(stats.held_bytes <= usize::from(keep), "{stats:?} keeps more than {keep}");
            assert!(stats.high_water_bytes >= high_water, "{stats:?} forgot {high_water}");
        }
        true
    }
    QuickCheck::new().rng(Gen::new(30)).tests(200).quickcheck(law as fn(Vec<Vec<Step>>, u16) -> bool);
}
