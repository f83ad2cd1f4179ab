//! Workloads as a library, the systems they run on, and the report that comes out.
//!
//! A *workload* is written once against a small trait, and each *system* (this project's, the standard library's, other
//! people's) is one adapter that implements the trait. A *run* measures several systems on several workloads at
//! several numbers of threads, interleaved, and its result is a table of rows that is also the JSON form of every
//! benchmark here.
//!
//! | module | concept |
//! |---|---|
//! | [`workload`] | what is done: options, the timed loop, its check |
//! | [`systems`] | on what it is done: one adapter a file |
//! | [`run`] | the plan of a measurement, and the interleaving that keeps it fair |
//! | [`report`] | medians and spreads, and the JSON form |
//! | [`ping_pong`] | the round trip of a cache line, which says how near two cores are |
//! | [`machine`] | what the figures were measured on |
//!
//! To add a system to a workload: write its adapter in `systems/`, and a line in the workload's table of systems. To
//! add a workload: a trait and a file in `workload/`; interleaving, statistics, report and command come with
//! [`workload::Workload`].
//!
//! # Examples
//! ```
//! use reweave_benches::{run, workload::bank};
//!
//! let bank = bank::Options { accounts: 64, ..bank::Options::default() };
//! let plan = run::Plan { threads: vec![1], seconds: 0.002, runs: 1, ..run::Plan::of(&[&bank]) };
//! let report = run::run(&[&bank], &plan, &mut |_| ())?;
//! assert_eq!(report.rows.len(), bank::SYSTEMS.len());
//! println!("{}", report.to_json());
//! # Ok::<(), reweave_benches::Error>(())
//! ```

mod error;
pub mod machine;
pub mod ping_pong;
pub mod report;
pub mod run;
pub mod systems;
mod team;
pub mod workload;

pub use error::Error;
