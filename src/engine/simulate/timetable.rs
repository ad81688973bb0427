//! When the schedules fire for customers of one zone, worked out once for all of them.

use crate::calendar::Occurrence;
use crate::domain::Time;
use crate::rules::{RuleSet, Trigger, TriggerZone};
use jiff::tz::TimeZone;

/// One instant at which schedules fire.
#[derive(Debug, Clone)]
pub(super) struct Tick {
    pub(super) at: Time,
    /// The places of the rules in the set, ascending, each with its occurrence.
    pub(super) rules: Vec<(usize, String)>,
}

/// When the schedules of a rule set fire for customers of one zone.
#[derive(Debug, Clone, Default)]
pub struct Timetable {
    ticks: Vec<Tick>,
}

impl Timetable {
    /// All that fires later than `after` and not later than `until`, for customers whose clocks show `zone`.
    #[must_use]
    pub fn over(rules: &RuleSet, (business, zone): (&TimeZone, &TimeZone), after: Time, until: Time) -> Self {
        let mut all: Vec<(usize, Occurrence)> = Vec::new();
        for (place, rule) in rules.rules.iter().enumerate() {
            let Trigger::Schedule { cron, zone: whose } = &rule.trigger else { continue };
            let zone = match whose {
                TriggerZone::Business => business,
                TriggerZone::Named(_, named) => named,
                TriggerZone::Customer => zone,
            };
            let mut at = after;
            while let Some(next) = cron.next(zone, at).filter(|next| next.at <= until) {
                at = next.at;
                all.push((place, next));
            }
        }
        all.sort_by_key(|(place, occurrence)| (occurrence.at, *place));
        let mut ticks: Vec<Tick> = Vec::new();
        for (place, occurrence) in all {
            match ticks.last_mut().filter(|tick| tick.at == occurrence.at) {
                Some(tick) => tick.rules.push((place, occurrence.local)),
                None => ticks.push(Tick { at: occurrence.at, rules: vec![(place, occurrence.local)] }),
            }
        }
        Self { ticks }
    }

    /// The ticks later than an instant.
    pub(super) fn after(&self, at: Time) -> &[Tick] {
        &self.ticks[self.ticks.partition_point(|tick| tick.at <= at)..]
    }
}
