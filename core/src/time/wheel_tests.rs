//! The wheel against a sorted map.

use std::collections::BTreeMap;

use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::wheel::{Key, Wheel};

#[derive(Clone, Debug)]
enum Step {
    /// A timer so far from now.
    Insert(u64),
    /// A timer at a time that may be past.
    InsertAt(u64),
    /// Removal of one of the timers there ever were.
    Remove(usize),
    /// Everything due within this distance fires.
    Advance(u64),
    /// Everything due within this distance fires, but each first one removes another and adds one that is due at once.
    Disturb(u64, usize),
    /// Time jumps to the next timer.
    Jump,
}

/// Distances of all magnitudes.
fn distance(g: &mut Gen) -> u64 {
    u64::arbitrary(g) >> (u32::arbitrary(g) % 64)
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 16 {
            0..=5 => Self::Insert(distance(g)),
            6 => Self::InsertAt(distance(g)),
            7..=9 => Self::Remove(usize::arbitrary(g)),
            10..=12 => Self::Advance(distance(g)),
            13 => Self::Disturb(distance(g), usize::arbitrary(g)),
            _ => Self::Jump,
        }
    }
}

/// The reference: deadlines and, for each, the order of insertion.
#[derive(Default)]
struct Sorted {
    now: u64,
    entries: BTreeMap<(u64, usize), ()>,
}

impl Sorted {
    fn insert(&mut self, at: u64, id: usize) -> u64 {
        let at = at.max(self.now);
        self.entries.insert((at, id), ());
        at
    }

    fn advance(&mut self, to: u64) -> Option<usize> {
        match self.entries.first_key_value() {
            Some((&(at, id), ())) if at <= to => {
                self.now = at;
                self.entries.remove(&(at, id));
                Some(id)
            }
            _ => {
                self.now = self.now.max(to);
                None
            }
        }
    }
}

struct Pair {
    wheel: Wheel<usize>,
    sorted: Sorted,
    /// Of each timer there ever was: its key and deadline.
    keys: Vec<(Key, u64)>,
}

impl Pair {
    fn new() -> Self {
        Self { wheel: Wheel::new(), sorted: Sorted::default(), keys: Vec::new() }
    }

    fn insert(&mut self, at: u64) {
        let id = self.keys.len();
        let key = self.wheel.insert(at, id);
        let at = self.sorted.insert(at, id);
        self.keys.push((key, at));
    }

    fn remove(&mut self, chosen: usize) {
        if !self.keys.is_empty() {
            let id = chosen % self.keys.len();
            let (key, at) = self.keys[id];
            let expected = self.sorted.entries.remove(&(at, id)).map(|()| id);
            assert_eq!(self.wheel.remove(key), expected, "removed once, and only if it has not fired");
            assert_eq!(self.wheel.remove(key), None);
        }
    }

    /// Lets one timer fire, or the time pass; compares everything that can be seen.
    fn advance(&mut self, to: u64) -> bool {
        let fired = self.wheel.advance(to);
        assert_eq!(fired, self.sorted.advance(to), "the same timer fires");
        assert_eq!(self.wheel.now(), self.sorted.now, "at the same time");
        fired.is_some()
    }

    fn check(&mut self) {
        let first = self.sorted.entries.first_key_value().map(|(&(at, _), ())| at);
        let bound = self.wheel.not_before();
        assert_eq!(bound.is_some(), first.is_some());
        assert!(bound <= first, "the bound is one");
        assert_eq!(self.wheel.next(), first);
        assert_eq!(self.wheel.not_before(), first, "asking for the next one made the bound exact");
        assert_eq!(self.wheel.len(), self.sorted.entries.len());
    }

    fn step(&mut self, step: &Step) {
        let now = self.wheel.now();
        match *step {
            Step::Insert(distance) => self.insert(now.saturating_add(distance)),
            Step::InsertAt(at) => self.insert(at),
            Step::Remove(chosen) => self.remove(chosen),
            Step::Advance(distance) => while self.advance(now.saturating_add(distance)) {},
            Step::Disturb(distance, chosen) => {
                let to = now.saturating_add(distance);
                let mut more = 3;
                while self.advance(to) {
                    self.remove(chosen);
                    if more > 0 {
                        more -= 1;
                        self.insert(self.wheel.now());
                        self.insert(to);
                    }
                }
            }
            Step::Jump => {
                if let Some(next) = self.wheel.next() {
                    assert!(self.advance(next), "the next one is due when it says");
                }
            }
        }
        self.check();
    }
}

fn agrees(steps: Vec<Step>) -> bool {
    let mut pair = Pair::new();
    for step in &steps {
        pair.step(step);
    }
    while pair.advance(u64::MAX) {}
    pair.wheel.len() == 0
}

#[test]
fn agrees_with_a_sorted_map() {
    QuickCheck::new().tests(3_000).rng(Gen::new(120)).quickcheck(agrees as fn(Vec<Step>) -> bool);
}

#[test]
fn one_instant_fires_in_the_order_of_insertion() {
    let mut wheel = Wheel::new();
    // The same deadline, seen from further and further near: each time from another level.
    let at = 1 << 40;
    for (order, distance) in [1 << 40, 1 << 30, 1 << 20, 1 << 10, 1].into_iter().enumerate() {
        assert_eq!(wheel.advance(at - distance), None);
        wheel.insert(at, order);
    }
    let fired: Vec<_> = std::iter::from_fn(|| wheel.advance(at)).collect();
    assert_eq!(fired, [0, 1, 2, 3, 4]);
}

#[test]
fn the_far_end_of_time() {
    let mut wheel = Wheel::new();
    wheel.insert(u64::MAX, "never");
    wheel.insert(u64::MAX - 1, "almost");
    assert_eq!(wheel.next(), Some(u64::MAX - 1));
    assert_eq!(wheel.advance(u64::MAX - 1), Some("almost"));
    assert_eq!(wheel.advance(u64::MAX - 1), None);
    assert_eq!(wheel.advance(u64::MAX), Some("never"));
    assert_eq!(wheel.now(), u64::MAX);
    wheel.insert(0, "past");
    assert_eq!(wheel.advance(0), Some("past"), "what is past fires at the next advance, and time does not go back");
    assert_eq!(wheel.now(), u64::MAX);
}

#[test]
fn keys_are_used_up() {
    let mut wheel = Wheel::new();
    let old = wheel.insert(5, 1);
    assert_eq!(wheel.advance(5), Some(1));
    let new = wheel.insert(9, 2);
    assert_eq!(wheel.remove(old), None, "the entry is another's now");
    assert_eq!(wheel.remove(new), Some(2));
    assert_eq!(wheel.next(), None);
}
