//! `reweave bench bank`.

use std::process::ExitCode;

use clap::Args;
use reweave_benches::workload::bank::{self, Layout};

use super::{Common, Threads, human, measure, parse};

/// What follows the options in the help.
pub const ABOUT: &str = "\
Systems:
  reweave   this project's STM: transfers are transactions, audits are snapshots
  mutex     one std::sync::Mutex around all accounts
  rwlock    one std::sync::RwLock around all accounts; audits share it
  2pl       two-phase locking: a parking_lot mutex for each account, taken in order
  stm       the crate stm
  fast-stm  the crate fast-stm

How it is measured:
  Threads are pinned to cores. The runs are interleaved: in each round every
  system has its turn, in an order shuffled anew, and `vs 2pl` compares it with
  2pl in the same round. With several threads a cache line is played to and fro
  between two cores before and after each run; on a virtual machine its round
  trip can change from minute to minute, and the results with it.";

/// How long a run lasts when nothing else is said, in seconds.
const SECONDS: f64 = 1.0;

/// Options of the bank.
#[derive(Debug, Args)]
pub struct Bank {
    /// How many accounts there are; fewer mean more conflicts
    #[arg(long, value_name = "N", default_value = "1024", allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--accounts", text, &bank::ACCOUNTS))]
    accounts: usize,

    /// padded: each account on cache lines of its own; packed: side by side
    #[arg(long, value_name = "LAYOUT", default_value = "padded")]
    layout: Layout,

    /// How many of 100 operations are audits
    #[arg(long, value_name = "P", default_value = "10", allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--audit-percent", text, &bank::AUDIT_PERCENT))]
    audit_percent: u32,

    /// Zipf's exponent for the choice of accounts: 0 is uniform, 1 strongly skewed
    #[arg(long, value_name = "THETA", default_value = "0", allow_negative_numbers = true,
        value_parser = |text: &str| parse::decimal("--skew", text, &bank::SKEW))]
    skew: f64,

    /// Systems to compare, separated by commas [default: all]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', value_parser = system)]
    systems: Vec<&'static str>,

    #[command(flatten)]
    threads: Threads,

    #[command(flatten)]
    common: Common,
}

fn system(text: &str) -> Result<&'static str, String> {
    parse::one_of("system", text, bank::SYSTEMS.iter().map(|system| system.name))
}

/// Runs it.
pub fn main(options: Bank) -> ExitCode {
    let Bank { accounts, layout, audit_percent, skew, systems, threads, common } = options;
    let title = format!(
        "bank: {}, {layout}, {audit_percent}% audits, {}",
        human::count(accounts, "account"),
        if skew == 0.0 { "uniform".to_owned() } else { format!("skew {skew}") },
    );
    let bank = bank::Options { accounts, layout, audit_percent, skew };
    measure(&title, &[&bank], systems, threads.into(), SECONDS, common)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_help_describes_every_system_as_the_library_does() {
        for system in &super::bank::SYSTEMS {
            let line = format!("  {:<8}  {}\n", system.name, system.about);
            assert!(super::ABOUT.contains(&line), "{line}");
        }
    }
}
