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
/// once, in order, before the wait. An arm is switched off by an event that is `None` (`ready.then(|| rx.recv_event())`). Exactly one event happens; the others have not, and have left nothing behind. Its pattern
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
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => { $($body:tt)* } , $($rest:tt)*) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, { $($body)* })] $($rest)*)
    };
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => { $($body:tt)* } $($rest:tt)*) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, { $($body)* })] $($rest)*)
    };
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => $body:expr) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, $body)])
    };
    (@parse $order:tt [$($done:tt)*] $pattern:pat = $event:expr => $body:expr , $($rest:tt)*) => {
        $crate::__select!(@parse $order [$($done)* (arm, $pattern, $event, $body)] $($rest)*)
    };

    // The match on nothing is there to carry the attribute: all expressions may diverge. The events, and what they borrow, are gone
    // before any of the expressions runs: they live in the scrutinee of the inner match, as temporaries in them do. What happened
    // is `Ok` at the depth of its arm, and `Err` down to there.
    (@wait ($order:ident) [$(($arm:ident, $pattern:pat, $event:expr, $body:expr))+]) => {
        match () {
            #[allow(unreachable_code)]
            () => {
                let happened = match ($($crate::event::Slot::new($event),)+) {
                    ($(mut $arm,)+) => {
                        let stopped =
                            $crate::event::select_blocking(&mut [$(&mut $arm),+], $crate::event::Order::$order);
                        $crate::__select!(@pick stopped $($arm)+)
                    }
                };
                $crate::__select!(@run_stoppable happened $(($pattern, $body))+)
            }
        }
    };
    (@now ($order:ident) [$(($arm:ident, $pattern:pat, $event:expr, $body:expr))*] $default:expr) => {
        match () {
            #[allow(unreachable_code)]
            () => {
                let happened = match ($($crate::event::Slot::new($event),)*) {
                    ($(mut $arm,)*) => {
                        $crate::event::select_now(&mut [$(&mut $arm),*], $crate::event::Order::$order);
                        $crate::__select!(@pick () $($arm)*)
                    }
                };
                $crate::__select!(@run happened $default; $(($pattern, $body))*)
            }
        }
    };

    (@pick $otherwise:tt) => { $otherwise };
    (@pick $otherwise:tt $arm:ident $($rest:ident)*) => {
        match $arm.into_outcome() {
            ::core::option::Option::Some(outcome) => ::core::result::Result::Ok(outcome),
            ::core::option::Option::None => ::core::result::Result::Err($crate::__select!(@pick $otherwise $($rest)*)),
        }
    };

    (@run_stoppable $happened:ident) => {
        ::core::result::Result::Err($happened.expect("a select ends with an event or with what stopped it"))
    };
    (@run_stoppable $happened:ident ($pattern:pat, $body:expr) $($rest:tt)*) => {
        match $happened {
            ::core::result::Result::Ok(outcome) => {
                let $pattern = outcome;
                ::core::result::Result::Ok($body)
            }
            ::core::result::Result::Err(later) => $crate::__select!(@run_stoppable later $($rest)*),
        }
    };

    (@run $happened:ident $default:expr;) => {{
        let () = $happened;
        $default
    }};
    (@run $happened:ident $default:expr; ($pattern:pat, $body:expr) $($rest:tt)*) => {
        match $happened {
            ::core::result::Result::Ok(outcome) => {
                let $pattern = outcome;
                $body
            }
            ::core::result::Result::Err(later) => $crate::__select!(@run later $default; $($rest)*),
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
    arms: ArmList<'a, T>,
    order: Order,
    /// Of a wait by a task, which may have been forgotten halfway.
    suspended: Suspended,
}

struct ArmList<'a, T>(Vec<Box<dyn ArmOf<T> + 'a>>);

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
        Self { arms: ArmList(Vec::new()), order, suspended: Suspended::default() }
    }

    /// Adds an event; returns its index.
    pub fn add<E: Event<Output = T> + 'a>(&mut self, event: E) -> usize {
        self.suspended.abandon(&mut self.arms);
        self.arms.0.push(Box::new(Slot::new(event)));
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
        assert!(self.arms.len() > 0 || limits.deadline.is_some(), "a select among no events never ends");
        if let Some(happened) = self.attempt() {
            return Ok(happened);
        }
        let index = drive(&mut self.arms, self.order, limits)?;
        Ok(self.taken(index))
    }

    /// Lets one event happen if one can, without waiting.
    pub fn attempt(&mut self) -> Option<(usize, T)> {
        self.suspended.abandon(&mut self.arms);
        attempt(&mut self.arms, self.order).map(|index| self.taken(index))
    }

    /// A future of the choice: ready when one event has happened.
    pub fn wait_async(&mut self) -> Selecting<'_, 'a, T> {
        self.suspended.abandon(&mut self.arms);
        Selecting(self)
    }

    fn taken(&mut self, index: usize) -> (usize, T) {
        (index, self.arms.0[index].take().expect("the event at this index has happened"))
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

impl<T> Arms for ArmList<'_, T> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn arm(&mut self, index: usize) -> &mut dyn Arm {
        &mut *self.0[index]
    }
}

/// The future of [`Select::wait_async`].
#[derive(Debug)]
#[must_use = "a future does nothing until it is polled"]
pub struct Selecting<'s, 'a, T>(&'s mut Select<'a, T>);

impl<T> Future for Selecting<'_, '_, T> {
    type Output = Result<(usize, T), Stopped>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Select { arms, order, suspended } = &mut *self.0;
        suspended.poll(arms, *order, cx).map_ok(|index| self.0.taken(index))
    }
}

impl<T> Drop for Selecting<'_, '_, T> {
    fn drop(&mut self) {
        self.0.suspended.abandon(&mut self.0.arms);
    }
}
