//! What a nursery waits for: children here and there, those that children start, and those that come late.

use reweave_core::context::Agent;
use reweave_core::sync::{Arc, thread};
use reweave_sched::kernel::Kernel;
use reweave_sched::nursery::Refused;
use reweave_sched::{Nursery, nursery, supervisor};

use super::{AFTER, LEFT};
use crate::models::kernels::Slate;
use crate::models::scope::{beside_another, mark};
use crate::{Model, Run, Seeded, cover};

pub(super) const MODELS: &[Model] = &[
    Model {
        name: "one-child",
        property: "a nursery is left behind the end of its child, and what that did is visible",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/leave-early", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/leave-early", run: Run::shuttle_pct(3, 5_000), expect: LEFT },
            Seeded { bug: "nursery/end-silently", run: Run::loom_bounded(2), expect: "deadlock" },
            Seeded { bug: "nursery/end-silently", run: Run::shuttle_pct(3, 5_000), expect: "deadlock" },
        ],
        body: one_child,
    },
    Model {
        name: "sibling",
        property: "a nursery waits for the children that its children start",
        runs: &[Run::loom_bounded(2), Run::loom_bounded(3).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/leave-early", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/leave-early", run: Run::shuttle_pct(3, 5_000), expect: LEFT },
        ],
        body: sibling,
    },
    Model {
        name: "late-spawn",
        property: "a child that comes as its nursery ends is waited for, or refused",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["in time", "refused"],
        seeded: &[
            Seeded { bug: "nursery/spawn-after-end", run: Run::loom_bounded(2), expect: "Causality violation" },
            Seeded { bug: "nursery/spawn-after-end", run: Run::shuttle_pct(3, 5_000), expect: AFTER },
        ],
        body: late_spawn,
    },
    Model {
        name: "supervised",
        property: "behind a supervisor the tasks of its children tell what came of them",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["ran here", "ran there"],
        seeded: &[
            Seeded { bug: "nursery/end-before-published", run: Run::loom_bounded(2), expect: UNTOLD },
            Seeded { bug: "nursery/end-before-published", run: Run::shuttle_pct(3, 20_000), expect: UNTOLD },
        ],
        body: supervised,
    },
];

const UNTOLD: &str = "a supervisor was left before its child told of its end";

fn one_child() {
    let slate = Slate::new();
    beside_another(1, |here| {
        let value = nursery(|n: &Nursery<()>| {
            let slate = slate.clone();
            n.spawn(move || {
                mark(&slate, here);
                Ok(())
            })
            .map(|()| 7)
            .map_err(|_| ())
        });
        assert_eq!(slate.marks(), 1, "{LEFT}");
        assert_eq!(value.unwrap(), 7);
    });
}

fn sibling() {
    let slate = Slate::new();
    beside_another(2, |here| {
        let value = nursery(|n: &Nursery<Refused>| {
            let (siblings, slate) = (n.clone(), slate.clone());
            n.spawn(move || {
                siblings.spawn(move || {
                    mark(&slate, here);
                    Ok(())
                })
            })
        });
        assert_eq!(slate.marks(), 1, "{LEFT}");
        value.unwrap();
    });
}

fn late_spawn() {
    let kernel = Arc::new(Kernel::new(2));
    let slate = Slate::new();
    kernel.work(0, |_| {
        let here = Agent::current();
        let other = nursery(|n: &Nursery<()>| {
            let (late, kernel, slate) = (n.clone(), kernel.clone(), slate.clone());
            Ok(thread::spawn(move || {
                kernel.work(1, |worker| {
                    let child = move || {
                        mark(&slate, here);
                        Ok(())
                    };
                    match late.spawn(child) {
                        Ok(()) => {
                            cover("in time");
                            while worker.work_once() {}
                        }
                        Err(refused) => {
                            assert_eq!(refused, Refused::Ended);
                            cover("refused");
                        }
                    }
                });
            }))
        });
        let seen = slate.marks();
        other.expect("nothing fails").join().unwrap();
        assert_eq!(slate.marks(), seen, "{AFTER}");
    });
}

fn supervised() {
    let slate = Slate::new();
    beside_another(1, |here| {
        let task = supervisor(|s| {
            let slate = slate.clone();
            s.spawn(move || mark(&slate, here))
        });
        let ended = task.expect("nothing fails").take();
        ended.expect(UNTOLD).unwrap();
        assert_eq!(slate.marks(), 1, "{LEFT}");
    });
}
