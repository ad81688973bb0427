//! Which deliveries wait, in the order in which they fall due, and which are under a lease.
//!
//! What is in here is durable: it is put in after the commit that made it. Of each group only the earliest are kept in
//! memory, the rest is read from the due rows when its turn comes, so a million waiting ones cost no more than a few
//! thousand.

use super::fault::Fault;
use super::keys::{DueKey, Group};
use super::leases::Leases;
use super::window::Window;
use crate::domain::{DeliveryId, Lane, Time};
use crate::store::LaneStatus;
use std::collections::{BTreeMap, BTreeSet, HashSet};

type Place = (Time, DeliveryId);

/// Reads due rows of a group, in order, from a place on.
pub(super) trait DueRows {
    /// Up to `limit` places at or after `from`.
    fn read(&self, group: &Group, from: Place, limit: usize) -> Result<Vec<Place>, Fault>;
}

/// The waiting deliveries of one group.
type Waiting = Window<DeliveryId>;

/// All waiting deliveries and all leases.
#[derive(Debug, Default)]
pub(super) struct DueIndex {
    groups: BTreeMap<Group, Waiting>,
    leases: Leases<DeliveryId, DueKey>,
    /// Deliveries whose rows are being written: they may stand in the due rows and yet be gone after a crash.
    unsettled: HashSet<DeliveryId>,
}

impl DueIndex {
    /// Tells of a group that has rows from `first` on.
    pub(super) fn found(&mut self, first: DueKey) {
        self.groups.insert(first.group, Waiting::starting((first.due, first.id)));
    }

    /// These are about to be written.
    pub(super) fn begin(&mut self, ids: impl Iterator<Item = DeliveryId>) {
        self.unsettled.extend(ids);
    }

    /// What was about to be written is durable.
    pub(super) fn settle(&mut self) {
        self.unsettled.clear();
    }

    /// It waits from now on; a lease on it ends.
    pub(super) fn insert(&mut self, key: DueKey) {
        self.leases.end(key.id);
        self.groups.entry(key.group).or_default().insert((key.due, key.id));
    }

    /// It does not wait any more; a lease on it ends.
    pub(super) fn remove(&mut self, key: &DueKey) {
        self.leases.end(key.id);
        if let Some(waiting) = self.groups.get_mut(&key.group) {
            waiting.remove((key.due, key.id));
            if waiting.is_empty() {
                self.groups.remove(&key.group);
            }
        }
    }

    /// Gives leases back.
    pub(super) fn release(&mut self, ids: &[DeliveryId]) {
        for id in ids {
            if let Some(key) = self.leases.end(*id) {
                self.insert(key);
            }
        }
    }

    fn expire(&mut self, now: Time) {
        while let Some(id) = self.leases.ended(now) {
            self.release(&[id]);
        }
    }

    /// Takes the earliest due at `now` of a lane, but of no tick in `open`, and puts them under a lease.
    pub(super) fn claim(&mut self, wanted: &Claim<'_>, rows: &dyn DueRows) -> Result<Vec<DueKey>, Fault> {
        self.expire(wanted.now);
        let mut taken = Vec::new();
        while taken.len() < wanted.limit {
            let Some((place, group)) = self.earliest(wanted.lane, wanted.open, rows)? else { break };
            if place.0 > wanted.now {
                break;
            }
            let key = DueKey { group, due: place.0, id: place.1 };
            self.remove(&key);
            self.leases.begin(key.id, key.clone(), wanted.until);
            taken.push(key);
        }
        Ok(taken)
    }

    /// The earliest place of a lane with its group.
    fn earliest(
        &mut self,
        lane: &Lane,
        open: &BTreeSet<Time>,
        rows: &dyn DueRows,
    ) -> Result<Option<(Place, Group)>, Fault> {
        self.fill(Some(lane), open, rows)?;
        let heads = self.of_lane(lane).filter(|(group, _)| is_open_to(group, open));
        let heads = heads.filter_map(|(group, waiting)| Some((waiting.first()?, group)));
        Ok(heads.min().map(|(place, group)| (place, group.clone())))
    }

    /// Reads on where nothing of a group is left in memory; drops groups of which nothing is left at all.
    fn fill(&mut self, lane: Option<&Lane>, open: &BTreeSet<Time>, rows: &dyn DueRows) -> Result<(), Fault> {
        let hungry = |(group, waiting): &(&Group, &Waiting)| waiting.is_hungry() && is_open_to(group, open);
        let hungry: Vec<Group> = match lane {
            Some(lane) => self.of_lane(lane).filter(hungry).map(|(group, _)| group.clone()).collect(),
            None => self.groups.iter().filter(hungry).map(|(group, _)| group.clone()).collect(),
        };
        hungry.iter().try_for_each(|group| self.read_on(group, rows))
    }

    fn of_lane<'s>(&'s self, lane: &'s Lane) -> impl Iterator<Item = (&'s Group, &'s Waiting)> {
        self.groups.range((lane.clone(), None)..).take_while(move |(group, _)| group.0 == *lane)
    }

    /// All groups that have something waiting or under a lease, but those of a tick in `open`, in order.
    pub(super) fn groups(&self, open: &BTreeSet<Time>) -> BTreeSet<Group> {
        let leased = self.leases.iter().map(|(_, key)| &key.group);
        self.groups.keys().chain(leased).filter(|group| is_open_to(group, open)).cloned().collect()
    }

    fn read_on(&mut self, group: &Group, rows: &dyn DueRows) -> Result<(), Fault> {
        let Some(waiting) = self.groups.get_mut(group) else { return Ok(()) };
        let free = |id: DeliveryId| !self.leases.holds(id) && !self.unsettled.contains(&id);
        waiting.read_on(|from, limit| rows.read(group, from, limit), free)?;
        if waiting.is_empty() {
            self.groups.remove(group);
        }
        Ok(())
    }

    /// When each lane has something to claim: a leased one counts from the end of its lease.
    pub(super) fn lanes(&mut self, open: &BTreeSet<Time>, rows: &dyn DueRows) -> Result<Vec<LaneStatus>, Fault> {
        self.fill(None, open, rows)?;
        let mut next: BTreeMap<&Lane, Time> = BTreeMap::new();
        let heads = self.groups.iter().filter_map(|(group, waiting)| Some((group, waiting.first()?.0)));
        let leased = self.leases.iter().map(|(until, key)| (&key.group, until.max(key.due)));
        for (group, due) in heads.chain(leased).filter(|(group, _)| is_open_to(group, open)) {
            next.entry(&group.0).and_modify(|earliest| *earliest = due.min(*earliest)).or_insert(due);
        }
        Ok(next.into_iter().map(|(lane, next_due)| LaneStatus { lane: lane.clone(), next_due }).collect())
    }
}

/// What a claim asks for.
#[derive(Debug)]
pub(super) struct Claim<'a> {
    /// Of which lane.
    pub(super) lane: &'a Lane,
    /// Due at or before.
    pub(super) now: Time,
    /// At most how many.
    pub(super) limit: usize,
    /// When the lease ends.
    pub(super) until: Time,
    /// Ticks that are not complete.
    pub(super) open: &'a BTreeSet<Time>,
}

fn is_open_to(group: &Group, open: &BTreeSet<Time>) -> bool {
    group.1.is_none_or(|tick| !open.contains(&tick))
}

#[cfg(test)]
mod tests {
    use super::{Claim, DueIndex, DueRows, Place};
    use crate::domain::{DeliveryId, Lane, Time};
    use crate::store::sled::fault::Fault;
    use crate::store::sled::keys::{DueKey, Group};
    use crate::store::sled::window::WINDOW;
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    #[derive(Default)]
    struct Rows(RefCell<BTreeSet<Place>>);

    impl DueRows for Rows {
        fn read(&self, _: &Group, from: Place, limit: usize) -> Result<Vec<Place>, Fault> {
            Ok(self.0.borrow().range(from..).take(limit).copied().collect())
        }
    }

    fn place(n: usize) -> Place {
        (Time(i64::try_from(n).unwrap()), DeliveryId((n as u128).to_be_bytes()))
    }

    fn key(n: usize) -> DueKey {
        DueKey { group: (Lane::Endpoint("crm".into()), None), due: place(n).0, id: place(n).1 }
    }

    fn claim(index: &mut DueIndex, rows: &Rows, now: usize, limit: usize) -> Vec<DueKey> {
        let (lane, open) = (Lane::Endpoint("crm".into()), BTreeSet::new());
        let now = place(now).0;
        index.claim(&Claim { lane: &lane, now, limit, until: Time::MAX, open: &open }, rows).unwrap()
    }

    #[test]
    fn far_more_than_fit_in_memory_come_out_once_each_in_order() {
        let (mut index, rows) = (DueIndex::default(), Rows::default());
        let total = 5 * WINDOW + 7;
        for n in (0..total).rev() {
            rows.0.borrow_mut().insert(place(n));
            index.insert(key(n));
            assert!(index.groups.values().all(|waiting| waiting.in_memory() <= 2 * WINDOW));
        }
        let mut seen = Vec::new();
        loop {
            let taken = claim(&mut index, &rows, total, 1000);
            if taken.is_empty() {
                break;
            }
            for key in taken {
                rows.0.borrow_mut().remove(&(key.due, key.id));
                index.remove(&key);
                seen.push(key.due);
            }
        }
        assert_eq!(seen, (0..total).map(|n| place(n).0).collect::<Vec<_>>());
    }

    #[test]
    fn what_is_being_written_is_not_read_from_the_rows() {
        let (mut index, rows) = (DueIndex::default(), Rows::default());
        rows.0.borrow_mut().extend([place(1), place(2)]);
        index.found(key(1));
        index.begin([place(2).1].into_iter());
        assert_eq!(claim(&mut index, &rows, 9, 9), vec![key(1)]);
        index.insert(key(2));
        index.settle();
        assert_eq!(claim(&mut index, &rows, 9, 9), vec![key(2)]);
    }
}
