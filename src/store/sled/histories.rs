//! Reading customers with their past, one at a time.

use super::fault::Fault;
use super::logs::Logs;
use super::outbox;
use super::read::{Glass, customer_rows, give};
use super::reader::Reader;
use super::rows;
use crate::domain::{Customer, CustomerNumber, Enrollment, Time};
use crate::store::{History, HistoryWork, StoredCustomer, derive};

/// More than any customer has.
const ALL: usize = usize::MAX;

impl Glass {
    /// Gives histories to `work` as they are read, up to the first that cannot be.
    pub(super) fn each_history(
        &self,
        reader: Reader<'_>,
        (after, up_to): (Option<CustomerNumber>, CustomerNumber),
        limit: usize,
        work: HistoryWork,
    ) -> Result<(), Fault> {
        let rows = customer_rows(reader, after, up_to).take(limit);
        give(rows.map(|row| row.and_then(|(number, value)| self.history(reader, number, &value))), work)
    }

    fn history(&self, reader: Reader<'_>, number: CustomerNumber, row: &[u8]) -> Result<History, Fault> {
        let (version, mut customer): (u64, Customer) = rows::read_versioned(row)?;
        let absorbed = customer.absorbed.clone();
        let logs = Logs::with(number, &absorbed);
        let view = self.view();
        let events = logs.events(reader)?;
        if self.needs_log(&customer) {
            customer.activity = derive::totals(&events, &view.interest, view.now);
        }
        let mut rows = logs.profile_rows(reader, Time::MAX)?;
        let later = rows.split_off(rows.partition_point(|row| row.effective_at <= view.now));
        if derive::needs_rows(&customer, view) {
            derive::fold(&mut customer, &rows);
        }
        let enrolled = logs.enrollments(reader, ALL)?;
        let mut enrollments: Vec<Enrollment> =
            enrolled.iter().filter_map(|enrollment| derive::enrolled_by(enrollment.clone(), view.now)).collect();
        enrollments.sort_by_key(|enrollment| enrollment.entered_at);
        let mut deliveries = Vec::new();
        for id in enrollments.iter().flat_map(|enrollment| &enrollment.deliveries) {
            deliveries.extend(outbox::one(reader, *id)?.filter(|delivery| delivery.created_at <= view.now));
        }
        derive::forget_later(&mut customer, view, &enrolled, &derive::last_sent(&deliveries, view));
        let stored = StoredCustomer { number, version, customer };
        Ok(History { stored, rows: later, events, enrollments, deliveries })
    }
}
