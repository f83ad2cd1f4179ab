//! What the process that explores a model tells the one that started it: JSON lines on its standard output.
//!
//! `progress` lines come about twice a second and once when an execution panics, so that a run that is cut off or fails
//! still says how far it got; exactly one `finished` line ends a run that came to its end. Everything else, the panic
//! message of a failing execution above all, goes to standard error.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::config::Completeness;

/// One line.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// Whether more is to come.
    pub event: Event,
    /// How many executions have begun.
    pub executions: u64,
    /// How much has been seen: present once the run is finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completeness: Option<Completeness>,
    /// How often each cover point was reached, over all executions.
    pub covered: BTreeMap<String, u64>,
    /// Seconds since the first execution began.
    pub seconds: f64,
}

/// What a line announces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Event {
    /// The exploration goes on.
    Progress,
    /// It came to its end.
    Finished,
}

impl Report {
    /// The last report among the lines of `output`; lines that are none are passed over.
    pub fn last_in(output: &str) -> Option<Self> {
        output.lines().rev().find_map(|line| serde_json::from_str(line).ok())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_counts_and_noise_is_passed_over() {
        let report = |event, executions, completeness| Report {
            event,
            executions,
            completeness,
            covered: BTreeMap::from([("met".to_owned(), executions)]),
            seconds: 0.5,
        };
        let first = report(Event::Progress, 10, None);
        let last = report(Event::Finished, 20, Some(Completeness::Complete));
        let output = format!(
            "{}\nnoise\n{}\n{{\"other\":1}}\n",
            serde_json::to_string(&first).unwrap(),
            serde_json::to_string(&last).unwrap()
        );
        assert_eq!(Report::last_in(&output), Some(last));
        assert_eq!(Report::last_in("noise\n"), None);
    }

    #[test]
    fn a_half_written_last_line_is_passed_over() {
        let report = Report {
            event: Event::Progress,
            executions: 3,
            completeness: None,
            covered: BTreeMap::new(),
            seconds: 1.0,
        };
        let whole = serde_json::to_string(&report).unwrap();
        let output = format!("{whole}\n{}", &whole[..20]);
        assert_eq!(Report::last_in(&output), Some(report));
    }
}
