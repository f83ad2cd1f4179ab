//! The crew: how many threads a pool has, how many of them are blocked, and who makes up for these.
//!
//! One word with both counts. As long as fewer are unblocked than the pool was made for, and the limit allows it, whoever blocks
//! starts another. So at least that many are always there to run or to be called, whether or not there is work: what comes later
//! then finds a sleeper to call.

use reweave_core::context::BlockingHook;
use reweave_core::seeded;
use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};

use super::Shared;
use crate::trace::What;
use crate::worker::Worker;

const THREAD: usize = 1;
const BLOCKED: usize = 1 << 32;

/// The counts.
#[derive(Debug)]
pub(super) struct Crew {
    state: AtomicUsize,
    /// How many it was made for.
    threads: usize,
}

impl Crew {
    /// So many threads, none of them blocked.
    pub(super) fn new(threads: usize) -> Self {
        Self { state: AtomicUsize::new(threads * THREAD), threads }
    }

    /// Threads, and those of them that are blocked.
    pub(super) fn read(&self) -> (usize, usize) {
        split(self.state.load(Ordering::Relaxed))
    }

    /// Whether there are more than the pool was made for. One load.
    #[inline]
    pub(super) fn has_spares(&self) -> bool {
        self.read().0 > self.threads
    }

    /// So many that were counted have not been started.
    pub(super) fn never_started(&self, threads: usize) {
        self.state.fetch_sub(threads * THREAD, Ordering::Relaxed);
    }

    /// Counts one more thread, if too few are unblocked and there are fewer than `most`.
    fn hire(&self, most: usize) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let (threads, blocked) = split(state);
            if threads.saturating_sub(blocked) >= self.threads || threads >= most {
                return false;
            }
            match self.state.compare_exchange(state, state + THREAD, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
    }

    /// Counts one less, if enough are left.
    pub(super) fn dismiss(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        loop {
            let (threads, blocked) = split(state);
            if threads.saturating_sub(blocked) <= self.threads {
                return false;
            }
            match self.state.compare_exchange(state, state - THREAD, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
    }
}

fn split(state: usize) -> (usize, usize) {
    (state & (BLOCKED - 1), state / BLOCKED)
}

/// Hears when a worker of the pool blocks. Who carries the context to another thread is nobody's worker there, and not heard.
pub(super) struct Compensation(pub(super) Arc<Shared>);

impl Compensation {
    /// The worker that this thread is, of this pool.
    fn worker(&self) -> Option<&Worker> {
        Worker::of(&self.0)
    }
}

impl BlockingHook for Compensation {
    fn block(&self) {
        if let Some(worker) = self.worker().filter(|worker| worker.blocks()) {
            worker.trace.note(What::Block);
            worker.rests();
            if !seeded("pool/block-without-sharing") {
                worker.share_all();
            }
            Shared::block(&self.0);
        }
    }

    fn unblock(&self) {
        if let Some(worker) = self.worker().filter(|worker| worker.goes_on()) {
            self.0.one_goes_on();
            worker.works();
            worker.trace.note(What::Unblock);
        }
    }
}

/// Runs `body`, which may block in ways that the library does not see: a read of a socket, a foreign lock. In a worker of
/// a pool the pool makes up for it meanwhile; elsewhere this is a call and nothing else.
///
/// Waits of the library need not be wrapped: they tell the pool by themselves.
///
/// # Panics
/// If `body` does.
///
/// # Examples
/// ```
/// let text = reweave_sched::blocking(|| std::fs::read_to_string("/no/such/file"));
/// assert!(text.is_err());
/// ```
pub fn blocking<T>(body: impl FnOnce() -> T) -> T {
    struct Blocked<'a>(Option<&'a Worker>);
    impl Drop for Blocked<'_> {
        fn drop(&mut self) {
            if let Some(worker) = self.0 {
                worker.hook().unblock();
            }
        }
    }
    let worker = Worker::current();
    if let Some(worker) = worker {
        worker.hook().block();
    }
    let _blocked = Blocked(worker);
    body()
}

impl Shared {
    /// A worker that was counted as blocked is so no longer.
    pub(crate) fn one_goes_on(&self) {
        self.crew.state.fetch_sub(BLOCKED, Ordering::AcqRel);
    }

    /// A worker is about to block.
    fn block(this: &Arc<Self>) {
        this.crew.state.fetch_add(BLOCKED, Ordering::AcqRel);
        if !seeded("pool/block-without-hiring")
            && this.crew.hire(this.settings.most_threads)
            && Self::start_thread(this).is_err()
        {
            // The system refuses it: the pool goes on with those it has.
            this.crew.never_started(1);
        }
        // Work may have been left to this worker: whoever made it saw enough of them running. The fence of the call is between our count and the
        // look for work, opposite that of the maker between its push and its look at the counts.
        this.call();
    }
}
