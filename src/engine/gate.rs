//! The gates that a delivery passes immediately before it is sent.

use crate::calendar;
use crate::condition::{Facts, Truth};
use crate::domain::{Class, Customer, Delivery, Payload, Policy, Reason, Span, Time, normalized_address};
use crate::rules::Rule;
use jiff::tz::TimeZone;

/// What the gates look at.
#[derive(Debug, Clone, Copy)]
pub struct GateInput<'a> {
    /// The delivery.
    pub delivery: &'a Delivery,
    /// Its rule as it is now; `None` when it was removed.
    pub rule: Option<&'a Rule>,
    /// Why the rule is paused, if it is.
    pub paused: Option<Reason>,
    /// The customer as they are now.
    pub customer: &'a Customer,
    /// The customer's zone, or the business's.
    pub zone: &'a TimeZone,
    /// Now.
    pub now: Time,
    /// Caps and quiet hours.
    pub policy: &'a Policy,
    /// Whether the address is on the suppression list.
    pub suppressed: bool,
    /// `email.only_to`: addresses and `@domain`s that alone may get mail; empty is no limit.
    pub only_to: &'a [String],
}

/// What the gates say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Gate {
    /// Send it.
    Go,
    /// Never: it is no longer wanted, or too late.
    Cancel(Reason),
    /// Never: it may not be sent.
    Suppress(Reason),
    /// Not before that instant.
    Defer(Time, Reason),
    /// Not before a person says so.
    Hold(Reason),
}

/// The first gate that stops the delivery, in the order of the design: rule gone, paused, still wanted (the enrollment
/// goes on, `while`, the rule's `when` for steps due at entry, the step's `when`), address and suppression, consent,
/// quiet hours, cap, expiry. Webhooks obey the first three and expiry.
#[must_use]
pub fn gate(input: &GateInput<'_>) -> Gate {
    let delivery = input.delivery;
    let Some(rule) = input.rule else { return Gate::Cancel(Reason::RuleRemoved) };
    let Some(step) = rule.steps.iter().find(|step| step.id == delivery.step) else {
        return Gate::Cancel(Reason::RuleRemoved);
    };
    if let Some(reason) = input.paused {
        return Gate::Hold(reason);
    }
    let facts =
        Facts { customer: input.customer, now: input.now, zone: input.zone, entry: input.delivery.entry.as_deref() };
    if let Some(reason) = input.customer.watch.stopped(&delivery.rule, &delivery.occurrence) {
        return Gate::Cancel(reason);
    }
    if rule.stays.as_ref().is_some_and(|stays| stays.evaluate(&facts) == Truth::False) {
        return Gate::Cancel(Reason::Stopped);
    }
    // What was true at entry need not be so when a later step falls due.
    let entry = Some(&rule.when).filter(|_| !delivery.later);
    for condition in [entry, step.when.as_ref()].into_iter().flatten() {
        match condition.evaluate(&facts) {
            Truth::True => {}
            Truth::False => return Gate::Cancel(Reason::NotWanted),
            Truth::Unknown => return Gate::Cancel(Reason::UnknownValue),
        }
    }
    if let (Payload::Email { .. }, Some(stop)) = (&delivery.payload, mail_gate(input, rule)) {
        return stop;
    }
    if input.now >= delivery.expires_at { Gate::Cancel(Reason::Expired) } else { Gate::Go }
}

/// Whether consent allows messages of the rule: a service rule's always, a marketing rule's with consent to the class
/// and no withdrawal for its topic.
pub(in crate::engine) fn may_be_written_to(customer: &Customer, rule: &Rule) -> bool {
    rule.class == Class::Service
        || customer.consents_to(Class::Marketing.word())
            && rule.topic.as_ref().and_then(|topic| customer.consent.get(topic)).is_none_or(|consent| consent.granted)
}

fn mail_gate(input: &GateInput<'_>, rule: &Rule) -> Option<Gate> {
    let Some(address) = input.customer.email() else { return Some(Gate::Suppress(Reason::NoAddress)) };
    if input.suppressed {
        return Some(Gate::Suppress(Reason::Suppressed));
    }
    if !is_listed(address, input.only_to) {
        return Some(Gate::Suppress(Reason::OnlyTo));
    }
    if !may_be_written_to(input.customer, rule) {
        return Some(Gate::Suppress(Reason::NoConsent));
    }
    if rule.class == Class::Service {
        return None;
    }
    if let Some(end) = input.policy.quiet_hours.and_then(|hours| calendar::quiet_until(hours, input.zone, input.now)) {
        return Some(Gate::Defer(end, Reason::QuietHours));
    }
    let caps = input.policy.caps.get(&rule.class).map(Vec::as_slice).unwrap_or_default();
    calendar::cap_reached(caps, &input.customer.slots, rule.class, Some(input.delivery.id), input.zone, input.now)
        .map(|_| Gate::Suppress(Reason::FrequencyCap))
}

/// So far from its planned instant a mail keeps its planned place under the caps.
const NEARLY: Span = Span::minutes(10);

/// Whether a delivery that goes out now leaves the places under the caps as they are. A mail that is capped takes its place
/// at the time at which it really goes out; most go out when they were to, and then nothing need be written again.
#[must_use]
pub fn keeps_slot(delivery: &Delivery, customer: &Customer, zone: &TimeZone, now: Time) -> bool {
    if delivery.class == Class::Service || matches!(delivery.payload, Payload::Webhook { .. }) {
        return true;
    }
    let day = |at| calendar::day_of(zone, at);
    let planned = customer.slots.iter().find(|slot| slot.delivery == delivery.id);
    planned.is_some_and(|slot| now.since(slot.at).0.abs() < NEARLY.0 && day(slot.at) == day(now))
}

/// Whether `email.only_to` lets the address through.
#[must_use]
pub fn is_listed(address: &str, only_to: &[String]) -> bool {
    let address = normalized_address(address);
    only_to.is_empty()
        || only_to
            .iter()
            .map(|entry| normalized_address(entry))
            .any(|entry| if entry.starts_with('@') { address.ends_with(&entry) } else { address == entry })
}
