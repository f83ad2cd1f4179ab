//! `reweave bench stm`: transactions beside locks, other transactional memories and plain atomics.

use reweave_benches::workload::Workload;
use reweave_benches::workload::stm::{ALL, SYSTEMS};

use super::Threads;
use super::suite::Suite;

/// The suite.
#[derive(Debug, Clone)]
pub enum Stm {}

impl Suite for Stm {
    const TITLE: &'static str = "stm: variables of 8 bytes";

    const ABOUT: &'static str = "\
Workloads:
  empty             a transaction that does nothing
  read1             one that reads a variable
  counter           one variable, counted up by all threads
  transfer          two of 1,000 accounts, each on cache lines of its own
  transfer-packed   the same, accounts side by side
  disjoint          transfers within 16 accounts that are the thread's own
  contended         transfers among 16 accounts, few of which get most of them
  bank-audit10      transfers, and 10 % audits of all 1,000 accounts
  audit             a read of 1,000 variables that are summed at one moment
  scan              the same while the other thread changes them
  scan-updates      what that costs the other thread, for a change
  updates           the same changes, while nobody reads
  long-read         an audit of 1,000 accounts while the other thread transfers
  long-read-writes  what that costs the other thread, for a transfer
  hash16k-u0        look-ups in a hash table of 16,384 numbers
  hash16k-u10       with 10 % insertions and removals
  hash16k-u50       with 50 %
  list256-u0        look-ups in a sorted list of 256 numbers
  list256-u10       with 10 % insertions and removals
  list256-u50       with 50 %
  rbtree32k-u0      look-ups in a red-black tree of 32,768 numbers
  rbtree32k-u10     with 10 % insertions and removals
  rbtree32k-u50     with 50 %
  skip32k-u0        look-ups in a skip list of 32,768 numbers
  skip32k-u10       with 10 % insertions and removals
  skip32k-u50       with 50 %

Systems:
  reweave   this project's STM: long reads are snapshots, all else is transactions
  mutex     one std::sync::Mutex around everything
  rwlock    one std::sync::RwLock around everything; whoever only reads shares it
  2pl       two-phase locking: a parking_lot mutex for each variable, taken in order
  stm       the crate stm
  fast-stm  the crate fast-stm
  atomics   relaxed atomics without any transaction: the yardstick

How it is measured:
  Threads are pinned to cores, runs interleaved and compared within their round.
  The sets are written once: transactional memories and locks run the same code,
  the locks over plain cells. audit and updates run with one thread; scan and
  long-read with two, of which one reads and one writes. With several threads a
  cache line is played to and fro between two cores before and after each run:
  the column `cores` says how near they were, and what was near is not compared
  with what was far. A run whose sums, sizes or orders are wrong gets no figures.";

    type Threads = Threads;

    fn workloads() -> Vec<&'static dyn Workload> {
        ALL.iter().map(|workload| workload as &dyn Workload).collect()
    }

    fn systems() -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }
}
