//! Whose rows are a customer's: those under the own number, and those under the numbers of all who were merged into them.
//!
//! A merge moves no row of a log, however long the log is. It says in the surviving record under which numbers rows
//! stand, and whoever reads a log reads all of them, in the order in which one customer's rows would stand.

use super::draft::Draft;
use super::fault::Fault;
use super::keys::{self, Kind};
use super::reader::{Reader, Row};
use super::rows;
use crate::domain::{Customer, CustomerNumber, Enrollment, Event, ProfileRow, Span, Time};

/// Numbers under which a customer's rows stand.
#[derive(Debug, Clone, Copy)]
pub(super) struct Logs<'c> {
    /// The customer's own number: new rows are put under it.
    pub(super) own: CustomerNumber,
    absorbed: &'c [CustomerNumber],
}

impl<'c> Logs<'c> {
    /// Of the customer of that number.
    pub(super) fn of(number: CustomerNumber, customer: &'c Customer) -> Self {
        Self::with(number, &customer.absorbed)
    }

    /// Of the customer of that number who has absorbed those.
    pub(super) const fn with(own: CustomerNumber, absorbed: &'c [CustomerNumber]) -> Self {
        Self { own, absorbed }
    }

    /// All numbers, the own first.
    pub(super) fn numbers(self) -> impl Iterator<Item = CustomerNumber> + use<'c> {
        std::iter::once(self.own).chain(self.absorbed.iter().copied())
    }

    /// Rows under each number, in the order in which they would stand under one.
    fn gather(self, read: impl Fn(CustomerNumber) -> Result<Vec<Row>, Fault>) -> Result<Vec<Row>, Fault> {
        let mut all = Vec::new();
        for number in self.numbers() {
            all.extend(read(number)?);
        }
        if !self.absorbed.is_empty() {
            all.sort_by(|(a, _), (b, _)| keys::behind_number(a).cmp(keys::behind_number(b)));
        }
        Ok(all)
    }

    /// All rows of a kind, as a commit would leave them.
    pub(super) fn rows(self, draft: &Draft<'_>, kind: Kind) -> Result<Vec<Row>, Fault> {
        self.gather(|number| draft.prefix(&keys::of_customer(kind, number)))
    }

    /// All events, oldest first.
    pub(super) fn events(self, reader: Reader<'_>) -> Result<Vec<Event>, Fault> {
        let all = self.gather(|number| reader.prefix(&keys::of_customer(Kind::Event, number)).collect())?;
        all.iter().map(|(_, row)| rows::read(row)).collect()
    }

    /// The latest events before an instant, newest first.
    pub(super) fn latest(self, reader: Reader<'_>, before: Option<Time>, limit: usize) -> Result<Vec<Event>, Fault> {
        let all = self.gather(|number| {
            let prefix = keys::of_customer(Kind::Event, number);
            let end =
                before.map_or_else(|| keys::after_prefix(&prefix), |before| Some(keys::events_from(number, before)));
            let mut some: Vec<Row> = reader.between(prefix, end).rev().take(limit).collect::<Result<_, _>>()?;
            some.reverse();
            Ok(some)
        })?;
        all.iter().rev().take(limit).map(|(_, row)| rows::read(row)).collect()
    }

    /// Profile rows that took effect at or before `until`, in that order.
    pub(super) fn profile_rows(self, reader: Reader<'_>, until: Time) -> Result<Vec<ProfileRow>, Fault> {
        let all = self.gather(|number| {
            let end = keys::profile(number, until.plus(Span(1)), 0);
            reader.between(keys::of_customer(Kind::Profile, number), Some(end)).collect()
        })?;
        all.iter().map(|(_, row)| rows::read(row)).collect()
    }

    /// The latest enrollments, newest first.
    pub(super) fn enrollments(self, reader: Reader<'_>, limit: usize) -> Result<Vec<Enrollment>, Fault> {
        let all = self.gather(|number| reader.prefix(&keys::of_customer(Kind::Enrollment, number)).collect())?;
        let mut all: Vec<Enrollment> = all.iter().map(|(_, row)| rows::read(row)).collect::<Result<_, _>>()?;
        // The sort is stable, and the rows come by rule and occurrence.
        all.sort_by_key(|enrollment| std::cmp::Reverse(enrollment.entered_at));
        all.truncate(limit);
        Ok(all)
    }
}
