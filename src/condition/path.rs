//! A value that `at_entry.` asks for.

use super::Facts;
use super::tree::OrderField;
use crate::domain::{Number, Span, Value, ValueType};

/// Millionths of a second in a millisecond.
const MILLISECOND: i128 = 1000;

/// A path such as `orders.count`, read of a customer when an enrollment begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Path {
    text: Box<str>,
    source: Source,
}

/// Where the value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Source {
    Id,
    /// An attribute with its declared type and what stands for a missing value.
    Attribute(Box<str>, ValueType, Option<Value>),
    Consent(Box<str>),
    Orders(OrderField),
}

impl Path {
    pub(super) fn to(source: Source) -> Self {
        let text = match &source {
            Source::Id => "customer.id".into(),
            Source::Attribute(name, ..) => format!("customer.{name}"),
            Source::Consent(name) => format!("customer.consent.{name}"),
            Source::Orders(field) => format!("orders.{}", field.name()),
        };
        Self { text: text.into(), source }
    }

    /// As written, without `at_entry.`; the name under which an enrollment keeps the value.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The value to be kept, of the declared type: a default of the schema stands in for a missing value, a span is a
    /// number of seconds. `None` when it is missing.
    #[must_use]
    pub fn read(&self, facts: &Facts<'_>) -> Option<Value> {
        let customer = facts.customer;
        match &self.source {
            Source::Id => Some(Value::Text(customer.id.clone())),
            Source::Attribute(name, kind, default) => {
                let known = customer.attributes.get(&**name).and_then(|value| value.to_kind(*kind));
                // An empty text counts as missing, as everywhere.
                known.filter(|value| value.as_text() != Some("")).or_else(|| default.clone())
            }
            Source::Consent(name) => Some(Value::Bool(customer.consents_to(name))),
            Source::Orders(field) => {
                let orders = &customer.activity.orders;
                let time = || field.time(orders).map(Value::Time);
                let gap = || (*field == OrderField::GapMedian).then(|| orders.gap_median()).flatten().map(kept_span);
                field.number(orders).map(Value::Number).or_else(time).or_else(gap)
            }
        }
    }

    /// The type of the value as it is kept.
    pub(super) const fn kind(&self) -> ValueType {
        match &self.source {
            Source::Id => ValueType::Text,
            Source::Attribute(_, kind, _) => *kind,
            Source::Consent(_) => ValueType::Bool,
            Source::Orders(OrderField::FirstAt | OrderField::LastAt) => ValueType::Time,
            Source::Orders(_) => ValueType::Number,
        }
    }
}

fn kept_span(span: Span) -> Value {
    Value::Number(Number::from_micro(i128::from(span.0) * MILLISECOND))
}

/// The span that was kept as a number of seconds.
pub(super) fn span_kept(value: &Value) -> Option<Span> {
    let milliseconds = value.as_number()?.micro() / MILLISECOND;
    i64::try_from(milliseconds).ok().map(Span)
}
