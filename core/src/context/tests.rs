use crate::sync::atomic::{AtomicUsize, Ordering};

use super::{Agent, BlockingHook, Context, Hook};
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
