//! Reading customers for a reader's instant, and what belongs to them.

use super::draft::{Change, Draft, Was};
use super::erase;
use super::fault::Fault;
use super::keys;
use super::logs::Logs;
use super::outbox;
use super::queue::BACKGROUND_ROWS;
use super::reader::Reader;
use super::rows;
use super::shared::Shared;
use super::totals::{self, Wanted};
use crate::domain::{Customer, CustomerNumber, Enrollment, Event, ProfileRow, Time};
use crate::store::{CustomerWork, StoredCustomer, Urgency, View, derive};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A reader's view, with the fingerprint of its interest.
#[derive(Debug, Clone)]
pub(super) struct Glass {
    view: View,
    fingerprint: u64,
}

/// What a record alone says of a customer.
pub(super) enum Glance {
    /// All that is asked for.
    Found(Box<StoredCustomer>),
    /// Not enough: the log has to be asked, or who that number means now, if anybody.
    AskFurther,
}

impl Glass {
    /// Of that view.
    pub(super) fn new(view: &View) -> Self {
        Self { view: view.clone(), fingerprint: view.interest.fingerprint() }
    }

    /// The view.
    pub(super) const fn view(&self) -> &View {
        &self.view
    }

    /// Whether the totals of a record are not those that the reader is to see.
    pub(super) fn needs_log(&self, customer: &Customer) -> bool {
        derive::needs_log(&customer.activity, &self.view.interest, self.fingerprint, self.view.now)
    }

    fn customer(&self, reader: Reader<'_>, number: CustomerNumber, row: &[u8]) -> Result<StoredCustomer, Fault> {
        let (version, mut customer): (u64, Customer) = rows::read_versioned(row)?;
        let (view, now) = (&self.view, self.view.now);
        if self.needs_log(&customer) {
            customer.activity = derive::totals(&Logs::of(number, &customer).events(reader)?, &view.interest, now);
        }
        if derive::needs_rows(&customer, view) {
            let rows = Logs::of(number, &customer).profile_rows(reader, now)?;
            derive::fold(&mut customer, &rows);
        }
        let (mut enrollments, mut deliveries) = (Vec::new(), Vec::new());
        if derive::needs_enrollments(&customer, view) {
            enrollments = Logs::of(number, &customer).enrollments(reader, usize::MAX)?;
            for id in enrollments.iter().flat_map(|enrollment| &enrollment.deliveries) {
                deliveries.extend(outbox::one(reader, *id)?);
            }
        }
        derive::forget_later(&mut customer, view, &enrollments, &derive::last_sent(&deliveries, view));
        Ok(StoredCustomer { number, version, customer })
    }

    /// One customer, if the record alone says all.
    pub(super) fn at_once(&self, reader: Reader<'_>, number: CustomerNumber) -> Result<Glance, Fault> {
        let Some(row) = reader.get(&keys::customer(number))? else { return Ok(Glance::AskFurther) };
        let (version, mut customer): (u64, Customer) = rows::read_versioned(&row)?;
        let view = &self.view;
        let is_all = !derive::needs_rows(&customer, view) && !derive::needs_enrollments(&customer, view);
        if self.needs_log(&customer) || !is_all {
            return Ok(Glance::AskFurther);
        }
        derive::forget_later(&mut customer, view, [], &BTreeMap::new());
        Ok(Glance::Found(Box::new(StoredCustomer { number, version, customer })))
    }

    /// One customer.
    pub(super) fn one(&self, reader: Reader<'_>, number: CustomerNumber) -> Result<Option<StoredCustomer>, Fault> {
        let record = reader.record(number)?;
        record.map(|(number, row)| self.customer(reader, number, &row)).transpose()
    }

    /// The customer of an external id, and the keys of the rows that say so. What else was read, such as the log, changes
    /// only together with the record.
    pub(super) fn named(&self, reader: Reader<'_>, id: &str) -> Result<(Option<StoredCustomer>, Vec<Vec<u8>>), Fault> {
        let mut keys = vec![keys::name(id)];
        let Some(number) = reader.number(id)? else { return Ok((None, keys)) };
        let found = self.one(reader, number)?;
        keys.push(keys::customer(number));
        keys.extend(found.iter().map(|found| keys::customer(found.number)));
        Ok((found, keys))
    }

    /// A page of customers.
    pub(super) fn page(
        &self,
        reader: Reader<'_>,
        after: Option<CustomerNumber>,
        up_to: CustomerNumber,
        limit: usize,
    ) -> Result<Vec<StoredCustomer>, Fault> {
        let rows = customer_rows(reader, after, up_to).take(limit);
        rows.map(|row| {
            let (number, value) = row?;
            self.customer(reader, number, &value)
        })
        .collect()
    }
}

impl Glass {
    /// Gives customers to `work` as they are read, up to the first that cannot be.
    pub(super) fn each(
        &self,
        reader: Reader<'_>,
        (after, up_to): (Option<CustomerNumber>, CustomerNumber),
        limit: usize,
        work: CustomerWork,
    ) -> Result<(), Fault> {
        let rows = customer_rows(reader, after, up_to).take(limit);
        give(rows.map(|row| row.and_then(|(number, value)| self.customer(reader, number, &value))), work)
    }

    /// The same for the customers whose own numbers these are; answers the keys of their records.
    pub(super) fn each_of(
        &self,
        reader: Reader<'_>,
        numbers: &[CustomerNumber],
        work: CustomerWork,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let keys: Vec<_> = numbers.iter().map(|number| keys::customer(*number)).collect();
        let found = keys.iter().zip(numbers).filter_map(|(key, number)| {
            let row = reader.get(key).transpose()?;
            Some(row.and_then(|row| self.customer(reader, *number, &row)))
        });
        give(found, work)?;
        Ok(keys)
    }

    /// The same for customers of these external ids; answers the keys of the rows that say who they are and what.
    pub(super) fn each_named(
        &self,
        reader: Reader<'_>,
        ids: &[String],
        work: CustomerWork,
    ) -> Result<Vec<Vec<u8>>, Fault> {
        let mut keys = Vec::with_capacity(2 * ids.len());
        let found = ids.iter().filter_map(|id| match self.named(reader, id) {
            Ok((found, read)) => {
                keys.extend(read);
                found.map(Ok)
            }
            Err(fault) => Some(Err(fault)),
        });
        give(found, work)?;
        Ok(keys)
    }
}

/// What is done with what is read, one at a time.
type Work<T> = Box<dyn FnOnce(&mut dyn Iterator<Item = T>) + Send>;

/// Gives what is read to `work`, up to the first that cannot be read.
pub(super) fn give<T>(mut found: impl Iterator<Item = Result<T, Fault>>, work: Work<T>) -> Result<(), Fault> {
    let mut failed = None;
    let mut customers = std::iter::from_fn(|| found.next()?.map_err(|fault| failed = Some(fault)).ok()).fuse();
    work(&mut customers);
    drop(customers);
    failed.map_or(Ok(()), Err)
}

/// Records of customers, in the order of their numbers.
pub(super) fn customer_rows(
    reader: Reader<'_>,
    after: Option<CustomerNumber>,
    up_to: CustomerNumber,
) -> impl Iterator<Item = Result<(CustomerNumber, ::sled::IVec), Fault>> + use<> {
    let first = CustomerNumber(after.map_or(0, |after| after.0.saturating_add(1)));
    let mut end = keys::customer(up_to);
    // No key is longer, so this is the first one that is too high.
    end.push(0);
    let start = keys::customer(first).min(end.clone());
    reader.between(start, Some(end)).map(|row| {
        let (key, value) = row?;
        let number = keys::customer_number(&key).ok_or_else(|| Fault::Damaged("a customer's key is cut".into()))?;
        Ok((number, value))
    })
}

/// A customer's latest events before an instant, newest first.
pub(super) fn events(
    reader: Reader<'_>,
    number: CustomerNumber,
    before: Option<Time>,
    limit: usize,
) -> Result<Vec<Event>, Fault> {
    let Some((number, row)) = reader.record(number)? else { return Ok(Vec::new()) };
    let (_, customer): (u64, Customer) = rows::read_versioned(&row)?;
    Logs::of(number, &customer).latest(reader, before, limit)
}

/// All profile rows of a customer, in the order in which they took effect.
pub(super) fn profile_rows(reader: Reader<'_>, number: CustomerNumber) -> Result<Vec<ProfileRow>, Fault> {
    let Some((number, row)) = reader.record(number)? else { return Ok(Vec::new()) };
    let (_, customer): (u64, Customer) = rows::read_versioned(&row)?;
    Logs::of(number, &customer).profile_rows(reader, Time::MAX)
}

/// All ids of a customer.
pub(super) fn ids(reader: Reader<'_>, number: CustomerNumber) -> Result<Vec<String>, Fault> {
    let Some((number, row)) = reader.record(number)? else { return Ok(Vec::new()) };
    let (_, customer): (u64, Customer) = rows::read_versioned(&row)?;
    erase::ids(reader, Logs::of(number, &customer), &customer)
}

/// A customer's latest enrollments, newest first.
pub(super) fn enrollments(reader: Reader<'_>, number: CustomerNumber, limit: usize) -> Result<Vec<Enrollment>, Fault> {
    let Some((number, row)) = reader.record(number)? else { return Ok(Vec::new()) };
    let (_, customer): (u64, Customer) = rows::read_versioned(&row)?;
    Logs::of(number, &customer).enrollments(reader, limit)
}

impl Shared {
    /// Brings stored totals under an interest; see [`crate::store::Store::rebuild`].
    pub(super) async fn rebuild(
        self: &Arc<Self>,
        after: Option<CustomerNumber>,
        limit: usize,
        wanted: Wanted,
        now: Time,
    ) -> Result<Option<CustomerNumber>, Fault> {
        let wanted = Arc::new(wanted);
        let some = move |shared: &Self, draft: Draft<'_>, stretch| rebuild_some(shared, draft, stretch, &wanted);
        self.one_after_the_other(Stretch { after, limit, now }, some).await
    }

    /// Changes customers in the order of their numbers, as many in one commit as `some` takes; answers the last number
    /// looked at, or `None` when there are no more.
    pub(super) async fn one_after_the_other(
        self: &Arc<Self>,
        mut stretch: Stretch,
        some: impl Fn(&Self, Draft<'_>, Stretch) -> Result<(Change, Looked), Fault> + Clone + Send + 'static,
    ) -> Result<Option<CustomerNumber>, Fault> {
        while stretch.limit > 0 {
            let some = some.clone();
            let done = self.commit_anew(Urgency::Background, move |shared, draft| some(shared, draft, stretch));
            let (looked_at, last) = done.await?;
            if last.is_none() {
                return Ok(None);
            }
            stretch = Stretch { after: last, limit: stretch.limit.saturating_sub(looked_at), ..stretch };
        }
        Ok(stretch.after)
    }
}

/// Which customers are looked at.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stretch {
    /// Those above it.
    pub(super) after: Option<CustomerNumber>,
    /// At most so many.
    pub(super) limit: usize,
    /// When.
    pub(super) now: Time,
}

/// How many were looked at, and the last of them.
pub(super) type Looked = (usize, Option<CustomerNumber>);

/// Makes totals anew for as many customers as one commit takes; answers how many were looked at and the last of them.
fn rebuild_some(
    shared: &Shared,
    mut draft: Draft<'_>,
    stretch: Stretch,
    wanted: &Wanted,
) -> Result<(Change, Looked), Fault> {
    let (mut looked_at, mut last) = (0, None);
    for row in customer_rows(draft.reader(), stretch.after, CustomerNumber(u64::MAX)).take(stretch.limit) {
        let (number, value) = row?;
        let (version, mut customer): (u64, Customer) = rows::read_versioned(&value)?;
        if derive::needs_rebuild(&customer.activity, wanted.fingerprint, stretch.now) {
            draft.rely(keys::customer(number), Was::Version(version));
            customer.activity = totals::rebuild(&mut draft, Logs::of(number, &customer), stretch.now, wanted)?;
            draft.put(keys::customer(number), rows::write_versioned(shared.next_version(), &customer)?);
        }
        looked_at += 1;
        last = Some(number);
        if draft.len() >= BACKGROUND_ROWS / 2 {
            break;
        }
    }
    Ok((draft.finish(), (looked_at, last)))
}
