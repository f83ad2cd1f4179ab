//! Memory reclamation: the one door to crossbeam-epoch.
//!
//! A [`Domain`] keeps memory alive for those who may still look at it. A thread registers once ([`Handle`]), pins itself
//! while it follows shared pointers ([`Guard`]), and retires what it has unlinked ([`Guard::retire`]). What is retired
//! *expires* when every guard that was alive at that moment is gone, and is destroyed some time after.
//!
//! # Destruction is a step of its own
//!
//! Epoch schemes run deferred destructors whenever a thread happens to pin, which for a transaction engine is the very
//! moment at which no user code may run: a destructor that opens a transaction would find itself inside another one.
//! Here expiry only moves a retired object to a list of the thread that noticed it, and [`reap`] destroys the list. Who owns
//! a safe place (no transaction open, no lock held, not pinned) calls `reap` there.
//!
//! # Contract
//!
//! 1. An object retired under a guard is not destroyed while any guard that was alive at the retirement still is.
//! 2. It is destroyed exactly once: by `reap`, at the exit of the thread on whose list it is, or after the domain is gone.
//! 3. Destructors run only there: never inside `pin`, `retire`, or the drop of a guard or handle. One that panics is contained.
//!
//! Under loom the default domain is crossbeam-epoch built on loom's atomics; `Domain::deferring` is a stand-in for
//! models of what is above, which destroys nothing before the domain itself ends and adds no step to the exploration.

mod domain;
mod expired;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

pub use domain::{Domain, Guard, Handle};
pub use expired::{Garbage, expire, make_list, reap};
pub(crate) use expired::{contain, contain_unless_modelled};
