//! Values behind a pointer: no reader meets one that is gone, and each goes exactly once.
//!
//! These run on crossbeam-epoch, instrumented under loom; the payload is in the facade's cell, so that an access after its
//! destruction shows.

use reweave_core::reclaim::{Domain, reap};
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, thread};
use reweave_stm::{Engine, TVar};

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
            Seeded { bug: "reclaim/no-grace", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "reclaim/no-grace", run: Run::shuttle_pct(3, 3_000), expect: "was destroyed" },
        ],
        body: dropped_variable,
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

fn epochs_pass(domain: &Domain) {
    let handle = domain.register();
    for _ in 0..3 {
        handle.pin().flush();
    }
    drop(handle);
    reap();
}

/// Ends an engine whose variables and other participants are gone.
fn end(engine: Engine, domain: Domain) {
    engine.leave();
    drop((engine, domain));
    reap();
}

fn boxed_read() {
    let domain = Domain::new();
    let engine = Engine::with_domain(domain.clone());
    let flags = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
    let var = TVar::new_in(&engine, Value::new(0, &flags[0]));
    let (reader, writer) = (engine.participate(), engine.participate());
    let thread = thread::spawn({
        let (var, alive, domain) = (var.clone(), flags[1].clone(), domain.clone());
        move || {
            writer.attempt(|tx| var.write(tx, Value::new(1, &alive)));
            epochs_pass(&domain);
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
    end(engine, domain);
    assert_eq!(flags.map(|alive| alive.load(Ordering::Relaxed)), [0, 0], "each value is destroyed once");
}

fn dropped_variable() {
    let domain = Domain::new();
    let engine = Engine::with_domain(domain.clone());
    let alive = Arc::new(AtomicUsize::new(0));
    // The variable is reached through another one, and dropped by whoever replaces it there.
    let inner = Arc::new(TVar::new_in(&engine, Value::new(0, &alive)));
    let outer = TVar::new_in(&engine, Some(inner));
    let (reader, writer) = (engine.participate(), engine.participate());
    let thread = thread::spawn({
        let (outer, domain) = (outer.clone(), domain.clone());
        move || {
            writer.attempt(|tx| outer.write(tx, None));
            epochs_pass(&domain);
            epochs_pass(&domain);
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
    cover(if matches!(attempt, reweave_stm::Attempt::Committed(())) { "committed" } else { "aborted" });
    thread.join().unwrap();
    drop((outer, reader));
    end(engine, domain);
    assert_eq!(alive.load(Ordering::Relaxed), 0, "the value is destroyed once");
}
