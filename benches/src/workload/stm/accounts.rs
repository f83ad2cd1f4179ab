//! Transfers between accounts where the bank's own options do not say enough: threads that stay apart, and a long read
//! against short writes.
//!
//! | workload | what is measured |
//! |---|---|
//! | `disjoint` | transfers between accounts that are the thread's own: what threads cost each other that share nothing |
//! | `long-read` | one thread audits 1,000 accounts, over and over, while another transfers among them |
//! | `long-read-writes` | what that costs the one who transfers |

use reweave_core::sync::Arc;

use crate::Error;
use crate::workload::bank::{BALANCE, Bank};
use crate::workload::repeat::{self, Pace};
use crate::workload::{Sample, Trial};

/// How many accounts each thread has to itself in `disjoint`.
pub const OWN: usize = 16;
/// How many accounts a long read visits.
pub const READ: usize = 1_000;

/// Who does what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affair {
    /// Each thread transfers between accounts of its own.
    Disjoint,
    /// One thread audits, the others transfer. The figure is the audits'.
    LongRead,
    /// The same. The figure is the transfers'.
    LongReadWrites,
}

/// One timed trial.
pub(super) fn timed<B: Bank>(affair: Affair, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let threads = trial.threads;
    let disjoint = affair == Affair::Disjoint;
    let accounts = if disjoint { OWN * threads } else { READ };
    let money = accounts as i64 * BALANCE;
    let bank = Arc::new(B::open(accounts, BALANCE));
    let (shared, aborting) = (Arc::clone(&bank), Arc::clone(&bank));
    let pace = if disjoint { |_| 256 } else { |thread| if thread == 0 { 1 } else { 256 } };
    let pace = Pace { look_every: pace, aborts: &|| aborting.aborts() };
    let seed = trial.seed;
    let done = repeat::on_threads(system, trial, pace, move |thread| {
        let bank = Arc::clone(&shared);
        let mut rng = repeat::rng(seed, thread);
        let (first, own) = if disjoint { (thread * OWN, OWN) } else { (0, READ) };
        move || {
            if disjoint || thread > 0 {
                let from = rng.usize(..own);
                // One of the others: those from `from` on move up by one.
                let to = rng.usize(..own - 1);
                bank.transfer(first + from, first + to + usize::from(to >= from), 1);
                return Ok(());
            }
            audited("an audit", bank.audit(), money)
        }
    })?;
    audited("the last audit", bank.audit(), money).map_err(|finding| Error::Wrong { system, threads, finding })?;
    Ok(match affair {
        Affair::Disjoint => done.sample(),
        Affair::LongRead => done.sample_of(|thread| thread == 0),
        Affair::LongReadWrites => done.sample_of(|thread| thread != 0),
    })
}

fn audited(by: &str, found: i64, money: i64) -> Result<(), String> {
    if found == money { Ok(()) } else { Err(format!("{by} found {found} where {money} must be")) }
}
