//! The deque: the owner's end against the thieves', over the last item, over the fences, and over a ring that goes round
//! and grows.
//!
//! Its items are tokens for cells that outlive it. So an item that is taken twice is reported, and not freed twice; and
//! the cells are instrumented, so one that is taken without what its pusher wrote is a race that loom reports.
//!
//! The main thread is the owner. Under the checkers a deque has room for two items at first, so that the third push
//! grows it, or goes round.

use std::ptr::NonNull;

use reweave_core::sync::{Arc, UnsafeCell, Unseen, thread};
use reweave_sched::deque::{Deque, Steal, Word};

use crate::{Model, Run, Seeded, cover};

/// The deque's models.
pub const MODELS: &[Model] = &[
    Model {
        name: "last-item",
        property: "the last item goes to the owner or to the thief, and the deque is in order after it",
        runs: &[Run::loom(), Run::shuttle_dfs(), Run::shuttle_pct(3, 5_000)],
        covers: &["the thief won", "the thief lost", "the thief came too late"],
        seeded: &[
            Seeded { bug: "deque/last-without-contest", run: Run::loom(), expect: "was taken twice" },
            Seeded { bug: "deque/last-without-contest", run: Run::shuttle_dfs(), expect: "was taken twice" },
        ],
        body: last_item,
    },
    Model {
        name: "pop-against-steals",
        property: "an owner that takes from one end and a thief that takes from the other do not take the same",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["one each", "the thief had both"],
        seeded: &[
            Seeded { bug: "deque/pop-without-fence", run: Run::loom(), expect: "was taken twice" },
            Seeded { bug: "deque/steal-without-fence", run: Run::loom(), expect: "was taken twice" },
        ],
        body: pop_against_steals,
    },
    Model {
        name: "publication",
        property: "a thief sees what the owner wrote before it pushed, and takes the oldest first",
        runs: &[Run::loom(), Run::shuttle_dfs(), Run::shuttle_pct(3, 5_000)],
        covers: &["taken", "nothing yet"],
        seeded: &[
            Seeded { bug: "deque/relaxed-push", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "deque/steal-relaxed", run: Run::loom(), expect: "Causality violation" },
        ],
        body: publication,
    },
    Model {
        name: "push-again",
        property: "an item pushed in the place of one that was popped is taken once, and so was that one",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["the thief had the first", "the thief had the second", "the thief had nothing"],
        seeded: &[
            Seeded { bug: "deque/last-without-contest", run: Run::loom(), expect: "was taken twice" },
            Seeded { bug: "deque/last-without-contest", run: Run::shuttle_pct(3, 5_000), expect: "was taken twice" },
        ],
        body: push_again,
    },
    Model {
        name: "growing",
        property: "a thief finds in a ring that has grown what was in the smaller one",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["stolen before it", "stolen behind the third push"],
        seeded: &[
            Seeded { bug: "deque/grow-without-copy", run: Run::loom(), expect: "holds an item" },
            Seeded { bug: "deque/relaxed-grow", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "deque/overwrite-oldest", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "deque/grow-without-copy", run: Run::shuttle_pct(3, 5_000), expect: "holds an item" },
        ],
        body: growing,
    },
    Model {
        name: "going-round",
        property: "a place is used again only when its item has been taken, and a thief that read it too early fails",
        runs: &[Run::loom(), Run::shuttle_pct(3, 5_000)],
        covers: &["the owner stole", "the thief took one", "the thief had read what was gone"],
        seeded: &[
            Seeded { bug: "deque/read-after-raise", run: Run::loom(), expect: "Causality violation" },
            Seeded { bug: "deque/read-after-raise", run: Run::shuttle_pct(3, 5_000), expect: "was taken twice" },
        ],
        body: going_round,
    },
    Model {
        name: "going-round-and-growing",
        property: "a ring that has gone round grows in order",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["the thief took one from a place used again"],
        seeded: &[
            Seeded { bug: "deque/grow-without-copy", run: Run::loom_bounded(3), expect: "holds an item" },
            Seeded { bug: "deque/overwrite-oldest", run: Run::shuttle_pct(3, 5_000), expect: "was taken twice" },
        ],
        body: going_round_and_growing,
    },
    Model {
        name: "two-thieves-one-item",
        property: "of two thieves one takes the item, and the other is told that it was taken",
        runs: &[Run::loom(), Run::shuttle_dfs(), Run::shuttle_pct(3, 5_000)],
        covers: &["one lost", "one came too late"],
        seeded: &[
            Seeded { bug: "deque/steal-without-contest", run: Run::loom(), expect: "was taken twice" },
            Seeded { bug: "deque/steal-without-contest", run: Run::shuttle_dfs(), expect: "was taken twice" },
        ],
        body: two_thieves_one_item,
    },
    Model {
        name: "pop-against-two-thieves",
        property: "an owner and two thieves take different items, the thieves the oldest",
        runs: &[Run::loom_bounded(4), Run::loom_bounded(5).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["the owner had one", "the owner had none"],
        seeded: &[
            Seeded { bug: "deque/pop-without-fence", run: Run::loom_bounded(3), expect: "was taken twice" },
            Seeded { bug: "deque/steal-without-fence", run: Run::loom_bounded(3), expect: "was taken twice" },
        ],
        body: pop_against_two_thieves,
    },
    Model {
        name: "push-pop-two-thieves",
        property: "what is pushed beside two thieves is taken once, by one of the three",
        runs: &[Run::loom_bounded(3), Run::loom_bounded(4).deep(), Run::shuttle_pct(3, 5_000)],
        covers: &["both thieves took one", "the owner had one"],
        seeded: &[
            Seeded { bug: "deque/last-without-contest", run: Run::loom_bounded(2), expect: "was taken twice" },
            Seeded { bug: "deque/steal-without-contest", run: Run::loom_bounded(2), expect: "was taken twice" },
            Seeded { bug: "deque/last-without-contest", run: Run::shuttle_pct(3, 5_000), expect: "was taken twice" },
        ],
        body: push_pop_two_thieves,
    },
    Model {
        name: "never-empty",
        property: "a deque that always holds something is not called empty",
        runs: &[Run::loom(), Run::shuttle_dfs(), Run::shuttle_pct(3, 5_000)],
        covers: &["before the theft", "behind the theft"],
        seeded: &[
            Seeded { bug: "deque/bottom-first", run: Run::loom(), expect: "is called empty" },
            Seeded { bug: "deque/bottom-first", run: Run::shuttle_dfs(), expect: "is called empty" },
        ],
        body: never_empty,
    },
    Model {
        name: "at-work",
        property: "an owner that works through a deque that grows and goes round, and two thieves, do everything once",
        runs: &[Run::shuttle_pct(3, 5_000), Run::shuttle_random(5_000), Run::shuttle_random(100_000).deep()],
        covers: &["both thieves took several", "one lost"],
        seeded: &[
            Seeded { bug: "deque/read-after-raise", run: Run::shuttle_pct(3, 5_000), expect: "was taken twice" },
            Seeded { bug: "deque/overwrite-oldest", run: Run::shuttle_pct(3, 5_000), expect: "was taken twice" },
            Seeded { bug: "deque/grow-without-copy", run: Run::shuttle_pct(3, 5_000), expect: "holds an item" },
        ],
        body: at_work,
    },
];

/// What is written into an item's cell before it is pushed, and what whoever takes it writes over it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Content {
    Unwritten,
    Pushed,
    Taken,
}

struct Item {
    number: usize,
    content: UnsafeCell<Content>,
}

// SAFETY: the content is accessed by the owner before it pushes the item, and by whoever takes it: that is what the
// models check.
unsafe impl Sync for Item {}

/// An item on its way through the deque. The cell itself stays where it is until the end of the model.
struct Token(NonNull<Item>);

// SAFETY: an item is `Sync`, and outlives its tokens.
unsafe impl Send for Token {}

// SAFETY: a token is its pointer.
unsafe impl Word for Token {
    fn into_word(self) -> NonNull<()> {
        self.0.cast()
    }

    unsafe fn from_word(word: NonNull<()>) -> Self {
        Self(word.cast())
    }
}

/// A deque, the items there are for it, and which were taken.
struct World {
    deque: Deque<Token>,
    items: Vec<Item>,
    taken: Unseen<Vec<usize>>,
}

impl World {
    /// A deque that holds the first `held` of so many items.
    fn new(items: usize, held: usize) -> Arc<Self> {
        let item = |number| Item { number, content: UnsafeCell::new(Content::Unwritten) };
        let items = (0..items).map(item).collect();
        let world = Self { deque: Deque::new(), items, taken: Unseen::default() };
        (0..held).for_each(|number| world.push(number));
        Arc::new(world)
    }

    /// By the owner.
    fn push(&self, number: usize) {
        let item = &self.items[number];
        // SAFETY: nobody else can reach the content before it is pushed.
        item.content.with_mut(|content| unsafe { *content = Content::Pushed });
        // SAFETY: the main thread alone pushes and pops.
        unsafe { self.deque.push(Token(NonNull::from(item))) };
    }

    /// By the owner: the number of the item.
    fn pop(&self) -> Option<usize> {
        // SAFETY: the main thread alone pushes and pops.
        unsafe { self.deque.pop() }.map(|token| self.take(&token))
    }

    /// By anybody: the number of the item.
    fn steal(&self) -> Steal<usize> {
        match self.deque.steal() {
            Steal::Taken(token) => Steal::Taken(self.take(&token)),
            Steal::Empty => Steal::Empty,
            Steal::Lost => Steal::Lost,
        }
    }

    fn take(&self, token: &Token) -> usize {
        // SAFETY: the token is of an item of this world.
        let item = unsafe { token.0.as_ref() };
        self.taken.with(|taken| {
            assert!(!taken.contains(&item.number), "item {} was taken twice", item.number);
            taken.push(item.number);
        });
        // SAFETY: the item was pushed once and taken once, so it is ours.
        let before = item.content.with_mut(|content| std::mem::replace(unsafe { &mut *content }, Content::Taken));
        assert_eq!(before, Content::Pushed, "an item was taken without what was written before it was pushed");
        item.number
    }

    /// The owner takes what is left, after all others have ended; then each of the first `pushed` items was taken.
    fn settle(&self, pushed: usize) {
        while self.pop().is_some() {}
        let mut taken = self.taken.with(std::mem::take);
        taken.sort_unstable();
        assert_eq!(taken, Vec::from_iter(0..pushed), "an item was lost");
    }
}

fn taken(steal: Steal<usize>) -> Option<usize> {
    match steal {
        Steal::Taken(number) => Some(number),
        Steal::Empty | Steal::Lost => None,
    }
}

/// A thief that tries so often; the numbers of what it took.
fn thief(world: &Arc<World>, attempts: usize) -> thread::JoinHandle<Vec<usize>> {
    let world = world.clone();
    thread::spawn(move || {
        let steals = (0..attempts).map(|_| world.steal());
        let stolen: Vec<usize> = steals.filter_map(taken).collect();
        assert!(stolen.is_sorted(), "a thief took {stolen:?}, and not the oldest first");
        stolen
    })
}

fn last_item() {
    let world = World::new(2, 1);
    let there = world.clone();
    let thief = thread::spawn(move || there.steal());
    let popped = world.pop();
    match (popped, thief.join().unwrap()) {
        (Some(0), Steal::Lost) => cover("the thief lost"),
        (Some(0), Steal::Empty) => cover("the thief came too late"),
        (None, Steal::Taken(0)) => cover("the thief won"),
        outcome => panic!("one takes the item and the other does not: {outcome:?}"),
    }
    world.push(1);
    assert_eq!(world.pop(), Some(1), "the deque is as if the item had not been");
    world.settle(2);
}

fn pop_against_steals() {
    let world = World::new(2, 2);
    let other = thief(&world, 2);
    let popped = world.pop();
    let stolen = other.join().unwrap();
    match (popped, &stolen[..]) {
        (Some(1), [0]) => cover("one each"),
        (None, [0, 1]) => cover("the thief had both"),
        outcome => panic!("the owner takes the newest, and the thief the oldest: {outcome:?}"),
    }
    world.settle(2);
}

fn publication() {
    let world = World::new(2, 2);
    // The items have been there before, in these places: a thief that misses a push finds the right item and not its
    // content, and so shows the race that is meant.
    (0..2).for_each(|number| assert_eq!(world.steal(), Steal::Taken(number)));
    world.taken.with(Vec::clear);
    let other = thief(&world, 2);
    world.push(0);
    world.push(1);
    let stolen = other.join().unwrap();
    assert!([vec![], vec![0], vec![0, 1]].contains(&stolen), "a thief took {stolen:?}, and not the oldest first");
    cover(if stolen.is_empty() { "nothing yet" } else { "taken" });
    world.settle(2);
}

fn push_again() {
    let world = World::new(2, 1);
    let other = thief(&world, 1);
    let popped = world.pop();
    world.push(1);
    let stolen = other.join().unwrap();
    match stolen[..] {
        [0] => {
            assert_eq!(popped, None);
            cover("the thief had the first");
        }
        [_] => cover("the thief had the second"),
        _ => cover("the thief had nothing"),
    }
    world.settle(2);
}

fn growing() {
    let world = World::new(3, 2);
    let grown = Unseen::new(false);
    let (there, seen) = (world.clone(), grown.clone());
    let thief = thread::spawn(move || {
        for expected in 0..2 {
            assert_eq!(there.steal(), Steal::Taken(expected), "nobody contends for the oldest");
            cover(if seen.with(|grown| *grown) { "stolen behind the third push" } else { "stolen before it" });
        }
    });
    world.push(2);
    grown.with(|grown| *grown = true);
    thief.join().unwrap();
    world.settle(3);
}

fn going_round() {
    let world = World::new(3, 2);
    let other = thief(&world, 1);
    if taken(world.steal()).is_some() {
        cover("the owner stole");
    }
    // At least one has been taken: this goes into its place.
    world.push(2);
    let stolen = other.join().unwrap();
    cover(if stolen.is_empty() { "the thief had read what was gone" } else { "the thief took one" });
    world.settle(3);
}

fn going_round_and_growing() {
    let world = World::new(4, 2);
    let other = thief(&world, 2);
    taken(world.steal());
    world.push(2);
    // This makes a ring grow that has gone round, unless the thief has been quick.
    world.push(3);
    let popped = world.pop();
    let stolen = other.join().unwrap();
    assert_eq!(popped, Some(3), "the newest is popped first");
    if stolen.contains(&2) {
        cover("the thief took one from a place used again");
    }
    world.settle(4);
}

fn two_thieves_one_item() {
    let world = World::new(1, 1);
    let there = world.clone();
    let other = thread::spawn(move || there.steal());
    match (world.steal(), other.join().unwrap()) {
        (Steal::Taken(0), Steal::Lost) | (Steal::Lost, Steal::Taken(0)) => cover("one lost"),
        (Steal::Taken(0), Steal::Empty) | (Steal::Empty, Steal::Taken(0)) => cover("one came too late"),
        outcome => panic!("one takes the item and the other does not: {outcome:?}"),
    }
    world.settle(1);
}

fn pop_against_two_thieves() {
    let world = World::new(2, 2);
    let thieves = [thief(&world, 1), thief(&world, 1)];
    let popped = world.pop();
    let stolen = thieves.map(|thief| thief.join().unwrap()).concat();
    assert!(popped.is_none_or(|popped| stolen.iter().all(|old| *old < popped)), "a thief took the newest");
    cover(if popped.is_some() { "the owner had one" } else { "the owner had none" });
    world.settle(2);
}

fn push_pop_two_thieves() {
    let world = World::new(2, 0);
    let thieves = [thief(&world, 1), thief(&world, 1)];
    world.push(0);
    world.push(1);
    if world.pop().is_some() {
        cover("the owner had one");
    }
    if thieves.map(|thief| thief.join().unwrap().len()) == [1, 1] {
        cover("both thieves took one");
    }
    world.settle(2);
}

fn never_empty() {
    let world = World::new(2, 1);
    let there = world.clone();
    let observer = thread::spawn(move || {
        let empty = there.deque.is_empty();
        assert!(!empty, "a deque that holds an item is called empty");
        cover(if there.taken.with(|taken| taken.is_empty()) { "before the theft" } else { "behind the theft" });
    });
    world.push(1);
    // Two are there, so one is left.
    assert_eq!(world.steal(), Steal::Taken(0));
    observer.join().unwrap();
    world.settle(2);
}

fn at_work() {
    const ITEMS: usize = 8;
    let world = World::new(ITEMS, 0);
    let thieves = [(); 2].map(|()| {
        let world = world.clone();
        thread::spawn(move || {
            let steals = Vec::from_iter((0..6).map(|_| world.steal()));
            if steals.contains(&Steal::Lost) {
                cover("one lost");
            }
            let stolen: Vec<usize> = steals.into_iter().filter_map(taken).collect();
            assert!(stolen.is_sorted(), "a thief took {stolen:?}, and not the oldest first");
            stolen.len()
        })
    });
    for number in 0..ITEMS {
        world.push(number);
        if number % 3 == 2 {
            world.pop();
        }
    }
    while world.pop().is_some() {}
    if thieves.map(|thief| thief.join().unwrap()).into_iter().all(|stolen| stolen > 1) {
        cover("both thieves took several");
    }
    world.settle(ITEMS);
}
