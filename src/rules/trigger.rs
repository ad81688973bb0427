//! `trigger:`, what makes a rule look at customers.

use super::known::Known;
use super::rule::a_map;
use super::{Direction, Trigger, TriggerZone};
use crate::calendar::Cron;
use crate::domain::{Diagnostic, Span, nearest};
use crate::yaml::{Item, Map, Node};
use jiff::civil;

/// The key that says what kind of trigger it is; each has exactly one.
const KINDS: [&str; 5] = ["schedule", "event", "date", "enters", "leaves"];

const HELP: &str = "write {schedule: \"0 10 * * *\", timezone: customer}";

/// When a day's steps fall due, where a trigger does not say.
const NINE: civil::Time = civil::Time::constant(9, 0, 0, 0);

/// What a trigger's steps are counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CountedFrom {
    /// The instant of entry.
    Entry,
    /// A date, so that steps may fall before it.
    Date,
}

/// What can be told of a trigger before it is read, and even if it is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outline<'r> {
    /// The event that it names, known or not.
    pub(super) event: Option<&'r str>,
    /// What its steps are counted from.
    pub(super) counted: CountedFrom,
    /// Whether the same occurrence never comes twice, so that `again_after` may be left out.
    pub(super) is_once: bool,
}

impl<'r> Outline<'r> {
    pub(super) fn of(node: Option<&'r Node>) -> Self {
        let key = |name: &str| node.and_then(|node| node.get(name));
        let (event, date) = (key("event"), key("date"));
        Self {
            event: event.and_then(Node::as_text),
            counted: if date.is_some() { CountedFrom::Date } else { CountedFrom::Entry },
            is_once: event.is_some() || date.is_some(),
        }
    }
}

pub(super) fn read(item: Item<'_>, known: &Known<'_>) -> Option<Trigger> {
    let map = a_map(item, "`trigger`", HELP)?;
    let kinds: Vec<&'static str> = KINDS.into_iter().filter(|kind| map.has(kind)).collect();
    let triggers: Vec<_> = match kinds.as_slice() {
        [] => {
            nothing(&map);
            // So that what else it says is looked at, and a misspelt kind gets the nearest.
            KINDS.into_iter().map(|kind| of_kind(kind, &map, known)).collect()
        }
        kinds => kinds.iter().map(|kind| of_kind(kind, &map, known)).collect(),
    };
    for kind in kinds.iter().skip(1) {
        too_many(&map, kinds[0], kind);
    }
    map.close();
    if kinds.len() == 1 { triggers.into_iter().next()? } else { None }
}

fn nothing(map: &Map<'_>) {
    // A misspelt kind is told as an unknown key, and a merged one cannot be seen.
    if map.is_meant(&KINDS) || map.item().node().is_partial() {
        return;
    }
    let message = "the trigger does not say what starts the rule";
    let problem = Diagnostic::error("missing-key", map.item().place(), message);
    map.item().reader().report(problem.help("write one of `schedule`, `event`, `date`, `enters` and `leaves`"));
}

fn too_many(map: &Map<'_>, first: &str, other: &'static str) {
    if let Some(item) = map.get(other) {
        let message = format!("`{first}` and `{other}` are two triggers in one");
        let problem = Diagnostic::error("two-triggers", item.key_place(), message);
        item.reader().report(problem.help("write two rules, each with a trigger of its own"));
    }
}

fn of_kind(kind: &'static str, map: &Map<'_>, known: &Known<'_>) -> Option<Trigger> {
    match kind {
        "event" => event(map, known),
        "date" => date(map, known),
        "enters" => crossing(map, kind, Direction::Enters, known),
        "leaves" => crossing(map, kind, Direction::Leaves, known),
        _ => schedule(map),
    }
}

fn schedule(map: &Map<'_>) -> Option<Trigger> {
    let cron = map.optional("schedule").and_then(cron);
    let zone = map.optional("timezone").map_or(Some(TriggerZone::Business), zone);
    Some(Trigger::Schedule { cron: cron?, zone: zone? })
}

fn cron(item: Item<'_>) -> Option<Cron> {
    Cron::parse(item.text()?).map_err(|error| item.error_with_help("bad-cron", error.message, error.help)).ok()
}

fn zone(item: Item<'_>) -> Option<TriggerZone> {
    let name = item.text()?;
    match name {
        "business" => return Some(TriggerZone::Business),
        "customer" => return Some(TriggerZone::Customer),
        _ => {}
    }
    if let Some(word) = nearest(name, ["business", "customer"]) {
        let problem = Diagnostic::error("unknown-zone", item.place(), format!("`{name}` is no time zone"));
        item.reader().report(problem.help(format!("did you mean `{word}`?")));
        return None;
    }
    let zone = item.zone()?;
    let name = zone.iana_name().unwrap_or(name).to_owned();
    Some(TriggerZone::Named(name, zone))
}

fn event(map: &Map<'_>, known: &Known<'_>) -> Option<Trigger> {
    let name = map.optional("event").and_then(|item| known.event(item));
    let delay = map.optional("delay").map_or(Some(Span(0)), Item::span);
    let once_per = match map.optional("once_per") {
        // Of an event that nobody knows nothing can be said about its properties.
        Some(item) => name.and_then(|event| known.single_property(item, event)).map(Some),
        None => Some(None),
    };
    Some(Trigger::Event { name: name?.into(), delay: delay?, once_per: once_per?.map(Into::into) })
}

fn date(map: &Map<'_>, known: &Known<'_>) -> Option<Trigger> {
    let attribute = map.optional("date").and_then(|item| known.date_attribute(item));
    let at = map.optional("at").map_or(Some(NINE), Item::time_of_day);
    let yearly = map.optional("repeat").map_or(Some(false), |item| item.word(&[("yearly", true)]));
    Some(Trigger::Date { attribute: attribute?.into(), at: at?, yearly: yearly? })
}

fn crossing(map: &Map<'_>, kind: &'static str, direction: Direction, known: &Known<'_>) -> Option<Trigger> {
    let segment = map.optional(kind).and_then(|item| known.segment(item))?;
    Some(Trigger::Crossing { segment: segment.into(), direction })
}
