//! loom's atomics, with a correction: no interleaving of loads is skipped.
//!
//! loom explores two accesses in both orders if it takes them for dependent, and remembers of each location only the last
//! access. A load by the thread that is about to write therefore hides an earlier load by another thread, and with it the
//! order *write first, that load second*: a reader beside a thread that loads before it compares-and-swaps is explored in one
//! order only, and the model passes without having looked (tokio-rs/loom issues 166 and 392; loom 0.7.2).
//!
//! Here every load first touches a companion object that belongs to the location, which makes two loads of one location
//! dependent on each other. The hidden order is then found from the execution in which the two loads are exchanged. The companion
//! is a condition variable that nobody waits on: to notify it is a scheduling point with dependencies and without any
//! effect on memory, so it hides no missing ordering. Of several loads by one thread with nobody else's access between them only
//! the first needs it. The model `sync/reader-beside-update` fails without the correction.
//!
//! crossbeam-epoch uses loom's atomics directly and does not profit from the correction.

use std::sync::atomic::AtomicU64 as UnseenU64;

use loom::sync::Condvar;

use super::super::Unseen;

pub use loom::sync::atomic::{Ordering, fence};

static THREADS: UnseenU64 = UnseenU64::new(0);

loom::thread_local! {
    /// Tells modelled threads apart, over all executions; compared for equality only, so executions stay deterministic.
    static ME: u64 = THREADS.fetch_add(1, Ordering::Relaxed);
}

/// The companion of a location.
#[derive(Debug)]
struct Loads {
    touched: Condvar,
    /// The thread that touched it, if nobody else has accessed the location since.
    last: Unseen<Option<u64>>,
}

impl Loads {
    fn new() -> Self {
        Self { touched: Condvar::new(), last: Unseen::new(None) }
    }

    /// Before a load.
    #[track_caller]
    fn touch(&self) {
        let me = ME.try_with(|me| *me).ok();
        if me.is_none() || self.last.with(|last| *last) != me {
            self.touched.notify_one();
            self.last.with(|last| *last = me);
        }
    }

    /// After a write.
    fn forget(&self) {
        self.last.with(|last| *last = None);
    }
}

macro_rules! atomic {
    ($(#[$doc:meta])* $name:ident $(<$param:ident>)?, $raw:ident, $value:ty, { $($arithmetic:ident),* }) => {
        $(#[$doc])*
        #[derive(Debug)]
        pub struct $name $(<$param>)? {
            value: loom::sync::atomic::$raw $(<$param>)?,
            loads: Loads,
        }

        impl $(<$param>)? $name $(<$param>)? {
            /// An atomic with this value.
            #[track_caller]
            pub fn new(value: $value) -> Self {
                Self { value: loom::sync::atomic::$raw::new(value), loads: Loads::new() }
            }

            /// Loads the value.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                self.loads.touch();
                self.value.load(order)
            }


            /// Stores a value.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                self.value.store(value, order);
                self.loads.forget();
            }

            /// Stores a value and returns the one before.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                let before = self.value.swap(value, order);
                self.loads.forget();
                before
            }

            /// Stores `new` if the value is `current`; returns the value before.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                current: $value,
                new: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                let outcome = self.value.compare_exchange(current, new, success, failure);
                self.loads.forget();
                outcome
            }

            $(
                /// The operation of this name in [`std::sync::atomic`].
                #[track_caller]
                pub fn $arithmetic(&self, operand: $value, order: Ordering) -> $value {
                    let before = self.value.$arithmetic(operand, order);
                    self.loads.forget();
                    before
                }
            )*
        }

        impl $(<$param>)? crate::sync::ExclusiveLoad for $name $(<$param>)? {
            type Value = $value;

            #[track_caller]
            fn load_exclusive(&self) -> $value {
                // SAFETY: loom checks that no write by another thread is concurrent, and panics if one is.
                unsafe { self.value.unsync_load() }
            }
        }
    };
}

atomic!(/** A shared `bool`. */ AtomicBool, AtomicBool, bool, { fetch_and, fetch_or, fetch_xor });
atomic!(/** A shared `u8`. */ AtomicU8, AtomicU8, u8, { fetch_add, fetch_sub, fetch_and, fetch_or, fetch_xor });
atomic!(/** A shared `u32`. */ AtomicU32, AtomicU32, u32, { fetch_add, fetch_sub, fetch_and, fetch_or, fetch_xor });
atomic!(/** A shared `u64`. */ AtomicU64, AtomicU64, u64, { fetch_add, fetch_sub, fetch_and, fetch_or, fetch_xor });
atomic!(/** A shared `usize`. */ AtomicUsize, AtomicUsize, usize, { fetch_add, fetch_sub, fetch_and, fetch_or, fetch_xor });
atomic!(/** A shared pointer. */ AtomicPtr<T>, AtomicPtr, *mut T, {});
