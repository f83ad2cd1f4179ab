//! Deadlocks among waits whose edges are known: the greatest stuck set, and its components.
//!
//! Pure functions on a frozen graph; what the words mean is defined in the [module above](super).

use crate::context::Agent;
use crate::event::Enders;

/// A wait: whose it is, and who could end each of its arms.
#[derive(Clone, Debug)]
pub(super) struct Edges {
    pub(super) agent: Agent,
    pub(super) arms: Vec<Enders>,
}

/// What was found, as indices of waits.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// The deadlocks, each in order of its waits.
    pub(super) deadlocks: Vec<Vec<usize>>,
    /// Stuck, but in no deadlock.
    pub(super) behind: Vec<usize>,
}

/// Finds all deadlocks. O(n log n + e·d) for n waits, e edges and at most d edges a wait; that again for every
/// component that falls into parts, which takes a select or an `All` among its waits.
pub(super) fn find(waits: &[Edges]) -> Found {
    let agents = Agents::new(waits);
    let stuck = agents.stuck(waits, vec![true; waits.len()]);
    let mut found = Found::default();
    let mut reported = vec![false; waits.len()];
    let mut open = vec![stuck.clone()];
    while let Some(set) = open.pop() {
        for component in components(waits, &agents, &set) {
            let mut within = vec![false; waits.len()];
            component.iter().for_each(|&wait| within[wait] = true);
            // A wait alone is a deadlock if it waits for itself: then, too, it is stuck by itself.
            let rest = agents.stuck(waits, within.clone());
            if rest == within {
                component.iter().for_each(|&wait| reported[wait] = true);
                found.deadlocks.push(component);
            } else if rest.contains(&true) {
                // Some of it leans on what is outside; what does not may be in parts now.
                open.push(rest);
            }
        }
    }
    found.deadlocks.sort();
    found.behind = (0..waits.len()).filter(|&wait| stuck[wait] && !reported[wait]).collect();
    found
}

/// The waits by agent.
struct Agents(Vec<(Agent, usize)>);

impl Agents {
    fn new(waits: &[Edges]) -> Self {
        let mut agents: Vec<_> = waits.iter().enumerate().map(|(index, wait)| (wait.agent, index)).collect();
        agents.sort_unstable();
        Self(agents)
    }

    /// The waits of an agent: one, unless a number is used by several threads at once. Then all count.
    fn waits_of(&self, agent: Agent) -> impl Iterator<Item = usize> + '_ {
        let start = self.0.partition_point(|entry| entry.0 < agent);
        self.0[start..].iter().take_while(move |entry| entry.0 == agent).map(|entry| entry.1)
    }

    fn is_stuck(&self, agent: Agent, stuck: &[bool]) -> bool {
        let mut waits = self.waits_of(agent).peekable();
        waits.peek().is_some() && waits.all(|wait| stuck[wait])
    }

    fn is_blocked(&self, arm: &Enders, stuck: &[bool]) -> bool {
        match arm {
            Enders::One(agent) => self.is_stuck(*agent, stuck),
            Enders::All(agents) => agents.iter().any(|&agent| self.is_stuck(agent, stuck)),
            Enders::Any(agents) => !agents.is_empty() && agents.iter().all(|&agent| self.is_stuck(agent, stuck)),
            Enders::Unknown | Enders::Open => false,
        }
    }

    /// The greatest stuck set within `candidates`.
    fn stuck(&self, waits: &[Edges], candidates: Vec<bool>) -> Vec<bool> {
        let mut dependents = vec![Vec::new(); waits.len()];
        for (index, wait) in waits.iter().enumerate().filter(|(index, _)| candidates[*index]) {
            for ender in enders(wait).flat_map(|agent| self.waits_of(agent)) {
                dependents[ender].push(index);
            }
        }
        let mut stuck = candidates;
        let mut doubtful: Vec<usize> = (0..waits.len()).collect();
        while let Some(index) = doubtful.pop() {
            let arms = &waits[index].arms;
            if stuck[index] && (arms.is_empty() || !arms.iter().all(|arm| self.is_blocked(arm, &stuck))) {
                stuck[index] = false;
                doubtful.extend(&dependents[index]);
            }
        }
        stuck
    }
}

/// All agents that a wait names.
fn enders(wait: &Edges) -> impl Iterator<Item = Agent> + '_ {
    wait.arms.iter().flat_map(|arm| match arm {
        Enders::One(agent) => std::slice::from_ref(agent).iter().copied(),
        Enders::All(agents) | Enders::Any(agents) => agents.iter().copied(),
        Enders::Unknown | Enders::Open => [].iter().copied(),
    })
}

/// The strongly connected components of the stuck waits, by Tarjan's algorithm without recursion.
fn components(waits: &[Edges], agents: &Agents, stuck: &[bool]) -> Vec<Vec<usize>> {
    const NEW: usize = usize::MAX;
    let edges: Vec<Vec<usize>> = waits
        .iter()
        .map(|wait| enders(wait).flat_map(|agent| agents.waits_of(agent)).filter(|&ender| stuck[ender]).collect())
        .collect();
    let (mut order, mut low, mut open) = (vec![NEW; waits.len()], vec![NEW; waits.len()], vec![false; waits.len()]);
    let (mut next, mut path, mut found) = (0, Vec::new(), Vec::new());
    for root in (0..waits.len()).filter(|&wait| stuck[wait]) {
        // The calls that recursion would have open: a wait, and how many of its edges are done.
        let mut calls = vec![(root, 0)];
        while let Some((wait, done)) = calls.pop() {
            if done == 0 {
                if order[wait] != NEW {
                    continue;
                }
                (order[wait], low[wait], open[wait]) = (next, next, true);
                next += 1;
                path.push(wait);
            } else {
                low[wait] = low[wait].min(low[edges[wait][done - 1]]);
            }
            let mut todo = done;
            let call = loop {
                match edges[wait].get(todo) {
                    None => break None,
                    Some(&ender) if order[ender] == NEW => break Some(ender),
                    Some(&ender) if open[ender] => low[wait] = low[wait].min(order[ender]),
                    Some(_) => {}
                }
                todo += 1;
            };
            if let Some(ender) = call {
                calls.push((wait, todo + 1));
                calls.push((ender, 0));
            } else if low[wait] == order[wait] {
                let start = path.iter().rposition(|&member| member == wait).expect("an open wait is on the path");
                let mut component = path.split_off(start);
                component.iter().for_each(|&member| open[member] = false);
                component.sort_unstable();
                found.push(component);
            }
        }
    }
    found
}
