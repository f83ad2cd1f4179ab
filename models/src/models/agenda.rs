//! The agenda: no limit is passed, no slot is lost, nothing starves, nobody waits for room that is there.
//!
//! On a kernel the model's threads are the workers. Tasks of a class that may run one at a time mark a slate, in an instrumented
//! cell: two at the same time are reported, and so are two of which one does not see what the other did. Whole pools run
//! random tasks under random limits.

use std::future::poll_fn;
use std::task::Poll;

use reweave_core::promise;
use reweave_core::sync::atomic::{AtomicUsize, Ordering};
use reweave_core::sync::{Arc, Unseen, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::{Class, Fairness, Policy, Pool, Task};

use super::kernels::{Slate, look, work_off, worker};
use crate::histories::Random;
use crate::runner::choose;
use crate::{Model, Run, Seeded, cover};

/// The models of agendas.
pub const MODELS: &[Model] = &[
    Model {
        name: "limit",
        property: "of a class that runs one at a time one runs at a time, and sees what the one before it did",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["here", "elsewhere"],
        seeded: &[
            Seeded { bug: "agenda/limit-overshoots", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "agenda/limit-overshoots", run: Run::shuttle_pct(3, 5_000), expect: "more than the limit" },
            Seeded { bug: "agenda/keep-slot", run: Run::loom_bounded(1), expect: "left behind" },
            Seeded { bug: "agenda/keep-slot", run: Run::shuttle_pct(3, 5_000), expect: "left behind" },
        ],
        body: limit,
    },
    Model {
        name: "in-place",
        property: "who waits under a limit runs what it waits for in its own place, and nobody else runs meanwhile",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["joined"],
        seeded: &[Seeded { bug: "agenda/limit-overshoots", run: Run::loom_bounded(2), expect: "Causality violation" }],
        body: in_place,
    },
    Model {
        name: "in-the-place-of-another-class",
        property: "who waits lends its place to tasks of its own class only",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(3_000)],
        covers: &["joined"],
        seeded: &[Seeded { bug: "agenda/lend-to-all", run: Run::shuttle_pct(3, 5_000), expect: "more than the limit" }],
        body: in_the_place_of_another_class,
    },
    Model {
        name: "ageing",
        property: "a task is passed by as many more urgent ones as ageing allows, and by no more",
        runs: &[Run::loom_bounded(2), Run::shuttle_pct(3, 5_000)],
        covers: &["first", "passed once"],
        seeded: &[
            Seeded { bug: "agenda/never-age", run: Run::loom_bounded(2), expect: "the aged task starves" },
            Seeded { bug: "agenda/never-age", run: Run::shuttle_pct(3, 5_000), expect: "the aged task starves" },
        ],
        body: ageing,
    },
    Model {
        name: "room",
        property: "who waits for room comes in when there is some, and not before",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["came in"],
        seeded: &[
            Seeded { bug: "agenda/make-room-silently", run: Run::loom_bounded(1), expect: "deadlock" },
            Seeded { bug: "agenda/make-room-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
            Seeded { bug: "agenda/room-for-all", run: Run::loom_bounded(1), expect: "than there is room for" },
            Seeded { bug: "agenda/room-for-all", run: Run::shuttle_pct(3, 5_000), expect: "than there is room for" },
        ],
        body: room,
    },
    Model {
        name: "cancelled-before-its-turn",
        property: "a task that is cancelled as its turn comes leaves no slot, no entry and no count behind, and the pool ends",
        runs: &[Run::loom_bounded(3), Run::shuttle_pct(3, 5_000)],
        covers: &["ran", "cancelled"],
        seeded: &[
            Seeded { bug: "agenda/keep-slot", run: Run::loom_bounded(1), expect: "a slot was kept" },
            Seeded { bug: "agenda/withdraw-uncounted", run: Run::loom_bounded(1), expect: "not all is done" },
            Seeded { bug: "agenda/withdraw-uncounted", run: Run::shuttle_pct(3, 5_000), expect: "not all is done" },
            Seeded { bug: "agenda/withdraw-without-looking", run: Run::loom_bounded(2), expect: "nobody looked" },
            Seeded { bug: "agenda/withdraw-without-looking", run: Run::shuttle_pct(3, 5_000), expect: "nobody looked" },
        ],
        body: cancelled_before_its_turn,
    },
    Model {
        name: "raised-limit",
        property: "a limit that is raised lets those begin that wait, also if all workers sleep",
        runs: &[Run::shuttle_pct(3, 3_000)],
        covers: &["began"],
        seeded: &[Seeded { bug: "agenda/raise-silently", run: Run::shuttle_pct(3, 3_000), expect: "deadlock" }],
        body: raised_limit,
    },
    Model {
        name: "random-tasks",
        property: "tasks of all kinds end under all limits, and pass none",
        runs: &[Run::shuttle_pct(3, 3_000), Run::shuttle_random(3_000)],
        covers: &["closure", "future", "cancelled"],
        seeded: &[Seeded {
            bug: "agenda/limit-overshoots",
            run: Run::shuttle_random(3_000),
            expect: "more than the limit",
        }],
        body: random_tasks,
    },
];

/// Where so many may be at a time.
#[derive(Clone)]
struct Place {
    /// Of one at a time: marked by each.
    slate: Option<Slate>,
    inside: Arc<AtomicUsize>,
    limit: usize,
}

impl Place {
    fn for_one() -> Self {
        Self { slate: Some(Slate::new()), inside: Arc::new(AtomicUsize::new(0)), limit: 1 }
    }

    fn for_many(limit: usize) -> Self {
        Self { slate: None, inside: Arc::new(AtomicUsize::new(0)), limit }
    }

    /// Relaxed: to be here orders nothing by itself.
    fn enter(&self) {
        self.slate.iter().for_each(Slate::mark);
        let others = self.inside.fetch_add(1, Ordering::Relaxed);
        assert!(others < self.limit, "more than the limit run");
    }

    fn leave(&self) {
        self.inside.fetch_sub(1, Ordering::Relaxed);
    }

    fn visit(&self) {
        self.enter();
        thread::yield_now();
        self.leave();
    }
}

fn visit(class: &Class, place: &Place) -> Task<()> {
    let place = place.clone();
    class.task().spawn(move || place.visit())
}

/// Waits for its end. What it has found wrong is found here: its panic was contained.
fn joined(task: Task<()>) {
    task.join().unwrap_or_else(|failed| panic!("{failed}"));
}

/// On a kernel whose workers have nothing more to do.
fn well_ended(task: Task<()>) {
    assert!(task.is_ended(), "a task was left behind");
    joined(task);
}

fn limit() {
    let kernel = Arc::new(Kernel::new(2));
    let class = kernel.handle().class("one at a time", 1);
    let place = Place::for_one();
    let tasks = [visit(&class, &place), visit(&class, &place)];
    let other = worker(&kernel, 1, 1);
    let here = kernel.work(0, |desk| desk.work_once());
    other.join().unwrap();
    kernel.work(0, work_off);
    tasks.into_iter().for_each(well_ended);
    assert_eq!(class.running(), 0);
    cover(if here { "here" } else { "elsewhere" });
}

fn in_place() {
    let kernel = Arc::new(Kernel::new(2));
    let class = kernel.handle().class("one at a time", 1);
    let place = Place::for_one();
    let parent = class.task().spawn({
        let (class, place) = (class.clone(), place.clone());
        move || {
            place.enter();
            place.leave();
            joined(visit(&class, &place));
            place.enter();
            place.leave();
        }
    });
    let sibling = visit(&class, &place);
    let other = worker(&kernel, 1, 1);
    kernel.work(0, |desk| look(desk, 1));
    other.join().unwrap();
    kernel.work(0, work_off);
    [parent, sibling].into_iter().for_each(well_ended);
    assert_eq!((class.running(), class.waiting()), (0, 0));
    cover("joined");
}

fn pool(threads: usize, spare: usize, policy: Policy) -> Pool {
    let builder = Pool::builder().threads(threads).spare_threads(spare).policy(policy);
    builder.build().expect("the checkers refuse no thread")
}

fn in_the_place_of_another_class() {
    let pool = pool(2, 1, Policy::new());
    let (one, other) = (pool.class("one", 1), pool.class("other", 1));
    let place = Place::for_one();
    let outer = other.task().spawn({
        let (one, place) = (one.clone(), place.clone());
        move || joined(visit(&one, &place))
    });
    let inner = visit(&one, &place);
    [outer, inner].into_iter().for_each(joined);
    cover("joined");
}

fn ageing() {
    let kernel = Arc::new(Kernel::with(1, Policy::new().fairness(Fairness::Priority { ageing: 1 })));
    let order = Unseen::new(Vec::new());
    let start = |kernel: &Kernel, priority: i32| {
        let order = order.clone();
        kernel.handle().task().priority(priority).spawn(move || order.with(|order| order.push(priority))).detach();
    };
    start(&kernel, 0);
    let other = thread::spawn({
        let (kernel, order) = (kernel.clone(), order.clone());
        move || {
            for _ in 0..2 {
                let order = order.clone();
                kernel.handle().task().priority(1).spawn(move || order.with(|order| order.push(1))).detach();
            }
        }
    });
    kernel.work(0, |desk| look(desk, 1));
    other.join().unwrap();
    kernel.work(0, work_off);
    let order = order.with(|order| order.clone());
    match order[..] {
        [0, 1, 1] => cover("first"),
        [1, 0, 1] => cover("passed once"),
        _ => panic!("the aged task starves: {order:?}"),
    }
}

fn room() {
    let kernel = Arc::new(Kernel::with(1, Policy::new().max_waiting(1)));
    // Its limit holds nobody back.
    let class = kernel.handle().class("as many as come", 2);
    let first = class.task().spawn(|| ());
    let other = thread::spawn({
        let class = class.clone();
        move || class.task().spawn(|| ())
    });
    kernel.work(0, |desk| {
        assert!(class.waiting() <= 1, "more wait than there is room for");
        assert!(desk.work_once());
    });
    let second = other.join().unwrap();
    kernel.work(0, work_off);
    [first, second].into_iter().for_each(well_ended);
    cover("came in");
}

fn cancelled_before_its_turn() {
    let kernel = Arc::new(Kernel::new(1));
    let class = kernel.handle().class("one at a time", 1);
    let task = class.task().spawn(|| ());
    let other = thread::spawn(move || {
        task.cancel("not needed");
        task
    });
    // It is run here, if it is there; else it has been cancelled.
    kernel.work(0, |desk| look(desk, 1));
    kernel.shut();
    let task = other.join().unwrap();
    cover(if task.join().is_ok() { "ran" } else { "cancelled" });
    assert_eq!((class.running(), class.waiting()), (0, 0), "a slot was kept, or an entry");
    let over = kernel.is_over();
    assert!(kernel.close_if_done(), "not all is done");
    assert!(over, "nobody looked whether that was the last");
}

fn raised_limit() {
    // No spare thread, whose deadline would have it look again.
    let pool = pool(1, 0, Policy::new());
    let class = pool.class("one at a time", 1);
    let (promise, eventual) = promise::pair::<(), ()>();
    let first = class.task().spawn_async(async move { eventual.await.is_ok() });
    let second = class.task().spawn(move || promise.fulfil(()));
    class.set_limit(2);
    assert!(first.join().unwrap());
    second.join().unwrap();
    cover("began");
    drop(pool);
}

/// What is tried.
const SEEDS: &[u64] = &[1, 2, 3, 4, 5, 6, 7, 8];

fn random_tasks() {
    let mut random = Random::new(SEEDS[choose(SEEDS.len())]);
    let fairness = match random.below(3) {
        0 => Fairness::Fifo,
        1 => Fairness::RoundRobin,
        _ => Fairness::Priority { ageing: 2 },
    };
    let pool = pool(2, 1, Policy::new().fairness(fairness).max_running(2));
    let class = pool.class("one at a time", 1);
    let (all, few) = (Place::for_many(2), Place::for_many(1));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let mut task = pool.task().priority(random.below(3) as i32);
            let mut places = vec![all.clone()];
            if random.below(2) == 0 {
                task = task.class(&class);
                places.push(few.clone());
            }
            if random.below(2) == 0 {
                cover("closure");
                return task.spawn(move || places.iter().for_each(Place::visit));
            }
            cover("future");
            let mut polled = false;
            task.spawn_async(poll_fn(move |cx| {
                if std::mem::replace(&mut polled, true) {
                    places.iter().for_each(Place::leave);
                    return Poll::Ready(());
                }
                places.iter().for_each(Place::enter);
                cx.waker().wake_by_ref();
                Poll::Pending
            }))
        })
        .collect();
    // A future that is cancelled between its two polls has not left: only one that has not begun is.
    let last = pool.task().spawn(|| ());
    if last.cancel("not needed") {
        cover("cancelled");
    }
    tasks.into_iter().for_each(joined);
    drop(last);
    drop(pool);
}
