//! The standard library's channels, `std::sync::mpsc`: several producers, one consumer, no select.
#![allow(clippy::disallowed_types, clippy::disallowed_methods)] // The system under test is the standard library's.

use std::sync::mpsc::{self, Receiver, Sender, SyncSender};

use crate::workload::channels::{self, Capacity, Message};

/// Its channels with a bound, of which 0 is one.
#[derive(Debug)]
pub enum SyncChannel {}

/// Its channels without a bound.
#[derive(Debug)]
pub enum Channel {}

impl channels::Channel for SyncChannel {
    type Sender = SyncSender<Message>;
    type Receiver = Receiver<Message>;

    /// # Panics
    /// When the channel is to have no bound: that is another type here.
    fn open(capacity: Capacity) -> (Self::Sender, Self::Receiver) {
        match capacity {
            Capacity::Bounded(bound) => mpsc::sync_channel(bound),
            Capacity::Rendezvous => mpsc::sync_channel(0),
            Capacity::Unbounded => unreachable!("an unbounded channel of this system is a `Channel`"),
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

impl channels::Channel for Channel {
    type Sender = Sender<Message>;
    type Receiver = Receiver<Message>;

    /// # Panics
    /// When the channel is to have a bound: that is another type here.
    fn open(capacity: Capacity) -> (Self::Sender, Self::Receiver) {
        assert_eq!(capacity, Capacity::Unbounded, "a bounded channel of this system is a `SyncChannel`");
        mpsc::channel()
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
