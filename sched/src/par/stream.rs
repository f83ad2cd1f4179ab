//! Mapping what a channel brings, as results arrive.
//!
//! So many tasks as there are workers receive from one channel, call the function, and send to another, which is bounded. They are futures:
//! one that waits for an item, or for room, occupies no thread. So results come in the order in which they are ready, and when
//! nobody takes them, the tasks wait for room, no more items are received, and the channel of the items, if it is bounded, makes its senders
//! wait: back-pressure.
//!
//! # How it ends
//!
//! | what happens | what the tasks do |
//! |---|---|
//! | the input is closed and drained | end; the last closes the output with the same reason |
//! | the output is closed, or all its receivers are gone | end before the next item: what has come is dropped and not mapped. With them go their receivers of the input, whose senders learn of it |
//! | the token that was current at the start is cancelled | end at their next wait; the output is closed with that reason |
//! | the function panics | one sends that as the outcome of the item, and goes on |

use reweave_core::Reason;
use reweave_core::cancel::{self, Token};
use reweave_core::channel::{self, Receiver, Sender, Why};
use reweave_core::sync::{Arc, Mutex};

use super::error::{ItemError, contained};
use crate::task::spawn_async;

/// What `f` makes of each item that the channel brings, as it is ready: not in the order of the items.
///
/// At most `workers` items are in work at the same time (at least 1), and at most as many results wait to be received. The work is done by tasks in
/// the pool of the worker that calls this, or in the [global](crate::Pool::global) one. A panic of `f` is the outcome of its item. When the
/// input is closed, so is the output, for the same reason, behind all results; when nobody is left to receive, nothing more is taken from the input.
///
/// # Panics
/// As [`spawn`](fn@crate::spawn).
///
/// # Complexity
/// A task a worker. For each item a receive and a send, and the call.
///
/// # Examples
/// ```
/// use reweave_core::channel;
/// use reweave_sched::par::stream_map;
///
/// let (numbers, input) = channel::bounded(4);
/// let squares = stream_map(input, 2, |n: u64| n * n);
/// for n in 1..=3 {
///     numbers.send(n).unwrap();
/// }
/// numbers.close("three are enough");
/// assert_eq!(squares.iter().map(Result::unwrap).sum::<u64>(), 14);
/// assert_eq!(squares.recv().unwrap_err().closed().unwrap().reason().as_str(), "three are enough");
/// ```
pub fn stream_map<T, R>(
    input: Receiver<T>,
    workers: usize,
    f: impl Fn(T) -> R + Send + Sync + 'static,
) -> Receiver<Result<R, ItemError>>
where
    T: Send + 'static,
    R: Send + 'static,
{
    try_stream_map(input, workers, move |item| Ok(f(item)))
}

/// As [`stream_map`] of what can fail: an error is the outcome of its item.
///
/// # Panics
/// As `stream_map`.
pub fn try_stream_map<T, R, E>(
    input: Receiver<T>,
    workers: usize,
    f: impl Fn(T) -> Result<R, E> + Send + Sync + 'static,
) -> Receiver<Result<R, ItemError<E>>>
where
    T: Send + 'static,
    R: Send + 'static,
    E: Send + 'static,
{
    start(input, workers, move |item| contained(None, None, || f(item)))
}

/// Starts the tasks. `f` does not panic.
pub(super) fn start<T, O>(input: Receiver<T>, workers: usize, f: impl Fn(T) -> O + Send + Sync + 'static) -> Receiver<O>
where
    T: Send + 'static,
    O: Send + 'static,
{
    let workers = workers.max(1);
    let (sender, output) = channel::bounded(workers);
    let output_end = Arc::new(Output { sender, reason: Mutex::new(None), around: cancel::current() });
    let f = Arc::new(f);
    let start = || spawn_async(work(input.clone(), output_end.clone(), f.clone())).detach();
    for _ in 0..workers {
        match &output_end.around {
            // Below it, also where tasks that are started here would not be.
            Some(token) => token.run(start),
            None => start(),
        }
    }
    output
}

/// One of the tasks.
async fn work<T, O, F: Fn(T) -> O>(input: Receiver<T>, output: Arc<Output<O>>, f: Arc<F>) {
    loop {
        let item = match input.recv_async().await {
            Ok(item) => item,
            Err(why) => return output.end(&why),
        };
        if output.sender.is_closed() {
            // Nobody will read what becomes of it. It is dropped, and with the last of the tasks go the receivers of the input.
            return;
        }
        let outcome = f(item);
        if let Err(refused) = output.sender.send_async(outcome).await {
            return output.end(&refused.why);
        }
    }
}

/// What the tasks share of the output: it is closed when the last of them goes.
struct Output<O> {
    sender: Sender<O>,
    /// Why the first of them has ended.
    reason: Mutex<Option<Reason>>,
    /// The token around them: where that is cancelled, some may never have begun, and nothing to say.
    around: Option<Token>,
}

impl<O> Output<O> {
    fn end(&self, why: &Why) {
        let reason = match why {
            Why::Closed(closed) => closed.reason().clone(),
            Why::Stopped(stopped) => stopped.to_string().into(),
        };
        self.reason.lock().get_or_insert(reason);
    }
}

impl<O> Drop for Output<O> {
    fn drop(&mut self) {
        let cancelled = || self.around.as_ref().and_then(Token::reason).map(|cancelled| cancelled.to_string().into());
        if let Some(reason) = self.reason.lock().take().or_else(cancelled) {
            self.sender.close(reason);
        }
    }
}
