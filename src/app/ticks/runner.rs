//! Working ticks off.

use super::judge::{Judge, Part, add, leave_out};
use super::members::{Members, Numbers};
use crate::app::pages::{Page, judge_all, one_page};
use crate::app::reload;
use crate::app::shared::Shared;
use crate::delivery::{Pauses, World};
use crate::domain::{CustomerNumber, Reason, RuleState, Text, Tick, Time};
use crate::engine;
use crate::store::{DecisionBatch, Store, StoreError, StoredCustomer, Urgency, View};
use crate::telemetry::names::{self, label};
use arc_swap::ArcSwap;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a page is decided again after a conflict before the tick is left for the next look.
const TRIES: usize = 8;

/// Works ticks off.
#[derive(Clone)]
pub(crate) struct TickRunner {
    core: Arc<Shared>,
    store: Arc<dyn Store>,
    pauses: Arc<Pauses>,
}

/// What is needed to judge a page.
struct Work<'t> {
    view: &'t View,
    judge: &'t Arc<Judge>,
    /// The page, if it is one of members; else one of everybody.
    of: Option<(&'t Members, &'t Numbers)>,
}

/// Where a tick's time goes. Where everybody is looked at, pages are judged while the one before is committed; then only
/// the wait for them counts as deciding.
#[derive(Default)]
struct Times {
    decide: Duration,
    commit: Duration,
}

impl Times {
    fn record(&self) {
        metrics::histogram!(names::TICK_SECONDS, label::PART => "decide").record(self.decide);
        metrics::histogram!(names::TICK_SECONDS, label::PART => "commit").record(self.commit);
    }
}

/// Does something and adds what it took.
async fn timed<T>(total: &mut Duration, work: impl Future<Output = T>) -> T {
    let begun = Instant::now();
    let done = work.await;
    *total += begun.elapsed();
    done
}

impl TickRunner {
    pub(crate) fn new(core: &Arc<Shared>) -> Self {
        Self { core: Arc::clone(core), store: Arc::clone(&core.store), pauses: Arc::clone(&core.pauses) }
    }

    /// Works off every open tick that `go_on` still allows, and answers how many were completed. `progress` is called
    /// after every page.
    pub(crate) async fn run(
        &self,
        world: &ArcSwap<World>,
        now: Time,
        progress: &dyn Progress,
    ) -> Result<usize, StoreError> {
        let mut completed = 0;
        for tick in self.store.open_ticks().await? {
            // Each tick by the rules of its own time: a reload may come between two.
            let used = world.load_full();
            let is_complete = self.work_off(&used, tick, now, progress).await?;
            // A reload meanwhile has cancelled what removed rules had queued by then; the rest of the tick came after it.
            let current = world.load_full();
            if !Arc::ptr_eq(&used, &current) {
                reload::cancel_removed(&self.core, &reload::removed_steps(&used, &current)).await?;
            }
            if !is_complete {
                break;
            }
            completed += 1;
        }
        Ok(completed)
    }

    /// Answers whether the tick was completed.
    async fn work_off(
        &self,
        world: &Arc<World>,
        mut tick: Tick,
        now: Time,
        progress: &dyn Progress,
    ) -> Result<bool, StoreError> {
        let view = View { interest: Arc::clone(&world.interest), now: tick.at, backtest: false };
        let key = self.store.delivery_key();
        let judge = Arc::new(Judge::new(Arc::clone(world), Arc::clone(&self.pauses), tick.clone(), key));
        let mut times = Times::default();
        if let Some(members) = timed(&mut times.decide, Members::of(&self.core, world, &tick)).await? {
            while let Some(numbers) = timed(&mut times.decide, members.page(tick.cursor)).await? {
                let page = members.judge(&numbers, tick.cursor, &view, &judge);
                let page = timed(&mut times.decide, page).await?;
                let work = Work { view: &view, judge: &judge, of: Some((&members, &numbers)) };
                timed(&mut times.commit, self.commit_page(&mut tick, page, &work)).await?;
                if !progress.page_done() {
                    return Ok(false);
                }
            }
            if members.are_known() {
                timed(&mut times.commit, self.complete(world, tick, now)).await?;
                times.record();
                return Ok(true);
            }
        }
        let work = Work { view: &view, judge: &judge, of: None };
        let each = Arc::clone(&judge);
        let mut pages =
            Box::pin(judge_all(Arc::clone(&self.store), view.clone(), tick.cursor, move |page| each.page(page)));
        while let Some(page) = timed(&mut times.decide, pages.next()).await {
            timed(&mut times.commit, self.commit_page(&mut tick, page?, &work)).await?;
            if !progress.page_done() {
                return Ok(false);
            }
        }
        drop(pages);
        timed(&mut times.commit, self.complete(world, tick, now)).await?;
        times.record();
        Ok(true)
    }

    /// Commits a page part by part. After a conflict (a record changed since it was read) the rest of the page is read
    /// and decided again.
    async fn commit_page(&self, tick: &mut Tick, page: Page<Vec<Part>>, work: &Work<'_>) -> Result<(), StoreError> {
        let end = page.end;
        let mut parts = page.result;
        let mut tries = 0;
        loop {
            let before = tick.cursor;
            match self.commit_parts(tick, parts).await {
                Err(StoreError::Conflict) if tries < TRIES || tick.cursor != before => {}
                other => {
                    other?;
                    break;
                }
            }
            // Only conflicts in a row without any progress count.
            tries = if tick.cursor == before { tries + 1 } else { 0 };
            parts = self.judge_again(tick, end, work).await?;
        }
        tick.cursor = Some(end);
        Ok(())
    }

    /// Judges what is left of a page.
    async fn judge_again(&self, tick: &Tick, end: CustomerNumber, work: &Work<'_>) -> Result<Vec<Part>, StoreError> {
        if let Some((members, numbers)) = work.of {
            return Ok(members.judge(numbers, tick.cursor, work.view, work.judge).await?.result);
        }
        let judge = Arc::clone(work.judge);
        let after = tick.cursor.unwrap_or(CustomerNumber(0));
        let again = move |customers: &mut dyn Iterator<Item = StoredCustomer>| judge.page(customers);
        Ok(one_page(Arc::clone(&self.store), work.view.clone(), after, end, Arc::new(again)).await?.result)
    }

    async fn commit_parts(&self, tick: &mut Tick, parts: Vec<Part>) -> Result<(), StoreError> {
        for mut part in parts {
            let mut next = tick.clone();
            for (member, counts) in next.members.iter_mut().zip(&part.counts) {
                add(&mut member.counts, counts);
            }
            if part.decisions.is_empty() {
                // Nothing to keep: after a crash these customers are merely looked at again.
                next.cursor = next.cursor.max(Some(part.last));
                *tick = next;
                continue;
            }
            next.cursor = Some(part.last);
            loop {
                let batch = DecisionBatch {
                    tick: Some(next.clone()),
                    rules: Vec::new(),
                    decisions: part.decisions.iter().map(|proposal| proposal.decision.clone()).collect(),
                    urgency: Urgency::Background,
                };
                match self.store.decide(batch).await {
                    Err(StoreError::Duplicate(existing)) => {
                        tracing::warn!(count = existing.len(), "already decided; left out");
                        leave_out(&mut part.decisions, &existing);
                    }
                    other => break other?,
                }
            }
            *tick = next;
        }
        Ok(())
    }

    /// Completes a tick: the brake judges each rule's whole, and what passes becomes due.
    async fn complete(&self, world: &World, mut tick: Tick, now: Time) -> Result<(), StoreError> {
        tick.complete = true;
        let customers = self.store.stats().await?.customers;
        // Held until the commit, so that a pause that a person makes meanwhile is not overwritten.
        let _editing = self.pauses.editing().await;
        let mut states: BTreeMap<Text, RuleState> = self.store.rule_states().await?.into_iter().collect();
        let mut deliveries: BTreeMap<&str, u64> = BTreeMap::new();
        for member in &tick.members {
            *deliveries.entry(&member.rule).or_default() += member.counts.deliveries;
        }
        let mut changed = Vec::new();
        for (rule, count) in deliveries {
            let state = states.entry(rule.into()).or_default();
            let counts = tick.members.iter().filter(|member| member.rule == rule).fold(
                crate::domain::TickCounts::default(),
                |mut total, member| {
                    add(&mut total, &member.counts);
                    total
                },
            );
            state.last_tick = Some((tick.at, counts));
            if let Some(rule) = world.rules.get(rule).filter(|_| count > 0) {
                if engine::over_brake(rule, state, count, customers, tick.at) {
                    let limit = engine::limit(rule, state, customers, tick.at);
                    tracing::error!(
                        rule = rule.id.as_str(),
                        deliveries = count,
                        limit,
                        "the brake paused the rule: nothing of this tick goes out until `retaind rules resume`"
                    );
                    metrics::counter!(names::BRAKES, label::RULE => rule.id.to_string()).increment(1);
                    state.paused = Some(Reason::Brake);
                    state.paused_at = Some(now);
                    // The worker must know before anything of the tick becomes due.
                    self.pauses.set_rule(&rule.id, Some(Reason::Brake));
                } else {
                    engine::add_volume(rule, state, tick.at, count);
                }
            }
            changed.push((rule.into(), state.clone()));
        }
        for member in &tick.members {
            tracing::info!(
                rule = member.rule.as_str(),
                zone = member.zone,
                occurrence = member.occurrence,
                matched = member.counts.matched,
                enrolled = member.counts.enrolled,
                deliveries = member.counts.deliveries,
                "tick complete"
            );
            super::record(member);
        }
        let batch =
            DecisionBatch { tick: Some(tick), rules: changed, decisions: Vec::new(), urgency: Urgency::Interactive };
        self.store.decide(batch).await
    }
}

/// Is told of every page, and says whether to go on.
pub(crate) trait Progress: Send + Sync {
    /// A page is committed. `false` leaves the rest for the next start.
    fn page_done(&self) -> bool;
}
