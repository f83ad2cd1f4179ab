//! What comes out of a run: one row for each workload, number of threads and system, with medians and spreads.
//!
//! The JSON form is the same for every workload:
//!
//! ```json
//! {
//!   "machine": { "cpu": "..." },
//!   "rows": [ {
//!     "workload": "bank",
//!     "params": { "accounts": 1024 },
//!     "system": "reweave",
//!     "threads": 2,
//!     "runs": 5,
//!     "ops_per_sec": { "median": 31e6, "min": 30e6, "max": 32e6 },
//!     "audits_per_sec": 3.1e6,
//!     "aborts": { "validation": 1234 },
//!     "ping_pong_ns": { "median": 103.0, "min": 98.0, "max": 120.0 },
//!     "placement": "near"
//!   } ]
//! }
//! ```
//!
//! - `ops_per_sec`: all operations, audits included, of all threads together. For channels an operation is a message.
//! - `audits_per_sec`: the median; `null` for a workload that has none.
//! - `aborts`: by cause, the sum over the timed part of all runs; empty for systems that never abort.
//! - `ping_pong_ns`: the round trips measured directly before and after each run of the row; `null` with one thread, or
//!   where the process has one core.
//! - `placement`: `near`, `far` or `mixed`, which is what these round trips say of the two cores ([`Placement`]); `null`
//!   where there are none, and where the threads may have run on other cores: they are not pinned, and there are more than two.
//! - `latency_ns`: only in rows of workloads that send at a given rate, where operations a second say nothing: the time
//!   from send to receipt, of each run the median of its messages.
//! - `queueing`: only in rows of workloads that look how long tasks wait for a thread and threads for tasks: `start_ns`, the
//!   time from the spawn of a task until it begins (`median` and `p99` of a run's tasks, of each the median of the runs), and
//!   `idle_share`, the share of the threads' time in which they had no task (the median; `null` for a system that does not
//!   tell).

use serde::Serialize;
use serde_json::{Map, Value};

use crate::machine::Machine;
use crate::workload::{Figure, Queueing, Start};

/// The result of a benchmark: where it was measured, and what.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// What the figures were measured on.
    pub machine: Machine,
    /// One row for each workload, number of threads and system, in the order asked for.
    pub rows: Vec<Row>,
}

/// The figures of one system at one number of threads.
#[derive(Debug, Clone, Serialize)]
pub struct Row {
    /// The workload's name.
    pub workload: &'static str,
    /// The workload's options, and the plan's.
    pub params: Map<String, Value>,
    /// The system's name.
    pub system: &'static str,
    /// How many threads were at work.
    pub threads: usize,
    /// How many timed runs the figures are taken from.
    pub runs: usize,
    /// Operations a second, of all threads together.
    pub ops_per_sec: Spread,
    /// Audits a second (the median), which are among the operations; `None` for a workload without audits.
    pub audits_per_sec: Option<f64>,
    /// Aborted attempts by cause, summed over the timed runs.
    pub aborts: Map<String, Value>,
    /// Round trip of a cache line in nanoseconds, around the runs of this row.
    pub ping_pong_ns: Option<Spread>,
    /// How near the cores were to each other in the runs of this row.
    pub placement: Option<Placement>,
    /// Nanoseconds from send to receipt; `None`, and absent from the JSON form, unless that is what is measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latency_ns: Option<Spread>,
    /// How long tasks waited for a thread, and threads for tasks; absent from the JSON form where nobody looked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub queueing: Option<Queueing>,
    /// What the workload measures. From here on for the table; not part of the JSON form.
    #[serde(skip)]
    pub figure: Figure,
    /// Nanoseconds, as the workload's figure has them.
    #[serde(skip)]
    pub ns_per_op: Spread,
    /// Operations of all timed runs together.
    #[serde(skip)]
    pub ops: u64,
    /// For each of the workload's baselines this system's figure over that of the baseline in the same round: the
    /// median of these ratios, which a drifting machine disturbs less than a ratio of medians. Rounds in which the
    /// cores changed their placement between the two do not count. `None` when no round counts, or the baseline was
    /// not measured.
    #[serde(skip)]
    pub ratios: Vec<(&'static str, Option<f64>)>,
}

impl Report {
    /// The JSON form, indented for people.
    pub fn to_json(&self) -> String {
        // Nothing in a report can fail to be written: its keys are strings and its numbers finite.
        serde_json::to_string_pretty(self).unwrap_or_else(|error| format!("{{\"error\": \"{error}\"}}"))
    }
}

/// How near two cores are to each other, by the round trip of a cache line between them.
///
/// On a virtual machine it can change from minute to minute, and everything that several threads do changes with it: runs
/// of different placements are runs on different machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// They share a cache: every round trip took less than [`FAR`](Self::FAR).
    Near,
    /// They do not: every round trip took longer.
    Far,
    /// Some round trips were short and some long.
    Mixed,
}

impl Placement {
    /// The round trip in nanoseconds from which on cores are far from each other. Cores of one chip need about 50 to 150,
    /// others 300 and more.
    pub const FAR: f64 = 200.0;

    /// The placement that these round trips show; `None` of none.
    pub fn of(round_trips: &[f64]) -> Option<Self> {
        let Spread { min, max, .. } = Spread::of(round_trips)?;
        Some(match (min < Self::FAR, max < Self::FAR) {
            (true, true) => Self::Near,
            (false, false) => Self::Far,
            _ => Self::Mixed,
        })
    }

    /// Its name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Near => "near",
            Self::Far => "far",
            Self::Mixed => "mixed",
        }
    }
}

/// The middle and the ends of several measurements.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// The median; of an even number of values the mean of the two in the middle.
    pub median: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
}

impl Spread {
    /// The spread of some values; `None` of no values.
    pub fn of(values: &[f64]) -> Option<Self> {
        (!values.is_empty()).then(|| Self {
            median: median(values),
            min: values.iter().copied().fold(f64::INFINITY, f64::min),
            max: values.iter().copied().fold(f64::NEG_INFINITY, f64::max),
        })
    }
}

/// What several runs say together of how tasks and threads waited for each other: medians, figure by figure. `None` unless
/// all runs looked; no idle share unless all could tell.
pub fn queueing(runs: &[Option<Queueing>]) -> Option<Queueing> {
    let runs: Vec<Queueing> = runs.iter().copied().collect::<Option<_>>()?;
    let of = |figure: fn(&Queueing) -> f64| median(&runs.iter().map(figure).collect::<Vec<_>>());
    let idle: Option<Vec<f64>> = runs.iter().map(|run| run.idle_share).collect();
    (!runs.is_empty()).then(|| Queueing {
        start_ns: Start { median: of(|run| run.start_ns.median), p99: of(|run| run.start_ns.p99) },
        idle_share: idle.map(|idle| median(&idle)),
    })
}

/// The median of some values; 0 of none.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n if n % 2 == 1 => sorted[n / 2],
        n => f64::midpoint(sorted[n / 2 - 1], sorted[n / 2]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians() {
        assert_eq!(median(&[]), 0.0);
        assert_eq!(median(&[3.0]), 3.0);
        assert_eq!(median(&[9.0, 1.0, 5.0]), 5.0);
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), 2.5);
    }

    #[test]
    fn spreads() {
        assert_eq!(Spread::of(&[]), None);
        assert_eq!(Spread::of(&[2.0, 8.0, 4.0]), Some(Spread { median: 4.0, min: 2.0, max: 8.0 }));
    }

    #[test]
    fn waits_are_reduced_to_medians() {
        let run = |median, idle_share| Some(Queueing { start_ns: Start { median, p99: 10.0 * median }, idle_share });
        assert_eq!(queueing(&[]), None);
        assert_eq!(queueing(&[run(1.0, None), None]), None);
        let told = [run(3.0, Some(0.5)), run(1.0, Some(0.1)), run(2.0, Some(0.2))];
        assert_eq!(queueing(&told), run(2.0, Some(0.2)));
        assert_eq!(queueing(&[told[0], run(5.0, None)]), run(4.0, None));
    }

    #[test]
    fn placements() {
        for (round_trips, placement) in [
            (&[][..], None),
            (&[72.0, 130.0], Some(Placement::Near)),
            (&[385.0, 200.0], Some(Placement::Far)),
            (&[90.0, 91.0, 350.0], Some(Placement::Mixed)),
        ] {
            assert_eq!(Placement::of(round_trips), placement, "{round_trips:?}");
            let named = placement.map_or(Value::Null, |placement| placement.name().into());
            assert_eq!(serde_json::to_value(placement).unwrap(), named);
        }
    }

    #[test]
    fn the_json_form_has_exactly_the_promised_keys() {
        let spread = Spread { median: 2e6, min: 1e6, max: 3e6 };
        let row = Row {
            workload: "bank",
            params: Map::new(),
            system: "2pl",
            threads: 2,
            runs: 3,
            ops_per_sec: spread,
            audits_per_sec: Some(5.0),
            aborts: Map::new(),
            ping_pong_ns: None,
            placement: None,
            latency_ns: None,
            queueing: None,
            figure: Figure::Speed,
            ns_per_op: spread,
            ops: 7,
            ratios: vec![("2pl", Some(1.0))],
        };
        let late = Row { latency_ns: Some(spread), figure: Figure::Latency, ..row.clone() };
        let waits = Queueing { start_ns: Start { median: 1.0, p99: 2.0 }, idle_share: None };
        let queued = Row { queueing: Some(waits), ..row.clone() };
        let report = Report { machine: Machine::default(), rows: vec![row, late, queued] };
        let json: Value = serde_json::from_str(&report.to_json()).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        assert_eq!(keys(&json), ["machine", "rows"]);
        let row = &json["rows"][0];
        let expected = [
            "workload",
            "params",
            "system",
            "threads",
            "runs",
            "ops_per_sec",
            "audits_per_sec",
            "aborts",
            "ping_pong_ns",
            "placement",
        ];
        assert_eq!(keys(row), expected);
        assert_eq!(keys(&row["ops_per_sec"]), ["median", "min", "max"]);
        assert!(row["ping_pong_ns"].is_null() && row["placement"].is_null());
        assert!(row["aborts"].is_object());
        assert_eq!(keys(&json["rows"][1]), [&expected[..], &["latency_ns"]].concat());
        let queued = &json["rows"][2];
        assert_eq!(keys(queued), [&expected[..], &["queueing"]].concat());
        assert_eq!(keys(&queued["queueing"]), ["start_ns", "idle_share"]);
        assert_eq!(keys(&queued["queueing"]["start_ns"]), ["median", "p99"]);
        assert!(queued["queueing"]["idle_share"].is_null());
    }
}
