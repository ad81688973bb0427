//! Whom a tick looks at: the members of its rules where they are known, and everybody else where not.

use super::judge::{Judge, Part};
use crate::app::pages::Page;
use crate::app::shared::Shared;
use crate::app::watch::{self, Bell};
use crate::delivery::World;
use crate::domain::{CustomerNumber, Text, Tick, Time};
use crate::store::{Result, Store, StoreError, StoredCustomer, View};
use futures_util::future::try_join_all;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// Members read at a time.
const PAGE: usize = 512;

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

    /// Reads and judges those of a page behind `after`, on two threads: what takes long is fetching records that nobody
    /// has looked at for a while.
    pub(super) async fn judge(
        &self,
        numbers: &Numbers,
        after: Option<CustomerNumber>,
        view: &View,
        judge: &Arc<Judge>,
    ) -> Result<Page<Vec<Part>>> {
        let wanted: Vec<_> = numbers.customers.iter().copied().filter(|number| Some(*number) > after).collect();
        let (first, second) = wanted.split_at(wanted.len() / 2);
        let work = |half: &[CustomerNumber]| {
            let store = Arc::clone(&self.core.store);
            tokio::spawn(judge_some(store, half.to_vec(), view.clone(), Arc::clone(judge)))
        };
        let (first, second) = (work(first), work(second));
        let broken = |_| StoreError::Closed;
        let mut result = first.await.map_err(broken)??;
        result.extend(second.await.map_err(broken)??);
        Ok(Page { end: numbers.end, result })
    }
}

async fn judge_some(
    store: Arc<dyn Store>,
    numbers: Vec<CustomerNumber>,
    view: View,
    judge: Arc<Judge>,
) -> Result<Vec<Part>> {
    let found = try_join_all(numbers.iter().map(|number| store.customer_by_number(*number, &view))).await?;
    // Of those who were merged, the other is looked at under a number of their own.
    let own = |(stored, number): (Option<StoredCustomer>, CustomerNumber)| stored.filter(|one| one.number == number);
    Ok(judge.page(&mut found.into_iter().zip(numbers).filter_map(own)))
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
