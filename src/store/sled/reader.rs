//! Reading rows of the tree.

use super::due::DueRows;
use super::fault::Fault;
use super::keys::{self, DueKey, Group, Kind};
use super::rows;
use super::wakes::WakeRows;
use crate::domain::{CustomerNumber, DeliveryId, Time};
use ::sled::IVec;

/// A key with its value.
pub(super) type Row = (IVec, IVec);

/// The tree, to be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'t> {
    tree: &'t ::sled::Tree,
}

impl<'t> Reader<'t> {
    /// Of that tree.
    pub(super) const fn new(tree: &'t ::sled::Tree) -> Self {
        Self { tree }
    }

    /// One row.
    pub(super) fn get(self, key: &[u8]) -> Result<Option<IVec>, Fault> {
        Ok(self.tree.get(key)?)
    }

    /// All rows whose key begins with `prefix`, in order; can be read from both ends.
    pub(super) fn prefix(self, prefix: &[u8]) -> impl DoubleEndedIterator<Item = Result<Row, Fault>> + use<> {
        self.tree.scan_prefix(prefix).map(|row| Ok(row?))
    }

    /// Rows from `from` up to the last one whose key begins with `prefix`.
    pub(super) fn from(
        self,
        prefix: &[u8],
        from: Vec<u8>,
    ) -> impl DoubleEndedIterator<Item = Result<Row, Fault>> + use<> {
        self.between(from, keys::after_prefix(prefix))
    }

    /// Rows from `from` to before `end`.
    pub(super) fn between(
        self,
        from: Vec<u8>,
        end: Option<Vec<u8>>,
    ) -> impl DoubleEndedIterator<Item = Result<Row, Fault>> + use<> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let rows = self.tree.range::<Vec<u8>, _>((Included(from), end.map_or(Unbounded, Excluded)));
        rows.map(|row| Ok(row?))
    }

    /// The due instants of a group, in order.
    pub(super) fn due(self, group: &Group) -> impl Iterator<Item = Result<Time, Fault>> + use<> {
        self.prefix(&keys::due_group(group)).map(|row| Ok(due_key(&row?.0)?.due))
    }

    /// The number of an external id.
    pub(super) fn number(self, id: &str) -> Result<Option<CustomerNumber>, Fault> {
        self.get(&keys::name(id))?.map(|row| rows::read(&row)).transpose()
    }

    /// The customer whom a number means: of one who was merged into another, the other, however many steps away.
    pub(super) fn survivor(self, mut number: CustomerNumber) -> Result<CustomerNumber, Fault> {
        while let Some(row) = self.get(&keys::absorbed(number))? {
            number = rows::read(&row)?;
        }
        Ok(number)
    }

    /// The record of the customer whom a number means, with the customer's own number.
    pub(super) fn record(self, mut number: CustomerNumber) -> Result<Option<(CustomerNumber, IVec)>, Fault> {
        loop {
            if let Some(row) = self.get(&keys::customer(number))? {
                return Ok(Some((number, row)));
            }
            let Some(row) = self.get(&keys::absorbed(number))? else { return Ok(None) };
            number = rows::read(&row)?;
        }
    }

    /// The first due row at or after `from`.
    pub(super) fn first_due(self, from: &[u8]) -> Result<Option<DueKey>, Fault> {
        let mut rows = self.from(&Kind::Due.all(), from.to_vec());
        rows.next().transpose()?.map(|(key, _)| due_key(&key)).transpose()
    }

    /// The first wake row.
    pub(super) fn first_wake(self) -> Result<Option<(Time, CustomerNumber)>, Fault> {
        self.prefix(&Kind::Wake.all()).next().transpose()?.map(|(key, _)| wake(&key)).transpose()
    }
}

fn wake(key: &[u8]) -> Result<(Time, CustomerNumber), Fault> {
    keys::read_wake(key).ok_or_else(|| Fault::Damaged("a wake row cannot be read".into()))
}

impl WakeRows for Reader<'_> {
    fn read(&self, from: (Time, CustomerNumber), limit: usize) -> Result<Vec<(Time, CustomerNumber)>, Fault> {
        let rows = self.from(&Kind::Wake.all(), keys::wake(from.0, from.1)).take(limit);
        rows.map(|row| wake(&row?.0)).collect()
    }

    fn stands(&self, (at, number): (Time, CustomerNumber)) -> Result<bool, Fault> {
        Ok(self.get(&keys::wake(at, number))?.is_some())
    }
}

fn due_key(key: &[u8]) -> Result<DueKey, Fault> {
    DueKey::read(key).ok_or_else(|| Fault::Damaged("a due row cannot be read".into()))
}

impl DueRows for Reader<'_> {
    fn read(&self, group: &Group, from: (Time, DeliveryId), limit: usize) -> Result<Vec<(Time, DeliveryId)>, Fault> {
        let first = DueKey { group: group.clone(), due: from.0, id: from.1 };
        let rows = self.from(&keys::due_group(group), first.row()).take(limit);
        rows.map(|row| due_key(&row?.0).map(|key| (key.due, key.id))).collect()
    }
}
