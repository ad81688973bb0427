//! `event.PROPERTY`: what an event may tell a template, which depends on the rules that send it.

use super::names::Wrong;
use super::{Names, SentBy};
use crate::domain::nearest;
use std::collections::BTreeSet;

/// Whether every rule that sends the text is started by an event with that property; if no rule does, whether any event
/// has it.
pub(super) fn check(property: &str, names: &Names<'_>, sent_by: &[SentBy]) -> Result<(), Wrong> {
    if let Some(SentBy { rule, .. }) = sent_by.iter().find(|by| by.event.is_none()) {
        return Err(Wrong {
            code: "out-of-place",
            message: format!(
                "`event.{property}` means nothing here: no event starts the rule `{rule}`, which sends this"
            ),
            help: Some("give that rule a message of its own, or ask for an attribute or for `orders.`".to_owned()),
        });
    }
    let lacks = |event: &&str| names.schema.property(event, property).is_none();
    let message = match sent_by.iter().filter_map(|by| by.event.as_deref()).find(lacks) {
        Some(event) => format!("schema.yaml declares no property `{property}` of `{event}`"),
        None if sent_by.is_empty() && names.schema.events.keys().map(String::as_str).all(|event| lacks(&event)) => {
            format!("schema.yaml declares no event with a property `{property}`")
        }
        None => return Ok(()),
    };
    Err(Wrong { code: "unknown-property", message, help: Some(help(property, &properties(names, sent_by))) })
}

fn help(property: &str, known: &BTreeSet<&str>) -> String {
    match nearest(property, known.iter().copied()) {
        Some(near) => format!("did you mean `event.{near}`?"),
        None if known.is_empty() => "declare its properties there".to_owned(),
        None => format!("there are: {}", known.iter().copied().collect::<Vec<_>>().join(", ")),
    }
}

/// The properties that every event has which may have started the text; of one that no rule sends, those of any event.
pub(super) fn properties<'n>(names: &Names<'n>, sent_by: &[SentBy]) -> BTreeSet<&'n str> {
    let schema = names.schema;
    let of = |event: &str| schema.events.get(event).into_iter().flat_map(|known| known.keys().map(String::as_str));
    if sent_by.is_empty() {
        return schema.events.keys().flat_map(|event| of(event)).collect();
    }
    let mut each = sent_by.iter().map(|by| by.event.as_deref().into_iter().flat_map(of).collect::<BTreeSet<_>>());
    let first = each.next().unwrap_or_default();
    each.fold(first, |both, one| both.intersection(&one).copied().collect())
}
