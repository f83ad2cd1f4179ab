//! Reading the output of `cargo test`.

use super::suite::{Suite, began, read, readable};
use super::workspace::Package;

fn packages() -> Vec<Package> {
    ["reweave-core", "reweave-stm"]
        .map(|name| Package { name: name.into(), id: format!("path+file:///{name}#0.1.0") })
        .to_vec()
}

fn parse(output: &str) -> Vec<Suite> {
    let packages = packages();
    read(output, &packages.iter().collect::<Vec<_>>())
}

fn artifact(package: &str, file: &str) -> String {
    format!(
        "{{\"reason\":\"compiler-artifact\",\"package_id\":\"path+file:///{package}#0.1.0\",\
         \"executable\":\"/target/debug/deps/{file}\"}}\n"
    )
}

const RESULT: &str = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.25s\n";

#[test]
fn counts_go_to_the_package_whose_binary_ran() {
    let output = format!(
        "   Compiling reweave-core v0.1.0\n{}{}     Running unittests src/lib.rs (target/debug/deps/reweave_core-1)\n\
         \nrunning 4 tests\n{RESULT}     Running tests/api.rs (target/debug/deps/api-2)\n{RESULT}   Doc-tests reweave_core\n\
         {RESULT}{RESULT}   Doc-tests reweave_stm\n\n",
        artifact("reweave-core", "reweave_core-1"),
        artifact("reweave-stm", "api-2"),
    );
    let suites = parse(&output);
    assert_eq!((suites[0].passed, suites[0].ignored), (9, 3));
    assert_eq!(suites[0].remark(), "3 ignored");
    assert!((suites[0].seconds - 0.75).abs() < 1e-9);
    assert!(suites[0].silent.is_empty() && suites[0].failures.is_empty());
    assert_eq!(suites[1].passed, 3);
    assert_eq!(suites[1].silent, ["the doc tests of reweave_stm"], "a binary that says nothing is named");
    assert!(began(&output));
}

#[test]
fn failures_come_with_what_was_printed() {
    let output = format!(
        "{}     Running unittests src/lib.rs (/elsewhere/deps/reweave_stm-9)\n\nrunning 1 test\ntest loses ... FAILED\n\
         the money is gone\ntest result: FAILED. 0 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\n",
        artifact("reweave-stm", "reweave_stm-9"),
    );
    let suites = parse(&output);
    assert_eq!(suites[1].remark(), "1 of 1 tests failed");
    assert!(suites[1].failures.contains("the money is gone"));
    assert_eq!(suites[0], Suite { package: "reweave-core".into(), ..Suite::default() });
    assert!(!readable(&output).contains("compiler-artifact"));
}

#[test]
fn a_binary_that_crashes_is_silent() {
    let output = format!(
        "{}     Running unittests src/lib.rs (target/debug/deps/reweave_core-1)\nrunning 2 tests\n\
         error: test failed, to rerun pass `-p reweave-core --lib`\n  process didn't exit successfully (signal: 11)\n",
        artifact("reweave-core", "reweave_core-1"),
    );
    let suites = parse(&output);
    assert_eq!(suites[0].silent.len(), 1);
    assert!(suites[0].failures.contains("signal: 11"));
}

#[test]
fn a_build_that_fails_has_not_begun() {
    let output = "   Compiling reweave-core v0.1.0\nerror[E0425]: cannot find value\n";
    assert!(!began(output));
    assert_eq!(parse(output)[0].passed, 0);
}
