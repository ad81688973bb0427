//! Deliveries: claiming, recording, recovering, listing, pruning.

use super::decide::{put_delivery, suppress};
use super::dirty::wake_by;
use super::disk::Need;
use super::draft::{Change, Draft, Was};
use super::due::Claim;
use super::fault::Fault;
use super::keys::{self, DueKey, Kind};
use super::live::{Effect, Live};
use super::logs::Logs;
use super::reader::Reader;
use super::shared::Shared;
use super::{lock, rows};
use crate::domain::{CapSlot, Customer, CustomerNumber, Delivery, DeliveryId, Lane, Span, State, Tick, Time};
use crate::store::overdue::Counting;
use crate::store::{DeliveryChange, DeliveryFilter, LaneStatus, Overdue, SlotChange};

/// Deliveries of one commit of recovery or pruning.
const AT_ONCE: usize = 60;

/// What each lane has to claim.
pub(super) fn lanes(shared: &Shared, reader: Reader<'_>) -> Result<Vec<LaneStatus>, Fault> {
    let Live { due, open_ticks, .. } = &mut *lock(&shared.live);
    due.lanes(open_ticks, &reader)
}

/// How many wait past their time, by lane and age. What a lease is on waits as well: its row stands.
pub(super) fn overdue(
    shared: &Shared,
    reader: Reader<'_>,
    (now, ages): (Time, &[Span]),
    limit: usize,
) -> Result<Vec<Overdue>, Fault> {
    let groups = {
        let Live { due, open_ticks, .. } = &*lock(&shared.live);
        due.groups(open_ticks)
    };
    let mut counting = Counting::new(now, ages, limit);
    for group in groups {
        for due in reader.due(&group).take(counting.left(&group.0)) {
            if !counting.count(&group.0, due?) {
                break;
            }
        }
    }
    Ok(counting.finish())
}

/// What a claim asks for.
#[derive(Debug)]
pub(super) struct Wanted {
    /// Of which lane.
    pub(super) lane: Lane,
    /// Due at or before.
    pub(super) now: Time,
    /// At most how many.
    pub(super) limit: usize,
    /// How long the lease lasts.
    pub(super) lease: Span,
}

/// Takes deliveries under a lease; answers them and their keys.
pub(super) fn claim(
    shared: &Shared,
    reader: Reader<'_>,
    wanted: &Wanted,
) -> Result<(Vec<Delivery>, Vec<Vec<u8>>), Fault> {
    let keys = {
        let Live { due, open_ticks, .. } = &mut *lock(&shared.live);
        let Wanted { lane, now, limit, lease } = wanted;
        let claim = Claim { lane, now: *now, limit: *limit, until: now.plus(*lease), open: open_ticks };
        due.claim(&claim, &reader)?
    };
    let mut taken = Vec::with_capacity(keys.len());
    for key in keys {
        // One that is changing just now is left to whoever changes it.
        let delivery = one(reader, key.id)?.filter(|delivery| DueKey::of(delivery).is_some_and(|now| now == key));
        taken.extend(delivery);
    }
    let rows = taken.iter().map(|delivery| keys::delivery(delivery.id)).collect();
    Ok((taken, rows))
}

/// One delivery.
pub(super) fn one(reader: Reader<'_>, id: DeliveryId) -> Result<Option<Delivery>, Fault> {
    reader.get(&keys::delivery(id))?.map(|row| to_survivor(reader, rows::read_versioned(&row)?.1)).transpose()
}

/// The delivery as it goes on, for whom its customer was merged into.
fn to_survivor(reader: Reader<'_>, delivery: Delivery) -> Result<Delivery, Fault> {
    Ok(Delivery { customer: reader.survivor(delivery.customer)?, ..delivery })
}

/// A page of deliveries.
pub(super) fn list(
    reader: Reader<'_>,
    filter: &DeliveryFilter,
    after: Option<DeliveryId>,
    limit: usize,
) -> Result<Vec<Delivery>, Fault> {
    let prefix = Kind::Delivery.all();
    let from = after.map_or_else(
        || prefix.clone(),
        |after| {
            let mut key = keys::delivery(after);
            key.push(0);
            key
        },
    );
    let to = filter.customer.as_deref().map(|id| numbers(reader, id)).transpose()?;
    let passes = |delivery: &Delivery| {
        filter.passes(delivery) && to.as_ref().is_none_or(|numbers| numbers.contains(&delivery.customer))
    };
    let all = reader.from(&prefix, from).map(|row| -> Result<Delivery, Fault> { Ok(rows::read_versioned(&row?.1)?.1) });
    let wanted = all.filter(|delivery| delivery.as_ref().map_or(true, passes)).take(limit);
    wanted.map(|delivery| to_survivor(reader, delivery?)).collect()
}

/// Numbers under which deliveries to the customer of an id stand.
fn numbers(reader: Reader<'_>, id: &str) -> Result<Vec<CustomerNumber>, Fault> {
    let Some(number) = reader.number(id)? else { return Ok(Vec::new()) };
    let Some((number, row)) = reader.record(number)? else { return Ok(Vec::new()) };
    let (_, customer): (u64, Customer) = rows::read_versioned(&row)?;
    Ok(Logs::of(number, &customer).numbers().collect())
}

/// Prepares changes of deliveries.
pub(super) fn record(shared: &Shared, mut draft: Draft<'_>, changes: &[DeliveryChange]) -> Result<(Change, ()), Fault> {
    // What went over the wire must be remembered, and what a person cancels.
    let begins = changes.iter().any(|change| change.delivery.state == State::Sending);
    draft.needs(if begins { Need::Attempt } else { Need::Record });
    for change in changes {
        let new = &change.delivery;
        let old = read_for_change(&mut draft, new.id)?.ok_or(Fault::Conflict)?;
        let as_seen = old.state == change.from && old.attempts == change.from_attempts;
        if !as_seen || !old.state.may_become(new.state) {
            return Err(Fault::Conflict);
        }
        put_delivery(shared, &mut draft, Some(&old), new)?;
        remember(shared, &mut draft, change)?;
        if let Some(suppression) = &change.suppress {
            suppress(shared, &mut draft, suppression)?;
        }
    }
    Ok((draft.finish(), ()))
}

fn read_for_change(draft: &mut Draft<'_>, id: DeliveryId) -> Result<Option<Delivery>, Fault> {
    let key = keys::delivery(id);
    let Some(row) = draft.get(&key)? else { return Ok(None) };
    let (version, delivery) = rows::read_versioned(&row)?;
    draft.rely(key, Was::Version(version));
    Ok(Some(delivery))
}

/// Changes what the customer's record keeps of the delivery: its place under the caps, and that its rule sent something.
fn remember(shared: &Shared, draft: &mut Draft<'_>, change: &DeliveryChange) -> Result<(), Fault> {
    let (delivery, slot) = (&change.delivery, change.slot);
    let sent_at = delivery.sent_at.filter(|_| change.remember);
    let concerned = slot != SlotChange::Keep || sent_at.is_some();
    let record = if concerned { draft.record(delivery.customer)? } else { None };
    let Some((number, row)) = record else { return Ok(()) };
    let key = keys::customer(number);
    let (version, mut customer): (u64, Customer) = rows::read_versioned(&row)?;
    let before = customer.slots.clone();
    match slot {
        SlotChange::Keep => {}
        SlotChange::Free => customer.release(delivery.id),
        SlotChange::Move(at) => customer.reserve(CapSlot { class: delivery.class, at, delivery: delivery.id }),
    }
    draft.rely(key.clone(), Was::Version(version));
    let is_news = sent_at.is_some_and(|at| customer.note_sent(&delivery.rule, at));
    if let Some(at) = sent_at.filter(|_| is_news) {
        // Conditions may ask for it.
        wake_by(draft, number, &mut customer, at);
    }
    if is_news || customer.slots != before {
        draft.put(key, rows::write_versioned(shared.next_version(), &customer)?);
    }
    Ok(())
}

/// Prepares some of the interrupted attempts to become uncertain; answers how many.
pub(super) fn recover(shared: &Shared, mut draft: Draft<'_>, now: Time) -> Result<(Change, u64), Fault> {
    draft.needs(Need::Record);
    let mut count = 0;
    for row in draft.reader().prefix(&Kind::Sending.all()).take(AT_ONCE) {
        let (key, _) = row?;
        let id = keys::last_id(&key).ok_or_else(|| Fault::Damaged("a delivery's key is cut".into()))?;
        let old = read_for_change(&mut draft, id)?.filter(|delivery| delivery.state == State::Sending);
        let old = old.ok_or_else(|| Fault::Damaged("a row of sending is left over".into()))?;
        let new = Delivery { state: State::Uncertain, uncertain: old.uncertain + 1, due_at: now, ..old.clone() };
        put_delivery(shared, &mut draft, Some(&old), &new)?;
        count += 1;
    }
    Ok((draft.finish(), count))
}

/// Prepares the removal of some finished deliveries, and of ticks as old; answers how many deliveries.
pub(super) fn prune(mut draft: Draft<'_>, before: Time, limit: u64) -> Result<(Change, u64), Fault> {
    let reader = draft.reader();
    let old = reader.between(Kind::Finished.all(), Some(keys::finished_from(before)));
    let mut count = 0;
    for row in old.take(AT_ONCE.min(usize::try_from(limit).unwrap_or(AT_ONCE))) {
        let (key, _) = row?;
        let id = keys::last_id(&key).ok_or_else(|| Fault::Damaged("a delivery's key is cut".into()))?;
        if let Some(delivery) = read_for_change(&mut draft, id)? {
            draft.remove(keys::delivery(id));
            draft.effect(Effect::Moved { from: Some(delivery.state), to: None });
        }
        draft.remove(key);
        count += 1;
    }
    for row in reader.between(Kind::Tick.all(), Some(keys::tick(before))).take(AT_ONCE) {
        let (key, value) = row?;
        let (version, tick): (u64, Tick) = rows::read_versioned(&value)?;
        if tick.complete {
            draft.rely(key.clone(), Was::Version(version));
            draft.remove(key);
        }
    }
    Ok((draft.finish(), count))
}
