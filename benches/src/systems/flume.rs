//! The crate `flume` 0.12: channels for several producers and consumers, built on one lock each, with select.

use flume::{Receiver, Selector, Sender};

use crate::workload::channels::{self, Capacity, Message};

/// Its channels of messages.
#[derive(Debug)]
pub enum Channel {}

impl channels::Channel for Channel {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    fn open(capacity: Capacity) -> (Self::Sender, Self::Receiver) {
        match capacity {
            Capacity::Bounded(bound) => flume::bounded(bound),
            Capacity::Rendezvous => flume::bounded(0),
            Capacity::Unbounded => flume::unbounded(),
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
        Selector::new()
            .recv(first, |message| message.ok().map(|message| (0, message)))
            .recv(second, |message| message.ok().map(|message| (1, message)))
            .wait()
    }
}
