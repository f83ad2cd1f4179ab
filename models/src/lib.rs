//! What proves reweave: the models of every component, and `cargo verify`, which runs them.
//!
//! | module | concept |
//! |---|---|
//! | [`models`] | the registry: every component and its models, one file a subject |
//! | [`model`] | what a model is: body, property, runs, cover points, seeded bugs |
//! | [`histories`] | linearizability: scenarios, how they are run, and the checker of their histories |
//! | [`config`] | how far a run explores, and what its passing means |
//! | [`runner`] | explores one model in this process; the one place that names loom and shuttle |
//! | [`report`] | what such a process tells the one that started it |
//! | [`arguments`] | errors in arguments, on one line |
#![cfg_attr(
    not(any(reweave_loom, reweave_shuttle)),
    doc = "| [`verify`] | `cargo verify`: builds, runs, judges, and prints the matrix |"
)]
//!
//! Two programs: `model` is built once per backend and explores a single model; `verify` is built plainly and runs the
//! other as often as the matrix has rows. `models/README.md` says how to write a model.

pub mod arguments;
pub mod config;
pub mod histories;
pub mod model;
pub mod models;
pub mod report;
pub mod runner;
#[cfg(not(any(reweave_loom, reweave_shuttle)))]
pub mod verify;

pub use config::{Backend, Completeness, Config};
pub use model::{Component, Model, Rule, Run, Seeded, Tier, Waiver};
pub use runner::cover;
