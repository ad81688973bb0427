//! What the model keeps, and what arrivals and decisions do to it.

use crate::domain::{
    Arrival, CapSlot, Consent, Customer, CustomerNumber, Delivery, DeliveryId, Enrollment, Event, Interest, Planned,
    ProfileRow, RuleMemory, RuleState, Suppression, Text, Tick, Time, Watch, consents, message_fingerprint,
    normalized_address,
};
use crate::store::derive::Newcomer;
use crate::store::{
    DecisionBatch, DuplicateKey, History, Marking, Result, StoreError, StoredCustomer, Verdict, View, WakeChange,
    derive,
};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// All that is known of one customer.
#[derive(Debug)]
pub(super) struct Person {
    pub(super) id: String,
    pub(super) arrived_at: Time,
    version: u64,
    /// In the order of arrival, each with the version that it made.
    pub(super) rows: Vec<(u64, ProfileRow)>,
    /// By time and fingerprint.
    pub(super) events: BTreeMap<(Time, [u8; 16]), Event>,
    pub(super) memory: BTreeMap<Text, RuleMemory>,
    pub(super) slots: Vec<CapSlot>,
    pub(super) absorbed: Vec<CustomerNumber>,
    pub(super) wake: Option<Time>,
    pub(super) watch: Watch,
    pub(super) enrollments: Vec<Enrollment>,
}

impl Person {
    /// Of whom nothing is known but an id.
    fn new(id: &str, arrived_at: Time) -> Self {
        Self {
            id: id.to_owned(),
            arrived_at,
            version: 0,
            rows: Vec::new(),
            events: BTreeMap::new(),
            memory: BTreeMap::new(),
            slots: Vec::new(),
            absorbed: Vec::new(),
            wake: None,
            watch: Watch::default(),
            enrollments: Vec::new(),
        }
    }

    /// Oldest first.
    pub(super) fn events(&self) -> Vec<Event> {
        self.events.values().cloned().collect()
    }

    /// The version of the record.
    pub(super) const fn version(&self) -> u64 {
        self.version
    }

    /// What stands of what was told of consent.
    pub(super) fn consents(&self) -> BTreeMap<Text, Consent> {
        let mut rows: Vec<_> = self.rows.iter().map(|(_, row)| row).collect();
        rows.sort_by_key(|row| row.effective_at);
        consents(rows)
    }

    /// What was told, in the order in which it took effect.
    pub(super) fn profile_rows(&self) -> Vec<ProfileRow> {
        let mut rows: Vec<_> = self.rows.iter().map(|(_, row)| row.clone()).collect();
        rows.sort_by_key(|row| row.effective_at);
        rows
    }

    fn as_seen(&self, view: &View, deliveries: &BTreeMap<DeliveryId, Delivery>) -> Customer {
        let mut customer = self.remembered();
        let mut rows: Vec<_> = self.rows.iter().map(|(_, row)| row).collect();
        rows.sort_by_key(|row| row.effective_at);
        rows.retain(|row| !view.backtest || row.effective_at <= view.now);
        derive::fold(&mut customer, rows);
        customer.activity = derive::totals(self.events.values(), &view.interest, view.now);
        let own = self.enrollments.iter().flat_map(|enrollment| &enrollment.deliveries);
        let sent = derive::last_sent(own.filter_map(|id| deliveries.get(id)), view);
        derive::forget_later(&mut customer, view, &self.enrollments, &sent);
        customer
    }

    /// What does not follow from rows and events.
    pub(super) fn remembered(&self) -> Customer {
        Customer {
            memory: self.memory.clone(),
            slots: self.slots.clone(),
            absorbed: self.absorbed.clone(),
            wake: self.wake,
            watch: self.watch.clone(),
            ..Customer::new(&self.id, self.arrived_at)
        }
    }

    /// To be looked at no later than that.
    pub(super) fn wake_by(&mut self, at: Time) {
        self.wake = Some(self.wake.map_or(at, |wake| wake.min(at)));
    }

    /// Changes memories and the places under the caps; whether they are others then.
    pub(super) fn change_remembered(&mut self, change: impl FnOnce(&mut Customer)) -> bool {
        let mut customer = self.remembered();
        change(&mut customer);
        let changed = customer.slots != self.slots || customer.memory != self.memory;
        (self.slots, self.memory) = (customer.slots, customer.memory);
        changed
    }
}

/// Everything.
#[derive(Debug, Default)]
pub(super) struct Model {
    version: u64,
    /// The highest number given.
    pub(super) last: u64,
    /// Into whom customers were merged.
    pub(super) merged: BTreeMap<CustomerNumber, CustomerNumber>,
    pub(super) names: BTreeMap<String, CustomerNumber>,
    pub(super) people: BTreeMap<CustomerNumber, Person>,
    known_events: BTreeSet<[u8; 16]>,
    pub(super) zones: BTreeSet<String>,
    pub(super) ticks: BTreeMap<Time, Tick>,
    pub(super) planned: BTreeMap<(Text, String), Planned>,
    pub(super) rules: BTreeMap<Text, RuleState>,
    pub(super) deliveries: BTreeMap<DeliveryId, Delivery>,
    pub(super) leases: BTreeMap<DeliveryId, Time>,
    pub(super) customer_leases: BTreeMap<CustomerNumber, Time>,
    pub(super) suppressions: BTreeMap<String, Suppression>,
    pub(super) flags: BTreeMap<String, String>,
    /// Ids of those who were erased, with rules and occurrences that were used up.
    pub(super) spent: BTreeSet<(String, Text, Text)>,
    /// What they had withdrawn.
    pub(super) objections: BTreeMap<String, BTreeMap<Text, Time>>,
    /// Suppressed addresses of theirs.
    pub(super) hidden: BTreeMap<String, Time>,
}

impl Model {
    /// The customer whom a number means.
    pub(super) fn survivor(&self, mut number: CustomerNumber) -> CustomerNumber {
        while let Some(next) = self.merged.get(&number) {
            number = *next;
        }
        number
    }

    /// All that is known of the customer whom a number means.
    pub(super) fn whom(&self, number: CustomerNumber) -> Option<&Person> {
        self.people.get(&self.survivor(number))
    }

    /// The number of the customer of an id.
    pub(super) fn number(&self, id: &str) -> Option<CustomerNumber> {
        self.names.get(id).map(|number| self.survivor(*number))
    }

    /// One customer for a reader.
    pub(super) fn customer(&self, number: CustomerNumber, view: &View) -> Option<StoredCustomer> {
        let number = self.survivor(number);
        let person = self.people.get(&number)?;
        Some(StoredCustomer { number, version: person.version, customer: person.as_seen(view, &self.deliveries) })
    }

    /// One customer with their past.
    pub(super) fn history(&self, number: CustomerNumber, view: &View) -> Option<History> {
        let stored = self.customer(number, view)?;
        let person = self.people.get(&stored.number)?;
        let mut rows: Vec<ProfileRow> = person.rows.iter().map(|(_, row)| row.clone()).collect();
        rows.sort_by_key(|row| row.effective_at);
        rows.retain(|row| row.effective_at > view.now);
        let enrolled = person.enrollments.iter().cloned();
        let mut enrollments: Vec<_> = enrolled.filter_map(|it| derive::enrolled_by(it, view.now)).collect();
        enrollments.sort_by(|a, b| {
            (a.entered_at, a.rule.len(), &a.rule, &a.occurrence).cmp(&(
                b.entered_at,
                b.rule.len(),
                &b.rule,
                &b.occurrence,
            ))
        });
        let ids = enrollments.iter().flat_map(|enrollment| &enrollment.deliveries);
        let kept = ids.filter_map(|id| self.deliveries.get(id)).filter(|delivery| delivery.created_at <= view.now);
        let deliveries = kept.map(|delivery| self.to_survivor(delivery)).collect();
        Some(History { stored, rows, events: person.events(), enrollments, deliveries })
    }

    /// The person of that number, who is being changed.
    pub(super) fn change(&mut self, number: CustomerNumber) -> Option<&mut Person> {
        self.version += 1;
        let person = self.people.get_mut(&number)?;
        person.version = self.version;
        Some(person)
    }

    /// The person of that id, made if unknown, who is being changed.
    pub(super) fn person(&mut self, id: &str, arrived_at: Time) -> &mut Person {
        let number = self.number(id).unwrap_or_else(|| {
            self.last += 1;
            let number = CustomerNumber(self.last);
            self.names.insert(id.to_owned(), number);
            number
        });
        if let Entry::Vacant(vacant) = self.people.entry(number) {
            vacant.insert(Person::new(id, arrived_at));
            self.object(id, arrived_at);
        }
        self.version += 1;
        let person = self.people.entry(number).or_insert_with(|| Person::new(id, arrived_at));
        person.version = self.version;
        person
    }

    /// Takes in one arrival.
    pub(super) fn arrive(&mut self, arrival: Arrival, interest: &Interest, marking: Marking) -> Verdict {
        let wake = |person: &mut Person, received_at| {
            if derive::note(&mut person.watch, marking) {
                person.wake_by(received_at);
            }
        };
        match arrival {
            Arrival::Profile { customer, mut row, dated, message_id } => {
                if let Some(id) = message_id
                    && !self.known_events.insert(message_fingerprint(&id))
                {
                    return Verdict::Duplicate;
                }
                if let Some(zone) = row.attributes.get("timezone").and_then(Option::as_ref).and_then(|it| it.as_text())
                    && !zone.is_empty()
                {
                    self.zones.insert(zone.to_owned());
                }
                let person = self.person(&customer, row.received_at);
                if !dated {
                    row.effective_at = if person.rows.is_empty() { Time::MIN } else { row.received_at };
                }
                wake(person, row.received_at);
                person.rows.push((person.version, row));
            }
            Arrival::Event { customer, event } => {
                let fingerprint = event.fingerprint(&customer);
                if !self.known_events.insert(fingerprint) {
                    return Verdict::Duplicate;
                }
                let newcomer = if self.number(&customer).is_none() { Newcomer::Yes } else { Newcomer::No };
                let person = self.person(&customer, event.received_at);
                let watch = (&mut person.watch, newcomer);
                if derive::note_event(watch, marking, interest, (&event, &fingerprint)) {
                    person.wake_by(event.received_at);
                }
                person.events.insert((event.at, fingerprint), event);
            }
            Arrival::Merge { from, into, received_at } => match self.merge(&from, &into, received_at) {
                Some(person) => wake(person, received_at),
                None => return Verdict::Duplicate,
            },
        }
        Verdict::Stored
    }

    /// That event is not known any more.
    pub(super) fn forget_event(&mut self, fingerprint: &[u8; 16]) {
        self.known_events.remove(fingerprint);
    }

    /// Commits decisions.
    pub(super) fn decide(&mut self, batch: DecisionBatch) -> Result<()> {
        let current = |number| self.people.get(&number).map(|person| person.version);
        if batch.decisions.iter().any(|decision| current(decision.customer) != Some(decision.version)) {
            return Err(StoreError::Conflict);
        }
        let known = self.known(&batch);
        if !known.is_empty() {
            return Err(StoreError::Duplicate(known));
        }
        for decision in batch.decisions {
            if derive::renews_record(&decision)
                && let Some(person) = self.change(decision.customer)
            {
                derive::decided_watch(&mut person.watch, &decision);
                person.memory.extend(decision.memories);
                person.change_remembered(|customer| decision.slots.iter().for_each(|slot| customer.reserve(*slot)));
                if let WakeChange::Set(wake) = decision.wake {
                    person.wake = wake;
                    self.customer_leases.remove(&decision.customer);
                }
            }
            if let Some(person) = self.people.get_mut(&decision.customer) {
                person.enrollments.extend(decision.enrollments);
                for change in &decision.changes {
                    if let Some(index) = derive::goes_on(person.enrollments.iter(), change) {
                        person.enrollments[index].change(change);
                    }
                }
            }
            self.deliveries.extend(decision.deliveries.into_iter().map(|delivery| (delivery.id, delivery)));
        }
        if let Some(tick) = batch.tick {
            let stored = self.ticks.remove(&tick.at);
            self.ticks.insert(tick.at, derive::decided_tick(stored, tick));
        }
        self.rules.extend(batch.rules);
        Ok(())
    }

    /// What a batch asks for that exists, or that it asks for twice.
    fn known(&self, batch: &DecisionBatch) -> Vec<DuplicateKey> {
        let (mut known, mut asked, mut ids) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
        for decision in &batch.decisions {
            let number = decision.customer;
            let enrolled = self.people.get(&number).map(|person| person.enrollments.as_slice()).unwrap_or_default();
            for Enrollment { rule, occurrence, .. } in &decision.enrollments {
                let id = self.people.get(&number).map(|person| person.id.clone()).unwrap_or_default();
                let exists = enrolled.iter().any(|it| it.rule == *rule && it.occurrence == *occurrence)
                    || self.spent.contains(&(id, rule.clone(), occurrence.clone()));
                if exists || !asked.insert((number.0, rule, occurrence)) {
                    known.push(DuplicateKey::Enrollment(rule.clone(), number.0, occurrence.clone()));
                }
            }
            for delivery in &decision.deliveries {
                if self.deliveries.contains_key(&delivery.id) || !ids.insert(delivery.id) {
                    known.push(DuplicateKey::Delivery(delivery.id));
                }
            }
        }
        known
    }

    /// Plans ticks.
    pub(super) fn plan(&mut self, ticks: Vec<Tick>, planned: Vec<Planned>) {
        for tick in ticks {
            let stored = self.ticks.remove(&tick.at);
            self.ticks.insert(tick.at, derive::planned_tick(stored, tick));
        }
        for planned in planned {
            self.planned.insert((planned.rule.clone(), planned.zone.clone()), planned);
        }
    }

    /// Suppresses an address; whether it was not before.
    pub(super) fn suppress(&mut self, suppression: Suppression) -> bool {
        let address = normalized_address(&suppression.address);
        let new = !self.suppressions.contains_key(&address);
        self.hidden.remove(&address);
        if new {
            self.suppressions.insert(address.clone(), Suppression { address, ..suppression });
        }
        new
    }
}
