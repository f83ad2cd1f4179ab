//! The ends of a channel, handed to the threads of a team, one each.

use reweave_core::sync::Mutex;

use super::Channel;
use crate::{Error, team};

/// What a thread holds.
pub(super) enum End<C: Channel> {
    Sender(C::Sender),
    Receiver(C::Receiver),
}

/// Runs `body` with its number and its end on as many threads as there are ends, which start together. What a body does
/// not keep is dropped when it returns, also when it fails, so that nobody waits for it.
///
/// # Errors
/// [`Error::Wrong`] with the first finding of a body, [`Error::Broken`] when a thread fails.
pub(super) fn run<C: Channel, R: Send + 'static>(
    system: &'static str,
    ends: Vec<End<C>>,
    body: impl Fn(usize, End<C>) -> Result<R, String> + Send + Sync + 'static,
) -> Result<Vec<R>, Error> {
    let threads = ends.len();
    let ends: Vec<_> = ends.into_iter().map(|end| Mutex::new(Some(end))).collect();
    let member = move |thread: usize| {
        // A statement of its own, so that the lock is free while the body works.
        let end = ends[thread].lock().take();
        end.map_or_else(|| Err("an end of the channel was given away twice".to_owned()), |end| body(thread, end))
    };
    team::run(threads, member)
        .map_err(|cause| Error::Broken { system, threads, cause })?
        .into_iter()
        .collect::<Result<_, String>>()
        .map_err(|finding| Error::Wrong { system, threads, finding })
}
