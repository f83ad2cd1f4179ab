//! Machines that are made up: for tests, and to see how a program would be laid out elsewhere.

use super::parts::{Cache, CacheKind, Core, LOCAL_DISTANCE, Node};
use super::{Place, Topology};

impl Topology {
    /// A machine of one node whose cpus share nothing; cpu 0 if the list is empty.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::topology::Topology;
    ///
    /// let machine = Topology::flat(0..4);
    /// assert_eq!((machine.cpus().len(), machine.cores().len(), machine.nodes().len()), (4, 4, 1));
    /// assert_eq!(machine.fallback(), None);
    /// ```
    pub fn flat(cpus: impl IntoIterator<Item = usize>) -> Self {
        let mut cpus: Vec<usize> = cpus.into_iter().collect();
        if cpus.is_empty() {
            cpus.push(0);
        }
        cpus.sort_unstable();
        cpus.dedup();
        let mut topology = Self {
            cpus_known: true,
            places: (0..cpus.len()).map(Self::lonely).collect(),
            cores: cpus.iter().map(|&cpu| Core { cpus: vec![cpu], package: None }).collect(),
            caches: Vec::new(),
            nodes: Vec::new(),
            allowed: cpus.clone(),
            fallback: None,
            remarks: Vec::new(),
            cpus,
        };
        topology.set_flat();
        topology
    }

    /// A machine of several nodes, numbered from 0, each of so many groups of cpus that share a last-level cache; `distance` is
    /// asked for each two different nodes.
    ///
    /// A cpu that is listed again is left out there. Without any, it is [`flat`](Self::flat).
    ///
    /// # Examples
    /// ```
    /// use reweave_core::topology::Topology;
    ///
    /// let machine = Topology::of_nodes(&[&[&[0, 1], &[2, 3]], &[&[4, 5]]], |_, _| 21);
    /// let rings: Vec<_> = machine.victims(2).iter().map(|ring| ring.cpus().to_vec()).collect();
    /// assert_eq!(rings, [&[3][..], &[0, 1], &[4, 5]]);
    /// assert_eq!(machine.distance(0, 1), Some(21));
    /// ```
    pub fn of_nodes(nodes: &[&[&[usize]]], distance: impl Fn(usize, usize) -> u32) -> Self {
        let mut taken = Vec::new();
        let mut groups: Vec<(usize, Vec<usize>)> = Vec::new();
        for (node, listed) in nodes.iter().enumerate() {
            for group in *listed {
                let mut cpus: Vec<usize> = group.iter().copied().filter(|cpu| !taken.contains(cpu)).collect();
                cpus.sort_unstable();
                cpus.dedup();
                taken.extend_from_slice(&cpus);
                groups.extend((!cpus.is_empty()).then_some((node, cpus)));
            }
        }
        let mut topology = Self::flat(taken.iter().copied());
        if taken.is_empty() {
            return topology;
        }
        // In the order in which caches are reported.
        groups.sort_by_key(|(_, cpus)| cpus[0]);
        for (cache, (_, cpus)) in groups.iter().enumerate() {
            for at in cpus.iter().filter_map(|&cpu| topology.position(cpu)).collect::<Vec<_>>() {
                topology.places[at] = Place { last_level: Some(cache), caches: vec![cache], ..Self::lonely(at) };
            }
            let cpus = cpus.clone();
            topology.caches.push(Cache { level: 3, kind: CacheKind::Unified, size: None, line_size: None, cpus });
        }
        let made = (0..nodes.len()).map(|id| {
            let mut cpus =
                groups.iter().filter(|(node, _)| *node == id).map(|(_, cpus)| &cpus[..]).collect::<Vec<_>>().concat();
            cpus.sort_unstable();
            let row = (0..nodes.len()).map(|to| if to == id { LOCAL_DISTANCE } else { distance(id, to) });
            Node { id, cpus, memory: None, distances: row.collect() }
        });
        let made = made.collect();
        topology.set_nodes(made);
        topology
    }

    /// The same machine, of which only the cpus `allowed` may be used, and of those only such as are online; all cpus, if
    /// none is left, which the [remarks](Self::remarks) tell. Unchanged if the list is empty.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::topology::Topology;
    ///
    /// assert_eq!(Topology::flat(0..8).allowing(&[2, 3, 99]).allowed(), [2, 3]);
    /// ```
    #[must_use]
    pub fn allowing(mut self, allowed: &[usize]) -> Self {
        let mut usable = allowed.to_vec();
        usable.retain(|&cpu| self.position(cpu).is_some());
        usable.sort_unstable();
        usable.dedup();
        if !usable.is_empty() {
            self.allowed = usable;
        } else if !allowed.is_empty() {
            let list = super::cpulist::print(allowed);
            self.remarks.push(format!("none of the cpus {list}, which may be used, is online; all are allowed"));
            self.allowed.clone_from(&self.cpus);
        }
        self
    }
}
