#![doc = include_str!("../../README.md")]

#[doc(inline)]
pub use reweave_core as core;
#[doc(inline)]
pub use reweave_sched as sched;
#[doc(inline)]
pub use reweave_stm as stm;

/// What most programs need, in one line: `use reweave::prelude::*;`.
///
/// ```
/// use reweave::prelude::*;
///
/// let counter = TVar::new(0);
/// atomically(|tx| counter.modify(tx, |n| n + 1));
/// assert_eq!(counter.load(), 1);
/// ```
pub mod prelude {
    pub use reweave_stm::{
        Engine, Snapshot, Stop, TVar, TransactionError, Tx, TxResult, abort, atomically, check, retry, snapshot,
        try_atomically,
    };
}
