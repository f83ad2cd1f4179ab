//! A task's own token: what is below it is cancelled with the task.
//!
//! Most tasks end without anybody having asked for it, so it is made when somebody does: the body, by waiting for something; the handle; whoever
//! cancels. What is above it is the token that the task was started under, or else the pool's.

use std::ptr::NonNull;

use reweave_core::Reason;
use reweave_core::cancel::{Callback, Cancelled, Token};
use reweave_core::context::{Context, HandedOn, Lazily, Local};
use reweave_core::seeded;
use reweave_core::sync::atomic::Ordering;

use super::{ENDED, Head, OWNS, TIED};
use crate::pool::Shared;
use crate::task::waker::Reference;
use crate::worker::Worker;

/// The token of a task.
pub(super) struct Own {
    token: Token,
    /// What wakes a future when it is cancelled, or ends a task that waits for its turn.
    pub(super) wakes: Option<Callback>,
    /// What cancels it with all tasks of the pool, where the token above it belongs to others.
    _falls: Option<Callback>,
}

impl Head {
    /// Its own token: below that of whoever started it, or the pool's. That of a future wakes it when it is cancelled, and that of a task which has
    /// to wait for its turn ends it if it has not begun.
    pub(in crate::task) fn token(&self) -> Token {
        let made = {
            let mut own = self.token.lock();
            if let Some(own) = &*own {
                return own.token.clone();
            }
            let root = self.pool.roots.token(self.era);
            let token = self.around.cancel.as_ref().unwrap_or(&root).child();
            let falls = self.around.cancel.is_some().then(|| {
                let token = token.clone();
                root.on_cancel(move |cancelled| {
                    token.cancel(cancelled.reason.clone());
                })
            });
            *own = Some(Own { token: token.clone(), wakes: None, _falls: falls });
            // Before anybody can cancel it by this token: see `cancelled`.
            self.state.fetch_or(OWNS, Ordering::AcqRel);
            token
        };
        if !self.vtable.is_closure || self.seat().is_some() {
            self.tie(&made);
        }
        made
    }

    /// Sees to it that its token stops it.
    fn tie(&self, token: &Token) {
        let this = Reference::new(self);
        // Outside the lock: should the token be cancelled already, this wakes the task here; and if its pool has ended, ends it.
        let tie = token.on_cancel(move |_| this.stop());
        let mut own = self.token.lock();
        if self.state.fetch_or(TIED, Ordering::AcqRel) & ENDED == 0 {
            own.as_mut().expect("made by the caller").wakes = Some(tie);
            return;
        }
        // `end` has not seen the tie, which would keep the record for ever. Dropped outside the lock, as there.
        drop(own);
        drop(tie);
    }

    /// Why it is cancelled, if somebody has cancelled it, or what is above it. A few loads, if it has no token of its own: most tasks never do.
    pub(in crate::task) fn cancelled(&self) -> Option<Cancelled> {
        if self.state.load(Ordering::Acquire) & OWNS != 0 {
            return self.token.lock().as_ref().and_then(|own| own.token.reason());
        }
        let above = self.around.cancel.as_ref().is_some_and(Token::is_cancelled);
        // By its own token, so that it is told from what was cancelled above it.
        if above || self.pool.roots.are_cancelled(self.era) { self.token().reason() } else { None }
    }

    /// A future is about to suspend: sees to it that a cancellation wakes it, its own, or that of all tasks.
    pub(in crate::task) fn listen(&self) -> &Self {
        if self.state.load(Ordering::Relaxed) & TIED == 0 && !seeded("task/deaf-to-all") {
            drop(self.token());
        }
        self
    }

    /// Cancels it, unless it has ended.
    pub(in crate::task) fn cancel(this: NonNull<Self>, reason: Reason) -> bool {
        // SAFETY: the caller has a reference.
        let head = unsafe { this.as_ref() };
        if head.is_ended() {
            return false;
        }
        let first = head.token().cancel(reason);
        Self::abandon(this);
        first
    }

    /// It has been cancelled: ends it if it has to wait for its turn and has not begun, else wakes it, if it is a future. One that stands in a queue is
    /// ended by whoever takes it out.
    pub(in crate::task) fn stop(this: NonNull<Self>) {
        // SAFETY: the caller has a reference.
        let head = unsafe { this.as_ref() };
        let ended = head.seat().is_some() && Self::abandon(this);
        if !ended && !head.vtable.is_closure {
            head.wake_here();
        }
    }

    /// Ends it, which has been cancelled, if it has not begun: whether it has ended it.
    fn abandon(this: NonNull<Self>) -> bool {
        // SAFETY: the caller has a reference.
        let head = unsafe { this.as_ref() };
        let begun = head.begin(true).is_some();
        if begun {
            let cancelled = head.cancelled().expect("it has been cancelled");
            // SAFETY: the body is ours.
            unsafe { (head.vtable.abandon)(this, cancelled) };
        }
        begun
    }
}

impl Shared {
    /// Ends the tasks that wait for their turn and have been cancelled.
    pub(crate) fn stop_those_that_wait(&self) {
        let waiting = self.agenda.each_that_waits(|entry| {
            // SAFETY: what waits there are tasks, and the entry is a reference.
            Reference::new(unsafe { entry.address().cast().as_ref() })
        });
        // Outside the lock: what they drop is user code.
        waiting.iter().filter(|task| task.is_cancelled()).for_each(Reference::stop);
    }
}

impl Lazily for Head {
    fn context(&self) -> Context {
        let handed_on = HandedOn::Given(self.around.cancel.clone());
        let hook = Worker::current().map(Worker::hook);
        let task = self.card.as_ref().and_then(|card| card.name.clone());
        let local = self.card.clone().map(Local::new);
        Context { cancel: Some(self.token()), handed_on, hook, task, local, ..self.around.clone() }
    }

    fn handed_on(&self) -> Context {
        self.around.clone()
    }
}
