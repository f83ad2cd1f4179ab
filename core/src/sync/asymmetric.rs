//! A fence whose whole price is paid by the side that seldom needs it.
//!
//! Where two threads each write one location and then read the other's, both need a sequentially consistent fence in
//! between ([`fence`](super::fence_after_rmw) has the free cases). If one of them does so in every transaction and the
//! other once in hundreds, the rare one can pay for both: it asks the operating system to run a full fence on every
//! processor that executes this program (`membarrier` on Linux), so that the frequent one need only keep the compiler from
//! reordering. Whatever the frequent side did before its light fence is then either visible to the rare side after
//! its heavy fence, or comes after it, and then the frequent side sees what the rare side wrote before.
//!
//! | | light | heavy |
//! |---|---|---|
//! | Linux on x86-64 | a compiler fence | `membarrier`: 0.2 µs alone, about 20 µs beside a busy core (measured on a virtual machine) |
//! | the same, where the kernel refuses it; any other target | `fence(SeqCst)` | `fence(SeqCst)` |
//! | under loom and shuttle | `fence(SeqCst)` | `fence(SeqCst)` |
//!
//! That `membarrier` makes a compiler fence as good as a real one is *trusted*, not model-checked. The technique is that of
//! userspace RCU (Desnoyers et al., *User-Level Implementations of Read-Copy Update*, IEEE TPDS 2012).

pub use imp::{fence_heavy, fence_light};

#[cfg(all(target_os = "linux", target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle))))]
mod imp {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicBool, Ordering, compiler_fence, fence};

    use rustix::thread::{MembarrierCommand, membarrier};

    /// Whether a compiler fence is enough on the light side. Set once this process is registered with the kernel.
    static EXPEDITED: AtomicBool = AtomicBool::new(false);

    /// The frequent side's fence.
    #[inline(always)]
    pub fn fence_light() {
        if EXPEDITED.load(Ordering::Relaxed) {
            compiler_fence(Ordering::SeqCst);
        } else {
            fence_lightly_at_first();
        }
    }

    /// Until the process is registered, and for good where it cannot be.
    #[cold]
    fn fence_lightly_at_first() {
        is_registered();
        fence(Ordering::SeqCst);
    }

    /// The rare side's fence; says whether it took effect. It may not if the kernel has changed its mind about `membarrier`
    /// since this process first asked: then nothing may be concluded.
    #[must_use]
    pub fn fence_heavy() -> bool {
        fence(Ordering::SeqCst);
        // Not the flag: it might be set between a look at it and the other side's look.
        !is_registered() || expedite()
    }

    fn is_registered() -> bool {
        static REGISTERED: OnceLock<bool> = OnceLock::new();
        *REGISTERED.get_or_init(|| {
            let registered = membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok();
            EXPEDITED.store(registered, Ordering::Release);
            registered
        })
    }

    fn expedite() -> bool {
        let command = MembarrierCommand::PrivateExpedited;
        // Once more after registering again: a kernel may forget the registration in a forked child.
        let again = || membarrier(MembarrierCommand::RegisterPrivateExpedited).and_then(|()| membarrier(command));
        membarrier(command).or_else(|_| again()).is_ok()
    }
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64", not(any(reweave_loom, reweave_shuttle)))))]
mod imp {
    use super::super::backend::atomic::{Ordering, fence};

    /// The frequent side's fence.
    #[inline(always)]
    pub fn fence_light() {
        fence(Ordering::SeqCst);
    }

    /// The rare side's fence; says whether it took effect, which here it always does.
    #[must_use]
    pub fn fence_heavy() -> bool {
        fence(Ordering::SeqCst);
        true
    }
}
