//! The crate `kanal` 0.1: channels for several producers and consumers that hand messages from stack to stack.
//!
//! Its receives are not safe to cancel and it has no select; what it does, it does fast.

use kanal::{Receiver, Sender};

use crate::workload::channels::{self, Capacity, Message};

/// Its channels of messages.
#[derive(Debug)]
pub enum Channel {}

impl channels::Channel for Channel {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    fn open(capacity: Capacity) -> (Self::Sender, Self::Receiver) {
        match capacity {
            Capacity::Bounded(bound) => kanal::bounded(bound),
            Capacity::Rendezvous => kanal::bounded(0),
            Capacity::Unbounded => kanal::unbounded(),
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
