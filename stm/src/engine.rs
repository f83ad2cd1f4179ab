//! The engine: the instance that clock, participants, waiters and reclamation belong to.

use std::fmt;
use std::mem::ManuallyDrop;

use crossbeam_utils::CachePadded;
use reweave_core::sync::{Arc, Lazy};

use crate::clock::Clock;
use crate::contention::{ContentionPolicy, Polite};
use crate::error::{Stop, TransactionError, TxResult};
use crate::limbo::Retired;
use crate::participant::Participant;
use crate::registry::Registry;
use crate::reserve::Turns;
use crate::run::Attempt;
use crate::snapshot::Snapshot;
use crate::stats::{Counts, Stats};
use crate::thread;
use crate::tidier;
use crate::tidy::{Left, Listed, Tidy, Which};
use crate::tx::Tx;
use crate::waiters::Waiters;

/// A transactional memory of its own. Variables belong to one engine, and transactions use variables of one.
///
/// Most programs use the process-wide engine through [`atomically`], [`snapshot`] and [`TVar::new`](crate::TVar::new).
/// An engine of one's own keeps a benchmark's counters, a model's executions or a subsystem's conflicts apart. An `Engine`
/// is a handle: cloning it gives another handle to the same engine. The engine ends with its last handle, its last variable
/// and the last thread that takes part; a thread stops taking part when it ends, when it [`leave`](Engine::leave)s, or when
/// it first uses yet another engine after nobody else is left.
///
/// Values that commits have replaced and variables that have been dropped are destroyed some time later, usually by the
/// thread that replaced or dropped them: when it has done so a few hundred times, after 4,096 of its commits, loads and drops, or when
/// it [`leave`](Engine::leave)s; at the end of a transaction, snapshot, `load`, `store` or drop of a `TVar`. What a thread
/// leaves because others look at it is destroyed by *any* that takes part. Do not hold there what such a destructor locks, and
/// have a thread leave that goes idle after it replaced values that should not linger. A destructor that panics is contained: the panic hook reports it, and nobody else notices.
///
/// # Older versions
///
/// A commit keeps the version that it replaces if a snapshot may be reading it. A variable has at most one older version for
/// each open snapshot, one more, and those that nobody has looked at yet: at most 31 for each thread that commits to
/// it, as threads look seldom which snapshots are open; in the mean very few. So a snapshot that stays open, its thread asleep,
/// costs one older version a variable, however many commits follow.
///
/// When commits to a variable end, a background thread, `reweave-tidier`, takes over: 40 ms after the last snapshot that needs them has
/// ended, the older versions are gone. (It looks twice, every 20 ms or, with long lists of variables, so seldom that it uses
/// a tenth of a processor at most; and it passes over what is locked or reserved just then.) It destroys the values in
/// them, so their destructors may run on that thread; one that blocks there holds up the rest. It is started when the first older version is kept, and sleeps while there are
/// none. [`tidy`](Engine::tidy) does its work at once. What there is, and which snapshot is the oldest, is in
/// [`stats`](Engine::stats).
///
/// A *transaction* that sleeps in its body keeps no older versions, but values behind pointers that it may look at: for each variable the
/// one that was current while it last read, and what the others replaced within that tick of the clock, of which
/// there are some hundreds at most for each of them; and every variable that is dropped meanwhile.
///
/// # Fork
///
/// A forked child has the one thread that forked, and what the others had locked stays locked for ever. It must neither use nor
/// end an engine that its parent has used, the process-wide one included: forget the handles (`std::mem::forget`), or call
/// `exec`. An engine that the child makes itself works, with a background thread of the child's own.
pub struct Engine {
    /// From `Arc::into_raw`; null for the process-wide engine. One word, so that telling engines apart is one comparison.
    inner: *const Inner,
}

// SAFETY: an engine is a counted reference to a value that is Send and Sync (asserted below).
unsafe impl Send for Engine {}
// SAFETY: as above.
unsafe impl Sync for Engine {}

const _: () = {
    const fn shareable<T: Send + Sync>() {}
    shareable::<Inner>();
};

impl Clone for Engine {
    fn clone(&self) -> Self {
        if !self.inner.is_null() {
            // SAFETY: came from `Arc::into_raw`, and our own count keeps it.
            unsafe { Arc::increment_strong_count(self.inner) };
        }
        Self { inner: self.inner }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if !self.inner.is_null() {
            // SAFETY: gives up the count that this handle holds.
            unsafe { Arc::decrement_strong_count(self.inner) };
        }
    }
}

/// What an engine consists of.
pub(crate) struct Inner {
    /// Alone on its cache lines: every transaction reads it.
    pub(crate) clock: CachePadded<Clock>,
    pub(crate) waiters: Waiters,
    pub(crate) registry: Registry,
    pub(crate) turns: Turns,
    pub(crate) tidy: Tidy,
    policy: Box<dyn ContentionPolicy>,
    /// Whether nothing that is unlinked is destroyed or used again before the last participant has left.
    #[cfg(any(reweave_loom, reweave_shuttle))]
    keeps_everything: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        tidier::forget(self);
        // SAFETY: participants and variables have handles, so there are none.
        unsafe {
            self.registry.take_orphans().expire();
            self.tidy.end();
        }
        // Unless a transaction of another engine is open: then that one's end does.
        thread::reap_outside_transactions();
    }
}

/// Tells engines apart for as long as one of them has a variable.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct EngineId(usize);

impl EngineId {
    /// Refuses variables of other engines: their versions mean nothing to this one's clock.
    #[inline]
    pub(crate) fn check(self, of_variable: EngineId) {
        if of_variable != self {
            foreign_variable();
        }
    }
}

#[cold]
fn foreign_variable() -> ! {
    panic!("this TVar belongs to another Engine: a transaction can use variables of its own engine only")
}

static GLOBAL: Lazy<Inner> = Lazy::new(|| Inner::new(Polite::default()));

impl Inner {
    fn new(policy: impl ContentionPolicy) -> Self {
        Self {
            clock: CachePadded::new(Clock::new()),
            waiters: Waiters::new(),
            registry: Registry::new(),
            turns: Turns::new(),
            tidy: Tidy::new(),
            policy: Box::new(policy),
            #[cfg(any(reweave_loom, reweave_shuttle))]
            keeps_everything: false,
        }
    }

    /// Takes the variables that a commit has listed, and sees to it that somebody looks after them. To be called with no lock
    /// held.
    pub(crate) fn take_listed(&self, listed: &mut Vec<Listed>) {
        if self.tidy.take(listed) {
            self.tidy(Which::Idle);
        }
        tidier::attend(self);
    }

    /// Runs a round of looking after idle variables (`tidy`): what is left to do. What it unlinked expires on this thread.
    pub(crate) fn tidy(&self, which: Which) -> Left {
        let (left, unlinked) = self.tidy.round(self, which);
        unlinked.into_iter().for_each(Retired::expire);
        left
    }

    pub(crate) fn policy(&self) -> &dyn ContentionPolicy {
        &*self.policy
    }

    /// Whether nothing is reclaimed while the engine is in use: never, outside the model checkers.
    #[inline(always)]
    pub(crate) fn keeps_everything(&self) -> bool {
        #[cfg(any(reweave_loom, reweave_shuttle))]
        return self.keeps_everything;
        #[cfg(not(any(reweave_loom, reweave_shuttle)))]
        false
    }
}

impl Engine {
    /// A new engine.
    pub fn new() -> Self {
        Self::with_policy(Polite::default())
    }

    /// A new engine whose transactions do after a conflict what `policy` says.
    pub fn with_policy(policy: impl ContentionPolicy) -> Self {
        Self::with(Inner::new(policy))
    }

    /// A new engine that destroys nothing before the last participant leaves: for models in which reclamation is not under test.
    #[cfg(any(reweave_loom, reweave_shuttle))]
    pub fn keeping_everything(policy: impl ContentionPolicy) -> Self {
        let mut inner = Inner::new(policy);
        inner.keeps_everything = true;
        Self::with(inner)
    }

    fn with(inner: Inner) -> Self {
        Self { inner: Arc::into_raw(Arc::new(inner)) }
    }

    /// The process-wide engine.
    pub const fn global() -> Self {
        Self { inner: std::ptr::null() }
    }

    #[inline]
    pub(crate) fn inner(&self) -> &Inner {
        // SAFETY: null, or a value that our count keeps.
        unsafe { self.inner.as_ref() }.unwrap_or_else(|| GLOBAL.get())
    }

    #[inline]
    pub(crate) fn id(&self) -> EngineId {
        EngineId(self.inner.addr())
    }

    /// Whether nobody but participants holds this engine: then nobody will ever use it again.
    pub(crate) fn is_abandoned(&self) -> bool {
        if self.inner.is_null() {
            return false;
        }
        // SAFETY: came from `Arc::into_raw`; wrapped so that looking at it gives up no count.
        let inner = ManuallyDrop::new(unsafe { Arc::from_raw(self.inner) });
        Arc::strong_count(&inner) == inner.registry.len()
    }

    /// Runs `body` as one atomic transaction: all of its effects on variables happen at one instant, or none does.
    ///
    /// The body is run until an attempt commits, so apart from variables it should have no effects. Everything it reads is
    /// consistent, in every attempt. If it [`retry`](crate::retry)s, the thread sleeps until something it has read changes,
    /// whatever becomes of the current cancellation token; a wait that can be cancelled is
    /// [`try_atomically`](Engine::try_atomically)'s.
    ///
    /// A transaction that has been aborted often *reserves* in its next attempt what it reads, so that it is not aborted again
    /// ([`ContentionPolicy`], [`MOST_ABORTS`](crate::MOST_ABORTS)). Others cannot write that meanwhile; so a body should be short, and must not wait for another
    /// thread that may run a transaction or a store.
    ///
    /// # Panics
    /// - When a transaction or snapshot is open on this thread already.
    /// - When the body retries without having read any variable.
    /// - When the body panics: its effects are undone, and the panic goes on.
    pub fn atomically<T>(&self, body: impl FnMut(&mut Tx<'_>) -> TxResult<T>) -> T {
        thread::with_participation(self, |participant| participant.atomically(body))
    }

    /// Runs `body` as [`atomically`](Engine::atomically) does, and lets it abort with an error of its own.
    ///
    /// # Errors
    /// - [`TransactionError::Aborted`] with the body's error ([`abort`](crate::abort)); its effects are undone.
    /// - [`TransactionError::NothingToWaitFor`] when the body retries without having read any variable.
    /// - [`TransactionError::Stopped`] when the body retries and the current cancellation token
    ///   ([`Token::run`](reweave_core::cancel::Token::run)) is cancelled before a variable that it has read changes.
    ///
    /// # Panics
    /// When a transaction or snapshot is open on this thread already, or the body panics.
    pub fn try_atomically<T, E>(
        &self,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, Stop<E>>,
    ) -> Result<T, TransactionError<E>> {
        thread::with_participation(self, |participant| participant.try_atomically(body))
    }

    /// Runs one attempt of `body`, whatever becomes of it: for those who study conflicts instead of resolving them.
    ///
    /// # Panics
    /// When a transaction or snapshot is open on this thread already, or the body panics.
    pub fn attempt<T>(&self, body: impl FnOnce(&mut Tx<'_>) -> TxResult<T>) -> Attempt<T> {
        thread::with_participation(self, |participant| participant.attempt(body))
    }

    /// Reads any number of variables as of one instant. The body runs once, and no read in it ever fails.
    ///
    /// # Panics
    /// When a transaction or snapshot is open on this thread already, or the body panics.
    pub fn snapshot<R>(&self, body: impl FnOnce(&Snapshot<'_>) -> R) -> R {
        thread::with_participation(self, |participant| participant.snapshot(body))
    }

    /// Enrols the caller explicitly, which saves each transaction the look-up of its thread's participation.
    pub fn participate(&self) -> Participant {
        Participant::new(self)
    }

    /// Ends the calling thread's participation, which its next use of the engine begins anew. A long-lived thread gives back
    /// with it what the engine keeps for it; if it is the last, everything that waits to be reclaimed is. Inside a transaction, a
    /// snapshot, or the `Clone` of a value that is being loaded, this has no effect.
    pub fn leave(&self) {
        thread::leave(self);
    }

    /// What the engine has done so far, and what it keeps.
    ///
    /// Takes time in proportion to the number of variables that have older versions, and waits for a round of [`tidy`](Engine::tidy)
    /// that is under way.
    ///
    /// # Examples
    /// ```
    /// use reweave_stm::{Engine, TVar};
    /// let engine = Engine::new();
    /// let var = TVar::new_in(&engine, 1);
    /// engine.snapshot(|now| {
    ///     std::thread::scope(|threads| {
    ///         threads.spawn(|| var.store(2));
    ///     });
    ///     assert_eq!(now.read(&var), 1);
    ///     let stats = engine.stats();
    ///     assert_eq!((stats.open_snapshots, stats.live_versions), (1, 1));
    /// });
    /// assert_eq!(engine.tidy(), 0);
    /// assert_eq!(engine.stats().live_versions, 0);
    /// ```
    pub fn stats(&self) -> Stats {
        let engine = self.inner();
        let Counts { commits, snapshots, waits, aborts } = engine.registry.counts();
        let open = engine.registry.open_snapshots(engine.clock.now());
        Stats {
            commits,
            snapshots,
            waits,
            aborts,
            live_versions: engine.tidy.live_versions(engine),
            pooled_nodes: engine.registry.pooled(),
            open_snapshots: open.count,
            oldest_snapshot: open.oldest,
        }
    }

    /// Destroys now what a background thread would destroy within some 40 ms: the older versions that no open snapshot needs,
    /// wherever they are; and what the calling thread has replaced or dropped and nobody looks at any more. Returns how many
    /// variables still have older versions.
    ///
    /// A variable that is being committed to, or that a reserving transaction has read
    /// ([`Verdict::Reserve`](crate::Verdict::Reserve)), is passed over. One that is pruned is locked for some ten nanoseconds, as
    /// by a commit. Takes time in proportion to the number of variables with older versions.
    pub fn tidy(&self) -> usize {
        thread::with_known_participation(self, Participant::sweep);
        let left = self.inner().tidy(Which::All);
        thread::reap_outside_transactions();
        left.variables
    }

    /// Gives memory back to the allocator that the calling thread keeps, to use it again for older versions: up to 16,384 places
    /// of 48 bytes. What other threads keep, they give back when they leave ([`Stats::pooled_nodes`]).
    pub fn trim(&self) {
        thread::with_known_participation(self, Participant::trim);
        thread::reap_outside_transactions();
    }
}

impl Default for Engine {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.inner.is_null() { "Engine(process-wide)" } else { "Engine(own)" })
    }
}

/// Runs `body` as one atomic transaction in the process-wide engine: see [`Engine::atomically`].
pub fn atomically<T>(body: impl FnMut(&mut Tx<'_>) -> TxResult<T>) -> T {
    Engine::global().atomically(body)
}

/// Runs `body` as one atomic transaction that may abort with an error: see [`Engine::try_atomically`].
///
/// # Errors
/// As there.
///
/// # Examples
/// ```
/// use reweave_stm::{Stop, TVar, TransactionError, abort, try_atomically};
/// let balance = TVar::new(10);
/// let withdrawn = try_atomically(|tx| {
///     let left = balance.read(tx)? - 15;
///     balance.write(tx, left)?;
///     if left < 0 { abort("overdrawn") } else { Ok(15) }
/// });
/// assert_eq!(withdrawn, Err(TransactionError::Aborted("overdrawn")));
/// assert_eq!(balance.load(), 10);
/// ```
pub fn try_atomically<T, E>(body: impl FnMut(&mut Tx<'_>) -> Result<T, Stop<E>>) -> Result<T, TransactionError<E>> {
    Engine::global().try_atomically(body)
}

/// Reads any number of variables of the process-wide engine as of one instant: see [`Engine::snapshot`].
pub fn snapshot<R>(body: impl FnOnce(&Snapshot<'_>) -> R) -> R {
    Engine::global().snapshot(body)
}

/// What the process-wide engine has done so far, and what it keeps: see [`Engine::stats`].
pub fn stats() -> Stats {
    Engine::global().stats()
}
