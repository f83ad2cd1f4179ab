//! Every workload on every system with one thread and several, and systems that are wrong, which must get no figures.

use std::time::Duration;

use reweave_core::sync::atomic::{AtomicU64, Ordering};

use super::counters::Counters;
use super::memory::{Transaction, View};
use super::*;
use crate::systems::place::Place;

fn trial(threads: usize) -> Trial {
    Trial { threads, window: Duration::from_millis(1), seed: 1 }
}

#[test]
fn every_system_does_every_workload() {
    for workload in &ALL {
        // The large sets take their time to fill in a build that is not optimised: the tree stands for both.
        let large = |shape| matches!(shape, Shape::Skip | Shape::Hash);
        if matches!(workload.work, Work::Set(shape, updates) if updates != 50 || large(shape)) {
            continue;
        }
        for system in workload.systems() {
            for threads in workload.threads().map_or(vec![1, 3], |threads| vec![threads]) {
                let sample = workload.trial(system, &trial(threads)).unwrap();
                assert!(sample.ops > 0 && sample.ns_per_op > 0.0, "{} on {system}: {sample:?}", workload.name);
            }
        }
    }
}

#[test]
fn names_are_told_apart_and_strangers_refused() {
    for (index, workload) in ALL.iter().enumerate() {
        assert!(ALL[..index].iter().all(|other| other.name != workload.name), "{}", workload.name);
        for baseline in workload.baselines() {
            assert!(workload.systems().contains(baseline), "{} is not compared with {baseline}", workload.name);
        }
        for stranger in ["none", "atomics", "2pl"].into_iter().filter(|name| !workload.systems().contains(name)) {
            let error = workload.trial(stranger, &trial(1)).unwrap_err().to_string();
            assert!(error.starts_with(&format!("unknown system `{stranger}`: choose from reweave")), "{error}");
        }
    }
}

#[test]
fn parameters_tell_what_was_measured() {
    let params = |name: &str| ALL.iter().find(|workload| workload.name == name).unwrap().params();
    assert_eq!(params("transfer")["accounts"], 1_000);
    assert_eq!(params("transfer-packed")["layout"], "packed");
    assert_eq!(params("bank-audit10")["audit_percent"], 10);
    assert_eq!(params("contended")["skew"], 0.99);
    assert_eq!(params("scan")["variables"], 1_000);
    let set = params("rbtree32k-u10");
    assert_eq!((&set["elements"], &set["keys"], &set["update_percent"]), (&json!(32768), &json!(65536), &json!(10)));
}

/// Counters that lose one addition in a hundred.
struct Forgetful(Vec<AtomicU64>, AtomicU64);

impl Counters for Forgetful {
    fn new(count: usize) -> Self {
        Self((0..count).map(|_| AtomicU64::new(0)).collect(), AtomicU64::new(0))
    }

    fn add(&self, index: usize) {
        if self.1.fetch_add(1, Ordering::Relaxed) % 100 != 99 {
            self.0[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn get(&self, index: usize) -> u64 {
        self.0[index].load(Ordering::Relaxed)
    }

    fn sum(&self) -> u64 {
        self.0.iter().map(|counter| counter.load(Ordering::Relaxed)).sum()
    }
}

/// Counters that never say what they count.
struct Liar(Forgetful);

impl Counters for Liar {
    fn new(count: usize) -> Self {
        Self(Forgetful::new(count))
    }

    fn add(&self, _: usize) {}

    fn get(&self, _: usize) -> u64 {
        self.sum()
    }

    /// Falls from call to call.
    fn sum(&self) -> u64 {
        1_000_000 - self.0.1.fetch_add(1, Ordering::Relaxed)
    }
}

#[test]
fn counters_that_are_wrong_get_an_error() {
    let wrong = |work, timed: Timed<Counting>| timed(work, "wrong", &trial(2)).unwrap_err().to_string();
    for (work, timed, finding) in [
        (Counting::Add, counters::timed::<Forgetful> as Timed<Counting>, "the counter was "),
        (Counting::Scan, counters::timed::<Forgetful>, "the last sum was "),
        (Counting::Updates, counters::timed::<Forgetful>, "the last sum was "),
        (Counting::Read, counters::timed::<Liar>, "the counter was "),
        (Counting::Audit, counters::timed::<Liar>, "the sum was "),
        (Counting::ScanUpdates, counters::timed::<Liar>, "the sum fell from "),
    ] {
        let error = wrong(work, timed);
        assert!(error.starts_with(&format!("wrong with 2 threads: {finding}")), "{work:?}: {error}");
    }
}

/// A bank that keeps one unit for itself now and then.
struct Greedy(mutex::Accounts<Padded>, AtomicU64);

impl bank::Bank for Greedy {
    fn open(accounts: usize, balance: i64) -> Self {
        Self(bank::Bank::open(accounts, balance), AtomicU64::new(0))
    }

    fn transfer(&self, from: usize, to: usize, amount: i64) -> bool {
        self.1.fetch_add(1, Ordering::Relaxed);
        self.0.transfer(from, to, amount)
    }

    fn audit(&self) -> i64 {
        self.0.audit() - self.1.load(Ordering::Relaxed) as i64 / 500
    }
}

#[test]
fn a_bank_that_is_wrong_gets_an_error() {
    for (affair, finding) in [
        (Affair::Disjoint, "the last audit found "),
        (Affair::LongRead, "an audit found "),
        (Affair::LongReadWrites, "an audit found "),
    ] {
        let error = accounts::timed::<Greedy>(affair, "greedy", &trial(2)).unwrap_err().to_string();
        // An audit may have come before the first unit was kept.
        let last = format!("greedy with 2 threads: {}", finding.replace("an audit", "the last audit"));
        assert!(error.starts_with(&format!("greedy with 2 threads: {finding}")) || error.starts_with(&last), "{error}");
    }
}

/// A memory that throws away a write in a hundred.
struct Leaky(Locked<mutex::Alone, Packed>, AtomicU64);

type Cell = <Packed as Place>::Cell<AtomicU64>;
type Inside = <Locked<mutex::Alone, Packed> as Memory>::Tx<'static>;

/// The inside of one of its blocks.
struct Leaking<'m>(&'m mut Inside, &'m AtomicU64);

impl View for Leaking<'_> {
    type Cell = Cell;
    type Stop = std::convert::Infallible;

    fn read(&mut self, cell: &Cell) -> Result<u64, Self::Stop> {
        self.0.read(cell)
    }

    fn torn(&self) -> Self::Stop {
        self.0.torn()
    }
}

impl Transaction for Leaking<'_> {
    fn write(&mut self, cell: &Cell, value: u64) -> Result<(), Self::Stop> {
        if self.1.fetch_add(1, Ordering::Relaxed) % 100 == 99 { Ok(()) } else { self.0.write(cell, value) }
    }
}

impl Memory for Leaky {
    type Cell = Cell;
    type Stop = std::convert::Infallible;
    type Tx<'t> = Leaking<'t>;
    type Look<'l> = Inside;
    type Snapshot<'s> = Inside;

    fn new() -> Self {
        Self(Memory::new(), AtomicU64::new(0))
    }

    fn cell(&self, value: u64) -> Cell {
        self.0.cell(value)
    }

    fn atomically<R>(&self, body: impl Fn(&mut Leaking<'_>) -> Result<R, Self::Stop>) -> R {
        self.0.atomically(|tx| body(&mut Leaking(tx, &self.1)))
    }

    fn look<R>(&self, body: impl Fn(&mut Inside) -> Result<R, Self::Stop>) -> R {
        self.0.look(body)
    }

    fn snapshot<R>(&self, body: impl Fn(&mut Inside) -> Result<R, Self::Stop>) -> R {
        self.0.snapshot(body)
    }
}

#[test]
fn a_memory_that_loses_writes_gets_no_figures_for_sets() {
    for shape in [Shape::Hash, Shape::List, Shape::Tree, Shape::Skip] {
        let error = sets::timed::<Leaky>(shape, 50, "leaky", &trial(1)).unwrap_err().to_string();
        assert!(error.starts_with("leaky with 1 thread: "), "{shape:?}: {error}");
    }
}
