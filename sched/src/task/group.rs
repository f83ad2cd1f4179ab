//! Waiting for several tasks: for all of them, for the first that succeeds, or for the first that ends.
//!
//! [`join_all`], [`join_any`] and [`race`] each make a [`Group`], to wait for by blocking ([`Group::wait`]) or by `.await`.
//!
//! | | is over | the others | of no tasks |
//! |---|---|---|---|
//! | [`join_all`] | when all have ended | | at once: no results |
//! | [`join_any`] | when one has succeeded, or all have failed | go on, and are handed back | at once: none has succeeded |
//! | [`race`] | when one has ended, whatever came of it | are cancelled, and handed back | at once: nobody has won |
//!
//! # Protocol
//!
//! A group is one event over the handles.
//!
//! | step | what |
//! |---|---|
//! | attempt | looks at the states of the tasks; if they decide, takes what is to be yielded out of the handles, and else nothing |
//! | enlist | leaves the waiter with each task that has not ended (`join_all`: with the first of them only, since it must end anyway), and looks again at each |
//! | wake | by the end of any of these |
//!
//! # Invariants
//!
//! 1. *Nothing is lost*: a result stays in its handle until the event happens. If the wait is stopped, all handles come back as they were.
//! 2. *No end is missed*: the waiter is left first, then the state is looked at; and a task writes its state first, then wakes who waits
//!    ([`WaitList`](reweave_core::event::WaitList) has the fences). What has ended between the attempt and the look makes the event look ready.
//! 3. *Entries do not outlive their tasks*: handles are moved out only by an attempt, and while it is enlisted nothing attempts.
//!
//! # Sources
//! `Promise.all`, `any` and `race` of ECMAScript; Trio's and Go's errgroups, for what becomes of the others.

use std::error::Error;
use std::fmt;
use std::future::{Future, IntoFuture};
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use reweave_core::cancel;
use reweave_core::event::{self, Awaits, Enders, Event, Limits, Source, Stopped, Ticket, Waiter, Waiting};
use reweave_core::seeded;

use super::{Failed, Head, State, Task};

use sealed::Rule;

/// All of the tasks: a group whose wait yields what came of each, in their order.
///
/// A worker that [waits](Group::wait) for closures which nobody has begun runs them itself, the last first, as [`Task::join`] does. A task that fails
/// stops none of the others. Of no tasks there are no results.
///
/// # Complexity
/// One wake-up a task that has not ended when its turn comes.
///
/// # Examples
/// ```
/// use reweave_sched::{join_all, spawn};
///
/// let squares = join_all((0..4).map(|n| spawn(move || n * n))).wait().unwrap();
/// let squares: Vec<i32> = squares.into_iter().map(Result::unwrap).collect();
/// assert_eq!(squares, [0, 1, 4, 9]);
/// ```
pub fn join_all<T>(tasks: impl IntoIterator<Item = Task<T>>) -> Group<T, All> {
    Group::of(tasks)
}

/// Any of the tasks: a group whose wait yields the value of the first that has one, and hands back the others, which go on.
///
/// Of several that have succeeded by the time that it is looked, it is the first in their order. One that failed before is among
/// those that are handed back, its error in it. If all fail, the wait yields their errors, in their order; so it does of no tasks.
/// Closures are not run by who waits: while one would keep it, another may succeed.
///
/// # Complexity
/// Each failure is a wake-up, and costs a step for each task that is left.
///
/// # Examples
/// ```
/// use reweave_sched::{join_any, spawn};
///
/// let tasks = ["one", "2", "three"].map(|text| spawn(move || text.parse::<u32>().unwrap()));
/// let first = join_any(tasks).wait().unwrap().unwrap();
/// assert_eq!((first.index, first.outcome, first.others.len()), (1, 2, 2));
/// ```
pub fn join_any<T>(tasks: impl IntoIterator<Item = Task<T>>) -> Group<T, Any> {
    Group::of(tasks)
}

/// A race of the tasks: a group whose wait yields what came of the first that ends, and cancels the others.
///
/// Of several that have ended by the time that it is looked, it is the first in their order. The others are cancelled with the reason
/// "lost a race" and handed back: they may take a while to end, and one that has ended keeps what came of it. Of no tasks nobody
/// wins. If the wait is stopped nobody is cancelled. Closures are not run by who waits, as in [`join_any`].
///
/// # Complexity
/// One wake-up, and a step for each task.
///
/// # Examples
/// ```
/// use reweave_core::time;
/// use reweave_sched::{race, spawn};
/// use std::time::Duration;
///
/// let slow = spawn(|| time::sleep(Duration::from_secs(3600)).is_ok());
/// let first = race([slow, spawn(|| true)]).wait().unwrap().unwrap();
/// assert_eq!((first.index, first.outcome.unwrap()), (1, true));
/// for slow in first.others {
///     // Cancelled before it began, or while it slept.
///     assert!(!matches!(slow.join(), Ok(true)));
/// }
/// ```
pub fn race<T>(tasks: impl IntoIterator<Item = Task<T>>) -> Group<T, First> {
    Group::of(tasks)
}

/// Tasks that are waited for together, and `R`, what for: [`All`], [`Any`] or [`First`].
///
/// Dropped, it lets all of them go on.
#[must_use = "dropped, all tasks go on by themselves"]
pub struct Group<T, R>(Ends<T, R>);

impl<T, R: Rule<T>> Group<T, R> {
    fn of(tasks: impl IntoIterator<Item = Task<T>>) -> Self {
        Self(Ends { tasks: tasks.into_iter().collect(), passed: 0, listed: Vec::new(), rule: PhantomData })
    }

    /// Blocks until it is decided.
    ///
    /// # Errors
    /// [`Interrupted`], with all handles, if the current token is cancelled.
    ///
    /// # Panics
    /// If the result of one of the tasks that is to be yielded has been [taken](Task::take) before.
    pub fn wait(self) -> Result<R::Output, Interrupted<T>> {
        self.wait_with(Limits::default())
    }

    /// As [`wait`](Self::wait), within `limits`. With a deadline no closures are run here: nobody could say how long they take.
    ///
    /// # Errors
    /// [`Interrupted`], with all handles.
    ///
    /// # Panics
    /// As there.
    pub fn wait_with(self, limits: Limits) -> Result<R::Output, Interrupted<T>> {
        let Self(mut ends) = self;
        if !R::ONE_IS_ENOUGH && limits.deadline.is_none() {
            ends.run_inline(limits.cancellable);
        }
        match event::wait_with(&mut ends, limits) {
            Ok(output) => Ok(R::settled(output)),
            Err(why) => Err(ends.interrupted(why)),
        }
    }
}

impl<T, R: Rule<T>> IntoFuture for Group<T, R> {
    type Output = Result<R::Output, Interrupted<T>>;
    type IntoFuture = JoiningGroup<T, R>;

    fn into_future(self) -> JoiningGroup<T, R> {
        JoiningGroup(Waiting::new(self.0))
    }
}

impl<T, R> fmt::Debug for Group<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Group").field(&self.0.tasks).finish()
    }
}

/// The future of `group.await`: as [`Group::wait`], but runs no closures itself. Dropped before it is ready, it lets all tasks go on.
#[must_use = "a future does nothing until it is polled"]
pub struct JoiningGroup<T, R: Rule<T>>(Waiting<Ends<T, R>>);

impl<T, R: Rule<T>> Future for JoiningGroup<T, R> {
    type Output = Result<R::Output, Interrupted<T>>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Poll::Ready(match ready!(Pin::new(&mut self.0).poll(cx)) {
            Ok(output) => Ok(R::settled(output)),
            Err(why) => Err(self.0.event_mut().interrupted(why)),
        })
    }
}

impl<T, R: Rule<T>> fmt::Debug for JoiningGroup<T, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoiningGroup")
    }
}

/// All of a group: see [`join_all`].
#[derive(Debug)]
pub enum All {}

/// The first that succeeds: see [`join_any`].
#[derive(Debug)]
pub enum Any {}

/// The first that ends: see [`race`].
#[derive(Debug)]
pub enum First {}

/// Who was first of a group, and the others.
#[derive(Debug)]
pub struct Winner<O, T> {
    /// Its place among the tasks.
    pub index: usize,
    /// What came of it.
    pub outcome: O,
    /// The others, in their order.
    pub others: Vec<Task<T>>,
}

/// All tasks of a [`join_any`] have failed; why, in their order.
#[derive(Debug)]
pub struct NoneSucceeded(pub Vec<Failed>);

impl fmt::Display for NoneSucceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0[..] {
            [] => f.write_str("there was no task that could succeed"),
            [first, others @ ..] => write!(f, "none of {} tasks succeeded; the first: {first}", others.len() + 1),
        }
    }
}

impl Error for NoneSucceeded {}

/// The wait for a group was stopped; with all its tasks, which go on.
pub struct Interrupted<T> {
    /// What ended the wait.
    pub why: Stopped,
    /// The tasks, in their order. Nothing has been taken out of them.
    pub tasks: Vec<Task<T>>,
}

impl<T> fmt::Debug for Interrupted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Interrupted").field("why", &self.why).field("tasks", &self.tasks).finish()
    }
}

impl<T> fmt::Display for Interrupted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the wait for {} tasks was stopped: {}; they go on", self.tasks.len(), self.why)
    }
}

impl<T> Error for Interrupted<T> {}

/// The event of a group.
struct Ends<T, R> {
    tasks: Vec<Task<T>>,
    /// Of all: so many have ended, from the first on.
    passed: usize,
    /// Where the waiter was left.
    listed: Vec<(usize, Ticket)>,
    rule: PhantomData<fn() -> R>,
}

impl<T, R> Ends<T, R> {
    /// Runs closures here that nobody has begun, if this is a worker of their pool: the last first, which are the newest where this one made them, so
    /// that others may take the oldest meanwhile. Stops when the current token is cancelled.
    fn run_inline(&self, cancellable: bool) {
        for task in self.tasks.iter().rev().filter(|task| !task.is_ended()) {
            if cancellable && cancel::check().is_err() {
                return;
            }
            Head::run_inline(task.head);
        }
    }

    fn interrupted(&mut self, why: Stopped) -> Interrupted<T> {
        Interrupted { why, tasks: std::mem::take(&mut self.tasks) }
    }

    /// The task of this place has won: takes all out.
    fn won_by<O>(&mut self, index: usize, outcome: impl FnOnce(Result<T, Failed>) -> O) -> Winner<O, T> {
        let mut others = std::mem::take(&mut self.tasks);
        let outcome = outcome(result(others.remove(index)));
        Winner { index, outcome, others }
    }
}

/// What came of a task that has ended.
fn result<T>(mut task: Task<T>) -> Result<T, Failed> {
    task.outcome()
}

mod sealed {
    use super::Ends;
    use crate::task::Task;

    /// When a group is decided, and what it yields.
    pub trait Rule<T>: Sized {
        /// What it yields.
        type Output;

        /// Whether the end of one task may decide it, whichever that is.
        const ONE_IS_ENOUGH: bool;

        /// Whether this task, which has ended, decides it by itself.
        fn decides(task: &Task<T>) -> bool;

        /// Decides, if it can; takes what it yields out of the handles then.
        #[expect(private_interfaces, reason = "sealed: nobody outside calls it")]
        fn decide(ends: &mut Ends<T, Self>) -> Option<Self::Output>;

        /// What is to be done when the wait is over.
        fn settled(output: Self::Output) -> Self::Output {
            output
        }
    }
}

#[expect(private_interfaces, reason = "sealed: nobody outside calls it")]
impl<T> Rule<T> for All {
    type Output = Vec<Result<T, Failed>>;
    const ONE_IS_ENOUGH: bool = false;

    fn decides(_: &Task<T>) -> bool {
        false
    }

    fn decide(ends: &mut Ends<T, Self>) -> Option<Self::Output> {
        ends.passed += ends.tasks[ends.passed..].iter().take_while(|task| task.is_ended()).count();
        (ends.passed == ends.tasks.len()).then(|| std::mem::take(&mut ends.tasks).into_iter().map(result).collect())
    }
}

#[expect(private_interfaces, reason = "sealed: nobody outside calls it")]
impl<T> Rule<T> for Any {
    type Output = Result<Winner<T, T>, NoneSucceeded>;
    const ONE_IS_ENOUGH: bool = true;

    fn decides(task: &Task<T>) -> bool {
        task.state() == State::Completed
    }

    fn decide(ends: &mut Ends<T, Self>) -> Option<Self::Output> {
        // First whether all have ended: then no more can succeed meanwhile.
        let over = if seeded("task/any-gives-up") {
            ends.tasks.iter().any(Task::is_ended)
        } else {
            ends.tasks.iter().all(Task::is_ended)
        };
        match ends.tasks.iter().position(Self::decides) {
            Some(index) => Some(Ok(ends.won_by(index, |value| value.expect("a task that has completed has a value")))),
            None => over.then(|| {
                let failed = std::mem::take(&mut ends.tasks).into_iter().filter(Task::is_ended);
                Err(NoneSucceeded(failed.filter_map(|task| result(task).err()).collect()))
            }),
        }
    }
}

#[expect(private_interfaces, reason = "sealed: nobody outside calls it")]
impl<T> Rule<T> for First {
    type Output = Option<Winner<Result<T, Failed>, T>>;
    const ONE_IS_ENOUGH: bool = true;

    fn decides(task: &Task<T>) -> bool {
        task.is_ended()
    }

    fn decide(ends: &mut Ends<T, Self>) -> Option<Self::Output> {
        match ends.tasks.iter().position(Self::decides) {
            Some(index) => Some(Some(ends.won_by(index, |outcome| outcome))),
            None => ends.tasks.is_empty().then_some(None),
        }
    }

    /// Not within an attempt: it runs destructors and callbacks.
    fn settled(output: Self::Output) -> Self::Output {
        if !seeded("task/race-spares-losers") {
            for task in output.iter().flat_map(|winner| &winner.others) {
                task.cancel("lost a race");
            }
        }
        output
    }
}

impl<T, R: Rule<T>> Event for Ends<T, R> {
    type Output = R::Output;

    fn attempt(&mut self) -> Option<R::Output> {
        R::decide(self)
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        let mut ready = false;
        for (index, task) in self.tasks.iter().enumerate().skip(self.passed) {
            if task.is_ended() {
                ready |= R::decides(task);
                continue;
            }
            self.listed.push((index, task.head().waiters.push(waiter)));
            ready |= task.is_ended() && !seeded("task/group-without-looking");
            if !R::ONE_IS_ENOUGH || seeded("task/group-at-the-first") {
                break;
            }
        }
        // All have ended since the attempt.
        ready || self.listed.is_empty()
    }

    fn delist(&mut self) {
        for (index, ticket) in self.listed.drain(..) {
            self.tasks[index].head().waiters.remove(ticket);
        }
    }

    /// Nothing: all waiters of a task are woken.
    fn pass_on(&mut self) {}

    /// Who could end it, where all tasks are closures that run. Asked again behind each end of one, since that wakes.
    fn awaits(&self) -> Awaits {
        let runner = |&(index, _): &(usize, Ticket)| match self.tasks[index].head().awaits().enders {
            Enders::One(agent) => Some(agent),
            _ => None,
        };
        let runners: Option<Vec<_>> = self.listed.iter().map(runner).collect();
        Awaits::new("the end of one of several tasks", runners.map_or(Enders::Unknown, Enders::Any))
    }

    /// For all, each task that has not ended must end: so also the one where the waiter was left.
    fn source(&self) -> Option<&dyn Source> {
        match self.listed[..] {
            [(index, _)] if !R::ONE_IS_ENOUGH => Some(self.tasks[index].head()),
            _ => None,
        }
    }
}
