//! Pipelines: stages that work at the same time, each on what the one before has made.

use std::convert::Infallible;

use reweave_core::channel::Receiver;

use super::error::{ItemError, contained};
use super::stream::start;

/// Stages that work at the same time, each with workers of its own, on what a channel brings.
///
/// A stage is a [`stream_map`](super::stream_map): as its results are ready they go to the next, and if that is slower, the stage waits for it, and
/// so on up to whoever sends the first. An item that fails, panics, or was an error when it came is passed on as such by all stages that
/// follow. The stages end one after the other when the input is closed, each with the same reason; or when nobody receives what the last one makes.
///
/// # Examples
/// ```
/// use reweave_core::channel;
/// use reweave_sched::par::Pipeline;
///
/// let (lines, input) = channel::bounded(4);
/// let lengths = Pipeline::of(input)
///     .try_stage(2, |line: &str| line.parse::<u32>())
///     .stage(1, |number| number + 1)
///     .output();
/// for line in ["1", "two", "3"] {
///     lines.send(line).unwrap();
/// }
/// drop(lines);
/// let (good, bad): (Vec<_>, Vec<_>) = lengths.iter().partition(Result::is_ok);
/// assert_eq!(good.into_iter().map(Result::unwrap).sum::<u32>(), 6);
/// assert_eq!(bad.len(), 1);
/// ```
#[derive(Debug)]
#[must_use = "what the last stage makes is received from its output"]
pub struct Pipeline<T, E = Infallible> {
    output: Receiver<Result<T, ItemError<E>>>,
}

impl<T: Send + 'static, E: Send + 'static> Pipeline<T, E> {
    /// A pipeline without stages but one that passes on what the channel brings.
    pub fn of(input: Receiver<T>) -> Self {
        Self { output: start(input, 1, Ok) }
    }

    /// Another stage: `f` by so many workers, at least 1.
    pub fn stage<R: Send + 'static>(
        self,
        workers: usize,
        f: impl Fn(T) -> R + Send + Sync + 'static,
    ) -> Pipeline<R, E> {
        self.try_stage(workers, move |item| Ok(f(item)))
    }

    /// Another stage, which can fail.
    pub fn try_stage<R: Send + 'static>(
        self,
        workers: usize,
        f: impl Fn(T) -> Result<R, E> + Send + Sync + 'static,
    ) -> Pipeline<R, E> {
        let through = move |item: Result<T, ItemError<E>>| contained_or_passed(item, &f);
        Pipeline { output: start(self.output, workers, through) }
    }

    /// What the last stage makes, as it is ready.
    pub fn output(self) -> Receiver<Result<T, ItemError<E>>> {
        self.output
    }
}

fn contained_or_passed<T, R, E>(
    item: Result<T, ItemError<E>>,
    f: impl Fn(T) -> Result<R, E>,
) -> Result<R, ItemError<E>> {
    item.and_then(|item| contained(None, None, || f(item)))
}
