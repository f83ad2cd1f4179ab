//! The command line of `cargo verify`.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::model::Tier;
use crate::runner;

/// What the user asked for.
#[derive(Debug, Parser)]
#[command(
    name = "cargo verify",
    version,
    about = "Runs every test and every model of reweave and prints what was checked, and how far",
    after_help = "\
A row is `complete` if every execution was explored, `bounded` if every one within the bound named, or so many \
sampled ones, and `cut off` if the time limit ended it. A cut-off fails unless the model declares beforehand that it may \
happen. Rows with `caught` are seeded bugs: the run had to fail, and did, for the expected reason.

Examples:
  cargo verify                          every test, every model of the ci tier
  cargo verify trigger                  one component: its package's tests and its models
  cargo verify sync/store-buffering     one model
  cargo verify --only loom --deep       loom alone, with the rows that take long

The last line is `N passed, N failed`; the exit code is 1 if anything failed, 2 if the command line was wrong."
)]
pub struct Args {
    /// Components, packages or COMPONENT/MODEL to narrow to
    #[arg(value_name = "COMPONENT")]
    pub filters: Vec<String>,

    /// Also run what takes long
    #[arg(long)]
    pub deep: bool,

    /// Only one kind of row
    #[arg(long, value_name = "KIND")]
    pub only: Option<Only>,

    /// Write the matrix as JSON, too
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,

    /// Print the rows without running them
    #[arg(long, conflicts_with = "json")]
    pub list: bool,

    /// The most that one model may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub time_limit: u64,

    /// How many models run at once [default: as many as there are cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
}

/// The kinds of row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// Unit, integration and doc tests.
    Tests,
    /// Models under loom.
    Loom,
    /// Models under shuttle.
    Shuttle,
}

impl Args {
    /// The last tier that runs.
    pub fn tier(&self) -> Tier {
        if self.deep { Tier::Deep } else { Tier::Ci }
    }

    /// How many models run at once.
    pub fn jobs(&self) -> usize {
        self.jobs.map_or_else(runner::cores, usize::from)
    }

    /// Whether nothing was left out: then every component has to answer for itself.
    pub fn full(&self) -> bool {
        self.filters.is_empty() && self.only.is_none()
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_narrowed_run_is_not_full() {
        let parse = |line: &[&str]| Args::try_parse_from([&["verify"], line].concat()).unwrap();
        assert!(parse(&[]).full() && parse(&["--deep"]).full());
        assert!(!parse(&["sync"]).full() && !parse(&["--only", "loom"]).full());
        assert_eq!(parse(&["--deep"]).tier(), Tier::Deep);
        assert_eq!(parse(&["--jobs", "3"]).jobs(), 3);
    }

    #[test]
    fn nonsense_is_refused() {
        for line in [["--time-limit", "0"], ["--jobs", "0"], ["--only", "miri"]] {
            assert!(Args::try_parse_from([&["verify"], &line[..]].concat()).is_err());
        }
    }
}
