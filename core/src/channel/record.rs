//! What is known of a channel beside its values: its name, how it was closed, its handles, and who holds them.
//!
//! # Who could end a wait
//!
//! Whatever ends a wait on a channel (a value, room, a partner, a close, a notification passed on) is done through one
//! of its handles, on either side. So if each of them is held, their holders are all who could. Each held handle has an
//! entry, made while the handle is counted and erased before it is not: there are at most as many entries as handles.
//! They are compared under the lock of the entries, with the counts read relaxed; why that suffices:
//!
//! Say the entries are as many as the count that was read, and all holders sleep, registered. What they did to the
//! counts happened before the check, so the count that was read is one at which all their handles were counted, and
//! none besides. A handle that is not among them can only be cloned later from one of theirs, and they sleep. At the
//! end of the check, too, there is no other handle.
//!
//! A side without handles is different: whoever dropped the last is about to close the channel, without a handle, and
//! so nobody knows who.

use std::borrow::Cow;

use super::error::{Closed, Named};
use crate::context::Agent;
use crate::event::{Awaits, Enders, Source};
use crate::seeded;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// The record of a channel.
pub(super) struct Record {
    pub(super) senders: AtomicUsize,
    pub(super) receivers: AtomicUsize,
    pub(super) about: Mutex<About>,
}

#[derive(Default)]
pub(super) struct About {
    pub(super) name: Option<Cow<'static, str>>,
    pub(super) closed: Option<Closed>,
    held: Vec<(Side, Agent)>,
}

/// A side of a channel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Side {
    Senders,
    Receivers,
}

impl Record {
    /// A channel with one handle on each side.
    pub(super) fn new() -> Self {
        let (senders, receivers) = (AtomicUsize::new(1), AtomicUsize::new(1));
        Self { senders, receivers, about: Mutex::new(About::default()) }
    }

    /// A handle of this side is held from now on.
    pub(super) fn note(&self, side: Side, holder: Agent) {
        self.about.lock().held.push((side, holder));
    }

    /// A handle of this side, which was held by this agent, no longer is.
    pub(super) fn erase(&self, side: Side, holder: Agent) {
        let mut about = self.about.lock();
        let entry = about.held.iter().position(|&entry| entry == (side, holder));
        about.held.swap_remove(entry.expect("what is held is noted"));
    }

    fn awaits(&self, operation: &str) -> Awaits {
        let about = self.about.lock();
        let what = format!("{operation} on {}", Named(about.name.as_deref()));
        // Relaxed: see above.
        let live = [&self.senders, &self.receivers].map(|side| side.load(Ordering::Relaxed));
        let held = [Side::Senders, Side::Receivers].map(|side| about.held.iter().filter(|it| it.0 == side).count());
        if live.contains(&0) && !seeded("channel/nobody-closes") {
            return Awaits::new(what, Enders::Open);
        }
        if held != live && !seeded("channel/clones-are-held") {
            let note = format!("{} of its {} handles are held", held[0] + held[1], live[0] + live[1]);
            return Awaits { note: Some(note), ..Awaits::unknown(what) };
        }
        let mut agents: Vec<Agent> = about.held.iter().map(|entry| entry.1).collect();
        agents.sort_unstable();
        agents.dedup();
        Awaits::new(what, Enders::Any(agents))
    }
}

/// A receive, as the wait-for graph sees it.
pub(super) struct Receives<'a>(pub(super) &'a Record);

impl Source for Receives<'_> {
    fn awaits(&self) -> Awaits {
        self.0.awaits("receive")
    }
}

/// A send, as the wait-for graph sees it.
pub(super) struct Sends<'a>(pub(super) &'a Record);

impl Source for Sends<'_> {
    fn awaits(&self) -> Awaits {
        self.0.awaits("send")
    }
}
