//! The driver: blocks a thread until one of its events happens.
//!
//! The states and invariants are those of the [module above](super). One driver serves every blocking call of the library, so
//! what it does around the sleep (tell the scheduler, let the clock decide when a deadline passes, listen to the
//! cancellation token) is done for all of them.

use std::rc::Rc;
use std::time::Instant;

use super::arm::{Arms, Only, Slot};
use super::described::Described;
use super::enlisted::{BROKEN, CANCELLED, Enlisted, Owed, READY, TIMED_OUT};
use super::order::{Order, Sequence};
use super::spin::Spin;
use super::stagger::Stagger;
use super::{Awaits, Event, Stopped, Waiter};
use crate::cancel::Cancellation;
use crate::context::{Context, announce};
use crate::seeded;
use crate::sync::{Arc, MODELLED, thread};
use crate::trigger::Trigger;
use crate::waitfor::{self, Deadlock};

/// What may end a wait besides its events.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// When to give up.
    pub deadline: Option<Instant>,
    /// Whether the current cancellation token ends the wait.
    pub cancellable: bool,
    /// Whether the wait-for graph may end the wait to break a deadlock: [`Stopped::Deadlock`].
    pub breakable: bool,
}

impl Default for Limits {
    /// No deadline; cancellable; not to be broken.
    fn default() -> Self {
        Self { deadline: None, cancellable: true, breakable: false }
    }
}

impl Limits {
    /// Until `deadline`; cancellable; not to be broken.
    pub fn until(deadline: Instant) -> Self {
        Self { deadline: Some(deadline), ..Self::default() }
    }

    /// Nothing but the event ends the wait.
    pub fn unstoppable() -> Self {
        Self { deadline: None, cancellable: false, breakable: false }
    }

    /// The same, and a deadlock may be broken by ending this wait.
    pub fn breakable(self) -> Self {
        Self { breakable: true, ..self }
    }

    /// The event of the cancellation that may end the wait.
    pub(super) fn cancellation(&self, context: &Context) -> Option<Cancellation> {
        context.cancel.as_ref().filter(|_| self.cancellable).map(|token| token.cancelled())
    }
}

impl Waiter {
    pub(crate) fn new(attends: bool) -> Self {
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

    /// Ends the wait to break a deadlock, unless it is decided; tells whether it did.
    pub(crate) fn break_off(&self) -> bool {
        self.trigger.signal(BROKEN)
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
    wait_on(event, limits)
}

/// As [`wait_with`], for an event that has just been attempted in vain, or that can happen as it enlists.
#[cold]
pub(crate) fn wait_on<E: Event>(event: E, limits: Limits) -> Result<E::Output, Stopped> {
    let mut slot = Slot::new(event);
    drive(&mut Only(&mut slot), Order::Listed, limits)?;
    Ok(slot.into_outcome().expect("the driver ends with an event that has happened"))
}

/// Attempts the events in turn; returns the index of the one that happened.
pub(super) fn attempt(arms: &mut dyn Arms, order: Order) -> Option<usize> {
    let sequence = Sequence::new(order, arms.len());
    (0..arms.len()).map(|position| sequence.get(position)).find(|&index| arms.arm(index).attempt())
}

/// Whether all the events may be attempted in a short loop.
pub(super) fn polls(arms: &mut dyn Arms) -> bool {
    (0..arms.len()).all(|index| arms.arm(index).polls())
}

/// Blocks until one of the events has happened, and returns its index. The caller has attempted them, or they can happen as they
/// enlist.
pub(super) fn drive(arms: &mut dyn Arms, order: Order, limits: Limits) -> Result<usize, Stopped> {
    let mut wait = Blocked::new(arms, limits);
    let outcome = wait.run(order);
    let happened = outcome.as_ref().ok().copied();
    wait.owed.settle(wait.arms, happened);
    outcome
}

/// A thread's wait. Whatever unwinds out of it leaves all lists.
struct Blocked<'a> {
    arms: &'a mut dyn Arms,
    limits: Limits,
    context: Rc<Context>,
    cancellation: Option<Cancellation>,
    enlisted: Option<Enlisted>,
    owed: Owed,
    spin: Spin,
    stagger: Stagger,
    /// The deadline has passed: if the next attempt fails, too, the wait ends.
    overdue: bool,
    /// Why the wait-for graph has ended the wait, if it has.
    verdict: Option<Box<Deadlock>>,
}

impl<'a> Blocked<'a> {
    fn new(arms: &'a mut dyn Arms, limits: Limits) -> Self {
        let context = Context::shared();
        let cancellation = limits.cancellation(&context);
        Self {
            arms,
            limits,
            context,
            cancellation,
            enlisted: None,
            owed: Owed::default(),
            spin: Spin::new(),
            stagger: Stagger::default(),
            overdue: false,
            verdict: None,
        }
    }

    fn run(&mut self, order: Order) -> Result<usize, Stopped> {
        let polls = polls(self.arms);
        // One that is dear to attempt may not have been attempted yet: it happens as it enlists, if it can.
        if polls {
            self.check_cancelled()?;
        }
        loop {
            if !(polls && self.spin.pause())
                && let Some(index) = self.heed()?
            {
                return Ok(index);
            }
            if let Some(index) = attempt(self.arms, order) {
                return Ok(index);
            }
            self.check_cancelled()?;
            if self.overdue {
                return Err(Stopped::TimedOut);
            }
            if !polls {
                self.stagger.pause();
            }
        }
    }

    fn check_cancelled(&mut self) -> Result<(), Stopped> {
        match self.cancellation.as_mut().and_then(Cancellation::attempt) {
            Some(cancelled) => Err(Stopped::Cancelled(cancelled)),
            None => Ok(()),
        }
    }

    /// Sleeps, and attempts the event that has woken it: its index if it has happened.
    fn heed(&mut self) -> Result<Option<usize>, Stopped> {
        match self.sleep() {
            TIMED_OUT => return Err(Stopped::TimedOut),
            BROKEN => {
                let verdict = self.verdict.take();
                return Err(Stopped::Deadlock(verdict.expect("who breaks a wait leaves the verdict first")));
            }
            READY => self.look_again(),
            CANCELLED => {}
            _ if seeded("event/attempt-others-first") => {}
            index => {
                // Invariant 3: owed from now on, whether the attempt fails or panics; and the event that was signalled is
                // the first to be attempted.
                self.owed.add(index);
                if self.arms.arm(index).attempt() {
                    return Ok(Some(index));
                }
            }
        }
        Ok(None)
    }

    /// Enlists, sleeps, leaves all lists; returns the token that decided the wait.
    fn sleep(&mut self) -> usize {
        let enlisted = self.enlisted.insert(Enlisted::new(true));
        let ready = enlisted.enlist(self.arms, &mut self.cancellation);
        let why = if ready && !seeded("event/sleep-though-ready") {
            READY
        } else {
            let (woken, verdict) = sleep(self.arms, &enlisted.waiter, &self.context, self.limits, &mut self.spin);
            self.verdict = verdict;
            woken.unwrap_or(TIMED_OUT)
        };
        // A source may win at the last moment: then its token is what decides, and nothing is lost.
        let token = enlisted.leave(self.arms, &mut self.cancellation, why);
        self.enlisted = None;
        if why == TIMED_OUT && seeded("event/time-out-despite-signal") { TIMED_OUT } else { token }
    }

    /// What made an event look ready may take another moment, as a value that is being written does: its writer may need
    /// the core. It may also never happen, and deadlines pass meanwhile: then the attempt that follows is the last.
    fn look_again(&mut self) {
        if !self.spin.pause() {
            thread::yield_now();
        }
        // Under a checker there is no time, and yielding lets the writer go on.
        let deadline = self.limits.deadline.filter(|_| !MODELLED);
        self.overdue = deadline.is_some_and(|deadline| self.context.clock.now() >= deadline);
    }
}

impl Drop for Blocked<'_> {
    fn drop(&mut self) {
        if let Some(enlisted) = self.enlisted.take()
            && !seeded("event/unwind-silently")
        {
            enlisted.abandon(self.arms, &mut self.cancellation);
        }
        // A wait that was driven to its end has settled and owes nothing.
        if !seeded("event/unwind-owing") {
            self.owed.settle(self.arms, None);
        }
    }
}

/// Blocks until `trigger` is signalled, and returns its token, or until something else ends the wait, within `limits`.
///
/// For a source that keeps waiters in a table of its own, where the trigger has been entered already. A wait that was stopped
/// has won the trigger: no signal is lost. Reports say that it waits for `what`.
///
/// # Errors
/// [`Stopped`], with what ended the wait.
///
/// # Panics
/// When somebody else waits on the trigger already.
pub fn wait_signal(trigger: &Arc<Trigger>, what: &'static str, limits: Limits) -> Result<usize, Stopped> {
    wait_signal_for(trigger, || Awaits::unknown(what), limits)
}

/// As [`wait_signal`], where it is known who will signal. Asked once, if the wait falls asleep.
///
/// # Errors
/// As there.
///
/// # Panics
/// As there.
pub fn wait_signal_for(trigger: &Arc<Trigger>, awaits: impl Fn() -> Awaits, limits: Limits) -> Result<usize, Stopped> {
    let context = Context::shared();
    let mut cancellation = limits.cancellation(&context);
    let waiter = Waiter { trigger: trigger.clone(), token: 0, attends: true };
    let cancelled = cancellation.as_mut().is_some_and(|it| it.enlist(&waiter.with_token(CANCELLED)));
    let (why, verdict) = if cancelled {
        (CANCELLED, None)
    } else {
        let signal = &mut Slot::new(Described(awaits));
        let (woken, verdict) = sleep(&mut Only(signal), &waiter, &context, limits, &mut Spin::new());
        (woken.unwrap_or(TIMED_OUT), verdict)
    };
    let token = waiter.close(why);
    cancellation.iter_mut().for_each(Cancellation::delist);
    match token {
        TIMED_OUT => Err(Stopped::TimedOut),
        BROKEN => Err(Stopped::Deadlock(verdict.expect("who breaks a wait leaves the verdict first"))),
        CANCELLED => {
            let cancelled = cancellation.and_then(|mut it| it.attempt());
            Err(Stopped::Cancelled(cancelled.expect("only a cancelled token signals so")))
        }
        token => Ok(token),
    }
}

/// Waits for the trigger: a short spin first, then asleep, which the context and the wait-for graph are told of. The
/// token is `None` when the deadline passes; beside it, why the graph has ended the wait, should it have.
fn sleep(
    arms: &mut dyn Arms,
    waiter: &Waiter,
    context: &Context,
    limits: Limits,
    spin: &mut Spin,
) -> (Option<usize>, Option<Box<Deadlock>>) {
    while !waiter.is_decided() && spin.pause() {}
    if let Some(token) = waiter.trigger.signalled() {
        return (Some(token), None);
    }
    let _announced = announce(context);
    let asleep = || context.clock.wait(waiter, limits.deadline);
    match waitfor::watching(context) {
        None => (asleep(), None),
        Some(graph) => graph.while_registered(arms, waiter, context, limits, asleep),
    }
}
