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
