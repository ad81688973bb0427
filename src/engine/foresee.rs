//! What would be decided if a rule's trigger fired, and when what goes on falls due.

use super::due::{self, Base};
use super::enroll::{Case, Dated, Start, enter};
use super::look::{due_on, has_moved};
use super::{Decided, Firing, Moment};
use crate::condition::{Facts, Truth};
use crate::domain::{Active, Customer, CustomerNumber, Event, Reason, Time};
use crate::rules::{Rule, Step};
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// What makes a rule fire.
#[derive(Debug, Clone, Copy)]
pub enum Cause<'a> {
    /// A schedule, or a segment's border.
    Other,
    /// An event.
    Event(&'a Event),
    /// A day of the customer's.
    Day(Day),
}

/// A day that a rule counts from, with steps that fall due on one certain day.
#[derive(Debug, Clone, Copy)]
pub struct Day {
    dated: Dated,
    last: Time,
}

impl Day {
    /// What makes an enrollment of it unique.
    #[must_use]
    pub fn occurrence(&self) -> String {
        self.dated.occurrence()
    }

    /// When each step of its rule falls due.
    #[must_use]
    pub fn instants(&self, rule: &Rule, zone: &TimeZone) -> Vec<Time> {
        due::instants(rule, self.dated.base(), zone)
    }

    /// When the last of the steps falls due.
    #[must_use]
    pub const fn last(&self) -> Time {
        self.last
    }
}

/// Of a rule with a date, the days of which a step falls due on the customer's local day of `at`.
#[must_use]
pub fn days_due(rule: &Rule, customer: &Customer, zone: &TimeZone, at: Time) -> Vec<Day> {
    due_on(rule, customer, zone, at).into_iter().map(|(dated, last)| Day { dated, last }).collect()
}

/// As [`super::decide`], of one rule that fires for a cause. For a day, [`Moment::at`] is not before [`Day::last`].
#[must_use]
pub fn decide_cause(
    number: CustomerNumber,
    (customer, zone): (&Customer, &TimeZone),
    firing: &Firing<'_>,
    cause: Cause<'_>,
    moment: &Moment<'_>,
) -> Decided {
    let (event, anchor) = match cause {
        Cause::Other => (None, None),
        Cause::Event(event) => (Some(event), None),
        Cause::Day(day) => (None, Some(day.dated)),
    };
    let occurrence = Cow::Borrowed(firing.occurrence);
    let start = Start { rule: firing.rule, occurrence, paused: firing.paused, event, anchor };
    let mut decided = Decided::default();
    let verdict = enter(&start, &Case { number, customer, zone, moment }, &mut decided);
    decided.verdicts.push(verdict);
    decided
}

/// What becomes of an enrollment under a rule as it is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It goes on.
    GoesOn,
    /// It ends early, for that reason.
    Ends(Reason),
    /// Nothing of it waits any more.
    IsOver,
}

/// What a look at that instant would make of an enrollment that goes on, goals apart; `rule` is `None` where it is gone.
#[must_use]
pub fn fate(active: &Active, rule: Option<&Rule>, (customer, zone): (&Customer, &TimeZone), at: Time) -> Fate {
    let Some(rule) = rule else { return Fate::Ends(Reason::RuleRemoved) };
    let facts = Facts { customer, now: at, zone, entry: Some(&active.entry) };
    let left = rule.stays.as_ref().is_some_and(|stays| stays.evaluate(&facts) == Truth::False);
    if left || has_moved(active, rule, customer, zone) {
        return Fate::Ends(Reason::Stopped);
    }
    if due::is_over(active, rule, at) { Fate::IsOver } else { Fate::GoesOn }
}

/// The steps of an enrollment that wait, each with when it falls due.
#[must_use]
pub fn waiting<'r>(rule: &'r Rule, active: &Active, zone: &TimeZone) -> Vec<(&'r Step, Time)> {
    let Some(base) = Base::of(active, rule).filter(|_| !active.held_out) else { return Vec::new() };
    let steps = rule.steps.iter().zip(due::instants(rule, base, zone));
    steps.filter(|(step, _)| !active.done.contains(&step.id)).collect()
}

#[cfg(test)]
mod tests {
    use super::{Cause, Fate, days_due, decide_cause, fate, waiting};
    use crate::domain::{Customer, CustomerNumber, DeliveryKey, Policy, Reason, Time, Value};
    use crate::engine::tests::rules;
    use crate::engine::{Decided, Firing, Moment, Verdict};
    use crate::rules::{Rule, RuleSet};
    use jiff::tz::TimeZone;

    const RULE: &str = "rule: a
class: service
trigger: {date: created_at, at: \"09:00\", repeat: yearly}
when: everyone
steps:
- {email: hello}
- {id: later, day: 1, email: bye}
while: default(customer.country, \"\") != \"XX\"
";

    fn t(text: &str) -> Time {
        text.parse().unwrap()
    }

    /// Somebody who was made on 10 March.
    fn somebody() -> Customer {
        let mut customer = Customer::new("ana", t("2020-01-01T00:00:00Z"));
        customer.attributes.insert("created_at".into(), Value::Time(t("2020-03-10T07:00:00Z")));
        customer
    }

    fn on_the_day(set: &RuleSet, customer: &Customer) -> Decided {
        let rule: &Rule = &set.rules[0];
        let days = days_due(rule, customer, &TimeZone::UTC, t("2026-03-10T15:00:00Z"));
        assert_eq!(days.len(), 1);
        let occurrence = days[0].occurrence();
        assert_eq!(occurrence, "2026-03-10");
        assert_eq!(days[0].last(), t("2026-03-10T09:00:00Z"));
        let both = [t("2026-03-10T09:00:00Z"), t("2026-03-11T09:00:00Z")];
        assert_eq!(days[0].instants(rule, &TimeZone::UTC), both);
        let firing = Firing { rule, occurrence: &occurrence, paused: None };
        let (policy, key) = (Policy::default(), DeliveryKey::new([1; 32]));
        let moment = Moment { at: days[0].last(), tick: None, policy: &policy, key: &key };
        decide_cause(CustomerNumber(1), (customer, &TimeZone::UTC), &firing, Cause::Day(days[0]), &moment)
    }

    #[test]
    fn a_day_on_which_a_step_falls_due_is_decided_as_it_would_be_then() {
        let (set, customer) = (rules(&[RULE]), somebody());
        let decided = on_the_day(&set, &customer);
        assert_eq!(decided.verdicts, [Verdict::Enrolled { emails: 1, webhooks: 0, capped: 0 }]);
        assert_eq!(decided.deliveries[0].due_at, t("2026-03-10T09:00:00Z"));
        let zone = &TimeZone::UTC;
        let later: Vec<_> = waiting(&set.rules[0], &decided.entered[0], zone).into_iter().map(|(_, due)| due).collect();
        assert_eq!(later, [t("2026-03-11T09:00:00Z")]);
        assert!(days_due(&set.rules[0], &customer, zone, t("2026-03-12T12:00:00Z")).is_empty());
        let second = days_due(&set.rules[0], &customer, zone, t("2026-03-11T12:00:00Z"));
        assert_eq!(second[0].last(), t("2026-03-11T09:00:00Z"), "the second step is of the day before");
    }

    #[test]
    fn a_step_at_midnight_is_of_the_day_that_begins() {
        let (set, customer) = (rules(&[&RULE.replace("09:00", "00:00")]), somebody());
        let last = |at| {
            days_due(&set.rules[0], &customer, &TimeZone::UTC, t(at)).iter().map(super::Day::last).collect::<Vec<_>>()
        };
        assert_eq!(last("2026-03-09T12:00:00Z"), []);
        assert_eq!(last("2026-03-10T12:00:00Z"), [t("2026-03-10T00:00:00Z")]);
        assert_eq!(last("2026-03-11T12:00:00Z"), [t("2026-03-11T00:00:00Z")]);
    }

    #[test]
    fn what_becomes_of_an_enrollment_is_told_by_what_ends_it() {
        let (set, customer) = (rules(&[RULE]), somebody());
        let (rule, zone, now) = (&set.rules[0], &TimeZone::UTC, t("2026-03-10T12:00:00Z"));
        let mut active = on_the_day(&set, &customer).entered.remove(0);
        let of = |active: &_, customer: &Customer| fate(active, Some(rule), (customer, zone), now);
        assert_eq!(of(&active, &customer), Fate::GoesOn);
        assert_eq!(fate(&active, None, (&customer, zone), now), Fate::Ends(Reason::RuleRemoved));
        let mut left = customer.clone();
        left.attributes.insert("country".into(), Value::Text("XX".into()));
        assert_eq!(of(&active, &left), Fate::Ends(Reason::Stopped));
        let mut moved = customer.clone();
        moved.attributes.remove("created_at");
        assert_eq!(of(&active, &moved), Fate::Ends(Reason::Stopped));
        active.done.push("later".into());
        active.unsent_until = None;
        assert_eq!(of(&active, &customer), Fate::IsOver);
        active.held_out = true;
        assert!(waiting(rule, &active, zone).is_empty());
    }
}
