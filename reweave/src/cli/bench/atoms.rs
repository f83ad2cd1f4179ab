//! `reweave bench atoms`: a shared value, read and replaced as a whole.

use reweave_benches::workload::Workload;
use reweave_benches::workload::atoms::{ALL, SYSTEMS};

use super::Threads;
use super::suite::Suite;

/// The suite.
#[derive(Debug, Clone)]
pub enum Atoms {}

impl Suite for Atoms {
    const TITLE: &'static str = "atoms: values of 8 bytes";

    const ABOUT: &'static str = "\
Workloads:
  atom-load  gets the value, and looks at it
  atom-swap  replaces the value by one computed from it

Systems:
  reweave   this project's atom
  arc-swap  the crate arc-swap: `load` and `rcu`
  mutex     a std::sync::Mutex around an Arc
  rwlock    a std::sync::RwLock around an Arc

How it is measured:
  The value lies behind an Arc, so that readers may keep what they loaded. With
  one thread nobody else is near; with several, all do the same to one atom, and
  the figure is one thread's time for an operation. Threads are pinned to cores,
  runs interleaved and compared within their round. A run that lost a swap gets
  no figures.";

    type Threads = Threads;

    fn workloads() -> Vec<&'static dyn Workload> {
        ALL.iter().map(|workload| workload as &dyn Workload).collect()
    }

    fn systems() -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }
}
