//! Customers who are to be looked at: the row of each that says when, marking and taking them.

use super::draft::{Change, Draft, Was};
use super::fault::Fault;
use super::keys;
use super::live::Effect;
use super::queue::BACKGROUND_ROWS;
use super::read::{Looked, Stretch, customer_rows};
use super::reader::Reader;
use super::shared::Shared;
use super::{lock, rows};
use crate::domain::{Customer, CustomerNumber, Span, Time};

/// The record, the old row and the new one.
const ROWS_EACH: usize = 3;

/// Sets the wake of a customer whose record is about to be written, with its row.
pub(super) fn set_wake(draft: &mut Draft<'_>, number: CustomerNumber, customer: &mut Customer, to: Option<Time>) {
    let from = std::mem::replace(&mut customer.wake, to);
    if from == to {
        return;
    }
    if let Some(from) = from {
        draft.remove(keys::wake(from, number));
    }
    if let Some(to) = to {
        draft.put(keys::wake(to, number), rows::mark());
    }
    draft.effect(Effect::Wakes { number, from, to });
}

/// As [`set_wake`], for one who is to be looked at no later than `at`.
pub(super) fn wake_by(draft: &mut Draft<'_>, number: CustomerNumber, customer: &mut Customer, at: Time) {
    let earlier = customer.wake.map_or(at, |wake| wake.min(at));
    set_wake(draft, number, customer, Some(earlier));
}

/// Marks as many customers as one commit takes; answers how many were looked at and the last of them. Each record gets
/// a new version, for what is being decided on the present one would not know of the mark.
pub(super) fn mark_some(shared: &Shared, mut draft: Draft<'_>, stretch: Stretch) -> Result<(Change, Looked), Fault> {
    let (mut looked_at, mut last) = (0, None);
    for row in customer_rows(draft.reader(), stretch.after, CustomerNumber(u64::MAX)).take(stretch.limit) {
        let (number, value) = row?;
        let (version, mut customer): (u64, Customer) = rows::read_versioned(&value)?;
        draft.rely(keys::customer(number), Was::Version(version));
        wake_by(&mut draft, number, &mut customer, stretch.now);
        draft.put(keys::customer(number), rows::write_versioned(shared.next_version(), &customer)?);
        looked_at += 1;
        last = Some(number);
        if draft.len() + ROWS_EACH > BACKGROUND_ROWS {
            break;
        }
    }
    Ok((draft.finish(), (looked_at, last)))
}

/// Takes customers under a lease; answers them and the keys of their rows.
pub(super) fn take(
    shared: &Shared,
    reader: Reader<'_>,
    now: Time,
    limit: usize,
    lease: Span,
) -> Result<(Vec<CustomerNumber>, Vec<Vec<u8>>), Fault> {
    let until = now.plus(lease).max(now);
    let taken = lock(&shared.live).wakes.take(now, limit, until, &reader)?;
    Ok(taken.into_iter().map(|(at, number)| (number, keys::wake(at, number))).unzip())
}

/// When there is somebody to take.
pub(super) fn next(shared: &Shared, reader: Reader<'_>) -> Result<Option<Time>, Fault> {
    lock(&shared.live).wakes.next(&reader)
}
