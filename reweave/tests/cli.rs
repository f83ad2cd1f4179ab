//! The command as a user meets it: exit codes, what is printed where, and the JSON file.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// Runs the command with these words, its output piped.
fn reweave(words: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reweave"))
        .args(words.split_whitespace())
        .stdin(Stdio::null())
        .output()
        .expect("the command starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// A path in the temporary folder that is nobody else's.
fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("reweave-cli-{}-{name}", std::process::id()))
}

#[test]
fn help_and_version_are_answers() {
    for (words, expected) in [
        ("--help", "Examples:"),
        ("-h", "bench"),
        ("bench --help", "bank"),
        ("bench bank --help", "--audit-percent"),
        ("bench channels --help", "rendezvous-4p4c"),
        ("bench atoms --help", "arc-swap"),
        ("bench stm --help", "rbtree32k-u10"),
        ("bench locks --help", "parking_lot"),
        ("bench sched --help", "par-map-skew"),
        ("doctor --help", "--json"),
        ("--version", env!("CARGO_PKG_VERSION")),
    ] {
        let output = reweave(words);
        assert_eq!(output.status.code(), Some(0), "{words}");
        assert!(stdout(&output).contains(expected), "{words}: {}", stdout(&output));
        assert_eq!(stderr(&output), "", "{words}");
    }
}

#[test]
fn no_words_get_the_help() {
    let output = reweave("");
    assert_eq!(output.status.code(), Some(2));
    assert!(stderr(&output).contains("Usage: reweave"), "{}", stderr(&output));
}

#[test]
fn mistakes_get_one_line_and_exit_code_2() {
    for (words, expected) in [
        ("sing", "choose from bench, doctor"),
        ("bench", "choose from bank, stm, channels, atoms, locks, sched"),
        ("bench bank --systems foo", "unknown system `foo`: choose from reweave, mutex, rwlock, 2pl, stm, fast-stm"),
        ("bench bank --systems reweave,,2pl", "unknown system ``: choose from"),
        ("bench bank --layout tight", "choose from padded, packed"),
        ("bench bank --threads 0", "a whole number from 1 to 1024"),
        ("bench bank --threads two", "a whole number from 1 to 1024"),
        ("bench bank --accounts 1", "a whole number from 2 to"),
        ("bench bank --accounts -4", "a whole number from 2 to"),
        ("bench bank --audit-percent 101", "a whole number from 0 to 100"),
        ("bench bank --seconds 0", "a number from 0.001 to 3600"),
        ("bench bank --seconds NaN", "a number from 0.001 to 3600"),
        ("bench bank --runs 0", "a whole number from 1 to 1000"),
        ("bench bank --skew 3", "a number from 0 to 2"),
        ("bench bank --runs", "needs a value"),
        ("bench bank --run 3", "--runs"),
        ("bench bank 7", "was not expected"),
        ("bench bank --json /no/such/folder/file.json", "cannot be written"),
        ("bench bank --json /", "folder"),
        ("bench channels --systems arc-swap", "unknown system `arc-swap`: choose from "),
        ("bench channels --workloads select3", "unknown workload `select3`: choose from bounded100-pair, "),
        ("bench channels --workloads select2 --systems std,kanal", "std does not offer select2: choose from "),
        ("bench channels --seconds 0", "a number from 0.001 to 3600"),
        ("bench atoms --threads 0", "a whole number from 1 to 1024"),
        ("bench stm --workloads list", "unknown workload `list`: choose from empty, read1, "),
        (
            "bench stm --systems 2PL",
            "unknown system `2PL`: choose from reweave, mutex, rwlock, 2pl, stm, fast-stm, atomics",
        ),
        ("bench stm --workloads rbtree32k-u0 --systems 2pl", "2pl does not offer rbtree32k-u0: choose from "),
        ("bench stm --threads 1,0", "a whole number from 1 to 1024"),
        ("bench stm --runs many", "a whole number from 1 to 1000"),
        ("bench locks --workloads atom-load", "unknown workload `atom-load`: choose from lock"),
        ("bench sched --workloads spawn-await --systems rayon", "rayon does not offer spawn-await: choose from "),
        ("bench sched --systems std", "unknown system `std`: choose from "),
        ("bench sched --trace /tmp/reweave.json", "--trace needs one workload: name it with --workloads"),
        (
            "bench sched --trace /tmp/reweave.json --workloads join-tree,par-map",
            "--trace needs one workload: name it with --workloads",
        ),
        (
            "bench sched --workloads par-map --trace /no/such/folder/trace.json",
            "--trace: /no/such/folder/trace.json cannot be",
        ),
        ("bench sched --workloads par-map --trace /", "--trace: / cannot be written: it is a folder, a file is needed"),
        ("bench stm --trace /tmp/reweave.json", "unknown option `--trace`"),
        ("doctor --yaml", "choose from --json, --help"),
    ] {
        let output = reweave(words);
        let line = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{words}: {line}");
        assert_eq!(line.lines().count(), 1, "{words}: {line}");
        assert!(line.starts_with("error: ") && line.contains(expected), "{words}: {line}");
        assert_eq!(stdout(&output), "", "{words}");
    }
}

#[test]
fn a_bank_run_prints_a_table_and_writes_json() {
    let file = scratch("bank.json");
    fs::write(&file, "what was there before").unwrap();
    let words = "bench bank --seconds 0.01 --runs 2 --accounts 32 --threads 1,2,2 --audit-percent 20 --skew 0.8";
    let output = reweave(&format!("{words} --layout packed --seed 7 --json {}", file.display()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(stderr(&output), "", "quiet when piped");

    let table = stdout(&output);
    assert!(table.starts_with("bank: 32 accounts, packed, 20% audits, skew 0.8, seed 7\n"), "{table}");
    for words in [["1", "reweave"], ["1", "2pl"], ["2", "mutex"], ["2", "fast-stm"]] {
        let rows = table.lines().filter(|line| line.split_whitespace().take(2).eq(words)).count();
        assert_eq!(rows, 1, "{words:?} in {table}");
    }
    assert!(!table.contains('\u{1b}'), "plain text when piped");

    let json: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    fs::remove_file(&file).unwrap();
    assert!(json["machine"]["versions"]["reweave"].is_string());
    let rows = json["rows"].as_array().unwrap();
    let order: Vec<(u64, &str)> =
        rows.iter().map(|row| (row["threads"].as_u64().unwrap(), row["system"].as_str().unwrap())).collect();
    let systems = ["reweave", "mutex", "rwlock", "2pl", "stm", "fast-stm"];
    let expected: Vec<(u64, &str)> =
        [1, 2].into_iter().flat_map(|threads| systems.map(|system| (threads, system))).collect();
    assert_eq!(order, expected);
    for row in rows {
        assert_eq!(row["workload"], "bank");
        assert_eq!(row["runs"], 2);
        assert_eq!(row["params"]["accounts"], 32);
        assert_eq!(row["params"]["layout"], "packed");
        assert_eq!(row["params"]["audit_percent"], 20);
        assert_eq!(row["params"]["skew"], 0.8);
        assert_eq!(row["params"]["seed"], 7);
        let speed = |key: &str| row["ops_per_sec"][key].as_f64().unwrap();
        assert!(0.0 < speed("min") && speed("min") <= speed("median") && speed("median") <= speed("max"), "{row}");
        let audits = row["audits_per_sec"].as_f64().unwrap();
        assert!(audits > 0.0 && audits < speed("max"), "{row}");
        assert!(row["aborts"].as_object().unwrap().values().all(Value::is_u64), "{row}");
        if row["threads"] == 1 {
            assert!(row["ping_pong_ns"].is_null(), "{row}");
        }
    }
}

/// What `words` print, and the rows of the JSON file that they write.
fn measured(words: &str, file: &str) -> (String, Vec<Value>) {
    let file = scratch(file);
    let output = reweave(&format!("{words} --json {}", file.display()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let json: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    fs::remove_file(&file).unwrap();
    (stdout(&output), json["rows"].as_array().unwrap().clone())
}

/// The workload, the number of threads and the system of each row, in words.
fn measured_what(rows: &[Value]) -> Vec<String> {
    let name = |row: &Value, key| row[key].as_str().unwrap().to_owned();
    rows.iter().map(|row| format!("{} {} {}", name(row, "workload"), row["threads"], name(row, "system"))).collect()
}

#[test]
fn channels_are_measured_where_a_system_offers_them() {
    let words = "bench channels --quick --seconds 0.003 --workloads bounded100-pair,select2,rendezvous-late,select2";
    let (table, rows) = measured(&format!("{words} --systems std,crossbeam,kanal"), "channels.json");
    let what = measured_what(&rows);
    let expected = ["bounded100-pair 1 std", "bounded100-pair 1 crossbeam", "bounded100-pair 1 kanal"];
    assert_eq!(what[..3], expected);
    assert_eq!(
        what[3..],
        ["select2 1 crossbeam", "rendezvous-late 2 std", "rendezvous-late 2 crossbeam", "rendezvous-late 2 kanal"]
    );
    for row in &rows {
        assert_eq!(row["runs"], 2);
        assert!(row["ops_per_sec"]["min"].as_f64().unwrap() > 0.0, "{row}");
        let late = row["workload"] == "rendezvous-late";
        assert_eq!(row.get("latency_ns").is_some_and(|ns| ns["median"].as_f64().unwrap() > 0.0), late, "{row}");
        assert_eq!(row["params"]["capacity"], if late { 0 } else { 100 });
    }
    for part in ["vs crossbeam", "vs kanal", "select2 is not offered by std and kanal.", "from send to receipt"] {
        assert!(table.contains(part), "{part} in {table}");
    }
}

#[test]
fn atoms_and_locks_are_measured_with_several_threads() {
    let (table, rows) = measured("bench atoms --quick --seconds 0.002 --systems rwlock,arc-swap", "atoms.json");
    let expected: Vec<String> = ["atom-load 1", "atom-load 2", "atom-swap 1", "atom-swap 2"]
        .into_iter()
        .flat_map(|work| [format!("{work} rwlock"), format!("{work} arc-swap")])
        .collect();
    assert_eq!(measured_what(&rows), expected);
    assert!(table.contains("vs arc-swap"), "{table}");
    let (table, rows) = measured("bench locks --quick --runs 1 --seconds 0.002 --threads 3", "locks.json");
    assert!(measured_what(&rows).contains(&"lock 3 parking_lot".to_owned()));
    assert!(rows.iter().all(|row| row["runs"] == 1 && row["params"]["seconds"] == 0.002));
    assert!(table.contains("vs parking_lot") && table.contains("1 run of 0.002 s"), "{table}");
}

#[test]
fn transactions_are_measured_where_a_system_offers_them() {
    let words = "bench stm --quick --seconds 0.002 --workloads counter,list256-u10,audit,scan";
    let (table, rows) = measured(&format!("{words} --systems reweave,mutex,atomics"), "stm.json");
    let expected = |work: &str, systems: &[&str]| -> Vec<String> {
        systems.iter().map(|system| format!("{work} {system}")).collect()
    };
    let all = ["reweave", "mutex", "atomics"];
    let expected = [
        expected("counter 1", &all),
        expected("counter 2", &all),
        expected("list256-u10 1", &all[..2]),
        expected("list256-u10 2", &all[..2]),
        expected("audit 1", &all),
        expected("scan 2", &all),
    ];
    assert_eq!(measured_what(&rows), expected.concat());
    for row in &rows {
        assert!(row["ops_per_sec"]["min"].as_f64().unwrap() > 0.0, "{row}");
        assert_eq!(row["placement"].is_null(), row["ping_pong_ns"].is_null(), "{row}");
    }
    assert_eq!(rows[6]["params"]["update_percent"], 10);
    for part in ["vs mutex", "vs atomics", "cores", "list256-u10 is not offered by atomics."] {
        assert!(table.contains(part), "{part} in {table}");
    }
}

#[test]
fn schedulers_are_measured_where_a_system_offers_the_work() {
    let words = "bench sched --quick --runs 1 --seconds 0.002 --workloads spawn-await,scoped-spawn,queue-fine";
    let (table, rows) = measured(&format!("{words} --systems shared-queue,rayon,tokio"), "sched.json");
    let expected = [
        "spawn-await 1 tokio",
        "spawn-await 2 tokio",
        "scoped-spawn 1 rayon",
        "scoped-spawn 2 rayon",
        "queue-fine 1 shared-queue",
        "queue-fine 1 rayon",
        "queue-fine 2 shared-queue",
        "queue-fine 2 rayon",
    ];
    assert_eq!(measured_what(&rows), expected);
    for row in &rows {
        assert!(row["ops_per_sec"]["min"].as_f64().unwrap() > 0.0, "{row}");
        let queueing = row.get("queueing");
        assert_eq!(queueing.is_some(), row["workload"] == "queue-fine", "{row}");
        if let Some(queueing) = queueing {
            let start = |key: &str| queueing["start_ns"][key].as_f64().unwrap();
            assert!(0.0 < start("median") && start("median") <= start("p99"), "{row}");
            assert_eq!(queueing["idle_share"].is_f64(), row["system"] == "shared-queue", "{row}");
        }
    }
    assert_eq!(rows[4]["params"]["tasks"], 100_000);
    for part in ["vs rayon", "vs tokio", "start p99", "idle", "scoped-spawn is not offered by tokio and shared-queue."]
    {
        assert!(table.contains(part), "{part} in {table}");
    }
}

#[test]
fn a_scheduler_can_be_seen_at_work() {
    let file = scratch("trace.json");
    let words = "bench sched --quick --runs 1 --seconds 0.002 --threads 2,1 --workloads scoped-spawn --systems rayon";
    let output = reweave(&format!("{words} --trace {}", file.display()));
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(stdout(&output).contains("rayon") && stderr(&output).is_empty());
    let json: Value = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    fs::remove_file(&file).unwrap();
    let events = json["traceEvents"].as_array().unwrap();
    let named = |name: &str| events.iter().filter(|event| event["args"]["name"] == name).count();
    assert_eq!(
        (named("bench-0"), named("bench-1"), named("bench-2")),
        (1, 1, 0),
        "with the greatest number of threads"
    );
    let jobs = events.iter().filter(|event| event["ph"] == "X" && event["name"] == "job of a scope").count();
    assert!(jobs >= 2000, "{jobs}: of a round to warm up, and another");
}

#[test]
fn chosen_systems_only_and_no_baseline() {
    let output = reweave("bench bank --seconds 0.002 --runs 1 --accounts 4 --threads 3 --systems stm,mutex,stm");
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    let systems: Vec<&str> = table
        .lines()
        .filter(|line| line.trim_start().starts_with("3 "))
        .filter_map(|line| line.split_whitespace().nth(1))
        .filter(|word| !word.starts_with("thread"))
        .collect();
    assert_eq!(systems, ["stm", "mutex"], "{table}");
}

#[test]
fn doctor_describes_the_machine() {
    let output = reweave("doctor");
    assert_eq!(output.status.code(), Some(0));
    let text = stdout(&output);
    for heading in ["versions", "compiler", "kernel", "features", "cores", "caches", "NUMA nodes"] {
        assert!(text.lines().any(|line| line.starts_with(heading)), "{heading} in {text}");
    }
    let json: Value = serde_json::from_slice(&reweave("doctor --json").stdout).unwrap();
    assert!(json["caches"].is_array() && json["numa_nodes"].is_array() && json["versions"]["reweave"].is_string());
}

#[test]
fn a_reader_that_leaves_is_no_error() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_reweave"))
        .arg("doctor")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stderr(&output), "");
}
