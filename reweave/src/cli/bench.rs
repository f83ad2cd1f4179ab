//! `reweave bench`: options, progress, and what is done with the report.

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reweave_benches::run::{self, Plan, Step};
use reweave_benches::workload::bank::{self, Layout};
use reweave_benches::{Error, workload};

use super::output::{self, Target};
use super::{FAILED, MISUSED, fail, human, parse, table};

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Workload {
    /// Transfers between accounts, and audits that sum them all
    ///
    /// Threads move money between two accounts chosen at random; now and then one sums all accounts at a single moment.
    /// Every audit must find exactly the money that was there at the start: a system that loses or invents money is
    /// reported, and gets no figures.
    #[command(after_help = SYSTEMS)]
    Bank(Bank),
}

const SYSTEMS: &str = "\
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

    #[command(flatten)]
    common: Common,
}

/// Options that every workload has.
#[derive(Debug, Args)]
pub struct Common {
    /// Numbers of threads, separated by commas
    #[arg(long, value_name = "N,..", default_value = "1,2", value_delimiter = ',', allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--threads", text, &run::THREADS))]
    threads: Vec<usize>,

    /// Systems to compare, separated by commas [default: all]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', value_parser = system)]
    systems: Vec<&'static str>,

    /// How long each run lasts; decimals are welcome
    #[arg(long, value_name = "S", default_value = "1", allow_negative_numbers = true,
        value_parser = |text: &str| parse::decimal("--seconds", text, &run::SECONDS))]
    seconds: f64,

    /// How many runs each figure is taken from
    #[arg(long, value_name = "N", default_value = "5", allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--runs", text, &run::RUNS))]
    runs: usize,

    /// What all random choices follow from
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--seed", text, &(0..=u64::MAX)))]
    seed: u64,

    /// Also write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

fn system(text: &str) -> Result<&'static str, String> {
    parse::system(text, &bank::SYSTEMS.each_ref().map(|system| system.name))
}

/// Runs a workload.
pub fn main(workload: Workload) -> ExitCode {
    match workload {
        Workload::Bank(Bank { accounts, layout, audit_percent, skew, common }) => {
            let bank = bank::Options { accounts, layout, audit_percent, skew };
            let options = format!(
                "{}, {layout}, {audit_percent}% audits, {}",
                human::count(accounts, "account"),
                if skew == 0.0 { "uniform".to_owned() } else { format!("skew {skew}") },
            );
            measure(&bank, &options, common)
        }
    }
}

/// Measures a workload with the options that all have in common; `options` describes its own to people.
fn measure(workload: &impl workload::Workload, options: &str, common: Common) -> ExitCode {
    // Before the work, so that its result is not lost at the end of it.
    let target = match common.json.as_deref().map(Target::new).transpose() {
        Ok(target) => target,
        Err(message) => return fail(&format!("--json: {message}"), MISUSED),
    };
    let mut plan = Plan {
        threads: unique(common.threads),
        seconds: common.seconds,
        runs: common.runs,
        seed: common.seed,
        ..Plan::of(workload)
    };
    if !common.systems.is_empty() {
        plan.systems = unique(common.systems);
    }
    let bar = progress_bar(plan.trials());
    let result = run::run(workload, &plan, &mut |step: Step| {
        bar.set_message(format!("{} with {}", step.system, human::count(step.threads, "thread")));
        bar.set_position(step.done as u64);
    });
    bar.finish_and_clear();
    let report = match result {
        Ok(report) => report,
        Err(error @ Error::Invalid(_)) => return fail(&error.to_string(), MISUSED),
        Err(error) => return fail(&error.to_string(), FAILED),
    };
    let title = format!("{}: {options}, seed {}", workload.name(), plan.seed);
    let printed = output::print(&table::render(&title, &plan, &report));
    let written = target.map_or(Ok(()), |target| target.write(&(report.to_json() + "\n")));
    match printed.and(written) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => fail(&message, FAILED),
    }
}

/// The values without repetitions, in the order of their first mention.
fn unique<T: PartialEq>(values: Vec<T>) -> Vec<T> {
    let mut seen = Vec::with_capacity(values.len());
    for value in values {
        if !seen.contains(&value) {
            seen.push(value);
        }
    }
    seen
}

/// A bar on standard error when that is a terminal, and otherwise nothing. It is drawn between runs only: a thread that
/// kept it moving would take part in what is measured.
fn progress_bar(steps: usize) -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::with_draw_target(Some(steps as u64), ProgressDrawTarget::stderr());
    match ProgressStyle::with_template("{bar:30} {pos}/{len}, {eta} left: {msg}") {
        Ok(style) => bar.with_style(style.progress_chars("=> ")),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_go_and_order_stays() {
        assert_eq!(unique(vec![2, 1, 2, 3, 1]), [2, 1, 3]);
    }

    #[test]
    fn the_help_describes_every_system_as_the_library_does() {
        for system in &bank::SYSTEMS {
            let line = format!("  {:<8}  {}\n", system.name, system.about);
            assert!(SYSTEMS.contains(&line), "{line}");
        }
    }
}
