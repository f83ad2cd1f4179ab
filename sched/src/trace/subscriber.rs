//! Tasks as spans of the crate `tracing`, for its subscribers: a span around each run of a closure and each poll of a future.
//!
//! The spans are at level `DEBUG`, with the target `reweave_sched::task`, the name `task` and the fields `worker` (its index), `task` (the task's number), `kind` and,
//! if the task has a name, `name`. What the task logs is within. The idea of a span for each poll is that of tokio-console and of `tracing`'s `Instrument`.

use tracing::span::EnteredSpan;
use tracing::{debug_span, field};

use super::event::Unit;
use crate::worker::Worker;

/// Enters the span of a task that this worker is about to run, until the guard is dropped.
pub(crate) fn enter_task(worker: Option<&Worker>, task: Unit, name: Option<&str>) -> EnteredSpan {
    let (worker, kind) = (worker.map(Worker::index), task.kind.label());
    let span = debug_span!(target: "reweave_sched::task", "task", worker, task = task.id, kind, name = field::Empty);
    if let Some(name) = name {
        span.record("name", name);
    }
    span.entered()
}
