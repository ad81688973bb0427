//! The embedded store, on sled.
//!
//! What it is for: [`SledStore`], one folder that one process owns.
//! Invariants: one tree, so that one batch commits all that belongs together; one committer thread writes; a commit
//! names the version of each record that it read; what anyone acts upon is durable, by `fdatasync` and not by sled's
//! `flush` alone; after a failed `fdatasync` nothing is done any more; a customer with a wake has one wake row, of that
//! instant; a customer has a member row of each rule that the record says holds, and no other; a merge moves no row of a log: rows stand under the number that they were stored under, and the record says
//! under which numbers its customer's stand; leases, and the earliest of what waits, are in memory only, the rest of what
//! waits is read when its turn comes; a damaged store is set aside and named, and no other one is begun in its place
//! before a person has seen it;
//! an older format is left behind when a store is opened, and a newer one is not touched.
//! Deliberately not here: moving a store to another kind of store.

mod aside;
mod backup;
mod ballast;
mod committer;
mod compact;
mod decide;
mod dirty;
mod disk;
mod draft;
mod due;
mod erase;
mod export;
mod fault;
mod fetch;
mod filling;
mod histories;
mod ingest;
mod journal;
mod keys;
mod leases;
mod live;
mod lock;
mod logs;
mod members;
mod merge;
mod migrate;
mod open;
mod outbox;
mod queue;
mod read;
mod reader;
mod restore;
mod rounds;
mod rows;
mod shared;
mod totals;
mod wakes;
mod window;

#[cfg(test)]
mod tests;

pub use backup::BackupProblem;
pub use compact::{Compacted, compact};
pub use disk::{BallastPolicy, Survey, survey};
pub use export::{Exported, Sending, export};
pub use open::{Cache, OpenMode, SledSettings};
pub use restore::{Reapplied, RestoreFrom, RestoreRequest, Restoring};
pub use rounds::RoundEnded;

use super::{
    BackupStamp, BackupSummary, CustomerWork, DecisionBatch, DeliveryChange, DeliveryFilter, Erased, HistoryWork,
    LaneStatus, Marking, Overdue, Result, Stats, Store, StoreError, StoredCustomer, Urgency, Verdict, View,
};
use crate::domain::{
    Arrival, CustomerNumber, Delivery, DeliveryId, DeliveryKey, Enrollment, Event, Interest, Lane, Planned, ProfileRow,
    RuleState, Span, State, Suppression, Text, Tick, Time,
};
use async_trait::async_trait;
use fault::Fault;
use read::{Glance, Glass, Stretch};
use reader::Reader;
use shared::Shared;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use totals::Wanted;

/// A store in a folder of its own. Dropped, it makes durable what was begun and lets the folder go.
#[derive(Debug)]
pub struct SledStore {
    shared: Arc<Shared>,
    committer: Mutex<Option<JoinHandle<()>>>,
}

/// Changes of so few deliveries are prepared where they are asked for.
const SMALL: usize = 4;

/// A panic while the lock was held left nothing half done: what is changed under it is changed in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl SledStore {
    /// Has `listener` told of every round of the committer that ends from now on, on the committer's thread; it must not
    /// wait for anything. There is one listener; a second one is not told.
    pub fn on_round(&self, listener: impl Fn(RoundEnded) + Send + Sync + 'static) {
        self.shared.rounds.listen(Box::new(listener));
    }

    async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared, Reader<'_>) -> std::result::Result<T, Fault> + Send + 'static,
    ) -> Result<T> {
        self.shared.read(read).await.map_err(|fault| self.shared.error(fault))
    }

    async fn read_rows<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Shared, Reader<'_>) -> std::result::Result<(T, Vec<Vec<u8>>), Fault> + Send + 'static,
    ) -> Result<T> {
        self.shared.read_rows(read).await.map_err(|fault| self.shared.error(fault))
    }

    async fn glance<T>(&self, key: &[u8], read: impl FnOnce(Reader<'_>) -> std::result::Result<T, Fault>) -> Result<T> {
        self.shared.glance(key, read).await.map_err(|fault| self.shared.error(fault))
    }

    async fn commit<T: Send + 'static>(
        &self,
        urgency: Urgency,
        work: impl Fn(&Shared, draft::Draft<'_>) -> std::result::Result<(draft::Change, T), Fault> + Clone + Send + 'static,
    ) -> Result<T> {
        self.shared.commit_anew(urgency, work).await.map_err(|fault| self.shared.error(fault))
    }
}

/// The folder of the journal of the store in that folder.
#[must_use]
pub fn journal_of(folder: &std::path::Path) -> std::path::PathBuf {
    journal::folder_of(folder)
}

/// Reads a whole backup and answers what it holds.
///
/// # Errors
/// [`StoreError::BadBackup`], which says what is wrong with it.
pub fn verify_backup(file: &std::path::Path) -> Result<BackupSummary> {
    backup::summary(file).map_err(|problem| StoreError::BadBackup { path: file.to_owned(), problem })
}

impl Drop for SledStore {
    fn drop(&mut self) {
        self.shared.queue.close();
        if let Some(committer) = lock(&self.committer).take()
            && committer.join().is_err()
        {
            tracing::error!("the store's committer ended in an unforeseen way");
        }
    }
}

#[async_trait]
impl Store for SledStore {
    fn delivery_key(&self) -> DeliveryKey {
        self.shared.delivery_key.clone()
    }

    async fn ingest(
        &self,
        arrivals: Vec<Arrival>,
        interest: &Interest,
        urgency: Urgency,
        marking: Marking,
    ) -> Result<Vec<Verdict>> {
        let stored = self.shared.ingest(arrivals, Wanted::new(interest), urgency, marking).await;
        stored.map_err(|fault| self.shared.error(fault))
    }

    async fn customer(&self, id: &str, view: &View) -> Result<Option<StoredCustomer>> {
        let (id, glass) = (id.to_owned(), Glass::new(view));
        self.read_rows(move |_, reader| glass.named(reader, &id)).await
    }

    async fn customer_by_number(&self, number: CustomerNumber, view: &View) -> Result<Option<StoredCustomer>> {
        let glass = Glass::new(view);
        match self.glance(&keys::customer(number), |reader| glass.at_once(reader, number)).await? {
            Glance::Found(found) => Ok(Some(*found)),
            Glance::AskFurther => self.read(move |_, reader| glass.one(reader, number)).await,
        }
    }

    async fn customers(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
    ) -> Result<Vec<StoredCustomer>> {
        let glass = Glass::new(view);
        self.read(move |_, reader| glass.page(reader, after, up_to, limit)).await
    }

    async fn with_customers(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
        work: CustomerWork,
    ) -> Result<()> {
        let glass = Glass::new(view);
        self.read(move |_, reader| glass.each(reader, (after, up_to), limit, work)).await
    }

    async fn with_customers_of(&self, numbers: Vec<CustomerNumber>, view: &View, work: CustomerWork) -> Result<()> {
        let glass = Glass::new(view);
        self.read_rows(move |_, reader| Ok(((), glass.each_of(reader, &numbers, work)?))).await
    }

    async fn with_customers_named(&self, ids: Vec<String>, view: &View, work: CustomerWork) -> Result<()> {
        let glass = Glass::new(view);
        self.read_rows(move |_, reader| Ok(((), glass.each_named(reader, &ids, work)?))).await
    }

    async fn with_histories(
        &self,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
        view: &View,
        work: HistoryWork,
    ) -> Result<()> {
        let glass = Glass::new(view);
        self.read(move |_, reader| glass.each_history(reader, (after, up_to), limit, work)).await
    }

    fn last_customer(&self) -> CustomerNumber {
        CustomerNumber(lock(&self.shared.live).counts.last_customer)
    }

    fn zones(&self) -> Vec<String> {
        lock(&self.shared.live).zones.iter().cloned().collect()
    }

    async fn events(&self, customer: CustomerNumber, before: Option<Time>, limit: usize) -> Result<Vec<Event>> {
        self.read(move |_, reader| read::events(reader, customer, before, limit)).await
    }

    async fn profile_rows(&self, customer: CustomerNumber) -> Result<Vec<ProfileRow>> {
        self.read(move |_, reader| read::profile_rows(reader, customer)).await
    }

    async fn ids(&self, customer: CustomerNumber) -> Result<Vec<String>> {
        self.read(move |_, reader| read::ids(reader, customer)).await
    }

    async fn erase(&self, id: &str, now: Time) -> Result<Option<Erased>> {
        let id = id.to_owned();
        self.commit(Urgency::Interactive, move |shared, draft| erase::by_id(shared, draft, &id, now)).await
    }

    async fn members(&self, rule: &str, after: Option<CustomerNumber>, limit: usize) -> Result<Vec<CustomerNumber>> {
        let rule = rule.to_owned();
        self.read(move |_, reader| members::page(reader, &rule, after, limit)).await
    }

    async fn enrollments(&self, customer: CustomerNumber, limit: usize) -> Result<Vec<Enrollment>> {
        self.read(move |_, reader| read::enrollments(reader, customer, limit)).await
    }

    async fn rebuild(
        &self,
        after: Option<CustomerNumber>,
        limit: usize,
        interest: &Interest,
        now: Time,
    ) -> Result<Option<CustomerNumber>> {
        let rebuilt = self.shared.rebuild(after, limit, Wanted::new(interest), now).await;
        rebuilt.map_err(|fault| self.shared.error(fault))
    }

    async fn mark_dirty(
        &self,
        after: Option<CustomerNumber>,
        limit: usize,
        at: Time,
    ) -> Result<Option<CustomerNumber>> {
        let marked = self.shared.one_after_the_other(Stretch { after, limit, now: at }, dirty::mark_some);
        marked.await.map_err(|fault| self.shared.error(fault))
    }

    async fn take_dirty(&self, now: Time, limit: usize, lease: Span) -> Result<Vec<CustomerNumber>> {
        self.read_rows(move |shared, reader| dirty::take(shared, reader, now, limit, lease)).await
    }

    async fn release_dirty(&self, customers: &[CustomerNumber]) {
        let mut live = lock(&self.shared.live);
        for number in customers {
            live.wakes.release(*number);
        }
    }

    async fn next_wake(&self) -> Result<Option<Time>> {
        // What is in memory is durable, and rows that are not yet are passed over.
        self.read_rows(|shared, reader| Ok((dirty::next(shared, reader)?, Vec::new()))).await
    }

    async fn decide(&self, batch: DecisionBatch) -> Result<()> {
        let (urgency, batch) = (batch.urgency, Arc::new(batch));
        let decided = self.commit(urgency, move |shared, draft| decide::decide(shared, draft, &batch)).await;
        if let Err(StoreError::Duplicate(_)) = &decided {
            // What was seen to exist must be durable before anyone is told.
            self.read(|_, _| Ok(())).await?;
        }
        decided
    }

    async fn open_ticks(&self) -> Result<Vec<Tick>> {
        self.read(decide::open_ticks).await
    }

    async fn planned(&self) -> Result<Vec<Planned>> {
        self.read(|_, reader| decide::planned(reader)).await
    }

    async fn plan(&self, ticks: Vec<Tick>, planned: Vec<Planned>) -> Result<()> {
        let plan = Arc::new((ticks, planned));
        self.commit(Urgency::Interactive, move |shared, draft| decide::plan(shared, draft, &plan)).await
    }

    async fn rule_states(&self) -> Result<Vec<(Text, RuleState)>> {
        self.read(|_, reader| decide::rule_states(reader)).await
    }

    async fn set_rule_states(&self, states: Vec<(Text, RuleState)>) -> Result<()> {
        let states: Arc<[_]> = states.into();
        self.commit(Urgency::Interactive, move |_, draft| decide::set_rule_states(draft, &states)).await
    }

    async fn lanes(&self) -> Result<Vec<LaneStatus>> {
        // What is in memory is durable, and rows that are not yet are passed over.
        self.read_rows(|shared, reader| Ok((outbox::lanes(shared, reader)?, Vec::new()))).await
    }

    async fn overdue(&self, now: Time, ages: &[Span], limit: usize) -> Result<Vec<Overdue>> {
        let ages = ages.to_vec();
        self.read_rows(move |shared, reader| Ok((outbox::overdue(shared, reader, (now, &ages), limit)?, Vec::new())))
            .await
    }

    async fn claim(&self, lane: &Lane, now: Time, limit: usize, lease: Span) -> Result<Vec<Delivery>> {
        let wanted = outbox::Wanted { lane: lane.clone(), now, limit, lease };
        self.read_rows(move |shared, reader| outbox::claim(shared, reader, &wanted)).await
    }

    async fn release(&self, deliveries: &[DeliveryId]) {
        lock(&self.shared.live).due.release(deliveries);
    }

    async fn record(&self, changes: Vec<DeliveryChange>, urgency: Urgency) -> Result<()> {
        if changes.len() <= SMALL {
            let small = self.shared.commit_small(urgency, |shared, draft| outbox::record(shared, draft, &changes));
            return small.await.map_err(|fault| self.shared.error(fault));
        }
        let changes: Arc<[_]> = changes.into();
        self.commit(urgency, move |shared, draft| outbox::record(shared, draft, &changes)).await
    }

    async fn recover(&self, now: Time) -> Result<u64> {
        let mut total = 0;
        loop {
            let some = self.commit(Urgency::Interactive, move |shared, draft| outbox::recover(shared, draft, now));
            match some.await? {
                0 => return Ok(total),
                some => total += some,
            }
        }
    }

    async fn delivery(&self, id: DeliveryId) -> Result<Option<Delivery>> {
        self.glance(&keys::delivery(id), |reader| outbox::one(reader, id)).await
    }

    async fn deliveries(
        &self,
        filter: &DeliveryFilter,
        after: Option<DeliveryId>,
        limit: usize,
    ) -> Result<Vec<Delivery>> {
        let filter = filter.clone();
        self.read(move |_, reader| outbox::list(reader, &filter, after, limit)).await
    }

    async fn prune(&self, before: Time, limit: usize) -> Result<u64> {
        let (limit, mut total) = (limit as u64, 0);
        loop {
            let left = limit - total;
            let some = self.commit(Urgency::Background, move |_, draft| outbox::prune(draft, before, left)).await?;
            total += some;
            if some == 0 || total >= limit {
                return Ok(total);
            }
        }
    }

    async fn suppression(&self, address: &str) -> Result<Option<Suppression>> {
        let key = keys::suppression(address);
        self.glance(&key, |reader| decide::suppression(&self.shared, reader, address)).await
    }

    async fn suppressions(&self, after: Option<&str>, limit: usize) -> Result<Vec<Suppression>> {
        let after = after.map(str::to_owned);
        self.read(move |_, reader| decide::suppressions(reader, after.as_deref(), limit)).await
    }

    async fn suppress(&self, suppressions: Vec<Suppression>) -> Result<u64> {
        let mut total = 0;
        for some in suppressions.chunks(queue::BACKGROUND_ROWS) {
            let some: Arc<[_]> = some.into();
            total += self
                .commit(Urgency::Interactive, move |shared, draft| decide::suppress_all(shared, draft, &some))
                .await?;
        }
        Ok(total)
    }

    async fn unsuppress(&self, address: &str) -> Result<bool> {
        let address = address.to_owned();
        self.commit(Urgency::Interactive, move |shared, draft| decide::unsuppress(shared, draft, &address)).await
    }

    async fn flag(&self, name: &str) -> Result<Option<String>> {
        let key = keys::flag(name);
        self.read(move |_, reader| reader.get(&key)?.map(|row| rows::read(&row)).transpose()).await
    }

    async fn set_flag(&self, name: &str, value: Option<&str>) -> Result<()> {
        let (name, value) = (name.to_owned(), value.map(str::to_owned));
        self.commit(Urgency::Interactive, move |_, draft| decide::set_flag(draft, &name, value.as_deref())).await
    }

    async fn stats(&self) -> Result<Stats> {
        // What is in memory is durable, and known while the tree cannot be read.
        let counted = self.shared.blocking(|shared| {
            let counts = lock(&shared.live).counts.clone();
            let of = |state: State| counts.deliveries.get(state as usize).copied().unwrap_or(0);
            let deliveries = State::ALL.iter().map(|state| (*state, of(*state))).collect();
            let (room, writable) = (disk::room(&shared.folder)?, shared.trouble().is_none());
            let disk_bytes = disk::bytes(&shared.folder)?;
            Ok(Stats { customers: counts.customers, deliveries, disk_bytes, room: Some(room), writable })
        });
        counted.await.map_err(|fault| self.shared.error(fault))
    }

    fn trouble(&self) -> Option<StoreError> {
        self.shared.trouble().map(|fault| self.shared.error(fault))
    }

    async fn backup(&self, stamp: BackupStamp, into: Box<dyn std::io::Write + Send>) -> Result<BackupSummary> {
        self.shared.backup(stamp, into).await.map_err(|failure| failure.into_error(&self.shared))
    }

    async fn close(&self) -> Result<()> {
        self.shared.queue.close();
        let Some(committer) = lock(&self.committer).take() else { return Err(StoreError::Closed) };
        let joined = tokio::task::spawn_blocking(move || committer.join()).await;
        match (self.shared.check(), joined) {
            (Err(Fault::Closed), Ok(Ok(()))) => Ok(()),
            (Err(fault), _) => Err(self.shared.error(fault)),
            (Ok(()), _) => Err(StoreError::Closed),
        }
    }
}
