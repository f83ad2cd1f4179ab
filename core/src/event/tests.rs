use std::collections::VecDeque;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use quickcheck::quickcheck;

use super::order::Sequence;
use super::stagger::Stagger;
use super::{Event, Limits, Order, Select, Stopped, Ticket, WaitQueue, Waiter, Waiting, wait, wait_with};
use crate::cancel::Token;
use crate::select;
use crate::sync::thread;

fn cancelled(reason: &'static str) -> Token {
    let token = Token::new();
    token.cancel(reason);
    token
}

#[test]
fn an_event_that_is_ready_needs_no_token() {
    let stopped = cancelled("not looked at");
    let outcome = stopped.run(|| wait(cancelled("ready").cancelled()));
    assert_eq!(outcome.unwrap().reason.as_str(), "ready");
}

#[test]
fn a_wait_ends_with_the_current_token() {
    let token = Token::new();
    let canceller = thread::spawn({
        let token = token.clone();
        move || token.cancel("enough")
    });
    let outcome = token.run(|| wait(Token::new().cancelled()));
    assert!(matches!(outcome, Err(Stopped::Cancelled(cancelled)) if cancelled.reason.as_str() == "enough"));
    canceller.join().unwrap();
}

#[test]
fn a_deadline_ends_a_wait_and_not_before() {
    let deadline = Instant::now() + Duration::from_millis(5);
    assert_eq!(wait_with(Token::new().cancelled(), Limits::until(deadline)), Err(Stopped::TimedOut));
    assert!(Instant::now() >= deadline);
}

#[test]
fn an_unstoppable_wait_does_not_hear_the_token() {
    let (token, event) = (cancelled("unheard"), Token::new());
    let canceller = thread::spawn({
        let event = event.clone();
        move || event.cancel("happened")
    });
    let outcome = token.run(|| wait_with(event.cancelled(), Limits::unstoppable()));
    assert_eq!(outcome.unwrap().reason.as_str(), "happened");
    canceller.join().unwrap();
}

#[test]
fn a_future_is_woken_and_can_be_dropped() {
    let token = Token::new();
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiting = pin!(Waiting::new(token.cancelled()));
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    {
        let mut dropped = pin!(Waiting::new(token.cancelled()));
        assert!(dropped.as_mut().poll(&mut cx).is_pending());
    }
    token.cancel("now");
    assert!(matches!(waiting.as_mut().poll(&mut cx), Poll::Ready(Ok(cancelled)) if cancelled.reason.as_str() == "now"));
}

#[test]
fn a_future_hears_the_token_that_is_current() {
    let (token, never) = (Token::new(), Token::new());
    let mut cx = Context::from_waker(Waker::noop());
    let mut waiting = pin!(Waiting::new(never.cancelled()));
    assert!(token.run(|| waiting.as_mut().poll(&mut cx)).is_pending());
    token.cancel("enough");
    assert!(matches!(waiting.as_mut().poll(&mut cx), Poll::Ready(Err(Stopped::Cancelled(_)))));
}

#[test]
fn select_is_fair_unless_told_otherwise() {
    let (left, right) = (cancelled("left"), cancelled("right"));
    let mut lefts = 0;
    for _ in 0..1_000 {
        let side = select! {
            cancelled = left.cancelled() => cancelled.reason,
            cancelled = right.cancelled() => cancelled.reason,
        };
        lefts += usize::from(side.unwrap().as_str() == "left");
    }
    // Ten standard deviations around the middle.
    assert!((340..=660).contains(&lefts), "{lefts} of 1,000 went to the left");
    for _ in 0..100 {
        let side = select! {
            biased;
            _ = right.cancelled() => "right",
            _ = left.cancelled() => "left",
        };
        assert_eq!(side, Ok("right"));
    }
}

#[test]
fn expressions_of_a_select_belong_to_the_function_around_it() {
    fn first(tokens: &[Token; 3]) -> Result<&'static str, Stopped> {
        let mut rounds = 0;
        loop {
            rounds += select! {
                biased;
                _ = tokens[0].cancelled() => return Ok("returned"),
                _ = tokens[1].cancelled() => {
                    break;
                }
                _ = tokens[2].cancelled() => 1,
            }?;
            if rounds == 3 {
                return Ok("went round");
            }
        }
        Ok("broke")
    }
    let idle = Token::new;
    assert_eq!(first(&[cancelled("first"), idle(), idle()]), Ok("returned"));
    assert_eq!(first(&[idle(), cancelled("second"), idle()]), Ok("broke"));
    assert_eq!(first(&[idle(), idle(), cancelled("third")]), Ok("went round"));
    let stopped = cancelled("stop").run(|| first(&[idle(), idle(), idle()]));
    assert!(matches!(stopped, Err(Stopped::Cancelled(_))));
}

#[test]
fn what_a_select_borrowed_is_free_in_its_expressions() {
    let mut token = cancelled("once");
    let renewed = select! {
        _ = token.cancelled() => {
            token = Token::new();
            true
        }
        default => false,
    };
    assert!(renewed && !token.is_cancelled());
}

#[test]
fn a_select_of_many_can_be_waited_for_again() {
    let tokens: Vec<Token> = (0..40).map(|_| Token::new()).collect();
    let mut select = Select::biased();
    for token in &tokens {
        select.add(token.cancelled().map(|cancelled| cancelled.reason));
    }
    assert_eq!(select.attempt(), None);
    assert_eq!(select.wait_deadline(Instant::now()), Err(Stopped::TimedOut));
    for index in [33, 2] {
        tokens[index].cancel("chosen");
        assert_eq!(select.wait().unwrap().0, index);
    }
    let mut cx = Context::from_waker(Waker::noop());
    assert!(matches!(pin!(select.wait_async()).poll(&mut cx), Poll::Ready(Ok((2, _)))));
}

#[test]
#[should_panic(expected = "a select among no events never ends")]
fn a_select_among_nothing_says_so() {
    let _ = Select::<()>::new().wait();
}

/// What a step of the law below does to a queue.
#[derive(Clone, Copy, Debug)]
enum Step {
    Push,
    Pop,
    Serve(usize),
    Remove(usize),
}

impl quickcheck::Arbitrary for Step {
    fn arbitrary(g: &mut quickcheck::Gen) -> Self {
        match u8::arbitrary(g) % 5 {
            0 | 1 => Self::Push,
            2 => Self::Pop,
            3 => Self::Serve(usize::arbitrary(g)),
            _ => Self::Remove(usize::arbitrary(g)),
        }
    }
}

quickcheck! {
    fn a_wait_queue_is_a_queue_from_which_tickets_can_be_withdrawn(steps: Vec<Step>) -> bool {
        let waiter = Waiter::new(true);
        let (mut queue, mut plain) = (WaitQueue::new(), VecDeque::<(Ticket, usize)>::new());
        steps.into_iter().enumerate().all(|(number, step)| {
            let agrees = match step {
                Step::Push => {
                    plain.push_back((queue.push(&waiter, number), number));
                    true
                }
                Step::Pop => queue.pop().map(|(_, with)| with) == plain.pop_front().map(|(_, with)| with),
                Step::Remove(_) | Step::Serve(_) if plain.is_empty() => true,
                // That of a blocked thread goes behind the others.
                Step::Serve(index) => {
                    let served = plain.remove(index % plain.len()).unwrap();
                    plain.push_back(served);
                    queue.serve(|_, &mut with| with == served.1).is_none()
                }
                Step::Remove(index) => {
                    let (ticket, with) = plain.remove(index % plain.len()).unwrap();
                    queue.remove(ticket) == Some(with) && queue.remove(ticket).is_none()
                }
            };
            agrees && queue.len() == plain.len() && queue.iter().map(|(_, &with)| with).eq(plain.iter().map(|&(_, with)| with))
        })
    }

    fn a_sequence_is_a_permutation(len: u8) -> bool {
        let len = usize::from(len);
        [Order::Random, Order::Listed].into_iter().all(|order| {
            let sequence = Sequence::new(order, len);
            let mut seen: Vec<usize> = (0..len).map(|position| sequence.get(position)).collect();
            let listed = seen.is_sorted();
            seen.sort_unstable();
            seen.into_iter().eq(0..len) && (listed || order == Order::Random)
        })
    }
}

#[test]
fn waits_that_meet_in_vain_pause_briefly_and_out_of_step() {
    let wait = || {
        thread::spawn(|| {
            let mut stagger = Stagger::default();
            (0..64).map(|_| stagger.length()).collect::<Vec<_>>()
        })
    };
    let (one, other) = (wait(), wait());
    let (one, other) = (one.join().unwrap(), other.join().unwrap());
    for lengths in [&one, &other] {
        let brief = lengths.iter().enumerate().all(|(round, &length)| length < 1 << round.min(6));
        assert!(brief, "{lengths:?}");
    }
    let alike = one.iter().zip(&other).filter(|(one, other)| one == other).count();
    assert!(alike < 32, "{one:?} keeps step with {other:?}");
}
