//! `join-tree`: the sum of a binary tree, with a fork and a join at every node.
//!
//! Nothing is done at a node but one addition, so what is timed is the fork and the join themselves, nearly all of which
//! find no thread that would take a branch. The tree is complete, its nodes are boxes; a round visits all of them.
//!
//! All trials of a process sum the same tree, made for the first of them. A tree that is made where others
//! were freed has its nodes in other places, and where they are changes the figure by half and more.

use reweave_core::sync::{Arc, Lazy, Mutex};

use super::drive;
use super::pool::Join;
use crate::Error;
use crate::workload::{Sample, Trial};

/// A node of the tree.
#[derive(Debug)]
pub struct Node {
    value: u64,
    left: Option<Box<Self>>,
    right: Option<Box<Self>>,
}

impl Node {
    /// A complete tree of so many layers, at least one, with values from this generator.
    ///
    /// The nodes are allocated layer by layer: siblings are neighbours, and both are equally far from their parent. Allocated child
    /// before parent, as a recursion would do it, the child made last would lie beside its parent, and whoever visits that one first
    /// would find the next node in the cache: that changes the figure threefold, and schedulers differ in which branch they run first.
    pub fn tree(layers: usize, rng: &mut fastrand::Rng) -> Self {
        let node = |_| Some(Box::new(Self { value: rng.u64(..), left: None, right: None }));
        let mut nodes: Vec<Option<Box<Self>>> = (0..nodes(layers)).map(node).collect();
        for index in (1..nodes.len()).rev() {
            let node = nodes[index].take();
            let parent = nodes[(index - 1) / 2].as_mut().expect("a parent comes before its children");
            *(if index % 2 == 1 { &mut parent.left } else { &mut parent.right }) = node;
        }
        *nodes[0].take().expect("a tree has a root")
    }

    /// The sum of the values, on one thread.
    pub fn sum(&self) -> u64 {
        let below = |child: &Option<Box<Self>>| child.as_deref().map_or(0, Self::sum);
        self.value.wrapping_add(below(&self.left)).wrapping_add(below(&self.right))
    }

    /// The sum of the values, with a fork and a join at each node.
    pub fn joined_sum<P: Join>(&self, branch: &mut P::Branch<'_>) -> u64 {
        let (left, right) = P::join(
            branch,
            |branch| self.left.as_deref().map_or(0, |left| left.joined_sum::<P>(branch)),
            |branch| self.right.as_deref().map_or(0, |right| right.joined_sum::<P>(branch)),
        );
        self.value.wrapping_add(left).wrapping_add(right)
    }
}

/// A tree, and what its sum must be.
struct Summed {
    layers: usize,
    tree: Node,
    sum: u64,
}

impl Summed {
    /// The tree of so many layers: the one that was asked for last, unless that had another number of them.
    fn shared(layers: usize) -> Arc<Self> {
        static LAST: Lazy<Mutex<Option<Arc<Summed>>>> = Lazy::new(|| Mutex::new(None));
        let mut last = LAST.get().lock();
        match &*last {
            Some(known) if known.layers == layers => Arc::clone(known),
            _ => {
                let tree = Node::tree(layers, &mut fastrand::Rng::with_seed(layers as u64));
                let made = Arc::new(Self { layers, sum: tree.sum(), tree });
                *last = Some(Arc::clone(&made));
                made
            }
        }
    }
}

/// How many nodes a tree of so many layers has.
pub(super) fn nodes(layers: usize) -> usize {
    (1 << layers) - 1
}

/// Times sums of a tree with so many layers.
pub(super) fn trial<P: Join>(layers: usize, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let summed = Summed::shared(layers);
    let Summed { tree, sum, .. } = &*summed;
    drive::trial(system, trial, nodes(layers), |pool: &P| {
        let mut branch = pool.branch();
        let (taken, found) = drive::timed(|| tree.joined_sum::<P>(&mut branch));
        check(found, *sum).map(|()| taken)
    })
}

fn check(found: u64, expected: u64) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("a tree whose sum is {expected} was summed to {found}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trees_are_complete_and_their_sums_are_checked() {
        let tree = Node::tree(3, &mut fastrand::Rng::with_seed(1));
        let (left, right) = (tree.left.as_deref().unwrap(), tree.right.as_deref().unwrap());
        let leaves = [&left.left, &left.right, &right.left, &right.right].map(|leaf| leaf.as_deref().unwrap());
        assert!(leaves.iter().all(|leaf| leaf.left.is_none() && leaf.right.is_none()));
        let values = [&tree, left, right].into_iter().chain(leaves).map(|node| node.value);
        assert_eq!(tree.sum(), values.fold(0, u64::wrapping_add));
        assert_eq!((nodes(3), nodes(20)), (7, 1_048_575));
        let shared = Summed::shared(3);
        assert_eq!((shared.layers, shared.sum), (3, shared.tree.sum()));
        assert_eq!(check(3, 3), Ok(()));
        assert_eq!(check(3, 4), Err("a tree whose sum is 4 was summed to 3".to_owned()));
    }
}
