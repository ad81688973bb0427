//! When the steps of an enrollment fall due.

use crate::calendar;
use crate::domain::{Active, Event, Span, Time};
use crate::rules::{Offset, Rule, Trigger};
use jiff::civil;
use jiff::tz::TimeZone;

/// What the days and hours of steps are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Base {
    /// The instant of entry, and the time of day that it has on the customer's clock.
    Entry(Time),
    /// A date.
    Anchor {
        /// Its day, and when on the customer's clock the days of steps fall due.
        wall: civil::DateTime,
        /// What hours are counted from, if not from `wall`.
        instant: Option<Time>,
    },
}

impl Base {
    /// What an enrollment counts from; `None` when its rule has come to count otherwise since.
    pub(super) fn of(active: &Active, rule: &Rule) -> Option<Self> {
        match (active.anchor, &rule.trigger) {
            (Some(date), Trigger::Date { at, .. }) => {
                Some(Self::Anchor { wall: date.to_datetime(*at), instant: active.instant })
            }
            (Some(_), _) | (None, Trigger::Date { .. }) => None,
            (None, _) => Some(Self::Entry(active.entered_at)),
        }
    }

    fn plus(self, offset: Offset, zone: &TimeZone) -> Time {
        match (self, offset) {
            // Of a wall time that comes twice, the very one.
            (Self::Entry(at), Offset::Days(0)) => at,
            (Self::Entry(at), Offset::Days(days)) => on_day(calendar::local(zone, at), days, zone),
            (Self::Entry(at), Offset::Hours(hours)) => at.plus(Span::hours(hours.into())),
            (Self::Anchor { wall, .. }, Offset::Days(days)) => on_day(wall, days, zone),
            (Self::Anchor { wall, instant }, Offset::Hours(hours)) => {
                instant.unwrap_or_else(|| calendar::at_local(zone, wall)).plus(Span::hours(hours.into()))
            }
        }
    }
}

fn on_day(wall: civil::DateTime, days: i32, zone: &TimeZone) -> Time {
    calendar::at_local(zone, calendar::days_after(wall.date(), days).to_datetime(wall.time()))
}

/// The instant of each step of the rule, in their order; none is before the one before it, also where hours and days
/// are counted over a change of the clocks.
pub(super) fn instants(rule: &Rule, base: Base, zone: &TimeZone) -> Vec<Time> {
    let mut instants: Vec<Time> = Vec::with_capacity(rule.steps.len());
    for step in &rule.steps {
        let own = base.plus(step.offset, zone);
        instants.push(instants.last().map_or(own, |before| own.max(*before)));
    }
    instants
}

/// How long an event may have been under way that happened before an enrollment and came after it.
const UNDER_WAY: Span = Span::minutes(1);

/// The instant after which such an event reaches the goal of an enrollment: that at which what started it had happened
/// and any delay was over. Entry is some moments later, and what happens in them comes after it all the same. Where
/// nothing says when it started, entry; what was under way then counts as after it, for its sender could not know.
pub(super) fn goal_after(active: &Active, rule: &Rule, event: &Event) -> Time {
    match (&rule.trigger, &active.entry.event) {
        (Trigger::Event { delay, .. }, Some(start)) => start.at.plus(*delay).min(active.entered_at),
        _ if event.received_at > active.entered_at => active.entered_at.minus(UNDER_WAY),
        _ => active.entered_at,
    }
}

/// The last instant at which an event reaches the goal of an enrollment, if its rule has one.
pub(super) fn goal_until(active: &Active, rule: &Rule) -> Option<Time> {
    rule.goal.as_ref().map(|goal| active.entered_at.plus(goal.within))
}

/// Marks the steps as done that fell due by an instant.
pub(super) fn pass(active: &mut Active, rule: &Rule, zone: &TimeZone, by: Time) {
    let Some(base) = Base::of(active, rule) else { return };
    for (step, due) in rule.steps.iter().zip(instants(rule, base, zone)) {
        if due <= by && !active.done.contains(&step.id) {
            active.done.push(step.id.clone());
        }
    }
}

/// Whether an enrollment that does not go on would be over by now if it did.
pub(super) fn is_past(active: &Active, rule: &Rule, zone: &TimeZone, now: Time) -> bool {
    let mut active = active.clone();
    pass(&mut active, rule, zone, now);
    Base::of(&active, rule).is_none() || is_over(&active, rule, now)
}

/// Whether an enrollment has nothing to wait for any more: no step, no goal, and nothing on its way that `while` could
/// still stop.
pub(super) fn is_over(active: &Active, rule: &Rule, now: Time) -> bool {
    let steps = !active.held_out && rule.steps.iter().any(|step| !active.done.contains(&step.id));
    let goal = goal_until(active, rule).is_some_and(|until| now <= until);
    let stays = rule.stays.is_some() && active.unsent_until.is_some_and(|until| now < until);
    !steps && !goal && !stays
}
