//! The matrix: every row with its verdict, as a table for people and as JSON for programs.
//!
//! JSON: `{"tier", "seconds", "versions": {"loom", "shuttle"}, "rows": [{"component", "model", "property", "backend",
//! "configuration", "bug", "tier", "completeness", "executions", "seconds", "verdict", "remark"}], "trusted":
//! [{"component", "what"}], "passed", "failed"}`. A verdict is `passed`, `failed` or `waived`; what a row does not have
//! is `null`.

use std::io::{IsTerminal, stdout};

use comfy_table::presets::UTF8_FULL_CONDENSED;
use comfy_table::{Cell, CellAlignment, Color, ContentArrangement, Table};
use serde::Serialize;

use super::rows::{Gap, Row};
use super::suite::Suite;
use super::verdict::{Judged, Verdict};
use crate::config::{Backend, Completeness};
use crate::model::{Component, Tier};
use crate::runner::locked_version;

/// The width of the table where there is no terminal to fit it to.
const WIDTH: u16 = 200;

/// The narrowest terminal that a table of so many columns is fitted to.
const NARROWEST: u16 = 80;

/// One line of the matrix.
#[derive(Clone, Debug, Serialize)]
pub struct Line {
    /// The component, or the package of a row of tests.
    pub component: String,
    /// The model; none for tests and rules.
    pub model: Option<String>,
    /// What was checked.
    pub property: String,
    /// Under what.
    pub backend: Option<Backend>,
    /// How far, as given to `--config`.
    pub configuration: String,
    /// The seeded bug that was switched on.
    pub bug: Option<&'static str>,
    /// When the row runs.
    pub tier: &'static str,
    /// How much was seen.
    pub completeness: Option<Completeness>,
    /// How many executions, or tests.
    pub executions: Option<u64>,
    /// How long it took.
    pub seconds: f64,
    /// `passed`, `failed` or `waived`.
    pub verdict: &'static str,
    /// The reason of a failure, or a remark.
    pub remark: String,
}

impl Line {
    /// The line of a model's row.
    pub fn of_row(row: &Row, judged: &Judged) -> Self {
        Self {
            component: row.component.name.into(),
            model: Some(row.model.name.into()),
            property: row.model.property.into(),
            backend: Some(row.backend()),
            configuration: row.run.config.to_string(),
            bug: row.seeded.map(|seeded| seeded.bug),
            tier: row.run.tier.name(),
            completeness: judged.completeness.clone(),
            executions: judged.executions,
            seconds: judged.seconds,
            verdict: judged.verdict.word(),
            remark: judged.verdict.remark().into(),
        }
    }

    /// The line of a package's tests.
    pub fn of_suite(short: &str, suite: &Suite, verdict: &Verdict) -> Self {
        Self {
            component: short.into(),
            model: None,
            property: "unit, integration and doc tests".into(),
            backend: Some(Backend::Std),
            configuration: "cargo test".into(),
            bug: None,
            tier: Tier::Ci.name(),
            completeness: None,
            executions: Some(suite.passed + suite.failed),
            seconds: suite.seconds,
            verdict: verdict.word(),
            remark: verdict.remark().into(),
        }
    }

    /// The line of a rule that a component does not meet.
    pub fn of_gap(gap: &Gap) -> Self {
        let verdict = match gap.waived {
            Some(reason) => Verdict::Waived(reason.into()),
            None => Verdict::Failed("there is none".into()),
        };
        Self::of_step(gap.component, &gap.words(), "rule", 0.0, &verdict)
    }

    /// The line of something that is no row of its own unless it fails, such as a build.
    pub fn of_step(component: &str, property: &str, configuration: &str, seconds: f64, verdict: &Verdict) -> Self {
        Self {
            component: component.into(),
            model: None,
            property: property.into(),
            backend: None,
            configuration: configuration.into(),
            bug: None,
            tier: Tier::Ci.name(),
            completeness: None,
            executions: None,
            seconds,
            verdict: verdict.word(),
            remark: verdict.remark().into(),
        }
    }

    /// Whether it counts as a failure.
    pub fn failed(&self) -> bool {
        self.verdict == "failed"
    }

    /// The line for a log: what ran, how far, and how it went.
    pub fn in_short(&self, title: &str) -> String {
        let seen = self.completeness.as_ref().map_or(String::new(), |seen| format!(", {seen}"));
        let executions = self.executions.map_or(String::new(), |count| format!(", {} executions", grouped(count)));
        let remark = if self.remark.is_empty() { String::new() } else { format!(", {}", self.remark) };
        format!(
            "{} {title}{seen}{executions}, {:.2} s{remark}",
            if self.failed() { "FAIL" } else { "ok  " },
            self.seconds
        )
    }
}

/// All lines, with what they add up to.
#[derive(Debug, Serialize)]
pub struct Matrix {
    tier: &'static str,
    seconds: f64,
    versions: Versions,
    rows: Vec<Line>,
    trusted: Vec<Trusted>,
    passed: usize,
    failed: usize,
}

#[derive(Debug, Serialize)]
struct Versions {
    loom: &'static str,
    shuttle: &'static str,
}

#[derive(Debug, Serialize)]
struct Trusted {
    component: &'static str,
    what: &'static str,
}

impl Matrix {
    /// Adds the lines up. What the `components` that have a line take on trust comes with them.
    pub fn new(rows: Vec<Line>, tier: Tier, seconds: f64, components: &'static [Component]) -> Self {
        let trusted = components
            .iter()
            .filter(|component| rows.iter().any(|line| line.model.is_some() && line.component == component.name))
            .flat_map(|component| component.trusted.iter().map(|what| Trusted { component: component.name, what }))
            .collect();
        let count = |verdict| rows.iter().filter(|line| line.verdict == verdict).count();
        Self {
            tier: tier.name(),
            seconds,
            versions: Versions { loom: locked_version("loom"), shuttle: locked_version("shuttle") },
            passed: count("passed"),
            failed: count("failed"),
            trusted,
            rows,
        }
    }

    /// Whether anything failed.
    pub fn any_failed(&self) -> bool {
        self.failed > 0
    }

    /// The sentence that ends a run.
    pub fn conclusion(&self) -> String {
        format!("{} passed, {} failed", self.passed, self.failed)
    }

    /// Prints the table, and below it what is taken on trust.
    pub fn print(&self) {
        let mut table = new_table([
            "component",
            "property",
            "backend",
            "configuration",
            "seen",
            "executions",
            "time",
            "tier",
            "verdict",
        ]);
        for line in &self.rows {
            let (verdict, color) = match line.verdict {
                "failed" => (format!("FAILED: {}", line.remark), Color::Red),
                "waived" => (format!("waived: {}", line.remark), Color::Yellow),
                _ if line.bug.is_some() => (line.remark.clone(), Color::Green),
                _ if line.remark.is_empty() => ("passed".into(), Color::Green),
                _ => (format!("passed, {}", line.remark), Color::Green),
            };
            let executions = line.executions.map_or(String::new(), grouped);
            table.add_row([
                Cell::new(&line.component),
                Cell::new(property(line)),
                Cell::new(line.backend.map_or("", Backend::name)),
                Cell::new(configuration(line)),
                Cell::new(line.completeness.as_ref().map_or(String::new(), Completeness::to_string)),
                Cell::new(executions).set_alignment(CellAlignment::Right),
                Cell::new(format!("{:.2} s", line.seconds)).set_alignment(CellAlignment::Right),
                Cell::new(line.tier),
                Cell::new(verdict).fg(color),
            ]);
        }
        println!("{table}");
        if !self.trusted.is_empty() {
            println!("Trusted, not checked by these models:");
            for trusted in &self.trusted {
                println!("  {}: {}", trusted.component, trusted.what);
            }
        }
    }

    /// The matrix as JSON.
    ///
    /// # Errors
    /// If it cannot be encoded.
    pub fn json(&self) -> Result<String, String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n").map_err(|error| error.to_string())
    }
}

/// Prints what would run, without running it.
pub fn print_list(packages: &[&str], rows: &[Row]) {
    let mut table = new_table(["component", "property", "backend", "configuration", "tier", "expected"]);
    for package in packages {
        table.add_row([package, "unit, integration and doc tests", "std", "cargo test", "ci", "to pass"]);
    }
    for row in rows {
        let expected = match row.seeded {
            Some(seeded) => format!("to catch {}", seeded.bug),
            None if row.run.may_be_cut_off.is_some() => "to pass, or to be cut off".into(),
            None => "to pass".into(),
        };
        table.add_row([
            row.component.name.to_owned(),
            format!("{}: {}", row.model.name, row.model.property),
            row.backend().to_string(),
            row.run.config.words(),
            row.run.tier.name().to_owned(),
            expected,
        ]);
    }
    println!("{table}");
}

fn new_table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic).set_header(header);
    // Without a terminal, or on one that does not know its width or has too little of it, lines wrap as they may.
    if !stdout().is_terminal() || table.width().is_none_or(|width| width < NARROWEST) {
        table.set_width(WIDTH);
    }
    table
}

fn property(line: &Line) -> String {
    match &line.model {
        Some(model) => format!("{model}: {}", line.property),
        None => line.property.clone(),
    }
}

fn configuration(line: &Line) -> String {
    match line.configuration.parse::<crate::config::Config>() {
        Ok(config) => config.words(),
        Err(_) => line.configuration.clone(),
    }
}

/// A number in groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::models::ALL;

    fn line(component: &str, verdict: &Verdict) -> Line {
        let mut line = Line::of_step(component, "holds", "loom-complete", 0.5, verdict);
        line.model = Some("opens".into());
        line.backend = Some(Backend::Loom);
        line.completeness = Some(Completeness::Bounded("2 preemptions".into()));
        line.executions = Some(12_345);
        line
    }

    #[test]
    fn only_passed_and_failed_are_counted() {
        let rows = vec![
            line("a", &Verdict::Passed(String::new())),
            line("a", &Verdict::Failed("why".into())),
            line("a", &Verdict::Waived("because".into())),
        ];
        let matrix = Matrix::new(rows, Tier::Ci, 1.0, &[]);
        assert_eq!(matrix.conclusion(), "1 passed, 1 failed");
        assert!(matrix.any_failed());
        assert!(!Matrix::new(Vec::new(), Tier::Ci, 1.0, &[]).any_failed());
    }

    #[test]
    fn json_has_the_documented_shape() {
        let rows = vec![line("sync", &Verdict::Failed("why".into()))];
        let json = Matrix::new(rows, Tier::Deep, 2.0, ALL).json().unwrap();
        let value: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["tier"], "deep");
        assert_eq!(value["failed"], 1);
        assert!(value["versions"]["loom"].is_string());
        assert_eq!(value["trusted"][0]["component"], "sync");
        let row = &value["rows"][0];
        assert_eq!(row["component"], "sync");
        assert_eq!(row["backend"], "loom");
        assert_eq!(row["completeness"], "bounded(2 preemptions)");
        assert_eq!(row["executions"], 12_345);
        assert_eq!(row["verdict"], "failed");
        assert_eq!(row["remark"], "why");
        assert!(row["bug"].is_null());
    }

    #[test]
    fn a_line_for_a_log_says_it_all() {
        let line = line("sync", &Verdict::Passed(String::new()));
        assert_eq!(
            line.in_short("sync/opens loom-complete"),
            "ok   sync/opens loom-complete, bounded(2 preemptions), 12,345 executions, 0.50 s"
        );
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_000), "1,000");
        assert_eq!(grouped(1_234_567), "1,234,567");
    }
}
