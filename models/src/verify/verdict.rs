//! Judges what a process did: the rules by which a row passes.
//!
//! | the run | had to pass | had to fail (a seeded bug) |
//! |---|---|---|
//! | came to its end | passes, if it executed anything, saw as much as its configuration promises, and reached every cover point | fails: the model is blind to the bug |
//! | failed | fails | passes as `caught`, if the message is the expected one |
//! | was cut off | fails, unless declared beforehand; then it must have reached the cover points all the same | fails |
//! | never began | fails | fails |

use super::process::{End, Ended};
use super::rows::Row;
use crate::config::Completeness;
use crate::model::Seeded;
use crate::report::{Event, Report};
use crate::runner::AFTERWARDS;

/// What was seen of a process that ran a row.
#[derive(Clone, Debug)]
pub struct Observed {
    /// How it ended, and when.
    pub ended: Ended,
    /// Its last report.
    pub report: Option<Report>,
    /// Its standard error.
    pub stderr: String,
}

/// Whether a row passed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It passed; with a remark, if there is one to make.
    Passed(String),
    /// It failed, for the reason given.
    Failed(String),
    /// It is a rule that was waived, for the reason given; neither passed nor failed.
    Waived(String),
}

impl Verdict {
    /// One word for programs.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Passed(_) => "passed",
            Self::Failed(_) => "failed",
            Self::Waived(_) => "waived",
        }
    }

    /// The remark or reason.
    pub fn remark(&self) -> &str {
        match self {
            Self::Passed(remark) | Self::Failed(remark) | Self::Waived(remark) => remark,
        }
    }

    /// Whether it counts as a failure.
    pub fn failed(&self) -> bool {
        matches!(self, Self::Failed(_))
    }
}

/// A row with what became of it.
#[derive(Clone, Debug)]
pub struct Judged {
    /// The verdict.
    pub verdict: Verdict,
    /// How much was seen, if the run came to its end or was cut off.
    pub completeness: Option<Completeness>,
    /// How many executions there were.
    pub executions: Option<u64>,
    /// How many seconds it took.
    pub seconds: f64,
}

/// Judges a row.
pub fn judge(row: &Row, observed: &Observed) -> Judged {
    let verdict = match row.seeded {
        None => judge_pass(row, observed),
        Some(seeded) => judge_fail(seeded, observed),
    };
    let completeness = match &observed.ended.end {
        End::CutOff => Some(Completeness::CutOff),
        _ => observed.report.as_ref().and_then(|report| report.completeness.clone()),
    };
    Judged {
        verdict: verdict.map_or_else(Verdict::Failed, Verdict::Passed),
        completeness,
        executions: observed.report.as_ref().map(|report| report.executions),
        seconds: observed.ended.seconds,
    }
}

fn judge_pass(row: &Row, observed: &Observed) -> Result<String, String> {
    let report = observed.report.as_ref();
    match &observed.ended.end {
        End::NotStarted(reason) => Err(format!("not run: {reason}")),
        End::Exited(Some(0), _) => {
            let finished =
                report.filter(|report| report.event == Event::Finished).ok_or("ended well, but without a report")?;
            let promised = row.run.config.completeness();
            if finished.completeness.as_ref() != Some(&promised) {
                return Err(format!("saw less than promised: {promised}"));
            }
            check_cover(row, finished)?;
            Ok(String::new())
        }
        End::Exited(Some(2), _) => Err(format!("not run: {}", first_line(&observed.stderr))),
        End::Exited(_, status) => Err(failure(&observed.stderr, status)),
        End::CutOff => {
            let reason = row
                .run
                .may_be_cut_off
                .ok_or_else(|| format!("cut off after {:.0} s, undeclared", observed.ended.seconds))?;
            let seen = report.ok_or("cut off before the first report")?;
            check_cover(row, seen)?;
            Ok(format!("as declared: {reason}"))
        }
    }
}

fn judge_fail(seeded: Seeded, observed: &Observed) -> Result<String, String> {
    let bug = seeded.bug;
    match &observed.ended.end {
        End::NotStarted(reason) => Err(format!("not run: {reason}")),
        End::Exited(Some(0), _) => Err(format!("passed in spite of {bug}")),
        End::Exited(Some(2), _) => Err(format!("not run: {}", first_line(&observed.stderr))),
        End::CutOff => Err(format!("cut off before {bug} was caught")),
        End::Exited(_, _) if panics(&observed.stderr).contains(seeded.expect) => Ok(format!("caught: {bug}")),
        End::Exited(_, status) => Err(format!(
            "{bug} failed for another reason than `{}`: {}",
            seeded.expect,
            failure(&observed.stderr, status)
        )),
    }
}

fn check_cover(row: &Row, report: &Report) -> Result<(), String> {
    if report.executions == 0 {
        return Err("vacuous: nothing was executed".into());
    }
    let missed: Vec<_> = row
        .model
        .covers
        .iter()
        .copied()
        .filter(|point| !row.run.may_miss.contains(point))
        .filter(|&point| report.covered.get(point).is_none_or(|&times| times == 0))
        .collect();
    if missed.is_empty() { Ok(()) } else { Err(format!("vacuous: never reached `{}`", missed.join("`, `"))) }
}

/// What was printed from the first panic on: the checkers' own remarks before it prove nothing, and neither does what
/// the run found out when it had failed, about other programs.
fn panics(stderr: &str) -> &str {
    let failure = stderr.split(AFTERWARDS).next().unwrap_or_default();
    failure.find("panicked at").map_or("", |start| &failure[start..])
}

/// The message of the first panic, or how the process ended if there was none.
fn failure(stderr: &str, status: &str) -> String {
    let mut lines = stderr.lines();
    let message: Vec<_> = lines
        .by_ref()
        .find(|line| line.contains("panicked at"))
        .map(|_| {
            lines.take_while(|line| !line.is_empty() && !line.starts_with("note: ")).map(str::trim).take(3).collect()
        })
        .unwrap_or_default();
    if message.is_empty() {
        return format!("ended with {status}");
    }
    shorten(&message.join(" "))
}

fn first_line(text: &str) -> String {
    let line = text.lines().find(|line| !line.is_empty());
    shorten(line.unwrap_or("it did not say why").trim_start_matches("error: "))
}

fn shorten(text: &str) -> String {
    const LONGEST: usize = 200;
    if text.chars().count() <= LONGEST {
        return text.to_owned();
    }
    let kept: String = text.chars().take(LONGEST).collect();
    format!("{kept}…")
}
