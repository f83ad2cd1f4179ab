//! The wait-for graph: who waits for whom, and which of the waits are deadlocks.
//!
//! A [`Graph`] that is switched on knows every wait of the library that sleeps: the driver of [`event`](crate::event)
//! registers it just before its thread goes to sleep and takes it out just after. [`Graph::check`] finds the deadlocks
//! among them, [`Graph::watch`] does so at an interval, and either may [break](Break) one by failing a waiter that used
//! `acquire`. A graph that is off costs a wait one relaxed load, and a call that need not wait nothing.
//!
//! # What a deadlock is
//!
//! Each arm of a wait says who could end it ([`Enders`](crate::event::Enders)). Given a set of waiting agents, an arm
//! is *blocked by the set* if
//!
//! | enders | blocked by the set, if |
//! |---|---|
//! | `One(a)` | `a` is in it |
//! | `All(a, b, ..)` | one of them is in it |
//! | `Any(a, b, ..)` | there are some, and all are in it |
//! | `Unknown`, `Open` | never |
//!
//! A set is *stuck* if each of its members waits with all its arms blocked by the set. The union of stuck sets is
//! stuck, so there is a greatest one; it is found by taking out whoever is not blocked until nobody is left to take
//! out. Of the strongly connected components of what remains (Tarjan), those that are stuck by themselves are the
//! **deadlocks** (one that is not is searched again, without those that lean on others): a *cycle* where every member
//! waits for one owner, a *knot* otherwise. Whoever is stuck in no such component waits *behind* a deadlock. An arm
//! with unknown enders is named in the report as an incomplete edge and keeps its agent out of every deadlock.
//!
//! # No false report
//!
//! A graph that is read while it changes shows cycles that never were: an edge that was true yesterday beside one that
//! is true today. Here the edges are not stored. They are asked for ([`Source::awaits`](crate::event::Source)) during
//! the check, and what they rest on cannot change during it:
//!
//! 1. *Frozen.* A wait is registered and taken out under the graph's lock, and a check holds that lock from beginning
//!    to end. So an agent whose wait is registered does nothing during the check: it releases nothing that it holds.
//!    (Guards stay with the agent that acquired: they are not `Send`. Those that are have no known owner.)
//! 2. *Visible.* What an agent acquired or released before its wait happened before its registration, and by the lock
//!    before the check. An answer that names a registered agent as the owner is therefore true throughout the check.
//! 3. *Undecided.* A wait whose trigger is signalled (it was given what it waits for, was cancelled, timed out) has its
//!    way out, and is left out. This is looked at after the edges were read.
//!
//! All edges of a reported set thus hold at one and the same moment, the end of the check, and nobody but its members
//! could remove one of them. Only a cancellation, a deadline or a [`Break`] still ends such a wait; the report says
//! which members have a deadline. A wait that fell asleep before the graph was switched on is not seen; its agent
//! counts as running.
//!
//! # What the program declares
//!
//! Who could send, count down or commit is for the program to say, and a report with such a wait is as true as that:
//!
//! | declaration | says |
//! |---|---|
//! | [`Held`], by `hold` of a sender, a receiver or a promise | while it is held, its holder alone uses this handle |
//! | [`ended_by`] | nobody but these ends the waits of this scope: latches, barriers, `retry` and the like |
//! | [`join`] | this call waits for the end of that agent |
//!
//! A wait on a channel is known once all handles of the channel are held, on both sides: whatever ends it is done
//! through one of them. As long as one is not held, the report says how many are.
//!
//! # Breaking
//!
//! The victim is the youngest wait of the deadlock that can be broken. The report is put beside its entry first; then
//! its trigger is signalled. A source, the deadline or the cancellation may win that trigger instead: then the wait
//! ends as they say and nothing was broken. There is one outcome.
//!
//! A future that is suspended is not registered: its task may be waiting for other things at the same time, which
//! nobody here knows. `papers/waitfor.md` says what a scheduler would have to give.
//!
//! The models of waiting (AND, OR, both) and what their deadlocks are: Knapp, *Deadlock detection in distributed
//! databases* (1987). The components: Tarjan, *Depth-first search and linear graph algorithms* (1972). The proof is in
//! `papers/waitfor.md`.

mod analysis;
mod declared;
mod entries;
mod graph;
mod held;
mod join;
mod report;
mod watch;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod declared_tests;
#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use declared::{Declared, ended_by};
pub use graph::{Break, Graph};
pub(crate) use graph::{recording, watching};
pub(crate) use held::Notes;
pub use held::{Handle, Held};
pub use join::join;
pub use report::{Blocked, Deadlock, Report};
pub use watch::Watch;
