//! Standard output that may be closed, and files that are whole or not there.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Writes text to standard output. A reader that has gone (`reweave doctor | head -1`) is no error: what it wanted, it
/// has got.
///
/// # Errors
/// A line that says why standard output could not be written.
pub fn print(text: &str) -> Result<(), String> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(format!("standard output cannot be written: {error}"))
        }
        _ => Ok(()),
    }
}

/// Writes a line to standard error, if anybody is there to read it.
pub fn complain(line: &str) {
    // When even this fails there is nobody left to tell.
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// A file that a result will be written to, tested before the work begins.
///
/// The result goes to a neighbour of the file first, which then takes its name in one step: so the file always holds a
/// whole result, the old one or the new. Only what is no regular file (a pipe, a device) is written directly.
#[derive(Debug)]
pub struct Target {
    path: PathBuf,
    /// The neighbour; `None` for what is written directly.
    neighbour: Option<PathBuf>,
}

impl Target {
    /// Finds out whether `path` can be written, and leaves everything as it was.
    ///
    /// # Errors
    /// A line that says what is in the way.
    pub fn new(path: &Path) -> Result<Self, String> {
        // The file behind a link is replaced, not the link.
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let refused = |error: io::Error| format!("{} cannot be written: {error}", path.display());
        match fs::metadata(&path) {
            Ok(found) if found.is_dir() => {
                return Err(format!("{} cannot be written: it is a folder, a file is needed", path.display()));
            }
            Ok(found) if !found.is_file() => return Ok(Self { path, neighbour: None }),
            Ok(_) => drop(File::options().append(true).open(&path).map_err(refused)?),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(refused(error)),
        }
        let Some(name) = path.file_name() else {
            return Err(format!("{} cannot be written: it names no file", path.display()));
        };
        let mut neighbour = OsString::from(".");
        neighbour.push(name);
        neighbour.push(format!(".{}.part", std::process::id()));
        let neighbour = path.with_file_name(neighbour);
        File::create(&neighbour).and_then(|_| fs::remove_file(&neighbour)).map_err(refused)?;
        Ok(Self { neighbour: Some(neighbour), path })
    }

    /// Writes the file.
    ///
    /// # Errors
    /// A line that says what went wrong; the file then is as it was.
    pub fn write(&self, text: &str) -> Result<(), String> {
        let result = match &self.neighbour {
            None => fs::write(&self.path, text),
            Some(neighbour) => fs::write(neighbour, text)
                .and_then(|()| fs::rename(neighbour, &self.path))
                // Half a file helps nobody, and the first error is the one that matters.
                .inspect_err(|_| drop(fs::remove_file(neighbour))),
        };
        result.map_err(|error| format!("{} cannot be written: {error}", self.path.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_is_left_behind() {
        let folder = std::env::temp_dir().join(format!("reweave-output-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("result.json");
        let target = Target::new(&path).unwrap();
        assert!(!path.exists(), "the test leaves everything as it was");
        target.write("one").unwrap();
        Target::new(&path).unwrap().write("two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert!(Target::new(&folder).unwrap_err().contains("it is a folder"));
        assert!(Target::new(&folder.join("no/such/file")).unwrap_err().contains("cannot be written"));
        fs::remove_dir_all(&folder).unwrap();
    }
}
