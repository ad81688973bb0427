//! What of the present holds at an instant that is asked about.

use crate::app::shared::Shared;
use crate::domain::{Reason, RuleState, Text, Time};
use crate::rules::Rule;
use std::collections::BTreeMap;
use std::sync::Arc;

/// An instant that is asked about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Then {
    pub(super) at: Time,
    /// Whether it is past: then nothing counts that became known or happened later.
    pub(super) is_past: bool,
}

impl Then {
    /// That instant, or now.
    pub(super) fn of(at: Option<Time>, now: Time) -> Self {
        let at = at.unwrap_or(now);
        Self { at, is_past: at < now }
    }

    /// Whether a person has stopped all sending. Since when is not kept, so that of the past it is not known.
    pub(super) fn stops_all(self, core: &Shared) -> bool {
        !self.is_past && core.pauses.all()
    }

    /// Whether marketing is stopped since a restore; of the past it is not known.
    pub(super) fn stops_marketing(self, core: &Shared) -> bool {
        !self.is_past && core.pauses.marketing()
    }

    /// Why rules are paused, of those that are. A pause that is over by now is not known any more.
    pub(super) fn paused(
        self,
        core: &Shared,
        rules: &[Arc<Rule>],
        states: &BTreeMap<Text, RuleState>,
    ) -> BTreeMap<Text, Reason> {
        let since = |rule: &str| states.get(rule).and_then(|state| state.paused_at);
        let stood = |rule: &str| !self.is_past || since(rule).is_some_and(|since| since <= self.at);
        let paused = rules.iter().filter(|rule| stood(&rule.id));
        paused.filter_map(|rule| Some((rule.id.clone(), core.pauses.rule(&rule.id)?))).collect()
    }
}

/// By rule, when its present trigger went live; one that has not is absent.
pub(super) fn live(rules: &[Arc<Rule>], states: &BTreeMap<Text, RuleState>) -> BTreeMap<Text, Time> {
    let since = |rule: &Arc<Rule>| {
        let state = states.get(&rule.id).filter(|state| state.trigger == rule.trigger.text())?;
        Some((rule.id.clone(), state.live_since?))
    };
    rules.iter().filter_map(since).collect()
}
