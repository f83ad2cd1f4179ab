//! Cancelling all tasks of a pool, again and again.
//!
//! Above every task of the pool is a *root*: a token. To cancel all is to cancel the root, after another has taken its place for the tasks to come. A task
//! notes how many roots there were before (its *era*), which costs a load; few ask for their token, and only these look it up.

use reweave_core::Reason;
use reweave_core::cancel::Token;
use reweave_core::seeded;
use reweave_core::sync::Mutex;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};

use super::{Pool, Shared};
use crate::task::Handle;

/// The root will not be replaced: what is started under it is cancelled, too.
const LAST: usize = 1 << (usize::BITS - 1);

/// See the [module](self).
#[derive(Debug)]
pub(crate) struct Roots {
    /// How many have been cancelled and replaced; and a flag.
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
        self.era.load(Ordering::Acquire) & !LAST
    }

    /// The token above the tasks of this era.
    pub(crate) fn token(&self, era: usize) -> Token {
        self.tokens.lock()[era].clone()
    }

    /// Whether the tasks of this era are cancelled. One load, if not.
    pub(crate) fn are_cancelled(&self, era: usize) -> bool {
        // The last is never the same as an era without that flag.
        era != self.era.load(Ordering::Acquire) && self.token(era).is_cancelled()
    }

    /// Cancels the tasks that there are, and, `for_good`, all that will ever be.
    fn cancel(&self, reason: Reason, for_good: bool) {
        let root = {
            let mut tokens = self.tokens.lock();
            let root = tokens.last().expect("there is always one").clone();
            let era = tokens.len() - 1;
            if for_good && !seeded("pool/cancel-once") {
                self.era.store(era | LAST, Ordering::Release);
            } else if self.era.load(Ordering::Relaxed) & LAST == 0 {
                tokens.push(Token::new());
                self.era.store(era + 1, Ordering::Release);
            }
            root
        };
        // Outside the lock: what is cancelled may ask for its token. All are told before the first that is ended here: it may wait for others.
        if seeded("pool/end-while-telling") {
            root.cancel(reason);
        } else {
            Shared::late_afterwards(|| root.cancel(reason));
        }
    }
}

impl Shared {
    /// As [`Pool::cancel_all`].
    pub(crate) fn cancel_all(&self, reason: Reason) {
        self.roots.cancel(reason, false);
        self.stop_those_that_wait();
    }

    /// The same, and all tasks that are started afterwards are cancelled from the start.
    pub(super) fn cancel_for_good(&self, reason: Reason) {
        self.roots.cancel(reason, true);
        self.stop_those_that_wait();
    }
}

impl Pool {
    /// Cancels all tasks that have been started in this pool and not ended, as [`Task::cancel`](crate::Task::cancel) does each: those that
    /// have not begun never will. Tasks that are started afterwards are not concerned.
    ///
    /// # Complexity
    /// O(n) for n tasks that have a token, or wait for their turn. A call leaves a token behind, for as long as the pool lives.
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

impl Handle {
    /// As [`Pool::cancel_all`], in this pool.
    pub fn cancel_all(&self, reason: impl Into<Reason>) {
        self.shared().cancel_all(reason.into());
    }
}
