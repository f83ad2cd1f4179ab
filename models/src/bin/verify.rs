//! `cargo verify`: every test and every model, with the matrix of what was checked. See `cargo verify --help`.

use std::process::ExitCode;

#[cfg(not(any(reweave_loom, reweave_shuttle)))]
fn main() -> ExitCode {
    use clap::Parser;
    use reweave_models::arguments::one_line;
    use reweave_models::models::ALL;
    use reweave_models::verify::{args::Args, verify};

    let outcome = match Args::try_parse() {
        Ok(args) => verify(&args, ALL),
        Err(error) if error.use_stderr() => Err(one_line(&error)),
        Err(help) => help.exit(),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::from(2)
        }
    }
}

#[cfg(any(reweave_loom, reweave_shuttle))]
fn main() -> ExitCode {
    eprintln!("error: verify itself is built without a checker; it builds `model` with one");
    ExitCode::from(2)
}
