//! `simulate`: every delivery of a time, on a simulated clock.

use super::When;
use crate::domain::Time;
use serde::{Deserialize, Serialize};

/// What to simulate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulateRequest {
    /// From when; of a day, its start.
    pub from: When,
    /// Until when; of a day, its end. An instant is part of the time.
    pub to: When,
    /// Only deliveries of this rule are told; the others have their places under the caps all the same.
    #[serde(default)]
    pub rule: Option<String>,
}

/// Every delivery of a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SimulateReport {
    /// The first instant.
    pub from: Time,
    /// The last instant.
    pub to: Time,
    /// Whose days these are: the business's zone.
    pub timezone: String,
    /// In the order of days, rules and channels; where nothing goes out there is no entry.
    pub days: Vec<DeliveriesOfDay>,
    /// All of them.
    pub total: u64,
    /// When the brake would go off, in the order of days and rules. What it would stop is counted all the same.
    pub brakes: Vec<BrakedDay>,
    /// Rules that are paused, of which nothing goes out.
    pub paused: Vec<String>,
    /// Whether a person has paused all sending, so that nothing of it goes out as things are. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sending_paused: bool,
    /// Whether marketing is paused, since a backup was restored. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marketing_paused: bool,
    /// Customers whose lives were led.
    pub customers: u64,
    /// Customers to whom anything would go out.
    #[serde(default)]
    pub reached: u64,
}

/// What goes out of a rule by a channel on one day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveriesOfDay {
    /// The day, such as `2026-03-29`.
    pub day: String,
    /// The rule.
    pub rule: String,
    /// `email` or `webhook`.
    pub channel: String,
    /// How many.
    pub deliveries: u64,
}

/// A day on which a rule would make more than its brake allows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakedDay {
    /// The day.
    pub day: String,
    /// The rule.
    pub rule: String,
    /// How many it would have made by then in the span of its brake.
    pub deliveries: u64,
    /// How many it may make.
    pub limit: u64,
    /// The span, such as `1d`.
    pub per: String,
}
