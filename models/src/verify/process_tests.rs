//! Running processes, with the tools that every Unix has.
#![cfg(unix)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::process::{End, News, Task, run_all, run_one};

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("reweave-process-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn shell(script: &str, folder: &Path, limit: Option<Duration>) -> Task {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    Task { command, stdout: folder.join("both"), stderr: folder.join("both"), limit }
}

#[test]
fn output_is_kept_in_order_and_the_exit_code_is_told() {
    let folder = Folder::new("order");
    let script = "echo one; echo two >&2; echo three; exit 3";
    let ended = run_one(shell(script, &folder.0, None), || {});
    assert!(matches!(ended.end, End::Exited(Some(3), _)), "{ended:?}");
    let output = std::fs::read_to_string(folder.0.join("both")).unwrap();
    assert_eq!(output, "one\ntwo\nthree\n");
}

#[test]
fn a_process_is_killed_at_its_limit() {
    let folder = Folder::new("limit");
    let limit = Some(Duration::from_millis(50));
    let ended = run_one(shell("exec sleep 60", &folder.0, limit), || {});
    assert_eq!(ended.end, End::CutOff);
    assert!(ended.seconds < 30.0);
}

#[test]
fn what_cannot_be_started_says_so_and_the_others_run() {
    let folder = Folder::new("absent");
    let absent = Task { command: Command::new(folder.0.join("absent")), ..shell("", &folder.0, None) };
    let mut ends = vec![None; 3];
    let mut most = 0;
    let tasks = vec![shell("true", &folder.0, None), absent, shell("kill -9 $$", &folder.0, None)];
    run_all(tasks, 2, |news| match news {
        News::Running(indices) => most = most.max(indices.len()),
        News::Ended(index, ended) => ends[index] = Some(ended.end),
    });
    assert!(matches!(ends[0], Some(End::Exited(Some(0), _))));
    assert!(matches!(ends[1], Some(End::NotStarted(_))));
    assert!(matches!(ends[2], Some(End::Exited(None, _))));
    assert!(most <= 2);
}
