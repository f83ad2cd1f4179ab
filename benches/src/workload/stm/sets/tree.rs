//! A red-black tree (Guibas and Sedgewick, FOCS 1978): a search tree in which no path is more than twice as long as another.
//!
//! 1. The root is black, and so is the leaf, which is no node.
//! 2. A red node has black children.
//! 3. All paths from the root to a leaf have the same number of black nodes.
//!
//! An update remembers the path from the root, so nodes have no link to their parents: fewer cells change, and there is
//! no sentinel that all removals write. The two mirror images of each step are one piece of code: a side is 0 (left) or 1
//! (right), and its opposite is `1 - side`.
//!
//! In a memory that is not opaque a block may see a mixture of states in which rotations lead in a circle, so everything
//! that walks counts its steps.

use super::Set;
use super::nodes::{NONE, Nodes};
use crate::workload::stm::memory::{Transaction, View};

/// No path is longer: it would take more than 2^24 keys.
const LONGEST: usize = 48;

/// A node: its key never changes.
#[derive(Debug)]
struct Node<C> {
    key: u32,
    child: [C; 2],
    red: C,
}

/// The tree.
#[derive(Debug)]
pub struct Tree<C> {
    root: C,
    nodes: Nodes<Node<C>>,
}

/// The way from the root to a place in the tree: nodes, and on which side each was left.
struct Path {
    steps: [(u32, u32); LONGEST],
    len: usize,
}

impl Path {
    fn new() -> Self {
        Self { steps: [(0, 0); LONGEST], len: 0 }
    }

    /// One step further; `None` if no tree is so deep.
    #[inline]
    fn push(&mut self, node: usize, side: usize) -> Option<()> {
        *self.steps.get_mut(self.len)? = (node as u32, side as u32);
        self.len += 1;
        Some(())
    }

    #[inline]
    fn pop(&mut self) -> Option<(usize, usize)> {
        self.len = self.len.checked_sub(1)?;
        let (node, side) = self.steps[self.len];
        Some((node as usize, side as usize))
    }
}

impl<C> Tree<C> {
    /// An empty set of numbers up to `keys`.
    pub fn new(keys: u32, mut cell: impl FnMut(u64) -> C) -> Self {
        let root = cell(NONE as u64);
        let nodes = Nodes::new(keys, |key| Node { key, child: [cell(NONE as u64), cell(NONE as u64)], red: cell(0) });
        Self { root, nodes }
    }

    /// The link that the path's first steps lead to.
    #[inline]
    fn link(&self, path: &Path, steps: usize) -> &C {
        match steps.checked_sub(1).map(|last| path.steps[last]) {
            None => &self.root,
            Some((node, side)) => &self.nodes[node as usize].child[side as usize],
        }
    }

    #[inline]
    fn child<V: View<Cell = C>>(&self, view: &mut V, node: usize, side: usize) -> Result<usize, V::Stop> {
        Ok(view.read(&self.nodes[node].child[side])? as usize)
    }

    #[inline]
    fn is_red<V: View<Cell = C>>(&self, view: &mut V, node: usize) -> Result<bool, V::Stop> {
        Ok(node != NONE && view.read(&self.nodes[node].red)? != 0)
    }

    #[inline]
    fn paint<T: Transaction<Cell = C>>(&self, tx: &mut T, node: usize, red: bool) -> Result<(), T::Stop> {
        tx.write(&self.nodes[node].red, red.into())
    }

    /// The key's node, and the way to it; or `NONE`, and the way to where it belongs. The path is new.
    #[inline]
    fn find<V: View<Cell = C>>(&self, view: &mut V, key: u32, path: &mut Path) -> Result<usize, V::Stop> {
        let mut at = view.read(&self.root)? as usize;
        while at != NONE {
            let node = &self.nodes[at];
            if node.key == key {
                break;
            }
            let side = usize::from(key > node.key);
            path.push(at, side).ok_or_else(|| view.torn())?;
            at = view.read(&node.child[side])? as usize;
        }
        Ok(at)
    }

    /// Turns a node down to `side`: its child on the other side takes its place, and is returned for the link above.
    fn rotate<T: Transaction<Cell = C>>(&self, tx: &mut T, node: usize, side: usize) -> Result<usize, T::Stop> {
        let up = self.child(tx, node, 1 - side)?;
        let moved = self.child(tx, up, side)?;
        tx.write(&self.nodes[node].child[1 - side], moved as u64)?;
        tx.write(&self.nodes[up].child[side], node as u64)?;
        Ok(up)
    }

    /// Restores the invariants above a new red node at the end of the path.
    fn mend_insertion<T: Transaction<Cell = C>>(
        &self,
        tx: &mut T,
        path: &mut Path,
        mut node: usize,
    ) -> Result<(), T::Stop> {
        loop {
            let Some((mut parent, side)) = path.pop() else { return self.paint(tx, node, false) };
            if !self.is_red(tx, parent)? {
                return Ok(());
            }
            // A red node is not the root.
            let Some((grand, parent_side)) = path.pop() else { return Err(tx.torn()) };
            let uncle = self.child(tx, grand, 1 - parent_side)?;
            if self.is_red(tx, uncle)? {
                self.paint(tx, parent, false)?;
                self.paint(tx, uncle, false)?;
                self.paint(tx, grand, true)?;
                node = grand;
                continue;
            }
            if side != parent_side {
                parent = self.rotate(tx, parent, parent_side)?;
                tx.write(&self.nodes[grand].child[parent_side], parent as u64)?;
            }
            self.paint(tx, parent, false)?;
            self.paint(tx, grand, true)?;
            let up = self.rotate(tx, grand, 1 - parent_side)?;
            return tx.write(self.link(path, path.len), up as u64);
        }
    }

    /// Restores the invariants after a black node has gone from the end of the path, where `node` is now.
    fn mend_removal<T: Transaction<Cell = C>>(
        &self,
        tx: &mut T,
        path: &mut Path,
        mut node: usize,
    ) -> Result<(), T::Stop> {
        for _ in 0..LONGEST {
            if self.is_red(tx, node)? {
                return self.paint(tx, node, false);
            }
            let Some((parent, side)) = path.pop() else { return Ok(()) };
            let other = 1 - side;
            // There is one: its side has a black node more.
            let mut sibling = self.child(tx, parent, other)?;
            if self.is_red(tx, sibling)? {
                self.paint(tx, sibling, false)?;
                self.paint(tx, parent, true)?;
                self.rotate(tx, parent, side)?;
                tx.write(self.link(path, path.len), sibling as u64)?;
                path.push(sibling, side).ok_or_else(|| tx.torn())?;
                sibling = self.child(tx, parent, other)?;
            }
            if sibling == NONE {
                return Err(tx.torn());
            }
            let (near, far) = (self.child(tx, sibling, side)?, self.child(tx, sibling, other)?);
            if !self.is_red(tx, far)? {
                if !self.is_red(tx, near)? {
                    self.paint(tx, sibling, true)?;
                    node = parent;
                    continue;
                }
                self.paint(tx, near, false)?;
                self.paint(tx, sibling, true)?;
                sibling = self.rotate(tx, sibling, other)?;
                tx.write(&self.nodes[parent].child[other], sibling as u64)?;
            }
            let red = self.is_red(tx, parent)?;
            self.paint(tx, sibling, red)?;
            self.paint(tx, parent, false)?;
            let far = self.child(tx, sibling, other)?;
            self.paint(tx, far, false)?;
            self.rotate(tx, parent, side)?;
            return tx.write(self.link(path, path.len), sibling as u64);
        }
        Err(tx.torn())
    }

    /// The keys below a node that lie between two others, into `keys`; returns the number of black nodes on every path, or
    /// what is wrong.
    fn collect<V: View<Cell = C>>(
        &self,
        view: &mut V,
        node: usize,
        (low, high): (u32, u32),
        below_red: bool,
        keys: &mut Vec<u32>,
    ) -> Result<Result<u32, String>, V::Stop> {
        if node == NONE {
            return Ok(Ok(0));
        }
        let key = self.nodes[node].key;
        let red = self.is_red(view, node)?;
        if !(low < key && key < high) {
            return Ok(Err(format!("{key} lies between {low} and {high} in the tree")));
        }
        if red && below_red {
            return Ok(Err(format!("{key} is red and below a red node")));
        }
        let left = self.child(view, node, 0)?;
        let left = self.collect(view, left, (low, key), red, keys)?;
        keys.push(key);
        let right = self.child(view, node, 1)?;
        let right = self.collect(view, right, (key, high), red, keys)?;
        Ok(match (left, right) {
            (Ok(left), Ok(right)) if left == right => Ok(left + u32::from(!red)),
            (Ok(left), Ok(right)) => {
                Err(format!("there are {left} black nodes on the left of {key}, {right} on the right"))
            }
            (Err(wrong), _) | (_, Err(wrong)) => Err(wrong),
        })
    }
}

impl<C: Send + Sync + 'static> Set<C> for Tree<C> {
    #[inline]
    fn contains<V: View<Cell = C>>(&self, view: &mut V, key: u32) -> Result<bool, V::Stop> {
        let mut at = view.read(&self.root)? as usize;
        for _ in 0..LONGEST {
            if at == NONE {
                return Ok(false);
            }
            let node = &self.nodes[at];
            if node.key == key {
                return Ok(true);
            }
            at = view.read(&node.child[usize::from(key > node.key)])? as usize;
        }
        Err(view.torn())
    }

    fn insert<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop> {
        let mut path = Path::new();
        if self.find(tx, key, &mut path)? != NONE {
            return Ok(false);
        }
        let new = self.nodes.of(key);
        for child in &self.nodes[new].child {
            tx.write(child, NONE as u64)?;
        }
        self.paint(tx, new, true)?;
        tx.write(self.link(&path, path.len), new as u64)?;
        self.mend_insertion(tx, &mut path, new)?;
        Ok(true)
    }

    fn remove<T: Transaction<Cell = C>>(&self, tx: &mut T, key: u32) -> Result<bool, T::Stop> {
        let mut path = Path::new();
        let old = self.find(tx, key, &mut path)?;
        if old == NONE {
            return Ok(false);
        }
        let (left, right) = (self.child(tx, old, 0)?, self.child(tx, old, 1)?);
        let (gone_red, node);
        if left == NONE || right == NONE {
            node = if left == NONE { right } else { left };
            gone_red = self.is_red(tx, old)?;
            tx.write(self.link(&path, path.len), node as u64)?;
        } else {
            // The next larger node takes its place and colour, and is gone from its own.
            let depth = path.len;
            path.push(old, 1).ok_or_else(|| tx.torn())?;
            let mut next = right;
            loop {
                let smaller = self.child(tx, next, 0)?;
                if smaller == NONE {
                    break;
                }
                path.push(next, 0).ok_or_else(|| tx.torn())?;
                next = smaller;
            }
            node = self.child(tx, next, 1)?;
            gone_red = self.is_red(tx, next)?;
            let red = self.is_red(tx, old)?;
            self.paint(tx, next, red)?;
            if next != right {
                tx.write(self.link(&path, path.len), node as u64)?;
                tx.write(&self.nodes[next].child[1], right as u64)?;
            }
            tx.write(&self.nodes[next].child[0], left as u64)?;
            tx.write(self.link(&path, depth), next as u64)?;
            path.steps[depth].0 = next as u32;
        }
        if !gone_red {
            self.mend_removal(tx, &mut path, node)?;
        }
        Ok(true)
    }

    fn keys<V: View<Cell = C>>(&self, view: &mut V) -> Result<Result<Vec<u32>, String>, V::Stop> {
        let root = view.read(&self.root)? as usize;
        if self.is_red(view, root)? {
            return Ok(Err("the root is red".to_owned()));
        }
        let mut keys = Vec::new();
        Ok(self.collect(view, root, (0, u32::MAX), false, &mut keys)?.map(|_| keys))
    }
}
