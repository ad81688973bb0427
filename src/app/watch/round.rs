//! One round: customers who were taken are read, looked at, and what was decided is committed.

use super::{Bell, brake};
use crate::app::proposal::Proposal;
use crate::app::shared::Shared;
use crate::app::webhook_body;
use crate::app::zones::Zones;
use crate::delivery::World;
use crate::domain::{CustomerNumber, Reason, Span, Text, Time};
use crate::engine::{self, Existing, Looking, Verdict};
use crate::store::{
    CustomerWork, Decision, DecisionBatch, DuplicateKey, Result, StoreError, StoredCustomer, Urgency, View, WakeChange,
};
use crate::telemetry::names::{self, label};
use futures_util::future::{join_all, try_join_all};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use tokio::sync::oneshot;

/// Decisions in one commit, and how many customers at once are few.
const COMMIT: usize = 40;

/// So few are read one by one: to have another thread do it would take longer.
const FEW: usize = 4;

/// How often a customer whose record changes under our hands is looked at before they wait for the next round.
const TRIES: usize = 8;

/// When a customer over whom the rules stumble is looked at again.
const NEXT_TRY: Span = Span::days(1);

/// What a look came to, on its way to the store.
struct Look {
    proposal: Proposal,
    /// Rules that kept the customer out, with the reason of each.
    held: Vec<(Text, Reason)>,
    /// When it was.
    at: Time,
    /// When it was to be.
    wake: Time,
    /// When the events came in that nobody had looked at before.
    received: Vec<Time>,
    /// Events for which there was no place to wait.
    given_up: usize,
}

/// Works off one round.
pub(super) struct Round<'r> {
    pub(super) core: &'r Shared,
    pub(super) bell: &'r Bell,
    urgency: Urgency,
}

impl<'r> Round<'r> {
    /// For so many customers: few of them are somebody's who waits.
    pub(super) fn of(core: &'r Shared, bell: &'r Bell, customers: usize) -> Self {
        let urgency = if customers <= COMMIT { Urgency::Interactive } else { Urgency::Background };
        Self { core, bell, urgency }
    }

    /// Looks at customers under a lease, and commits what comes of it. Those with whom it did not come to that are given
    /// back.
    pub(super) async fn work_off(&self, taken: &[CustomerNumber]) -> Result<()> {
        let done = self.look_and_commit(taken).await;
        if done.is_err() {
            self.core.store.release_dirty(taken).await;
        }
        done
    }

    /// Looks at customers by their ids, besides those who are `taken`; answers ids of these. No lease is needed: what
    /// somebody decided without one is told by the record.
    pub(super) async fn look_at_others(&self, ids: &[String], taken: &[CustomerNumber]) -> Result<Vec<String>> {
        let (world, now, found) = self.read(Whom::Named(ids)).await?;
        let (left_out, others): (Found, Found) = found.into_iter().partition(|(number, _)| taken.contains(number));
        let (looks, _) = self.look_at_all(&world, (now, &Existing::new()), others);
        self.commit_all(looks).await?;
        Ok(left_out.into_iter().filter_map(|(_, stored)| Some(stored?.customer.id.to_string())).collect())
    }

    async fn look_and_commit(&self, taken: &[CustomerNumber]) -> Result<()> {
        self.commit_all(self.look_at(taken, &Existing::new()).await?).await
    }

    async fn commit_all(&self, looks: Vec<Look>) -> Result<()> {
        let mut looks = looks.into_iter();
        let mut commits = Vec::new();
        loop {
            let part: Vec<Look> = looks.by_ref().take(COMMIT).collect();
            if part.is_empty() {
                break;
            }
            commits.push(self.commit(part));
        }
        // All at once: the committer makes them durable together. And all of them end, whatever becomes of one.
        join_all(commits).await.into_iter().collect()
    }

    /// Reads customers and looks at them. Those with nothing to look at any more are given back.
    async fn look_at(&self, numbers: &[CustomerNumber], existing: &Existing) -> Result<Vec<Look>> {
        let (world, now, found) = self.read(Whom::Numbered(numbers)).await?;
        let (looks, back) = self.look_at_all(&world, (now, existing), found);
        if !back.is_empty() {
            self.core.store.release_dirty(&back).await;
        }
        Ok(looks)
    }

    /// Looks at customers as they were read; answers those with nothing to look at, too.
    fn look_at_all(
        &self,
        world: &World,
        (now, existing): (Time, &Existing),
        found: impl IntoIterator<Item = (CustomerNumber, Option<StoredCustomer>)>,
    ) -> (Vec<Look>, Vec<CustomerNumber>) {
        let live = self.bell.live();
        let key = self.core.store.delivery_key();
        let paused = |rule: &str| self.core.pauses.rule(rule);
        let (rules, policy) = (&world.rules, &world.policy);
        let looking = Looking { rules, live: &live, paused: &paused, policy, key: &key, existing, now };
        let mut zones = Zones::new(world, now);
        let (mut looks, mut back) = (Vec::new(), Vec::new());
        for (number, stored) in found {
            let due = stored.filter(|stored| {
                // Else merged into another, or somebody decided meanwhile.
                stored.number == number && stored.customer.wake.is_some_and(|wake| wake <= now)
            });
            match due {
                Some(stored) => looks.push(look(&stored, world, &mut zones, &looking)),
                None => back.push(number),
            }
        }
        (looks, back)
    }

    /// Reads customers by the rules in use. What was stored by newer rules than those we know, they must judge: else an
    /// event that only they ask for would be taken for one that nobody does.
    async fn read(&self, whom: Whom<'_>) -> Result<(Arc<World>, Time, Found)> {
        loop {
            let world = self.core.world.load_full();
            let now = self.core.clock.now();
            let view = View { interest: Arc::clone(&world.interest), now, backtest: false };
            let found = match whom {
                Whom::Numbered(numbers) => self.read_numbered(numbers, &view).await?,
                Whom::Named(ids) => self.read_named(ids, &view).await?,
            };
            if Arc::ptr_eq(&world, &self.core.world.load()) {
                return Ok((world, now, found));
            }
        }
    }

    /// Many are read at once, on a thread where that keeps nobody waiting.
    async fn read_numbered(&self, numbers: &[CustomerNumber], view: &View) -> Result<Found> {
        let store = &self.core.store;
        if numbers.len() <= FEW {
            let found = try_join_all(numbers.iter().map(|number| store.customer_by_number(*number, view))).await?;
            return Ok(numbers.iter().copied().zip(found).collect());
        }
        let (found, work) = by_number();
        store.with_customers_of(numbers.to_vec(), view, work).await?;
        let mut found = found.await.map_err(|_| StoreError::Closed)?;
        // One who was merged comes under another number, or not at all.
        Ok(numbers.iter().map(|number| (*number, found.remove(number))).collect())
    }

    /// Each once.
    async fn read_named(&self, ids: &[String], view: &View) -> Result<Found> {
        let (found, work) = by_number();
        self.core.store.with_customers_named(ids.to_vec(), view, work).await?;
        let found = found.await.map_err(|_| StoreError::Closed)?;
        Ok(found.into_iter().map(|(number, one)| (number, Some(one))).collect())
    }

    /// Commits looks together. After a conflict each is made anew and goes alone.
    async fn commit(&self, mut part: Vec<Look>) -> Result<()> {
        match self.decide(&mut part).await {
            Err(StoreError::Conflict) => {}
            other => return other,
        }
        let again = part.into_iter().map(|look| self.commit_alone(look.proposal.decision.customer));
        join_all(again).await.into_iter().collect()
    }

    async fn commit_alone(&self, number: CustomerNumber) -> Result<()> {
        for _ in 0..TRIES {
            let mut looks = self.look_at(&[number], &Existing::new()).await?;
            if looks.is_empty() {
                return Ok(());
            }
            match self.decide(&mut looks).await {
                Err(StoreError::Conflict) => {}
                other => return other,
            }
        }
        // Others go first meanwhile.
        tracing::debug!(number = number.0, "a customer's record does not stand still; looked at again in a while");
        self.core.store.release_dirty(&[number]).await;
        Ok(())
    }

    /// Commits; what exists already is left out.
    async fn decide(&self, looks: &mut Vec<Look>) -> Result<()> {
        let world = self.core.world.load_full();
        let counted = brake::concerns(&world, looks.iter().map(|look| &look.proposal.decision));
        // Held until the commit, so that what others write of the rules meanwhile is not overwritten.
        let _editing = if counted { Some(self.core.pauses.editing().await) } else { None };
        let mut existing = Existing::new();
        loop {
            for look in &*looks {
                // Before the member rows are gone.
                self.bell.ceased(look.proposal.decision.customer, &look.proposal.decision.members, look.at);
            }
            let decisions: Vec<Decision> = looks.iter().map(|look| look.proposal.decision.clone()).collect();
            let rules = if counted {
                brake::judge(self.core, &world, &decisions, self.core.clock.now()).await?
            } else {
                Vec::new()
            };
            let batch = DecisionBatch { tick: None, rules, decisions, urgency: self.urgency };
            match self.core.store.decide(batch).await {
                Err(StoreError::Duplicate(found)) => {
                    if !self.look_again(looks, &found, &mut existing).await? {
                        leave_out(looks, &found);
                    }
                }
                Err(error) => return Err(error),
                Ok(()) => break,
            }
        }
        if looks.iter().any(|look| !look.proposal.decision.deliveries.is_empty()) {
            self.core.wake();
        }
        let now = self.core.clock.now();
        for look in &*looks {
            count(look, now);
        }
        Ok(())
    }

    /// Looks anew at those of whom enrollments exist already, now with the knowledge of them: without those, another rule
    /// may get the place under a cap. An occurrence that comes again, such as the same order by another event, is found in
    /// this way and no mistake. Answers whether anything of it is new.
    async fn look_again(&self, looks: &mut Vec<Look>, found: &[DuplicateKey], existing: &mut Existing) -> Result<bool> {
        let mut concerned = Vec::new();
        for key in found {
            let DuplicateKey::Enrollment(rule, number, occurrence) = key else { continue };
            let number = CustomerNumber(*number);
            if existing.insert((number, rule.clone(), occurrence.clone())) {
                concerned.push(number);
            }
        }
        concerned.sort_unstable();
        concerned.dedup();
        if concerned.is_empty() {
            return Ok(false);
        }
        tracing::debug!(count = found.len(), "already decided; looked at without it");
        looks.retain(|look| !concerned.contains(&look.proposal.decision.customer));
        looks.extend(self.look_at(&concerned, existing).await?);
        Ok(true)
    }
}

/// Who is read.
#[derive(Clone, Copy)]
enum Whom<'w> {
    /// In this order.
    Numbered(&'w [CustomerNumber]),
    /// By their ids.
    Named(&'w [String]),
}

/// Customers as they were read, by the numbers that were asked for.
type Found = Vec<(CustomerNumber, Option<StoredCustomer>)>;

type ByNumber = BTreeMap<CustomerNumber, StoredCustomer>;

/// Work that takes customers out of the store, and where they come.
fn by_number() -> (oneshot::Receiver<ByNumber>, CustomerWork) {
    let (found, receiver) = oneshot::channel();
    let work = Box::new(|customers: &mut dyn Iterator<Item = StoredCustomer>| {
        // Nobody waits for them any more if the round was given up.
        drop(found.send(customers.map(|one| (one.number, one)).collect()));
    });
    (receiver, work)
}

/// Leaves out what exists, where looking again does not. What cannot be told apart is put off as a whole, for to try it
/// again would be in vain.
fn leave_out(looks: &mut [Look], existing: &[DuplicateKey]) {
    tracing::debug!(count = existing.len(), "already decided; left out");
    let mut any = false;
    for look in &mut *looks {
        any |= look.proposal.leave_out(existing);
    }
    if !any {
        tracing::error!(?existing, "the store has what nobody asked for; these customers are put off");
        for look in looks {
            look.proposal.decision = put_off(&look.proposal.decision, look.at);
        }
    }
}

/// Looks at one customer. One whose record or rules make the engine panic must not stop all others.
fn look(stored: &StoredCustomer, world: &World, zones: &mut Zones, looking: &Looking<'_>) -> Look {
    let customer = &stored.customer;
    let wake = customer.wake.unwrap_or(looking.now);
    let decided = catch_unwind(AssertUnwindSafe(|| {
        let zone = &zones.of(customer).zone;
        let mut looked = engine::look(stored.number, customer, zone, looking);
        webhook_body::fill(world, customer, zone, looking.now, &mut looked.decided.deliveries);
        looked
    }));
    let none = Decision::none(stored.number, stored.version);
    let (decision, held, given_up) = match decided {
        Err(_) => {
            metrics::counter!(names::PANICS, label::PART => "watcher").increment(1);
            tracing::error!(number = stored.number.0, "looking at a customer panicked; put off for a day");
            (put_off(&none, looking.now), Vec::new(), 0)
        }
        Ok(looked) => {
            let verdicts = looked.fired.into_iter().zip(looked.decided.verdicts);
            let held = verdicts.filter_map(|(rule, verdict)| match verdict {
                Verdict::Held(reason) => Some((rule, reason)),
                _ => None,
            });
            let held = held.collect();
            let decision = Decision {
                memories: looked.decided.memories,
                slots: looked.decided.slots,
                enrollments: looked.decided.enrollments,
                deliveries: looked.decided.deliveries,
                // One that does not lie ahead would have us look for ever.
                wake: WakeChange::Set(looked.wake.map(|wake| wake.max(looking.now.plus(Span(1))))),
                watch: Some(looked.watch),
                members: looked.members,
                changes: looked.changes,
                ..none
            };
            (decision, held, looked.given_up)
        }
    };
    let new = customer.watch.pending.iter().filter(|pending| pending.waiting.is_none());
    let received = new.map(|pending| pending.event.received_at).collect();
    Look { proposal: Proposal::new(decision, &customer.watch.active), held, at: looking.now, wake, received, given_up }
}

/// Says of events that no rule is going to judge; they are stored and counted as all others. At most once a minute, for
/// who sends a thousand sends more.
fn give_up(look: &Look, now: Time) {
    static TOLD: AtomicI64 = AtomicI64::new(i64::MIN);
    if look.given_up == 0 {
        return;
    }
    metrics::counter!(names::GIVEN_UP).increment(look.given_up as u64);
    let told = TOLD.load(Ordering::Relaxed);
    if Time(told).plus(Span::minutes(1)) <= now {
        TOLD.store(now.0, Ordering::Relaxed);
        let number = look.proposal.decision.customer.0;
        tracing::warn!(number, "a thousand events of one customer wait for a rule already; further ones start nothing");
    }
}

/// Nothing but to look again another day.
fn put_off(decision: &Decision, at: Time) -> Decision {
    let wake = WakeChange::Set(Some(at.plus(NEXT_TRY)));
    Decision { wake, ..Decision::none(decision.customer, decision.version) }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of a histogram are floats")]
fn count(look: &Look, now: Time) {
    metrics::counter!(names::LOOKS).increment(1);
    give_up(look, now);
    let seconds_since = |before: Time| now.since(before).0.max(0) as f64 / 1000.0;
    metrics::histogram!(names::LOOK_LATENESS).record(seconds_since(look.wake));
    for received in &look.received {
        metrics::histogram!(names::EVENT_LATENESS).record(seconds_since(*received));
    }
    for enrollment in &look.proposal.decision.enrollments {
        let holdout = if enrollment.held_out { "true" } else { "false" };
        let rule = enrollment.rule.clone();
        metrics::counter!(names::ENROLLMENTS, label::RULE => rule.to_string(), label::HOLDOUT => holdout).increment(1);
    }
    for (rule, reason) in &look.held {
        metrics::counter!(names::HOLDS, label::RULE => rule.to_string(), label::REASON => reason.word()).increment(1);
    }
}
