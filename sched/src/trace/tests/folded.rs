//! Folded stacks: exact by a clock that the test moves, and as much as the workers were busy.

use super::world::{World, pass};
use crate::{Pool, scope, spawn};

fn folded(trace: &crate::trace::Trace) -> String {
    let mut out = Vec::new();
    trace.write_folded(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn each_run_has_its_own_time_below_those_that_it_is_within() {
    let world = World::new();
    let clock = world.clock.clone();
    world.pool.install(move || {
        pass(&clock, 5);
        scope(|s| {
            let clock = clock.clone();
            s.spawn(move || {
                pass(&clock, 20);
                let there = clock.clone();
                spawn(move || pass(&there, 300)).join().unwrap();
                pass(&clock, 1);
            });
        });
        pass(&clock, 4000);
    });
    world.pass(70_000);
    assert_eq!(
        folded(&world.end()),
        "world-0;installed 4005\nworld-0;installed;job of a scope 21\nworld-0;installed;job of a scope;task 300\n"
    );
}

#[test]
fn tasks_have_their_names_without_what_separates_frames() {
    let world = World::new();
    let clock = world.clock.clone();
    world.pool.task().name("parse; twice\nover").spawn(move || pass(&clock, 8)).join().unwrap();
    let clock = world.clock.clone();
    world.pool.task().name("load").spawn_async(async move { pass(&clock, 9) }).join().unwrap();
    assert_eq!(folded(&world.end()), "world-0;load 9\nworld-0;parse: twice over 8\n");
}

#[test]
fn the_sum_is_the_time_that_workers_were_busy() {
    let pool = Pool::builder().threads(3).trace(10_000).build().unwrap();
    let recorder = pool.trace().unwrap().clone();
    recorder.start();
    pool.install(|| {
        scope(|s| {
            for n in 0..50_u64 {
                s.spawn(move || {
                    assert_eq!((0..=n * 1000).map(std::hint::black_box).sum::<u64>(), n * 500 * (n * 1000 + 1))
                });
            }
        });
        spawn(|| ()).join().unwrap();
    });
    drop(pool);
    let trace = recorder.snapshot();
    let text = folded(&trace);
    let sum: u64 = text.lines().map(|line| line.rsplit_once(' ').unwrap().1.parse::<u64>().unwrap()).sum();
    assert_eq!(sum, trace.tracks.iter().map(|track| trace.busy_ns(track)).sum::<u64>());
    assert!(sum > 0 && text.lines().all(|line| line.starts_with("pool-")), "{text}");
}
