//! Counting what waits past its time, the same in every store. Pure.

use super::Overdue;
use crate::domain::{Lane, Span, Time};
use std::collections::BTreeMap;

/// Counts what is late, by lane and age.
pub(super) struct Counting<'a> {
    now: Time,
    ages: &'a [Span],
    limit: usize,
    found: BTreeMap<Lane, Vec<u64>>,
}

impl<'a> Counting<'a> {
    /// As [`super::Store::overdue`] asks for it.
    pub(super) fn new(now: Time, ages: &'a [Span], limit: usize) -> Self {
        Self { now, ages, limit, found: BTreeMap::new() }
    }

    /// How many more of the lane are to be counted.
    pub(super) fn left(&self, lane: &Lane) -> usize {
        let counted: u64 = self.found.get(lane).map_or(0, |counts| counts.iter().sum());
        self.limit.saturating_sub(usize::try_from(counted).unwrap_or(usize::MAX))
    }

    /// Counts one that is due at that instant; whether it is due by now.
    pub(super) fn count(&mut self, lane: &Lane, due: Time) -> bool {
        if due > self.now {
            return false;
        }
        let past = self.now.since(due);
        let place = self.ages.iter().position(|age| past <= *age).unwrap_or(self.ages.len());
        let none = || vec![0; self.ages.len() + 1];
        if let Some(counts) = self.found.get_mut(lane) {
            counts[place] += 1;
        } else {
            self.found.entry(lane.clone()).or_insert_with(none)[place] += 1;
        }
        true
    }

    pub(super) fn finish(self) -> Vec<Overdue> {
        self.found.into_iter().map(|(lane, counts)| Overdue { lane, counts }).collect()
    }
}
