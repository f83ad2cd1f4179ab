//! `queue-unbalanced` and `queue-fine`: tasks that spawn tasks, until there are none left.
//!
//! Each is a tree of a number of tasks that is given, and of a shape that follows from the seed ([`tree`](super::tree)). A
//! task does its own work first, which is arithmetic, and then spawns its children. A round is a tree, from its root until
//! nothing is left, and the figure is the round's time divided by its tasks.
//!
//! # Waiting
//! One task in [`ONE_IN`], chosen by its number in the seed's sequence, carries the moment at which it was spawned, and
//! notes how long it took until it began; the root does so always. A round has a median and a 99th percentile of these, and
//! the run reports the median of each over its rounds. A look at the clock costs some twenty nanoseconds, so that this
//! adds less than one to the others. For how long threads had no task is asked of the pool right before and right after
//! each round.
//!
//! # Check
//! Every task counts itself and adds what its work came to, in a place of its thread's own. After a round the number must
//! be that of the tree, and the sum that of the same tree on one thread without any tasks.

use std::time::{Duration, Instant};

use crossbeam_utils::CachePadded;
use reweave_core::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use reweave_core::sync::thread_local;

use super::drive::{self, Rounds};
use super::pool::{self, Queue};
use super::tree::{Node, Shape};
use crate::Error;
use crate::report::median;
use crate::workload::window::warm_up;
use crate::workload::{Queueing, Sample, Start, Trial};

/// Of how many tasks one notes how long it waited.
pub(super) const ONE_IN: u64 = 64;
/// How many places there are to count in; threads beyond that share.
const PLACES: usize = 64;

/// Times unbalanced trees of so many tasks.
pub(super) fn unbalanced<P: Queue>(tasks: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    timed::<P>(Shape::Unbalanced, tasks, system, trial)
}

/// Times trees of so many tasks that do next to nothing.
pub(super) fn fine<P: Queue>(tasks: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    timed::<P>(Shape::Fine, tasks, system, trial)
}

fn timed<P: Queue>(shape: Shape, tasks: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let root = Node::root(tasks as u64, trial.seed);
    let mut log = Log::new(shape, root);
    let (rounds, waits) = drive::with_pool(system, trial.threads, |pool: &P| {
        pool.install(|| {
            drive::rounds(warm_up(trial.window), || log.round(pool, root, &mut Waits::default()))?;
            let mut waits = Waits::default();
            let rounds = drive::rounds(trial.window, || log.round(pool, root, &mut waits))?;
            Ok((rounds, waits))
        })
    })?;
    Ok(Sample { queueing: Some(waits.over(rounds, trial.threads)), ..rounds.sample(tasks) })
}

/// How tasks and threads waited, round by round.
#[derive(Default)]
struct Waits {
    medians: Vec<f64>,
    p99s: Vec<f64>,
    /// The threads' time without a task, where the pool tells.
    idle: Option<Duration>,
}

impl Waits {
    /// What so many threads report of these rounds.
    fn over(&self, rounds: Rounds, threads: usize) -> Queueing {
        let time = rounds.taken.as_secs_f64() * threads as f64;
        Queueing {
            start_ns: Start { median: median(&self.medians), p99: median(&self.p99s) },
            idle_share: self.idle.map(|idle| (idle.as_secs_f64() / time).min(1.0)),
        }
    }
}

/// What the tasks of a round write down.
struct Log {
    shape: Shape,
    /// What moments are counted from.
    zero: Instant,
    places: Vec<CachePadded<Place>>,
    /// How long tasks waited, in nanoseconds: a slot for each that notes it.
    waited: Vec<AtomicU64>,
    /// How many of the slots are taken.
    noted: AtomicUsize,
    expected: Count,
}

/// Where a thread counts.
#[derive(Default)]
struct Place {
    tasks: AtomicU64,
    sum: AtomicU64,
}

/// How many tasks there were, and what their work came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Count {
    tasks: u64,
    sum: u64,
}

impl Log {
    /// A log for trees of this shape with this root.
    fn new(shape: Shape, root: Node) -> Self {
        let (mut expected, mut noting) = (Count::default(), 0);
        let mut left = vec![root];
        while let Some(node) = left.pop() {
            expected.tasks += 1;
            expected.sum = expected.sum.wrapping_add(node.work(shape));
            noting += usize::from(notes(node));
            node.children(shape, |child| left.push(child));
        }
        Self {
            shape,
            zero: Instant::now(),
            places: (0..PLACES).map(|_| CachePadded::default()).collect(),
            // The root notes its wait in any case.
            waited: (0..=noting).map(|_| AtomicU64::new(0)).collect(),
            noted: AtomicUsize::new(0),
            expected,
        }
    }

    /// Runs a tree, says how long it took, and adds to `waits`.
    fn round<P: Queue>(&mut self, pool: &P, root: Node, waits: &mut Waits) -> Result<Duration, String> {
        let idle = pool.idle();
        let (taken, ()) = drive::timed(|| pool.run(Task { log: self, node: root, spawned: Some(self.now()) }));
        let idle = pool.idle().zip(idle).map(|(after, before)| after.saturating_sub(before));
        let (expected, found) = (self.expected, self.take_count());
        if found.tasks != expected.tasks {
            return Err(format!(
                "of a tree of {} tasks {} were run when it was said to be done",
                expected.tasks, found.tasks
            ));
        }
        if found != expected {
            return Err(format!("the right number of tasks was run, {}, but not the right ones", found.tasks));
        }
        let mut waited = self.take_waited();
        waited.sort_unstable();
        // Of `n` in order, the one that `percent` of them do not exceed.
        let at = |percent: usize| waited[(waited.len() * percent).div_ceil(100).max(1) - 1] as f64;
        waits.medians.push(at(50));
        waits.p99s.push(at(99));
        waits.idle = idle.map(|idle| waits.idle.unwrap_or_default() + idle);
        Ok(taken)
    }

    /// Nanoseconds until now.
    fn now(&self) -> u64 {
        self.zero.elapsed().as_nanos() as u64
    }

    /// What was counted, which is forgotten.
    fn take_count(&mut self) -> Count {
        let mut count = Count::default();
        for place in &mut self.places {
            count.tasks += std::mem::take(place.tasks.get_mut());
            count.sum = count.sum.wrapping_add(std::mem::take(place.sum.get_mut()));
        }
        count
    }

    /// How long tasks waited, which is forgotten. There is one that did: the root.
    fn take_waited(&mut self) -> Vec<u64> {
        let noted = std::mem::take(self.noted.get_mut()).clamp(1, self.waited.len());
        self.waited[..noted].iter_mut().map(|slot| *slot.get_mut()).collect()
    }
}

/// Whether the task notes how long it waits.
fn notes(node: Node) -> bool {
    node.seed().is_multiple_of(ONE_IN)
}

/// A task of a tree.
struct Task<'a> {
    log: &'a Log,
    node: Node,
    /// When it was spawned, if it notes how long it waits.
    spawned: Option<u64>,
}

impl pool::Task for Task<'_> {
    #[inline]
    fn run(self, mut spawn: impl FnMut(Self)) {
        let Self { log, node, spawned } = self;
        if let Some(spawned) = spawned {
            let slot = log.noted.fetch_add(1, Ordering::Relaxed);
            // A system that runs a task twice has no slot for it, and is found out by the count.
            if let Some(slot) = log.waited.get(slot) {
                slot.store(log.now().saturating_sub(spawned), Ordering::Relaxed);
            }
        }
        let sum = node.work(log.shape);
        let place = &log.places[my_place()];
        place.tasks.fetch_add(1, Ordering::Relaxed);
        place.sum.fetch_add(sum, Ordering::Relaxed);
        node.children(log.shape, |node| {
            let spawned = notes(node).then(|| log.now());
            spawn(Self { log, node, spawned });
        });
    }
}

thread_local! {
    /// Where this thread counts.
    static PLACE: usize = {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        NEXT.fetch_add(1, Ordering::Relaxed) % PLACES
    };
}

#[inline]
fn my_place() -> usize {
    PLACE.with(|place| *place)
}

#[cfg(test)]
mod tests {
    use super::pool::Pool as _;
    use super::*;
    use crate::systems::shared_queue;

    #[test]
    fn tasks_that_are_not_those_of_the_tree_are_found_by_their_sum() {
        let pool = shared_queue::Pool::start(2).unwrap();
        let [root, other] = [1, 2].map(|seed| Node::root(100, seed));
        let mut log = Log::new(Shape::Fine, root);
        let found = log.round(&pool, other, &mut Waits::default()).unwrap_err();
        assert_eq!(found, "the right number of tasks was run, 100, but not the right ones");
        // It is forgotten, and what is right is found to be.
        log.round(&pool, root, &mut Waits::default()).unwrap();
    }
}
