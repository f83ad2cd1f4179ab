//! The body of a nursery, blocking and as a future: it is run, then all children are waited for.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;

use reweave_core::context::Context;
use reweave_core::event::Waiting;
use reweave_core::seeded;
use reweave_core::sync::Arc;

use super::child::{drop_contained, poll_contained};
use super::children::AllEnded;
use super::group::Group;
use super::{Children, NurseryError, Options};
use crate::pool::Shared;
use crate::task::Lingering;

/// Runs a body on this thread.
pub(super) fn run<T, E>(
    options: &Options,
    body: impl FnOnce(&Arc<Group<E>>) -> Result<T, E>,
) -> Result<T, NurseryError<E>> {
    let group = Arc::new(Group::new(options));
    let children = &group.children;
    let _listed = children.pool().list_open("nursery", &**children);
    let outcome = catch_unwind(AssertUnwindSafe(|| Context::enter_lazily(&**children, || body(&group))));
    let value = group.heed(outcome);
    children.help();
    children.end_one();
    if !seeded("nursery/leave-early") {
        Children::wait(children);
    }
    group.verdict(value)
}

/// The future of a body, which begins at the first poll.
pub(super) async fn run_async<T, E, F>(
    options: Options,
    body: impl FnOnce(&Arc<Group<E>>) -> F,
) -> Result<T, NurseryError<E>>
where
    F: Future<Output = Result<T, E>>,
{
    let group = Arc::new(Group::new(&options));
    let children = &group.children;
    // Until the end, also where that is waited for by dropping what comes next.
    let _listed = children.pool().list_open("nursery", &**children);
    let mut open = Open { children: group.children.clone(), body: true };
    let outcome = {
        let mut future = pin!(Some(async { body(&group).await }));
        // Wakes this when the token is cancelled, whatever the body waits for.
        let mut told = Waiting::unstoppable(children.token().cancelled());
        poll_fn(|cx| {
            let told = Pin::new(&mut told).poll(cx).is_ready();
            match Context::enter_lazily(&**children, || poll_contained(future.as_mut(), cx)) {
                Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
                // It has been polled after that, so that what it waits for could tell it.
                Poll::Pending if told => Poll::Ready(drop_contained(future.as_mut()).err().map(Err)),
                Poll::Pending => Poll::Pending,
            }
        })
        .await
    };
    let value = outcome.and_then(|outcome| group.heed(outcome));
    open.body = false;
    children.end_one();
    if !seeded("nursery/leave-early") {
        let mut ended = Waiting::unstoppable(AllEnded::new(children));
        // A task that is cancelled meanwhile waits on: to drop this would be to block until the children have ended, of which the thread that
        // blocks may be the one to run them.
        let mut lingers = None;
        poll_fn(|cx| {
            lingers.get_or_insert_with(Lingering::here);
            Pin::new(&mut ended).poll(cx)
        })
        .await
        .expect("nothing stops this wait");
    }
    group.verdict(value)
}

/// The future of a nursery, between its first poll and its end. Dropped earlier, it sees to it that the children end.
struct Open {
    children: Arc<Children>,
    /// The body is counted.
    body: bool,
}

impl Drop for Open {
    fn drop(&mut self) {
        let Self { children, body } = self;
        if !*body && children.all_have_ended() {
            return;
        }
        children.token().cancel("the future of the nursery was dropped");
        children.help();
        if *body {
            children.end_one();
        }
        if !seeded("nursery/drop-and-leave") {
            Shared::end_late();
            Children::wait(children);
        }
    }
}
