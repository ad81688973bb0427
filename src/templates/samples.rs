//! Made-up customers and events that templates are tried with when they are loaded.

use super::names::Needs;
use super::{Business, Message, Names, SentBy};
use crate::domain::{Customer, Event, Number, Time, Value as Stored, ValueType};
use std::collections::BTreeSet;

const AT: Time = Time(1_700_000_000_000);

/// A customer of whom all is known, one of whom nothing is, and who writes to them.
pub(super) struct Samples {
    full: Customer,
    sparse: Customer,
    business: Business,
}

/// One thing to try.
pub(super) struct Case<'m> {
    pub(super) message: Message<'m>,
    /// For whom it is, in words.
    pub(super) who: &'static str,
}

impl Samples {
    pub(super) fn of(names: &Names<'_>) -> Self {
        let sparse = Customer::new("c1", AT);
        let mut full = sparse.clone();
        for (name, attribute) in &names.schema.customer {
            let value = match &attribute.one_of {
                Some(words) if !words.is_empty() => Stored::Text(words[0].as_str().into()),
                _ => sample(attribute.kind),
            };
            full.attributes.insert(name.as_str().into(), value);
        }
        full.activity.orders.count = 3;
        full.activity.orders.revenue = Number::from_micro(88_500_000);
        full.activity.orders.first_at = Some(AT);
        full.activity.orders.last_at = Some(AT);
        let business = Business { name: "Shop".into(), address: "Street 1".into(), locale: "en".into() };
        Self { full, sparse, business }
    }

    /// Everything known, with each of the events or with none; and nothing known.
    pub(super) fn cases<'m>(&'m self, events: &'m [Event], names: &Names<'m>) -> Vec<Case<'m>> {
        let full = |event| Case { message: self.message(&self.full, event, names), who: "every customer" };
        let mut cases: Vec<_> = events.iter().map(|event| full(Some(event))).collect();
        if cases.is_empty() {
            cases.push(full(None));
        }
        let who = if events.is_empty() {
            "a customer of whom nothing is known"
        } else {
            "a customer and an event of which nothing is known"
        };
        cases.push(Case { message: self.sparse(names), who });
        cases
    }

    /// A message to the customer of whom nothing is known.
    pub(super) fn sparse<'m>(&'m self, names: &Names<'m>) -> Message<'m> {
        self.message(&self.sparse, None, names)
    }

    fn message<'m>(&'m self, customer: &'m Customer, event: Option<&'m Event>, names: &Names<'m>) -> Message<'m> {
        const UTC: &jiff::tz::TimeZone = &jiff::tz::TimeZone::UTC;
        Message {
            customer,
            event,
            schema: names.schema,
            words: names.words,
            business: &self.business,
            zone: UTC,
            locale: "en",
        }
    }
}

/// Events with all their properties, one of each name that may start what needs `needs`: of a text that no rule sends,
/// each that has one of the properties. None where no property is needed.
pub(super) fn events(needs: &Needs, names: &Names<'_>, sent_by: &[SentBy]) -> Vec<Event> {
    let senders: BTreeSet<&str> = sent_by.iter().filter_map(|by| by.event.as_deref()).collect();
    let known = names.schema.events.iter();
    known
        .filter(|(_, properties)| needs.event.iter().any(|name| properties.contains_key(name)))
        .filter(|(name, _)| sent_by.is_empty() || senders.contains(name.as_str()))
        .map(|(name, properties)| Event {
            name: name.as_str().into(),
            at: AT,
            received_at: AT,
            message_id: None,
            properties: properties.iter().map(|(name, kind)| (name.as_str().into(), sample(*kind))).collect(),
        })
        .collect()
}

/// A value of the type. Texts are addresses, since they may be used as such.
fn sample(kind: ValueType) -> Stored {
    let text = || Stored::Text("https://sample.example/".into());
    match kind {
        ValueType::Text => text(),
        ValueType::Number => Stored::Number(Number::from_micro(12_500_000)),
        ValueType::Bool => Stored::Bool(true),
        ValueType::Date => Stored::Date(jiff::civil::date(2000, 2, 29)),
        ValueType::Time => Stored::Time(AT),
        ValueType::List => Stored::List(vec![text()]),
    }
}
