//! The laws of `retry` and `or_else` (Harris et al. 2005), executed.

use reweave_core::sync::thread;

use crate::{Engine, Stop, TVar, TransactionError, Tx, TxResult, atomically, check, retry, try_atomically};

/// Runs `body` on fresh variables and returns its result with what it left behind.
fn outcome<T>(body: impl Fn(&mut Tx<'_>, &[TVar<i32>; 2]) -> Result<T, Stop<&'static str>>) -> (Option<T>, [i32; 2]) {
    let vars = [TVar::new(0), TVar::new(0)];
    let result = try_atomically(|tx| body(tx, &vars)).ok();
    (result, vars.each_ref().map(TVar::load))
}

fn set(tx: &mut Tx<'_>, var: &TVar<i32>, value: i32) -> Result<i32, Stop<&'static str>> {
    var.write(tx, value)?;
    Ok(value)
}

fn set_then_retry(tx: &mut Tx<'_>, var: &TVar<i32>, value: i32) -> Result<i32, Stop<&'static str>> {
    var.read(tx)?;
    var.write(tx, value)?;
    Ok(retry()?)
}

#[test]
fn retry_is_the_unit_of_or_else() {
    let plain = outcome(|tx, [a, _]| set(tx, a, 1));
    assert_eq!(outcome(|tx, [a, b]| tx.or_else(|tx| set_then_retry(tx, b, 9), |tx| set(tx, a, 1))), plain);
    assert_eq!(outcome(|tx, [a, b]| tx.or_else(|tx| set(tx, a, 1), |tx| set_then_retry(tx, b, 9))), plain);
    assert_eq!(plain, (Some(1), [1, 0]));
}

#[test]
fn or_else_is_associative() {
    for choice in 0..3 {
        let branch = |tx: &mut Tx<'_>, vars: &[TVar<i32>; 2], index: i32| {
            if index == choice { set(tx, &vars[0], index + 1) } else { set_then_retry(tx, &vars[1], 9) }
        };
        let left = outcome(|tx, vars| {
            tx.or_else(|tx| tx.or_else(|tx| branch(tx, vars, 0), |tx| branch(tx, vars, 1)), |tx| branch(tx, vars, 2))
        });
        let right = outcome(|tx, vars| {
            tx.or_else(|tx| branch(tx, vars, 0), |tx| tx.or_else(|tx| branch(tx, vars, 1), |tx| branch(tx, vars, 2)))
        });
        assert_eq!(left, right);
        assert_eq!(left, (Some(choice + 1), [choice + 1, 0]));
    }
}

#[test]
fn a_failed_branch_restores_what_it_overwrote() {
    let text = TVar::new(String::from("start"));
    let seen = atomically(|tx| {
        text.write(tx, String::from("outer"))?;
        tx.or_else(
            |tx| {
                text.write(tx, String::from("inner"))?;
                text.write(tx, String::from("inner again"))?;
                tx.or_else(
                    |tx| text.write(tx, String::from("innermost")).and_then(|()| tx.retry::<String>()),
                    |tx| {
                        assert_eq!(text.read(tx)?, "inner again");
                        retry()
                    },
                )
            },
            |tx| text.read(tx),
        )
    });
    assert_eq!(seen, "outer");
    assert_eq!(text.load(), "outer");
}

#[test]
fn an_abort_in_a_branch_is_the_transactions() {
    let result: Result<(), _> =
        try_atomically(|tx| tx.or_else(|_| Err(Stop::Abort("left")), |_| Err(Stop::Abort("right"))));
    assert_eq!(result, Err(TransactionError::Aborted("left")));
}

#[test]
fn the_reads_of_a_failed_branch_are_validated() {
    let engine = Engine::new();
    let (gate, result) = (TVar::new_in(&engine, false), TVar::new_in(&engine, 0));
    let mut attempts = 0;
    engine.atomically(|tx| {
        attempts += 1;
        tx.or_else(
            |tx| {
                let open = gate.read(tx)?;
                check(open)?;
                result.write(tx, 1)
            },
            |tx| {
                if attempts == 1 {
                    let gate = gate.clone();
                    thread::spawn(move || gate.store(true)).join().unwrap();
                }
                result.write(tx, 2)
            },
        )
    });
    assert_eq!(attempts, 2, "the gate opened after the left branch saw it closed");
    assert_eq!(result.load(), 1);
}

#[test]
fn many_writes_in_branches_keep_the_index_in_step() {
    let vars: Vec<TVar<usize>> = (0..100).map(|_| TVar::new(0)).collect();
    let write = |tx: &mut Tx<'_>, range: std::ops::Range<usize>, value: usize| -> TxResult<()> {
        range.into_iter().try_for_each(|index| vars[index].write(tx, value))
    };
    atomically(|tx| {
        write(tx, 0..10, 1)?;
        tx.or_else(
            |tx| {
                write(tx, 0..100, 2)?;
                tx.retry()
            },
            |tx| write(tx, 5..40, 3),
        )?;
        tx.or_else(
            |tx| {
                write(tx, 30..90, 4)?;
                tx.retry()
            },
            |tx| write(tx, 38..50, 5),
        )
    });
    let expected = |index| match index {
        0..5 => 1,
        5..38 => 3,
        38..50 => 5,
        _ => 0,
    };
    for (index, var) in vars.iter().enumerate() {
        assert_eq!(var.load(), expected(index), "variable {index}");
    }
}
