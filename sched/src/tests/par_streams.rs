//! Streams and pipelines: every item has one outcome, ends are passed on in both directions, and nobody runs ahead.

use std::collections::BTreeSet;

use reweave_core::cancel::Token;
use reweave_core::channel;
use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::thread;

use crate::Pool;
use crate::par::{ItemError, Pipeline, stream_map, try_stream_map};

#[test]
fn every_item_has_one_outcome_and_the_end_is_passed_on() {
    for (threads, workers) in [(1, 1), (2, 3), (3, 8)] {
        let pool = Pool::new(threads).unwrap();
        let (sender, input) = channel::bounded(2);
        let output = pool.install(|| stream_map(input, workers, |n: usize| n * 2));
        let sending = thread::spawn(move || {
            (0..1000).for_each(|n| sender.send(n).unwrap());
            sender.close("a thousand");
        });
        let outcomes: BTreeSet<_> = output.iter().map(Result::unwrap).collect();
        assert!(outcomes.into_iter().eq((0..1000).map(|n| n * 2)));
        assert_eq!(output.recv().unwrap_err().closed().unwrap().reason().as_str(), "a thousand");
        sending.join().unwrap();
    }
}

#[test]
fn a_panic_is_the_outcome_of_its_item() {
    let (sender, input) = channel::unbounded();
    (0..100).for_each(|n| sender.send(n).unwrap());
    drop(sender);
    let output = try_stream_map(input, 2, |n: u32| match n % 10 {
        3 => panic!("three"),
        7 => Err("seven"),
        _ => Ok(n),
    });
    let mut counts = (0, 0, 0);
    for outcome in &output {
        match outcome {
            Ok(_) => counts.0 += 1,
            Err(ItemError::Failed("seven")) => counts.1 += 1,
            Err(error) if error.panic_message() == Some("three") => counts.2 += 1,
            Err(error) => panic!("{error}"),
        }
    }
    assert_eq!(counts, (80, 10, 10));
}

#[test]
fn nobody_runs_ahead() {
    let begun = Arc::new(AtomicUsize::new(0));
    let (sender, input) = channel::unbounded();
    (0..1000).for_each(|n| sender.send(n).unwrap());
    let count = begun.clone();
    let output = stream_map(input, 3, move |n: usize| {
        count.fetch_add(1, Ordering::Relaxed);
        n
    });
    for received in 1..100 {
        output.recv().unwrap().unwrap();
        // Those in the channel, and one in the hands of each task.
        assert!(begun.load(Ordering::Relaxed) <= received + 3 + 3);
    }
}

#[test]
fn when_nobody_receives_the_senders_learn_of_it() {
    let (sender, input) = channel::bounded(1);
    drop(stream_map(input, 2, |n: u32| n));
    let refused = (0..1_000_000).find_map(|n| sender.send(n).err()).unwrap();
    assert!(refused.why.closed().is_some(), "{}", refused.why);
}

#[test]
fn what_nobody_will_receive_is_not_worked_on() {
    let called = Arc::new(AtomicUsize::new(0));
    let (sender, input) = channel::bounded(1);
    let count = called.clone();
    // The tasks may wait for an item already when the output goes.
    let output = stream_map(input, 2, move |_: u32| count.fetch_add(1, Ordering::Relaxed));
    sender.send(1).unwrap();
    output.recv().unwrap().unwrap();
    drop(output);
    while sender.send(2).is_ok() {}
    assert_eq!(called.load(Ordering::Relaxed), 1);
}

#[test]
fn a_cancelled_stream_says_why() {
    let token = Token::new();
    let (sender, input) = channel::bounded::<u32>(1);
    let output = token.run(|| stream_map(input, 2, |n| n));
    sender.send(1).unwrap();
    assert_eq!(output.recv().unwrap().unwrap(), 1);
    token.cancel("no more streams");
    let closed = output.recv().unwrap_err();
    assert!(closed.to_string().contains("no more streams"), "{closed}");
    assert!((0..3).any(|n| sender.send(n).is_err()), "its receivers are gone");
}

#[test]
fn a_stream_ends_with_the_task_that_has_started_it() {
    let pool = Pool::new(2).unwrap();
    let (sender, input) = channel::bounded::<u32>(1);
    let (output, started) = channel::bounded(1);
    let task = pool.spawn(move || output.send(stream_map(input, 2, |n| n)).is_ok());
    let stream = started.recv().unwrap();
    task.token().cancel("with its task");
    let closed = stream.recv().unwrap_err();
    assert!(closed.to_string().contains("with its task"), "{closed}");
    while sender.send(1).is_ok() {}
    let _either = task.join();
}

#[test]
fn stages_pass_on_items_and_errors() {
    let pool = Pool::new(2).unwrap();
    let (sender, input) = channel::bounded(2);
    let output = pool.install(|| {
        Pipeline::of(input)
            .try_stage(3, |n: u32| if n.is_multiple_of(5) { Err(n) } else { Ok(n) })
            .stage(1, |n| n.to_string())
            .stage(2, |text| {
                assert!(text != "7", "seven");
                text.len()
            })
            .output()
    });
    let sending = thread::spawn(move || (0..100).for_each(|n| sender.send(n).unwrap()));
    let outcomes: Vec<_> = output.iter().collect();
    assert_eq!(outcomes.len(), 100);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(ItemError::Failed(_)))).count(), 20);
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Err(ItemError::Panicked(_)))).count(), 1);
    assert_eq!(outcomes.iter().flatten().sum::<usize>(), 79 * 2 - 7);
    sending.join().unwrap();
}
