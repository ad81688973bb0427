//! A customer enters a rule, or is kept out; a step falls due.

use super::due::{self, Base};
use super::gate::may_be_written_to;
use super::{Decided, Moment, Verdict};
use crate::calendar;
use crate::condition::{Facts, Truth};
use crate::domain::{
    Active, CapSlot, Class, Customer, CustomerNumber, Delivery, Enrollment, Entry, Event, Payload, Reason, RuleMemory,
    State, Time,
};
use crate::rules::{Action, AgainAfter, Rule, Step, Trigger};
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use sha2::Digest;
use std::borrow::Cow;

/// Who is decided about, and when.
#[derive(Clone, Copy)]
pub(super) struct Case<'a> {
    pub(super) number: CustomerNumber,
    pub(super) customer: &'a Customer,
    pub(super) zone: &'a TimeZone,
    pub(super) moment: &'a Moment<'a>,
}

impl<'a> Case<'a> {
    pub(super) fn facts(&self, entry: &'a Entry) -> Facts<'a> {
        Facts { customer: self.customer, now: self.moment.at, zone: self.zone, entry: Some(entry) }
    }
}

/// A rule that is about to begin with a customer.
#[derive(Debug, Clone)]
pub(super) struct Start<'a> {
    pub(super) rule: &'a Rule,
    pub(super) occurrence: Cow<'a, str>,
    pub(super) paused: Option<Reason>,
    /// What starts it.
    pub(super) event: Option<&'a Event>,
    /// What its days are counted from, if that is not entry.
    pub(super) anchor: Option<Dated>,
}

/// A date that comes near.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dated {
    /// The date and the time of its days.
    pub(super) wall: DateTime,
    /// The instant of it that hours are counted from, if they are.
    pub(super) instant: Option<Time>,
    /// Steps that fell due at or before this are past.
    pub(super) since: Time,
}

impl Dated {
    fn date(self) -> Date {
        self.wall.date()
    }

    /// What makes an enrollment of it unique: the instant where there is one, otherwise the date.
    pub(super) fn occurrence(self) -> String {
        self.instant.map_or_else(|| self.date().to_string(), |instant| instant.to_string())
    }

    pub(super) const fn base(self) -> Base {
        Base::Anchor { wall: self.wall, instant: self.instant }
    }
}

/// Judges the condition and the entry gates, and enrolls whom they let in.
pub(super) fn enter(start: &Start<'_>, case: &Case<'_>, decided: &mut Decided) -> Verdict {
    let entry = begin_with(start, case);
    let facts = case.facts(&entry);
    match start.rule.when.evaluate(&facts) {
        Truth::False => return Verdict::NoMatch,
        Truth::Unknown => return Verdict::Unknown,
        Truth::True => {}
    }
    // What would end at once does not begin.
    if start.rule.stays.as_ref().is_some_and(|stays| stays.evaluate(&facts) == Truth::False) {
        return Verdict::NoMatch;
    }
    match entry_gate(start, case, decided) {
        Some(reason) => Verdict::Held(reason),
        None => enroll(start, entry, case, decided),
    }
}

/// What is kept of the customer as they are at entry.
fn begin_with(start: &Start<'_>, case: &Case<'_>) -> Entry {
    let mut entry = Entry { event: start.event.cloned(), ..Entry::default() };
    let paths = &start.rule.at_entry;
    let values = {
        let facts = case.facts(&entry);
        paths.iter().filter_map(|path| Some((path.text().into(), path.read(&facts)?))).collect()
    };
    entry.values = values;
    entry
}

/// What is remembered of a rule, the decisions of this moment included.
fn memory<'m>(rule: &Rule, customer: &'m Customer, decided: &'m Decided) -> Option<&'m RuleMemory> {
    let fresh = decided.memories.iter().find(|(id, _)| *id == rule.id).map(|(_, memory)| memory);
    fresh.or_else(|| customer.memory.get(&rule.id))
}

/// The first entry gate that keeps the customer out: paused, consent, `again_after`.
fn entry_gate(start: &Start<'_>, case: &Case<'_>, decided: &Decided) -> Option<Reason> {
    if let Some(reason) = start.paused {
        return Some(reason);
    }
    if !may_be_written_to(case.customer, start.rule) {
        return Some(Reason::NoConsent);
    }
    let memory = memory(start.rule, case.customer, decided)?;
    let too_soon = match start.rule.again_after {
        AgainAfter::Never => true,
        AgainAfter::After(span) => memory.enrolled_at.plus(span) > case.moment.at,
    };
    // A customer whose zone changed meets the same local time again; only a later one is a new occurrence.
    let met = matches!(start.rule.trigger, Trigger::Schedule { .. })
        && memory.occurrence.as_str() >= start.occurrence.as_ref();
    (too_soon || met).then_some(Reason::AgainAfter)
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

fn enroll(start: &Start<'_>, entry: Entry, case: &Case<'_>, decided: &mut Decided) -> Verdict {
    let (rule, at) = (start.rule, case.moment.at);
    let mut active = Active {
        rule: rule.id.clone(),
        occurrence: start.occurrence.as_ref().into(),
        entered_at: at,
        held_out: is_held_out(rule, &case.customer.id),
        anchor: start.anchor.map(Dated::date),
        instant: start.anchor.and_then(|dated| dated.instant),
        done: Vec::new(),
        entry,
        unsent_until: None,
    };
    let base = start.anchor.map_or(Base::Entry(at), Dated::base);
    let sent_before = decided.deliveries.len();
    for (step, due) in rule.steps.iter().zip(due::instants(rule, base, case.zone)) {
        if start.anchor.is_some_and(|dated| due <= dated.since) {
            active.done.push(step.id.clone());
        } else if due <= at {
            let asked = Asked { rule, step, due, asking: Asking::AtEntry };
            fall_due(&asked, &mut active, case, decided);
        }
    }
    let deliveries = &decided.deliveries[sent_before..];
    let verdict = if active.held_out { Verdict::HeldOut } else { enrolled(deliveries) };
    decided.enrollments.push(Enrollment {
        rule: rule.id.clone(),
        occurrence: active.occurrence.clone(),
        entered_at: at,
        held_out: active.held_out,
        deliveries: deliveries.iter().map(|delivery| delivery.id).collect(),
        class: rule.class,
        ending: None,
    });
    remember(&active, rule, case, decided);
    if !due::is_over(&active, rule, at) {
        decided.entered.push(active);
    }
    verdict
}

fn enrolled(deliveries: &[Delivery]) -> Verdict {
    let (mut emails, mut webhooks, mut capped) = (0, 0, 0);
    for delivery in deliveries {
        match (&delivery.payload, delivery.state) {
            (Payload::Email { .. }, State::Queued) => emails += 1,
            (Payload::Email { .. }, _) => capped += 1,
            (Payload::Webhook { .. }, _) => webhooks += 1,
        }
    }
    Verdict::Enrolled { emails, webhooks, capped }
}

fn remember(active: &Active, rule: &Rule, case: &Case<'_>, decided: &mut Decided) {
    let before = memory(rule, case.customer, decided);
    let memory = RuleMemory {
        occurrence: active.occurrence.clone(),
        enrolled_at: active.entered_at,
        enrollments: before.map_or(0, |memory| memory.enrollments).saturating_add(1),
        held_out: active.held_out,
        sent_at: before.and_then(|memory| memory.sent_at),
    };
    decided.memories.retain(|(id, _)| *id != rule.id);
    decided.memories.push((rule.id.clone(), memory));
}

/// A step whose time has come.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) rule: &'a Rule,
    pub(super) step: &'a Step,
    pub(super) due: Time,
    pub(super) asking: Asking,
}

/// Whether a step falls due with the entry or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asking {
    AtEntry,
    Later,
}

/// Marks the step as done, and makes its delivery unless the customer is held out or its `when` does not hold.
pub(super) fn fall_due(asked: &Asked<'_>, active: &mut Active, case: &Case<'_>, decided: &mut Decided) {
    active.done.push(asked.step.id.clone());
    let wanted = |when: &crate::condition::Predicate| when.evaluate(&case.facts(&active.entry)).is_true();
    if active.held_out {
        return;
    }
    if !asked.step.when.as_ref().is_none_or(wanted) {
        decided.skipped.push((asked.rule.id.clone(), asked.step.id.clone()));
        return;
    }
    let delivery = place_under_caps(ask(asked, active, case), case, decided);
    if delivery.state == State::Queued {
        active.unsent_until = active.unsent_until.max(Some(delivery.expires_at));
    }
    if decided.deliveries.is_empty() {
        // A delivery is half a kilobyte, and most customers get one.
        decided.deliveries.reserve_exact(asked.rule.steps.len());
    }
    decided.deliveries.push(delivery);
}

fn ask(asked: &Asked<'_>, active: &Active, case: &Case<'_>) -> Delivery {
    let Asked { rule, step, due, asking } = *asked;
    let (customer, moment) = (case.customer, case.moment);
    let payload = match &step.action {
        Action::Email { template, .. } => Payload::Email { template: template.clone() },
        Action::Webhook { to, .. } => Payload::Webhook { endpoint: to.clone(), body: String::new() },
    };
    Delivery {
        id: moment.key.delivery_id(&rule.id, &customer.id, &active.occurrence, &step.id),
        rule: rule.id.clone(),
        step: step.id.clone(),
        customer: case.number,
        customer_id: customer.id.clone(),
        occurrence: active.occurrence.clone(),
        payload,
        class: rule.class,
        topic: rule.topic.clone(),
        state: State::Queued,
        created_at: moment.at,
        due_at: due,
        expires_at: due.plus(step.expires),
        attempts: 0,
        sent_at: None,
        reason: None,
        last_error: None,
        tick: moment.tick.filter(|_| asking == Asking::AtEntry),
        uncertain: 0,
        attempted_at: None,
        entry: names_entry(rule, step).then(|| Box::new(active.entry.clone())),
        later: asking == Asking::Later,
    }
}

/// Whether a condition of the rule, or what the step sends, asks what its enrollment began with.
fn names_entry(rule: &Rule, step: &Step) -> bool {
    let steps = rule.steps.iter().filter_map(|step| step.when.as_ref());
    step.names_event
        || !rule.at_entry.is_empty()
        || steps.chain([&rule.when]).chain(&rule.stays).any(|condition| condition.reads().event)
}

/// Reserves a place for a mail of a capped class, at the instant at which quiet hours let it out, or suppresses it.
fn place_under_caps(mut delivery: Delivery, case: &Case<'_>, decided: &mut Decided) -> Delivery {
    let policy = case.moment.policy;
    let caps = policy.caps.get(&delivery.class).map(Vec::as_slice).unwrap_or_default();
    if matches!(delivery.payload, Payload::Webhook { .. }) || caps.is_empty() {
        return delivery;
    }
    let quiet = policy.quiet_hours.filter(|_| delivery.class == Class::Marketing);
    // What fell due while nobody looked goes out now.
    let soonest = delivery.due_at.max(case.moment.at);
    let at = quiet.and_then(|hours| calendar::quiet_until(hours, case.zone, soonest)).unwrap_or(soonest);
    let mut taken = case.customer.slots.clone();
    taken.extend(decided.slots.iter().copied());
    if calendar::cap_reached(caps, &taken, delivery.class, Some(delivery.id), case.zone, at).is_some() {
        delivery.state = State::Suppressed;
        delivery.reason = Some(Reason::FrequencyCap);
    } else {
        decided.slots.push(CapSlot { class: delivery.class, at, delivery: delivery.id });
    }
    delivery
}
