//! Filtering, reducing and doing: what a part makes is put together in pairs.

use reweave_core::seeded;

use super::divide::{Part, divide};
use super::items::Items;
use super::watch::Watch;

/// The items that `keep` wants, in their order.
pub(super) fn filter<I: Items, W: Watch>(items: I, keep: impl Fn(&I::Item) -> bool + Sync, watch: &W) -> Vec<I::Item>
where
    I::Item: Send,
{
    let add = |mut kept: Vec<I::Item>, item| {
        if keep(&item) {
            kept.push(item);
        }
        kept
    };
    let append = |mut first: Vec<I::Item>, mut second: Vec<I::Item>| {
        first.append(&mut second);
        first
    };
    fold(items, &Vec::new, &add, &append, watch)
}

/// What `combine` makes of the images of all items; `None` if there are none.
pub(super) fn reduce<I: Items, A: Send, W: Watch>(
    items: I,
    map: impl Fn(I::Item) -> A + Sync,
    combine: impl Fn(A, A) -> A + Sync,
    watch: &W,
) -> Option<A> {
    let add = |sum: Option<A>, item| {
        let image = map(item);
        Some(match sum {
            Some(sum) => combine(sum, image),
            None => image,
        })
    };
    let both = |first: Option<A>, second: Option<A>| match (first, second) {
        (Some(first), Some(second)) => Some(combine(first, second)),
        (first, second) => first.or(second),
    };
    fold(items, &|| None, &add, &both, watch)
}

/// Does something with each item.
pub(super) fn for_each<I: Items, W: Watch>(items: I, body: impl Fn(I::Item) + Sync, watch: &W) {
    fold(items, &|| (), &|(), item| body(item), &|(), ()| (), watch);
}

/// Folds the items of each part from `empty` on with `add`, and puts together what neighbouring parts have made.
fn fold<I, A, E, F, C, W>(items: I, empty: &E, add: &F, together: &C, watch: &W) -> A
where
    I: Items,
    A: Send,
    E: Fn() -> A + Sync,
    F: Fn(A, I::Item) -> A + Sync,
    C: Fn(A, A) -> A + Sync,
    W: Watch,
{
    if items.len() == 0 {
        return empty();
    }
    let whole = Folding { items, made: Some(empty()), how: How { empty, add, together } };
    divide(whole, watch).0
}

/// A part of a fold.
struct Folding<'f, I, A, E, F, C> {
    items: I,
    /// None while it is with `add`.
    made: Option<A>,
    how: How<'f, E, F, C>,
}

/// The functions of a fold.
struct How<'f, E, F, C> {
    empty: &'f E,
    add: &'f F,
    together: &'f C,
}

impl<'f, I, A, E, F, C> Part for Folding<'f, I, A, E, F, C>
where
    I: Items,
    A: Send,
    E: Fn() -> A + Sync,
    F: Fn(A, I::Item) -> A + Sync,
    C: Fn(A, A) -> A + Sync,
{
    type Made = (A, &'f C);

    #[inline]
    fn left(&self) -> usize {
        self.items.len()
    }

    #[inline]
    fn advance(&mut self, n: usize) -> usize {
        let n = n.min(self.items.len());
        if let Some(made) = self.made.take() {
            self.made = Some(self.items.take(n).fold(made, self.how.add));
        }
        n
    }

    fn cut(&mut self) -> Self {
        let keep = self.items.len().div_ceil(2);
        let How { empty, add, together } = self.how;
        Self { items: self.items.cut(keep), made: Some(empty()), how: How { empty, add, together } }
    }

    fn made(self) -> (A, &'f C) {
        (self.made.expect("there, unless `add` has panicked, and then nobody comes here"), self.how.together)
    }

    fn together((first, together): Self::Made, (second, _): Self::Made) -> Self::Made {
        if seeded("par/put-together-backwards") {
            return (together(second, first), together);
        }
        (together(first, second), together)
    }
}
