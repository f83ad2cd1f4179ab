//! The plan of a measurement, and the order in which it is carried out.
//!
//! Machines drift: they heat up, are throttled, share their cores with strangers. A system measured for ten seconds
//! before another had a different machine. So the timed runs are interleaved:
//!
//! ```text
//! for each round
//!     for each workload
//!         for each number of threads
//!             for each system, in an order shuffled anew
//!                 ping-pong;  warm-up, timed run, check;  ping-pong
//! ```
//!
//! and systems are compared with the baseline of their own round, unless the cores were near each other for one of the two
//! and far for the other ([`Placement`]), and the threads ran on these cores: where they are not pinned and there are more
//! than two cores, nobody knows. A workload is measured on those of the plan's systems
//! that offer it, and left out when none does.

use std::ops::RangeInclusive;
use std::time::Duration;

use reweave_core::topology::affinity;
use serde_json::{Map, Value, json};

use crate::machine::Machine;
use crate::report::{Placement, Report, Row, Spread, median, queueing};
use crate::workload::{Figure, Sample, Trial, Workload};
use crate::{Error, ping_pong};

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
    /// The numbers of threads, for workloads that are not made for a number of their own.
    pub threads: Vec<usize>,
    /// How long each timed run lasts, in seconds.
    pub seconds: f64,
    /// How many timed runs each figure is taken from.
    pub runs: usize,
    /// What every random choice follows from: the operations of each thread, and the order of the systems.
    pub seed: u64,
}

impl Plan {
    /// The plan that is used when nothing else is said: all systems of the workloads, 1 and 2 threads, 5 runs of a
    /// second.
    pub fn of(workloads: &[&dyn Workload]) -> Self {
        let mut systems = Vec::new();
        for system in workloads.iter().flat_map(|workload| workload.systems()) {
            if !systems.contains(&system) {
                systems.push(system);
            }
        }
        Self { systems, threads: vec![1, 2], seconds: 1.0, runs: 5, seed: 1 }
    }

    /// Checks every part of the plan against what is allowed.
    ///
    /// # Errors
    /// [`Error::Invalid`], which names the part and its range.
    pub fn validate(&self, workloads: &[&dyn Workload]) -> Result<(), Error> {
        let known = Self::of(workloads).systems;
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
    pub fn trials(&self, workloads: &[&dyn Workload]) -> usize {
        self.runs * self.groups(workloads).iter().map(|group| group.systems.len()).sum::<usize>()
    }

    /// What is compared with each other, in the order of the report.
    fn groups<'a>(&self, workloads: &[&'a dyn Workload]) -> Vec<Group<'a>> {
        let mut groups = Vec::new();
        for &workload in workloads {
            let offered = workload.systems();
            let systems: Vec<_> = self.systems.iter().copied().filter(|system| offered.contains(system)).collect();
            if systems.is_empty() {
                continue;
            }
            let threads = workload.threads().map_or_else(|| self.threads.clone(), |threads| vec![threads]);
            groups.extend(threads.into_iter().map(|threads| Group { workload, threads, systems: systems.clone() }));
        }
        groups
    }
}

/// The systems that do the same work with the same number of threads.
struct Group<'a> {
    workload: &'a dyn Workload,
    threads: usize,
    systems: Vec<&'static str>,
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
    /// The workload.
    pub workload: &'static str,
    /// The system that is measured next.
    pub system: &'static str,
    /// With how many threads.
    pub threads: usize,
}

/// What was measured of one system at one number of threads, round by round.
#[derive(Default)]
struct Series {
    samples: Vec<Sample>,
    /// The round trips around each sample.
    ping_pongs: Vec<Vec<f64>>,
}

impl Series {
    /// How near the cores were in a round.
    fn placement(&self, round: usize) -> Option<Placement> {
        Placement::of(&self.ping_pongs[round])
    }
}

/// Carries out the plan. `progress` is told before each timed run, never during one.
///
/// # Errors
/// [`Error::Invalid`] when the plan does not fit the workloads; otherwise the first thing that went wrong, which ends
/// the measurement: figures of a system that is wrong mean nothing.
pub fn run(workloads: &[&dyn Workload], plan: &Plan, progress: &mut dyn FnMut(Step)) -> Result<Report, Error> {
    run_beside(Cores { measure: ping_pong::measure, all: affinity::allowed().len() <= 2 }, workloads, plan, progress)
}

/// The two cores whose round trip is measured.
#[derive(Clone, Copy)]
struct Cores {
    measure: fn() -> Option<f64>,
    /// Whether there are no others.
    all: bool,
}

impl Cores {
    /// Whether the threads of a workload run on these, so that it matters how near they are.
    fn matter_to(self, workload: &dyn Workload) -> bool {
        self.all || workload.pins()
    }
}

/// As [`run`], with these cores: those of tests stay where they are.
fn run_beside(
    cores: Cores,
    workloads: &[&dyn Workload],
    plan: &Plan,
    progress: &mut dyn FnMut(Step),
) -> Result<Report, Error> {
    plan.validate(workloads)?;
    // Around a run in which several threads make it matter.
    let round_trip = |threads: usize| (threads > 1).then(cores.measure).flatten();
    let groups = plan.groups(workloads);
    let mut series: Vec<Vec<Series>> =
        groups.iter().map(|group| group.systems.iter().map(|_| Series::default()).collect()).collect();
    let mut rng = fastrand::Rng::with_seed(plan.seed);
    let (mut done, total) = (0, plan.trials(workloads));
    for round in 1..=plan.runs {
        for (Group { workload, threads, systems }, series) in groups.iter().zip(&mut series) {
            let threads = *threads;
            let mut order: Vec<usize> = (0..systems.len()).collect();
            rng.shuffle(&mut order);
            // All systems of a round get the same operations.
            let trial = Trial { threads, window: Duration::from_secs_f64(plan.seconds), seed: rng.u64(..) };
            for column in order {
                let system = systems[column];
                progress(Step { done, total, round, workload: workload.name(), system, threads });
                let before = round_trip(threads);
                let sample = workload.trial(system, &trial)?;
                let after = round_trip(threads);
                series[column].ping_pongs.push(before.into_iter().chain(after).collect());
                series[column].samples.push(sample);
                done += 1;
            }
        }
    }
    let rows = groups.iter().zip(&series).flat_map(|(group, series)| rows(group, plan, series, cores)).collect();
    Ok(Report { machine: Machine::here(), rows })
}

/// Reduces what was measured of a group to rows, in the order of its systems.
fn rows(group: &Group<'_>, plan: &Plan, series: &[Series], cores: Cores) -> Vec<Row> {
    let Group { workload, threads, systems } = group;
    let placed = cores.matter_to(*workload);
    let mut params = workload.params();
    params.insert("seconds".to_owned(), json!(plan.seconds));
    params.insert("seed".to_owned(), json!(plan.seed));
    let figure = workload.figure();
    let mut rows = Vec::with_capacity(series.len());
    for (&system, own) in systems.iter().zip(series) {
        let (samples, ping_pongs) = (&own.samples, own.ping_pongs.concat());
        let values = |of: fn(&Sample) -> f64| samples.iter().map(of).collect::<Vec<_>>();
        let speeds = values(|sample| sample.ops_per_sec);
        let (Some(ops_per_sec), Some(ns_per_op)) =
            (Spread::of(&speeds), Spread::of(&values(|sample| sample.ns_per_op)))
        else {
            continue;
        };
        let audits: Option<Vec<f64>> = samples.iter().map(|sample| sample.audits_per_sec).collect();
        let baselines = workload.baselines().iter().map(|&baseline| {
            let column = systems.iter().position(|&system| system == baseline);
            (baseline, column.and_then(|column| ratio(figure, own, &series[column], placed)))
        });
        rows.push(Row {
            workload: workload.name(),
            params: params.clone(),
            system,
            threads: *threads,
            runs: samples.len(),
            ops_per_sec,
            audits_per_sec: audits.map(|audits| median(&audits)),
            aborts: sum_of_aborts(samples),
            ping_pong_ns: Spread::of(&ping_pongs),
            placement: Placement::of(&ping_pongs).filter(|_| placed),
            latency_ns: (figure == Figure::Latency).then_some(ns_per_op),
            queueing: queueing(&samples.iter().map(|sample| sample.queueing).collect::<Vec<_>>()),
            figure,
            ns_per_op,
            ops: samples.iter().map(|sample| sample.ops).sum(),
            ratios: baselines.collect(),
        });
    }
    rows
}

/// The median of the ratios within each round; where it matters, in which both had the cores placed alike.
fn ratio(figure: Figure, own: &Series, baseline: &Series, placed: bool) -> Option<f64> {
    let of = |sample: &Sample| match figure {
        Figure::Speed => sample.ops_per_sec,
        Figure::Time | Figure::Latency => sample.ns_per_op,
    };
    let alike = (0..own.samples.len()).filter(|&round| !placed || own.placement(round) == baseline.placement(round));
    let ratios: Vec<f64> = alike.map(|round| of(&own.samples[round]) / of(&baseline.samples[round])).collect();
    Spread::of(&ratios).map(|ratios| ratios.median)
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
