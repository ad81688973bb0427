//! When to look again.

use super::Round;
use crate::condition::Facts;
use crate::domain::{Active, Customer, Span, Time, Watch};
use crate::engine::Decided;
use crate::engine::due::{self, Base};
use crate::rules::{Rule, RuleSet};
use jiff::tz::TimeZone;

/// The earliest of the instants at which something may change by time alone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wake {
    now: Time,
    next: Option<Time>,
}

impl Wake {
    pub(super) const fn after(now: Time) -> Self {
        Self { now, next: None }
    }

    /// Takes in an instant; one that is not ahead was seen by this look, or is nothing to wait for.
    pub(super) fn at(&mut self, time: Option<Time>) {
        let Some(time) = time.filter(|time| *time > self.now && *time < Time::MAX) else { return };
        self.next = Some(self.next.map_or(time, |next| next.min(time)));
    }

    pub(super) const fn get(self) -> Option<Time> {
        self.next
    }

    /// Takes in what an enrollment waits for.
    fn active(&mut self, active: &Active, rule: &Rule, (customer, zone): (&Customer, &TimeZone)) {
        if let Some(base) = Base::of(active, rule).filter(|_| !active.held_out) {
            let steps = rule.steps.iter().zip(due::instants(rule, base, zone));
            steps.filter(|(step, _)| !active.done.contains(&step.id)).for_each(|(_, due)| self.at(Some(due)));
        }
        // An event of the very last instant still reaches the goal.
        self.at(due::goal_until(active, rule).map(|until| until.plus(Span(1))));
        if let Some(stays) = &rule.stays {
            let facts = Facts { customer, now: self.now, zone, entry: Some(&active.entry) };
            self.at(stays.evaluate_until(&facts).until);
            self.at(active.unsent_until);
        }
    }
}

impl Round<'_> {
    pub(super) fn wait_for_active(&mut self) {
        for active in &self.watch.active {
            if let Some(rule) = self.looking.rules.get(&active.rule) {
                self.wake.active(active, rule, (self.customer, self.zone));
            }
        }
    }
}

/// What a customer's watch becomes by the enrollments that a tick at `at` made, and the earliest instant at which one of
/// them has something to do; the customer's wake is to be no later. `None` where all of them are over already.
#[must_use]
pub fn after_tick(
    customer: &Customer,
    zone: &TimeZone,
    rules: &RuleSet,
    decided: &Decided,
    at: Time,
) -> Option<(Watch, Option<Time>)> {
    if decided.entered.is_empty() {
        return None;
    }
    let mut wake = Wake::after(at);
    for active in &decided.entered {
        if let Some(rule) = rules.get(&active.rule) {
            wake.active(active, rule, (customer, zone));
        }
    }
    let mut watch = customer.watch.clone();
    watch.active.extend(decided.entered.iter().cloned());
    Some((watch, wake.get()))
}
