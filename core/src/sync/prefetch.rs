//! Asking for a cache line ahead of time.

/// Asks for the cache line at the start of `place`, which this thread is about to write.
///
/// A hint: it changes no value, takes no part in the order of memory, and means nothing under a model checker. On x86-64 it is
/// `prefetchw` where the compiler may assume that the processor has it (`-C target-feature=+prfchw`) and `prefetcht0` elsewhere, which asks for
/// the line without saying that it will be written. On other targets it does nothing.
#[inline(always)]
pub fn prefetch_for_write<T>(place: &T) {
    #[cfg(all(target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle))))]
    {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        // SAFETY: a prefetch reads and writes nothing, whatever the address.
        unsafe { _mm_prefetch::<_MM_HINT_ET0>(std::ptr::from_ref(place).cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle)))))]
    let _ = place;
}
