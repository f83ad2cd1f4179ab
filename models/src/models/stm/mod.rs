//! The transaction engine: its commit protocol, snapshots, waiting, alternatives and reclamation; and transactions
//! together with what stands beside them in `core`.
//!
//! Most models are the client of two threads and two variables, explored completely and without a bound, with two
//! transactions a thread wherever ties of clock or owner matter. Threads take part explicitly, so that enrolling adds no
//! steps; all but the reclamation models run on an engine that destroys nothing before its end, for the same reason.

mod alternatives;
mod commit;
mod fences;
mod mixed;
mod reclamation;
mod reserve;
mod snapshot;
mod together;
mod waiting;

use reweave_core::sync::{Arc, thread};
use reweave_stm::{Attempt, ContentionPolicy, Engine, Participant, Polite, TVar, Tx, TxResult};

use super::linearizability;
use crate::Model;

/// Why a complete exploration may be cut off.
const UNBOUNDED: &str = "not seen to end since repeated loads are explored, too";

/// The engine's models, file by file.
pub const MODELS: &[&[Model]] = &[
    commit::MODELS,
    fences::MODELS,
    snapshot::MODELS,
    waiting::MODELS,
    alternatives::MODELS,
    reclamation::MODELS,
    reserve::MODELS,
    mixed::MODELS,
    together::MODELS,
    linearizability::stm::MODELS,
];

/// An engine and two variables.
struct Pair {
    engine: Engine,
    x: TVar<i64>,
    y: TVar<i64>,
}

impl Pair {
    fn new(x: i64, y: i64) -> Arc<Self> {
        let engine = lasting_engine();
        let (x, y) = (TVar::new_in(&engine, x), TVar::new_in(&engine, y));
        Arc::new(Self { engine, x, y })
    }

    /// The same, with the clock's tick already used by an earlier commit to another variable: commits then only load
    /// the clock, which halves what there is to explore. That the first commit of a tick marks it is left to the models
    /// that start from a clean tick.
    fn new_at_used_tick(x: i64, y: i64) -> Arc<Self> {
        let pair = Self::new(x, y);
        TVar::new_in(&pair.engine, 0).store(1);
        pair
    }

    fn load(&self) -> (i64, i64) {
        (self.x.load(), self.y.load())
    }

    fn read(&self, tx: &mut Tx<'_>) -> TxResult<(i64, i64)> {
        Ok((self.x.read(tx)?, self.y.read(tx)?))
    }

    fn write(&self, tx: &mut Tx<'_>, value: i64) -> TxResult<()> {
        self.x.write(tx, value)?;
        self.y.write(tx, value)
    }
}

/// An engine whose reclamation is not under test.
pub(super) fn lasting_engine() -> Engine {
    engine_with(Polite::default())
}

/// The same, with a contention policy that is.
fn engine_with(policy: impl ContentionPolicy) -> Engine {
    #[cfg(any(reweave_loom, reweave_shuttle))]
    return Engine::keeping_everything(policy);
    #[cfg(not(any(reweave_loom, reweave_shuttle)))]
    Engine::with_policy(policy)
}

/// Runs `here` on this thread and `there` on another, each with a participation of its own; returns both results.
fn beside<A, B: Send + 'static>(
    engine: &Engine,
    here: impl FnOnce(&Participant) -> A,
    there: impl FnOnce(&Participant) -> B + Send + 'static,
) -> (A, B) {
    let (mine, theirs) = (engine.participate(), engine.participate());
    let other = thread::spawn(move || there(&theirs));
    let result = here(&mine);
    (result, other.join().unwrap())
}

/// Whether an attempt took effect.
fn committed<T>(attempt: &Attempt<T>) -> bool {
    matches!(attempt, Attempt::Committed(_))
}
