//! Parallel operations on many items: map, filter, reduce, do; over slices, iterators and channels.
//!
//! | | from | to |
//! |---|---|---|
//! | [`par_map`] | items | results, in the order of the items |
//! | [`par_filter`] | items | those that are wanted, in their order |
//! | [`par_reduce`] | items | one value |
//! | [`par_for`] | items | nothing: something is done with each |
//! | [`par_map_iter`] | what an iterator yields | results, in the order of the items |
//! | [`stream_map`] | what a channel brings | results in a channel, as they are ready |
//! | [`Pipeline`] | what a channel brings | the same, through several stages |
//!
//! [`Items`] are slices, shared or exclusive, ranges of indices, and what is [drained](drain()) from a vector. Options, such as how many may
//! be in work at the same time, how long one may take, who is told how many are done, and errors as values, are those of [`Par`].
//!
//! # How it is divided
//!
//! Nobody chooses the size of pieces. A thread works through its items one after the other, and each time that another has nothing to do,
//! it gives half of what it has left away: `divide.rs` has the protocol. So equal items cost about what a loop costs, and
//! where few items cost most of the time, these too end up evenly spread, without anybody knowing beforehand which they are.
//!
//! # What holds
//!
//! 1. Each operation is equal to its sequential form if the functions given are pure, and what `combine` does is associative. Each item is worked
//!    on once, whatever the functions do; in which order, and by whom, is open.
//! 2. *A panic* of a given function comes out of the operation, after all that has been begun has ended; of several, that of the
//!    item that comes first (over an iterator, any). Whether other items are begun then is open. Everything that was made, or was given by
//!    value, is dropped once.
//! 3. Operations nest, in each other and in [`join`](crate::join()) and [scopes](mod@crate::scope).
//! 4. *The only synchronisation is that of `join`*: parts are moved to where they are worked on, and what they have made is moved back. [`Par`]
//!    adds a count of parts, a count of items done, and a lock around the callback; [`par_map_iter`] a lock around the iterator, and a count of
//!    parts. These are modelled, with cuts and thefts going on.
//!
//! | module | concept |
//! |---|---|
//! | `divide` | how work is divided |
//! | `items` | what can be divided |
//! | `map`, `fold`, `pull` | the operations on slices and iterators |
//! | `stream`, `pipeline` | the operations on channels |
//! | `options`, `watch`, `error` | limits, cancellation, progress, errors as values |

mod divide;
mod error;
mod fold;
mod items;
mod map;
mod options;
mod pipeline;
mod pull;
mod stream;
mod watch;

pub use error::ItemError;
pub use items::{Drain, IntoItems, Items, drain};
pub use options::Par;
pub use pipeline::Pipeline;
pub use stream::{stream_map, try_stream_map};

/// What `f` makes of each item, in the order of the items.
///
/// In a worker of a [`Pool`](crate::Pool) that pool does it; elsewhere the [global](crate::Pool::global) one, and if that cannot be had, this
/// thread. Nothing stops it: [`Par::map`] heeds the current token.
///
/// # Panics
/// If `f` does; then results that were there, and items that were given by value, have been dropped.
///
/// # Complexity
/// The calls of `f`, divided by the number of workers; one allocation. Each time that a worker has nothing to do costs a
/// [`join`](crate::join()) that is stolen.
///
/// # Examples
/// ```
/// use reweave_sched::par::par_map;
///
/// let words = ["parallel", "map"];
/// assert_eq!(par_map(&words, |word| word.len()), [8, 3]);
/// assert_eq!(par_map(0..4, |index| index * index), [0, 1, 4, 9]);
/// ```
pub fn par_map<I: IntoItems, R: Send>(items: I, f: impl Fn(I::Item) -> R + Sync) -> Vec<R> {
    map::map(items.into_items(), f, &()).expect("nothing stops it")
}

/// The items that `keep` wants, in their order. Where it runs is said at [`par_map`].
///
/// # Panics
/// If `keep` does.
///
/// # Complexity
/// As [`par_map`]; what has been kept is moved once for each time that its part was cut off from another.
///
/// # Examples
/// ```
/// use reweave_sched::par::{self, par_filter};
///
/// let numbers = [1, 2, 3, 4];
/// assert_eq!(par_filter(&numbers, |n| **n % 2 == 0), [&2, &4]);
///
/// let mut words = vec!["by".to_owned(), "value".to_owned()];
/// assert_eq!(par_filter(par::drain(&mut words), |word| word.len() > 2), ["value"]);
/// ```
pub fn par_filter<I: IntoItems>(items: I, keep: impl Fn(&I::Item) -> bool + Sync) -> Vec<I::Item>
where
    I::Item: Send,
{
    fold::filter(items.into_items(), keep, &())
}

/// What `combine` makes of the images of all items under `map`, in their order; `None` if there are no items. Where it runs is
/// said at [`par_map`].
///
/// The images are combined as a tree whose form depends on who has time, so `combine` must be associative; it need not be commutative.
/// The sum of floating-point numbers is not: it may differ in its last bits from run to run. Where that matters, sum in a number that is exact
/// (integers of a fixed unit), or map first and sum the results in their order.
///
/// # Panics
/// If `map` or `combine` does.
///
/// # Complexity
/// As [`par_map`], without an allocation; `combine` is called once less than there are items.
///
/// # Examples
/// ```
/// use reweave_sched::par::par_reduce;
///
/// let words = ["joined", "in", "their", "order"];
/// let text = par_reduce(&words, |word| (*word).to_owned(), |a, b| a + " " + &b);
/// assert_eq!(text.unwrap(), "joined in their order");
/// ```
pub fn par_reduce<I: IntoItems, A: Send>(
    items: I,
    map: impl Fn(I::Item) -> A + Sync,
    combine: impl Fn(A, A) -> A + Sync,
) -> Option<A> {
    fold::reduce(items.into_items(), map, combine, &())
}

/// Does something with each item. Where it runs is said at [`par_map`].
///
/// # Panics
/// If `body` does.
///
/// # Complexity
/// As [`par_map`], without an allocation.
///
/// # Examples
/// ```
/// use reweave_sched::par::par_for;
///
/// let mut numbers = vec![1, 2, 3];
/// par_for(&mut numbers, |n| *n *= 10);
/// assert_eq!(numbers, [10, 20, 30]);
/// ```
pub fn par_for<I: IntoItems>(items: I, body: impl Fn(I::Item) + Sync) {
    fold::for_each(items.into_items(), body, &());
}

/// What `f` makes of each item that an iterator yields, in the order of the items. Where it runs is said at [`par_map`].
///
/// The iterator is asked by one thread at a time, for a few items each, and only when those are done for more.
///
/// # Panics
/// If the iterator or `f` does.
///
/// # Complexity
/// The iterator is the sequential part. For each few microseconds of work a lock is taken, and results are moved once at the end.
///
/// # Examples
/// ```
/// use reweave_sched::par::par_map_iter;
///
/// let lines = "one\ntwo\nthree".lines();
/// assert_eq!(par_map_iter(lines, str::len), [3, 3, 5]);
/// ```
pub fn par_map_iter<I, R: Send>(items: I, f: impl Fn(I::Item) -> R + Sync) -> Vec<R>
where
    I: IntoIterator<IntoIter: Send, Item: Send>,
{
    options::map_iter(items, f)
}
