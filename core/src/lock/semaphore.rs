//! The semaphore: a number of permits.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::time::{Duration, Instant};

use super::holders::Recorded;
use super::raw_semaphore::{PermitAcquiring, RawSemaphore};
use super::{AcquireError, after};
use crate::Reason;
use crate::event::{self, Awaits, Event, Limits, Source, Waiter, Waiting};

/// A number of permits, of which each holder has some (Dijkstra's semaphore, for amounts).
///
/// First come, first served: a large request is not overtaken by small ones, which wait behind it. Its number of
/// permits never changes: they come and go with [`Permit`]s. Uncontended, a compare-and-swap to acquire and one
/// read-modify-write to release.
///
/// # Examples
/// ```
/// use reweave_core::lock::Semaphore;
///
/// let connections = Semaphore::named("connections", 3);
/// let two = connections.take(2);
/// assert!(connections.try_acquire(2).is_none());
/// drop(two);
/// assert_eq!(connections.acquire(3).unwrap().permits(), 3);
/// assert_eq!(connections.available(), 3);
/// ```
#[derive(Debug)]
pub struct Semaphore {
    raw: RawSemaphore,
}

impl Semaphore {
    /// A semaphore with so many permits, and no name.
    pub fn new(permits: u32) -> Self {
        Self { raw: RawSemaphore::new(None, permits) }
    }

    /// A semaphore that reports and messages call by this name.
    pub fn named(name: impl Into<Reason>, permits: u32) -> Self {
        Self { raw: RawSemaphore::new(Some(name.into()), permits) }
    }

    /// Blocks until `n` permits can be had. Nothing else ends the wait.
    ///
    /// # Panics
    /// When there are fewer than `n` in all, as in each of the calls below.
    pub fn take(&self, n: u32) -> Permit<'_> {
        event::wait_with(PermitAcquiring::new(&self.raw, n), Limits::unstoppable()).expect("nothing stops this wait");
        Permit::new(&self.raw, n)
    }

    /// Takes `n` permits if they can be had at once and nobody waits. `None`, too, if there are fewer in all.
    #[inline]
    pub fn try_acquire(&self, n: u32) -> Option<Permit<'_>> {
        self.raw.try_acquire(n).then(|| Permit::new(&self.raw, n))
    }

    /// Blocks until `n` permits can be had, or until the wait is stopped.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn acquire(&self, n: u32) -> Result<Permit<'_>, AcquireError> {
        self.acquire_within(n, Limits::default())
    }

    /// As [`acquire`](Self::acquire), and gives up after `timeout`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn acquire_timeout(&self, n: u32, timeout: Duration) -> Result<Permit<'_>, AcquireError> {
        self.acquire_within(n, Limits { deadline: after(timeout), ..Limits::default() })
    }

    /// As [`acquire`](Self::acquire), and gives up at `deadline`.
    ///
    /// # Errors
    /// [`AcquireError`].
    pub fn acquire_deadline(&self, n: u32, deadline: Instant) -> Result<Permit<'_>, AcquireError> {
        self.acquire_within(n, Limits::until(deadline))
    }

    fn acquire_within(&self, n: u32, limits: Limits) -> Result<Permit<'_>, AcquireError> {
        event::wait_with(PermitAcquiring::new(&self.raw, n), limits.breakable())?;
        Ok(Permit::new(&self.raw, n))
    }

    /// A future of [`take`](Self::take).
    pub fn take_async(&self, n: u32) -> impl Future<Output = Permit<'_>> + Send + use<'_> {
        let waiting = Waiting::unstoppable(PermitAcquiring::new(&self.raw, n));
        async move {
            waiting.await.expect("nothing stops this wait");
            Permit::new(&self.raw, n)
        }
    }

    /// A future of [`acquire`](Self::acquire).
    pub fn acquire_async(&self, n: u32) -> impl Future<Output = Result<Permit<'_>, AcquireError>> + Send + use<'_> {
        let waiting = Waiting::new(PermitAcquiring::new(&self.raw, n));
        async move {
            waiting.await?;
            Ok(Permit::new(&self.raw, n))
        }
    }

    /// The event of acquiring `n` permits, for [`select!`](crate::select).
    pub fn acquire_event(&self, n: u32) -> PermitEvent<'_> {
        PermitEvent { raw: &self.raw, permits: n, acquiring: PermitAcquiring::new(&self.raw, n) }
    }

    /// How many permits nobody holds, at some moment during the call.
    pub fn available(&self) -> u32 {
        self.raw.available()
    }

    /// How many permits there are.
    pub fn permits(&self) -> u32 {
        self.raw.total
    }
}

/// Some permits of a [`Semaphore`]; dropping it gives them back. It stays with the agent that acquired it.
#[must_use = "the permits are given back when this is dropped"]
pub struct Permit<'a> {
    raw: &'a RawSemaphore,
    permits: u32,
    recorded: Recorded,
    _not_send: PhantomData<*const ()>,
}

// SAFETY: a shared permit tells its number, and nothing else.
unsafe impl Sync for Permit<'_> {}

impl<'a> Permit<'a> {
    /// The permits have just been taken for this.
    #[inline]
    fn new(raw: &'a RawSemaphore, permits: u32) -> Self {
        Self { raw, permits, recorded: raw.holders.record(permits), _not_send: PhantomData }
    }

    /// How many permits it stands for.
    pub fn permits(&self) -> u32 {
        self.permits
    }

    /// Permits that may move to other threads. Nobody knows from then on who holds them, so no knot at this semaphore
    /// is found.
    pub fn roam(self) -> RoamingPermit<'a> {
        let permit = ManuallyDrop::new(self);
        permit.raw.holders.erase(&permit.recorded, permit.permits);
        RoamingPermit { raw: permit.raw, permits: permit.permits }
    }
}

impl Drop for Permit<'_> {
    #[inline]
    fn drop(&mut self) {
        self.raw.holders.erase(&self.recorded, self.permits);
        self.raw.release(self.permits);
    }
}

impl fmt::Debug for Permit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Permit({})", self.permits)
    }
}

/// Permits that may move between threads: see [`Permit::roam`]. Dropping it gives them back.
#[must_use = "the permits are given back when this is dropped"]
#[derive(Debug)]
pub struct RoamingPermit<'a> {
    raw: &'a RawSemaphore,
    permits: u32,
}

impl RoamingPermit<'_> {
    /// How many permits it stands for.
    pub fn permits(&self) -> u32 {
        self.permits
    }
}

impl Drop for RoamingPermit<'_> {
    fn drop(&mut self) {
        self.raw.release(self.permits);
    }
}

/// The event of acquiring permits: see [`Semaphore::acquire_event`].
#[derive(Debug)]
#[must_use = "an event does nothing until it is waited for"]
pub struct PermitEvent<'a> {
    raw: &'a RawSemaphore,
    permits: u32,
    acquiring: PermitAcquiring<'a>,
}

impl<'a> Event for PermitEvent<'a> {
    type Output = Permit<'a>;

    fn attempt(&mut self) -> Option<Permit<'a>> {
        self.acquiring.attempt().map(|()| Permit::new(self.raw, self.permits))
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.acquiring.enlist(waiter)
    }

    fn delist(&mut self) {
        self.acquiring.delist();
    }

    fn pass_on(&mut self) {
        self.acquiring.pass_on();
    }

    fn awaits(&self) -> Awaits {
        Event::awaits(&self.acquiring)
    }

    fn source(&self) -> Option<&dyn Source> {
        self.acquiring.source()
    }
}
