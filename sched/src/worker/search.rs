//! Where a worker looks for a job.
//!
//! 1. Its own tasks, the newest first: their data are still in its cache. Every [`PATIENCE`]th time the oldest job of an injector
//!    or the agenda instead, or its own oldest task, so that what came first is not left behind by what keeps coming.
//! 2. The injector of its node, then the [agenda](crate::agenda).
//! 3. Other workers, and the injectors of other nodes, in [rounds](crate::pool::layout) from the near to the far; of a round in turn from one chosen at
//!    random. Those that make up for blocked ones come last. Of a worker a shared half first, which is the
//!    larger piece of work, then the oldest task. Whoever looks at a worker in vain leaves word that it is *hungry*.
//!
//! At most half the workers do the last at the same time; after a while in vain a worker lies down ([`sleep`](crate::sleep)).

use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::{MODELLED, hint, thread};

use super::Worker;
use crate::job::JobRef;
use crate::sleep::Woken;
use crate::trace::What;

/// How many jobs a worker runs before it lets the oldest go first. A prime, so that it does not beat with the program's own rhythm.
pub(super) const PATIENCE: u32 = if MODELLED { 3 } else { 61 };

/// Rounds of looking around before a worker lies down. The first rounds follow each other at distances that double, the others
/// give the core away in between, which beside busy threads can cost a time slice.
const ROUNDS: u32 = if MODELLED { 1 } else { 40 };
/// The first rounds.
const BURSTS: u32 = 6;

impl Worker {
    /// The next job to run, or `None` if the thread is to end: it has left the worker then.
    pub(super) fn next(&self) -> Option<JobRef> {
        if self.pool().has_surplus() {
            return self.idle();
        }
        self.own().or_else(|| self.idle())
    }

    /// A job that need not be searched for.
    fn own(&self) -> Option<JobRef> {
        let patience = self.patience.get() - 1;
        if patience == 0 {
            self.patience.set(PATIENCE);
            if let Some(job) = self.oldest() {
                return Some(job);
            }
        } else {
            self.patience.set(patience);
        }
        // SAFETY: this thread is the worker.
        let own = unsafe { self.tasks.pop() };
        let pool = self.pool();
        own.or_else(|| pool.injector(self.home.node).pop()).or_else(|| pool.agenda.pop())
    }

    /// The job that has waited longest, of those near by, or in one of the injectors.
    fn oldest(&self) -> Option<JobRef> {
        let pool = self.pool();
        // Every injector has its turn, or one whose own workers are all busy for long would be left behind.
        let inject = || self.in_turn(pool.layout.nodes(), |node| pool.injector(node).pop());
        // By turns: neither of the two may keep the other from coming.
        let job = match self.agenda_first.replace(!self.agenda_first.get()) {
            true => pool.agenda.pop().or_else(inject),
            false => inject().or_else(|| pool.agenda.pop()),
        };
        job.or_else(|| self.tasks.steal_one())
    }

    /// Searches, sleeps, and searches again, until there is a job; `None` if the thread is to end: it has left the worker then.
    #[cold]
    fn idle(&self) -> Option<JobRef> {
        self.settle();
        self.rests();
        let job = self.idle_about()?;
        self.works();
        Some(job)
    }

    fn idle_about(&self) -> Option<JobRef> {
        let pool = self.pool();
        let wanted = || pool.wants_another();
        let mut searching = !pool.has_surplus() && pool.sleep.search();
        loop {
            // Not when all is done: nothing is to be found then, and each of many would look at all others.
            if searching
                && !pool.is_over()
                && let Some(job) = self.search()
            {
                pool.sleep.found(wanted);
                return Some(job);
            }
            if pool.is_over() {
                if searching {
                    pool.sleep.found(wanted);
                }
                drop(self.leave());
                return None;
            }
            self.leave_word();
            self.counters.parks.add(1);
            self.trace.note(What::Park);
            let woken = pool.lie_down(self.index, searching);
            self.trace.note(What::Unpark);
            match woken {
                Woken::ToSearch => {
                    self.counters.wakes.add(1);
                    searching = true;
                }
                Woken::Expired if pool.dismiss(self) => return None,
                Woken::Expired => searching = pool.sleep.search(),
            }
        }
    }

    /// Looks around for a while.
    fn search(&self) -> Option<JobRef> {
        for round in 0..ROUNDS {
            // Only between two looks.
            match round {
                0 => {}
                1..=BURSTS => (0..1 << (round - 1)).for_each(|_| hint::spin_loop()),
                _ => thread::yield_now(),
            }
            let job = self.own().or_else(|| self.steal());
            if job.is_some() {
                return job;
            }
            if self.pool().is_over() {
                return None;
            }
        }
        None
    }

    /// Looks for a job once, everywhere.
    pub(crate) fn look(&self) -> Option<JobRef> {
        self.own().or_else(|| self.steal())
    }

    /// A job of another worker, or of another node.
    fn steal(&self) -> Option<JobRef> {
        let pool = self.pool();
        let (first, spares) = pool.places();
        let near = match pool.layout.rounds(self.home) {
            [] => self.steal_among(first.len(), |turn| turn),
            rounds => rounds.iter().find_map(|round| {
                let injected = self.in_turn(round.injectors.len(), |turn| pool.injector(round.injectors[turn]).pop());
                injected.or_else(|| self.steal_among(round.workers.len(), |turn| round.workers[turn]))
            }),
        };
        let job = near.or_else(|| self.steal_among(spares.len(), |turn| spares.start + turn));
        if job.is_none() {
            self.counters.failed_steals.add(1);
        }
        job
    }

    /// A job of one of so many workers.
    #[inline]
    fn steal_among(&self, workers: usize, place: impl Fn(usize) -> usize) -> Option<JobRef> {
        self.in_turn(workers, |turn| {
            let index = place(turn);
            let victim = self.pool().worker(index).filter(|_| index != self.index)?;
            let job = victim.halves.steal_one().or_else(|| victim.tasks.steal_one());
            match job {
                Some(_) => {
                    self.counters.stolen.add(1);
                    self.trace.note(What::Steal(index));
                }
                None => victim.feed(),
            }
            job
        })
    }

    /// Asks so many in turn, from one that is chosen at random.
    #[inline]
    fn in_turn<T>(&self, many: usize, ask: impl Fn(usize) -> Option<T>) -> Option<T> {
        let first = if many > 1 { self.random_below(many) } else { 0 };
        (0..many).find_map(|turn| ask((first + turn) % many))
    }

    /// Leaves word with all other workers that somebody is hungry.
    fn leave_word(&self) {
        self.pool().workers().filter(|other| other.index != self.index).for_each(Self::feed);
    }

    /// Whether somebody has left word that he is hungry. One load, of a line that is the owner's as long as nobody has.
    #[inline]
    pub(crate) fn is_hungry(&self) -> bool {
        self.hungry.load(Ordering::Relaxed)
    }

    /// Leaves word that somebody is hungry.
    pub(crate) fn feed(&self) {
        // Not written if it is set: the owner reads it at every join.
        if !self.hungry.load(Ordering::Relaxed) {
            self.hungry.store(true, Ordering::Relaxed);
        }
    }

    /// A random number below `bound`.
    fn random_below(&self, bound: usize) -> usize {
        // Marsaglia's xorshift64.
        let mut state = self.random.get();
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        self.random.set(state);
        // The multiplication maps the upper half of the state to the range.
        (((state >> 32) * bound as u64) >> 32) as usize
    }
}
