//! Instants, days and spans of time.

use super::super::{Facts, words};
use super::leaf::{EventRole, OrderField};
use super::{Change, Kind, Leaf, Num, Term, Walk, change_of, walk_both};
use crate::calendar;
use crate::domain::{Number, Span, Time, Value, ValueType};
use jiff::civil::Date;

/// Terms that only instants have.
#[derive(Debug)]
pub(in super::super) enum Moment {
    Now,
    /// `orders.first_at`, `orders.last_at`
    Orders(OrderField),
    FirstAt(Box<str>),
    LastAt(Box<str>),
    After(Box<(Term<Moment>, Term<Length>)>),
    Before(Box<(Term<Moment>, Term<Length>)>),
    /// The first instant of a day in the customer's zone.
    StartOf(Box<Term<Day>>),
}

/// Terms that only days have.
#[derive(Debug)]
pub(in super::super) enum Day {
    /// The day of an instant in the customer's zone.
    Of(Box<Term<Moment>>),
}

/// Terms that only spans have.
#[derive(Debug)]
pub(in super::super) enum Length {
    /// `orders.gap_median`
    GapMedian,
    /// From the second to the first.
    Between(Box<(Term<Moment>, Term<Moment>)>),
    Plus(Box<(Term<Length>, Term<Length>)>),
    Minus(Box<(Term<Length>, Term<Length>)>),
    Times(Box<(Term<Length>, Term<Num>)>),
    Over(Box<(Term<Length>, Term<Num>)>),
    /// So many units of a length, as `days(n)` and `hours(n)` give.
    Units(Span, Box<Term<Num>>),
}

impl Kind for Moment {
    type Constant = Time;
    type Value<'a> = Time;

    fn constant(constant: &Time) -> Time {
        *constant
    }

    fn freeze(value: Time) -> Time {
        value
    }

    fn read(value: &Value) -> Option<Time> {
        match value {
            Value::Time(time) => Some(*time),
            other => match other.to_kind(ValueType::Time)? {
                Value::Time(time) => Some(time),
                _ => None,
            },
        }
    }

    fn show(value: &Time, facts: &Facts<'_>) -> String {
        words::time(*value, facts.zone)
    }

    fn evaluate<'a>(&'a self, facts: &'a Facts<'a>) -> Option<Time> {
        let activity = &facts.customer.activity;
        match self {
            Self::Now => Some(facts.now),
            Self::Orders(field) => field.time(&activity.orders),
            Self::FirstAt(event) => activity.totals(event).map(|totals| totals.first_at),
            Self::LastAt(event) => activity.totals(event).map(|totals| totals.last_at),
            Self::After(terms) => Some(terms.0.evaluate(facts)?.plus(terms.1.evaluate(facts)?)),
            Self::Before(terms) => Some(terms.0.evaluate(facts)?.minus(terms.1.evaluate(facts)?)),
            Self::StartOf(day) => Some(calendar::day_start(facts.zone, day.evaluate(facts)?)),
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        match self {
            Self::Now => walk.leaf(Leaf::Now),
            Self::Orders(field) => walk.leaf(Leaf::Orders(*field)),
            Self::FirstAt(event) => walk.leaf(Leaf::Event(event, EventRole::FirstAt)),
            Self::LastAt(event) => walk.leaf(Leaf::Event(event, EventRole::LastAt)),
            Self::After(terms) | Self::Before(terms) => walk_both(terms, walk),
            Self::StartOf(day) => {
                walk.leaf(Leaf::Zone);
                day.walk(walk);
            }
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::Now => Change::Linear,
            Self::Orders(_) | Self::FirstAt(_) | Self::LastAt(_) => Change::Fixed,
            Self::After(terms) | Self::Before(terms) => change_of(terms),
            Self::StartOf(day) => day.change(),
        }
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Self::Now | Self::Orders(_) | Self::FirstAt(_) | Self::LastAt(_))
    }
}

impl Kind for Day {
    type Constant = Date;
    type Value<'a> = Date;

    fn constant(constant: &Date) -> Date {
        *constant
    }

    fn freeze(value: Date) -> Date {
        value
    }

    fn read(value: &Value) -> Option<Date> {
        match value {
            Value::Date(date) => Some(*date),
            other => match other.to_kind(ValueType::Date)? {
                Value::Date(date) => Some(date),
                _ => None,
            },
        }
    }

    fn show(value: &Date, _: &Facts<'_>) -> String {
        words::date(*value)
    }

    fn evaluate<'a>(&'a self, facts: &'a Facts<'a>) -> Option<Date> {
        let Self::Of(moment) = self;
        Some(calendar::day_of(facts.zone, moment.evaluate(facts)?))
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        let Self::Of(moment) = self;
        walk.leaf(Leaf::Zone);
        moment.walk(walk);
    }

    fn change(&self) -> Change {
        let Self::Of(moment) = self;
        moment.change().min(Change::Steps)
    }

    fn is_leaf(&self) -> bool {
        false
    }
}

impl Kind for Length {
    type Constant = Span;
    type Value<'a> = Span;

    fn constant(constant: &Span) -> Span {
        *constant
    }

    fn freeze(value: Span) -> Span {
        value
    }

    /// No attribute is a span.
    fn read(_: &Value) -> Option<Span> {
        None
    }

    fn show(value: &Span, _: &Facts<'_>) -> String {
        words::span(*value)
    }

    fn evaluate<'a>(&'a self, facts: &'a Facts<'a>) -> Option<Span> {
        match self {
            Self::GapMedian => facts.customer.activity.orders.gap_median(),
            Self::Between(terms) => Some(terms.0.evaluate(facts)?.since(terms.1.evaluate(facts)?)),
            Self::Plus(terms) => terms.0.evaluate(facts)?.0.checked_add(terms.1.evaluate(facts)?.0).map(Span),
            Self::Minus(terms) => terms.0.evaluate(facts)?.0.checked_sub(terms.1.evaluate(facts)?.0).map(Span),
            Self::Times(terms) => scaled(terms.0.evaluate(facts)?, terms.1.evaluate(facts)?),
            Self::Over(terms) => {
                let (span, divisor) = (terms.0.evaluate(facts)?, terms.1.evaluate(facts)?);
                Number::from(span.0).over(divisor).and_then(milliseconds)
            }
            Self::Units(unit, count) => scaled(*unit, count.evaluate(facts)?),
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        match self {
            Self::GapMedian => walk.leaf(Leaf::Orders(OrderField::GapMedian)),
            Self::Between(terms) => walk_both(terms, walk),
            Self::Plus(terms) | Self::Minus(terms) => walk_both(terms, walk),
            Self::Times(terms) | Self::Over(terms) => walk_both(terms, walk),
            Self::Units(_, count) => count.walk(walk),
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::GapMedian => Change::Fixed,
            Self::Between(terms) => change_of(terms),
            Self::Plus(terms) | Self::Minus(terms) => change_of(terms),
            Self::Times(terms) | Self::Over(terms) => change_of(terms),
            Self::Units(_, count) => count.change(),
        }
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Self::GapMedian)
    }
}

fn scaled(span: Span, factor: Number) -> Option<Span> {
    Number::from(span.0).times(factor).and_then(milliseconds)
}

/// A count of milliseconds, its fraction cut off.
fn milliseconds(number: Number) -> Option<Span> {
    i64::try_from(number.micro() / Number::ONE.micro()).ok().map(Span)
}
