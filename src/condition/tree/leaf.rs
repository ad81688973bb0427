//! What a condition reads.

use super::super::{Facts, Path};
use super::{Segment, Sent};
use crate::domain::{EventInterest, Interest, Number, Orders, Span, Time, ValueType};

/// One thing that a condition reads.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum Leaf<'a> {
    Id,
    Attribute(&'a str),
    Consent(&'a str),
    Orders(OrderField),
    Event(&'a str, EventRole<'a>),
    /// A property of the event that started the enrollment.
    Property(&'a str),
    AtEntry(&'a Path),
    Segment(&'a Segment),
    Sent(&'a Sent),
    Now,
    /// The customer's time zone.
    Zone,
}

/// A total over purchases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum OrderField {
    Count,
    Revenue,
    Average,
    FirstAt,
    LastAt,
    GapMedian,
}

/// What is asked of an event.
#[derive(Debug, Clone, Copy)]
pub(in super::super) enum EventRole<'a> {
    Count(Option<Span>),
    Sum(&'a str, Option<Span>),
    FirstAt,
    LastAt,
    LastValue(&'a str, ValueType),
}

impl OrderField {
    pub(in super::super) const ALL: [(&'static str, Self); 6] = [
        ("count", Self::Count),
        ("revenue", Self::Revenue),
        ("average", Self::Average),
        ("first_at", Self::FirstAt),
        ("last_at", Self::LastAt),
        ("gap_median", Self::GapMedian),
    ];

    /// Its name behind `orders.`.
    pub(in super::super) fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }

    pub(in super::super) fn number(self, orders: &Orders) -> Option<Number> {
        match self {
            Self::Count => Some(whole(orders.count)),
            Self::Revenue => Some(orders.revenue),
            Self::Average => orders.average(),
            Self::FirstAt | Self::LastAt | Self::GapMedian => None,
        }
    }

    pub(in super::super) fn time(self, orders: &Orders) -> Option<Time> {
        match self {
            Self::FirstAt => orders.first_at,
            Self::LastAt => orders.last_at,
            _ => None,
        }
    }

    fn is_unknown(self, orders: &Orders) -> bool {
        match self {
            Self::Count | Self::Revenue => false,
            Self::Average | Self::FirstAt | Self::LastAt => orders.count == 0,
            Self::GapMedian => orders.gap_median().is_none(),
        }
    }
}

/// A count as a number.
pub(super) fn whole(count: u64) -> Number {
    Number::from(i64::try_from(count).unwrap_or(i64::MAX))
}

impl Leaf<'_> {
    /// Whether it has no value under these facts.
    pub(in super::super) fn is_unknown(&self, facts: &Facts<'_>) -> bool {
        match self {
            Self::Id
            | Self::Consent(_)
            | Self::Now
            | Self::Zone
            | Self::Segment(_)
            | Self::Sent(_)
            | Self::Event(_, EventRole::Count(_) | EventRole::Sum(..)) => false,
            // A walk comes here only where their own term was unknown.
            Self::Attribute(_) | Self::Property(_) | Self::AtEntry(_) => true,
            Self::Orders(field) => field.is_unknown(&facts.customer.activity.orders),
            Self::Event(event, EventRole::FirstAt | EventRole::LastAt) => {
                facts.customer.activity.totals(event).is_none()
            }
            Self::Event(event, EventRole::LastValue(property, _)) => {
                facts.customer.activity.totals(event).and_then(|totals| totals.last_value(property)).is_none()
            }
        }
    }

    /// As it is written in a condition.
    pub(in super::super) fn path(&self) -> String {
        match self {
            Self::Id => "customer.id".into(),
            Self::Attribute(name) => format!("customer.{name}"),
            Self::Consent(name) => format!("customer.consent.{name}"),
            Self::Orders(field) => format!("orders.{}", field.name()),
            Self::Event(event, role) => match role {
                EventRole::Count(_) => format!("count({event:?})"),
                EventRole::Sum(property, _) => format!("sum({event:?}, {property:?})"),
                EventRole::FirstAt => format!("first_at({event:?})"),
                EventRole::LastAt => format!("last_at({event:?})"),
                EventRole::LastValue(property, _) => format!("last_value({event:?}, {property:?})"),
            },
            Self::Property(name) => format!("event.{name}"),
            Self::AtEntry(path) => format!("at_entry.{}", path.text()),
            Self::Segment(segment) => format!("in_segment({:?})", segment.name),
            Self::Sent(sent) => format!("sent({:?})", sent.rule),
            Self::Now => "now".into(),
            Self::Zone => "customer.timezone".into(),
        }
    }

    /// Adds what has to be kept of the customer to tell it. Attributes and `orders.*`, and so what may stand behind
    /// `at_entry.`, are always kept.
    pub(in super::super) fn note(&self, interest: &mut Interest) {
        match self {
            Self::Event(event, role) => note_event(event, *role, interest),
            Self::Segment(segment) => interest.merge(segment.predicate.interest()),
            Self::Sent(sent) => {
                interest.sent.insert((&*sent.rule).into());
            }
            _ => {}
        }
    }
}

fn note_event(event: &str, role: EventRole<'_>, interest: &mut Interest) {
    let kept: &mut EventInterest = interest.events.entry(event.into()).or_default();
    match role {
        EventRole::Count(window) => kept.longest_window = kept.longest_window.max(window),
        EventRole::Sum(property, window) => {
            kept.sums.insert(property.into());
            kept.longest_window = kept.longest_window.max(window);
        }
        EventRole::LastValue(property, kind) => {
            kept.last_values.insert(property.into(), kind);
        }
        EventRole::FirstAt | EventRole::LastAt => {}
    }
}
