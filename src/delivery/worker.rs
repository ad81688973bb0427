//! The loop that takes what is due, lane by lane, and keeps each lane's places filled.

use super::attempt::{attempt, panicked};
use super::lane::LaneState;
use super::world::{Pauses, World};
use crate::channels::webhook::Poster;
use crate::clock::Clock;
use crate::domain::{Class, CustomerNumber, Delivery, Lane, Outcome, Span, Time};
use crate::store::{Store, StoreError};
use crate::telemetry::names::{self, label};
use arc_swap::ArcSwap;
use futures_util::FutureExt;
use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinSet;

/// How long a claimed delivery stays claimed if nothing comes of it: longer than any attempt takes.
const LEASE: Span = Span::minutes(15);

/// Places of a webhook lane.
const ENDPOINT_PLACES: usize = 16;

/// How often the worker looks even when nobody woke it.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What attempts share.
pub(super) struct Shared {
    pub(super) store: Arc<dyn Store>,
    pub(super) world: Arc<ArcSwap<World>>,
    pub(super) pauses: Arc<Pauses>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) poster: Poster,
    lanes: Mutex<BTreeMap<Lane, LaneState>>,
    wake: Arc<Notify>,
    progress: watch::Sender<Progress>,
    draining: watch::Sender<bool>,
    /// Counts how often the world was replaced.
    reloads: watch::Sender<u64>,
    /// Counts what was sent and is remembered with its customer.
    remembered: watch::Sender<u64>,
    /// One of these is held from reading a customer's places under the caps to taking one, so that two mails to one
    /// customer do not both find the last place free.
    deciding: [tokio::sync::Mutex<()>; 64],
}

impl Shared {
    fn with_lane<T>(&self, lane: &Lane, use_it: impl FnOnce(&mut LaneState) -> T) -> T {
        let places = match lane {
            Lane::Mail(_) => self.world.load().mail_places,
            Lane::Endpoint(_) => ENDPOINT_PLACES,
        };
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let state = lanes.entry(lane.clone()).or_insert_with(|| LaneState::new(places));
        state.resize(places);
        use_it(state)
    }

    /// Whether an attempt may begin: not while all is paused, and not any more once the drain has begun.
    pub(super) fn may_begin(&self) -> bool {
        !*self.draining.borrow() && !self.pauses.all()
    }

    /// Comes back when the drain begins.
    pub(super) async fn drain_begins(&self) {
        let mut draining = self.draining.subscribe();
        // The sender lives as long as `self`, so this ends by the drain alone.
        drop(draining.wait_for(|draining| *draining).await);
    }

    /// Tells of worlds that replace the one that is loaded from now on.
    pub(super) fn reloads(&self) -> watch::Receiver<u64> {
        self.reloads.subscribe()
    }

    /// Something was sent, and its customer is to be looked at for that.
    pub(super) fn was_remembered(&self) {
        self.remembered.send_modify(|count| *count += 1);
    }

    /// Held while a customer's places under the caps are looked at and taken.
    pub(super) async fn deciding(&self, customer: CustomerNumber) -> tokio::sync::MutexGuard<'_, ()> {
        let index = usize::try_from(customer.0 % self.deciding.len() as u64).unwrap_or(0);
        self.deciding[index].lock().await
    }

    /// The receiver of the lane could not be reached.
    pub(super) fn lane_failed(&self, lane: &Lane, outcome: &Outcome) {
        let (Outcome::Transient { detail, .. }
        | Outcome::Permanent { detail, .. }
        | Outcome::Uncertain { detail }
        | Outcome::Accepted { detail }) = outcome;
        let now = self.clock.now();
        let was_open = self.with_lane(lane, |state| {
            let was_open = !state.is_closed(now);
            state.failed(now);
            state.trouble = Some(detail.clone());
            was_open
        });
        if was_open {
            tracing::warn!(%lane, detail, "the receiver cannot be reached; waiting");
        }
    }

    pub(super) fn lane_worked(&self, lane: &Lane) {
        self.with_lane(lane, LaneState::worked);
    }
}

/// What the worker is doing, for the watchdog and `status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// When it last looked for work.
    pub last_pass: Time,
    /// Deliveries in hand.
    pub in_hand: usize,
}

/// The outbox worker.
#[derive(Clone)]
pub struct Worker {
    shared: Arc<Shared>,
}

impl std::fmt::Debug for Worker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Worker").field("progress", &self.progress()).finish_non_exhaustive()
    }
}

impl Worker {
    /// A worker over a store; it does nothing before [`Worker::run`].
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        world: Arc<ArcSwap<World>>,
        pauses: Arc<Pauses>,
        clock: Arc<dyn Clock>,
        poster: Poster,
    ) -> Self {
        let progress = watch::Sender::new(Progress { last_pass: clock.now(), in_hand: 0 });
        let shared = Shared {
            store,
            world,
            pauses,
            clock,
            poster,
            lanes: Mutex::default(),
            wake: Arc::new(Notify::new()),
            progress,
            draining: watch::Sender::new(false),
            reloads: watch::Sender::new(0),
            remembered: watch::Sender::new(0),
            deciding: std::array::from_fn(|_| tokio::sync::Mutex::default()),
        };
        Self { shared: Arc::new(shared) }
    }

    /// Says that there may be something due.
    pub fn wake(&self) {
        self.shared.wake.notify_one();
    }

    /// Says that the world was replaced: what waits for a connection or for its turn begins again with the new one.
    pub fn reloaded(&self) {
        self.shared.reloads.send_modify(|count| *count += 1);
        self.wake();
    }

    /// What it is doing.
    #[must_use]
    pub fn progress(&self) -> Progress {
        *self.shared.progress.borrow()
    }

    /// The same, as it changes.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Progress> {
        self.shared.progress.subscribe()
    }

    /// Tells of deliveries whose sending is remembered with the customer, who is to be looked at for that.
    #[must_use]
    pub fn remembered(&self) -> watch::Receiver<u64> {
        self.shared.remembered.subscribe()
    }

    /// Lanes whose receivers cannot be reached: what was last said, and when the next trial is.
    #[must_use]
    pub fn troubles(&self) -> Vec<(Lane, String, Time)> {
        let lanes = self.shared.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let troubled =
            lanes.iter().filter_map(|(lane, state)| Some((lane.clone(), state.trouble.clone()?, state.closed_until)));
        troubled.collect()
    }

    /// Works until `stop` turns true, then lets what is in hand finish for at most `drain`. Answers how many
    /// deliveries were still in hand then; they are `sending` in the store and found uncertain at the next start.
    ///
    /// # Errors
    /// The first error of the store that makes going on pointless.
    pub async fn run(&self, mut stop: watch::Receiver<bool>, drain: Duration) -> Result<usize, StoreError> {
        let mut tasks: JoinSet<Result<(), StoreError>> = JoinSet::new();
        while !*stop.borrow() {
            let now = self.shared.clock.now();
            self.fill(now, &mut tasks).await?;
            // Said after the look, so that whoever waits for `last_pass` knows that what was due then is in hand.
            self.shared.progress.send_modify(|progress| progress.last_pass = now);
            tokio::select! {
                biased;
                _ = stop.changed() => {}
                Some(done) = tasks.join_next() => fatal(done)?,
                () = self.shared.wake.notified() => {}
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            while let Some(done) = tasks.try_join_next() {
                fatal(done)?;
            }
        }
        // What has not begun goes back; what is on the wire may finish.
        self.shared.draining.send_replace(true);
        let deadline = tokio::time::Instant::now() + drain;
        while let Ok(Some(done)) = tokio::time::timeout_at(deadline, tasks.join_next()).await {
            self.shared.progress.send_modify(|progress| progress.last_pass = self.shared.clock.now());
            fatal(done)?;
        }
        Ok(tasks.len())
    }

    /// Fills the free places of every lane that has something due.
    async fn fill(&self, now: Time, tasks: &mut JoinSet<Result<(), StoreError>>) -> Result<(), StoreError> {
        if self.shared.pauses.all() {
            return Ok(());
        }
        let mut lanes = match self.shared.store.lanes().await {
            Ok(lanes) => lanes,
            Err(error) => return tolerate(error),
        };
        // Service mail first: it is what people wait for.
        lanes.sort_by_key(|status| status.lane != Lane::Mail(Class::Service));
        let stopped = self.shared.pauses.marketing().then_some(Lane::Mail(Class::Marketing));
        for status in
            lanes.into_iter().filter(|status| status.next_due <= now && Some(&status.lane) != stopped.as_ref())
        {
            self.fill_lane(&status.lane, now, tasks).await?;
        }
        Ok(())
    }

    async fn fill_lane(
        &self,
        lane: &Lane,
        now: Time,
        tasks: &mut JoinSet<Result<(), StoreError>>,
    ) -> Result<(), StoreError> {
        let (places, wanted) = self.shared.with_lane(lane, |state| {
            let free = state.places.available_permits();
            let wanted = if state.is_closed(now) {
                0
            } else if state.is_failing() {
                // One delivery finds out whether the receiver is back.
                usize::from(free == state.capacity)
            } else if free * 4 < state.capacity {
                // Not worth a look into the store for the few places that are free.
                0
            } else {
                free
            };
            (Arc::clone(&state.places), wanted)
        });
        if wanted == 0 {
            return Ok(());
        }
        // Counted before they are claimed, so that at no instant claimed ones show nowhere.
        let in_hand = InHand::new(&self.shared, wanted);
        let claimed = match self.shared.store.claim(lane, now, wanted, LEASE).await {
            Ok(claimed) => claimed,
            Err(error) => return tolerate(error),
        };
        for delivery in claimed {
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                self.shared.store.release(&[delivery.id]).await;
                continue;
            };
            let shared = Arc::clone(&self.shared);
            let counted = InHand::new(&self.shared, 1);
            tasks.spawn(async move {
                let result = guarded(&shared, delivery).await;
                drop(place);
                drop(counted);
                result
            });
        }
        drop(in_hand);
        Ok(())
    }
}

/// Counts deliveries as in hand for as long as it lives.
struct InHand {
    shared: Arc<Shared>,
    count: usize,
}

impl InHand {
    fn new(shared: &Arc<Shared>, count: usize) -> Self {
        shared.progress.send_modify(|progress| progress.in_hand += count);
        Self { shared: Arc::clone(shared), count }
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        self.shared.progress.send_modify(|progress| progress.in_hand -= self.count);
    }
}

/// Runs one attempt, and records a panic in it.
async fn guarded(shared: &Shared, delivery: Delivery) -> Result<(), StoreError> {
    let kept = delivery.clone();
    let result = if let Ok(result) = AssertUnwindSafe(attempt(shared, delivery)).catch_unwind().await {
        result
    } else {
        metrics::counter!(names::PANICS, label::PART => "delivery").increment(1);
        tracing::error!(delivery = %kept.id, "an attempt panicked");
        panicked(shared, kept.clone()).await
    };
    match result {
        // Someone else changed the delivery meanwhile: it is theirs now. One that nobody changed would come back at
        // once and again; it keeps its lease, so that a mistake of ours is no busy loop.
        Err(StoreError::Conflict) => {
            let stored = shared.store.delivery(kept.id).await?;
            if stored.is_some_and(|stored| (stored.state, stored.attempts) == (kept.state, kept.attempts)) {
                tracing::error!(delivery = %kept.id, "a change was refused and nobody else made one");
            } else {
                shared.store.release(&[kept.id]).await;
            }
            Ok(())
        }
        Err(error) if error.may_pass() => {
            shared.store.release(&[kept.id]).await;
            Err(error)
        }
        other => other,
    }
}

/// What ends the worker: a store that can no longer be trusted.
fn fatal(done: Result<Result<(), StoreError>, tokio::task::JoinError>) -> Result<(), StoreError> {
    match done {
        Ok(Err(error)) => tolerate(error),
        Ok(Ok(())) | Err(_) => Ok(()),
    }
}

/// Lets errors pass that may be gone at the next look.
fn tolerate(error: StoreError) -> Result<(), StoreError> {
    if !error.may_pass() && !matches!(error, StoreError::Conflict) {
        return Err(error);
    }
    tracing::debug!(%error, "trying again");
    Ok(())
}
