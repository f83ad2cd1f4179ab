//! Sequential laws: every flavour against a queue that is nothing but a queue.

use std::collections::VecDeque;

use quickcheck::{Arbitrary, Gen, QuickCheck};

use super::*;
use crate::channel::{How, TryRecvError, TrySendError};
use crate::event::Event;

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(u8),
    Recv,
    SendEvent(u8),
    RecvEvent,
    SuspendedSend(u8),
    SuspendedRecv,
    Close,
    CloneSender,
    DropSender,
    DropReceiver,
    Drain,
}

impl Arbitrary for Step {
    fn arbitrary(g: &mut Gen) -> Self {
        match u8::arbitrary(g) % 64 {
            0..16 => Self::Send(u8::arbitrary(g)),
            16..30 => Self::Recv,
            30..36 => Self::SendEvent(u8::arbitrary(g)),
            36..42 => Self::RecvEvent,
            42..48 => Self::SuspendedSend(u8::arbitrary(g)),
            48..54 => Self::SuspendedRecv,
            54 => Self::Close,
            55..58 => Self::CloneSender,
            58..60 => Self::DropSender,
            60 => Self::DropReceiver,
            _ => Self::Drain,
        }
    }
}

/// What a channel is, without threads.
struct Reference {
    queue: VecDeque<u8>,
    capacity: Option<usize>,
    closed: Option<How>,
}

impl Reference {
    fn send(&mut self, value: u8) -> Result<(), Option<How>> {
        if let Some(how) = self.closed {
            return Err(Some(how));
        }
        if self.capacity.is_some_and(|capacity| self.queue.len() >= capacity) {
            return Err(None);
        }
        self.queue.push_back(value);
        Ok(())
    }

    fn recv(&mut self) -> Result<u8, Option<How>> {
        self.queue.pop_front().ok_or(self.closed)
    }
}

fn agrees((tx, rx): (Sender<u8>, Receiver<u8>), steps: &[Step]) {
    let mut reference = Reference { queue: VecDeque::new(), capacity: tx.capacity(), closed: None };
    let (mut senders, mut receiver) = (vec![tx], Some(rx));
    for &step in steps {
        match (step, senders.last(), &receiver) {
            (Step::Send(value), Some(tx), _) => {
                let sent = tx.try_send(value).map_err(|error| match error {
                    TrySendError::Full(back) => (back, None),
                    TrySendError::Closed(back, closed) => (back, Some(closed.how())),
                });
                assert_eq!(sent, reference.send(value).map_err(|how| (value, how)));
            }
            (Step::SendEvent(value), Some(tx), _) => {
                let mut event = tx.send_event(value);
                let sent = match event.attempt() {
                    Some(Ok(())) => Ok(()),
                    Some(Err(error)) => Err(Some(error.why.closed().unwrap().how())),
                    None => Err(None),
                };
                assert_eq!(event.into_inner().is_some(), sent == Err(None));
                assert_eq!(sent, reference.send(value));
            }
            (Step::SuspendedSend(value), Some(tx), _) => {
                let mut sending = tx.send_async(value);
                let sent = match poll_once(&mut sending) {
                    Poll::Ready(Ok(())) => Ok(()),
                    Poll::Ready(Err(error)) => Err(Some(error.why.closed().unwrap().how())),
                    Poll::Pending => Err(None),
                };
                assert_eq!(sent, reference.send(value));
            }
            (Step::Recv, _, Some(rx)) => {
                let received = rx.try_recv().map_err(|error| match error {
                    TryRecvError::Empty => None,
                    TryRecvError::Closed(closed) => Some(closed.how()),
                });
                assert_eq!(received, reference.recv());
            }
            (Step::RecvEvent, _, Some(rx)) => {
                let received = match rx.recv_event().attempt() {
                    Some(received) => received.map_err(|closed| Some(closed.how())),
                    None => Err(None),
                };
                assert_eq!(received, reference.recv());
            }
            (Step::SuspendedRecv, _, Some(rx)) => {
                let received = match poll_once(&mut rx.recv_async()) {
                    Poll::Ready(received) => received.map_err(|why| Some(why.closed().unwrap().how())),
                    Poll::Pending => Err(None),
                };
                assert_eq!(received, reference.recv());
            }
            (Step::Drain, _, Some(rx)) => assert!(rx.try_iter().eq(reference.queue.drain(..))),
            (Step::Close, _, Some(rx)) => {
                assert_eq!(rx.close("by a law"), reference.closed.is_none());
                reference.closed.get_or_insert(How::ByReceiver);
            }
            (Step::CloneSender, Some(tx), _) => senders.push(tx.clone()),
            (Step::DropSender, Some(_), _) => {
                senders.pop();
                if senders.is_empty() {
                    reference.closed.get_or_insert(How::SendersDropped);
                }
            }
            (Step::DropReceiver, _, Some(_)) => {
                receiver = None;
                reference.closed.get_or_insert(How::ReceiversDropped);
                reference.queue.clear();
            }
            _ => {}
        }
        if let Some(tx) = senders.last() {
            assert_eq!((tx.len(), tx.is_closed()), (reference.queue.len(), reference.closed.is_some()));
            assert_eq!(tx.is_full(), reference.capacity == Some(reference.queue.len()));
        }
    }
}

#[test]
fn a_bounded_channel_is_a_queue_with_room() {
    fn law(capacity: u8, steps: Vec<Step>) {
        agrees(bounded(usize::from(capacity % 5) + 1), &steps);
    }
    QuickCheck::new().tests(2_000).quickcheck(law as fn(u8, Vec<Step>));
}

#[test]
fn an_unbounded_channel_is_a_queue() {
    fn law(prefix: u8, steps: Vec<Step>) {
        let (tx, rx) = unbounded();
        // Anywhere in a block.
        for _ in 0..prefix {
            tx.send(0).unwrap();
            rx.recv().unwrap();
        }
        agrees((tx, rx), &steps);
    }
    QuickCheck::new().tests(2_000).quickcheck(law as fn(u8, Vec<Step>));
}

#[test]
fn a_rendezvous_channel_is_a_queue_without_room() {
    fn law(steps: Vec<Step>) {
        agrees(rendezvous(), &steps);
    }
    QuickCheck::new().tests(2_000).quickcheck(law as fn(Vec<Step>));
}
