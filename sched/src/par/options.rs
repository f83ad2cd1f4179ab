//! Parallel operations with options.

use std::fmt;
use std::time::Duration;

use reweave_core::cancel::{self, Cancelled, Token};
use reweave_core::time;

use super::error::{ItemError, contained};
use super::items::IntoItems;
use super::watch::{Guard, Progress};
use super::{fold, map, pull};
use crate::pool::Pool;
use crate::worker::Worker;

/// How many parts may pull from one iterator, for each thread. More than one: a part that has been cut off and not begun counts.
const PULLING: usize = 4;

type Callback<'a> = Box<dyn Fn(usize) + Sync + 'a>;

/// How a parallel operation is to be done: how many threads may take part, how long an item may take, who is told how far it is.
///
/// All operations of this type heed the current [token](reweave_core::cancel): when it is cancelled, items that have been begun are
/// finished, and no others are begun. (The token also ends the waits of those that have been begun, as it does everywhere.) Where an
/// operation has one result, that is [`Cancelled`] then; unless all items were done. Of an iterator nobody knows that before it has said so: see
/// [`map_iter`](Self::map_iter).
///
/// One may serve several operations, one after the other or at the same time. Each has the limits to itself.
///
/// # Examples
/// ```
/// use reweave_core::cancel::Token;
/// use reweave_sched::par::Par;
///
/// let squares = Par::new().max_concurrency(2).map(&[1, 2, 3], |n| n * n);
/// assert_eq!(squares.unwrap(), [1, 4, 9]);
///
/// let token = Token::new();
/// token.cancel("enough");
/// let stopped = token.run(|| Par::new().map(&[1, 2, 3], |n| n * n)).unwrap_err();
/// assert_eq!(stopped.reason.as_str(), "enough");
/// ```
#[derive(Default)]
#[must_use = "it does nothing by itself"]
pub struct Par<'a> {
    most: Option<usize>,
    limit: Option<Duration>,
    /// After how many items who is told.
    progress: Option<(usize, Callback<'a>)>,
}

impl<'a> Par<'a> {
    /// No options: all workers of the pool, no limit of time, nobody is told.
    pub fn new() -> Self {
        Self::default()
    }

    /// At most so many items are in work at the same time; at least 1.
    pub fn max_concurrency(mut self, most: usize) -> Self {
        self.most = Some(most.max(1));
        self
    }

    /// How long one item may take, by the clock of the current [context](reweave_core::context).
    ///
    /// Around each item stands a token, below the current one, that is cancelled when the time has passed: what the item waits for
    /// ends then, and if it computes it can [look](reweave_core::cancel::check). Nothing is torn down. What it returns too late counts as
    /// [`TimedOut`](ItemError::TimedOut) in [`map_each`](Self::map_each) and its like, and counts as any other result elsewhere.
    ///
    /// Costs a timer an item: about a microsecond.
    pub fn item_timeout(mut self, limit: Duration) -> Self {
        self.limit = Some(limit);
        self
    }

    /// Calls `callback` with the number of items that are done, after each `step` of them or somewhat later, and when all are done.
    ///
    /// It is called by whichever thread has done an item, so it should be quick, but never by two at the same time, and each time
    /// with a greater number; where several steps have been reached it may tell the last of them only. An operation that is cancelled or panics does
    /// not tell the last ones. A panic in it is one of the operation.
    ///
    /// All this holds for each operation by itself: two that run at the same time with the same `Par` count apart, and may both call it at once.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::sync::atomic::{AtomicUsize, Ordering};
    /// use reweave_sched::par::Par;
    ///
    /// let done = AtomicUsize::new(0);
    /// let seen = Par::new().progress(10, |count| done.store(count, Ordering::Relaxed));
    /// seen.for_each(0..1000, |_| ()).unwrap();
    /// assert_eq!(done.load(Ordering::Relaxed), 1000);
    /// ```
    pub fn progress(mut self, step: usize, callback: impl Fn(usize) + Sync + 'a) -> Self {
        self.progress = Some((step, Box::new(callback)));
        self
    }

    /// As [`par_map`](super::par_map()).
    ///
    /// # Errors
    /// [`Cancelled`]; the results that were there are dropped.
    ///
    /// # Panics
    /// As `par_map`.
    pub fn map<I: IntoItems, R: Send>(&self, items: I, f: impl Fn(I::Item) -> R + Sync) -> Result<Vec<R>, Cancelled> {
        self.guarded(cancel::current(), self.parts(), |guard| map::map(items.into_items(), self.limited(f), guard))
            .map(|results| results.expect("all, if it was not stopped"))
    }

    /// As [`map`](Self::map) of what can fail, with an outcome for each item, in their order.
    ///
    /// An item that fails, panics or takes too long is an error of its own, and so is one that was not begun when the current token
    /// was cancelled.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::par::{ItemError, Par};
    ///
    /// let parsed = Par::new().map_each(&["1", "two", ""], |text| match *text {
    ///     "" => panic!("nothing there"),
    ///     text => text.parse::<u32>(),
    /// });
    /// assert_eq!(*parsed[0].as_ref().unwrap(), 1);
    /// assert!(matches!(parsed[1], Err(ItemError::Failed(_))));
    /// assert_eq!(parsed[2].as_ref().unwrap_err().panic_message(), Some("nothing there"));
    /// ```
    pub fn map_each<I: IntoItems, R: Send, E: Send>(
        &self,
        items: I,
        f: impl Fn(I::Item) -> Result<R, E> + Sync,
    ) -> Vec<Result<R, ItemError<E>>> {
        let f = self.contained(f);
        self.unstopped(self.parts(), |guard| map::map(items.into_items(), f, guard)).expect("nothing stops it")
    }

    /// As [`par_filter`](super::par_filter()).
    ///
    /// # Errors
    /// [`Cancelled`].
    ///
    /// # Panics
    /// As `par_filter`.
    pub fn filter<I: IntoItems>(
        &self,
        items: I,
        keep: impl Fn(&I::Item) -> bool + Sync,
    ) -> Result<Vec<I::Item>, Cancelled>
    where
        I::Item: Send,
    {
        let limit = self.limit;
        let keep = |item: &I::Item| within(limit, || keep(item));
        self.guarded(cancel::current(), self.parts(), |guard| fold::filter(items.into_items(), keep, guard))
    }

    /// As [`par_reduce`](super::par_reduce()).
    ///
    /// # Errors
    /// [`Cancelled`].
    ///
    /// # Panics
    /// As `par_reduce`.
    pub fn reduce<I: IntoItems, A: Send>(
        &self,
        items: I,
        map: impl Fn(I::Item) -> A + Sync,
        combine: impl Fn(A, A) -> A + Sync,
    ) -> Result<Option<A>, Cancelled> {
        self.guarded(cancel::current(), self.parts(), |guard| {
            fold::reduce(items.into_items(), self.limited(map), combine, guard)
        })
    }

    /// As [`par_for`](super::par_for()).
    ///
    /// # Errors
    /// [`Cancelled`].
    ///
    /// # Panics
    /// As `par_for`.
    pub fn for_each<I: IntoItems>(&self, items: I, body: impl Fn(I::Item) + Sync) -> Result<(), Cancelled> {
        self.guarded(cancel::current(), self.parts(), |guard| {
            fold::for_each(items.into_items(), self.limited(body), guard)
        })
    }

    /// As [`par_map_iter`](super::par_map_iter()).
    ///
    /// # Errors
    /// [`Cancelled`]; the results that were there are dropped. Also where the token is cancelled when all items have been done and the iterator has
    /// not been asked for another: whether there would have been one is not known then.
    ///
    /// # Panics
    /// As `par_map_iter`.
    pub fn map_iter<I, R: Send>(&self, items: I, f: impl Fn(I::Item) -> R + Sync) -> Result<Vec<R>, Cancelled>
    where
        I: IntoIterator<IntoIter: Send, Item: Send>,
    {
        let f = self.limited(f);
        self.guarded(cancel::current(), self.pulling(), |guard| pull::map(items.into_iter(), f, guard))
    }

    /// As [`map_each`](Self::map_each), over an iterator. When the current token is cancelled the iterator is not asked any more:
    /// the outcomes are those of the items that it has yielded so far.
    pub fn map_iter_each<I, R: Send, E: Send>(
        &self,
        items: I,
        f: impl Fn(I::Item) -> Result<R, E> + Sync,
    ) -> Vec<Result<R, ItemError<E>>>
    where
        I: IntoIterator<IntoIter: Send, Item: Send>,
    {
        let (f, token) = (self.contained(f), cancel::current());
        let mut items = items.into_iter();
        let while_open = std::iter::from_fn(move || match &token {
            Some(token) if token.is_cancelled() => None,
            _ => items.next(),
        });
        self.unstopped(self.pulling(), |guard| pull::map(while_open, f, guard))
    }

    /// Runs an operation of at most so many parts under a watch that heeds the token.
    fn guarded<T>(
        &self,
        token: Option<Token>,
        most: usize,
        operation: impl FnOnce(&Guard<'_>) -> T,
    ) -> Result<T, Cancelled> {
        let progress = self.progress.as_ref().map(|(step, callback)| Progress::new(&**callback, *step));
        let guard = Guard::new(token, most, progress);
        let made = operation(&guard);
        match guard.stopped() {
            Some(cancelled) => Err(cancelled),
            None => {
                guard.completed();
                Ok(made)
            }
        }
    }

    /// The same without anything that could stop it.
    fn unstopped<T>(&self, most: usize, operation: impl FnOnce(&Guard<'_>) -> T) -> T {
        self.guarded(None, most, operation).unwrap_or_else(|_| unreachable!("there is no token"))
    }

    /// How many parts a slice may be in.
    fn parts(&self) -> usize {
        self.most.unwrap_or(usize::MAX)
    }

    /// How many parts may pull from an iterator.
    fn pulling(&self) -> usize {
        self.most.unwrap_or_else(|| PULLING * threads())
    }

    /// `f` with the limit around each call.
    fn limited<T, R>(&self, f: impl Fn(T) -> R + Sync) -> impl Fn(T) -> R + Sync {
        let limit = self.limit;
        move |item| within(limit, || f(item))
    }

    /// `f` with its errors as values.
    fn contained<T, R, E>(&self, f: impl Fn(T) -> Result<R, E> + Sync) -> impl Fn(T) -> Result<R, ItemError<E>> + Sync {
        let (token, limit) = (cancel::current(), self.limit);
        move |item| contained(token.as_ref(), limit, || f(item))
    }
}

/// Threads of the pool that does what is called here.
fn threads() -> usize {
    let here = Worker::current().map(|worker| worker.pool().settings.threads);
    here.or_else(|| Pool::try_global().map(Pool::threads)).unwrap_or(1)
}

/// What `body` returns, which has only so much time if there is a limit.
fn within<R>(limit: Option<Duration>, body: impl FnOnce() -> R) -> R {
    match limit {
        None => body(),
        Some(limit) => time::timeout(limit, body).unwrap_or_else(|late| late.late),
    }
}

/// Maps what an iterator yields, whatever the current token says.
pub(super) fn map_iter<I, R: Send>(items: I, f: impl Fn(I::Item) -> R + Sync) -> Vec<R>
where
    I: IntoIterator<IntoIter: Send, Item: Send>,
{
    let par = Par::new();
    par.unstopped(par.pulling(), |guard| pull::map(items.into_iter(), f, guard))
}

impl fmt::Debug for Par<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Par")
            .field("max_concurrency", &self.most)
            .field("item_timeout", &self.limit)
            .field("progress", &self.progress.as_ref().map(|(step, _)| step))
            .finish()
    }
}
