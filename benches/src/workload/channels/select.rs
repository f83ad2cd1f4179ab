//! One thread that receives from whichever of two channels is ready, when both are.
//!
//! Both channels are filled, then as many messages are received as one of them held, so that neither can run empty,
//! and the rest is taken out. Only the receiving is timed. What is counted is thus the choice itself: no message is awaited,
//! and no sending is mixed in.

use std::time::{Duration, Instant};

use super::{Capacity, Channels, Message, Select};
use crate::workload::window::warm_up;
use crate::workload::{Sample, Trial};
use crate::{Error, team};

/// Times receives from two channels of type `C`.
pub(super) fn trial<C: Select>(workload: &Channels, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let (capacity, window, threads) = (workload.capacity, trial.window, trial.threads);
    let member = move |_| {
        let mut channels = [C::open(capacity), C::open(capacity)];
        let batch = match capacity {
            Capacity::Bounded(bound) => bound as u64,
            Capacity::Rendezvous | Capacity::Unbounded => super::BOUND as u64,
        };
        work::<C>(&mut channels, batch, warm_up(window))?;
        work::<C>(&mut channels, batch, window)
    };
    let mut results = team::run(threads, member).map_err(|cause| Error::Broken { system, threads, cause })?;
    let (ops, seconds) = results.swap_remove(0).map_err(|finding| Error::Wrong { system, threads, finding })?;
    Ok(Sample::of(ops, seconds))
}

/// Receives, batch by batch, until it took this long with everything around it: how often, and the seconds of the
/// receives alone.
fn work<C: Select>(
    channels: &mut [(C::Sender, C::Receiver); 2],
    batch: u64,
    length: Duration,
) -> Result<(u64, f64), String> {
    let [(first_in, first), (second_in, second)] = channels;
    let begun = Instant::now();
    let (mut ops, mut taken) = (0, Duration::ZERO);
    while begun.elapsed() < length {
        for message in 0..batch {
            if !(C::send(first_in, message) && C::send(second_in, message)) {
                return Err("an open channel refused a message".to_owned());
            }
        }
        let mut next: [Message; 2] = [0, 0];
        let before = Instant::now();
        for _ in 0..batch {
            match C::select(first, second) {
                Some((from, message)) if next[from] == message => next[from] += 1,
                other => return Err(format!("{other:?} was selected where {next:?} were to come")),
            }
        }
        taken += before.elapsed();
        ops += batch;
        for (receiver, next) in [(&*first, next[0]), (&*second, next[1])] {
            for expected in next..batch {
                match C::recv(receiver) {
                    Some(message) if message == expected => {}
                    other => return Err(format!("{other:?} was received where {expected} had to come")),
                }
            }
        }
    }
    Ok((ops, taken.as_secs_f64()))
}
