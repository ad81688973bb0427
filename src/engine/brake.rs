//! The brake: what would send far more than usual sends nothing.

use crate::domain::{RuleState, Span, Time};
use crate::rules::{Rule, Trigger};
use std::collections::BTreeMap;

/// Below this many deliveries the default brake never stops a rule.
const ALWAYS_ALLOWED: u64 = 50;

/// How many deliveries the rule may make: over [`Span`] before now where the rule says so, else over a day.
///
/// Without `pause_if`: ten times the mean of the rule's recent days that had any deliveries, and at least 50; on its
/// first live day, and until it has made any, the larger of 50 and a tenth of the customers.
#[must_use]
pub fn limit(rule: &Rule, state: &RuleState, customers: u64, now: Time) -> u64 {
    if let Some(pause_if) = rule.pause_if {
        return pause_if.more_than;
    }
    let first_day = state.volume.is_empty() || state.live_since.is_none_or(|since| now.since(since) < Span::days(1));
    if first_day {
        return ALWAYS_ALLOWED.max(customers / 10);
    }
    ALWAYS_ALLOWED.max(usual(state, now).unwrap_or(0).saturating_mul(10))
}

/// How many deliveries the rule usually makes: the mean of its recent days that had any; `None` if there was none.
#[must_use]
pub fn usual(state: &RuleState, now: Time) -> Option<u64> {
    let mut by_day: BTreeMap<i64, u64> = BTreeMap::new();
    for (at, count) in &state.volume {
        let days_ago = now.since(*at).0 / Span::days(1).0;
        if days_ago >= 1 {
            *by_day.entry(days_ago).or_default() += count;
        }
    }
    by_day.values().sum::<u64>().checked_div(by_day.len() as u64)
}

/// Whether `deliveries` more of this tick, with those of the span before, are over the rule's limit.
#[must_use]
pub fn over_brake(rule: &Rule, state: &RuleState, deliveries: u64, customers: u64, now: Time) -> bool {
    let span = rule.pause_if.map_or(Span::days(1), |pause_if| pause_if.per);
    let before: u64 = state.volume.iter().filter(|(at, _)| now.since(*at) < span).map(|(_, count)| *count).sum();
    before.saturating_add(deliveries) > limit(rule, state, customers, now)
}

/// Whether the rule acts at once, customer by customer, and says itself how much is too much. There is no tick whose whole
/// could be judged: what it makes is counted as it comes.
#[must_use]
pub const fn brakes_at_once(rule: &Rule) -> bool {
    rule.pause_if.is_some() && !matches!(rule.trigger, Trigger::Schedule { .. })
}

/// Adds deliveries made at `at` to what is kept of a rule's volume: of a schedule an entry an hour for thirty days or what
/// `pause_if` asks for; of a rule that acts at once some sixty for the span of its `pause_if`, for its row is written with
/// everything that it makes.
pub fn add_volume(rule: &Rule, state: &mut RuleState, at: Time, deliveries: u64) {
    if deliveries == 0 {
        return;
    }
    let (hour, month) = (Span::hours(1), Span::days(30));
    let (grain, kept) = match rule.pause_if {
        Some(pause_if) if brakes_at_once(rule) => {
            (Span((pause_if.per.0 / 60).clamp(Span::seconds(1).0, hour.0)), pause_if.per)
        }
        own => (hour, own.map_or(month, |pause_if| pause_if.per.max(month))),
    };
    state.volume.retain(|(then, _)| at.since(*then) < kept);
    let part = |time: Time| time.0.div_euclid(grain.0);
    match state.volume.last_mut() {
        // The later time stands for the part, so that a rolling span never forgets it too early.
        Some((then, count)) if part(*then) == part(at) => {
            *then = at.max(*then);
            *count = count.saturating_add(deliveries);
        }
        _ => state.volume.push((at, deliveries)),
    }
}
