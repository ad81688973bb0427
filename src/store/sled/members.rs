//! For whom which rule's condition holds: a row for each, next to what the record says of it.
//!
//! Rows are written where the record's `holding` changes, in the same commit and nowhere else, so that the record of a
//! customer names all rows there are of them.

use super::draft::Draft;
use super::fault::Fault;
use super::keys;
use super::reader::Reader;
use super::rows;
use crate::domain::{CustomerNumber, Text};
use std::collections::BTreeSet;

/// Makes and removes the rows of a customer for whom other rules hold than before.
pub(super) fn follow(draft: &mut Draft<'_>, number: CustomerNumber, before: &BTreeSet<Text>, after: &BTreeSet<Text>) {
    for rule in before.difference(after) {
        draft.remove(keys::member(rule, number));
    }
    for rule in after.difference(before) {
        draft.put(keys::member(rule, number), rows::mark());
    }
}

/// A page of those for whom a rule's condition holds.
pub(super) fn page(
    reader: Reader<'_>,
    rule: &str,
    after: Option<CustomerNumber>,
    limit: usize,
) -> Result<Vec<CustomerNumber>, Fault> {
    let prefix = keys::members(rule);
    let from = after.map_or_else(
        || prefix.clone(),
        |after| {
            let mut key = keys::member(rule, after);
            key.push(0);
            key
        },
    );
    let rows = reader.from(&prefix, from).take(limit);
    rows.map(|row| keys::read_member(rule, &row?.0).ok_or_else(|| Fault::Damaged("a member row's key is cut".into())))
        .collect()
}
