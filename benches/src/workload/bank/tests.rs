//! The bank's options, its check, and every system under a few threads.

use std::time::Duration;

use reweave_core::sync::Arc;
use reweave_core::sync::atomic::{AtomicI64, Ordering};

use super::*;
use crate::team;

const TRIAL: Trial = Trial { threads: 2, window: Duration::from_millis(2), seed: 1 };

/// Calls a generic function for every system in both layouts.
macro_rules! for_every_system {
    ($call:ident) => {
        $call::<reweave::Accounts<Packed>>("reweave packed");
        $call::<reweave::Accounts<Padded>>("reweave padded");
        $call::<mutex::Accounts<Packed>>("mutex packed");
        $call::<mutex::Accounts<Padded>>("mutex padded");
        $call::<rwlock::Accounts<Packed>>("rwlock packed");
        $call::<rwlock::Accounts<Padded>>("rwlock padded");
        $call::<two_phase::Accounts<Packed>>("2pl packed");
        $call::<two_phase::Accounts<Padded>>("2pl padded");
        $call::<stm::Accounts>("stm");
        $call::<fast_stm::Accounts>("fast-stm");
    };
}

#[test]
fn transfers_move_money_and_refuse_overdrafts() {
    fn check<B: Bank>(name: &str) {
        let bank = B::open(3, 10);
        assert_eq!(bank.audit(), 30, "{name}");
        assert!(bank.transfer(0, 2, 7), "{name}");
        assert!(!bank.transfer(0, 1, 4), "{name}: 3 are left, 4 were asked for");
        assert!(bank.transfer(2, 1, 17), "{name}: everything that is there");
        assert!(!bank.transfer(2, 0, 1), "{name}: nothing is left");
        assert!(bank.transfer(1, 0, 27), "{name}");
        assert!(!bank.transfer(1, 2, 1) && bank.transfer(0, 2, 30), "{name}");
        assert_eq!(bank.audit(), 30, "{name}");
        assert!(bank.aborts().iter().all(|&(_, count)| count == 0), "{name}: {:?}", bank.aborts());
    }
    for_every_system!(check);
}

#[test]
fn no_money_is_lost_under_threads() {
    fn check<B: Bank>(name: &str) {
        for skew in [0.0, 1.0] {
            let options = Options { accounts: 4, audit_percent: 20, skew, ..Options::default() };
            let bank = Arc::new(B::open(options.accounts, BALANCE));
            let (client, shared) = (timed::Client::new(&options, 11), Arc::clone(&bank));
            let found = team::run(3, move |thread| {
                let mut rng = client.rng(thread);
                (0..1000).find_map(|_| client.step(&*shared, &mut rng).err())
            });
            assert_eq!(found, Ok(vec![None, None, None]), "{name}, skew {skew}");
            assert_eq!(bank.audit(), options.money(), "{name}, skew {skew}");
        }
    }
    for_every_system!(check);
}

/// A bank that forgets to credit: each transfer destroys the money it moves, or doubles it.
struct Broken<const CREDIT: i64>(AtomicI64);

impl<const CREDIT: i64> Bank for Broken<CREDIT> {
    fn open(accounts: usize, balance: i64) -> Self {
        Self(AtomicI64::new(accounts as i64 * balance))
    }

    fn transfer(&self, _from: usize, _to: usize, amount: i64) -> bool {
        self.0.fetch_add((CREDIT - 1) * amount, Ordering::Relaxed);
        true
    }

    fn audit(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

#[test]
fn a_bank_that_loses_money_gets_an_error() {
    for audit_percent in [0, 50] {
        let options = Options { audit_percent, ..Options::default() };
        let lost = timed::trial::<Broken<0>>(&options, "broken", &TRIAL).unwrap_err().to_string();
        assert!(lost.starts_with("broken with 2 threads: ") && lost.ends_with(" vanished"), "{lost}");
        let made = timed::trial::<Broken<2>>(&options, "broken", &TRIAL).unwrap_err().to_string();
        assert!(made.contains("where 1024000 must be") && made.ends_with(" appeared"), "{made}");
    }
}

#[test]
fn trials_count_what_was_done() {
    for layout in Layout::ALL {
        let options = Options { accounts: 16, layout, audit_percent: 50, ..Options::default() };
        for system in &SYSTEMS {
            let sample = options.trial(system.name, &TRIAL).unwrap();
            let audits = sample.audits_per_sec.unwrap();
            assert!(sample.ops > 0 && audits > 0.0 && audits < sample.ops_per_sec, "{sample:?}");
        }
    }
    let only = |audit_percent| {
        let options = Options { accounts: 16, audit_percent, ..Options::default() };
        let sample = options.trial("mutex", &TRIAL).unwrap();
        sample.audits_per_sec.unwrap() / sample.ops_per_sec
    };
    assert_eq!(only(0), 0.0);
    assert!((only(100) - 1.0).abs() < 1e-9);
}

#[test]
fn options_out_of_range_are_refused_with_what_is_allowed() {
    let refused = |options: Options| options.validate().unwrap_err().to_string();
    let valid = Options::default();
    assert_eq!(valid.validate(), Ok(()));
    assert_eq!(refused(Options { accounts: 1, ..valid.clone() }), "accounts is 1, allowed is 2 to 1048576");
    assert_eq!(refused(Options { audit_percent: 101, ..valid.clone() }), "audit percent is 101, allowed is 0 to 100");
    assert_eq!(refused(Options { skew: -0.5, ..valid.clone() }), "skew is -0.5, allowed is 0 to 2");
    let unknown = valid.trial("go", &TRIAL).unwrap_err().to_string();
    assert_eq!(unknown, "unknown system `go`: choose from reweave, mutex, rwlock, 2pl, stm, fast-stm");
    let unknown = "tight".parse::<Layout>().unwrap_err().to_string();
    assert_eq!(unknown, "unknown layout `tight`: choose from padded, packed");
    assert!(Layout::ALL.iter().all(|layout| layout.name().parse() == Ok(*layout)));
}
