//! The graph: its switch, its registered waits, the check.

use std::fmt;
use std::io;
use std::time::Duration;

use super::analysis::{self, Found};
use super::entries::Entry;
use super::report::{Blocked, Deadlock, Report};
use super::watch::Watch;
use crate::context::{Context, Entered};
use crate::event::{Arms, Awaits, Enders, Limits, Waiter};
use crate::seeded;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Arc, Lazy, MODELLED, Mutex};

/// What to do about a deadlock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Break {
    /// Report it.
    #[default]
    Never,
    /// Fail the youngest of its waits that can be broken: those of `acquire` and its kin. Without such a wait it is
    /// only reported.
    One,
}

/// Who waits for whom: a registry of waits, and the search for deadlocks among them. Cloning shares it.
///
/// A graph sees the waits of the threads that have [entered](Graph::enter) it; the [process's](Graph::process) graph
/// those of all others.
///
/// # Examples
/// ```
/// use reweave_core::lock::{AcquireError, Lock};
/// use reweave_core::sync::{Arc, thread};
/// use reweave_core::waitfor::{Break, Graph};
///
/// let graph = Graph::new();
/// graph.switch_on();
/// let locks = Arc::new([Lock::named("accounts", 1), Lock::named("orders", 2)]);
/// let barrier = Arc::new(reweave_core::lock::Barrier::new(2));
/// let threads = [0, 1].map(|mine| {
///     let (graph, locks, barrier) = (graph.clone(), locks.clone(), barrier.clone());
///     thread::spawn(move || {
///         let _entered = graph.enter();
///         let held = locks[mine].lock();
///         barrier.wait();
///         locks[1 - mine].acquire().map(|other| *held + *other)
///     })
/// });
/// let deadlock = loop {
///     if let Some(deadlock) = graph.check_and(Break::One).deadlocks.pop() {
///         break deadlock;
///     }
///     thread::yield_now();
/// };
/// assert!(deadlock.to_string().contains("accounts"));
/// let outcomes = threads.map(|thread| thread.join().unwrap());
/// assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Ok(3))).count(), 1);
/// assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(AcquireError::Deadlock(_)))).count(), 1);
/// ```
#[derive(Clone)]
pub struct Graph(Arc<Inner>);

struct Inner {
    on: AtomicBool,
    backtraces: AtomicBool,
    waits: Mutex<Waits>,
}

/// The registered waits, in order of their numbers.
#[derive(Default)]
struct Waits {
    entries: Vec<(u64, Entry)>,
    next: u64,
}

/// How many graphs are switched on: the one thing that a wait looks at while all are off.
static ON: Lazy<AtomicUsize> = Lazy::new(|| AtomicUsize::new(0));
static PROCESS: Lazy<Graph> = Lazy::new(Graph::new);

/// Whether who holds what is to be recorded, where the thing held does not know it by itself.
#[inline]
pub(crate) fn recording() -> bool {
    if MODELLED { watching(&Context::shared()).is_some() } else { ON.get().load(Ordering::Relaxed) != 0 }
}

/// The graph that is to know of a wait in this context, if it is switched on.
pub(crate) fn watching(context: &Context) -> Option<Graph> {
    // In a model the count would be one more location on which every wait depends; and a model enters the graph it
    // uses.
    if !MODELLED && ON.get().load(Ordering::Relaxed) == 0 {
        return None;
    }
    let graph = match &context.graph {
        Some(graph) => graph.clone(),
        None if MODELLED => return None,
        None => Graph::process(),
    };
    graph.is_on().then_some(graph)
}

impl Graph {
    /// A graph that is switched off.
    pub fn new() -> Self {
        let (on, backtraces) = (AtomicBool::new(false), AtomicBool::new(false));
        Self(Arc::new(Inner { on, backtraces, waits: Mutex::new(Waits::default()) }))
    }

    /// The graph of all threads that have entered no other. Switched off at first. Under a model checker nobody is in
    /// it.
    pub fn process() -> Self {
        PROCESS.get().clone()
    }

    /// Makes this the graph of the current thread, until what is returned is dropped.
    pub fn enter(&self) -> Entered {
        Context::enter_with(|context| context.graph = Some(self.clone()))
    }

    /// Waits that fall asleep from now on are registered.
    pub fn switch_on(&self) {
        // Relaxed here and where it is read: the switch orders nothing, a wait is registered or it is not.
        if !self.0.on.swap(true, Ordering::Relaxed) {
            ON.get().fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Waits are no longer registered; those that are stay so until they end.
    pub fn switch_off(&self) {
        if self.0.on.swap(false, Ordering::Relaxed) {
            ON.get().fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// Whether it is switched on.
    pub fn is_on(&self) -> bool {
        self.0.on.load(Ordering::Relaxed)
    }

    /// Whether waits that fall asleep from now on capture where: some microseconds a wait.
    pub fn capture_backtraces(&self, capture: bool) {
        self.0.backtraces.store(capture, Ordering::Relaxed);
    }

    /// How many waits are registered.
    pub fn waiting(&self) -> usize {
        self.0.waits.lock().entries.len()
    }

    /// Finds the deadlocks of this moment.
    ///
    /// Every deadlock among registered waits is found, and nothing else is reported as one. While it runs, no wait of
    /// this graph begins or ends. O(n log n + e·d) for n waits, e edges and at most d edges a wait.
    pub fn check(&self) -> Report {
        self.check_and(Break::Never)
    }

    /// Finds the deadlocks of this moment, and treats them as `policy` says.
    pub fn check_and(&self, policy: Break) -> Report {
        let (mut report, victims) = self.0.waits.lock().check(policy);
        // Outside the lock, which the woken threads want.
        for (index, victim) in victims {
            let deadlock = &mut report.deadlocks[index];
            if !victim.break_off() {
                deadlock.broken = None;
            }
        }
        report
    }

    /// Checks every `interval`, in a thread of its own, until the returned handle is dropped. Each deadlock is given to
    /// `found` once; a panic in it is contained.
    ///
    /// # Errors
    /// Those of starting a thread.
    pub fn watch(
        &self,
        interval: Duration,
        policy: Break,
        found: impl FnMut(&Deadlock) + Send + 'static,
    ) -> io::Result<Watch> {
        Watch::start(self.clone(), interval, policy, found)
    }

    /// Runs `asleep`, the sleeping part of a wait, with the wait registered. Returns what it returned, and why the wait
    /// was broken, if it was.
    pub(crate) fn while_registered<R>(
        &self,
        arms: &mut dyn Arms,
        waiter: &Waiter,
        context: &Context,
        limits: Limits,
        asleep: impl FnOnce() -> R,
    ) -> (R, Option<Box<Deadlock>>) {
        struct Registered<'a>(&'a Graph, Option<u64>);
        impl Registered<'_> {
            fn end(&mut self) -> Option<Box<Deadlock>> {
                let number = self.1.take()?;
                let mut waits = self.0.0.waits.lock();
                let index = waits.entries.binary_search_by_key(&number, |entry| entry.0).ok()?;
                waits.entries.remove(index).1.verdict
            }
        }
        impl Drop for Registered<'_> {
            fn drop(&mut self) {
                self.end();
            }
        }

        // SAFETY: `arms` is borrowed exclusively until we return, `asleep` does not have it, and the entry is dropped
        // below, or by `Registered` if `asleep` panics.
        let entry = unsafe { Entry::new(arms, waiter, context, limits, self.0.backtraces.load(Ordering::Relaxed)) };
        let number = self.0.waits.lock().insert(entry);
        let mut registered = Registered(self, Some(number));
        let outcome = asleep();
        (outcome, registered.end())
    }
}

impl Waits {
    fn insert(&mut self, entry: Entry) -> u64 {
        let number = self.next;
        self.next += 1;
        self.entries.push((number, entry));
        number
    }

    /// The check itself, under the graph's lock: see "No false report" in the [module](super).
    fn check(&mut self, policy: Break) -> (Report, Vec<(usize, Waiter)>) {
        let mut awaits: Vec<Vec<Awaits>> = self.entries.iter().map(|(_, entry)| entry.awaits()).collect();
        // After the edges were read: who is decided by now has its way out.
        for ((_, entry), awaits) in self.entries.iter().zip(&mut awaits) {
            if entry.waiter.is_decided() && !seeded("waitfor/count-the-decided") {
                awaits.clear();
            }
        }
        let edges: Vec<_> = self.entries.iter().zip(&awaits).map(|((_, entry), awaits)| entry.edges(awaits)).collect();
        let Found { deadlocks, behind } =
            if seeded("waitfor/find-nothing") { Found::default() } else { analysis::find(&edges) };
        let describe = |&index: &usize| -> Blocked {
            let (number, entry) = &self.entries[index];
            entry.describe(*number, &awaits[index])
        };
        let is_unknown = |it: &Awaits| matches!(it.enders, Enders::Unknown | Enders::Open);
        let unknown = |index: &usize| awaits[*index].iter().any(is_unknown);
        let mut report = Report {
            deadlocks: Vec::new(),
            behind: behind.iter().map(describe).collect(),
            incomplete: (0..self.entries.len()).filter(unknown).map(|index| describe(&index)).collect(),
            waiting: self.entries.len(),
        };
        report.deadlocks = deadlocks
            .iter()
            .map(|waits| Deadlock { waits: waits.iter().map(describe).collect(), broken: None })
            .collect();
        let mut victims = Vec::new();
        if policy == Break::One {
            for (at, (waits, deadlock)) in deadlocks.iter().zip(&mut report.deadlocks).enumerate() {
                // A wait that a previous check has broken, and that has not woken yet, is decided: it is in no
                // deadlock.
                let youngest = waits.iter().zip(&deadlock.waits).rfind(|(_, wait)| wait.breakable);
                if let Some((&victim, agent)) = youngest.map(|(index, wait)| (index, wait.agent)) {
                    deadlock.broken = Some(agent);
                    let entry = &mut self.entries[victim].1;
                    entry.verdict = Some(Box::new(deadlock.clone()));
                    victims.push((at, entry.waiter.clone()));
                }
            }
        }
        (report, victims)
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.on.load(Ordering::Relaxed) {
            ON.get().fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Default for Graph {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Graph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Graph").field("on", &self.is_on()).field("waiting", &self.waiting()).finish()
    }
}
