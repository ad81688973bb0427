//! Who has what in hand, and until when.

use crate::domain::Time;
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// Leases by id, each with the place to which its end returns what it holds.
#[derive(Debug)]
pub(super) struct Leases<I, P> {
    held: HashMap<I, (Time, P)>,
    ends: BTreeSet<(Time, I)>,
}

impl<I, P> Default for Leases<I, P> {
    fn default() -> Self {
        Self { held: HashMap::new(), ends: BTreeSet::new() }
    }
}

impl<I: Copy + Ord + Hash, P> Leases<I, P> {
    /// One begins, in place of any other on the same id.
    pub(super) fn begin(&mut self, id: I, place: P, until: Time) {
        self.end(id);
        self.ends.insert((until, id));
        self.held.insert(id, (until, place));
    }

    /// One ends, if there is one; answers its place.
    pub(super) fn end(&mut self, id: I) -> Option<P> {
        let (until, place) = self.held.remove(&id)?;
        self.ends.remove(&(until, id));
        Some(place)
    }

    /// One whose time is over.
    pub(super) fn ended(&self, now: Time) -> Option<I> {
        self.ends.first().filter(|(until, _)| *until <= now).map(|(_, id)| *id)
    }

    /// When the first of them ends.
    pub(super) fn first_end(&self) -> Option<Time> {
        self.ends.first().map(|(until, _)| *until)
    }

    /// Whether there is one.
    pub(super) fn holds(&self, id: I) -> bool {
        self.held.contains_key(&id)
    }

    /// The place of one.
    pub(super) fn place(&mut self, id: I) -> Option<&mut P> {
        self.held.get_mut(&id).map(|(_, place)| place)
    }

    /// All of them: ends and places.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Time, &P)> {
        self.held.values().map(|(until, place)| (*until, place))
    }
}
