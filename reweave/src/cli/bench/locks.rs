//! `reweave bench locks`: taken and released, alone and against others.

use reweave_benches::workload::Workload;
use reweave_benches::workload::locks::{ALL, SYSTEMS};

use super::Threads;
use super::suite::Suite;

/// The suite.
#[derive(Debug, Clone)]
pub enum Locks {}

impl Suite for Locks {
    const TITLE: &'static str = "locks: a critical section of one addition";

    const ABOUT: &'static str = "\
Workloads:
  lock  takes the lock, adds one, releases it

Systems:
  reweave      this project's lock
  parking_lot  parking_lot::Mutex
  std          std::sync::Mutex

How it is measured:
  With one thread nobody else is near; with several, all want the same lock, do
  nothing between two critical sections, and the figure is one thread's time for
  an operation. Threads are pinned to cores, runs interleaved and compared within
  their round. A run that let two threads in gets no figures.";

    type Threads = Threads;

    fn workloads() -> Vec<&'static dyn Workload> {
        ALL.iter().map(|workload| workload as &dyn Workload).collect()
    }

    fn systems() -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }
}
