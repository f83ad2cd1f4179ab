//! What a failing run leaves behind, so that its failure can be looked at again.
//!
//! loom explores in a fixed order: running the model again fails again, in the same execution, and `--locations` then
//! names the accesses. shuttle's sampled runs repeat too, but the failing schedule alone is quicker and smaller; its
//! encoding differs between versions of shuttle, so it is stored as a [`Failure`] together with the version that wrote
//! it and with what it belongs to.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Order, aftermath, pulse};
use crate::config::{Backend, Config};

/// A failing execution under shuttle, as it is stored in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The version of shuttle whose encoding `schedule` is in.
    pub shuttle: String,
    /// The model, as `component/name`.
    pub model: String,
    /// The configuration that found it.
    pub config: String,
    /// The seeded bug that was switched on.
    pub bug: Option<String>,
    /// The schedule, in shuttle's encoding.
    pub schedule: String,
}

impl Failure {
    /// Whether this build can read the schedule.
    pub(super) fn check_version(&self) -> Result<(), String> {
        let here = locked_version("shuttle");
        if self.shuttle == here {
            Ok(())
        } else {
            Err(format!("the schedule was written by shuttle {}, and this build has shuttle {here}", self.shuttle))
        }
    }
}

/// The version of a dependency that this workspace is locked to, or `unknown`.
pub(super) fn locked_version(package: &str) -> &'static str {
    let lock = include_str!("../../../Cargo.lock");
    let mut lines = lock.lines();
    let mut found = "unknown";
    while let Some(line) = lines.next() {
        let name = line.strip_prefix("name = \"").and_then(|rest| rest.strip_suffix('"'));
        if name == Some(package)
            && let Some(version) = lines.next().and_then(|line| line.strip_prefix("version = \""))
        {
            found = version.trim_end_matches('"');
        }
    }
    found
}

/// Installs a panic hook that first says which execution failed, and stores its schedule where there is one.
///
/// Returns the folder in which shuttle has to leave a failing schedule for the hook to find.
pub(super) fn describe_failures(order: &Order) -> Handover {
    let blank = Failure {
        shuttle: locked_version("shuttle").to_owned(),
        model: order.path(),
        config: order.config.to_string(),
        bug: order.bug.clone(),
        schedule: String::new(),
    };
    let file = order.schedules.join(file_name(&order.path(), order.config, order.bug.as_deref()));
    let handover = Handover::prepare(order);
    let folder = handover.0.clone();
    let standard = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        pulse::print_progress();
        eprintln!("execution {} failed:", pulse::executions());
        if let Some(folder) = &folder {
            keep_schedule(&blank, folder, &file);
        }
        standard(info);
        if let Some(text) = aftermath::told(info.payload_as_str().unwrap_or_default()) {
            eprintln!("{text}");
        }
    }));
    handover
}

/// How the name of the folder begins in which shuttle leaves a schedule for a moment.
pub const HANDOVER_PREFIX: &str = ".shuttle-";

/// A folder of this process alone, gone when the run has ended.
#[derive(Debug)]
pub(super) struct Handover(Option<PathBuf>);

impl Handover {
    fn prepare(order: &Order) -> Self {
        let folder = order.schedules.join(format!("{HANDOVER_PREFIX}{}", std::process::id()));
        let wanted = order.config.backend() == Backend::Shuttle;
        Self((wanted && std::fs::create_dir_all(&folder).is_ok()).then_some(folder))
    }

    /// Its path, if a run under shuttle could make one.
    #[cfg(reweave_shuttle)]
    pub(super) fn folder(&self) -> Option<&PathBuf> {
        self.0.as_ref()
    }
}

impl Drop for Handover {
    fn drop(&mut self) {
        if let Some(folder) = &self.0 {
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}

/// The name of the file that a failing schedule of this run is stored in.
pub(super) fn file_name(model: &str, config: Config, bug: Option<&str>) -> String {
    let model = model.replace('/', "-");
    let bug = bug.map_or(String::new(), |bug| format!(".{}", bug.replace('/', "-")));
    format!("{model}.{config}{bug}.schedule.json")
}

/// Takes over the schedule that shuttle has just written into `folder`.
fn keep_schedule(blank: &Failure, folder: &Path, file: &Path) {
    let raw = folder.join("schedule000.txt");
    let Ok(schedule) = std::fs::read_to_string(&raw) else {
        return;
    };
    let failure = Failure { schedule, ..blank.clone() };
    let stored = serde_json::to_string_pretty(&failure)
        .map_err(std::io::Error::from)
        .and_then(|json| std::fs::write(file, json + "\n"));
    match stored {
        Ok(()) => eprintln!("its schedule is in {0}; to run it alone: model replay {0}", file.display()),
        Err(error) => eprintln!("its schedule could not be written to {}: {error}", file.display()),
    }
    // The next failure of this process, if there is one, is a consequence of this one: the first is kept.
    let _ = std::fs::remove_dir_all(folder);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_checkers_are_locked_to_one_version() {
        for checker in ["loom", "shuttle"] {
            let version = locked_version(checker);
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{checker}: {version}");
        }
        assert_eq!(locked_version("no-such-package"), "unknown");
    }

    #[test]
    fn a_schedule_of_another_version_is_refused() {
        let mut failure = Failure {
            shuttle: locked_version("shuttle").to_owned(),
            model: "sync/message-passing".into(),
            config: "shuttle-dfs".into(),
            bug: Some("litmus/relaxed-publish".into()),
            schedule: "00".into(),
        };
        assert_eq!(failure.check_version(), Ok(()));
        assert_eq!(
            file_name(&failure.model, Config::ShuttleDfs, failure.bug.as_deref()),
            "sync-message-passing.shuttle-dfs.litmus-relaxed-publish.schedule.json"
        );
        failure.shuttle = "0.0.1".into();
        assert!(failure.check_version().unwrap_err().contains("0.0.1"));
    }
}
