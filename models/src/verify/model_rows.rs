//! The rows of the models: builds the explorers, runs every row in a process of its own, and judges it.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use super::args::Args;
use super::explorer;
use super::logs;
use super::matrix::Line;
use super::process::{self, End, Ended, News, Task};
use super::progress::Progress;
use super::rows::Row;
use super::session::{Detail, Session, described, shown};
use super::verdict::{self, Observed};
use crate::config::Backend;
use crate::report::Report;
use crate::runner;

impl Session<'_> {
    /// The rows of the models: builds the explorers that they need, then runs them all.
    pub fn explore(&mut self, rows: &[Row], args: &Args) {
        let mut explorers = BTreeMap::new();
        for backend in [Backend::Loom, Backend::Shuttle] {
            if rows.iter().any(|row| row.backend() == backend) {
                explorers.insert(backend, self.build(backend));
            }
        }
        if rows.is_empty() {
            return;
        }
        let progress = Progress::rows("models", rows.len());
        let (tasks, files): (Vec<_>, Vec<_>) = rows
            .iter()
            .map(|row| {
                let files = [self.logs.file(&row.title(), "out"), self.logs.file(&row.title(), "err")];
                let explorer = explorers.get(&row.backend()).and_then(Option::as_ref);
                (self.task(row, explorer, &files, args.time_limit), files)
            })
            .unzip();
        let mut lines: Vec<Option<Line>> = vec![None; rows.len()];
        let mut details = Vec::new();
        process::run_all(tasks, args.jobs(), |news| match news {
            News::Running(indices) => progress.now(|| {
                let titles: Vec<_> = indices.iter().map(|&index| rows[index].title()).collect();
                titles.join(", ")
            }),
            News::Ended(index, ended) => {
                let row = &rows[index];
                let explorer = explorers.get(&row.backend()).and_then(Option::as_ref);
                let (line, detail) = self.conclude(row, explorer, ended, &files[index]);
                progress.finished_row(&line.in_short(&row.title()), line.failed());
                lines[index] = Some(line);
                details.extend(detail.map(|detail| (index, detail)));
            }
        });
        progress.end(&format!("{} rows", rows.len()));
        // They ran with the must-fail rows last; in the matrix each component's rows stand together.
        let mut lines: Vec<_> =
            rows.iter().zip(lines).filter_map(|(row, line)| Some((row.component.name, line?))).collect();
        let place = |name| rows.iter().position(|row| row.component.name == name);
        lines.sort_by_key(|(name, _)| place(*name));
        self.lines.extend(lines.into_iter().map(|(_, line)| line));
        details.sort_by_key(|(index, _)| *index);
        self.details.extend(details.into_iter().map(|(_, detail)| detail));
    }

    /// Builds the explorer of a backend; a failure is a row of its own.
    fn build(&mut self, backend: Backend) -> Option<PathBuf> {
        let progress = Progress::spinner(&format!("building for {backend}"));
        let command = explorer::build(self.workspace, backend);
        let cfgs: Vec<_> = explorer::cfgs(backend).iter().map(|cfg| format!("--cfg {cfg}")).collect();
        let again = format!("RUSTFLAGS=\"{}\" {}", cfgs.join(" "), shown(&command));
        let out = self.logs.file(&format!("build {backend}"), "out");
        let err = self.logs.file(&format!("build {backend}"), "err");
        let ended = self.run_shown(command, &out, &err, &progress);
        let built = match &ended.end {
            End::Exited(Some(0), _) => explorer::executable(&logs::read(&out))
                .ok_or_else(|| "cargo does not say what it built".to_owned())
                .and_then(|program| explorer::check(&program, backend).map(|()| program)),
            other => Err(format!("the build failed: {}", described(other))),
        };
        match built {
            Ok(program) => {
                let _ = std::fs::remove_file(&out);
                let _ = std::fs::remove_file(&err);
                progress.end("done");
                Some(program)
            }
            Err(reason) => {
                progress.end("failed");
                let property = format!("they build for {backend}");
                let title = format!("the build for {backend}");
                let detail = Detail { title, output: logs::read(&err), log: err, again };
                self.fail_step(["models", &property, "cargo build"], ended.seconds, reason, detail);
                None
            }
        }
    }

    fn task(&self, row: &Row, explorer: Option<&PathBuf>, [out, err]: &[PathBuf; 2], time_limit: u64) -> Task {
        // Without an explorer this names no program, and so the row ends as one that was not started.
        let mut command = Command::new(explorer.cloned().unwrap_or_default());
        explorer::quiet(&mut command);
        command
            .args(arguments(row))
            .args(["--json", "--progress", "--schedules"])
            .arg(&self.logs.folder)
            .current_dir(&self.workspace.root);
        let seconds = row.run.limit.map_or(time_limit, |own| own.min(time_limit));
        Task { command, stdout: out.clone(), stderr: err.clone(), limit: Some(Duration::from_secs(seconds)) }
    }

    /// Judges a row that has ended, and clears its logs away if it passed.
    fn conclude(
        &self,
        row: &Row,
        explorer: Option<&PathBuf>,
        mut ended: Ended,
        [out, err]: &[PathBuf; 2],
    ) -> (Line, Option<Detail>) {
        if explorer.is_none() {
            ended.end = End::NotStarted(format!("there is no build for {}", row.backend()));
        }
        let observed = Observed { ended, report: Report::last_in(&logs::read(out)), stderr: logs::read(err) };
        let judged = verdict::judge(row, &observed);
        let line = Line::of_row(row, &judged);
        if !judged.verdict.failed() {
            let _ = std::fs::remove_file(out);
            let _ = std::fs::remove_file(err);
            self.remove_schedules(row);
            return (line, None);
        }
        let detail = explorer.map(|explorer| Detail {
            title: format!("{}: {}", row.title(), judged.verdict.remark()),
            output: observed.stderr,
            log: err.clone(),
            again: format!("{} {}", self.workspace.relative(explorer), arguments(row).join(" ")),
        });
        (line, detail)
    }

    /// A caught bug's schedule is of no further use.
    fn remove_schedules(&self, row: &Row) {
        if row.seeded.is_some() && row.backend() == Backend::Shuttle {
            let name = runner::schedule_name(&row.path(), row.run.config, row.seeded.map(|seeded| seeded.bug));
            let _ = std::fs::remove_file(self.logs.folder.join(name));
        }
    }
}

/// What the explorer is told to run a row.
fn arguments(row: &Row) -> Vec<String> {
    let mut arguments = vec!["run".to_owned(), row.path(), "--config".into(), row.run.config.to_string()];
    if let Some(seeded) = row.seeded {
        arguments.extend(["--bug".to_owned(), seeded.bug.to_owned()]);
    }
    arguments
}
