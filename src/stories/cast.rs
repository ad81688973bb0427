//! The customer and the rules of a test, and a life led with them.

use super::Ground;
use super::read::{Act, Person};
use crate::calendar;
use crate::domain::{
    CapSlot, Class, Consent, Customer, CustomerNumber, DeliveryId, DeliveryKey, Event, Interest, ProfileRow, Reason,
    RuleMemory, Span, Text, Time, Value,
};
use crate::engine::{Detail, Life, Observer, Terms, Timetable};
use crate::rules::RuleSet;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Who is meant where a test does not say.
const SOMEBODY: &str = "customer";

const ADDRESS: &str = "customer@customers.example";

/// Where a test's profile and consent come from.
const SOURCE: &str = "test";

/// Delivery ids of tests are nobody's secret.
const KEY: [u8; 32] = [7; 32];

/// Of 10,000 customers as many as there are.
const EVERYBODY: u32 = 10_000;

/// The rules of a file of tests, in one of its two forms: with everybody held out whom they may hold out, or nobody.
#[derive(Debug)]
pub(super) struct Cast {
    pub(super) rules: RuleSet,
    live: BTreeMap<Text, Time>,
    interest: Interest,
    key: DeliveryKey,
    /// By zone and span: rows of one test have the same.
    tables: RefCell<BTreeMap<(String, Time, Time), Arc<Timetable>>>,
}

impl Cast {
    /// The rules of those names, as those know them who are held out, or who are not.
    pub(super) fn of(ground: &Ground<'_>, names: &[&str], held_out: bool) -> Self {
        let mut rules = ground.rules.only(|id| names.contains(&id));
        for rule in rules.rules.iter_mut().filter(|rule| rule.holdout > 0) {
            Arc::make_mut(rule).holdout = if held_out { EVERYBODY } else { 0 };
        }
        let live = rules.rules.iter().map(|rule| (rule.id.clone(), Time::MIN)).collect();
        let mut interest = rules.interest.clone();
        interest.purchase = ground.schema.purchase.clone();
        Self { rules, live, interest, key: DeliveryKey::new(KEY), tables: RefCell::default() }
    }

    /// Leads the life of somebody who arrives on the first instant of the day `starts`, up to some days later at most.
    /// While `paused` says so, nothing starts.
    pub(super) fn lead<T>(
        &self,
        ground: &Ground<'_>,
        person: &Person,
        (starts, days): (Date, i32),
        paused: &Cell<bool>,
        play: impl FnOnce(&mut Life<'_>) -> T,
    ) -> T {
        let zone_of =
            |customer: &Customer| customer.timezone().and_then(calendar::zone).unwrap_or_else(|| ground.zone.clone());
        let mut customer = customer(person);
        let begin = calendar::day_start(&zone_of(&customer), starts);
        customer.arrived_at = begin;
        customer.consent.values_mut().for_each(|consent| consent.at = begin);
        // Two days more than the last: zones lie as far apart as that.
        let span = (begin.minus(Span::days(2)), begin.plus(Span::days(i64::from(days) + 2)));
        let timetable = |zone: &TimeZone| self.timetable(ground, zone, span);
        let terms = Terms {
            rules: &self.rules,
            live: &self.live,
            paused: &|_| paused.get().then_some(Reason::Paused),
            policy: ground.policy,
            key: &self.key,
            interest: &self.interest,
            zone_of: &zone_of,
            timetable: &timetable,
            only_to: &[],
            detail: Detail::All,
        };
        play(&mut Life::new(CustomerNumber(1), customer, Vec::new(), begin, &terms))
    }

    fn timetable(&self, ground: &Ground<'_>, zone: &TimeZone, (from, to): (Time, Time)) -> Arc<Timetable> {
        let make = || Arc::new(Timetable::over(&self.rules, (ground.zone, zone), from, to));
        let Some(name) = zone.iana_name() else { return make() };
        let mut tables = self.tables.borrow_mut();
        Arc::clone(tables.entry((name.to_owned(), from, to)).or_insert_with(make))
    }
}

/// The person with what is filled in.
fn customer(person: &Person) -> Customer {
    let mut customer = Customer::new(person.id.clone().unwrap_or_else(|| SOMEBODY.into()), Time::MIN);
    customer.attributes.insert("email".into(), Value::Text(ADDRESS.into()));
    let mut consent: BTreeMap<Text, bool> = [("marketing".into(), true)].into();
    consent.extend(person.consent.iter().map(|(name, granted)| (name.clone(), *granted)));
    for (name, granted) in consent {
        customer.consent.insert(name, Consent { granted, at: Time::MIN, source: SOURCE.into() });
    }
    for (name, value) in &person.attributes {
        match value {
            Some(value) => customer.attributes.insert(name.clone(), value.clone()),
            None => customer.attributes.remove(name),
        };
    }
    customer
}

/// Who makes things happen, and numbers them so that no two are one.
#[derive(Debug, Default)]
pub(super) struct Deeds(u32);

impl Deeds {
    /// Lets it happen now.
    pub(super) fn act(&mut self, act: &Act, ground: &Ground<'_>, life: &mut Life<'_>, observer: &mut dyn Observer) {
        match act {
            Act::Does { event, properties } => {
                let event = self.event(event, properties.clone(), ground);
                life.happen(event, observer);
            }
            Act::Sets(attributes) => life.learn(&row(attributes.clone(), BTreeMap::new()), observer),
            Act::Consent(consent) => life.learn(&row(BTreeMap::new(), consent.clone()), observer),
            Act::Sent(rule) => {
                let (at, number) = (life.now(), self.next());
                let class = ground.rules.get(rule).map(|rule| rule.class);
                life.change(|customer| sent(customer, rule, class, (at, number)), observer);
            }
        }
    }

    /// A purchase, of which nothing more is said.
    pub(super) fn purchase(&mut self, ground: &Ground<'_>, life: &mut Life<'_>, observer: &mut dyn Observer) {
        let event = self.event(&ground.schema.purchase.event, BTreeMap::new(), ground);
        life.happen(event, observer);
    }

    fn next(&mut self) -> u32 {
        self.0 += 1;
        self.0
    }

    fn event(&mut self, name: &str, mut properties: BTreeMap<Text, Value>, ground: &Ground<'_>) -> Event {
        let number = self.next();
        let purchase = &ground.schema.purchase;
        if name == purchase.event {
            let id = || Value::Text(format!("order-{number}").into());
            properties.entry(purchase.id.as_str().into()).or_insert_with(id);
        }
        // When it happens and arrives, its life says.
        let (at, received_at) = (Time::MIN, Time::MIN);
        let message_id = Some(format!("message-{number}").into());
        Event { name: name.into(), at, received_at, message_id, properties }
    }
}

fn row(attributes: BTreeMap<Text, Option<Value>>, consent: BTreeMap<Text, bool>) -> ProfileRow {
    ProfileRow {
        effective_at: Time::MIN,
        attributes,
        consent,
        source: SOURCE.into(),
        received_at: Time::MIN,
        proof: None,
    }
}

/// A mail of another rule went out.
fn sent(customer: &mut Customer, rule: &Text, class: Option<Class>, (at, number): (Time, u32)) {
    let before = customer.memory.get(rule);
    let memory = RuleMemory {
        occurrence: at.to_string().into(),
        enrolled_at: at,
        enrollments: before.map_or(0, |memory| memory.enrollments).saturating_add(1),
        held_out: false,
        sent_at: Some(at),
    };
    customer.memory.insert(rule.clone(), memory);
    if class != Some(Class::Service) {
        let mut id = [0xff; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        customer.reserve(CapSlot { class: Class::Marketing, at, delivery: DeliveryId(id) });
    }
}
