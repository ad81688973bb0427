//! When the brake would go off. It is not part of the lives, which know nothing of each other: what it would stop is
//! counted, and the day is marked.

use super::Stretch;
use super::counts::Counts;
use crate::calendar;
use crate::delivery::World;
use crate::domain::{Delivery, RuleState, Span, Text, Time};
use crate::engine;
use crate::http::BrakedDay;
use crate::rules::{Rule, Trigger};
use std::collections::BTreeMap;

/// What is made so close together is judged together, of rules that act at once; a tick is judged alone.
const AT_ONCE: Span = Span::minutes(1);

/// Under which instant the brake counts a delivery; `None` if it does not. As in a plan for the past, a backtest knows only
/// a brake of the rule's own: the other one goes by when the rule went live.
pub(super) fn counted_at(rule: &Rule, delivery: &Delivery, stretch: Stretch) -> Option<Time> {
    let is_known = rule.pause_if.is_some() || !stretch.is_backtest();
    match rule.trigger {
        // Only what its tick decides waits until it is counted.
        Trigger::Schedule { .. } => delivery.tick.filter(|_| is_known),
        _ if engine::brakes_at_once(rule) => Some(Time(delivery.created_at.0.div_euclid(AT_ONCE.0) * AT_ONCE.0)),
        _ => None,
    }
}

/// The days on which it would go off, each with the most that a rule would have made in the span of its brake. Those before
/// the time that is asked for are among them, where it begins later than now: a rule that is paused then sends nothing in it.
pub(super) fn days(
    world: &World,
    all: &Counts,
    mut states: BTreeMap<Text, RuleState>,
    customers: u64,
    stretch: Stretch,
) -> Vec<BrakedDay> {
    let mut by_rule: BTreeMap<usize, BTreeMap<Time, u64>> = BTreeMap::new();
    for ((rule, at), count) in &all.asked {
        by_rule.entry(*rule).or_default().insert(*at, *count);
    }
    let mut braked: BTreeMap<(jiff::civil::Date, &Text), BrakedDay> = BTreeMap::new();
    for (place, made) in by_rule {
        let Some(rule) = world.rules.rules.get(place) else { continue };
        let mut state = states.remove(&rule.id).unwrap_or_default();
        state.volume.retain(|(then, _)| *then <= stretch.begin());
        state.live_since = state.live_since.or(Some(stretch.now));
        for (at, count) in made {
            if at >= stretch.begin() && engine::over_brake(rule, &state, count, customers, at) {
                let day = calendar::day_of(&world.zone, at);
                let per = rule.pause_if.map_or(Span::days(1), |pause_if| pause_if.per);
                let before = state.volume.iter().filter(|(then, _)| at.since(*then) < per).map(|(_, made)| *made);
                let most = BrakedDay {
                    day: day.to_string(),
                    rule: rule.id.to_string(),
                    deliveries: count.saturating_add(before.sum()),
                    limit: engine::limit(rule, &state, customers, at),
                    per: per.to_string(),
                };
                let marked = braked.entry((day, &rule.id)).or_insert_with(|| most.clone());
                if marked.deliveries < most.deliveries {
                    *marked = most;
                }
            }
            engine::add_volume(rule, &mut state, at, count);
        }
    }
    braked.into_values().collect()
}
