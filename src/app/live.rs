//! Since when rules are live.

use crate::delivery::World;
use crate::domain::{Planned, RuleState, Text, Time};
use crate::rules::{Rule, RuleSet, Step};
use crate::store::{Result, Store};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// By rule, when its present trigger first went live.
pub(super) type Live = BTreeMap<Text, Time>;

/// Makes rules whose trigger is new or changed go live now, durably, and answers since when each is; steps that are new go
/// live now as well. What was planned for such a rule begins anew. To be called under [`crate::delivery::Pauses::editing`], which keeps others from the stored
/// states meanwhile.
pub(super) async fn go_live(store: &dyn Store, world: &World, now: Time) -> Result<WentLive> {
    let mut states: BTreeMap<Text, RuleState> = store.rule_states().await?.into_iter().collect();
    let (mut live, mut fresh, mut changed) = (Live::new(), BTreeSet::new(), Vec::new());
    for rule in &world.rules.rules {
        let state = states.entry(rule.id.clone()).or_default();
        let before = state.clone();
        let trigger = rule.trigger.text();
        let since = match state.live_since {
            Some(since) if state.trigger == trigger => since,
            _ => {
                state.live_since = Some(now);
                state.trigger = trigger;
                fresh.insert(rule.id.clone());
                now
            }
        };
        live.insert(rule.id.clone(), since);
        // Of a rule that was live before steps were noted, all are as old as the rule.
        let first = if state.steps.is_empty() { since } else { now };
        let known = std::mem::take(&mut state.steps);
        let step_since = |step: &Step| (step.id.clone(), known.get(&step.id).copied().unwrap_or(first));
        state.steps = rule.steps.iter().map(step_since).collect();
        if *state != before {
            changed.push((rule.id.clone(), state.clone()));
        }
    }
    let of_rule = |rule: &Arc<Rule>| Some((rule.id.clone(), states.get(&rule.id)?.steps.clone()));
    let steps = world.rules.rules.iter().filter_map(of_rule).collect();
    let went = WentLive { since: live, steps };
    if changed.is_empty() {
        return Ok(went);
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
    Ok(went)
}

/// Rules that are live.
#[derive(Debug)]
pub(super) struct WentLive {
    /// Since when each is.
    pub(super) since: Live,
    /// Since when each has its steps.
    steps: BTreeMap<Text, BTreeMap<Text, Time>>,
}

impl WentLive {
    /// Tells the rules since when they have their steps.
    pub(super) fn tell(&self, rules: &mut RuleSet) {
        let since = |rule: &str, step: &str| self.steps.get(rule).and_then(|steps| steps.get(step)).copied();
        rules.keep_since(|rule, step| since(rule, step).unwrap_or(Time::MIN));
    }
}
