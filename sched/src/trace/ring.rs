//! The ring that events are written to: one thread writes, any number read meanwhile, and nobody waits.
//!
//! # Protocol
//!
//! Events are numbered from 0. Event n stands in place n mod the number of places, as a few words. One more word, `written`, says how many
//! there are.
//!
//! | step | by | what |
//! |---|---|---|
//! | push | the writer | reads `written` = n; release fence; writes the words of place n; `written` ← n+1, release |
//! | read | anybody | reads `written` = h, acquire; the words of the places of h - places + 1 to h - 1; acquire fence; `written` = h' again; keeps those above h' - places |
//!
//! # Invariants
//!
//! 1. *What is kept is whole.* The words of an event e below h were written before the `written` that the reader saw. They are another's
//!    only if the writer has begun with e + places; before that it has stored `written` = e + places, and then its fence comes. Who reads a
//!    word written behind that fence sees, behind a fence of his own, at least that `written`: h' ≥ e + places, and does not keep e.
//! 2. *What is kept has no gap*: from its first event to h - 1 all are there. What is lost is the oldest.
//!
//! So a ring keeps one event less than it has places: the place of the next one is always taken to be in the writer's hands.
//!
//! # Costs, on x86-64
//! A push is one store more than the words, no atomic instruction that locks, and no fence: both are there for the compiler. Writer and
//! readers share cache lines only while somebody reads.
//!
//! # Sources
//! A sequence lock (Linux; Boehm, *Can Seqlocks Get Along with Programming Language Memory Models?*, MSPC 2012, whose fences these are) for
//! each place, of which one counter serves all: the number of the event that a place holds follows from it. Flight recorders that keep the newest: Linux's ftrace in its
//! overwrite mode.

use crossbeam_utils::CachePadded;
use reweave_core::seeded;
use reweave_core::sync::atomic::{AtomicU64, Ordering, fence};

/// The newest events of one thread, each of so many words. See the [module](self).
///
/// # Examples
/// ```
/// use reweave_sched::trace::ring::Ring;
///
/// let ring = Ring::new(3);
/// (1..=9).for_each(|n| ring.push([n, n * n]));
/// let read = ring.read();
/// assert_eq!((read.first, &read.events[..]), (6, &[[7, 49], [8, 64], [9, 81]][..]));
/// ```
#[derive(Debug)]
pub struct Ring<const WORDS: usize> {
    /// How many events there have been. The writer writes it.
    written: CachePadded<AtomicU64>,
    /// A power of two of them, at least two.
    places: Box<[[AtomicU64; WORDS]]>,
}

/// What was read of a [`Ring`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Read<const WORDS: usize> {
    /// The number of the first that is there: so many are gone.
    pub first: u64,
    /// The events from that one to the newest.
    pub events: Vec<[u64; WORDS]>,
}

impl<const WORDS: usize> Ring<WORDS> {
    /// A ring that keeps at least so many events: one less than the next power of two above.
    ///
    /// # Panics
    /// If there is no memory for them.
    pub fn new(events: usize) -> Self {
        let places = events.max(1).checked_add(1).and_then(usize::checked_next_power_of_two);
        let places = places.expect("there is memory for the events");
        let place = |_| std::array::from_fn(|_| AtomicU64::new(0));
        Self { written: CachePadded::new(AtomicU64::new(0)), places: (0..places).map(place).collect() }
    }

    /// How many events have been written so far. One load.
    pub fn written(&self) -> u64 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes an event; if there is no room, over the oldest.
    ///
    /// One thread at a time, each seeing what the one before has done. Should two push at once, events get lost or mixed, and nothing worse.
    #[inline]
    pub fn push(&self, event: [u64; WORDS]) {
        let number = self.written.load(Ordering::Relaxed);
        if seeded("trace/publish-first") {
            self.written.store(number + 1, Ordering::Release);
        }
        // Pairs with the fence in `read`: who sees a word of this event sees that it has got here (invariant 1).
        if !seeded("trace/write-without-fence") {
            fence(Ordering::Release);
        }
        for (word, value) in self.place(number).iter().zip(event) {
            word.store(value, Ordering::Relaxed);
        }
        // Release pairs with the acquire in `read`: the words are there.
        let order = if seeded("trace/publish-relaxed") { Ordering::Relaxed } else { Ordering::Release };
        self.written.store(number + 1, order);
    }

    /// Reads what is there.
    ///
    /// # Complexity
    /// A load for each word of each event. While the writer goes on, what it overwrites meanwhile is left out.
    pub fn read(&self) -> Read<WORDS> {
        let written = self.written.load(Ordering::Acquire);
        let oldest = self.oldest(written);
        let read = |number| self.place(number).each_ref().map(|word| word.load(Ordering::Relaxed));
        let mut events: Vec<[u64; WORDS]> = (oldest..written).map(read).collect();
        if !seeded("trace/read-without-fence") {
            fence(Ordering::Acquire);
        }
        let now = if seeded("trace/read-without-looking-again") { written } else { self.written() };
        let first = self.oldest(now).min(written);
        events.drain(..(first - oldest) as usize);
        if seeded("trace/reader-takes") {
            self.written.store(first, Ordering::Relaxed);
        }
        Read { first, events }
    }

    /// The oldest event that is there, when so many have been written and the next is being written.
    fn oldest(&self, written: u64) -> u64 {
        (written + 1).saturating_sub(self.places.len() as u64)
    }

    #[inline]
    fn place(&self, number: u64) -> &[AtomicU64; WORDS] {
        &self.places[number as usize & (self.places.len() - 1)]
    }
}
