//! Random numbers for what must not be regular: choices among equals, and pauses that must not keep step.

use std::cell::Cell;

use crate::context::Agent;
use crate::sync::thread_local;

/// A number below `bound`, every one with (very nearly) the same probability.
pub(super) fn below(bound: usize) -> usize {
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
