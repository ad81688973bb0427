//! Rules that are decided together: one that comes before another may take its place under a cap.

use super::{Judge, Seen};
use crate::app::zones::Zones;
use crate::delivery::World;
use crate::domain::CapSlot;
use crate::rules::{Action, Rule};
use std::sync::Arc;

/// The rules to decide if one of them, or all, are asked about: also those that may take places from the one.
pub(in crate::app::operations) fn to_decide(world: &World, only: Option<&str>) -> Vec<Arc<Rule>> {
    let rules = &world.rules.rules;
    let Some(name) = only else { return rules.clone() };
    let Some(place) = rules.iter().position(|rule| rule.id == name) else { return Vec::new() };
    let (before, own) = (&rules[..place], &rules[place]);
    before.iter().filter(|rule| may_take_from(world, rule, own)).chain([own]).cloned().collect()
}

/// Whether a rule that comes before another may take a place under a cap that the other would have.
pub(in crate::app::operations) fn may_take_from(world: &World, before: &Rule, rule: &Rule) -> bool {
    let caps = world.policy.caps.get(&rule.class);
    before.class == rule.class && mails(before) && mails(rule) && caps.is_some_and(|caps| !caps.is_empty())
}

/// Whether the answer is to tell of a rule.
pub(super) fn is_asked(rule: &str, only: Option<&str>) -> bool {
    only.is_none_or(|name| name == rule)
}

fn mails(rule: &Rule) -> bool {
    rule.steps.iter().any(|step| matches!(step.action, Action::Email { .. }))
}

impl Judge {
    /// The customer's places under the caps as each rule finds them, in the order of the rules.
    pub(in crate::app::operations) fn places(&self, seen: &Seen) -> Vec<Vec<CapSlot>> {
        let mut places = Vec::with_capacity(self.rules.len());
        let mut zones = Zones::new(&self.world, self.at);
        let local = zones.of(&seen.stored.customer);
        self.one(seen, (&self.firings(), local), &mut self.empty(), |customer| places.push(customer.slots.clone()));
        places
    }
}
