//! `plan`: whom each rule would reach.

use super::When;
use crate::domain::{Reason, Span, Time};
use crate::http::Problem;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What to plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanRequest {
    /// The instant at which the triggers fire, of a day its start; now when not given.
    #[serde(default)]
    pub at: Option<When>,
    /// Only this rule.
    #[serde(default)]
    pub rule: Option<String>,
    /// Whether customers are to be named, not only counted.
    #[serde(default)]
    pub customers: bool,
    /// Rule files to be planned with in place of the live ones.
    #[serde(default)]
    pub files: Option<PlanFiles>,
}

/// A folder of rules that is not in use yet.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFiles {
    /// The files of rules and segments.
    pub rules: Vec<PlanFile>,
    /// Templates that go with them, as `NAME/LOCALE.md`; the live ones when not given.
    #[serde(default)]
    pub templates: Option<Vec<PlanFile>>,
    /// The `schema.yaml` that goes with them; the live one when not given.
    #[serde(default)]
    pub schema: Option<PlanFile>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlanFile {
    /// As the user would name it; rules go by the name of the file.
    pub path: String,
    /// What stands in it.
    #[serde(default)]
    pub text: Option<String>,
    /// Why it could not be read, if it could not.
    #[serde(default)]
    pub error: Option<String>,
}

/// Whom the rules would reach.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanReport {
    /// The instant.
    pub at: Time,
    /// Whether a person has paused all sending: who is decided about is enrolled, and nothing goes out. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub sending_paused: bool,
    /// Whether marketing is paused, since a backup was restored. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub marketing_paused: bool,
    /// By rule, in the order of (priority descending, name).
    pub rules: Vec<RulePlan>,
    /// What else files that are not in use yet change; `None` without such.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared: Option<Compared>,
}

/// How files that are not in use yet differ from the live ones, rule by rule apart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Segments that are new, gone or mean something else.
    pub segments: BTreeMap<String, ChangeKind>,
    /// Whether totals were made anew for it from the log, since the live rules do not keep what the new ones name.
    pub rebuilt: bool,
    /// Warnings about the files.
    pub diagnostics: Vec<Problem>,
}

/// How a rule or a segment differs from the live one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeKind {
    /// It is not live.
    New,
    /// It is live, and no more among the files.
    Gone,
    /// It says something else.
    Changed,
    /// It says the same, be it written in another way.
    Unchanged,
}

impl ChangeKind {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Gone => "gone",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
        }
    }
}

/// How one rule differs from the live one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleChange {
    /// In a word.
    pub kind: ChangeKind,
    /// What it no longer says, behind `- `, and what it says instead, behind `+ `.
    pub lines: Vec<String>,
    /// What the live rule comes to; `None` for a new one.
    pub live: Option<LiveCounts>,
}

/// What a live rule comes to, to be compared with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveCounts {
    /// Those whose condition holds.
    pub matched: u64,
    /// Those whose condition cannot be told.
    pub unknown: u64,
    /// Those who would be enrolled.
    pub enroll: u64,
    /// Those who would be held out.
    pub holdout: u64,
    /// Matches that would be held, by reason.
    pub hold: BTreeMap<Reason, u64>,
    /// Deliveries that would be queued.
    pub deliveries: ChannelCounts,
}

/// What is to be known of how figures were come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Caveat {
    /// The rule, or its trigger, is not live yet: it is counted as if it had been all along, and starts nothing that is past
    /// when it goes live.
    NotLive,
    /// Of the past, a crossing is told by comparing with the day before: one that was taken back within the day is not seen,
    /// and one that an import made is.
    DayBefore,
}

/// Enrollments of a rule that go on, and what becomes of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnderWay {
    /// How many there are.
    pub count: u64,
    /// Those that go on.
    pub go_on: u64,
    /// Those that end early, by reason; the others have nothing to wait for any more.
    pub end: BTreeMap<Reason, u64>,
    /// Steps that wait and go on waiting.
    pub steps_waiting: u64,
    /// Steps that wait and never come, for their enrollment ends or they are gone.
    pub steps_cancelled: u64,
    /// Deliveries that wait to be sent and would be cancelled, for their rule or step is gone.
    pub deliveries_cancelled: u64,
}

/// The brake of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrakeView {
    /// How many deliveries it lets through.
    pub limit: u64,
    /// Over what span.
    #[serde(with = "in_words")]
    pub per: Span,
    /// How many there were in that span.
    pub before: u64,
    /// How many would come to that, whatever stops them at sending.
    #[serde(default)]
    pub queued: u64,
    /// Whether these would be too many.
    pub goes_off: bool,
    /// Whether it has stopped the rule already. Absent for no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stopped: bool,
}

/// A span as in rule files.
mod in_words {
    use crate::domain::Span;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes the field by reference")]
    pub(super) fn serialize<S: Serializer>(span: &Span, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(span)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Span, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(Error::custom)
    }
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
    /// Of those whose condition cannot be told, how many lack what, by path.
    #[serde(default)]
    pub missing: BTreeMap<String, u64>,
    /// Enrollments that go on; `None` for an instant in the past.
    #[serde(default)]
    pub under_way: Option<UnderWay>,
    /// How many deliveries a day of the rule usually has; `None` where that is not known.
    #[serde(default)]
    pub usual: Option<u64>,
    /// The brake, if there is one.
    #[serde(default)]
    pub brake: Option<BrakeView>,
    /// What is to be known of how these figures were come by, if there is something. Absent for nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caveat: Option<Caveat>,
    /// How it differs from the live rule, where other files are planned with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<RuleChange>,
    /// Ids of the matched, if asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customers: Option<Vec<String>>,
    /// Ids of the held, and of those held out, if asked for.
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
