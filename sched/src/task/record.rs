//! A task as a whole: the head, what is run, and what came of it.

use std::future::Future;
use std::mem::ManuallyDrop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use reweave_core::cancel::Cancelled;
use reweave_core::seeded;
use reweave_core::sync::{Arc, UnsafeCell};

use super::Failed;
use super::card::Card;
use super::head::{Head, How, Vtable};
use super::waker::raw_waker;
use crate::job::quietly;
use crate::nursery::Children;
use crate::pool::Shared;

/// What a task runs.
pub(super) trait Body<T>: Send + 'static {
    /// Whether it is a closure: then one call of `step` ends it.
    const IS_CLOSURE: bool;

    /// Runs it, as far as it goes.
    ///
    /// # Safety
    /// It stays where it is until it is dropped; not called again after it was ready.
    unsafe fn step(&mut self, cx: &mut Context<'_>) -> Poll<T>;

    /// The task ends with this output, begun or not: drops it, and does what it is to do then. User code.
    fn settle(self, output: &mut Result<T, Failed>)
    where
        Self: Sized,
    {
        let _ = output;
    }
}

/// A closure.
pub(super) struct Closure<F>(Option<F>);

impl<F> Closure<F> {
    pub(super) fn new(body: F) -> Self {
        Self(Some(body))
    }
}

impl<T, F: FnOnce() -> T + Send + 'static> Body<T> for Closure<F> {
    const IS_CLOSURE: bool = true;

    unsafe fn step(&mut self, _: &mut Context<'_>) -> Poll<T> {
        Poll::Ready(self.0.take().expect("a closure is run once")())
    }
}

/// A future.
pub(super) struct Polled<F>(F);

impl<F> Polled<F> {
    pub(super) fn new(future: F) -> Self {
        Self(future)
    }
}

impl<T, F: Future<Output = T> + Send + 'static> Body<T> for Polled<F> {
    const IS_CLOSURE: bool = false;

    unsafe fn step(&mut self, cx: &mut Context<'_>) -> Poll<T> {
        // SAFETY: it stays where it is.
        unsafe { Pin::new_unchecked(&mut self.0) }.poll(cx)
    }
}

/// The body, or what came of it. One owner at a time: see `head`.
enum Stage<T, B> {
    Body(B),
    Output(Result<T, Failed>),
    Gone,
}

/// A task.
#[repr(C)]
pub(super) struct Record<T, B> {
    head: Head,
    stage: UnsafeCell<Stage<T, B>>,
}

impl<T: Send + 'static, B: Body<T>> Record<T, B> {
    const VTABLE: Vtable = Vtable {
        run: Self::run,
        abandon: Self::abandon,
        take: Self::take,
        free: Self::free,
        is_closure: B::IS_CLOSURE,
    };

    /// A task to be queued, with a reference for the handle and one for the entry.
    pub(super) fn make(
        pool: Arc<Shared>,
        body: B,
        card: Option<Arc<Card>>,
        siblings: Option<Arc<Children>>,
    ) -> NonNull<Head> {
        let head = Head::new(pool, const { &Self::VTABLE }, card, siblings);
        let record = Box::new(Self { head, stage: UnsafeCell::new(Stage::Body(body)) });
        NonNull::from(Box::leak(record)).cast()
    }

    /// # Safety
    /// `head` is that of a record of this type, which somebody keeps.
    unsafe fn of<'a>(head: NonNull<Head>) -> &'a Self {
        // SAFETY: by the contract; the head is the first field.
        unsafe { head.cast::<Self>().as_ref() }
    }

    /// # Safety
    /// As [`of`](Self::of), and the body is the caller's.
    unsafe fn run(head: NonNull<Head>) -> bool {
        // SAFETY: by the contract.
        let this = unsafe { Self::of(head) };
        // SAFETY: the waker borrows a reference of the caller's, and is not dropped.
        let waker = ManuallyDrop::new(unsafe { Waker::from_raw(raw_waker(head)) });
        let mut cx = Context::from_waker(&waker);
        // The stage is looked at through the cell only for as long as the body runs: nobody else may.
        let stepped = this.stage.with_mut(|stage| {
            // SAFETY: the body is the caller's; it stays in its record.
            let Stage::Body(body) = (unsafe { &mut *stage }) else {
                unreachable!("a task that has not ended has a body")
            };
            // SAFETY: as above, and it has not been ready yet.
            catch_unwind(AssertUnwindSafe(|| unsafe { body.step(&mut cx) }))
        });
        match stepped {
            Ok(Poll::Ready(output)) => this.end(Ok(output), How::Completed),
            Err(panic) => {
                this.head.pool().panicked(&*panic);
                this.end(Err(Failed::Panicked(panic)), How::Panicked);
            }
            // It may not have asked for its context, and so not know its token: then the token wakes it.
            Ok(Poll::Pending) => match this.head.listen().cancelled() {
                Some(cancelled) if !this.head.lingers() || seeded("nursery/drop-and-block") => {
                    this.end(Err(Failed::Cancelled(cancelled)), How::Cancelled);
                }
                _ => return this.head.suspend(),
            },
        }
        false
    }

    /// Drops the body and puts the output in its place. By the owner of the body.
    fn end(&self, mut output: Result<T, Failed>, how: How) {
        // SAFETY: the owner's, until `ENDED`.
        let body = self.stage.with_mut(|stage| unsafe { std::mem::replace(&mut *stage, Stage::Gone) });
        // What is dropped is user code, and so is what a panic carries.
        let dropped = catch_unwind(AssertUnwindSafe(|| match body {
            Stage::Body(body) => body.settle(&mut output),
            Stage::Output(_) | Stage::Gone => {}
        }));
        let (output, how) = match dropped {
            Err(panic) if output.is_ok() => {
                self.head.pool().panicked(&*panic);
                quietly(|| drop(output));
                (Err(Failed::Panicked(panic)), How::Panicked)
            }
            Err(panic) => {
                quietly(|| drop(panic));
                (output, how)
            }
            Ok(()) => (output, how),
        };
        if seeded("task/end-before-output") {
            self.head.end(how);
        }
        // SAFETY: as above.
        self.stage.with_mut(|stage| unsafe { *stage = Stage::Output(output) });
        self.head.end(how);
    }

    /// # Safety
    /// As [`run`](Self::run).
    unsafe fn abandon(head: NonNull<Head>, cancelled: Cancelled) {
        // SAFETY: by the contract.
        unsafe { Self::of(head) }.end(Err(Failed::Cancelled(cancelled)), How::Cancelled);
    }

    /// # Safety
    /// As [`of`](Self::of); it has ended, the caller has the handle, and `into` is an `Option<Result<T, Failed>>`.
    unsafe fn take(head: NonNull<Head>, into: *mut ()) {
        // SAFETY: by the contract.
        let (this, into) = unsafe { (Self::of(head), &mut *into.cast::<Option<Result<T, Failed>>>()) };
        // SAFETY: the handle's, since `ENDED`.
        this.stage.with_mut(|stage| match std::mem::replace(unsafe { &mut *stage }, Stage::Gone) {
            Stage::Output(output) => *into = Some(output),
            Stage::Body(_) | Stage::Gone => {}
        });
    }

    /// # Safety
    /// As [`of`](Self::of), and no reference is left.
    unsafe fn free(head: NonNull<Head>) {
        // SAFETY: from a box.
        let record = unsafe { Box::from_raw(head.cast::<Self>().as_ptr()) };
        quietly(|| drop(record));
    }
}
