//! `emit`: one event, given by a person or a script.

use crate::domain::{Reason, Time};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One event of one customer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmitRequest {
    /// Its name.
    pub event: String,
    /// The customer's id.
    pub customer: String,
    /// When it happened; now when not given.
    #[serde(default)]
    pub at: Option<Time>,
    /// By what it is deduplicated.
    #[serde(default)]
    pub message_id: Option<String>,
    /// Its properties by name.
    #[serde(default)]
    pub properties: BTreeMap<String, Given>,
    /// Whether an event that the schema does not know is taken.
    #[serde(default)]
    pub force: bool,
}

/// A property as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// To be read as the type that the schema declares; without one as a number or as true or false if it is that, else
    /// as text.
    Text(String),
    /// As it is.
    Json(serde_json::Value),
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emitted {
    /// Its name.
    pub event: String,
    /// The customer's id.
    pub customer: String,
    /// When it happened.
    pub at: Time,
    /// By what it is deduplicated.
    pub message_id: Option<String>,
    /// Its properties as they are stored.
    pub properties: BTreeMap<String, serde_json::Value>,
    /// Whether it was stored now; otherwise it was there already, and nothing changed.
    pub stored: bool,
    /// The same in a word.
    pub result: EmitResult,
    /// Whether the customer was made for it.
    pub new_customer: bool,
    /// Whether a daemon runs that acts on it.
    pub running: bool,
    /// What is likely not as it was meant.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// What became of an event, in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmitResult {
    /// It is on disk.
    Stored,
    /// It was on disk already; nothing changed.
    Duplicate,
}

/// What an event would start. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventPlan {
    /// Its name.
    pub event: String,
    /// The customer's id.
    pub customer: String,
    /// When it happens.
    pub at: Time,
    /// Never.
    pub stored: bool,
    /// Whether the customer is not known yet.
    pub new_customer: bool,
    /// The rules that it would trigger, by itself or by a segment's border that the customer crosses with it.
    pub rules: Vec<EventRule>,
    /// What is likely not as it was meant.
    #[serde(default)]
    pub remarks: Vec<String>,
}

/// What a rule would make of an event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRule {
    /// The rule.
    pub rule: String,
    /// What it comes to.
    pub decision: RuleDecision,
    /// Why nothing is sent, or not all of it.
    pub reasons: Vec<Reason>,
    /// When that is decided: at the event, or at the end of the trigger's delay.
    pub decided_at: Time,
    /// What is sent when it is decided.
    pub deliveries: Vec<PlannedDelivery>,
    /// Steps that wait, each with when it falls due; whether it then sends anything is judged then.
    pub waiting: Vec<PlannedDelivery>,
    /// When the first of the waiting steps falls due.
    pub next_due: Option<Time>,
    /// More about it, in plain words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// What a rule comes to for a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleDecision {
    /// The customer is enrolled.
    Fire,
    /// The condition holds, and something keeps the customer out.
    Hold,
    /// The condition does not hold, or nobody knows.
    NoMatch,
}

impl RuleDecision {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Fire => "fire",
            Self::Hold => "hold",
            Self::NoMatch => "no_match",
        }
    }
}

/// What a step sends, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedDelivery {
    /// The rule's step.
    pub step: String,
    /// `email` or `webhook`.
    pub channel: String,
    /// When it falls due, as things are.
    pub due_at: Time,
}
