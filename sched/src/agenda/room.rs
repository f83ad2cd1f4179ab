//! Waiting until there is room for another task.

use reweave_core::event::{Awaits, Event, Ticket, Waiter};

use super::Agenda;

/// The event that there is room in an agenda: a place is reserved then.
#[derive(Debug)]
pub(crate) struct Room<'a> {
    agenda: &'a Agenda,
    ticket: Option<Ticket>,
}

impl<'a> Room<'a> {
    pub(crate) fn of(agenda: &'a Agenda) -> Self {
        Self { agenda, ticket: None }
    }
}

impl Event for Room<'_> {
    type Output = ();

    /// It takes a lock to look.
    fn polls(&self) -> bool {
        false
    }

    fn attempt(&mut self) -> Option<()> {
        self.agenda.reserve().then_some(())
    }

    fn enlist(&mut self, waiter: &Waiter) -> bool {
        self.ticket = Some(self.agenda.room.push(waiter));
        self.agenda.state.lock().has_room()
    }

    fn delist(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.agenda.room.remove(ticket);
        }
    }

    fn pass_on(&mut self) {
        self.agenda.room.pass_on();
    }

    fn awaits(&self) -> Awaits {
        Awaits::unknown("room for another task")
    }
}
