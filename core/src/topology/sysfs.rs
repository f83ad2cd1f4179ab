//! Looking into a sysfs tree that may be incomplete, broken or hostile.

use std::fmt::Display;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use super::cpulist;

/// No attribute that is read here comes near to this; a larger file is no attribute.
const LARGEST: u64 = 1 << 16;
/// How many remarks are kept: a tree that is wrong in every file should not fill a report.
const MOST_REMARKS: usize = 16;

/// A tree, and what was remarkable about it.
pub(super) struct Tree<'a> {
    root: &'a Path,
    remarks: Vec<String>,
    more: usize,
}

impl<'a> Tree<'a> {
    pub(super) fn new(root: &'a Path) -> Self {
        Self { root, remarks: Vec::new(), more: 0 }
    }

    /// The path of something below the root.
    pub(super) fn path(&self, path: &str) -> PathBuf {
        self.root.join(path)
    }

    /// The text of a file, trimmed, or why there is none.
    pub(super) fn text(&self, path: &str) -> Result<String, String> {
        self.read(path).map_err(|reason| format!("{}: {reason}", self.path(path).display()))
    }

    fn read(&self, path: &str) -> Result<String, String> {
        let path = self.path(path);
        let reason = |error: std::io::Error| error.to_string();
        // Before it is opened: opening a pipe waits for its other end.
        if !fs::metadata(&path).map_err(reason)?.is_file() {
            return Err("not a file".to_owned());
        }
        let mut bytes = Vec::new();
        File::open(&path).and_then(|file| file.take(LARGEST + 1).read_to_end(&mut bytes)).map_err(reason)?;
        if bytes.len() as u64 > LARGEST {
            return Err(format!("larger than {LARGEST} bytes, which no attribute is"));
        }
        let text = String::from_utf8(bytes).map_err(|_| "not a text".to_owned())?;
        Ok(text.trim().to_owned())
    }

    /// The cpus listed in a file.
    pub(super) fn list(&self, path: &str) -> Result<Vec<usize>, String> {
        let text = self.text(path)?;
        cpulist::parse(&text).map_err(|error| format!("{}: {error}", self.path(path).display()))
    }

    /// The number in a file, if there is one.
    pub(super) fn number<N: std::str::FromStr>(&self, path: &str) -> Option<N> {
        self.text(path).ok()?.parse().ok()
    }

    /// The numbers in the names of a folder's entries `{prefix}0`, `{prefix}1` and so on, ascending, or why there are
    /// none. Numbers above the limit for cpus belong to nobody here.
    pub(super) fn numbered(&self, folder: &str, prefix: &str) -> Result<Vec<usize>, String> {
        let path = self.path(folder);
        let entries = fs::read_dir(&path).map_err(|error| format!("{}: {error}", path.display()))?;
        let number = |name: &str| {
            let digits = name.strip_prefix(prefix)?;
            let number: usize = digits.parse().ok().filter(|&number| number < cpulist::LIMIT)?;
            // `cpu01` and `cpu+1` are not names of `cpu1`.
            (number.to_string() == digits).then_some(number)
        };
        let mut numbers: Vec<usize> =
            entries.flatten().filter_map(|entry| number(entry.file_name().to_str()?)).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }

    /// Notes something that was not as it should be, and what is assumed instead.
    pub(super) fn remark(&mut self, remark: impl Display) {
        if self.remarks.len() < MOST_REMARKS {
            self.remarks.push(remark.to_string());
        } else {
            self.more += 1;
        }
    }

    /// All remarks, the last of which may be the number of those left out.
    pub(super) fn into_remarks(self) -> Vec<String> {
        let mut remarks = self.remarks;
        if self.more > 0 {
            remarks.push(format!("and {} more of this kind", self.more));
        }
        remarks
    }
}
