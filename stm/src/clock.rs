//! The deferred clock: it moves when a reader or a snapshot needs it to, not with every commit.
//!
//! ```text
//!   63                       14 13        1   0
//!  +---------------------------+-----------+-------+
//!  | tick                      | lag (13)  | dirty |
//!  +---------------------------+-----------+-------+
//! ```
//!
//! - *dirty*: a commit may have stamped itself with this tick. Set by the first commit of a tick, so the others only load.
//! - *lag*: ticks since the last one that a snapshot began with (saturating). `tick - lag` is therefore the youngest
//!   instant that any snapshot may be reading at, as of the load that saw both: whoever replaces a version older than
//!   that keeps it, whoever replaces a younger one need not. A saturated lag makes the instant look younger than it is,
//!   which keeps versions that nobody needs and is otherwise harmless.
//!
//! An instant `t` stands for "all commits stamped with ticks below `t`". Of the commits stamped `t` itself it says nothing, so a
//! transaction that begins at `t` trusts only those of its own thread and moves the clock when it meets another's.
//!
//! 2^50 ticks last a year and a half at a tick every 50 ns, which is what two threads that do nothing but collide reach.

use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicU64, Ordering, fence};
use reweave_core::sync::{fence_after_load, fence_after_rmw, fence_light};

const DIRTY: u64 = 1;
const LAG_SHIFT: u32 = 1;
const LAG_MAX: u64 = (1 << 13) - 1;
const TICK_SHIFT: u32 = 14;
const TICK_MAX: u64 = u64::MAX >> TICK_SHIFT;

/// One value of the clock word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Instant(u64);

impl Instant {
    /// # Panics
    /// At the last tick. Nobody holds a lock when the clock is moved.
    fn check_range(self) {
        assert!(self.tick() < TICK_MAX, "the clock of this engine has run through its 2^50 ticks: use a new engine");
    }

    #[inline]
    pub(crate) fn tick(self) -> u64 {
        self.0 >> TICK_SHIFT
    }

    /// The youngest instant that a snapshot may be reading at.
    #[inline]
    pub(crate) fn last_snapshot(self) -> u64 {
        self.tick() - self.lag()
    }

    fn lag(self) -> u64 {
        (self.0 >> LAG_SHIFT) & LAG_MAX
    }

    fn is_dirty(self) -> bool {
        self.0 & DIRTY != 0
    }

    fn next_tick(self) -> Self {
        self.check_range();
        let lag = (self.lag() + 1).min(LAG_MAX);
        Self((self.tick() + 1) << TICK_SHIFT | lag << LAG_SHIFT)
    }

    fn next_snapshot(self) -> Self {
        self.check_range();
        Self((self.tick() + 1) << TICK_SHIFT)
    }
}

/// The clock of an engine.
pub(crate) struct Clock(AtomicU64);

impl Clock {
    /// Starts at tick 1, above the tick 0 of a variable that nobody has written, and as if tick 0 had been the last
    /// snapshot's: nobody needs what is older than that.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(1 << TICK_SHIFT | 1 << LAG_SHIFT))
    }

    /// The current tick, for a transaction that begins; `announce` makes it known. Its reads come after: a commit that
    /// loads an older tick in [`stamp`](Clock::stamp) has locked its variables before those reads look at them.
    #[inline]
    pub(crate) fn begin(&self, announce: impl FnOnce(u64)) -> u64 {
        let now = Instant(self.0.load(Ordering::Acquire));
        announce(now.tick());
        if !seeded("stm/begin-without-fence") {
            // Store-load handshake with `stamp`: they lock, then load the clock; we load the clock, then their locks.
            fence_after_load();
            // And with a sweep (`limbo`): we announce, then read; they unlink, then look for announcements.
            fence_light();
        }
        now.tick()
    }

    /// The current tick, for one whose look at a variable comes after.
    pub(crate) fn now(&self) -> u64 {
        let now = Instant(self.0.load(Ordering::Acquire));
        fence_after_load();
        now.tick()
    }

    /// The instant with which a commit that holds its locks stamps itself.
    #[inline]
    pub(crate) fn stamp(&self) -> Instant {
        // The other side of the handshake in `begin`, `tick_past` and `snapshot`.
        if !seeded("stm/stamp-without-fence") {
            fence_after_rmw();
        }
        let now = Instant(self.0.load(Ordering::Acquire));
        let stamp = if now.is_dirty() || seeded("stm/stamp-leaves-clean") {
            now
        } else {
            Instant(self.0.fetch_or(DIRTY, Ordering::AcqRel) | DIRTY)
        };
        // Between the clock and validation: a commit of an earlier tick that is not published yet has locked its variables
        // before the clock moved on, and validation must see that. Otherwise ticks could contradict the order in which
        // commits read and write, and an instant would not be a prefix of it.
        if !seeded("stm/validate-without-fence") {
            fence_after_load();
        }
        stamp
    }

    /// A tick above `seen`, at which everything stamped `seen` is visible; moves the clock if it must.
    #[cold]
    pub(crate) fn tick_past(&self, seen: u64) -> u64 {
        let mut now = Instant(self.0.load(Ordering::Acquire));
        while now.tick() <= seen {
            let next = now.next_tick();
            match self.0.compare_exchange(now.0, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => now = next,
                Err(current) => now = Instant(current),
            }
        }
        if !seeded("stm/tick-without-fence") {
            fence_after_load();
        }
        now.tick()
    }

    /// An instant for a snapshot: `announce` makes it known before it counts, so that no version it needs is pruned.
    ///
    /// Lock-free: only another snapshot or reader that moves the clock makes this one try again.
    pub(crate) fn snapshot(&self, announce: impl Fn(u64)) -> u64 {
        let mut now = Instant(self.0.load(Ordering::Acquire));
        loop {
            // Nobody has committed since another snapshot moved the clock here: its instant serves this one too, and
            // nothing shared is written.
            if !now.is_dirty() && now.lag() == 0 {
                announce(now.tick());
                // The announcement before the load: against `horizon`, which loads the clock and then the announcements.
                if !seeded("stm/share-without-fence") {
                    fence(Ordering::SeqCst);
                }
                let again = Instant(self.0.load(Ordering::Acquire));
                if again == now {
                    fence_after_load();
                    return now.tick();
                }
                now = again;
                continue;
            }
            let next = now.next_snapshot();
            announce(next.tick());
            // Release: who sees the clock at `next` or later sees the announcement too.
            match self.0.compare_exchange(now.0, next.0, Ordering::AcqRel, Ordering::Acquire) {
                Ok(_) => {
                    if !seeded("stm/snapshot-without-fence") {
                        fence_after_rmw();
                    }
                    return next.tick();
                }
                Err(current) => now = Instant(current),
            }
        }
    }

    /// A bound for pruning: a snapshot whose announcement a scan after this call misses will read at this instant or a later
    /// one. It is the current tick, or, once a commit has used that, the next: no snapshot begins at a tick that is dirty.
    pub(crate) fn horizon(&self) -> u64 {
        let now = Instant(self.0.load(Ordering::Acquire));
        fence_after_load();
        now.tick() + u64::from(now.is_dirty())
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;

    #[test]
    fn commits_do_not_move_the_clock() {
        let clock = Clock::new();
        let first = clock.stamp();
        assert_eq!(clock.stamp(), first);
        assert_eq!(clock.begin(|_| {}), first.tick());
    }

    #[test]
    fn a_snapshot_ticks_only_after_a_commit() {
        let clock = Clock::new();
        let first = clock.snapshot(|_| {});
        assert_eq!(clock.snapshot(|_| {}), first, "nothing happened in between");
        let commit = clock.stamp();
        assert_eq!((commit.tick(), commit.last_snapshot()), (first, first));
        assert_eq!(clock.snapshot(|_| {}), first + 1);
    }

    #[test]
    fn a_tick_that_a_commit_has_used_is_below_the_horizon() {
        let clock = Clock::new();
        let first = clock.snapshot(|_| {});
        assert_eq!(clock.horizon(), first, "another snapshot may share this instant");
        clock.stamp();
        assert_eq!(clock.horizon(), first + 1, "now none can");
        assert_eq!(clock.snapshot(|_| {}), first + 1);
    }

    #[test]
    fn lag_counts_ticks_since_a_snapshot_and_saturates() {
        let clock = Clock::new();
        let snapshot = clock.snapshot(|_| {});
        for _ in 0..3 {
            let commit = clock.stamp();
            clock.tick_past(commit.tick());
        }
        assert_eq!(clock.stamp().last_snapshot(), snapshot);
        for _ in 0..LAG_MAX {
            clock.tick_past(clock.begin(|_| {}));
        }
        let saturated = clock.stamp();
        assert_eq!(saturated.tick() - saturated.last_snapshot(), LAG_MAX);
        assert!(saturated.last_snapshot() > snapshot, "a saturated lag errs towards keeping versions");
    }

    #[test]
    fn the_announcement_comes_before_the_instant_counts() {
        let clock = Clock::new();
        clock.stamp();
        let announced = std::cell::Cell::new(0);
        let instant = clock.snapshot(|tick| {
            assert!(clock.begin(|_| {}) < tick);
            announced.set(tick);
        });
        assert_eq!(announced.get(), instant);
    }
}
