//! One customer, looked at because something changed or fell due.

use super::Decided;
use crate::domain::{Customer, CustomerNumber, DeliveryKey, EnrollmentChange, Policy, Reason, Time, Watch};
use crate::rules::RuleSet;
use jiff::tz::TimeZone;
use std::collections::BTreeMap;

/// What all looks of one round share.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    /// Rules and segments.
    pub rules: &'a RuleSet,
    /// By rule, when its present trigger first went live; one that is absent starts nothing.
    pub live: &'a BTreeMap<String, Time>,
    /// Why a rule is paused, if it is.
    pub paused: &'a dyn Fn(&str) -> Option<Reason>,
    /// Caps, quiet hours, and how late an event may arrive.
    pub policy: &'a Policy,
    /// What delivery ids are made with.
    pub key: &'a DeliveryKey,
    /// Now.
    pub now: Time,
}

/// What a look came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// What was decided: one verdict for each rule that fired, in the order of firing.
    pub decided: Decided,
    /// The rules of the verdicts.
    pub fired: Vec<String>,
    /// What is kept of it.
    pub watch: Watch,
    /// When to look again, if nothing arrives before.
    pub wake: Option<Time>,
    /// By rule with a schedule, whether its condition began or ceased to hold.
    pub members: Vec<(String, bool)>,
    /// Enrollments that went on or ended.
    pub changes: Vec<EnrollmentChange>,
}

/// Looks at one customer.
#[must_use]
pub fn look(_number: CustomerNumber, customer: &Customer, _zone: &TimeZone, _looking: &Looking<'_>) -> Looked {
    Looked { watch: customer.watch.clone(), ..Looked::default() }
}
