//! One customer, all rules that fire at one instant.

use crate::calendar;
use crate::condition::{Facts, Truth};
use crate::domain::{
    CapSlot, Class, Customer, CustomerNumber, Delivery, DeliveryKey, Enrollment, Payload, Policy, Reason, RuleMemory,
    State, Time,
};
use crate::rules::{Action, AgainAfter, Rule, Step};
use jiff::tz::TimeZone;
use sha2::Digest;

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
    pub memories: Vec<(String, RuleMemory)>,
    /// Places to reserve.
    pub slots: Vec<CapSlot>,
    /// Enrollments to make.
    pub enrollments: Vec<Enrollment>,
    /// Deliveries to make. A webhook's body is still empty: rendering is not the engine's business.
    pub deliveries: Vec<Delivery>,
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
    for firing in firings {
        let facts = Facts { customer, now: moment.at, zone, entry: None };
        let verdict = match firing.rule.when.evaluate(&facts) {
            Truth::False => Verdict::NoMatch,
            Truth::Unknown => Verdict::Unknown,
            Truth::True => match entry_gate(firing, customer, moment.at) {
                Some(reason) => Verdict::Held(reason),
                None => enroll(number, firing, &facts, moment, &mut decided),
            },
        };
        decided.verdicts.push(verdict);
    }
    decided
}

/// The first entry gate that keeps the customer out: paused, consent, `again_after`.
fn entry_gate(firing: &Firing<'_>, customer: &Customer, now: Time) -> Option<Reason> {
    if let Some(reason) = firing.paused {
        return Some(reason);
    }
    if !may_be_written_to(customer, firing.rule) {
        return Some(Reason::NoConsent);
    }
    let memory = customer.memory.get(&firing.rule.id)?;
    let too_soon = match firing.rule.again_after {
        AgainAfter::Never => true,
        AgainAfter::After(span) => memory.enrolled_at.plus(span) > now,
    };
    // A customer whose zone changed meets the same local time again; only a later one is a new occurrence.
    (too_soon || memory.occurrence.as_str() >= firing.occurrence).then_some(Reason::AgainAfter)
}

/// Whether consent allows messages of the rule: a service rule's always, a marketing rule's with consent to the class
/// and no withdrawal for its topic.
pub(super) fn may_be_written_to(customer: &Customer, rule: &Rule) -> bool {
    rule.class == Class::Service
        || customer.consents_to(Class::Marketing.word())
            && rule.topic.as_ref().and_then(|topic| customer.consent.get(topic)).is_none_or(|consent| consent.granted)
}

/// Whether the customer belongs to the rule's holdout: stable over time and restarts, independent between rules.
#[must_use]
pub fn is_held_out(rule: &Rule, customer: &str) -> bool {
    if rule.holdout == 0 {
        return false;
    }
    let mut hash = sha2::Sha256::new();
    for part in ["holdout", rule.id.as_str(), customer] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest = hash.finalize();
    let draw = digest[..8].iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    draw % 10_000 < u64::from(rule.holdout)
}

fn enroll(
    number: CustomerNumber,
    firing: &Firing<'_>,
    facts: &Facts<'_>,
    moment: &Moment<'_>,
    decided: &mut Decided,
) -> Verdict {
    let (rule, customer) = (firing.rule, facts.customer);
    let held_out = is_held_out(rule, &customer.id);
    let mut enrollment = Enrollment {
        rule: rule.id.clone(),
        occurrence: firing.occurrence.to_owned(),
        entered_at: moment.at,
        held_out,
        deliveries: Vec::new(),
        class: rule.class,
        ending: None,
    };
    let (mut emails, mut webhooks, mut capped) = (0, 0, 0);
    for step in rule.steps.iter().filter(|_| !held_out) {
        if step.when.as_ref().is_some_and(|when| when.evaluate(facts) != Truth::True) {
            continue;
        }
        let delivery = ask(number, firing, step, facts, moment);
        let delivery = place_under_caps(delivery, facts, moment, decided);
        match (&delivery.payload, delivery.state) {
            (Payload::Email { .. }, State::Queued) => emails += 1,
            (Payload::Email { .. }, _) => capped += 1,
            (Payload::Webhook { .. }, _) => webhooks += 1,
        }
        enrollment.deliveries.push(delivery.id);
        decided.deliveries.push(delivery);
    }
    decided.enrollments.push(enrollment);
    let before = customer.memory.get(&rule.id).map_or(0, |memory| memory.enrollments);
    decided.memories.push((
        rule.id.clone(),
        RuleMemory {
            occurrence: firing.occurrence.to_owned(),
            enrolled_at: moment.at,
            enrollments: before.saturating_add(1),
            held_out,
            sent_at: customer.memory.get(&rule.id).and_then(|memory| memory.sent_at),
        },
    ));
    if held_out { Verdict::HeldOut } else { Verdict::Enrolled { emails, webhooks, capped } }
}

fn ask(number: CustomerNumber, firing: &Firing<'_>, step: &Step, facts: &Facts<'_>, moment: &Moment<'_>) -> Delivery {
    let (rule, customer) = (firing.rule, facts.customer);
    let payload = match &step.action {
        Action::Email { template, .. } => Payload::Email { template: template.clone() },
        Action::Webhook { to, .. } => Payload::Webhook { endpoint: to.clone(), body: String::new() },
    };
    Delivery {
        id: moment.key.delivery_id(&rule.id, &customer.id, firing.occurrence, &step.id),
        rule: rule.id.clone(),
        step: step.id.clone(),
        customer: number,
        customer_id: customer.id.clone(),
        occurrence: firing.occurrence.to_owned(),
        payload,
        class: rule.class,
        topic: rule.topic.clone(),
        state: State::Queued,
        created_at: moment.at,
        due_at: moment.at,
        expires_at: moment.at.plus(step.expires),
        attempts: 0,
        sent_at: None,
        reason: None,
        last_error: None,
        tick: moment.tick,
        uncertain: 0,
        attempted_at: None,
        entry: None,
        later: false,
    }
}

/// Reserves a place for a mail of a capped class, at the instant at which quiet hours let it out, or suppresses it.
fn place_under_caps(mut delivery: Delivery, facts: &Facts<'_>, moment: &Moment<'_>, decided: &mut Decided) -> Delivery {
    let caps = moment.policy.caps.get(&delivery.class).map(Vec::as_slice).unwrap_or_default();
    if matches!(delivery.payload, Payload::Webhook { .. }) || caps.is_empty() {
        return delivery;
    }
    let quiet = moment.policy.quiet_hours.filter(|_| delivery.class == Class::Marketing);
    let at =
        quiet.and_then(|hours| calendar::quiet_until(hours, facts.zone, delivery.due_at)).unwrap_or(delivery.due_at);
    let mut taken = facts.customer.slots.clone();
    taken.extend(decided.slots.iter().copied());
    if calendar::cap_reached(caps, &taken, delivery.class, Some(delivery.id), facts.zone, at).is_some() {
        delivery.state = State::Suppressed;
        delivery.reason = Some(Reason::FrequencyCap);
    } else {
        decided.slots.push(CapSlot { class: delivery.class, at, delivery: delivery.id });
    }
    delivery
}
