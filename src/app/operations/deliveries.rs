//! `deliveries list`, `retry`, `cancel`.

use super::{failure, page_size};
use crate::app::shared::Shared;
use crate::domain::{Delivery, DeliveryId, EXPIRES_AFTER, Payload, Reason, State, Time};
use crate::http::{Changed, DeliveryQuery, DeliverySelection, DeliveryView, Page, Result, Unchanged};
use crate::store::{DeliveryChange, DeliveryFilter, SlotChange, StoreError, Urgency};

/// Deliveries changed in one commit.
const COMMIT: usize = 40;

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
    /// Queue again under the old id, because a person wants it, however late it is.
    Retry,
    /// Queue again under the old id, because the rule's pause is over.
    Resume,
    /// Never send.
    Cancel,
}

pub(super) async fn list(core: &Shared, query: &DeliveryQuery) -> Result<Page<DeliveryView>> {
    let limit = page_size(query.limit);
    let found = core.store.deliveries(&filter(query), query.after, limit).await.map_err(failure)?;
    let next = (found.len() == limit).then(|| found.last().map(|delivery| delivery.id.to_string())).flatten();
    Ok(Page { items: found.iter().map(DeliveryView::from).collect(), next })
}

fn filter(query: &DeliveryQuery) -> DeliveryFilter {
    DeliveryFilter { state: query.state, rule: query.rule.clone(), customer: query.customer.clone(), reason: None }
}

pub(super) async fn change(core: &Shared, selection: DeliverySelection, change: Change) -> Result<Changed> {
    let mut report = Changed::default();
    match selection {
        DeliverySelection::Ids(ids) => {
            for id in ids {
                change_one(core, id, change, &mut report).await?;
            }
        }
        DeliverySelection::Filter(query) => {
            // Without a state, a retry means what failed or waits for a person, not what was cancelled or suppressed.
            let wanted = |delivery: &Delivery| {
                query.state.is_some()
                    || change == Change::Cancel
                    || matches!(delivery.state, State::Held | State::Failed)
            };
            report.changed = change_all(core, &filter(&query), |delivery, now| {
                edit(delivery, change, now).ok().filter(|_| wanted(delivery))
            })
            .await?;
        }
    }
    core.wake();
    Ok(report)
}

async fn change_one(core: &Shared, id: DeliveryId, change: Change, report: &mut Changed) -> Result<()> {
    let found = core.store.delivery(id).await.map_err(failure)?;
    let edited = found
        .ok_or_else(|| "there is no such delivery".to_owned())
        .and_then(|delivery| edit(&delivery, change, core.clock.now()));
    match edited {
        Err(message) => report.unchanged.push(Unchanged { id, message }),
        Ok(changed) => match core.store.record(vec![changed], Urgency::Interactive).await {
            Ok(()) => report.changed += 1,
            Err(StoreError::Conflict) => {
                report.unchanged.push(Unchanged { id, message: "it changed meanwhile; look again".to_owned() });
            }
            Err(error) => return Err(failure(error)),
        },
    }
    Ok(())
}

/// Changes every delivery that passes the filter and that `edit` has something for; answers how many.
async fn change_all(
    core: &Shared,
    filter: &DeliveryFilter,
    edit: impl Fn(&Delivery, Time) -> Option<DeliveryChange>,
) -> Result<u64> {
    change_each(core, filter, edit).await.map_err(failure)
}

async fn change_each(
    core: &Shared,
    filter: &DeliveryFilter,
    edit: impl Fn(&Delivery, Time) -> Option<DeliveryChange>,
) -> crate::store::Result<u64> {
    let (mut after, mut count) = (None, 0);
    loop {
        let found = core.store.deliveries(filter, after, 1000).await?;
        let Some(last) = found.last() else { return Ok(count) };
        after = Some(last.id);
        let now = core.clock.now();
        let changes: Vec<DeliveryChange> = found.iter().filter_map(|delivery| edit(delivery, now)).collect();
        for part in changes.chunks(COMMIT) {
            match core.store.record(part.to_vec(), Urgency::Background).await {
                Ok(()) => count += part.len() as u64,
                // One of them changed meanwhile: each by itself, and the one that changed is left to whoever did.
                Err(StoreError::Conflict) => count += one_by_one(core, part).await?,
                Err(error) => return Err(error),
            }
        }
    }
}

async fn one_by_one(core: &Shared, changes: &[DeliveryChange]) -> crate::store::Result<u64> {
    let mut count = 0;
    for change in changes {
        match core.store.record(vec![change.clone()], Urgency::Background).await {
            Ok(()) => count += 1,
            Err(StoreError::Conflict) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(count)
}

/// Queues what a rule's pause held.
pub(super) async fn queue_held(core: &Shared, rule: &str, reason: Reason) -> Result<u64> {
    let filter = DeliveryFilter {
        state: Some(State::Held),
        rule: Some(rule.to_owned()),
        reason: Some(reason),
        ..DeliveryFilter::default()
    };
    change_all(core, &filter, |delivery, now| edit(delivery, Change::Resume, now).ok()).await
}

/// The change that was asked for, or why it cannot be.
fn edit(delivery: &Delivery, change: Change, now: Time) -> std::result::Result<DeliveryChange, String> {
    let mut changed = delivery.clone();
    let slot = match change {
        Change::Retry | Change::Resume => {
            match delivery.state {
                State::Held | State::Failed | State::Suppressed | State::Cancelled | State::Deferred => {}
                other => {
                    return Err(format!(
                        "it is {other}, and only held, failed, deferred, suppressed or cancelled ones can be retried"
                    ));
                }
            }
            if let Payload::Webhook { body, .. } = &delivery.payload
                && body.is_empty()
            {
                return Err(
                    "its body could not be rendered; mend the rule, it is decided anew at the next occasion".to_owned()
                );
            }
            changed.state = State::Queued;
            changed.due_at = now;
            if change == Change::Retry {
                changed.expires_at = changed.expires_at.max(now.plus(EXPIRES_AFTER));
            }
            changed.reason = None;
            changed.uncertain = 0;
            SlotChange::Move(now)
        }
        Change::Cancel => {
            if !delivery.state.is_waiting() && delivery.state != State::Held {
                return Err(format!("it is {}, and only what was not sent yet can be cancelled", delivery.state));
            }
            changed.state = State::Cancelled;
            changed.reason = Some(Reason::Stopped);
            SlotChange::Free
        }
    };
    let slot = if matches!(delivery.payload, Payload::Email { .. }) { slot } else { SlotChange::Keep };
    Ok(DeliveryChange {
        from: delivery.state,
        from_attempts: delivery.attempts,
        delivery: changed,
        slot,
        suppress: None,
        remember: false,
    })
}

/// Cancels what removed rules and steps had waiting or held.
pub(crate) async fn cancel_removed(core: &Shared, is_removed: impl Fn(&Delivery) -> bool) -> crate::store::Result<u64> {
    change_each(core, &DeliveryFilter::default(), |delivery, now| {
        let mut change = edit(delivery, Change::Cancel, now).ok().filter(|_| is_removed(delivery))?;
        change.delivery.reason = Some(Reason::RuleRemoved);
        Some(change)
    })
    .await
}
