//! Who is in which segment, for whom the conditions of schedules hold, and what crossings start.

use super::Round;
use crate::domain::{Entry, Membership};
use crate::rules::{Direction, Rule, Segment, Trigger};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

/// What conditions of nobody's enrollment are asked with.
static NO_ENTRY: Entry = Entry { values: BTreeMap::new(), event: None };

impl Round<'_> {
    /// Computes all segments; those that are no more are forgotten.
    pub(super) fn cross(&mut self) {
        self.watch.segments.clear();
        for segment in &self.looking.rules.segments {
            let held = segment.when.evaluate_until(&self.facts(&NO_ENTRY));
            self.wake.at(held.until);
            let membership = self.membership(segment, held.value.is_true());
            self.watch.segments.insert(segment.name.clone(), membership);
        }
    }

    fn membership(&mut self, segment: &Segment, inside: bool) -> Membership {
        let meaning = segment.meaning;
        let Some(old) = self.customer.watch.segments.get(&segment.name) else {
            return Membership { inside, crossings: self.last_crossing(&segment.name), meaning };
        };
        if old.meaning != meaning || self.customer.watch.quiet || old.inside == inside {
            return Membership { inside, crossings: old.crossings, meaning };
        }
        let crossings = old.crossings.saturating_add(1);
        let direction = if inside { Direction::Enters } else { Direction::Leaves };
        for (place, rule) in self.rules() {
            let occurrence = crossings.to_string();
            let starts = crosses(rule, &segment.name) == Some(direction) && self.live(rule).is_some();
            if starts && !self.exists(rule, &occurrence) {
                let start = self.start(rule, Cow::Owned(occurrence));
                self.starts.push((place, start));
            }
        }
        Membership { inside, crossings, meaning }
    }

    /// The last crossing that any rule remembers of a segment which was gone meanwhile: what it starts from now on is
    /// not to be taken for what it started then.
    fn last_crossing(&self, segment: &str) -> u64 {
        let of_segment = self.rules().filter(|(_, rule)| crosses(rule, segment).is_some());
        let remembered = of_segment.filter_map(|(_, rule)| self.customer.memory.get(&rule.id));
        remembered.filter_map(|memory| memory.occurrence.parse().ok()).max().unwrap_or(0)
    }

    /// Notes for which rules with a schedule the condition holds.
    pub(super) fn note_members(&mut self) {
        let before = std::mem::take(&mut self.watch.holding);
        let mut holding = BTreeSet::new();
        for (_, rule) in self.rules().filter(|(_, rule)| matches!(rule.trigger, Trigger::Schedule { .. })) {
            let held = rule.when.evaluate_until(&self.facts(&NO_ENTRY));
            self.wake.at(held.until);
            if held.value.is_true() {
                holding.insert(rule.id.clone());
            }
        }
        let began = holding.difference(&before).map(|rule| (rule.clone(), true));
        let ceased = before.difference(&holding).map(|rule| (rule.clone(), false));
        self.members = began.chain(ceased).collect();
        self.watch.holding = holding;
    }
}

fn crosses(rule: &Rule, name: &str) -> Option<Direction> {
    match &rule.trigger {
        Trigger::Crossing { segment, direction } if segment == name => Some(*direction),
        _ => None,
    }
}
