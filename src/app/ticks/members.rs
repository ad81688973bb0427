//! Whom a tick looks at: the members of its rules where they are known, and everybody else where not.

use super::judge::{COMMIT, Judge, Part};
use crate::app::pages::Page;
use crate::app::shared::Shared;
use crate::app::watch::{self, Bell};
use crate::delivery::World;
use crate::domain::{CustomerNumber, Text, Tick, Time};
use crate::store::{Result, StoreError, StoredCustomer, View};
use futures_util::future::try_join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// Members read at a time: two commits for each of two cores. The first page is waited for, the others are judged while the
/// one before is committed.
const PAGE: usize = 4 * COMMIT;

/// So few are not worth another thread.
const FEW: usize = 32;

/// How long a tick waits until those whose time came before it were looked at; after that it looks at everybody itself.
const PATIENCE: Duration = Duration::from_secs(10);

/// The members of a tick's rules, page by page.
pub(super) struct Members {
    core: Arc<Shared>,
    rules: BTreeSet<Text>,
    at: Time,
}

/// Customers of one page, in order, and the number up to which they are all.
pub(super) struct Numbers {
    pub(super) customers: Vec<CustomerNumber>,
    pub(super) end: CustomerNumber,
}

/// A page of members, and what judging them came to.
pub(super) type Judged = (Numbers, Page<Vec<Part>>);

/// Pages that are judged ahead.
pub(super) struct JudgedPages(mpsc::Receiver<Result<Option<Judged>>>);

impl JudgedPages {
    /// The next one; `None` behind the last, and when it is not known any more who was a member.
    pub(super) async fn next(&mut self) -> Result<Option<Judged>> {
        // Whoever judges says when there are no more. One who ends without a word has left some out.
        self.0.recv().await.unwrap_or(Err(StoreError::Closed))
    }
}

impl Members {
    /// The members of the tick's rules; `None` when they are not known for its instant: the rules are new, the tick is
    /// old, or the watcher is behind.
    pub(super) async fn of(core: &Arc<Shared>, world: &World, tick: &Tick) -> Result<Option<Self>> {
        let Some(daemon) = &core.daemon else { return Ok(None) };
        let known = |rule: &Text| world.rules.get(rule).is_some();
        let rules: BTreeSet<Text> = tick.members.iter().map(|member| member.rule.clone()).filter(known).collect();
        let bell = &daemon.bell;
        let members = Self { core: Arc::clone(core), rules, at: tick.at };
        if !watch::covers(bell, world, &members.rules) || bell.ceased_since(&members.rules, tick.at).is_none() {
            return Ok(None);
        }
        let caught_up = tokio::time::timeout(PATIENCE, caught_up(core, bell, tick.at)).await;
        if let Ok(done) = caught_up {
            done?;
            return Ok(Some(members));
        }
        tracing::warn!(at = %tick.at, "the watcher is behind; the tick looks at everybody");
        Ok(None)
    }

    /// A page; `None` behind the last, and when it is not known any more who was a member.
    async fn page(&self, after: Option<CustomerNumber>) -> Result<Option<Numbers>> {
        let mut all = BTreeSet::new();
        let mut end = CustomerNumber(u64::MAX);
        for rule in &self.rules {
            let page = self.core.store.members(rule, after, PAGE).await?;
            if let Some(last) = page.last().filter(|_| page.len() >= PAGE) {
                end = end.min(*last);
            }
            all.extend(page);
        }
        // Asked after the rows: who ceased to be a member before they were read is noted here.
        let ceased = self.core.daemon.as_ref().and_then(|daemon| daemon.bell.ceased_since(&self.rules, self.at));
        let Some(ceased) = ceased else { return Ok(None) };
        all.extend(ceased.into_iter().filter(|number| Some(*number) > after));
        let customers: Vec<_> = all.into_iter().take_while(|number| *number <= end).collect();
        let Some(last) = customers.last().copied() else { return Ok(None) };
        let end = if end.0 == u64::MAX { last } else { end };
        Ok(Some(Numbers { customers, end }))
    }

    /// Whether it is still known who was a member at the tick's instant.
    pub(super) fn are_known(&self) -> bool {
        self.core.daemon.as_ref().is_some_and(|daemon| daemon.bell.ceased_since(&self.rules, self.at).is_some())
    }

    /// Judges page after page behind `after`, a page ahead of what is taken.
    pub(super) fn judge_all(
        self: &Arc<Self>,
        mut after: Option<CustomerNumber>,
        view: &View,
        judge: &Arc<Judge>,
    ) -> JudgedPages {
        let (sender, pages) = mpsc::channel(1);
        let (members, view, judge) = (Arc::clone(self), view.clone(), Arc::clone(judge));
        tokio::spawn(async move {
            loop {
                let judged = members.judge_next(after, &view, &judge).await;
                let more = if let Ok(Some((numbers, _))) = &judged { Some(numbers.end) } else { None };
                // Nobody takes it any more if the tick was given up.
                if sender.send(judged).await.is_err() || more.is_none() {
                    return;
                }
                after = more;
            }
        });
        JudgedPages(pages)
    }

    async fn judge_next(
        &self,
        after: Option<CustomerNumber>,
        view: &View,
        judge: &Arc<Judge>,
    ) -> Result<Option<Judged>> {
        let Some(numbers) = self.page(after).await? else { return Ok(None) };
        let page = self.judge(&numbers, after, view, judge).await?;
        Ok(Some((numbers, page)))
    }

    /// Reads and judges those of a page behind `after`: half of them on one core and half on another.
    pub(super) async fn judge(
        &self,
        numbers: &Numbers,
        after: Option<CustomerNumber>,
        view: &View,
        judge: &Arc<Judge>,
    ) -> Result<Page<Vec<Part>>> {
        let wanted: Vec<_> = numbers.customers.iter().copied().filter(|number| Some(*number) > after).collect();
        let half = wanted.len().div_ceil(2).max(FEW);
        let parts = try_join_all(wanted.chunks(half).map(|some| self.judge_some(some.to_vec(), view, judge))).await?;
        Ok(Page { end: numbers.end, result: parts.into_iter().flatten().collect() })
    }

    /// One by one where they are read, so that what one is made of is still at hand for the next.
    async fn judge_some(&self, wanted: Vec<CustomerNumber>, view: &View, judge: &Arc<Judge>) -> Result<Vec<Part>> {
        let (made, result) = oneshot::channel();
        let (own, judge) = (wanted.clone(), Arc::clone(judge));
        let work = Box::new(move |found: &mut dyn Iterator<Item = StoredCustomer>| {
            // Of those who were merged, the other is looked at under a number of their own.
            let is_wanted = |stored: &StoredCustomer| own.binary_search(&stored.number).is_ok();
            let mut seen = BTreeSet::new();
            let mut found = found.filter(is_wanted).filter(|one| seen.insert(one.number));
            // Nobody waits for it any more if the tick was given up.
            drop(made.send(judge.page(&mut found)));
        });
        self.core.store.with_customers_of(wanted, view, work).await?;
        result.await.map_err(|_| StoreError::Closed)
    }
}

/// Waits until everybody whose wake is at or before `at` was looked at.
async fn caught_up(core: &Shared, bell: &Bell, at: Time) -> Result<()> {
    let mut watching = bell.watch();
    // Once: a watcher that waits for room on the disk is not to be hurried.
    bell.ring();
    loop {
        while core.store.next_wake().await?.is_some_and(|wake| wake <= at) {
            // Its sender is the bell's own.
            drop(watching.changed().await);
        }
        // They are looked at, or in hand.
        let begun = bell.progress();
        if !begun.busy {
            return Ok(());
        }
        let done = watching.wait_for(|now| !now.busy || now.passes != begun.passes).await.is_ok();
        // Those in hand were given back if it failed.
        if done && core.store.next_wake().await?.is_none_or(|wake| wake > at) {
            return Ok(());
        }
    }
}
