//! What waits for an instant: the earliest in memory, the rest in rows only, so that a million cost no more than a few
//! thousand.

use super::fault::Fault;
use crate::domain::Time;
use std::collections::BTreeSet;

/// How many are read at once; up to twice as many are kept.
pub(super) const WINDOW: usize = 4096;

/// What waits, in the order of instants, then of ids.
#[derive(Debug)]
pub(super) struct Window<I> {
    ready: BTreeSet<(Time, I)>,
    /// From here on they stand in the rows only.
    beyond: Option<(Time, I)>,
}

impl<I> Default for Window<I> {
    fn default() -> Self {
        Self { ready: BTreeSet::new(), beyond: None }
    }
}

impl<I: Copy + Ord> Window<I> {
    /// All in the rows, from `first` on.
    pub(super) const fn starting(first: (Time, I)) -> Self {
        Self { ready: BTreeSet::new(), beyond: Some(first) }
    }

    /// It waits from now on, and its row is durable.
    pub(super) fn insert(&mut self, place: (Time, I)) {
        if self.beyond.is_some_and(|beyond| place >= beyond) {
            return;
        }
        self.ready.insert(place);
        if self.ready.len() > 2 * WINDOW
            && let Some(middle) = self.ready.iter().nth(WINDOW).copied()
        {
            self.ready.split_off(&middle);
            self.beyond = Some(middle);
        }
    }

    /// It does not wait any more.
    pub(super) fn remove(&mut self, place: (Time, I)) {
        self.ready.remove(&place);
    }

    /// The earliest, unless [`Window::is_hungry`].
    pub(super) fn first(&self) -> Option<(Time, I)> {
        self.ready.first().copied()
    }

    /// Whether nothing waits.
    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.beyond.is_none()
    }

    /// Whether the rows have to be read to know the earliest.
    pub(super) fn is_hungry(&self) -> bool {
        self.ready.is_empty() && self.beyond.is_some()
    }

    /// Reads on until the earliest is known. `read` answers up to so many places from one on; those that are not
    /// `free` are left out.
    pub(super) fn read_on(
        &mut self,
        read: impl Fn((Time, I), usize) -> Result<Vec<(Time, I)>, Fault>,
        free: impl Fn(I) -> bool,
    ) -> Result<(), Fault> {
        while let (true, Some(from)) = (self.ready.is_empty(), self.beyond) {
            let mut places = read(from, WINDOW + 1)?;
            self.beyond = if places.len() > WINDOW { places.pop() } else { None };
            self.ready.extend(places.into_iter().filter(|(_, id)| free(*id)));
        }
        Ok(())
    }

    /// How many are in memory.
    #[cfg(test)]
    pub(super) fn in_memory(&self) -> usize {
        self.ready.len()
    }
}
