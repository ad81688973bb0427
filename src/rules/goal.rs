//! `goal:`, what a rule's enrollments are meant to bring about.

use super::Goal;
use super::known::Known;
use super::rule::{a_map, positive_span};
use crate::yaml::Item;

pub(super) fn read(item: Item<'_>, known: &Known<'_>) -> Option<Goal> {
    let map = a_map(item, "`goal`", "write {event: Order Completed, within: 30d}")?;
    let event = map.required("event").and_then(|item| known.event(item));
    let within = map.required("within").and_then(positive_span);
    let value = match map.optional("value") {
        Some(item) => event.and_then(|event| known.number_property(item, event)).map(Some),
        None => Some(None),
    };
    map.close();
    Some(Goal { event: event?.into(), within: within?, value: value?.map(Into::into) })
}
