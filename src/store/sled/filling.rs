//! A new tree in a folder of its own, filled with the rows of another one.

use super::disk::{self, BallastPolicy, Disk, Need};
use super::fault::Fault;
use super::open::{Refusal, SledSettings, open_sled};
use super::reader::Reader;
use sha2::{Digest, Sha256};
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// So many bytes of rows are written at once.
const AT_ONCE: usize = 1 << 20;
/// And so many made durable.
const UNSYNCED: usize = 8 << 20;

/// Makes the folder anew, whatever stands in its place.
pub(super) fn begin_anew(inside: &Path) -> std::io::Result<()> {
    match std::fs::remove_dir_all(inside) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    DirBuilder::new().mode(0o700).create(inside)
}

/// How many rows there are, and a hash over all of them in the order of their keys.
#[derive(Clone, Default)]
pub(super) struct Sum {
    rows: u64,
    hash: Sha256,
}

impl Sum {
    /// One more, behind those before.
    pub(super) fn add(&mut self, key: &[u8], value: &[u8]) {
        self.rows += 1;
        for part in [key, value] {
            self.hash.update((part.len() as u64).to_be_bytes());
            self.hash.update(part);
        }
    }

    /// What it comes to.
    pub(super) fn finish(self) -> (u64, [u8; 32]) {
        (self.rows, self.hash.finalize().into())
    }

    /// Of a whole tree.
    pub(super) fn of(reader: Reader<'_>) -> Result<Self, Fault> {
        let mut sum = Self::default();
        for row in reader.prefix(&[]) {
            let (key, value) = row?;
            sum.add(&key, &value);
        }
        Ok(sum)
    }
}

/// A tree as it is filled.
pub(super) struct Filling {
    folder: PathBuf,
    settings: SledSettings,
    db: ::sled::Db,
    disk: Disk,
    batch: ::sled::Batch,
    gathered: usize,
    unsynced: usize,
}

impl Filling {
    /// In an empty folder.
    pub(super) fn new(folder: &Path, settings: SledSettings) -> Result<Self, Fault> {
        let db = open_sled(folder, settings).map_err(Refusal::into_fault)?;
        let (batch, disk) = (::sled::Batch::default(), Disk::open(folder, BallastPolicy::Keep)?);
        Ok(Self { folder: folder.to_owned(), settings, db, disk, batch, gathered: 0, unsynced: 0 })
    }

    /// Takes a row in.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), Fault> {
        self.batch.insert(key, value);
        self.gathered += key.len() + value.len();
        if self.gathered >= AT_ONCE { self.write() } else { Ok(()) }
    }

    fn write(&mut self) -> Result<(), Fault> {
        self.disk.make_room(Need::News, 0)?;
        self.db.apply_batch(std::mem::take(&mut self.batch))?;
        self.unsynced += std::mem::take(&mut self.gathered);
        if self.unsynced >= UNSYNCED {
            self.unsynced = 0;
            self.db.flush()?;
        }
        Ok(())
    }

    /// Makes all of it durable, closes it, and answers what is there when it is opened and read again.
    pub(super) fn finish(mut self) -> Result<Sum, Fault> {
        self.write()?;
        self.db.flush()?;
        self.disk.sync()?;
        drop(self.db);
        let db = open_sled(&self.folder, self.settings).map_err(Refusal::into_fault)?;
        let sum = Sum::of(Reader::new(&db))?;
        drop(db);
        // Closing it has written, too; and the names of its files count as well.
        for file in disk::store_files(&self.folder)? {
            File::open(file)?.sync_all()?;
        }
        File::open(&self.folder)?.sync_all()?;
        Ok(sum)
    }
}
