//! Erasing a customer: one commit, found by the rows that name them.
//!
//! What stands under the numbers that are the customer's goes, and what points to them. Three things stay, as keyed hashes of which
//! nobody can read whom they are of: what was withdrawn, for whoever comes back with that id; which occurrences were
//! used up, so that nothing is sent twice; and that an address is suppressed.

use super::draft::{Change, Draft, Was};
use super::fault::Fault;
use super::journal::Record;
use super::keys::{self, DueKey, Kind};
use super::live::Effect;
use super::logs::Logs;
use super::reader::Reader;
use super::shared::Shared;
use super::{dirty, lock, members, rows};
use crate::domain::{Customer, CustomerNumber, Delivery, Enrollment, KeyedHash, State, Suppression, Time};
use crate::store::Erased;
use std::collections::BTreeSet;

/// All else that stands under a customer's numbers.
const OF_NUMBER: [Kind; 3] = [Kind::Profile, Kind::Purchase, Kind::Alias];

/// Prepares the erasure of the customer of an id; `None` if there is none.
pub(super) fn by_id(
    shared: &Shared,
    mut draft: Draft<'_>,
    id: &str,
    now: Time,
) -> Result<(Change, Option<Erased>), Fault> {
    let name = keys::name(id);
    let Some(row) = draft.get(&name)? else { return Ok((draft.finish(), None)) };
    let erased = customer(shared, &mut draft, rows::read(&row)?, now)?;
    if erased.is_some() && !draft.removes(&name) {
        // An id of a store of before its ids were written down.
        forget_id(shared, &mut draft, id, now)?;
    }
    Ok((draft.finish(), erased))
}

/// Removes all that is known of the customer whom a number means; `None` if there is nobody.
pub(super) fn customer(
    shared: &Shared,
    draft: &mut Draft<'_>,
    number: CustomerNumber,
    now: Time,
) -> Result<Option<Erased>, Fault> {
    let Some((number, row)) = draft.record(number)? else { return Ok(None) };
    let (version, mut customer): (u64, Customer) = rows::read_versioned(&row)?;
    draft.rely(keys::customer(number), Was::Version(version));
    let mut erased = Erased::default();
    let absorbed = customer.absorbed.clone();
    let logs = Logs::with(number, &absorbed);
    let ids = ids(draft.reader(), logs, &customer)?;
    dirty::set_wake(draft, number, &mut customer, None);
    members::follow(draft, number, &customer.watch.holding, &BTreeSet::new());
    draft.remove(keys::customer(number));
    draft.effect(Effect::LookedAt(number));
    draft.effect(Effect::Absorbed);
    // Whoever comes with that id from here on is to find what is kept.
    lock(&shared.live).objections = true;
    for id in &ids {
        let hash = forget_id(shared, draft, id, now)?;
        for (name, consent) in customer.consent.iter().filter(|(_, consent)| !consent.granted) {
            draft.put(keys::objection(hash, name), rows::write(&consent.at)?);
            draft.journal(Record::Withdrawn { customer: hash, name: name.clone(), at: consent.at });
        }
    }
    draft.effect(Effect::Objected);
    erased.ids = ids.len() as u64;
    erased.objections = customer.consent.values().filter(|consent| !consent.granted).count() as u64;
    forget_enrollments(shared, draft, (logs, &ids), &mut erased)?;
    forget_events(draft, logs, &mut erased)?;
    for number in logs.numbers() {
        draft.remove(keys::absorbed(number));
        for kind in OF_NUMBER {
            for (key, _) in draft.prefix(&keys::of_customer(kind, number))? {
                draft.remove(key);
            }
        }
    }
    if let Some(address) = customer.email() {
        hide_suppression(shared, draft, address)?;
    }
    Ok(Some(erased))
}

/// All ids of a customer, that which stands first.
pub(super) fn ids(reader: Reader<'_>, logs: Logs<'_>, customer: &Customer) -> Result<Vec<String>, Fault> {
    let mut ids = vec![customer.id.to_string()];
    for number in logs.numbers() {
        for row in reader.prefix(&keys::of_customer(Kind::Alias, number)) {
            let (key, _) = row?;
            ids.extend(String::from_utf8(keys::behind_number(&key).to_vec()).ok().filter(|id| !ids.contains(id)));
        }
    }
    Ok(ids)
}

fn forget_id(shared: &Shared, draft: &mut Draft<'_>, id: &str, now: Time) -> Result<KeyedHash, Fault> {
    let (name, hash) = (keys::name(id), shared.delivery_key.hash_of_customer(id));
    if draft.get(&name)?.is_some() {
        draft.rely(name.clone(), Was::Present);
        draft.remove(name);
    }
    draft.journal(Record::Erased { customer: hash, at: now });
    Ok(hash)
}

/// Removes enrollments and their deliveries; that they were is kept for each id.
fn forget_enrollments(
    shared: &Shared,
    draft: &mut Draft<'_>,
    (logs, ids): (Logs<'_>, &[String]),
    erased: &mut Erased,
) -> Result<(), Fault> {
    for (key, row) in logs.rows(draft, Kind::Enrollment)? {
        let enrollment: Enrollment = rows::read(&row)?;
        for id in ids {
            let hash = shared.delivery_key.hash_of_occurrence(id, &enrollment.rule, &enrollment.occurrence);
            draft.put(keys::spent(hash), rows::mark());
        }
        for id in &enrollment.deliveries {
            let key = keys::delivery(*id);
            let Some(row) = draft.get(&key)? else { continue };
            let (version, delivery): (u64, Delivery) = rows::read_versioned(&row)?;
            draft.rely(key, Was::Version(version));
            erased.deliveries += 1;
            erased.under_way += u64::from(delivery.state == State::Sending);
            forget_delivery(draft, &delivery);
        }
        draft.remove(key);
        erased.enrollments += 1;
    }
    Ok(())
}

/// Removes a delivery with its index row.
pub(super) fn forget_delivery(draft: &mut Draft<'_>, delivery: &Delivery) {
    if let Some(row) = keys::index_row(delivery) {
        draft.remove(row);
    }
    if let Some(key) = DueKey::of(delivery) {
        draft.effect(Effect::WaitsNoMore(key));
    }
    draft.effect(Effect::Moved { from: Some(delivery.state), to: None });
    draft.remove(keys::delivery(delivery.id));
}

/// Removes events, and that they are known.
fn forget_events(draft: &mut Draft<'_>, logs: Logs<'_>, erased: &mut Erased) -> Result<(), Fault> {
    for (key, _) in logs.rows(draft, Kind::Event)? {
        if let Some(fingerprint) = keys::last_id(&key) {
            draft.remove(keys::seen(&fingerprint.0));
        }
        draft.remove(key);
        erased.events += 1;
    }
    Ok(())
}

/// Keeps of a suppression no more than the hash of the address.
fn hide_suppression(shared: &Shared, draft: &mut Draft<'_>, address: &str) -> Result<(), Fault> {
    let key = keys::suppression(address);
    let Some(row) = draft.get(&key)? else { return Ok(()) };
    let suppression: Suppression = rows::read(&row)?;
    draft.rely(key.clone(), Was::Present);
    draft.remove(key);
    draft.put(keys::hashed_suppression(shared.delivery_key.hash_of_address(address)), rows::write(&suppression.at)?);
    Ok(())
}

/// Whether an occurrence was used up by somebody with that id who was erased.
pub(super) fn is_spent(
    shared: &Shared,
    draft: &mut Draft<'_>,
    customer: &Customer,
    enrollment: &Enrollment,
) -> Result<bool, Fault> {
    if !lock(&shared.live).objections {
        return Ok(false);
    }
    let hash = shared.delivery_key.hash_of_occurrence(&customer.id, &enrollment.rule, &enrollment.occurrence);
    Ok(draft.get(&keys::spent(hash))?.is_some())
}
