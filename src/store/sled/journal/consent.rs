//! What arrivals change of a customer's consent, as the journal keeps it.

use super::Record;
use crate::domain::{Consent, Customer, DeliveryKey, Text};
use std::collections::BTreeMap;

/// A customer's consent before arrivals told of it, and the ids under which they did.
#[derive(Debug)]
pub(in crate::store::sled) struct Told {
    before: BTreeMap<Text, Consent>,
    ids: Vec<Text>,
}

impl Told {
    /// Before anything is taken in.
    pub(in crate::store::sled) fn of(customer: &Customer) -> Self {
        Self { before: customer.consent.clone(), ids: vec![customer.id.clone()] }
    }

    /// Somebody told of the customer by that id.
    pub(in crate::store::sled) fn under(&mut self, id: &str) {
        if !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.into());
        }
    }

    /// What was withdrawn, and what was given that had been withdrawn: who had never said anything and says yes is no
    /// matter of the journal, or every import would be.
    pub(in crate::store::sled) fn records(&self, customer: &Customer, key: &DeliveryKey) -> Vec<Record> {
        let mut records = Vec::new();
        for (name, now) in &customer.consent {
            let before = self.before.get(name).map(|consent| consent.granted);
            if before == Some(now.granted) || before.is_none() && now.granted {
                continue;
            }
            for id in &self.ids {
                let (customer, name, at) = (key.hash_of_customer(id), name.clone(), now.at);
                records.push(if now.granted {
                    Record::Granted { customer, name, at }
                } else {
                    Record::Withdrawn { customer, name, at }
                });
            }
        }
        records
    }
}

/// What a customer has withdrawn, for an id that has become the customer's just now.
pub(in crate::store::sled) fn withdrawn(customer: &Customer, id: &str, key: &DeliveryKey) -> Vec<Record> {
    let withdrawn = customer.consent.iter().filter(|(_, consent)| !consent.granted);
    let hash = key.hash_of_customer(id);
    withdrawn.map(|(name, consent)| Record::Withdrawn { customer: hash, name: name.clone(), at: consent.at }).collect()
}
