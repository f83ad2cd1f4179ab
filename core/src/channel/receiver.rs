//! The receiving side.

use std::borrow::Cow;
use std::fmt;
use std::iter::FusedIterator;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::time::{Duration, Instant};

use super::error::{How, RecvError, TryRecvError, Why};
use super::event::RecvEvent;
use super::future::Receiving;
use super::observe::common;
use super::record::Side;
use super::shared::{Nothing, Shared};
use super::within;
use crate::Reason;
use crate::context::Agent;
use crate::event::{Limits, Waiting, wait_on};
use crate::sync::Arc;
use crate::waitfor::{Held, Notes};

/// The receiving side of a channel. Cloning gives another handle of the same side: each value goes to one of them.
/// See the [module](super).
pub struct Receiver<T> {
    pub(super) shared: Arc<Shared<T>>,
}

common!(Receiver, receivers, Side::Receivers, How::ByReceiver);

impl<T> Receiver<T> {
    /// Receives a value; blocks while there is none.
    ///
    /// # Errors
    /// The channel is closed and drained, or the current cancellation token was cancelled. No value is lost by either.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::channel;
    ///
    /// let (tx, rx) = channel::unbounded();
    /// tx.send(1).unwrap();
    /// tx.close("that was all");
    /// assert_eq!(rx.recv(), Ok(1));
    /// let error = rx.recv().unwrap_err();
    /// assert_eq!(error.to_string(), "the channel was closed by a sender: that was all");
    /// ```
    #[inline]
    pub fn recv(&self) -> Result<T, RecvError> {
        match self.shared.pop_or_wait() {
            Ok(value) => Ok(value),
            Err(nothing) => self.recv_slowly(nothing, Limits::default),
        }
    }

    /// As [`recv`](Self::recv), for at most this long.
    ///
    /// # Errors
    /// Closed and drained, cancelled, or the time has passed.
    #[inline]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<T, RecvError> {
        match self.shared.pop_or_wait() {
            Ok(value) => Ok(value),
            Err(nothing) => self.recv_slowly(nothing, || within(timeout)),
        }
    }

    /// As [`recv`](Self::recv), until `deadline` at the latest. A value that is there is received even then.
    ///
    /// # Errors
    /// Closed and drained, cancelled, or the deadline has passed.
    #[inline]
    pub fn recv_deadline(&self, deadline: Instant) -> Result<T, RecvError> {
        match self.shared.pop_or_wait() {
            Ok(value) => Ok(value),
            Err(nothing) => self.recv_slowly(nothing, || Limits::until(deadline)),
        }
    }

    #[cold]
    fn recv_slowly(&self, nothing: Nothing, limits: impl FnOnce() -> Limits) -> Result<T, RecvError> {
        if let Nothing::Closed = nothing {
            return Err(Why::Closed(self.shared.closed()));
        }
        match wait_on(RecvEvent::after_miss(&self.shared), limits()) {
            Ok(received) => received.map_err(Why::Closed),
            Err(stopped) => Err(Why::Stopped(stopped)),
        }
    }

    /// Receives a value if there is one.
    ///
    /// # Errors
    /// There is none, or the channel is closed and drained.
    #[inline]
    pub fn try_recv(&self) -> Result<T, TryRecvError> {
        loop {
            match self.shared.pop() {
                Ok(value) => return Ok(value),
                Err(Nothing::Empty) => return Err(TryRecvError::Empty),
                Err(Nothing::Closed) => return Err(TryRecvError::Closed(self.shared.closed())),
                Err(Nothing::Busy) => {}
            }
        }
    }

    /// A future that receives a value.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_async(&self) -> Receiving<'_, T> {
        Receiving(Waiting::new(self.recv_event()))
    }

    /// The event that a value is received, for [`select!`](crate::select).
    ///
    /// # Examples
    /// ```
    /// use reweave_core::{channel, select};
    ///
    /// let (words, hear) = channel::unbounded();
    /// let (_numbers, count) = channel::unbounded::<u32>();
    /// words.send("hello").unwrap();
    /// let got = select! {
    ///     word = hear.recv_event() => word.unwrap().to_owned(),
    ///     number = count.recv_event() => number.unwrap().to_string(),
    /// };
    /// assert_eq!(got.unwrap(), "hello");
    /// ```
    #[inline]
    pub fn recv_event(&self) -> RecvEvent<'_, T> {
        RecvEvent::new(&self.shared)
    }

    /// Receives until the channel is closed and drained, or the current cancellation token is cancelled.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter(self)
    }

    /// Receives as long as there are values, without blocking.
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter(self)
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if Shared::<T>::leave(&self.shared.record.receivers) {
            self.shared.close(How::ReceiversDropped, How::ReceiversDropped.reason());
            self.shared.discard();
        }
    }
}

/// The iterator of [`Receiver::iter`].
#[derive(Debug)]
pub struct Iter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for Iter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> FusedIterator for Iter<'_, T> {}

/// The iterator of [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T>(&'a Receiver<T>);

impl<T> Iterator for TryIter<'_, T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.try_recv().ok()
    }
}

/// A [`Receiver`] as an iterator, which ends as [`Receiver::iter`] does.
#[derive(Debug)]
pub struct IntoIter<T>(Receiver<T>);

impl<T> Iterator for IntoIter<T> {
    type Item = T;

    fn next(&mut self) -> Option<T> {
        self.0.recv().ok()
    }
}

impl<T> FusedIterator for IntoIter<T> {}

impl<T> IntoIterator for Receiver<T> {
    type Item = T;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter(self)
    }
}

impl<'a, T> IntoIterator for &'a Receiver<T> {
    type Item = T;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}
