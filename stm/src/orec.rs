//! The ownership record: the one word of a variable that says which version is current and whether it is being replaced.
//!
//! ```text
//!   63  62                          13 12           2   1   0
//!  +---+-------------------------------+------------+---+---+
//!  | L | tick of the last commit (50)  | owner (11) | R | W |
//!  +---+-------------------------------+------------+---+---+
//! ```
//!
//! - `L`: locked; a committer is replacing the value. Everything else is as before the lock. As the highest bit it makes a locked
//!   record larger than every unlocked one, so *unlocked and older than* is a single comparison.
//! - `W`: a waiter is enqueued for this variable; whoever commits to it must wake the waiters. Set by a waiter, cleared by
//!   the commit that wakes.
//! - `R`: reserved; the transaction whose turn it is has read the variable, and nobody else may lock it (`reserve`).
//! - *tick and owner* are the version. A version is never published twice while a transaction that could have logged
//!   it is alive (`papers/stm.md`, lemma 2), so equality of versions means that nothing happened in between.

use reweave_core::sync::atomic::{AtomicU64, Ordering};

const LOCKED: u64 = 1 << 63;
const WAITED: u64 = 1;
const RESERVED: u64 = 1 << 1;
const OWNER_SHIFT: u32 = 2;
const TICK_SHIFT: u32 = 13;

/// How many owner numbers there are.
pub(crate) const OWNERS: u16 = 1 << (TICK_SHIFT - OWNER_SHIFT);

/// The value of an ownership record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Orec(u64);

impl Orec {
    /// The record of a variable that no transaction has written: older than every tick of the clock.
    pub(crate) const NEW: Orec = Orec(0);

    /// No record at all: differs from every one that a variable can have while it is unlocked.
    pub(crate) const NONE: Orec = Orec(u64::MAX);

    /// The record that a commit of `owner` at `tick` leaves.
    #[inline]
    pub(crate) fn published(tick: u64, owner: u16) -> Self {
        Self(tick << TICK_SHIFT | u64::from(owner) << OWNER_SHIFT)
    }

    #[inline]
    pub(crate) fn tick(self) -> u64 {
        (self.0 & !LOCKED) >> TICK_SHIFT
    }

    /// Whether the variable is unlocked and its version older than all of `instant`'s: `instant` is the record that nobody in
    /// particular would publish at that tick.
    #[inline]
    pub(crate) fn is_unlocked_before(self, instant: Orec) -> bool {
        self.0 < instant.0
    }

    #[inline]
    pub(crate) fn is_locked(self) -> bool {
        self.0 & LOCKED != 0
    }

    /// Whether the variable may be locked by one who has not reserved it.
    #[inline(always)]
    pub(crate) fn is_free(self) -> bool {
        self.0 & (LOCKED | RESERVED) == 0
    }

    #[inline]
    pub(crate) fn is_reserved(self) -> bool {
        self.0 & RESERVED != 0
    }

    #[inline]
    pub(crate) fn reserved(self) -> Self {
        Self(self.0 | RESERVED)
    }

    #[inline]
    pub(crate) fn is_waited(self) -> bool {
        self.0 & WAITED != 0
    }

    #[inline]
    pub(crate) fn locked(self) -> Self {
        Self(self.0 | LOCKED)
    }

    #[inline]
    pub(crate) fn waited(self) -> Self {
        Self(self.0 | WAITED)
    }

    /// The record without its waiters: for a seeded bug.
    pub(crate) fn unwaited(self) -> Self {
        Self(self.0 & !WAITED)
    }

    /// Whether both are the same version in the same state, waiters and reservation aside: a record that got locked differs.
    #[inline]
    pub(crate) fn is_still(self, logged: Orec) -> bool {
        (self.0 ^ logged.0) & !(WAITED | RESERVED) == 0
    }
}

/// An ownership record in shared memory.
pub(crate) struct AtomicOrec(AtomicU64);

impl AtomicOrec {
    pub(crate) fn new(orec: Orec) -> Self {
        Self(AtomicU64::new(orec.0))
    }

    #[inline]
    pub(crate) fn load(&self, order: Ordering) -> Orec {
        Orec(self.0.load(order))
    }

    #[inline]
    pub(crate) fn store(&self, orec: Orec, order: Ordering) {
        self.0.store(orec.0, order);
    }

    /// Takes the reservation away.
    pub(crate) fn unreserve(&self, order: Ordering) {
        self.0.fetch_and(!RESERVED, order);
    }

    #[inline]
    pub(crate) fn replace(&self, from: Orec, to: Orec, success: Ordering) -> Result<(), Orec> {
        self.0.compare_exchange(from.0, to.0, success, Ordering::Relaxed).map(drop).map_err(Orec)
    }
}
