//! This project's channels.

use reweave_core::channel::{self, Receiver, Sender};
use reweave_core::select;

use crate::workload::channels::{self, Capacity, Message};

/// Channels of messages.
#[derive(Debug)]
pub enum Channel {}

impl channels::Channel for Channel {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    fn open(capacity: Capacity) -> (Self::Sender, Self::Receiver) {
        match capacity {
            Capacity::Bounded(bound) => channel::bounded(bound),
            Capacity::Rendezvous => channel::rendezvous(),
            Capacity::Unbounded => channel::unbounded(),
        }
    }

    #[inline]
    fn send(sender: &Self::Sender, message: Message) -> bool {
        sender.send(message).is_ok()
    }

    #[inline]
    fn recv(receiver: &Self::Receiver) -> Option<Message> {
        receiver.recv().ok()
    }
}

impl channels::Select for Channel {
    #[inline]
    fn select(first: &Self::Receiver, second: &Self::Receiver) -> Option<(usize, Message)> {
        let selected = select! {
            message = first.recv_event() => message.ok().map(|message| (0, message)),
            message = second.recv_event() => message.ok().map(|message| (1, message)),
        };
        // Nothing stops the select here, as no cancellation token is current.
        selected.ok().flatten()
    }
}
