//! The rows of a backup as they were at its end, in the order of their keys.

use crate::store::sled::backup::{BackupProblem, Contents};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// A backup that was read.
pub(super) type Read = Contents<BufReader<File>>;

/// Gives all rows to `take`, and answers the backup, read to its end. The file is read twice; what was written while the
/// backup was made is held in memory.
pub(super) fn each<E: From<BackupProblem>>(
    path: &Path,
    mut take: impl FnMut(&[u8], &[u8]) -> Result<(), E>,
) -> Result<Read, E> {
    let mut rounds = rounds(path)?;
    let mut contents = Contents::open(path)?;
    let mut at = 0;
    while let Some(frame) = contents.next()? {
        at += 1;
        if frame.is_round() {
            continue;
        }
        for (key, value) in frame.rows() {
            // Rows that were made meanwhile, whose place is before this one.
            while let Some(made) = rounds.first_entry().filter(|made| made.key().as_slice() < key) {
                let (key, (_, value)) = made.remove_entry();
                value.map_or(Ok(()), |value| take(&key, &value))?;
            }
            let newer = rounds.remove(key).filter(|(round, _)| *round > at);
            match newer {
                Some((_, newer)) => newer.map_or(Ok(()), |newer| take(key, &newer))?,
                None => value.map_or(Ok(()), |value| take(key, value))?,
            }
        }
    }
    for (key, (_, value)) in rounds {
        value.map_or(Ok(()), |value| take(&key, &value))?;
    }
    Ok(contents)
}

/// What rounds have made of rows, each with the place of the round in the file.
type Rounds = BTreeMap<Vec<u8>, (u64, Option<Vec<u8>>)>;

fn rounds(path: &Path) -> Result<Rounds, BackupProblem> {
    let mut found = BTreeMap::new();
    let mut contents = Contents::open(path)?;
    let mut at = 0;
    while let Some(frame) = contents.next()? {
        at += 1;
        if frame.is_round() {
            found.extend(frame.rows().map(|(key, value)| (key.to_vec(), (at, value.map(<[u8]>::to_vec)))));
        }
    }
    Ok(found)
}
