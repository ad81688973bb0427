//! The model: a store in memory, as plain as it can be.
//!
//! What it is for: saying what every store has to answer, and serving tests and simulations.
//! Invariants: each call is one step under one lock; nothing is kept that can be computed from what arrived.
//! Deliberately not here: durability, and speed.

mod dirty;
mod erase;
mod merge;
mod model;
mod outbox;

use super::{
    DecisionBatch, DeliveryChange, DeliveryFilter, Erased, HistoryWork, LaneStatus, Marking, Overdue, Result, Stats,
    Store, StoreError, StoredCustomer, Urgency, Verdict, View,
};
use crate::domain::{
    Arrival, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Enrollment, Event, Interest, Lane, Planned, ProfileRow,
    RuleState, Span, State, Suppression, Text, Tick, Time, normalized_address,
};
use async_trait::async_trait;
use model::Model;
use std::sync::{Mutex, PoisonError};

/// A store that lasts as long as its value.
#[derive(Debug)]
pub struct MemoryStore {
    delivery_key: DeliveryKey,
    /// `None` once closed.
    model: Mutex<Option<Model>>,
}

impl MemoryStore {
    /// An empty store whose delivery ids are made with that key.
    #[must_use]
    pub fn new(delivery_key: DeliveryKey) -> Self {
        Self { delivery_key, model: Mutex::new(Some(Model::default())) }
    }

    fn with<T>(&self, step: impl FnOnce(&mut Model) -> Result<T>) -> Result<T> {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        step(model.as_mut().ok_or(StoreError::Closed)?)
    }
}

#[async_trait]
impl Store for MemoryStore {
    fn delivery_key(&self) -> DeliveryKey {
        self.delivery_key.clone()
    }

    async fn ingest(
        &self,
        arrivals: Vec<Arrival>,
        interest: &Interest,
        _: Urgency,
        marking: Marking,
    ) -> Result<Vec<Verdict>> {
        self.with(|model| Ok(arrivals.into_iter().map(|arrival| model.arrive(arrival, interest, marking)).collect()))
    }

    async fn customer(&self, id: &str, view: &View) -> Result<Option<StoredCustomer>> {
        self.with(|model| Ok(model.number(id).and_then(|number| model.customer(number, view))))
    }

    async fn customer_by_number(&self, number: CustomerNumber, view: &View) -> Result<Option<StoredCustomer>> {
        self.with(|model| Ok(model.customer(number, view)))
    }

    async fn customers(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
    ) -> Result<Vec<StoredCustomer>> {
        self.with(|model| {
            let wanted = model.people.keys().filter(|number| Some(**number) > after && **number <= up_to);
            Ok(wanted.take(limit).filter_map(|number| model.customer(*number, view)).collect())
        })
    }

    async fn with_histories(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
        work: HistoryWork,
    ) -> Result<()> {
        self.with(|model| {
            let wanted = model.people.keys().filter(|number| Some(**number) > after && **number <= up_to);
            work(&mut wanted.take(limit).filter_map(|number| model.history(*number, view)));
            Ok(())
        })
    }

    fn last_customer(&self) -> CustomerNumber {
        CustomerNumber(self.with(|model| Ok(model.last)).unwrap_or(0))
    }

    fn zones(&self) -> Vec<String> {
        self.with(|model| Ok(model.zones.iter().cloned().collect())).unwrap_or_default()
    }

    async fn events(&self, customer: CustomerNumber, before: Option<Time>, limit: usize) -> Result<Vec<Event>> {
        self.with(|model| {
            let events = model.whom(customer).map(model::Person::events).unwrap_or_default();
            let wanted = events.into_iter().rev().filter(|event| before.is_none_or(|before| event.at < before));
            Ok(wanted.take(limit).collect())
        })
    }

    async fn profile_rows(&self, customer: CustomerNumber) -> Result<Vec<ProfileRow>> {
        self.with(|model| Ok(model.whom(customer).map(model::Person::profile_rows).unwrap_or_default()))
    }

    async fn ids(&self, customer: CustomerNumber) -> Result<Vec<String>> {
        self.with(|model| Ok(model.ids(customer)))
    }

    async fn erase(&self, id: &str, _: Time) -> Result<Option<Erased>> {
        self.with(|model| Ok(model.erase(id)))
    }

    async fn members(&self, rule: &str, after: Option<CustomerNumber>, limit: usize) -> Result<Vec<CustomerNumber>> {
        self.with(|model| {
            let holds = model.people.iter().filter(|(_, person)| person.watch.holding.contains(rule));
            Ok(holds.map(|(number, _)| *number).filter(|number| Some(*number) > after).take(limit).collect())
        })
    }

    async fn enrollments(&self, customer: CustomerNumber, limit: usize) -> Result<Vec<Enrollment>> {
        self.with(|model| {
            let mut all = model.whom(customer).map(|person| person.enrollments.clone()).unwrap_or_default();
            all.sort_by(|a, b| {
                (b.entered_at, a.rule.len(), &a.rule, &a.occurrence).cmp(&(
                    a.entered_at,
                    b.rule.len(),
                    &b.rule,
                    &b.occurrence,
                ))
            });
            all.truncate(limit);
            Ok(all)
        })
    }

    async fn rebuild(
        &self,
        after: Option<CustomerNumber>,
        limit: usize,
        _: &Interest,
        _: Time,
    ) -> Result<Option<CustomerNumber>> {
        // Totals are computed for each reader, so there is nothing to be brought up to date.
        self.with(|model| {
            let looked_at: Vec<_> = model.people.keys().filter(|number| Some(**number) > after).take(limit).collect();
            Ok(if looked_at.len() < limit { None } else { looked_at.last().map(|number| **number) })
        })
    }

    async fn mark_dirty(
        &self,
        after: Option<CustomerNumber>,
        limit: usize,
        at: Time,
    ) -> Result<Option<CustomerNumber>> {
        self.with(|model| Ok(model.mark_dirty(after, limit, at)))
    }

    async fn take_dirty(&self, now: Time, limit: usize, lease: Span) -> Result<Vec<CustomerNumber>> {
        self.with(|model| Ok(model.take_dirty(now, limit, lease)))
    }

    async fn release_dirty(&self, customers: &[CustomerNumber]) {
        let released = self.with(|model| {
            model.customer_leases.retain(|number, _| !customers.contains(number));
            Ok(())
        });
        // A closed store has no leases.
        drop(released);
    }

    async fn next_wake(&self) -> Result<Option<Time>> {
        self.with(|model| Ok(model.next_wake()))
    }

    async fn decide(&self, batch: DecisionBatch) -> Result<()> {
        self.with(|model| model.decide(batch))
    }

    async fn open_ticks(&self) -> Result<Vec<Tick>> {
        self.with(|model| Ok(model.ticks.values().filter(|tick| !tick.complete).cloned().collect()))
    }

    async fn planned(&self) -> Result<Vec<Planned>> {
        self.with(|model| {
            let mut all: Vec<Planned> = model.planned.values().cloned().collect();
            all.sort_by(|a, b| (a.rule.len(), &a.rule, &a.zone).cmp(&(b.rule.len(), &b.rule, &b.zone)));
            Ok(all)
        })
    }

    async fn plan(&self, ticks: Vec<Tick>, planned: Vec<Planned>) -> Result<()> {
        self.with(|model| {
            model.plan(ticks, planned);
            Ok(())
        })
    }

    async fn rule_states(&self) -> Result<Vec<(Text, RuleState)>> {
        self.with(|model| Ok(model.rules.clone().into_iter().collect()))
    }

    async fn set_rule_states(&self, states: Vec<(Text, RuleState)>) -> Result<()> {
        self.with(|model| {
            model.rules.extend(states);
            Ok(())
        })
    }

    async fn lanes(&self) -> Result<Vec<LaneStatus>> {
        self.with(|model| Ok(model.lanes()))
    }

    async fn overdue(&self, now: Time, ages: &[Span], limit: usize) -> Result<Vec<Overdue>> {
        self.with(|model| Ok(model.overdue(now, ages, limit)))
    }

    async fn claim(&self, lane: &Lane, now: Time, limit: usize, lease: Span) -> Result<Vec<Delivery>> {
        self.with(|model| Ok(model.claim(lane, now, limit, lease)))
    }

    async fn release(&self, deliveries: &[DeliveryId]) {
        let released = self.with(|model| {
            model.leases.retain(|id, _| !deliveries.contains(id));
            Ok(())
        });
        // A closed store has no leases.
        drop(released);
    }

    async fn record(&self, changes: Vec<DeliveryChange>, _: Urgency) -> Result<()> {
        self.with(|model| model.record(changes))
    }

    async fn recover(&self, now: Time) -> Result<u64> {
        self.with(|model| Ok(model.recover(now)))
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        self.with(|model| Ok(model.deliveries.get(&id).map(|delivery| model.to_survivor(delivery))))
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        self.with(|model| {
            let to = filter.customer.as_deref().map(|id| model.number(id));
            let wanted = model.deliveries.values().filter(|it| Some(it.id) > after && filter.passes(it));
            let wanted =
                wanted.map(|it| model.to_survivor(it)).filter(|it| to.is_none_or(|to| to == Some(it.customer)));
            Ok(wanted.take(limit).collect())
        })
    }

    async fn prune(&self, before: Time, limit: usize) -> Result<u64> {
        self.with(|model| Ok(model.prune(before, limit)))
    }

    async fn suppression(&self, address: &str) -> Result<Option<Suppression>> {
        self.with(|model| Ok(model.suppression(&normalized_address(address))))
    }

    async fn suppressions(&self, after: Option<&str>, limit: usize) -> Result<Vec<Suppression>> {
        self.with(|model| {
            let after = after.map(normalized_address);
            let wanted = model.suppressions.values().filter(|it| Some(&it.address) > after.as_ref());
            Ok(wanted.take(limit).cloned().collect())
        })
    }

    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<u64> {
        self.with(|model| Ok(suppressions.into_iter().map(|it| u64::from(model.suppress(it))).sum()))
    }

    async fn unsuppress(&self, address: &str) -> Result<bool> {
        let address = normalized_address(address);
        self.with(|model| {
            let hidden = model.hidden.remove(&address).is_some();
            Ok(model.suppressions.remove(&address).is_some() || hidden)
        })
    }

    async fn flag(&self, name: &str) -> Result<Option<String>> {
        self.with(|model| Ok(model.flags.get(name).cloned()))
    }

    async fn set_flag(&self, name: &str, value: Option<&str>) -> Result<()> {
        self.with(|model| {
            match value {
                Some(value) => model.flags.insert(name.to_owned(), value.to_owned()),
                None => model.flags.remove(name),
            };
            Ok(())
        })
    }

    async fn stats(&self) -> Result<Stats> {
        self.with(|model| {
            let of = |state: State| model.deliveries.values().filter(|delivery| delivery.state == state).count() as u64;
            let deliveries = State::ALL.iter().map(|state| (*state, of(*state))).collect();
            Ok(Stats { customers: model.people.len() as u64, deliveries, disk_bytes: 0, room: None, writable: true })
        })
    }

    async fn close(&self) -> Result<()> {
        let model = self.model.lock().unwrap_or_else(PoisonError::into_inner).take();
        model.map(drop).ok_or(StoreError::Closed)
    }
}
