//! The command `reweave`: benchmarks, and a description of the machine for bug reports.
//!
//! Exit codes: 0 when all went well, 1 when something measured was wrong or could not be written, 2 when the command
//! line was not understood.

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::main()
}
