//! What a person's own schema and rules speak of, made up: attributes, events of the past, and events that come in while
//! the demo's clock runs, so that each kind of trigger has something to go by.

use super::people::{Draw, make_up};
use crate::app::project::Project;
use crate::calendar;
use crate::domain::{Arrival, Attribute, BUILT_IN, Event, Number, ProfileRow, Span, Text, Time, Value, ValueType};
use crate::rules::{Offset, Trigger};
use jiff::civil::Date;
use std::collections::BTreeMap;

/// One customer in so many has just come, and has bought nothing yet.
const NEW_ONE_IN: u64 = 8;

/// In the hours up to this one of the demo's day events come in.
const LAST_HOUR: i64 = 18;

/// How far ahead a day is looked for on which the schedules fire.
const DAYS_AHEAD: i32 = 31;

/// Makes up whatever a project speaks of, on one day of its business.
pub(super) struct Inventor<'p> {
    project: &'p Project,
    draw: Draw,
    day: Date,
    count: u32,
    live: u64,
}

impl<'p> Inventor<'p> {
    pub(super) fn new(project: &'p Project, count: u32, seed: u64, now: Time) -> Self {
        Self { project, draw: Draw::new(seed ^ 0x0DE5), day: best_day(project, now), count, live: 0 }
    }

    /// The midnight with which the day begins, where the business is.
    pub(super) fn midnight(&self) -> Time {
        calendar::day_start(&self.project.settings.business.timezone, self.day)
    }

    /// The customers with all that is past at `now`.
    pub(super) fn people(&mut self, seed: u64, now: Time) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for arrival in make_up(self.count, seed, now) {
            match arrival {
                Arrival::Profile { customer, row, dated, message_id } => {
                    let row = self.profile(row);
                    let history = self.history(&customer, now);
                    arrivals.push(Arrival::Profile { customer, row, dated, message_id });
                    arrivals.extend(history);
                }
                Arrival::Event { customer, event } if !is_new(&customer) => {
                    let event = self.purchase(event);
                    arrivals.push(Arrival::Event { customer, event });
                }
                _ => {}
            }
        }
        arrivals
    }

    /// Events that come in at an hour of the day.
    pub(super) fn events_of_hour(&mut self, hour: i64, now: Time) -> Vec<Arrival> {
        if !(1..=LAST_HOUR).contains(&hour) {
            return Vec::new();
        }
        let names: Vec<String> = self.project.schema.events.keys().cloned().collect();
        let mut arrivals = Vec::new();
        for name in names {
            for _ in 0..=self.count / 200 {
                self.live += 1;
                // New ones first: they are whom rules that greet are for.
                let every = if self.live.is_multiple_of(2) { NEW_ONE_IN } else { 1 };
                let number = (1 + self.draw.below(u64::from(self.count) / every)) * every;
                let customer = id(number.clamp(1, u64::from(self.count.max(1))));
                let event = self.event(&name, now, &format!("demo-live-{}", self.live));
                arrivals.push(Arrival::Event { customer, event: Event { received_at: now, ..event } });
            }
        }
        arrivals
    }

    /// A row with what the schema declares.
    fn profile(&mut self, mut row: ProfileRow) -> ProfileRow {
        let declared = &self.project.schema.customer;
        row.attributes.retain(|name, _| declared.contains_key(name.as_str()));
        for (name, attribute) in declared {
            let built_in = BUILT_IN.iter().any(|(built_in, _)| *built_in == name.as_str());
            // Who lacks a value is part of it: what stands for one is tried, too.
            let has_it = self.draw.unit() < if attribute.default.is_some() { 0.4 } else { 0.85 };
            if !built_in && has_it {
                let value = self.attribute(name, attribute);
                row.attributes.insert(name.as_str().into(), Some(value));
            }
        }
        row
    }

    fn attribute(&mut self, name: &str, attribute: &Attribute) -> Value {
        if let Some(texts) = attribute.one_of.as_ref().filter(|texts| !texts.is_empty()) {
            return Value::Text(self.draw.pick(texts).as_str().into());
        }
        match attribute.kind {
            ValueType::Date => Value::Date(self.date(name)),
            ValueType::Time => {
                let midnight = calendar::day_start(&self.project.settings.business.timezone, self.date(name));
                Value::Time(midnight.plus(Span::hours(12)))
            }
            kind => self.value(name, kind),
        }
    }

    /// A day: for every sixth customer one from which a step of a rule falls due today.
    fn date(&mut self, name: &str) -> Date {
        let rules = self.project.rules.rules.iter();
        let counted: Vec<(i32, bool)> = rules
            .filter_map(|rule| match &rule.trigger {
                Trigger::Date { attribute, yearly, .. } if *attribute == name => Some((rule, *yearly)),
                _ => None,
            })
            .flat_map(|(rule, yearly)| rule.steps.iter().map(move |step| (days(step.offset), yearly)))
            .collect();
        let somewhere = i32::try_from(self.draw.below(600)).unwrap_or_default() - 300;
        if counted.is_empty() {
            return calendar::days_after(self.day, somewhere);
        }
        let (offset, yearly) = *self.draw.pick(&counted);
        let offset = if self.draw.below(6) == 0 { offset } else { somewhere };
        let date = calendar::days_after(self.day, -offset);
        let years = i16::try_from(20 + self.draw.below(50)).unwrap_or(30);
        if yearly { calendar::in_year(date, date.year() - years).unwrap_or(date) } else { date }
    }

    /// Events other than purchases that a customer has seen.
    fn history(&mut self, customer: &str, now: Time) -> Vec<Arrival> {
        let purchase = &self.project.schema.purchase.event;
        let names: Vec<String> = self.project.schema.events.keys().filter(|name| *name != purchase).cloned().collect();
        let mut arrivals = Vec::new();
        for name in names.into_iter().filter(|_| !is_new(customer)) {
            if self.draw.unit() < 0.4 {
                let hours = i64::try_from(1 + self.draw.below(300 * 24)).unwrap_or(1);
                let event = self.event(&name, now.minus(Span::hours(hours)), &format!("demo-{customer}-{name}"));
                let event = Event { received_at: now, ..event };
                arrivals.push(Arrival::Event { customer: customer.to_owned(), event });
            }
        }
        arrivals
    }

    /// A made-up purchase under the names of the project.
    fn purchase(&mut self, mut event: Event) -> Event {
        let purchase = self.project.schema.purchase.clone();
        let mut properties: BTreeMap<Text, Value> = BTreeMap::new();
        for (ours, theirs) in [("revenue", &purchase.value), ("order_id", &purchase.id)] {
            properties.extend(event.properties.remove(ours).map(|value| (theirs.as_str().into(), value)));
        }
        event.properties = properties;
        event.name = purchase.event.as_str().into();
        self.complete(&mut event);
        event
    }

    fn event(&mut self, name: &str, at: Time, message_id: &str) -> Event {
        let mut event = Event {
            name: name.into(),
            at,
            received_at: at,
            message_id: Some(message_id.into()),
            properties: BTreeMap::new(),
        };
        let purchase = &self.project.schema.purchase;
        if name == purchase.event {
            // Now and then one that is worth a word of its own.
            let large = if self.draw.below(6) == 0 { 10 } else { 1 };
            let value = i64::try_from((300 + self.draw.below(900)) * large).unwrap_or(300);
            event.properties.insert(purchase.value.as_str().into(), Value::Number(Number::from(value)));
            event.properties.insert(purchase.id.as_str().into(), Value::Text(message_id.into()));
        }
        self.complete(&mut event);
        event
    }

    /// Adds the properties that are declared and not there.
    fn complete(&mut self, event: &mut Event) {
        let Some(declared) = self.project.schema.events.get(event.name.as_str()) else { return };
        for (name, kind) in declared {
            if !event.properties.contains_key(name.as_str()) {
                let value = match kind {
                    ValueType::Date => Value::Date(self.day),
                    ValueType::Time => Value::Time(event.at),
                    kind => self.value(name, *kind),
                };
                event.properties.insert(name.as_str().into(), value);
            }
        }
    }

    fn value(&mut self, name: &str, kind: ValueType) -> Value {
        const TEXTS: [&str; 3] = ["one", "two", "three"];
        match kind {
            ValueType::Number => Value::Number(Number::from(i64::try_from(1 + self.draw.below(100)).unwrap_or(1))),
            ValueType::Bool => Value::Bool(self.draw.below(3) == 0),
            ValueType::List => Value::List(vec![Value::Text((*self.draw.pick(&TEXTS)).into())]),
            _ => match &self.project.settings.business.currency {
                Some(currency) if name == "currency" => Value::Text(currency.as_str().into()),
                _ => Value::Text((*self.draw.pick(&TEXTS)).into()),
            },
        }
    }
}

/// Whether a customer is one of those who have just come.
fn is_new(customer: &str) -> bool {
    customer.trim_start_matches('c').parse::<u64>().is_ok_and(|number| number.is_multiple_of(NEW_ONE_IN))
}

fn id(number: u64) -> String {
    format!("c{number:05}")
}

/// So many days, whatever the hour.
fn days(offset: Offset) -> i32 {
    match offset {
        Offset::Days(days) => days,
        Offset::Hours(hours) => hours / 24,
    }
}

/// The first of the next days, today among them, on which the most schedules fire.
fn best_day(project: &Project, now: Time) -> Date {
    let zone = &project.settings.business.timezone;
    let today = calendar::day_of(zone, now);
    let fires = |day: Date| {
        let (start, end) = (calendar::day_start(zone, day), calendar::day_start(zone, calendar::days_after(day, 1)));
        let rules = project.rules.rules.iter();
        rules
            .filter(|rule| match &rule.trigger {
                Trigger::Schedule { cron, .. } => cron.next(zone, start).is_some_and(|tick| tick.at < end),
                _ => false,
            })
            .count()
    };
    let days = (0..DAYS_AHEAD).map(|ahead| calendar::days_after(today, ahead));
    // Of equal ones the last is taken, so the days are gone through backwards.
    days.rev().max_by_key(|day| fires(*day)).unwrap_or(today)
}
