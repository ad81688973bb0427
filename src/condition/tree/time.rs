//! Instants, days and spans of time.

use super::super::{Facts, path, words};
use super::clock::{self, Reading};
use super::leaf::{EventRole, OrderField};
use super::motion::seen;
use super::{Change, Kind, Leaf, Motion, Moving, Num, Ordered, Seen, Term, Walk, both, change_of, walk_both};
use crate::calendar;
use crate::domain::{Number, Span, Time, Value, ValueType};
use jiff::civil::Date;
use std::cmp::Ordering;

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

    fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<Time, M> {
        let activity = &facts.customer.activity;
        let counted = |at| seen(at, M::of(|| Moving::of_events(facts)));
        match self {
            Self::Now => Ok((facts.now, M::of(|| Moving::with_time(facts.now)))),
            Self::Orders(field) => counted(field.time(&activity.orders)),
            Self::FirstAt(event) => counted(activity.totals(event).map(|totals| totals.first_at)),
            Self::LastAt(event) => counted(activity.totals(event).map(|totals| totals.last_at)),
            Self::After(terms) => {
                let ((at, a), (by, b)) = both(terms, facts)?;
                let sum = at.plus(by);
                Ok((sum, a.with(b, |a, b| a.plus(b).kept_in(RANGE, sum.0.into(), facts.now))))
            }
            Self::Before(terms) => {
                let ((at, a), (by, b)) = both(terms, facts)?;
                let difference = at.minus(by);
                Ok((difference, a.with(b, |a, b| a.minus(b).kept_in(RANGE, difference.0.into(), facts.now))))
            }
            Self::StartOf(day) => {
                let (day, motion) = day.observe::<M>(facts)?;
                Ok((calendar::day_start(facts.zone, day), motion.then(clock::day_start)))
            }
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

    fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<Date, M> {
        let Self::Of(moment) = self;
        let (at, motion) = moment.observe::<M>(facts)?;
        let motion = motion.then(|motion| Reading { zone: facts.zone, at, motion, now: facts.now }.day());
        Ok((calendar::day_of(facts.zone, at), motion))
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

    /// No attribute is a span; what an enrollment keeps may be one.
    fn read(value: &Value) -> Option<Span> {
        path::span_kept(value)
    }

    fn show(value: &Span, _: &Facts<'_>) -> String {
        words::span(*value)
    }

    fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<Span, M> {
        match self {
            Self::GapMedian => seen(facts.customer.activity.orders.gap_median(), M::of(|| Moving::of_events(facts))),
            Self::Between(terms) => {
                let ((to, a), (from, b)) = both(terms, facts)?;
                made(Some(to.since(from)), a.with(b, Moving::minus), facts)
            }
            Self::Plus(terms) => {
                let ((one, a), (other, b)) = both(terms, facts)?;
                made(one.0.checked_add(other.0).map(Span), a.with(b, Moving::plus), facts)
            }
            Self::Minus(terms) => {
                let ((one, a), (other, b)) = both(terms, facts)?;
                made(one.0.checked_sub(other.0).map(Span), a.with(b, Moving::minus), facts)
            }
            Self::Times(terms) => {
                let ((span, a), (factor, b)) = both(terms, facts)?;
                let motion = a.with(b, |a, b| a.product(span.0.into(), (b, factor.micro()), Number::ONE.micro()));
                made(scaled(span, factor), motion, facts)
            }
            Self::Over(terms) => {
                let ((span, a), (divisor, b)) = both(terms, facts)?;
                if divisor == Number::ZERO {
                    return Err(b);
                }
                let motion = a.with(b, |a, b| a.quotient((b, divisor.micro()), Number::ONE.micro()));
                made(Number::from(span.0).over(divisor).and_then(milliseconds), motion, facts)
            }
            Self::Units(unit, count) => {
                let (count, motion) = count.observe::<M>(facts)?;
                let motion = motion.then(|motion| motion.times(unit.0.into(), Number::ONE.micro()));
                made(scaled(*unit, count), motion, facts)
            }
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

/// Beyond this, in milliseconds, sums of instants and spans are cut off or unknown.
const RANGE: i128 = i64::MAX as i128 - 1;

/// A span made of others, unless it is out of range.
#[inline]
fn made<M: Motion>(span: Option<Span>, motion: M, facts: &Facts<'_>) -> Seen<Span, M> {
    match span {
        Some(span) => Ok((span, motion.then(|motion| motion.kept_in(RANGE, span.0.into(), facts.now)))),
        None => Err(motion),
    }
}

impl Ordered for Moment {
    fn order(left: &Time, right: &Time) -> Ordering {
        left.cmp(right)
    }

    fn distance(left: &Time, right: &Time) -> Option<i128> {
        Some(i128::from(left.0) - i128::from(right.0))
    }
}

impl Ordered for Day {
    fn order(left: &Date, right: &Date) -> Ordering {
        left.cmp(right)
    }

    fn distance(left: &Date, right: &Date) -> Option<i128> {
        Some(i128::from(calendar::day_number(*left) - calendar::day_number(*right)) * clock::DAY)
    }
}

impl Ordered for Length {
    fn order(left: &Span, right: &Span) -> Ordering {
        left.cmp(right)
    }

    fn distance(left: &Span, right: &Span) -> Option<i128> {
        Some(i128::from(left.0) - i128::from(right.0))
    }
}

fn scaled(span: Span, factor: Number) -> Option<Span> {
    Number::from(span.0).times(factor).and_then(milliseconds)
}

/// A count of milliseconds, its fraction cut off.
fn milliseconds(number: Number) -> Option<Span> {
    i64::try_from(number.micro() / Number::ONE.micro()).ok().map(Span)
}
