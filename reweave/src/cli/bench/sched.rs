//! `reweave bench sched`: forks and joins, scopes, tasks and maps, on threads that work together.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use reweave_benches::workload::Workload;
use reweave_benches::workload::sched::{ALL, SYSTEMS};

use super::suite::{self, Suite};
use super::{FAILED, MISUSED, Target, Threads, fail};

/// The options: those of a suite, and a trace.
#[derive(Debug, Args)]
pub struct Traced {
    #[command(flatten)]
    suite: suite::Options<Sched>,

    /// Also write what reweave's workers do to this file, for ui.perfetto.dev
    ///
    /// Of one workload, in a short run of its own that is not timed, with the greatest number of threads. The format is that of Chrome's traces.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
}

impl Traced {
    /// Runs what was chosen.
    pub fn run(self) -> ExitCode {
        let Some(path) = &self.trace else { return self.suite.run() };
        let named = self.suite.named();
        let workload = match named[..] {
            [name] => ALL.iter().find(|workload| workload.name() == name),
            _ => None,
        };
        let Some(workload) = workload else {
            return fail("--trace needs one workload: name it with --workloads", MISUSED);
        };
        // Before the work, so that its result is not lost at the end of it.
        let target = match Target::new(path) {
            Ok(target) => target,
            Err(message) => return fail(&format!("--trace: {message}"), MISUSED),
        };
        let threads = self.suite.threads().into_iter().max().unwrap_or(1);
        let seed = self.suite.seed();
        let done = self.suite.run();
        if done != ExitCode::SUCCESS {
            return done;
        }
        let traced = workload.trace(threads, seed).map_err(|error| error.to_string());
        let written = traced.and_then(|trace| {
            let mut json = Vec::new();
            trace.write_chrome(&mut json).map_err(|error| error.to_string())?;
            target.write(&String::from_utf8_lossy(&json))
        });
        match written {
            Ok(()) => ExitCode::SUCCESS,
            Err(message) => fail(&format!("--trace: {message}"), FAILED),
        }
    }
}

/// The suite.
#[derive(Debug, Clone)]
pub enum Sched {}

impl Suite for Sched {
    const TITLE: &'static str = "sched: work for a pool of threads";

    const ABOUT: &'static str = "\
Workloads:
  join-tree         the sum of 1,048,575 boxes, a fork and a join at each; a node
  scoped-spawn      a scope with 1,000 jobs that do next to nothing; a job
  spawn-await       in each of N tasks: a task spawned and awaited; one of them
  par-map           1,000,000 items of a few nanoseconds each; an item
  par-map-skew      10,000, one in 100 takes 1,000 times as long; an item
  queue-unbalanced  an unbalanced tree of 100,000 tasks; a task
  queue-fine        a balanced one, whose tasks do next to nothing; a task

Systems:
  reweave           this project's scheduler
  reweave-observed  the same, which keeps an account of its tasks
  rayon             the crate rayon, which has no futures
  chili             the crate chili, which has forks and joins only
  tokio             the crate tokio, its runtime of several threads
  async-executor    the crate async-executor, run by several threads
  shared-queue      threads that take their tasks from one locked queue

How it is measured:
  N threads are a pool of N threads; whoever drives it from outside sleeps. The
  figure is the time that has passed for each node, job, item or task of all
  threads together, so that twice the threads halve it at best; only in
  spawn-await every thread has a loop, and the figure is that of one loop.
  Threads are not pinned: no system does so by itself, and not all allow it. The
  items that take long in par-map-skew are within an eighth of the slice. Of the
  queues the table also tells how long tasks waited to begin and, where a system
  knows, what share of their time threads had none. Runs are interleaved and
  compared within their round; one with a wrong result gets no figures.";

    type Threads = Threads;

    fn workloads() -> Vec<&'static dyn Workload> {
        ALL.iter().map(|workload| workload as &dyn Workload).collect()
    }

    fn systems() -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }
}
