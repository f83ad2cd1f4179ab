//! The engine: the instance that clock, participants, waiters and reclamation belong to.

use std::fmt;
use std::mem::ManuallyDrop;

use crossbeam_utils::CachePadded;
use reweave_core::sync::{Arc, Lazy};

use crate::clock::Clock;
use crate::contention::{ContentionPolicy, Polite};
use crate::error::{Stop, TransactionError, TxResult};
use crate::participant::Participant;
use crate::registry::Registry;
use crate::reserve::Turns;
use crate::run::Attempt;
use crate::snapshot::Snapshot;
use crate::stats::Stats;
use crate::thread;
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
    policy: Box<dyn ContentionPolicy>,
    /// Whether nothing that is unlinked is destroyed or used again before the last participant has left.
    #[cfg(any(reweave_loom, reweave_shuttle))]
    keeps_everything: bool,
}

impl Drop for Inner {
    fn drop(&mut self) {
        // SAFETY: participants have handles, so there are none.
        unsafe { self.registry.take_orphans().expire() };
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
            policy: Box::new(policy),
            #[cfg(any(reweave_loom, reweave_shuttle))]
            keeps_everything: false,
        }
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

    /// What the engine has done so far.
    pub fn stats(&self) -> Stats {
        self.inner().registry.stats()
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
