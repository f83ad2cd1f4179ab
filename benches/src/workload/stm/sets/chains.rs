//! Sorted linked lists: one of them is the list, and one for each bucket is the hash table.
//!
//! A link always leads to a larger key, in every state and in any mixture of states, so a search ends even in a memory
//! that is not opaque.

use super::Set;
use super::nodes::{NONE, Nodes};
use crate::workload::stm::memory::{Transaction, View};

/// A node: its key never changes.
#[derive(Debug)]
struct Node<C> {
    key: u32,
    next: C,
}

/// Lists, and what lies in which.
#[derive(Debug)]
pub struct Chains<C> {
    heads: Vec<C>,
    /// By how much a 32-bit hash is shifted to the right to be the number of a list.
    shift: u32,
    nodes: Nodes<Node<C>>,
}

impl<C> Chains<C> {
    /// An empty set of numbers up to `keys`, in 2 to the power of `bits` lists.
    pub fn new(keys: u32, bits: u32, mut cell: impl FnMut(u64) -> C) -> Self {
        let heads = (0..1 << bits).map(|_| cell(NONE as u64)).collect();
        let nodes = Nodes::new(keys, |key| Node { key, next: cell(NONE as u64) });
        Self { heads, shift: 32 - bits, nodes }
    }

    /// The head of the key's list. Fibonacci hashing: the upper bits of the product depend on the whole key.
    #[inline]
    fn head(&self, key: u32) -> &C {
        &self.heads[(u64::from(key.wrapping_mul(0x9e37_79b9)) >> self.shift) as usize]
    }

    /// The link behind which the key belongs, and the node that it leads to.
    #[inline]
    fn find<V: View<Cell = C>>(&self, view: &mut V, key: u32) -> Result<(&C, usize), V::Stop> {
        let mut link = self.head(key);
        loop {
            let next = view.read(link)? as usize;
            let node = &self.nodes[next];
            if node.key >= key {
                return Ok((link, next));
            }
            link = &node.next;
        }
    }
}

impl<C: Send + Sync + 'static> Set<C> for Chains<C> {
    #[inline]
    fn contains<V: View<Cell = C>>(&self, view: &mut V, key: u32) -> Result<bool, V::Stop> {
        let (_, next) = self.find(view, key)?;
        Ok(self.nodes[next].key == key)
    }

    #[inline]
    fn insert<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop> {
        let (link, next) = self.find(tx, key)?;
        if self.nodes[next].key == key {
            return Ok(false);
        }
        let new = self.nodes.of(key);
        tx.write(&self.nodes[new].next, next as u64)?;
        tx.write(link, new as u64)?;
        Ok(true)
    }

    #[inline]
    fn remove<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop> {
        let (link, found) = self.find(tx, key)?;
        if self.nodes[found].key != key {
            return Ok(false);
        }
        let next = tx.read(&self.nodes[found].next)?;
        tx.write(link, next)?;
        Ok(true)
    }

    fn keys<V: View<Cell = C>>(&self, view: &mut V) -> Result<Result<Vec<u32>, String>, V::Stop> {
        let mut keys = Vec::new();
        for head in &self.heads {
            let (mut link, mut last) = (head, 0);
            loop {
                let next = view.read(link)? as usize;
                if next == NONE {
                    break;
                }
                let node = &self.nodes[next];
                if node.key <= last {
                    return Ok(Err(format!("{} comes after {last} in a list", node.key)));
                }
                if !std::ptr::eq(self.head(node.key), head) {
                    return Ok(Err(format!("{} is in a list where it does not belong", node.key)));
                }
                last = node.key;
                keys.push(last);
                link = &node.next;
            }
        }
        keys.sort_unstable();
        Ok(Ok(keys))
    }
}
