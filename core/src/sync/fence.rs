//! Store-load order at the price the target asks.
//!
//! Two threads that each write one location and then read the other's (Dekker's handshake) need a sequentially
//! consistent fence between the write and the read, on both sides. In the transaction engine one side is a committer
//! (*lock a variable, then read the clock*) and the other a reader (*read the clock, then read the variable*). Written in
//! the C++ memory model both sides need `fence(SeqCst)`; so that is what loom checks, and what every target but x86-64
//! executes.
//!
//! x86-64 gives both for free, and a fence there costs more than the rest of a short transaction (about 4.5 ns):
//!
//! - a `lock`-prefixed read-modify-write drains the store buffer before any later load of the same thread is performed
//!   (Intel SDM vol. 3A, section 9.2.3.9; AMD APM vol. 2, section 7.4.2), so nothing more is needed behind one;
//! - loads are performed in program order, so a load that follows another needs nothing between them.
//!
//! On x86-64 both functions therefore only stop the compiler. This substitution is *trusted*, not model-checked.

use super::backend::atomic::{self, Ordering};

/// A sequentially consistent fence, to be called only directly after a read-modify-write by the same thread.
///
/// A compiler fence on x86-64 outside model checkers; `fence(SeqCst)` elsewhere.
#[inline(always)]
pub fn fence_after_rmw() {
    dekker_fence();
}

/// A sequentially consistent fence between a load and later loads, opposite a thread that uses [`fence_after_rmw`].
///
/// It must not be relied on to order an earlier *store*. A compiler fence on x86-64 outside model checkers;
/// `fence(SeqCst)` elsewhere.
#[inline(always)]
pub fn fence_after_load() {
    dekker_fence();
}

#[cfg(all(target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle))))]
#[inline(always)]
fn dekker_fence() {
    atomic::compiler_fence(Ordering::SeqCst);
}

#[cfg(not(all(target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle)))))]
#[inline(always)]
fn dekker_fence() {
    atomic::fence(Ordering::SeqCst);
}
