//! When the steps of an enrollment fall due.

use crate::calendar;
use crate::domain::{Active, Span, Time};
use crate::rules::{Offset, Rule, Step, Trigger};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// What the days and hours of steps are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The instant of entry.
    Entry(Time),
    /// A time of a date on the customer's clock.
    Anchor(DateTime),
}

impl Base {
    /// What an enrollment counts from.
    pub(super) fn of(active: &Active, rule: &Rule) -> Self {
        match (active.anchor, &rule.trigger) {
            (Some(date), Trigger::Date { at, .. }) => Self::Anchor(date.to_datetime(*at)),
            _ => Self::Entry(active.entered_at),
        }
    }

    fn plus(self, offset: Offset, zone: &TimeZone) -> Time {
        let on_day = |wall: DateTime, days: i32| {
            calendar::at_local(zone, wall.saturating_add(jiff::Span::new().days(i64::from(days))))
        };
        match (self, offset) {
            (Self::Entry(at), Offset::Days(0)) => at,
            (Self::Entry(at), Offset::Days(days)) => on_day(calendar::local(zone, at), days),
            (Self::Entry(at), Offset::Hours(hours)) => at.plus(Span::hours(hours.into())),
            (Self::Anchor(wall), Offset::Days(days)) => on_day(wall, days),
            (Self::Anchor(wall), Offset::Hours(hours)) => {
                calendar::at_local(zone, wall).plus(Span::hours(hours.into()))
            }
        }
    }
}

/// The instant of each step of the rule, in their order; none is before the one before it.
pub(super) fn instants(rule: &Rule, base: Base, zone: &TimeZone) -> Vec<Time> {
    let mut instants: Vec<Time> = Vec::with_capacity(rule.steps.len());
    for step in &rule.steps {
        let own = base.plus(step.offset, zone);
        instants.push(instants.last().map_or(own, |before| own.max(*before)));
    }
    instants
}

/// The steps of an enrollment that wait, each with when it falls due.
pub(super) fn waiting<'r>(rule: &'r Rule, active: &Active, zone: &TimeZone) -> Vec<(&'r Step, Time)> {
    let due = instants(rule, Base::of(active, rule), zone);
    let waits = |(step, _): &(&Step, Time)| !active.held_out && !active.done.contains(&step.id);
    rule.steps.iter().zip(due).filter(waits).collect()
}
