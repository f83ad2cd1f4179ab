//! Large transactions, many threads, more threads than owner numbers.

use reweave_core::sync::{Arc, thread};

use crate::orec::OWNERS;
use crate::participant::Participant;
use crate::{Engine, TVar};

#[test]
fn a_transaction_of_a_hundred_thousand_reads_and_ten_thousand_writes() {
    let engine = Engine::new();
    let vars: Vec<TVar<usize>> = (0..100_000).map(|value| TVar::new_in(&engine, value)).collect();
    let sum = engine.atomically(|tx| {
        let mut sum = 0;
        for var in &vars {
            sum += var.read(tx)?;
        }
        for var in vars.iter().step_by(10) {
            var.modify(tx, |value| value + 1)?;
        }
        for var in vars.iter().step_by(10) {
            sum += var.read(tx)? % 10;
        }
        Ok(sum)
    });
    assert_eq!(sum, 99_999 * 50_000 + 10_000);
    assert_eq!(engine.snapshot(|s| vars.iter().map(|var| s.read(var)).sum::<usize>()), 99_999 * 50_000 + 10_000);
}

#[test]
fn owner_numbers_are_recycled() {
    let engine = Engine::new();
    let counter = Arc::new(TVar::new_in(&engine, 0));
    for _ in 0..300 {
        let (engine, counter) = (engine.clone(), counter.clone());
        thread::spawn(move || engine.atomically(|tx| counter.modify(tx, |value| value + 1))).join().unwrap();
    }
    assert_eq!(counter.load(), 300);
    assert_eq!(engine.stats().commits, 300, "the counts of threads that have ended are kept");
}

#[test]
fn those_without_a_number_of_their_own_recognise_nothing_as_theirs() {
    let engine = Engine::new();
    let crowd: Vec<Participant> = (0..OWNERS).map(|_| Participant::new(&engine)).collect();
    let [.., first, second] = &crowd[..] else { unreachable!("there are thousands") };
    assert_eq!(first.signature(5), second.signature(5), "they share a number");
    assert_ne!(first.own_record(5), second.signature(5), "but claim no version by it");
    let var = TVar::new_in(&engine, 0);
    for expected in 0..10 {
        assert_eq!(engine.atomically(|tx| var.replace(tx, expected + 1)), expected);
    }
}
