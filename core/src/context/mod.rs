//! What surrounds the code that runs: the token that may cancel it, the clock it lives by, the scheduler it occupies.
//!
//! A blocking call takes none of these as arguments. It asks the context of its thread, at the moment when it has to wait and
//! not before, so a call that need not wait pays nothing. A scheduler carries the context of a task along: it takes
//! [`Context::current`] where the task is made and enters it where the task runs; or it leaves a [`Lazily`] there, of which the
//! context is made when somebody asks for it, for most tasks end without.
//!
//! The contexts that a thread has entered form a stack, and each has a [`Mark`] by which it can be found again for as long as it is there.

mod agent;
mod hook;
mod local;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::cell::{Cell, RefCell};
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
pub use local::Local;

thread_local! {
    /// The contexts that were entered and not left, the current one last. Below them all is the default.
    static STACK: RefCell<Vec<Layer>> = const { RefCell::new(Vec::new()) };
}

thread_local! {
    /// The mark of the last of [`STACK`], or 0.
    static CURRENT: Cell<u64> = const { Cell::new(0) };
}

thread_local! {
    /// How many marks this thread has given out.
    static MARKS: Cell<u64> = const { Cell::new(0) };
}

/// The surroundings of a thread or task. The default has no token, the real clock, and no scheduler.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Cancelled, it ends every wait that can be cancelled.
    pub cancel: Option<Token>,
    /// Which token tasks get that are started here and go on by themselves.
    pub handed_on: HandedOn,
    /// By whose time deadlines pass.
    pub clock: Clock,
    /// Told before and after the thread blocks.
    pub hook: Option<Hook>,
    /// The name of the task that runs, for reports: a scheduler sets it.
    pub task: Option<Reason>,
    /// What the scheduler of that task keeps with it.
    pub local: Option<Local>,
    /// The wait-for graph that sees the waits; without one it is the [process's](Graph::process).
    pub graph: Option<Graph>,
    /// Who ends the waits of the agent that has declared it: see [`ended_by`](crate::waitfor::ended_by).
    pub declared: Option<Declared>,
}

/// Which token a task gets that goes on by itself: see [`Context::handed_on`].
#[derive(Clone, Debug, Default)]
pub enum HandedOn {
    /// The current one.
    #[default]
    Current,
    /// This one, or none: the current token is that of a task which does not take along those that it has started and let go.
    Given(Option<Token>),
}

impl HandedOn {
    /// The token, where the current one is this.
    pub fn token(&self, current: &Option<Token>) -> Option<Token> {
        match self {
            Self::Current => current.clone(),
            Self::Given(token) => token.clone(),
        }
    }
}

/// Which of the contexts that a thread has entered: see [`Context::mark`]. Means nothing in another thread.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mark(u64);

/// Surroundings of which the context is made at the first time that it is asked for.
pub trait Lazily {
    /// The context. Called at most once while it is [entered](Context::enter_lazily); must not itself ask for a context, or
    /// enter one.
    fn context(&self) -> Context;

    /// What surrounds tasks that are started from here and go on by themselves, for as long as nobody has asked for the
    /// context: what surrounded this one when it was started.
    fn handed_on(&self) -> Context;
}

/// One context that was entered.
struct Layer {
    mark: u64,
    around: Around,
}

enum Around {
    Made(Rc<Context>),
    /// Not asked for so far. The pointer is good for as long as the layer is in the stack ([`Context::enter_lazily`]).
    Lazily(*const dyn Lazily),
}

impl Layer {
    /// The context of this layer, made now if nobody has asked before.
    fn context(&mut self) -> Rc<Context> {
        match &self.around {
            Around::Made(context) => context.clone(),
            Around::Lazily(lazily) => {
                // SAFETY: `enter_lazily` borrows it for as long as the layer is in the stack.
                let context = Rc::new(unsafe { &**lazily }.context());
                self.around = Around::Made(context.clone());
                context
            }
        }
    }
}

impl Context {
    /// The context of this thread. Clones what is in it.
    pub fn current() -> Self {
        (*Self::shared()).clone()
    }

    /// The context of this thread, without cloning what is in it: the counts of tokens and hooks are shared by many threads.
    pub(crate) fn shared() -> Rc<Self> {
        // Past the end of the thread's locals there is nothing around it any more.
        let top = STACK.try_with(|stack| stack.borrow_mut().last_mut().map(Layer::context));
        top.ok().flatten().unwrap_or_default()
    }

    /// Looks at the context of this thread without cloning what is in it.
    pub(crate) fn with<R>(look: impl FnOnce(&Self) -> R) -> R {
        look(&Self::shared())
    }

    /// The mark of the current context. One thread-local load.
    #[inline]
    pub fn mark() -> Mark {
        Mark(CURRENT.with(Cell::get))
    }

    /// The context of this mark; `None` if it has been left, or was another thread's.
    pub fn marked(mark: Mark) -> Option<Self> {
        if mark.0 == 0 {
            return Some(Self::default());
        }
        STACK.with(|stack| {
            let mut stack = stack.borrow_mut();
            let layer = stack.iter_mut().rev().find(|layer| layer.mark == mark.0)?;
            Some((*layer.context()).clone())
        })
    }

    /// What surrounds a task that is started here and goes on by itself: the token ([`HandedOn`]), clock and graph of the current
    /// context; or of surroundings that nobody has asked for, what they [hand on](Lazily::handed_on). Never a hook, a
    /// task's name, or what an agent has declared.
    pub fn handed_on() -> Self {
        // Past the end of the thread's locals there is nothing around it any more.
        let handed_on = STACK.try_with(|stack| match stack.borrow().last().map(|layer| &layer.around) {
            None => Self::default(),
            Some(Around::Made(context)) => {
                let Self { cancel, handed_on, clock, graph, .. } = &**context;
                let cancel = handed_on.token(cancel);
                Self { cancel, clock: clock.clone(), graph: graph.clone(), ..Self::default() }
            }
            // SAFETY: as in `Layer::context`.
            Some(Around::Lazily(lazily)) => unsafe { &**lazily }.handed_on(),
        });
        handed_on.unwrap_or_default()
    }

    /// Makes this the context of the thread, until the returned guard is dropped.
    ///
    /// Guards are dropped in the reverse order of entering, as scopes do it by themselves.
    pub fn enter(self) -> Entered {
        Entered { mark: push(Around::Made(Rc::new(self))), _not_send: PhantomData }
    }

    /// Runs `body` in a context that is made when somebody asks for it.
    pub fn enter_lazily<R>(lazily: &dyn Lazily, body: impl FnOnce() -> R) -> R {
        // SAFETY: only the lifetime is forgotten. The layer leaves the stack before this function returns or unwinds: the
        // guard is here, where nobody can keep it from being dropped.
        let lazily: *const (dyn Lazily + 'static) = unsafe { std::mem::transmute(std::ptr::from_ref(lazily)) };
        let _entered = Entered { mark: push(Around::Lazily(lazily)), _not_send: PhantomData };
        body()
    }

    /// Enters the current context with another token, or none, which tasks that are started there get, too.
    pub(crate) fn enter_under(token: Option<Token>) -> Entered {
        Self::enter_with(|context| (context.cancel, context.handed_on) = (token, HandedOn::Current))
    }

    /// Enters the current context with some of it changed.
    pub(crate) fn enter_with(change: impl FnOnce(&mut Self)) -> Entered {
        let mut context = Self::current();
        change(&mut context);
        context.enter()
    }
}

/// Enters it; returns its mark.
#[inline]
fn push(around: Around) -> u64 {
    let mark = MARKS.with(|marks| {
        marks.set(marks.get() + 1);
        marks.get()
    });
    STACK.with(|stack| stack.borrow_mut().push(Layer { mark, around }));
    CURRENT.with(|current| current.set(mark));
    mark
}

/// A context that has been entered; dropping it restores the one before.
#[derive(Debug)]
#[must_use = "dropping it leaves the context"]
pub struct Entered {
    mark: u64,
    _not_send: PhantomData<*const ()>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let left = STACK.try_with(|stack| {
            let mut stack = stack.borrow_mut();
            // The last one, unless guards are dropped in another order.
            let place = stack.iter().rposition(|layer| layer.mark == self.mark)?;
            let left = stack.remove(place);
            let _ = CURRENT.try_with(|current| current.set(stack.last().map_or(0, |layer| layer.mark)));
            Some(left)
        });
        // Dropped outside the borrow: the last handle of a token may run callbacks of its users.
        drop(left);
    }
}
