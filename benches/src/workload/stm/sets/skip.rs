//! A skip list (W. Pugh, CACM 1990): a sorted list with express lanes, each with about half of the nodes of the one below.
//!
//! The height of a node is drawn once, when it is made. As in the plain list every link leads to a larger key, so a search
//! ends in any mixture of states.

use super::Set;
use super::nodes::{NONE, Nodes};
use crate::workload::stm::memory::{Transaction, View};

/// As many lanes as make sense for the largest set: log2 of its size, and one more.
const LANES: usize = 16;

/// A node: only its links change.
#[derive(Debug, Clone, Copy)]
struct Node {
    key: u32,
    /// Where its links begin.
    first: u32,
    height: u32,
}

/// The skip list.
#[derive(Debug)]
pub struct SkipList<C> {
    /// The links of the head, and then those of the nodes.
    links: Vec<C>,
    nodes: Nodes<Node>,
}

/// What a search found in each lane: the link behind which the key belongs, and the node that it leads to.
type Found<'a, C> = [(&'a C, usize); LANES];

impl<C> SkipList<C> {
    /// An empty set of numbers up to `keys`.
    pub fn new(keys: u32, mut cell: impl FnMut(u64) -> C) -> Self {
        let mut rng = fastrand::Rng::with_seed(u64::from(keys) + 1);
        let mut links: Vec<C> = (0..LANES).map(|_| cell(NONE as u64)).collect();
        let nodes = Nodes::new(keys, |key| {
            let height = (1 + rng.u32(..).trailing_ones()).min(LANES as u32);
            let first = links.len() as u32;
            links.extend((0..height).map(|_| cell(NONE as u64)));
            Node { key, first, height }
        });
        Self { links, nodes }
    }

    /// The links of a node that begin there, from the lowest lane up.
    #[inline]
    fn link(&self, first: u32, lane: usize) -> &C {
        &self.links[first as usize + lane]
    }

    /// Where a search begins: nothing found.
    #[inline]
    fn nothing(&self) -> Found<'_, C> {
        [(&self.links[0], NONE); LANES]
    }

    /// Finds the key's place in each lane.
    #[inline]
    fn find<'a, V: View<Cell = C>>(&'a self, view: &mut V, key: u32, found: &mut Found<'a, C>) -> Result<(), V::Stop> {
        let mut first = 0;
        for (lane, found) in found.iter_mut().enumerate().rev() {
            *found = loop {
                let link = self.link(first, lane);
                let next = view.read(link)? as usize;
                let node = &self.nodes[next];
                if node.key >= key {
                    break (link, next);
                }
                first = node.first;
            };
        }
        Ok(())
    }
}

impl<C: Send + Sync + 'static> Set<C> for SkipList<C> {
    #[inline]
    fn contains<V: View<Cell = C>>(&self, view: &mut V, key: u32) -> Result<bool, V::Stop> {
        let mut first = 0;
        for lane in (0..LANES).rev() {
            loop {
                let node = &self.nodes[view.read(self.link(first, lane))? as usize];
                if node.key == key {
                    return Ok(true);
                }
                if node.key > key {
                    break;
                }
                first = node.first;
            }
        }
        Ok(false)
    }

    #[inline]
    fn insert<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop> {
        let mut found = self.nothing();
        self.find(tx, key, &mut found)?;
        if self.nodes[found[0].1].key == key {
            return Ok(false);
        }
        let new = self.nodes.of(key);
        let Node { first, height, .. } = self.nodes[new];
        for (lane, &(link, next)) in found.iter().enumerate().take(height as usize) {
            tx.write(self.link(first, lane), next as u64)?;
            tx.write(link, new as u64)?;
        }
        Ok(true)
    }

    #[inline]
    fn remove<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop> {
        let mut found = self.nothing();
        self.find(tx, key, &mut found)?;
        let old = found[0].1;
        let Node { key: oldest, first, height } = self.nodes[old];
        if oldest != key {
            return Ok(false);
        }
        for (lane, &(link, next)) in found.iter().enumerate().take(height as usize) {
            if next != old {
                return Err(tx.torn());
            }
            let behind = tx.read(self.link(first, lane))?;
            tx.write(link, behind)?;
        }
        Ok(true)
    }

    fn keys<V: View<Cell = C>>(&self, view: &mut V) -> Result<Result<Vec<u32>, String>, V::Stop> {
        let mut keys: Vec<u32> = Vec::new();
        for lane in 0..LANES {
            let mut in_lane = Vec::new();
            let mut first = 0;
            loop {
                let next = view.read(self.link(first, lane))? as usize;
                if next == NONE {
                    break;
                }
                let node = self.nodes[next];
                if in_lane.last().is_some_and(|&last| last >= node.key) {
                    return Ok(Err(format!("{} comes after {:?} in lane {lane}", node.key, in_lane.last())));
                }
                in_lane.push(node.key);
                first = node.first;
            }
            if lane == 0 {
                keys.clone_from(&in_lane);
            }
            let tall = |key: &u32| self.nodes[self.nodes.of(*key)].height as usize > lane;
            if !keys.iter().copied().filter(tall).eq(in_lane) {
                return Ok(Err(format!("lane {lane} has other nodes than those that reach up to it")));
            }
        }
        Ok(Ok(keys))
    }
}
