//! Who holds a part of something that several can hold: a side table, kept while a wait-for graph is switched on.
//!
//! A holder enters after it has acquired and leaves before it releases, so whoever is in the table holds. Whoever
//! acquired while no graph was on is not in it. Each guard remembers whether it is, so that switching on or off in
//! between leaves nothing behind.

use crate::context::Agent;
use crate::sync::Mutex;
use crate::waitfor;

/// The table: agents, and how much each holds.
#[derive(Debug)]
pub(super) struct Holders(Mutex<Vec<(Agent, u32)>>);

/// An entry of the table, or none: part of a guard.
#[derive(Debug)]
#[must_use = "it has to be erased"]
pub(super) struct Recorded(Option<Agent>);

impl Holders {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    /// The current agent has acquired `amount`.
    #[inline]
    pub(super) fn record(&self, amount: u32) -> Recorded {
        if waitfor::recording() { self.enter(amount) } else { Recorded(None) }
    }

    #[cold]
    fn enter(&self, amount: u32) -> Recorded {
        let agent = Agent::current();
        let mut holders = self.0.lock();
        match holders.iter_mut().find(|holder| holder.0 == agent) {
            Some(holder) => holder.1 += amount,
            None => holders.push((agent, amount)),
        }
        Recorded(Some(agent))
    }

    /// What was recorded is about to be released. Once a [`Recorded`].
    #[inline]
    pub(super) fn erase(&self, recorded: &Recorded, amount: u32) {
        if let Some(agent) = recorded.0 {
            self.leave(agent, amount);
        }
    }

    #[cold]
    fn leave(&self, agent: Agent, amount: u32) {
        let mut holders = self.0.lock();
        let index = holders.iter().position(|holder| holder.0 == agent).expect("what was recorded is in the table");
        holders[index].1 -= amount;
        if holders[index].1 == 0 {
            holders.swap_remove(index);
        }
    }

    /// All known holders, and how much they hold together.
    pub(super) fn known(&self) -> (Vec<Agent>, u64) {
        let holders = self.0.lock();
        let total = holders.iter().map(|holder| u64::from(holder.1)).sum();
        (holders.iter().map(|holder| holder.0).collect(), total)
    }
}
