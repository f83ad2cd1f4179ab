//! Tasks as spans of the crate `tracing`, as a subscriber hears of them. Alone in its program, for the subscriber hears of all tasks.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Debug;

use reweave_core::sync::{Arc, Mutex, thread_local};
use reweave_sched::{Policy, Pool};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber, info};

thread_local! {
    /// The spans that this thread is in, by number.
    static WITHIN: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what it is told.
#[derive(Clone, Default)]
struct Listener(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    /// By number, from 1 on.
    spans: Vec<Seen>,
    /// What was logged, and within which spans.
    logged: Vec<(Fields, Vec<u64>)>,
}

struct Seen {
    metadata: &'static Metadata<'static>,
    fields: Fields,
    entered: usize,
    exited: usize,
    closed: bool,
}

#[derive(Default)]
struct Fields(HashMap<&'static str, String>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Listener {
    fn with(&self, span: &Id, change: impl FnOnce(&mut Seen)) {
        change(&mut self.0.lock().spans[span.into_u64() as usize - 1]);
    }
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let mut heard = self.0.lock();
        let metadata = attributes.metadata();
        heard.spans.push(Seen { metadata, fields, entered: 0, exited: 0, closed: false });
        Id::from_u64(heard.spans.len() as u64)
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        self.with(span, |seen| values.record(&mut seen.fields));
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let within = WITHIN.with(|within| within.borrow().clone());
        self.0.lock().logged.push((fields, within));
    }

    fn enter(&self, span: &Id) {
        WITHIN.with(|within| within.borrow_mut().push(span.into_u64()));
        self.with(span, |seen| seen.entered += 1);
    }

    fn exit(&self, span: &Id) {
        assert_eq!(WITHIN.with(|within| within.borrow_mut().pop()), Some(span.into_u64()), "spans nest");
        self.with(span, |seen| seen.exited += 1);
    }

    fn try_close(&self, span: Id) -> bool {
        self.with(&span, |seen| seen.closed = true);
        true
    }
}

#[test]
fn each_run_of_a_task_is_a_span_around_what_it_logs() {
    let listener = Listener::default();
    tracing::subscriber::set_global_default(listener.clone()).expect("this program has no other");
    let pool = Pool::builder().threads(1).spare_threads(0).build().unwrap();
    pool.task().name("first").spawn(|| info!(number = 7)).join().unwrap();
    // From here on all tasks have numbers.
    pool.configure(|policy: Policy| policy.observed(0));
    let (promise, eventual) = reweave_core::promise::pair::<u32, ()>();
    let future = pool.spawn_async(async move {
        info!(number = 8);
        info!(number = eventual.await.unwrap());
    });
    while future.state() != reweave_sched::task::State::Suspended {
        reweave_core::sync::thread::yield_now();
    }
    promise.fulfil(9);
    future.join().unwrap();
    pool.install(|| info!(number = 10));
    drop(pool);

    let heard = listener.0.lock();
    let within: Vec<(&str, &[u64])> =
        heard.logged.iter().map(|(fields, within)| (fields.0["number"].as_str(), within.as_slice())).collect();
    // The closure, two polls, and what is no task.
    assert_eq!(within, [("7", &[1][..]), ("8", &[2]), ("9", &[3]), ("10", &[])]);
    for (seen, kind) in heard.spans.iter().zip(["task", "future", "future"]) {
        assert_eq!((seen.metadata.name(), seen.metadata.target()), ("task", "reweave_sched::task"));
        assert_eq!(*seen.metadata.level(), Level::DEBUG);
        assert_eq!((seen.fields.0["worker"].as_str(), seen.fields.0["kind"].trim_matches('"')), ("0", kind));
        assert_eq!((seen.entered, seen.exited, seen.closed), (1, 1, true));
    }
    let tasks: Vec<&str> = heard.spans.iter().map(|seen| seen.fields.0["task"].as_str()).collect();
    assert_eq!(tasks, ["1", "2", "2"]);
    let names: Vec<Option<&str>> =
        heard.spans.iter().map(|seen| seen.fields.0.get("name").map(String::as_str)).collect();
    assert_eq!(names, [Some("\"first\""), None, None]);
}
