//! What the tasks of a pool must keep to, while it runs.

use super::Pool;
use crate::agenda::Policy;

impl Pool {
    /// What its tasks must keep to at the moment.
    pub fn policy(&self) -> Policy {
        self.shared().agenda.policy()
    }

    /// Has its tasks keep to another policy from now on, which `change` makes of the one before; it is asked again if somebody else was faster. Those that wait for their turn are put in the new order; those that have begun
    /// go on, and those that were started when nothing had to wait are not counted against a new limit.
    ///
    /// # Examples
    /// ```
    /// use reweave_sched::Pool;
    ///
    /// let pool = Pool::new(2).unwrap();
    /// pool.configure(|policy| policy.max_running(1));
    /// assert_eq!(pool.spawn(|| 6 * 7).join().unwrap(), 42);
    /// ```
    pub fn configure(&self, change: impl Fn(Policy) -> Policy) {
        let shared = self.shared();
        loop {
            let before = shared.agenda.policy();
            let after = change(before.clone());
            if shared.agenda.change(&before, after, |after| shared.table_of_tasks.observe(after.observed)) {
                return shared.call();
            }
        }
    }
}
