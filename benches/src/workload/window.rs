//! How long a run lasts, and what comes before it.
//!
//! All threads of a run stop at one deadline, counted from the moment that the first of them starts. The speed is what
//! all did together over the time from that moment until the last has stopped: so it is right also when threads share a
//! core and some of them start late.

use std::time::{Duration, Instant};

use reweave_core::sync::Mutex;

/// The warm-up's share of the timed run, and its bounds.
const WARM_UP_SHARE: u32 = 10;
const WARM_UP: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(100));

/// How long to warm up before a timed run of this length.
pub(super) fn warm_up(length: Duration) -> Duration {
    (length / WARM_UP_SHARE).clamp(WARM_UP.0, WARM_UP.1)
}

/// The time that all threads of a run have in common.
#[derive(Debug)]
pub(super) struct Window {
    length: Duration,
    start: Mutex<Option<Instant>>,
}

impl Window {
    pub(super) fn new(length: Duration) -> Self {
        Self { length, start: Mutex::new(None) }
    }

    /// The moment at which the first thread asked.
    pub(super) fn start(&self) -> Instant {
        *self.start.lock().get_or_insert_with(Instant::now)
    }

    /// The moment, if the window that began at `start` is over by now.
    pub(super) fn over(&self, start: Instant) -> Option<Instant> {
        let now = Instant::now();
        (now - start >= self.length).then_some(now)
    }

    /// The seconds from the start to the last of these ends; the length of the window when there are none.
    pub(super) fn seconds(&self, ends: impl IntoIterator<Item = Instant>) -> f64 {
        ends.into_iter().max().map_or(self.length, |end| end - self.start()).as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_once_and_ends_with_the_last() {
        let window = Window::new(Duration::from_millis(3));
        let start = window.start();
        assert_eq!(window.start(), start);
        let begun = Instant::now();
        assert!(window.over(begun).is_none_or(|now| now - begun >= Duration::from_millis(3)));
        assert!(window.over(begun - Duration::from_millis(3)).is_some_and(|now| now >= begun));
        assert_eq!(window.seconds([]), 0.003);
        let ends = [2, 7, 5].map(|seconds| start + Duration::from_secs(seconds));
        assert_eq!(window.seconds(ends), 7.0);
    }

    #[test]
    fn a_warm_up_is_a_tenth_within_bounds() {
        let of = |millis| warm_up(Duration::from_millis(millis)).as_millis();
        assert_eq!((of(1), of(200), of(60_000)), (1, 20, 100));
    }
}
