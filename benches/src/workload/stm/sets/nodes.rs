//! The nodes that the sets are built of.
//!
//! Each key has a node, made beforehand, and a set links and unlinks it: so neither an allocator nor reclamation is
//! measured, and a link is one number. The nodes lie in an order that has nothing to do with that of the keys, as they do
//! with any allocator after a while.

use std::ops::Index;

/// The number of the node that is none: it ends every list, and is the leaf of every tree.
pub const NONE: usize = 0;

/// The key of the node that is none: larger than every other, so that a search stops there.
const LAST: u32 = u32::MAX;

/// The nodes of all keys.
#[derive(Debug)]
pub struct Nodes<N> {
    nodes: Vec<N>,
    /// The node of each key.
    of_key: Vec<u32>,
}

impl<N> Nodes<N> {
    /// A node for each of the keys 1 to `keys` and the one that is none, made of their keys.
    pub fn new(keys: u32, mut node: impl FnMut(u32) -> N) -> Self {
        let mut of_node: Vec<u32> = (1..=keys).collect();
        fastrand::Rng::with_seed(u64::from(keys)).shuffle(&mut of_node);
        let mut of_key = vec![NONE as u32; keys as usize + 1];
        let nodes = std::iter::once(LAST).chain(of_node).enumerate().map(|(number, key)| {
            if key != LAST {
                of_key[key as usize] = number as u32;
            }
            node(key)
        });
        let nodes = nodes.collect();
        Self { nodes, of_key }
    }

    /// The number of a key's node.
    #[inline]
    pub fn of(&self, key: u32) -> usize {
        self.of_key[key as usize] as usize
    }
}

impl<N> Index<usize> for Nodes<N> {
    type Output = N;

    #[inline]
    fn index(&self, number: usize) -> &N {
        &self.nodes[number]
    }
}
