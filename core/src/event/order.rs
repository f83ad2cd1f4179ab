//! In which order a select tries its events.

use super::random::below;

/// How a select chooses among events that are ready at the same time.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Order {
    /// Each with the same probability, so that none is starved by the others.
    #[default]
    Random,
    /// The one that is listed first.
    Listed,
}

/// Selects up to this size are ordered without allocation.
const SMALL: usize = 16;

/// A permutation of the indices of a select's events.
pub(crate) struct Sequence {
    small: [u8; SMALL],
    large: Vec<usize>,
    len: usize,
}

impl Sequence {
    pub(crate) fn new(order: Order, len: usize) -> Self {
        let mut sequence = Self { small: [0; SMALL], large: Vec::new(), len };
        if len <= SMALL {
            for (index, place) in sequence.small[..len].iter_mut().enumerate() {
                *place = index as u8;
            }
            if order == Order::Random {
                shuffle(&mut sequence.small[..len]);
            }
        } else {
            sequence.large = (0..len).collect();
            if order == Order::Random {
                shuffle(&mut sequence.large);
            }
        }
        sequence
    }

    pub(crate) fn get(&self, position: usize) -> usize {
        if self.len <= SMALL { usize::from(self.small[position]) } else { self.large[position] }
    }
}

/// Fisher and Yates.
fn shuffle<T>(places: &mut [T]) {
    for last in (1..places.len()).rev() {
        places.swap(last, below(last + 1));
    }
}
