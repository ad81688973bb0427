//! What is kept with a customer so that rules act when something changes or falls due, and at no other time.

use super::{DeliveryId, Event, Reason, Time, Value};
use std::collections::{BTreeMap, BTreeSet};

/// What rules and segments last made of a customer, and what is still to come of it.
///
/// Whoever looks at a dirty customer makes a new one, which replaces the old in the commit of what was decided.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Watch {
    /// By segment, for each that was computed.
    #[n(0)]
    pub segments: BTreeMap<String, Membership>,
    /// Rules with a schedule whose condition held when it was last looked at; of each there is a member row.
    #[n(1)]
    pub holding: BTreeSet<String>,
    /// Events that may start rules or reach goals and that some rule has not judged yet, oldest first.
    #[n(2)]
    pub pending: Vec<Pending>,
    /// By rule with a date, the date that is counted from.
    #[n(3)]
    pub anchors: BTreeMap<String, Anchor>,
    /// Enrollments that are not over: steps wait, or a goal may still be reached.
    #[n(4)]
    pub active: Vec<Active>,
    /// Enrollments that ended before all that they sent for had gone out.
    #[n(5)]
    pub stopped: Vec<Stopped>,
    /// Whether something was stored since the last look that sets memberships without a crossing, such as an import.
    #[n(6)]
    pub quiet: bool,
}

/// Whether a customer is in a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Membership {
    /// Inside.
    #[n(0)]
    pub inside: bool,
    /// How often the border was crossed, in either direction; the occurrence of what a crossing starts.
    #[n(1)]
    pub crossings: u64,
    /// Fingerprint of the segment's meaning when it was computed; under another it is computed anew, without a crossing.
    #[n(2)]
    pub meaning: u64,
}

/// An event that waits to be judged.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Pending {
    /// The event's message id, or what stands for it: the occurrence of what it starts.
    #[n(0)]
    pub id: String,
    /// The event.
    #[n(1)]
    pub event: Event,
    /// Rules whose delay is not over; `None` when nobody looked yet.
    #[n(2)]
    pub waiting: Option<BTreeSet<String>>,
}

/// A date of a customer's that a rule counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
pub struct Anchor {
    /// The date as the attribute has it.
    #[n(0)]
    #[cbor(with = "super::value::civil_date")]
    pub date: jiff::civil::Date,
    /// Steps that fell due at or before this instant are past: they were judged, or it was not known yet.
    #[n(1)]
    pub since: Time,
}

/// An enrollment that is not over.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Active {
    /// The rule.
    #[n(0)]
    pub rule: String,
    /// What makes it unique.
    #[n(1)]
    pub occurrence: String,
    /// When it began.
    #[n(2)]
    pub entered_at: Time,
    /// Whether it sends nothing.
    #[n(3)]
    pub held_out: bool,
    /// The date that its days are counted from; `None` when that is the day of entry.
    #[n(4)]
    #[cbor(with = "super::value::optional_date")]
    pub anchor: Option<jiff::civil::Date>,
    /// Ids of the steps that fell due, were skipped, or were past at entry.
    #[n(5)]
    pub done: Vec<String>,
    /// What it began with.
    #[n(6)]
    pub entry: Entry,
    /// When the last of the deliveries that it asked for expires.
    #[n(7)]
    pub unsent_until: Option<Time>,
}

/// What an enrollment began with, as far as its rule names it.
#[derive(Debug, Clone, Default, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Entry {
    /// By path, such as `orders.count`: what `at_entry.…` means. A value that was missing is absent.
    #[n(0)]
    pub values: BTreeMap<String, Value>,
    /// The event that started it, if one did.
    #[n(1)]
    pub event: Option<Event>,
}

/// An enrollment that ended early: what it asked for and has not gone out yet never will.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Stopped {
    /// The rule.
    #[n(0)]
    pub rule: String,
    /// Which enrollment.
    #[n(1)]
    pub occurrence: String,
    /// Why: [`Reason::GoalReached`], or [`Reason::Stopped`] by `while` or by an anchor that moved.
    #[n(2)]
    pub reason: Reason,
    /// When the last of its deliveries expires and this can be forgotten.
    #[n(3)]
    pub until: Time,
}

impl Watch {
    /// Why the deliveries of an enrollment are not to go out any more, if it ended early.
    #[must_use]
    pub fn stopped(&self, rule: &str, occurrence: &str) -> Option<Reason> {
        self.stopped.iter().find(|one| one.rule == rule && one.occurrence == occurrence).map(|one| one.reason)
    }
}

/// A goal that was reached.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Conversion {
    /// When.
    #[n(0)]
    pub at: Time,
    /// The event that reached it: its message id, or what stands for it.
    #[n(1)]
    pub event: String,
    /// The value of the property that the goal names, if it names one and the event has it.
    #[n(2)]
    pub value: Option<super::Number>,
}

/// How an enrollment ended.
#[derive(Debug, Clone, PartialEq, Eq, minicbor::Encode, minicbor::Decode)]
#[cbor(map)]
pub struct Ending {
    /// When.
    #[n(0)]
    pub at: Time,
    /// Why early; `None` when all steps were done and the time for the goal was over.
    #[n(1)]
    pub reason: Option<Reason>,
    /// The goal reached.
    #[n(2)]
    pub conversion: Option<Conversion>,
}

/// What becomes of an enrollment after its entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrollmentChange {
    /// The rule.
    pub rule: String,
    /// Which enrollment.
    pub occurrence: String,
    /// Deliveries of steps that fell due, to be noted with it; they are made by the same decision.
    pub deliveries: Vec<DeliveryId>,
    /// How it ended, if it did.
    pub ending: Option<Ending>,
}
