//! Where the committer's rounds come out for a backup.

use crate::store::sled::committer::Rows;
use crate::store::sled::fault::Fault;
use crate::store::sled::lock;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// So many bytes of rounds wait for a backup that is slow to take them; one that is slower is given up.
const MOST: usize = 128 << 20;

/// All that are open.
#[derive(Debug, Default)]
pub(in crate::store::sled) struct Taps(Arc<Mutex<Vec<Arc<Mutex<Waiting>>>>>);

#[derive(Debug, Default)]
struct Waiting {
    rounds: VecDeque<(u64, Rows)>,
    bytes: usize,
    /// More came than is kept, and what is kept has a gap.
    too_slow: bool,
}

/// One of them; closed when it is dropped.
#[derive(Debug)]
pub(super) struct Tap {
    all: Arc<Mutex<Vec<Arc<Mutex<Waiting>>>>>,
    waiting: Arc<Mutex<Waiting>>,
}

impl Taps {
    /// Everything that becomes durable from now on comes out of it.
    pub(super) fn open(&self) -> Tap {
        let waiting = Arc::<Mutex<Waiting>>::default();
        lock(&self.0).push(Arc::clone(&waiting));
        Tap { all: Arc::clone(&self.0), waiting }
    }

    /// A round is durable. To be said before anybody else hears of it.
    pub(in crate::store::sled) fn hand_over(&self, round: u64, rows: &Rows) {
        for tap in &*lock(&self.0) {
            let mut waiting = lock(tap);
            let size = |(key, value): &(::sled::IVec, Option<::sled::IVec>)| {
                key.len() + value.as_ref().map_or(0, |value| value.len())
            };
            waiting.bytes += rows.iter().map(size).sum::<usize>();
            waiting.too_slow |= waiting.bytes > MOST;
            if waiting.too_slow {
                waiting.rounds.clear();
            } else {
                waiting.rounds.push_back((round, rows.clone()));
            }
        }
    }
}

impl Tap {
    /// What has come out since the last time.
    pub(super) fn drain(&self) -> Result<VecDeque<(u64, Rows)>, Fault> {
        let mut waiting = lock(&self.waiting);
        if waiting.too_slow {
            let error = "the backup is written more slowly than the store is; its file may be on a slow disk";
            return Err(Fault::Io(Arc::new(std::io::Error::other(error))));
        }
        waiting.bytes = 0;
        Ok(std::mem::take(&mut waiting.rounds))
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        lock(&self.all).retain(|one| !Arc::ptr_eq(one, &self.waiting));
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST, Taps};

    #[test]
    fn a_tap_gives_what_came_since_and_one_that_is_too_slow_says_so() {
        let taps = Taps::default();
        let rows = |length: usize| vec![("k".into(), Some(vec![0; length].into()))];
        taps.hand_over(1, &rows(1));
        let tap = taps.open();
        taps.hand_over(2, &rows(1));
        taps.hand_over(3, &rows(1));
        let rounds: Vec<u64> = tap.drain().unwrap().into_iter().map(|(round, _)| round).collect();
        assert_eq!(rounds, [2, 3]);
        taps.hand_over(4, &rows(MOST));
        assert!(tap.drain().is_err());
        drop(tap);
        assert!(taps.0.lock().unwrap().is_empty());
    }
}
