//! Timeouts: of a closure, which is asked to stop, and of a future, which is no longer polled.

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};
use std::time::Duration;

use super::{At, after};
use crate::cancel::{self, Token};
use crate::event::Waiting;

/// The deadline of a [`timeout`] passed before the body ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TimedOut<R = ()> {
    /// What the body returned all the same, too late. A body that was stopped by the deadline has its own way to say
    /// that.
    pub late: R,
}

impl<R> fmt::Display for TimedOut<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("timed out")
    }
}

impl<R: fmt::Debug> Error for TimedOut<R> {}

/// Runs `body` with a deadline: a token that is cancelled when `duration` has passed is the current one in it.
///
/// Every wait in `body` then ends with [`Stopped::Cancelled`](crate::event::Stopped), which the body returns or
/// handles; the token is a child of the one that was current, so that still counts. It is cooperative: a body that
/// computes calls [`cancel::check`] now and then, and one that does neither runs to its end. Nothing is lost by that:
/// the error carries what it returned.
///
/// By the real clock, `duration` passing costs a wake-up of the timer thread, ending earlier costs setting and
/// removing a timer. A duration beyond what an `Instant` can express is no limit.
///
/// # Errors
/// [`TimedOut`], if the deadline had cancelled the token by the time `body` returned. A deadline further out that
/// passes is not this one's: then the body's own outcome is returned, for whoever set that deadline to judge.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use reweave_core::time::{self, TimedOut};
///
/// let quick = time::timeout(Duration::from_secs(60), || 6 * 7);
/// assert_eq!(quick, Ok(42));
///
/// let slow = time::timeout(Duration::from_millis(1), || time::sleep(Duration::MAX));
/// let TimedOut { late } = slow.unwrap_err();
/// assert!(late.is_err(), "the sleep was stopped");
/// ```
pub fn timeout<R>(duration: Duration, body: impl FnOnce() -> R) -> Result<R, TimedOut<R>> {
    let token = match cancel::current() {
        Some(outer) => outer.child_with_timeout(duration),
        None => Token::with_timeout(duration),
    };
    let outcome = token.run(body);
    match token.reason() {
        Some(cancelled) if cancelled.by_own_deadline() => Err(TimedOut { late: outcome }),
        _ => Ok(outcome),
    }
}

/// A future that is ready with the outcome of `future`, or with [`TimedOut`] when `duration` has passed from now:
/// then it should be dropped, and `future` with it, which is how a future is cancelled.
///
/// The current token does not end it; it ends the waits inside `future` that heed it.
///
/// # Examples
/// ```
/// use std::time::Duration;
/// use reweave_core::time::{self, TimedOut, VirtualClock};
/// # use std::{future::Future, pin::pin, task::{Context, Poll, Waker}};
///
/// let clock = VirtualClock::new();
/// clock.run(|| {
///     let mut answer = pin!(time::timeout_async(Duration::from_secs(5), std::future::pending::<u8>()));
///     let mut cx = Context::from_waker(Waker::noop());
///     assert!(answer.as_mut().poll(&mut cx).is_pending());
///     clock.advance(Duration::from_secs(5));
///     assert_eq!(answer.as_mut().poll(&mut cx), Poll::Ready(Err(TimedOut { late: () })));
/// });
/// ```
pub fn timeout_async<F: Future>(duration: Duration, future: F) -> Timeout<F> {
    Timeout { future, timer: Waiting::new(after(duration)) }
}

/// The future of [`timeout_async`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Timeout<F> {
    /// Pinned with the whole.
    future: F,
    timer: Waiting<At>,
}

impl<F: Future> Future for Timeout<F> {
    type Output = Result<F::Output, TimedOut>;

    fn poll(self: Pin<&mut Self>, cx: &mut TaskContext<'_>) -> Poll<Self::Output> {
        // SAFETY: nothing is moved out of the reference: `future` is pinned again below, and `timer` is `Unpin`. There
        // is no `Drop`, and `Unpin` is derived from that of `future`.
        let this = unsafe { self.get_unchecked_mut() };
        // SAFETY: `future` is a field of a pinned value, and is reached only here.
        let future = unsafe { Pin::new_unchecked(&mut this.future) };
        if let Poll::Ready(outcome) = future.poll(cx) {
            return Poll::Ready(Ok(outcome));
        }
        // The timer's wait must not be ended by a token, or a future that heeds none would lose its deadline.
        cancel::shield(|| Pin::new(&mut this.timer).poll(cx)).map(|_| Err(TimedOut { late: () }))
    }
}
