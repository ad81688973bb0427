//! The model's customers who are erased.

use super::model::Model;
use crate::domain::{
    CustomerNumber, ProfileRow, State, Suppression, Text, Time, consents, normalized_address, objections,
};
use crate::store::{Erased, derive};
use std::collections::BTreeMap;

impl Model {
    /// All ids of a customer, that which stands first.
    pub(super) fn ids(&self, customer: CustomerNumber) -> Vec<String> {
        let number = self.survivor(customer);
        let Some(person) = self.people.get(&number) else { return Vec::new() };
        let others = self.names.keys().filter(|id| **id != person.id && self.number(id) == Some(number));
        std::iter::once(&person.id).chain(others).cloned().collect()
    }

    /// Removes all that is known of the customer of an id, but for what is kept of everybody who was erased.
    pub(super) fn erase(&mut self, id: &str) -> Option<Erased> {
        let number = self.number(id)?;
        let ids = self.ids(number);
        let person = self.people.remove(&number)?;
        let withdrawn: BTreeMap<Text, Time> =
            person.consents().into_iter().filter(|(_, it)| !it.granted).map(|(name, it)| (name, it.at)).collect();
        let mut erased = Erased {
            ids: ids.len() as u64,
            events: person.events.len() as u64,
            enrollments: person.enrollments.len() as u64,
            objections: withdrawn.len() as u64,
            ..Erased::default()
        };
        for id in person.enrollments.iter().flat_map(|enrollment| &enrollment.deliveries) {
            let Some(delivery) = self.deliveries.remove(id) else { continue };
            erased.deliveries += 1;
            erased.under_way += u64::from(delivery.state == State::Sending);
        }
        for id in ids {
            let used = person.enrollments.iter().map(|it| (id.clone(), it.rule.clone(), it.occurrence.clone()));
            self.spent.extend(used);
            self.objections.entry(id.clone()).or_default().extend(withdrawn.clone());
            self.names.remove(&id);
        }
        for (_, fingerprint) in person.events.keys() {
            self.forget_event(fingerprint);
        }
        self.customer_leases.remove(&number);
        let mut gone = person.remembered();
        derive::fold(&mut gone, &person.profile_rows());
        let address = gone.email().map(normalized_address);
        if let Some(found) = address.and_then(|address| self.suppressions.remove(&address)) {
            self.hidden.insert(found.address, found.at);
        }
        Some(erased)
    }

    /// A suppression, also of an address that cannot be listed any more.
    pub(super) fn suppression(&self, address: &str) -> Option<Suppression> {
        let hidden = self.hidden.get(address);
        let hidden = hidden.map(|at| Suppression { address: address.to_owned(), reason: "journal".into(), at: *at });
        self.suppressions.get(address).cloned().or(hidden)
    }

    /// Takes in what somebody withdrew who had that id and was erased, for whom the id means now.
    pub(super) fn object(&mut self, id: &str, now: Time) {
        let (Some(withdrawn), Some(number)) = (self.objections.remove(id), self.number(id)) else { return };
        let Some(person) = self.change(number) else { return };
        let (version, before) = (person.version(), person.consents());
        let row = |(name, at): (Text, Time)| ProfileRow {
            effective_at: at,
            attributes: BTreeMap::new(),
            consent: [(name, false)].into(),
            source: "journal".into(),
            received_at: now,
            proof: None,
        };
        let rows: Vec<ProfileRow> = withdrawn.into_iter().map(row).collect();
        let objected = consents(&rows);
        person.rows.extend(rows.into_iter().map(|row| (version, row)));
        let objection = objections([&before, &objected], person.rows.iter().map(|(_, row)| row), now);
        person.rows.extend(objection.map(|row| (version, row)));
    }
}
