//! The model's customers who become one.

use super::model::{Model, Person};
use crate::domain::{CustomerNumber, Time, is_anonymous, objections};
use crate::store::derive;

impl Model {
    /// Takes in that two ids are of one customer; answers who that is, unless nothing changes.
    pub(super) fn merge(&mut self, from: &str, into: &str, received_at: Time) -> Option<&mut Person> {
        let (gone, stays) = (self.number(from), self.number(into));
        let known = gone.and_then(|number| self.people.get(&number));
        let is_taken = is_anonymous(from) && known.is_some_and(|person| !is_anonymous(&person.id));
        if from == into || gone.is_some() && gone == stays || is_taken {
            return None;
        }
        match (gone, stays) {
            (Some(gone), Some(stays)) => self.absorb(stays, gone, received_at),
            (Some(gone), None) => {
                self.names.insert(into.to_owned(), gone);
                into.clone_into(&mut self.person(into, received_at).id);
                self.object(into, received_at);
            }
            (None, _) => {
                self.person(into, received_at);
                self.names.extend(self.number(into).map(|number| (from.to_owned(), number)));
                self.object(from, received_at);
            }
        }
        Some(self.person(into, received_at))
    }

    fn absorb(&mut self, stays: CustomerNumber, number: CustomerNumber, now: Time) {
        let Some(gone) = self.people.remove(&number) else { return };
        self.merged.insert(number, stays);
        self.customer_leases.remove(&number);
        let Some(person) = self.people.get_mut(&stays) else { return };
        let before = [person.consents(), gone.consents()];
        let mut joined = person.remembered();
        joined.absorb(number, gone.remembered());
        person.arrived_at = joined.arrived_at;
        (person.memory, person.slots, person.absorbed) = (joined.memory, joined.slots, joined.absorbed);
        person.watch = joined.watch;
        if let Some(wake) = gone.wake {
            person.wake_by(wake);
        }
        person.events.extend(gone.events);
        person.enrollments.extend(gone.enrollments);
        if !gone.rows.is_empty() {
            person.rows.extend(gone.rows);
            person.rows.sort_by_key(|(version, _)| *version);
            for (index, (_, row)) in person.rows.iter_mut().enumerate() {
                if derive::holds_since_told(row, index == 0) {
                    row.effective_at = row.received_at;
                }
            }
            let rows = person.rows.iter().map(|(_, row)| row);
            if let Some(objection) = objections(before.each_ref(), rows, now) {
                // Later than what was there, and earlier than what comes.
                let version = person.rows.last().map_or(0, |(version, _)| *version);
                person.rows.push((version, objection));
            }
        }
    }
}
