//! Progress: a bar on a terminal, a line per finished step otherwise. It goes to standard error; the matrix does not.

use std::io::{IsTerminal, stderr};
use std::path::Path;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};

/// The progress of one step: building, testing, or exploring.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Progress {
    /// A step of unknown length.
    pub fn spinner(what: &str) -> Self {
        Self::start(what, None)
    }

    /// A step of so many rows.
    pub fn rows(what: &str, rows: usize) -> Self {
        Self::start(what, Some(rows as u64))
    }

    fn start(what: &str, length: Option<u64>) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let (bar, template) = match length {
                None => (ProgressBar::new_spinner(), "{spinner} {prefix} {elapsed} {wide_msg}"),
                Some(length) => (ProgressBar::new(length), "{prefix} [{bar:30}] {pos}/{len} {elapsed} {wide_msg}"),
            };
            let style = ProgressStyle::with_template(template)
                .unwrap_or_else(|_| ProgressStyle::default_bar())
                .progress_chars("=> ");
            bar.with_style(style).with_prefix(what.to_owned())
        });
        if bar.is_none() {
            eprintln!("{what} ..");
        }
        Self { bar, started: Instant::now() }
    }

    /// What is going on now; for terminals only.
    pub fn now(&self, message: impl FnOnce() -> String) {
        if let Some(bar) = &self.bar {
            bar.set_message(message());
            bar.tick();
        }
    }

    /// The last line of a log, shown as what is going on now; looked up at most a few times a second.
    pub fn now_from(&self, log: &Path, looked: &mut Instant) {
        if self.bar.is_some() && looked.elapsed().as_millis() >= 200 {
            *looked = Instant::now();
            let text = super::logs::tail_of(log, 4096);
            let last = text
                .lines()
                .rev()
                .find(|line| !line.trim().is_empty() && !line.starts_with('{') && !line.ends_with('}'));
            self.now(|| last.unwrap_or_default().trim().to_owned());
        }
    }

    /// A row is finished.
    pub fn finished_row(&self, line: &str, failed: bool) {
        match &self.bar {
            Some(bar) => {
                bar.inc(1);
                if failed {
                    bar.println(line);
                }
            }
            None => eprintln!("{line}"),
        }
    }

    /// The step is over.
    pub fn end(self, result: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        if let Some(bar) = &self.bar {
            let what = bar.prefix();
            bar.finish_and_clear();
            eprintln!("{what} {result} ({seconds:.1} s)");
        } else {
            eprintln!("  {result} ({seconds:.1} s)");
        }
    }
}
