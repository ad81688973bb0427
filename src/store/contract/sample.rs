//! Made-up arrivals, decisions and deliveries.

use crate::domain::{
    Arrival, CapSlot, Class, CustomerNumber, Delivery, DeliveryId, Enrollment, Event, EventInterest, Interest, Payload,
    ProfileRow, RuleMemory, Span, State, Tick, TickCounts, TickMember, Time, Value, ValueType,
};
use crate::store::{
    Decision, DecisionBatch, DeliveryChange, Marking, SlotChange, Store, StoredCustomer, Urgency, Verdict, View,
    WakeChange,
};
use std::sync::Arc;

pub(in crate::store) const DAY: Span = Span::days(1);

pub(in crate::store) fn day(n: i64) -> Time {
    Time(0).plus(Span::days(n))
}

/// A purchase at that day, received on the same day.
pub(in crate::store) fn order(n: i64, id: &str, revenue: i64) -> Event {
    Event {
        name: "Order Completed".into(),
        at: day(n),
        received_at: day(n),
        message_id: Some(format!("{id}@{n}").into()),
        properties: [("order_id".into(), Value::Text(id.into())), ("revenue".into(), Value::Number(revenue.into()))]
            .into(),
    }
}

pub(in crate::store) fn arrival(customer: &str, event: Event) -> Arrival {
    Arrival::Event { customer: customer.into(), event }
}

/// Two ids are one customer's, told on that day.
pub(in crate::store) fn merge(from: &str, into: &str, received: i64) -> Arrival {
    Arrival::Merge { from: from.into(), into: into.into(), received_at: day(received) }
}

pub(in crate::store) fn row(received: i64, attributes: &[(&str, &str)]) -> ProfileRow {
    ProfileRow {
        effective_at: day(received),
        attributes: attributes
            .iter()
            .map(|(name, value)| ((*name).into(), (!value.is_empty()).then(|| Value::Text((*value).into()))))
            .collect(),
        consent: [].into(),
        source: "test".into(),
        received_at: day(received),
        proof: None,
    }
}

pub(in crate::store) fn profile(customer: &str, row: ProfileRow) -> Arrival {
    Arrival::Profile { customer: customer.into(), row, dated: false, message_id: None }
}

pub(in crate::store) fn dated(customer: &str, at: i64, row: ProfileRow) -> Arrival {
    Arrival::Profile {
        customer: customer.into(),
        row: ProfileRow { effective_at: day(at), ..row },
        dated: true,
        message_id: None,
    }
}

pub(in crate::store) fn interest() -> Interest {
    let wanted = EventInterest {
        sums: ["revenue".into()].into(),
        last_values: [("revenue".into(), ValueType::Number)].into(),
        longest_window: Some(Span::days(365)),
    };
    Interest { events: [("Order Completed".into(), wanted)].into(), ..Interest::default() }
}

/// As [`interest`], where some events start rules, and some are counted.
pub(in crate::store) fn watched() -> Interest {
    let mut watched = interest();
    watched.events.insert("Signed In".into(), EventInterest::default());
    watched.triggers.insert("Cart Updated".into());
    watched
}

pub(in crate::store) fn view(now: i64) -> View {
    View { interest: Arc::new(interest()), now: day(now), backtest: false }
}

pub(in crate::store) fn backtest(now: i64) -> View {
    View { backtest: true, ..view(now) }
}

pub(in crate::store) async fn ingest(store: &dyn Store, arrivals: Vec<Arrival>) -> Vec<Verdict> {
    store.ingest(arrivals, &interest(), Urgency::Interactive, Marking::Leave).await.unwrap()
}

/// As [`ingest`], and makes dirty.
pub(in crate::store) async fn mark(store: &dyn Store, arrivals: Vec<Arrival>) -> Vec<Verdict> {
    store.ingest(arrivals, &interest(), Urgency::Interactive, Marking::Dirty).await.unwrap()
}

/// Decides nothing for a customer but when to look again.
pub(in crate::store) async fn look(store: &dyn Store, id: &str, wake: Option<Time>) {
    let seen = customer(store, id, 9).await;
    let mut decision = Decision { wake: WakeChange::Set(wake), ..decision(&seen, vec![]) };
    (decision.memories, decision.enrollments) = Default::default();
    store.decide(batch(vec![decision])).await.unwrap();
}

pub(in crate::store) async fn customer(store: &dyn Store, id: &str, now: i64) -> StoredCustomer {
    store.customer(id, &view(now)).await.unwrap().unwrap()
}

/// Stores customers of those ids, received on day 0, and answers them.
pub(in crate::store) async fn customers(store: &dyn Store, ids: &[&str]) -> Vec<StoredCustomer> {
    ingest(store, ids.iter().map(|id| profile(id, row(0, &[("email", "a@b.example")]))).collect()).await;
    let mut stored = Vec::new();
    for id in ids {
        stored.push(customer(store, id, 1).await);
    }
    stored
}

pub(in crate::store) fn id(n: u8) -> DeliveryId {
    DeliveryId([n; 16])
}

pub(in crate::store) fn mail(n: u8, to: &StoredCustomer, due: i64) -> Delivery {
    Delivery {
        id: id(n),
        rule: "win-back".into(),
        step: "win-back".into(),
        customer: to.number,
        customer_id: to.customer.id.clone(),
        occurrence: format!("o{n}").into(),
        payload: Payload::Email { template: "win-back".into() },
        class: Class::Marketing,
        topic: None,
        state: State::Queued,
        created_at: day(1),
        due_at: day(due),
        expires_at: day(due + 3),
        attempts: 0,
        sent_at: None,
        reason: None,
        last_error: None,
        tick: None,
        uncertain: 0,
        attempted_at: None,
        entry: None,
        later: false,
    }
}

pub(in crate::store) fn webhook(n: u8, to: &StoredCustomer, due: i64, endpoint: &str) -> Delivery {
    let payload = Payload::Webhook { endpoint: endpoint.into(), body: "{}".into() };
    Delivery { payload, ..mail(n, to, due) }
}

/// The decision that queues these deliveries, with a memory, and a slot for each mail.
pub(in crate::store) fn decision(customer: &StoredCustomer, deliveries: Vec<Delivery>) -> Decision {
    let occurrence = deliveries.first().map_or_else(|| "o0".into(), |first| first.occurrence.clone());
    let mails = deliveries.iter().filter(|delivery| matches!(delivery.payload, Payload::Email { .. }));
    Decision {
        memories: vec![(
            "win-back".into(),
            RuleMemory {
                occurrence: occurrence.clone(),
                enrolled_at: day(1),
                enrollments: 1,
                held_out: false,
                sent_at: None,
            },
        )],
        slots: mails.map(|it| CapSlot { class: it.class, at: it.due_at, delivery: it.id }).collect(),
        enrollments: vec![Enrollment {
            rule: "win-back".into(),
            occurrence,
            entered_at: day(1),
            held_out: false,
            deliveries: deliveries.iter().map(|delivery| delivery.id).collect(),
            class: Class::Marketing,
            ending: None,
        }],
        deliveries,
        ..Decision::none(customer.number, customer.version)
    }
}

pub(in crate::store) fn batch(decisions: Vec<Decision>) -> DecisionBatch {
    DecisionBatch { tick: None, rules: Vec::new(), decisions, urgency: Urgency::Interactive }
}

/// Queues deliveries for a new customer named after the first of them.
pub(in crate::store) async fn queue(
    store: &dyn Store,
    name: &str,
    deliveries: impl Fn(&StoredCustomer) -> Vec<Delivery>,
) -> Vec<Delivery> {
    let customer = customers(store, &[name]).await.remove(0);
    let deliveries = deliveries(&customer);
    store.decide(batch(vec![decision(&customer, deliveries.clone())])).await.unwrap();
    deliveries
}

pub(in crate::store) fn change(seen: &Delivery, state: State) -> DeliveryChange {
    DeliveryChange {
        from: seen.state,
        from_attempts: seen.attempts,
        delivery: Delivery { state, ..seen.clone() },
        slot: SlotChange::Keep,
        suppress: None,
        remember: false,
    }
}

/// Records that an attempt began, and answers the delivery as it is then.
pub(in crate::store) async fn begin(store: &dyn Store, seen: &Delivery, at: Time) -> Delivery {
    let mut begun = change(seen, State::Sending);
    begun.delivery.attempts += 1;
    begun.delivery.attempted_at = Some(at);
    let sending = begun.delivery.clone();
    store.record(vec![begun], Urgency::Interactive).await.unwrap();
    sending
}

pub(in crate::store) fn member(rule: &str) -> TickMember {
    TickMember {
        rule: rule.into(),
        zone: "UTC".into(),
        of_customers: false,
        occurrence: "1970-01-02T00:00".into(),
        counts: TickCounts::default(),
    }
}

pub(in crate::store) fn tick(at: i64, rules: &[&str]) -> Tick {
    Tick { at: day(at), members: rules.iter().map(|rule| member(rule)).collect(), cursor: None, complete: false }
}

pub(in crate::store) const EVERYONE: CustomerNumber = CustomerNumber(u64::MAX);
