//! Linearizability of the product's objects: each with a sequential model, in scenarios of two and three threads.
//!
//! A new object is a file here, with its `MODELS` listed by its component, and a test on real threads. How to declare one is
//! told in [`histories`](crate::histories).

pub mod mailbox;
pub mod stm;
pub mod trigger;
