//! What can go wrong with a benchmark.

use std::fmt;

/// Why a benchmark gave no result.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// An option is out of its range. The text says which one, and what is allowed.
    Invalid(String),
    /// The workload's own check failed: the system under test lost or invented something, so its speed means nothing.
    Wrong {
        /// The workload and its system.
        system: &'static str,
        /// How many threads were at work.
        threads: usize,
        /// What was found and what should have been.
        finding: String,
    },
    /// The threads of the workload could not be started, or one of them panicked.
    Broken {
        /// The system under test.
        system: &'static str,
        /// How many threads were wanted.
        threads: usize,
        /// What happened.
        cause: String,
    },
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Invalid(message) => f.write_str(message),
            Self::Wrong { system, threads, finding } => {
                write!(f, "{system} with {}: {finding}", counted(*threads))
            }
            Self::Broken { system, threads, cause } => {
                write!(f, "{system} with {}: {cause}", counted(*threads))
            }
        }
    }
}

impl std::error::Error for Error {}

fn counted(threads: usize) -> String {
    if threads == 1 { "1 thread".to_owned() } else { format!("{threads} threads") }
}
