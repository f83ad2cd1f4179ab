//! A mailbox whose receive waits, written here: what the linearizability tests themselves are tried on.
//!
//! It is received from in three ways: in scenarios that end by themselves, in scenarios that its closing ends, and in
//! scenarios that are ended without the model's knowledge.

use reweave_core::seeded;
use reweave_core::sync::{Arc, Mutex};
use reweave_core::trigger::Trigger;

use super::SEEDS;
use crate::histories::{Ending, Mix, Outcome, Place, Scenario, Sequential, Shape, Subject, explore, explore_one};
use crate::{Model, Run, Seeded};

/// The models that the tests themselves are tried on.
pub const MODELS: &[Model] = &[
    Model {
        name: "patient",
        property: "a mailbox is linearizable in scenarios in which every receive finds something",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000)],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "litmus/receive-in-two-steps",
                run: Run::shuttle_random(10_000),
                expect: "the history of the mailbox is not linearizable",
            },
            Seeded { bug: "litmus/send-wakes-nobody", run: Run::shuttle_random(10_000), expect: "deadlock" },
        ],
        body: || explore::<Patient>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "closed",
        property: "a mailbox is linearizable, and closing it ends receives that wait",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000)],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded { bug: "litmus/close-wakes-nobody", run: Run::shuttle_random(10_000), expect: "deadlock" },
            Seeded {
                bug: "litmus/close-drops-mail",
                run: Run::shuttle_random(10_000),
                expect: "the history of the mailbox is not linearizable",
            },
        ],
        body: || explore::<Mailbox>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "ended-by-hook",
        property: "a mailbox is linearizable up to the moment at which it is ended from outside",
        runs: &[Run::shuttle_random(10_000), Run::shuttle_pct(3, 10_000)],
        covers: &["operations overlapped", "ended from outside"],
        seeded: &[Seeded {
            bug: "litmus/receive-in-two-steps",
            run: Run::shuttle_random(10_000),
            expect: "the history of the mailbox is not linearizable",
        }],
        body: || explore::<Hooked>(&Shape::usual(), SEEDS),
    },
    Model {
        name: "sequentially-consistent",
        property: "a receive beside two sends and a receive is as if one came after the other",
        runs: &[Run::loom()],
        covers: &["operations overlapped"],
        seeded: &[
            Seeded {
                bug: "litmus/receive-in-two-steps",
                run: Run::loom(),
                expect: "the history of the mailbox is not sequentially consistent",
            },
            Seeded { bug: "litmus/send-wakes-nobody", run: Run::loom(), expect: "deadlock" },
        ],
        body: || {
            let threads = vec![vec![Op::Receive], vec![Op::Send(1), Op::Send(2), Op::Receive]];
            explore_one::<Patient>(&Scenario { before: vec![], threads, after: vec![] });
        },
    },
];

/// A queue whose receive waits; it can be closed.
#[derive(Debug)]
pub struct Mailbox(Mutex<Content>);

#[derive(Debug, Default)]
struct Content {
    mail: Vec<u64>,
    closed: bool,
    waiting: Vec<Arc<Trigger>>,
}

impl Mailbox {
    fn send(&self, value: u64) -> bool {
        let waiting = {
            let mut content = self.0.lock();
            if content.closed {
                return false;
            }
            content.mail.push(value);
            std::mem::take(&mut content.waiting)
        };
        if !seeded("litmus/send-wakes-nobody") {
            wake(&waiting);
        }
        true
    }

    fn receive(&self) -> Option<u64> {
        loop {
            let trigger = {
                let mut content = self.0.lock();
                if let Some(&first) = content.mail.first() {
                    if seeded("litmus/receive-in-two-steps") {
                        drop(content);
                        content = self.0.lock();
                    }
                    content.mail.retain(|value| *value != first);
                    return Some(first);
                }
                if content.closed {
                    return None;
                }
                let trigger = Arc::new(Trigger::new());
                content.waiting.push(trigger.clone());
                trigger
            };
            trigger.wait();
        }
    }

    fn close(&self) {
        let waiting = {
            let mut content = self.0.lock();
            content.closed = true;
            if seeded("litmus/close-drops-mail") {
                content.mail.clear();
            }
            std::mem::take(&mut content.waiting)
        };
        if !seeded("litmus/close-wakes-nobody") {
            wake(&waiting);
        }
    }
}

fn wake(waiting: &[Arc<Trigger>]) {
    for waiter in waiting {
        waiter.signal(0);
    }
}

/// What is in the mailbox, and whether it is closed.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Mail(Vec<u64>, bool);

/// What can be done with a mailbox.
#[derive(Clone, Debug, PartialEq)]
pub enum Op {
    /// Sends a value, no two the same.
    Send(u64),
    /// Waits for a value, or for the end.
    Receive,
    /// Ends it: nothing can be sent any more, and what is there can be received.
    Close,
}

/// What came of it.
#[derive(Clone, PartialEq, Debug)]
pub enum Ret {
    /// Whether it was sent.
    Sent(bool),
    /// What was received: nothing at the end.
    Received(Option<u64>),
    /// It is closed.
    Closed,
}

impl Sequential for Mail {
    type Op = Op;
    type Ret = Ret;

    fn apply(&mut self, op: &Op) -> Outcome<Self> {
        let Self(mail, closed) = self;
        Outcome::Returns(match op {
            Op::Send(_) if *closed => Ret::Sent(false),
            Op::Send(value) => {
                mail.push(*value);
                Ret::Sent(true)
            }
            Op::Receive if !mail.is_empty() => Ret::Received(Some(mail.remove(0))),
            Op::Receive if *closed => Ret::Received(None),
            Op::Receive => return Outcome::Blocks,
            Op::Close => {
                *closed = true;
                Ret::Closed
            }
        })
    }
}

impl Subject for Mailbox {
    type Model = Mail;
    const NAME: &'static str = "the mailbox";

    fn fresh() -> Self {
        Self(Mutex::new(Content::default()))
    }

    fn model() -> Mail {
        Mail::default()
    }

    fn operations(place: Place) -> Mix<Op> {
        let mix = Mix::new().with(2, |random| Op::Send(random.unique()));
        match place {
            Place::Thread(_) => mix.with(3, |_| Op::Receive),
            Place::Before | Place::After => mix,
        }
    }

    fn perform(&self, _thread: usize, op: &Op) -> Ret {
        match op {
            Op::Send(value) => Ret::Sent(self.send(*value)),
            Op::Receive => Ret::Received(self.receive()),
            Op::Close => {
                self.close();
                Ret::Closed
            }
        }
    }

    fn ending() -> Ending<Op> {
        Ending::Operation(Op::Close)
    }
}

/// A mailbox in scenarios that end by themselves.
#[derive(Debug)]
pub struct Patient(Mailbox);

impl Subject for Patient {
    type Model = Mail;
    const NAME: &'static str = Mailbox::NAME;

    fn fresh() -> Self {
        Self(Mailbox::fresh())
    }

    fn model() -> Mail {
        Mail::default()
    }

    fn operations(place: Place) -> Mix<Op> {
        Mailbox::operations(place)
    }

    fn perform(&self, thread: usize, op: &Op) -> Ret {
        self.0.perform(thread, op)
    }
}

/// A mailbox in scenarios that are ended in a way that the model does not know.
#[derive(Debug)]
pub struct Hooked(Mailbox);

impl Subject for Hooked {
    type Model = Mail;
    const NAME: &'static str = Mailbox::NAME;

    fn fresh() -> Self {
        Self(Mailbox::fresh())
    }

    fn model() -> Mail {
        Mail::default()
    }

    fn operations(place: Place) -> Mix<Op> {
        Mailbox::operations(place)
    }

    fn perform(&self, thread: usize, op: &Op) -> Ret {
        self.0.perform(thread, op)
    }

    fn ending() -> Ending<Op> {
        Ending::Hook
    }

    fn end(&self) {
        self.0.close();
    }
}

#[cfg(all(test, not(any(reweave_loom, reweave_shuttle))))]
mod tests {
    use super::*;
    use crate::histories::Plan;
    use crate::models::linearizability::passes_on_real_threads;

    fn passes<S: Subject>() {
        passes_on_real_threads::<S>(&Plan::new(1).scenarios(10).repetitions(100));
    }

    #[test]
    fn scenarios_that_end_by_themselves_do_so_on_real_threads() {
        passes::<Patient>();
    }

    #[test]
    fn scenarios_that_stick_are_ended_on_real_threads() {
        passes::<Mailbox>();
        passes::<Hooked>();
    }
}
