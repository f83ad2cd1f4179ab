//! Mistakes on the command line, each reduced to one line that says what is allowed.

use std::io::ErrorKind::BrokenPipe;
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, CommandFactory, Error};

use super::{Cli, FAILED, MISUSED, fail};

/// Answers a command line that asks for help or for the version, or that is wrong.
pub fn answer(error: &Error) -> ExitCode {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            // A reader that has gone does not need the rest of the help.
            match error.print() {
                Err(error) if error.kind() != BrokenPipe => fail(&format!("no help: {error}"), FAILED),
                _ => ExitCode::SUCCESS,
            }
        }
        // Not one line but the whole help: nothing was said that could be wrong.
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => {
            let _ = error.print();
            ExitCode::from(MISUSED)
        }
        _ => {
            let words: Vec<String> =
                std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
            fail(&message(error, &words), MISUSED)
        }
    }
}

/// What was wrong with these words, in one line.
fn message(error: &Error, words: &[String]) -> String {
    let root = Cli::command();
    let (command, path) = addressed(&root, words);
    let subcommands: Vec<&str> = command.get_subcommands().map(Command::get_name).collect();
    let said = |kind| text(error, kind).unwrap_or_default();
    match error.kind() {
        // The parsers of values write whole sentences.
        ErrorKind::ValueValidation => {
            std::error::Error::source(error).map_or_else(|| first_line(error), ToString::to_string)
        }
        ErrorKind::InvalidValue if said(ContextKind::InvalidValue).is_empty() => {
            format!("{} needs a value: `{path} --help` describes it", said(ContextKind::InvalidArg))
        }
        ErrorKind::UnknownArgument => {
            let wrong = said(ContextKind::InvalidArg);
            match text(error, ContextKind::SuggestedArg) {
                Some(meant) => format!("unknown option `{wrong}`: did you mean `{meant}`?"),
                None if wrong.starts_with('-') => {
                    format!("unknown option `{wrong}`: choose from {}", options(command))
                }
                None => format!("`{wrong}` was not expected: `{path}` takes {} only", options(command)),
            }
        }
        ErrorKind::InvalidSubcommand => {
            let wrong = said(ContextKind::InvalidSubcommand);
            format!("unknown command `{path} {wrong}`: choose from {}", subcommands.join(", "))
        }
        ErrorKind::MissingSubcommand => {
            format!("`{path}` needs one more word: choose from {}", subcommands.join(", "))
        }
        _ => first_line(error),
    }
}

/// The command that the words lead to, and how it is called.
fn addressed<'a>(root: &'a Command, words: &[String]) -> (&'a Command, String) {
    let mut command = root;
    let mut path = root.get_name().to_owned();
    for word in words {
        let Some(next) = command.find_subcommand(word) else { break };
        command = next;
        path = format!("{path} {word}");
    }
    (command, path)
}

/// The options of a command: `--accounts, --layout, --help`.
fn options(command: &Command) -> String {
    let longs = command.get_arguments().filter_map(clap::Arg::get_long).filter(|long| *long != "help");
    longs.chain(["help"]).map(|long| format!("--{long}")).collect::<Vec<_>>().join(", ")
}

/// What the error says under this heading.
fn text(error: &Error, kind: ContextKind) -> Option<String> {
    match error.get(kind)? {
        ContextValue::String(text) => Some(text.clone()),
        ContextValue::Strings(texts) => texts.first().cloned(),
        _ => None,
    }
}

/// The first line of the long message.
fn first_line(error: &Error) -> String {
    let long = error.to_string();
    let line = long.lines().next().unwrap_or("the command line was not understood");
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn said(line: &str) -> String {
        let words: Vec<String> = line.split(' ').skip(1).map(str::to_owned).collect();
        message(&Cli::try_parse_from(line.split(' ')).unwrap_err(), &words)
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn mistakes_are_one_line_that_says_what_is_allowed() {
        let cases = [
            ("reweave sing", "unknown command `reweave sing`: choose from bench, doctor"),
            (
                "reweave bench",
                "`reweave bench` needs one more word: choose from bank, stm, channels, atoms, locks, sched",
            ),
            (
                "reweave bench cafe",
                "unknown command `reweave bench cafe`: choose from bank, stm, channels, atoms, locks, sched",
            ),
            ("reweave bench bank --acounts 4", "unknown option `--acounts`: did you mean `--accounts`?"),
            ("reweave doctor --qqq", "unknown option `--qqq`: choose from --json, --help"),
            ("reweave doctor now", "`now` was not expected: `reweave doctor` takes --json, --help only"),
            (
                "reweave bench bank --systems reweave,foo",
                "unknown system `foo`: choose from reweave, mutex, rwlock, 2pl, stm, fast-stm",
            ),
            ("reweave bench bank --layout tight", "unknown layout `tight`: choose from padded, packed"),
            ("reweave bench bank --accounts 1", "--accounts is `1`: a whole number from 2 to 1048576 is needed"),
            ("reweave bench bank --threads 1,0", "--threads is `0`: a whole number from 1 to 1024 is needed"),
            ("reweave bench bank --threads -1", "--threads is `-1`: a whole number from 1 to 1024 is needed"),
            ("reweave bench bank --seconds 0", "--seconds is `0`: a number from 0.001 to 3600 is needed"),
            ("reweave bench bank --runs 1.5", "--runs is `1.5`: a whole number from 1 to 1000 is needed"),
            (
                "reweave bench bank --audit-percent 101",
                "--audit-percent is `101`: a whole number from 0 to 100 is needed",
            ),
            ("reweave bench bank --skew 9", "--skew is `9`: a number from 0 to 2 is needed"),
            (
                "reweave bench channels --workloads bounded,select2",
                "unknown workload `bounded`: choose from bounded100-pair, bounded100-spsc, bounded100-4p4c, \
                 unbounded-spsc, rendezvous-spsc, rendezvous-4p4c, select2, bounded100-late, rendezvous-late",
            ),
            ("reweave bench locks --workloads atom-load", "unknown workload `atom-load`: choose from lock"),
            ("reweave bench atoms --threads 0", "--threads is `0`: a whole number from 1 to 1024 is needed"),
            (
                "reweave bench channels --threads 2",
                "unknown option `--threads`: choose from --workloads, --systems, --seconds, --runs, --quick, --seed, \
                 --json, --help",
            ),
            ("reweave bench bank --json", "--json <FILE> needs a value: `reweave bench bank --help` describes it"),
        ];
        for (line, expected) in cases {
            assert_eq!(said(line), expected, "{line}");
        }
        let twice = said("reweave bench bank --runs 1 --runs 2");
        assert!(twice.contains("--runs") && !twice.contains('\n'), "{twice}");
    }
}
