//! One run of the verifier, while it goes on: what it knows so far, and how it runs cargo.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::logs::{self, Logs};
use super::matrix::Line;
use super::process::{self, End, Ended, Task};
use super::progress::Progress;
use super::verdict::Verdict;
use super::workspace::Workspace;

/// How many lines of a failing process are shown.
const SHOWN_LINES: usize = 40;

/// The lines of the matrix and the failures, as they come in.
#[derive(Debug)]
pub struct Session<'a> {
    /// What is verified.
    pub workspace: &'a Workspace,
    /// Where output goes meanwhile.
    pub logs: Logs,
    /// The lines of the matrix.
    pub lines: Vec<Line>,
    /// What is shown of each failure.
    pub details: Vec<Detail>,
}

/// What is shown of a failure below the matrix.
#[derive(Debug)]
pub struct Detail {
    /// What failed.
    pub title: String,
    /// What it printed; an excerpt is shown.
    pub output: String,
    /// Where all of that is.
    pub log: PathBuf,
    /// The command that does it again.
    pub again: String,
}

impl<'a> Session<'a> {
    /// A session that has done nothing yet.
    ///
    /// # Errors
    /// If there is no place for logs.
    pub fn new(workspace: &'a Workspace) -> Result<Self, String> {
        let logs = Logs::below(&workspace.target)?;
        Ok(Self { workspace, logs, lines: Vec::new(), details: Vec::new() })
    }

    /// Runs a process without a limit and shows the last line of its error output meanwhile.
    pub(super) fn run_shown(&self, command: Command, out: &Path, err: &Path, progress: &Progress) -> Ended {
        let task = Task { command, stdout: out.to_owned(), stderr: err.to_owned(), limit: None };
        let mut looked = Instant::now();
        process::run_one(task, || progress.now_from(err, &mut looked))
    }

    /// Adds a line for something that is no row of its own unless it fails, and what is shown of it.
    pub(super) fn fail_step(&mut self, step: [&str; 3], seconds: f64, reason: String, detail: Detail) {
        let [component, property, configuration] = step;
        let verdict = Verdict::Failed(reason);
        self.lines.push(Line::of_step(component, property, configuration, seconds, &verdict));
        self.details.push(detail);
    }
}

impl Detail {
    /// Prints it, with an empty line before.
    pub fn print(&self, workspace: &Workspace) {
        println!("\nFAILED: {}", self.title);
        for line in logs::excerpt(&self.output, SHOWN_LINES).lines() {
            println!("    {line}");
        }
        println!("  log:   {}", workspace.relative(&self.log));
        println!("  again: {}", self.again);
    }
}

/// A call of cargo as a user would type it.
pub(super) fn shown(command: &Command) -> String {
    let arguments: Vec<_> = command
        .get_args()
        .map(|argument| argument.to_string_lossy())
        .filter(|argument| !argument.contains("message-format") && *argument != "json-render-diagnostics")
        .collect();
    format!("cargo {}", arguments.join(" "))
}

/// How a process ended, in words.
pub(super) fn described(end: &End) -> String {
    match end {
        End::Exited(_, status) => format!("ended with {status}"),
        End::CutOff => "was cut off".into(),
        End::NotStarted(reason) => reason.clone(),
    }
}
