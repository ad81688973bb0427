//! Numbers.

use super::super::Facts;
use super::super::source::Arithmetic;
use super::leaf::{EventRole, OrderField, whole};
use super::{Change, Day, Items, Kind, Leaf, Length, Moment, Term, Text, Walk, change_of, walk_both};
use crate::calendar;
use crate::domain::{Number, Span, Time, Value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

/// Terms that only numbers have.
#[derive(Debug)]
pub(in super::super) enum Num {
    /// `orders.count`, `orders.revenue`, `orders.average`
    Orders(OrderField),
    Count(Box<Count>),
    Sum(Box<Count>, Box<str>),
    Negate(Box<Term<Num>>),
    Arithmetic(Arithmetic, Box<(Term<Num>, Term<Num>)>),
    /// How many times the second span goes into the first.
    Ratio(Box<(Term<Length>, Term<Length>)>),
    Days(Days, Box<Anchor>),
    Size(Box<Term<Items>>),
    Characters(Box<Term<Text>>),
    Part(CalendarPart, Option<Box<TimeZone>>, Box<Anchor>),
}

/// Events of one name, all of them or those of a window.
#[derive(Debug)]
pub(in super::super) struct Count {
    pub(in super::super) event: Box<str>,
    pub(in super::super) window: Option<Span>,
}

/// Which way calendar days are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Days {
    Since,
    Until,
}

/// What days are counted from or a calendar part is taken of.
#[derive(Debug)]
pub(in super::super) enum Anchor {
    Moment(Term<Moment>),
    Day(Term<Day>),
}

/// The getters of CEL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum CalendarPart {
    FullYear,
    /// From 0.
    Month,
    /// Day of the month from 1.
    Date,
    /// From 0.
    DayOfMonth,
    /// 0 is Sunday.
    DayOfWeek,
    /// From 0.
    DayOfYear,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

impl CalendarPart {
    pub(in super::super) const ALL: [(&'static str, Self); 10] = [
        ("getFullYear", Self::FullYear),
        ("getMonth", Self::Month),
        ("getDate", Self::Date),
        ("getDayOfMonth", Self::DayOfMonth),
        ("getDayOfWeek", Self::DayOfWeek),
        ("getDayOfYear", Self::DayOfYear),
        ("getHours", Self::Hours),
        ("getMinutes", Self::Minutes),
        ("getSeconds", Self::Seconds),
        ("getMilliseconds", Self::Milliseconds),
    ];

    /// Whether a day alone has it.
    pub(in super::super) const fn is_of_a_day(self) -> bool {
        !matches!(self, Self::Hours | Self::Minutes | Self::Seconds | Self::Milliseconds)
    }

    fn of(self, wall: DateTime) -> i64 {
        match self {
            Self::FullYear => wall.year().into(),
            Self::Month => i64::from(wall.month()) - 1,
            Self::Date => wall.day().into(),
            Self::DayOfMonth => i64::from(wall.day()) - 1,
            Self::DayOfWeek => wall.weekday().to_sunday_zero_offset().into(),
            Self::DayOfYear => i64::from(wall.day_of_year()) - 1,
            Self::Hours => wall.hour().into(),
            Self::Minutes => wall.minute().into(),
            Self::Seconds => wall.second().into(),
            Self::Milliseconds => wall.millisecond().into(),
        }
    }
}

impl Days {
    /// Calendar days in the customer's zone.
    fn count(self, anchor: Time, facts: &Facts<'_>) -> i64 {
        let since = calendar::days_between(facts.zone, anchor, facts.now);
        if self == Self::Since { since } else { -since }
    }

    /// How the count compares with a bound, told without a look at the calendar where the elapsed time alone decides.
    ///
    /// A zone's offset moves by 24 hours at the most (Samoa in 2011, Kwajalein in 1993), so the count of days differs
    /// from the elapsed time by less than 2 days.
    fn compare(self, anchor: Time, bound: Number, facts: &Facts<'_>) -> std::cmp::Ordering {
        const NEAR: i128 = 3 * 86_400;
        let elapsed = facts.now.since(anchor).0;
        let elapsed = if self == Self::Since { elapsed } else { elapsed.saturating_neg() };
        // Microseconds on both sides: a millionth of a day is 86,400 of them.
        let Some(bound_micros) = bound.micro().checked_mul(86_400) else {
            return Number::from(self.count(anchor, facts)).cmp(&bound);
        };
        let difference = i128::from(elapsed) * 1000 - bound_micros;
        if difference > NEAR * 1_000_000 {
            std::cmp::Ordering::Greater
        } else if difference < -NEAR * 1_000_000 {
            std::cmp::Ordering::Less
        } else {
            Number::from(self.count(anchor, facts)).cmp(&bound)
        }
    }
}

impl Anchor {
    fn wall(&self, zone: &TimeZone, facts: &Facts<'_>) -> Option<DateTime> {
        match self {
            Self::Moment(moment) => Some(calendar::local(zone, moment.evaluate(facts)?)),
            Self::Day(day) => Some(day.evaluate(facts)?.at(0, 0, 0, 0)),
        }
    }

    /// Its instant; of a day, its first in the customer's zone.
    fn time(&self, facts: &Facts<'_>) -> Option<Time> {
        match self {
            Self::Moment(moment) => moment.evaluate(facts),
            Self::Day(day) => Some(calendar::day_start(facts.zone, day.evaluate(facts)?)),
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        walk.leaf(Leaf::Zone);
        match self {
            Self::Moment(moment) => moment.walk(walk),
            Self::Day(day) => day.walk(walk),
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::Moment(moment) => moment.change(),
            Self::Day(day) => day.change(),
        }
    }
}

impl Count {
    fn count(&self, facts: &Facts<'_>) -> Number {
        let Some(totals) = facts.customer.activity.totals(&self.event) else { return Number::ZERO };
        match self.window {
            None => whole(totals.count),
            Some(window) => whole(totals.within(window, facts.now).count() as u64),
        }
    }

    fn sum(&self, property: &str, facts: &Facts<'_>) -> Option<Number> {
        let Some(totals) = facts.customer.activity.totals(&self.event) else { return Some(Number::ZERO) };
        match self.window {
            None => Some(totals.sum(property).unwrap_or_default()),
            Some(window) => totals.sum_within(property, window, facts.now),
        }
    }
}

impl Num {
    /// Whether it can be known only as a whole number that is not negative.
    pub(in super::super) const fn is_count(&self) -> bool {
        matches!(self, Self::Orders(OrderField::Count) | Self::Count(_) | Self::Size(_) | Self::Characters(_))
    }
}

impl Term<Num> {
    /// How the value compares with a constant.
    #[inline]
    pub(super) fn compare(&self, bound: Number, facts: &Facts<'_>) -> Option<std::cmp::Ordering> {
        if let Self::Own(Num::Days(days, anchor)) = self {
            return Some(days.compare(anchor.time(facts)?, bound, facts));
        }
        Some(self.evaluate(facts)?.cmp(&bound))
    }
}

impl Kind for Num {
    type Constant = Number;
    type Value<'a> = Number;

    fn constant(constant: &Number) -> Number {
        *constant
    }

    fn freeze(value: Number) -> Number {
        value
    }

    fn read(value: &Value) -> Option<Number> {
        match value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        }
    }

    fn show(value: &Number, _: &Facts<'_>) -> String {
        value.to_string()
    }

    fn evaluate<'a>(&'a self, facts: &'a Facts<'a>) -> Option<Number> {
        match self {
            Self::Orders(field) => field.number(&facts.customer.activity.orders),
            Self::Count(count) => Some(count.count(facts)),
            Self::Sum(count, property) => count.sum(property, facts),
            Self::Negate(term) => Number::ZERO.minus(term.evaluate(facts)?),
            Self::Arithmetic(operator, terms) => {
                let (left, right) = (terms.0.evaluate(facts)?, terms.1.evaluate(facts)?);
                match operator {
                    Arithmetic::Plus => left.plus(right),
                    Arithmetic::Minus => left.minus(right),
                    Arithmetic::Times => left.times(right),
                    Arithmetic::Over => left.over(right),
                    Arithmetic::Remainder => left.remainder(right),
                }
            }
            Self::Ratio(terms) => {
                let (span, unit) = (terms.0.evaluate(facts)?, terms.1.evaluate(facts)?);
                Number::from(span.0).over(Number::from(unit.0))
            }
            Self::Days(days, anchor) => Some(Number::from(days.count(anchor.time(facts)?, facts))),
            Self::Size(items) => Some(whole(items.evaluate(facts)?.len() as u64)),
            Self::Characters(text) => Some(whole(text.evaluate(facts)?.chars().count() as u64)),
            Self::Part(part, zone, anchor) => {
                Some(Number::from(part.of(anchor.wall(zone.as_deref().unwrap_or(facts.zone), facts)?)))
            }
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
        match self {
            Self::Orders(field) => walk.leaf(Leaf::Orders(*field)),
            Self::Count(count) => walk.leaf(Leaf::Event(&count.event, EventRole::Count(count.window))),
            Self::Sum(count, property) => walk.leaf(Leaf::Event(&count.event, EventRole::Sum(property, count.window))),
            Self::Negate(term) => term.walk(walk),
            Self::Arithmetic(_, terms) => walk_both(terms, walk),
            Self::Ratio(terms) => walk_both(terms, walk),
            Self::Days(_, anchor) => {
                walk.leaf(Leaf::Now);
                anchor.walk(walk);
            }
            Self::Part(_, _, anchor) => anchor.walk(walk),
            Self::Size(items) => items.walk(walk),
            Self::Characters(text) => text.walk(walk),
        }
    }

    fn change(&self) -> Change {
        match self {
            Self::Orders(_) => Change::Fixed,
            Self::Count(count) | Self::Sum(count, _) => count.window.map_or(Change::Fixed, |_| Change::Steps),
            Self::Negate(term) => term.change(),
            Self::Arithmetic(_, terms) => change_of(terms),
            Self::Ratio(terms) => change_of(terms),
            Self::Days(..) => Change::Steps,
            Self::Part(_, _, anchor) => anchor.change().min(Change::Steps),
            Self::Size(items) => items.change(),
            Self::Characters(text) => text.change(),
        }
    }

    fn is_leaf(&self) -> bool {
        matches!(self, Self::Orders(_) | Self::Count(_) | Self::Sum(..))
    }
}
