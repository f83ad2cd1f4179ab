//! `model`: explores one model under the checker that this build was compiled for.
//!
//! `cargo verify` builds it once per backend and starts it once per row. By hand it serves to look at a failing row:
//! `model run` repeats it, `model replay` runs a stored schedule of shuttle. It exits with 0 if the property held, with
//! 1 (or as the checker aborts) if it was violated, and with 2 if it was asked for something that does not exist.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use reweave_models::model::find;
use reweave_models::models::ALL;
use reweave_models::report::Report;
use reweave_models::runner::{self, Failure, Order};
use reweave_models::{Backend, Component, Config, Model};
use serde_json::json;

/// Explores one model of reweave under the checker that this build was compiled for.
#[derive(Parser)]
#[command(name = "model", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Lists the models and the runs that this build can do.
    List {
        /// As JSON, on one line.
        #[arg(long)]
        json: bool,
    },
    /// Explores a model.
    Run {
        /// The model, as COMPONENT/NAME.
        model: String,
        /// The configuration: loom-complete, loom-bounded-N, shuttle-dfs, shuttle-pct-DEPTHxN or shuttle-random-N.
        #[arg(long)]
        config: Config,
        /// A seeded bug to switch on.
        #[arg(long)]
        bug: Option<String>,
        /// Report as JSON, on one line.
        #[arg(long)]
        json: bool,
        /// Print a line of JSON about twice a second while exploring, and end when the starting process is gone.
        #[arg(long)]
        progress: bool,
        /// Where to write a schedule that fails under shuttle.
        #[arg(long, value_name = "FOLDER", default_value = ".")]
        schedules: PathBuf,
        /// Let loom name the source line of every access in its messages: slow.
        #[arg(long)]
        locations: bool,
    },
    /// Runs the schedule stored by a failing run under shuttle.
    Replay {
        /// The file.
        file: PathBuf,
    },
}

fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) if error.use_stderr() => {
            return refuse(&reweave_models::arguments::one_line(&error));
        }
        Err(help) => help.exit(),
    };
    match arguments.command {
        Command::List { json } => {
            list(json);
            ExitCode::SUCCESS
        }
        Command::Run { model, config, bug, json, progress, schedules, locations } => match find(ALL, &model) {
            Some((component, model)) => conclude(json, || {
                check_bug(component, model, bug.as_deref())?;
                runner::explore(Order { component, model, config, bug, progress, schedules, locations })
            }),
            None => refuse(&unknown(&model)),
        },
        Command::Replay { file } => match read_failure(&file) {
            Ok(failure) => match find(ALL, &failure.model) {
                Some((_, model)) => conclude(false, || runner::replay(&failure, model)),
                None => refuse(&unknown(&failure.model)),
            },
            Err(problem) => refuse(&problem),
        },
    }
}

/// Runs an exploration and prints its report; a panic out of it has printed itself.
fn conclude(json: bool, run: impl FnOnce() -> Result<Report, String>) -> ExitCode {
    match std::panic::catch_unwind(AssertUnwindSafe(run)) {
        Err(_) => ExitCode::FAILURE,
        Ok(Err(problem)) => refuse(&problem),
        Ok(Ok(report)) => {
            if json {
                println!("{}", json!(report));
            } else {
                let seen = report.completeness.map_or(String::new(), |seen| seen.to_string());
                println!("the property held: {seen}, {} executions, {:.2} s", report.executions, report.seconds);
                for (point, times) in report.covered {
                    println!("  reached {times} times: {point}");
                }
            }
            ExitCode::SUCCESS
        }
    }
}

fn list(json: bool) {
    let here = |config: Config| config.backend() == Backend::BUILT;
    let models: Vec<_> =
        ALL.iter().flat_map(|component| component.models().map(move |model| (component, model))).collect();
    if json {
        let models: Vec<_> = models
            .into_iter()
            .map(|(component, model)| {
                let runs = model.runs.iter().filter(|run| here(run.config));
                let seeded = model.seeded.iter().filter(|seeded| here(seeded.run.config));
                json!({
                    "component": component.name,
                    "package": component.package,
                    "model": model.name,
                    "property": model.property,
                    "runs": runs.map(|run| run.config.to_string()).collect::<Vec<_>>(),
                    "seeded": seeded
                        .map(|seeded| json!({"bug": seeded.bug, "config": seeded.run.config.to_string()}))
                        .collect::<Vec<_>>(),
                })
            })
            .collect();
        println!("{}", json!({"backend": Backend::BUILT, "models": models}));
        return;
    }
    println!("backend: {}", Backend::BUILT);
    for (component, model) in models {
        println!("{}/{}: {}", component.name, model.name, model.property);
        for run in model.runs.iter().filter(|run| here(run.config)) {
            println!("  --config {}", run.config);
        }
        for seeded in model.seeded.iter().filter(|seeded| here(seeded.run.config)) {
            println!("  --config {} --bug {}", seeded.run.config, seeded.bug);
        }
    }
}

fn check_bug(component: &Component, model: &Model, bug: Option<&str>) -> Result<(), String> {
    match bug {
        Some(bug) if !model.seeded.iter().any(|seeded| seeded.bug == bug) => {
            let known: Vec<_> = model.seeded.iter().map(|seeded| seeded.bug).collect();
            Err(format!("{}/{} has no seeded bug `{bug}`; it has: {}", component.name, model.name, known.join(", ")))
        }
        _ => Ok(()),
    }
}

fn read_failure(file: &PathBuf) -> Result<Failure, String> {
    let text = std::fs::read_to_string(file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
    serde_json::from_str(&text)
        .map_err(|error| format!("{} is not a schedule stored by `model run`: {error}", file.display()))
}

fn unknown(model: &str) -> String {
    let known: Vec<_> = ALL
        .iter()
        .flat_map(|component| component.models().map(move |model| (component, model)))
        .map(|(component, model)| format!("{}/{}", component.name, model.name))
        .collect();
    format!("no model `{model}`; there are: {}", known.join(", "))
}

fn refuse(problem: &str) -> ExitCode {
    eprintln!("error: {problem}");
    ExitCode::from(2)
}
