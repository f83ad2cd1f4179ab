//! What a check has found: for a program to look into, and as a text for a person.

use std::error::Error;
use std::fmt;

use crate::Reason;
use crate::context::Agent;
use crate::event::{Awaits, Enders};

/// A wait that sleeps.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Blocked {
    /// Which wait of the graph this is: waits that began later have greater numbers.
    pub number: u64,
    /// Who waits.
    pub agent: Agent,
    /// The name of its thread.
    pub thread: Option<String>,
    /// The name of its task.
    pub task: Option<Reason>,
    /// What it waits for and who could end that; one entry, or one for each arm of a select.
    pub awaits: Vec<Awaits>,
    /// Whether it may be ended to break a deadlock.
    pub breakable: bool,
    /// Whether it ends by itself, at a deadline.
    pub limited: bool,
    /// Where it waits, if the graph captures that.
    pub backtrace: Option<String>,
}

/// Waits none of which can end before another of them does.
///
/// A deadline or a cancellation may still end one.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Deadlock {
    /// The waits, in the order in which they began.
    pub waits: Vec<Blocked>,
    /// Whose wait was ended to break it.
    pub broken: Option<Agent>,
}

/// What [`Graph::check`](super::Graph::check) has found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Report {
    /// The deadlocks.
    pub deadlocks: Vec<Deadlock>,
    /// Waits that cannot end before a deadlock does, without being part of it.
    pub behind: Vec<Blocked>,
    /// Waits of which it is not known who could end them: the incomplete edges of the graph. They are no part of the
    /// above.
    pub incomplete: Vec<Blocked>,
    /// How many waits the graph knew.
    pub waiting: usize,
}

impl Deadlock {
    /// Whether each of the waits is for one owner: a cycle. If not, it is a knot.
    pub fn is_cycle(&self) -> bool {
        let one = |awaits: &Awaits| matches!(awaits.enders, Enders::One(_));
        self.waits.iter().all(|wait| wait.awaits.len() == 1 && wait.awaits.iter().all(one))
    }

    /// The deadlock of somebody who would wait for itself.
    pub(crate) fn alone(agent: Agent, thread: Option<String>, task: Option<Reason>, awaits: Awaits) -> Self {
        let wait = Blocked {
            number: 0,
            agent,
            thread,
            task,
            awaits: vec![awaits],
            breakable: true,
            limited: false,
            backtrace: None,
        };
        Self { waits: vec![wait], broken: Some(agent) }
    }

    fn name(&self, agent: Agent) -> String {
        self.waits
            .iter()
            .find(|wait| wait.agent == agent)
            .map_or_else(|| format!("agent {}", agent.number()), Blocked::name)
    }
}

impl Blocked {
    fn name(&self) -> String {
        let mut name = match (&self.task, &self.thread) {
            (Some(task), Some(thread)) => format!("task \"{task}\" on thread \"{thread}\""),
            (Some(task), None) => format!("task \"{task}\""),
            (None, Some(thread)) => format!("thread \"{thread}\""),
            (None, None) => String::new(),
        };
        name += if name.is_empty() { "agent " } else { " (agent " };
        name += &self.agent.number().to_string();
        if name.contains('(') {
            name.push(')');
        }
        name
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, name_of: &dyn Fn(Agent) -> String) -> fmt::Result {
        write!(f, "  {} waits for ", self.name())?;
        for (index, awaits) in self.awaits.iter().enumerate() {
            let list = |agents: &[Agent]| agents.iter().map(|&agent| name_of(agent)).collect::<Vec<_>>();
            // A channel's holders include whoever waits: to say so of it alone helps, beside others it does not.
            let others = |agents: &[Agent]| {
                let others: Vec<_> = agents.iter().copied().filter(|&agent| agent != self.agent).collect();
                list(if others.is_empty() { agents } else { &others })
            };
            let enders = match &awaits.enders {
                Enders::One(agent) => format!("which {} holds up", name_of(*agent)),
                Enders::All(agents) => format!("which {} hold up", list(agents).join(" and ")),
                Enders::Any(agents) => format!("which only {} could end", others(agents).join(" or ")),
                Enders::Unknown | Enders::Open => "and who could end that is not known".to_owned(),
            };
            write!(f, "{}{}, {enders}", if index > 0 { "; or for " } else { "" }, awaits.what)?;
            if let Some(note) = &awaits.note {
                write!(f, " ({note})")?;
            }
        }
        if self.limited {
            f.write_str(" (it has a deadline)")?;
        }
        if let Some(backtrace) = &self.backtrace {
            for line in backtrace.lines() {
                write!(f, "\n      {line}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for Deadlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_cycle() { "cycle" } else { "knot" };
        let plural = if self.waits.len() == 1 { "" } else { "s" };
        write!(f, "deadlock, a {kind} of {} wait{plural}:", self.waits.len())?;
        for wait in &self.waits {
            f.write_str("\n")?;
            wait.write(f, &|agent| self.name(agent))?;
        }
        if let Some(agent) = self.broken {
            write!(f, "\n  broken by failing the wait of {}", self.name(agent))?;
        }
        Ok(())
    }
}

impl Error for Deadlock {}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} waiting, {} in deadlock",
            self.waiting,
            self.deadlocks.iter().map(|it| it.waits.len()).sum::<usize>()
        )?;
        for deadlock in &self.deadlocks {
            write!(f, "\n{deadlock}")?;
        }
        let all = || self.deadlocks.iter().flat_map(|it| &it.waits).chain(&self.behind).chain(&self.incomplete);
        let name = |agent: Agent| {
            all().find(|wait| wait.agent == agent).map_or_else(|| format!("agent {}", agent.number()), Blocked::name)
        };
        for (title, waits) in [("behind a deadlock:", &self.behind), ("incomplete edges:", &self.incomplete)] {
            if !waits.is_empty() {
                write!(f, "\n{title}")?;
            }
            for wait in waits {
                f.write_str("\n")?;
                wait.write(f, &name)?;
            }
        }
        Ok(())
    }
}
