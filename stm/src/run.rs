//! The loop around a transaction: attempt, and attempt again, until one commits.

use reweave_core::event::Limits;
use reweave_core::sync::thread;

use crate::contention::Conflicts;
use crate::error::{Cause, Interrupt, NOTHING_TO_WAIT_FOR, Stop, TransactionError, TxError, TxResult};
use crate::participant::{Busy, Participant};
use crate::reserve::Turn;
use crate::snapshot::Snapshot;
use crate::thread::Open;
use crate::tx::{Conclusion, Tx};

/// What became of one attempt of a transaction: see [`Engine::attempt`](crate::Engine::attempt).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Attempt<T> {
    /// It took effect.
    Committed(T),
    /// It met a conflict, and nothing happened.
    Conflict(Cause),
    /// The body asked to retry, and nothing happened.
    Retry,
}

/// An attempt that did not commit: what became of it, and what its body returned, to be dropped where its destructor may do
/// anything.
struct Ended<'p, T, E> {
    conclusion: Conclusion<'p>,
    result: Result<T, E>,
    busy: Busy<'p>,
}

/// What an attempt has that is not the first.
struct Again<'p> {
    /// If it is to reserve what it reads.
    turn: Option<Turn<'p>>,
    /// Until it has begun: from then on the participation is in use anyway.
    _busy: Busy<'p>,
}

impl Participant {
    /// Runs `body` as one atomic transaction: see [`Engine::atomically`](crate::Engine::atomically).
    pub fn atomically<T>(&self, body: impl FnMut(&mut Tx<'_>) -> TxResult<T>) -> T {
        match self.run(body, Limits::unstoppable) {
            Ok(value) => value,
            Err(TransactionError::NothingToWaitFor) => panic!("{NOTHING_TO_WAIT_FOR}"),
            Err(TransactionError::Stopped(_)) => unreachable!("nothing but its event ends an unstoppable wait"),
            Err(TransactionError::Aborted(Interrupt(_))) => never_a_result(),
        }
    }

    /// Runs `body` as one atomic transaction that may abort with an error: see
    /// [`Engine::try_atomically`](crate::Engine::try_atomically).
    ///
    /// # Errors
    /// As there.
    pub fn try_atomically<T, E>(
        &self,
        body: impl FnMut(&mut Tx<'_>) -> Result<T, Stop<E>>,
    ) -> Result<T, TransactionError<E>> {
        self.run(body, Limits::default).map_err(|error| match error {
            TransactionError::Aborted(Stop::Abort(error)) => TransactionError::Aborted(error),
            TransactionError::Aborted(Stop::Interrupt(_)) => never_a_result(),
            TransactionError::NothingToWaitFor => TransactionError::NothingToWaitFor,
            TransactionError::Stopped(stopped) => TransactionError::Stopped(stopped),
        })
    }

    /// Runs one attempt of `body`: see [`Engine::attempt`](crate::Engine::attempt).
    pub fn attempt<T>(&self, body: impl FnOnce(&mut Tx<'_>) -> TxResult<T>) -> Attempt<T> {
        match self.run_once(body, false, None) {
            Ok(value) => Attempt::Committed(value),
            Err(Ended { conclusion: Conclusion::Conflict(cause, _), .. }) => {
                self.slot.counters.abort(cause);
                Attempt::Conflict(cause)
            }
            Err(_) => Attempt::Retry,
        }
    }

    /// Reads any number of variables as of one instant: see [`Engine::snapshot`](crate::Engine::snapshot).
    pub fn snapshot<R>(&self, body: impl FnOnce(&Snapshot<'_>) -> R) -> R {
        let open = Open::enter();
        let result = body(&Snapshot::begin(self));
        drop(open);
        result
    }

    /// The loop. It calls the body in one place, so that the compiler has a reason to make it part of the loop.
    #[inline]
    fn run<T, E: TxError>(
        &self,
        mut body: impl FnMut(&mut Tx<'_>) -> Result<T, E>,
        limits: fn() -> Limits,
    ) -> Result<T, TransactionError<E>> {
        let mut conflicts = None;
        let mut again = None;
        loop {
            match self.run_once(&mut body, true, again) {
                Ok(value) => return Ok(value),
                Err(ended) => again = Some(self.before_another(ended, &mut conflicts, limits)?),
            }
        }
    }

    /// What is to be done after an attempt that did not commit, and before the next; or why there is none.
    #[cold]
    #[inline(never)]
    fn before_another<'p, T, E: TxError>(
        &'p self,
        Ended { conclusion, result, busy }: Ended<'p, T, E>,
        conflicts: &mut Option<Conflicts>,
        limits: fn() -> Limits,
    ) -> Result<Again<'p>, TransactionError<E>> {
        let mut turn = None;
        match conclusion {
            Conclusion::Aborted => match result {
                Err(error) => return Err(TransactionError::Aborted(error)),
                Ok(_) => unreachable!("only an error of the body's own aborts"),
            },
            Conclusion::NothingToWaitFor => return Err(TransactionError::NothingToWaitFor),
            Conclusion::Retry(enlisted) => {
                drop(result);
                if let Some(waiting) = enlisted {
                    self.slot.counters.waits.bump();
                    waiting.wait(limits()).map_err(TransactionError::Stopped)?;
                }
            }
            Conclusion::Conflict(cause, work) => {
                // The discarded result is the user's: it is dropped here, where its destructor may do anything.
                drop(result);
                self.slot.counters.abort(cause);
                let conflicts = conflicts.get_or_insert_with(|| Conflicts::new(self.seed()));
                if conflicts.give_way(cause, work, self.engine().policy()) {
                    turn = self.engine().turns.take();
                    if turn.is_none() {
                        // This is a transaction of a hook of one that stands in line itself.
                        thread::yield_now();
                    }
                }
            }
        }
        Ok(Again { turn, _busy: busy })
    }

    /// One attempt: its value if it committed, otherwise what became of it. Whatever the body returned is handed back, to be
    /// dropped outside.
    #[inline(always)]
    fn run_once<T, E: TxError>(
        &self,
        body: impl FnOnce(&mut Tx<'_>) -> Result<T, E>,
        enlist: bool,
        again: Option<Again<'_>>,
    ) -> Result<T, Ended<'_, T, E>> {
        let open = Open::enter();
        // Behind `open`, whose end runs user code: the turn is the next one's by then.
        let turn = again.and_then(|again| again.turn);
        let mut tx = match &turn {
            None => Tx::begin(self, &open),
            Some(turn) => Tx::begin_reserving(self, &open, turn),
        };
        let result = body(&mut tx);
        let conclusion = match &result {
            Ok(_) if tx.commit() => {
                tx.end_committed();
                drop(turn);
                // Destructors run here, and may end this participation: nothing below uses it.
                drop(open);
                return result.map_err(|_| unreachable!("it is a value"));
            }
            other => tx.conclude(other.as_ref().err(), enlist),
        };
        drop(tx);
        let busy = self.stay_busy();
        drop(turn);
        drop(open);
        Err(Ended { conclusion, result, busy })
    }
}

fn never_a_result() -> ! {
    unreachable!("an interrupt is the engine's own and never the result of a transaction")
}
