//! What callers and the committer share.

use super::draft::{Change, Draft, Overlay};
use super::fault::Fault;
use super::live::Live;
use super::lock;
use super::queue::{Job, Queue};
use super::reader::Reader;
use super::rounds::Rounds;
use crate::domain::DeliveryKey;
use crate::store::{StoreError, Urgency};
use ::sled::IVec;
use foldhash::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use tokio::sync::{oneshot, watch};

/// How far the committer is. A round is applied, then durable; only then is it settled.
#[derive(Debug)]
pub(super) struct Progress {
    /// The last round that began to be applied: readers may see some of it.
    pub(super) started: AtomicU64,
    /// The last round that was applied: readers see all of it.
    pub(super) applied: AtomicU64,
    /// Keys of the round that began last; none once it is durable. Whoever saw none of them saw what is durable.
    pub(super) in_flight: Mutex<HashSet<IVec>>,
    /// The last round that is durable, or failed.
    pub(super) settled: watch::Sender<u64>,
    /// Goes up when the tree was opened anew, because what readers saw was not kept.
    pub(super) generation: AtomicU64,
}

/// One lane of arrivals: they are prepared one after the other, each upon those that are on their way.
#[derive(Debug, Default)]
pub(super) struct Intake {
    /// Held by who prepares.
    pub(super) turn: tokio::sync::Mutex<()>,
    /// What is on its way.
    pub(super) overlay: Overlay,
}

/// Everything behind a store.
#[derive(Debug)]
pub(super) struct Shared {
    /// The store's folder.
    pub(super) folder: PathBuf,
    /// The folder of its journal.
    pub(super) journal: PathBuf,
    /// Where rounds come out for backups.
    pub(super) taps: super::backup::Taps,
    /// How it is kept.
    pub(super) settings: super::open::SledSettings,
    /// The tree, unless closed or being opened anew.
    pub(super) db: RwLock<Option<::sled::Db>>,
    /// What waits for the committer.
    pub(super) queue: Queue,
    /// How far the committer is.
    pub(super) progress: Progress,
    /// Who is told how rounds went.
    pub(super) rounds: Rounds,
    /// Why nothing can be done, if so.
    pub(super) fault: Mutex<Option<Fault>>,
    /// What is durable, in memory.
    pub(super) live: Mutex<Live>,
    /// The last version given to a record.
    pub(super) versions: AtomicU64,
    /// The last number given to a customer.
    pub(super) numbers: AtomicU64,
    /// The last number given to a job.
    pub(super) jobs: AtomicU64,
    /// Arrivals by urgency.
    pub(super) intakes: [Intake; 2],
    /// The key of delivery ids.
    pub(super) delivery_key: DeliveryKey,
}

impl Shared {
    /// A version higher than all before.
    pub(super) fn next_version(&self) -> u64 {
        self.versions.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The lane of arrivals.
    pub(super) const fn intake(&self, urgency: Urgency) -> &Intake {
        match urgency {
            Urgency::Interactive => &self.intakes[0],
            Urgency::Background => &self.intakes[1],
        }
    }

    /// An error as the outside sees it.
    pub(super) fn error(&self, fault: Fault) -> StoreError {
        fault.into_error(&self.folder)
    }

    /// Whether anything can be done.
    pub(super) fn check(&self) -> Result<(), Fault> {
        lock(&self.fault).clone().map_or(Ok(()), Err)
    }

    /// Why nothing new is taken, if so.
    pub(super) fn trouble(&self) -> Option<Fault> {
        self.check().and_then(|()| super::disk::check_room(&self.folder)).err()
    }

    /// Looks into the tree. Blocks; not to be called where others wait on the thread.
    pub(super) fn look<T>(&self, look: impl FnOnce(Reader<'_>) -> Result<T, Fault>) -> Result<T, Fault> {
        let db = self.db.read().unwrap_or_else(PoisonError::into_inner);
        match db.as_ref() {
            Some(db) => look(Reader::new(db)),
            None => Err(lock(&self.fault).clone().unwrap_or(Fault::Closed)),
        }
    }

    /// Runs what blocks on a thread where that is no harm. A panic in there is damage: sled meets it by panicking.
    pub(super) async fn blocking<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let shared = Arc::clone(self);
        match tokio::task::spawn_blocking(move || work(&shared)).await {
            Ok(result) => result,
            Err(error) if error.is_panic() => Err(Fault::Damaged("reading it failed in an unforeseen way".into())),
            Err(_) => Err(Fault::Closed),
        }
    }

    /// Reads, and answers when all that was seen is durable.
    pub(super) async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self, Reader<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.check()?;
        let generation = self.progress.generation.load(Ordering::SeqCst);
        let seen = self.blocking(move |shared| shared.look(|reader| read(shared, reader))).await?;
        self.settle().await?;
        // What was seen in between may have been undone.
        if self.progress.generation.load(Ordering::SeqCst) == generation { Ok(seen) } else { Err(Fault::NoSpace) }
    }

    /// Reads a few rows and answers when those are durable whose keys `read` names, whatever else is on its way.
    pub(super) async fn read_rows<T: Send + 'static>(
        self: &Arc<Self>,
        read: impl FnOnce(&Self, Reader<'_>) -> Result<(T, Vec<Vec<u8>>), Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.check()?;
        let generation = self.progress.generation.load(Ordering::SeqCst);
        let (seen, keys) = self.blocking(move |shared| shared.look(|reader| read(shared, reader))).await?;
        self.settle_rows(&keys, generation).await?;
        Ok(seen)
    }

    /// As [`Shared::read_rows`] for one row, on the caller's own thread: it is nearly always in memory, and to have
    /// another thread read it costs ten times as much.
    pub(super) async fn glance<T>(
        &self,
        key: &[u8],
        read: impl FnOnce(Reader<'_>) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        self.check()?;
        let generation = self.progress.generation.load(Ordering::SeqCst);
        let seen = here(|| self.look(read))?;
        self.settle_rows(&[key], generation).await?;
        Ok(seen)
    }

    /// Waits until rows that were just read are durable. One that a later round is writing may be waited for in vain,
    /// never the other way round: a round begins only when the one before it is durable.
    async fn settle_rows(&self, keys: &[impl AsRef<[u8]>], generation: u64) -> Result<(), Fault> {
        let on_their_way = {
            let in_flight = lock(&self.progress.in_flight);
            keys.iter().any(|key| in_flight.contains(key.as_ref()))
        };
        if on_their_way {
            self.settle().await?;
        }
        self.check()?;
        // What was seen in between may have been undone.
        if self.progress.generation.load(Ordering::SeqCst) == generation { Ok(()) } else { Err(Fault::NoSpace) }
    }

    /// Waits until all that a reader can have seen up to now is durable.
    pub(super) async fn settle(&self) -> Result<(), Fault> {
        let seen = self.progress.started.load(Ordering::SeqCst);
        if *self.progress.settled.borrow() < seen {
            let mut settled = self.progress.settled.subscribe();
            settled.wait_for(|settled| *settled >= seen).await.map_err(|_| Fault::Closed)?;
        }
        self.check()
    }

    /// Prepares a commit.
    pub(super) async fn prepare<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce(&Self, Draft<'_>) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        self.check()?;
        self.blocking(move |shared| {
            let read_at = shared.progress.applied.load(Ordering::SeqCst);
            shared.look(|reader| work(shared, Draft::new(reader, read_at)))
        })
        .await
    }

    /// Prepares and commits what needs only a few rows, on the caller's own thread, until nobody came between.
    pub(super) async fn commit_small<T>(
        &self,
        urgency: Urgency,
        work: impl Fn(&Self, Draft<'_>) -> Result<(Change, T), Fault>,
    ) -> Result<T, Fault> {
        loop {
            self.check()?;
            let read_at = self.progress.applied.load(Ordering::SeqCst);
            let (change, answer) = here(|| self.look(|reader| work(self, Draft::new(reader, read_at))))?;
            match self.commit(change, urgency).await {
                Ok(()) => return Ok(answer),
                Err(Fault::Conflict) => {}
                Err(fault) => return Err(fault),
            }
        }
    }

    /// Makes a commit; answers when it is durable.
    pub(super) async fn commit(&self, change: Change, urgency: Urgency) -> Result<(), Fault> {
        let answer = self.submit(change, urgency, Shown::No).await?;
        answer.await.map_err(|_| Fault::Closed)?
    }

    /// Hands a commit to the committer.
    pub(super) async fn submit(
        &self,
        change: Change,
        urgency: Urgency,
        shown: Shown,
    ) -> Result<oneshot::Receiver<Result<(), Fault>>, Fault> {
        let place = self.queue.place(urgency).await?;
        self.check()?;
        let (answer, receiver) = oneshot::channel();
        let id = self.jobs.fetch_add(1, Ordering::SeqCst) + 1;
        if shown == Shown::Yes {
            self.intake(urgency).overlay.add(id, &change.rows);
        }
        self.queue.push(Job { id, urgency, shown, change, answer, place })?;
        Ok(receiver)
    }

    /// Prepares and commits until nobody came between.
    pub(super) async fn commit_anew<T: Send + 'static>(
        self: &Arc<Self>,
        urgency: Urgency,
        work: impl Fn(&Self, Draft<'_>) -> Result<(Change, T), Fault> + Clone + Send + 'static,
    ) -> Result<T, Fault> {
        loop {
            let (change, answer) = self.prepare(work.clone()).await?;
            match self.commit(change, urgency).await {
                Ok(()) => return Ok(answer),
                Err(Fault::Conflict) => {}
                Err(fault) => return Err(fault),
            }
        }
    }
}

/// Does it here and now. A panic in there is damage: sled meets it by panicking.
fn here<T>(work: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|_| Err(Fault::Damaged("reading it failed in an unforeseen way".into())))
}

/// Whether arrivals that follow may build upon a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shown {
    /// They may.
    Yes,
    /// They see it when it is made.
    No,
}
