//! Names that rules write outside conditions: events, their properties, dates and segments.

use super::Names;
use super::segments::Segments;
use crate::condition::{Parser, Scope};
use crate::domain::{ValueType, nearest};
use crate::yaml::Item;
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a rule may name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known<'a> {
    /// Outside its conditions.
    pub(super) names: &'a Names<'a>,
    /// In conditions: of any rule, without an event and without an enrollment.
    pub(super) scope: Scope<'a>,
}

impl<'a> Known<'a> {
    /// With these segments, and the rules of these ids.
    pub(super) fn of(
        names: &'a Names<'a>,
        segments: &'a Segments,
        rules: &'a BTreeSet<String>,
        parser: Option<&'a Parser>,
    ) -> Self {
        Self { names, scope: Scope { segments: &segments.known, rules, parser, ..Scope::of(names.schema) } }
    }
}

impl Known<'_> {
    /// A declared event.
    pub(super) fn event<'r>(&self, item: Item<'r>) -> Option<&'r str> {
        let name = item.text()?;
        let events = &self.names.schema.events;
        if events.contains_key(name) {
            return Some(name);
        }
        let help = match nearest(name, events.keys().map(String::as_str)) {
            Some(near) => format!("did you mean `{near}`?"),
            None => "declare it there under `events:`".to_owned(),
        };
        item.error_with_help("unknown-event", format!("schema.yaml declares no event `{name}`"), help);
        None
    }

    /// A property of a declared event that holds one value, not a list.
    pub(super) fn single_property(&self, item: Item<'_>, event: &str) -> Option<String> {
        self.property(item, event, "a single value", |kind| kind != ValueType::List)
    }

    /// A property of a declared event that is a number.
    pub(super) fn number_property(&self, item: Item<'_>, event: &str) -> Option<String> {
        self.property(item, event, "a number", |kind| kind == ValueType::Number)
    }

    fn property(&self, item: Item<'_>, event: &str, wanted: &str, fits: fn(ValueType) -> bool) -> Option<String> {
        let name = item.text()?;
        let properties = self.names.schema.events.get(event)?;
        match properties.get(name) {
            Some(kind) if fits(*kind) => return Some(name.to_owned()),
            Some(kind) => {
                let fitting = fitting(properties, fits);
                let help = if fitting.is_empty() {
                    format!("remove it: `{event}` has none that is {wanted}")
                } else {
                    format!("there are: {}", fitting.join(", "))
                };
                item.error_with_help("type-mismatch", format!("`{name}` of `{event}` is a {kind}, not {wanted}"), help);
                return None;
            }
            None => {}
        }
        let fitting = fitting(properties, fits);
        let help = match nearest(name, fitting.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if fitting.is_empty() => "declare it there".to_owned(),
            None => format!("there are: {}", fitting.join(", ")),
        };
        let message = format!("schema.yaml declares no property `{name}` of `{event}`");
        item.error_with_help("unknown-property", message, help);
        None
    }

    /// An attribute of customers that is a date or a timestamp.
    pub(super) fn date_attribute(&self, item: Item<'_>) -> Option<String> {
        let name = item.text()?;
        let is_date = |kind: ValueType| matches!(kind, ValueType::Date | ValueType::Time);
        let attributes = &self.names.schema.customer;
        let message = match attributes.get(name) {
            Some(attribute) if is_date(attribute.kind) => return Some(name.to_owned()),
            Some(attribute) => {
                let message = format!("`{name}` is a {}, and a rule counts from a date", attribute.kind);
                let dates: Vec<&str> =
                    attributes.iter().filter(|(_, one)| is_date(one.kind)).map(|(name, _)| name.as_str()).collect();
                item.error_with_help("type-mismatch", message, format!("there are: {}", dates.join(", ")));
                return None;
            }
            None => format!("schema.yaml declares no attribute `{name}`"),
        };
        let dates = attributes.iter().filter(|(_, attribute)| is_date(attribute.kind)).map(|(name, _)| name.as_str());
        let bare = name.strip_prefix("customer.").unwrap_or(name);
        let help = match nearest(bare, dates) {
            Some(near) => format!("did you mean `{near}`?"),
            None => format!("declare it there: `{bare}: date`"),
        };
        item.error_with_help("unknown-attribute", message, help);
        None
    }

    /// A segment of `segments.yaml`.
    pub(super) fn segment(&self, item: Item<'_>) -> Option<String> {
        let name = item.text()?;
        let segments = self.scope.segments;
        if segments.contains_key(name) {
            return Some(name.to_owned());
        }
        let message = format!("there is no segment `{name}`");
        if segments.is_empty() {
            let help = format!("write it into rules/segments.yaml: `{name}: {{when: CONDITION}}`");
            item.error_with_help("unknown-segment", message, help);
        } else {
            item.unknown("unknown-segment", &message, name, segments.keys().map(String::as_str));
        }
        None
    }
}

fn fitting(properties: &BTreeMap<String, ValueType>, fits: fn(ValueType) -> bool) -> Vec<&str> {
    properties.iter().filter(|(_, kind)| fits(**kind)).map(|(name, _)| name.as_str()).collect()
}
