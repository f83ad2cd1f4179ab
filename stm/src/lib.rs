//! Software transactional memory with multiple versions.
//!
//! A [`TVar`] is a shared variable that is read and written inside transactions. [`atomically`] runs one: all of its
//! effects happen at one instant or not at all, and its body never sees a state that is not the result of whole
//! transactions (*opacity*), not even when it is about to be run again. [`snapshot`] reads any number of variables as of one
//! instant, without logs, validation or aborts, while writers go on.
//!
//! ```
//! use reweave_stm::{TVar, atomically, check, snapshot};
//!
//! let (checking, savings) = (TVar::new(100), TVar::new(0));
//! atomically(|tx| {
//!     let amount = 30;
//!     check(checking.read(tx)? >= amount)?; // waits until the account covers it
//!     checking.modify(tx, |balance| balance - amount)?;
//!     savings.modify(tx, |balance| balance + amount)
//! });
//! let total = snapshot(|s| s.read(&checking) + s.read(&savings));
//! assert_eq!((savings.load(), total), (30, 100));
//! ```
//!
//! # How it works
//!
//! Every variable has an *ownership record*: the clock tick and the owner of its last commit, and a lock bit. A transaction reads
//! optimistically and logs what it saw; it commits by locking what it writes, checking that what it read is unchanged, and
//! publishing with the current tick. The clock does not move with commits. It moves when somebody needs it to: a
//! reader that meets a variable committed during its own tick, or a snapshot, which wants an instant of its own. Only
//! what a snapshot may still need is kept as an older version. The protocol and its proof are in `papers/stm.md`.
//!
//! | file | concept |
//! |---|---|
//! | `clock` | the deferred clock |
//! | `orec` | the ownership record of a variable |
//! | `word` | values as machine words: in place or behind a pointer |
//! | `var` | the shared cell behind a [`TVar`] |
//! | `chunk` | where cells live, hot parts apart from cold ones |
//! | `history` | older versions and their pruning |
//! | `tidy` | looking after idle variables |
//! | `tidier` | the thread that does |
//! | `limbo` | what is unlinked and may still be looked at |
//! | `log` | read set, write set, savepoints |
//! | `reads` | the list behind the read set |
//! | `tx` | reading and writing in a transaction |
//! | `commit` | locking, validating, publishing |
//! | `contention` | what to do after a conflict |
//! | `reserve` | attempts that cannot meet one |
//! | `snapshot` | reading as of one instant |
//! | `waiters` | blocking until a variable changes |
//! | `participant` | what a thread brings to an engine |
//! | `registry` | the participants, and what they announce |
//! | `thread` | a thread's participations and its open transaction |
//! | `run` | the loop around a transaction |
//! | `engine` | the instance that all of this belongs to |

mod chunk;
mod clock;
mod commit;
mod contention;
mod engine;
mod error;
mod history;
mod limbo;
mod log;
mod orec;
mod participant;
mod reads;
mod registry;
mod reserve;
mod run;
mod snapshot;
mod spin;
mod stats;
mod thread;
mod tidier;
mod tidy;
mod tvar;
mod tx;
mod var;
mod waiters;
mod word;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use contention::{Conflict, ContentionPolicy, Greedy, Karma, MOST_ABORTS, Polite, Verdict};
pub use engine::{Engine, atomically, snapshot, stats, try_atomically};
pub use error::{Cause, Interrupt, Stop, TransactionError, TxError, TxResult, abort, check, retry};
pub use participant::Participant;
pub use run::Attempt;
pub use snapshot::Snapshot;
pub use stats::{Aborts, OldestSnapshot, Stats};
pub use tvar::TVar;
pub use tx::Tx;
