use std::collections::{HashSet, VecDeque};

use quickcheck::{Arbitrary, Gen, quickcheck};
use reweave_core::sync::atomic::AtomicBool;
use reweave_core::sync::{Arc, thread};

use super::*;

#[derive(Clone, Copy, Debug)]
enum Op {
    Push,
    Pop,
    Steal,
}

impl Arbitrary for Op {
    fn arbitrary(g: &mut Gen) -> Self {
        // More pushes than pops and steals together, so that the deque grows and its ring goes round.
        *g.choose(&[Self::Push, Self::Push, Self::Push, Self::Pop, Self::Steal]).expect("not empty")
    }
}

quickcheck! {
    fn by_one_thread_it_is_a_deque(ops: Vec<Op>, times: u8) -> bool {
        let (deque, mut model) = (Deque::new(), VecDeque::new());
        let mut next = 0;
        for op in (0..times).flat_map(|_| ops.iter()) {
            let alike = match op {
                Op::Push => {
                    // SAFETY: one thread.
                    unsafe { deque.push(Box::new(next)) };
                    model.push_back(next);
                    next += 1;
                    true
                }
                // SAFETY: as above.
                Op::Pop => unsafe { deque.pop() }.map(|item| *item) == model.pop_back(),
                Op::Steal => match deque.steal() {
                    Steal::Taken(item) => Some(*item) == model.pop_front(),
                    Steal::Empty => model.is_empty(),
                    Steal::Lost => false,
                },
            };
            if !alike || deque.len() != model.len() {
                return false;
            }
        }
        true
    }
}

#[test]
fn every_item_is_taken_once_by_owner_and_thieves_together() {
    const ITEMS: u32 = 50_000;
    let deque = Arc::new(Deque::<Box<u32>>::new());
    let over = Arc::new(AtomicBool::new(false));
    let thieves: Vec<_> = (0..2)
        .map(|_| {
            let (deque, over) = (deque.clone(), over.clone());
            thread::spawn(move || {
                let mut taken = Vec::new();
                loop {
                    match deque.steal() {
                        Steal::Taken(item) => taken.push(*item),
                        Steal::Empty if over.load(Ordering::Acquire) => return taken,
                        Steal::Empty | Steal::Lost => {}
                    }
                }
            })
        })
        .collect();
    let mut taken: Vec<u32> = Vec::new();
    for item in 0..ITEMS {
        // SAFETY: this thread alone pushes and pops.
        unsafe { deque.push(Box::new(item)) };
        if item % 3 == 0 {
            // SAFETY: as above.
            taken.extend(unsafe { deque.pop() }.map(|item| *item));
        }
    }
    // SAFETY: as above.
    while let Some(item) = unsafe { deque.pop() } {
        taken.push(*item);
    }
    over.store(true, Ordering::Release);
    for thief in thieves {
        let stolen = thief.join().unwrap();
        assert!(stolen.is_sorted(), "a thief takes the oldest first");
        taken.extend(stolen);
    }
    assert_eq!(taken.len(), ITEMS as usize);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), ITEMS as usize);
}

#[test]
fn what_is_left_goes_with_the_deque() {
    let item = Arc::new(());
    let deque = Deque::new();
    for _ in 0..3 * ROOM {
        // SAFETY: one thread.
        unsafe { deque.push(Box::new(item.clone())) };
    }
    assert!(matches!(deque.steal(), Steal::Taken(_)));
    drop(deque);
    assert_eq!(Arc::strong_count(&item), 1);
}
