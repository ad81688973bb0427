//! What the journal says, done again.

use super::erase;
use crate::domain::{Arrival, Customer, CustomerNumber, Interest, KeyedHash, ProfileRow, Suppression, Text, Time};
use crate::store::sled::fault::Fault;
use crate::store::sled::journal::{Entry, Record};
use crate::store::sled::keys::{self, Kind};
use crate::store::sled::queue::BACKGROUND_ROWS;
use crate::store::sled::read::customer_rows;
use crate::store::sled::{SledStore, decide, rows};
use crate::store::{Marking, Result, Store, Urgency};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a profile row or a suppression is said to come from.
const SOURCE: &str = "journal";

/// What was done again after a restore.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Reapplied {
    /// Consents withdrawn of customers whom the backup knows.
    pub withdrawn: u64,
    /// Consents given again.
    pub granted: u64,
    /// Withdrawals of customers whom it does not know, kept for when they come.
    pub kept: u64,
    /// Addresses that get no mail.
    pub suppressed: u64,
    /// Addresses that get mail again.
    pub unsuppressed: u64,
    /// Customers erased.
    pub erased: u64,
    /// Lines of the journal that are not as they were written.
    pub unreadable: u64,
}

/// What is to be so, of all that was said one after the other.
#[derive(Debug, Default)]
struct Wanted {
    consents: BTreeMap<KeyedHash, BTreeMap<Text, (bool, Time)>>,
    /// Since when suppressed; `None` where that ended.
    addresses: BTreeMap<KeyedHash, Option<Time>>,
    erased: BTreeSet<KeyedHash>,
}

impl Wanted {
    fn of(entries: &[Entry]) -> Self {
        let mut wanted = Self::default();
        for entry in entries {
            match &entry.record {
                Record::Withdrawn { customer, name, at } => wanted.consent(*customer, name, (false, *at)),
                Record::Granted { customer, name, at } => wanted.consent(*customer, name, (true, *at)),
                Record::Suppressed { address, at } => drop(wanted.addresses.insert(*address, Some(*at))),
                Record::Unsuppressed { address } => drop(wanted.addresses.insert(*address, None)),
                Record::Erased { customer, .. } => drop(wanted.erased.insert(*customer)),
            }
        }
        wanted
    }

    fn consent(&mut self, customer: KeyedHash, name: &Text, said: (bool, Time)) {
        self.consents.entry(customer).or_default().insert(name.clone(), said);
    }
}

pub(super) async fn reapply(store: &SledStore, entries: &[Entry], now: Time) -> Result<Reapplied> {
    let mut done = Reapplied::default();
    let wanted = Arc::new(Wanted::of(entries));
    if !wanted.erased.is_empty() {
        let numbers = names(store, {
            let wanted = Arc::clone(&wanted);
            move |hash| wanted.erased.contains(&hash)
        });
        let numbers = numbers.await?.into_values().map(|(_, number)| number).collect();
        done.erased = erase::erase(store, numbers, now).await?;
    }
    if !wanted.consents.is_empty() {
        consents(store, &wanted, now, &mut done).await?;
    }
    if !wanted.addresses.is_empty() {
        addresses(store, &wanted, &mut done).await?;
    }
    Ok(done)
}

/// Ids whose hash is asked for, by the hash, each with its number.
async fn names(
    store: &SledStore,
    is_wanted: impl Fn(KeyedHash) -> bool + Send + 'static,
) -> Result<BTreeMap<KeyedHash, (String, CustomerNumber)>> {
    store
        .read(move |shared, reader| {
            let mut found = BTreeMap::new();
            for row in reader.prefix(&Kind::Name.all()) {
                let (key, value) = row?;
                let Some(id) = keys::text(&key) else { continue };
                let hash = shared.delivery_key.hash_of_customer(&id);
                if is_wanted(hash) {
                    found.insert(hash, (id, rows::read(&value)?));
                }
            }
            Ok(found)
        })
        .await
}

/// What the ids of one customer said: of each class or topic what was said last, and of two at once the no.
type Told = BTreeMap<Text, (bool, Time)>;

fn join(told: &mut Told, said: &Told) {
    for (name, (granted, at)) in said {
        let stands = told.get(name).is_some_and(|(is, since)| (*since, !*is) >= (*at, !*granted));
        if !stands {
            told.insert(name.clone(), (*granted, *at));
        }
    }
}

async fn consents(store: &SledStore, wanted: &Arc<Wanted>, now: Time, done: &mut Reapplied) -> Result<()> {
    let asked = Arc::clone(wanted);
    let known = names(store, move |hash| asked.consents.contains_key(&hash)).await?;
    let (mut told, mut objections) = (BTreeMap::<CustomerNumber, Told>::new(), Vec::new());
    for (hash, said) in &wanted.consents {
        if let Some((_, number)) = known.get(hash) {
            let number = *number;
            let own = store.read(move |_, reader| reader.survivor(number)).await?;
            join(told.entry(own).or_default(), said);
        } else {
            let withdrawn = said.iter().filter(|(_, (granted, _))| !granted);
            objections.extend(withdrawn.map(|(name, (_, at))| (*hash, name.clone(), *at)));
        }
    }
    for (number, told) in told {
        let row = store.read(move |_, reader| reader.get(&keys::customer(number))).await?;
        let Some(row) = row else { continue };
        let (_, customer): (u64, Customer) = rows::read_versioned(&row).map_err(|fault| store.shared.error(fault))?;
        let arrivals = said_again(&customer, told, now, done);
        store.ingest(arrivals, &Interest::default(), Urgency::Background, Marking::Quiet).await?;
    }
    done.kept = objections.len() as u64;
    keep(store, objections).await
}

/// What one customer says again, as far as the backup has it otherwise.
fn said_again(customer: &Customer, told: Told, now: Time, done: &mut Reapplied) -> Vec<Arrival> {
    let mut arrivals = Vec::new();
    for (name, (granted, at)) in told {
        let is = customer.consent.get(&name).map(|consent| consent.granted);
        // A yes only takes back a no.
        if is == Some(granted) || granted && is.is_none() {
            continue;
        }
        *(if granted { &mut done.granted } else { &mut done.withdrawn }) += 1;
        let row = ProfileRow {
            effective_at: at,
            attributes: BTreeMap::new(),
            consent: [(name, granted)].into(),
            source: SOURCE.into(),
            received_at: now,
            proof: None,
        };
        arrivals.push(Arrival::Profile { customer: customer.id.to_string(), row, dated: true, message_id: None });
    }
    arrivals
}

/// Keeps what customers withdrew whom nobody knows here.
async fn keep(store: &SledStore, objections: Vec<(KeyedHash, Text, Time)>) -> Result<()> {
    for some in objections.chunks(BACKGROUND_ROWS) {
        let some: Arc<[_]> = some.into();
        let kept = store.commit(Urgency::Background, move |_, mut draft| {
            for (customer, name, at) in some.iter() {
                draft.put(keys::objection(*customer, name), rows::write(at)?);
                draft.effect(crate::store::sled::live::Effect::Objected);
                draft.journal(Record::Withdrawn { customer: *customer, name: name.clone(), at: *at });
            }
            Ok((draft.finish(), ()))
        });
        kept.await?;
    }
    Ok(())
}

/// Suppresses addresses: those of known customers as such, others as hashes.
async fn addresses(store: &SledStore, wanted: &Arc<Wanted>, done: &mut Reapplied) -> Result<()> {
    let asked = Arc::clone(wanted);
    let (known, present) = store
        .read(move |shared, reader| {
            let hash_of = |address: &str| shared.delivery_key.hash_of_address(address);
            let mut known = BTreeMap::new();
            for row in customer_rows(reader, None, CustomerNumber(u64::MAX)) {
                let (_, customer): (u64, Customer) = rows::read_versioned(&row?.1)?;
                let Some(address) = customer.email() else { continue };
                let hash = hash_of(address);
                if asked.addresses.contains_key(&hash) {
                    known.insert(hash, address.to_owned());
                }
            }
            let mut present = BTreeMap::new();
            for one in decide::suppressions(reader, None, usize::MAX)? {
                let hash = hash_of(&one.address);
                if asked.addresses.contains_key(&hash) {
                    present.insert(hash, one.address);
                }
            }
            Ok((known, present))
        })
        .await?;
    let (mut told, mut hashes) = (Vec::new(), Vec::new());
    for (hash, since) in &wanted.addresses {
        match (since, present.get(hash), known.get(hash)) {
            (Some(_), Some(_), _) => {}
            (Some(at), None, Some(address)) => {
                told.push(Suppression { address: address.clone(), reason: SOURCE.into(), at: *at });
            }
            (Some(at), None, None) => hashes.push((*hash, Some(*at))),
            (None, Some(address), _) => done.unsuppressed += u64::from(store.unsuppress(address).await?),
            (None, None, _) => hashes.push((*hash, None)),
        }
    }
    let kept = hashes.iter().filter(|(_, since)| since.is_some()).count() as u64;
    done.suppressed = store.suppress(told).await? + kept;
    keep_addresses(store, hashes).await
}

async fn keep_addresses(store: &SledStore, hashes: Vec<(KeyedHash, Option<Time>)>) -> Result<()> {
    for some in hashes.chunks(BACKGROUND_ROWS) {
        let some: Arc<[_]> = some.into();
        let kept = store.commit(Urgency::Background, move |_, mut draft| -> std::result::Result<_, Fault> {
            for (address, since) in some.iter() {
                let key = keys::hashed_suppression(*address);
                match since {
                    Some(at) => {
                        draft.put(key, rows::write(at)?);
                        draft.journal(Record::Suppressed { address: *address, at: *at });
                    }
                    None if draft.get(&key)?.is_some() => {
                        draft.remove(key);
                        draft.journal(Record::Unsuppressed { address: *address });
                    }
                    None => {}
                }
            }
            Ok((draft.finish(), ()))
        });
        kept.await?;
    }
    Ok(())
}
