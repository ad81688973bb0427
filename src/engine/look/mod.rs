//! One customer, looked at because something changed or fell due.

mod dates;
mod endings;
mod events;
mod segments;
mod steps;
mod wake;

#[cfg(test)]
mod tests;

pub(super) use dates::due_on;
pub use dates::past_until;
pub(super) use endings::has_moved;
pub use events::{Past, past};
pub use wake::after_tick;

use super::enroll::{Case, Start};
use super::{Decided, Moment};
use crate::condition::Facts;
use crate::domain::{
    Customer, CustomerNumber, DeliveryKey, EnrollmentChange, Entry, Policy, Reason, Text, Time, Watch,
};
use crate::rules::{Rule, RuleSet};
use jiff::tz::TimeZone;
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use wake::Wake;

/// What all looks of one round share.
#[derive(Clone, Copy)]
pub struct Looking<'a> {
    /// Rules and segments.
    pub rules: &'a RuleSet,
    /// By rule, when its present trigger first went live; one that is absent starts nothing.
    pub live: &'a BTreeMap<Text, Time>,
    /// Why a rule is paused, if it is.
    pub paused: &'a dyn Fn(&str) -> Option<Reason>,
    /// Caps, quiet hours, and how late an event may arrive.
    pub policy: &'a Policy,
    /// What delivery ids are made with.
    pub key: &'a DeliveryKey,
    /// Enrollments that the store is known to have besides those that the customer's record tells of.
    pub existing: &'a Existing,
    /// Now.
    pub now: Time,
}

/// Enrollments, each as customer, rule and occurrence.
pub type Existing = BTreeSet<(CustomerNumber, Text, Text)>;

/// What a look came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Looked {
    /// What was decided: one verdict for each rule that fired, in the order of firing. Deliveries of steps that fell due
    /// are among it; its `entered` are in the watch already.
    pub decided: Decided,
    /// The rules of the verdicts.
    pub fired: Vec<Text>,
    /// What is kept of it.
    pub watch: Watch,
    /// When to look again, if nothing arrives before.
    pub wake: Option<Time>,
    /// By rule with a schedule, whether its condition began or ceased to hold.
    pub members: Vec<(Text, bool)>,
    /// Enrollments that went on or ended.
    pub changes: Vec<EnrollmentChange>,
    /// Events that were to wait for a rule's delay or for their own time and do not, since too many do.
    pub given_up: usize,
}

/// A look as it goes on.
struct Round<'a> {
    number: CustomerNumber,
    customer: &'a Customer,
    zone: &'a TimeZone,
    looking: &'a Looking<'a>,
    /// What is to be kept; each part of the look replaces its own.
    watch: Watch,
    wake: Wake,
    /// What fires, each with the place of its rule in the set.
    starts: Vec<(usize, Start<'a>)>,
    members: Vec<(Text, bool)>,
    changes: Vec<EnrollmentChange>,
    given_up: usize,
    /// How many of the enrollments that the look makes were asked whether they end with it.
    ended_at_once: usize,
}

impl<'a> Round<'a> {
    fn now(&self) -> Time {
        self.looking.now
    }

    fn facts(&self, entry: &'a Entry) -> Facts<'a> {
        Facts { customer: self.customer, now: self.looking.now, zone: self.zone, entry: Some(entry) }
    }

    /// The rules in their order, with their places.
    fn rules(&self) -> impl Iterator<Item = (usize, &'a Rule)> + use<'a> {
        self.looking.rules.rules.iter().map(AsRef::as_ref).enumerate()
    }

    fn live(&self, rule: &Rule) -> Option<Time> {
        self.looking.live.get(&rule.id).copied()
    }

    /// A start of the rule, for nothing but its occurrence.
    fn start(&self, rule: &'a Rule, occurrence: Cow<'a, str>) -> Start<'a> {
        Start { rule, occurrence, paused: (self.looking.paused)(&rule.id), event: None, anchor: None }
    }

    /// Whether the customer is, or was last, enrolled under that occurrence.
    fn is_enrolled(&self, rule: &Rule, occurrence: &str) -> bool {
        self.customer.memory.get(&rule.id).is_some_and(|memory| memory.occurrence == occurrence)
            || self.watch.active.iter().any(|active| active.rule == rule.id && active.occurrence == occurrence)
            || self.exists(rule, occurrence)
    }

    /// Whether the store said that it has that enrollment.
    fn exists(&self, rule: &Rule, occurrence: &str) -> bool {
        let existing = self.looking.existing;
        !existing.is_empty() && existing.contains(&(self.number, rule.id.clone(), occurrence.into()))
    }
}

/// Looks at one customer, whose totals are as of [`Looking::now`].
///
/// First what goes on is ended where it is to end; then all that falls due and all that fires is decided together, in
/// the order of the rules.
#[must_use]
pub fn look(number: CustomerNumber, customer: &Customer, zone: &TimeZone, looking: &Looking<'_>) -> Looked {
    let moment = Moment { at: looking.now, tick: None, policy: looking.policy, key: looking.key };
    let case = Case { number, customer, zone, moment: &moment };
    let mut round = Round {
        number,
        customer,
        zone,
        looking,
        watch: customer.watch.clone(),
        wake: Wake::after(looking.now),
        starts: Vec::new(),
        members: Vec::new(),
        changes: Vec::new(),
        given_up: 0,
        ended_at_once: 0,
    };
    round.wake.at(customer.activity.uncounted_from);
    round.end();
    round.cross();
    round.note_members();
    round.take_events();
    round.take_dates();
    let (decided, fired) = round.decide(&case);
    round.wait_for_active();
    round.watch.quiet = false;
    let Round { watch, wake, members, changes, given_up, .. } = round;
    Looked { decided, fired, watch, wake: wake.get(), members, changes, given_up }
}
