//! What a pool is made of.

use std::error::Error;
use std::time::Duration;
use std::{fmt, io};

use reweave_core::sync::{MODELLED, thread};
use reweave_core::topology::{Topology, cpulist};

use super::Pool;
use super::hooks::Hooks;
use super::layout::{self, Binding, Layout};
use crate::agenda::Policy;

/// How many threads a pool may have in all, if nothing else is said, beyond those that it is made for.
const SPARE: usize = if MODELLED { 2 } else { 512 };

/// How many events a worker keeps at most, whatever is asked for: 1.5 gigabytes of them.
const MOST_EVENTS: usize = (1 << 26) - 1;

/// How many threads a pool may have at most, whatever is asked for.
const MOST: usize = 1 << 20;

/// A pool to be: see [`Pool::builder`].
///
/// # Examples
/// ```
/// use reweave_sched::Pool;
///
/// let pool = Pool::builder().threads(3).name("solver").stack_size(512 * 1024).build().unwrap();
/// assert_eq!(pool.threads(), 3);
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it is built"]
pub struct Builder {
    /// How many workers; known from [`settle`](Self::settle) on.
    pub(crate) threads: usize,
    pub(crate) most_threads: usize,
    pub(crate) name: String,
    pub(crate) stack_size: Option<usize>,
    pub(crate) keep_alive: Duration,
    pub(crate) trace: Option<usize>,
    pub(super) binding: Binding,
    pub(super) hooks: Hooks,
    size: Size,
    spare: usize,
    pub(crate) policy: Policy,
    nodes: Option<Vec<usize>>,
    topology: Option<Topology>,
}

/// How many workers a pool is to have.
#[derive(Clone, Copy, Debug)]
enum Size {
    Threads(usize),
    /// So many halves of a worker for each cpu.
    HalvesPerCpu(usize),
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            threads: 0,
            most_threads: 0,
            name: "pool".to_owned(),
            stack_size: None,
            keep_alive: Duration::from_secs(1),
            trace: None,
            binding: Binding::Free,
            hooks: Hooks::default(),
            size: Size::HalvesPerCpu(2),
            spare: SPARE,
            nodes: None,
            topology: None,
            policy: Policy::new(),
        }
    }
}

/// Presets: where to begin. Whatever they set can be set otherwise afterwards. "A cpu" is one that the process may use, of the
/// [nodes](Builder::nodes) that are named, if any are; for a pool on each node, name one.
impl Builder {
    /// For work that computes: as many workers as there are cpus, which is what a pool has if nothing is said. More would take turns on the same cpus and
    /// cool each other's caches; should one block after all, the pool makes up for it.
    pub fn cpu_bound() -> Self {
        Self::default()
    }

    /// For work that waits for others most of the time: twice as many workers as there are cpus, and threads that made up for blocked ones stay for ten seconds.
    ///
    /// Of two such workers one waits, so that a cpu seldom idles, even where the pool does not see the wait (a socket that is read without
    /// [`blocking`](crate::blocking)). Waits that it sees need no more workers: others take their place, and come in bursts, for which they are kept longer.
    pub fn io_bound() -> Self {
        Self { size: Size::HalvesPerCpu(4), keep_alive: Duration::from_secs(10), ..Self::default() }
    }

    /// For work of both kinds: three workers for each two cpus, and threads that made up for blocked ones stay for five seconds; half way between the others.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::Builder;
    ///
    /// let pools = [Builder::cpu_bound(), Builder::mixed(), Builder::io_bound()].map(|builder| builder.build().unwrap());
    /// let [cpus, mixed, io] = pools.map(|pool| pool.threads());
    /// assert_eq!((mixed, io), ((3 * cpus).div_ceil(2), 2 * cpus));
    /// ```
    pub fn mixed() -> Self {
        Self { size: Size::HalvesPerCpu(3), keep_alive: Duration::from_secs(5), ..Self::default() }
    }
}

impl Builder {
    /// How many workers run at the same time; at least 1. Without this, one for each core that the process may use.
    pub fn threads(mut self, threads: usize) -> Self {
        self.size = Size::Threads(threads.max(1));
        self
    }

    /// How many more threads it may start to make up for blocked ones; 512 if nothing is said. When all of them block, jobs wait
    /// until one goes on.
    pub fn spare_threads(mut self, spare: usize) -> Self {
        self.spare = spare;
        self
    }

    /// What its threads are called: the name and a number. The system's names end at a NUL, so that is taken out.
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = name.into().replace('\0', "");
        self
    }

    /// The size of each thread's stack in bytes; the system's default if nothing is said.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// How long a thread that made up for a blocked one sleeps before it ends; a second if nothing is said.
    pub fn keep_alive(mut self, keep_alive: Duration) -> Self {
        self.keep_alive = keep_alive;
        self
    }

    /// Has what it does recorded, when [`Pool::trace`] is started: of each worker, and of all threads outside together, at least so many of the
    /// newest events, 24 bytes each. Times are those of the clock that is current where the pool is built.
    pub fn trace(mut self, events: usize) -> Self {
        self.trace = Some(events.clamp(1, MOST_EVENTS));
        self
    }

    /// What the thread of this worker is called.
    pub(crate) fn thread_name(&self, index: usize) -> String {
        format!("{}-{index}", self.name)
    }

    /// Whether each worker is pinned to a cpu of its own; not, if nothing is said.
    ///
    /// Workers are spread over the cpus that the calling thread may use: one to each physical core, node by node, then to the second threads
    /// of the cores; if there are more workers than cpus, from the start again. Threads that make up for blocked workers are kept on the node
    /// instead. A pinned worker keeps its caches warm, and cannot go elsewhere when another program wants its cpu: pin where the machine is the pool's.
    ///
    /// Where the system refuses, the worker runs unpinned, and [`PoolStats::refused_bindings`](crate::PoolStats::refused_bindings) counts it.
    pub fn pin(mut self, pin: bool) -> Self {
        self.binding = if pin { Binding::Cpu } else { Binding::Free };
        self
    }

    /// The memory nodes, by their numbers, that the pool is kept on: each worker on the cpus of one of them. Without
    /// [`threads`](Self::threads), there is a worker for each of their cpus. All nodes, and threads that may go from one to another, if nothing is said.
    ///
    /// Where nodes cannot be read, all cpus are one node, and this changes nothing.
    ///
    /// # Examples
    ///
    /// A pool for each node:
    /// ```
    /// use reweave_core::topology::Topology;
    /// use reweave_sched::Pool;
    ///
    /// let machine = Topology::detect();
    /// let with_cpus = machine.nodes().iter().filter(|node| node.cpus().iter().any(|cpu| machine.allowed().contains(cpu)));
    /// let pools: Vec<Pool> = with_cpus.map(|node| Pool::builder().nodes([node.id()]).build().unwrap()).collect();
    /// assert!(!pools.is_empty());
    /// ```
    pub fn nodes(mut self, nodes: impl IntoIterator<Item = usize>) -> Self {
        self.nodes = Some(nodes.into_iter().collect());
        self
    }

    /// The machine that its workers are laid out on; the one that it runs on, if nothing is said. For tests, and for what is known better than
    /// the system tells: cpus that are not there refuse to be bound to.
    pub fn topology(mut self, topology: Topology) -> Self {
        self.topology = Some(topology);
        self
    }

    /// What its tasks must keep to; nothing, if nothing is said.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Starts the threads.
    ///
    /// # Errors
    /// [`BuildError`] when the system refuses one; those that were started have ended then. Or when none of the
    /// [`nodes`](Self::nodes) that were named has a cpu that may be used.
    pub fn build(mut self) -> Result<Pool, BuildError> {
        let layout = self.settle()?;
        Pool::start(self, layout)
    }

    /// Decides what was left open.
    pub(crate) fn settle(&mut self) -> Result<Layout, BuildError> {
        let machine = match self.topology.take() {
            Some(topology) => topology,
            // The same in every execution.
            None if MODELLED => Topology::flat([0]),
            None => layout::machine(),
        };
        let cpus = self.cpus(&machine)?;
        let threads = match self.size {
            Size::Threads(threads) => threads,
            Size::HalvesPerCpu(halves) => (self.cores(&cpus) * halves).div_ceil(2),
        };
        self.threads = threads.clamp(1, MOST);
        self.most_threads = (self.threads + self.spare.min(MOST)).min(MOST);
        Ok(Layout::new(&machine, &cpus, self.threads))
    }

    /// How many cpus there are to run on at the same time: the system may allow fewer than it shows.
    fn cores(&self, cpus: &[usize]) -> usize {
        if self.nodes.is_some() { thread::cores().min(cpus.len()) } else { thread::cores() }
    }

    /// The cpus that it may use.
    fn cpus(&mut self, machine: &Topology) -> Result<Vec<usize>, BuildError> {
        let Some(asked) = self.nodes.as_ref().filter(|_| machine.fallback().is_none()) else {
            return Ok(machine.allowed().to_vec());
        };
        let node = |cpu: usize| machine.node_of(cpu).expect("a cpu of the machine").id();
        let cpus: Vec<usize> = machine.allowed().iter().copied().filter(|&cpu| asked.contains(&node(cpu))).collect();
        if cpus.is_empty() {
            let mut there: Vec<usize> = machine.allowed().iter().map(|&cpu| node(cpu)).collect();
            there.dedup();
            return Err(BuildError(Refused::Nodes { asked: asked.clone(), there }));
        }
        if self.binding == Binding::Free {
            self.binding = Binding::Node;
        }
        Ok(cpus)
    }
}

/// Why there is no pool.
#[derive(Debug)]
pub struct BuildError(pub(super) Refused);

#[derive(Debug)]
pub(super) enum Refused {
    /// The system refused a thread.
    Threads { started: usize, threads: usize, cause: io::Error },
    /// No node that was asked for has a cpu that may be used.
    Nodes { asked: Vec<usize>, there: Vec<usize> },
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Refused::Threads { started, threads, cause } => {
                write!(
                    f,
                    "the system started only {started} of the {threads} threads of a pool: {cause}; ask for fewer"
                )
            }
            Refused::Nodes { asked, there } => {
                let (asked, there) = (cpulist::print(asked), cpulist::print(there));
                write!(f, "no node of those asked for ({asked}) has a cpu that may be used; ask for some of {there}")
            }
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Refused::Threads { cause, .. } => Some(cause),
            Refused::Nodes { .. } => None,
        }
    }
}
