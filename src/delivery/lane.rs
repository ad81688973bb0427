//! What the worker remembers of a lane: free places, and how long to leave it alone after its receiver failed.

use crate::domain::{Span, Time};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Waits after a receiver could not be reached at all, in a row.
const BACKOFF: [Span; 6] =
    [Span::seconds(1), Span::seconds(2), Span::seconds(5), Span::seconds(15), Span::seconds(60), Span::minutes(5)];

/// A lane as the worker sees it.
#[derive(Debug)]
pub(super) struct LaneState {
    /// One place for each delivery in hand.
    pub(super) places: Arc<Semaphore>,
    /// How many places there are in all.
    pub(super) capacity: usize,
    failures: usize,
    /// What the receiver, or the way to it, last said when it could not be reached.
    pub(super) trouble: Option<String>,
    /// Not before this instant.
    pub(super) closed_until: Time,
}

impl LaneState {
    pub(super) fn new(places: usize) -> Self {
        Self {
            places: Arc::new(Semaphore::new(places)),
            capacity: places,
            failures: 0,
            trouble: None,
            closed_until: Time::MIN,
        }
    }

    /// Brings the lane to so many places; those taken away are the free ones.
    pub(super) fn resize(&mut self, places: usize) {
        if places > self.capacity {
            self.places.add_permits(places - self.capacity);
            self.capacity = places;
        } else if places < self.capacity {
            self.capacity -= self.places.forget_permits(self.capacity - places);
        }
    }

    /// Whether the lane is to be left alone at `now`. A clock that was set back does not close it for longer than the
    /// longest wait.
    pub(super) fn is_closed(&self, now: Time) -> bool {
        now < self.closed_until && self.closed_until.since(now) <= BACKOFF[BACKOFF.len() - 1]
    }

    /// The receiver could not be reached: nothing was tried, so no attempt is used up, but the lane waits.
    pub(super) fn failed(&mut self, now: Time) {
        // Deliveries in hand when the receiver went away all fail at once; they count as one failure.
        if self.is_closed(now) {
            return;
        }
        self.closed_until = now.plus(BACKOFF[self.failures.min(BACKOFF.len() - 1)]);
        self.failures += 1;
    }

    /// Whether the receiver could not be reached when it was last tried.
    pub(super) const fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// The receiver answered.
    pub(super) fn worked(&mut self) {
        self.trouble = None;
        self.failures = 0;
        self.closed_until = Time::MIN;
    }
}

#[cfg(test)]
mod tests {
    use super::LaneState;
    use crate::domain::{Span, Time};

    #[test]
    fn a_dead_receiver_is_asked_ever_more_rarely_and_a_live_one_at_once() {
        let mut lane = LaneState::new(1);
        let mut now = Time(0);
        let mut waits = Vec::new();
        for _ in 0..8 {
            lane.failed(now);
            lane.failed(now);
            waits.push(lane.closed_until.since(now));
            now = lane.closed_until;
        }
        assert_eq!(waits[0], Span::seconds(1));
        assert_eq!(waits[7], Span::minutes(5));
        lane.worked();
        assert!(lane.closed_until < Time(0));
    }
}
