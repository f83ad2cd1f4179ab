//! What surrounds the code that runs: the token that may cancel it, the clock it lives by, the scheduler it occupies.
//!
//! A blocking call takes none of these as arguments. It asks the context of its thread, at the moment when it has to wait and
//! not before, so a call that need not wait pays nothing. A scheduler carries the context of a task along: it takes
//! [`Context::current`] where the task is made and enters it where the task runs.

mod agent;
mod hook;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::cell::RefCell;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::Reason;
use crate::cancel::Token;
use crate::sync::thread_local;
use crate::time::Clock;
use crate::waitfor::{Declared, Graph};

pub use agent::Agent;
pub(crate) use hook::announce;
pub use hook::{BlockingHook, Hook};

thread_local! {
    static CURRENT: RefCell<Rc<Context>> = RefCell::new(Rc::default());
}

/// The surroundings of a thread or task. The default has no token, the real clock, and no scheduler.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Cancelled, it ends every wait that can be cancelled.
    pub cancel: Option<Token>,
    /// By whose time deadlines pass.
    pub clock: Clock,
    /// Told before and after the thread blocks.
    pub hook: Option<Hook>,
    /// The name of the task that runs, for reports: a scheduler sets it.
    pub task: Option<Reason>,
    /// The wait-for graph that sees the waits; without one it is the [process's](Graph::process).
    pub graph: Option<Graph>,
    /// Who ends the waits of the agent that has declared it: see [`ended_by`](crate::waitfor::ended_by).
    pub declared: Option<Declared>,
}

impl Context {
    /// The context of this thread. Clones what is in it.
    pub fn current() -> Self {
        (*Self::shared()).clone()
    }

    /// The context of this thread, without cloning what is in it: the counts of tokens and hooks are shared by many threads.
    pub(crate) fn shared() -> Rc<Self> {
        // Past the end of the thread's locals there is nothing around it any more.
        CURRENT.try_with(|current| current.borrow().clone()).unwrap_or_default()
    }

    /// Looks at the context of this thread without cloning what is in it.
    pub(crate) fn with<R>(look: impl FnOnce(&Self) -> R) -> R {
        look(&Self::shared())
    }

    /// Makes this the context of the thread, until the returned guard is dropped.
    ///
    /// Guards are dropped in the reverse order of entering, as scopes do it by themselves.
    pub fn enter(self) -> Entered {
        let before = CURRENT.with(|current| current.replace(Rc::new(self)));
        Entered { before, _not_send: PhantomData }
    }

    /// Enters the current context with some of it changed.
    pub(crate) fn enter_with(change: impl FnOnce(&mut Self)) -> Entered {
        let mut context = Self::current();
        change(&mut context);
        context.enter()
    }
}

/// A context that has been entered; dropping it restores the one before.
#[derive(Debug)]
#[must_use = "dropping it leaves the context"]
pub struct Entered {
    before: Rc<Context>,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let before = std::mem::take(&mut self.before);
        // Dropped outside the borrow: the last handle of a token may run callbacks of its users.
        let left = CURRENT.try_with(|current| current.replace(before));
        drop(left);
    }
}
