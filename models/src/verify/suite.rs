//! The tests: runs `cargo test` and reads from its output what each package did.
//!
//! Cargo says which test binary it starts, the binary's harness says how it went. Both write to one file, so the lines
//! are in the order in which things happened; cargo's JSON messages tell which package a binary belongs to.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::workspace::{Package, Workspace};

/// What one package's tests did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Suite {
    /// The package.
    pub package: String,
    /// Tests that passed.
    pub passed: u64,
    /// Tests that failed.
    pub failed: u64,
    /// Tests that did not run.
    pub ignored: u64,
    /// How long they took.
    pub seconds: f64,
    /// Test binaries that ended without saying how it went.
    pub silent: Vec<String>,
    /// What the binaries with failures printed.
    pub failures: String,
}

impl Suite {
    /// What there is to remark on: nothing, if every test ran and passed.
    pub fn remark(&self) -> String {
        let mut parts = Vec::new();
        if self.failed > 0 {
            parts.push(format!("{} of {} tests failed", self.failed, self.passed + self.failed));
        }
        if self.ignored > 0 {
            parts.push(format!("{} ignored", self.ignored));
        }
        parts.join(", ")
    }
}

/// The call that runs the tests of these packages: all of them, or some.
pub fn command(workspace: &Workspace, packages: &[&Package]) -> Command {
    let mut command = workspace.cargo();
    command.args(["test", "--no-fail-fast", "--message-format", "json-render-diagnostics"]);
    if packages.len() == workspace.packages.len() {
        command.arg("--workspace");
    } else {
        for package in packages {
            command.args(["-p", &package.name]);
        }
    }
    command
}

/// Reads the output of [`command`]: one suite for each of `packages`, in their order.
pub fn read(output: &str, packages: &[&Package]) -> Vec<Suite> {
    let mut suites: Vec<_> =
        packages.iter().map(|package| Suite { package: package.name.clone(), ..Suite::default() }).collect();
    let mut binaries: Vec<(String, String)> = Vec::new();
    let mut current: Option<Binary> = None;
    for line in output.lines() {
        if line.starts_with("{\"reason\":") {
            binaries.extend(artifact(line));
            continue;
        }
        let started = line.trim_start();
        let next = if let Some(rest) = started.strip_prefix("Running ")
            && let Some(file) = in_parentheses(rest)
        {
            let id = binaries.iter().find(|(name, _)| *name == file_name(file)).map(|(_, id)| id);
            packages.iter().position(|package| Some(&package.id) == id).map(|suite| (suite, rest.to_owned()))
        } else if let Some(krate) = started.strip_prefix("Doc-tests ") {
            packages
                .iter()
                .position(|package| package.krate() == krate.trim())
                .map(|suite| (suite, format!("the doc tests of {krate}")))
        } else {
            None
        };
        if let Some((suite, name)) = next {
            finish(&mut suites, current.take());
            current = Some(Binary { suite, name, told: false, failed: false, output: String::new() });
        } else if let Some(binary) = &mut current {
            binary.output.push_str(line);
            binary.output.push('\n');
            if let Some(result) = line.strip_prefix("test result: ") {
                let suite = &mut suites[binary.suite];
                suite.passed += count(result, "passed");
                suite.failed += count(result, "failed");
                suite.ignored += count(result, "ignored");
                suite.seconds += seconds(result);
                binary.told = true;
                binary.failed |= !result.starts_with("ok");
            }
        }
    }
    finish(&mut suites, current);
    suites
}

/// Whether any test binary was started.
pub fn began(output: &str) -> bool {
    output.lines().any(|line| {
        let line = line.trim_start();
        line.starts_with("Running ") || line.starts_with("Doc-tests ")
    })
}

/// The output without cargo's JSON messages, for people.
pub fn readable(output: &str) -> String {
    output.lines().filter(|line| !line.starts_with("{\"reason\":")).collect::<Vec<_>>().join("\n")
}

struct Binary {
    suite: usize,
    name: String,
    told: bool,
    failed: bool,
    output: String,
}

fn finish(suites: &mut [Suite], binary: Option<Binary>) {
    let Some(binary) = binary else { return };
    let suite = &mut suites[binary.suite];
    if !binary.told {
        suite.silent.push(binary.name.clone());
    }
    if !binary.told || binary.failed {
        suite.failures.push_str(&format!("{}\n", binary.name));
        suite.failures.push_str(&binary.output);
    }
}

/// The file name and package identifier of an executable that cargo has built.
fn artifact(line: &str) -> Option<(String, String)> {
    let message: Value = serde_json::from_str(line).ok()?;
    let file = message["executable"].as_str()?;
    let id = message["package_id"].as_str()?;
    Some((file_name(file).to_owned(), id.to_owned()))
}

fn file_name(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}

fn in_parentheses(text: &str) -> Option<&str> {
    text.trim_end().strip_suffix(')')?.rsplit_once('(').map(|(_, inside)| inside)
}

/// The number before a word, as in `3 passed;`.
fn count(result: &str, word: &str) -> u64 {
    result
        .split([';', '.'])
        .find_map(|part| part.trim().strip_suffix(word))
        .and_then(|number| number.trim().parse().ok())
        .unwrap_or(0)
}

/// The time in `finished in 0.12s`.
fn seconds(result: &str) -> f64 {
    result.split_once("finished in ").and_then(|(_, time)| time.trim_end_matches('s').parse().ok()).unwrap_or(0.0)
}
