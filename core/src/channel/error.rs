//! What a send or a receive says when it does not happen.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use crate::Reason;
use crate::event::Stopped;

/// By what a channel came to be closed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum How {
    /// [`Sender::close`](super::Sender::close).
    BySender,
    /// [`Receiver::close`](super::Receiver::close).
    ByReceiver,
    /// The last sender was dropped.
    SendersDropped,
    /// The last receiver was dropped.
    ReceiversDropped,
}

impl How {
    /// The reason that goes with it when nobody gave one.
    pub(super) fn reason(self) -> Reason {
        Reason::fixed(match self {
            Self::BySender => "closed by a sender",
            Self::ByReceiver => "closed by a receiver",
            Self::SendersDropped => "all senders were dropped",
            Self::ReceiversDropped => "all receivers were dropped",
        })
    }
}

/// The channel is closed: how, and why. Of several closes the first is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Closed(Box<Record>);

#[derive(Clone, PartialEq, Eq, Debug)]
struct Record {
    how: How,
    reason: Reason,
    channel: Option<Cow<'static, str>>,
}

impl Closed {
    pub(super) fn new(how: How, reason: Reason, channel: Option<Cow<'static, str>>) -> Self {
        Self(Box::new(Record { how, reason, channel }))
    }

    /// Which side closed it, and whether on purpose.
    pub fn how(&self) -> How {
        self.0.how
    }

    /// The reason that was given to `close`, or `all senders were dropped`, or `all receivers were dropped`.
    pub fn reason(&self) -> &Reason {
        &self.0.reason
    }

    /// The name of the channel, if it had one when it was closed.
    pub fn channel(&self) -> Option<&str> {
        self.0.channel.as_deref()
    }
}

impl fmt::Display for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Named(self.channel()).fmt(f)?;
        match self.how() {
            How::BySender => write!(f, " was closed by a sender: {}", self.reason()),
            How::ByReceiver => write!(f, " was closed by a receiver: {}", self.reason()),
            How::SendersDropped | How::ReceiversDropped => write!(f, " is closed: {}", self.reason()),
        }
    }
}

impl Error for Closed {}

/// A channel in a message.
pub(super) struct Named<'a>(pub(super) Option<&'a str>);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(name) => write!(f, "channel {name:?}"),
            None => f.write_str("the channel"),
        }
    }
}

/// Why a blocking or asynchronous send or receive ended without its value being handed on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Why {
    /// The channel is closed; a receiver has drained it.
    Closed(Closed),
    /// The wait was cancelled, or its deadline passed.
    Stopped(Stopped),
}

impl Why {
    /// Whether the deadline passed.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Stopped(Stopped::TimedOut))
    }

    /// How and why the channel is closed, if that is it.
    pub fn closed(&self) -> Option<&Closed> {
        match self {
            Self::Closed(closed) => Some(closed),
            Self::Stopped(_) => None,
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(closed) => closed.fmt(f),
            Self::Stopped(stopped) => stopped.fmt(f),
        }
    }
}

impl Error for Why {}

impl From<Closed> for Why {
    fn from(closed: Closed) -> Self {
        Self::Closed(closed)
    }
}

impl From<Stopped> for Why {
    fn from(stopped: Stopped) -> Self {
        Self::Stopped(stopped)
    }
}

/// Why a receive ended without a value.
pub type RecvError = Why;

/// A value that was not sent, and why.
#[derive(Clone, PartialEq, Eq)]
pub struct SendError<T> {
    /// The value: nobody else has it.
    pub value: T,
    /// Why it was not sent.
    pub why: Why,
}

impl<T> SendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        self.value
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("why", &self.why).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "not sent: {}", self.why)
    }
}

impl<T> Error for SendError<T> {}

/// A value that could not be sent at once.
#[derive(Clone, PartialEq, Eq)]
pub enum TrySendError<T> {
    /// There is no room; in a rendezvous channel, no thread is blocked in a receive.
    Full(T),
    /// The channel is closed.
    Closed(T, Closed),
}

impl<T> TrySendError<T> {
    /// The value.
    pub fn into_inner(self) -> T {
        match self {
            Self::Full(value) | Self::Closed(value, _) => value,
        }
    }

    /// Whether there was no room.
    pub fn is_full(&self) -> bool {
        matches!(self, Self::Full(_))
    }
}

impl<T> fmt::Debug for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("Full(..)"),
            Self::Closed(_, closed) => write!(f, "Closed(.., {closed:?})"),
        }
    }
}

impl<T> fmt::Display for TrySendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(_) => f.write_str("not sent: the channel is full"),
            Self::Closed(_, closed) => write!(f, "not sent: {closed}"),
        }
    }
}

impl<T> Error for TrySendError<T> {}

/// Why there was nothing to receive at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TryRecvError {
    /// There is no value; in a rendezvous channel, nobody waits to send one.
    Empty,
    /// The channel is closed and drained.
    Closed(Closed),
}

impl TryRecvError {
    /// Whether there was no value, on a channel that may still get one.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

impl fmt::Display for TryRecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("nothing received: the channel is empty"),
            Self::Closed(closed) => write!(f, "nothing received: {closed}"),
        }
    }
}

impl Error for TryRecvError {}
