//! Customers: lists, and all that is known of one.

use super::{DeliveryDetail, DeliveryView, PlannedDelivery, RuleDecision};
use crate::domain::{
    Activity, Consent, ConsentEffect, ConsentEntry, Customer, DeliveryId, Enrollment, Event, ProfileRow, Proof, Reason,
    RuleMemory, Suppression, Time, Value,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which customers to list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustomerQuery {
    /// Where the last page ended, as its `next` said.
    pub after: Option<String>,
    /// At most so many; the implementation has a bound of its own.
    pub limit: Option<usize>,
}

/// One customer in a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerLine {
    /// The outside's id.
    pub id: String,
    /// The address.
    pub email: Option<String>,
    /// When first stored here.
    pub arrived_at: Time,
    /// The latest time at which a profile row took effect.
    pub updated_at: Option<Time>,
    /// Purchases.
    pub orders: OrdersView,
}

impl From<&Customer> for CustomerLine {
    fn from(customer: &Customer) -> Self {
        Self {
            id: customer.id.to_string(),
            email: customer.email().map(ToOwned::to_owned),
            arrived_at: customer.arrived_at,
            updated_at: (customer.updated_at != Time::MIN).then_some(customer.updated_at),
            orders: (&customer.activity).into(),
        }
    }
}

/// All that is known of one customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerDetail {
    /// What a list shows.
    #[serde(flatten)]
    pub customer: CustomerLine,
    /// Attributes by name.
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// Consent by class or topic.
    pub consent: BTreeMap<String, ConsentView>,
    /// All that was ever told of consent, by class or topic, each in the order in which it counts.
    #[serde(default)]
    pub consent_log: Vec<ConsentEntryView>,
    /// The suppression of the address, if it is suppressed.
    pub suppression: Option<Suppression>,
    /// What the rules remember.
    pub rules: Vec<MemoryView>,
    /// Segments that the customer was in when the rules last looked.
    #[serde(default)]
    pub segments: Vec<String>,
    /// Enrollments that go on.
    #[serde(default)]
    pub active: Vec<ActiveView>,
    /// Enrollments, newest first.
    pub enrollments: Vec<EnrollmentView>,
    /// The latest events, newest first.
    pub events: Vec<EventView>,
    /// Deliveries.
    pub deliveries: Vec<DeliveryView>,
    /// What each rule would do with them if its trigger fired now, and what keeps it from it.
    pub standing: Vec<StandingView>,
}

impl CustomerDetail {
    /// What the record itself holds; the rest is empty and for the caller to fill.
    #[must_use]
    pub fn of(customer: &Customer) -> Self {
        Self {
            customer: customer.into(),
            attributes: customer.attributes.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect(),
            consent: customer.consent.iter().map(|(name, consent)| (name.to_string(), consent.into())).collect(),
            consent_log: Vec::new(),
            suppression: None,
            rules: customer.memory.iter().map(|(rule, memory)| MemoryView::new(rule, memory)).collect(),
            segments: Vec::new(),
            active: Vec::new(),
            enrollments: Vec::new(),
            events: Vec::new(),
            deliveries: Vec::new(),
            standing: Vec::new(),
        }
    }
}

/// How a customer stands with one rule, were its trigger to fire now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandingView {
    /// The rule.
    pub rule: String,
    /// What it would decide.
    pub decision: RuleDecision,
    /// Everything that keeps the customer from it or a mail from going out at once; why nobody can tell whether the
    /// condition holds.
    pub reasons: Vec<Reason>,
}

/// Purchases in numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrdersView {
    /// How many.
    pub count: u64,
    /// Sum of their values.
    pub revenue: serde_json::Value,
    /// The earliest.
    pub first_at: Option<Time>,
    /// The latest.
    pub last_at: Option<Time>,
}

impl From<&Activity> for OrdersView {
    fn from(activity: &Activity) -> Self {
        let orders = &activity.orders;
        Self {
            count: orders.count,
            revenue: Value::Number(orders.revenue).to_json(),
            first_at: orders.first_at,
            last_at: orders.last_at,
        }
    }
}

/// Consent to one class or topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentView {
    /// Given or withdrawn.
    pub granted: bool,
    /// Since when.
    pub at: Time,
    /// Where it came from.
    pub source: String,
}

impl From<&Consent> for ConsentView {
    fn from(consent: &Consent) -> Self {
        Self { granted: consent.granted, at: consent.at, source: consent.source.to_string() }
    }
}

/// One word on consent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentEntryView {
    /// The class or topic.
    pub name: String,
    /// Given or withdrawn.
    pub granted: bool,
    /// When it took effect.
    pub at: Time,
    /// When it arrived here.
    pub received_at: Time,
    /// Where it came from: `identify`, `import`, `merge`, `journal` …
    pub source: String,
    /// The file that was imported.
    pub file: Option<String>,
    /// The version of the wording that was agreed to.
    pub wording: Option<String>,
    /// The network address of who called.
    pub caller: Option<String>,
    /// `changed`, `repeated`, or `overruled` for a grant that does not undo a withdrawal.
    pub effect: String,
}

impl From<ConsentEntry> for ConsentEntryView {
    fn from(entry: ConsentEntry) -> Self {
        let effect = match entry.effect {
            ConsentEffect::Changed => "changed",
            ConsentEffect::Repeated => "repeated",
            ConsentEffect::Overruled => "overruled",
        };
        let Proof { wording, caller, file, .. } = entry.proof;
        Self {
            name: entry.name.into(),
            granted: entry.granted,
            at: entry.at,
            received_at: entry.received_at,
            source: entry.source.into(),
            file: file.map(Into::into),
            wording: wording.map(Into::into),
            caller: caller.map(Into::into),
            effect: effect.to_owned(),
        }
    }
}

/// All that is held about one person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CustomerExport {
    /// When this was put together.
    pub exported_at: Time,
    /// The outside's id.
    pub id: String,
    /// All ids under which they are known, that one among them.
    pub ids: Vec<String>,
    /// When first stored here.
    pub arrived_at: Time,
    /// Attributes by name.
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// Consent by class or topic.
    pub consent: BTreeMap<String, ConsentView>,
    /// All that was ever told of it.
    pub consent_log: Vec<ConsentEntryView>,
    /// All that was ever told of the profile, in the order in which it took effect.
    pub profile_rows: Vec<ProfileRowView>,
    /// Purchases in numbers.
    pub orders: OrdersView,
    /// The suppression of the address, if it is suppressed.
    pub suppression: Option<Suppression>,
    /// Segments that they were in when the rules last looked.
    pub segments: Vec<String>,
    /// What the rules remember.
    pub rules: Vec<MemoryView>,
    /// Enrollments that go on.
    pub active: Vec<ActiveView>,
    /// All enrollments, newest first.
    pub enrollments: Vec<EnrollmentView>,
    /// Their deliveries as far as they are kept, with the bodies of webhooks. A mail is written from a template when it is sent, and not
    /// kept.
    pub deliveries: Vec<DeliveryDetail>,
    /// All events that are kept, newest first.
    pub events: Vec<EventView>,
}

/// One row of a profile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProfileRowView {
    /// From when it holds; `None` is always.
    pub effective_at: Option<Time>,
    /// When it arrived here.
    pub received_at: Time,
    /// Where it came from.
    pub source: String,
    /// Attributes that it sets, and with `null` clears.
    pub attributes: BTreeMap<String, serde_json::Value>,
    /// Consent that it gives or withdraws.
    pub consent: BTreeMap<String, bool>,
}

impl From<&ProfileRow> for ProfileRowView {
    fn from(row: &ProfileRow) -> Self {
        let value = |value: &Option<Value>| value.as_ref().map_or(serde_json::Value::Null, Value::to_json);
        Self {
            effective_at: (row.effective_at != Time::MIN).then_some(row.effective_at),
            received_at: row.received_at,
            source: row.source.to_string(),
            attributes: row.attributes.iter().map(|(name, set)| (name.to_string(), value(set))).collect(),
            consent: row.consent.iter().map(|(name, granted)| (name.to_string(), *granted)).collect(),
        }
    }
}

/// What an erasure came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasedView {
    /// The id that was asked for.
    pub customer: String,
    /// When.
    pub erased_at: Time,
    /// Ids that are forgotten.
    pub ids: u64,
    /// Events that are gone.
    pub events: u64,
    /// Enrollments.
    pub enrollments: u64,
    /// Deliveries.
    pub deliveries: u64,
    /// Of these, attempts that were under way and could not be called back.
    pub under_way: u64,
    /// Classes and topics of which a withdrawal is kept as a hash, for when that id comes back.
    pub objections: u64,
    /// Nightly backups that hold traces, and until when.
    pub backups: Option<TracesView>,
}

/// Backups with traces of somebody who was erased.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TracesView {
    /// Their folder.
    pub folder: String,
    /// How many.
    pub files: u64,
    /// When the last of them is removed, if one is made every night.
    pub gone_at: Option<Time>,
}

/// What a customer remembers of one rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MemoryView {
    /// The rule.
    pub rule: String,
    /// The occurrence of the last enrollment.
    pub occurrence: String,
    /// When that was.
    pub enrolled_at: Time,
    /// How many enrollments there were.
    pub enrollments: u32,
    /// Whether the last one was held out.
    pub held_out: bool,
}

impl MemoryView {
    fn new(rule: &str, memory: &RuleMemory) -> Self {
        Self {
            rule: rule.to_owned(),
            occurrence: memory.occurrence.to_string(),
            enrolled_at: memory.enrolled_at,
            enrollments: memory.enrollments,
            held_out: memory.held_out,
        }
    }
}

/// One passage through a rule.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EnrollmentView {
    /// The rule.
    pub rule: String,
    /// What makes it unique.
    pub occurrence: String,
    /// When it began.
    pub entered_at: Time,
    /// Whether it was held out.
    pub held_out: bool,
    /// Its deliveries.
    #[serde(with = "super::ids")]
    pub deliveries: Vec<DeliveryId>,
}

impl From<&Enrollment> for EnrollmentView {
    fn from(enrollment: &Enrollment) -> Self {
        Self {
            rule: enrollment.rule.to_string(),
            occurrence: enrollment.occurrence.to_string(),
            entered_at: enrollment.entered_at,
            held_out: enrollment.held_out,
            deliveries: enrollment.deliveries.clone(),
        }
    }
}

/// An enrollment that goes on: steps wait, or its goal may still be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActiveView {
    /// The rule.
    pub rule: String,
    /// What makes it unique.
    pub occurrence: String,
    /// When it began.
    pub since: Time,
    /// Whether it is held out, and sends nothing.
    pub held_out: bool,
    /// Its steps that wait, in order.
    pub waiting: Vec<PlannedDelivery>,
    /// What it is to bring about, if that can still count.
    pub goal: Option<GoalView>,
}

/// A goal that may still be reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GoalView {
    /// The event.
    pub event: String,
    /// Until when it counts.
    pub until: Time,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventView {
    /// Its name.
    pub event: String,
    /// When it happened.
    pub at: Time,
    /// When it arrived here.
    pub received_at: Time,
    /// The sender's id of the message.
    pub message_id: Option<String>,
    /// Its properties.
    pub properties: BTreeMap<String, serde_json::Value>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            event: event.name.to_string(),
            at: event.at,
            received_at: event.received_at,
            message_id: event.message_id.as_deref().map(str::to_owned),
            properties: event.properties.iter().map(|(name, value)| (name.to_string(), value.to_json())).collect(),
        }
    }
}
