//! What must not go on by itself after a restore.
//!
//! Between the backup and the restore things happened of which the store does not know: mails went out, segments were
//! entered, dates came. Whatever would make up for that time would do again what was done.

use super::super::{SledStore, dirty, keys, rows};
use crate::domain::{Customer, CustomerNumber, Delivery, Planned, Reason, State, Tick, Time, Watch};
use crate::store::sled::draft::{Change, Draft, Was};
use crate::store::sled::fault::Fault;
use crate::store::sled::queue::BACKGROUND_ROWS;
use crate::store::sled::read::{Looked, Stretch, customer_rows};
use crate::store::sled::shared::Shared;
use crate::store::{DecisionBatch, DeliveryChange, DeliveryFilter, Result, SlotChange, Store, Urgency};

/// Deliveries that are read at once, and recorded at once.
const DELIVERIES: usize = 60;
/// The record, the old wake row and the new one.
const ROWS_EACH: usize = 3;
/// By so much crossings are counted up: what is crossed after the restore must not be taken for a crossing of before, whose
/// occurrence the lost store has used. It is even, for an odd number of them leads outside.
const CROSSINGS: u64 = 1 << 20;

/// Settles everything at that instant; answers how many deliveries are held.
pub(super) async fn settle(store: &SledStore, now: Time) -> Result<u64> {
    let held = hold_deliveries(store).await?;
    for tick in store.open_ticks().await? {
        let tick = Some(Tick { complete: true, ..tick });
        let batch = DecisionBatch { tick, rules: Vec::new(), decisions: Vec::new(), urgency: Urgency::Background };
        store.decide(batch).await?;
    }
    let planned = store.planned().await?.into_iter().map(|planned| Planned { until: now, ..planned }).collect();
    store.plan(Vec::new(), planned).await?;
    let mut states = store.rule_states().await?;
    for (_, state) in &mut states {
        state.live_since = state.live_since.map(|_| now);
        state.steps.values_mut().for_each(|since| *since = now);
    }
    store.set_rule_states(states).await?;
    let stretch = Stretch { after: None, limit: usize::MAX, now };
    let quiet = store.shared.one_after_the_other(stretch, some_customers).await;
    quiet.map_err(|fault| store.shared.error(fault))?;
    Ok(held)
}

/// Holds all deliveries that are not finished; those that were held already, too, for what let them go is not known.
async fn hold_deliveries(store: &SledStore) -> Result<u64> {
    let mut count = 0;
    for state in State::ALL.iter().filter(|state| !state.is_final()) {
        let filter = DeliveryFilter { state: Some(*state), ..DeliveryFilter::default() };
        let mut after = None;
        loop {
            let page = store.deliveries(&filter, after, DELIVERIES).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            let held: Vec<DeliveryChange> = page.into_iter().filter(|one| !is_held(one)).map(hold).collect();
            count += held.len() as u64;
            store.record(held, Urgency::Background).await?;
        }
    }
    Ok(count)
}

fn is_held(delivery: &Delivery) -> bool {
    delivery.state == State::Held && delivery.reason == Some(Reason::Restored)
}

fn hold(found: Delivery) -> DeliveryChange {
    DeliveryChange {
        from: found.state,
        from_attempts: found.attempts,
        delivery: Delivery { state: State::Held, reason: Some(Reason::Restored), ..found },
        slot: SlotChange::Keep,
        suppress: None,
        remember: false,
    }
}

fn some_customers(
    shared: &Shared,
    mut draft: Draft<'_>,
    stretch: Stretch,
) -> std::result::Result<(Change, Looked), Fault> {
    let (mut looked_at, mut last) = (0, None);
    for row in customer_rows(draft.reader(), stretch.after, CustomerNumber(u64::MAX)).take(stretch.limit) {
        let (number, value) = row?;
        let (version, mut customer): (u64, Customer) = rows::read_versioned(&value)?;
        draft.rely(keys::customer(number), Was::Version(version));
        quiet(&mut customer.watch, stretch.now);
        dirty::set_wake(&mut draft, number, &mut customer, Some(stretch.now));
        draft.put(keys::customer(number), rows::write_versioned(shared.next_version(), &customer)?);
        looked_at += 1;
        last = Some(number);
        if draft.len() + ROWS_EACH > BACKGROUND_ROWS {
            break;
        }
    }
    Ok((draft.finish(), (looked_at, last)))
}

/// The next look takes things as they are, and nothing follows from how they came to be so.
fn quiet(watch: &mut Watch, now: Time) {
    watch.quiet = true;
    watch.pending.clear();
    watch.anchors.values_mut().for_each(|anchor| anchor.since = anchor.since.max(now));
    watch.segments.values_mut().for_each(|membership| membership.crossings += CROSSINGS);
}
