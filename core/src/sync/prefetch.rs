//! Asking for a cache line ahead of time.

/// Asks for the cache line at the start of `place`, which this thread is about to write.
///
/// A hint: it changes no value, takes no part in the order of memory, and means nothing under a model checker. On x86-64 it is
/// `prefetchw`, written by hand: for a plain x86-64 the compiler's own hint is `prefetcht0`, which asks for the line without
/// saying that it will be written. Processors without `prefetchw` take it for a prefetch or for nothing. On other targets
/// it does nothing.
#[inline(always)]
pub fn prefetch_for_write<T>(place: &T) {
    #[cfg(all(target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle))))]
    {
        // SAFETY: a prefetch reads and writes nothing, whatever the address.
        unsafe {
            std::arch::asm!("prefetchw [{}]", in(reg) place, options(nostack, preserves_flags, readonly));
        }
    }
    #[cfg(not(all(target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle)))))]
    let _ = place;
}
