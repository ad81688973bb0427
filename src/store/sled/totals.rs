//! Keeping a customer's totals up while events arrive, and making them anew from the log.

use super::draft::Draft;
use super::fault::Fault;
use super::keys::{self, Kind};
use super::logs::Logs;
use super::rows;
use crate::domain::{Activity, Event, Interest, Text, Time, purchase_id};
use crate::store::derive::needs_rebuild;
use std::collections::BTreeMap;

/// What is to be kept, with its fingerprint, which takes a hash to compute.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    /// What is to be kept.
    pub(super) interest: Interest,
    /// Its fingerprint.
    pub(super) fingerprint: u64,
}

impl Wanted {
    /// Under that interest.
    pub(super) fn new(interest: &Interest) -> Self {
        Self { interest: interest.clone(), fingerprint: interest.fingerprint() }
    }
}

/// The purchase that counts among those of one id: the least of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, minicbor::Encode, minicbor::Decode)]
#[cbor(array)]
struct Counted {
    #[n(0)]
    at: Time,
    #[n(1)]
    message_id: Option<Text>,
    /// Settles what the two before leave open.
    #[cbor(n(2), with = "minicbor::bytes")]
    fingerprint: [u8; 16],
}

impl Counted {
    fn of(event: &Event, fingerprint: [u8; 16]) -> Self {
        Self { at: event.at, message_id: event.message_id.clone(), fingerprint }
    }
}

/// Takes one event, whose row is written already, into the totals.
pub(super) fn take_in(
    draft: &mut Draft<'_>,
    logs: Logs<'_>,
    activity: &mut Activity,
    arrived: (&Event, [u8; 16]),
    wanted: &Wanted,
) -> Result<(), Fault> {
    let (event, fingerprint) = arrived;
    let now = event.received_at;
    if needs_rebuild(activity, wanted.fingerprint, now) {
        *activity = rebuild(draft, logs, now, wanted)?;
        return Ok(());
    }
    if event.at > now {
        activity.uncounted_from = Some(activity.uncounted_from.map_or(event.at, |at| at.min(event.at)));
        return Ok(());
    }
    let Some(id) = purchase_id(event, &wanted.interest.purchase) else {
        activity.count(event, &wanted.interest, true);
        return Ok(());
    };
    let key = keys::purchase(logs.own, &id);
    let counted: Option<Counted> = draft.get(&key)?.map(|row| rows::read(&row)).transpose()?;
    match counted {
        None => {
            draft.put(key, rows::write(&Counted::of(event, fingerprint))?);
            activity.count(event, &wanted.interest, true);
        }
        Some(counted) if counted < Counted::of(event, fingerprint) => {
            activity.count(event, &wanted.interest, false);
        }
        // An earlier one comes later: what the other added cannot be taken back out of the totals.
        Some(_) => *activity = rebuild(draft, logs, now, wanted)?,
    }
    Ok(())
}

/// Totals and purchase rows of a customer as the log says, counting up to `until`. Purchase rows stand under the own
/// number, whoever's log the purchase stands in.
pub(super) fn rebuild(draft: &mut Draft<'_>, logs: Logs<'_>, until: Time, wanted: &Wanted) -> Result<Activity, Fault> {
    let mut events: Vec<Event> = Vec::new();
    let mut purchases: BTreeMap<Vec<u8>, Counted> = BTreeMap::new();
    for (key, value) in logs.rows(draft, Kind::Event)? {
        let event: Event = rows::read(&value)?;
        if event.at <= until
            && let Some(id) = purchase_id(&event, &wanted.interest.purchase)
        {
            let fingerprint = keys::last_id(&key).map(|id| id.0).unwrap_or_default();
            let one = Counted::of(&event, fingerprint);
            let least = purchases.entry(keys::purchase(logs.own, &id)).or_insert_with(|| one.clone());
            *least = one.min(least.clone());
        }
        events.push(event);
    }
    for (key, value) in draft.prefix(&keys::of_customer(Kind::Purchase, logs.own))? {
        match purchases.get(key.as_ref()) {
            None => draft.remove(key),
            Some(counted) if rows::write(counted)? == value => {
                purchases.remove(key.as_ref());
            }
            Some(_) => {}
        }
    }
    for (key, counted) in purchases {
        draft.put(key, rows::write(&counted)?);
    }
    Ok(Activity::over(&events, &wanted.interest, until, None))
}
