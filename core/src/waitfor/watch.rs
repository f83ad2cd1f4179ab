//! Checking at an interval.

use std::fmt;
use std::io;
use std::time::Duration;

use super::graph::{Break, Graph};
use super::report::Deadlock;
use crate::cancel::Token;
use crate::context::Context;
use crate::event::{self, Limits};
use crate::reclaim::contain_unless_modelled;
use crate::seeded;
use crate::sync::thread::{self, JoinHandle};

/// A thread that checks a graph at an interval: see [`Graph::watch`]. Dropping it ends the thread, and waits for that.
pub struct Watch {
    stop: Token,
    thread: Option<JoinHandle<()>>,
}

impl Watch {
    pub(super) fn start(
        graph: Graph,
        interval: Duration,
        policy: Break,
        mut found: impl FnMut(&Deadlock) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Token::new();
        let stopped = stop.clone();
        // The watcher's own waits are in no graph: they would only be noise. It lives by the clock of whoever starts
        // it.
        let context = Context { clock: Context::current().clock, graph: Some(Graph::new()), ..Context::default() };
        let body = move || {
            let clock = context.clock.clone();
            let _entered = context.enter();
            let mut known = Vec::new();
            // A deadline beyond what an `Instant` can hold never comes.
            let limits = |deadline| Limits { deadline, ..Limits::unstoppable() };
            while event::wait_with(stopped.cancelled(), limits(clock.now().checked_add(interval))).is_err() {
                let report = graph.check_and(policy);
                let numbers = |it: &Deadlock| it.waits.iter().map(|wait| wait.number).collect::<Vec<_>>();
                for deadlock in
                    report.deadlocks.iter().filter(|it| !known.contains(&numbers(it)) || seeded("waitfor/tell-again"))
                {
                    contain_unless_modelled(|| found(deadlock));
                }
                known = report.deadlocks.iter().map(numbers).collect();
            }
        };
        let thread = Some(thread::try_spawn("reweave deadlock watch".to_owned(), body)?);
        Ok(Self { stop, thread })
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if !seeded("waitfor/watch-for-ever") {
            self.stop.cancel("the watch ends");
        }
        // Dropped by its own callback, it cannot wait for the thread that runs it.
        if let Some(thread) = self.thread.take().filter(|it| it.thread().id() != thread::current().id()) {
            // It contains the panics of others and has none of its own.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}
