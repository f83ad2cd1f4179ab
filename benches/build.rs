//! Notes what a benchmark report has to name and a running program cannot find out: the compiler, how far it
//! optimised, and the exact versions of the systems that are compared (from the lock file, where there is one).

use std::process::Command;
use std::{env, fs};

/// The peers whose versions a report names.
const PEERS: [&str; 11] = [
    "parking_lot",
    "stm",
    "fast-stm",
    "crossbeam-channel",
    "kanal",
    "flume",
    "arc-swap",
    "rayon",
    "chili",
    "tokio",
    "async-executor",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");

    let rustc = env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
    let version = Command::new(rustc)
        .arg("--version")
        .output()
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok())
        .map(|line| line.trim().trim_start_matches("rustc ").to_owned())
        .filter(|line| !line.is_empty())
        .unwrap_or_else(|| "unknown".to_owned());
    tell("RUSTC_VERSION", &version);
    for name in ["OPT_LEVEL", "TARGET"] {
        tell(name, &env::var(name).unwrap_or_else(|_| "unknown".to_owned()));
    }

    let lock = "../Cargo.lock";
    // An absent file would make cargo rerun this script on every build.
    let text = match fs::read_to_string(lock) {
        Ok(text) => {
            println!("cargo::rerun-if-changed={lock}");
            text
        }
        Err(_) => String::new(),
    };
    let versions: Vec<String> =
        PEERS.iter().filter_map(|peer| Some(format!("{peer}={}", locked(&text, peer)?))).collect();
    tell("PEERS", &versions.join(","));
}

/// Hands a fact to the library as an environment variable of its compilation.
fn tell(name: &str, value: &str) {
    println!("cargo::rustc-env=REWEAVE_{name}={value}");
}

/// The version of `peer` that this package is locked to. A dependency that is locked in several versions is listed
/// with its version, one in a single version without.
fn locked(lock: &str, peer: &str) -> Option<String> {
    let mut packages = lock.split("[[package]]");
    let own = packages.clone().find(|package| field(package, "name") == Some("reweave-benches"))?;
    let listed = own.lines().find_map(|line| {
        let entry = line.trim().strip_prefix('"')?.trim_end_matches("\",").trim_end_matches('"');
        let mut words = entry.split(' ');
        (words.next() == Some(peer)).then(|| words.next().map(str::to_owned))
    })?;
    listed.or_else(|| {
        let package = packages.find(|package| field(package, "name") == Some(peer))?;
        field(package, "version").map(str::to_owned)
    })
}

/// The value of a line such as `name = "stm"`.
fn field<'a>(package: &'a str, name: &str) -> Option<&'a str> {
    package.lines().find_map(|line| {
        line.strip_prefix(name)?.trim_start().strip_prefix('=')?.trim().strip_prefix('"')?.strip_suffix('"')
    })
}
