//! `trigger:`, what makes a rule look at customers.

use super::rule::a_map;
use super::{Trigger, TriggerZone};
use crate::calendar::Cron;
use crate::domain::{Diagnostic, nearest};
use crate::yaml::Item;

/// Keys that say what kind of trigger it is, but for `schedule`.
const LATER: [&str; 4] = ["event", "date", "enters", "leaves"];

const HELP: &str = "write {schedule: \"0 10 * * *\", timezone: customer}";

pub(super) fn read(item: Item<'_>) -> Option<Trigger> {
    let map = a_map(item, "`trigger`", HELP)?;
    if LATER.iter().any(|name| map.has(name)) {
        // What else such a trigger may say is left to the version that has it.
        map.not_yet(&LATER);
        return None;
    }
    let cron = map.required("schedule").and_then(cron);
    let zone = map.optional("timezone").map_or(Some(TriggerZone::Business), zone);
    map.close();
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
