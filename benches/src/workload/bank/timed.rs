//! One timed trial of the bank: warm-up, timed run, and the check of the money.
//!
//! Each thread draws operations from a generator of its own and counts in variables of its own, so that nothing is
//! shared but the bank. All stop at the end of one window.
//!
//! A thread looks at the clock once in [`LOOK_EVERY`] units of work, where a transfer is one unit and an audit one for
//! each [`ACCOUNTS_A_UNIT`] accounts, which costs about a hundredth of the fastest operation, or less.
//!
//! The warm-up is a shorter run on the same bank; what it aborts is not counted.

use std::hint::black_box;
use std::time::Instant;

use reweave_core::sync::Arc;

use super::{Bank, Options};
use crate::workload::repeat::{self, since};
use crate::workload::window::{Window, warm_up};
use crate::workload::zipf::Zipf;
use crate::workload::{Sample, Trial};
use crate::{Error, team};

/// Units of work between two looks at the clock.
const LOOK_EVERY: usize = 256;
/// How many accounts an audit visits for one unit of work.
const ACCOUNTS_A_UNIT: usize = 32;
/// The largest amount of a transfer, a power of two.
const MAX_AMOUNT: u32 = 64;

/// Opens a bank of type `B`, warms it up, times it, and checks the money at every audit and at the end.
pub(super) fn trial<B: Bank>(options: &Options, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let bank = Arc::new(B::open(options.accounts, super::BALANCE));
    let client = Arc::new(Client::new(options, trial.seed));
    let threads = trial.threads;
    let work = |length| {
        let (bank, client, window) = (Arc::clone(&bank), Arc::clone(&client), Arc::new(Window::new(length)));
        let shared = Arc::clone(&window);
        let tallies = team::run(threads, move |thread| client.work(&*bank, thread, &shared))
            .map_err(|cause| Error::Broken { system, threads, cause })?
            .into_iter()
            .collect::<Result<Vec<Tally>, Missing>>()
            .map_err(|missing| Error::Wrong { system, threads, finding: missing.describe("an audit") })?;
        let seconds = window.seconds(tallies.iter().map(|tally| tally.end));
        Ok::<_, Error>((tallies, seconds))
    };

    work(warm_up(trial.window))?;
    let aborted_before = bank.aborts();
    let (tallies, seconds) = work(trial.window)?;
    let aborts = since(&aborted_before, bank.aborts());
    let sum = |count: fn(&Tally) -> u64| tallies.iter().map(count).sum::<u64>();
    let (ops, audits) = (sum(|tally| tally.ops), sum(|tally| tally.audits));

    check(bank.audit(), options.money()).map_err(|missing| Error::Wrong {
        system,
        threads,
        finding: missing.describe("the last audit"),
    })?;
    let ops_per_sec = ops as f64 / seconds;
    Ok(Sample {
        ops,
        ops_per_sec,
        ns_per_op: threads as f64 * 1e9 / ops_per_sec,
        audits_per_sec: Some(audits as f64 / seconds),
        aborts,
        queueing: None,
    })
}

/// What the threads do, and what they must find.
pub(super) struct Client {
    accounts: usize,
    zipf: Option<Zipf>,
    /// A random 32-bit number below this means an audit.
    audits_below: u64,
    audit_units: usize,
    money: i64,
    seed: u64,
}

/// What one thread did.
#[derive(Debug)]
pub(super) struct Tally {
    ops: u64,
    audits: u64,
    end: Instant,
}

/// Money that an audit found to be too much or, negative, too little.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Missing {
    found: i64,
    expected: i64,
}

impl Client {
    pub(super) fn new(options: &Options, seed: u64) -> Self {
        let skewed = options.skew > 0.0;
        Self {
            accounts: options.accounts,
            zipf: skewed.then(|| Zipf::new(options.accounts, options.skew, seed)),
            audits_below: (u64::from(options.audit_percent) << 32) / 100,
            audit_units: (options.accounts / ACCOUNTS_A_UNIT).max(1),
            money: options.money(),
            seed,
        }
    }

    /// Works until the window is over, or until an audit fails.
    fn work<B: Bank>(&self, bank: &B, thread: usize, window: &Window) -> Result<Tally, Missing> {
        let mut rng = self.rng(thread);
        let (mut ops, mut audits) = (0, 0);
        let start = window.start();
        loop {
            let mut units = 0;
            while units < LOOK_EVERY {
                let audited = self.step(bank, &mut rng)?;
                units += if audited { self.audit_units } else { 1 };
                audits += u64::from(audited);
                ops += 1;
            }
            if let Some(now) = window.over(start) {
                return Ok(Tally { ops, audits, end: now });
            }
        }
    }

    /// The generator of one thread.
    pub(super) fn rng(&self, thread: usize) -> fastrand::Rng {
        repeat::rng(self.seed, thread)
    }

    /// One operation; says whether it was an audit.
    #[inline]
    pub(super) fn step<B: Bank>(&self, bank: &B, rng: &mut fastrand::Rng) -> Result<bool, Missing> {
        let bits = rng.u64(..);
        if bits >> 32 < self.audits_below {
            check(bank.audit(), self.money)?;
            return Ok(true);
        }
        let (from, to) = self.two_accounts(rng);
        let amount = 1 + (bits as u32 % MAX_AMOUNT);
        black_box(bank.transfer(from, to, i64::from(amount)));
        Ok(false)
    }

    /// Two different accounts.
    #[inline]
    fn two_accounts(&self, rng: &mut fastrand::Rng) -> (usize, usize) {
        match &self.zipf {
            None => {
                let from = rng.usize(..self.accounts);
                // One of the others: those from `from` on move up by one.
                let to = rng.usize(..self.accounts - 1);
                (from, to + usize::from(to >= from))
            }
            Some(zipf) => {
                let from = zipf.draw(rng);
                loop {
                    let to = zipf.draw(rng);
                    if to != from {
                        return (from, to);
                    }
                }
            }
        }
    }
}

#[inline]
fn check(found: i64, expected: i64) -> Result<(), Missing> {
    if found == expected { Ok(()) } else { Err(Missing { found, expected }) }
}

impl Missing {
    fn describe(&self, by: &str) -> String {
        let Self { found, expected } = *self;
        let (amount, verb) =
            if found > expected { (found - expected, "appeared") } else { (expected - found, "vanished") };
        format!("{by} found {found} where {expected} must be: {amount} {verb}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_accounts_are_two_and_all_are_chosen() {
        for skew in [0.0, 2.0] {
            let client = Client::new(&Options { accounts: 5, skew, ..Options::default() }, 1);
            let mut rng = client.rng(0);
            let mut seen = [[0; 5]; 5];
            for _ in 0..5000 {
                let (from, to) = client.two_accounts(&mut rng);
                seen[from][to] += 1;
            }
            for (from, row) in seen.iter().enumerate() {
                for (to, &count) in row.iter().enumerate() {
                    assert_eq!(count == 0, from == to, "skew {skew}: {from} to {to} {count} times");
                }
            }
        }
    }

    #[test]
    fn missing_money_is_told_by_amount_and_direction() {
        let told = |found| Missing { found, expected: 100 }.describe("an audit");
        assert_eq!(told(90), "an audit found 90 where 100 must be: 10 vanished");
        assert_eq!(told(101), "an audit found 101 where 100 must be: 1 appeared");
    }
}
