//! The brake of rules that act at once and say `pause_if` themselves.
//!
//! What they make is counted in the commit that makes it. What would go over the limit is made, too, but the rule is paused
//! before, durably, so that it is held until a person says go on.

use crate::app::shared::Shared;
use crate::delivery::World;
use crate::domain::{Reason, RuleState, State, Text, Time};
use crate::engine;
use crate::rules::Rule;
use crate::store::{Decision, Result};
use crate::telemetry::names::{self, label};
use std::collections::BTreeMap;

/// How many of a customer's enrollments are looked through for those that exist already.
const LOOKED_THROUGH: usize = 10_000;

/// Whether any of this is counted. States of rules are then read, changed and written, with others kept from them.
pub(super) fn concerns<'d>(world: &World, mut decisions: impl Iterator<Item = &'d Decision>) -> bool {
    decisions.any(|decision| decision.deliveries.iter().any(|delivery| braked(world, &delivery.rule).is_some()))
}

/// The states of rules to be written with these decisions, of rules that are over their limit after having been paused.
pub(super) async fn judge(
    core: &Shared,
    world: &World,
    decisions: &[Decision],
    at: Time,
) -> Result<Vec<(Text, RuleState)>> {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for delivery in decisions.iter().flat_map(|decision| &decision.deliveries) {
        if delivery.state == State::Queued && braked(world, &delivery.rule).is_some() {
            *counts.entry(&delivery.rule).or_default() += 1;
        }
    }
    if counts.is_empty() {
        return Ok(Vec::new());
    }
    let mut states: BTreeMap<Text, RuleState> = core.store.rule_states().await?.into_iter().collect();
    let mut changed = Vec::new();
    for (name, mut count) in counts {
        let (Some(rule), Some(mut state)) = (world.rules.get(name), states.remove(name)) else { continue };
        if state.paused.is_some() {
            continue;
        }
        if engine::over_brake(rule, &state, count, 0, at) {
            count = count.saturating_sub(known(core, name, decisions).await?);
        }
        if engine::over_brake(rule, &state, count, 0, at) {
            pause(core, rule, state, at).await?;
        } else {
            engine::add_volume(rule, &mut state, at, count);
            changed.push((name.into(), state));
        }
    }
    Ok(changed)
}

fn braked<'w>(world: &'w World, rule: &str) -> Option<&'w Rule> {
    world.rules.get(rule).map(AsRef::as_ref).filter(|rule| engine::brakes_at_once(rule))
}

/// How many deliveries belong to enrollments that were made before and will be left out, as of events that come again: for
/// those no rule is stopped.
async fn known(core: &Shared, rule: &str, decisions: &[Decision]) -> Result<u64> {
    let mut known = 0;
    for decision in decisions {
        if decision.enrollments.iter().all(|enrollment| enrollment.rule != rule) {
            continue;
        }
        let before = core.store.enrollments(decision.customer, LOOKED_THROUGH).await?;
        for enrollment in decision.enrollments.iter().filter(|enrollment| enrollment.rule == rule) {
            if before.iter().any(|one| one.rule == rule && one.occurrence == enrollment.occurrence) {
                let queued = decision
                    .deliveries
                    .iter()
                    .filter(|delivery| delivery.state == State::Queued && enrollment.deliveries.contains(&delivery.id));
                known += queued.count() as u64;
            }
        }
    }
    Ok(known)
}

async fn pause(core: &Shared, rule: &Rule, mut state: RuleState, at: Time) -> Result<()> {
    let limit = rule.pause_if.map_or(0, |pause_if| pause_if.more_than);
    tracing::error!(
        rule = rule.id.as_str(),
        limit,
        "the brake paused the rule: nothing more of it goes out until `retaind rules resume`"
    );
    metrics::counter!(names::BRAKES, label::RULE => rule.id.to_string()).increment(1);
    (state.paused, state.paused_at) = (Some(Reason::Brake), Some(at));
    // Before what is over the limit is there to be sent, and durable first: what is held must not be held by a pause that
    // nobody can end.
    core.store.set_rule_states(vec![(rule.id.clone(), state)]).await?;
    core.pauses.set_rule(&rule.id, Some(Reason::Brake));
    Ok(())
}
