//! The two programs as a user meets them: lists, refusals on one line, exit codes. Nothing is built or explored here.
#![cfg(not(any(reweave_loom, reweave_shuttle)))]

use std::process::{Command, Output};

fn run(program: &str, arguments: &[&str]) -> Output {
    Command::new(program).args(arguments).output().unwrap()
}

fn verify(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_verify"), arguments)
}

fn model(arguments: &[&str]) -> Output {
    run(env!("CARGO_BIN_EXE_model"), arguments)
}

fn refused(output: &Output, with: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    assert!(said.starts_with("error: ") && said.contains(with), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_list_names_tests_models_and_seeded_bugs() {
    let output = verify(&["--list"]);
    assert!(output.status.success());
    let list = String::from_utf8_lossy(&output.stdout);
    for expected in ["cargo test", "message-passing", "loom", "shuttle", "litmus/fence-missing"] {
        assert!(list.contains(expected), "{expected} is not in\n{list}");
    }
}

#[test]
fn the_list_is_narrowed_as_the_run_would_be() {
    let output = verify(&["sync/message-passing", "--only", "shuttle", "--list"]);
    let list = String::from_utf8_lossy(&output.stdout);
    assert!(list.contains("message-passing") && list.contains("depth-first"), "{list}");
    assert!(!list.contains("store-buffering") && !list.contains("unbounded"), "{list}");
}

#[test]
fn wrong_arguments_get_one_line() {
    refused(&verify(&["--only", "miri"]), "tests, loom, shuttle");
    refused(&verify(&["--frobnicate"]), "--frobnicate");
    refused(&verify(&["no-such-component"]), "there are: ");
    refused(&verify(&["--time-limit", "soon"]), "soon");
    refused(&verify(&["sync/message-passing", "--only", "tests"]), "nothing to run");
    refused(&verify(&["--only", "loom", "--json", "/no/such/folder/matrix.json"]), "/no/such/folder");
    refused(&model(&["run", "sync/no-such-model", "--config", "shuttle-dfs"]), "there are: ");
    refused(&model(&["run", "sync/message-passing", "--config", "loom"]), "loom-bounded-N");
    refused(&model(&["replay", "/no/such/file"]), "/no/such/file");
    refused(&model(&["run", "sync/message-passing", "--config", "loom-complete", "--bug", "a/b"]), "a/b");
}

#[test]
fn a_build_without_a_checker_explores_nothing_and_says_so() {
    refused(&model(&["run", "sync/message-passing", "--config", "loom-complete"]), "under std");
    let list = model(&["list", "--json"]);
    let list: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
    assert_eq!(list["backend"], "std");
    let models = list["models"].as_array().unwrap();
    assert!(models.iter().any(|model| model["component"] == "sync" && model["model"] == "message-passing"));
}
