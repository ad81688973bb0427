//! When the schedules fire for customers of one zone, worked out once for all of them.

use crate::calendar;
use crate::domain::Time;
use crate::rules::{Rule, RuleSet, Trigger, TriggerZone};
use jiff::tz::TimeZone;
use std::sync::Arc;

/// When the schedule of one rule fires.
#[derive(Debug, Clone)]
struct Line {
    /// On whose clock.
    zone: TimeZone,
    /// Ascending.
    ticks: Arc<[Time]>,
}

/// When the schedules of a rule set fire for customers of one zone.
#[derive(Debug, Clone, Default)]
pub struct Timetable {
    /// By the place of the rule in the set; of rules with a schedule.
    lines: Vec<Option<Line>>,
}

impl Timetable {
    /// All that fires later than `after` and not later than `until`, for customers whose clocks show `zone`.
    #[must_use]
    pub fn over(rules: &RuleSet, (business, zone): (&TimeZone, &TimeZone), after: Time, until: Time) -> Self {
        let lines = rules.rules.iter().map(|rule| {
            let zone = match &rule.trigger {
                Trigger::Schedule { zone: TriggerZone::Business, .. } => business,
                Trigger::Schedule { zone: TriggerZone::Named(_, named), .. } => named,
                _ => zone,
            };
            Line::over(rule, zone, (after, until))
        });
        Self { lines: lines.collect() }
    }

    /// The same for customers whose clocks show another zone: what does not go by their clocks is shared.
    #[must_use]
    pub fn elsewhere(&self, rules: &RuleSet, zone: &TimeZone, after: Time, until: Time) -> Self {
        let lines = rules.rules.iter().zip(&self.lines).map(|(rule, line)| match &rule.trigger {
            Trigger::Schedule { zone: TriggerZone::Customer, .. } => Line::over(rule, zone, (after, until)),
            _ => line.clone(),
        });
        Self { lines: lines.collect() }
    }

    /// When the rule at that place fires first, later than an instant.
    pub(super) fn next(&self, place: usize, after: Time) -> Option<Time> {
        let ticks = &self.line(place)?.ticks;
        ticks.get(ticks.partition_point(|tick| *tick <= after)).copied()
    }

    /// What makes an enrollment of the rule at that place unique that fires at that instant; `None` if it does not.
    pub(super) fn occurrence(&self, place: usize, at: Time) -> Option<String> {
        let line = self.line(place)?;
        line.ticks.binary_search(&at).ok().map(|_| calendar::occurrence_at(&line.zone, at))
    }

    fn line(&self, place: usize) -> Option<&Line> {
        self.lines.get(place).and_then(Option::as_ref)
    }
}

impl Line {
    fn over(rule: &Rule, zone: &TimeZone, (after, until): (Time, Time)) -> Option<Self> {
        let Trigger::Schedule { cron, .. } = &rule.trigger else { return None };
        let following = |at: &Time| cron.next(zone, *at).map(|next| next.at);
        let ticks = std::iter::successors(following(&after), following).take_while(|at| *at <= until);
        Some(Self { zone: zone.clone(), ticks: ticks.collect() })
    }
}
