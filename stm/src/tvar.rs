//! The transactional variable as its users see it.

use std::fmt;
use std::marker::PhantomData;

use reweave_core::sync::atomic::Ordering;
use reweave_core::sync::fence_after_load;

use crate::commit;
use crate::engine::{Engine, EngineId};
use crate::error::TxResult;
use crate::limbo::Retired;
use crate::log::Write;
use crate::orec::Orec;
use crate::spin::Spin;
use crate::thread::{self, Open};
use crate::tx::Tx;
use crate::var::{Cold, Var, VarPtr};
use crate::word;

/// A shared variable that is read and written in transactions.
///
/// A `TVar` is a handle: cloning it gives another handle to the same variable, and the variable goes when the last handle
/// does. It may be created, used and dropped inside a transaction, and dropped while other transactions have it in
/// their logs.
///
/// Integers up to the size of a pointer, floats, `bool` and `char` are kept in the variable itself: writing one allocates
/// nothing. Values of other types live in an allocation of their own, made by each write.
///
/// A handle cannot be taken for one of a related type, as a value could then be stored that others must not see:
/// ```compile_fail
/// use reweave_stm::TVar;
/// fn narrower(var: TVar<for<'a> fn(&'a str)>) -> TVar<fn(&'static str)> {
///     var
/// }
/// ```
pub struct TVar<T: Send + Sync + 'static> {
    var: VarPtr,
    engine: Engine,
    /// Invariant in `T`: a handle both gives and takes values.
    value: PhantomData<fn(T) -> T>,
}

// SAFETY: a variable hands out `&T` and drops `T` on any thread, and `T` is Send and Sync; its cell is atomics only.
unsafe impl<T: Send + Sync + 'static> Send for TVar<T> {}
// SAFETY: as above.
unsafe impl<T: Send + Sync + 'static> Sync for TVar<T> {}

impl<T: Send + Sync + 'static> TVar<T> {
    /// A variable of the process-wide engine.
    pub fn new(value: T) -> Self {
        Self::new_in(&Engine::global(), value)
    }

    /// A variable of the process-wide engine on cache lines of its own, so that writing it does not disturb its neighbours.
    pub fn new_padded(value: T) -> Self {
        Self::new_padded_in(&Engine::global(), value)
    }

    /// A variable of the given engine.
    pub fn new_in(engine: &Engine, value: T) -> Self {
        Self::allocate(engine, value, false)
    }

    /// A variable of the given engine on cache lines of its own.
    pub fn new_padded_in(engine: &Engine, value: T) -> Self {
        Self::allocate(engine, value, true)
    }

    fn allocate(engine: &Engine, value: T, padded: bool) -> Self {
        let var = VarPtr::allocate(word::encode(value), padded);
        Self { var, engine: engine.clone(), value: PhantomData }
    }

    /// The variable's value in this transaction.
    ///
    /// # Errors
    /// When the attempt is over; pass it on with `?`.
    ///
    /// # Panics
    /// When the variable belongs to another engine than the transaction.
    #[inline(always)]
    pub fn read(&self, tx: &mut Tx<'_>) -> TxResult<T>
    where
        T: Clone,
    {
        self.with(tx, T::clone)
    }

    /// Lends out the variable's value in this transaction, without cloning it.
    ///
    /// # Errors
    /// When the attempt is over; pass it on with `?`.
    ///
    /// # Panics
    /// When the variable belongs to another engine than the transaction.
    #[inline(always)]
    pub fn with<R>(&self, tx: &mut Tx<'_>, use_value: impl FnOnce(&T) -> R) -> TxResult<R> {
        let word = tx.read(self.var, self.engine.id())?;
        // SAFETY: the word is of this variable. If it was published, the transaction had announced itself before it was read,
        // and the tick that it reads at; if it is pending in the write set, it stays there, as `tx` is borrowed until `use_value`
        // returns.
        Ok(unsafe { word::borrow(word, use_value) })
    }

    /// Sets the variable in this transaction.
    ///
    /// # Errors
    /// When the attempt is over; pass it on with `?`.
    ///
    /// # Panics
    /// When the variable belongs to another engine than the transaction.
    #[inline(always)]
    pub fn write(&self, tx: &mut Tx<'_>, value: T) -> TxResult<()> {
        // Encoded by the log once nothing can fail any more: until then the value is dropped as any other.
        tx.write(self.var, self.engine.id(), word::destroyer::<T>(), || word::encode(value))
    }

    /// Sets the variable to a function of its value.
    ///
    /// # Errors
    /// When the attempt is over; pass it on with `?`.
    #[inline(always)]
    pub fn modify(&self, tx: &mut Tx<'_>, change: impl FnOnce(T) -> T) -> TxResult<()>
    where
        T: Clone,
    {
        let value = self.read(tx)?;
        self.write(tx, change(value))
    }

    /// Sets the variable and returns its value from before.
    ///
    /// # Errors
    /// When the attempt is over; pass it on with `?`.
    #[inline]
    pub fn replace(&self, tx: &mut Tx<'_>, value: T) -> TxResult<T>
    where
        T: Clone,
    {
        let before = self.read(tx)?;
        self.write(tx, value)?;
        Ok(before)
    }

    /// The variable's committed value: a transaction of this one read, without the log. Inside a transaction it is not part of
    /// it.
    ///
    /// Waits for a commit that is publishing this very variable.
    pub fn load(&self) -> T
    where
        T: Clone,
    {
        if word::in_place::<T>() {
            // SAFETY: a value kept in place needs no protection.
            return unsafe { word::borrow(self.current_word(), T::clone) };
        }
        let value = thread::with_participation(&self.engine, |participant| {
            let value = participant.slot.while_loading(&participant.engine().clock, || {
                // SAFETY: announced before the word was read.
                unsafe { word::borrow(self.current_word(), T::clone) }
            });
            participant.count_use();
            value
        });
        thread::reap_outside_transactions();
        value
    }

    fn current_word(&self) -> word::Word {
        let var = self.hot();
        // As a transaction does when it begins: orders this load behind whatever the thread has seen before, for those
        // who serialise by their fences.
        fence_after_load();
        let mut spin = Spin::new();
        loop {
            let seen = var.orec.load(Ordering::Acquire);
            if seen.is_locked() {
                spin.pause();
                continue;
            }
            let word = var.word.load(Ordering::Acquire);
            if var.orec.load(Ordering::Relaxed).is_still(seen) {
                return word;
            }
        }
    }

    /// Sets the variable: a transaction of this one write. Wakes those who wait for it, as every commit does.
    ///
    /// # Panics
    /// Inside a transaction or a snapshot, which could not undo it: use [`write`](TVar::write) there.
    pub fn store(&self, value: T) {
        thread::with_participation(&self.engine, |participant| {
            let _open = Open::enter();
            let (word, destroy) = (word::encode(value), word::destroyer::<T>());
            commit::store(participant, Write { var: self.var, word, destroy, before: Orec::NONE });
        });
    }

    /// Whether both are handles to the same variable.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        self.var == other.var
    }

    /// How many older versions of the variable exist at the moment, for the snapshots that may need them.
    pub fn older_versions(&self) -> usize {
        thread::with_participation(&self.engine, |participant| {
            // SAFETY: inside a walk, by this handle.
            participant.slot.while_walking(|| unsafe { self.cold().history.len() })
        })
    }

    #[inline]
    pub(crate) fn engine_id(&self) -> EngineId {
        self.engine.id()
    }

    #[inline]
    pub(crate) fn hot(&self) -> &Var {
        // SAFETY: the variable is retired by its last handle, and we are one.
        unsafe { self.var.hot() }
    }

    pub(crate) fn cold(&self) -> &Cold {
        // SAFETY: as above.
        unsafe { self.var.cold() }
    }
}

impl<T: Send + Sync + 'static> Clone for TVar<T> {
    fn clone(&self) -> Self {
        self.cold().add_handle();
        Self { var: self.var, engine: self.engine.clone(), value: PhantomData }
    }
}

impl<T: Send + Sync + 'static> Drop for TVar<T> {
    fn drop(&mut self) {
        if !self.cold().remove_handle() {
            return;
        }
        thread::with_participation(&self.engine, |participant| {
            let now = participant.engine().clock.now();
            // SAFETY: the last handle is gone, and the variable holds words of `T`.
            participant.retire(unsafe { Retired::variable(self.var, word::destroyer::<T>(), now) });
            participant.count_use();
        });
        thread::reap_outside_transactions();
    }
}

impl<T: Send + Sync + Default + 'static> Default for TVar<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T: Send + Sync + 'static> From<T> for TVar<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: Clone + fmt::Debug + Send + Sync + 'static> fmt::Debug for TVar<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TVar").field(&self.load()).finish()
    }
}
