use std::cell::Cell;

use crate::sync::atomic::{AtomicUsize, Ordering};

use super::{Agent, BlockingHook, Context, Hook, Lazily, Mark};
use crate::cancel::Token;
use crate::event::wait;
use crate::sync::{Arc, thread};

#[test]
fn agents_differ_between_threads_and_last_in_one() {
    let here = Agent::current();
    assert_eq!(Agent::current(), here);
    assert_ne!(thread::spawn(Agent::current).join().unwrap(), here);
    assert_eq!(Agent::from_number(here.number()), Some(here));
}

#[test]
fn running_as_an_agent_ends_with_the_body_even_if_it_panics() {
    let (here, other) = (Agent::current(), Agent::fresh());
    assert_eq!(other.run(Agent::current), other);
    let outcome = std::panic::catch_unwind(|| other.run(|| std::panic::resume_unwind(Box::new(()))));
    assert!(outcome.is_err());
    assert_eq!(Agent::current(), here);
}

#[test]
fn contexts_nest() {
    let token = Token::new();
    assert!(Context::current().cancel.is_none());
    {
        let _entered = Context { cancel: Some(token.clone()), ..Context::current() }.enter();
        {
            let _shielded = Context { cancel: None, ..Context::current() }.enter();
            assert!(Context::current().cancel.is_none());
        }
        assert!(Context::current().cancel.is_some());
    }
    assert!(Context::current().cancel.is_none());
}

#[derive(Default)]
struct Counting {
    blocked: AtomicUsize,
    unblocked: AtomicUsize,
}

impl BlockingHook for Arc<Counting> {
    fn block(&self) {
        self.blocked.fetch_add(1, Ordering::Relaxed);
    }

    fn unblock(&self) {
        self.unblocked.fetch_add(1, Ordering::Relaxed);
        panic!("a hook's panic is contained");
    }
}

#[test]
fn the_hook_hears_of_sleep_and_only_of_sleep() {
    let counting = Arc::new(Counting::default());
    let _entered = Context { hook: Some(Hook::new(counting.clone())), ..Context::current() }.enter();
    let token = Token::new();
    let canceller = thread::spawn({
        let (token, counting) = (token.clone(), counting.clone());
        move || {
            while counting.blocked.load(Ordering::Relaxed) == 0 {
                thread::yield_now();
            }
            token.cancel("woken")
        }
    });
    wait(token.cancelled()).unwrap();
    canceller.join().unwrap();
    wait(token.cancelled()).unwrap();
    assert_eq!(counting.blocked.load(Ordering::Relaxed), 1);
    assert_eq!(counting.unblocked.load(Ordering::Relaxed), 1);
}

#[test]
fn a_context_is_found_by_its_mark_until_it_is_left() {
    assert!(Context::marked(Mark::default()).unwrap().cancel.is_none());
    let token = Token::new();
    let entered = Context { cancel: Some(token.clone()), ..Context::current() }.enter();
    let mark = Context::mark();
    let inner = Context::default().enter();
    assert_ne!(Context::mark(), mark);
    assert_eq!(Context::marked(mark).unwrap().cancel.unwrap().id(), token.id());
    drop(inner);
    assert_eq!(Context::mark(), mark);
    drop(entered);
    assert!(Context::marked(mark).is_none());
}

#[test]
fn guards_dropped_out_of_order_leave_what_was_entered_last() {
    let names = ["first", "second"];
    let [first, second] = names.map(|name| Context { task: Some(name.into()), ..Context::default() }.enter());
    drop(first);
    assert_eq!(Context::current().task.unwrap().as_str(), "second");
    drop(second);
    assert_eq!(Context::current().task, None);
}

/// Surroundings that count how often their context is made.
struct Counted {
    made: Cell<u32>,
    inherited: Token,
}

impl Lazily for Counted {
    fn context(&self) -> Context {
        self.made.set(self.made.get() + 1);
        Context { cancel: Some(self.inherited.child()), ..Context::default() }
    }

    fn handed_on(&self) -> Context {
        Context { cancel: Some(self.inherited.clone()), ..Context::default() }
    }
}

#[test]
fn a_lazy_context_is_made_once_if_at_all() {
    let lazily = Counted { made: Cell::new(0), inherited: Token::new() };
    let inherited = lazily.inherited.id();
    Context::enter_lazily(&lazily, || assert_eq!(Context::handed_on().cancel.unwrap().id(), inherited));
    assert_eq!(lazily.made.get(), 0);
    Context::enter_lazily(&lazily, || {
        let own = Context::current().cancel.unwrap().id();
        assert_ne!(own, inherited);
        assert_eq!(Context::marked(Context::mark()).unwrap().cancel.unwrap().id(), own);
        assert_eq!(Context::handed_on().cancel.unwrap().id(), own, "it exists now");
    });
    assert_eq!(lazily.made.get(), 1);
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Context::enter_lazily(&lazily, || std::panic::resume_unwind(Box::new(())))
    }));
    assert!(panicked.is_err());
    assert!(Context::current().cancel.is_none());
}
