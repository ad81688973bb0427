//! The one thread that writes.
//!
//! It takes what waits, compares what each commit relies upon, merges what passes into one batch, applies it, makes it
//! durable, tells memory, and wakes who waits.

use super::disk::{Disk, Need};
use super::draft::{Change, Origin, Was};
use super::fault::Fault;
use super::journal::{Journal, Record};
use super::live::{Counts, Effect};
use super::queue::Job;
use super::reader::Reader;
use super::rounds::RoundEnded;
use super::shared::{Shared, Shown};
use super::{lock, open, rows};
use ::sled::IVec;
use foldhash::HashMap;
use foldhash::fast::RandomState;
use std::collections::VecDeque;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often a store that met an error is tried again.
const TRY_AGAIN: Duration = Duration::from_millis(200);
/// As long as it cannot be opened anew, the pauses become longer, up to this: opening may mean reading all of it.
const TRY_LATER: Duration = Duration::from_secs(10);
/// Keys of so many rounds are remembered.
const REMEMBERED: usize = 64;

/// Works until the queue is closed, then lets the files go.
pub(super) fn run(shared: &Arc<Shared>, disk: Disk) {
    let round = lock(&shared.live).counts.round;
    let journal = Journal::new(&shared.journal, &shared.delivery_key);
    let mut committer = Committer {
        shared,
        disk,
        journal,
        round,
        recent: Recent::new(round),
        unfinished: Vec::new(),
        trouble: false,
        retry: Retry::default(),
    };
    committer.disk.tend();
    while let Some(jobs) = shared.queue.next_round(TRY_AGAIN) {
        let done = catch_unwind(AssertUnwindSafe(|| committer.turn(jobs)));
        if done.is_err() {
            committer.stop(Fault::Damaged("writing it failed in an unforeseen way".into()));
        }
    }
    committer.finish();
}

struct Committer<'s> {
    shared: &'s Shared,
    disk: Disk,
    journal: Journal,
    /// The last round that was begun.
    round: u64,
    recent: Recent,
    /// Rows of a round that failed while it was being applied.
    unfinished: Rows,
    /// Whether it was said that nothing new is taken.
    trouble: bool,
    retry: Retry,
}

/// When a store that met an error is opened anew.
#[derive(Default)]
struct Retry {
    pause: Duration,
    failed_at: Option<Instant>,
}

impl Retry {
    fn is_due(&self) -> bool {
        self.failed_at.is_none_or(|at| at.elapsed() >= self.pause)
    }

    fn failed(&mut self) {
        self.pause = (self.pause * 2).clamp(TRY_AGAIN, TRY_LATER);
        self.failed_at = Some(Instant::now());
    }
}

/// Rows as they are to be; `None` where one is to be gone.
pub(super) type Rows = Vec<(IVec, Option<IVec>)>;

/// Why a round was not made, and whether the tree may hold some of it.
struct Failure {
    fault: Fault,
    begun: bool,
}

impl Committer<'_> {
    fn turn(&mut self, jobs: Vec<Job>) {
        self.recover();
        self.disk.tend();
        if let Err(fault) = self.shared.check() {
            return self.answer(jobs.into_iter().map(|job| (job, Err(fault.clone()))).collect());
        }
        let begun = Instant::now();
        let jobs = self.with_room(jobs);
        if jobs.is_empty() {
            return;
        }
        let mut round = Round { number: self.round + 1, ..Round::default() };
        let admitted = self.shared.look(|reader| {
            Ok(jobs
                .into_iter()
                .map(|job| {
                    let admitted = round.admit(&job.change, &self.recent, reader);
                    (job, admitted)
                })
                .collect::<Vec<_>>())
        });
        let Ok(mut verdicts) = admitted else { return };
        if !round.rows.is_empty() {
            let made = self.make(round);
            self.shared.rounds.ended(RoundEnded { took: begun.elapsed(), durable: made.is_ok() });
            if let Err(fault) = made {
                for (_, verdict) in &mut verdicts {
                    // Those who did not pass might pass now; they will see.
                    *verdict = Err(fault.clone());
                }
            }
        }
        self.answer(verdicts);
    }

    /// Those that there is room for; the others are answered.
    fn with_room(&mut self, jobs: Vec<Job>) -> Vec<Job> {
        let begun = Instant::now();
        let size = |jobs: &[Job]| jobs.iter().map(|job| job.change.size()).sum();
        let all = self.disk.make_room(Need::News, size(&jobs));
        self.tell(all.as_ref().err());
        if all.is_ok() || jobs.is_empty() {
            return jobs;
        }
        let (mut taken, mut refused, mut bytes) = (Vec::new(), Vec::new(), 0);
        for job in jobs {
            let size = job.change.size();
            match self.disk.make_room(job.change.need, bytes + size) {
                Ok(()) => {
                    bytes += size;
                    taken.push(job);
                }
                Err(fault) => refused.push((job, Err(fault))),
            }
        }
        if !refused.is_empty() {
            self.shared.rounds.ended(RoundEnded { took: begun.elapsed(), durable: false });
        }
        self.answer(refused);
        taken
    }

    /// Says when nothing new is taken any more, and when it is again; each once.
    fn tell(&mut self, fault: Option<&Fault>) {
        if self.trouble == fault.is_some() {
            return;
        }
        self.trouble = fault.is_some();
        let store = self.shared.folder.display();
        match fault {
            Some(Fault::NoSpace) => tracing::error!(
                %store,
                "no space left for the store: new events are refused and nothing new is decided; what is decided goes \
                 out as long as its outcome can be recorded"
            ),
            Some(fault) => {
                tracing::error!(%store, ?fault, "the store cannot be written: events are refused and sending waits");
            }
            None => tracing::info!(%store, "there is room for the store again"),
        }
    }

    /// Makes a round durable and tells memory.
    fn make(&mut self, round: Round) -> Result<(), Fault> {
        let number = round.number;
        let written = self.write(round);
        if let Err(failure) = written {
            return Err(self.failed(number, failure));
        }
        if let Err(fault) = self.disk.mark_now_and_then(number) {
            tracing::debug!(?fault, "the store's mark could not be renewed");
        }
        Ok(())
    }

    fn write(&mut self, mut round: Round) -> Result<(), Failure> {
        let progress = &self.shared.progress;
        let (counts, rows) = self.rows(&round).map_err(|fault| Failure { fault, begun: false })?;
        // First: what the store has and the journal lacks would be a duplicate when it is told again, and be lost. What only
        // the journal has nobody was answered for, and the sender tells it again.
        let journal = std::mem::take(&mut round.journal);
        self.journal
            .append(round.number, journal)
            .map_err(|fault| Failure { begun: matches!(fault, Fault::SyncFailed(_)), fault })?;
        lock(&self.shared.live).begin(&round.effects);
        self.round = round.number;
        *lock(&progress.in_flight) = rows.iter().map(|(key, _)| key.clone()).collect();
        progress.started.store(round.number, Ordering::SeqCst);
        let keys = rows.iter().map(|(key, _)| key);
        self.recent.remember(round.number, keys);
        let applied = self.apply(&rows);
        self.unfinished = rows;
        applied.map_err(|fault| Failure { fault, begun: true })?;
        progress.applied.store(round.number, Ordering::SeqCst);
        self.flush().map_err(|fault| Failure { fault, begun: true })?;
        self.shared.taps.hand_over(round.number, &self.unfinished);
        self.unfinished.clear();
        lock(&self.shared.live).publish(counts, round.effects);
        progress.settled.send_replace(round.number);
        lock(&progress.in_flight).clear();
        Ok(())
    }

    /// All rows of the round and the counts after it.
    fn rows(&self, round: &Round) -> Result<(Counts, Rows), Fault> {
        let mut counts = lock(&self.shared.live).counts.clone();
        round.effects.iter().for_each(|effect| counts.apply(effect));
        counts.round = round.number;
        counts.versions = self.shared.versions.load(Ordering::SeqCst);
        let mut rows: Rows = round.rows.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
        rows.push((Counts::key().into(), Some(rows::write(&counts)?)));
        Ok((counts, rows))
    }

    fn apply(&self, rows: &Rows) -> Result<(), Fault> {
        let db = self.shared.db.read().unwrap_or_else(PoisonError::into_inner);
        Ok(db.as_ref().ok_or(Fault::Closed)?.apply_batch(batch(rows))?)
    }

    fn flush(&mut self) -> Result<(), Fault> {
        let db = self.shared.db.read().unwrap_or_else(PoisonError::into_inner);
        db.as_ref().ok_or(Fault::Closed)?.flush()?;
        self.disk.sync()
    }

    /// A round failed. If the tree may hold some of it, the tree is not to be read until it was opened anew.
    fn failed(&self, round: u64, failure: Failure) -> Fault {
        if failure.begun {
            tracing::error!(fault = ?failure.fault, "the store could not be written");
            *lock(&self.shared.fault) = Some(failure.fault.clone());
            self.shared.progress.generation.fetch_add(1, Ordering::SeqCst);
            let wakes = if failure.fault.is_final() { u64::MAX } else { round };
            self.shared.progress.settled.send_replace(wakes);
        }
        failure.fault
    }

    /// Nothing more can be done.
    fn stop(&self, fault: Fault) {
        self.failed(u64::MAX, Failure { fault, begun: true });
    }

    /// After an error that may pass: opens the tree anew, as it was durable, once there is room.
    fn recover(&mut self) {
        let passing = lock(&self.shared.fault).as_ref().is_some_and(|fault| !fault.is_final());
        if !passing || !self.retry.is_due() {
            return;
        }
        // Before sled is closed: as long as that goes wrong, so would opening it.
        let durable = lock(&self.shared.live).counts.round;
        let writable = self.disk.make_room(Need::Attempt, 0).and_then(|()| self.disk.probe(durable));
        match writable.and_then(|()| open::again(self.shared, &self.unfinished)) {
            Ok(disk) => {
                self.retry = Retry::default();
                self.disk = disk;
                self.unfinished.clear();
                self.recent = Recent::new(self.round);
                self.shared.progress.generation.fetch_add(1, Ordering::SeqCst);
                *lock(&self.shared.fault) = None;
                tracing::info!("the store can be written again");
            }
            Err(fault @ (Fault::NoSpace | Fault::Io(_))) => {
                self.retry.failed();
                tracing::debug!(?fault, "the store can not be written yet");
            }
            Err(fault) => self.stop(fault),
        }
    }

    fn answer(&self, verdicts: Vec<(Job, Result<(), Fault>)>) {
        for (job, verdict) in verdicts {
            if job.shown == Shown::Yes {
                let applied = verdict.is_ok().then_some(self.round);
                self.shared.intake(job.urgency).overlay.remove(job.id, job.change.rows, applied);
            }
            // Who waited may have gone.
            drop(job.answer.send(verdict));
            drop(job.place);
        }
    }

    /// The queue is closed: lets the files go.
    fn finish(&self) {
        let db = self.shared.db.write().unwrap_or_else(PoisonError::into_inner).take();
        let mut healthy = self.shared.check().is_ok();
        if healthy {
            healthy = catch_unwind(AssertUnwindSafe(|| drop(db))).is_ok();
        } else {
            // Dropped, sled would write what it has in memory, and nobody knows what that is.
            std::mem::forget(db);
        }
        lock(&self.shared.fault).get_or_insert(Fault::Closed);
        let durable = lock(&self.shared.live).counts.round;
        if healthy && let Err(fault) = super::disk::write_mark(&self.shared.folder, durable) {
            tracing::debug!(?fault, "the store's mark could not be renewed");
        }
        self.shared.progress.settled.send_replace(u64::MAX);
    }
}

/// Rows as sled takes them.
pub(super) fn batch(rows: &Rows) -> ::sled::Batch {
    let mut batch = ::sled::Batch::default();
    for (key, value) in rows {
        match value {
            Some(value) => batch.insert(key.clone(), value.clone()),
            None => batch.remove(key.clone()),
        }
    }
    batch
}

/// Completes a round that failed while it was applied, if the tree has some of it and not all. It can have: sled takes
/// a batch back only when its log breaks off, not when one of its rows could not be written.
pub(super) fn complete(db: &::sled::Db, unfinished: &Rows) -> Result<(), Fault> {
    let (mut there, mut missing) = (false, false);
    for (key, value) in unfinished {
        let same = db.get(key)? == *value;
        there |= same && value.is_some();
        missing |= !same;
    }
    if there && missing {
        tracing::warn!("a round of the store was half there and is completed");
        db.apply_batch(batch(unfinished))?;
        db.flush()?;
    }
    Ok(())
}

/// Commits that passed, merged.
#[derive(Default)]
struct Round {
    number: u64,
    rows: HashMap<IVec, Option<IVec>>,
    effects: Vec<Effect>,
    journal: Vec<Record>,
}

impl Round {
    /// Takes a commit in if all it relies upon is so.
    fn admit(&mut self, change: &Change, recent: &Recent, reader: Reader<'_>) -> Result<(), Fault> {
        let mut known = Vec::new();
        for (key, was, origin) in &change.reads {
            let untouched = !self.rows.contains_key(key) && recent.untouched_since(change.read_at, key);
            if *origin == Origin::Tree && untouched || self.holds(key, was, reader)? {
                continue;
            }
            match was {
                Was::Unheard(duplicate) => known.push(duplicate.clone()),
                _ => return Err(Fault::Conflict),
            }
        }
        if !known.is_empty() {
            return Err(Fault::Duplicate(known));
        }
        self.rows.extend(change.rows.iter().cloned());
        self.effects.extend(change.effects.iter().cloned());
        self.journal.extend(change.journal.iter().cloned());
        Ok(())
    }

    fn holds(&self, key: &IVec, was: &Was, reader: Reader<'_>) -> Result<bool, Fault> {
        let row = match self.rows.get(key) {
            Some(row) => row.clone(),
            None => reader.get(key)?,
        };
        Ok(match was {
            Was::Absent | Was::Unheard(_) => row.is_none(),
            Was::Present => row.is_some(),
            Was::Version(version) => row.and_then(|row| rows::version(&row)) == Some(*version),
        })
    }
}

/// Hashes of the keys that the last rounds wrote, so that most of what commits rely upon need not be read again.
struct Recent {
    hasher: RandomState,
    written: HashMap<u64, u64>,
    rounds: VecDeque<(u64, Vec<u64>)>,
    /// Nothing is known of this round and those before.
    forgotten: u64,
}

impl Recent {
    fn new(forgotten: u64) -> Self {
        Self { hasher: RandomState::default(), written: HashMap::default(), rounds: VecDeque::new(), forgotten }
    }

    fn remember<'k>(&mut self, round: u64, keys: impl Iterator<Item = &'k IVec>) {
        let keys: Vec<u64> = keys.map(|key| self.hasher.hash_one(key)).collect();
        self.written.extend(keys.iter().map(|key| (*key, round)));
        self.rounds.push_back((round, keys));
        if self.rounds.len() > REMEMBERED
            && let Some((oldest, keys)) = self.rounds.pop_front()
        {
            self.forgotten = oldest;
            for key in keys {
                if self.written.get(&key) == Some(&oldest) {
                    self.written.remove(&key);
                }
            }
        }
    }

    /// Whether it is certain that nobody wrote the key after that round.
    fn untouched_since(&self, round: u64, key: &IVec) -> bool {
        round >= self.forgotten && self.written.get(&self.hasher.hash_one(key)).is_none_or(|written| *written <= round)
    }
}
