//! The driver: blocks a thread until one of its events happens.
//!
//! The states and invariants are those of the [module above](super). One driver serves every blocking call of the library, so
//! what it does around the sleep (tell the scheduler, let the clock decide when a deadline passes, listen to the
//! cancellation token) is done for all of them.

use std::time::Instant;

use super::arm::{Arms, Only, Slot};
use super::order::{Order, Sequence};
use super::spin::Spin;
use super::{Event, Stopped, Waiter};
use crate::cancel::Cancellation;
use crate::context::{Context, announce};
use crate::seeded;
use crate::sync::{Arc, hint};
use crate::trigger::{MAX_TOKEN, Trigger};

/// Token: the current cancellation token was cancelled.
pub(super) const CANCELLED: usize = MAX_TOKEN;
/// Token: the deadline has passed. Signalled by the driver itself, or by a virtual clock.
const TIMED_OUT: usize = MAX_TOKEN - 1;
/// Token: the driver closed its waiter because an event is ready.
pub(super) const READY: usize = MAX_TOKEN - 2;
/// Token: a suspended task was dropped.
pub(super) const DROPPED: usize = MAX_TOKEN - 3;

/// What may end a wait besides its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Whether the current cancellation token ends the wait.
    pub cancellable: bool,
}

impl Default for Limits {
    /// No deadline; cancellable.
    fn default() -> Self {
        Self { deadline: None, cancellable: true }
    }
}

impl Limits {
    /// Until `deadline`; cancellable.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), cancellable: true }
    }

    /// Nothing but the event ends the wait.
    pub fn unstoppable() -> Self {
        Self { deadline: None, cancellable: false }
    }
}

impl Waiter {
    pub(super) fn new(attends: bool) -> Self {
        Self { trigger: Arc::new(Trigger::new()), token: 0, attends }
    }

    /// What is waited on.
    pub(crate) fn trigger(&self) -> &Trigger {
        &self.trigger
    }

    /// The same waiter for a timer, whose signal means that the deadline has passed.
    pub(crate) fn timed_out(&self) -> Self {
        self.with_token(TIMED_OUT)
    }

    /// Decides the wait from inside, unless a source has; then its token is returned.
    pub(super) fn close(&self, why: usize) -> usize {
        if self.trigger.signal(why) {
            return why;
        }
        self.trigger.signalled().expect("a trigger that cannot be signalled has been")
    }
}

/// Blocks until the event happens, or the current cancellation token is cancelled.
///
/// An event that can happen at once costs its attempt and nothing else; the token is looked at only if there is something to wait for.
///
/// # Errors
/// [`Stopped::Cancelled`]; the event has not happened then.
///
/// # Examples
/// ```
/// use reweave_core::cancel::Token;
/// use reweave_core::event;
///
/// let token = Token::new();
/// token.cancel("enough");
/// let cancelled = event::wait(token.cancelled()).unwrap();
/// assert_eq!(cancelled.reason.as_str(), "enough");
/// ```
#[inline]
pub fn wait<E: Event>(event: E) -> Result<E::Output, Stopped> {
    wait_with(event, Limits::default())
}

/// Blocks until the event happens, within `limits`.
///
/// # Errors
/// [`Stopped`], with what ended the wait; the event has not happened then.
#[inline]
pub fn wait_with<E: Event>(mut event: E, limits: Limits) -> Result<E::Output, Stopped> {
    if let Some(output) = event.attempt() {
        return Ok(output);
    }
    wait_slowly(event, limits)
}

#[cold]
fn wait_slowly<E: Event>(event: E, limits: Limits) -> Result<E::Output, Stopped> {
    let mut slot = Slot::new(event);
    drive(&mut Only(&mut slot), Order::Listed, limits)?;
    Ok(slot.into_outcome().expect("the driver ends with an event that has happened"))
}

/// Attempts the events in turn; returns the index of the one that happened.
pub(super) fn attempt(arms: &mut dyn Arms, order: Order) -> Option<usize> {
    let sequence = Sequence::new(order, arms.len());
    (0..arms.len()).map(|position| sequence.get(position)).find(|&index| arms.arm(index).attempt())
}

/// Blocks until one of the events has happened, and returns its index.
pub(super) fn drive(arms: &mut dyn Arms, order: Order, limits: Limits) -> Result<usize, Stopped> {
    let context = Context::current();
    let mut cancellation = context.cancel.as_ref().filter(|_| limits.cancellable).map(|token| token.cancelled());
    let polls = (0..arms.len()).all(|index| arms.arm(index).polls());
    let mut spin = Spin::new();
    loop {
        if let Some(index) = attempt(arms, order) {
            return Ok(index);
        }
        if let Some(cancelled) = cancellation.as_mut().and_then(Cancellation::attempt) {
            return Err(Stopped::Cancelled(cancelled));
        }
        if polls && spin.pause() {
            continue;
        }
        match enlisted(arms, cancellation.as_mut(), &context, limits, &mut spin) {
            TIMED_OUT => return Err(Stopped::TimedOut),
            // What made it look ready may take another moment, as a value that is being written does.
            READY => hint::spin_loop(),
            CANCELLED => {}
            _ if seeded("event/attempt-others-first") => {}
            // Invariant 3: the event that was signalled is the first to be attempted.
            index if arms.arm(index).attempt() => return Ok(index),
            _ => {}
        }
    }
}

/// Blocks until `trigger` is signalled, and returns its token, or until something else ends the wait, within `limits`.
///
/// For a source that keeps waiters in a table of its own, where the trigger has been entered already. A wait that was stopped
/// has won the trigger: no signal is lost.
///
/// # Errors
/// [`Stopped`], with what ended the wait.
///
/// # Panics
/// When somebody else waits on the trigger already.
pub fn wait_signal(trigger: &Arc<Trigger>, limits: Limits) -> Result<usize, Stopped> {
    let context = Context::current();
    let mut cancellation = context.cancel.as_ref().filter(|_| limits.cancellable).map(|token| token.cancelled());
    let waiter = Waiter { trigger: trigger.clone(), token: 0, attends: true };
    let cancelled = cancellation.as_mut().is_some_and(|it| it.enlist(&waiter.with_token(CANCELLED)));
    let token = if cancelled { waiter.close(CANCELLED) } else { sleep(&waiter, &context, limits, &mut Spin::new()) };
    if let Some(cancellation) = &mut cancellation {
        cancellation.delist();
    }
    match token {
        TIMED_OUT => Err(Stopped::TimedOut),
        CANCELLED => {
            let cancelled = cancellation.and_then(|mut it| it.attempt());
            Err(Stopped::Cancelled(cancelled.expect("only a cancelled token signals so")))
        }
        token => Ok(token),
    }
}

/// From enlisting to leaving all lists: returns the token that decided the wait.
fn enlisted(
    arms: &mut dyn Arms,
    mut cancellation: Option<&mut Cancellation>,
    context: &Context,
    limits: Limits,
    spin: &mut Spin,
) -> usize {
    let waiter = Waiter::new(true);
    let mut ready = false;
    for index in 0..arms.len() {
        ready |= arms.arm(index).enlist(&waiter.with_token(index));
    }
    if let Some(cancellation) = &mut cancellation {
        ready |= cancellation.enlist(&waiter.with_token(CANCELLED));
    }
    let token = if ready && !seeded("event/sleep-though-ready") {
        waiter.close(READY)
    } else {
        sleep(&waiter, context, limits, spin)
    };
    for index in 0..arms.len() {
        arms.arm(index).delist();
    }
    if let Some(cancellation) = cancellation {
        cancellation.delist();
    }
    token
}

/// Waits for the trigger: a short spin first, then asleep, which the context is told of.
fn sleep(waiter: &Waiter, context: &Context, limits: Limits, spin: &mut Spin) -> usize {
    while waiter.trigger.signalled().is_none() && spin.pause() {}
    if let Some(token) = waiter.trigger.signalled() {
        return token;
    }
    let _announced = announce(context);
    match context.clock.wait(waiter, limits.deadline) {
        Some(token) => token,
        // A source may win at the last moment: then the event has happened, and is not lost.
        None => waiter.close(TIMED_OUT),
    }
}
