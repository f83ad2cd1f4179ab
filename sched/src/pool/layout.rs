//! Where the workers of a pool are at home, and how near they are to each other.
//!
//! Each place has a *home*: a cpu, and the memory node that it is on. Places are given out to the cpus that the pool may use, one physical
//! core after the other, node by node, then the second threads of the cores; if there are more places than cpus, from the start again. What makes
//! up for blocked workers is at home where the place is that it comes round to.
//!
//! A worker is bound to its home only if the pool is made so: to its cpu (`pin`), or to all usable cpus of its node (`nodes`). Otherwise the
//! home is where it is taken to be: the system keeps a thread on its node as a rule, and where it does not, a search begins with workers that
//! are farther away than thought.
//!
//! # Rounds
//!
//! A search for work goes in rounds, the near ones first: workers that share the last-level cache, workers of the same node, then the other
//! nodes by growing distance, of each distance the injectors first. Where all workers are equally near there are no rounds, and no injector but
//! one: a search costs what it would if nobody knew of nodes.
//!
//! All of this is made with the pool and does not change.

use std::collections::HashMap;

use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Lazy, MODELLED};
use reweave_core::topology::{Nearness, Topology, affinity};

/// The machine, read once.
static MACHINE: Lazy<Topology> = Lazy::new(Topology::detect);

/// This machine, with the cpus that the calling thread may use.
pub(super) fn machine() -> Topology {
    MACHINE.get().clone().allowing(&affinity::allowed())
}

/// How strictly threads are kept at home.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Binding {
    /// Not at all.
    Free,
    /// To their nodes.
    Node,
    /// Those that the pool was made for to their cpus, others to their nodes.
    Cpu,
}

/// Where a worker is at home: small indices into the [`Layout`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Home {
    /// The node, and so the injector.
    pub(crate) node: usize,
    rounds: usize,
}

/// Workers that are equally near, and the injectors of their nodes.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Round {
    /// Not the asking worker's own.
    pub(crate) injectors: Box<[usize]>,
    /// Their places; the asking worker's own may be among them.
    pub(crate) workers: Box<[usize]>,
}

/// A node that has workers.
#[derive(Debug)]
struct Site {
    id: usize,
    /// Those of its cpus that may be used.
    cpus: Box<[usize]>,
}

/// The homes of a pool's workers. See the [module](self).
#[derive(Debug)]
pub(crate) struct Layout {
    /// By place; for places beyond, from the start again.
    homes: Box<[(Home, usize)]>,
    /// What homes refer to; empty where all workers are equally near.
    rounds: Box<[Box<[Round]>]>,
    sites: Box<[Site]>,
    /// By cpu: the node whose injector is the nearest. Empty if there is one.
    nearest: Box<[Option<usize>]>,
    /// For callers of whom nobody knows where they run: whose turn it is.
    turn: AtomicUsize,
}

impl Layout {
    /// So many workers on these cpus, all of the machine, of which there is at least one.
    pub(super) fn new(machine: &Topology, cpus: &[usize], workers: usize) -> Self {
        let cpus = in_order(machine, cpus);
        let on: Vec<usize> = (0..workers).map(|place| cpus[place % cpus.len()]).collect();
        let used = &cpus[..workers.min(cpus.len())];
        let node_of = |cpu: usize| machine.node_of(cpu).expect("a cpu of the machine").id();
        let mut ids: Vec<usize> = used.iter().map(|&cpu| node_of(cpu)).collect();
        ids.sort_unstable();
        ids.dedup();
        let site_of = |cpu: usize| ids.binary_search(&node_of(cpu)).expect("a node with workers");
        let sites = ids.iter().map(|&id| {
            let mut cpus: Vec<usize> = cpus.iter().copied().filter(|&cpu| node_of(cpu) == id).collect();
            cpus.sort_unstable();
            Site { id, cpus: cpus.into() }
        });
        let mut layout = Self {
            homes: on.iter().map(|&cpu| (Home { node: site_of(cpu), rounds: 0 }, cpu)).collect(),
            rounds: Box::default(),
            sites: sites.collect(),
            nearest: Box::default(),
            turn: AtomicUsize::new(0),
        };
        if layout.sites.len() > 1
            || used.iter().any(|&cpu| distance(machine, used[0], cpu) > NEAR && has_cache(machine))
        {
            layout.go_round(machine, used);
        }
        if layout.sites.len() > 1 {
            layout.nearest = layout.nearest(machine);
        }
        layout
    }

    /// Works out the rounds of all homes.
    fn go_round(&mut self, machine: &Topology, used: &[usize]) {
        let places =
            |cpu: usize| self.homes.iter().enumerate().filter(move |(_, home)| home.1 == cpu).map(|(place, _)| place);
        let mut known: HashMap<Box<[Round]>, usize> = HashMap::new();
        let mut rounds_of: HashMap<usize, usize> = HashMap::new();
        for &from in used {
            let mut others: Vec<(u32, usize)> = used.iter().map(|&to| (distance(machine, from, to), to)).collect();
            others.sort_unstable();
            let rounds = others.chunk_by(|a, b| a.0 == b.0).map(|ring| {
                let mut workers: Vec<usize> = ring.iter().flat_map(|&(_, cpu)| places(cpu)).collect();
                workers.sort_unstable();
                let mut injectors: Vec<usize> = workers.iter().map(|&place| self.homes[place].0.node).collect();
                injectors.sort_unstable();
                injectors.dedup();
                if ring[0].0 < FAR {
                    injectors.clear();
                }
                Round { injectors: injectors.into(), workers: workers.into() }
            });
            let next = known.len();
            rounds_of.insert(from, *known.entry(rounds.collect()).or_insert(next));
        }
        let mut rounds: Vec<(Box<[Round]>, usize)> = known.into_iter().collect();
        rounds.sort_unstable_by_key(|(_, index)| *index);
        self.rounds = rounds.into_iter().map(|(rounds, _)| rounds).collect();
        for (home, cpu) in &mut self.homes {
            home.rounds = rounds_of[cpu];
        }
    }

    /// For each cpu of the machine the nearest node that has workers.
    fn nearest(&self, machine: &Topology) -> Box<[Option<usize>]> {
        let mut nearest = vec![None; machine.cpus().last().map_or(0, |last| last + 1)];
        for &cpu in machine.cpus() {
            let here = machine.node_of(cpu).expect("a cpu of the machine").id();
            let far = |site: &Site| if site.id == here { Some(0) } else { machine.distance(here, site.id) };
            nearest[cpu] = (0..self.sites.len()).min_by_key(|&site| far(&self.sites[site]));
        }
        nearest.into()
    }

    /// How many nodes have workers: as many injectors there are.
    pub(crate) fn nodes(&self) -> usize {
        self.sites.len()
    }

    /// The number of a node, as the system has it.
    pub(crate) fn node_number(&self, node: usize) -> usize {
        self.sites[node].id
    }

    /// The home of this place.
    pub(crate) fn home(&self, place: usize) -> Home {
        self.homes[place % self.homes.len()].0
    }

    /// The rounds of a search from this home, the nearest first; none where all workers are equally near.
    #[inline]
    pub(crate) fn rounds(&self, home: Home) -> &[Round] {
        self.rounds.get(home.rounds).map_or(&[], |rounds| rounds)
    }

    /// The node that is nearest to the calling thread, which is no worker. There are several.
    pub(super) fn node_here(&self) -> usize {
        // The checkers repeat an execution step by step, and the system does not.
        let cpu = if MODELLED { None } else { affinity::current() };
        let nearest = cpu.and_then(|cpu| self.nearest.get(cpu).copied().flatten());
        nearest.unwrap_or_else(|| self.turn.fetch_add(1, Ordering::Relaxed) % self.sites.len())
    }

    /// Keeps the calling thread at the home of its place, as far as that is asked for; `false` if the system refuses.
    pub(super) fn bind(&self, place: usize, binding: Binding) -> bool {
        let (home, cpu) = self.homes[place % self.homes.len()];
        match binding {
            Binding::Free => true,
            Binding::Cpu if place < self.homes.len() => affinity::pin(cpu),
            Binding::Node | Binding::Cpu => affinity::pin_to(&self.sites[home.node].cpus),
        }
    }
}

/// With a last-level cache in common.
const NEAR: u32 = 0;
/// On the same node.
const SAME_NODE: u32 = 1;
/// On another node, at this distance and more.
const FAR: u32 = 2;

/// How far it is from the home of one worker to that of another, who may be the same.
fn distance(machine: &Topology, from: usize, to: usize) -> u32 {
    match machine.nearness(from, to) {
        None => NEAR,
        Some(Nearness::SameCore | Nearness::SameCache) => NEAR,
        Some(Nearness::SameNode) => SAME_NODE,
        Some(Nearness::OtherNode { distance }) => distance.saturating_add(FAR),
    }
}

/// Whether the machine's caches are known at all.
fn has_cache(machine: &Topology) -> bool {
    !machine.caches().is_empty()
}

/// The cpus in the order in which places are given out.
fn in_order(machine: &Topology, cpus: &[usize]) -> Vec<usize> {
    let mut ordered = cpus.to_vec();
    ordered.sort_by_cached_key(|&cpu| {
        // Of those of its core that may be used, the first, the second and so on.
        let thread = machine.siblings(cpu).filter(|&other| other < cpu && cpus.contains(&other)).count();
        let node = machine.node_of(cpu).map(|node| node.id());
        let cache = machine.last_level_cache(cpu).map(|cache| cache.cpus()[0]);
        (thread, node, cache, cpu)
    });
    ordered
}
