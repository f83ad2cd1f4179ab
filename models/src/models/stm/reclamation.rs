//! Values behind a pointer, variables, and nodes of chains: nobody meets one that is gone or used for something else, and
//! each goes exactly once.
//!
//! Under the checkers every commit that unlinks something sweeps. What goes is in the facade's cell, so that an access after
//! its destruction shows.

use reweave_core::reclaim::reap;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_stm::{Attempt, Engine, Participant, TVar};

use crate::{Model, Run, Seeded, cover};

/// The models of reclamation in the engine.
pub const MODELS: &[Model] = &[
    Model {
        name: "boxed-read",
        property: "a value that a transaction looks at is not destroyed by the commit that replaces it",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["old", "new"],
        seeded: &[
            Seeded { bug: "stm/free-without-grace", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "stm/free-without-grace", run: Run::shuttle_pct(3, 3_000), expect: "was destroyed" },
        ],
        body: boxed_read,
    },
    Model {
        name: "dropped-variable",
        property: "a variable that is dropped while a transaction has it in its log outlives that transaction",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 3_000)],
        covers: &["committed", "aborted"],
        seeded: &[
            Seeded { bug: "stm/free-without-grace", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "stm/free-without-grace", run: Run::shuttle_pct(3, 3_000), expect: "was destroyed" },
        ],
        body: dropped_variable,
    },
    Model {
        name: "walked-chain",
        property: "a node that was cut out of a chain is not used again while a snapshot may be on it",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["read"],
        seeded: &[
            Seeded { bug: "stm/reuse-under-walk", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "stm/reuse-without-fence", run: Run::loom_bounded(2), expect: "Causality violation" },
        ],
        body: walked_chain,
    },
    Model {
        name: "tidied-chain",
        property: "looking after an idle variable takes no version from a snapshot, whichever nodes it walks over",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["tidied before", "tidied after"],
        seeded: &[
            Seeded { bug: "stm/snapshot-unannounced", run: Run::loom_bounded(2), expect: "was pruned" },
            Seeded { bug: "stm/prune-too-much", run: Run::shuttle_pct(3, 3_000), expect: "was pruned" },
        ],
        body: tidied_chain,
    },
    Model {
        name: "tidied-snapshot",
        property: "looking after idle variables takes no version from a snapshot that begins meanwhile",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["old", "new"],
        seeded: &[
            Seeded { bug: "stm/tidy-forgets-horizon", run: Run::loom_bounded(2), expect: "was pruned" },
            Seeded { bug: "stm/tidy-forgets-horizon", run: Run::shuttle_pct(3, 5_000), expect: "was pruned" },
        ],
        body: tidied_snapshot,
    },
    Model {
        name: "tidied-commit",
        property: "a variable that is looked after and committed to at the same time loses neither value nor history, and is \
                   listed as long as it has one",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["committed", "met a lock"],
        seeded: &[Seeded { bug: "stm/tidy-without-lock", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: tidied_commit,
    },
    Model {
        name: "tidied-last-handle",
        property: "a variable with a history whose last handle goes while it is looked after ends once, with all its values",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 3_000)],
        covers: &["tidied before", "tidied after"],
        seeded: &[
            Seeded { bug: "stm/tidy-forgets-last-handle", run: Run::loom_bounded(2), expect: "is destroyed once" },
            Seeded {
                bug: "stm/tidy-forgets-last-handle",
                run: Run::shuttle_pct(3, 3_000),
                expect: "is destroyed once",
            },
        ],
        body: tidied_last_handle,
    },
];

/// A value that knows whether it is still there: its flag outlives it.
#[derive(Clone)]
struct Value {
    number: i64,
    alive: Arc<AtomicUsize>,
    original: bool,
}

impl Value {
    fn new(number: i64, alive: &Arc<AtomicUsize>) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self { number, alive: alive.clone(), original: true }
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        if self.original {
            let before = self.alive.fetch_sub(1, Ordering::Relaxed);
            assert!(before > 0, "a value was destroyed twice");
        }
    }
}

/// Ends an engine whose variables and other participants are gone.
fn end(engine: Engine) {
    engine.leave();
    drop(engine);
    reap();
}

fn boxed_read() {
    let engine = Engine::new();
    let flags = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let var = TVar::new_in(&engine, Value::new(0, &flags[0]));
    let (reader, writer) = (engine.participate(), engine.participate());
    let thread = thread::spawn({
        let (var, alive) = (var.clone(), flags[1].clone());
        move || {
            // Its end sweeps, and destroys what nobody looks at.
            writer.attempt(|tx| var.write(tx, Value::new(1, &alive)));
            drop((var, writer));
        }
    });
    reader.attempt(|tx| {
        var.with(tx, |value| {
            assert_eq!(value.alive.load(Ordering::Relaxed), 1, "the value was destroyed under a reader");
            cover(if value.number == 0 { "old" } else { "new" });
        })
    });
    thread.join().unwrap();
    drop((var, reader));
    end(engine);
    assert_eq!(flags.map(|alive| alive.load(Ordering::Relaxed)), [0, 0], "each value is destroyed once");
}

fn dropped_variable() {
    let engine = Engine::new();
    let alive = Arc::new(AtomicUsize::new(0));
    // The variable is reached through another one, and dropped by whoever replaces it there.
    let inner = Arc::new(TVar::new_in(&engine, Value::new(0, &alive)));
    let outer = TVar::new_in(&engine, Some(inner));
    let (reader, writer) = (engine.participate(), engine.participate());
    let thread = thread::spawn({
        let outer = outer.clone();
        move || {
            writer.attempt(|tx| outer.write(tx, None));
            drop((outer, writer));
        }
    });
    let attempt = reader.attempt(|tx| {
        let Some(inner) = outer.read(tx)? else { return Ok(()) };
        let fresh = inner.with(tx, |value| {
            assert_eq!(value.alive.load(Ordering::Relaxed), 1, "the variable's value was destroyed under a reader");
            value.number + 1
        })?;
        inner.write(tx, Value::new(fresh, &Arc::new(AtomicUsize::new(0))))
    });
    cover(if matches!(attempt, Attempt::Committed(())) { "committed" } else { "aborted" });
    thread.join().unwrap();
    drop((outer, reader));
    end(engine);
    assert_eq!(alive.load(Ordering::Relaxed), 0, "the value is destroyed once");
}

/// Commits values one after the other, each of which keeps the version that it replaces: a snapshot comes in between.
fn commit_and_keep(writer: &Participant, var: &TVar<i64>, values: impl IntoIterator<Item = i64>) {
    for value in values {
        writer.snapshot(|_| ());
        writer.attempt(|tx| var.write(tx, value));
    }
}

/// Does something on another thread, from beginning to end, before the model goes on.
fn beforehand<T: Send + 'static>(action: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(action).join().unwrap()
}

fn walked_chain() {
    let engine = Engine::new();
    let var = TVar::new_in(&engine, 0_i64);
    let (reader, writer) = (engine.participate(), engine.participate());
    reader.snapshot(|snapshot| {
        // Two older versions: 0, which the open snapshot needs, and 1, which nobody does.
        let writer = beforehand({
            let var = var.clone();
            move || {
                commit_and_keep(&writer, &var, [1, 2]);
                writer
            }
        });
        let thread = thread::spawn({
            let var = var.clone();
            move || {
                // The first cuts version 1 out of the chain, and the second uses its node again, unless a walk is under way.
                commit_and_keep(&writer, &var, [3, 4]);
                drop((var, writer));
            }
        });
        assert_eq!(snapshot.read(&var), 0, "a snapshot read another version than its own");
        cover("read");
        thread.join().unwrap();
    });
    drop((var, reader));
    end(engine);
}

fn tidied_chain() {
    let engine = Engine::new();
    let var = TVar::new_in(&engine, 0_i64);
    let (reader, writer) = (engine.participate(), engine.participate());
    let writer = reader.snapshot(|snapshot| {
        // Two older versions: 0, which the open snapshot needs, and 1, which nobody does.
        let writer = beforehand({
            let var = var.clone();
            move || {
                commit_and_keep(&writer, &var, [1, 2]);
                writer
            }
        });
        let is_tidied = Arc::new(AtomicUsize::new(0));
        let thread = thread::spawn({
            let (engine, is_tidied) = (engine.clone(), is_tidied.clone());
            move || {
                assert_eq!(engine.tidy(), 1, "the variable still has the version of the open snapshot");
                is_tidied.store(1, Ordering::Relaxed);
            }
        });
        cover(if is_tidied.load(Ordering::Relaxed) == 1 { "tidied before" } else { "tidied after" });
        assert_eq!(snapshot.read(&var), 0, "a snapshot read another version than its own");
        thread.join().unwrap();
        assert_eq!(var.older_versions(), 1, "what nobody needs is gone");
        writer
    });
    assert_eq!(engine.tidy(), 0, "and the rest after the snapshot");
    assert_eq!(var.older_versions(), 0, "a chain is empty if its variable is not listed");
    drop((var, reader, writer));
    end(engine);
}

fn tidied_snapshot() {
    let engine = Engine::new();
    let var = TVar::new_in(&engine, 0_i64);
    let (reader, writer) = (engine.participate(), engine.participate());
    // It is listed.
    commit_and_keep(&writer, &var, [1]);
    let committing = thread::spawn({
        let var = var.clone();
        move || {
            writer.attempt(|tx| var.write(tx, 2));
            drop((var, writer));
        }
    });
    let tidying = thread::spawn({
        let engine = engine.clone();
        move || {
            engine.tidy();
        }
    });
    let seen = reader.snapshot(|snapshot| snapshot.read(&var));
    cover(match seen {
        1 => "old",
        2 => "new",
        other => panic!("a snapshot read {other}"),
    });
    committing.join().unwrap();
    tidying.join().unwrap();
    drop((var, reader));
    end(engine);
}

fn tidied_commit() {
    let engine = Engine::new();
    let var = TVar::new_in(&engine, 0_i64);
    let writer = engine.participate();
    commit_and_keep(&writer, &var, [1]);
    writer.snapshot(|_| ());
    let thread = thread::spawn({
        let engine = engine.clone();
        move || {
            engine.tidy();
        }
    });
    let attempt = writer.attempt(|tx| var.write(tx, 2));
    let committed = matches!(attempt, Attempt::Committed(()));
    cover(if committed { "committed" } else { "met a lock" });
    thread.join().unwrap();
    assert_eq!(var.load(), if committed { 2 } else { 1 });
    assert_eq!(engine.tidy(), 0, "nothing keeps a version");
    assert_eq!(var.older_versions(), 0, "a chain is empty if its variable is not listed");
    drop((var, writer));
    end(engine);
}

fn tidied_last_handle() {
    let engine = Engine::new();
    let flags = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let var = TVar::new_in(&engine, Value::new(0, &flags[0]));
    let writer = engine.participate();
    writer.snapshot(|_| ());
    writer.attempt(|tx| var.write(tx, Value::new(1, &flags[1])));
    let is_tidied = Arc::new(AtomicUsize::new(0));
    let thread = thread::spawn({
        let engine = engine.clone();
        let is_tidied = is_tidied.clone();
        move || {
            assert_eq!(engine.tidy(), 0, "nothing keeps a version");
            is_tidied.store(1, Ordering::Relaxed);
        }
    });
    cover(if is_tidied.load(Ordering::Relaxed) == 1 { "tidied before" } else { "tidied after" });
    // The last one but that of the list.
    drop(var);
    thread.join().unwrap();
    // Whoever gave up the last handle, nobody can be looking at it.
    engine.tidy();
    assert_eq!(flags.map(|alive| alive.load(Ordering::Relaxed)), [0, 0], "each value is destroyed once");
    drop(writer);
    end(engine);
}
