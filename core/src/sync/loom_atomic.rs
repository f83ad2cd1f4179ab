//! loom's atomics, with a correction: no interleaving of loads is skipped.
//!
//! loom explores two accesses in both orders if it takes them for dependent, and remembers of each location only the
//! last access. A load by the thread that is about to write therefore hides an earlier load by another thread, and with
//! it the order *write first, that load second*: a reader beside a thread that loads before it compares-and-swaps is
//! explored in one order only, and the model passes without having looked (tokio-rs/loom issues 166 and 392; loom
//! 0.7.2).
//!
//! Here every load first touches a companion object that belongs to the location, which makes two loads of one location
//! dependent on each other. The hidden order is then found from the execution in which the two loads are exchanged. The
//! companion is a condition variable that nobody waits on: to notify it is a scheduling point with dependencies and
//! without any effect on memory, so it hides no missing ordering. *Every* load needs it, also one that repeats a load
//! of its own thread: the earlier touch may be ordered before the other thread's accesses, by a spawn or a lock, and
//! then reveals nothing of the later load. The model `sync/reader-beside-update` fails without the correction, and
//! without it for repeated loads.
//!
//! crossbeam-epoch uses loom's atomics directly and does not profit from the correction.

use loom::sync::Condvar;

pub use loom::sync::atomic::{Ordering, fence};

/// The companion of a location.
#[derive(Debug)]
struct Loads(Condvar);

impl Loads {
    fn new() -> Self {
        Self(Condvar::new())
    }

    /// Before a load.
    #[track_caller]
    fn touch(&self) {
        self.0.notify_one();
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
            }

            /// Stores a value and returns the one before.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                self.value.swap(value, order)
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
                self.value.compare_exchange(current, new, success, failure)
            }

            $(
                /// The operation of this name in [`std::sync::atomic`].
                #[track_caller]
                pub fn $arithmetic(&self, operand: $value, order: Ordering) -> $value {
                    self.value.$arithmetic(operand, order)
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
