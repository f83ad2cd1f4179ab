//! Rings: the other cpus, the near ones first.

use super::Topology;

/// How near two cpus are to each other; the nearest is the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Nearness {
    /// On the same physical core: even its first-level cache is shared.
    SameCore,
    /// With a last-level cache in common, on whatever node.
    SameCache,
    /// On the same memory node.
    SameNode,
    /// On another node.
    OtherNode {
        /// The distance of that node from the cpu whose rings these are.
        distance: u32,
    },
}

/// The cpus that are equally near to a given one. Never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    nearness: Nearness,
    cpus: Vec<usize>,
}

impl Ring {
    /// How near they are.
    pub fn nearness(&self) -> Nearness {
        self.nearness
    }

    /// The cpus, in ascending order.
    pub fn cpus(&self) -> &[usize] {
        &self.cpus
    }
}

impl Topology {
    /// How near `other` is to `cpu`: `None` if one of them is unknown, or they are the same.
    ///
    /// Not always symmetric: the distances between nodes need not be.
    pub fn nearness(&self, cpu: usize, other: usize) -> Option<Nearness> {
        let (from, to) = (self.place(cpu)?, self.place(other)?);
        Some(if cpu == other {
            return None;
        } else if from.core == to.core {
            Nearness::SameCore
        } else if from.last_level.is_some() && from.last_level == to.last_level {
            Nearness::SameCache
        } else if from.node == to.node {
            Nearness::SameNode
        } else {
            Nearness::OtherNode { distance: self.distance_between(from.node, to.node) }
        })
    }

    /// Whom a worker on `cpu` should steal from: all other cpus, grouped into rings, the nearest ring first.
    ///
    /// The rings are a partition of [`Topology::cpus`] without `cpu`: those of the same physical core, those with the same
    /// last-level cache, those of the same node, then the other nodes by growing distance, nodes at the same distance
    /// together. Who steals should begin at a random place of each ring, or all of a ring's thieves meet at its first cpu.
    ///
    /// For a cpu that the topology does not know (it came online later) there are no rings. Takes O(*n* log *n*) for *n*
    /// cpus, and allocates: ask once for each worker.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::topology::{Nearness, Topology};
    ///
    /// let rings = Topology::flat(0..4).victims(2);
    /// assert_eq!(rings.len(), 1);
    /// assert_eq!((rings[0].nearness(), rings[0].cpus()), (Nearness::SameNode, &[0, 1, 3][..]));
    /// ```
    ///
    /// # Source
    /// Stealing from near workers first: Quintin and Wagner, *Hierarchical Work-Stealing* (Euro-Par 2010).
    pub fn victims(&self, cpu: usize) -> Vec<Ring> {
        self.rings(cpu, self.cpus().iter().copied())
    }

    /// The same among some cpus only, such as those that a pool's workers are pinned to, or
    /// [`allowed`](Topology::allowed) ones. Unknown cpus and `cpu` itself are left out.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::topology::Topology;
    ///
    /// let rings = Topology::flat(0..8).victims_among(2, &[2, 3, 5, 99]);
    /// assert_eq!(rings[0].cpus(), [3, 5]);
    /// ```
    pub fn victims_among(&self, cpu: usize, others: &[usize]) -> Vec<Ring> {
        self.rings(cpu, others.iter().copied())
    }

    fn rings(&self, cpu: usize, others: impl Iterator<Item = usize>) -> Vec<Ring> {
        let mut others: Vec<(Nearness, usize)> =
            others.filter_map(|other| Some((self.nearness(cpu, other)?, other))).collect();
        others.sort_unstable();
        others.dedup();
        let same_ring = |a: &(Nearness, usize), b: &(Nearness, usize)| a.0 == b.0;
        others
            .chunk_by(same_ring)
            .map(|ring| Ring { nearness: ring[0].0, cpus: ring.iter().map(|&(_, cpu)| cpu).collect() })
            .collect()
    }
}
