//! The atom: one shared value, changed by pure functions, optionally validated, optionally watched.
//!
//! Clojure's reference type of that name. The value is immutable; a change replaces it by another one. Readers take
//! whatever is current and never wait; changers compute a replacement outside any lock and try again if somebody else
//! was faster.
//!
//! # Versions
//!
//! Every replacement is put into an `Arc` of its own: a *version*. A version that has been replaced never becomes
//! current again, because no operation installs an `Arc` that it was given. Versions therefore form one chain, each
//! with one predecessor and one successor. Comparing identities is safe from ABA for as long as one holds the `Arc`
//! that one compares with: its address is not given to another version.
//!
//! # Protocol
//!
//! | step | by | what |
//! |---|---|---|
//! | load | anyone | the current version, from an [`ArcCell`] |
//! | compute | changer | `f(current)`; then the validator, which sees every value before anybody else does |
//! | change | changer | compare-and-swap of the version that `f` saw, or start over; [`Atom::reset`] just swaps |
//! | look | changer | a fence, then one load: is the atom watched? If not, that is all |
//! | deliver | changer | the change, as the pair (old, new), goes to the watches: see below |
//!
//! # Delivery
//!
//! Changes are ordered by the compare-and-swaps on the current version, and each changer reports its change only
//! afterwards; so reports arrive in any order. They are put in order by the chain: a report waits, filed under its old
//! version, until the version delivered last is that one. One thread at a time delivers. Who reports while somebody is
//! delivering leaves the report behind; the one who delivers looks for a next report and gives up the role under one
//! lock, so no report falls between. Watches run outside that lock, so a watch may change the same atom: it leaves its
//! report and is called again later, not recursively.
//!
//! State behind the lock (`delivery.rs`), with `last` the version that the latest delivered change led to:
//!
//! 1. *Order*: `last` moves along the chain one change at a time, and only the delivering thread moves it.
//! 2. *Once*: the report that moved `last` is removed in the same step, and a version has one successor.
//! 3. *None lost*: while the flag that changers look at is up, every change after `last` is reported or about to be. If
//!    the next one has not arrived, its changer will find it filed under `last` and deliver it, with all that waits
//!    behind it.
//! 4. *None left over*: a report from before the flag went up matches no `last` to come. When nothing is deliverable
//!    and the current version is `last`, the chain is delivered to its end, and what had arrived by then is such a
//!    report: it is discarded.
//!
//! # A change against adding a watch
//!
//! The adder raises the flag, then loads the current version: the new watch *starts* there. A changer swaps the
//! version, then looks at the flag. That is Dekker's handshake, with a fence on each side: if the load missed the
//! change, the changer sees the flag. So a watch is called for exactly the changes that come after the version that
//! [`Atom::watch_from`] returns: the first call has that version as its old one, and each further call begins where the
//! one before ended.
//!
//! # Containment
//!
//! A panic in `f` or in the validator reaches the caller and leaves the atom as it was. A panic in a watch is
//! contained: the watch stays, its other calls and the other watches are unaffected. No user code, destructors of
//! values included, runs under a lock.
//!
//! The proof, the costs and the models are in `papers/atoms.md`.

mod change;
mod current;
mod delivery;
mod watch;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::convert::Infallible;
use std::fmt;

use crate::seeded;
use crate::sync::{Arc, ArcCell};

use delivery::Delivery;

pub use change::{Change, Changed, NotSet, Rejected};
pub use current::Current;
pub use watch::WatchHandle;

/// What decides whether a value may become current.
type Validator<T, E> = Box<dyn Fn(&T) -> Result<(), E> + Send + Sync>;

/// One shared value, changed by pure functions. See the [module](self) for the protocol.
///
/// `E` is what the validator gives as its reason. An atom without a validator has `E =` [`Infallible`], and then
/// [`swap`](Atom::swap), [`reset`](Atom::reset) and [`compare_and_set`](Atom::compare_and_set) return what they did
/// without a `Result` that could not be an error. The `try_` forms serve every atom. `Atom<Account, Overdrawn>` is a
/// type one can write in a struct, whatever closure validates.
///
/// # Examples
/// ```
/// use reweave_core::atom::Atom;
/// use reweave_core::sync::{thread, Arc};
///
/// let hits = Arc::new(Atom::new(0));
/// let counting = thread::spawn({
///     let hits = hits.clone();
///     move || hits.swap(|n| n + 1)
/// });
/// let change = hits.swap(|n| n + 1);
/// assert_eq!(*change.new, *change.old + 1);
/// counting.join().unwrap();
/// assert_eq!(*hits.load(), 2);
/// ```
pub struct Atom<T, E = Infallible> {
    current: ArcCell<T>,
    validator: Option<Validator<T, E>>,
    delivery: Delivery<T>,
}

impl<T> Atom<T> {
    /// An atom that holds `value` and accepts every other.
    pub fn new(value: T) -> Self {
        Self::with(value, None)
    }

    /// Replaces the value by `f` of it, and returns both versions.
    ///
    /// `f` runs again whenever another change came first, so it should be pure and short. It must not change this atom:
    /// its own change would outdate the value that it was given, every time.
    ///
    /// Lock-free: one attempt fails only because another change succeeded.
    ///
    /// # Panics
    /// As `f` does; the atom is then unchanged.
    ///
    /// # Examples
    /// ```
    /// let list = reweave_core::atom::Atom::new(vec![1]);
    /// let change = list.swap(|list| [&list[..], &[2]].concat());
    /// assert_eq!((change.old.len(), change.new.len()), (1, 2));
    /// ```
    #[inline]
    pub fn swap(&self, f: impl FnMut(&T) -> T) -> Change<T> {
        self.try_swap(f).unwrap_or_else(|rejected| match rejected.reason {})
    }

    /// Replaces the value whatever it is, and returns both versions. Lock-free.
    #[inline]
    pub fn reset(&self, value: T) -> Change<T> {
        self.try_reset(value).unwrap_or_else(|rejected| match rejected.reason {})
    }

    /// Replaces the value if `current` is the current version: this very `Arc`, as in Clojure, not an equal value.
    ///
    /// There is no ABA: a version that has been replaced never becomes current again, and `current` keeps its address
    /// from being used again. For comparison by value see [`Atom::try_set_if_eq`].
    ///
    /// # Errors
    /// The version that is current instead, and `new` back.
    ///
    /// # Examples
    /// ```
    /// let atom = reweave_core::atom::Atom::new(1);
    /// let seen = atom.load_full();
    /// atom.compare_and_set(&seen, 2).unwrap();
    /// let error = atom.compare_and_set(&seen, 3).unwrap_err();
    /// assert_eq!((error.value, *error.current), (3, 2));
    /// ```
    pub fn compare_and_set(&self, current: &Arc<T>, new: T) -> Result<Change<T>, Changed<T>> {
        self.try_compare_and_set(current, new).map_err(|error| match error {
            NotSet::Changed(changed) => changed,
            NotSet::Rejected(rejected) => match rejected.reason {},
        })
    }
}

impl<T, E> Atom<T, E> {
    /// An atom whose values, this first one included, all satisfy `validator`.
    ///
    /// The validator runs on the thread that proposes a value, before anybody can see it, outside any lock, and once
    /// for each attempt; it should be pure. Its panic reaches the proposer and leaves the atom unchanged.
    ///
    /// # Errors
    /// If the validator rejects `value`.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::atom::Atom;
    ///
    /// let even = |n: &i32| if n % 2 == 0 { Ok(()) } else { Err("odd") };
    /// let atom: Atom<i32, &str> = Atom::with_validator(0, even).unwrap();
    /// atom.try_swap(|n| n + 2).unwrap();
    /// let error = atom.try_swap(|n| n + 1).unwrap_err();
    /// assert_eq!((error.value, error.reason, *atom.load()), (3, "odd", 2));
    /// ```
    pub fn with_validator(
        value: T,
        validator: impl Fn(&T) -> Result<(), E> + Send + Sync + 'static,
    ) -> Result<Self, Rejected<T, E>> {
        match validator(&value) {
            Ok(()) => Ok(Self::with(value, Some(Box::new(validator)))),
            Err(reason) => Err(Rejected { value, reason }),
        }
    }

    fn with(value: T, validator: Option<Validator<T, E>>) -> Self {
        Self { current: ArcCell::new(Arc::new(value)), validator, delivery: Delivery::new() }
    }

    /// The current value. Wait-free; one uncontended read-modify-write on memory of the thread's own.
    #[inline]
    pub fn load(&self) -> Current<'_, T> {
        Current(self.current.load())
    }

    /// The current version, to keep. Wait-free; touches the version's reference count.
    #[inline]
    pub fn load_full(&self) -> Arc<T> {
        self.current.load_full()
    }

    /// As [`Atom::swap`], for an atom that has, or may have, a validator.
    ///
    /// # Errors
    /// If the validator rejects what `f` made of a value that was current during the call. The atom is then unchanged.
    ///
    /// # Panics
    /// As `f` and the validator do; the atom is then unchanged.
    #[inline]
    pub fn try_swap(&self, mut f: impl FnMut(&T) -> T) -> Result<Change<T>, Rejected<T, E>> {
        let mut current = self.current.load();
        let mut again = false;
        loop {
            let value = f(&current);
            let new = Arc::new(if again && seeded("atom/validate-once") { value } else { self.validated(value)? });
            if seeded("atom/lost-update") {
                let old = self.current.swap(new.clone());
                return Ok(self.report(Change { old, new }));
            }
            match self.current.compare_exchange(&current, new.clone()) {
                Ok(old) => {
                    drop(current);
                    return Ok(self.report(Change { old, new }));
                }
                Err(now) => current = now,
            }
            again = true;
        }
    }

    /// As [`Atom::reset`], for an atom that has, or may have, a validator.
    ///
    /// # Errors
    /// If the validator rejects `value`. The atom is then unchanged.
    #[inline]
    pub fn try_reset(&self, value: T) -> Result<Change<T>, Rejected<T, E>> {
        let new = Arc::new(self.validated(value)?);
        let old = self.current.swap(new.clone());
        Ok(self.report(Change { old, new }))
    }

    /// As [`Atom::compare_and_set`], for an atom that has, or may have, a validator.
    ///
    /// # Errors
    /// If another version is current (looked at first), or the validator rejects `new`. The atom is then unchanged.
    pub fn try_compare_and_set(&self, current: &Arc<T>, new: T) -> Result<Change<T>, NotSet<T, E>> {
        let now = self.current.load();
        if !Arc::ptr_eq(&now, current) && !seeded("atom/compare-nothing") {
            return Err(NotSet::Changed(Changed { value: new, current: Arc::clone(&now) }));
        }
        drop(now);
        let new = Arc::new(self.validated(new).map_err(NotSet::Rejected)?);
        if seeded("atom/compare-nothing") {
            let old = self.current.swap(new.clone());
            return Ok(self.report(Change { old, new }));
        }
        match self.current.compare_exchange(current, new.clone()) {
            Ok(old) => Ok(self.report(Change { old, new })),
            Err(now) => Err(NotSet::Changed(Changed { value: unpublished(new), current: Arc::clone(&now) })),
        }
    }

    /// Replaces the value if it equals `expected`, whichever version holds it.
    ///
    /// Tries again when the version changed and its value still equals; so `==` may run several times.
    ///
    /// # Errors
    /// If the value differs, or the validator rejects `new`. The atom is then unchanged.
    ///
    /// # Examples
    /// ```
    /// let state = reweave_core::atom::Atom::new("idle");
    /// assert!(state.try_set_if_eq(&"idle", "busy").is_ok());
    /// assert!(state.try_set_if_eq(&"idle", "busy").is_err());
    /// ```
    pub fn try_set_if_eq(&self, expected: &T, new: T) -> Result<Change<T>, NotSet<T, E>>
    where
        T: PartialEq,
    {
        let mut now = self.current.load();
        if **now != *expected {
            return Err(NotSet::Changed(Changed { value: new, current: Arc::clone(&now) }));
        }
        let new = Arc::new(self.validated(new).map_err(NotSet::Rejected)?);
        loop {
            match self.current.compare_exchange(&now, new.clone()) {
                Ok(old) => {
                    drop(now);
                    return Ok(self.report(Change { old, new }));
                }
                Err(other) => now = other,
            }
            if **now != *expected {
                return Err(NotSet::Changed(Changed { value: unpublished(new), current: Arc::clone(&now) }));
            }
        }
    }

    /// Calls `f` with the old and the new version of every change from now on, in their order, once each.
    ///
    /// Calls happen after the change, on a thread that changed the atom: the one that made this change or another that
    /// is delivering at the time. So `swap` may return before its change has been delivered, and a changer may find
    /// itself delivering for others. A watch that is slow or blocks holds up the later calls of all watches of this
    /// atom, not its changes, which queue up without bound ([`Atom::undelivered`]).
    ///
    /// `f` may use the atom in every way: changes that it makes are delivered after it returns. Its panic is contained,
    /// and the watch stays.
    ///
    /// Dropping the handle leaves the watch in place for as long as the atom lives; [`WatchHandle::remove`] ends it.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::atom::Atom;
    /// use reweave_core::sync::{Arc, Mutex};
    ///
    /// let (atom, seen) = (Atom::new(1), Arc::new(Mutex::new(Vec::new())));
    /// let watch = atom.watch({
    ///     let seen = seen.clone();
    ///     move |old, new| seen.lock().push((**old, **new))
    /// });
    /// atom.swap(|n| n + 1);
    /// atom.reset(7);
    /// watch.remove();
    /// atom.reset(8);
    /// assert_eq!(*seen.lock(), [(1, 2), (2, 7)]);
    /// ```
    pub fn watch(&self, f: impl FnMut(&Arc<T>, &Arc<T>) + Send + 'static) -> WatchHandle
    where
        T: Send + Sync + 'static,
    {
        self.watch_from(f).1
    }

    /// As [`Atom::watch`]; returns also the version that the watch starts from.
    ///
    /// The first call has that version as its old one. Whoever derives something from the value builds it from this
    /// version and lets the watch keep it up to date, with no change missed and none counted twice.
    pub fn watch_from(&self, f: impl FnMut(&Arc<T>, &Arc<T>) + Send + 'static) -> (Arc<T>, WatchHandle)
    where
        T: Send + Sync + 'static,
    {
        let (start, watch) = self.delivery.add(Box::new(f), &self.current);
        (start, WatchHandle::new(watch))
    }

    /// How many changes wait to be delivered to watches, the one being delivered not counted. A moment's figure, for
    /// monitoring.
    pub fn undelivered(&self) -> usize {
        self.delivery.waiting()
    }

    /// Passes a value that may become current.
    #[inline]
    fn validated(&self, value: T) -> Result<T, Rejected<T, E>> {
        match &self.validator {
            None => Ok(value),
            Some(validator) => match validator(&value) {
                Ok(()) => Ok(value),
                Err(reason) => Err(Rejected { value, reason }),
            },
        }
    }

    /// After a change: sees to it that the watches hear of it.
    #[inline]
    fn report(&self, change: Change<T>) -> Change<T> {
        if self.delivery.is_watched_after_change() {
            self.delivery.report(&change, &self.current);
        }
        change
    }
}

/// Takes a value back that was not put in.
fn unpublished<T>(new: Arc<T>) -> T {
    Arc::try_unwrap(new).ok().expect("a version that never became current has one owner")
}

impl<T: Default> Default for Atom<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Atom<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T: fmt::Debug, E> fmt::Debug for Atom<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Atom").field(&*self.load()).finish()
    }
}
