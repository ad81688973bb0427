//! The customer of a test, as far as the file says who it is.

use super::value;
use crate::domain::{Schema, Text, Value};
use crate::yaml::Item;
use std::collections::BTreeMap;

/// What is given of a customer.
#[derive(Debug, Clone, Default)]
pub(in crate::stories) struct Person {
    pub(in crate::stories) id: Option<Text>,
    /// Set, or known to be missing.
    pub(in crate::stories) attributes: BTreeMap<Text, Option<Value>>,
    pub(in crate::stories) consent: BTreeMap<Text, bool>,
    /// Whether the customer is one of those held out.
    pub(in crate::stories) holdout: bool,
}

impl Person {
    /// With what another says besides, or instead.
    pub(super) fn and(mut self, other: Self) -> Self {
        self.id = other.id.or(self.id);
        self.attributes.extend(other.attributes);
        self.consent.extend(other.consent);
        self.holdout |= other.holdout;
        self
    }

    /// Takes in a key of the customer's.
    pub(super) fn take(&mut self, item: Item<'_>, schema: &Schema) {
        match item.name() {
            "id" => self.id = item.text().map(Text::from),
            "consent" => self.consent.extend(value::consent(item, schema)),
            "holdout" => self.holdout = item.bool().unwrap_or_default(),
            _ => self.attributes.extend(value::attribute(item, schema)),
        }
    }
}

/// Reads a map that is all of a customer.
pub(super) fn read(item: Item<'_>, schema: &Schema) -> Person {
    let mut person = Person::default();
    item.pairs().unwrap_or_default().into_iter().for_each(|(_, item)| person.take(item, schema));
    person
}
