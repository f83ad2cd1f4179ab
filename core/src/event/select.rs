//! Choosing among several events: the macro [`select!`](crate::select), and [`Select`] for a set known at run time.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::arm::{Arm, ArmOf, Arms, Several, Slot};
use super::drive::{Limits, attempt, drive};
use super::waiting::Suspended;
use super::{Event, Order, Stopped};

/// Waits for the first of several events, and runs the code of the one that happened.
///
/// ```text
/// select! {
///     [biased;]
///     PATTERN = EVENT => EXPRESSION,
///     ...
///     [default => EXPRESSION]
/// }
/// ```
///
/// Each `EVENT` is an expression of a type that implements [`Event`](crate::event::Event): `rx.recv_event()`, `tx.send_event(value)`, `promise.event()`,
/// `time::after(duration)`, `token.cancelled()`, and any of these with [`map`](crate::event::Event::map). All are evaluated
/// once, in order, before the wait. Exactly one event happens; the others have not, and have left nothing behind. Its pattern
/// (an irrefutable one) is bound to what it yields. The expressions are not inside a closure: `return`, `break` and `?` work.
///
/// Of several events that are ready, one is chosen at random, so none is starved; with `biased;` it is the first in
/// the order they are written.
///
/// A select **with** a `default` arm never waits, and has the value of the expression that ran. One **without** can be stopped by the
/// current cancellation token; its value is a `Result` with [`Stopped`](crate::event::Stopped) as the error.
///
/// # Examples
/// ```
/// use reweave_core::cancel::Token;
/// use reweave_core::select;
///
/// let (left, right) = (Token::new(), Token::new());
/// let idle = select! {
///     _ = left.cancelled() => "left",
///     _ = right.cancelled() => "right",
///     default => "neither",
/// };
/// assert_eq!(idle, "neither");
///
/// right.cancel("done");
/// let first = select! {
///     _ = left.cancelled() => "left".to_owned(),
///     cancelled = right.cancelled() => format!("right: {}", cancelled.reason),
/// };
/// assert_eq!(first.unwrap(), "right: done");
/// ```
#[macro_export]
macro_rules! select {
    (biased; $($arms:tt)+) => { $crate::__select!(@parse (Listed) [] $($arms)+) };
    ($($arms:tt)+) => { $crate::__select!(@parse (Random) [] $($arms)+) };
}

/// The arms are taken one at a time. The name `arm` of each comes from an expansion of its own, so all are different.
#[doc(hidden)]
#[macro_export]
macro_rules! __select {
    (@parse $order:tt [$($done:tt)*]) => { $crate::__select!(@wait $order [$($done)*]) };
    (@parse $order:tt [$($done:tt)*] default => $body:expr $(,)?) => {
        $crate::__select!(@now $order [$($done)*] $body)
    };
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => $body:block , $($rest:tt)*) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, $body)] $($rest)*)
    };
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => $body:block $($rest:tt)*) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, $body)] $($rest)*)
    };
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => $body:expr) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, $body)])
    };
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => $body:expr , $($rest:tt)*) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, $body)] $($rest)*)
    };

    (@wait ($order:ident) [$(($arm:ident, $pattern:pat, $event:expr, $body:expr))+]) => {{
        // The events are gone before any of the expressions runs, and with them what they borrow.
        let (stopped, $($arm,)+) = {
            $(let mut $arm = $crate::event::Slot::new($event);)+
            let stopped = $crate::event::select_blocking(&mut [$(&mut $arm),+], $crate::event::Order::$order);
            (stopped, $($arm.into_outcome(),)+)
        };
        match stopped {
            ::core::option::Option::Some(stopped) => ::core::result::Result::Err(stopped),
            ::core::option::Option::None => {
                ::core::result::Result::Ok($crate::__select!(@run $(($arm, $pattern, $body))+ {
                    ::core::unreachable!("a select ends with an event that has happened")
                }))
            }
        }
    }};
    (@now ($order:ident) [$(($arm:ident, $pattern:pat, $event:expr, $body:expr))*] $default:expr) => {{
        let ($($arm,)*) = {
            $(let mut $arm = $crate::event::Slot::new($event);)*
            $crate::event::select_now(&mut [$(&mut $arm),*], $crate::event::Order::$order);
            ($($arm.into_outcome(),)*)
        };
        $crate::__select!(@run $(($arm, $pattern, $body))* { $default })
    }};

    (@run $otherwise:block) => { $otherwise };
    (@run ($arm:ident, $pattern:pat, $body:expr) $($rest:tt)*) => {
        if let ::core::option::Option::Some(outcome) = $arm {
            let $pattern = outcome;
            $body
        } else {
            $crate::__select!(@run $($rest)*)
        }
    };
}

/// What a `select!` without `default` calls: waits until one arm has happened, or says what stopped it.
#[doc(hidden)]
pub fn select_blocking(arms: &mut [&mut dyn Arm], order: Order) -> Option<Stopped> {
    let mut arms = Several(arms);
    if attempt(&mut arms, order).is_some() {
        return None;
    }
    drive(&mut arms, order, Limits::default()).err()
}

/// What a `select!` with `default` calls: lets one arm happen, if one can.
#[doc(hidden)]
pub fn select_now(arms: &mut [&mut dyn Arm], order: Order) {
    attempt(&mut Several(arms), order);
}

/// A choice among events that yield the same type, as many as are known at run time.
///
/// Events of different types are brought to one with [`Event::map`]. A `Select` can be waited for again and again; an event
/// that can happen only once (a send) has no part in it any more after it has.
///
/// # Examples
/// ```
/// use reweave_core::cancel::Token;
/// use reweave_core::event::{Event, Select};
///
/// let tokens: Vec<Token> = (0..3).map(|_| Token::new()).collect();
/// let mut select = Select::new();
/// for token in &tokens {
///     select.add(token.cancelled().map(|cancelled| cancelled.reason));
/// }
/// tokens[2].cancel("the third");
/// let (index, reason) = select.wait().unwrap();
/// assert_eq!((index, reason.as_str()), (2, "the third"));
/// ```
pub struct Select<'a, T> {
    arms: Vec<Box<dyn ArmOf<T> + 'a>>,
    order: Order,
}

impl<'a, T> Select<'a, T> {
    /// A choice among no events yet, fair among those that are ready.
    pub fn new() -> Self {
        Self::with_order(Order::Random)
    }

    /// A choice among no events yet, which prefers the first added of those that are ready.
    pub fn biased() -> Self {
        Self::with_order(Order::Listed)
    }

    fn with_order(order: Order) -> Self {
        Self { arms: Vec::new(), order }
    }

    /// Adds an event; returns its index.
    pub fn add<E: Event<Output = T> + 'a>(&mut self, event: E) -> usize {
        self.arms.push(Box::new(Slot::new(event)));
        self.arms.len() - 1
    }

    /// Blocks until one event happens; returns its index and what it yielded.
    ///
    /// # Errors
    /// [`Stopped::Cancelled`], if the current token is cancelled.
    ///
    /// # Panics
    /// When there is no event in it: the wait would never end.
    pub fn wait(&mut self) -> Result<(usize, T), Stopped> {
        self.wait_within(Limits::default())
    }

    /// As [`wait`](Self::wait), but gives up at `deadline`.
    ///
    /// # Errors
    /// [`Stopped`], with what ended the wait.
    pub fn wait_deadline(&mut self, deadline: Instant) -> Result<(usize, T), Stopped> {
        self.wait_within(Limits::until(deadline))
    }

    fn wait_within(&mut self, limits: Limits) -> Result<(usize, T), Stopped> {
        assert!(!self.arms.is_empty() || limits.deadline.is_some(), "a select among no events never ends");
        let order = self.order;
        let index = drive(self, order, limits)?;
        Ok(self.taken(index))
    }

    /// Lets one event happen if one can, without waiting.
    pub fn attempt(&mut self) -> Option<(usize, T)> {
        let order = self.order;
        attempt(self, order).map(|index| self.taken(index))
    }

    /// A future of the choice: ready when one event has happened.
    pub fn wait_async(&mut self) -> Selecting<'_, 'a, T> {
        Selecting { select: self, suspended: Suspended::default() }
    }

    fn taken(&mut self, index: usize) -> (usize, T) {
        (index, self.arms[index].take().expect("the event at this index has happened"))
    }
}

impl<T> Default for Select<'_, T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for Select<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Select").field("events", &self.arms.len()).field("order", &self.order).finish()
    }
}

impl<T> Arms for Select<'_, T> {
    fn len(&self) -> usize {
        self.arms.len()
    }

    fn arm(&mut self, index: usize) -> &mut dyn Arm {
        &mut *self.arms[index]
    }
}

/// The future of [`Select::wait_async`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Selecting<'s, 'a, T> {
    select: &'s mut Select<'a, T>,
    suspended: Suspended,
}

impl<T> Future for Selecting<'_, '_, T> {
    type Output = Result<(usize, T), Stopped>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { select, suspended } = &mut *self;
        let order = select.order;
        suspended.poll(*select, order, cx).map_ok(|index| self.select.taken(index))
    }
}

impl<T> Drop for Selecting<'_, '_, T> {
    fn drop(&mut self) {
        self.suspended.abandon(self.select);
    }
}
