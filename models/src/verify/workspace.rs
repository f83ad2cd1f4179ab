//! Where the workspace is, what packages it has, and how cargo is called in it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// The workspace that is verified.
#[derive(Debug)]
pub struct Workspace {
    /// Its root folder.
    pub root: PathBuf,
    /// Where cargo builds into; each backend gets a folder of its own below.
    pub target: PathBuf,
    /// Its packages, in the order of its member list.
    pub packages: Vec<Package>,
    cargo: OsString,
}

/// A member of the workspace.
#[derive(Clone, Debug)]
pub struct Package {
    /// Its name, as in `-p`.
    pub name: String,
    /// Its identifier in cargo's JSON messages.
    pub id: String,
}

impl Package {
    /// The name without the prefix that all share.
    pub fn short(&self) -> &str {
        self.name.strip_prefix("reweave-").unwrap_or(&self.name)
    }

    /// The name of its library crate.
    pub fn krate(&self) -> String {
        self.name.replace('-', "_")
    }
}

impl Workspace {
    /// Asks cargo for the workspace that this program was started from.
    ///
    /// # Errors
    /// If cargo cannot be run here, or does not answer as expected.
    pub fn find() -> Result<Self, String> {
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(&cargo);
        command.args(["metadata", "--no-deps", "--format-version", "1"]);
        if let Some(folder) = std::env::var_os("CARGO_MANIFEST_DIR") {
            command.current_dir(folder);
        }
        let output = command.output().map_err(|error| format!("cannot run cargo: {error}"))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let first = said.lines().next().unwrap_or_default();
            return Err(format!("cargo metadata failed: {}", first.trim_start_matches("error: ")));
        }
        let metadata: Value =
            serde_json::from_slice(&output.stdout).map_err(|error| format!("cargo metadata: {error}"))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let (Some(root), Some(target), Some(members), Some(packages)) = (
            text(&metadata["workspace_root"]),
            text(&metadata["target_directory"]),
            metadata["workspace_members"].as_array(),
            metadata["packages"].as_array(),
        ) else {
            return Err("cargo metadata says neither root nor target nor packages".into());
        };
        let packages = members
            .iter()
            .filter_map(|member| packages.iter().find(|package| package["id"] == *member))
            .filter_map(|package| Some(Package { name: text(&package["name"])?, id: text(&package["id"])? }))
            .collect();
        Ok(Self { root: root.into(), target: target.into(), packages, cargo })
    }

    /// A call of cargo at the root, without what an enclosing `cargo run` put into the environment for this program.
    pub fn cargo(&self) -> Command {
        let mut command = Command::new(&self.cargo);
        command.current_dir(&self.root);
        for (name, _) in std::env::vars_os() {
            let told = name.to_string_lossy();
            if told.starts_with("CARGO_PKG_") || told.starts_with("CARGO_MANIFEST_") {
                command.env_remove(&name);
            }
        }
        command
    }

    /// A path as a user at the root would type it.
    pub fn relative<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.root).unwrap_or(path).display()
    }
}
