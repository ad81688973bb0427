//! `plan`: whom each rule would reach.

use crate::domain::{Reason, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What to plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// The instant at which the triggers fire; now when not given.
    #[serde(default)]
    pub at: Option<Time>,
    /// Only this rule.
    #[serde(default)]
    pub rule: Option<String>,
    /// Whether customers are to be named, not only counted.
    #[serde(default)]
    pub customers: bool,
}

/// Whom the rules would reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The instant.
    pub at: Time,
    /// By rule, in the order of (priority descending, name).
    pub rules: Vec<RulePlan>,
}

/// Whom one rule would reach.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RulePlan {
    /// The rule.
    pub rule: String,
    /// Customers looked at.
    pub evaluated: u64,
    /// Those whose condition holds.
    pub matched: u64,
    /// Those whose condition cannot be told.
    pub unknown: u64,
    /// Those who would be enrolled, those held out not counted.
    pub enroll: u64,
    /// Those who would be enrolled and held out.
    pub holdout: u64,
    /// Matches that would be held, by reason.
    pub hold: BTreeMap<Reason, u64>,
    /// Deliveries that would be queued.
    pub deliveries: ChannelCounts,
    /// Ids of the matched, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<Vec<String>>,
    /// Ids of the held, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<BTreeMap<Reason, Vec<String>>>,
}

/// Deliveries by channel.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelCounts {
    /// E-mails.
    pub email: u64,
    /// Webhook calls.
    pub webhook: u64,
}
