//! One attempt at one delivery: connection, gates, `sending`, the wire, outcome.

use super::counts;
use super::retry::{Next, after_outcome, when_found_uncertain};
use super::worker::Shared;
use super::world::{Sender, World};
use crate::channels::email::Mail;
use crate::domain::{
    Customer, Delivery, DeliveryId, Outcome, Payload, Reason, Span, State, Suppression, Time, UncertainPolicy,
    normalized_address,
};
use crate::engine::{Gate, GateInput, gate, keeps_slot};
use crate::store::{DeliveryChange, SlotChange, StoreError, Urgency, View};
use crate::telemetry::fields;
use crate::templates::Message;
use jiff::tz::TimeZone;
use std::sync::Arc;
use tokio::sync::watch;

/// What is said of a delivery that waits for a person because nobody knows whether it was accepted.
const HELD_UNCERTAIN: &str =
    "perhaps accepted, nobody knows; `retaind deliveries retry` sends it again under the same id, `cancel` does not";

/// As long as marketing is paused, its calls are put off by so much.
const MARKETING_PAUSED: Span = Span::minutes(5);

/// What is known of the customer at the moment of sending.
struct Recipient {
    customer: Customer,
    zone: TimeZone,
}

/// Brings one claimed delivery as far as it goes now.
pub(super) async fn attempt(shared: &Shared, delivery: Delivery) -> Result<(), StoreError> {
    // First this, so that no reload comes between unnoticed.
    let reloads = shared.reloads();
    let world = shared.world.load_full();
    if delivery.state == State::Uncertain
        && let Some(next) = when_found_uncertain(&delivery, world.policy.uncertain, shared.clock.now())
    {
        let detail = (next.state == State::Held).then(|| HELD_UNCERTAIN.to_owned());
        return settle_with(shared, delivery, next, detail, None).await;
    }
    match &delivery.payload {
        Payload::Email { .. } => Box::pin(email(shared, (&world, reloads), delivery)).await,
        Payload::Webhook { .. } => Box::pin(webhook(shared, &world, delivery)).await,
    }
}

async fn email(
    shared: &Shared,
    (world, mut reloads): (&World, watch::Receiver<u64>),
    delivery: Delivery,
) -> Result<(), StoreError> {
    if world.sender.as_ref().is_none_or(|sender| sender.rated) || is_hopeless(shared, world, &delivery) {
        // Or two mails to one customer would each be stopped by the place that the other is about to give back.
        let _deciding = shared.deciding(delivery.customer).await;
        if let Passed::Stopped(stop) = pass_gates(shared, world, &delivery).await? {
            // Neither a connection nor a turn under the rate is spent on what does not go out.
            return stopped(shared, delivery, stop).await;
        }
    }
    let Some(sender) = &world.sender else {
        return hold(shared, delivery, None, "email.from is not set in the settings").await;
    };
    let connected = tokio::select! {
        connected = sender.mailer.connect() => connected,
        () = shared.drain_begins() => {
            shared.store.release(&[delivery.id]).await;
            return Ok(());
        }
        // The wait can be long. What comes of it then is a mail by the rules, templates and settings of today.
        _ = reloads.changed() => {
            shared.store.release(&[delivery.id]).await;
            return Ok(());
        }
    };
    let connection = match connected {
        Ok(connection) => connection,
        Err(outcome) => {
            shared.lane_failed(&delivery.lane(), &outcome);
            shared.store.release(&[delivery.id]).await;
            return Ok(());
        }
    };
    shared.lane_worked(&delivery.lane());
    if reloads.has_changed().unwrap_or(false) {
        connection.put_back();
        shared.store.release(&[delivery.id]).await;
        return Ok(());
    }
    match prepare(shared, world, sender, delivery).await {
        Ok(Some((delivery, mail))) => {
            let outcome = connection.send(&mail).await;
            finish(shared, world.policy.uncertain, delivery, outcome, Some(&mail.to)).await
        }
        Ok(None) => {
            connection.put_back();
            Ok(())
        }
        Err(error) => {
            connection.put_back();
            Err(error)
        }
    }
}

/// Whether it is plain without looking at the customer that the gates will stop it.
fn is_hopeless(shared: &Shared, world: &World, delivery: &Delivery) -> bool {
    let rule = world.rules.get(&delivery.rule);
    rule.is_none_or(|rule| !rule.steps.iter().any(|step| step.id == delivery.step))
        || shared.pauses.rule(&delivery.rule).is_some()
        || shared.clock.now() >= delivery.expires_at
}

/// With a connection in hand: gates, rendering, `sending`. `None` when the delivery does not go out now.
async fn prepare(
    shared: &Shared,
    world: &World,
    sender: &Sender,
    delivery: Delivery,
) -> Result<Option<(Delivery, Mail)>, StoreError> {
    let _deciding = shared.deciding(delivery.customer).await;
    let recipient = match pass_gates(shared, world, &delivery).await? {
        Passed::Yes(recipient) => recipient,
        Passed::Stopped(stop) => return stopped(shared, delivery, stop).await.map(|()| None),
    };
    let mail = match render(world, sender, &delivery, &recipient, shared.clock.now()) {
        Ok(mail) => mail,
        Err(error) => return hold(shared, delivery, Some(Reason::RenderError), &error).await.map(|()| None),
    };
    let now = shared.clock.now();
    let keeps = keeps_slot(&delivery, &recipient.customer, &recipient.zone, now);
    let slot = if keeps { SlotChange::Keep } else { SlotChange::Move(now) };
    Ok(begin(shared, delivery, slot).await?.map(|delivery| (delivery, mail)))
}

async fn webhook(shared: &Shared, world: &World, delivery: Delivery) -> Result<(), StoreError> {
    let Payload::Webhook { endpoint, body } = &delivery.payload else { return Ok(()) };
    let body = body.clone();
    if shared.pauses.stops(delivery.class) {
        // Its lane is that of other classes, too.
        let later = shared.clock.now().plus(MARKETING_PAUSED);
        return stopped(shared, delivery, Gate::Defer(later, Reason::Paused)).await;
    }
    match pass_gates(shared, world, &delivery).await? {
        Passed::Yes(_) => {}
        Passed::Stopped(stop) => return stopped(shared, delivery, stop).await,
    }
    let Some(endpoint) = world.endpoints.get(endpoint.as_str()) else {
        let text = format!(
            "there is no endpoint {endpoint:?} in the settings any more; put it back and `retaind deliveries retry`, or `cancel`"
        );
        return hold(shared, delivery, None, &text).await;
    };
    let Some(delivery) = begin(shared, delivery, SlotChange::Keep).await? else { return Ok(()) };
    let outcome = shared.poster.post(endpoint, delivery.id, &body, shared.clock.now()).await;
    finish(shared, world.policy.uncertain, delivery, outcome, None).await
}

enum Passed {
    Yes(Box<Recipient>),
    Stopped(Gate),
}

/// Asks every gate anew, on the customer as stored now.
async fn pass_gates(shared: &Shared, world: &World, delivery: &Delivery) -> Result<Passed, StoreError> {
    let now = shared.clock.now();
    let view = View { interest: Arc::clone(&world.interest), now, backtest: false };
    let Some(stored) = shared.store.customer_by_number(delivery.customer, &view).await? else {
        return Ok(Passed::Stopped(Gate::Cancel(Reason::NotWanted)));
    };
    let customer = stored.customer;
    let suppressed = match (&delivery.payload, customer.email()) {
        (Payload::Email { .. }, Some(address)) => shared.store.suppression(address).await?.is_some(),
        _ => false,
    };
    let zone = world.zone_of(&customer);
    let input = GateInput {
        delivery,
        rule: world.rules.get(&delivery.rule).map(AsRef::as_ref),
        paused: shared.pauses.rule(&delivery.rule),
        customer: &customer,
        zone: &zone,
        now,
        policy: &world.policy,
        suppressed,
        only_to: &world.only_to,
    };
    Ok(match gate(&input) {
        Gate::Go => Passed::Yes(Box::new(Recipient { customer, zone })),
        stop => Passed::Stopped(stop),
    })
}

/// Records what a gate said.
async fn stopped(shared: &Shared, delivery: Delivery, stop: Gate) -> Result<(), StoreError> {
    let now = shared.clock.now();
    let due = delivery.due_at;
    let (state, due_at, reason, slot) = match stop {
        Gate::Go => return Ok(()),
        Gate::Cancel(reason) => (State::Cancelled, due, reason, SlotChange::Free),
        Gate::Suppress(reason) => (State::Suppressed, due, reason, SlotChange::Free),
        Gate::Defer(at, reason) => (State::Deferred, at, reason, SlotChange::Move(at)),
        Gate::Hold(reason) => (State::Held, due, reason, SlotChange::Keep),
    };
    tracing::debug!({ fields::DELIVERY } = %delivery.id, { fields::RULE } = delivery.rule.as_str(), %state, %reason, "not sent");
    counts::withheld(&delivery, reason.word());
    let slot = if delivery.payload.channel() == "email" { slot } else { SlotChange::Keep };
    let changed = change(shared, delivery, slot, None, |delivery| {
        delivery.state = state;
        delivery.due_at = due_at;
        delivery.reason = Some(reason);
    })
    .await?;
    if state == State::Held && shared.pauses.rule(&changed.rule).is_none() {
        // The rule was resumed after the gate was asked, and what it held was queued before this one was held.
        let queued = change(shared, changed, SlotChange::Keep, None, |delivery| {
            delivery.state = State::Queued;
            delivery.due_at = now;
            delivery.reason = None;
        });
        return match queued.await {
            // Or it was resumed just now, and was found held and queued.
            Ok(_) | Err(StoreError::Conflict) => Ok(()),
            Err(error) => Err(error),
        };
    }
    Ok(())
}

/// Holds a delivery that cannot be sent as things are, for a person to look at.
async fn hold(shared: &Shared, delivery: Delivery, reason: Option<Reason>, error: &str) -> Result<(), StoreError> {
    tracing::error!({ fields::DELIVERY } = %delivery.id, { fields::RULE } = delivery.rule.as_str(), error, "held");
    counts::withheld(&delivery, reason.map_or("none", Reason::word));
    change(shared, delivery, SlotChange::Keep, None, |delivery| {
        delivery.state = State::Held;
        delivery.reason = reason;
        delivery.last_error = Some(error.to_owned());
    })
    .await
    .map(drop)
}

/// Holds a delivery whose attempt panicked.
pub(super) async fn panicked(shared: &Shared, delivery: Delivery) -> Result<(), StoreError> {
    let stored = shared.store.delivery(delivery.id).await?.unwrap_or(delivery);
    hold(shared, stored, None, "an internal error stopped the attempt; please report it").await
}

/// Makes `sending` durable, before the first byte goes out. `None` when it does not begin after all: the drain or a
/// pause came first, or the store does not take it at present.
async fn begin(shared: &Shared, delivery: Delivery, slot: SlotChange) -> Result<Option<Delivery>, StoreError> {
    if !shared.may_begin() {
        shared.store.release(&[delivery.id]).await;
        return Ok(None);
    }
    let now = shared.clock.now();
    let mut begun = delivery.clone();
    begun.state = State::Sending;
    begun.attempts += 1;
    begun.attempted_at = Some(now);
    begun.reason = None;
    let change = DeliveryChange {
        from: delivery.state,
        from_attempts: delivery.attempts,
        delivery: begun.clone(),
        slot,
        suppress: None,
        remember: false,
    };
    match shared.store.record(vec![change], Urgency::Interactive).await {
        Ok(()) => Ok(Some(begun)),
        Err(error) if error.may_pass() => {
            // With its place kept meanwhile, for given back at once it would be claimed at once, again and again.
            wait_for_the_store(&error).await;
            // Whether it was recorded is not known. When there is room again, much may have changed: it goes back into
            // the queue and through all gates.
            if stored_when_readable(shared, begun.id).await?.as_ref() == Some(&begun) {
                let back = |found: &mut Delivery| found.state = delivery.state;
                self::change(shared, begun, SlotChange::Keep, None, back).await?;
            }
            shared.store.release(&[delivery.id]).await;
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// The delivery as stored, as soon as the store can say.
async fn stored_when_readable(shared: &Shared, id: DeliveryId) -> Result<Option<Delivery>, StoreError> {
    loop {
        match shared.store.delivery(id).await {
            Err(error) if error.may_pass() => wait_for_the_store(&error).await,
            other => return other,
        }
    }
}

/// The store itself says what is the matter, once.
async fn wait_for_the_store(error: &StoreError) {
    tracing::debug!(%error, "waiting for the store");
    tokio::time::sleep(std::time::Duration::from_secs(1)).await;
}

/// Records an outcome.
async fn finish(
    shared: &Shared,
    uncertain: UncertainPolicy,
    delivery: Delivery,
    outcome: Outcome,
    address: Option<&str>,
) -> Result<(), StoreError> {
    let now = shared.clock.now();
    let next = after_outcome(&delivery, &outcome, uncertain, now);
    let suppress = match (&outcome, address) {
        (Outcome::Permanent { receiver_gone: true, detail }, Some(address)) => {
            Some(Suppression { address: normalized_address(address), reason: detail.clone(), at: now })
        }
        _ => None,
    };
    let detail = match outcome {
        Outcome::Accepted { .. } => {
            tracing::info!({ fields::DELIVERY } = %delivery.id, { fields::RULE } = delivery.rule.as_str(),
                { fields::CHANNEL } = delivery.payload.channel(), { fields::ATTEMPT } = delivery.attempts, "sent");
            None
        }
        Outcome::Transient { detail, .. } | Outcome::Permanent { detail, .. } | Outcome::Uncertain { detail } => {
            tracing::warn!({ fields::DELIVERY } = %delivery.id, { fields::RULE } = delivery.rule.as_str(),
                { fields::CHANNEL } = delivery.payload.channel(), { fields::ATTEMPT } = delivery.attempts,
                state = %next.state, detail, "not accepted");
            Some(detail)
        }
    };
    let detail = match detail {
        Some(detail) if next.state == State::Held => Some(format!("{detail}; {HELD_UNCERTAIN}")),
        other => other,
    };
    counts::attempted(&delivery, next.state, now);
    settle_with(shared, delivery, next, detail, suppress).await
}

async fn settle_with(
    shared: &Shared,
    delivery: Delivery,
    next: Next,
    detail: Option<String>,
    suppress: Option<Suppression>,
) -> Result<(), StoreError> {
    let mail = delivery.payload.channel() == "email";
    let slot = match next.state {
        State::Failed if mail => SlotChange::Free,
        State::Deferred if mail => SlotChange::Move(next.due_at),
        _ => SlotChange::Keep,
    };
    let now = shared.clock.now();
    let was_uncertain = delivery.state == State::Uncertain;
    change(shared, delivery, slot, suppress, |delivery| {
        delivery.state = next.state;
        if next.state.is_waiting() {
            delivery.due_at = next.due_at;
        }
        delivery.reason = next.reason;
        if next.state == State::Sent {
            delivery.sent_at = Some(now);
            delivery.last_error = None;
        } else if detail.is_some() {
            delivery.last_error = detail;
        }
        if next.state == State::Uncertain && !was_uncertain {
            delivery.uncertain += 1;
        }
    })
    .await
    .map(drop)
}

/// Records one change; waits out a disk that is full or cannot be written, for what went over the wire must be remembered.
async fn change(
    shared: &Shared,
    delivery: Delivery,
    slot: SlotChange,
    suppress: Option<Suppression>,
    edit: impl FnOnce(&mut Delivery),
) -> Result<Delivery, StoreError> {
    let (from, from_attempts) = (delivery.state, delivery.attempts);
    let mut changed = delivery;
    edit(&mut changed);
    let remember = changed.state == State::Sent && shared.world.load().interest.sent.contains(&changed.rule);
    let change = DeliveryChange { from, from_attempts, delivery: changed.clone(), slot, suppress, remember };
    let mut in_doubt = false;
    loop {
        match shared.store.record(vec![change.clone()], Urgency::Interactive).await {
            Ok(()) => break,
            Err(error) if error.may_pass() => {
                in_doubt = true;
                wait_for_the_store(&error).await;
            }
            // A call that answered so may have been completed when there was room again.
            Err(StoreError::Conflict)
                if in_doubt && stored_when_readable(shared, changed.id).await?.as_ref() == Some(&changed) =>
            {
                break;
            }
            Err(error) => return Err(error),
        }
    }
    if remember {
        shared.was_remembered();
    }
    Ok(changed)
}

fn render(
    world: &World,
    sender: &Sender,
    delivery: &Delivery,
    recipient: &Recipient,
    now: Time,
) -> Result<Mail, String> {
    let Payload::Email { template } = &delivery.payload else { return Err("not a mail".to_owned()) };
    let customer = &recipient.customer;
    let message = Message {
        customer,
        event: delivery.entry.as_ref().and_then(|entry| entry.event.as_ref()),
        schema: &world.schema,
        words: &world.words,
        business: &world.business,
        zone: &recipient.zone,
        locale: customer.text("locale").unwrap_or(&world.business.locale),
    };
    let rendered = world.templates.render(template, &message).map_err(|error| error.to_string())?;
    let domain = sender.from.rsplit('@').next().unwrap_or_default().trim_end_matches('>');
    Ok(Mail {
        id: delivery.id,
        from: sender.from.clone(),
        reply_to: sender.reply_to.clone(),
        to: customer.email().unwrap_or_default().to_owned(),
        subject: rendered.subject,
        preheader: rendered.preheader,
        text: rendered.text,
        html: rendered.html,
        date: now,
        headers: vec![("Feedback-ID".to_owned(), format!("{}:{}:retaind:{domain}", delivery.rule, delivery.class))],
    })
}
