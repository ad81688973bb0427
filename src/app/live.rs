//! Since when rules are live.

use crate::delivery::World;
use crate::domain::{Planned, RuleState, Text, Time};
use crate::store::{Result, Store};
use std::collections::{BTreeMap, BTreeSet};

/// By rule, when its present trigger first went live.
pub(super) type Live = BTreeMap<Text, Time>;

/// Makes rules whose trigger is new or changed go live now, durably, and answers since when each is. What was planned for
/// such a rule begins anew. To be called under [`crate::delivery::Pauses::editing`], which keeps others from the stored
/// states meanwhile.
pub(super) async fn go_live(store: &dyn Store, world: &World, now: Time) -> Result<Live> {
    let mut states: BTreeMap<Text, RuleState> = store.rule_states().await?.into_iter().collect();
    let (mut live, mut fresh, mut changed) = (Live::new(), BTreeSet::new(), Vec::new());
    for rule in &world.rules.rules {
        let state = states.entry(rule.id.clone()).or_default();
        let trigger = rule.trigger.text();
        let since = match state.live_since {
            Some(since) if state.trigger == trigger => since,
            _ => {
                state.live_since = Some(now);
                state.trigger = trigger;
                fresh.insert(rule.id.clone());
                changed.push((rule.id.clone(), state.clone()));
                now
            }
        };
        live.insert(rule.id.clone(), since);
    }
    if changed.is_empty() {
        return Ok(live);
    }
    let planned = store.planned().await?.into_iter();
    let moved: Vec<Planned> = planned
        .filter(|planned| fresh.contains(&planned.rule) && planned.until != now)
        .map(|planned| Planned { until: now, ..planned })
        .collect();
    // Planning first: after a crash between the two the rules are fresh once more.
    if !moved.is_empty() {
        store.plan(Vec::new(), moved).await?;
    }
    store.set_rule_states(changed).await?;
    Ok(live)
}
