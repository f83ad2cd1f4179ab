//! The facade rule, read from the sources: threads, locks, atomics and cells come from `reweave_core::sync`.
//!
//! What is not built on the facade is invisible to the model checkers, and a model above it proves nothing. `clippy.toml`
//! refuses the types and functions that the facade wraps; what the facade re-exports as it is (`Arc`, atomics, `park`) is
//! the same item through either path, which only the text can tell apart. So this test reads every `.rs` file below the
//! workspace's root: libraries and programs, and tests, benchmarks and fuzz targets too, for they use the facade as well.
//! Comments, doc examples and strings may name what they like.
#![cfg(not(any(reweave_loom, reweave_shuttle)))]

mod source;

use std::fs;
use std::path::{Path, PathBuf};

use source::{Kind, paths};

/// What may not be named, and what to write instead.
const RULES: &[(&str, &str)] = &[
    ("std::sync", "reweave_core::sync"),
    ("core::sync", "reweave_core::sync"),
    ("alloc::sync", "reweave_core::sync"),
    ("std::thread", "reweave_core::sync::thread"),
    ("std::thread_local", "reweave_core::sync::thread_local"),
    ("std::cell::UnsafeCell", "reweave_core::sync::UnsafeCell"),
    ("core::cell::UnsafeCell", "reweave_core::sync::UnsafeCell"),
    ("std::hint::spin_loop", "reweave_core::sync::hint::spin_loop"),
    ("core::hint::spin_loop", "reweave_core::sync::hint::spin_loop"),
    ("loom", "reweave_core::sync"),
    ("shuttle", "reweave_core::sync"),
    ("crossbeam_epoch", "reweave_core::reclaim"),
    ("crossbeam_utils::atomic", "reweave_core::sync::atomic"),
    ("crossbeam_utils::sync", "reweave_core::sync"),
    ("crossbeam_utils::thread", "reweave_core::sync::thread"),
    ("crossbeam_utils::Backoff", "reweave_core::sync::hint"),
    ("parking_lot", "reweave_core::sync"),
    ("arc_swap", "reweave_core::sync::ArcCell"),
];

/// A file or folder that may name some of it all the same.
struct Exception {
    place: &'static str,
    names: &'static [&'static str],
    reason: &'static str,
}

const EXCEPTIONS: &[Exception] = &[
    Exception {
        place: "core/src/sync/",
        names: &[
            "std::sync",
            "std::thread",
            "std::thread_local",
            "std::cell::UnsafeCell",
            "std::hint::spin_loop",
            "loom",
            "shuttle",
            "arc_swap",
        ],
        reason: "it is the facade",
    },
    Exception {
        place: "core/src/reclaim/domain.rs",
        names: &["crossbeam_epoch"],
        reason: "it is the one door to crossbeam-epoch",
    },
    Exception {
        place: "models/src/runner/",
        names: &["std::sync", "std::thread", "loom", "shuttle"],
        reason: "it drives the checkers, and its own bookkeeping must be invisible to them",
    },
    Exception {
        place: "models/src/models/wakers.rs",
        names: &["std::sync"],
        reason: "`std::task::Wake` is defined on the standard library's `Arc`",
    },
    Exception {
        place: "benches/src/systems/mutex.rs",
        names: &["std::sync"],
        reason: "the standard library's lock is the system under test",
    },
    Exception {
        place: "benches/src/systems/rwlock.rs",
        names: &["std::sync"],
        reason: "the standard library's lock is the system under test",
    },
    Exception {
        place: "benches/src/systems/std_mpsc.rs",
        names: &["std::sync"],
        reason: "the standard library's channels are the system under test",
    },
    Exception {
        place: "benches/src/systems/parking_lot.rs",
        names: &["parking_lot"],
        reason: "its lock is the system under test",
    },
    Exception {
        place: "benches/src/systems/two_phase.rs",
        names: &["parking_lot"],
        reason: "its locks are the system under test",
    },
    Exception { place: "benches/src/systems/arc_swap.rs", names: &["arc_swap"], reason: "it is the system under test" },
    Exception {
        place: "benches/src/workload/atoms/",
        names: &["arc_swap"],
        reason: "it names the adapter of that name",
    },
    Exception {
        place: "benches/benches/",
        names: &["parking_lot", "arc_swap"],
        reason: "their locks and cells are what single operations are compared with",
    },
];

/// Something named against the rule.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    line: usize,
    rule: &'static str,
    instead: &'static str,
}

/// Everything in a source text that the rules are about, allowed or not.
fn findings(text: &str) -> Vec<Finding> {
    let paths = paths(text);
    let imports_thread_local =
        paths.iter().any(|path| path.kind == Kind::Import && path.parts.last().is_some_and(|it| it == "thread_local"));
    let mut found = Vec::new();
    for path in &paths {
        // The prelude's own macro needs no path.
        let named = match &path.parts[..] {
            [name] if path.kind == Kind::Macro && name == "thread_local" && !imports_thread_local => {
                "std::thread_local".to_owned()
            }
            parts => parts.join("::"),
        };
        let broken = RULES.iter().find(|(rule, _)| names(&named, path.kind, rule));
        found.extend(broken.map(|&(rule, instead)| Finding { line: path.line, rule, instead }));
    }
    found
}

/// Whether a path names what the rule is about, or imports something that contains it.
fn names(path: &str, kind: Kind, rule: &str) -> bool {
    let below = |path: &str, root: &str| path.strip_prefix(root).is_some_and(|rest| rest.starts_with("::"));
    if kind == Kind::Import {
        let opened = path.strip_suffix("::*").unwrap_or(path);
        opened == rule || below(path, rule) || below(rule, opened)
    } else {
        // A lone word is not a crate: models have a function called `loom`.
        (path == rule && rule.contains("::")) || below(path, rule)
    }
}

fn excepted(place: &str, rule: &str) -> bool {
    EXCEPTIONS.iter().any(|exception| place.starts_with(exception.place) && exception.names.contains(&rule))
}

/// Every source file of the project: its path below the root with `/`, and its text.
fn sources() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("models/ lies in the workspace");
    let (mut folders, mut sources) = (vec![root.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of the workspace can be read") {
            let path: PathBuf = entry.expect("and listed").path();
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if path.is_dir() {
                if name != "target" && !name.starts_with('.') {
                    folders.push(path);
                }
            } else if name.ends_with(".rs") {
                let place = path.strip_prefix(root).expect("found below the root").to_string_lossy().replace('\\', "/");
                sources.push((place, fs::read_to_string(&path).expect("a source file can be read")));
            }
        }
    }
    sources.sort();
    sources
}

#[test]
fn only_the_facade_names_its_backends() {
    let mut broken = Vec::new();
    for (place, text) in sources() {
        for Finding { line, rule, instead } in findings(&text) {
            if !excepted(&place, rule) {
                broken.push(format!("{place}:{line}: `{rule}` is named here: write `{instead}`"));
            }
        }
    }
    assert!(broken.is_empty(), "{} against the facade rule:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn every_exception_is_needed() {
    let sources = sources();
    for exception in EXCEPTIONS {
        for name in exception.names {
            let used = sources.iter().any(|(place, text)| {
                place.starts_with(exception.place) && findings(text).iter().any(|finding| finding.rule == *name)
            });
            assert!(used, "{} ({}) no longer names `{name}`", exception.place, exception.reason);
        }
    }
}

#[test]
fn every_crate_is_read() {
    let sources = sources();
    for root in ["core", "stm", "sched", "models", "benches", "reweave"] {
        let root = format!("{root}/src/lib.rs");
        assert!(sources.iter().any(|(place, _)| *place == root), "{root} was not read");
    }
}

/// The rules broken by a text, each with its line.
fn found(text: &str) -> Vec<(usize, &'static str)> {
    findings(text).into_iter().map(|finding| (finding.line, finding.rule)).collect()
}

#[test]
fn what_is_against_the_rule_is_found() {
    for (text, rule) in [
        ("use std::sync::Arc;", "std::sync"),
        ("use std::sync;", "std::sync"),
        ("use ::std::sync::atomic::AtomicU64;", "std::sync"),
        ("pub(crate) use std::sync::atomic as facade;", "std::sync"),
        ("use std::{fmt, sync::{Arc, Mutex as Lock}, io};", "std::sync"),
        ("use std as plain;", "std::sync"),
        ("use std::{self};", "std::sync"),
        ("use std::*;", "std::sync"),
        ("let lock = std::sync::Mutex::new(0);", "std::sync"),
        ("fn f(_: &[<std::sync::Arc<u8> as Deref>::Target]) {}", "std::sync"),
        ("#[derive(Debug)] struct S(core::sync::atomic::AtomicU8);", "core::sync"),
        ("std /* spread */ :: // out\n thread::yield_now();", "std::thread"),
        ("let c = '\"'; std::thread::spawn(|| \"a string\");", "std::thread"),
        ("std::thread_local! { static A: u8 = 0; }", "std::thread_local"),
        ("thread_local! { static A: u8 = 0; }", "std::thread_local"),
        ("fn f<'a>(_: &'a std::cell::UnsafeCell<char>) { g('a') }", "std::cell::UnsafeCell"),
        ("std::hint::spin_loop();", "std::hint::spin_loop"),
        ("extern crate loom;", "loom"),
        ("loom::model(|| ());", "loom"),
        ("vec![shuttle::rand::thread_rng()];", "shuttle"),
        ("use crossbeam_epoch::{Collector};", "crossbeam_epoch"),
        ("use crossbeam_utils::{Backoff, CachePadded};", "crossbeam_utils::Backoff"),
        ("parking_lot::Mutex::new(0)", "parking_lot"),
        ("use arc_swap::ArcSwap;", "arc_swap"),
    ] {
        let rules: Vec<_> = found(text).into_iter().map(|(_, rule)| rule).collect();
        assert!(!rules.is_empty() && rules.iter().all(|it| *it == rule), "{text}: {rules:?}");
    }
}

#[test]
fn findings_have_the_right_line() {
    let text =
        "//! Not std::sync.\nuse std::{\n    fmt,\n    sync::Arc,\n};\n\"\nstd::sync\n\";\nstd::thread::park();\n";
    assert_eq!(found(text), [(4, "std::sync"), (9, "std::thread")]);
}

#[test]
fn what_is_within_the_rule_is_not_found() {
    for text in [
        "// std::sync::Arc",
        "/* std::sync /* std::thread */ loom::model */ fn f() {}",
        "/// ```\n/// std::thread::sleep(t);\n/// ```\nfn f() {}",
        "println!(\"std::sync {}\", r#\"loom::\"model\"#);",
        "let bytes = b\"std::thread\"; let quote = b'\"'; let other = '\\'';",
        "use reweave_core::sync::{Arc, atomic::AtomicU64, thread};",
        "reweave_core::sync::thread::spawn(f); crate::sync::hint::spin_loop();",
        "use reweave_core::sync::thread_local; thread_local! { static A: u8 = 0; }",
        "sync::thread_local! { static A: u8 = 0; }",
        "use crossbeam_utils::CachePadded; std::hint::black_box(1);",
        "use std::{cell::Cell, time::Instant}; use std::fmt::*;",
        "fn f() -> Run { Run::loom() } fn loom() -> impl Sized + use<> {} mod shuttle;",
        "use super::stm::loom;",
    ] {
        assert_eq!(found(text), [], "{text}");
    }
}
