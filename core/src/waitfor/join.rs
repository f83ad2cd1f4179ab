//! Joins: a wait for the end of an agent, made by other means than the library's own.

use std::fmt;

use super::graph::watching;
use crate::context::{Agent, Context, announce};
use crate::event::{Awaits, Described, Enders, Limits, Only, Slot, Waiter};
use crate::seeded;

/// Runs `join`, which blocks until `member` has ended, as a wait that the wait-for graph sees.
///
/// For joins that the library does not make itself: of a thread, a process that works for a task, a foreign pool. The
/// report says that the current agent waits for `what`, which only `member` could end. Beside the graph the
/// [hook](crate::context::BlockingHook) hears of it. It cannot be broken.
///
/// # What is declared
///
/// `join` does nothing but wait, and does not return before `member` has done its last step: afterwards nobody waits
/// or holds anything as this agent. The agent is known before the wait: make it with [`Agent::fresh`] and let the
/// thread run its body [as it](Agent::run).
///
/// # Complexity
/// Off: one relaxed load. On: two acquisitions of the graph's lock.
///
/// # Examples
/// ```
/// use reweave_core::context::Agent;
/// use reweave_core::sync::thread;
/// use reweave_core::waitfor;
///
/// let worker = Agent::fresh();
/// let thread = thread::spawn(move || worker.run(|| 6 * 7));
/// let answer = waitfor::join("the worker", worker, || thread.join()).unwrap();
/// assert_eq!(answer, 42);
/// ```
pub fn join<R>(what: impl fmt::Display, member: Agent, join: impl FnOnce() -> R) -> R {
    let context = Context::shared();
    let _announced = announce(&context);
    match watching(&context) {
        None => join(),
        Some(graph) => {
            let what = what.to_string();
            let ended = &mut Slot::new(Described(|| {
                let member = if seeded("waitfor/join-anybody") { Agent::current() } else { member };
                Awaits::new(what.clone(), Enders::One(member))
            }));
            graph.while_registered(&mut Only(ended), &Waiter::new(true), &context, Limits::unstoppable(), join).0
        }
    }
}
