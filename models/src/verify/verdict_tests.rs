//! Each rule of the verdict, once met and once broken.

use std::collections::BTreeMap;

use super::process::{End, Ended};
use super::rows::Row;
use super::verdict::{Judged, Observed, Verdict, judge};
use crate::config::Completeness;
use crate::model::{Component, Model, Run, Seeded};
use crate::report::{Event, Report};
use crate::runner::AFTERWARDS;

fn nothing() {}

static COMPONENT: Component =
    Component { name: "gate", package: "reweave-core", models: &[], waived: &[], trusted: &[] };

static MODEL: Model =
    Model { name: "opens", property: "holds", runs: &[], covers: &["open", "shut"], seeded: &[], body: nothing };

const PANIC: &str = "execution 7 failed:\n\nthread 'main' panicked at gate.rs:1:1:\nthe gate stuck\nleft: 1\n\
    note: run with\n";

fn must_pass(run: Run) -> Row {
    Row { component: &COMPONENT, model: &MODEL, run, seeded: None }
}

fn must_fail(expect: &'static str) -> Row {
    Row { seeded: Some(Seeded { bug: "gate/rust", run: Run::loom(), expect }), ..must_pass(Run::loom()) }
}

fn report(event: Event, covered: &[&str]) -> Report {
    Report {
        event,
        executions: 7,
        completeness: (event == Event::Finished).then_some(Completeness::Complete),
        covered: covered.iter().map(|&point| (point.to_owned(), 1)).collect::<BTreeMap<_, _>>(),
        seconds: 0.1,
    }
}

fn seen(end: End, report: Option<Report>, stderr: &str) -> Observed {
    Observed { ended: Ended { end, seconds: 1.5 }, report, stderr: stderr.into() }
}

fn well() -> End {
    End::Exited(Some(0), "exit status: 0".into())
}

fn badly() -> End {
    End::Exited(Some(1), "exit status: 1".into())
}

fn reason(judged: &Judged) -> &str {
    assert!(judged.verdict.failed(), "{:?}", judged.verdict);
    judged.verdict.remark()
}

#[test]
fn a_run_that_saw_everything_passes() {
    let finished = report(Event::Finished, &["open", "shut"]);
    let judged = judge(&must_pass(Run::loom()), &seen(well(), Some(finished), ""));
    assert_eq!(judged.verdict, Verdict::Passed(String::new()));
    assert_eq!(judged.completeness, Some(Completeness::Complete));
    assert_eq!(judged.executions, Some(7));
}

#[test]
fn a_cover_point_that_was_never_reached_fails_the_run() {
    let finished = report(Event::Finished, &["open"]);
    let judged = judge(&must_pass(Run::loom()), &seen(well(), Some(finished.clone()), ""));
    assert_eq!(reason(&judged), "vacuous: never reached `shut`");
    let excused = must_pass(Run::loom().may_miss(&["shut"]));
    assert!(!judge(&excused, &seen(well(), Some(finished), "")).verdict.failed());
}

#[test]
fn a_run_without_executions_or_without_a_report_fails() {
    let mut finished = report(Event::Finished, &["open", "shut"]);
    finished.executions = 0;
    let row = must_pass(Run::loom());
    assert_eq!(reason(&judge(&row, &seen(well(), Some(finished), ""))), "vacuous: nothing was executed");
    assert_eq!(reason(&judge(&row, &seen(well(), None, ""))), "ended well, but without a report");
    let unfinished = report(Event::Progress, &["open", "shut"]);
    assert!(judge(&row, &seen(well(), Some(unfinished), "")).verdict.failed());
}

#[test]
fn a_run_that_saw_less_than_its_configuration_promises_fails() {
    let mut finished = report(Event::Finished, &["open", "shut"]);
    finished.completeness = Some(Completeness::Bounded("2 preemptions".into()));
    let judged = judge(&must_pass(Run::loom()), &seen(well(), Some(finished), ""));
    assert_eq!(reason(&judged), "saw less than promised: complete");
}

#[test]
fn a_violated_property_fails_with_its_message() {
    let judged = judge(&must_pass(Run::loom()), &seen(badly(), None, PANIC));
    assert_eq!(reason(&judged), "the gate stuck left: 1");
    let killed = End::Exited(None, "signal: 6 (SIGABRT)".into());
    let judged = judge(&must_pass(Run::loom()), &seen(killed, None, ""));
    assert_eq!(reason(&judged), "ended with signal: 6 (SIGABRT)");
}

#[test]
fn an_undeclared_cut_off_fails_and_a_declared_one_passes() {
    let progress = Some(report(Event::Progress, &["open", "shut"]));
    let judged = judge(&must_pass(Run::loom()), &seen(End::CutOff, progress.clone(), ""));
    assert_eq!(reason(&judged), "cut off after 2 s, undeclared");
    assert_eq!(judged.completeness, Some(Completeness::CutOff));
    assert_eq!(judged.executions, Some(7), "a cut-off says how far it got");

    let declared = must_pass(Run::loom().may_be_cut_off("too large"));
    let judged = judge(&declared, &seen(End::CutOff, progress, ""));
    assert_eq!(judged.verdict, Verdict::Passed("as declared: too large".into()));
    assert_eq!(judged.completeness, Some(Completeness::CutOff));
}

#[test]
fn a_declared_cut_off_must_have_reached_something() {
    let declared = must_pass(Run::loom().may_be_cut_off("too large"));
    let judged = judge(&declared, &seen(End::CutOff, Some(report(Event::Progress, &[])), ""));
    assert_eq!(reason(&judged), "vacuous: never reached `open`, `shut`");
    assert_eq!(reason(&judge(&declared, &seen(End::CutOff, None, ""))), "cut off before the first report");
}

#[test]
fn a_seeded_bug_is_caught_by_the_expected_message() {
    let judged = judge(&must_fail("the gate stuck"), &seen(badly(), None, PANIC));
    assert_eq!(judged.verdict, Verdict::Passed("caught: gate/rust".into()));
    let aborted = End::Exited(None, "signal: 6 (SIGABRT)".into());
    assert!(!judge(&must_fail("the gate stuck"), &seen(aborted, None, PANIC)).verdict.failed());
}

#[test]
fn a_seeded_bug_that_passes_fails_the_row() {
    let finished = Some(report(Event::Finished, &["open", "shut"]));
    let judged = judge(&must_fail("the gate stuck"), &seen(well(), finished, ""));
    assert_eq!(reason(&judged), "passed in spite of gate/rust");
}

#[test]
fn a_seeded_bug_that_fails_for_another_reason_fails_the_row() {
    let judged = judge(&must_fail("the hinge broke"), &seen(badly(), None, PANIC));
    assert_eq!(reason(&judged), "gate/rust failed for another reason than `the hinge broke`: the gate stuck left: 1");
}

#[test]
fn what_is_printed_before_the_panic_is_no_proof() {
    let judged = judge(&must_fail("execution 7 failed"), &seen(badly(), None, PANIC));
    assert!(judged.verdict.failed());
}

#[test]
fn what_is_found_out_afterwards_is_no_proof() {
    let stderr = format!("{PANIC}\n{AFTERWARDS}\na deadlock of something smaller\n");
    assert!(judge(&must_fail("deadlock"), &seen(badly(), None, &stderr)).verdict.failed());
    assert!(!judge(&must_fail("the gate stuck"), &seen(badly(), None, &stderr)).verdict.failed());
}

#[test]
fn a_seeded_bug_that_is_cut_off_or_never_runs_fails_the_row() {
    let row = must_fail("the gate stuck");
    // Even a message that looks right does not count from a run that was killed for its time.
    let judged = judge(&row, &seen(End::CutOff, None, PANIC));
    assert_eq!(reason(&judged), "cut off before gate/rust was caught");
    let refused = End::Exited(Some(2), "exit status: 2".into());
    let said = "error: no seeded bug, says the gate stuck\n";
    assert_eq!(reason(&judge(&row, &seen(refused, None, said))), "not run: no seeded bug, says the gate stuck");
    let absent = End::NotStarted("no such file".into());
    assert!(judge(&row, &seen(absent, None, "")).verdict.failed());
}
