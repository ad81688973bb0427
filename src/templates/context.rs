//! What a template sees of a message: only what it names, built once per rendering.

use super::Message;
use super::names::Needs;
use crate::domain::{Number, Time, Value as Stored};
use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use std::sync::Arc;

/// Name under which the filters find the time zone.
pub(super) const ZONE: &str = "_zone";

/// A few named values; a name that is not among them is undefined.
#[derive(Debug, Clone)]
pub(super) struct Fields(Vec<(Arc<str>, Value)>);

impl Fields {
    fn new(entries: Vec<(&str, Value)>) -> Self {
        Self(entries.into_iter().map(|(name, value)| (Arc::from(name), value)).collect())
    }

    /// With one more.
    pub(super) fn and(mut self, name: &str, value: Value) -> Self {
        self.0.push((Arc::from(name), value));
        self
    }

    pub(super) fn into_value(self) -> Value {
        Value::from_object(self)
    }
}

impl Object for Fields {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let key = key.as_str()?;
        self.0.iter().find(|(name, _)| **name == *key).map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Value::from(Arc::clone(name))).collect())
    }
}

/// A time zone, carried to the filters.
#[derive(Debug)]
pub(super) struct Zone(pub(super) jiff::tz::TimeZone);

impl Object for Zone {}

/// The context of a template that needs `needs`.
pub(super) fn context(message: &Message<'_>, needs: &Needs) -> Fields {
    let business = message.business;
    Fields::new(vec![
        ("customer", customer(message, needs)),
        ("orders", orders(message, needs)),
        ("words", words(message, needs)),
        ("event", event(message, needs)),
        (
            "business",
            Fields::new(vec![
                ("name", Value::from(&business.name)),
                ("address", Value::from(&business.address)),
                ("locale", Value::from(&business.locale)),
            ])
            .into_value(),
        ),
        (ZONE, Value::from_object(Zone(message.zone.clone()))),
    ])
}

fn customer(message: &Message<'_>, needs: &Needs) -> Value {
    let mut entries: Vec<(&str, Value)> =
        needs.customer.iter().map(|name| (name.as_str(), attribute(message, name))).collect();
    if !needs.consent.is_empty() {
        let consent = |name: &String| Value::from(message.customer.consents_to(name));
        let consents = needs.consent.iter().map(|name| (name.as_str(), consent(name))).collect();
        entries.push(("consent", Fields::new(consents).into_value()));
    }
    Fields::new(entries).into_value()
}

/// An attribute, its default, or none. An empty text counts as missing.
fn attribute(message: &Message<'_>, name: &str) -> Value {
    if name == "id" {
        return Value::from(message.customer.id.as_str());
    }
    let stored = message.customer.attributes.get(name).filter(|value| value.as_text() != Some(""));
    let default = || message.schema.customer.get(name).and_then(|attribute| attribute.default.as_ref());
    stored.or_else(default).map_or(Value::from(()), value)
}

fn orders(message: &Message<'_>, needs: &Needs) -> Value {
    let orders = &message.customer.activity.orders;
    let time = |at: Option<Time>| at.map_or(Value::from(()), |at| Value::from(at.to_string()));
    let member = |name: &str| match name {
        "count" => Value::from(orders.count),
        "revenue" => number(orders.revenue),
        "average" => orders.average().map_or(Value::from(()), number),
        "first_at" => time(orders.first_at),
        _ => time(orders.last_at),
    };
    Fields::new(needs.orders.iter().map(|name| (name.as_str(), member(name))).collect()).into_value()
}

fn words(message: &Message<'_>, needs: &Needs) -> Value {
    let word = |name: &String| message.words.get(name).map_or(Value::from(()), Value::from);
    Fields::new(needs.words.iter().map(|name| (name.as_str(), word(name))).collect()).into_value()
}

fn event(message: &Message<'_>, needs: &Needs) -> Value {
    Fields::new(needs.event.iter().map(|name| (name.as_str(), property(message, name))).collect()).into_value()
}

/// A property of the event as its declared type, or none: as conditions read it. An empty text counts as missing.
fn property(message: &Message<'_>, name: &str) -> Value {
    let stored = message.event.and_then(|event| {
        let kind = message.schema.property(&event.name, name)?;
        event.properties.get(name)?.to_kind(kind).filter(|value| value.as_text() != Some(""))
    });
    stored.as_ref().map_or(Value::from(()), value)
}

/// A stored value as templates see it: dates and times as ISO text, which also sorts by time.
fn value(stored: &Stored) -> Value {
    match stored {
        Stored::Text(text) => Value::from(text.as_str()),
        Stored::Number(exact) => number(*exact),
        Stored::Bool(yes) => Value::from(*yes),
        Stored::Date(date) => Value::from(date.to_string()),
        Stored::Time(time) => Value::from(time.to_string()),
        Stored::List(items) => items.iter().map(value).collect(),
        Stored::Map(map) => {
            Fields(map.iter().map(|(name, member)| (Arc::from(name.as_str()), value(member))).collect()).into_value()
        }
    }
}

/// A number that templates can count with: whole ones as integers.
fn number(exact: Number) -> Value {
    exact.to_i64().map_or_else(|| Value::from(exact.to_f64()), Value::from)
}
