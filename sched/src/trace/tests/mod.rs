//! Traces: what is recorded and when, and what is made of it.

mod chrome;
mod folded;
mod recording;
mod world;
