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
///
/// let (tx, rx) = channel::bounded(1);
/// tx.send("ping").unwrap();
/// let heard = select! {
///     message = rx.recv_event() => message.unwrap(),
///     _ = time::after(std::time::Duration::from_secs(60)) => "nothing in a minute",
/// };
/// assert_eq!(heard.unwrap(), "ping");
/// ```
pub mod prelude {
    pub use reweave_core::atom::Atom;
    pub use reweave_core::cancel::{self, Token};
    pub use reweave_core::channel::{self, Receiver, Sender};
    pub use reweave_core::lock::{Barrier, Latch, Lock, RwLock, Semaphore};
    pub use reweave_core::{select, time};
    pub use reweave_stm::{
        Engine, Snapshot, Stop, TVar, TransactionError, Tx, TxResult, abort, atomically, check, retry, snapshot,
        try_atomically,
    };
}
