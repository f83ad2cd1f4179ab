//! What only the program knows: who ends the waits of a scope.

use crate::context::{Agent, Context};
use crate::event::Enders;

/// A declaration of who ends the waits of one agent: made by [`ended_by`], kept in the [`Context`].
#[derive(Clone, Debug)]
pub struct Declared {
    /// Whose waits: a context may be carried along to others.
    waiter: Agent,
    enders: Enders,
}

impl Declared {
    /// Who ends the waits of this agent.
    pub(super) fn of(&self, agent: Agent) -> Option<Enders> {
        (self.waiter == agent).then(|| self.enders.clone())
    }
}

/// Runs `body`, whose waits nobody but `enders` ends.
///
/// It tells the wait-for graph what it cannot know by itself: who counts a latch down, who arrives at a barrier, who
/// writes the variables that a transaction waits for in `retry`, who sends. It holds for the waits that the current
/// agent makes inside, where the enders are unknown otherwise; not for locks and semaphores, whose holders the library
/// knows or knows not to know, and not for time. An inner declaration takes the place of an outer one; one that names
/// nobody lifts it.
///
/// # What is declared
///
/// While such a wait lasts, and apart from cancellations and deadlines, only these agents do what ends it or hands on
/// the notification that does. Any of them may, and one that never will may be named. A deadlock that is reported with
/// such a wait, marked `as was declared`, is as true as that. Whoever shares the work has to be named: all writers of
/// what a transaction has read, the other receivers of a channel.
///
/// # Complexity
/// Two changes of the thread's context. A wait pays for it only when it falls asleep while a graph is on.
///
/// # Examples
/// ```
/// use reweave_core::context::Agent;
/// use reweave_core::lock::{Latch, Lock};
/// use reweave_core::sync::{Arc, thread};
/// use reweave_core::waitfor::{self, Break, Graph};
///
/// let graph = Graph::new();
/// graph.switch_on();
/// let shared = Arc::new((Lock::named("table", ()), Latch::named("loaded", 1)));
/// let (loader, held) = (Agent::fresh(), shared.0.lock());
/// let loading = thread::spawn({
///     let (graph, shared) = (graph.clone(), shared.clone());
///     move || {
///         let _entered = graph.enter();
///         loader.run(|| {
///             let loaded = shared.0.acquire().map(drop);
///             shared.1.count_down();
///             loaded
///         })
///     }
/// });
/// let checking = thread::spawn({
///     let graph = graph.clone();
///     move || while graph.check_and(Break::One).deadlocks.is_empty() { thread::yield_now() }
/// });
/// // It holds what the loader needs. Nobody but the loader counts the latch down.
/// let _entered = graph.enter();
/// waitfor::ended_by([loader], || shared.1.wait());
/// drop(held);
/// checking.join().unwrap();
/// assert!(loading.join().unwrap().is_err(), "the deadlock was broken by failing the loader");
/// ```
pub fn ended_by<R>(enders: impl IntoIterator<Item = Agent>, body: impl FnOnce() -> R) -> R {
    let agents: Vec<Agent> = enders.into_iter().collect();
    let enders = match agents[..] {
        [] => None,
        [agent] => Some(Enders::One(agent)),
        _ => Some(Enders::Any(agents)),
    };
    let declared = enders.map(|enders| Declared { waiter: Agent::current(), enders });
    let _entered = Context::enter_with(|context| context.declared = declared);
    body()
}
