//! How records stand in rows: a format byte, for some a version, then the record in CBOR.

use super::fault::Fault;
use ::sled::IVec;
use minicbor::{Decode, Encode};

/// Format of each row's value. A record that gains optional fields keeps it.
const FORMAT: u8 = 1;

/// Where the record begins behind format and version.
const VERSIONED: usize = 9;

/// A row without a version.
pub(super) fn write<T: Encode<()>>(record: &T) -> Result<IVec, Fault> {
    finish(vec![FORMAT], record)
}

/// A row with a version.
pub(super) fn write_versioned<T: Encode<()>>(version: u64, record: &T) -> Result<IVec, Fault> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(FORMAT);
    bytes.extend_from_slice(&version.to_be_bytes());
    finish(bytes, record)
}

/// A row that says nothing but that it is there.
pub(super) fn mark() -> IVec {
    IVec::from(&[FORMAT])
}

fn finish<T: Encode<()>>(mut bytes: Vec<u8>, record: &T) -> Result<IVec, Fault> {
    minicbor::encode(record, &mut bytes)
        .map_err(|error| Fault::Damaged(format!("a record cannot be kept: {error}")))?;
    Ok(bytes.into())
}

/// Reads a row without a version.
pub(super) fn read<T: for<'b> Decode<'b, ()>>(value: &[u8]) -> Result<T, Fault> {
    decode(value, 1)
}

/// Reads a row with a version.
pub(super) fn read_versioned<T: for<'b> Decode<'b, ()>>(value: &[u8]) -> Result<(u64, T), Fault> {
    let version = version(value).ok_or_else(|| Fault::Damaged("a row is too short".into()))?;
    Ok((version, decode(value, VERSIONED)?))
}

/// The version of a row that has one.
pub(super) fn version(value: &[u8]) -> Option<u64> {
    Some(u64::from_be_bytes(value.get(1..VERSIONED)?.try_into().ok()?))
}

fn decode<T: for<'b> Decode<'b, ()>>(value: &[u8], from: usize) -> Result<T, Fault> {
    match (value.first(), value.get(from..)) {
        (Some(&FORMAT), Some(record)) => {
            minicbor::decode(record).map_err(|error| Fault::Damaged(format!("a record cannot be read: {error}")))
        }
        (Some(format), _) => Err(Fault::Damaged(format!("a row has the unknown format {format}"))),
        (None, _) => Err(Fault::Damaged("a row is empty".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::{read, read_versioned, version, write, write_versioned};
    use crate::domain::{Customer, Suppression, Time};

    #[derive(minicbor::Encode)]
    #[cbor(map)]
    struct Older {
        #[n(0)]
        address: String,
        #[n(1)]
        reason: String,
        #[n(2)]
        at: Time,
        #[n(9)]
        unknown_to_us: u8,
    }

    #[test]
    fn rows_are_read_back_with_their_version() {
        let customer = Customer::new("c1", Time(5));
        let row = write_versioned(77, &customer).unwrap();
        assert_eq!(version(&row), Some(77));
        assert_eq!(read_versioned::<Customer>(&row).unwrap(), (77, customer));
    }

    #[test]
    fn a_field_that_this_version_does_not_know_is_passed_over() {
        let row = write(&Older { address: "a@b".into(), reason: "r".into(), at: Time(1), unknown_to_us: 1 }).unwrap();
        let read: Suppression = read(&row).unwrap();
        assert_eq!(read, Suppression { address: "a@b".into(), reason: "r".into(), at: Time(1) });
    }

    #[test]
    fn a_cut_or_foreign_row_is_an_error() {
        let row = write(&"text".to_owned()).unwrap();
        assert!(read::<String>(&row[..2]).is_err());
        assert!(read::<String>(&[9, 0x60]).is_err());
        assert!(read::<String>(&[]).is_err());
        assert!(read_versioned::<String>(&row[..3]).is_err());
    }
}
