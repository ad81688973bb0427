//! What was counted in the last minutes, for `status`.

use super::names::{self, label};
use metrics::{
    Counter, CounterFn, Gauge, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So many minutes are looked back upon.
const MINUTES: usize = 5;
const MINUTE: u64 = 60;

/// What the last minutes came to.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tally {
    /// How long that is, in seconds: between four and five minutes, or since the start.
    pub seconds: f64,
    /// Arrivals that were stored.
    pub stored: u64,
    /// Arrivals that were known already.
    pub duplicates: u64,
    /// Arrivals that were refused.
    pub refused: u64,
    /// Calls at the public listener that were not answered with success.
    pub calls_refused: u64,
    /// Deliveries accepted.
    pub sent: u64,
    /// How late the latest of those was that were accepted at their first attempt, in seconds.
    pub latest: f64,
    /// Deliveries given up.
    pub given_up: u64,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.stored += other.stored;
        self.duplicates += other.duplicates;
        self.refused += other.refused;
        self.calls_refused += other.calls_refused;
        self.sent += other.sent;
        self.latest = self.latest.max(other.latest);
        self.given_up += other.given_up;
    }
}

/// Counts by the minute, the oldest of which is forgotten when a new one begins.
#[derive(Debug)]
pub(super) struct Recent {
    begun: Instant,
    minutes: Mutex<[(u64, Tally); MINUTES]>,
}

impl Default for Recent {
    fn default() -> Self {
        Self { begun: Instant::now(), minutes: Mutex::default() }
    }
}

impl Recent {
    pub(super) fn tally(&self) -> Tally {
        self.tally_after(self.begun.elapsed())
    }

    fn tally_after(&self, elapsed: Duration) -> Tally {
        let now = elapsed.as_secs() / MINUTE;
        let oldest = now.saturating_sub(MINUTES as u64 - 1);
        let begun = Duration::from_secs(oldest * MINUTE);
        let mut tally = Tally { seconds: elapsed.saturating_sub(begun).as_secs_f64(), ..Tally::default() };
        let minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        minutes.iter().filter(|(minute, _)| (oldest..=now).contains(minute)).for_each(|(_, one)| tally.add(one));
        tally
    }

    fn count(&self, edit: impl FnOnce(&mut Tally)) {
        self.count_after(self.begun.elapsed(), edit);
    }

    fn count_after(&self, elapsed: Duration, edit: impl FnOnce(&mut Tally)) {
        let now = elapsed.as_secs() / MINUTE;
        let mut minutes = self.minutes.lock().unwrap_or_else(PoisonError::into_inner);
        let (minute, tally) = &mut minutes[usize::try_from(now % MINUTES as u64).unwrap_or(0)];
        if *minute != now {
            (*minute, *tally) = (now, Tally::default());
        }
        edit(tally);
    }
}

/// Counts with a recorder within, and what `status` tells of the last minutes besides.
#[derive(Debug)]
pub struct Counting<R> {
    pub(super) inner: R,
    pub(super) recent: Arc<Recent>,
}

/// Which number of the tally a counter goes into.
fn place(key: &Key) -> Option<fn(&mut Tally) -> &mut u64> {
    let label = |name: &str| key.labels().find(|label| label.key() == name).map(metrics::Label::value);
    match (key.name(), label(label::RESULT), label(label::STATUS), label(label::OUTCOME)) {
        (names::ARRIVALS, Some("stored"), ..) => Some(|tally| &mut tally.stored),
        (names::ARRIVALS, Some("duplicate"), ..) => Some(|tally| &mut tally.duplicates),
        (names::ARRIVALS, Some("refused"), ..) => Some(|tally| &mut tally.refused),
        (names::CALLS, _, Some(status), _) if !status.starts_with('2') => Some(|tally| &mut tally.calls_refused),
        (names::ATTEMPTS, .., Some("accepted")) => Some(|tally| &mut tally.sent),
        (names::DEAD_LETTERS, ..) => Some(|tally| &mut tally.given_up),
        _ => None,
    }
}

impl<R: Recorder> Recorder for Counting<R> {
    fn describe_counter(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_counter(key, unit, description);
    }

    fn describe_gauge(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_gauge(key, unit, description);
    }

    fn describe_histogram(&self, key: KeyName, unit: Option<Unit>, description: SharedString) {
        self.inner.describe_histogram(key, unit, description);
    }

    fn register_counter(&self, key: &Key, metadata: &Metadata<'_>) -> Counter {
        let inner = self.inner.register_counter(key, metadata);
        match place(key) {
            Some(place) => Counter::from_arc(Arc::new(Counted { inner, recent: Arc::clone(&self.recent), place })),
            None => inner,
        }
    }

    fn register_gauge(&self, key: &Key, metadata: &Metadata<'_>) -> Gauge {
        self.inner.register_gauge(key, metadata)
    }

    fn register_histogram(&self, key: &Key, metadata: &Metadata<'_>) -> Histogram {
        let inner = self.inner.register_histogram(key, metadata);
        if key.name() == names::LATENESS {
            return Histogram::from_arc(Arc::new(Late { inner, recent: Arc::clone(&self.recent) }));
        }
        inner
    }
}

struct Counted {
    inner: Counter,
    recent: Arc<Recent>,
    place: fn(&mut Tally) -> &mut u64,
}

impl CounterFn for Counted {
    fn increment(&self, value: u64) {
        self.inner.increment(value);
        self.recent.count(|tally| *(self.place)(tally) += value);
    }

    /// Nobody sets one of these; it would be of no minute.
    fn absolute(&self, value: u64) {
        self.inner.absolute(value);
    }
}

struct Late {
    inner: Histogram,
    recent: Arc<Recent>,
}

impl HistogramFn for Late {
    fn record(&self, value: f64) {
        self.inner.record(value);
        self.recent.count(|tally| tally.latest = tally.latest.max(value));
    }
}

#[cfg(test)]
mod tests {
    use super::{Recent, Tally};
    use std::time::Duration;

    #[test]
    fn a_minute_counts_for_as_long_as_it_is_one_of_the_last_five() {
        let recent = Recent::default();
        let at = Duration::from_secs;
        recent.count_after(at(10), |tally| tally.stored += 3);
        recent.count_after(at(59), |tally| tally.latest = 4.0);
        recent.count_after(at(250), |tally| tally.stored += 1);
        assert_eq!(recent.tally_after(at(299)), Tally { seconds: 299.0, stored: 4, latest: 4.0, ..Tally::default() });
        assert_eq!(recent.tally_after(at(300)), Tally { seconds: 240.0, stored: 1, ..Tally::default() });
        recent.count_after(at(310), |tally| tally.stored += 5);
        assert_eq!(recent.tally_after(at(310)), Tally { seconds: 250.0, stored: 6, ..Tally::default() });
        assert_eq!(recent.tally_after(at(86_400)), Tally { seconds: 240.0, ..Tally::default() });
    }
}
