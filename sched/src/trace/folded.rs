//! Folded stacks: for each stack of runs the time that was spent at its top, as flame graph tools read it.
//!
//! The form is that of Gregg's `stackcollapse` scripts (*The Flame Graph*, CACM 2016): frames from the outermost inwards, separated by semicolons, a space, and a number.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::Trace;
use super::span::{Subject, own_times};

impl Trace {
    /// Writes the trace as folded stacks: lines `worker;run;run within it 1234`, with nanoseconds that were spent in the last of these runs, not
    /// blocked and not in a further one. Runs have their names, or are called by what they are. The sum of all lines is the time that the workers were [busy](Self::busy_ns).
    ///
    /// `flamegraph.pl --countname ns` and inferno make pictures of it.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_folded(&self, mut out: impl Write) -> io::Result<()> {
        for (stack, time) in self.stacks() {
            writeln!(out, "{stack} {time}")?;
        }
        out.flush()
    }

    /// The stacks, in the order of their text.
    fn stacks(&self) -> BTreeMap<String, u64> {
        let mut times = BTreeMap::new();
        for track in &self.tracks {
            let spans = self.spans(track);
            let mut stacks: Vec<String> = Vec::with_capacity(spans.len());
            for span in &spans {
                let below = span.parent.map_or_else(|| frame(&track.name), |parent| stacks[parent].clone());
                stacks.push(match &span.subject {
                    Subject::Run(unit) => format!("{below};{}", frame(self.label(unit))),
                    Subject::Blocked | Subject::Asleep => below,
                });
            }
            for (place, own) in own_times(&spans).filter(|&(_, own)| own > 0) {
                *times.entry(stacks[place].clone()).or_default() += own;
            }
        }
        times
    }
}

/// A name as a frame: without what separates frames and lines.
fn frame(name: &str) -> String {
    name.replace(';', ":").replace(['\n', '\r'], " ")
}
