//! Numbers.

use super::super::Facts;
use super::super::source::Arithmetic;
use super::clock::{self, Reading};
use super::leaf::{EventRole, OrderField, whole};
use super::motion::{NEVER, seen};
use super::{
    Change, Day, Items, Kind, Leaf, Length, Moment, Motion, Moving, Ordered, Seen, Term, Text, Walk, both, change_of,
    walk_both,
};
use crate::calendar;
use crate::domain::{Number, Recent, Span, Time, Value};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use std::cmp::Ordering;

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
    fn compare<M: Motion>(self, anchor: (Time, M), bound: Number, facts: &Facts<'_>) -> Option<(Ordering, M)> {
        const NEAR: i128 = 3 * 86_400 * 1_000_000;
        let (anchor, motion) = anchor;
        let elapsed = facts.now.since(anchor).0;
        let elapsed = if self == Self::Since { elapsed } else { elapsed.saturating_neg() };
        // Microseconds on both sides: a millionth of a day is 86,400 of them.
        let difference = i128::from(elapsed) * 1000 - bound.micro().checked_mul(86_400)?;
        let (order, decided) = match difference {
            NEAR.. => (Ordering::Greater, (NEAR, i128::MAX)),
            _ if difference <= -NEAR => (Ordering::Less, (i128::MIN, -NEAR)),
            _ => return None,
        };
        let is_to_come = (self == Self::Since) == (order == Ordering::Less);
        let motion = motion.then(|motion| {
            if is_to_come && motion.is_constant() {
                return motion.shorter(Moving::until(self.reaches(bound, anchor, facts)));
            }
            let anchor = motion;
            let elapsed = Moving::with_time(facts.now).minus(anchor);
            let elapsed = if self == Self::Since { elapsed } else { elapsed.negated() };
            Moving::until(elapsed.holds.max(elapsed.times(1000, 1).leaves(decided, difference, facts.now)))
        });
        Some((order, motion))
    }

    /// When the count, which is still to come to the bound, first does: that day begins in the customer's zone.
    fn reaches(self, bound: Number, anchor: Time, facts: &Facts<'_>) -> Time {
        let bound = if self == Self::Since { bound.micro() } else { bound.micro().saturating_neg() };
        let days = bound.div_euclid(Number::ONE.micro()) + i128::from(bound.rem_euclid(Number::ONE.micro()) != 0);
        let day = i64::try_from(days).ok().and_then(|days| {
            calendar::day_of(facts.zone, anchor).checked_add(jiff::Span::new().try_days(days).ok()?).ok()
        });
        day.map_or(NEVER, |day| calendar::day_start(facts.zone, day))
    }

    /// How the count moves.
    fn motion(self, anchor: (Time, Moving), facts: &Facts<'_>) -> Moving {
        let (zone, now) = (facts.zone, facts.now);
        let today = Reading { zone, at: now, motion: Moving::with_time(now), now }.day();
        let since = today.minus(Reading { zone, at: anchor.0, motion: anchor.1, now }.day());
        let count = since.times(Number::ONE.micro(), clock::DAY);
        if self == Self::Since { count } else { count.negated() }
    }
}

impl Anchor {
    /// A part of its date or its time of day.
    fn part<M: Motion>(&self, part: CalendarPart, zone: &TimeZone, facts: &Facts<'_>) -> Seen<Number, M> {
        let (wall, motion) = match self {
            Self::Moment(moment) => {
                let (at, motion) = moment.observe::<M>(facts)?;
                let motion = motion.then(|motion| Reading { zone, at, motion, now: facts.now }.part(part));
                (calendar::local(zone, at), motion)
            }
            Self::Day(day) => {
                let (day, motion) = day.observe::<M>(facts)?;
                (day.at(0, 0, 0, 0), motion.then(Moving::off_line))
            }
        };
        Ok((Number::from(part.of(wall)), motion))
    }

    /// Its instant; of a day, its first in the customer's zone.
    fn time<M: Motion>(&self, facts: &Facts<'_>) -> Seen<Time, M> {
        match self {
            Self::Moment(moment) => moment.observe(facts),
            Self::Day(day) => {
                let (day, motion) = day.observe::<M>(facts)?;
                Ok((calendar::day_start(facts.zone, day), motion.then(clock::day_start)))
            }
        }
    }

    fn walk<'a>(&'a self, walk: &mut Walk<'a, '_>) {
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
    /// When the events counted are others.
    fn motion(&self, facts: &Facts<'_>) -> Moving {
        let events = Moving::of_events(facts);
        let (Some(window), Some(totals)) = (self.window, facts.customer.activity.totals(&self.event)) else {
            return events;
        };
        let next = next_in_window(&totals.recent, window, facts.now, Ahead { leaving: 1, coming: 1 });
        events.shorter(Moving::until(next))
    }

    /// How the count compares with a bound, and until which event leaves or comes.
    fn compare<M: Motion>(&self, bound: Number, facts: &Facts<'_>) -> (Ordering, M) {
        let count = self.count(facts);
        let order = count.cmp(&bound);
        let motion = M::of(|| {
            let events = Moving::of_events(facts);
            let (Some(window), Some(totals)) = (self.window, facts.customer.activity.totals(&self.event)) else {
                return events;
            };
            let apart =
                usize::try_from(ceiling((count.micro() - bound.micro()).saturating_abs())).unwrap_or(usize::MAX);
            // So many of them make the count equal to the bound; fewer do not.
            let ahead = match order {
                Ordering::Less => Ahead { leaving: 0, coming: apart },
                Ordering::Equal => Ahead { leaving: 1, coming: 1 },
                Ordering::Greater => Ahead { leaving: apart, coming: 0 },
            };
            events.shorter(Moving::until(next_in_window(&totals.recent, window, facts.now, ahead)))
        });
        (order, motion)
    }

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

/// The how manieth event from now on that leaves a window or comes into it is looked for; 0 for none.
#[derive(Clone, Copy)]
struct Ahead {
    leaving: usize,
    coming: usize,
}

fn next_in_window(recent: &[Recent], window: Span, now: Time, ahead: Ahead) -> Time {
    let inside = recent.partition_point(|event| event.at <= now.minus(window));
    let to_come = recent.partition_point(|event| event.at <= now);
    let nth = |from: usize, n: usize| recent.get(from.saturating_add(n.checked_sub(1)?)).map(|event| event.at);
    let leaving = nth(inside, ahead.leaving).map_or(NEVER, |at| at.plus(window));
    leaving.min(nth(to_come, ahead.coming).unwrap_or(NEVER))
}

/// The least whole number that is no less than so many millionths.
fn ceiling(micro: i128) -> i128 {
    micro.saturating_add(Number::ONE.micro() - 1) / Number::ONE.micro()
}

impl Term<Num> {
    /// How the value compares with a constant, where that can be told with less than the value; `None` elsewhere.
    #[inline]
    pub(super) fn compare<M: Motion>(&self, bound: Number, facts: &Facts<'_>) -> Option<Seen<Ordering, M>> {
        match self {
            Self::Own(Num::Days(days, anchor)) => match anchor.time::<M>(facts) {
                Ok(anchor) => days.compare(anchor, bound, facts).map(Ok),
                Err(unknown) => Some(Err(unknown)),
            },
            Self::Own(Num::Count(count)) => Some(Ok(count.compare(bound, facts))),
            _ => None,
        }
    }
}

/// Beyond this, in millionths, sums and products of what moves are not followed; they become unknown at ten times this.
const RANGE: i128 = 10_i128.pow(31);

/// A number made of others, unless it is out of range.
#[inline]
fn made<M: Motion>(number: Option<Number>, motion: M, facts: &Facts<'_>) -> Seen<Number, M> {
    match number {
        Some(number) => Ok((number, motion.then(|motion| motion.kept_in(RANGE, number.micro(), facts.now)))),
        None => Err(motion),
    }
}

fn arithmetic<M: Motion>(
    operator: Arithmetic,
    left: (Number, M),
    right: (Number, M),
    facts: &Facts<'_>,
) -> Seen<Number, M> {
    const ONE: i128 = Number::ONE.micro();
    let ((left, a), (right, b)) = (left, right);
    match operator {
        Arithmetic::Plus => made(left.plus(right), a.with(b, Moving::plus), facts),
        Arithmetic::Minus => made(left.minus(right), a.with(b, Moving::minus), facts),
        Arithmetic::Times => {
            made(left.times(right), a.with(b, |a, b| a.product(left.micro(), (b, right.micro()), ONE)), facts)
        }
        // Unknown for as long as the divisor is nothing.
        Arithmetic::Over | Arithmetic::Remainder if right == Number::ZERO => Err(b),
        Arithmetic::Over => made(left.over(right), a.with(b, |a, b| a.quotient((b, right.micro()), ONE)), facts),
        Arithmetic::Remainder => made(left.remainder(right), a.with(b, Moving::uneven), facts),
    }
}

impl Ordered for Num {
    fn order(left: &Number, right: &Number) -> Ordering {
        left.cmp(right)
    }

    fn distance(left: &Number, right: &Number) -> Option<i128> {
        left.micro().checked_sub(right.micro())
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

    fn observe<'a, M: Motion>(&'a self, facts: &'a Facts<'a>) -> Seen<Number, M> {
        match self {
            Self::Orders(field) => {
                seen(field.number(&facts.customer.activity.orders), M::of(|| Moving::of_events(facts)))
            }
            Self::Count(count) => Ok((count.count(facts), M::of(|| count.motion(facts)))),
            Self::Sum(count, property) => seen(count.sum(property, facts), M::of(|| count.motion(facts))),
            Self::Negate(term) => {
                let (number, motion) = term.observe::<M>(facts)?;
                made(Number::ZERO.minus(number), motion.then(Moving::negated), facts)
            }
            Self::Arithmetic(operator, terms) => {
                let (left, right) = both(terms, facts)?;
                arithmetic(*operator, left, right, facts)
            }
            Self::Ratio(terms) => {
                let ((span, a), (unit, b)) = both::<Length, Length, M>(terms, facts)?;
                if unit.0 == 0 {
                    return Err(b);
                }
                let motion = a.with(b, |a, b| a.quotient((b, unit.0.into()), Number::ONE.micro()));
                made(Number::from(span.0).over(Number::from(unit.0)), motion, facts)
            }
            Self::Days(days, anchor) => {
                let (anchor, motion) = anchor.time::<M>(facts)?;
                let count = Number::from(days.count(anchor, facts));
                Ok((count, motion.then(|motion| days.motion((anchor, motion), facts))))
            }
            Self::Size(items) => {
                let (items, motion) = items.observe::<M>(facts)?;
                Ok((whole(items.len() as u64), motion))
            }
            Self::Characters(text) => {
                let (text, motion) = text.observe::<M>(facts)?;
                Ok((whole(text.chars().count() as u64), motion))
            }
            Self::Part(part, zone, anchor) => anchor.part(*part, zone.as_deref().unwrap_or(facts.zone), facts),
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
                walk.leaf(Leaf::Zone);
                anchor.walk(walk);
            }
            Self::Part(_, zone, anchor) => {
                if zone.is_none() && matches!(**anchor, Anchor::Moment(_)) {
                    walk.leaf(Leaf::Zone);
                }
                anchor.walk(walk);
            }
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
