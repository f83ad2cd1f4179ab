//! The command line: what can be asked, and who answers.
//!
//! | module | concept |
//! |---|---|
//! | [`bench`] | `reweave bench`: options, progress, and what is done with the report |
//! | [`table`] | a report for people: title, table, and what has to be known to read it |
//! | [`columns`] | the columns of the table |
//! | [`doctor`] | `reweave doctor` |
//! | [`parse`] | values of options, with messages that say what is allowed |
//! | [`usage`] | mistakes on the command line, each reduced to one line |
//! | [`output`] | standard output that may be closed, and files that are whole or not there |
//! | [`human`] | numbers as people like them |

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod columns;
mod doctor;
mod human;
mod output;
mod parse;
mod table;
mod usage;

/// Something measured was wrong, or a result could not be written.
const FAILED: u8 = 1;
/// The command line was not understood.
const MISUSED: u8 = 2;

const EXAMPLES: &str = "\
Examples:
  reweave bench bank
          Six systems with 1 and 2 threads: the main figure, in about a minute
  reweave bench bank --seconds 0.2 --runs 3
          The same in ten seconds, and less exact
  reweave bench bank --systems reweave,2pl --threads 1,2,4,8 --audit-percent 0
          Transfers only, transactional memory against ordered locks
  reweave bench bank --accounts 64 --skew 1 --json bank.json
          A contended bank, with a JSON file for plots and papers
  reweave bench channels --workloads bounded100-spsc,rendezvous-spsc
          Messages between two threads, with a buffer and without
  reweave bench atoms; reweave bench locks
          A value read and swapped, a lock taken and released
  reweave bench sched --threads 1,2,4
          Forks and joins, scopes, tasks and maps, with 1, 2 and 4 threads
  reweave doctor
          What to put into a bug report";

/// A concurrency runtime for people who do research on concurrency.
///
/// This command measures: a workload runs on reweave, on the standard library and on other crates, side by side on the
/// same machine in the same minute, and every run checks that the result is right.
#[derive(Debug, Parser)]
#[command(
    name = "reweave",
    version,
    after_help = EXAMPLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 100,
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a workload on several systems and compare their speed
    #[command(arg_required_else_help = false, disable_help_subcommand = true)]
    Bench {
        #[command(subcommand)]
        workload: bench::Workload,
    },
    /// Describe this machine and this build
    Doctor(doctor::Args),
}

/// Reads the command line, does what it says, and returns the exit code.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage::answer(&error),
    };
    match cli.command {
        Command::Bench { workload } => bench::main(workload),
        Command::Doctor(args) => doctor::main(&args),
    }
}

/// Prints one line about what went wrong, and turns it into an exit code.
fn fail(message: &str, code: u8) -> ExitCode {
    output::complain(&format!("error: {message}"));
    ExitCode::from(code)
}
