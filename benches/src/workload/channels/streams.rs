//! Producers that send as fast as they can, and consumers that receive as fast as they can.
//!
//! Producers send until the window is over and then drop their ends; consumers receive until the channel has ended. So
//! nothing but the channel passes between threads while they are timed. The time runs from the moment that the first
//! thread starts until the last consumer has seen the end.
//!
//! Members of the team are producers first, then consumers, and the team pins them to cores in turn: with two cores,
//! one producer and one consumer have a core each, and four and four are evenly spread. The warm-up has a channel of its
//! own, since a channel ends once.

use std::time::{Duration, Instant};

use reweave_core::sync::Arc;

use super::ends::{self, End};
use super::{Channel, Channels, Message};
use crate::Error;
use crate::workload::window::{Window, warm_up};
use crate::workload::{Sample, Trial};

/// Messages between two looks at a producer's clock.
const LOOK_EVERY: u64 = 256;
/// The low bits of a message are its number, the others its producer's.
const NUMBER_BITS: u32 = 48;
const NUMBER: u64 = (1 << NUMBER_BITS) - 1;

/// One producer and one consumer on a channel of type `C`.
pub(super) fn single<C: Channel>(workload: &Channels, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    timed::<C>(system, trial, || {
        let (sender, receiver) = C::open(workload.capacity);
        vec![End::Sender(sender), End::Receiver(receiver)]
    })
}

/// As many producers and consumers as the trial has threads, half of them each.
pub(super) fn shared<C: Channel<Sender: Clone, Receiver: Clone>>(
    workload: &Channels,
    system: &'static str,
    trial: &Trial,
) -> Result<Sample, Error> {
    timed::<C>(system, trial, || {
        let (sender, receiver) = C::open(workload.capacity);
        let sides = trial.threads / 2;
        let senders = std::iter::repeat_n(sender, sides).map(End::Sender);
        senders.chain(std::iter::repeat_n(receiver, sides).map(End::Receiver)).collect()
    })
}

/// What a thread saw.
struct Tally {
    /// Messages received or, negative, sent.
    balance: i64,
    /// The sum of all messages received without the sum of all that were sent.
    sum: u64,
    end: Instant,
}

/// Warms up, times and checks what threads do with the ends that `open` gives them, one each.
fn timed<C: Channel>(system: &'static str, trial: &Trial, open: impl Fn() -> Vec<End<C>>) -> Result<Sample, Error> {
    run(system, warm_up(trial.window), open())?;
    let (messages, seconds) = run(system, trial.window, open())?;
    Ok(Sample::of(messages, seconds))
}

/// How many messages arrived, and the seconds that it took.
fn run<C: Channel>(system: &'static str, length: Duration, ends: Vec<End<C>>) -> Result<(u64, f64), Error> {
    let threads = ends.len();
    let producers = ends.iter().filter(|end| matches!(end, End::Sender(_))).count();
    let window = Arc::new(Window::new(length));
    let shared = Arc::clone(&window);
    let tallies = ends::run(system, ends, move |thread, end| match end {
        End::Sender(sender) => produce::<C>(thread as u64, sender, &shared),
        End::Receiver(receiver) => consume::<C>(producers, receiver),
    })?;
    check(&tallies).map_err(|finding| Error::Wrong { system, threads, finding })?;
    let received = tallies.iter().filter_map(|tally| u64::try_from(tally.balance).ok()).sum();
    Ok((received, window.seconds(tallies.iter().map(|tally| tally.end))))
}

/// Sends until the window is over, and then lets go of the channel.
fn produce<C: Channel>(producer: u64, sender: C::Sender, window: &Window) -> Result<Tally, String> {
    let start = window.start();
    let first = producer << NUMBER_BITS;
    let (mut next, mut sum) = (first, 0_u64);
    loop {
        for _ in 0..LOOK_EVERY {
            if !C::send(&sender, next) {
                return Err(format!("producer {producer} was refused while consumers were there"));
            }
            sum = sum.wrapping_sub(next);
            next += 1;
        }
        if let Some(now) = window.over(start) {
            drop(sender);
            return Ok(Tally { balance: -((next - first) as i64), sum, end: now });
        }
    }
}

/// Receives until the channel has ended.
fn consume<C: Channel>(producers: usize, receiver: C::Receiver) -> Result<Tally, String> {
    // For each producer the least message that may come next.
    let mut least: Vec<Message> = (0..producers as u64).map(|producer| producer << NUMBER_BITS).collect();
    let (mut count, mut sum) = (0_u64, 0_u64);
    while let Some(message) = C::recv(&receiver) {
        let producer = message >> NUMBER_BITS;
        match least.get_mut(producer as usize) {
            Some(least) if message >= *least => *least = message + 1,
            _ => return Err(format!("message {} of producer {producer} came out of turn", message & NUMBER)),
        }
        count += 1;
        sum = sum.wrapping_add(message);
    }
    Ok(Tally { balance: count as i64, sum, end: Instant::now() })
}

/// Whether what was received is what was sent.
fn check(tallies: &[Tally]) -> Result<(), String> {
    let balance: i64 = tallies.iter().map(|tally| tally.balance).sum();
    let sum = tallies.iter().fold(0_u64, |sum, tally| sum.wrapping_add(tally.sum));
    match balance {
        0 if sum == 0 => Ok(()),
        0 => Err("as many messages were received as sent, but not the same".to_owned()),
        lost if lost < 0 => Err(format!("messages lost: {}", -lost)),
        made => Err(format!("messages received that were never sent: {made}")),
    }
}
