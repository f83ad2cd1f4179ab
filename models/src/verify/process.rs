//! Runs processes, several at a time, each with its output in a file and a limit on its time.
//!
//! Output goes to files, not pipes, so that one thread can watch all processes: it looks at each a hundred times a
//! second, and nobody has to empty a pipe meanwhile.

use std::fs::OpenOptions;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use reweave_core::sync::thread;

const BETWEEN_LOOKS: Duration = Duration::from_millis(10);

/// A process to run.
#[derive(Debug)]
pub struct Task {
    /// The program and its arguments.
    pub command: Command,
    /// The file for its standard output.
    pub stdout: PathBuf,
    /// The file for its standard error; may be the same.
    pub stderr: PathBuf,
    /// It is killed when it has run for so long.
    pub limit: Option<Duration>,
}

/// How a process ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// By itself or by a signal: its exit code, if it has one, and the status in words.
    Exited(Option<i32>, String),
    /// It reached its limit and was killed.
    CutOff,
    /// It could not be started, for the reason given.
    NotStarted(String),
}

/// A process that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How.
    pub end: End,
    /// After how many seconds.
    pub seconds: f64,
}

/// What happens while processes run.
#[derive(Debug)]
pub enum News<'a> {
    /// These are running, by their place in the list.
    Running(&'a [usize]),
    /// This one has ended.
    Ended(usize, Ended),
}

struct Running {
    index: usize,
    child: Child,
    started: Instant,
}

/// Runs all tasks in order, at most `jobs` at once, and tells `listen` what happens.
pub fn run_all(mut tasks: Vec<Task>, jobs: usize, mut listen: impl FnMut(News<'_>)) {
    let mut running: Vec<Running> = Vec::new();
    let mut next = 0;
    while next < tasks.len() || !running.is_empty() {
        while next < tasks.len() && running.len() < jobs.max(1) {
            match start(&mut tasks[next]) {
                Ok(child) => running.push(Running { index: next, child, started: Instant::now() }),
                Err(reason) => listen(News::Ended(next, Ended { end: End::NotStarted(reason), seconds: 0.0 })),
            }
            next += 1;
        }
        running.retain_mut(|process| match look(process, tasks[process.index].limit) {
            None => true,
            Some(end) => {
                let seconds = process.started.elapsed().as_secs_f64();
                listen(News::Ended(process.index, Ended { end, seconds }));
                false
            }
        });
        if !running.is_empty() {
            let indices: Vec<_> = running.iter().map(|process| process.index).collect();
            listen(News::Running(&indices));
            thread::park_until(Instant::now() + BETWEEN_LOOKS);
        }
    }
}

/// Runs a single task.
pub fn run_one(task: Task, mut tick: impl FnMut()) -> Ended {
    let mut outcome = None;
    run_all(vec![task], 1, |news| match news {
        News::Running(_) => tick(),
        News::Ended(_, ended) => outcome = Some(ended),
    });
    outcome.unwrap_or_else(|| Ended { end: End::NotStarted("it was never started".into()), seconds: 0.0 })
}

fn start(task: &mut Task) -> Result<Child, String> {
    let open = |path: &PathBuf| {
        // Appending keeps the order when both streams share a file.
        OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)
            .map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    let program = task.command.get_program().to_owned();
    task.command
        .stdin(Stdio::null())
        .stdout(open(&task.stdout)?)
        .stderr(open(&task.stderr)?)
        .spawn()
        .map_err(|error| format!("cannot start {}: {error}", program.display()))
}

fn look(process: &mut Running, limit: Option<Duration>) -> Option<End> {
    match process.child.try_wait() {
        Ok(Some(status)) => Some(End::Exited(status.code(), status.to_string())),
        Ok(None) if limit.is_some_and(|limit| process.started.elapsed() >= limit) => {
            let _ = process.child.kill();
            let _ = process.child.wait();
            Some(End::CutOff)
        }
        Ok(None) => None,
        Err(error) => Some(End::NotStarted(format!("cannot wait for it: {error}"))),
    }
}
