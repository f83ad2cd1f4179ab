//! The explorers: the program `model`, built once for each checker, in a target folder of its own.

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

use super::workspace::Workspace;
use crate::config::Backend;

/// The cfgs that a backend's build sets.
pub fn cfgs(backend: Backend) -> &'static [&'static str] {
    match backend {
        Backend::Std => &[],
        // Without the second, crossbeam-epoch keeps its std atomics, which loom does not see.
        Backend::Loom => &["reweave_loom", "crossbeam_loom"],
        Backend::Shuttle => &["reweave_shuttle"],
    }
}

/// The call that builds the explorer of a backend.
///
/// The flags go through the variable that cargo ranks above every other source, so that neither `RUSTFLAGS` nor a
/// user's own configuration can switch a checker off unseen.
pub fn build(workspace: &Workspace, backend: Backend) -> Command {
    let flags: Vec<_> = cfgs(backend).iter().flat_map(|&cfg| ["--cfg", cfg]).collect();
    let mut command = workspace.cargo();
    command
        .args(["build", "--profile", "model", "-p", "reweave-models"])
        .args(["--bin", "model", "--message-format", "json-render-diagnostics"])
        .arg("--target-dir")
        .arg(workspace.target.join(backend.name()))
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", flags.join("\u{1f}"));
    command
}

/// Where [`build`] put the explorer, from the messages it printed.
pub fn executable(output: &str) -> Option<PathBuf> {
    output
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        .filter(|message| message["target"]["name"] == "model")
        .find_map(|message| message["executable"].as_str().map(PathBuf::from))
}

/// Asks an explorer which backend it was built for.
///
/// # Errors
/// If it cannot be run, or was built for another one than meant.
pub fn check(explorer: &PathBuf, backend: Backend) -> Result<(), String> {
    let output = quiet(Command::new(explorer).args(["list", "--json"]))
        .output()
        .map_err(|error| format!("cannot start {}: {error}", explorer.display()))?;
    let list: Value = serde_json::from_slice(&output.stdout).map_err(|_| "the explorer lists no models")?;
    if list["backend"] == backend.name() {
        Ok(())
    } else {
        Err(format!("the explorer was built for {}, not {backend}", list["backend"]))
    }
}

/// Takes the variables from a command that would change what the checkers do or say.
pub fn quiet(command: &mut Command) -> &mut Command {
    for (name, _) in std::env::vars_os() {
        let told = name.to_string_lossy();
        if told.starts_with("LOOM_") || told.starts_with("SHUTTLE_") {
            command.env_remove(&name);
        }
    }
    // Coroutines have small stacks, and a failing row is run again by hand if its backtrace is wanted.
    command.env("RUST_BACKTRACE", "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_executable_is_found_among_the_messages() {
        let output = "{\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"loom\"},\"executable\":null}\nnoise\n\
            {\"reason\":\"compiler-artifact\",\"target\":{\"name\":\"model\"},\"executable\":\"/t/loom/model/model\"}\n";
        assert_eq!(executable(output), Some(PathBuf::from("/t/loom/model/model")));
        assert_eq!(executable("noise"), None);
    }

    #[test]
    fn only_loom_reaches_into_crossbeam() {
        assert!(cfgs(Backend::Loom).contains(&"crossbeam_loom"));
        assert!(!cfgs(Backend::Shuttle).contains(&"crossbeam_loom"));
    }
}
