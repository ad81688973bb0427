//! Writing a store anew without what is no more of use in it.
//!
//! sled gives room that it has taken for old rows to new ones and hardly ever back, and what was removed stands in its files
//! until it is written over. So all rows are written into a new tree in a folder `compacting` inside the store's own, read
//! back and compared; only then the files change places, in steps each of which is one rename, so that whatever stops it,
//! the next who opens the store, or compacts it, brings it to its end. Nothing of the old files is kept.

mod swap;

pub(super) use swap::{bring_to_its_end, is_begun, is_under_way};

use super::disk::{self, LEFT_FREE};
use super::fault::Fault;
use super::filling::{Filling, Sum, begin_anew};
use super::live::Counts;
use super::lock::FolderLock;
use super::open::{OpenMode, Refusal, SledSettings, open_sled};
use super::reader::Reader;
use super::{SledStore, aside};
use crate::store::{Result, StoreError};
use std::fs::File;
use std::path::Path;

/// What became of a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Compacted {
    /// Its rows; they are the same as before.
    pub rows: u64,
    /// Bytes that its files took before.
    pub before: u64,
    /// And now.
    pub after: u64,
}

/// Writes the store in a folder anew; nobody may have it open. Blocks.
///
/// # Errors
/// What [`SledStore::open`] says, [`StoreError::NoRoom`]; the store is then as it was.
pub fn compact(folder: &Path, settings: SledSettings) -> Result<Compacted> {
    // It is sound, of the newest format, and not being swapped.
    drop(SledStore::open_with(folder, OpenMode::MustExist, settings)?);
    let lock = FolderLock::take(folder)?;
    aside::wait_for_sled(folder);
    let outside = |fault: Fault| fault.into_error(folder);
    let before = disk::bytes(folder).map_err(outside)?;
    check_room(folder, before)?;
    let rows = copy(folder, settings).map_err(outside)?;
    aside::wait_for_sled(folder);
    swap::begin(folder).and_then(|()| bring_to_its_end(folder, &lock)).map_err(StoreError::Io)?;
    Ok(Compacted { rows, before, after: disk::bytes(folder).map_err(outside)? })
}

/// The new files are never larger than the old ones, which stand beside them until the end.
fn check_room(folder: &Path, before: u64) -> Result<()> {
    let free = disk::room(folder).map_err(|fault| fault.into_error(folder))?.free_bytes;
    let needed = before + LEFT_FREE;
    if free < needed { Err(StoreError::NoRoom { path: folder.to_owned(), needed, free }) } else { Ok(()) }
}

/// Copies all rows and answers how many there are.
fn copy(folder: &Path, settings: SledSettings) -> std::result::Result<u64, Fault> {
    let inside = swap::inside(folder);
    begin_anew(&inside)?;
    let old = open_sled(folder, settings).map_err(Refusal::into_fault)?;
    let reader = Reader::new(&old);
    let round = Counts::load(reader)?.round;
    let (mut sum, mut new) = (Sum::default(), Filling::new(&inside, settings)?);
    for row in reader.prefix(&[]) {
        let (key, value) = row?;
        sum.add(&key, &value);
        new.put(&key, &value)?;
    }
    let (written, found) = (sum.finish(), new.finish()?.finish());
    if written != found {
        return Err(Fault::Damaged("what was written anew is not what it was; nothing was changed".into()));
    }
    disk::write_mark(&inside, round)?;
    File::open(inside.join(disk::MARK))?.sync_all()?;
    File::open(&inside)?.sync_all()?;
    Ok(written.0)
}

#[cfg(test)]
mod tests;
