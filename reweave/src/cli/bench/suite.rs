//! `reweave bench stm`, `channels`, `atoms`, `locks` and `sched`: several small workloads that are measured together.

use std::fmt::Debug;
use std::marker::PhantomData;
use std::process::ExitCode;

use clap::Args;
use reweave_benches::run::Plan;
use reweave_benches::workload::Workload;

use super::{Common, MISUSED, fail, measure, parse, unique};

/// Workloads that are measured together, and how the command speaks of them.
pub trait Suite: Debug + Clone + Send + Sync + 'static {
    /// What the table calls them, and what they have in common.
    const TITLE: &'static str;
    /// What follows the options in the help.
    const ABOUT: &'static str;
    /// The option for numbers of threads, where there is a choice.
    type Threads: Args + Clone + Debug + Into<Vec<usize>>;

    /// All of them, in the order of tables.
    fn workloads() -> Vec<&'static dyn Workload>;

    /// The systems that they run on, in the order of tables.
    fn systems() -> Vec<&'static str>;
}

/// How long a run lasts when nothing else is said, in seconds: millions of operations.
const SECONDS: f64 = 0.2;

/// Options of a suite.
#[derive(Debug, Args)]
pub struct Options<S: Suite> {
    /// Workloads to run, separated by commas [default: all]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', value_parser = workload::<S>)]
    workloads: Vec<&'static str>,

    /// Systems to compare, separated by commas [default: all]
    #[arg(long, value_name = "NAME,..", value_delimiter = ',', value_parser = system::<S>)]
    systems: Vec<&'static str>,

    #[command(flatten)]
    threads: S::Threads,

    #[command(flatten)]
    common: Common,

    #[arg(skip)]
    suite: PhantomData<S>,
}

fn workload<S: Suite>(text: &str) -> Result<&'static str, String> {
    parse::one_of("workload", text, S::workloads().iter().map(|workload| workload.name()))
}

fn system<S: Suite>(text: &str) -> Result<&'static str, String> {
    parse::one_of("system", text, S::systems())
}

impl<S: Suite> Options<S> {
    /// The workloads that were named.
    pub fn named(&self) -> Vec<&'static str> {
        unique(self.workloads.clone())
    }

    /// The numbers of threads.
    pub fn threads(&self) -> Vec<usize> {
        self.threads.clone().into()
    }

    /// What all random choices follow from.
    pub fn seed(&self) -> u64 {
        self.common.seed
    }

    /// Runs what was chosen, in the order of its first mention.
    pub fn run(self) -> ExitCode {
        let all = S::workloads();
        let workloads: Vec<&dyn Workload> = if self.workloads.is_empty() {
            all
        } else {
            let named = |name: &str| all.iter().copied().find(|workload| workload.name() == name);
            unique(self.workloads).into_iter().filter_map(named).collect()
        };
        let offered = Plan::of(&workloads).systems;
        if let Some(system) = self.systems.iter().find(|system| !offered.contains(system)) {
            let workloads: Vec<_> = workloads.iter().map(|workload| workload.name()).collect();
            let (workloads, offered) = (workloads.join(" or "), offered.join(", "));
            return fail(&format!("{system} does not offer {workloads}: choose from {offered}"), MISUSED);
        }
        measure(S::TITLE, &workloads, self.systems, self.threads.into(), SECONDS, self.common)
    }
}

/// For suites whose workloads are made for a number of threads each.
#[derive(Debug, Clone, Args)]
pub struct Fixed {}

impl From<Fixed> for Vec<usize> {
    fn from(Fixed {}: Fixed) -> Self {
        vec![1]
    }
}

#[cfg(test)]
mod tests {
    use super::super::{atoms, channels, locks, sched, stm};
    use super::*;
    use reweave_benches::workload;

    /// Whether the help has a line for each workload and system, the systems' lines as the library has them.
    fn describes<S: Suite>(systems: &[(&str, &str)]) {
        let widest = |names: &mut dyn Iterator<Item = &str>| names.map(str::len).max().unwrap_or(0);
        let width = widest(&mut systems.iter().map(|system| system.0));
        for (name, about) in systems {
            let line = format!("\n  {name:<width$}  {about}\n");
            assert!(S::ABOUT.contains(&line), "{line}");
        }
        let width = widest(&mut S::workloads().iter().map(|workload| workload.name()));
        for workload in S::workloads() {
            let line = format!("\n  {:<width$}  ", workload.name());
            assert!(S::ABOUT.contains(&line), "{line}");
        }
    }

    #[test]
    fn the_help_describes_every_workload_and_every_system_as_the_library_does() {
        describes::<stm::Stm>(&workload::stm::SYSTEMS.each_ref().map(|it| (it.name, it.about)));
        describes::<channels::Channels>(&workload::channels::SYSTEMS.each_ref().map(|it| (it.name, it.about)));
        describes::<atoms::Atoms>(&workload::atoms::SYSTEMS.each_ref().map(|it| (it.name, it.about)));
        describes::<locks::Locks>(&workload::locks::SYSTEMS.each_ref().map(|it| (it.name, it.about)));
        describes::<sched::Sched>(&workload::sched::SYSTEMS.each_ref().map(|it| (it.name, it.about)));
    }
}
