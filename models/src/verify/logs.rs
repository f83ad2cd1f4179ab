//! Where the output of the processes goes while they run.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::runner::HANDOVER_PREFIX;

/// The most that is read of one log: a run that prints without end must not take the verifier down with it.
const MOST: u64 = 16 << 20;

/// A folder for the logs of this run of the verifier alone. Logs of rows that passed are removed, and so is the folder
/// when nothing is left in it.
#[derive(Debug)]
pub struct Logs {
    /// The folder.
    pub folder: PathBuf,
}

impl Logs {
    /// Makes the folder below `target`.
    ///
    /// # Errors
    /// If that is impossible.
    pub fn below(target: &Path) -> Result<Self, String> {
        let folder = target.join("verify").join(std::process::id().to_string());
        // Left behind by a process that once had the same number: its logs are not to be mistaken for ours.
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder)
            .map_err(|error| format!("cannot make the folder {}: {error}", folder.display()))?;
        Ok(Self { folder })
    }

    /// The file for the output of that title.
    pub fn file(&self, title: &str, extension: &str) -> PathBuf {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        let name: String = title.chars().map(|c| if allowed(c) { c } else { '-' }).collect();
        self.folder.join(format!("{name}.{extension}"))
    }
}

impl Drop for Logs {
    fn drop(&mut self) {
        // What a run that was killed could not take away itself.
        for entry in std::fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with(HANDOVER_PREFIX) {
                let _ = std::fs::remove_dir_all(entry.path());
            }
        }
        // Fails, as it should, while a failed row's logs are in it.
        let _ = std::fs::remove_dir(&self.folder);
    }
}

/// What the log holds: all of it, or its end if it is huge.
pub fn read(log: &Path) -> String {
    tail_of(log, MOST)
}

/// The last bytes of a log, as text.
pub fn tail_of(log: &Path, bytes: u64) -> String {
    let read = || -> std::io::Result<Vec<u8>> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(bytes)))?;
        let mut tail = Vec::new();
        file.take(bytes).read_to_end(&mut tail)?;
        Ok(tail)
    };
    String::from_utf8_lossy(&read().unwrap_or_default()).into_owned()
}

/// The beginning and the end of a text, without the frames of backtraces.
///
/// The first panic of a log says what went wrong, and its last lines how it ended; between the two, an aborting process
/// prints its stack at length.
pub fn excerpt(text: &str, most: usize) -> String {
    let lines: Vec<_> = text.trim_end().lines().filter(|line| !is_frame(line) && !is_chatter(line)).collect();
    if lines.len() <= most {
        return lines.join("\n");
    }
    let half = most / 2;
    let left_out = format!(".. {} lines ..", lines.len() - 2 * half);
    [&lines[..half], &[left_out.as_str()], &lines[lines.len() - half..]].concat().join("\n")
}

/// A frame of a backtrace, or the place of one.
fn is_frame(line: &str) -> bool {
    let line = line.trim_start();
    let numbered = line.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
    numbered || line.starts_with("at /") || line.starts_with("at ./") || line == "stack backtrace:"
}

/// What shuttle says of the file that the schedule has been moved from since.
fn is_chatter(line: &str) -> bool {
    line.starts_with("failing schedule persisted to file") || line.starts_with("pass that path to `shuttle")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_without_logs_goes_away_and_one_with_logs_stays() {
        let target = std::env::temp_dir().join(format!("reweave-logs-{}", std::process::id()));
        let logs = Logs::below(&target).unwrap();
        let folder = logs.folder.clone();
        let log = logs.file("sync/a b", "err");
        assert_eq!(log.file_name().unwrap(), "sync-a-b.err");
        std::fs::write(&log, "one\ntwo\nthree\n").unwrap();
        assert_eq!(tail_of(&log, 6), "three\n");
        drop(logs);
        assert!(folder.exists());
        std::fs::remove_file(&log).unwrap();
        let logs = Logs::below(&target).unwrap();
        std::fs::create_dir(folder.join(".shuttle-1")).unwrap();
        drop(logs);
        assert!(!folder.exists());
        std::fs::remove_dir_all(&target).unwrap();
    }

    #[test]
    fn an_excerpt_has_both_ends_and_no_frames() {
        let log = "first\n  12:  0x55 - main\n      at /rustc/lib.rs:1\nfailing schedule persisted to file: x\nb\nc\nd\nlast\n";
        assert_eq!(excerpt(log, 5), "first\nb\nc\nd\nlast");
        assert_eq!(excerpt(log, 4), "first\nb\n.. 1 lines ..\nd\nlast");
        assert_eq!(excerpt("", 4), "");
    }
}
