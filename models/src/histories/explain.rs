//! Failures as a person reads them: the history as a table, and how far an order explains it.

use std::error::Error;
use std::fmt::{self, Write};

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use super::check::first_unexplained;
use super::{Ending, History, Op, Order, Scenario, Sequential, Subject, Verdict};

/// The number under which a history lists the operation that ends others: it belongs to no thread of the scenario.
pub(super) const ENDER: usize = usize::MAX;

/// What was wrong with a run of a scenario.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// No order of the operations explains what they returned.
    Violation,
    /// The checker's budget did not suffice to find an order, nor to rule one out.
    Undecided,
    /// Threads waited, and the model says that they need not have.
    Stuck,
    /// An operation panicked.
    Panicked,
}

/// A run of a scenario that failed, described for people: `Display` gives the table, the order, and how to run it
/// again.
#[derive(Clone, Debug)]
pub struct Failure {
    /// What was wrong.
    pub kind: Kind,
    pub(super) text: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Error for Failure {}

/// The failure that the verdict on a history amounts to, if it does.
pub(super) fn judge<S: Subject>(
    history: &History<S::Model>,
    verdict: &Verdict<S::Model>,
    budget: usize,
) -> Option<Failure> {
    let mut text = String::new();
    let kind = match verdict {
        Verdict::Linearizable(_) => return None,
        Verdict::Undecided { configurations } => {
            let _ = writeln!(
                text,
                "undecided: whether the history of {} is linearizable was not found out in {configurations} steps: make \
                 the scenarios smaller or the budget larger",
                S::NAME
            );
            text.push_str(&table(history, None));
            Kind::Undecided
        }
        Verdict::Violation(violation) => {
            let unexplained = first_unexplained(&S::model(), history, budget);
            let kind = if history.is_stuck() && unexplained.is_none() { Kind::Stuck } else { Kind::Violation };
            let headline = match (kind, history.order()) {
                (Kind::Stuck, _) => "waits for what has come",
                (_, Order::RealTime) => "is not linearizable",
                (_, Order::Program) => "is not sequentially consistent",
            };
            let _ = writeln!(text, "the history of {} {headline}", S::NAME);
            text.push_str(&table(history, unexplained));
            let _ = writeln!(text, "The longest order found that explains results:");
            if violation.prefix.is_empty() {
                let _ = writeln!(text, "  none");
            }
            for (at, &i) in violation.prefix.iter().enumerate() {
                let _ = writeln!(text, "  {}. {}", at + 1, told(history, i));
            }
            let _ =
                writeln!(text, "The model is then in the state {:?}, and would have allowed next:", violation.state);
            for (i, results) in &violation.next {
                let operation = &history.operations()[*i];
                let allowed: Vec<_> = results.iter().map(|result| format!("{result:?}")).collect();
                let allowed = if allowed.is_empty() { "to wait".to_owned() } else { allowed.join(" or ") };
                let seen = match &operation.returned {
                    Some((_, result)) => format!("it returned {result:?}"),
                    None => "it has not returned".to_owned(),
                };
                let _ = writeln!(text, "  {}: {:?} -> {allowed}; {seen}", name(operation.thread), operation.op);
            }
            kind
        }
    };
    Some(Failure { kind, text })
}

/// An operation with its thread and its result.
fn told<M: Sequential>(history: &History<M>, operation: usize) -> String {
    let operation = &history.operations()[operation];
    let result = match &operation.returned {
        Some((_, result)) => format!(" -> {result:?}"),
        None => " (has not returned)".to_owned(),
    };
    format!("{}: {:?}{result}", name(operation.thread), operation.op)
}

fn name(thread: usize) -> String {
    match thread {
        0 => "main".to_owned(),
        ENDER => "ending".to_owned(),
        thread => format!("thread {thread}"),
    }
}

/// What happens to an operation in a row of the table.
enum Mark {
    Begins,
    Ends,
    BeginsAndEnds,
}

/// The history as a table: a column for each thread, a row for each event, in order of time.
///
/// An operation spans the rows from its `┌` to its `└`; one during which nothing else happened is a single row.
pub(super) fn table<M: Sequential>(history: &History<M>, unexplained: Option<u64>) -> String {
    let operations = history.operations();
    let mut threads: Vec<usize> = operations.iter().map(|operation| operation.thread).collect();
    threads.sort_unstable();
    threads.dedup();
    // Invocations sort before returns of the same time: equal times are no order, so the two overlap.
    let mut events: Vec<(u64, bool, usize)> = Vec::new();
    for (i, operation) in operations.iter().enumerate() {
        events.push((operation.invoked, false, i));
        events.extend(operation.returned.as_ref().map(|(at, _)| (*at, true, i)));
    }
    events.sort_unstable();
    let mut rows: Vec<(Mark, usize)> = Vec::new();
    let mut marked = None;
    for &(at, returns, i) in &events {
        match rows.last_mut() {
            Some((mark @ Mark::Begins, last)) if returns && *last == i => *mark = Mark::BeginsAndEnds,
            _ => rows.push((if returns { Mark::Ends } else { Mark::Begins }, i)),
        }
        if returns && unexplained == Some(at) {
            marked = Some(rows.len() - 1);
        }
    }
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table.set_content_arrangement(ContentArrangement::Disabled);
    let header = threads.iter().map(|&thread| name(thread));
    table.set_header(["".to_owned()].into_iter().chain(header).chain(["".to_owned()]));
    let mut running = vec![false; threads.len()];
    for (row, (mark, i)) in rows.iter().enumerate() {
        let operation = &operations[*i];
        let mine = threads.iter().position(|&thread| thread == operation.thread);
        let result = operation.returned.as_ref().map_or(String::new(), |(_, result)| format!("{result:?}"));
        let mut cells = vec![(row + 1).to_string()];
        for (column, running) in running.iter_mut().enumerate() {
            if Some(column) != mine {
                cells.push(if *running { "│".to_owned() } else { String::new() });
                continue;
            }
            *running = matches!(mark, Mark::Begins);
            cells.push(match mark {
                Mark::Begins => format!("┌ {:?}", operation.op),
                Mark::Ends => format!("└ {result}"),
                Mark::BeginsAndEnds => format!("─ {:?} -> {result}", operation.op),
            });
        }
        cells.push(if marked == Some(row) { "<- no order explains this".to_owned() } else { String::new() });
        table.add_row(cells);
    }
    if running.contains(&true) {
        let waits = |&running: &bool| if running { "│ has not returned" } else { "" };
        table.add_row([""].into_iter().chain(running.iter().map(waits)));
    }
    let mut text = String::new();
    for line in table.lines() {
        let _ = writeln!(text, "{}", line.trim_end());
    }
    text
}

/// A scenario in a few lines.
pub(super) fn outline<S: Subject>(scenario: &Scenario<Op<S>>) -> String {
    let mut text = String::new();
    let mut line = |name: String, operations: &[Op<S>]| {
        if !operations.is_empty() {
            let operations: Vec<_> = operations.iter().map(|operation| format!("{operation:?}")).collect();
            let _ = writeln!(text, "  {name}: {}", operations.join(", "));
        }
    };
    line("before".to_owned(), &scenario.before);
    for (at, operations) in scenario.threads.iter().enumerate() {
        line(name(at + 1), operations);
    }
    line("after".to_owned(), &scenario.after);
    match S::ending() {
        Ending::Operation(op) => line("ended by".to_owned(), &[op]),
        Ending::Hook | Ending::NotNeeded => {}
    }
    text
}
