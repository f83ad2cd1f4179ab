//! Who searches, who sleeps, and who is called when there is work.
//!
//! A worker without work searches for a while and then sleeps. Whoever makes work calls one sleeper, unless somebody
//! searches already and will find it. A searcher that finds work calls the next if there is more, so that work that comes in bursts
//! wakes one after the other, for as long as there is more.
//!
//! # Protocol
//!
//! One word with two counts, searchers and sleepers, and under a lock the list of those who sleep, each with a
//! [`Trigger`].
//!
//! | step | by | what |
//! |---|---|---|
//! | call | who made work | fence; if there are sleepers and no searchers: counts a searcher, by compare-and-swap, and wakes a sleeper as that |
//! | search | a worker without work | counts itself, if there are fewer searchers than allowed |
//! | found | a searcher | stops counting; if it was the last: fence, and if there is more work, calls |
//! | lie down | a worker | under the lock: enters the list, counts as a sleeper and no longer as a searcher; fence; if there is work: gets up again, as a searcher; else sleeps |
//! | wake | who has counted a searcher for it | under the lock: takes a sleeper out of the list and no longer counts it; signals it |
//!
//! # Invariants
//!
//! 1. *No work is left with all asleep.* Who makes work first puts it where it can be found (a read-modify-write), then
//!    looks at the word. Who lies down first counts as a sleeper (a read-modify-write), then looks for work. Between the two steps of both there
//!    is a sequentially consistent fence, so one sees the other: the sleeper gets up, or the maker sees the sleeper.
//! 2. *If the maker sees a searcher instead*, that searcher was counted after it last looked, or will look again: the last one that
//!    stops searching looks for more work after it has stopped counting, for the reason of (1), whether it has found
//!    something or lies down. One that was counted for a sleeper that is not there any more does so, too.
//! 3. *A sleeper is woken once*, by who took it out of the list; its trigger is its own for this sleep.
//!
//! That one searcher is enough to keep the others asleep is Go's protocol (its scheduler's "spinning" threads); the fence on both sides is
//! that of rayon's sleep module. The proof is in `papers/scheduler.md`.

use std::time::Instant;

use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Mutex, fence_after_rmw};
use reweave_core::trigger::Trigger;

const SEARCHER: usize = 1;
const SLEEPER: usize = 1 << 32;

fn searchers(state: usize) -> usize {
    state & (SLEEPER - 1)
}

fn sleepers(state: usize) -> usize {
    state / SLEEPER
}

/// The workers that are without work. See the [module](self).
#[derive(Debug)]
pub struct Sleep {
    state: AtomicUsize,
    asleep: Mutex<Vec<Sleeper>>,
    /// How many may search at the same time.
    most: usize,
}

#[derive(Debug)]
struct Sleeper {
    worker: usize,
    trigger: Arc<Trigger>,
}

/// How a sleep ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Woken {
    /// There may be work: the worker counts as a searcher.
    ToSearch,
    /// The deadline has passed; it counts as nothing.
    Expired,
}

impl Sleep {
    /// Nobody searches or sleeps; at most so many may search at the same time.
    pub fn new(searchers: usize) -> Self {
        Self { state: AtomicUsize::new(0), asleep: Mutex::new(Vec::new()), most: searchers.max(1) }
    }

    /// Calls a sleeper to the work that has just been made, unless somebody will find it anyway, or nobody more is `wanted`.
    ///
    /// What made the work was a read-modify-write, and the last thing that this thread did. One load, if nobody sleeps.
    #[inline]
    pub fn call(&self, wanted: impl Fn() -> bool) {
        if !seeded("sleep/call-without-fence") {
            fence_after_rmw();
        }
        let state = self.state.load(Ordering::Relaxed);
        if sleepers(state) > 0 && searchers(state) == 0 && wanted() {
            self.call_somebody(state, wanted);
        }
    }

    #[cold]
    fn call_somebody(&self, mut state: usize, wanted: impl Fn() -> bool) {
        while sleepers(state) > 0 && searchers(state) == 0 {
            match self.state.compare_exchange(state, state + SEARCHER, Ordering::AcqRel, Ordering::Relaxed) {
                Err(now) => state = now,
                Ok(_) if self.wake() || seeded("sleep/call-nobody") => return,
                // It has gone: the role that was meant for it ends as any other.
                Ok(_) => match self.stop_searching(&wanted) {
                    Some(now) => state = now,
                    None => return,
                },
            }
        }
    }

    /// Wakes a sleeper, as the searcher that has been counted for it. `false` if there is none.
    fn wake(&self) -> bool {
        let sleeper = {
            let mut asleep = self.asleep.lock();
            let sleeper = asleep.pop();
            if sleeper.is_some() {
                self.state.fetch_sub(SLEEPER, Ordering::AcqRel);
            }
            sleeper
        };
        // Outside the lock, which the sleeper may want next.
        sleeper.is_some_and(|sleeper| sleeper.trigger.signal(0))
    }

    /// Counts the caller as a searcher, unless there are enough.
    pub fn search(&self) -> bool {
        let mut state = self.state.load(Ordering::Relaxed);
        while searchers(state) < self.most {
            match self.state.compare_exchange(state, state + SEARCHER, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(now) => state = now,
            }
        }
        false
    }

    /// The caller, a searcher, has found work.
    pub fn found(&self, wanted: impl Fn() -> bool) {
        if let Some(state) = self.stop_searching(&wanted) {
            self.call_somebody(state, wanted);
        }
    }

    /// Stops counting a searcher; returns the word if another is due (invariant 2).
    fn stop_searching(&self, wanted: &impl Fn() -> bool) -> Option<usize> {
        let before = self.state.fetch_sub(SEARCHER, Ordering::AcqRel);
        if !seeded("sleep/find-without-fence") {
            fence_after_rmw();
        }
        let due = searchers(before) == 1 && sleepers(before) > 0 && wanted();
        (due && !seeded("sleep/find-alone")).then(|| before - SEARCHER)
    }

    /// The caller has found nothing and sleeps until it is called, or until `deadline`. `searching`: it counts as a searcher so far.
    pub fn lie_down(
        &self,
        worker: usize,
        searching: bool,
        deadline: Option<Instant>,
        wanted: impl Fn() -> bool,
    ) -> Woken {
        let trigger = Arc::new(Trigger::new());
        let change = if searching { SLEEPER - SEARCHER } else { SLEEPER };
        {
            let mut asleep = self.asleep.lock();
            asleep.push(Sleeper { worker, trigger: trigger.clone() });
            self.state.fetch_add(change, Ordering::AcqRel);
        }
        if !seeded("sleep/lie-down-without-fence") {
            fence_after_rmw();
        }
        if wanted() && !seeded("sleep/sleep-without-looking") && self.get_up(worker, true) {
            return Woken::ToSearch;
        }
        match deadline {
            None => trigger.wait(),
            Some(deadline) => match trigger.wait_until(deadline) {
                Some(token) => token,
                None if self.get_up(worker, false) || seeded("sleep/expire-though-called") => return Woken::Expired,
                // Called at the last moment.
                None => trigger.wait(),
            },
        };
        Woken::ToSearch
    }

    /// Takes the caller out of the list, if it is still there; it counts as a searcher from then on, or not.
    fn get_up(&self, worker: usize, searching: bool) -> bool {
        let mut asleep = self.asleep.lock();
        let Some(place) = asleep.iter().position(|sleeper| sleeper.worker == worker) else { return false };
        asleep.remove(place);
        let change = if searching { SLEEPER - SEARCHER } else { SLEEPER };
        self.state.fetch_sub(change, Ordering::AcqRel);
        true
    }

    /// Wakes all sleepers, each as a searcher.
    pub fn call_all(&self) {
        let all = {
            let mut asleep = self.asleep.lock();
            let all = std::mem::take(&mut *asleep);
            // In one step: sleepers become searchers.
            self.state.fetch_sub(all.len() * (SLEEPER - SEARCHER), Ordering::AcqRel);
            all
        };
        for sleeper in all {
            sleeper.trigger.signal(0);
        }
    }

    /// How many sleep, at some moment during the call.
    pub fn sleepers(&self) -> usize {
        sleepers(self.state.load(Ordering::Relaxed))
    }
}
