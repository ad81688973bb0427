//! Days, instants, spans and what was read, in plain words.

use super::Facts;
use super::tree::{self, EventRole, Leaf, OrderField, Sent};
use crate::domain::{Span, Time, Value};
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// `2 Feb 2026`
pub(super) fn date(date: Date) -> String {
    crate::calendar::date_in_words(date)
}

/// `2 Feb`, with the year where it is not that of the facts.
fn near(at: Time, facts: &Facts<'_>) -> String {
    crate::calendar::date_from(crate::calendar::day_of(facts.zone, at), facts.zone, facts.now)
}

/// `2 Feb 2026 10:30` in the zone; without the time of day at midnight.
pub(super) fn time(at: Time, zone: &TimeZone) -> String {
    let wall = crate::calendar::local(zone, at);
    let day = date(wall.date());
    match (wall.hour(), wall.minute(), wall.second()) {
        (0, 0, 0) => day,
        (hour, minute, 0) => format!("{day} {hour:02}:{minute:02}"),
        (hour, minute, second) => format!("{day} {hour:02}:{minute:02}:{second:02}"),
    }
}

/// `55 days 3 hours`: the two largest units.
pub(super) fn span(span: Span) -> String {
    let mut rest = span.0.unsigned_abs();
    let mut parts = Vec::new();
    for (each, unit) in [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1000, "second")] {
        let count = rest / each;
        rest %= each;
        if count > 0 {
            parts.push(counted(count, unit));
        }
        if parts.len() == 2 || !parts.is_empty() && count == 0 {
            break;
        }
    }
    let text = if parts.is_empty() { "0 days".into() } else { parts.join(" ") };
    if span.0 < 0 { format!("minus {text}") } else { text }
}

/// `1 order`, `2 orders`
fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun}") } else { format!("{count} {noun}s") }
}

/// What a missing value means.
pub(super) fn missing(leaf: &Leaf<'_>) -> String {
    match leaf {
        Leaf::Orders(OrderField::GapMedian) => "fewer than two orders".into(),
        Leaf::Orders(_) => "no order yet".into(),
        Leaf::Event(event, EventRole::LastValue(property, _)) => format!("no `{event}` with `{property}` yet"),
        Leaf::Event(event, _) => format!("no `{event}` yet"),
        Leaf::Property(name) => format!("the event has no `{name}`"),
        Leaf::AtEntry(path) => format!("{} had no value at entry", path.text()),
        leaf => format!("{} was never set", leaf.path()),
    }
}

/// What was read, as a note behind a value that was made of it; `None` for what explains nothing.
pub(super) fn note(leaf: &Leaf<'_>, facts: &Facts<'_>) -> Option<String> {
    let activity = &facts.customer.activity;
    let day = |at: Option<Time>| at.map(|at| near(at, facts));
    let known = match leaf {
        Leaf::Now | Leaf::Zone | Leaf::Segment(_) => return None,
        Leaf::Sent(asked) => Some(sent(asked, facts)),
        Leaf::Id => Some(format!("customer {}", facts.customer.id)),
        Leaf::Attribute(name) => {
            facts.customer.attributes.get(*name).map(|value| format!("customer.{name} {}", stored(value, facts)))
        }
        Leaf::Consent(name) => Some(consent(name, facts)),
        Leaf::Orders(field) => orders(*field, facts),
        Leaf::Property(name) => {
            tree::property(name, facts).map(|value| format!("event.{name} {}", stored(value, facts)))
        }
        Leaf::AtEntry(path) => {
            tree::at_entry(path, facts).map(|value| format!("{} at entry {}", path.text(), stored(value, facts)))
        }
        Leaf::Event(event, role) => {
            let totals = activity.totals(event);
            match role {
                EventRole::Count(_) => Some(format!("`{event}` counted")),
                EventRole::Sum(property, _) => Some(format!("`{property}` of `{event}` summed")),
                EventRole::FirstAt => {
                    day(totals.map(|totals| totals.first_at)).map(|at| format!("first `{event}` {at}"))
                }
                EventRole::LastAt => day(totals.map(|totals| totals.last_at)).map(|at| format!("last `{event}` {at}")),
                EventRole::LastValue(property, _) => totals
                    .and_then(|totals| totals.last_value(property))
                    .map(|value| format!("last `{property}` of `{event}` {}", stored(value, facts))),
            }
        }
    };
    Some(known.unwrap_or_else(|| missing(leaf)))
}

fn orders(field: OrderField, facts: &Facts<'_>) -> Option<String> {
    let orders = &facts.customer.activity.orders;
    let day = |at: Option<Time>| at.map(|at| near(at, facts));
    match field {
        OrderField::Count => Some(counted(orders.count, "order")),
        OrderField::Revenue => Some(format!("revenue {}", orders.revenue)),
        OrderField::Average => orders.average().map(|average| format!("average order {average}")),
        OrderField::FirstAt => day(orders.first_at).map(|at| format!("first order {at}")),
        OrderField::LastAt => day(orders.last_at).map(|at| format!("last order {at}")),
        OrderField::GapMedian => orders.gap_median().map(|gap| format!("usual gap {}", span(gap))),
    }
}

/// Whether consent is given, and since when.
pub(super) fn consent(name: &str, facts: &Facts<'_>) -> String {
    match facts.customer.consent.get(name) {
        None => "never given".into(),
        Some(consent) => {
            let since = near(consent.at, facts);
            if consent.granted { format!("given on {since}") } else { format!("withdrawn on {since}") }
        }
    }
}

/// Whether a rule sent something, and when.
pub(super) fn sent(sent: &Sent, facts: &Facts<'_>) -> String {
    sent.last_at(facts).map_or_else(|| "never sent".into(), |at| format!("sent {}", time(at, facts.zone)))
}

fn stored(value: &Value, facts: &Facts<'_>) -> String {
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Date(day) => date(*day),
        Value::Time(at) => time(*at, facts.zone),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Span, span};

    #[test]
    fn a_span_is_told_in_its_two_largest_units_and_without_those_that_are_none() {
        let (day, hour, minute, second) = (86_400_000, 3_600_000, 60_000, 1000);
        for (milliseconds, text) in [
            (0, "0 days"),
            (999, "0 days"),
            (second, "1 second"),
            (minute + second, "1 minute 1 second"),
            (2 * hour, "2 hours"),
            (hour + 5 * second, "1 hour"),
            (55 * day + 3 * hour + 20 * minute, "55 days 3 hours"),
            (day + 5 * minute, "1 day"),
            (-(day + 2 * hour), "minus 1 day 2 hours"),
        ] {
            assert_eq!(span(Span(milliseconds)), text);
        }
    }
}
