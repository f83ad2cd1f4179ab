//! `or_else` against commits: the reads of the branch that gave up count, and its writes do not.

use reweave_stm::check;

use super::{Pair, UNBOUNDED, beside};
use crate::{Model, Run, Seeded, cover};

/// The models of alternatives.
pub const MODELS: &[Model] = &[Model {
    name: "or-else",
    property: "a second branch commits only if the first would still give up, and without its writes",
    runs: &[Run::loom_bounded(5), Run::loom().deep().may_be_cut_off(UNBOUNDED), Run::shuttle_pct(3, 5_000)],
    covers: &["first branch", "second branch", "aborted"],
    seeded: &[
        Seeded { bug: "stm/or-else-forgets-reads", run: Run::loom_bounded(3), expect: "an order that never was" },
        Seeded {
            bug: "stm/or-else-keeps-writes",
            run: Run::loom_bounded(3),
            expect: "a write of the branch that gave up",
        },
        Seeded {
            bug: "stm/or-else-keeps-writes",
            run: Run::shuttle_pct(3, 5_000),
            expect: "a write of the branch that gave up",
        },
    ],
    body: or_else,
}];

const OPEN: i64 = 1;
const FIRST: i64 = 10;
const SECOND: i64 = 20;

fn or_else() {
    // x is a gate, y records which branch went through; the other thread opens the gate if nobody has been there.
    let pair = Pair::new(0, 0);
    let there = pair.clone();
    let (mine, theirs) = beside(
        &pair.engine,
        |thread| {
            thread.attempt(|tx| {
                tx.or_else(
                    |tx| {
                        pair.y.write(tx, FIRST)?;
                        check(pair.x.read(tx)? == OPEN)?;
                        Ok(FIRST)
                    },
                    |tx| {
                        assert_eq!(pair.y.read(tx)?, 0, "a write of the branch that gave up was seen");
                        pair.y.write(tx, SECOND)?;
                        Ok(SECOND)
                    },
                )
            })
        },
        move |thread| {
            thread.attempt(|tx| {
                let seen = there.y.read(tx)?;
                there.x.write(tx, OPEN)?;
                Ok(seen)
            })
        },
    );
    use reweave_stm::Attempt::Committed;
    match (mine, theirs) {
        (Committed(branch), Committed(seen)) => {
            let opened_first = seen == 0;
            assert_eq!(branch, if opened_first { FIRST } else { SECOND }, "an order that never was");
            assert!(opened_first || seen == SECOND);
            cover(if opened_first { "first branch" } else { "second branch" });
        }
        _ => cover("aborted"),
    }
}
