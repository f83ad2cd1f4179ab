//! Linearizability: whatever the threads did, the object behaved as if it did one operation at a time.
//!
//! In the manner of Lincheck (Koval, Fedorov, Sokolova, Tsitelov and Alistarh, CAV 2023): an object is declared with
//! its operations and a sequential model; from that come scenarios of two or three threads, which run under shuttle,
//! under loom and on real threads; every history is checked against the model, and one that no order of the operations
//! explains is shown as a table.
//!
//! # What to write
//! A [`Sequential`] model, which says what operations do one at a time, and a [`Subject`], which performs them on the
//! object.
//!
//! ```
//! use reweave_core::sync::atomic::{AtomicU64, Ordering};
//! use reweave_models::histories::{Mix, Outcome, Place, Plan, Sequential, Subject, stress};
//!
//! #[derive(Clone, PartialEq, Eq, Hash, Debug)]
//! struct Count(u64);
//!
//! #[derive(Clone, Debug)]
//! enum Op { Add(u64), Read }
//!
//! impl Sequential for Count {
//!     type Op = Op;
//!     type Ret = u64;
//!     fn apply(&mut self, op: &Op) -> Outcome<Self> {
//!         if let Op::Add(amount) = op {
//!             self.0 += amount;
//!         }
//!         Outcome::Returns(self.0)
//!     }
//! }
//!
//! struct Counter(AtomicU64);
//!
//! impl Subject for Counter {
//!     type Model = Count;
//!     const NAME: &'static str = "the counter";
//!     fn fresh() -> Self { Self(AtomicU64::new(0)) }
//!     fn model() -> Count { Count(0) }
//!     fn operations(_: Place) -> Mix<Op> {
//!         Mix::new().with(2, |random| Op::Add(random.between(1, 3) as u64)).with(1, |_| Op::Read)
//!     }
//!     fn perform(&self, _thread: usize, op: &Op) -> u64 {
//!         match op {
//!             Op::Add(amount) => self.0.fetch_add(*amount, Ordering::AcqRel) + amount,
//!             Op::Read => self.0.load(Ordering::Acquire),
//!         }
//!     }
//! }
//!
//! let tally = stress::<Counter>(&Plan::new(1).scenarios(3).repetitions(20)).unwrap();
//! assert_eq!(tally.histories, 60);
//! ```
//!
//! Had the addition been a load and a store, the failure would have said (the first line is the object's name):
//!
//! ```text
//! the history of the counter is not linearizable
//!       thread 1       thread 2
//! ───────────────────────────────────────────────────────────────
//!  1   ┌ Add(2)
//!  2   │              ┌ Add(1)
//!  3   └ 2            │
//!  4                  └ 1        <- no order explains this
//! The longest order found that explains results:
//!   1. thread 1: Add(2) -> 2
//! The model is then in the state Count(2), and would have allowed next:
//!   thread 2: Add(1) -> 3; it returned 1
//! ```
//!
//! An operation spans the rows from `┌` to `└`. The table shows the smallest scenario that failed in the same way, and
//! ends with the seed to run it again.
//!
//! # How to run it
//! | where | how | the order that is checked |
//! |---|---|---|
//! | real threads | [`stress`] in a test | real time |
//! | shuttle | [`explore`] in the body of a [`Model`](crate::Model), with a fixed list of seeds | real time |
//! | loom | [`explore_one`] in the body of a `Model`, two small threads | [program order](Order::Program) |
//!
//! ```
//! # use reweave_models::histories::{Mix, Outcome, Place, Sequential, Subject};
//! # #[derive(Clone, PartialEq, Eq, Hash, Debug)]
//! # struct Count(u64);
//! # impl Sequential for Count {
//! #     type Op = ();
//! #     type Ret = u64;
//! #     fn apply(&mut self, _: &()) -> Outcome<Self> { Outcome::Returns(0) }
//! # }
//! # struct Counter;
//! # impl Subject for Counter {
//! #     type Model = Count;
//! #     const NAME: &'static str = "the counter";
//! #     fn fresh() -> Self { Self }
//! #     fn model() -> Count { Count(0) }
//! #     fn operations(_: Place) -> Mix<()> { Mix::new().with(1, |_| ()) }
//! #     fn perform(&self, _: usize, _: &()) -> u64 { 0 }
//! # }
//! use reweave_models::histories::{Shape, explore};
//! use reweave_models::{Model, Run, Seeded};
//!
//! pub const MODELS: &[Model] = &[Model {
//!     name: "linearizable",
//!     property: "additions and reads of a counter are linearizable",
//!     runs: &[Run::shuttle_random(2_000), Run::shuttle_pct(3, 2_000)],
//!     covers: &["operations overlapped"],
//!     seeded: &[Seeded {
//!         bug: "counter/load-then-store",
//!         run: Run::shuttle_random(2_000),
//!         expect: "is not linearizable",
//!     }],
//!     body: || explore::<Counter>(&Shape::usual(), &[1, 2, 3, 4]),
//! }];
//! # assert_eq!(MODELS.len(), 1);
//! ```
//!
//! # Operations that wait
//! The model says so: [`Outcome::Blocks`]. Scenarios are then generated so that they end in every order, and a lost
//! wake-up is a deadlock under the checkers and [`Kind::Stuck`] on real threads. A subject that has an [`Ending`] gets
//! any scenario; those that may stick are ended, by an operation that is part of the model (closing the channel), or by
//! a hook, behind which results do not count. Operations that can only be performed together, such as a rendezvous, are
//! a [`meet`](Sequential::meet) of the model.
//!
//! # Objects that promise less
//! The model promises less: a channel that is first in, first out for each sender alone keeps a queue a sender, and its
//! receive is [`Outcome::OneOf`] their heads; an attempt that may fail for no reason lists the failure beside the
//! success; an operation that may take effect later is two operations. Which thread performs an operation is no
//! argument of the model: where it matters the operation says it, and [`Subject::operations`] knows the thread.
//!
//! # Transactions
//! A transaction is one operation, whatever it reads and writes: linearizability of such operations is strict
//! serializability of the committed transactions. What a transaction sees that never commits is not in the history.
//!
//! | file | concept |
//! |---|---|
//! | `sequential` | the model of an object |
//! | `subject` | the object under test |
//! | `random` | choices from a seed |
//! | `scenario` | which thread performs what, and whether that ends |
//! | `history` | what was performed, and which came before which |
//! | `check` | the search for an order |
//! | `explain` | failures as tables |
//! | `shrink` | smaller scenarios |
//! | `modelled` | under loom and shuttle |
//! | `stress` | on real threads |
//! | `plan` | how much of that |

mod check;
mod explain;
mod history;
#[cfg(any(reweave_loom, reweave_shuttle))]
mod modelled;
#[cfg(not(any(reweave_loom, reweave_shuttle)))]
mod plan;
mod random;
mod scenario;
mod sequential;
mod shrink;
#[cfg(not(any(reweave_loom, reweave_shuttle)))]
mod stress;
mod subject;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use check::{BUDGET, Verdict, Violation, check};
pub use explain::{Failure, Kind};
pub use history::{History, MOST_OPERATIONS, Operation, Order};
#[cfg(any(reweave_loom, reweave_shuttle))]
pub use modelled::{explore, explore_one};
#[cfg(not(any(reweave_loom, reweave_shuttle)))]
pub use plan::{Plan, Tally};
pub use random::Random;
pub use scenario::{Scenario, Shape, may_stick};
pub use sequential::{Outcome, Sequential};
pub use shrink::shrink;
#[cfg(not(any(reweave_loom, reweave_shuttle)))]
pub use stress::{explore, explore_one, stress, stress_one};
pub use subject::{Ending, Mix, Op, Place, Ret, Subject};
