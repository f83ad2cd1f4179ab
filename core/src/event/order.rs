//! In which order a select tries its events.

use std::cell::Cell;

use crate::context::Agent;
use crate::sync::thread_local;

/// How a select chooses among events that are ready at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Each with the same probability, so that none is starved by the others.
    #[default]
    Random,
    /// The one that is listed first.
    Listed,
}

/// Selects up to this size are ordered without allocation.
const SMALL: usize = 16;

/// A permutation of the indices of a select's events.
pub(crate) struct Sequence {
    small: [u8; SMALL],
    large: Vec<usize>,
    len: usize,
}

impl Sequence {
    pub(crate) fn new(order: Order, len: usize) -> Self {
        let mut sequence = Self { small: [0; SMALL], large: Vec::new(), len };
        if len <= SMALL {
            for (index, place) in sequence.small[..len].iter_mut().enumerate() {
                *place = index as u8;
            }
            if order == Order::Random {
                shuffle(&mut sequence.small[..len]);
            }
        } else {
            sequence.large = (0..len).collect();
            if order == Order::Random {
                shuffle(&mut sequence.large);
            }
        }
        sequence
    }

    pub(crate) fn get(&self, position: usize) -> usize {
        if self.len <= SMALL { usize::from(self.small[position]) } else { self.large[position] }
    }
}

/// Fisher and Yates.
fn shuffle<T>(places: &mut [T]) {
    for last in (1..places.len()).rev() {
        places.swap(last, below(last + 1));
    }
}

/// A number below `bound`, every one with (very nearly) the same probability.
fn below(bound: usize) -> usize {
    // Lemire's reduction: the high half of a product.
    ((u128::from(draw()) * bound as u128) >> 64) as usize
}

thread_local! {
    static STATE: Cell<u64> = const { Cell::new(0) };
}

/// The next number of this thread's generator (SplitMix64), which starts from the thread's number: a model sees the same
/// sequence in each execution.
fn draw() -> u64 {
    STATE.with(|state| {
        let mut next = state.get();
        if next == 0 {
            next = u64::from(Agent::current().number()) << 32;
        }
        next = next.wrapping_add(0x9e37_79b9_7f4a_7c15);
        state.set(next);
        let mixed = (next ^ next >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    })
}
