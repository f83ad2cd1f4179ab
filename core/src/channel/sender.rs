//! The sending side.

use std::borrow::Cow;
use std::fmt;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use super::error::{How, SendError, TrySendError};
use super::event::SendEvent;
use super::future::Sending;
use super::observe::common;
use super::record::Side;
use super::shared::{Refusal, Refused, Shared};
use super::within;
use crate::context::Agent;
use crate::event::{Limits, Waiting, wait_on};
use crate::sync::Arc;
use crate::waitfor::{Held, Notes};
use crate::{Reason, seeded};

/// The sending side of a channel. Cloning gives another handle of the same side; see the [module](super).
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

common!(Sender, senders, Side::Senders, How::BySender);

impl<T> Sender<T> {
    /// Sends a value; blocks while there is no room (in a rendezvous channel, no receiver).
    ///
    /// What this thread did before is visible to the receiver. Values of one thread are received in the order in
    /// which it sent them.
    ///
    /// # Errors
    /// With the value: the channel is closed, or the current cancellation token was cancelled.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::channel;
    ///
    /// let (tx, rx) = channel::bounded(1);
    /// tx.send("hello").unwrap();
    /// drop(rx);
    /// let error = tx.send("nobody hears this").unwrap_err();
    /// assert_eq!(error.to_string(), "not sent: the channel is closed: all receivers were dropped");
    /// assert_eq!(error.into_inner(), "nobody hears this");
    /// ```
    #[inline]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        match self.shared.push_or_wait(value) {
            Ok(()) => Ok(()),
            Err(refused) => self.send_slowly(refused, Limits::default),
        }
    }

    /// As [`send`](Self::send), for at most this long.
    ///
    /// # Errors
    /// With the value: closed, cancelled, or the time has passed.
    #[inline]
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendError<T>> {
        match self.shared.push_or_wait(value) {
            Ok(()) => Ok(()),
            Err(refused) => self.send_slowly(refused, || within(timeout)),
        }
    }

    /// As [`send`](Self::send), until `deadline` at the latest. A send that is possible at once is made even then.
    ///
    /// # Errors
    /// With the value: closed, cancelled, or the deadline has passed.
    #[inline]
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendError<T>> {
        match self.shared.push_or_wait(value) {
            Ok(()) => Ok(()),
            Err(refused) => self.send_slowly(refused, || Limits::until(deadline)),
        }
    }

    #[cold]
    fn send_slowly(&self, refused: Refused<T>, limits: impl FnOnce() -> Limits) -> Result<(), SendError<T>> {
        let Refused { value, why } = refused;
        if let Refusal::Closed = why {
            return Err(self.shared.closed_for_send(value));
        }
        let mut event = SendEvent::new(&self.shared, value);
        match wait_on(&mut event, limits()) {
            Ok(sent) => sent,
            Err(stopped) => {
                let value = event.take_value().expect("a send that was stopped has its value");
                Err(SendError { value, why: stopped.into() })
            }
        }
    }

    /// Sends a value if that is possible at once.
    ///
    /// In a rendezvous channel it is if a thread is blocked in a receive. A task that is suspended in one does not
    /// count: it may be dropped instead of going on.
    ///
    /// # Errors
    /// With the value: there is no room, or the channel is closed.
    #[inline]
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        let mut value = value;
        loop {
            match self.shared.push(value) {
                Ok(()) => return Ok(()),
                Err(Refused { value, why: Refusal::Full }) => return Err(TrySendError::Full(value)),
                Err(Refused { value, why: Refusal::Closed }) => {
                    return Err(TrySendError::Closed(value, self.shared.closed()));
                }
                Err(Refused { value: back, why: Refusal::Busy }) => value = back,
            }
        }
    }

    /// A future that sends the value.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub fn send_async(&self, value: T) -> Sending<'_, T> {
        Sending(Waiting::new(self.send_event(value)))
    }

    /// The event that the value is sent, for [`select!`](crate::select). Where another event happens instead, it
    /// drops the value, unless it is asked for it.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::{channel, select};
    ///
    /// let (full, _rx) = channel::bounded(1);
    /// let (free, _rx) = channel::bounded(1);
    /// full.send(1).unwrap();
    /// let sent = select! {
    ///     sent = full.send_event(2) => ("full", sent),
    ///     sent = free.send_event(2) => ("free", sent),
    /// };
    /// assert_eq!(sent.unwrap(), ("free", Ok(())));
    /// ```
    #[inline]
    pub fn send_event(&self, value: T) -> SendEvent<'_, T> {
        SendEvent::new(&self.shared, value)
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if Shared::<T>::leave(&self.shared.record.senders) && !seeded("channel/last-sender-silent") {
            self.shared.close(How::SendersDropped, How::SendersDropped.reason());
        }
    }
}
