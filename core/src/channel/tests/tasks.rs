//! The asynchronous side: suspended tasks, wakers, and what becomes of a notification when a task is dropped.

use std::cell::RefCell;

use super::*;
use crate::channel::{Sending, TryRecvError};
use crate::event::{Event, Select, Waiter, Waiting};

#[test]
fn tasks_talk_to_threads() {
    for (tx, rx) in flavours() {
        let sender = thread::spawn(move || (0..500).for_each(|value| tx.send(value).unwrap()));
        for value in 0..500 {
            assert_eq!(block_on(rx.recv_async()), Ok(value));
        }
        assert!(block_on(rx.recv_async()).is_err());
        sender.join().unwrap();
    }
}

#[test]
fn threads_talk_to_tasks() {
    for (tx, rx) in flavours() {
        let sender = thread::spawn(move || (0..500).for_each(|value| block_on(tx.send_async(value)).unwrap()));
        assert!(rx.iter().eq(0..500));
        sender.join().unwrap();
    }
}

#[test]
fn tasks_talk_to_tasks() {
    for (tx, rx) in flavours() {
        let sender = thread::spawn(move || (0..500).for_each(|value| block_on(tx.send_async(value)).unwrap()));
        for value in 0..500 {
            assert_eq!(block_on(rx.recv_async()), Ok(value));
        }
        sender.join().unwrap();
    }
}

/// Never happens, and always looks as if it would.
struct Restless;

impl Event for Restless {
    type Output = u32;

    fn attempt(&mut self) -> Option<u32> {
        None
    }

    fn enlist(&mut self, _waiter: &Waiter) -> bool {
        true
    }

    fn delist(&mut self) {}

    fn pass_on(&mut self) {}
}

/// Never happens either; lets a sender come to wait when it is enlisted for the last time that it counts.
struct Trap<'a, 's> {
    enlistments: usize,
    sending: &'a RefCell<Sending<'s, u32>>,
}

impl Event for Trap<'_, '_> {
    type Output = u32;

    fn attempt(&mut self) -> Option<u32> {
        None
    }

    fn enlist(&mut self, _waiter: &Waiter) -> bool {
        self.enlistments = self.enlistments.wrapping_sub(1);
        if self.enlistments == 0 {
            assert!(poll_once(&mut *self.sending.borrow_mut()).is_pending());
        }
        false
    }

    fn delist(&mut self) {}

    fn pass_on(&mut self) {}
}

/// In whatever round of a poll a sender comes: a receiver that suspends has not taken its value, and may be dropped.
#[test]
fn a_task_that_suspends_has_taken_nothing() {
    for enlistments in 1..20 {
        let (tx, rx) = rendezvous();
        let sending = RefCell::new(tx.send_async(7));
        let mut select = Select::biased();
        select.add(Trap { enlistments, sending: &sending });
        select.add(rx.recv_event().map(Result::unwrap));
        select.add(Restless);
        let received = poll_once(&mut select.wait_async()).map(Result::unwrap);
        drop(select);
        let sent = poll_once(&mut *sending.borrow_mut()).is_ready();
        match received {
            Poll::Ready(received) => assert_eq!(received, (1, 7)),
            Poll::Pending => assert!(!sent, "the value was sent, and the task that had it was dropped"),
        }
    }
}

#[test]
fn a_notification_goes_on_when_its_task_is_dropped() {
    for (tx, rx) in buffered() {
        let mut first = rx.recv_async();
        let mut second = rx.recv_async();
        assert!(poll_once(&mut first).is_pending() && poll_once(&mut second).is_pending());
        let woken = Arc::new(Woken::default());
        assert!(woken.poll(&mut second).is_pending());
        tx.send(1).unwrap();
        assert_eq!(woken.count(), 0, "the first was notified");
        drop(first);
        assert_eq!(woken.count(), 1, "and passed it on");
        assert_eq!(woken.poll(&mut second), Poll::Ready(Ok(1)));
    }
}

#[test]
fn room_that_a_dropped_task_was_told_of_goes_to_the_next() {
    let (tx, rx) = bounded(1);
    tx.send(0).unwrap();
    let mut first = tx.send_async(1);
    let mut second = tx.send_async(2);
    let woken = Arc::new(Woken::default());
    assert!(poll_once(&mut first).is_pending() && woken.poll(&mut second).is_pending());
    assert_eq!(rx.recv(), Ok(0));
    drop(first);
    assert_eq!(woken.count(), 1);
    assert!(matches!(woken.poll(&mut second), Poll::Ready(Ok(()))));
    assert_eq!(rx.try_recv(), Ok(2));
}

#[test]
fn a_suspended_receiver_of_a_rendezvous_is_notified_and_comes() {
    let (tx, rx) = rendezvous();
    let mut receiving = rx.recv_async();
    let woken = Arc::new(Woken::default());
    assert!(woken.poll(&mut receiving).is_pending());
    assert!(tx.try_send(0).is_err(), "nothing is given to a task that may be dropped");
    let mut sending = tx.send_async(1);
    assert!(poll_once(&mut sending).is_pending());
    assert_eq!(woken.count(), 1);
    assert_eq!(woken.poll(&mut receiving), Poll::Ready(Ok(1)));
    assert!(matches!(poll_once(&mut sending), Poll::Ready(Ok(()))));
}

#[test]
fn a_rendezvous_passes_its_notification_on() {
    let (tx, rx) = rendezvous();
    let (mut first, mut second) = (rx.recv_async(), rx.recv_async());
    let woken = Arc::new(Woken::default());
    assert!(poll_once(&mut first).is_pending() && woken.poll(&mut second).is_pending());
    let mut sending = tx.send_async(1);
    assert!(poll_once(&mut sending).is_pending());
    assert_eq!(woken.count(), 0);
    drop(first);
    assert_eq!(woken.count(), 1);
    assert_eq!(woken.poll(&mut second), Poll::Ready(Ok(1)));
}

#[test]
fn a_send_that_was_taken_has_happened_though_its_task_is_dropped() {
    let (tx, rx) = rendezvous();
    let drops = Drops::default();
    let mut sending = tx.send_async(drops.token());
    assert!(poll_once(&mut sending).is_pending());
    let value = rx.try_recv().ok();
    drop(sending);
    assert_eq!(drops.count(), 0);
    drop(value);
    assert_eq!(drops.count(), 1);
}

#[test]
fn a_send_that_is_dropped_before_takes_its_value_along() {
    let (tx, rx) = rendezvous();
    let drops = Drops::default();
    let mut sending = tx.send_async(drops.token());
    assert!(poll_once(&mut sending).is_pending());
    drop(sending);
    assert_eq!(drops.count(), 1);
    assert!(matches!(rx.try_recv(), Err(TryRecvError::Empty)));
}

#[test]
fn suspended_tasks_learn_of_a_close() {
    for (tx, rx) in flavours::<u8>() {
        let woken = Arc::new(Woken::default());
        let mut receiving = rx.recv_async();
        assert!(woken.poll(&mut receiving).is_pending());
        tx.close("bye");
        assert_eq!(woken.count(), 1);
        let Poll::Ready(Err(why)) = woken.poll(&mut receiving) else { panic!("closed") };
        assert_eq!(why.closed().unwrap().reason().as_str(), "bye");
    }
    let (tx, rx) = rendezvous();
    let woken = Arc::new(Woken::default());
    let mut sending = tx.send_async(7);
    assert!(woken.poll(&mut sending).is_pending());
    drop(rx);
    assert_eq!(woken.count(), 1);
    let Poll::Ready(Err(error)) = woken.poll(&mut sending) else { panic!("closed") };
    assert_eq!(error.value, 7);
}

#[test]
fn events_are_futures() {
    let (tx, rx) = unbounded();
    tx.send(3).unwrap();
    assert_eq!(block_on(Waiting::new(rx.recv_event())).unwrap(), Ok(3));
}

/// A waker that panics harms neither the sender that wakes it nor those behind it.
#[test]
fn a_waker_that_panics_harms_nobody() {
    struct Explosive;
    impl Wake for Explosive {
        fn wake(self: Arc<Self>) {
            std::panic::resume_unwind(Box::new("a waker of the user's"));
        }
    }
    let (tx, rx) = unbounded();
    let (mut first, mut second) = (rx.recv_async(), rx.recv_async());
    let explosive = Waker::from(Arc::new(Explosive));
    assert!(std::pin::Pin::new(&mut first).poll(&mut Context::from_waker(&explosive)).is_pending());
    let woken = Arc::new(Woken::default());
    assert!(woken.poll(&mut second).is_pending());
    tx.send(1).unwrap();
    tx.send(2).unwrap();
    assert_eq!(woken.count(), 1);
    assert_eq!(woken.poll(&mut second), Poll::Ready(Ok(1)));
    assert_eq!(poll_once(&mut first), Poll::Ready(Ok(2)));
}

/// A waker that counts.
#[derive(Default)]
struct Woken(AtomicUsize);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Woken {
    fn poll<F: Future + Unpin>(self: &Arc<Self>, future: &mut F) -> Poll<F::Output> {
        std::pin::Pin::new(future).poll(&mut Context::from_waker(&Waker::from(self.clone())))
    }

    fn count(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
