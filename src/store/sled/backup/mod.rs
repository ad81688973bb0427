//! A copy of the store in one file, taken while it is in use.
//!
//! Reading all rows takes its time, and what reads them sees no one instant: rows that were read are written again
//! meanwhile. So the committer hands every round to the backup as well, once it is durable; behind the rows stand the
//! rounds, in their order, and read from the beginning to the end the file is the store as its last round left it.
//! Everything that was answered before the backup's end is in it.

mod file;
mod problem;
mod read;
mod tap;

pub use problem::BackupProblem;
pub(super) use read::{Contents, summary};
pub(super) use tap::Taps;

use super::committer::Rows;
use super::fault::Fault;
use super::live::Counts;
use super::open::FORMAT;
use super::shared::Shared;
use crate::store::{BackupStamp, BackupSummary, StoreError};
use ::sled::IVec;
use file::{Head, Writer};
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tap::Tap;

/// So many bytes of rows are read at once.
const PAGE: usize = 1 << 20;

/// Where a backup goes.
type Into = Box<dyn Write + Send>;

/// Why a backup came to nothing.
#[derive(Debug)]
pub(super) enum Failure {
    /// The store.
    Store(Fault),
    /// What it is written to.
    File(std::io::Error),
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Store(fault)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::File(error)
    }
}

impl Failure {
    /// As the outside sees it.
    pub(super) fn into_error(self, shared: &Shared) -> StoreError {
        match self {
            Self::Store(fault) => shared.error(fault),
            Self::File(error) => StoreError::Backup(error),
        }
    }
}

/// A backup as it goes on.
struct Backup {
    shared: Arc<Shared>,
    tap: Tap,
    generation: u64,
    writer: Writer<Into>,
    /// The counts as they were written last.
    counts: Counts,
}

impl Shared {
    /// Writes a backup; see [`crate::store::Store::backup`].
    pub(super) async fn backup(self: &Arc<Self>, stamp: BackupStamp, into: Into) -> Result<BackupSummary, Failure> {
        self.check()?;
        let begun = Arc::clone(self);
        let mut backup = blocking(move || begun.scan(stamp, into)).await?;
        // Of what was read nothing is in the file for good before it is durable.
        self.settle().await?;
        blocking(move || {
            backup.write_rounds()?;
            backup.finish()
        })
        .await
    }

    fn scan(self: Arc<Self>, stamp: BackupStamp, into: Into) -> Result<Backup, Failure> {
        let generation = self.progress.generation.load(Ordering::SeqCst);
        // Before the first row is read.
        let tap = self.taps.open();
        let head = Head::new(FORMAT, stamp, self.delivery_key.hash_of_store());
        let counts = super::lock(&self.live).counts.clone();
        let mut backup = Backup { writer: Writer::new(into, &head)?, shared: self, tap, generation, counts };
        let mut from = Some(Vec::new());
        while let Some(start) = from {
            let page = backup.page(start)?;
            // Rows first: a round that was handed over since then is the newer one.
            backup.writer.rows(&page.rows)?;
            backup.write_rounds()?;
            from = page.next;
        }
        Ok(backup)
    }
}

struct Page {
    rows: Rows,
    /// Where the next one begins.
    next: Option<Vec<u8>>,
}

impl Backup {
    fn page(&self, from: Vec<u8>) -> Result<Page, Failure> {
        self.shared.check()?;
        let page = self.shared.look(|reader| {
            let (mut rows, mut bytes): (Rows, usize) = (Vec::new(), 0);
            for row in reader.between(from, None) {
                let (key, value) = row?;
                bytes += key.len() + value.len();
                let mut next = key.to_vec();
                rows.push((key, Some(value)));
                if bytes >= PAGE {
                    next.push(0);
                    return Ok(Page { rows, next: Some(next) });
                }
            }
            Ok(Page { rows, next: None })
        })?;
        self.check()?;
        Ok(page)
    }

    /// Whether what was read may still be there.
    fn check(&self) -> Result<(), Failure> {
        self.shared.check()?;
        if self.shared.progress.generation.load(Ordering::SeqCst) == self.generation {
            Ok(())
        } else {
            // What was read may have been taken back with the round that failed.
            Err(Fault::NoSpace.into())
        }
    }

    fn write_rounds(&mut self) -> Result<(), Failure> {
        self.check()?;
        for (round, rows) in self.tap.drain()? {
            let key = Counts::key();
            if let Some((_, Some(counts))) = rows.iter().find(|(key_of_row, _)| *key_of_row == key) {
                self.counts = super::rows::read(counts)?;
            }
            self.writer.round(round, &rows)?;
        }
        Ok(())
    }

    fn finish(self) -> Result<BackupSummary, Failure> {
        self.check()?;
        Ok(self.writer.finish(&self.counts)?)
    }
}

/// On a thread where waiting is no harm. A panic in there is damage: sled meets it by panicking.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Failure> + Send + 'static) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) if error.is_panic() => Err(Fault::Damaged("reading it failed in an unforeseen way".into()).into()),
        Err(_) => Err(Fault::Closed.into()),
    }
}

/// A row in a frame: the lengths of key and value (`u32::MAX` where it was removed), then both.
fn push_row(plain: &mut Vec<u8>, key: &IVec, value: Option<&IVec>) -> std::io::Result<()> {
    let length = |bytes: &IVec| {
        let length = u32::try_from(bytes.len()).ok().filter(|length| *length < REMOVED);
        length.ok_or_else(|| std::io::Error::other("a row is too large for a backup"))
    };
    plain.extend_from_slice(&length(key)?.to_be_bytes());
    plain.extend_from_slice(&value.map_or(Ok(REMOVED), length)?.to_be_bytes());
    plain.extend_from_slice(key);
    plain.extend_from_slice(value.map_or(&[][..], |value| value));
    Ok(())
}

/// The length of a value that is not there.
const REMOVED: u32 = u32::MAX;

#[cfg(test)]
pub(super) mod tests;
