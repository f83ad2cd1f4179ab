//! The rows of the tests: one for each package.

use super::logs;
use super::matrix::Line;
use super::process::End;
use super::progress::Progress;
use super::session::{Detail, Session, described, shown};
use super::suite;
use super::verdict::Verdict;
use super::workspace::Package;

impl Session<'_> {
    /// The tests of these packages.
    pub fn test(&mut self, packages: &[&Package]) {
        if packages.is_empty() {
            return;
        }
        let command = suite::command(self.workspace, packages);
        let again = shown(&command);
        let log = self.logs.file("tests", "log");
        let progress = Progress::spinner("tests");
        let ended = self.run_shown(command, &log, &log, &progress);
        let output = logs::read(&log);
        let well = matches!(ended.end, End::Exited(Some(0), _));
        let before = self.details.len();
        if !suite::began(&output) && !well {
            let reason = "the tests did not build".to_owned();
            let detail = Detail { title: reason.clone(), output: suite::readable(&output), log: log.clone(), again };
            self.fail_step(["tests", "they build", "cargo test"], ended.seconds, reason, detail);
            progress.end("did not build");
            return;
        }
        let mut tests = 0;
        for (package, suite) in packages.iter().zip(suite::read(&output, packages)) {
            tests += suite.passed + suite.failed;
            // A binary without a harness says nothing; it is to blame only if something went wrong.
            let crashed = !well && !suite.silent.is_empty();
            let failed = suite.failed > 0 || crashed;
            let verdict = match failed {
                false => Verdict::Passed(suite.remark()),
                true if crashed => Verdict::Failed(format!("no result from {}", suite.silent.join(", "))),
                true => Verdict::Failed(suite.remark()),
            };
            self.lines.push(Line::of_suite(package.short(), &suite, &verdict));
            if failed {
                self.details.push(Detail {
                    title: format!("the tests of {}", package.name),
                    output: suite.failures,
                    log: log.clone(),
                    again: format!("cargo test -p {}", package.name),
                });
            }
        }
        if !well && self.details.len() == before {
            let reason = described(&ended.end);
            let detail =
                Detail { title: "cargo test".into(), output: suite::readable(&output), log: log.clone(), again };
            self.fail_step(["tests", "they pass", "cargo test"], ended.seconds, reason, detail);
        }
        if self.details.len() == before {
            let _ = std::fs::remove_file(&log);
        }
        progress.end(&format!("{tests} tests"));
    }
}
