//! A report as a table for people.

use std::fmt::Write;

use reweave_benches::machine::Machine;
use reweave_benches::ping_pong;
use reweave_benches::report::{Report, Spread};
use reweave_benches::run::Plan;

use super::{columns, human};

/// By which factor the ping-pong may change within a measurement before the table says so: cores that are near each other
/// show a factor of two between quiet moments and busy ones, and cores that are far apart a factor of four and more.
const STEADY: f64 = 2.5;

/// Title, table, and what has to be known to read it.
pub fn render(title: &str, plan: &Plan, report: &Report) -> String {
    let mut text = format!("{title}, seed {}\n{}\n\n", plan.seed, setting(plan, &report.machine));
    for line in columns::table(report).lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    for note in notes(report) {
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

/// What has to be known to read the figures.
fn notes(report: &Report) -> Vec<String> {
    let mut notes = Vec::new();
    let mut teams: Vec<usize> = report.rows.iter().map(|row| row.threads).collect();
    teams.sort_unstable();
    teams.dedup();
    for &threads in &teams {
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
    for &threads in &teams {
        if !report.machine.has_cores_for(threads) {
            notes.push(format!(
                "{} are more than this process has cores: they take turns.",
                human::count(threads, "thread")
            ));
        }
    }
    notes.extend(not_offered(report));
    notes.push(columns::legend(report));
    if !report.machine.build.is_optimised() {
        notes.push(
            "This build is not optimised, so its figures mean nothing: use `cargo run --release -- bench`.".to_owned(),
        );
    }
    notes
}

/// Which workloads lack which of the systems: those that lack the same together.
fn not_offered(report: &Report) -> Vec<String> {
    let unique = |names: &mut dyn Iterator<Item = &'static str>| {
        names.fold(Vec::new(), |mut unique, name| {
            if !unique.contains(&name) {
                unique.push(name);
            }
            unique
        })
    };
    let systems = unique(&mut report.rows.iter().map(|row| row.system));
    let workloads = unique(&mut report.rows.iter().map(|row| row.workload));
    let mut lacking: Vec<(Vec<&str>, Vec<&str>)> = Vec::new();
    for workload in workloads {
        let has = |system| report.rows.iter().any(|row| row.workload == workload && row.system == system);
        let lacks: Vec<&str> = systems.iter().copied().filter(|&system| !has(system)).collect();
        match lacking.iter_mut().find(|known| known.0 == lacks) {
            Some((_, workloads)) => workloads.push(workload),
            None => lacking.push((lacks, vec![workload])),
        }
    }
    lacking.retain(|(systems, _)| !systems.is_empty());
    let sentence = |(systems, workloads): (Vec<&str>, Vec<&str>)| {
        let verb = if workloads.len() == 1 { "is" } else { "are" };
        format!("{} {verb} not offered by {}.", workloads.join(", "), systems.join(" and "))
    };
    lacking.into_iter().map(sentence).collect()
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
    use crate::cli::columns::tests::row;
    use reweave_benches::report::Row;

    #[test]
    fn the_table_names_what_its_reader_must_know() {
        let mut machine = Machine { allowed_cpus: vec![0], logical_cores: Some(2), ..Machine::default() };
        (machine.architecture, machine.kernel) = ("z80", "CP/M 2.2".to_owned());
        (machine.build.rustc, machine.build.opt_level) = ("1.95.0 (abc 2026-04-14)", "0");
        let report = Report { machine, rows: vec![row(&[])] };
        let plan = Plan { systems: vec!["reweave"], threads: vec![2], seconds: 0.5, runs: 3, seed: 1 };
        let text = render("bank", &plan, &report);
        for part in [
            "bank, seed 1\n",
            "3 runs of 0.5 s; z80, 2 cores of which 1 may be used; CP/M 2.2; rustc 1.95.0\n",
            "2 threads are more than this process has cores",
            "This build is not optimised",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(text.lines().all(|line| line == line.trim_end()), "{text}");
    }

    #[test]
    fn what_a_system_does_not_offer_is_said() {
        let row = |workload, system| Row { workload, system, ..row(&[]) };
        let rows = vec![row("x", "a"), row("x", "b"), row("x", "c"), row("y", "b")];
        let mut report = Report { machine: Machine::default(), rows };
        assert_eq!(not_offered(&report), ["y is not offered by a and c."]);
        report.rows.extend([row("z", "b"), row("w", "a"), row("w", "b")]);
        assert_eq!(not_offered(&report), ["y, z are not offered by a and c.", "w is not offered by c."]);
    }
}
