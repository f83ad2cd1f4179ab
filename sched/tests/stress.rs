//! What users do to a scheduler: block in thousands of tasks, recurse deeply, wait for many slow peers at once.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use reweave_core::channel;
use reweave_core::lock::Latch;
use reweave_core::sync::{Arc, thread};
use reweave_sched::{Pool, join, scope};

#[test]
fn ten_thousand_tasks_that_each_block_until_the_last_has_come() {
    const TASKS: usize = 10_000;
    // Two workers, and as many more threads as there are tasks that block at once.
    let pool = Pool::builder().threads(2).spare_threads(TASKS).stack_size(64 * 1024).build().unwrap();
    let all = Arc::new(Latch::new(TASKS as u64));
    let tasks: Vec<_> = (0..TASKS)
        .map(|n| {
            let all = all.clone();
            pool.spawn(move || {
                all.count_down();
                all.wait();
                n
            })
        })
        .collect();
    all.wait();
    // At once: threads that have nothing to do do not stay for long.
    assert!(pool.stats().threads > 2);
    assert_eq!(tasks.into_iter().map(|task| task.join().unwrap()).sum::<usize>(), TASKS * (TASKS - 1) / 2);
}

#[test]
fn within_the_limit_on_threads_tasks_wait_for_their_turn() {
    let pool = Pool::builder().threads(2).spare_threads(3).build().unwrap();
    let (sender, receiver) = channel::bounded::<u32>(1);
    let receiving: Vec<_> = (0..1_000)
        .map(|_| {
            let receiver = receiver.clone();
            pool.spawn(move || receiver.recv().unwrap())
        })
        .collect();
    // From outside: five of them block at a time.
    (0..1_000).for_each(|value| sender.send(value).unwrap());
    assert_eq!(receiving.into_iter().map(|task| task.join().unwrap()).sum::<u32>(), 499_500);
    assert!(pool.stats().threads <= 5);
}

fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (a, b) = join(|| fib(n - 1), || fib(n - 2));
    a + b
}

fn fib_in_scopes(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    let (mut a, mut b) = (0, 0);
    scope(|s| {
        s.spawn(|| a = fib_in_scopes(n - 1));
        s.spawn(|| b = fib_in_scopes(n - 2));
    });
    a + b
}

#[test]
fn deep_recursion_needs_a_bounded_stack() {
    let pool = Pool::builder().threads(4).stack_size(256 * 1024).build().unwrap();
    assert_eq!(pool.install(|| fib(30)), 832_040);
    assert_eq!(pool.install(|| fib_in_scopes(16)), 987);
}

/// A hundred connections, each of which is answered a second later.
#[test]
fn a_hundred_slow_reads_at_once() {
    const READS: u32 = 100;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = thread::spawn(move || {
        let mut connections: Vec<(Instant, TcpStream)> = (0..READS)
            .map(|_| {
                let (connection, _) = listener.accept().unwrap();
                (Instant::now() + Duration::from_secs(1), connection)
            })
            .collect();
        for (due, connection) in &mut connections {
            while !thread::park_until(*due) {}
            connection.write_all(b"late").unwrap();
        }
    });
    let pool = Pool::new(2).unwrap();
    let begun = Instant::now();
    let reads: Vec<_> = (0..READS)
        .map(|_| {
            pool.spawn(move || {
                let mut connection = TcpStream::connect(address).unwrap();
                let mut answer = String::new();
                // A wait that is not the library's: the pool is told.
                reweave_sched::blocking(|| connection.read_to_string(&mut answer)).unwrap();
                answer
            })
        })
        .collect();
    // The server closes each connection after its answer.
    server.join().unwrap();
    assert!(reads.into_iter().all(|read| read.join().unwrap() == "late"));
    let taken = begun.elapsed();
    // One after the other, or two at a time, they would take fifty seconds and more; how near to one second they come is the
    // machine's affair.
    assert!(taken < Duration::from_secs(10), "{taken:?}");
    println!("{READS} reads of a second each in {taken:?}");
}

#[test]
fn ten_thousand_small_files_are_read() {
    const FILES: usize = 10_000;
    let folder = std::env::temp_dir().join(format!("reweave-files-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let pool = Pool::new(2).unwrap();
    let total: usize = pool.install(|| {
        let name = |n: usize| folder.join(n.to_string());
        scope(|s| {
            for part in 0..10 {
                s.spawn(move || {
                    (part..FILES).step_by(10).for_each(|n| std::fs::write(name(n), n.to_string()).unwrap())
                });
            }
        });
        let (sender, receiver) = channel::unbounded::<usize>();
        scope(|s| {
            for n in 0..FILES {
                let (sender, name) = (sender.clone(), &name);
                s.spawn(move || sender.send(std::fs::read_to_string(name(n)).unwrap().parse().unwrap()).unwrap());
            }
        });
        drop(sender);
        receiver.iter().sum()
    });
    std::fs::remove_dir_all(&folder).unwrap();
    assert_eq!(total, FILES * (FILES - 1) / 2);
}
