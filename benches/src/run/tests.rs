//! The plan's validation, the order of a run, and the reduction to rows, on workloads that only pretend.

use super::*;
use crate::workload::{Queueing, Start};
use reweave_core::sync::thread_local;
use std::cell::RefCell;

/// The run, on cores that stay near each other.
fn run(workloads: &[&dyn Workload], plan: &Plan, progress: &mut dyn FnMut(Step)) -> Result<Report, Error> {
    run_beside(Cores { measure: || Some(100.0), all: false }, workloads, plan, progress)
}

/// The workload alone, and the plan for it.
fn alone(workload: &Pretend) -> [&dyn Workload; 1] {
    [workload]
}

/// A workload whose speed is made up: system `b` does twice what `2pl` does, and the machine slows down with each trial.
#[derive(Default)]
struct Pretend {
    seen: RefCell<Vec<(&'static str, usize, u64)>>,
    broken: Option<&'static str>,
    latency: bool,
    roams: bool,
}

/// How system `b` queues.
const WAITS: Queueing = Queueing { start_ns: Start { median: 5.0, p99: 50.0 }, idle_share: Some(0.25) };

impl Workload for Pretend {
    fn name(&self) -> &'static str {
        "pretend"
    }

    fn params(&self) -> Map<String, Value> {
        Map::from_iter([("size".to_owned(), json!(3))])
    }

    fn systems(&self) -> Vec<&'static str> {
        vec!["2pl", "b", "c"]
    }

    fn baselines(&self) -> &'static [&'static str] {
        &["2pl", "c"]
    }

    fn figure(&self) -> Figure {
        if self.latency { Figure::Latency } else { Figure::Speed }
    }

    fn threads(&self) -> Option<usize> {
        self.latency.then_some(2)
    }

    fn pins(&self) -> bool {
        !self.roams
    }

    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
        self.seen.borrow_mut().push((system, trial.threads, trial.seed));
        if self.broken == Some(system) {
            return Err(Error::Wrong { system, threads: trial.threads, finding: "two and two made five".to_owned() });
        }
        let speed = if system == "b" { 2000.0 } else { 1000.0 };
        Ok(Sample {
            ops: 10,
            ops_per_sec: speed * trial.threads as f64,
            ns_per_op: 1e9 / speed,
            audits_per_sec: (system != "c").then_some(7.0),
            aborts: if system == "b" { vec![("conflict", 2), ("lock", 1)] } else { vec![] },
            queueing: (system == "b").then_some(WAITS),
        })
    }
}

fn plan() -> Plan {
    Plan { runs: 3, threads: vec![1, 3], seconds: 0.001, ..Plan::of(&alone(&Pretend::default())) }
}

#[test]
fn every_system_runs_once_in_each_round_with_the_same_operations() {
    let workload = Pretend::default();
    let mut steps = Vec::new();
    run(&alone(&workload), &plan(), &mut |step| steps.push(step)).unwrap();
    let seen = workload.seen.borrow();
    assert_eq!(seen.len(), 18);
    for group in seen.chunks(3) {
        let mut systems: Vec<_> = group.iter().map(|trial| trial.0).collect();
        systems.sort_unstable();
        assert_eq!(systems, ["2pl", "b", "c"]);
        assert!(group.iter().all(|trial| (trial.1, trial.2) == (group[0].1, group[0].2)), "{group:?}");
    }
    let threads: Vec<_> = seen.chunks(3).map(|group| group[0].1).collect();
    assert_eq!(threads, [1, 3, 1, 3, 1, 3]);
    assert_eq!(steps.iter().map(|step| step.done).collect::<Vec<_>>(), (0..18).collect::<Vec<_>>());
    assert!(steps.iter().all(|step| step.total == 18));
    assert_eq!((steps[0].round, steps[17].round), (1, 3));
}

#[test]
fn the_order_of_the_systems_changes_but_follows_from_the_seed() {
    let order = |seed| {
        let workload = Pretend::default();
        run(&alone(&workload), &Plan { runs: 20, threads: vec![1], seed, ..plan() }, &mut |_| ()).unwrap();
        workload.seen.into_inner()
    };
    let seen = order(5);
    let first: Vec<_> = seen.chunks(3).map(|group| group[0].0).collect();
    assert!(["2pl", "b", "c"].iter().all(|system| first.contains(system)), "{first:?}");
    assert_eq!(seen, order(5));
    assert_ne!(seen, order(6));
}

#[test]
fn rows_carry_the_figures_of_their_series() {
    let report = run(&alone(&Pretend::default()), &plan(), &mut |_| ()).unwrap();
    let order: Vec<_> = report.rows.iter().map(|row| (row.threads, row.system)).collect();
    assert_eq!(order, [(1, "2pl"), (1, "b"), (1, "c"), (3, "2pl"), (3, "b"), (3, "c")]);
    let b = &report.rows[4];
    assert_eq!(b.ops_per_sec, Spread { median: 6000.0, min: 6000.0, max: 6000.0 });
    assert_eq!((b.runs, b.ops, &b.ratios[..]), (3, 30, &[("2pl", Some(2.0)), ("c", Some(2.0))][..]));
    assert_eq!(b.aborts.get("conflict"), Some(&json!(6)));
    assert_eq!(b.aborts.get("lock"), Some(&json!(3)));
    assert_eq!(b.audits_per_sec, Some(7.0));
    assert_eq!(report.rows[5].audits_per_sec, None);
    assert_eq!((b.queueing, report.rows[5].queueing), (Some(WAITS), None));
    assert_eq!(b.params["size"], json!(3));
    assert_eq!((b.ns_per_op.median, b.latency_ns), (500_000.0, None));
    assert_eq!(b.params["seconds"], json!(0.001));
    assert_eq!(report.rows[0].ping_pong_ns, None, "one thread has nobody to play with");
    assert_eq!(b.ping_pong_ns, Spread::of(&[100.0]));
    assert_eq!(b.placement, Placement::of(&[100.0]));
}

#[test]
fn workloads_take_turns_each_with_its_own_threads_and_systems() {
    let (speed, latency) = (Pretend::default(), Pretend { latency: true, ..Pretend::default() });
    let both: [&dyn Workload; 2] = [&speed, &latency];
    let plan = Plan { systems: vec!["c", "b"], ..plan() };
    assert_eq!(plan.trials(&both), 18);
    let report = run(&both, &plan, &mut |_| ()).unwrap();
    let order: Vec<_> = report.rows.iter().map(|row| (row.figure, row.threads, row.system)).collect();
    let (fast, late) = (Figure::Speed, Figure::Latency);
    assert_eq!(order[..4], [(fast, 1, "c"), (fast, 1, "b"), (fast, 3, "c"), (fast, 3, "b")]);
    assert_eq!(order[4..], [(late, 2, "c"), (late, 2, "b")]);
    let b = &report.rows[5];
    assert_eq!(b.latency_ns.map(|ns| ns.median), Some(500_000.0));
    assert_eq!(b.ratios, [("2pl", None), ("c", Some(0.5))], "of the times, where 1 is as good and less is better");
}

/// The round trip between cores that are far from each other during the first of each three runs.
fn wandering() -> Option<f64> {
    thread_local! {
        static TRIPS: RefCell<u32> = const { RefCell::new(0) };
    }
    // Each run has one before it and one behind it.
    let trip = TRIPS.with(|trips| trips.replace_with(|&mut trips| trips + 1));
    Some(if trip % 6 < 2 { 400.0 } else { 100.0 })
}

#[test]
fn how_near_the_cores_are_counts_where_the_threads_are_sure_to_run_on_them() {
    // A round of three systems, of which one was measured while the cores were far from each other.
    let plan = Plan { runs: 1, threads: vec![2], ..plan() };
    let told = |roams, all| {
        let workload = Pretend { roams, ..Pretend::default() };
        let report = run_beside(Cores { measure: wandering, all }, &alone(&workload), &plan, &mut |_| ()).unwrap();
        assert!(report.rows.iter().all(|row| row.ping_pong_ns.is_some()));
        let far = report.rows.iter().filter(|row| row.placement == Some(Placement::Far)).count();
        (far, report.rows.iter().flat_map(|row| &row.ratios).all(|ratio| ratio.1.is_some()))
    };
    assert_eq!(told(false, false), (1, false), "pinned");
    assert_eq!(told(true, true), (1, false), "there are no other cores");
    assert_eq!(told(true, false), (0, true), "anywhere");
}

#[test]
fn without_the_baseline_there_is_no_ratio() {
    let plan = Plan { systems: vec!["b"], ..plan() };
    let report = run(&alone(&Pretend::default()), &plan, &mut |_| ()).unwrap();
    assert!(report.rows.iter().all(|row| row.ratios == [("2pl", None), ("c", None)]));
}

#[test]
fn a_wrong_system_ends_the_run() {
    let workload = Pretend { broken: Some("b"), ..Pretend::default() };
    let error = run(&alone(&workload), &plan(), &mut |_| ()).unwrap_err();
    assert_eq!(error.to_string(), "b with 1 thread: two and two made five");
}

#[test]
fn plans_out_of_range_are_refused_with_what_is_allowed() {
    let refused = |plan: Plan| plan.validate(&alone(&Pretend::default())).unwrap_err().to_string();
    assert_eq!(refused(Plan { systems: vec!["d"], ..plan() }), "unknown system `d`: choose from 2pl, b, c");
    assert_eq!(refused(Plan { systems: vec![], ..plan() }), "no system: choose from 2pl, b, c");
    assert_eq!(refused(Plan { threads: vec![], ..plan() }), "no number of threads");
    assert_eq!(refused(Plan { threads: vec![1, 0], ..plan() }), "threads is 0, allowed is 1 to 1024");
    assert_eq!(refused(Plan { runs: 0, ..plan() }), "runs is 0, allowed is 1 to 1000");
    assert_eq!(refused(Plan { seconds: 0.0, ..plan() }), "seconds is 0, allowed is 0.001 to 3600");
    assert_eq!(refused(Plan { seconds: f64::NAN, ..plan() }), "seconds is NaN, allowed is 0.001 to 3600");
}
