//! One customer, all rules that fire at one instant.

use super::enroll::{Case, Start, enter};
use crate::domain::{
    Active, CapSlot, Customer, CustomerNumber, Delivery, DeliveryKey, Enrollment, Policy, Reason, RuleMemory, Text,
    Time,
};
use crate::rules::Rule;
use jiff::tz::TimeZone;
use std::borrow::Cow;

/// A rule that fires at the moment.
#[derive(Debug, Clone, Copy)]
pub struct Firing<'a> {
    /// The rule.
    pub rule: &'a Rule,
    /// What makes an enrollment of it unique.
    pub occurrence: &'a str,
    /// Why the rule is paused, if it is.
    pub paused: Option<Reason>,
}

/// What all decisions of one instant share.
#[derive(Debug, Clone, Copy)]
pub struct Moment<'a> {
    /// The instant that is decided for: `now` of the conditions, the due instant of what is sent.
    pub at: Time,
    /// The tick that asks, if one does; its deliveries are not due before it is complete.
    pub tick: Option<Time>,
    /// Caps and quiet hours.
    pub policy: &'a Policy,
    /// What delivery ids are made with.
    pub key: &'a DeliveryKey,
}

/// What one rule came to for one customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The condition does not hold.
    NoMatch,
    /// Nobody knows whether it holds.
    Unknown,
    /// It holds, and an entry gate kept the customer out.
    Held(Reason),
    /// Enrolled, and nothing is sent, to measure what sending does.
    HeldOut,
    /// Enrolled.
    Enrolled {
        /// E-mails that are queued.
        emails: u32,
        /// Webhook calls that are queued.
        webhooks: u32,
        /// E-mails for which the frequency cap leaves no place.
        capped: u32,
    },
}

/// What was decided for one customer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Decided {
    /// One verdict for each firing, in their order.
    pub verdicts: Vec<Verdict>,
    /// What the customer is to remember, by rule.
    pub memories: Vec<(Text, RuleMemory)>,
    /// Places to reserve.
    pub slots: Vec<CapSlot>,
    /// Enrollments to make.
    pub enrollments: Vec<Enrollment>,
    /// Deliveries to make. A webhook's body is still empty: rendering is not the engine's business.
    pub deliveries: Vec<Delivery>,
    /// Steps that fell due and whose own `when` did not hold, each with its rule.
    pub skipped: Vec<(Text, Text)>,
    /// Of the enrollments those that are not over with it: steps wait, or a goal may be reached. They go into the
    /// customer's watch.
    pub entered: Vec<Active>,
}

impl Decided {
    /// Whether there is nothing to commit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.enrollments.is_empty()
    }
}

/// Decides all `firings` for one customer together. They must be ordered by (priority descending, rule id), as a
/// rule set is, for that order says who gets a place under a cap.
#[must_use]
pub fn decide(
    number: CustomerNumber,
    customer: &Customer,
    zone: &TimeZone,
    firings: &[Firing<'_>],
    moment: &Moment<'_>,
) -> Decided {
    let mut decided = Decided { verdicts: Vec::with_capacity(firings.len()), ..Decided::default() };
    let case = Case { number, customer, zone, moment };
    for firing in firings {
        let occurrence = Cow::Borrowed(firing.occurrence);
        let start = Start { rule: firing.rule, occurrence, paused: firing.paused, event: None, anchor: None };
        let verdict = enter(&start, &case, &mut decided);
        decided.verdicts.push(verdict);
    }
    decided
}
