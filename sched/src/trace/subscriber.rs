//! Tasks as spans of the crate `tracing`, for its subscribers: a span around each run of a closure and each poll of a future.
//!
//! The spans are at level `DEBUG`, with the target `reweave_sched::task`, the name `task` and the fields `worker` (its index), `kind` and,
//! as far as the task has them, `task` (its number, see `Task::id`) and `name`. What the task logs is within. The idea of a span for each poll is that of tokio-console and of `tracing`'s `Instrument`.

use std::num::NonZeroU64;

use reweave_core::Reason;
use tracing::debug_span;
use tracing::span::EnteredSpan;

use super::event::Unit;
use crate::worker::Worker;

/// Enters the span of a task that this thread is about to run, until the guard is dropped.
pub(crate) fn enter_task(task: Unit, name: Option<&Reason>) -> EnteredSpan {
    let (worker, kind) = (Worker::current().map(Worker::index), task.kind.label());
    let (task, name) = (NonZeroU64::new(task.id), name.map(Reason::as_str));
    debug_span!(target: "reweave_sched::task", "task", worker, task, kind, name).entered()
}
