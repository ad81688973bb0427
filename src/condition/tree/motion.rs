//! How long what a term yields stays as it is.
//!
//! Evaluation is generic over a [`Motion`]: with `()` it yields the value alone and compiles to just that; with
//! [`Moving`] it yields beside each value how it moves while no data arrives. Nothing else differs, so the value and its
//! until-when cannot disagree.

use super::super::Facts;
use crate::domain::{Span, Time};
use std::cmp::Ordering;

/// A value with its motion; or unknown, with how long it stays so.
pub(in super::super) type Seen<V, M> = Result<(V, M), M>;

/// What evaluation yields beside a value.
pub(in super::super) trait Motion: Copy {
    /// Of what only new data changes.
    const FIXED: Self;

    fn of(make: impl FnOnce() -> Moving) -> Self;
    fn then(self, turn: impl FnOnce(Moving) -> Moving) -> Self;
    fn with(self, other: Self, join: impl FnOnce(Moving, Moving) -> Moving) -> Self;
    /// Whether nothing that is looked at besides can make the value last longer.
    fn is_lasting(self) -> bool;
    /// A test seen once, or looked at again at each instant at which it may change, until it does.
    fn settle(
        facts: &Facts<'_>,
        once: impl FnOnce() -> Seen<bool, Self>,
        look: impl Fn(&Facts<'_>) -> Seen<bool, Glance>,
    ) -> Seen<bool, Self>;
}

impl Motion for () {
    const FIXED: Self = ();

    #[inline]
    fn of(_: impl FnOnce() -> Moving) -> Self {}

    #[inline]
    fn then(self, _: impl FnOnce(Moving) -> Moving) -> Self {}

    #[inline]
    fn with(self, (): Self, _: impl FnOnce(Moving, Moving) -> Moving) -> Self {}

    #[inline]
    fn is_lasting(self) -> bool {
        true
    }

    #[inline]
    fn settle(
        _: &Facts<'_>,
        once: impl FnOnce() -> Seen<bool, Self>,
        _: impl Fn(&Facts<'_>) -> Seen<bool, Glance>,
    ) -> Seen<bool, Self> {
        once()
    }
}

/// As [`Moving`], but a test is seen once: what a test that is looked at again is made of does not look again itself, or
/// the looks of tests within tests would multiply.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Glance(Moving);

impl Motion for Glance {
    const FIXED: Self = Self(Moving::FIXED);

    fn of(make: impl FnOnce() -> Moving) -> Self {
        Self(make())
    }

    fn then(self, turn: impl FnOnce(Moving) -> Moving) -> Self {
        Self(turn(self.0))
    }

    fn with(self, other: Self, join: impl FnOnce(Moving, Moving) -> Moving) -> Self {
        Self(join(self.0, other.0))
    }

    fn is_lasting(self) -> bool {
        self.0.is_lasting()
    }

    fn settle(
        _: &Facts<'_>,
        once: impl FnOnce() -> Seen<bool, Self>,
        _: impl Fn(&Facts<'_>) -> Seen<bool, Self>,
    ) -> Seen<bool, Self> {
        once()
    }
}

/// Later than every instant.
pub(super) const NEVER: Time = Time(i64::MAX);
/// Earlier than every instant: as the end of a line, there is none.
const NO_LINE: Time = Time(i64::MIN);
/// How many instants are looked at for one test before the last of them is the answer. Every event of a window may
/// come and go.
const LOOKS: usize = 2 * crate::domain::RECENT + 8;
/// As [`LOOKS`], for a whole condition; each of its tests has looked ahead by itself.
pub(in super::super) const LOOKS_AT_ALL: usize = 32;
/// By how much rounding at both ends can move a value off its line, in its own units.
const ROUNDING: i128 = 3;

/// How a value moves while no data arrives.
///
/// Two things are known of it, each for its own time: that it is the very same, and that it keeps to a line. The line is
/// in the value's own units (milliseconds of spans and instants, millionths of numbers) a millisecond.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Moving {
    /// The value is the very same at every instant before this one.
    pub(in super::super) holds: Time,
    /// At `holds` it is surely another one.
    exact: bool,
    /// The line holds at every instant before this one.
    fits: Time,
    /// The line's slope: this over `per`.
    rise: i128,
    /// Positive.
    per: i128,
    /// How far off the line the value may be.
    slack: i128,
    /// It never moves against the slope.
    monotone: bool,
}

/// From when on a value may lie outside its bounds, and from when on it surely does.
struct Leaving {
    from: Time,
    by: Time,
}

/// By when the order of two values changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turning {
    /// It is the same before this instant.
    from: Time,
    /// It changes once between `from` and this instant, or stays the same till then.
    by: Time,
}

impl Moving {
    /// The same until that instant.
    pub(super) const fn until(at: Time) -> Self {
        Self { holds: at, exact: false, fits: at, rise: 0, per: 1, slack: 0, monotone: true }
    }

    /// As the time itself.
    pub(super) const fn with_time(now: Time) -> Self {
        Self { holds: now.plus(Span(1)), fits: NEVER, rise: 1, ..Self::until(NEVER) }
    }

    /// As what is counted of the customer's events: till one that lies ahead is to be counted.
    pub(super) fn of_events(facts: &Facts<'_>) -> Self {
        match facts.customer.activity.uncounted_from {
            None => Self::FIXED,
            // What was to be counted by now is not: nothing can be said of any instant.
            Some(at) => Self::until(at.max(facts.now)),
        }
    }

    /// Off the line by so much more, either way.
    pub(super) fn off_by(self, slack: i128) -> Self {
        Self { slack: self.slack.saturating_add(slack), monotone: false, ..self }
    }

    /// The very same at least until then, whatever the line says.
    pub(super) const fn same_until(self, at: Time) -> Self {
        Self { holds: at, ..self }
    }

    pub(super) fn fitting_until(self, at: Time) -> Self {
        Self { fits: self.fits.min(at), ..self }
    }

    /// Whether it never goes back.
    pub(super) const fn is_forward(&self) -> bool {
        self.monotone && self.rise >= 0
    }

    pub(super) const fn is_constant(&self) -> bool {
        self.rise == 0 && self.slack == 0
    }

    /// For no longer than another value is the same.
    pub(super) fn while_holds(self, other: Self) -> Self {
        Self { holds: self.holds.min(other.holds), fits: self.fits.min(other.holds), exact: false, ..self }
    }

    /// The same for as long as both are.
    pub(super) fn shorter(self, other: Self) -> Self {
        if other.holds < self.holds { Self::still(other) } else { Self::still(self) }
    }

    /// The same for as long as one of them is.
    fn longer(self, other: Self) -> Self {
        Self::until(self.holds.max(other.holds))
    }

    pub(super) fn perhaps_longer(self) -> Self {
        Self { exact: false, ..self }
    }

    fn still(self) -> Self {
        Self { exact: self.exact, ..Self::until(self.holds) }
    }

    /// Nothing but how long it is the same.
    pub(super) fn off_line(self) -> Self {
        if self.is_constant() { self } else { Self { fits: NO_LINE, ..self } }
    }

    pub(super) fn negated(self) -> Self {
        Self { rise: -self.rise, ..self }
    }

    pub(super) fn plus(self, other: Self) -> Self {
        let (one, other) = (self.beside(other), other.beside(self));
        one.plus_line(other)
    }

    /// What moves in steps is constant till its next one beside what moves at every instant.
    fn beside(self, other: Self) -> Self {
        let is_even = other.monotone && other.rise != 0;
        if is_even && !self.monotone && other.holds < self.holds { Self::until(self.holds) } else { self }
    }

    fn plus_line(self, other: Self) -> Self {
        let sum = if self.per == other.per {
            self.rise.checked_add(other.rise).map(|rise| (rise, self.per))
        } else {
            (|| {
                let rise = self.rise.checked_mul(other.per)?.checked_add(other.rise.checked_mul(self.per)?)?;
                Some((rise, self.per.checked_mul(other.per)?))
            })()
        };
        let holds = self.holds.min(other.holds);
        let Some((rise, per)) = sum else { return Self { holds, rise: 1, fits: NO_LINE, ..self } };
        Self {
            holds,
            exact: false,
            fits: self.fits.min(other.fits),
            rise,
            per,
            slack: self.slack.saturating_add(other.slack),
            monotone: self.monotone && other.monotone && self.rise.signum() * other.rise.signum() >= 0,
        }
    }

    pub(super) fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    /// Times `of` over `over`, rounded.
    pub(super) fn times(self, of: i128, over: i128) -> Self {
        if self.is_constant() {
            return self;
        }
        let shared = gcd(of, over).max(1);
        let (of, over) = if over < 0 { (-(of / shared), -(over / shared)) } else { (of / shared, over / shared) };
        let line = (|| {
            let (rise, per) = (self.rise.checked_mul(of)?, self.per.checked_mul(over)?);
            let slack = self.slack.checked_mul(of.checked_abs()?)?.checked_div(over)?.checked_add(1 + ROUNDING)?;
            Some((rise, per, slack))
        })();
        let Some((rise, per, slack)) = line else { return self.off_line() };
        Self { exact: false, rise, per, slack, ..self }
    }

    /// A product of two values, of which one stays as it is, over `scale`.
    pub(super) fn product(self, value: i128, other: (Self, i128), scale: i128) -> Self {
        let (other, factor) = other;
        if other.is_constant() {
            self.times(factor, scale).while_holds_line(other)
        } else if self.is_constant() {
            other.times(value, scale).while_holds_line(self)
        } else {
            self.while_holds_line(other).off_line()
        }
    }

    /// A quotient by a value that stays as it is, times `scale`.
    pub(super) fn quotient(self, divisor: (Self, i128), scale: i128) -> Self {
        let (other, divisor) = divisor;
        let line = if other.is_constant() && divisor != 0 { self.times(scale, divisor) } else { self.unruly() };
        line.while_holds_line(other)
    }

    /// A constant made of something that moves is constant no longer.
    fn unruly(self) -> Self {
        Self { rise: 1, fits: NO_LINE, ..self }
    }

    /// Both are the same for as long as they are, and the line ends where the other's does.
    fn while_holds_line(self, other: Self) -> Self {
        Self { holds: self.holds.min(other.holds), fits: self.fits.min(other.fits), exact: false, ..self }
    }

    /// What is made of two values in no even way.
    pub(super) fn uneven(self, other: Self) -> Self {
        let both = self.while_holds_line(other);
        if self.is_constant() && other.is_constant() { both } else { both.unruly() }
    }

    /// The line ends where the value could leave its range.
    pub(super) fn kept_in(self, range: i128, value: i128, at: Time) -> Self {
        if self.is_constant() {
            self
        } else if value.saturating_abs() > range {
            self.off_line()
        } else {
            Self { fits: self.fits.min(self.leaves((-range, range), value, at)), ..self }
        }
    }

    /// The earliest instant at which the value may lie outside of these bounds, both of which belong to it.
    pub(super) fn leaves(&self, bounds: (i128, i128), value: i128, at: Time) -> Time {
        self.leaving(bounds, value, at).from.min(self.fits)
    }

    fn leaving(&self, (low, high): (i128, i128), value: i128, at: Time) -> Leaving {
        let (above, below) =
            (high.saturating_sub(value).saturating_add(1), value.saturating_sub(low).saturating_add(1));
        let (ahead, behind) = if self.rise >= 0 { (above, below) } else { (below, above) };
        let after = |gap: i128| {
            let steps = ceiling(gap, self.per, self.rise.saturating_abs()).max(1);
            at.plus(Span(i64::try_from(steps).unwrap_or(i64::MAX)))
        };
        let steady = self.monotone && self.rise != 0;
        if !steady && behind <= self.slack || self.rise == 0 && ahead <= self.slack {
            return Leaving { from: at.plus(Span(1)), by: NO_LINE };
        }
        if self.rise == 0 {
            return Leaving { from: NEVER, by: NEVER };
        }
        let by = if self.monotone { after(ahead.saturating_add(self.slack)) } else { NO_LINE };
        Leaving { from: after(ahead.saturating_sub(self.slack)), by }
    }

    /// When the order of two values may change; `distance` is the first less the second, if their kind has one.
    pub(super) fn turning(self, other: Self, distance: Option<i128>, now: Time) -> Turning {
        let same = self.holds.min(other.holds);
        let none = Turning { from: same, by: NO_LINE };
        let Some(distance) = distance else { return none };
        let line = self.minus(other);
        let bounds = match distance.cmp(&0) {
            Ordering::Less => (i128::MIN, -1),
            Ordering::Equal => (0, 0),
            Ordering::Greater => (1, i128::MAX),
        };
        let leaving = line.leaving(bounds, distance, now);
        Turning { from: same.max(leaving.from.min(line.fits)), by: leaving.by.min(line.fits) }
    }
}

impl Turning {
    /// The very instant, where it can be told; `is_same` says whether the order at an instant is still the same.
    pub(super) fn sought(self, is_same: impl Fn(Time) -> bool) -> Moving {
        let (mut from, mut by) = (self.from, self.by);
        while from < by {
            let middle = Time(i64::midpoint(from.0, by.0));
            if is_same(middle) {
                from = middle.plus(Span(1));
            } else {
                by = middle;
            }
        }
        Moving::until(from)
    }

    pub(super) const fn from(self) -> Moving {
        Moving::until(self.from)
    }
}

impl Motion for Moving {
    const FIXED: Self = Self::until(NEVER);

    fn of(make: impl FnOnce() -> Moving) -> Self {
        make()
    }

    fn then(self, turn: impl FnOnce(Moving) -> Moving) -> Self {
        turn(self)
    }

    fn with(self, other: Self, join: impl FnOnce(Moving, Moving) -> Moving) -> Self {
        join(self, other)
    }

    fn is_lasting(self) -> bool {
        self.holds >= Time::MAX
    }

    fn settle(
        facts: &Facts<'_>,
        _: impl FnOnce() -> Seen<bool, Self>,
        look: impl Fn(&Facts<'_>) -> Seen<bool, Glance>,
    ) -> Seen<bool, Self> {
        look_ahead(
            facts,
            LOOKS,
            |_, _| false,
            |facts| match look(facts) {
                Ok((value, glance)) => Ok((value, glance.0)),
                Err(glance) => Err(glance.0),
            },
        )
    }
}

/// A test looked at now, and again at each instant at which it may change, until it does, but only so often.
///
/// `differs` may tell more quickly than the test that its value is another one.
pub(in super::super) fn look_ahead(
    facts: &Facts<'_>,
    looks: usize,
    differs: impl Fn(&Facts<'_>, Option<bool>) -> bool,
    test: impl Fn(&Facts<'_>) -> Seen<bool, Moving>,
) -> Seen<bool, Moving> {
    let first = test(facts);
    let (value, motion) = parts(&first);
    if motion.exact || motion.is_lasting() {
        return first;
    }
    let (mut holds, mut before, mut exact) = (motion.holds, facts.now, false);
    for _ in 0..looks {
        if holds <= before || holds >= Time::MAX {
            break;
        }
        let facts = Facts { now: holds, ..*facts };
        if differs(&facts, value) {
            exact = true;
            break;
        }
        let (then, motion) = parts(&test(&facts));
        if then != value {
            exact = true;
            break;
        }
        (before, holds) = (holds, motion.holds.max(holds));
        if motion.exact {
            exact = true;
            break;
        }
    }
    let motion = Moving { exact, ..Moving::until(holds) };
    value.map_or(Err(motion), |value| Ok((value, motion)))
}

fn parts(seen: &Seen<bool, Moving>) -> (Option<bool>, Moving) {
    match seen {
        Ok((value, motion)) => (Some(*value), *motion),
        Err(motion) => (None, *motion),
    }
}

/// A value that may be unknown, as seen.
#[inline]
pub(super) fn seen<V, M: Motion>(value: Option<V>, motion: M) -> Seen<V, M> {
    value.map_or(Err(motion), |value| Ok((value, motion)))
}

/// True if all are, false if one is not; else unknown.
#[inline]
pub(in super::super) fn conjunction<M: Motion>(tests: impl Iterator<Item = Seen<bool, M>>) -> Seen<bool, M> {
    let mut all: Seen<bool, M> = Ok((true, M::FIXED));
    let mut broken: Option<M> = None;
    for test in tests {
        match (test, all, broken) {
            (Ok((false, motion)), _, earlier) => {
                // False for as long as one of them is.
                let motion = earlier.map_or(motion, |earlier| earlier.with(motion, Moving::longer));
                let motion = motion.then(Moving::perhaps_longer);
                if motion.is_lasting() {
                    return Ok((false, motion));
                }
                broken = Some(motion);
            }
            (_, _, Some(_)) => {}
            (Ok((true, motion)), Ok((_, others)), None) => all = Ok((true, others.with(motion, Moving::shorter))),
            (Ok((true, motion)) | Err(motion), Err(others), None) | (Err(motion), Ok((_, others)), None) => {
                all = Err(others.with(motion, Moving::shorter).then(Moving::perhaps_longer));
            }
        }
    }
    broken.map_or(all, |motion| Ok((false, motion)))
}

/// True if one is, false if none is; else unknown.
#[inline]
pub(in super::super) fn disjunction<M: Motion>(tests: impl Iterator<Item = Seen<bool, M>>) -> Seen<bool, M> {
    negated(conjunction(tests.map(negated)))
}

#[inline]
pub(in super::super) fn negated<M: Motion>(test: Seen<bool, M>) -> Seen<bool, M> {
    test.map(|(yes, motion)| (!yes, motion))
}

/// The least whole number that is no less than `gap * per / rise`, or a smaller one where that is out of range.
fn ceiling(gap: i128, per: i128, rise: i128) -> i128 {
    if gap <= 0 {
        return 0;
    }
    match gap.checked_mul(per) {
        Some(product) => product / rise + i128::from(product % rise != 0),
        None => (gap / rise).saturating_mul(per),
    }
}

fn gcd(a: i128, b: i128) -> i128 {
    let (mut a, mut b) = (a.saturating_abs(), b.saturating_abs());
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}
