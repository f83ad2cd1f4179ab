//! One queue for all threads: a lock around it, and a condition variable on which threads wait for tasks.
//!
//! The pool that everybody has written once, and written well: the lock is held for a push or a pop and nothing else, and
//! a waiter is woken only when there is one. Tasks are boxed closures, taken in the order in which they came. A batch of
//! tasks counts those that are left; its caller sleeps meanwhile, and is not among the threads.
//!
//! # Idle time
//! Under the lock stands how many threads are asleep and since when that has not changed, from which follows how long
//! threads have slept, exactly. What they wait for the lock itself is timed once in 64 pops and counted so many
//! times over, since two looks at the clock around each would cost as much as the pop. What the looks themselves take is
//! measured when the pool starts, and taken off.
//!
//! # Safety
//! A task may borrow what its batch may, and is kept in a queue that knows nothing of that. What makes it right is what
//! makes every scope right: a batch returns, by panic or not, when the last of its tasks has ended. After the step
//! that counts a task as ended nothing of the batch is touched, except by the caller.

use std::any::Any;
use std::collections::VecDeque;
use std::marker::PhantomData;
use std::panic::{self, AssertUnwindSafe};
use std::time::{Duration, Instant};
use std::{fmt, mem};

use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Condvar, Mutex, MutexGuard, thread};

use crate::workload::sched::pool::{self, Install, Map, Task};

/// Of how many pops one is timed.
const TIMED: u32 = 64;
/// How many pieces a thread's share of a map is cut into.
const PIECES_A_THREAD: usize = 4;

/// What a panic carried.
type Panic = Box<dyn Any + Send>;
/// What a task does, given the batch that it may add to.
type Work<'env> = Box<dyn FnOnce(&Batch<'env>) + Send + 'env>;

/// The queue, and the threads that serve it.
pub struct Pool {
    queue: Arc<Queue>,
    threads: Vec<thread::JoinHandle<()>>,
}

/// What the threads share.
#[derive(Default)]
struct Queue {
    state: Mutex<State>,
    /// Notified when a task is put where a thread waits for one, and at the end.
    ready: Condvar,
    /// Notified when a batch may have ended.
    ended: Condvar,
    /// How much two looks at the clock seem to be apart when nothing is between them.
    looks: Duration,
}

/// What the lock guards.
#[derive(Default)]
struct State {
    tasks: VecDeque<Queued>,
    closed: bool,
    idle: Idle,
}

/// A task in the queue, and its batch.
struct Queued {
    work: Work<'static>,
    batch: *const Batch<'static>,
}

// SAFETY: the work is `Send`, and the batch behind the pointer is `Sync` and outlives the task (see the module).
unsafe impl Send for Queued {}

/// Tasks that are waited for together.
struct Batch<'env> {
    queue: &'env Queue,
    /// How many of them have not ended.
    left: AtomicUsize,
    panic: Mutex<Option<Panic>>,
    /// `'env` neither grows nor shrinks: a task that borrows for a shorter time is none of this batch.
    invariant: PhantomData<fn(&'env ()) -> &'env ()>,
}

impl<'env> Batch<'env> {
    /// Puts a task into the queue.
    #[inline]
    fn spawn(&self, work: impl FnOnce(&Batch<'env>) + Send + 'env) {
        let work: Work<'env> = Box::new(work);
        // SAFETY: the types differ in a lifetime only, and the work ends before `'env` does: whoever opened this batch
        // waits for it, as the count of those left says.
        let work: Work<'static> = unsafe { mem::transmute(work) };
        self.left.fetch_add(1, Ordering::Relaxed);
        self.queue.push(Queued { work, batch: std::ptr::from_ref(self).cast() });
    }

    /// Counts a task as ended: from the decrement on, `batch` may be gone.
    ///
    /// # Safety
    /// `batch` points to the batch of a task that has not been counted yet, and `queue` is its queue.
    unsafe fn ended(batch: *const Self, queue: &Queue) {
        // SAFETY: the task is among those left, so its batch is there.
        let left = unsafe { (*batch).left.fetch_sub(1, Ordering::AcqRel) };
        if left == 1 {
            // Whoever waits looks at the count under the lock, so it has either seen this one or sleeps by now.
            drop(queue.state.lock());
            queue.ended.notify_all();
        }
    }
}

impl Queue {
    fn push(&self, task: Queued) {
        let mut state = self.state.lock();
        state.tasks.push_back(task);
        let somebody_waits = state.idle.asleep > 0;
        drop(state);
        if somebody_waits {
            self.ready.notify_one();
        }
    }

    /// The next task; `None` at the end.
    fn pop(&self, timed: bool) -> Option<Queued> {
        let mut state = if timed { self.lock_timed() } else { self.state.lock() };
        loop {
            if let Some(task) = state.tasks.pop_front() {
                return Some(task);
            }
            if state.closed {
                return None;
            }
            state.idle.changes_by(1);
            state = self.ready.wait(state);
            state.idle.changes_by(-1);
        }
    }

    /// The lock; the time that it took counts as idle for this pop and those that are not timed.
    fn lock_timed(&self) -> MutexGuard<'_, State> {
        let begun = Instant::now();
        let mut state = self.state.lock();
        state.idle.sum += begun.elapsed().saturating_sub(self.looks) * TIMED;
        state
    }

    /// Runs tasks until the end.
    fn serve(&self) {
        let mut pops = 0_u32;
        while let Some(Queued { work, batch }) = self.pop(pops.is_multiple_of(TIMED)) {
            pops = pops.wrapping_add(1);
            // SAFETY: the task has not been counted as ended, so its batch is there.
            let here = unsafe { &*batch };
            if let Err(panic) = panic::catch_unwind(AssertUnwindSafe(|| work(here))) {
                here.panic.lock().get_or_insert(panic);
            }
            // SAFETY: this is the one place where a task is counted, and `here` is not used any more.
            unsafe { Batch::ended(batch, self) };
        }
    }
}

/// For how long threads have slept.
#[derive(Default)]
struct Idle {
    asleep: u32,
    sum: Duration,
    /// Up to when the sum is right; `None` at first.
    since: Option<Instant>,
}

impl Idle {
    /// Brings the sum up to date, and then changes how many threads are asleep.
    fn changes_by(&mut self, threads: i32) {
        let now = Instant::now();
        self.sum += self.asleep * now.duration_since(self.since.unwrap_or(now));
        self.since = Some(now);
        self.asleep = self.asleep.saturating_add_signed(threads);
    }
}

impl Pool {
    /// Runs `open`, which spawns tasks, and waits for them and for all that they spawn.
    ///
    /// # Panics
    /// With what the first of them panicked with that did, or `open`.
    fn batch<'env>(&'env self, open: impl FnOnce(&Batch<'env>)) {
        let queue = &*self.queue;
        let batch = Batch { queue, left: AtomicUsize::new(0), panic: Mutex::new(None), invariant: PhantomData };
        let opened = panic::catch_unwind(AssertUnwindSafe(|| open(&batch)));
        let mut state = queue.state.lock();
        while batch.left.load(Ordering::Acquire) > 0 {
            state = queue.ended.wait(state);
        }
        drop(state);
        let panicked = batch.panic.lock().take();
        if let Some(panic) = opened.err().or(panicked) {
            panic::resume_unwind(panic);
        }
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

impl pool::Pool for Pool {
    fn start(threads: usize) -> Result<Self, String> {
        let looks = (0..100).map(|_| Instant::now().elapsed()).min().unwrap_or_default();
        let mut pool = Self { queue: Arc::new(Queue { looks, ..Queue::default() }), threads: Vec::new() };
        for index in 0..threads {
            let queue = Arc::clone(&pool.queue);
            let thread = thread::try_spawn(format!("queue-{index}"), move || queue.serve());
            pool.threads.push(thread.map_err(|error| error.to_string())?);
        }
        Ok(pool)
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.queue.state.lock().closed = true;
        self.queue.ready.notify_all();
        for thread in self.threads.drain(..) {
            // They catch what tasks panic with.
            drop(thread.join());
        }
    }
}

impl Install for Pool {
    fn install<R: Send>(&self, work: impl FnOnce() -> R + Send) -> R {
        work()
    }
}

/// In pieces that are cut beforehand, four for each thread.
impl Map for Pool {
    fn map(&self, items: &[u64], f: impl Fn(u64) -> u64 + Send + Sync) -> Vec<u64> {
        let mut results = vec![0; items.len()];
        let piece = items.len().div_ceil(self.threads.len() * PIECES_A_THREAD).max(1);
        let f = &f;
        self.batch(|batch| {
            for (items, results) in items.chunks(piece).zip(results.chunks_mut(piece)) {
                batch.spawn(move |_| items.iter().zip(results).for_each(|(&item, result)| *result = f(item)));
            }
        });
        results
    }
}

impl pool::Queue for Pool {
    fn run<T: Task>(&self, root: T) {
        self.batch(|batch| batch.spawn(|batch| run(root, batch)));
    }

    fn idle(&self) -> Option<Duration> {
        let mut state = self.queue.state.lock();
        state.idle.changes_by(0);
        Some(state.idle.sum)
    }
}

fn run<'env, T: Task + 'env>(task: T, batch: &Batch<'env>) {
    task.run(|child| batch.spawn(move |batch| run(child, batch)));
}

#[cfg(test)]
mod tests {
    use super::pool::{Pool as _, Queue as _};
    use super::*;

    #[test]
    fn a_panic_comes_back_when_all_tasks_have_ended_and_harms_nobody_else() {
        let pool = Pool::start(2).unwrap();
        let ran = AtomicUsize::new(0);
        let batch = |panics: usize| {
            pool.batch(|batch| {
                for task in 0..100 {
                    let ran = &ran;
                    batch.spawn(move |_| {
                        ran.fetch_add(1, Ordering::Relaxed);
                        assert_ne!(task, panics, "on purpose");
                    });
                }
            });
        };
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| batch(7)));
        assert!(panicked.is_err());
        assert_eq!(ran.load(Ordering::Relaxed), 100);
        batch(1_000);
        assert_eq!(ran.load(Ordering::Relaxed), 200);
        let opened = panic::catch_unwind(AssertUnwindSafe(|| pool.batch(|_| panic!("on purpose"))));
        assert!(opened.is_err());
    }

    #[test]
    fn threads_without_tasks_are_idle() {
        let pool = Pool::start(3).unwrap();
        let (begun, before) = (Instant::now(), pool.idle().unwrap());
        thread::nap(Duration::from_millis(20));
        let slept = pool.idle().unwrap() - before;
        // All three slept, once the last of them had started.
        assert!(slept > Duration::from_millis(10) && slept <= begun.elapsed() * 3, "{slept:?}");
    }

    #[test]
    fn sleep_is_counted_for_each_thread() {
        let mut idle = Idle { asleep: 2, sum: Duration::ZERO, since: Some(Instant::now() - Duration::from_secs(3)) };
        idle.changes_by(-1);
        assert_eq!((idle.asleep, idle.sum.as_secs()), (1, 6));
    }
}
