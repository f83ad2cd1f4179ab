//! Promises made of promises: functions that run when one is kept, all of several, the first of several.

use super::shared::{Outcome, Shared};
use super::{Eventual, Failure, pair};
use crate::seeded;
use crate::sync::{Arc, Mutex};

impl<T: Send + Sync + 'static, E: Send + Sync + 'static> Eventual<T, E> {
    /// Runs `f` once, when the promise has been kept or broken: on the thread that does that, or at once on this one.
    ///
    /// Called from inside such a function, it leaves `f` for when that has returned. `f` must not wait (see the
    /// [module](super)), and its panic is contained. It never gets [`Failure::Stopped`].
    ///
    /// # Examples
    /// ```
    /// use reweave_core::promise;
    ///
    /// let (log, lines) = reweave_core::channel::unbounded();
    /// let (promise, value) = promise::pair::<u32, ()>();
    /// value.on_done(move |value| log.send(format!("{value:?}")).unwrap());
    /// promise.fulfil(7);
    /// assert_eq!(lines.recv().unwrap(), "Ok(7)");
    /// ```
    pub fn on_done(&self, f: impl FnOnce(Result<&T, Failure<&E>>) + Send + 'static) {
        Shared::on_done(&self.0, |outcome| f(outcome.read()));
    }

    /// A promise of `f` of the value. An error passes through, as does being broken.
    ///
    /// `f` runs as in [`on_done`](Self::on_done); if it panics, the new promise is broken.
    ///
    /// # Examples
    /// ```
    /// let (promise, n) = reweave_core::promise::pair::<u32, ()>();
    /// let text = n.map(|n| n.to_string());
    /// promise.fulfil(7);
    /// assert_eq!(text.wait().unwrap(), "7");
    /// ```
    pub fn map<U>(&self, f: impl FnOnce(&T) -> U + Send + 'static) -> Eventual<U, E>
    where
        U: Send + Sync + 'static,
        E: Clone,
    {
        let (promise, mapped) = pair();
        self.on_done(move |outcome| match outcome {
            Ok(value) => promise.fulfil(f(value)),
            Err(Failure::Error(error)) => promise.fail(error.clone()),
            Err(_) => drop(promise),
        });
        mapped
    }

    /// A promise of what the promise that `f` returns is kept with. An error passes through, as does being broken.
    ///
    /// `f` runs as in [`on_done`](Self::on_done); if it panics, the new promise is broken. The value is cloned once.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::promise::{self, Eventual};
    ///
    /// let (asked, question) = promise::pair::<u32, &str>();
    /// let (promise, answer) = promise::pair::<u32, &str>();
    /// let both = question.then(move |question| answer.map({
    ///     let question = *question;
    ///     move |answer| question * answer
    /// }));
    /// asked.fulfil(6);
    /// promise.fulfil(7);
    /// assert_eq!(*both.wait().unwrap(), 42);
    /// ```
    pub fn then<U>(&self, f: impl FnOnce(&T) -> Eventual<U, E> + Send + 'static) -> Eventual<U, E>
    where
        U: Clone + Send + Sync + 'static,
        E: Clone,
    {
        let (promise, last) = pair();
        self.on_done(move |outcome| match outcome {
            Ok(value) => f(value).on_done(move |outcome| match outcome {
                Ok(value) => promise.fulfil(value.clone()),
                Err(Failure::Error(error)) => promise.fail(error.clone()),
                Err(_) => drop(promise),
            }),
            Err(Failure::Error(error)) => promise.fail(error.clone()),
            Err(_) => drop(promise),
        });
        last
    }
}

/// How many values of a [`join_all`] are there, and which.
struct Joined<T> {
    values: Vec<Option<T>>,
    left: usize,
}

/// A promise of all the values, in the order of `eventuals`. The first failure in time fails it; the others go on.
///
/// Values are cloned, once each. Of no eventuals it is kept at once, with no values.
///
/// # Examples
/// ```
/// use reweave_core::promise;
///
/// let (pairs, eventuals): (Vec<_>, Vec<_>) = [(); 3].map(|()| promise::pair::<usize, ()>()).into_iter().unzip();
/// let all = promise::join_all(eventuals);
/// pairs.into_iter().enumerate().rev().for_each(|(n, promise)| promise.fulfil(n));
/// assert_eq!(all.wait().unwrap(), &[0, 1, 2]);
/// ```
pub fn join_all<T, E>(eventuals: impl IntoIterator<Item = Eventual<T, E>>) -> Eventual<Vec<T>, E>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    let eventuals: Vec<_> = eventuals.into_iter().collect();
    let all = Arc::new(Shared::new());
    if eventuals.is_empty() {
        Shared::complete(&all, Outcome::Value(Vec::new()));
        return Eventual(all);
    }
    let left = eventuals.len();
    let joined = Arc::new(Mutex::new(Joined { values: eventuals.iter().map(|_| None).collect(), left }));
    for (index, eventual) in eventuals.iter().enumerate() {
        let (unsettled, joined) = (Unsettled::new(&all), joined.clone());
        eventual.on_done(move |outcome| match outcome {
            Ok(value) => {
                let value = value.clone();
                let all = joined.lock().arrive(index, value);
                match all {
                    Some(values) => unsettled.settle(Outcome::Value(values)),
                    None => unsettled.leave(),
                }
            }
            Err(failure) => unsettled.settle(failed(failure)),
        });
    }
    Eventual(all)
}

impl<T> Joined<T> {
    /// Enters a value; all of them, if it was the last.
    fn arrive(&mut self, index: usize, value: T) -> Option<Vec<T>> {
        let place = if seeded("promise/join-by-arrival") { self.values.len() - self.left } else { index };
        self.values[place] = Some(value);
        self.left -= 1;
        (self.left == 0).then(|| std::mem::take(&mut self.values).into_iter().flatten().collect())
    }
}

/// A promise of what the first of them to be kept or broken ends with, value or failure. The others are left alone.
///
/// The value is cloned. Of no eventuals it is broken at once: none of them will ever be first.
///
/// # Examples
/// ```
/// use reweave_core::promise;
///
/// let (slow, fast) = (promise::pair::<_, ()>(), promise::pair::<_, ()>());
/// let first = promise::race([slow.1.clone(), fast.1]);
/// fast.0.fulfil("fast");
/// slow.0.fulfil("slow");
/// assert_eq!((*first.wait().unwrap(), *slow.1.wait().unwrap()), ("fast", "slow"));
/// ```
pub fn race<T, E>(eventuals: impl IntoIterator<Item = Eventual<T, E>>) -> Eventual<T, E>
where
    T: Clone + Send + Sync + 'static,
    E: Clone + Send + Sync + 'static,
{
    let first = Arc::new(Shared::new());
    let mut empty = true;
    for eventual in eventuals {
        empty = false;
        let unsettled = Unsettled::new(&first);
        eventual.on_done(move |outcome| match outcome {
            Ok(value) => {
                let value = value.clone();
                unsettled.settle(Outcome::Value(value));
            }
            Err(failure) => unsettled.settle(failed(failure)),
        });
    }
    if empty {
        Shared::complete(&first, Outcome::Broken);
    }
    Eventual(first)
}

fn failed<T, E: Clone>(failure: Failure<&E>) -> Outcome<T, E> {
    match failure {
        Failure::Error(error) => Outcome::Error(error.clone()),
        _ => Outcome::Broken,
    }
}

/// One of several that may keep a promise. If it goes without a word, because cloning the value panicked, it breaks the
/// promise: nobody waits for ever.
struct Unsettled<T, E>(Option<Arc<Shared<T, E>>>);

impl<T, E> Unsettled<T, E> {
    fn new(shared: &Arc<Shared<T, E>>) -> Self {
        Self(Some(shared.clone()))
    }

    /// Keeps the promise, unless another has.
    fn settle(mut self, outcome: Outcome<T, E>) {
        self.settle_once(outcome);
    }

    /// Leaves it to the others.
    fn leave(mut self) {
        self.0 = None;
    }

    fn settle_once(&mut self, outcome: Outcome<T, E>) {
        if let Some(shared) = self.0.take()
            && shared.claim()
        {
            Shared::complete(&shared, outcome);
        }
    }
}

impl<T, E> Drop for Unsettled<T, E> {
    fn drop(&mut self) {
        self.settle_once(Outcome::Broken);
    }
}
