//! Committing decisions, planning ticks, and what else is written in one piece: rule states, suppressions, flags.

use super::dirty::set_wake;
use super::disk::Need;
use super::draft::{Change, Draft, Was};
use super::fault::Fault;
use super::journal::Record;
use super::keys::{self, DueKey, Kind};
use super::live::Effect;
use super::logs::Logs;
use super::reader::Reader;
use super::shared::Shared;
use super::{erase, lock, members, rows};
use crate::domain::{
    Customer, CustomerNumber, Delivery, Enrollment, EnrollmentChange, Planned, RuleState, Suppression, Text, Tick,
    Time, normalized_address,
};
use crate::store::{Decision, DecisionBatch, DuplicateKey, WakeChange, derive};

/// Prepares a page of decisions. Whether customers are as they were comes first, then what exists already.
pub(super) fn decide(shared: &Shared, mut draft: Draft<'_>, batch: &DecisionBatch) -> Result<(Change, ()), Fault> {
    for decision in &batch.decisions {
        let key = keys::customer(decision.customer);
        if draft.get(&key)?.and_then(|row| rows::version(&row)) != Some(decision.version) {
            return Err(Fault::Conflict);
        }
        draft.rely(key, Was::Version(decision.version));
    }
    let mut known = Vec::new();
    for decision in &batch.decisions {
        let customer = remember(shared, &mut draft, decision)?;
        for enrollment in &decision.enrollments {
            known.extend(enroll(shared, &mut draft, (decision.customer, &customer), enrollment)?);
        }
        for change in &decision.changes {
            change_enrollment(&mut draft, Logs::of(decision.customer, &customer), change)?;
        }
        for delivery in &decision.deliveries {
            known.extend(queue(shared, &mut draft, delivery)?);
        }
    }
    if !known.is_empty() {
        return Err(Fault::Duplicate(known));
    }
    if let Some(tick) = &batch.tick {
        replace_tick(shared, &mut draft, tick, derive::decided_tick)?;
    }
    for (rule, state) in &batch.rules {
        draft.put(keys::rule(rule), rows::write(state)?);
    }
    Ok((draft.finish(), ()))
}

/// Sets what the customer's record keeps of a decision; answers the record.
fn remember(shared: &Shared, draft: &mut Draft<'_>, decision: &Decision) -> Result<Customer, Fault> {
    let key = keys::customer(decision.customer);
    let row = draft.get(&key)?.ok_or(Fault::Conflict)?;
    let (_, mut customer): (u64, Customer) = rows::read_versioned(&row)?;
    if !derive::renews_record(decision) {
        return Ok(customer);
    }
    let held = customer.watch.holding.clone();
    derive::decided_watch(&mut customer.watch, decision);
    members::follow(draft, decision.customer, &held, &customer.watch.holding);
    customer.memory.extend(decision.memories.iter().cloned());
    decision.slots.iter().for_each(|slot| customer.reserve(*slot));
    if let WakeChange::Set(wake) = decision.wake {
        set_wake(draft, decision.customer, &mut customer, wake);
        draft.effect(Effect::LookedAt(decision.customer));
    }
    draft.put(key, rows::write_versioned(shared.next_version(), &customer)?);
    Ok(customer)
}

fn enroll(
    shared: &Shared,
    draft: &mut Draft<'_>,
    (number, customer): (CustomerNumber, &Customer),
    enrollment: &Enrollment,
) -> Result<Option<DuplicateKey>, Fault> {
    let logs = Logs::of(number, customer);
    let (rule, occurrence) = (&enrollment.rule, &enrollment.occurrence);
    let duplicate = DuplicateKey::Enrollment(rule.clone(), logs.own.0, occurrence.clone());
    for number in logs.numbers() {
        if draft.get(&keys::enrollment(number, rule, occurrence))?.is_some() {
            return Ok(Some(duplicate));
        }
    }
    if erase::is_spent(shared, draft, customer, enrollment)? {
        return Ok(Some(duplicate));
    }
    // Under the other numbers nothing is put any more.
    let key = keys::enrollment(logs.own, rule, occurrence);
    draft.rely(key.clone(), Was::Unheard(duplicate));
    draft.put(key, rows::write(enrollment)?);
    Ok(None)
}

/// Takes in how an enrollment went on. Its row is no one's but the customer's, whose record gets a new version with it,
/// so nobody else can have changed it.
fn change_enrollment(draft: &mut Draft<'_>, logs: Logs<'_>, change: &EnrollmentChange) -> Result<(), Fault> {
    let (mut keys, mut found) = (Vec::new(), Vec::new());
    for number in logs.numbers() {
        let key = keys::enrollment(number, &change.rule, &change.occurrence);
        if let Some(row) = draft.get(&key)? {
            found.push(rows::read::<Enrollment>(&row)?);
            keys.push(key);
        }
    }
    if let Some(index) = derive::goes_on(found.iter(), change)
        && found[index].change(change)
    {
        draft.put(keys.swap_remove(index), rows::write(&found[index])?);
    }
    Ok(())
}

fn queue(shared: &Shared, draft: &mut Draft<'_>, delivery: &Delivery) -> Result<Option<DuplicateKey>, Fault> {
    let key = keys::delivery(delivery.id);
    let duplicate = DuplicateKey::Delivery(delivery.id);
    if draft.get(&key)?.is_some() {
        return Ok(Some(duplicate));
    }
    draft.rely(key, Was::Unheard(duplicate));
    put_delivery(shared, draft, None, delivery)?;
    Ok(None)
}

/// Writes a delivery with its index row in place of what it was.
pub(super) fn put_delivery(
    shared: &Shared,
    draft: &mut Draft<'_>,
    old: Option<&Delivery>,
    new: &Delivery,
) -> Result<(), Fault> {
    if let Some(row) = old.and_then(keys::index_row) {
        draft.remove(row);
    }
    if let Some(key) = old.and_then(DueKey::of) {
        draft.effect(Effect::WaitsNoMore(key));
    }
    if let Some(row) = keys::index_row(new) {
        draft.put(row, rows::mark());
    }
    if let Some(key) = DueKey::of(new) {
        draft.effect(Effect::Waits(key));
    }
    draft.effect(Effect::Moved { from: old.map(|old| old.state), to: Some(new.state) });
    draft.put(keys::delivery(new.id), rows::write_versioned(shared.next_version(), new)?);
    Ok(())
}

fn replace_tick(
    shared: &Shared,
    draft: &mut Draft<'_>,
    tick: &Tick,
    merge: fn(Option<Tick>, Tick) -> Tick,
) -> Result<(), Fault> {
    let key = keys::tick(tick.at);
    let stored: Option<(u64, Tick)> = draft.get(&key)?.map(|row| rows::read_versioned(&row)).transpose()?;
    draft.rely(key.clone(), stored.as_ref().map_or(Was::Absent, |(version, _)| Was::Version(*version)));
    let tick = merge(stored.map(|(_, tick)| tick), tick.clone());
    draft.put(key, rows::write_versioned(shared.next_version(), &tick)?);
    draft.effect(Effect::Tick { at: tick.at, complete: tick.complete });
    Ok(())
}

/// Prepares ticks and how far is planned.
pub(super) fn plan(
    shared: &Shared,
    mut draft: Draft<'_>,
    (ticks, planned): &(Vec<Tick>, Vec<Planned>),
) -> Result<(Change, ()), Fault> {
    for tick in ticks {
        replace_tick(shared, &mut draft, tick, derive::planned_tick)?;
    }
    for planned in planned {
        draft.put(keys::planned(planned), rows::write(planned)?);
    }
    Ok((draft.finish(), ()))
}

/// Ticks that are not complete, earliest first.
pub(super) fn open_ticks(shared: &Shared, reader: Reader<'_>) -> Result<Vec<Tick>, Fault> {
    let open: Vec<Time> = lock(&shared.live).open_ticks.iter().copied().collect();
    let mut ticks = Vec::with_capacity(open.len());
    for at in open {
        if let Some(row) = reader.get(&keys::tick(at))? {
            ticks.push(rows::read_versioned::<Tick>(&row)?.1);
        }
    }
    // One may have been completed since it was listed.
    ticks.retain(|tick| !tick.complete);
    Ok(ticks)
}

/// How far each schedule is planned.
pub(super) fn planned(reader: Reader<'_>) -> Result<Vec<Planned>, Fault> {
    reader.prefix(&Kind::Planned.all()).map(|row| rows::read(&row?.1)).collect()
}

/// States of rules.
pub(super) fn rule_states(reader: Reader<'_>) -> Result<Vec<(Text, RuleState)>, Fault> {
    let rows = reader.prefix(&Kind::Rule.all()).map(|row| {
        let (key, value) = row?;
        Ok((keys::text(&key).unwrap_or_default().into(), rows::read(&value)?))
    });
    rows.collect()
}

/// Prepares states of rules.
pub(super) fn set_rule_states(mut draft: Draft<'_>, states: &[(Text, RuleState)]) -> Result<(Change, ()), Fault> {
    draft.needs(Need::Record);
    for (rule, state) in states {
        draft.put(keys::rule(rule), rows::write(state)?);
    }
    Ok((draft.finish(), ()))
}

/// Writes a suppression if there is none of that address; answers whether it was new.
pub(super) fn suppress(shared: &Shared, draft: &mut Draft<'_>, suppression: &Suppression) -> Result<bool, Fault> {
    let key = keys::suppression(&suppression.address);
    if draft.get(&key)?.is_some() {
        return Ok(false);
    }
    draft.rely(key.clone(), Was::Absent);
    let normal = Suppression { address: normalized_address(&suppression.address), ..suppression.clone() };
    draft.put(key, rows::write(&normal)?);
    let hashed = keys::hashed_suppression(shared.delivery_key.hash_of_address(&normal.address));
    if draft.get(&hashed)?.is_some() {
        draft.remove(hashed);
    }
    let address = shared.delivery_key.hash_of_address(&normal.address);
    draft.journal(Record::Suppressed { address, at: normal.at });
    Ok(true)
}

/// A suppression, also of an address of which only the hash is known.
pub(super) fn suppression(shared: &Shared, reader: Reader<'_>, address: &str) -> Result<Option<Suppression>, Fault> {
    if let Some(row) = reader.get(&keys::suppression(address))? {
        return rows::read(&row).map(Some);
    }
    let hash = shared.delivery_key.hash_of_address(address);
    let Some(row) = reader.get(&keys::hashed_suppression(hash))? else { return Ok(None) };
    let address = normalized_address(address);
    Ok(Some(Suppression { address, reason: "journal".into(), at: rows::read(&row)? }))
}

/// Prepares suppressions; answers how many are new.
pub(super) fn suppress_all(
    shared: &Shared,
    mut draft: Draft<'_>,
    suppressions: &[Suppression],
) -> Result<(Change, u64), Fault> {
    let mut new = 0;
    for suppression in suppressions {
        new += u64::from(suppress(shared, &mut draft, suppression)?);
    }
    Ok((draft.finish(), new))
}

/// Prepares a suppression's end; answers whether there was one.
pub(super) fn unsuppress(shared: &Shared, mut draft: Draft<'_>, address: &str) -> Result<(Change, bool), Fault> {
    let key = keys::suppression(address);
    let hash = shared.delivery_key.hash_of_address(address);
    let mut present = false;
    for key in [key, keys::hashed_suppression(hash)] {
        let is_there = draft.get(&key)?.is_some();
        draft.rely(key.clone(), if is_there { Was::Present } else { Was::Absent });
        if is_there {
            draft.remove(key);
        }
        present |= is_there;
    }
    if present {
        draft.journal(Record::Unsuppressed { address: hash });
    }
    Ok((draft.finish(), present))
}

/// A page of suppressions.
pub(super) fn suppressions(reader: Reader<'_>, after: Option<&str>, limit: usize) -> Result<Vec<Suppression>, Fault> {
    let prefix = Kind::Suppression.all();
    let from = after.map_or_else(
        || prefix.clone(),
        |after| {
            let mut key = keys::suppression(after);
            key.push(0);
            key
        },
    );
    reader.from(&prefix, from).take(limit).map(|row| rows::read(&row?.1)).collect()
}

/// Prepares a flag's setting or clearing.
pub(super) fn set_flag(mut draft: Draft<'_>, name: &str, value: Option<&str>) -> Result<(Change, ()), Fault> {
    draft.needs(Need::Record);
    match value {
        Some(value) => draft.put(keys::flag(name), rows::write(&value.to_owned())?),
        None => draft.remove(keys::flag(name)),
    }
    Ok((draft.finish(), ()))
}
