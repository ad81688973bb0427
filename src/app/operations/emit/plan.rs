//! What an event would start: the customer is looked at as the rules will look at them once it has happened.

use super::read;
use super::trial::{Person, Trial};
use crate::app::operations::failure;
use crate::app::shared::Shared;
use crate::domain::{Event, Span, Time, purchase_id};
use crate::http::{EmitRequest, EventPlan, EventRule, Result, RuleDecision};
use crate::rules::{Rule, Trigger};
use crate::store::StoredCustomer;
use std::collections::BTreeSet;

/// How many of the customer's latest events are searched for the same message and the same purchase.
const SEARCHED: usize = 1000;

/// How far before its arrival a customer's first event may lie: it may have been under way.
const UNDER_WAY: Span = Span::minutes(1);

pub(in crate::app::operations) async fn plan(core: &Shared, request: EmitRequest) -> Result<EventPlan> {
    let world = core.world.load_full();
    let now = core.clock.now();
    let (customer, event) = read::event(&world.schema, &request, now)?;
    let trial = Trial::new(core, world, &customer, now).await?;
    let start = event.at.max(now);
    let stored = trial.customer_at(start).await?;
    let mut remarks = read::remarks(&trial.world.schema, &event);
    let rules = match known(&trial, stored.as_ref(), &event).await? {
        Known::Message => {
            remarks.push("this event is stored already; it would start nothing".to_owned());
            Vec::new()
        }
        Known::Purchase => started(&trial, stored.as_ref(), &event, IsNew::No).await?,
        Known::Nothing => started(&trial, stored.as_ref(), &event, IsNew::Yes).await?,
    };
    if core.pauses.all() {
        remarks.push("all sending is paused; what falls due waits".to_owned());
    }
    if core.pauses.marketing() {
        remarks.push("marketing is paused since a backup was restored; what falls due of it waits".to_owned());
    }
    let new_customer = stored.is_none();
    Ok(EventPlan { event: event.name.into(), customer, at: event.at, stored: false, new_customer, rules, remarks })
}

/// What is known of an event already.
enum Known {
    /// Itself.
    Message,
    /// Another event of the same purchase.
    Purchase,
    Nothing,
}

/// Whether an event counts as a purchase of its own.
#[derive(Clone, Copy, PartialEq, Eq)]
enum IsNew {
    Yes,
    No,
}

async fn known(trial: &Trial<'_>, stored: Option<&StoredCustomer>, event: &Event) -> Result<Known> {
    let Some(stored) = stored else { return Ok(Known::Nothing) };
    let events = trial.core.store.events(stored.number, None, SEARCHED).await.map_err(failure)?;
    let (id, mark) = (&stored.customer.id, event.fingerprint(&stored.customer.id));
    if events.iter().any(|other| other.fingerprint(id) == mark) {
        return Ok(Known::Message);
    }
    let purchase = |event: &Event| purchase_id(event, &trial.world.schema.purchase);
    let own = purchase(event);
    Ok(if own.is_some() && events.iter().any(|other| purchase(other) == own) {
        Known::Purchase
    } else {
        Known::Nothing
    })
}

/// The rules that the event starts, when it happens or at the end of their delays, and why others that it is the trigger
/// of start nothing.
async fn started(
    trial: &Trial<'_>,
    stored: Option<&StoredCustomer>,
    event: &Event,
    is_new: IsNew,
) -> Result<Vec<EventRule>> {
    let start = event.at.max(trial.now);
    let mut person = Person::new(stored, &trial.customer, trial.now);
    // The rules get abreast of everything else first, so that whatever fires next is the event's doing.
    let before = trial.look(&person, start);
    person.take_in(&before);
    person.count(event, &trial.world.interest, is_new == IsNew::Yes);
    person.await_judgement(event, &trial.world.interest);
    let looked = trial.look(&person, start);
    let mut rules = trial.told(&looked, &person, start).await?;
    person.take_in(&looked);
    for at in ends_of_delays(trial, event, start) {
        let mut then = person.clone();
        then.customer.activity =
            trial.customer_at(at).await?.map(|stored| stored.customer.activity).unwrap_or_default();
        then.count(event, &trial.world.interest, is_new == IsNew::Yes);
        let looked = trial.look(&then, at);
        let told = trial.told(&looked, &then, at).await?;
        let waited = |rule: &Rule| delay(rule, event).is_some_and(|delay| event.at.plus(delay) == at);
        rules
            .extend(told.into_iter().filter(|told| trial.world.rules.get(&told.rule).is_some_and(|rule| waited(rule))));
    }
    let silent: Vec<EventRule> = (trial.world.rules.rules.iter())
        .filter(|rule| delay(rule, event).is_some() && !rules.iter().any(|told| told.rule == rule.id))
        .map(|rule| silent(trial, rule, event, &person))
        .collect();
    rules.extend(silent);
    Ok(rules)
}

/// How long after the event the rule judges, if the event is its trigger.
fn delay(rule: &Rule, event: &Event) -> Option<Span> {
    match &rule.trigger {
        Trigger::Event { name, delay, .. } if *name == event.name => Some(*delay),
        _ => None,
    }
}

fn ends_of_delays(trial: &Trial<'_>, event: &Event, start: Time) -> BTreeSet<Time> {
    let delays = trial.world.rules.rules.iter().filter_map(|rule| delay(rule, event));
    delays.map(|delay| event.at.plus(delay)).filter(|end| *end > start).collect()
}

/// A rule whose trigger the event is, and that it does not start.
fn silent(trial: &Trial<'_>, rule: &Rule, event: &Event, person: &Person) -> EventRule {
    let within = trial.world.policy.misfire.within;
    let known_since = person.customer.arrived_at;
    let live_since = trial.live_since(rule);
    let note = if event.received_at.since(event.at) > within {
        Some(format!("it is older than {within} (misfire.within)"))
    } else if live_since.is_some_and(|since| event.at <= since) {
        live_since.map(|since| format!("it is from before {since}, when the rule went live"))
    } else if event.at <= known_since.minus(UNDER_WAY) {
        Some(format!("it is from before {known_since}, since when the customer is known"))
    } else {
        None
    };
    EventRule {
        rule: rule.id.to_string(),
        decision: RuleDecision::NoMatch,
        reasons: Vec::new(),
        decided_at: event.at.max(trial.now),
        deliveries: Vec::new(),
        waiting: Vec::new(),
        next_due: None,
        note,
    }
}
