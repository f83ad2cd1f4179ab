//! Cancelling all tasks of a pool, again and again.
//!
//! Above every task of the pool is a *root*: a token. To cancel all is to cancel the root, after another has taken its place for the tasks to come. A task
//! notes how many roots there were before (its *era*), which costs a load; few ask for their token, and only these look it up.

use reweave_core::Reason;
use reweave_core::cancel::{Cancelled, Token};
use reweave_core::sync::Mutex;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};

use super::{Pool, Shared};

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Roots {
    /// How many have been cancelled.
    era: AtomicUsize,
    /// One for each era.
    tokens: Mutex<Vec<Token>>,
}

impl Roots {
    pub(super) fn new() -> Self {
        Self { era: AtomicUsize::new(0), tokens: Mutex::new(vec![Token::new()]) }
    }

    /// The era in which a task is made now. One load.
    #[inline]
    pub(crate) fn era(&self) -> usize {
        // Acquire pairs with the release in `cancel`: there is a root of this era.
        self.era.load(Ordering::Acquire)
    }

    /// The token above the tasks of this era.
    pub(crate) fn token(&self, era: usize) -> Token {
        self.tokens.lock()[era].clone()
    }

    /// Why the tasks of this era are cancelled, if they are. One load, if not.
    pub(crate) fn cancelled(&self, era: usize) -> Option<Cancelled> {
        if era == self.era() { None } else { self.token(era).reason() }
    }

    fn cancel(&self, reason: Reason) {
        let root = {
            let mut tokens = self.tokens.lock();
            let root = tokens.last().expect("there is always one").clone();
            tokens.push(Token::new());
            self.era.store(tokens.len() - 1, Ordering::Release);
            root
        };
        // Outside the lock: what is cancelled may ask for its token.
        root.cancel(reason);
    }
}

impl Shared {
    /// As [`Pool::cancel_all`].
    pub(crate) fn cancel_all(&self, reason: Reason) {
        self.roots.cancel(reason);
    }
}

impl Pool {
    /// Cancels all tasks that have been started in this pool and not ended, as [`Task::cancel`](crate::Task::cancel) does each: those that
    /// have not begun never will. Tasks that are started afterwards are not concerned.
    ///
    /// # Complexity
    /// O(n) for n tokens of tasks. A call leaves a few words behind, for as long as the pool lives.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::time;
    /// use reweave_sched::Pool;
    /// use std::time::Duration;
    ///
    /// let pool = Pool::new(1).unwrap();
    /// let sleeping = pool.spawn(|| time::sleep(Duration::from_secs(3600)));
    /// let behind = pool.spawn(|| ());
    /// pool.cancel_all("we are closing");
    /// assert!(behind.join().is_err() || sleeping.join().unwrap().is_err());
    /// assert_eq!(pool.spawn(|| 1).join().unwrap(), 1);
    /// ```
    pub fn cancel_all(&self, reason: impl Into<Reason>) {
        self.shared().cancel_all(reason.into());
    }
}
