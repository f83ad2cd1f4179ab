//! A producer that sends a message every [`PAUSE`], and a consumer that waits for each.
//!
//! The pause is longer than any of the systems looks for a message before it parks: of the peers kanal looks longest,
//! 256 times with a yield in between, which is a tenth of a millisecond. So the consumer parks, and the figure is what
//! it takes to wake it: the time from just before the send to just after the receipt, with two looks at the clock in
//! it. A run's figure is the median over its messages, since a stranger on the core delays a few of them by a hundred
//! times as much.
//!
//! The producer waits for its next moment on its own core without sleeping, so that the moment is kept and its core
//! stays awake; it yields meanwhile, so that a consumer that shares its core gets there.

use std::time::{Duration, Instant};

use reweave_core::sync::thread;

use super::ends::{self, End};
use super::{Channel, Channels, Message};
use crate::Error;
use crate::report::median;
use crate::workload::window::warm_up;
use crate::workload::{Sample, Trial};

/// From one message to the next.
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// Times messages through a channel of type `C`.
pub(super) fn trial<C: Channel>(workload: &Channels, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let work = |length| run::<C>(workload, system, length);
    work(warm_up(trial.window))?;
    let (latencies, seconds) = work(trial.window)?;
    Ok(Sample { ns_per_op: median(&latencies), ..Sample::of(latencies.len() as u64, seconds) })
}

/// The nanoseconds that each message took, and the seconds of them all.
fn run<C: Channel>(workload: &Channels, system: &'static str, length: Duration) -> Result<(Vec<f64>, f64), Error> {
    // A message is its moment of sending, in nanoseconds from here.
    let zero = Instant::now();
    let messages = (length.as_nanos() / PAUSE.as_nanos()).max(1) as u32;
    let (sender, receiver) = C::open(workload.capacity);
    let ends = vec![End::<C>::Sender(sender), End::Receiver(receiver)];
    let latencies = ends::run(system, ends, move |_, end| match end {
        End::Sender(sender) => produce::<C>(&sender, messages, zero).map(|()| Vec::new()),
        End::Receiver(receiver) => consume::<C>(&receiver, messages, zero),
    })?;
    Ok((latencies.concat(), zero.elapsed().as_secs_f64()))
}

fn produce<C: Channel>(sender: &C::Sender, messages: u32, zero: Instant) -> Result<(), String> {
    let begun = Instant::now();
    for message in 1..=messages {
        while begun.elapsed() < PAUSE * message {
            thread::yield_now();
        }
        if !C::send(sender, nanos(zero)) {
            return Err("an open channel refused a message".to_owned());
        }
    }
    Ok(())
}

fn consume<C: Channel>(receiver: &C::Receiver, messages: u32, zero: Instant) -> Result<Vec<f64>, String> {
    let mut latencies = Vec::with_capacity(messages as usize);
    let mut last = 0;
    while let Some(sent) = C::recv(receiver) {
        let now = nanos(zero);
        if sent < last || sent > now {
            return Err(format!("a message of {sent} ns came after one of {last} ns, at {now} ns"));
        }
        last = sent;
        latencies.push((now - sent) as f64);
    }
    match latencies.len() as u64 {
        received if received == u64::from(messages) => Ok(latencies),
        received => Err(format!("{messages} messages were sent, {received} received")),
    }
}

fn nanos(zero: Instant) -> Message {
    zero.elapsed().as_nanos() as u64
}
