//! Triggers and waits in words.

use crate::domain::Span;
use crate::rules::{Direction, Offset, Rule, Step, Trigger, TriggerZone};

/// What starts the rule, as the end of "starts …".
pub(super) fn trigger(trigger: &Trigger) -> String {
    match trigger {
        Trigger::Schedule { cron, zone } => format!("by the schedule \"{}\", {}", cron.text(), clock(zone)),
        Trigger::Event { name, .. } => joined(format!("when \"{name}\" happens"), &of_event(trigger)),
        Trigger::Date { attribute, .. } => joined(format!("by the customer's {attribute}"), &of_date(trigger)),
        Trigger::Crossing { segment, direction } => {
            format!("when a customer {} the segment {segment}", crossing(*direction))
        }
    }
}

fn joined(start: String, more: &str) -> String {
    if more.is_empty() { start } else { format!("{start}, {more}") }
}

/// On whose clock.
pub(super) fn clock(zone: &TriggerZone) -> String {
    match zone {
        TriggerZone::Business => "on the clock of the business".to_owned(),
        TriggerZone::Customer => "on the customer's clock".to_owned(),
        TriggerZone::Named(name, _) => format!("on the clock of {name}"),
    }
}

/// What more an event trigger says than the event: nothing, for most.
pub(super) fn of_event(trigger: &Trigger) -> String {
    let Trigger::Event { delay, once_per, .. } = trigger else { return String::new() };
    let later = (*delay != Span(0)).then(|| format!("{delay} later"));
    let once = once_per.as_ref().map(|property| format!("once per {property}"));
    later.into_iter().chain(once).collect::<Vec<_>>().join(", ")
}

/// When on the day, and whether every year.
pub(super) fn of_date(trigger: &Trigger) -> String {
    let Trigger::Date { at, yearly, .. } = trigger else { return String::new() };
    let every = if *yearly { ", every year" } else { "" };
    format!("at {}{every}", at.strftime("%H:%M"))
}

pub(super) const fn crossing(direction: Direction) -> &'static str {
    match direction {
        Direction::Enters => "enters",
        Direction::Leaves => "leaves",
    }
}

/// When a step falls due: from entry, or from the date of a rule that goes by one.
pub(super) fn offset(rule: &Rule, step: &Step) -> String {
    let (count, unit) = match step.offset {
        Offset::Days(days) => (days, "day"),
        Offset::Hours(hours) => (hours, "hour"),
    };
    let units = |count: u32| if count == 1 { format!("1 {unit}") } else { format!("{count} {unit}s") };
    let is_dated = matches!(rule.trigger, Trigger::Date { .. });
    match (count, is_dated) {
        (0, true) => "on the day".to_owned(),
        (0, false) => "at once".to_owned(),
        (..0, _) => format!("{} before", units(count.unsigned_abs())),
        (_, true) => format!("{} after", units(count.unsigned_abs())),
        (_, false) => format!("after {}", units(count.unsigned_abs())),
    }
}
