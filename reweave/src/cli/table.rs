//! A report as a table for people.

use std::fmt::Write;
use std::io::{self, IsTerminal};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use reweave_benches::machine::Machine;
use reweave_benches::ping_pong;
use reweave_benches::report::{Report, Row, Spread};
use reweave_benches::run::{BASELINE, Plan};

use super::human;

/// By which factor the ping-pong may change within a measurement before the table says so: cores that are near each other
/// show a factor of two between quiet moments and busy ones, and cores that are far apart a factor of four and more.
const STEADY: f64 = 2.5;

/// Title, table, and what has to be known to read it.
pub fn render(title: &str, plan: &Plan, report: &Report) -> String {
    let mut text = format!("{title}\n{}\n\n", setting(plan, &report.machine));
    for line in figures(report).lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    for note in notes(plan, report) {
        text.push_str(&note);
        text.push('\n');
    }
    text
}

/// How and where it was measured, in a line.
fn setting(plan: &Plan, machine: &Machine) -> String {
    let mut line = format!("{} of {} s", human::count(plan.runs, "run"), plan.seconds);
    if plan.systems.len() > 1 {
        line.push_str(", interleaved");
    }
    let _ = write!(line, "; {}", machine.cpu.as_deref().unwrap_or(machine.architecture));
    if let Some(cores) = machine.logical_cores {
        let _ = write!(line, ", {}", human::count(cores, "core"));
        if !machine.allowed_cpus.is_empty() && machine.allowed_cpus.len() != cores {
            let _ = write!(line, " of which {} may be used", machine.allowed_cpus.len());
        }
    }
    // The version without the commit and the date behind it.
    let rustc = machine.build.rustc.split(" (").next().unwrap_or("unknown");
    let _ = write!(line, "; {}; rustc {rustc}", machine.kernel);
    line
}

fn figures(report: &Report) -> Table {
    let terminal = io::stdout().is_terminal();
    let mut table = Table::new();
    let rule = if terminal { '─' } else { '-' };
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill(rule).junction(rule)));
    table.set_content_arrangement(if terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    table.set_header([
        "threads",
        "system",
        "ops/s",
        "spread",
        "ns/op",
        "audits/s",
        &format!("vs {BASELINE}"),
        "aborts per operation",
    ]);
    for row in &report.rows {
        table.add_row([
            row.threads.to_string(),
            row.system.to_owned(),
            human::si(row.ops_per_sec.median),
            spread(&row.ops_per_sec, row.runs),
            human::digits(row.ns_per_op()),
            row.audits_per_sec.map_or_else(|| "-".to_owned(), human::si),
            row.ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{}x", human::digits(ratio))),
            aborts(row),
        ]);
    }
    for index in [0, 2, 3, 4, 5, 6] {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// How far the slowest and the fastest run are from the median: `-3% +2%`.
fn spread(speeds: &Spread, runs: usize) -> String {
    if runs < 2 {
        return "-".to_owned();
    }
    let off = |speed: f64| (speed / speeds.median - 1.0) * 100.0;
    format!("{:.0}% {:+.0}%", off(speeds.min).min(-0.0), off(speeds.max).max(0.0))
}

/// Aborted attempts by cause, as a share of the operations: the frequent causes first, the rare ones (below a ten
/// thousandth of the operations) together.
fn aborts(row: &Row) -> String {
    let mut causes: Vec<(&str, u64)> = row
        .aborts
        .iter()
        .filter_map(|(cause, count)| Some((cause.as_str(), count.as_u64().filter(|&count| count > 0)?)))
        .collect();
    causes.sort_by_key(|&(_, count)| std::cmp::Reverse(count));
    let share = |count: u64| count as f64 / row.ops.max(1) as f64;
    let frequent = causes.iter().take_while(|&&(_, count)| share(count) >= 0.0001).count();
    let mut parts: Vec<String> =
        causes[..frequent].iter().map(|&(cause, count)| format!("{} {cause}", human::percent(share(count)))).collect();
    match &causes[frequent..] {
        [] => {}
        [(cause, count)] => parts.push(format!("{} {cause}", human::percent(share(*count)))),
        rare => {
            let count = rare.iter().map(|(_, count)| count).sum();
            parts.push(format!("{} for {} rare causes", human::percent(share(count)), rare.len()));
        }
    }
    if parts.is_empty() { "-".to_owned() } else { parts.join(", ") }
}

/// What has to be known to read the figures.
fn notes(plan: &Plan, report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    for &threads in &plan.threads {
        notes.extend(ping_pong_note(report, threads));
    }
    let round_trips: Vec<Spread> = report.rows.iter().filter_map(|row| row.ping_pong_ns).collect();
    let nearest = round_trips.iter().map(|spread| spread.min).fold(f64::INFINITY, f64::min);
    if round_trips.iter().any(|spread| spread.max > nearest * STEADY) {
        notes.push(
            "The distance of the cores changed meanwhile: compare only what was measured alike (ping_pong_ns in the JSON)."
                .to_owned(),
        );
    }
    for &threads in &plan.threads {
        if !report.machine.has_cores_for(threads) {
            notes.push(format!(
                "{} are more than this process has cores: they take turns.",
                human::count(threads, "thread")
            ));
        }
    }
    notes.push(format!(
        "ops/s: median of the runs, all threads together, audits included; spread: slowest and fastest run.\n\
         ns/op: one thread's time for an operation. vs {BASELINE}: median of the ratios within each round."
    ));
    if !report.machine.build.is_optimised() {
        notes.push(
            "This build is not optimised, so its figures mean nothing: use `cargo run --release -- bench`.".to_owned(),
        );
    }
    notes
}

/// The round trips around all runs of this number of threads.
fn ping_pong_note(report: &Report, threads: usize) -> Option<String> {
    let spreads = || report.rows.iter().filter(|row| row.threads == threads).filter_map(|row| row.ping_pong_ns);
    let medians: Vec<f64> = spreads().map(|spread| spread.median).collect();
    let median = Spread::of(&medians)?.median;
    let min = spreads().map(|spread| spread.min).fold(f64::INFINITY, f64::min);
    let max = spreads().map(|spread| spread.max).fold(0.0, f64::max);
    let [first, second] = ping_pong::cores()?;
    Some(format!(
        "Cache-line round trip between cores {first} and {second} around the runs with {}: {} ns, {} to {}.",
        human::count(threads, "thread"),
        human::digits(median),
        human::digits(min),
        human::digits(max),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Map, json};

    fn row(aborts: &[(&str, u64)]) -> Row {
        Row {
            workload: "bank",
            params: Map::new(),
            system: "reweave",
            threads: 2,
            runs: 3,
            ops_per_sec: Spread { median: 100.0, min: 95.0, max: 100.4 },
            audits_per_sec: None,
            aborts: aborts.iter().map(|&(cause, count)| (cause.to_owned(), json!(count))).collect(),
            ping_pong_ns: None,
            ops: 100_000,
            ratio: None,
        }
    }

    #[test]
    fn aborts_are_compact() {
        assert_eq!(aborts(&row(&[])), "-");
        assert_eq!(aborts(&row(&[("a", 0)])), "-");
        assert_eq!(aborts(&row(&[("a", 20), ("b", 500), ("c", 1)])), "0.50% b, 0.02% a, <0.01% c");
        assert_eq!(aborts(&row(&[("a", 3), ("b", 4), ("c", 20)])), "0.02% c, <0.01% for 2 rare causes");
    }

    #[test]
    fn spreads_are_relative_to_the_median() {
        assert_eq!(spread(&row(&[]).ops_per_sec, 3), "-5% +0%");
        assert_eq!(spread(&row(&[]).ops_per_sec, 1), "-");
    }

    #[test]
    fn the_table_names_what_its_reader_must_know() {
        let mut machine = Machine { allowed_cpus: vec![0], logical_cores: Some(2), ..Machine::default() };
        (machine.architecture, machine.kernel) = ("z80", "CP/M 2.2".to_owned());
        (machine.build.rustc, machine.build.opt_level) = ("1.95.0 (abc 2026-04-14)", "0");
        let report = Report { machine, rows: vec![row(&[])] };
        let plan = Plan { systems: vec!["reweave"], threads: vec![2], seconds: 0.5, runs: 3, seed: 1 };
        let text = render("bank", &plan, &report);
        for part in [
            "3 runs of 0.5 s; z80, 2 cores of which 1 may be used; CP/M 2.2; rustc 1.95.0\n",
            "2 threads are more than this process has cores",
            "This build is not optimised",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }
}
