//! The model's customers who are to be looked at.

use super::model::Model;
use crate::domain::{CustomerNumber, Span, Time};

impl Model {
    /// Makes customers dirty.
    pub(super) fn mark_dirty(
        &mut self,
        after: Option<CustomerNumber>,
        limit: usize,
        at: Time,
    ) -> Option<CustomerNumber> {
        let numbers = self.people.keys().copied().filter(|number| Some(*number) > after);
        let numbers: Vec<_> = numbers.take(limit).collect();
        for number in &numbers {
            if let Some(person) = self.change(*number) {
                person.wake_by(at);
            }
        }
        if numbers.len() < limit { None } else { numbers.last().copied().or(after) }
    }

    fn wakes(&self) -> impl Iterator<Item = (Time, CustomerNumber)> {
        self.people.iter().filter_map(|(number, person)| Some((person.wake?, *number)))
    }

    /// Takes customers under a lease.
    pub(super) fn take_dirty(&mut self, now: Time, limit: usize, lease: Span) -> Vec<CustomerNumber> {
        self.customer_leases.retain(|_, until| *until > now);
        let free = self.wakes().filter(|(at, number)| *at <= now && !self.customer_leases.contains_key(number));
        let mut taken: Vec<_> = free.collect();
        taken.sort_unstable();
        taken.truncate(limit);
        let until = now.plus(lease).max(now);
        self.customer_leases.extend(taken.iter().map(|(_, number)| (*number, until)));
        taken.into_iter().map(|(_, number)| number).collect()
    }

    /// When there is somebody to take.
    pub(super) fn next_wake(&self) -> Option<Time> {
        let at = |(at, number)| self.customer_leases.get(&number).copied().unwrap_or(at);
        self.wakes().map(at).min()
    }
}
