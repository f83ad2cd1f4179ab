//! What a program hears of the threads of a pool.
//!
//! Hooks run on the thread that they are about, which is no worker at that moment: what they start goes elsewhere. A panic in a hook is contained, and
//! changes nothing else.

use std::any::Any;
use std::fmt;

use reweave_core::sync::Arc;

use super::{Builder, Shared};
use crate::job::quietly;

type OfThread = Arc<Box<dyn Fn(usize) + Send + Sync>>;
type OfPanic = Arc<Box<dyn Fn(&(dyn Any + Send)) + Send + Sync>>;

/// The hooks of a pool.
#[derive(Clone, Default)]
pub(super) struct Hooks {
    start: Option<OfThread>,
    stop: Option<OfThread>,
    panic: Option<OfPanic>,
}

impl Hooks {
    /// The thread of this place has started.
    pub(super) fn started(&self, place: usize) {
        if let Some(start) = &self.start {
            quietly(|| start(place));
        }
    }

    /// It is about to end.
    pub(super) fn stops(&self, place: usize) {
        if let Some(stop) = &self.stop {
            quietly(|| stop(place));
        }
    }

    /// A task has panicked, or something else that a worker ran.
    pub(super) fn panicked(&self, panic: &(dyn Any + Send)) {
        if let Some(hook) = &self.panic {
            quietly(|| hook(panic));
        }
    }
}

impl Shared {
    /// A task has panicked.
    #[cold]
    pub(crate) fn panicked(&self, panic: &(dyn Any + Send)) {
        self.settings.hooks.panicked(panic);
    }
}

impl fmt::Debug for Hooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hooks")
    }
}

impl Builder {
    /// Called on each thread of the pool before its first job, with the number of its place; on threads that make up for blocked ones, too. Places are numbered from 0, and a thread
    /// may get that of another which has done its last job, and may still be in its [last hook](Self::on_thread_stop).
    ///
    /// If it panics, the thread goes on as if it had not.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::sync::Arc;
    /// use reweave_core::sync::atomic::{AtomicUsize, Ordering};
    /// use reweave_sched::Pool;
    ///
    /// let threads = Arc::new(AtomicUsize::new(0));
    /// let (more, less) = (threads.clone(), threads.clone());
    /// let pool = Pool::builder()
    ///     .threads(2)
    ///     .on_thread_start(move |_| { more.fetch_add(1, Ordering::Relaxed); })
    ///     .on_thread_stop(move |_| { less.fetch_sub(1, Ordering::Relaxed); })
    ///     .build()
    ///     .unwrap();
    /// drop(pool);
    /// assert_eq!(threads.load(Ordering::Relaxed), 0);
    /// ```
    pub fn on_thread_start(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.start = Some(Arc::new(Box::new(hook)));
        self
    }

    /// Called on each thread of the pool after its last job, with the number of its place. Whoever waits for the end of the pool waits for this, too.
    ///
    /// If it panics, the thread ends as if it had not.
    pub fn on_thread_stop(mut self, hook: impl Fn(usize) + Send + Sync + 'static) -> Self {
        self.hooks.stop = Some(Arc::new(Box::new(hook)));
        self
    }

    /// Called when a task has panicked, with what the panic carries, before anybody who waits for the task hears of it: for a log, since nobody may wait.
    ///
    /// On the thread that ran the task, within its context. A panic of the hook is contained.
    ///
    /// # Examples
    /// ```
    /// use reweave_core::sync::{Arc, Mutex};
    /// use reweave_sched::Pool;
    ///
    /// let log = Arc::new(Mutex::new(Vec::new()));
    /// let writes = log.clone();
    /// let pool = Pool::builder()
    ///     .on_panic(move |panic| writes.lock().push(panic.downcast_ref::<&str>().map(|text| text.to_string())))
    ///     .build()
    ///     .unwrap();
    /// pool.spawn(|| panic!("nobody waits for me")).detach();
    /// drop(pool);
    /// assert_eq!(*log.lock(), [Some("nobody waits for me".to_owned())]);
    /// ```
    pub fn on_panic(mut self, hook: impl Fn(&(dyn Any + Send)) + Send + Sync + 'static) -> Self {
        self.hooks.panic = Some(Arc::new(Box::new(hook)));
        self
    }
}
