//! What the machine looks like: cpus, physical cores, caches, memory nodes, and how near they are to each other.
//!
//! A *cpu* is what the system schedules a thread on, called by the kernel's number. [`Topology::detect`] reads the machine
//! from sysfs; [`Topology::from_root`] reads a tree of the same form from elsewhere, for tests and for machines of others;
//! [`Topology::flat`] and [`Topology::of_nodes`] make one up. The result is plain data that does not change: it can be shared
//! freely, and a cpu that comes online later is not in it.
//!
//! # What always holds
//!
//! 1. There is at least one cpu, and at least one node.
//! 2. Every cpu is on exactly one physical core and exactly one node, and in at most one cache of each level and kind.
//! 3. [`Topology::victims`] is a partition of the other cpus.
//!
//! This holds for every tree, be it incomplete, contradictory or garbage. There are no errors: what cannot be read is
//! assumed to be the simplest thing, and said. Where nodes cannot be read (no NUMA, another system, a container that hides
//! it), all cpus are on one node, and [`Topology::fallback`] tells why. What else was odd is in [`Topology::remarks`].
//!
//! # What is read
//!
//! | below `devices/system` | for | where it is missing |
//! |---|---|---|
//! | `cpu/online` | the cpus | the folders `cpu/cpuN`; else the cpus that may be used; else cpu 0 |
//! | `cpu/cpuN/topology/core_cpus_list` | physical cores | `thread_siblings_list`; else a core for each cpu |
//! | `cpu/cpuN/topology/physical_package_id` | chips | unknown |
//! | `cpu/cpuN/cache/indexK/{level,type,size,coherency_line_size,shared_cpu_list}` | caches | no caches |
//! | `node/nodeN/{cpulist,meminfo,distance}` | nodes | one node; memory unknown; distances 10 and 20 |
//!
//! | module | |
//! |---|---|
//! | [`affinity`] | the cpus that a thread may run on, and pinning it |
//! | [`numa`] | binding threads and memory to nodes, with the feature `numa` |
//! | [`cpulist`] | lists such as `0-3,8` |

pub mod affinity;
pub mod cpulist;
mod made;
pub mod numa;
mod parts;
mod read;
mod rings;
mod sysfs;

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod fixture;
#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests;

use std::path::Path;

pub use parts::{Cache, CacheKind, Core, LOCAL_DISTANCE, Node, REMOTE_DISTANCE};
pub use rings::{Nearness, Ring};

/// A machine's cpus, cores, caches and nodes. See the [module](self).
///
/// # Examples
/// ```
/// use reweave_core::topology::Topology;
///
/// let machine = Topology::detect();
/// for &cpu in machine.allowed() {
///     let node = machine.node_of(cpu).expect("every cpu is on a node");
///     println!("cpu {cpu} on node {}, to steal from {:?}", node.id(), machine.victims(cpu));
/// }
/// if let Some(reason) = machine.fallback() {
///     println!("taken for one node: {reason}");
/// }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    /// Ascending; where a cpu stands in this list is its *position*.
    cpus: Vec<usize>,
    cpus_known: bool,
    /// By position.
    places: Vec<Place>,
    cores: Vec<Core>,
    caches: Vec<Cache>,
    nodes: Vec<Node>,
    allowed: Vec<usize>,
    fallback: Option<String>,
    remarks: Vec<String>,
}

/// Where a cpu is: indices into the lists of cores, nodes and caches.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    core: usize,
    node: usize,
    last_level: Option<usize>,
    caches: Vec<usize>,
}

/// How many cpus the machine has online, whatever the calling thread may use; `None` where the system does not tell. Reads one
/// file.
pub(crate) fn online() -> Option<usize> {
    sysfs::Tree::new(Path::new("/sys")).list("devices/system/cpu/online").ok().map(|cpus| cpus.len())
}

impl Topology {
    /// This machine, read from `/sys`, with the cpus that the calling thread may use.
    ///
    /// Reads a few files for each cpu: some milliseconds on a large machine. Ask once.
    pub fn detect() -> Self {
        Self::from_root_allowing(Path::new("/sys"), &affinity::allowed())
    }

    /// The machine that a sysfs tree describes; all its cpus may be used.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::topology::Topology;
    ///
    /// // Nothing is there, which is no error.
    /// let machine = Topology::from_root("/no/such/folder");
    /// assert_eq!(machine.cpus(), [0]);
    /// assert!(machine.fallback().unwrap().contains("/no/such/folder"));
    /// ```
    pub fn from_root(root: impl AsRef<Path>) -> Self {
        Self::from_root_allowing(root, &[])
    }

    /// The machine that a sysfs tree describes, of which only the cpus `allowed` may be used; all if that list is empty.
    ///
    /// Where the tree does not say which cpus there are, they are these.
    pub fn from_root_allowing(root: impl AsRef<Path>, allowed: &[usize]) -> Self {
        read::read(root.as_ref(), allowed).allowing(allowed)
    }

    /// The cpus that are online, in ascending order. Their numbers may have holes.
    pub fn cpus(&self) -> &[usize] {
        &self.cpus
    }

    /// Whether the cpus were read from the system, and not assumed.
    pub fn cpus_known(&self) -> bool {
        self.cpus_known
    }

    /// The cpus that may be used, in ascending order: those that the calling thread's affinity (and so its cgroup) leaves
    /// it, for [`Topology::detect`]. Never empty.
    pub fn allowed(&self) -> &[usize] {
        &self.allowed
    }

    /// The physical cores, by their first cpu.
    pub fn cores(&self) -> &[Core] {
        &self.cores
    }

    /// The caches: by level, data before instructions, then by their first cpu. Empty where the system shows none.
    pub fn caches(&self) -> &[Cache] {
        &self.caches
    }

    /// The memory nodes, by their numbers.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Why one flat node stands for what could not be read; `None` if the nodes are the system's (or were asked for).
    pub fn fallback(&self) -> Option<&str> {
        self.fallback.as_deref()
    }

    /// What else was not as it should be, and what was assumed instead; for a report. Some lines at most.
    pub fn remarks(&self) -> &[String] {
        &self.remarks
    }

    /// The physical core that a cpu is part of; `None` for an unknown cpu. O(log *n*), as are the questions below.
    pub fn core_of(&self, cpu: usize) -> Option<&Core> {
        Some(&self.cores[self.place(cpu)?.core])
    }

    /// The other cpus of a cpu's physical core; none for an unknown cpu.
    pub fn siblings(&self, cpu: usize) -> impl Iterator<Item = usize> {
        let all = self.core_of(cpu).map_or(&[][..], Core::cpus);
        all.iter().copied().filter(move |&other| other != cpu)
    }

    /// The node that a cpu is on; `None` for an unknown cpu.
    pub fn node_of(&self, cpu: usize) -> Option<&Node> {
        Some(&self.nodes[self.place(cpu)?.node])
    }

    /// The last cache before memory that a cpu's data pass through; `None` for an unknown cpu, or if no cache is known.
    pub fn last_level_cache(&self, cpu: usize) -> Option<&Cache> {
        Some(&self.caches[self.place(cpu)?.last_level?])
    }

    /// Whether two cpus have the same last-level cache, which is how far a line travels between them. True of a cpu and
    /// itself if it has one.
    pub fn shares_last_level_cache(&self, a: usize, b: usize) -> bool {
        let last_level = |cpu| self.place(cpu)?.last_level;
        last_level(a).is_some() && last_level(a) == last_level(b)
    }

    /// Whether two cpus share a cache of the third level.
    pub fn shares_l3(&self, a: usize, b: usize) -> bool {
        let third = |cpu: usize| {
            let mut caches = self.place(cpu)?.caches.iter().copied();
            caches.find(|&cache| self.caches[cache].level == 3 && self.caches[cache].kind != CacheKind::Instruction)
        };
        third(a).is_some() && third(a) == third(b)
    }

    /// The cpus grouped by their last-level cache, ascending by first cpu. A cpu without a known cache is a group of its
    /// own.
    pub fn last_level_groups(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        let mut group_of: Vec<Option<usize>> = vec![None; self.caches.len()];
        for (&cpu, place) in self.cpus.iter().zip(&self.places) {
            match place.last_level.and_then(|cache| group_of[cache]) {
                Some(group) => groups[group].push(cpu),
                None => {
                    if let Some(cache) = place.last_level {
                        group_of[cache] = Some(groups.len());
                    }
                    groups.push(vec![cpu]);
                }
            }
        }
        groups
    }

    /// How far node `to` is from node `from`, by their numbers; `None` if there is no such node.
    ///
    /// 10 is near. Where the system does not say: [`LOCAL_DISTANCE`] for a node itself, [`REMOTE_DISTANCE`] for others.
    pub fn distance(&self, from: usize, to: usize) -> Option<u32> {
        let index = |id: usize| self.nodes.binary_search_by_key(&id, Node::id).ok();
        Some(self.distance_between(index(from)?, index(to)?))
    }

    /// The same by indices of nodes.
    fn distance_between(&self, from: usize, to: usize) -> u32 {
        let usual = if from == to { LOCAL_DISTANCE } else { REMOTE_DISTANCE };
        self.nodes[from].distances.get(to).copied().unwrap_or(usual)
    }

    fn position(&self, cpu: usize) -> Option<usize> {
        self.cpus.binary_search(&cpu).ok()
    }

    fn place(&self, cpu: usize) -> Option<&Place> {
        Some(&self.places[self.position(cpu)?])
    }
}
