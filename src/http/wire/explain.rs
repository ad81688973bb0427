//! `explain`: why a customer gets something, or why not, and when next.

use super::{ActiveView, RuleDecision, When};
use crate::domain::{Reason, State, Time};
use serde::{Deserialize, Serialize};

/// What to explain.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExplainRequest {
    /// The customer's id of the outside.
    pub customer: String,
    /// Only this rule.
    #[serde(default)]
    pub rule: Option<String>,
    /// The instant, of a day its start; now when not given.
    #[serde(default)]
    pub at: Option<When>,
}

/// Why one customer gets something, or why not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainReport {
    /// The customer's id.
    pub customer: String,
    /// The customer's name with the last one cut short, if one is known.
    pub name: Option<String>,
    /// The instant.
    pub at: Time,
    /// Whether a person has paused all sending: who is decided about is enrolled, and nothing goes out. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sending_paused: bool,
    /// Whether marketing is paused, since a backup was restored. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marketing_paused: bool,
    /// The IANA name of the zone on whose clock days and times are told: the customer's, or the business's.
    pub zone: String,
    /// By rule, in the order of (priority descending, name).
    pub rules: Vec<RuleExplanation>,
    /// What happened before the instant, newest first; not all of it.
    pub history: Vec<HistoryView>,
}

/// How one rule stands with the customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleExplanation {
    /// The rule.
    pub rule: String,
    /// What it would decide if its trigger fired at the instant.
    pub decision: RuleDecision,
    /// Everything that keeps the customer from it or a mail from going out at once, or why nobody can tell.
    pub reasons: Vec<Reason>,
    /// The condition, part by part.
    pub condition: ConditionView,
    /// The first instant from `at` on at which the rule enrolls the customer if nothing arrives before.
    pub next_due: Option<Time>,
    /// Yes or no, in a sentence.
    pub verdict: String,
    /// When it is due, in a sentence.
    pub due: String,
    /// What the trigger means for this customer, where that is more than a time: which event, which day, in or out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trigger: Option<String>,
    /// `while`, if the rule has it.
    #[serde(default, rename = "while", skip_serializing_if = "Option::is_none")]
    pub stays: Option<ConditionView>,
    /// What is asked beside the condition.
    pub gates: Vec<GateView>,
    /// Enrollments that go on.
    pub under_way: Vec<ActiveView>,
    /// The rule's file.
    pub file: String,
    /// The line of it that says `when`.
    pub line: usize,
}

/// A condition or a part of one, with its value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConditionView {
    /// As it is written, or `all of`, `any of`, `none of`.
    pub text: String,
    /// `null` where a value is missing.
    pub value: Option<bool>,
    /// The values that it came from.
    pub detail: String,
    /// Its parts.
    pub children: Vec<Self>,
}

/// One thing that is asked beside the condition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GateView {
    /// Its name: `consent`, `address`, `suppression`, `holdout`, `again_after`, `frequency_cap`, `quiet_hours`, `only_to`,
    /// `paused`, `brake`.
    pub gate: String,
    /// Whether it lets a message through.
    pub open: bool,
    /// The reason it gives if it does not.
    pub reason: Option<Reason>,
    /// What it goes by, in a few words.
    pub detail: String,
    /// Since when it stands so, where that is known.
    pub since: Option<Time>,
    /// When it opens if nothing arrives, where that is known.
    pub until: Option<Time>,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HistoryView {
    /// When.
    pub at: Time,
    /// The rule and how its delivery stands, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delivery: Option<PastDelivery>,
    /// The name of the event, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// The enrollment that began or ended, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrollment: Option<PastEnrollment>,
    /// In a few words.
    pub text: String,
}

/// The beginning or the early end of an enrollment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastEnrollment {
    /// The rule.
    pub rule: String,
    /// What makes it unique.
    pub occurrence: String,
    /// Why it ended; `None` for its beginning.
    pub ended: Option<Reason>,
}

/// A delivery of the past.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PastDelivery {
    /// The rule.
    pub rule: String,
    /// Its step.
    pub step: String,
    /// `email` or `webhook`.
    pub channel: String,
    /// Where it stands.
    pub state: State,
    /// Why it is not sent, if it is not.
    pub reason: Option<Reason>,
}
