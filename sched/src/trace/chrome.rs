//! A trace as JSON, in the format of Chrome's `about:tracing`, which Perfetto reads as well.
//!
//! | of the trace | in the file |
//! |---|---|
//! | a track | a thread with its name (`M`) |
//! | a run, a time blocked or asleep | a complete event (`X`) |
//! | a theft | an instant (`i`) |
//! | a spawn or wake-up, and the run that comes from it | a flow (`s`, `f`), drawn as an arrow |
//!
//! Times are microseconds with three decimals, so that no nanosecond is lost. An arrow needs something at its tail: what happens outside of all runs, as spawns by threads that are no workers,
//! is drawn a nanosecond wide.
//!
//! The format: Duca and Sinclair, *Trace Event Format* (Google, 2016).

use std::io::{self, Write};

use serde_json::{Map, Value, json};

use super::event::{Kind, What};
use super::flow::Flow;
use super::span::{Span, Subject};
use super::{Trace, Track};

impl Trace {
    /// Writes the trace as JSON for `chrome://tracing` and <https://ui.perfetto.dev>, an event a line.
    ///
    /// `otherData` has the name of the pool, the recorded time and how many events were lost.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_chrome(&self, out: impl Write) -> io::Result<()> {
        let mut lines = Lines { out, process: std::process::id(), first: true };
        lines.open()?;
        let name = json!({ "name": format!("pool {}", self.pool) });
        lines.write("process_name", "M", 0, 0, [("args", name)])?;
        for (thread, track) in self.tracks.iter().enumerate() {
            lines.write("thread_name", "M", thread, 0, [("args", json!({ "name": track.name }))])?;
            lines.write("thread_sort_index", "M", thread, 0, [("args", json!({ "sort_index": thread }))])?;
        }
        for (thread, track) in self.tracks.iter().enumerate() {
            self.write_track(&mut lines, thread, track)?;
        }
        for (number, flow) in self.flows().iter().enumerate() {
            self.write_flow(&mut lines, number + 1, flow)?;
        }
        let lost: u64 = self.lost();
        lines.close(&json!({
            "pool": self.pool,
            "since_ns": self.since,
            "until_ns": self.until,
            "lost_events": lost,
        }))
    }

    fn write_track(&self, lines: &mut Lines<impl Write>, thread: usize, track: &Track) -> io::Result<()> {
        let spans = self.spans(track);
        for span in &spans {
            let Shown { name, category, args } = self.shown(span);
            let rest = [("dur", micros(span.duration())), ("cat", json!(category)), ("args", Value::Object(args))];
            lines.write(name, "X", thread, span.begin, rest)?;
        }
        for event in &track.events {
            match event.what {
                What::Steal(from) => {
                    let victim = self.tracks.get(from).map_or("", |victim| &victim.name);
                    let rest = [("s", json!("t")), ("cat", json!("steal")), ("args", json!({ "from": victim }))];
                    lines.write("steal", "i", thread, event.at, rest)?;
                }
                What::Spawn(_) | What::Wake(_) if !is_within(&spans, event.at) => {
                    let name = origin(&event.what);
                    lines.write(name, "X", thread, event.at, [("dur", micros(1)), ("cat", json!(name))])?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn write_flow(&self, lines: &mut Lines<impl Write>, number: usize, flow: &Flow) -> io::Result<()> {
        let (from, to) = (self.event(flow.from), self.event(flow.to));
        let name = origin(&from.what);
        let flow_of = || [("id", json!(number)), ("cat", json!(name))];
        lines.write(name, "s", flow.from.0, from.at, flow_of())?;
        // It ends at the run that begins here, and not at the next.
        lines.write(name, "f", flow.to.0, to.at, flow_of().into_iter().chain([("bp", json!("e"))]))
    }

    fn shown(&self, span: &Span) -> Shown<'_> {
        let mut args = Map::new();
        let (name, category) = match &span.subject {
            Subject::Blocked => ("blocked", "blocked"),
            Subject::Asleep => ("asleep", "asleep"),
            Subject::Run(unit) => {
                if unit.kind.is_task() {
                    args.insert("task".to_owned(), json!(unit.id));
                }
                if unit.kind == Kind::Poll {
                    args.insert("suspended".to_owned(), json!(span.suspended));
                }
                (self.label(unit), unit.kind.label())
            }
        };
        if !span.whole {
            args.insert("cut".to_owned(), json!(true));
        }
        Shown { name, category, args }
    }
}

/// How a span is shown.
struct Shown<'a> {
    name: &'a str,
    category: &'static str,
    args: Map<String, Value>,
}

fn origin(what: &What) -> &'static str {
    if matches!(what, What::Spawn(_)) { "spawn" } else { "wake" }
}

/// Whether one of the spans lasts at this time. They are in the order of their beginnings.
fn is_within(spans: &[Span], at: u64) -> bool {
    let before = spans.partition_point(|span| span.begin <= at);
    // The outermost of the last ones decides.
    let mut place = before.checked_sub(1);
    while let Some(span) = place.map(|place| &spans[place]) {
        if at <= span.end {
            return true;
        }
        place = span.parent;
    }
    false
}

fn micros(ns: u64) -> Value {
    // Exact to the nanosecond for a hundred days.
    json!(ns as f64 / 1000.0)
}

/// The file, as it is written.
struct Lines<W> {
    out: W,
    process: u32,
    first: bool,
}

impl<W: Write> Lines<W> {
    fn open(&mut self) -> io::Result<()> {
        self.out.write_all(b"{\"traceEvents\":[")
    }

    fn write(
        &mut self,
        name: &str,
        phase: &str,
        thread: usize,
        at: u64,
        rest: impl IntoIterator<Item = (&'static str, Value)>,
    ) -> io::Result<()> {
        let mut event = Map::new();
        event.insert("name".to_owned(), json!(name));
        event.insert("ph".to_owned(), json!(phase));
        event.insert("ts".to_owned(), micros(at));
        event.insert("pid".to_owned(), json!(self.process));
        event.insert("tid".to_owned(), json!(thread));
        event.extend(rest.into_iter().map(|(key, value)| (key.to_owned(), value)));
        self.out.write_all(if std::mem::take(&mut self.first) { b"\n" } else { b",\n" })?;
        serde_json::to_writer(&mut self.out, &event)?;
        Ok(())
    }

    fn close(&mut self, about: &Value) -> io::Result<()> {
        self.out.write_all(b"\n],\"displayTimeUnit\":\"ns\",\"otherData\":")?;
        serde_json::to_writer(&mut self.out, about)?;
        self.out.write_all(b"}\n")?;
        self.out.flush()
    }
}
