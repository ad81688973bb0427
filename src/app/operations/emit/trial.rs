//! Looking at one customer without keeping what comes of it.

use crate::app::operations::customers::waiting;
use crate::app::operations::{failure, plan::mail_stops};
use crate::app::shared::Shared;
use crate::calendar;
use crate::delivery::World;
use crate::domain::{
    Class, Customer, CustomerNumber, Delivery, DeliveryKey, Enrollment, Event, Interest, Payload, Pending, Reason,
    RuleState, State, Text, Time,
};
use crate::engine::{self, Looked, Looking, Verdict};
use crate::http::{EventRule, PlannedDelivery, Result, RuleDecision};
use crate::rules::Rule;
use crate::store::{StoredCustomer, View};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How many of the customer's latest enrollments are searched for one of the same occurrence.
const SEARCHED: usize = 1000;

/// What a customer is looked at with.
pub(super) struct Trial<'a> {
    pub(super) core: &'a Shared,
    pub(super) world: Arc<World>,
    pub(super) customer: String,
    pub(super) now: Time,
    states: BTreeMap<Text, RuleState>,
    /// By rule; those that no daemon has run with yet count as live since always.
    live: BTreeMap<Text, Time>,
    key: DeliveryKey,
}

/// A customer, as the rules and the event leave them.
#[derive(Clone)]
pub(super) struct Person {
    pub(super) customer: Customer,
    number: CustomerNumber,
}

impl Person {
    /// The stored customer, or one who arrives now.
    pub(super) fn new(stored: Option<&StoredCustomer>, id: &str, now: Time) -> Self {
        match stored {
            Some(stored) => Self { customer: stored.customer.clone(), number: stored.number },
            None => Self { customer: Customer::new(id, now), number: CustomerNumber(0) },
        }
    }

    /// Keeps what a look came to, as the store would.
    pub(super) fn take_in(&mut self, looked: &Looked) {
        self.customer.watch = looked.watch.clone();
        self.customer.memory.extend(looked.decided.memories.iter().cloned());
        for slot in &looked.decided.slots {
            self.customer.reserve(*slot);
        }
    }

    /// Counts the event in the totals.
    pub(super) fn count(&mut self, event: &Event, interest: &Interest, is_new_purchase: bool) {
        self.customer.activity.count(event, interest, is_new_purchase);
    }

    /// Lets the event wait to be judged, as it does when it arrives.
    pub(super) fn await_judgement(&mut self, event: &Event, interest: &Interest) {
        if interest.triggers.contains(&event.name) {
            let id = event.message_id.clone().unwrap_or_else(|| "planned".into());
            self.customer.watch.pending.push(Pending { id, event: event.clone(), waiting: None });
        }
    }
}

impl<'a> Trial<'a> {
    pub(super) async fn new(core: &'a Shared, world: Arc<World>, customer: &str, now: Time) -> Result<Self> {
        let states: BTreeMap<_, _> = core.store.rule_states().await.map_err(failure)?.into_iter().collect();
        let key = core.store.delivery_key();
        let customer = customer.to_owned();
        let mut trial = Self { core, world, customer, now, states, live: BTreeMap::new(), key };
        let live = |rule: &Arc<Rule>| (rule.id.clone(), trial.live_since(rule).unwrap_or(Time::MIN));
        trial.live = trial.world.rules.rules.iter().map(live).collect();
        Ok(trial)
    }

    /// When the rule's present trigger went live.
    pub(super) fn live_since(&self, rule: &Rule) -> Option<Time> {
        let state = self.states.get(&rule.id).filter(|state| state.trigger == rule.trigger.text())?;
        state.live_since
    }

    /// The customer as they will be at an instant if nothing arrives.
    pub(super) async fn customer_at(&self, at: Time) -> Result<Option<StoredCustomer>> {
        let view = View { interest: Arc::clone(&self.world.interest), now: at, backtest: false };
        self.core.store.customer(&self.customer, &view).await.map_err(failure)
    }

    /// What the rules make of the customer at an instant.
    pub(super) fn look(&self, person: &Person, now: Time) -> Looked {
        let paused = |rule: &str| self.core.pauses.rule(rule);
        let looking = Looking {
            rules: &self.world.rules,
            live: &self.live,
            paused: &paused,
            policy: &self.world.policy,
            key: &self.key,
            existing: &engine::Existing::new(),
            now,
        };
        engine::look(person.number, &person.customer, &self.world.zone_of(&person.customer), &looking)
    }

    /// The rules that fired at a look.
    pub(super) async fn told(&self, looked: &Looked, person: &Person, at: Time) -> Result<Vec<EventRule>> {
        let before = self.core.store.enrollments(person.number, SEARCHED).await.map_err(failure)?;
        let is_suppressed = match person.customer.email() {
            Some(address) => self.core.store.suppression(address).await.map_err(failure)?.is_some(),
            None => false,
        };
        let stop = mail_stops(&self.world, is_suppressed, &person.customer);
        let fired = looked.fired.iter().filter_map(|id| self.world.rules.get(id)).zip(&looked.decided.verdicts);
        Ok(fired.map(|(rule, verdict)| self.tell(rule, verdict, (looked, person, at), (&before, stop))).collect())
    }

    fn tell(
        &self,
        rule: &Rule,
        verdict: &Verdict,
        (looked, person, at): (&Looked, &Person, Time),
        (before, stop): (&[Enrollment], Option<Reason>),
    ) -> EventRule {
        let (decision, reasons) = match verdict {
            Verdict::NoMatch => (RuleDecision::NoMatch, Vec::new()),
            Verdict::Unknown => (RuleDecision::NoMatch, vec![Reason::UnknownValue]),
            Verdict::Held(reason) => (RuleDecision::Hold, vec![*reason]),
            Verdict::HeldOut => (RuleDecision::Hold, vec![Reason::Holdout]),
            Verdict::Enrolled { .. } => (RuleDecision::Fire, Vec::new()),
        };
        let mut told = EventRule {
            rule: rule.id.to_string(),
            decision,
            reasons,
            decided_at: at,
            deliveries: Vec::new(),
            waiting: Vec::new(),
            next_due: None,
            note: None,
        };
        let enrollment = looked.decided.enrollments.iter().find(|enrollment| enrollment.rule == rule.id);
        let Some(enrollment) = enrollment else { return told };
        let same = |other: &&Enrollment| other.rule == rule.id && other.occurrence == enrollment.occurrence;
        if let Some(earlier) = before.iter().find(same) {
            told.decision = RuleDecision::Hold;
            told.reasons = vec![Reason::AgainAfter];
            told.note = Some(format!("it was started for {:?} at {}", earlier.occurrence, earlier.entered_at));
            return told;
        }
        let zone = self.world.zone_of(&person.customer);
        let asked = looked.decided.deliveries.iter().filter(|delivery| enrollment.deliveries.contains(&delivery.id));
        for delivery in asked {
            if let Some(reason) = stopped(delivery, stop) {
                note_reason(&mut told.reasons, reason);
                continue;
            }
            let quiet = self.world.policy.quiet_hours.filter(|_| is_quiet(delivery));
            if quiet.is_some_and(|hours| calendar::quiet_until(hours, &zone, delivery.due_at).is_some()) {
                note_reason(&mut told.reasons, Reason::QuietHours);
            }
            told.deliveries.push(planned(delivery));
        }
        let goes_on = looked.watch.active.iter();
        let mut goes_on = goes_on.filter(|one| one.rule == rule.id && one.occurrence == enrollment.occurrence);
        told.waiting = goes_on.next().map(|active| waiting(rule, active, &zone)).unwrap_or_default();
        told.next_due = told.waiting.iter().map(|step| step.due_at).min();
        if self.live_since(rule).is_none() {
            told.note = Some("the rule goes live when the daemon first runs with it; until then nothing starts".into());
        }
        told
    }
}

/// Why a delivery would not go out as things are.
fn stopped(delivery: &Delivery, stop: Option<Reason>) -> Option<Reason> {
    match (&delivery.payload, delivery.state) {
        (Payload::Webhook { .. }, _) => None,
        (Payload::Email { .. }, State::Queued) => stop,
        (Payload::Email { .. }, _) => delivery.reason,
    }
}

/// Whether quiet hours mean it.
fn is_quiet(delivery: &Delivery) -> bool {
    delivery.class == Class::Marketing && matches!(delivery.payload, Payload::Email { .. })
}

fn note_reason(reasons: &mut Vec<Reason>, reason: Reason) {
    if !reasons.contains(&reason) {
        reasons.push(reason);
    }
}

fn planned(delivery: &Delivery) -> PlannedDelivery {
    let (step, channel) = (delivery.step.clone(), delivery.payload.channel().to_owned());
    PlannedDelivery { step: step.into(), channel, due_at: delivery.due_at }
}
