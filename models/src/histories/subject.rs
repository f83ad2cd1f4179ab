//! The object under test, as the harness sees it.

use std::fmt;

use super::{Random, Sequential};

/// An operation of a subject.
pub type Op<S> = <<S as Subject>::Model as Sequential>::Op;

/// What an operation of a subject returns.
pub type Ret<S> = <<S as Subject>::Model as Sequential>::Ret;

/// An object under test: how to make one, what it is compared with, which operations to try, and how to perform them.
///
/// The same implementation runs under loom, under shuttle and on real threads; it uses [`reweave_core::sync`] like any
/// model. The [manual](super) has an example.
pub trait Subject: Send + Sync + Sized + 'static {
    /// What the object ought to do.
    type Model: Sequential;

    /// What failures call it: "the counter".
    const NAME: &'static str;

    /// A fresh object.
    fn fresh() -> Self;

    /// The state of the model that a fresh object is in.
    fn model() -> Self::Model;

    /// Which operations are tried in this place of a scenario, and how often. An empty mix means none.
    fn operations(place: Place) -> Mix<Op<Self>>;

    /// Performs an operation on the object. Threads are numbered from one; zero is the main thread, which performs what
    /// comes before and after the others.
    fn perform(&self, thread: usize, op: &Op<Self>) -> Ret<Self>;

    /// How operations that wait for something that will not come are ended.
    fn ending() -> Ending<Op<Self>> {
        Ending::NotNeeded
    }

    /// Ends all operations that wait, where [`ending`](Subject::ending) is [`Ending::Hook`].
    fn end(&self) {}
}

/// A place in a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Before the threads start, alone.
    Before,
    /// In the thread of this number, from one on, beside the others.
    Thread(usize),
    /// After all threads have ended, alone.
    After,
}

/// How operations that wait for something that will not come are ended.
#[derive(Clone, Debug)]
pub enum Ending<Op> {
    /// There are none: only scenarios that end in every order are generated.
    NotNeeded,
    /// This operation ends them, such as the closing of a channel. It is performed beside the threads, at a moment of
    /// nobody's choice, and is checked like any other; but only in scenarios that may stick.
    ///
    /// In those it may hide that a wake-up was lost before it, as it wakes everybody. The others show that: a subject
    /// whose mix makes them rare should have a twin without an ending.
    Operation(Op),
    /// [`Subject::end`] ends them, in a way that the model does not describe. What returns after it was called counts
    /// as pending: the operation may have taken effect or not, and its result is not looked at.
    Hook,
}

impl<Op> Ending<Op> {
    /// Whether there is something to be ended.
    pub fn is_needed(&self) -> bool {
        !matches!(self, Self::NotNeeded)
    }
}

/// Which operations to try, and how often each in proportion to the others.
///
/// # Examples
/// ```
/// use reweave_models::histories::{Mix, Random};
///
/// #[derive(Clone, Debug, PartialEq)]
/// enum Op { Read, Write(u64) }
///
/// // Three writes in four operations, each of a value of its own.
/// let mix = Mix::new().with(1, |_| Op::Read).with(3, |random| Op::Write(random.unique()));
/// let mut random = Random::new(1);
/// let ops: Vec<Op> = (0..100).filter_map(|_| mix.choose(&mut random)).collect();
/// assert!(ops.contains(&Op::Read) && ops.contains(&Op::Write(1)));
/// ```
pub struct Mix<Op>(Vec<Weighted<Op>>);

/// A weight, and what makes an operation of that kind.
type Weighted<Op> = (usize, Box<dyn Fn(&mut Random) -> Op>);

impl<Op> Mix<Op> {
    /// A mix of no operation.
    pub fn new() -> Self {
        Self(Vec::new())
    }

    /// The same with one more operation, whose arguments `make` chooses.
    #[must_use]
    pub fn with(mut self, weight: usize, make: impl Fn(&mut Random) -> Op + 'static) -> Self {
        self.0.push((weight, Box::new(make)));
        self
    }

    /// An operation of the mix; `None` if it is empty.
    pub fn choose(&self, random: &mut Random) -> Option<Op> {
        let total = self.0.iter().map(|(weight, _)| weight).sum();
        if total == 0 {
            return None;
        }
        let mut left = random.below(total);
        for (weight, make) in &self.0 {
            match left.checked_sub(*weight) {
                None => return Some(make(random)),
                Some(rest) => left = rest,
            }
        }
        unreachable!("the number chosen is below the sum of the weights")
    }
}

impl<Op> fmt::Debug for Mix<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weights: Vec<usize> = self.0.iter().map(|&(weight, _)| weight).collect();
        f.debug_struct("Mix").field("weights", &weights).finish_non_exhaustive()
    }
}

impl<Op> Default for Mix<Op> {
    fn default() -> Self {
        Self::new()
    }
}
