//! The model's deliveries.

use super::model::Model;
use crate::domain::{CapSlot, Delivery, Lane, Span, State, Time};
use crate::store::overdue::Counting;
use crate::store::{DeliveryChange, LaneStatus, Overdue, Result, SlotChange, StoreError, derive};
use std::collections::BTreeMap;

impl Model {
    /// Deliveries that wait and are held back by no tick.
    fn waiting(&self) -> impl Iterator<Item = &Delivery> {
        let open = |tick: Time| self.ticks.get(&tick).is_some_and(|tick| !tick.complete);
        self.deliveries.values().filter(move |it| it.state.is_waiting() && !it.tick.is_some_and(open))
    }

    /// The delivery as it goes on, for whom its customer was merged into.
    pub(super) fn to_survivor(&self, delivery: &Delivery) -> Delivery {
        Delivery { customer: self.survivor(delivery.customer), ..delivery.clone() }
    }

    /// When each lane has something to claim.
    pub(super) fn lanes(&self) -> Vec<LaneStatus> {
        let mut next: BTreeMap<Lane, Time> = BTreeMap::new();
        for delivery in self.waiting() {
            let at = self.leases.get(&delivery.id).map_or(delivery.due_at, |until| delivery.due_at.max(*until));
            next.entry(delivery.lane()).and_modify(|earliest| *earliest = at.min(*earliest)).or_insert(at);
        }
        next.into_iter().map(|(lane, next_due)| LaneStatus { lane, next_due }).collect()
    }

    /// How many wait past their time.
    pub(super) fn overdue(&self, now: Time, ages: &[Span], limit: usize) -> Vec<Overdue> {
        let mut due: Vec<_> =
            self.waiting().map(|delivery| (delivery.lane(), delivery.tick, delivery.due_at)).collect();
        due.sort();
        let mut counting = Counting::new(now, ages, limit);
        for (lane, _, at) in due {
            if counting.left(&lane) > 0 {
                counting.count(&lane, at);
            }
        }
        counting.finish()
    }

    /// Takes deliveries under a lease.
    pub(super) fn claim(&mut self, lane: &Lane, now: Time, limit: usize, lease: Span) -> Vec<Delivery> {
        self.leases.retain(|_, until| *until > now);
        let free = self.waiting().filter(|it| it.lane() == *lane && it.due_at <= now);
        let free = free.filter(|it| !self.leases.contains_key(&it.id));
        let mut taken: Vec<Delivery> = free.map(|it| self.to_survivor(it)).collect();
        taken.sort_by_key(|delivery| (delivery.due_at, delivery.id));
        taken.truncate(limit);
        self.leases.extend(taken.iter().map(|delivery| (delivery.id, now.plus(lease))));
        taken
    }

    /// Records changes: all of them are checked before any is made.
    pub(super) fn record(&mut self, changes: Vec<DeliveryChange>) -> Result<()> {
        let mut now: BTreeMap<_, (State, u32)> = BTreeMap::new();
        for change in &changes {
            let new = &change.delivery;
            let stored = self.deliveries.get(&new.id).map(|old| (old.state, old.attempts));
            let seen = now.get(&new.id).copied().or(stored);
            if seen != Some((change.from, change.from_attempts)) || !change.from.may_become(new.state) {
                return Err(StoreError::Conflict);
            }
            now.insert(new.id, (new.state, new.attempts));
        }
        for change in changes {
            let new = change.delivery;
            self.remember(&new, change.slot, new.sent_at.filter(|_| change.remember));
            if let Some(suppression) = change.suppress {
                self.suppress(suppression);
            }
            self.leases.remove(&new.id);
            self.deliveries.insert(new.id, new);
        }
        Ok(())
    }

    fn remember(&mut self, delivery: &Delivery, slot: SlotChange, sent_at: Option<Time>) {
        let number = self.survivor(delivery.customer);
        let Some(person) = self.people.get_mut(&number) else { return };
        let mut news = None;
        let changed = person.change_remembered(|customer| {
            match slot {
                SlotChange::Keep => {}
                SlotChange::Free => customer.release(delivery.id),
                SlotChange::Move(at) => customer.reserve(CapSlot { class: delivery.class, at, delivery: delivery.id }),
            }
            news = sent_at.filter(|at| customer.note_sent(&delivery.rule, *at));
        });
        if let Some(at) = news {
            person.wake_by(at);
        }
        if changed {
            self.change(number);
        }
    }

    /// Interrupted attempts become uncertain.
    pub(super) fn recover(&mut self, now: Time) -> u64 {
        let mut count = 0;
        for delivery in self.deliveries.values_mut().filter(|it| it.state == State::Sending) {
            delivery.state = State::Uncertain;
            delivery.uncertain += 1;
            delivery.due_at = now;
            count += 1;
        }
        count
    }

    /// Removes the oldest finished deliveries, and complete ticks as old.
    pub(super) fn prune(&mut self, before: Time, limit: usize) -> u64 {
        let finished = self.deliveries.values().filter(|it| it.state.is_final());
        let mut old: Vec<_> = finished.map(|it| (derive::finished_at(it), it.id)).collect();
        old.retain(|(at, _)| *at < before);
        old.sort_unstable();
        old.truncate(limit);
        for (_, id) in &old {
            self.deliveries.remove(id);
        }
        self.ticks.retain(|at, tick| !tick.complete || *at >= before);
        old.len() as u64
    }
}
