//! What numbers can be at all, whoever the customer is: the one table of it, and what to write instead of what they never are.

use super::super::source::Comparison;
use super::{Anchor, CalendarPart, Days, Moment, Num, OrderField, Term};
use crate::domain::Number;

/// The whole numbers from `low` to `high`, both among them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct NumberLimits {
    low: Option<i64>,
    high: Option<i64>,
    /// What is said of them.
    pub(in super::super) words: &'static str,
    /// Numbers that are written by mistake, each with what was meant.
    meant: &'static [(i64, &'static str)],
}

const COUNT: NumberLimits =
    NumberLimits { low: Some(0), high: None, words: "a count is a whole number from 0", meant: &[] };
const DAYS: NumberLimits =
    NumberLimits { low: None, high: None, words: "days are counted as whole numbers", meant: &[] };
const YEAR: NumberLimits = NumberLimits { low: None, high: None, words: "a year is a whole number", meant: &[] };
const SINCE: NumberLimits =
    NumberLimits { low: Some(0), high: None, words: "days since something past are whole numbers from 0", meant: &[] };
const UNTIL: NumberLimits = NumberLimits {
    low: None,
    high: Some(0),
    words: "what is past is never days ahead; `days_since(...)` counts how long ago it was",
    meant: &[],
};
const HOURS: NumberLimits = part(0, 23, "hours are counted from 0 to 23", &[(24, "midnight is `0`")]);
const MINUTES: NumberLimits = part(0, 59, "minutes are counted from 0 to 59", &[(60, "the full hour is `0`")]);
const SECONDS: NumberLimits = part(0, 59, "seconds are counted from 0 to 59", &[(60, "the full minute is `0`")]);
const MILLISECONDS: NumberLimits = part(0, 999, "milliseconds are counted from 0 to 999", &[]);
const MONTH: NumberLimits =
    part(0, 11, "months are counted from 0 (January) to 11 (December)", &[(12, "December is `11`")]);
const DATE: NumberLimits = part(1, 31, "days of the month are counted from 1 to 31", &[(0, "the first day is `1`")]);
const DAY_OF_MONTH: NumberLimits =
    part(0, 30, "`getDayOfMonth` counts from 0 to 30", &[(31, "write `getDate()`, which counts from 1 to 31")]);
const DAY_OF_WEEK: NumberLimits =
    part(0, 6, "days of the week are counted from 0 (Sunday) to 6 (Saturday)", &[(7, "Sunday is `0`")]);
const DAY_OF_YEAR: NumberLimits = part(0, 365, "days of the year are counted from 0 to 365", &[]);

const fn part(low: i64, high: i64, words: &'static str, meant: &'static [(i64, &'static str)]) -> NumberLimits {
    NumberLimits { low: Some(low), high: Some(high), words, meant }
}

impl Num {
    /// The limits of what this can be, if it is known only as a whole number.
    pub(in super::super) fn limits(&self) -> Option<NumberLimits> {
        Some(match self {
            Self::Orders(OrderField::Count) | Self::Count(_) | Self::Size(_) | Self::Characters(_) => COUNT,
            Self::Days(days, anchor) if anchor.is_past() => match days {
                Days::Since => SINCE,
                Days::Until => UNTIL,
            },
            Self::Days(..) => DAYS,
            Self::Part(part, ..) => match part {
                CalendarPart::FullYear => YEAR,
                CalendarPart::Month => MONTH,
                CalendarPart::Date => DATE,
                CalendarPart::DayOfMonth => DAY_OF_MONTH,
                CalendarPart::DayOfWeek => DAY_OF_WEEK,
                CalendarPart::DayOfYear => DAY_OF_YEAR,
                CalendarPart::Hours => HOURS,
                CalendarPart::Minutes => MINUTES,
                CalendarPart::Seconds => SECONDS,
                CalendarPart::Milliseconds => MILLISECONDS,
            },
            _ => return None,
        })
    }

    /// Whether it always has a value.
    fn is_never_missing(&self) -> bool {
        match self {
            Self::Orders(OrderField::Count) | Self::Count(_) => true,
            Self::Part(_, _, anchor) => matches!(**anchor, Anchor::Moment(Term::Own(Moment::Now))),
            _ => false,
        }
    }
}

impl Anchor {
    /// Whether it is the time of an event that was, and so is not after now.
    const fn is_past(&self) -> bool {
        matches!(self, Self::Moment(Term::Own(Moment::Orders(_) | Moment::FirstAt(_) | Moment::LastAt(_))))
    }
}

impl NumberLimits {
    /// The least and the greatest, in millionths.
    pub(in super::super) fn micro(self) -> (i128, i128) {
        let micro = |number: i64| Number::from(number).micro();
        (self.low.map_or(i128::MIN, micro), self.high.map_or(i128::MAX, micro))
    }

    /// What a comparison with a constant comes to for all that these limits allow.
    fn compare(self, comparison: Comparison, bound: Number) -> Option<bool> {
        let (low, high) = self.micro();
        let bound_micro = bound.micro();
        let (below, above) = (bound_micro < low, bound_micro > high);
        let never = below || above || bound.to_i64().is_none();
        match comparison {
            Comparison::Equal => never.then_some(false),
            Comparison::NotEqual => never.then_some(true),
            Comparison::Less if above => Some(true),
            Comparison::Less => (bound_micro <= low).then_some(false),
            Comparison::AtMost if bound_micro >= high => Some(true),
            Comparison::AtMost => below.then_some(false),
            Comparison::Greater if below => Some(true),
            Comparison::Greater => (bound_micro >= high).then_some(false),
            Comparison::AtLeast if bound_micro <= low => Some(true),
            Comparison::AtLeast => above.then_some(false),
        }
    }

    /// What to write instead of a number that it never is.
    pub(in super::super) fn cure(self, bound: Number) -> String {
        if let Some((_, meant)) = self.meant.iter().find(|(number, _)| Number::from(*number) == bound) {
            return (*meant).to_owned();
        }
        if bound.to_i64().is_none() {
            let below = i64::try_from(bound.micro().div_euclid(Number::ONE.micro())).unwrap_or_default();
            return format!("write a whole number, such as `{below}` or `{}`", below.saturating_add(1));
        }
        match (self.low, self.high) {
            // It may be that number, and nothing beyond it.
            (Some(low), _) if bound == Number::from(low) => {
                format!("nothing is less than {low}: write `== {low}` if that is meant")
            }
            (_, Some(high)) if bound == Number::from(high) => {
                format!("nothing is more than {high}: write `== {high}` if that is meant")
            }
            (Some(low), Some(high)) => format!("write a number from {low} to {high}"),
            (Some(low), None) => format!("write a number from {low}"),
            (None, Some(_)) => "write `days_since(...)`, or another time that may lie ahead".to_owned(),
            (None, None) => "write a whole number".to_owned(),
        }
    }
}

/// A comparison of something that has limits with a constant.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Limited {
    /// What it can be.
    pub(in super::super) limits: NumberLimits,
    /// What it is compared with.
    pub(in super::super) bound: Number,
    value: Option<bool>,
}

impl Limited {
    /// Whether the comparison comes out the same for everyone. Of what may be missing nothing is always true.
    pub(in super::super) const fn value(&self) -> Option<bool> {
        self.value
    }
}

/// A comparison of two numbers, if one of them has limits and the other is a constant.
pub(in super::super) fn limited(comparison: Comparison, terms: &(Term<Num>, Term<Num>)) -> Option<Limited> {
    let (own, bound, comparison) = match terms {
        (Term::Own(own), Term::Constant(bound)) => (own, *bound, comparison),
        (Term::Constant(bound), Term::Own(own)) => (own, *bound, comparison.mirrored()),
        _ => return None,
    };
    let limits = own.limits()?;
    let value = limits.compare(comparison, bound).filter(|value| !value || own.is_never_missing());
    Some(Limited { limits, bound, value })
}

/// Whether a number with limits can never be that one.
pub(in super::super) fn is_never(term: &Term<Num>, bound: Number) -> Option<NumberLimits> {
    let Term::Own(own) = term else { return None };
    own.limits().filter(|limits| limits.compare(Comparison::Equal, bound) == Some(false))
}
