//! Transactions: what the engine is measured by, beside locks, other transactional memories, and plain atomics.
//!
//! | workloads | what is done | where |
//! |---|---|---|
//! | `empty` | a transaction that does nothing; under a lock, taking and releasing it | here |
//! | `counter`, `read1`, `audit`, `scan` | numbers that are counted up, read and summed | [`counters`] |
//! | `transfer`, `transfer-packed`, `bank-audit10`, `contended` | the [`bank`] with given options | there |
//! | `disjoint`, `long-read` | transfers that stay apart; a long read against short writes | [`accounts`] |
//! | `hash16k`, `list256`, `rbtree32k`, `skip32k`, each with 0, 10 and 50 % updates | sets of integers | [`sets`] |
//!
//! What they have in common is [`memory`]: a transactional memory in three small traits.
//!
//! A system is absent where it has nothing sensible to offer: two-phase locking of a tree, whose locks cannot be known
//! beforehand, and transactions of plain atomics.

use std::fmt;
use std::hint::black_box;

use reweave_core::sync::Arc;
use serde_json::{Map, Value, json};

use super::repeat::{self, Pace};
use super::{Figure, Sample, Trial, Workload, bank};
use crate::Error;
use crate::run::unknown_system;
use crate::systems::locked::Locked;
use crate::systems::place::{Packed, Padded};
use crate::systems::{atomics, fast_stm, mutex, reweave, rwlock, stm, two_phase};

use self::accounts::Affair;
use self::counters::{Cells, Counting};
use self::memory::Memory;
use self::sets::Shape;

pub mod accounts;
pub mod counters;
pub mod memory;
pub mod sets;

/// One of the workloads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stm {
    name: &'static str,
    work: Work,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Work {
    Empty,
    Counters(Counting),
    Bank(Bank),
    Accounts(Affair),
    /// The share of updates in percent.
    Set(Shape, u32),
}

/// What differs between the workloads that are banks.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Bank {
    accounts: usize,
    layout: bank::Layout,
    audit_percent: u32,
    skew: f64,
}

impl Bank {
    const TRANSFER: Self = Self { accounts: 1_000, layout: bank::Layout::Padded, audit_percent: 0, skew: 0.0 };

    fn options(self) -> bank::Options {
        let Self { accounts, layout, audit_percent, skew } = self;
        bank::Options { accounts, layout, audit_percent, skew }
    }
}

/// All workloads, in the order of tables.
pub static ALL: [Stm; 26] = {
    use Work::{Accounts, Counters, Empty, Set};
    const fn stm(name: &'static str, work: Work) -> Stm {
        Stm { name, work }
    }
    [
        stm("empty", Empty),
        stm("read1", Counters(Counting::Read)),
        stm("counter", Counters(Counting::Add)),
        stm("transfer", Work::Bank(Bank::TRANSFER)),
        stm("transfer-packed", Work::Bank(Bank { layout: bank::Layout::Packed, ..Bank::TRANSFER })),
        stm("disjoint", Accounts(Affair::Disjoint)),
        stm("contended", Work::Bank(Bank { accounts: 16, skew: 0.99, ..Bank::TRANSFER })),
        stm("bank-audit10", Work::Bank(Bank { audit_percent: 10, ..Bank::TRANSFER })),
        stm("audit", Counters(Counting::Audit)),
        stm("scan", Counters(Counting::Scan)),
        stm("scan-updates", Counters(Counting::ScanUpdates)),
        stm("updates", Counters(Counting::Updates)),
        stm("long-read", Accounts(Affair::LongRead)),
        stm("long-read-writes", Accounts(Affair::LongReadWrites)),
        stm("hash16k-u0", Set(Shape::Hash, 0)),
        stm("hash16k-u10", Set(Shape::Hash, 10)),
        stm("hash16k-u50", Set(Shape::Hash, 50)),
        stm("list256-u0", Set(Shape::List, 0)),
        stm("list256-u10", Set(Shape::List, 10)),
        stm("list256-u50", Set(Shape::List, 50)),
        stm("rbtree32k-u0", Set(Shape::Tree, 0)),
        stm("rbtree32k-u10", Set(Shape::Tree, 10)),
        stm("rbtree32k-u50", Set(Shape::Tree, 50)),
        stm("skip32k-u0", Set(Shape::Skip, 0)),
        stm("skip32k-u10", Set(Shape::Skip, 10)),
        stm("skip32k-u50", Set(Shape::Skip, 50)),
    ]
};

type Timed<Of> = fn(Of, &'static str, &Trial) -> Result<Sample, Error>;

/// What runs on a transactional memory only.
struct OfMemory {
    empty: Timed<()>,
    /// The share of updates in percent.
    sets: Timed<(Shape, u32)>,
}

/// A system that transactions run on.
pub struct System {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    counters: Timed<Counting>,
    /// Also says that it is one of the bank's systems.
    accounts: Option<Timed<Affair>>,
    memory: Option<OfMemory>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name).finish_non_exhaustive()
    }
}

impl System {
    /// A memory: its cells apart, and side by side; and its bank.
    const fn of<Apart: Memory, Side: Memory, B: bank::Bank>(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            counters: counters::timed::<Cells<Apart>>,
            accounts: Some(accounts::timed::<B>),
            memory: Some(OfMemory {
                empty: |(), system, trial| empty::<Apart>(system, trial),
                sets: |(shape, updates), system, trial| sets::timed::<Side>(shape, updates, system, trial),
            }),
        }
    }

    /// Whether it offers a workload.
    fn offers(&self, work: Work) -> bool {
        match work {
            Work::Counters(_) => true,
            Work::Bank(_) | Work::Accounts(_) => self.accounts.is_some(),
            Work::Empty | Work::Set(..) => self.memory.is_some(),
        }
    }
}

/// The systems that transactions run on, in the order of tables.
pub static SYSTEMS: [System; 7] = [
    System::of::<reweave::Memory<Padded>, reweave::Memory<Packed>, reweave::Accounts<Padded>>(
        "reweave",
        "this project's STM: long reads are snapshots, all else is transactions",
    ),
    System::of::<Locked<mutex::Alone, Padded>, Locked<mutex::Alone, Packed>, mutex::Accounts<Padded>>(
        "mutex",
        "one std::sync::Mutex around everything",
    ),
    System::of::<Locked<rwlock::Shared, Padded>, Locked<rwlock::Shared, Packed>, rwlock::Accounts<Padded>>(
        "rwlock",
        "one std::sync::RwLock around everything; whoever only reads shares it",
    ),
    System {
        name: "2pl",
        about: "two-phase locking: a parking_lot mutex for each variable, taken in order",
        counters: counters::timed::<two_phase::Counters>,
        accounts: Some(accounts::timed::<two_phase::Accounts<Padded>>),
        memory: None,
    },
    System::of::<stm::Memory, stm::Memory, stm::Accounts>("stm", "the crate stm"),
    System::of::<fast_stm::Memory, fast_stm::Memory, fast_stm::Accounts>("fast-stm", "the crate fast-stm"),
    System {
        name: "atomics",
        about: "relaxed atomics without any transaction: the yardstick",
        counters: counters::timed::<atomics::Counters>,
        accounts: None,
        memory: None,
    },
];

/// Transactions that do nothing but give back a number.
fn empty<M: Memory>(system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let memory = Arc::new(M::new());
    let done = repeat::on_threads(system, trial, Pace::SHORT, move |_| {
        let memory = Arc::clone(&memory);
        let mut number = 0_u64;
        move || {
            number += 1;
            let given = black_box(number);
            match memory.atomically(|_| Ok(given)) {
                back if back == number => Ok(()),
                other => Err(format!("a transaction that returns {number} returned {other}")),
            }
        }
    })?;
    Ok(done.sample())
}

impl Workload for Stm {
    fn name(&self) -> &'static str {
        self.name
    }

    fn params(&self) -> Map<String, Value> {
        let params = match self.work {
            Work::Empty => json!({}),
            Work::Counters(Counting::Add | Counting::Read) => json!({ "variables": 1 }),
            Work::Counters(_) => json!({ "variables": counters::SUMMED }),
            Work::Bank(bank) => return bank.options().params(),
            Work::Accounts(Affair::Disjoint) => json!({ "accounts_a_thread": accounts::OWN }),
            Work::Accounts(_) => json!({ "accounts": accounts::READ }),
            Work::Set(shape, updates) => {
                json!({ "elements": shape.elements(), "keys": shape.keys(), "update_percent": updates })
            }
        };
        match params {
            Value::Object(params) => params,
            _ => Map::new(),
        }
    }

    fn systems(&self) -> Vec<&'static str> {
        SYSTEMS.iter().filter(|system| system.offers(self.work)).map(|system| system.name).collect()
    }

    /// One lock around everything; for variables of their own, a lock each; for scans, what cannot be had for less.
    fn baselines(&self) -> &'static [&'static str] {
        match self.work {
            Work::Empty | Work::Set(..) => &["mutex"],
            Work::Counters(Counting::Add) | Work::Bank(_) | Work::Accounts(_) => &["mutex", "2pl"],
            Work::Counters(_) => &["mutex", "atomics"],
        }
    }

    fn figure(&self) -> Figure {
        Figure::Speed
    }

    fn threads(&self) -> Option<usize> {
        match self.work {
            Work::Counters(Counting::Audit | Counting::Updates) => Some(1),
            Work::Counters(Counting::Scan | Counting::ScanUpdates)
            | Work::Accounts(Affair::LongRead | Affair::LongReadWrites) => Some(2),
            _ => None,
        }
    }

    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
        let offering = SYSTEMS.iter().find(|known| known.name == system && known.offers(self.work));
        let timed = offering.and_then(|known| {
            Some(match self.work {
                Work::Bank(bank) => bank.options().trial(system, trial),
                Work::Counters(counting) => (known.counters)(counting, known.name, trial),
                Work::Accounts(affair) => known.accounts?(affair, known.name, trial),
                Work::Empty => (known.memory.as_ref()?.empty)((), known.name, trial),
                Work::Set(shape, updates) => (known.memory.as_ref()?.sets)((shape, updates), known.name, trial),
            })
        });
        timed.unwrap_or_else(|| Err(Error::Invalid(unknown_system(system, &self.systems()))))
    }
}

#[cfg(test)]
mod tests;
