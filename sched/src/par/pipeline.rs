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
pub struct Pipeline<T, E = Infallible>(So<T, E>);

/// What there is so far.
#[derive(Debug)]
enum So<T, E> {
    /// The channel that it begins with.
    Input(Receiver<T>),
    /// What the last stage makes.
    Output(Receiver<Result<T, ItemError<E>>>),
}

impl<T: Send + 'static, E: Send + 'static> Pipeline<T, E> {
    /// A pipeline without stages so far, that begins with what the channel brings. It starts nothing.
    pub fn of(input: Receiver<T>) -> Self {
        Self(So::Input(input))
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
        let f = move |item| contained(None, None, || f(item));
        Pipeline(So::Output(match self.0 {
            So::Input(input) => start(input, workers, f),
            So::Output(output) => start(output, workers, move |item: Result<T, _>| item.and_then(&f)),
        }))
    }

    /// What the last stage makes, as it is ready. Without a stage, a task passes on what the channel brings.
    pub fn output(self) -> Receiver<Result<T, ItemError<E>>> {
        match self.0 {
            So::Input(input) => start(input, 1, Ok),
            So::Output(output) => output,
        }
    }
}
