//! The columns of a report's table: speeds where a workload counts operations a second, and times where it asks what
//! one takes.

use std::io::{self, IsTerminal};

use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};
use reweave_benches::report::{Placement, Report, Row, Spread};
use reweave_benches::workload::Figure;

use super::human;

/// The figures of a report.
pub fn table(report: &Report) -> Table {
    if speeds_only(report) { speeds(report) } else { times(report) }
}

/// What the columns say.
pub fn legend(report: &Report) -> String {
    let compared = |baselines: Vec<&str>| {
        baselines.into_iter().map(|baseline| format!("vs {baseline}")).collect::<Vec<_>>().join(", ")
    };
    let compared = compared(baselines(report));
    if speeds_only(report) {
        return format!(
            "ops/s: median of the runs, all threads together, audits included; spread: slowest and fastest run.\n\
             ns/op: one thread's time for an operation. {compared}: median of the ratios within each round.\n\
             cores: near or far from each other, by the round trip of a cache line around each run; mixed if it changed."
        );
    }
    let mut text = format!(
        "ns: the time for an operation, median of the runs; spread: fastest and slowest run.\n\
         {compared}: median of the ratios of times within each round, so less is better."
    );
    if report.rows.iter().any(|row| row.figure == Figure::Latency) {
        text.push_str("\nns of a workload that is late: from send to receipt, of each run the median of its messages.");
    }
    if queued(report) {
        text.push_str(
            "\nstart: from the spawn of a task until it begins, the median of a run's tasks, and the time that 99 of 100\n\
             stay within. idle: the share of the threads' time without a task, where a system tells.",
        );
    }
    text
}

/// Whether a row must say which workload it is of: where the title does not.
fn names_workloads(report: &Report) -> bool {
    report.rows.iter().any(|row| row.workload != "bank")
}

fn speeds_only(report: &Report) -> bool {
    report.rows.iter().all(|row| row.figure == Figure::Speed)
}

/// The systems that others are compared with, in the order of their first mention.
fn baselines(report: &Report) -> Vec<&'static str> {
    let mut baselines = Vec::new();
    for &(baseline, _) in report.rows.iter().flat_map(|row| &row.ratios) {
        if !baselines.contains(&baseline) {
            baselines.push(baseline);
        }
    }
    baselines
}

/// Speeds first; with what was done besides, and what was in vain.
fn speeds(report: &Report) -> Table {
    let baselines = baselines(report);
    let named = names_workloads(report);
    let mut header = ["threads", "system", "ops/s", "spread", "ns/op", "audits/s"].map(str::to_owned).to_vec();
    header.extend(baselines.iter().map(|baseline| format!("vs {baseline}")));
    header.push("cores".to_owned());
    header.push("aborts per operation".to_owned());
    let right = header.len() - 2;
    if named {
        header.insert(0, "workload".to_owned());
    }
    let mut table = empty(header);
    for row in &report.rows {
        let mut cells = vec![
            row.threads.to_string(),
            row.system.to_owned(),
            human::si(row.ops_per_sec.median),
            spread(&row.ops_per_sec, row.runs),
            human::digits(row.ns_per_op.median),
            row.audits_per_sec.map_or_else(|| "-".to_owned(), human::si),
        ];
        cells.extend(baselines.iter().map(|baseline| ratio(row, baseline)));
        cells.push(row.placement.map_or("-", Placement::name).to_owned());
        cells.push(aborts(row));
        if named {
            cells.insert(0, row.workload.to_owned());
        }
        table.add_row(cells);
    }
    align_right(&mut table, [0].into_iter().chain(2..right).map(|column| column + usize::from(named)));
    table
}

/// Times, and against whom they are compared.
fn times(report: &Report) -> Table {
    let baselines = baselines(report);
    let mut header = ["workload", "threads", "system", "ns", "spread"].map(str::to_owned).to_vec();
    header.extend(baselines.iter().map(|baseline| format!("vs {baseline}")));
    let queued = queued(report);
    if queued {
        header.extend(["start", "start p99", "idle"].map(str::to_owned));
    }
    let right = header.len();
    let mut table = empty(header);
    for row in &report.rows {
        let mut cells = vec![
            row.workload.to_owned(),
            row.threads.to_string(),
            row.system.to_owned(),
            human::digits(row.ns_per_op.median),
            spread(&row.ns_per_op, row.runs),
        ];
        cells.extend(baselines.iter().map(|baseline| ratio(row, baseline)));
        if queued {
            cells.extend(waits(row));
        }
        table.add_row(cells);
    }
    align_right(&mut table, [1].into_iter().chain(3..right));
    table
}

/// Whether anybody looked how tasks and threads waited for each other.
fn queued(report: &Report) -> bool {
    report.rows.iter().any(|row| row.queueing.is_some())
}

/// How long tasks waited for a thread, and for how much of their time threads had no task.
fn waits(row: &Row) -> [String; 3] {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let start = row.queueing.map(|queueing| queueing.start_ns);
    [
        or_dash(start.map(|start| human::ns(start.median))),
        or_dash(start.map(|start| human::ns(start.p99))),
        or_dash(row.queueing.and_then(|queueing| queueing.idle_share).map(human::percent)),
    ]
}

fn empty(header: Vec<String>) -> Table {
    let terminal = io::stdout().is_terminal();
    let mut table = Table::new();
    let rule = if terminal { '─' } else { '-' };
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill(rule).junction(rule)));
    table.set_content_arrangement(if terminal { ContentArrangement::Dynamic } else { ContentArrangement::Disabled });
    table.set_header(header);
    table
}

fn align_right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for index in columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

fn ratio(row: &Row, baseline: &str) -> String {
    let found = row.ratios.iter().find(|known| known.0 == baseline).and_then(|known| known.1);
    found.map_or_else(|| "-".to_owned(), |ratio| format!("{}x", human::digits(ratio)))
}

/// How far the least and the greatest of the runs are from the median: `-3% +2%`.
fn spread(values: &Spread, runs: usize) -> String {
    if runs < 2 {
        return "-".to_owned();
    }
    let off = |value: f64| (value / values.median - 1.0) * 100.0;
    format!("{:.0}% {:+.0}%", off(values.min).min(-0.0), off(values.max).max(0.0))
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

#[cfg(test)]
pub mod tests {
    use super::*;
    use reweave_benches::machine::Machine;
    use reweave_benches::workload::{Queueing, Start};
    use serde_json::{Map, json};

    /// A row with these aborts.
    pub fn row(aborts: &[(&str, u64)]) -> Row {
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
            placement: Some(Placement::Near),
            latency_ns: None,
            queueing: None,
            figure: Figure::Speed,
            ns_per_op: Spread { median: 20e6, min: 19e6, max: 21e6 },
            ops: 100_000,
            ratios: vec![("2pl", Some(1.5))],
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

    /// The words of the table's lines.
    fn words(report: &Report) -> Vec<String> {
        let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
        table(report).lines().map(|line| words(&line)).collect()
    }

    #[test]
    fn speeds_and_times_have_their_columns() {
        let report = Report { machine: Machine::default(), rows: vec![row(&[])] };
        let lines = words(&report);
        assert_eq!(lines[0], "threads system ops/s spread ns/op audits/s vs 2pl cores aborts per operation");
        assert_eq!(lines[2], "2 reweave 100 -5% +0% 20000000 - 1.50x near -");
        assert!(legend(&report).contains("vs 2pl: median of the ratios within"));

        let report = Report { rows: vec![row(&[]), Row { workload: "counter", ..row(&[]) }], ..report };
        let lines = words(&report);
        assert!(lines[0].starts_with("workload threads system ops/s"), "{}", lines[0]);
        assert!(lines[3].starts_with("counter 2 reweave 100"), "{}", lines[3]);

        let time = |figure, ratios| Row { workload: "lock", figure, ratios, ..row(&[]) };
        let near = time(Figure::Time, vec![("a", Some(0.9)), ("b", None)]);
        let late = time(Figure::Latency, vec![("c", Some(2.0))]);
        let report = Report { machine: Machine::default(), rows: vec![near, late] };
        let lines = words(&report);
        assert_eq!(lines[0], "workload threads system ns spread vs a vs b vs c");
        assert_eq!(lines[2], "lock 2 reweave 20000000 -5% +5% 0.90x - -");
        assert_eq!(lines[3], "lock 2 reweave 20000000 -5% +5% - - 2.00x");
        let legend = legend(&report);
        assert!(legend.contains("vs a, vs b, vs c: ") && legend.contains("send to receipt"), "{legend}");
        assert!(!legend.contains("idle"), "{legend}");
    }

    #[test]
    fn waits_have_columns_where_somebody_looked() {
        let row = |idle_share| Row {
            workload: "queue",
            figure: Figure::Time,
            queueing: Some(Queueing { start_ns: Start { median: 120.0, p99: 34_500.0 }, idle_share }),
            ..row(&[])
        };
        let rows = vec![row(Some(0.25)), row(None), Row { queueing: None, ..row(None) }];
        let report = Report { machine: Machine::default(), rows };
        let lines = words(&report);
        assert_eq!(lines[0], "workload threads system ns spread vs 2pl start start p99 idle");
        let ends: Vec<&str> = lines[2..].iter().filter_map(|line| line.split_once("1.50x ")).map(|it| it.1).collect();
        assert_eq!(ends, ["120 ns 34.5 us 25.0%", "120 ns 34.5 us -", "- - -"]);
        assert!(legend(&report).contains("idle: the share"));
    }
}
