//! Which customers are to be looked at, in the order of their wakes, and which are under a lease.
//!
//! What is in here is durable: it is put in after the commit that made it.

use super::fault::Fault;
use super::leases::Leases;
use super::window::Window;
use crate::domain::{CustomerNumber, Time};
use std::collections::HashSet;

type Place = (Time, CustomerNumber);

/// Reads wake rows, in order.
pub(super) trait WakeRows {
    /// Up to `limit` places at or after `from`.
    fn read(&self, from: Place, limit: usize) -> Result<Vec<Place>, Fault>;
    /// Whether there is a row of that place.
    fn stands(&self, place: Place) -> Result<bool, Fault>;
}

/// All wakes and all leases on customers.
#[derive(Debug, Default)]
pub(super) struct WakeIndex {
    waiting: Window<CustomerNumber>,
    /// With the wake that each has now.
    leases: Leases<CustomerNumber, Option<Time>>,
    /// Customers whose rows are being written: they may stand in the rows and yet be gone after a crash.
    unsettled: HashSet<CustomerNumber>,
}

impl WakeIndex {
    /// There are rows, from `first` on.
    pub(super) fn starting(first: Place) -> Self {
        Self { waiting: Window::starting(first), ..Self::default() }
    }

    /// Their rows are about to be written.
    pub(super) fn begin(&mut self, customers: impl Iterator<Item = CustomerNumber>) {
        self.unsettled.extend(customers);
    }

    /// What was about to be written is durable.
    pub(super) fn settle(&mut self) {
        self.unsettled.clear();
    }

    /// A wake changed. A lease goes on, and its end returns the customer to the new one.
    pub(super) fn change(&mut self, number: CustomerNumber, from: Option<Time>, to: Option<Time>) {
        if let Some(from) = from {
            self.waiting.remove((from, number));
        }
        match (self.leases.place(number), to) {
            (Some(place), to) => *place = to,
            (None, Some(to)) => self.waiting.insert((to, number)),
            (None, None) => {}
        }
    }

    /// Ends a lease.
    pub(super) fn release(&mut self, number: CustomerNumber) {
        if let Some(Some(at)) = self.leases.end(number) {
            self.waiting.insert((at, number));
        }
    }

    /// Takes the earliest whose wake is not after `now` and puts them under a lease until `until`.
    pub(super) fn take(
        &mut self,
        now: Time,
        limit: usize,
        until: Time,
        rows: &dyn WakeRows,
    ) -> Result<Vec<Place>, Fault> {
        while let Some(number) = self.leases.ended(now) {
            self.release(number);
        }
        let mut taken = Vec::new();
        while taken.len() < limit {
            let Some(place) = self.earliest(rows)?.filter(|(at, _)| *at <= now) else { break };
            self.waiting.remove(place);
            // One whose row is gone is being changed by a commit that is not yet durable, and that commit will say
            // where the customer waits then.
            if rows.stands(place)? {
                self.leases.begin(place.1, Some(place.0), until);
                taken.push(place);
            }
        }
        Ok(taken)
    }

    /// When there is somebody to take: who is under a lease counts from its end.
    pub(super) fn next(&mut self, rows: &dyn WakeRows) -> Result<Option<Time>, Fault> {
        let waiting = self.earliest(rows)?.map(|(at, _)| at);
        Ok(waiting.into_iter().chain(self.leases.first_end()).min())
    }

    fn earliest(&mut self, rows: &dyn WakeRows) -> Result<Option<Place>, Fault> {
        let free = |number: CustomerNumber| !self.leases.holds(number) && !self.unsettled.contains(&number);
        self.waiting.read_on(|from, limit| rows.read(from, limit), free)?;
        Ok(self.waiting.first())
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, WakeIndex, WakeRows};
    use crate::domain::{CustomerNumber, Time};
    use crate::store::sled::fault::Fault;
    use crate::store::sled::window::WINDOW;
    use std::cell::{Cell, RefCell};
    use std::collections::BTreeSet;

    #[derive(Default)]
    struct Rows {
        places: RefCell<BTreeSet<Place>>,
        read: Cell<usize>,
    }

    impl WakeRows for Rows {
        fn read(&self, from: Place, limit: usize) -> Result<Vec<Place>, Fault> {
            let read: Vec<_> = self.places.borrow().range(from..).take(limit).copied().collect();
            self.read.set(self.read.get() + read.len());
            Ok(read)
        }

        fn stands(&self, place: Place) -> Result<bool, Fault> {
            Ok(self.places.borrow().contains(&place))
        }
    }

    fn place(n: u64) -> Place {
        (Time(n.cast_signed()), CustomerNumber(n))
    }

    fn rows(places: impl IntoIterator<Item = u64>) -> Rows {
        let rows = Rows::default();
        rows.places.borrow_mut().extend(places.into_iter().map(place));
        rows
    }

    fn take(index: &mut WakeIndex, rows: &Rows, limit: usize) -> Vec<Place> {
        index.take(Time(1_000_000), limit, Time::MAX, rows).unwrap()
    }

    #[test]
    fn a_hundred_thousand_who_wait_cost_each_take_only_what_it_takes() {
        let total = 100_000;
        let rows = rows(0..total);
        let mut index = WakeIndex::starting(place(0));
        let mut taken = Vec::new();
        for _ in 0..total / 100 {
            let some = take(&mut index, &rows, 100);
            assert!(index.waiting.in_memory() <= 2 * WINDOW);
            for (at, number) in &some {
                rows.places.borrow_mut().remove(&(*at, *number));
                index.change(*number, Some(*at), None);
                index.release(*number);
            }
            taken.extend(some);
        }
        assert_eq!(taken, (0..total).map(place).collect::<Vec<_>>());
        let passes = usize::try_from(total).unwrap() / WINDOW + 1;
        assert!(rows.read.get() <= passes * (WINDOW + 1), "each row is read once");
        assert_eq!(index.next(&rows).unwrap(), None);
    }

    #[test]
    fn one_who_is_put_before_all_others_comes_first_and_one_put_far_behind_is_not_forgotten() {
        let many = 3 * WINDOW as u64;
        let rows = rows(10..many);
        let mut index = WakeIndex::starting(place(10));
        assert_eq!(index.next(&rows).unwrap(), Some(place(10).0));
        for n in [5, many + 5] {
            rows.places.borrow_mut().insert(place(n));
            index.change(place(n).1, None, Some(place(n).0));
        }
        assert_eq!(take(&mut index, &rows, 2), [place(5), place(10)]);
        assert_eq!(take(&mut index, &rows, usize::MAX).last(), Some(&place(many + 5)));
    }

    #[test]
    fn what_is_being_written_is_not_read_from_the_rows() {
        let rows = rows([1, 2]);
        let mut index = WakeIndex::starting(place(1));
        index.begin([place(2).1].into_iter());
        assert_eq!(take(&mut index, &rows, 9), [place(1)]);
        index.change(place(2).1, None, Some(place(2).0));
        index.settle();
        assert_eq!(take(&mut index, &rows, 9), [place(2)]);
    }

    #[test]
    fn one_whose_row_is_being_removed_is_passed_over_until_that_is_durable() {
        let rows = rows([1, 2]);
        let mut index = WakeIndex::starting(place(1));
        assert_eq!(index.next(&rows).unwrap(), Some(Time(1)));
        rows.places.borrow_mut().remove(&place(1));
        rows.places.borrow_mut().insert((Time(0), place(1).1));
        assert_eq!(take(&mut index, &rows, 9), [place(2)]);
        index.change(place(1).1, Some(Time(1)), Some(Time(0)));
        assert_eq!(take(&mut index, &rows, 9), [(Time(0), place(1).1)]);
    }

    #[test]
    fn a_lease_goes_on_when_the_wake_changes_and_ends_at_the_new_one() {
        let rows = rows([5]);
        let mut index = WakeIndex::starting(place(5));
        assert_eq!(take(&mut index, &rows, 9), [place(5)]);
        rows.places.replace([(Time(3), place(5).1)].into());
        index.change(place(5).1, Some(Time(5)), Some(Time(3)));
        assert_eq!(take(&mut index, &rows, 9), []);
        assert_eq!(index.next(&rows).unwrap(), Some(Time::MAX));
        index.release(place(5).1);
        assert_eq!(take(&mut index, &rows, 9), [(Time(3), place(5).1)]);
    }
}
