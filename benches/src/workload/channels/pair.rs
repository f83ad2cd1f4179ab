//! One thread that sends a message and receives it: what a channel costs when nobody else is near and nobody waits.

use super::{Channel, Channels};
use crate::Error;
use crate::workload::repeat::repeat;
use crate::workload::{Sample, Trial};

/// Times pairs of send and receive on a channel of type `C`.
pub(super) fn trial<C: Channel>(workload: &Channels, system: &'static str, trial: &Trial) -> Result<Sample, Error> {
    let capacity = workload.capacity;
    let timed = repeat(system, trial, move |_| {
        let (sender, receiver) = C::open(capacity);
        let mut next = 0;
        move || {
            next += 1;
            if !C::send(&sender, next) {
                return Err(format!("message {next} was refused by an open channel"));
            }
            match C::recv(&receiver) {
                Some(found) if found == next => Ok(()),
                found => Err(format!("message {next} was sent, {found:?} was received")),
            }
        }
    });
    timed.map(|(sample, _)| sample)
}
