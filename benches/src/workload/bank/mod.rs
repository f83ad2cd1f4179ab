//! The bank: accounts, transfers between two of them, and audits that sum them all.
//!
//! The classic of transactional memory, since one number tells whether a system is right: transfers neither make nor
//! destroy money, so every audit, however many transfers run beside it, must find exactly what was there at the start.
//! Every audit of a run is checked, and so is the end; a system that fails gets no figures but an error that says how
//! much money appeared or vanished.
//!
//! The transfer is the shortest useful transaction (two reads, two writes), where the fixed costs of a system show; the
//! audit is the long reader, where multi-versioning shows: locks must stop the bank for it, single-version transactional
//! memories abort it when anyone commits.
//!
//! | option | meaning |
//! |---|---|
//! | `accounts` | how many accounts there are; fewer mean more conflicts |
//! | `layout` | each account on cache lines of its own, or side by side |
//! | `audit_percent` | how many of 100 operations are audits |
//! | `skew` | 0: all accounts alike; above: Zipf's exponent, so that a few accounts get most transfers |

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use serde_json::{Map, Value, json};

use super::{Figure, Sample, Trial, Workload};
use crate::Error;
use crate::run::{unknown_system, within};
use crate::systems::place::{Packed, Padded};
use crate::systems::{fast_stm, mutex, reweave, rwlock, stm, two_phase};

mod timed;

/// What a system must offer to be a bank.
pub trait Bank: Send + Sync + 'static {
    /// Opens a bank in which each account holds `balance`.
    fn open(accounts: usize, balance: i64) -> Self;

    /// Moves `amount` from one account to another, which is a different one, in one atomic step; or changes nothing,
    /// when the balance of the first does not suffice. Says whether money was moved.
    fn transfer(&self, from: usize, to: usize, amount: i64) -> bool;

    /// The sum of all accounts at one moment.
    fn audit(&self) -> i64;

    /// How many attempts were aborted since the bank opened, by cause.
    fn aborts(&self) -> Vec<(&'static str, u64)> {
        Vec::new()
    }
}

/// A system that the bank runs on.
#[derive(Debug)]
pub struct System {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    padded: Timed,
    packed: Timed,
}

/// A timed trial, compiled for one system: the loop calls it directly, so that a short operation is not measured
/// together with a call through a table.
type Timed = fn(&Options, &'static str, &Trial) -> Result<Sample, Error>;

const fn system<Side: Bank, Apart: Bank>(name: &'static str, about: &'static str) -> System {
    System { name, about, padded: timed::trial::<Apart>, packed: timed::trial::<Side> }
}

/// The systems that the bank runs on, in the order of tables.
pub static SYSTEMS: [System; 6] = [
    system::<reweave::Accounts<Packed>, reweave::Accounts<Padded>>(
        "reweave",
        "this project's STM: transfers are transactions, audits are snapshots",
    ),
    system::<mutex::Accounts<Packed>, mutex::Accounts<Padded>>("mutex", "one std::sync::Mutex around all accounts"),
    system::<rwlock::Accounts<Packed>, rwlock::Accounts<Padded>>(
        "rwlock",
        "one std::sync::RwLock around all accounts; audits share it",
    ),
    system::<two_phase::Accounts<Packed>, two_phase::Accounts<Padded>>(
        "2pl",
        "two-phase locking: a parking_lot mutex for each account, taken in order",
    ),
    system::<stm::Accounts, stm::Accounts>("stm", "the crate stm"),
    system::<fast_stm::Accounts, fast_stm::Accounts>("fast-stm", "the crate fast-stm"),
];

/// How many accounts there may be.
pub const ACCOUNTS: RangeInclusive<usize> = 2..=1 << 20;
/// What share of the operations may be audits.
pub const AUDIT_PERCENT: RangeInclusive<u32> = 0..=100;
/// How skewed the choice of accounts may be.
pub const SKEW: RangeInclusive<f64> = 0.0..=2.0;

/// What an account holds at the start: enough that few transfers are refused.
pub const BALANCE: i64 = 1_000;

/// Whether accounts share cache lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Layout {
    /// Each account on cache lines of its own: transfers of different accounts do not disturb each other.
    #[default]
    Padded,
    /// Side by side: half or a quarter of the memory, and false sharing.
    Packed,
}

impl Layout {
    /// All layouts.
    pub const ALL: [Self; 2] = [Self::Padded, Self::Packed];

    /// Its name in reports and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Padded => "padded",
            Self::Packed => "packed",
        }
    }
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Layout {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::ALL.into_iter().find(|layout| layout.name() == name).ok_or_else(|| {
            Error::Invalid(format!("unknown layout `{name}`: choose from {}", Self::ALL.map(Self::name).join(", ")))
        })
    }
}

/// The bank's options.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// How many accounts there are.
    pub accounts: usize,
    /// Whether accounts share cache lines.
    pub layout: Layout,
    /// How many of 100 operations are audits; the others are transfers.
    pub audit_percent: u32,
    /// Zipf's exponent for the choice of accounts; 0 chooses all alike.
    pub skew: f64,
}

impl Default for Options {
    /// 1,024 accounts on lines of their own, 10 % audits, no skew.
    fn default() -> Self {
        Self { accounts: 1024, layout: Layout::Padded, audit_percent: 10, skew: 0.0 }
    }
}

impl Options {
    /// Checks every option against its range.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the option and its range.
    pub fn validate(&self) -> Result<(), Error> {
        within("accounts", self.accounts, &ACCOUNTS)?;
        within("audit percent", self.audit_percent, &AUDIT_PERCENT)?;
        within("skew", self.skew, &SKEW)
    }

    /// The money in the bank, now and for ever.
    fn money(&self) -> i64 {
        self.accounts as i64 * BALANCE
    }
}

impl Workload for Options {
    fn name(&self) -> &'static str {
        "bank"
    }

    fn params(&self) -> Map<String, Value> {
        Map::from_iter([
            ("accounts".to_owned(), json!(self.accounts)),
            ("layout".to_owned(), json!(self.layout.name())),
            ("audit_percent".to_owned(), json!(self.audit_percent)),
            ("skew".to_owned(), json!(self.skew)),
            ("balance".to_owned(), json!(BALANCE)),
        ])
    }

    fn systems(&self) -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }

    /// Two-phase locking is what a careful programmer writes by hand.
    fn baselines(&self) -> &'static [&'static str] {
        &["2pl"]
    }

    fn figure(&self) -> Figure {
        Figure::Speed
    }

    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
        self.validate()?;
        let Some(found) = SYSTEMS.iter().find(|known| known.name == system) else {
            return Err(Error::Invalid(unknown_system(system, &self.systems())));
        };
        let timed = match self.layout {
            Layout::Padded => found.padded,
            Layout::Packed => found.packed,
        };
        timed(self, found.name, trial)
    }
}

#[cfg(test)]
mod tests;
