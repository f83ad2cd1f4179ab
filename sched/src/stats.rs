//! What workers count: each for itself, in words that it alone writes, so that counting shares no cache line.

use reweave_core::sync::atomic::{AtomicU64, Ordering};

use crate::task::TaskStats;

/// A count that one thread writes and all may read.
#[derive(Debug)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Adds. By the owner only, so that a load and a store will do. Release: what was counted has happened for whoever sees the count.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0.store(self.0.load(Ordering::Relaxed) + n, Ordering::Release);
    }

    /// Sets it to 0, by the owner only; returns what it was.
    pub(crate) fn take(&self) -> u64 {
        let count = self.0.load(Ordering::Relaxed);
        self.set(0);
        count
    }

    /// Sets it, by the owner only.
    pub(crate) fn set(&self, n: u64) {
        self.0.store(n, Ordering::Release);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// The counts of one worker.
        #[derive(Debug)]
        pub(crate) struct Counters {
            $(pub(crate) $name: Count,)*
            /// Since when it is busy, in nanoseconds of its pool; 0 if it is not.
            pub(crate) busy_since: Count,
        }

        impl Counters {
            pub(crate) fn new() -> Self {
                Self { $($name: Count::new(),)* busy_since: Count::new() }
            }

            /// The counts of `now`.
            pub(crate) fn read(&self, now: u64) -> WorkerStats {
                let mut stats = WorkerStats { $($name: self.$name.get(),)* ..WorkerStats::default() };
                match self.busy_since.get() {
                    0 => {}
                    since => stats.busy_ns += now.saturating_sub(since),
                }
                stats
            }
        }

        /// What one worker has done, from the start of its pool: see [`Pool::stats`](crate::Pool::stats).
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct WorkerStats {
            $($(#[$doc])* pub $name: u64,)*
            /// Jobs in its deques at the moment.
            pub waiting: usize,
            /// The number of the memory node where it is at home; 0 where nodes are not known.
            pub node: usize,
        }
    };
}

counters! {
    /// Jobs queued: tasks, jobs of scopes, halves of joins that were shared. Those from outside the pool are nobody's.
    queued,
    /// Jobs run, from whatever queue, and ended; halves that were taken back are among them.
    executed,
    /// Futures that it has polled in vain, and which wait to be woken. As many as have been [resumed](Self::resumed), and those that still do.
    suspended,
    /// Futures that it polls again after they were woken.
    resumed,
    /// Jobs taken from other workers.
    stolen,
    /// Looks at all other workers that found nothing.
    failed_steals,
    /// Halves of joins that were shared because somebody was hungry.
    shared,
    /// Times it has lain down.
    parks,
    /// Times it was called from sleep.
    wakes,
    /// Nanoseconds with a job, and not blocked.
    busy_ns,
}

/// What a pool has done: see [`Pool::stats`](crate::Pool::stats).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PoolStats {
    /// Each worker's part; those that make up for blocked ones come last.
    pub workers: Vec<WorkerStats>,
    /// Nanoseconds since it was started. This times the number of threads that it was made for, without the busy time of all workers, is the time
    /// that it could have worked and did not.
    pub uptime_ns: u64,
    /// Threads of the pool at the moment.
    pub threads: usize,
    /// Those of them that are blocked in a wait of the library, or in [`blocking`](crate::blocking).
    pub blocked: usize,
    /// Jobs in the injectors at the moment.
    pub injected: usize,
    /// Futures that wait to be woken at the moment.
    pub suspended: usize,
    /// Threads so far that the system refused to keep on their cpu or node, where that was asked for; they run all the same.
    pub refused_bindings: usize,
    /// Workers so far whose thread died of a panic that no job should let out, and which got another.
    pub replaced: usize,
    /// Tasks that wait for their turn, because the pool has a [`Policy`](crate::Policy) or they have a [`Class`](crate::Class).
    pub waiting: usize,
    /// How many tasks stand where, if the pool keeps an account of them.
    pub tasks: TaskStats,
}
