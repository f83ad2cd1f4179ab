//! A pool whose trace is exact: one worker, and a clock that moves when the test says so.

use std::time::Duration;

use reweave_core::time::VirtualClock;

use crate::Pool;
use crate::trace::{Recorder, Trace};

pub(super) struct World {
    pub(super) pool: Pool,
    pub(super) clock: VirtualClock,
    pub(super) recorder: Recorder,
}

impl World {
    /// With one worker, and recording.
    pub(super) fn new() -> Self {
        let clock = VirtualClock::new();
        let builder = Pool::builder().threads(1).spare_threads(0).name("world").trace(1000);
        let pool = clock.run(|| builder.build().unwrap());
        let recorder = pool.trace().unwrap().clone();
        recorder.start();
        Self { pool, clock, recorder }
    }

    /// The time passes.
    pub(super) fn pass(&self, ns: u64) {
        pass(&self.clock, ns);
    }

    /// Ends the pool, so that all that was begun has ended, and looks.
    pub(super) fn end(self) -> Trace {
        drop(self.pool);
        self.recorder.snapshot()
    }
}

pub(super) fn pass(clock: &VirtualClock, ns: u64) {
    clock.advance(Duration::from_nanos(ns));
}
