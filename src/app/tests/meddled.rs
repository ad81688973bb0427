//! A store that fails or waits where a test says so, over a real one.

use crate::domain::{
    Arrival, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Enrollment, Event, Interest, Lane, Planned, RuleState,
    Span, State, Suppression, Text, Tick, Time,
};
use crate::store::{
    CustomerWork, DecisionBatch, DeliveryChange, DeliveryFilter, HistoryWork, LaneStatus, Marking, Overdue, Result,
    Stats, Store, StoreError, StoredCustomer, Urgency, Verdict, View,
};
use async_trait::async_trait;
use std::sync::{Arc, Mutex};
use tokio::sync::{Notify, watch};

/// What happens once, when the worker next records a delivery in some state.
#[derive(Debug, Clone, Copy)]
pub(super) enum Act {
    /// It is recorded when the test says [`Meddling::go_on`].
    Wait,
    /// The disk is full, and nothing is recorded.
    Full,
    /// The disk is full; the change is recorded all the same, and the delivery cannot be read once.
    FullAndRecorded,
}

/// What a test has in store for the worker.
#[derive(Debug, Default)]
pub(super) struct Meddling {
    next: Mutex<Option<(State, Act)>>,
    unreadable: Mutex<bool>,
    full_for_arrivals: Mutex<bool>,
    full_for_decisions: Mutex<bool>,
    lose_decision: Mutex<bool>,
    hold_rounds: watch::Sender<bool>,
    hold_ticks: watch::Sender<bool>,
    before_decision: Mutex<Option<(Vec<Arrival>, Arc<Interest>)>>,
    decided: Mutex<Vec<CustomerNumber>>,
    reached: Notify,
    go_on: Notify,
}

impl Meddling {
    pub(super) fn when_recorded(&self, state: State, act: Act) {
        *self.next.lock().unwrap() = Some((state, act));
    }

    /// Whether the disk is full for what arrives.
    pub(super) fn full_for_arrivals(&self, is_full: bool) {
        *self.full_for_arrivals.lock().unwrap() = is_full;
    }

    /// Whether the disk is full for what the watcher decides.
    pub(super) fn full_for_decisions(&self, is_full: bool) {
        *self.full_for_decisions.lock().unwrap() = is_full;
    }

    /// Whether what the watcher decides for many at once waits.
    pub(super) fn hold_rounds(&self, hold: bool) {
        self.hold_rounds.send_replace(hold);
    }

    /// Whether what a tick decides waits.
    pub(super) fn hold_ticks(&self, hold: bool) {
        self.hold_ticks.send_replace(hold);
    }

    /// The watcher's next decision is stored, and the watcher is told that the disk is full.
    pub(super) fn lose_the_next_decision(&self) {
        *self.lose_decision.lock().unwrap() = true;
    }

    /// These arrive just before the watcher's next decision is stored.
    pub(super) fn before_the_next_decision(&self, arrivals: Vec<Arrival>, interest: Arc<Interest>) {
        *self.before_decision.lock().unwrap() = Some((arrivals, interest));
    }

    /// Of whom the watcher has decided, in the order in which it was stored.
    pub(super) fn decided(&self) -> Vec<CustomerNumber> {
        self.decided.lock().unwrap().clone()
    }

    /// Comes back when what was to happen happens.
    pub(super) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets a recording that waits go on.
    pub(super) fn go_on(&self) {
        self.go_on.notify_one();
    }

    /// The worker's changes are interactive, those of the operations and the ticks are not.
    fn take(&self, changes: &[DeliveryChange], urgency: Urgency) -> Option<Act> {
        let mut next = self.next.lock().unwrap();
        let (state, act) = (*next)?;
        let meant = urgency == Urgency::Interactive && changes.iter().any(|change| change.delivery.state == state);
        meant.then(|| {
            *next = None;
            act
        })
    }
}

pub(super) struct Meddled {
    pub(super) inner: Arc<dyn Store>,
    pub(super) meddling: Arc<Meddling>,
}

fn full() -> StoreError {
    StoreError::NoSpace("a full disk".into())
}

#[async_trait]
impl Store for Meddled {
    async fn record(&self, changes: Vec<DeliveryChange>, urgency: Urgency) -> Result<()> {
        let act = self.meddling.take(&changes, urgency);
        if act.is_some() {
            self.meddling.reached.notify_one();
        }
        match act {
            None => self.inner.record(changes, urgency).await,
            Some(Act::Wait) => {
                self.meddling.go_on.notified().await;
                self.inner.record(changes, urgency).await
            }
            Some(Act::Full) => Err(full()),
            Some(Act::FullAndRecorded) => {
                self.inner.record(changes, urgency).await?;
                *self.meddling.unreadable.lock().unwrap() = true;
                Err(full())
            }
        }
    }

    async fn overdue(&self, now: Time, ages: &[Span], limit: usize) -> Result<Vec<Overdue>> {
        self.inner.overdue(now, ages, limit).await
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        if std::mem::take(&mut *self.meddling.unreadable.lock().unwrap()) {
            return Err(full());
        }
        self.inner.delivery(id).await
    }

    fn delivery_key(&self) -> DeliveryKey {
        self.inner.delivery_key()
    }

    async fn ingest(
        &self,
        arrivals: Vec<Arrival>,
        interest: &Interest,
        urgency: Urgency,
        marking: Marking,
    ) -> Result<Vec<Verdict>> {
        if *self.meddling.full_for_arrivals.lock().unwrap() {
            return Err(full());
        }
        self.inner.ingest(arrivals, interest, urgency, marking).await
    }

    async fn mark_dirty(
        &self,
        after: Option<CustomerNumber>,
        limit: usize,
        at: Time,
    ) -> Result<Option<CustomerNumber>> {
        self.inner.mark_dirty(after, limit, at).await
    }

    async fn take_dirty(&self, now: Time, limit: usize, lease: Span) -> Result<Vec<CustomerNumber>> {
        self.inner.take_dirty(now, limit, lease).await
    }

    async fn release_dirty(&self, customers: &[CustomerNumber]) {
        self.inner.release_dirty(customers).await;
    }

    async fn next_wake(&self) -> Result<Option<Time>> {
        self.inner.next_wake().await
    }

    async fn customer(&self, id: &str, view: &View) -> Result<Option<StoredCustomer>> {
        self.inner.customer(id, view).await
    }

    async fn customer_by_number(&self, number: CustomerNumber, view: &View) -> Result<Option<StoredCustomer>> {
        self.inner.customer_by_number(number, view).await
    }

    async fn customers(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
    ) -> Result<Vec<StoredCustomer>> {
        self.inner.customers(after, up_to, limit, view).await
    }

    async fn with_customers(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
        work: CustomerWork,
    ) -> Result<()> {
        self.inner.with_customers(after, up_to, limit, view, work).await
    }

    async fn with_customers_of(&self, numbers: Vec<CustomerNumber>, view: &View, work: CustomerWork) -> Result<()> {
        self.inner.with_customers_of(numbers, view, work).await
    }

    async fn with_customers_named(&self, ids: Vec<String>, view: &View, work: CustomerWork) -> Result<()> {
        self.inner.with_customers_named(ids, view, work).await
    }

    async fn with_histories(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
        work: HistoryWork,
    ) -> Result<()> {
        self.inner.with_histories(after, up_to, limit, view, work).await
    }

    fn last_customer(&self) -> CustomerNumber {
        self.inner.last_customer()
    }

    fn zones(&self) -> Vec<String> {
        self.inner.zones()
    }

    async fn events(&self, customer: CustomerNumber, before: Option<Time>, limit: usize) -> Result<Vec<Event>> {
        self.inner.events(customer, before, limit).await
    }

    async fn members(&self, rule: &str, after: Option<CustomerNumber>, limit: usize) -> Result<Vec<CustomerNumber>> {
        self.inner.members(rule, after, limit).await
    }

    async fn enrollments(&self, customer: CustomerNumber, limit: usize) -> Result<Vec<Enrollment>> {
        self.inner.enrollments(customer, limit).await
    }

    async fn rebuild(
        &self,
        after: Option<CustomerNumber>,
        limit: usize,
        interest: &Interest,
        now: Time,
    ) -> Result<Option<CustomerNumber>> {
        self.inner.rebuild(after, limit, interest, now).await
    }

    async fn decide(&self, batch: DecisionBatch) -> Result<()> {
        if batch.tick.is_some() {
            if *self.meddling.hold_ticks.borrow() {
                self.meddling.reached.notify_one();
                self.meddling.hold_ticks.subscribe().wait_for(|hold| !hold).await.unwrap();
            }
            return self.inner.decide(batch).await;
        }
        if *self.meddling.full_for_decisions.lock().unwrap() {
            self.meddling.reached.notify_one();
            return Err(full());
        }
        if batch.urgency == Urgency::Background && *self.meddling.hold_rounds.borrow() {
            self.meddling.reached.notify_one();
            self.meddling.hold_rounds.subscribe().wait_for(|hold| !hold).await.unwrap();
        }
        let before = self.meddling.before_decision.lock().unwrap().take();
        if let Some((arrivals, interest)) = before {
            self.inner.ingest(arrivals, &interest, Urgency::Interactive, Marking::Dirty).await?;
        }
        let lose = std::mem::take(&mut *self.meddling.lose_decision.lock().unwrap());
        let whose: Vec<CustomerNumber> = batch.decisions.iter().map(|decision| decision.customer).collect();
        self.inner.decide(batch).await?;
        self.meddling.decided.lock().unwrap().extend(whose);
        if lose { Err(full()) } else { Ok(()) }
    }

    async fn open_ticks(&self) -> Result<Vec<Tick>> {
        self.inner.open_ticks().await
    }

    async fn planned(&self) -> Result<Vec<Planned>> {
        self.inner.planned().await
    }

    async fn plan(&self, ticks: Vec<Tick>, planned: Vec<Planned>) -> Result<()> {
        self.inner.plan(ticks, planned).await
    }

    async fn rule_states(&self) -> Result<Vec<(Text, RuleState)>> {
        self.inner.rule_states().await
    }

    async fn set_rule_states(&self, states: Vec<(Text, RuleState)>) -> Result<()> {
        self.inner.set_rule_states(states).await
    }

    async fn lanes(&self) -> Result<Vec<LaneStatus>> {
        self.inner.lanes().await
    }

    async fn claim(&self, lane: &Lane, now: Time, limit: usize, lease: Span) -> Result<Vec<Delivery>> {
        self.inner.claim(lane, now, limit, lease).await
    }

    async fn release(&self, deliveries: &[DeliveryId]) {
        self.inner.release(deliveries).await;
    }

    async fn recover(&self, now: Time) -> Result<u64> {
        self.inner.recover(now).await
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        self.inner.deliveries(filter, after, limit).await
    }

    async fn prune(&self, before: Time, limit: usize) -> Result<u64> {
        self.inner.prune(before, limit).await
    }

    async fn suppression(&self, address: &str) -> Result<Option<Suppression>> {
        self.inner.suppression(address).await
    }

    async fn suppressions(&self, after: Option<&str>, limit: usize) -> Result<Vec<Suppression>> {
        self.inner.suppressions(after, limit).await
    }

    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<u64> {
        self.inner.suppress(suppressions).await
    }

    async fn unsuppress(&self, address: &str) -> Result<bool> {
        self.inner.unsuppress(address).await
    }

    async fn flag(&self, name: &str) -> Result<Option<String>> {
        self.inner.flag(name).await
    }

    async fn set_flag(&self, name: &str, value: Option<&str>) -> Result<()> {
        self.inner.set_flag(name, value).await
    }

    async fn stats(&self) -> Result<Stats> {
        self.inner.stats().await
    }

    async fn close(&self) -> Result<()> {
        self.inner.close().await
    }
}
