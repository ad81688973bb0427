//! `day:` and `hour:`, when a step falls due.

use super::Offset;
use super::trigger::CountedFrom;
use crate::domain::Diagnostic;
use crate::yaml::{Item, Map};

/// The furthest that a step may lie from where it is counted.
const FURTHEST_DAYS: i64 = 3660;

/// Reads the offsets of a rule's steps, one after the other.
pub(super) struct Offsets {
    counted: CountedFrom,
    /// That of the step before, and the line on which it stands.
    before: Option<(Offset, usize)>,
}

impl Offsets {
    pub(super) const fn new(counted: CountedFrom) -> Self {
        Self { counted, before: None }
    }

    /// When the next step falls due: with the one before it, unless it says otherwise.
    pub(super) fn next(&mut self, map: &Map<'_>) -> Option<Offset> {
        let (day, hour) = (map.optional("day"), map.optional("hour"));
        let offset = match (map.has("day"), map.has("hour")) {
            (false, false) => self.before.map_or(Offset::Days(0), |(offset, _)| offset),
            (true, false) => Offset::Days(self.number(day?, FURTHEST_DAYS)?),
            (false, true) => Offset::Hours(self.number(hour?, FURTHEST_DAYS * 24)?),
            (true, true) => {
                two_in_one(day, hour);
                return None;
            }
        };
        let place = day.or(hour).map_or_else(|| map.item().place(), Item::key_place);
        let line = place.line_column().0;
        let in_order = self.before.is_none_or(|(before, _)| hours(before) <= hours(offset));
        if let Some((before, first)) = self.before.filter(|_| !in_order) {
            let message = format!("{} of line {line} lies before {} of line {first}", said(offset), said(before));
            let help = "put the steps in the order in which they fall due";
            map.item().reader().report(Diagnostic::error("backwards", place, message).help(help));
        }
        self.before = Some((offset, line));
        in_order.then_some(offset)
    }

    fn number(&self, item: Item<'_>, furthest: i64) -> Option<i32> {
        let number = item.integer()?;
        if number < 0 && self.counted == CountedFrom::Entry {
            let message = format!("`{}` counts from entry, so it must not be negative", item.name());
            item.error_with_help("bad-number", message, "only a rule with a `date` trigger can send before it");
            return None;
        }
        if number.abs() > furthest {
            let message = format!("`{}` must not be further away than {furthest}", item.name());
            item.error_with_help("bad-number", message, format!("write a number up to {furthest}"));
            return None;
        }
        i32::try_from(number).ok()
    }
}

fn two_in_one(day: Option<Item<'_>>, hour: Option<Item<'_>>) {
    if let Some(item) = hour.or(day) {
        let message = "`day` and `hour` cannot both say when a step falls due";
        let problem = Diagnostic::error("contradiction", item.key_place(), message);
        item.reader().report(problem.help("keep one of them; `hour: 36` is a day and a half"));
    }
}

/// What can be compared before the customer's clock is known: a day as 24 hours.
fn hours(offset: Offset) -> i64 {
    match offset {
        Offset::Days(days) => i64::from(days) * 24,
        Offset::Hours(hours) => i64::from(hours),
    }
}

fn said(offset: Offset) -> String {
    match offset {
        Offset::Days(days) => format!("day {days}"),
        Offset::Hours(hours) => format!("hour {hours}"),
    }
}
