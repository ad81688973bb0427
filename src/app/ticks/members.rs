//! Whom a tick looks at: the members of its rules where they are known, and everybody else where not.

use super::judge::{Judge, Part};
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
use tokio::sync::oneshot;

/// Members read at a time.
const PAGE: usize = 512;

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

    /// The next page; `None` behind the last, and when it is not known any more who was a member.
    pub(super) async fn page(&self, after: Option<CustomerNumber>) -> Result<Option<Numbers>> {
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

    /// One by one where they are read, so that what one is made of is still at hand for the next. Of those who were merged,
    /// the other is looked at under a number of their own.
    async fn judge_some(&self, wanted: Vec<CustomerNumber>, view: &View, judge: &Arc<Judge>) -> Result<Vec<Part>> {
        let (made, result) = oneshot::channel();
        let judge = Arc::clone(judge);
        let work = Box::new(move |found: &mut dyn Iterator<Item = StoredCustomer>| {
            // Nobody waits for it any more if the tick was given up.
            drop(made.send(judge.page(found)));
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
