//! The plan of a measurement, and the order in which it is carried out.
//!
//! Machines drift: they heat up, are throttled, share their cores with strangers. A system measured for ten seconds
//! before another had a different machine. So the timed runs are interleaved:
//!
//! ```text
//! for each round
//!     for each number of threads
//!         for each system, in an order shuffled anew
//!             ping-pong;  warm-up, timed run, check;  ping-pong
//! ```
//!
//! and systems are compared with the baseline of their own round.

use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::report::{Report, Row, Spread, median};
use crate::workload::{Sample, Trial, Workload};
use crate::{Error, ping_pong};

/// The system that others are compared with: two-phase locking is what a careful programmer writes by hand.
pub const BASELINE: &str = "2pl";

/// How many threads may be asked for.
pub const THREADS: RangeInclusive<usize> = 1..=1024;
/// How many rounds may be asked for.
pub const RUNS: RangeInclusive<usize> = 1..=1000;
/// How long a timed run may last, in seconds.
pub const SECONDS: RangeInclusive<f64> = 0.001..=3600.0;

/// What is to be measured, and how thoroughly.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// The systems, by name.
    pub systems: Vec<&'static str>,
    /// The numbers of threads.
    pub threads: Vec<usize>,
    /// How long each timed run lasts, in seconds.
    pub seconds: f64,
    /// How many timed runs each figure is taken from.
    pub runs: usize,
    /// What every random choice follows from: the operations of each thread, and the order of the systems.
    pub seed: u64,
}

impl Plan {
    /// The plan that is used when nothing else is said: all systems of the workload, 1 and 2 threads, 5 runs of a second.
    pub fn of(workload: &impl Workload) -> Self {
        Self { systems: workload.systems(), threads: vec![1, 2], seconds: 1.0, runs: 5, seed: 1 }
    }

    /// Checks every part of the plan against what is allowed.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the part and its range.
    pub fn validate(&self, workload: &impl Workload) -> Result<(), Error> {
        let known = workload.systems();
        if let Some(unknown) = self.systems.iter().find(|system| !known.contains(system)) {
            return Err(Error::Invalid(unknown_system(unknown, &known)));
        }
        if self.systems.is_empty() {
            return Err(Error::Invalid(format!("no system: choose from {}", known.join(", "))));
        }
        if self.threads.is_empty() {
            return Err(Error::Invalid("no number of threads".to_owned()));
        }
        for &threads in &self.threads {
            within("threads", threads, &THREADS)?;
        }
        within("runs", self.runs, &RUNS)?;
        within("seconds", self.seconds, &SECONDS)
    }

    /// How many timed runs the plan asks for.
    pub fn trials(&self) -> usize {
        self.runs * self.threads.len() * self.systems.len()
    }
}

/// Checks an option against its range.
///
/// # Errors
/// [`Error::Invalid`], which names the option and its range.
pub fn within<T: PartialOrd + std::fmt::Display>(
    option: &str,
    value: T,
    range: &RangeInclusive<T>,
) -> Result<(), Error> {
    if range.contains(&value) {
        return Ok(());
    }
    Err(Error::Invalid(format!("{option} is {value}, allowed is {} to {}", range.start(), range.end())))
}

/// The message for a system that there is not.
pub fn unknown_system(name: &str, known: &[&str]) -> String {
    format!("unknown system `{name}`: choose from {}", known.join(", "))
}

/// How far a run has come: given before each timed run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Timed runs that are done.
    pub done: usize,
    /// Timed runs in all.
    pub total: usize,
    /// The round, from 1.
    pub round: usize,
    /// The system that is measured next.
    pub system: &'static str,
    /// With how many threads.
    pub threads: usize,
}

/// What was measured of one system at one number of threads, round by round.
#[derive(Default)]
struct Series {
    samples: Vec<Sample>,
    ping_pongs: Vec<f64>,
}

/// Carries out the plan. `progress` is told before each timed run, never during one.
///
/// # Errors
/// [`Error::Invalid`] when the plan does not fit the workload; otherwise the first thing that went wrong, which ends the
/// measurement: figures of a system that is wrong mean nothing.
pub fn run(workload: &impl Workload, plan: &Plan, progress: &mut dyn FnMut(Step)) -> Result<Report, Error> {
    plan.validate(workload)?;
    let cells = plan.threads.len() * plan.systems.len();
    let mut series: Vec<Series> = Vec::new();
    series.resize_with(cells, Series::default);
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    let mut order: Vec<usize> = (0..plan.systems.len()).collect();
    let mut done = 0;
    for round in 1..=plan.runs {
        for (row, &threads) in plan.threads.iter().enumerate() {
            rng.shuffle(&mut order);
            // All systems of a round get the same operations.
            let trial = Trial { threads, window: Duration::from_secs_f64(plan.seconds), seed: rng.u64(..) };
            for &column in &order {
                let system = plan.systems[column];
                progress(Step { done, total: plan.trials(), round, system, threads });
                let before = round_trip(threads);
                let sample = workload.trial(system, &trial)?;
                let after = round_trip(threads);
                let series = &mut series[row * plan.systems.len() + column];
                series.ping_pongs.extend(before.into_iter().chain(after));
                series.samples.push(sample);
                done += 1;
            }
        }
    }
    Ok(Report { machine: Machine::here(), rows: rows(workload, plan, &series) })
}

/// The ping-pong around a run, where several threads make it matter.
fn round_trip(threads: usize) -> Option<f64> {
    (threads > 1).then(ping_pong::measure).flatten()
}

/// Reduces what was measured to rows, in the order of the plan.
fn rows(workload: &impl Workload, plan: &Plan, series: &[Series]) -> Vec<Row> {
    let mut params = workload.params();
    params.insert("seconds".to_owned(), json!(plan.seconds));
    params.insert("seed".to_owned(), json!(plan.seed));
    let columns = plan.systems.len();
    let baseline = plan.systems.iter().position(|&system| system == BASELINE);
    let mut rows = Vec::with_capacity(series.len());
    for (index, Series { samples, ping_pongs }) in series.iter().enumerate() {
        let (row, column) = (index / columns, index % columns);
        let speeds: Vec<f64> = samples.iter().map(|sample| sample.ops_per_sec).collect();
        let Some(ops_per_sec) = Spread::of(&speeds) else { continue };
        let audits: Option<Vec<f64>> = samples.iter().map(|sample| sample.audits_per_sec).collect();
        let ratio = baseline.map(|baseline| {
            let others = &series[row * columns + baseline].samples;
            let ratios: Vec<f64> = speeds.iter().zip(others).map(|(speed, other)| speed / other.ops_per_sec).collect();
            median(&ratios)
        });
        rows.push(Row {
            workload: workload.name(),
            params: params.clone(),
            system: plan.systems[column],
            threads: plan.threads[row],
            runs: samples.len(),
            ops_per_sec,
            audits_per_sec: audits.map(|audits| median(&audits)),
            aborts: sum_of_aborts(samples),
            ping_pong_ns: Spread::of(ping_pongs),
            ops: samples.iter().map(|sample| sample.ops).sum(),
            ratio,
        });
    }
    rows
}

fn sum_of_aborts(samples: &[Sample]) -> Map<String, Value> {
    let mut sums = Map::new();
    for (cause, count) in samples.iter().flat_map(|sample| &sample.aborts) {
        let sum = sums.entry(*cause).or_insert(json!(0));
        *sum = json!(sum.as_u64().unwrap_or(0) + count);
    }
    sums
}

#[cfg(test)]
mod tests;
