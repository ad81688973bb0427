//! The functions of conditions.

use crate::domain::{Span, nearest};
use std::ops::RangeInclusive;

/// One function.
pub(super) struct Function {
    pub(super) name: &'static str,
    /// How many arguments.
    pub(super) takes: RangeInclusive<usize>,
    pub(super) example: &'static str,
}

impl Function {
    const fn new(name: &'static str, least: usize, most: usize, example: &'static str) -> Self {
        Self { name, takes: least..=most, example }
    }

    /// How many arguments, in words.
    pub(super) fn arguments(&self) -> String {
        let plural = if *self.takes.end() == 1 { "" } else { "s" };
        if self.takes.start() == self.takes.end() {
            format!("{} argument{plural}", self.takes.end())
        } else {
            format!("{} or {} arguments", self.takes.start(), self.takes.end())
        }
    }
}

/// Functions that stand alone.
const FUNCTIONS: [Function; 18] = [
    Function::new("count", 1, 2, "count(\"Order Completed\", days(30))"),
    Function::new("sum", 2, 3, "sum(\"Order Completed\", \"revenue\", days(30))"),
    Function::new("first_at", 1, 1, "first_at(\"Order Completed\")"),
    Function::new("last_at", 1, 1, "last_at(\"Order Completed\")"),
    Function::new("last_value", 2, 2, "last_value(\"Ticket Solved\", \"rating\")"),
    Function::new("default", 2, 2, "default(customer.score, 0)"),
    Function::new("since", 1, 1, "since(orders.last_at)"),
    Function::new("until", 1, 1, "until(customer.membership_ends_on)"),
    Function::new("days_since", 1, 1, "days_since(orders.last_at)"),
    Function::new("days_until", 1, 1, "days_until(customer.membership_ends_on)"),
    Function::new("days", 1, 1, "days(30)"),
    Function::new("hours", 1, 1, "hours(6)"),
    Function::new("duration", 1, 1, "duration(\"72h\")"),
    Function::new("timestamp", 1, 1, "timestamp(\"2026-01-01T00:00:00Z\")"),
    Function::new("date", 1, 1, "date(\"2026-01-01\")"),
    Function::new("size", 1, 1, "size(customer.tags)"),
    Function::new("in_segment", 1, 1, "in_segment(\"vip\")"),
    Function::new("sent", 1, 2, "sent(\"win-back\", days(30))"),
];

/// Functions that stand behind a value, the calendar getters aside.
pub(super) const METHODS: [&str; 4] = ["contains", "startsWith", "endsWith", "size"];

pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Says which functions there are.
pub(super) fn all() -> String {
    let names: Vec<&str> = FUNCTIONS.iter().map(|function| function.name).chain(["has"]).collect();
    format!("there are: {}", names.join(", "))
}

/// Says which functions stand behind a value.
pub(super) fn all_methods() -> String {
    format!("behind a value there are: {}, and for times getHours and its like", METHODS.join(", "))
}

pub(super) fn nearest_to(name: &str) -> Option<&'static str> {
    nearest(name, FUNCTIONS.iter().map(|function| function.name).chain(["has"]))
}

/// Reads a duration as CEL writes it (`72h`, `1h30m`, `1.5h`, `500ms`), or in days and weeks as rule files do.
pub(super) fn duration(text: &str) -> Option<Span> {
    if let Ok(span) = text.parse::<Span>() {
        return Some(span);
    }
    let (negative, mut rest) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let mut total = 0_i128;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let (number, tail) = rest.split_at(digits);
        let unit = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let each = match &tail[..unit] {
            "h" => 3_600_000,
            "m" => 60_000,
            "s" => 1000,
            "ms" => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<crate::domain::Number>().ok()?.micro().checked_mul(each)?)?;
        rest = &tail[unit..];
    }
    let millis = i64::try_from(total / 1_000_000).ok().filter(|_| !text.is_empty() && text != "-")?;
    Some(Span(if negative { -millis } else { millis }))
}

#[cfg(test)]
mod tests {
    use super::duration;
    use crate::domain::Span;

    #[test]
    fn durations_are_read_as_cel_writes_them_and_in_days() {
        for (text, expected) in [
            ("72h", Some(Span::hours(72))),
            ("1h30m", Some(Span::minutes(90))),
            ("1.5h", Some(Span::minutes(90))),
            ("-10s", Some(Span::seconds(-10))),
            ("500ms", Some(Span(500))),
            ("3d", Some(Span::days(3))),
            ("", None),
            ("-", None),
            ("h", None),
            ("5", None),
            ("5x", None),
            ("1h 5m", None),
            ("99999999999999999999h", None),
        ] {
            assert_eq!(duration(text), expected, "{text}");
        }
    }
}
