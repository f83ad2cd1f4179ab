//! Schedulers: forks and joins, scopes, tasks and maps, on a number of threads that work together.
//!
//! | workload | what is done | an operation |
//! |---|---|---|
//! | `join-tree` | the sum of a binary tree of 1,048,575 boxes, with a fork and a join at each | a node |
//! | `scoped-spawn` | a scope in which 1,000 jobs are spawned that do next to nothing | a job |
//! | `spawn-await` | inside a task: a task spawned and awaited; as many do so as there are threads | a task |
//! | `par-map` | a function of a few nanoseconds, applied to 1,000,000 items | an item |
//! | `par-map-skew` | 10,000 items, of which one in 100 takes 1,000 times as long as the others | an item |
//! | `queue-unbalanced` | an unbalanced tree of 100,000 tasks that spawn each other | a task |
//! | `queue-fine` | a balanced one, whose tasks do next to nothing | a task |
//!
//! N threads are a pool of N threads, which is started for the run and warmed up. The figure is the elapsed time divided by
//! the operations of all threads together, so that twice the threads halve it at best; except for `spawn-await`, where
//! every thread has a loop of its own and the figure is that of one loop. Threads are not pinned: none of the systems does
//! so by itself, and not all of them let others do it.
//!
//! Every round is checked (the modules say how); a system that loses, repeats or invents something gets no figures. The
//! `queue-` workloads also tell how long tasks waited for a thread and, where the system knows, threads for tasks.

use std::fmt;
use std::time::Duration;

use reweave_sched::trace::Trace;
use serde_json::{Map, Value, json};

use super::{Figure, Sample, Trial, Workload};
use crate::Error;
use crate::run::unknown_system;
use crate::systems::{async_executor, chili, rayon, reweave, shared_queue, tokio};

mod awaiting;
mod drive;
pub mod join;
mod map;
pub mod pool;
mod queue;
mod scoped;
mod tree;
mod work;

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    Join,
    Scope,
    Await,
    Map,
    Skew,
    Unbalanced,
    Fine,
}

/// One of the workloads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sched {
    name: &'static str,
    work: Work,
    /// How much there is in a round: the layers of a tree of boxes; jobs; items; tasks.
    size: usize,
}

const fn workload(name: &'static str, work: Work, size: usize) -> Sched {
    Sched { name, work, size }
}

/// All workloads, in the order of tables.
pub static ALL: [Sched; 7] = [
    workload("join-tree", Work::Join, 20),
    workload("scoped-spawn", Work::Scope, 1_000),
    workload("spawn-await", Work::Await, 64),
    workload("par-map", Work::Map, 1_000_000),
    workload("par-map-skew", Work::Skew, 10_000),
    workload("queue-unbalanced", Work::Unbalanced, 100_000),
    workload("queue-fine", Work::Fine, 100_000),
];

/// A system that has a scheduler.
pub struct System {
    /// Its name in reports and on the command line.
    pub name: &'static str,
    /// What it is, in a few words.
    pub about: &'static str,
    /// The trial of some work, or `None` when the system does not offer it.
    timed: fn(Work) -> Option<Timed>,
}

impl fmt::Debug for System {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("System").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A timed trial with rounds of a size, compiled for one system.
type Timed = fn(usize, &'static str, &Trial) -> Result<Sample, Error>;

/// The systems that have a scheduler, in the order of tables.
pub static SYSTEMS: [System; 7] = [
    System { name: "reweave", about: "this project's scheduler", timed: reweave },
    System {
        name: "reweave-observed",
        about: "the same, which keeps an account of its tasks",
        timed: tasks::<reweave::Observed>,
    },
    System { name: "rayon", about: "the crate rayon, which has no futures", timed: rayon },
    System { name: "chili", about: "the crate chili, which has forks and joins only", timed: chili },
    System { name: "tokio", about: "the crate tokio, its runtime of several threads", timed: tasks::<tokio::Pool> },
    System {
        name: "async-executor",
        about: "the crate async-executor, run by several threads",
        timed: tasks::<async_executor::Pool>,
    },
    System { name: "shared-queue", about: "threads that take their tasks from one locked queue", timed: shared_queue },
];

fn reweave(work: Work) -> Option<Timed> {
    Some(match work {
        Work::Join => join::trial::<reweave::Pool>,
        Work::Scope => scoped::trial::<reweave::Pool>,
        Work::Await => awaiting::trial::<reweave::Pool>,
        Work::Map => map::even::<reweave::Pool>,
        Work::Skew => map::skewed::<reweave::Pool>,
        Work::Unbalanced => queue::unbalanced::<reweave::Pool>,
        Work::Fine => queue::fine::<reweave::Pool>,
    })
}

fn rayon(work: Work) -> Option<Timed> {
    Some(match work {
        Work::Join => join::trial::<rayon::Pool>,
        Work::Scope => scoped::trial::<rayon::Pool>,
        Work::Await => return None,
        Work::Map => map::even::<rayon::Pool>,
        Work::Skew => map::skewed::<rayon::Pool>,
        Work::Unbalanced => queue::unbalanced::<rayon::Pool>,
        Work::Fine => queue::fine::<rayon::Pool>,
    })
}

fn chili(work: Work) -> Option<Timed> {
    (work == Work::Join).then_some(join::trial::<chili::Pool> as Timed)
}

/// What a system offers that runs futures as tasks, and nothing else.
fn tasks<P: pool::Spawn>(work: Work) -> Option<Timed> {
    (work == Work::Await).then_some(awaiting::trial::<P> as Timed)
}

/// Not `par-map`: that asks what a system adds to an item, and here it is all in how the slice is cut.
fn shared_queue(work: Work) -> Option<Timed> {
    match work {
        Work::Skew => Some(map::skewed::<shared_queue::Pool>),
        Work::Unbalanced => Some(queue::unbalanced::<shared_queue::Pool>),
        Work::Fine => Some(queue::fine::<shared_queue::Pool>),
        Work::Join | Work::Scope | Work::Await | Work::Map => None,
    }
}

/// How many events a traced pool keeps of each worker: a round of most workloads, and a file that a viewer can load.
const EVENTS: usize = (1 << 16) - 1;

impl Sched {
    /// What the workers of this project's scheduler do in a short run of this work: the warm-up, and a round or a millisecond.
    ///
    /// # Errors
    /// As [`Workload::trial`].
    pub fn trace(&self, threads: usize, seed: u64) -> Result<Trace, Error> {
        let trial = Trial { threads, window: Duration::from_millis(1), seed };
        let (done, traces) = reweave::traced(EVENTS, || self.trial("reweave", &trial));
        done?;
        let broken = |cause: &str| Error::Broken { system: "reweave", threads, cause: cause.to_owned() };
        traces.into_iter().next().ok_or_else(|| broken("no pool was started where it could be recorded"))
    }
}

impl Workload for Sched {
    fn name(&self) -> &'static str {
        self.name
    }

    fn params(&self) -> Map<String, Value> {
        let params = match self.work {
            Work::Join => vec![("nodes", json!(join::nodes(self.size)))],
            Work::Scope => vec![("jobs", json!(self.size))],
            Work::Await => vec![("loops", json!("one for each thread"))],
            Work::Map => vec![("items", json!(self.size))],
            Work::Skew => vec![
                ("items", json!(self.size)),
                ("light_item_steps", json!(map::LIGHT)),
                ("heavy_item_steps", json!(map::LIGHT * map::SKEW)),
                ("heavy_items_one_in", json!(map::ONE_IN)),
                ("heavy_items_clusters", json!(map::CLUSTERS)),
            ],
            Work::Unbalanced | Work::Fine => {
                vec![("tasks", json!(self.size)), ("start_ns_of_one_task_in", json!(queue::ONE_IN))]
            }
        };
        params.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn systems(&self) -> Vec<&'static str> {
        SYSTEMS.iter().filter(|system| (system.timed)(self.work).is_some()).map(|system| system.name).collect()
    }

    /// Whoever is most used for such work, and for the queues what they replace.
    fn baselines(&self) -> &'static [&'static str] {
        match self.work {
            Work::Join | Work::Scope | Work::Map => &["rayon"],
            Work::Await => &["tokio"],
            Work::Skew | Work::Unbalanced | Work::Fine => &["rayon", "shared-queue"],
        }
    }

    fn figure(&self) -> Figure {
        Figure::Time
    }

    fn pins(&self) -> bool {
        false
    }

    fn trial(&self, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
        let found = SYSTEMS.iter().find(|known| known.name == system);
        match found.and_then(|found| Some((found.name, (found.timed)(self.work)?))) {
            Some((name, timed)) => timed(self.size, name, trial),
            None => Err(Error::Invalid(unknown_system(system, &self.systems()))),
        }
    }
}

#[cfg(test)]
mod tests;
