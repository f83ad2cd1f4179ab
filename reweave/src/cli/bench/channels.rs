//! `reweave bench channels`: messages between threads, and the choice between two channels.

use reweave_benches::workload::Workload;
use reweave_benches::workload::channels::{ALL, SYSTEMS};

use super::suite::{Fixed, Suite};

/// The suite.
#[derive(Debug, Clone)]
pub enum Channels {}

impl Suite for Channels {
    const TITLE: &'static str = "channels: messages of 8 bytes";

    const ABOUT: &'static str = "\
Workloads:
  bounded100-pair  one thread sends a message and receives it
  bounded100-spsc  one producer, one consumer, as fast as they can
  bounded100-4p4c  four producers, four consumers
  unbounded-spsc   one and one, without a bound
  rendezvous-spsc  one and one, without a buffer
  rendezvous-4p4c  four and four, without a buffer
  select2          one thread receives from whichever of two ready channels
  bounded100-late  a message every millisecond: from send to receipt
  rendezvous-late  the same without a buffer

Systems:
  reweave    this project's channels
  crossbeam  the crate crossbeam-channel
  kanal      the crate kanal, which has no select
  flume      the crate flume
  std        std::sync::mpsc, which has one receiver a channel and no select

How it is measured:
  Threads are pinned to cores. Of the workloads with producers that are always
  ready the figure is the time for a message, whoever sends it: the case that
  spinning serves. In the late ones the consumer waits for each message and
  parks; the figure is the time from send to receipt, the median of a run's
  messages. The runs are interleaved: in each round every workload has its turn
  on every system, in an order shuffled anew, and is compared within the round.
  A run whose messages got lost, came twice or out of turn gets no figures.";

    type Threads = Fixed;

    fn workloads() -> Vec<&'static dyn Workload> {
        ALL.iter().map(|workload| workload as &dyn Workload).collect()
    }

    fn systems() -> Vec<&'static str> {
        SYSTEMS.iter().map(|system| system.name).collect()
    }
}
