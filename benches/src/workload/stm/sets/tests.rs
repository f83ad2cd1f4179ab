//! Every set on every memory: alone against the standard library's, and under threads by its invariants and by what the
//! threads say they did. And structures that look broken, which the check must find.

use std::collections::BTreeSet;
use std::convert::Infallible;

use quickcheck::{Arbitrary, Gen, QuickCheck};
use reweave_core::sync::atomic::AtomicU64;

use super::*;
use crate::systems::locked::Locked;
use crate::systems::place::{Packed, Place};
use crate::systems::{fast_stm, mutex, reweave, rwlock, stm};

/// The numbers of a test: few, so that they meet.
const KEYS: u32 = 24;

/// Calls a generic function for every set on every memory.
macro_rules! for_every_set {
    ($call:ident($($with:expr)?)) => {
        for_every_set!($call($($with)?) on reweave::Memory<Packed>, "reweave");
        for_every_set!($call($($with)?) on Locked<mutex::Alone, Packed>, "mutex");
        for_every_set!($call($($with)?) on Locked<rwlock::Shared, Packed>, "rwlock");
        for_every_set!($call($($with)?) on stm::Memory, "stm");
        for_every_set!($call($($with)?) on fast_stm::Memory, "fast-stm");
    };
    ($call:ident($($with:expr)?) on $memory:ty, $name:literal) => {
        $call(shared::<$memory, _>(|cell| Chains::new(KEYS, 2, cell)), concat!("hash on ", $name) $(, $with)?);
        $call(shared::<$memory, _>(|cell| Chains::new(KEYS, 0, cell)), concat!("list on ", $name) $(, $with)?);
        $call(shared::<$memory, _>(|cell| Tree::new(KEYS, cell)), concat!("tree on ", $name) $(, $with)?);
        $call(shared::<$memory, _>(|cell| SkipList::new(KEYS, cell)), concat!("skip list on ", $name) $(, $with)?);
    };
}

fn shared<M: Memory, S>(set: impl FnOnce(&dyn Fn(u64) -> M::Cell) -> S) -> Shared<M, S> {
    let memory = M::new();
    let set = set(&|value| memory.cell(value));
    Shared { memory, set }
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Contains(u32),
    Insert(u32),
    Remove(u32),
}

impl Arbitrary for Op {
    fn arbitrary(g: &mut Gen) -> Self {
        let key = 1 + u32::arbitrary(g) % KEYS;
        *g.choose(&[Self::Contains(key), Self::Insert(key), Self::Insert(key), Self::Remove(key)]).unwrap()
    }
}

#[test]
fn sets_do_as_the_standard_librarys() {
    fn check<M: Memory, S: Set<M::Cell>>(set: Shared<M, S>, name: &str, ops: &[Op]) {
        let mut model = BTreeSet::new();
        for (number, &op) in ops.iter().enumerate() {
            let (found, expected) = match op {
                Op::Contains(key) => (set.contains(key), model.contains(&key)),
                Op::Insert(key) => (set.insert(key), model.insert(key)),
                Op::Remove(key) => (set.remove(key), model.remove(&key)),
            };
            assert_eq!(found, expected, "{name}: {op:?}, number {number}");
            assert_eq!(set.keys(), Ok(model.iter().copied().collect()), "{name}: after {op:?}, number {number}");
        }
    }
    fn agree(ops: Vec<Op>) {
        for_every_set!(check(&ops));
    }
    QuickCheck::new().rng(Gen::new(120)).tests(60).quickcheck(agree as fn(Vec<Op>));
}

#[test]
fn threads_leave_what_they_say_and_all_invariants() {
    fn check<M: Memory, S: Set<M::Cell>>(set: Shared<M, S>, name: &str) {
        let set = Arc::new(set);
        let member = Arc::clone(&set);
        let grown = team::run(3, move |thread| {
            let (set, mut rng) = (Arc::clone(&member), repeat::rng(5, thread));
            let mut grown = [0_i32; KEYS as usize + 1];
            for _ in 0..600 {
                let key = rng.u32(1..=KEYS);
                match rng.u32(..4) {
                    0 => grown[key as usize] += i32::from(set.insert(key)),
                    1 => grown[key as usize] -= i32::from(set.remove(key)),
                    2 => drop(set.contains(key)),
                    // Whoever looks in the middle of it finds all invariants, too.
                    _ => drop(set.keys().unwrap()),
                }
            }
            grown
        })
        .unwrap();
        let left = |key: &u32| match grown.iter().map(|grown| grown[*key as usize]).sum() {
            0 => false,
            1 => true,
            other => panic!("{name}: {key} was inserted {other} times more than removed"),
        };
        assert_eq!(set.keys(), Ok((1..=KEYS).filter(left).collect()), "{name}");
    }
    for_every_set!(check());
}

#[test]
fn a_large_tree_and_a_large_skip_list_keep_their_invariants() {
    fn check<S: Set<Cell>>(shared: &Shared<Plain, S>, keys: u32) {
        let mut rng = fastrand::Rng::with_seed(3);
        let mut model = BTreeSet::new();
        for round in 0..20 {
            for _ in 0..keys {
                let key = rng.u32(1..=keys);
                // Rounds in which it grows, and rounds in which it shrinks.
                if rng.u32(..4) < if round % 2 == 0 { 3 } else { 1 } {
                    assert_eq!(shared.insert(key), model.insert(key));
                } else {
                    assert_eq!(shared.remove(key), model.remove(&key));
                }
            }
            assert_eq!(shared.keys(), Ok(model.iter().copied().collect()), "round {round}");
        }
    }
    check(&shared(|cell| Tree::new(500, cell)), 500);
    check(&shared(|cell| SkipList::new(500, cell)), 500);
}

/// A memory whose cells a test can look at.
type Plain = Locked<mutex::Alone, Packed>;
type Cell = <Packed as Place>::Cell<AtomicU64>;

/// A view in which one read, counted from 0, finds something else: another node, none, or the other colour.
struct Spoilt {
    reads: usize,
    at: usize,
}

impl View for Spoilt {
    type Cell = Cell;
    type Stop = Infallible;

    fn read(&mut self, cell: &Cell) -> Result<u64, Infallible> {
        let value = cell.load(Ordering::Relaxed);
        self.reads += 1;
        Ok(if self.reads == self.at + 1 { u64::from(value == 0) } else { value })
    }

    fn torn(&self) -> Infallible {
        unreachable!("the check asks for nothing to be run again")
    }
}

#[test]
fn whatever_is_wrong_is_found() {
    fn check<S: Set<Cell>>(shared: &Shared<Plain, S>, name: &str) {
        for key in (1..=KEYS).filter(|key| key % 3 != 0) {
            assert!(shared.insert(key));
        }
        let right = shared.keys();
        let mut at = 0;
        loop {
            let mut view = Spoilt { reads: 0, at };
            let Ok(found) = shared.set.keys(&mut view);
            if view.reads <= at {
                assert!(found == right && at > KEYS as usize / 2, "{name}: no read was spoilt");
                return;
            }
            assert_ne!(found, right, "{name}: read {at} was spoilt, and nobody noticed");
            at += 1;
        }
    }
    check(&shared(|cell| Chains::new(KEYS, 2, cell)), "hash");
    check(&shared(|cell| Chains::new(KEYS, 0, cell)), "list");
    check(&shared(|cell| Tree::new(KEYS, cell)), "tree");
    check(&shared(|cell| SkipList::new(KEYS, cell)), "skip list");
}
