//! Sending and receiving as futures.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::error::{SendError, Why};
use super::event::{RecvEvent, SendEvent};
use crate::event::Waiting;

/// The future of [`Sender::send_async`](super::Sender::send_async).
///
/// Dropped before it is ready, it drops the value, unless a receiver has taken it already.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Sending<'a, T>(pub(super) Waiting<SendEvent<'a, T>>);

impl<T> Future for Sending<'_, T> {
    type Output = Result<(), SendError<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(sent) => sent,
            Err(stopped) => {
                let value = self.0.event_mut().take_value().expect("a send that was stopped has its value");
                Err(SendError { value, why: stopped.into() })
            }
        })
    }
}

/// The future of [`Receiver::recv_async`](super::Receiver::recv_async).
///
/// Dropped before it is ready, it loses no value: it takes one only in the poll that returns it.
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Receiving<'a, T>(pub(super) Waiting<RecvEvent<'a, T>>);

impl<T> Future for Receiving<'_, T> {
    type Output = Result<T, Why>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(received) => received.map_err(Why::Closed),
            Err(stopped) => Err(Why::Stopped(stopped)),
        })
    }
}
