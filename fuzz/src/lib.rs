//! What the fuzz targets do with their bytes; a library, so that a test on stable Rust can do the same.
//!
//! [`run`] reads bytes as a [`program`]: a sequence of transactions and other accesses to a few variables. Each step runs
//! twice: on [`plain`] variables, which say what must come out, and on the engine ([`shared`]). Results, everything that was
//! read on the way, and the state afterwards must agree. In the end every value that was made must have been destroyed, once.
//!
//! One thread only: what several can do to each other is for the models.
//!
//! | module | concept |
//! |---|---|
//! | [`program`] | the programs, and how bytes are read as one |
//! | [`plain`] | what they mean |
//! | [`shared`] | how they run on the engine |
//! | [`census`] | values that are counted |

pub mod census;
pub mod plain;
pub mod program;
pub mod shared;

#[cfg(test)]
mod tests;

use std::time::{Duration, Instant};

use census::Census;
use plain::{Outcome, Plain};
use program::{Program, Step, VARS};
use reweave_core::sync::thread;
use reweave_stm::Engine;
use shared::Shared;

/// How often each kind of thing happened in a run: a run in which nothing did proves nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Transactions that committed.
    pub committed: u64,
    /// Transactions that wrote more variables than the engine searches linearly.
    pub wide: u64,
    /// Alternatives whose first branch retried.
    pub undone: u64,
    /// Transactions that aborted with an error of their own.
    pub aborted: u64,
    /// Transactions that would have to wait.
    pub waiting: u64,
    /// Transactions that would wait for nothing.
    pub stuck: u64,
    /// Transactions that panicked.
    pub panicked: u64,
    /// Steps other than transactions.
    pub others: u64,
}

/// Runs the program that `data` stands for.
///
/// # Panics
/// When the engine does anything else than plain variables would.
pub fn run(data: &[u8]) -> Tally {
    let census = Census::default();
    let tally = compare(&Program::read(data), &census);
    // A thread takes part in an engine until it first takes part in another: this ends the one above.
    Engine::new().snapshot(|_| ());
    // The last values may be in the hands of the thread that looks after idle variables: it destroys them in a moment.
    let deadline = Instant::now() + Duration::from_secs(10);
    while census.alive() != 0 && Instant::now() < deadline {
        thread::yield_now();
    }
    assert_eq!(census.alive(), 0, "values that were made and not destroyed (or, if huge, destroyed twice)");
    tally
}

/// Runs a program on both sides.
fn compare(program: &Program, census: &Census) -> Tally {
    let mut tally = Tally::default();
    let mut plain = Plain::new();
    let mut shared = Shared::new(census);
    agree(&plain, &shared);
    for step in &program.steps {
        match step {
            Step::Transaction { ops, explicit, once } => {
                let expected = plain.transaction(ops);
                tally.undone += expected.undone;
                match &expected.outcome {
                    Outcome::Done => tally.committed += 1,
                    Outcome::Abort(_) => tally.aborted += 1,
                    Outcome::Retry if expected.read_shared => tally.waiting += 1,
                    Outcome::Retry => tally.stuck += 1,
                    Outcome::Panic => tally.panicked += 1,
                }
                tally.wide += u64::from(expected.outcome == Outcome::Done && expected.written > 16);
                shared.transaction(ops, &expected, *explicit, *once);
            }
            Step::Store(var, value) => {
                plain.state[*var] = *value;
                shared.store(*var, *value);
            }
            Step::Renew(var, value) => {
                plain.state[*var] = *value;
                shared.renew(*var, *value);
            }
        }
        tally.others += u64::from(!matches!(step, Step::Transaction { .. }));
        agree(&plain, &shared);
    }
    assert_eq!(shared.loaded(), plain.state, "what `load` says in the end");
    assert_eq!(shared.conflicts(), 0, "a conflict with nobody");
    tally
}

/// Checks that both sides hold the same.
fn agree(plain: &Plain, shared: &Shared) {
    let seen: [u64; VARS] = shared.snapshot();
    assert_eq!(seen, plain.state, "what a snapshot says after a step");
}
