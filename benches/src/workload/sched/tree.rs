//! Trees of tasks: how many children a task has and what it does follows from its seed, so that every system runs the same
//! tree, whichever of its threads runs what.
//!
//! A node knows how large the tree below it is, and divides that among its children; so a tree has as many nodes as was
//! asked for, whatever its shape. The idea of a tree that unfolds from a hash of each node is that of the benchmark UTS,
//! "Unbalanced Tree Search" (Olivier and others, 2006); there the size of a tree follows from the seed, too.

use super::work::{churn, mix};

/// The most children of a node.
const MOST: u64 = 8;

/// How a tree divides, and what its tasks do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// Up to eight children whose trees differ in size by orders of magnitude, and between 16 and 1,024 steps of arithmetic
    /// (290 on average: a few tenths of a microsecond).
    Unbalanced,
    /// Two children with half of the tree each, and four steps of arithmetic: next to nothing.
    Fine,
}

/// A node, with all that follows from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Node {
    /// How many nodes there are from here on, this one among them.
    size: u64,
    seed: u64,
}

impl Node {
    /// The root of a tree of so many nodes, at least one.
    pub(super) fn root(size: u64, seed: u64) -> Self {
        Self { size, seed: mix(seed) }
    }

    /// What its choices follow from.
    pub(super) fn seed(self) -> u64 {
        self.seed
    }

    /// Does its work: what it comes to.
    #[inline]
    pub(super) fn work(self, shape: Shape) -> u64 {
        let steps = match shape {
            // The bits above are used for the choice of who notes its wait.
            Shape::Unbalanced => 16 << ((self.seed >> 32) % 7),
            Shape::Fine => 4,
        };
        churn(self.seed, steps)
    }

    /// Its children, one by one.
    #[inline]
    pub(super) fn children(self, shape: Shape, mut each: impl FnMut(Self)) {
        let mut rest = self.size - 1;
        let most = match shape {
            Shape::Unbalanced => MOST,
            Shape::Fine => 2,
        };
        for left in (1..=most).rev() {
            if rest == 0 {
                return;
            }
            let seed = mix(self.seed.wrapping_add(left.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
            let size = match shape {
                _ if left == 1 => rest,
                Shape::Unbalanced => 1 + share(rest - 1, seed),
                Shape::Fine => rest.div_ceil(2),
            };
            each(Self { size, seed });
            rest -= size;
        }
    }
}

/// A share of `whole` between none and all of it: the square of an even choice, so that most are small.
fn share(whole: u64, seed: u64) -> u64 {
    let choice = seed >> 32;
    let square = (choice * choice) >> 32;
    // Trees have fewer than 2^32 nodes.
    (whole * square) >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The nodes of a tree, and its layers.
    fn measure(shape: Shape, size: u64, seed: u64) -> (u64, usize) {
        let (mut layer, mut nodes, mut layers) = (vec![Node::root(size, seed)], 0, 0);
        while !layer.is_empty() {
            (nodes, layers) = (nodes + layer.len() as u64, layers + 1);
            let mut next = Vec::new();
            layer.iter().for_each(|node| node.children(shape, |child| next.push(child)));
            layer = next;
        }
        (nodes, layers)
    }

    #[test]
    fn trees_have_the_size_that_was_asked_for() {
        for shape in [Shape::Unbalanced, Shape::Fine] {
            for size in [1, 2, 3, 10, 1_000, 100_000] {
                for seed in 0..5 {
                    assert_eq!(measure(shape, size, seed).0, size, "{shape:?} {seed}");
                }
            }
        }
    }

    #[test]
    fn shapes_are_what_their_names_say() {
        assert_eq!(measure(Shape::Fine, (1 << 10) - 1, 1).1, 10);
        for seed in 0..20 {
            let mut sizes = Vec::new();
            Node::root(100_000, seed).children(Shape::Unbalanced, |child| sizes.push(child.size));
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            assert!(sizes.len() > 2 && most / least >= 8, "{sizes:?}");
            let layers = measure(Shape::Unbalanced, 100_000, seed).1;
            assert!((10..200).contains(&layers), "{layers} layers");
        }
    }

    #[test]
    fn work_varies_where_it_should() {
        // How many steps a node's work has, found by trying.
        let steps = |node: Node, shape| {
            let (mut so_far, work) = (node.seed, node.work(shape));
            let step = |_: &u64| {
                so_far = churn(so_far, 1);
                so_far == work
            };
            (1..=1024).find(step).unwrap()
        };
        let mean = |shape| {
            let (mut left, mut sum, mut count) = (vec![Node::root(1_000, 1)], 0_u64, 0);
            while let Some(node) = left.pop() {
                sum += steps(node, shape);
                count += 1;
                node.children(shape, |child| left.push(child));
            }
            sum / count
        };
        assert_eq!(mean(Shape::Fine), 4);
        assert!((250..330).contains(&mean(Shape::Unbalanced)), "{}", mean(Shape::Unbalanced));
    }
}
