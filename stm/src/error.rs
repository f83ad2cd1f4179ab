//! How a transaction's body ends other than with a result.

use std::fmt;

use reweave_core::event::Stopped;

/// What an operation on a variable returns inside a transaction. Pass the error on with `?`.
pub type TxResult<T> = Result<T, Interrupt>;

/// Tells the engine that this attempt of the body is over: it met a conflict and will be run again, or it asked to
/// [`retry`]. Only the engine makes one; a body passes it on.
///
/// A conflict that a body swallows instead of passing it on does no harm: the attempt cannot commit any more, all of its
/// further operations fail, and whatever it returns is discarded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[must_use = "pass it on with `?`: the attempt is over"]
pub struct Interrupt(pub(crate) InterruptKind);

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum InterruptKind {
    Conflict,
    Retry,
}

impl fmt::Display for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            InterruptKind::Conflict => "the transaction met a conflict and will be run again",
            InterruptKind::Retry => "the transaction waits for a variable that it has read to change",
        })
    }
}

impl std::error::Error for Interrupt {}

/// Gives up this attempt and waits until a variable that it has read changes, then runs the body again
/// (Harris, Marlow, Peyton Jones, Herlihy: *Composable Memory Transactions*, PPoPP 2005).
///
/// In the first branch of [`Tx::or_else`](crate::Tx::or_else) it goes on to the second branch instead.
pub fn retry<T>() -> TxResult<T> {
    Err(Interrupt(InterruptKind::Retry))
}

/// Goes on if `condition` holds, otherwise [`retry`]s.
///
/// # Errors
/// When the condition does not hold; pass it on with `?`.
pub fn check(condition: bool) -> TxResult<()> {
    if condition { Ok(()) } else { retry() }
}

/// How the body of [`try_atomically`](crate::try_atomically) ends other than with a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Stop<E> {
    /// The engine's own reasons; comes out of operations on variables and is passed on with `?`.
    Interrupt(Interrupt),
    /// The body's own error: all of its effects are undone, and the error is the transaction's result.
    Abort(E),
}

impl<E> From<Interrupt> for Stop<E> {
    fn from(interrupt: Interrupt) -> Self {
        Stop::Interrupt(interrupt)
    }
}

/// Ends a transaction with the user's own error; to be passed on from the body of
/// [`try_atomically`](crate::try_atomically).
///
/// # Errors
/// Always: with [`Stop::Abort`] of `error`.
pub fn abort<T, E>(error: E) -> Result<T, Stop<E>> {
    Err(Stop::Abort(error))
}

/// What a body's error type must tell the engine: [`Interrupt`] and [`Stop`] are the two there are.
pub trait TxError: From<Interrupt> + sealed::Sealed {
    /// The interrupt that this error passes on, if it is one.
    fn interrupt(&self) -> Option<Interrupt>;
}

impl TxError for Interrupt {
    fn interrupt(&self) -> Option<Interrupt> {
        Some(*self)
    }
}

impl<E> TxError for Stop<E> {
    fn interrupt(&self) -> Option<Interrupt> {
        match self {
            Stop::Interrupt(interrupt) => Some(*interrupt),
            Stop::Abort(_) => None,
        }
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Interrupt {}
    impl<E> Sealed for super::Stop<E> {}
}

/// Why a transaction ended without a result.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransactionError<E> {
    /// The body aborted with this error. Nothing it did has happened.
    Aborted(E),
    /// The body asked to [`retry`] without having read any variable: nothing could ever wake it.
    NothingToWaitFor,
    /// The body asked to [`retry`], and while it waited the current cancellation token was cancelled. Nothing has happened.
    Stopped(Stopped),
}

/// The message of [`TransactionError::NothingToWaitFor`], also that of the panic where there is no error to return.
pub(crate) const NOTHING_TO_WAIT_FOR: &str = "a transaction that has read no TVar asked to retry: nothing could ever \
     wake it. Read what you wait for in the same transaction, before `retry`";

impl<E: fmt::Display> fmt::Display for TransactionError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TransactionError::Aborted(error) => write!(f, "the transaction aborted: {error}"),
            TransactionError::NothingToWaitFor => f.write_str(NOTHING_TO_WAIT_FOR),
            TransactionError::Stopped(stopped) => write!(f, "the transaction stopped waiting: {stopped}"),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> std::error::Error for TransactionError<E> {}

/// Why an attempt could not commit. The engine counts these: see [`Aborts`](crate::Aborts).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Cause {
    /// A read met a variable that another commit was replacing, and waiting a little did not help.
    ReadLocked,
    /// A read met a version younger than the attempt, and something it had read before had changed.
    ReadChanged,
    /// The commit found a variable that it writes locked by another.
    WriteLocked,
    /// The commit found that something it had read had changed.
    CommitChanged,
    /// The commit found a variable that it writes reserved by a transaction that had been aborted too often.
    Reserved,
}

impl Cause {
    /// Every cause, in the order of [`Aborts::iter`](crate::Aborts::iter).
    pub(crate) const ALL: [Cause; 5] =
        [Cause::ReadLocked, Cause::ReadChanged, Cause::WriteLocked, Cause::CommitChanged, Cause::Reserved];

    /// The name under which reports list it.
    pub fn name(self) -> &'static str {
        match self {
            Cause::ReadLocked => "read-locked",
            Cause::ReadChanged => "read-changed",
            Cause::WriteLocked => "write-locked",
            Cause::CommitChanged => "commit-changed",
            Cause::Reserved => "reserved",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
