//! Linked tasks and tasks that have only so much time: the end of one against its cancellation.
//!
//! The pool is a [`Kernel`]: another thread is its worker, and the main thread waits from outside. A deadline passes at any moment.

use std::time::Duration;

use reweave_core::cancel::Token;
use reweave_core::sync::Arc;
use reweave_sched::Failed;
use reweave_sched::kernel::Kernel;
use reweave_sched::task::TimeoutError;

use super::kernels::{Slate, worker};
use crate::{Model, Run, Seeded, cover};

/// The models of linked tasks and of timeouts.
pub const MODELS: &[Model] = &[
    Model {
        name: "link-against-cancel",
        property: "of a linked task that is cancelled as it begins comes one outcome, and it is true",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["ran", "did not run"],
        seeded: &[
            Seeded { bug: "task/link-silently", run: Run::loom_bounded(2), expect: "no outcome has come" },
            Seeded { bug: "task/link-silently", run: Run::shuttle_pct(3, 5_000), expect: "no outcome has come" },
        ],
        body: link_against_cancel,
    },
    Model {
        name: "end-against-timeout",
        property: "a task that ends as its time passes has its value told, or has been cancelled or has ended, and its handle is there",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["in time", "late"],
        seeded: &[
            Seeded { bug: "task/time-out-silently", run: Run::loom_bounded(2), expect: "was not cancelled" },
            Seeded { bug: "task/time-out-silently", run: Run::shuttle_pct(3, 5_000), expect: "was not cancelled" },
        ],
        body: end_against_timeout,
    },
];

fn link_against_cancel() {
    let kernel = Arc::new(Kernel::new(1));
    let (above, slate) = (Token::new(), Slate::new());
    let linked = above.run(|| {
        let slate = slate.clone();
        kernel.handle().spawn_link(move || slate.mark())
    });
    let other = worker(&kernel, 0, 1);
    above.cancel("not needed");
    let outcome = linked.recv().expect("no outcome has come");
    match outcome {
        Ok(()) => {
            assert_eq!(slate.marks(), 1, "it is said to have run");
            cover("ran");
        }
        Err(Failed::Cancelled(cancelled)) => {
            assert_eq!(slate.marks(), 0, "it was cancelled, and ran");
            assert_eq!(cancelled.reason.as_str(), "not needed");
            cover("did not run");
        }
        Err(failed) => panic!("it ended with {failed}"),
    }
    assert!(linked.recv().is_err(), "two outcomes have come");
    other.join().unwrap();
}

fn end_against_timeout() {
    let kernel = Arc::new(Kernel::new(1));
    let slate = Slate::new();
    let task = kernel.handle().spawn({
        let slate = slate.clone();
        move || {
            slate.mark();
            7
        }
    });
    let token = task.token();
    let other = worker(&kernel, 0, 1);
    match task.timeout(Duration::from_secs(1)) {
        Ok(value) => {
            assert_eq!((value, slate.marks()), (7, 1));
            cover("in time");
        }
        Err(TimeoutError::Stopped { task, .. }) => {
            // What has ended meanwhile cannot be cancelled any more.
            assert!(token.is_cancelled() || task.is_ended(), "it was not cancelled");
            cover("late");
            match task.join() {
                Ok(value) => assert_eq!(value, 7),
                Err(failed) => assert!(matches!(failed, Failed::Cancelled(_)), "{failed}"),
            }
        }
        Err(TimeoutError::Failed(failed)) => panic!("it ended with {failed}"),
    }
    other.join().unwrap();
}
