//! Customers whom a backup knows and who were erased after it.

use crate::domain::{Customer, CustomerNumber, Delivery, KeyedHash, Text, Time};
use crate::store::sled::draft::{Change, Draft, Was};
use crate::store::sled::fault::Fault;
use crate::store::sled::keys::{self, Kind};
use crate::store::sled::live::Effect;
use crate::store::sled::shared::Shared;
use crate::store::sled::{SledStore, dirty, journal::Record, members, rows};
use crate::store::{Result, Urgency};
use std::collections::BTreeSet;

/// All that stands under numbers which are one customer's.
const OF_NUMBER: [Kind; 4] = [Kind::Event, Kind::Profile, Kind::Purchase, Kind::Enrollment];

/// Removes them, each in one commit; answers how many there were. What they had withdrawn stays, as hashes.
pub(super) async fn erase(store: &SledStore, numbers: Vec<CustomerNumber>, now: Time) -> Result<u64> {
    let mut count = 0;
    for number in numbers {
        let erased = store.commit(Urgency::Background, move |shared, draft| one(shared, draft, number, now));
        count += erased.await?;
    }
    Ok(count)
}

fn one(
    shared: &Shared,
    mut draft: Draft<'_>,
    number: CustomerNumber,
    now: Time,
) -> std::result::Result<(Change, u64), Fault> {
    // Two of the ids may have been one customer's, who is gone then.
    let Some((number, row)) = draft.record(number)? else { return Ok((draft.finish(), 0)) };
    let (version, mut customer): (u64, Customer) = rows::read_versioned(&row)?;
    draft.rely(keys::customer(number), Was::Version(version));
    let numbers: BTreeSet<CustomerNumber> = std::iter::once(number).chain(customer.absorbed.iter().copied()).collect();
    dirty::set_wake(&mut draft, number, &mut customer, None);
    members::follow(&mut draft, number, &customer.watch.holding, &BTreeSet::new());
    draft.remove(keys::customer(number));
    draft.effect(Effect::LookedAt(number));
    draft.effect(Effect::Absorbed);
    for number in &numbers {
        draft.remove(keys::absorbed(*number));
        for kind in OF_NUMBER {
            for (key, _) in draft.prefix(&keys::of_customer(kind, *number))? {
                draft.remove(key);
            }
        }
    }
    for hash in forget_names(shared, &mut draft, &numbers)? {
        draft.journal(Record::Erased { customer: hash, at: now });
        let withdrawn: Vec<(Text, Time)> = customer
            .consent
            .iter()
            .filter(|(_, consent)| !consent.granted)
            .map(|(name, consent)| (name.clone(), consent.at))
            .collect();
        for (name, at) in withdrawn {
            draft.put(keys::objection(hash, &name), rows::write(&at)?);
            draft.effect(Effect::Objected);
        }
    }
    forget_deliveries(&mut draft, &numbers)?;
    Ok((draft.finish(), 1))
}

/// Removes the ids, and that messages are known; answers the hashes of the ids.
fn forget_names(
    shared: &Shared,
    draft: &mut Draft<'_>,
    numbers: &BTreeSet<CustomerNumber>,
) -> std::result::Result<Vec<KeyedHash>, Fault> {
    let mut hashes = Vec::new();
    for kind in [Kind::Name, Kind::Seen] {
        for row in draft.reader().prefix(&kind.all()) {
            let (key, value) = row?;
            if !numbers.contains(&rows::read(&value)?) {
                continue;
            }
            if kind == Kind::Name {
                hashes.extend(keys::text(&key).map(|id| shared.delivery_key.hash_of_customer(&id)));
            }
            draft.remove(key);
        }
    }
    Ok(hashes)
}

fn forget_deliveries(draft: &mut Draft<'_>, numbers: &BTreeSet<CustomerNumber>) -> std::result::Result<(), Fault> {
    for row in draft.reader().prefix(&Kind::Delivery.all()) {
        let (key, value) = row?;
        let (_, delivery): (u64, Delivery) = rows::read_versioned(&value)?;
        if !numbers.contains(&delivery.customer) {
            continue;
        }
        if let Some(row) = keys::index_row(&delivery) {
            draft.remove(row);
        }
        if let Some(key) = keys::DueKey::of(&delivery) {
            draft.effect(Effect::WaitsNoMore(key));
        }
        draft.effect(Effect::Moved { from: Some(delivery.state), to: None });
        draft.remove(key);
    }
    Ok(())
}
