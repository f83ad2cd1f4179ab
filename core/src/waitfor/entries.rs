//! The registered waits, under the graph's lock.

use std::backtrace::Backtrace;
use std::mem;
use std::ptr::NonNull;

use super::analysis::Edges;
use super::report::{Blocked, Deadlock};
use crate::context::{Agent, Context};
use crate::event::{Arms, Awaits, Enders, Limits, Source, Waiter};
use crate::seeded;
use crate::sync::thread;

/// One wait that sleeps, or is just about to or has just stopped.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) waiter: Waiter,
    arms: Vec<Arm>,
    /// All but the number and what the arms wait for, which the check fills in.
    known: Blocked,
    backtrace: Option<Backtrace>,
    /// Who ends it, as its agent has declared.
    declared: Option<Enders>,
    /// Why the wait is broken; written before its trigger is signalled, read after the wait has ended.
    pub(super) verdict: Option<Box<Deadlock>>,
}

#[derive(Debug)]
struct Arm {
    /// What the event said when the wait was registered.
    registered: Awaits,
    source: Option<Asked>,
}

/// Where to ask what an arm waits for.
#[derive(Debug)]
struct Asked(NonNull<dyn Source>);

// SAFETY: `Source` is `Sync`, so a reference to it may be used by any thread.
unsafe impl Send for Asked {}

impl Asked {
    /// # Safety
    /// What `source` refers to must stay where it is, and unchanged but for what its own synchronisation changes, until
    /// the result is dropped.
    unsafe fn new(source: &dyn Source) -> Self {
        // SAFETY: only the lifetime changes, and the caller answers for it.
        Self(NonNull::from(unsafe { mem::transmute::<&dyn Source, &'static dyn Source>(source) }))
    }

    fn awaits(&self) -> Awaits {
        // SAFETY: it lives as long as `self`, by the contract of `new`.
        unsafe { self.0.as_ref() }.awaits()
    }
}

impl Entry {
    /// # Safety
    /// The events of `arms` must not be used otherwise before the entry is dropped.
    pub(super) unsafe fn new(
        arms: &mut dyn Arms,
        waiter: &Waiter,
        context: &Context,
        limits: Limits,
        backtrace: bool,
    ) -> Self {
        let arms = (0..arms.len())
            .map(|index| {
                let arm = arms.arm(index);
                // SAFETY: the events stay as they are, by our own contract.
                Arm { registered: arm.awaits(), source: arm.source().map(|source| unsafe { Asked::new(source) }) }
            })
            .collect();
        let agent = Agent::current();
        let known = Blocked {
            number: 0,
            agent,
            thread: thread::name(),
            task: context.task.clone(),
            awaits: Vec::new(),
            breakable: limits.breakable,
            limited: limits.deadline.is_some(),
            backtrace: None,
        };
        let backtrace = backtrace.then(Backtrace::force_capture);
        let declared = context.declared.as_ref().and_then(|declared| declared.of(agent));
        Self { waiter: waiter.clone(), arms, known, backtrace, declared, verdict: None }
    }

    /// What the wait waits for as things are now.
    pub(super) fn awaits(&self) -> Vec<Awaits> {
        let now = |arm: &Arm| match &arm.source {
            Some(source) if !seeded("waitfor/edges-of-yesterday") => source.awaits(),
            _ => arm.registered.clone(),
        };
        let mut awaits: Vec<Awaits> = self.arms.iter().map(now).collect();
        if let Some(declared) = &self.declared {
            // What is open, as a lock that changes hands is, was not meant by the declaration.
            let undeclared = |it: &&mut Awaits| it.enders == Enders::Unknown || seeded("waitfor/declare-the-open");
            for awaits in awaits.iter_mut().filter(undeclared) {
                (awaits.enders, awaits.note) = (declared.clone(), Some("as was declared".to_owned()));
            }
        }
        awaits
    }

    pub(super) fn edges(&self, awaits: &[Awaits]) -> Edges {
        Edges { agent: self.known.agent, arms: awaits.iter().map(|awaits| awaits.enders.clone()).collect() }
    }

    pub(super) fn describe(&self, number: u64, awaits: &[Awaits]) -> Blocked {
        let backtrace = self.backtrace.as_ref().map(Backtrace::to_string);
        Blocked { number, awaits: awaits.to_vec(), backtrace, ..self.known.clone() }
    }
}
