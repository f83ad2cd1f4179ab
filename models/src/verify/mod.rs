//! `cargo verify`: builds, runs, judges, and prints the matrix.
//!
//! 1. `cargo test`: a row for each package.
//! 2. The program `model` is built for loom and for shuttle, each in a target folder of its own.
//! 3. Every run of every model, each in a process of its own, several at once, killed at its time limit.
//! 4. Every seeded bug, likewise; these runs must fail.
//! 5. In a full run, a row for everything that a component lacks: a row under loom, one under shuttle, a seeded bug.
//! 6. The matrix, what failed and how to run it again, and one last line: `N passed, N failed`.
//!
//! | module | concept |
//! |---|---|
//! | [`args`] | the command line |
//! | [`workspace`] | where the workspace is, and how cargo is called in it |
//! | [`rows`] | what there is to run, and what is missing |
//! | [`session`] | one run, while it goes on; `test_rows` and `model_rows` are its steps |
//! | [`suite`] | the tests: `cargo test` and its output |
//! | [`explorer`] | the program `model`, built for a checker |
//! | [`process`] | several processes at a time, with limits |
//! | [`logs`] | where their output goes |
//! | [`verdict`] | the rules by which a row passes |
//! | [`matrix`] | the table and the JSON |
//! | [`progress`] | what is shown meanwhile |

pub mod args;
pub mod explorer;
pub mod logs;
pub mod matrix;
mod model_rows;
pub mod process;
pub mod progress;
pub mod rows;
pub mod session;
pub mod suite;
mod test_rows;
pub mod verdict;
pub mod workspace;

#[cfg(test)]
mod process_tests;
#[cfg(test)]
mod rows_tests;
#[cfg(test)]
mod suite_tests;
#[cfg(test)]
mod verdict_tests;

use std::fs::File;
use std::io::Write;
use std::time::Instant;

use args::Args;
use matrix::{Line, Matrix};
use rows::Selection;
use session::Session;
use workspace::Workspace;

use crate::model::Component;

/// Does what the command line says and prints it; tells whether everything passed.
///
/// # Errors
/// Before anything has run, if the command line cannot be followed: what is wrong, on one line.
pub fn verify(args: &Args, components: &'static [Component]) -> Result<bool, String> {
    let started = Instant::now();
    let workspace = Workspace::find()?;
    let selection = Selection::new(&args.filters, args.only, args.tier(), components, &workspace.packages)?;
    let packages = selection.packages(components, &workspace.packages);
    let rows = selection.rows(components);
    if args.list {
        let names: Vec<_> = packages.iter().map(|package| package.short()).collect();
        matrix::print_list(&names, &rows);
        return Ok(true);
    }
    if packages.is_empty() && rows.is_empty() {
        return Err("nothing to run: the filters, --only and the tier leave no row; see --list".into());
    }
    // Opened before anything runs: a wrong path is better known now than in ten minutes.
    let json = args
        .json
        .as_ref()
        .map(|path| {
            let file = File::create(path);
            file.map_err(|error| format!("cannot write {}: {error}", path.display()))
        })
        .transpose()?;

    let mut session = Session::new(&workspace)?;
    session.test(&packages);
    session.explore(&rows, args);
    if args.full() {
        let gaps = rows::gaps(components, &rows);
        session.lines.extend(gaps.iter().map(Line::of_gap));
    }
    let Session { lines, details, logs, .. } = session;
    drop(logs);

    let seconds = started.elapsed().as_secs_f64();
    let matrix = Matrix::new(lines, args.tier(), seconds, components);
    matrix.print();
    for detail in &details {
        detail.print(&workspace);
    }
    if let Some(mut file) = json {
        let written = matrix.json().and_then(|json| file.write_all(json.as_bytes()).map_err(|error| error.to_string()));
        if let Err(error) = written {
            println!("the JSON file could not be written: {error}");
        }
    }
    println!("{}", matrix.conclusion());
    Ok(!matrix.any_failed())
}
