//! Days, times and what went out, in words.

use super::witness::Got;
use crate::calendar;
use jiff::civil::{Date, Time};

/// `day 89, Sat 4 Apr 2026`.
pub(super) fn day(starts: Date, day: i32) -> String {
    format!("day {day}, {}", calendar::days_after(starts, day).strftime("%a %-d %b %Y"))
}

/// `10:00`, with seconds only where there are some.
pub(super) fn clock(time: Time) -> String {
    if time.second() == 0 { time.strftime("%H:%M").to_string() } else { time.strftime("%H:%M:%S").to_string() }
}

/// `10:00 win-back "Wanjiru, we miss you"`; with the rule where it is not the tested one.
pub(super) fn delivery(got: &Got, tested: &str) -> String {
    let mut text = format!("{} {}", clock(got.wall.time()), step(&got.rule, &got.step, tested));
    match &got.subject {
        Some(Ok(subject)) => text.push_str(&format!(" {subject:?}")),
        Some(Err(_)) => text.push_str(" that cannot be rendered"),
        None => {}
    }
    text
}

/// The name of a step, with its rule where that is not the tested one.
pub(super) fn step(rule: &str, step: &str, tested: &str) -> String {
    if rule == tested { step.to_owned() } else { format!("{step} of {rule}") }
}
