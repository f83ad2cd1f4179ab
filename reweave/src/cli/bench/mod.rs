//! `reweave bench`: options, progress, and what is done with the report.
//!
//! | module | concept |
//! |---|---|
//! | [`bank`] | the options of `reweave bench bank` |
//! | [`suite`] | the options of workloads that are measured together |
//! | [`stm`], [`channels`], [`atoms`], [`locks`], [`sched`] | the suites, as the command describes them |

use std::io::{self, IsTerminal};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reweave_benches::run::{self, Plan, Step};
use reweave_benches::{Error, workload};

use self::suite::Suite;
use super::output::{self, Target};
use super::{FAILED, MISUSED, fail, human, parse, table};

mod atoms;
mod bank;
mod channels;
mod locks;
mod sched;
mod stm;
mod suite;

/// What can be measured.
#[derive(Debug, Subcommand)]
pub enum Workload {
    /// Transfers between accounts, and audits that sum them all
    ///
    /// Threads move money between two accounts chosen at random; now and then one sums all accounts at a single moment.
    /// Every audit must find exactly the money that was there at the start: a system that loses or invents money is
    /// reported, and gets no figures.
    #[command(after_help = bank::ABOUT)]
    Bank(bank::Bank),
    /// Transactions, from the empty one to sets of integers, beside locks and other STMs
    #[command(after_help = stm::Stm::ABOUT)]
    Stm(suite::Options<stm::Stm>),
    /// Messages from thread to thread, and the choice between two channels
    #[command(after_help = channels::Channels::ABOUT)]
    Channels(suite::Options<channels::Channels>),
    /// A shared value that is read and replaced as a whole
    #[command(after_help = atoms::Atoms::ABOUT)]
    Atoms(suite::Options<atoms::Atoms>),
    /// A lock taken and released, alone and against other threads
    #[command(after_help = locks::Locks::ABOUT)]
    Locks(suite::Options<locks::Locks>),
    /// Forks and joins, scopes, tasks and maps, on threads that work together
    #[command(after_help = sched::Sched::ABOUT)]
    Sched(sched::Traced),
}

/// Which numbers of threads a workload is measured with.
#[derive(Debug, Clone, Args)]
pub struct Threads {
    /// Numbers of threads, separated by commas
    #[arg(long, value_name = "N,..", default_value = "1,2", value_delimiter = ',', allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--threads", text, &run::THREADS))]
    threads: Vec<usize>,
}

impl From<Threads> for Vec<usize> {
    fn from(Threads { threads }: Threads) -> Self {
        threads
    }
}

/// How many runs a figure is taken from, when nothing else is said and when it has to be quick.
const RUNS: (usize, usize) = (5, 2);
/// How long a run lasts when it has to be quick, in seconds.
const QUICK_SECONDS: f64 = 0.02;

/// Options that all have in common.
#[derive(Debug, Args)]
pub struct Common {
    /// How long each run lasts; decimals are welcome [default: 1 for bank, else 0.2]
    #[arg(long, value_name = "S", allow_negative_numbers = true,
        value_parser = |text: &str| parse::decimal("--seconds", text, &run::SECONDS))]
    seconds: Option<f64>,

    /// How many runs each figure is taken from [default: 5]
    #[arg(long, value_name = "N", allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--runs", text, &run::RUNS))]
    runs: Option<usize>,

    /// Be done in seconds: 2 runs of 0.02 s where nothing else is said
    #[arg(long)]
    quick: bool,

    /// What all random choices follow from
    #[arg(long, value_name = "N", default_value = "1", allow_negative_numbers = true,
        value_parser = |text: &str| parse::whole("--seed", text, &(0..=u64::MAX)))]
    seed: u64,

    /// Also write the figures to this file as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs a workload.
pub fn main(workload: Workload) -> ExitCode {
    match workload {
        Workload::Bank(bank) => bank::main(bank),
        Workload::Stm(stm) => stm.run(),
        Workload::Channels(channels) => channels.run(),
        Workload::Atoms(atoms) => atoms.run(),
        Workload::Locks(locks) => locks.run(),
        Workload::Sched(sched) => sched.run(),
    }
}

/// Measures workloads: on these systems, or all if there are none; with these numbers of threads; each run for so many
/// seconds unless the user wants it otherwise. `title` describes them to people.
fn measure(
    title: &str,
    workloads: &[&dyn workload::Workload],
    systems: Vec<&'static str>,
    threads: Vec<usize>,
    seconds: f64,
    common: Common,
) -> ExitCode {
    // Before the work, so that its result is not lost at the end of it.
    let target = match common.json.as_deref().map(Target::new).transpose() {
        Ok(target) => target,
        Err(message) => return fail(&format!("--json: {message}"), MISUSED),
    };
    let (seconds, runs) = if common.quick { (QUICK_SECONDS, RUNS.1) } else { (seconds, RUNS.0) };
    let mut plan = Plan {
        threads: unique(threads),
        seconds: common.seconds.unwrap_or(seconds),
        runs: common.runs.unwrap_or(runs),
        seed: common.seed,
        ..Plan::of(workloads)
    };
    if !systems.is_empty() {
        plan.systems = unique(systems);
    }
    let bar = progress_bar(plan.trials(workloads));
    let result = run::run(workloads, &plan, &mut |step: Step| {
        let threads = human::count(step.threads, "thread");
        bar.set_message(format!("{}: {} with {threads}", step.workload, step.system));
        bar.set_position(step.done as u64);
    });
    bar.finish_and_clear();
    let report = match result {
        Ok(report) => report,
        Err(error @ Error::Invalid(_)) => return fail(&error.to_string(), MISUSED),
        Err(error) => return fail(&error.to_string(), FAILED),
    };
    let printed = output::print(&table::render(title, &plan, &report));
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
}
