//! The rules and how they stand.

use crate::domain::{Class, Reason, TickCounts, Time};
use crate::http::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Whether a rule does anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleStanding {
    /// It does.
    Live,
    /// A person paused it.
    Paused,
    /// The brake paused it.
    Braked,
}

/// One rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its name.
    pub rule: String,
    /// How it stands.
    pub state: RuleStanding,
    /// Since when it is paused.
    pub paused_at: Option<Time>,
    /// What the file says of it.
    pub description: String,
    /// The file.
    pub file: String,
    /// Its class.
    pub class: Class,
    /// Its topic.
    pub topic: Option<String>,
    /// Its trigger as text.
    pub trigger: String,
    /// Its priority.
    pub priority: i64,
    /// Since when its present trigger is live.
    pub live_since: Option<Time>,
    /// When it fires next.
    pub next_due: Option<Time>,
    /// What its last tick decided.
    pub last_tick: Option<TickView>,
    /// The first error that the last reload found in its file, and for which the rule stayed as it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
}

/// A rule that was let go on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleResumed {
    /// How it stands now.
    #[serde(flatten)]
    pub rule: RuleView,
    /// Deliveries that its pause or the brake had held and that are queued now.
    #[serde(default)]
    pub released: u64,
}

/// What a tick of one rule came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TickView {
    /// When it fired.
    pub at: Time,
    /// Customers looked at.
    pub evaluated: u64,
    /// Those whose condition held.
    pub matched: u64,
    /// Those whose condition could not be told.
    pub unknown: u64,
    /// Enrollments, those held out not counted.
    pub enroll: u64,
    /// Enrollments held out.
    pub holdout: u64,
    /// Matches that made no enrollment, by reason.
    pub hold: BTreeMap<Reason, u64>,
    /// Deliveries queued.
    pub deliveries: u64,
}

impl TickView {
    /// The counts of the tick at `at`.
    #[must_use]
    pub fn new(at: Time, counts: &TickCounts) -> Self {
        Self {
            at,
            evaluated: counts.evaluated,
            matched: counts.matched,
            unknown: counts.unknown,
            enroll: counts.enrolled,
            holdout: counts.held_out,
            hold: counts.held.clone(),
            deliveries: counts.deliveries,
        }
    }
}
