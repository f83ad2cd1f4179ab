//! Running functions one after the other, never one inside another.
//!
//! A function that keeps a promise causes the functions of that promise to run. Called on the spot, a chain of such
//! would nest as deep as it is long. So each thread keeps a queue while it runs some, and what they cause goes to its
//! end.

use std::cell::RefCell;
use std::collections::VecDeque;

use crate::reclaim::contain_unless_modelled;
use crate::sync::thread_local;

/// A function that is to run once.
pub(super) type Call = Box<dyn FnOnce() + Send>;

thread_local! {
    /// What is to run on this thread; `None` while it runs nothing.
    static QUEUE: RefCell<Option<VecDeque<Call>>> = const { RefCell::new(None) };
}

/// Runs the functions and what they cause; inside another one's run it leaves them to that. Panics are contained.
pub(super) fn run(calls: Vec<Call>) {
    let mut calls = Some(calls);
    let begun = QUEUE.try_with(|queue| {
        let mut queue = queue.borrow_mut();
        let nested = queue.is_some();
        queue.get_or_insert_default().extend(calls.take().expect("taken once"));
        !nested
    });
    match begun {
        Ok(true) => {
            while let Some(call) = next() {
                contain_unless_modelled(call);
            }
        }
        Ok(false) => {}
        // Past the end of the thread's locals there is no queue, and little left to run.
        Err(_) => calls.into_iter().flatten().for_each(contain_unless_modelled),
    }
}

/// The next function of this thread's queue; without one the run is over.
fn next() -> Option<Call> {
    QUEUE
        .try_with(|queue| {
            let mut queue = queue.borrow_mut();
            let next = queue.as_mut().and_then(VecDeque::pop_front);
            if next.is_none() {
                *queue = None;
            }
            next
        })
        .ok()
        .flatten()
}
