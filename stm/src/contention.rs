//! What a transaction does after a conflict: the policies, and the bound that holds under every one.
//!
//! A policy is asked after each attempt that met a conflict and answers with a [`Verdict`]. Whatever it answers, a transaction
//! that has been aborted [`MOST_ABORTS`] times *reserves*: it takes its turn among those who do, and its next attempt
//! cannot meet a conflict (`reserve`).
//!
//! The policies are those of the literature as far as they make sense where conflicts are found at commit, by one
//! who does not know the other: Scherer and Scott, *Advanced Contention Management for Dynamic Software Transactional Memory*, PODC 2005
//! (polite, karma); Guerraoui, Herlihy and Pochon, *Toward a Theory of Transactional Contention Managers*, PODC 2005
//! (greedy).

use reweave_core::sync::{MODELLED, hint, thread};

use crate::error::Cause;

/// Aborts after which a transaction reserves, whatever its policy says: no transaction whose body always ends with a result of its
/// attempt (not with `retry`, an error of its own, or an interrupt kept from an earlier attempt) is aborted more often.
pub const MOST_ABORTS: u32 = 64;

/// What a policy is told of an attempt that could not commit.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Conflict {
    /// Why the attempt ended.
    pub cause: Cause,
    /// How often the transaction has been aborted, this time included.
    pub aborts: u32,
    /// How many variables all of its attempts together have read and written.
    pub work: u64,
}

/// What to do before the next attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Try again at once.
    Again,
    /// Spin for a random number of turns below this one (of a processor's pause, some 10 to 40 ns), then try again.
    Pause(u32),
    /// Let other threads run, then try again.
    Yield,
    /// Reserve: wait for those who reserve already, in the order of their coming, then make an attempt that cannot meet a conflict.
    /// While it runs, other commits to variables that it has read are aborted. One reserves at a time.
    Reserve,
}

/// Decides what a transaction does after a conflict.
pub trait ContentionPolicy: Send + Sync + 'static {
    /// The verdict on a conflict. Called between attempts, with nothing locked; it should take little time.
    fn after(&self, conflict: &Conflict) -> Verdict;
}

/// Pauses, twice as long after each abort; reserves after a number of aborts. The default, with 8.
#[derive(Clone, Copy, Debug)]
pub struct Polite {
    /// Aborts after which a transaction reserves.
    pub patience: u32,
}

impl Default for Polite {
    fn default() -> Self {
        Self { patience: 8 }
    }
}

impl ContentionPolicy for Polite {
    fn after(&self, conflict: &Conflict) -> Verdict {
        if conflict.aborts >= self.patience { Verdict::Reserve } else { Verdict::Pause(1 << conflict.aborts.min(8)) }
    }
}

/// Pauses as [`Polite`] does, but the sooner reserves the more work the transaction has lost: short ones wait for long ones.
#[derive(Clone, Copy, Debug)]
pub struct Karma {
    /// Variables read and written in vain after which a transaction reserves.
    pub patience: u64,
}

impl Default for Karma {
    fn default() -> Self {
        Self { patience: 2_000 }
    }
}

impl ContentionPolicy for Karma {
    fn after(&self, conflict: &Conflict) -> Verdict {
        if conflict.work >= self.patience { Verdict::Reserve } else { Verdict::Pause(1 << conflict.aborts.min(8)) }
    }
}

/// Reserves after the first abort, so that transactions that met a conflict commit in the order in which they met it.
#[derive(Clone, Copy, Default, Debug)]
pub struct Greedy;

impl ContentionPolicy for Greedy {
    fn after(&self, _: &Conflict) -> Verdict {
        Verdict::Reserve
    }
}

/// The conflicts of one transaction so far.
pub(crate) struct Conflicts {
    aborts: u32,
    work: u64,
    random: u32,
}

impl Conflicts {
    pub(crate) fn new(seed: u32) -> Self {
        Self { aborts: 0, work: 0, random: seed.wrapping_mul(0x9e37_79b9) | 1 }
    }

    /// Does what the policy says after one more, except to reserve: returns whether to.
    pub(crate) fn give_way(&mut self, cause: Cause, work: u64, policy: &dyn ContentionPolicy) -> bool {
        self.aborts += 1;
        self.work += work;
        if self.aborts >= MOST_ABORTS {
            return true;
        }
        match policy.after(&Conflict { cause, aborts: self.aborts, work: self.work }) {
            Verdict::Again => {}
            Verdict::Pause(turns) if !MODELLED => self.pause(turns),
            Verdict::Pause(_) | Verdict::Yield => thread::yield_now(),
            Verdict::Reserve => return true,
        }
        false
    }

    fn pause(&mut self, turns: u32) {
        // Marsaglia's xorshift: enough to keep two threads from colliding in step.
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        for _ in 0..self.random % turns.max(1) {
            hint::spin_loop();
        }
    }
}
