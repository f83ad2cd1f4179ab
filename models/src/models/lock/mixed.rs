//! All of them together, with more threads than loom could follow.

use reweave_core::cancel::Token;
use reweave_core::lock::{Barrier, Lock, RwLock, Semaphore};
use reweave_core::sync::{Arc, thread};

use crate::{Model, Run, Seeded, cover};

/// The models of several locks at once.
pub const MODELS: &[Model] = &[Model {
    name: "mixed",
    property: "four threads on all kinds of locks, some of which give up, lose no update and no wake-up",
    runs: &[Run::shuttle_pct(3, 2_000), Run::shuttle_random(2_000), Run::shuttle_random(20_000).deep()],
    covers: &["gave up", "got it"],
    seeded: &[
        Seeded { bug: "lock/release-without-call", run: Run::shuttle_random(2_000), expect: "deadlock" },
        Seeded { bug: "semaphore/leave-silently", run: Run::shuttle_random(2_000), expect: "deadlock" },
        Seeded { bug: "rwlock/last-reader-calls-nobody", run: Run::shuttle_random(2_000), expect: "deadlock" },
    ],
    body: mixed,
}];

const THREADS: usize = 4;

struct World {
    barrier: Barrier,
    token: Token,
    permits: Semaphore,
    counts: [Lock<u32>; 2],
    table: RwLock<(u32, u32)>,
}

/// One thread's work; returns how often it has incremented each of the two counts and the table.
fn work(world: &World, me: usize) -> [u32; 3] {
    let mut done = [0; 3];
    world.barrier.wait();
    // Large and small requests, some of which give up.
    let permit = if me == 0 { world.token.run(|| world.permits.acquire(2)).ok() } else { Some(world.permits.take(1)) };
    for index in [me % 2, 1 - me % 2] {
        let guard = if me == 1 {
            world.token.run(|| world.counts[index].acquire()).ok()
        } else {
            Some(world.counts[index].lock())
        };
        cover(if guard.is_some() { "got it" } else { "gave up" });
        if let Some(mut count) = guard {
            *count += 1;
            thread::yield_now();
            done[index] += 1;
        }
        if me == 3 {
            world.token.cancel("enough");
        }
    }
    drop(permit);
    if me < 2 {
        let mut table = world.table.write();
        table.0 += 1;
        thread::yield_now();
        table.1 += 1;
        done[2] += 1;
    } else {
        let table = world.table.read();
        assert_eq!(table.0, table.1, "half of a write was read");
    }
    done
}

fn mixed() {
    let world = Arc::new(World {
        barrier: Barrier::new(THREADS as u64),
        token: Token::new(),
        permits: Semaphore::new(2),
        counts: [Lock::new(0), Lock::new(0)],
        table: RwLock::new((0, 0)),
    });
    let threads: Vec<_> = (1..THREADS)
        .map(|me| {
            let world = world.clone();
            thread::spawn(move || work(&world, me))
        })
        .collect();
    let mut done = work(&world, 0);
    for thread in threads {
        done.iter_mut().zip(thread.join().unwrap()).for_each(|(sum, theirs)| *sum += theirs);
    }
    let seen = [*world.counts[0].lock(), *world.counts[1].lock(), world.table.read().0];
    assert_eq!(seen, done, "an update was lost");
    assert_eq!(world.permits.available(), 2, "permits are conserved");
}
