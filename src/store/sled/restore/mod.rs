//! Making a store from a backup, or from an export.
//!
//! What it is made from is read as a whole before anything is written. Then the store is made in a folder `restoring` inside its
//! own, and while it is there nobody takes it for one: what the journal says is done again, and the caller settles what
//! must not go on by itself. Only [`Restoring::finish`] puts its files in place, the mark first and the log last, so that
//! a restore which was cut short is never taken for a store.

mod erase;
mod reapply;
mod settle;

use super::backup::{BackupProblem, Contents};
use super::disk::{self, BallastPolicy, Disk, Need};
use super::export::{self, Manifest, Sending};
use super::fault::Fault;
use super::filling::begin_anew;
use super::journal::{self, Entry};
use super::keys;
use super::live::Counts;
use super::lock::FolderLock;
use super::open::{Bytes, OpenMode, Refusal, SledSettings, open_sled, prepare_folder};
use super::reader::Reader;
use super::{SledStore, aside, compact, rows};
use crate::domain::{DeliveryKey, Time};
use crate::store::{BackupSummary, Result, Store, StoreError};
pub use reapply::Reapplied;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Name of the folder in which a store is made.
pub(super) const INSIDE: &str = "restoring";
/// So many bytes of rows are made durable at once.
const AT_ONCE: usize = 8 << 20;

/// What a store is made from.
#[derive(Debug, Clone)]
pub enum RestoreFrom {
    /// The file of a backup.
    Backup(PathBuf),
    /// The folder of an export.
    Export(PathBuf),
}

/// What is restored, and where to.
#[derive(Debug, Clone)]
pub struct RestoreRequest {
    /// What from.
    pub from: RestoreFrom,
    /// The folder of the store that is to be.
    pub folder: PathBuf,
    /// The folder of the journal to be done again; without one, that which lies beside the store's folder.
    pub journal: Option<PathBuf>,
    /// How the store is kept.
    pub settings: SledSettings,
    /// Now.
    pub now: Time,
}

/// A store that is being restored.
#[derive(Debug)]
pub struct Restoring {
    store: SledStore,
    request: RestoreRequest,
    summary: BackupSummary,
    sending: Sending,
    entries: Vec<Entry>,
    unreadable: u64,
    has_journal: bool,
    _lock: FolderLock,
}

impl Restoring {
    /// Reads the backup, twice: to see that it is whole, and to make the store of it. Blocks.
    ///
    /// # Errors
    /// [`StoreError::BadBackup`], and nothing was changed; [`StoreError::Occupied`] where a store is; what
    /// [`SledStore::open`] says of a folder.
    pub fn begin(request: RestoreRequest) -> Result<Self> {
        let folder = &request.folder;
        check_free(folder)?;
        let checked = match &request.from {
            RestoreFrom::Backup(file) => super::verify_backup(file).map(|_| None)?,
            RestoreFrom::Export(from) => export::read_manifest(from).map(Some)?,
        };
        prepare_folder(folder, OpenMode::Create)?;
        let lock = FolderLock::take(folder)?;
        check_free(folder)?;
        let beside = journal::folder_of(folder);
        journal::check(&beside).map_err(StoreError::Journal)?;
        if !disk::store_files(folder).map_err(StoreError::Io)?.is_empty() {
            // Of a store that is not whole, such as one whose restore was cut short.
            aside::set_aside(folder, &lock).map_err(StoreError::Io)?;
        }
        let inside = folder.join(INSIDE);
        begin_anew(&inside).map_err(StoreError::Io)?;
        let made = match (&request.from, &checked) {
            (RestoreFrom::Export(from), Some(manifest)) => Made::of_export(from, manifest, &request, &inside)?,
            (RestoreFrom::Backup(file) | RestoreFrom::Export(file), _) => make(file, &request, &inside)?,
        };
        let journal = request.journal.as_deref().unwrap_or(&beside);
        if journal != beside {
            journal::bring(journal, &beside, &made.key).map_err(StoreError::Journal)?;
        }
        let said = journal::read(journal, &made.key).map_err(StoreError::Journal)?;
        let sending = checked.map_or(Sending::WentOn, |manifest| manifest.sending);
        let gap = if sending == Sending::Rested { 0 } else { BETWEEN_LIVES };
        set_round(&inside, &request, (said.last_round(), gap)).map_err(|fault| fault.into_error(folder))?;
        let store = SledStore::open_as(&inside, &beside, OpenMode::MustExist, request.settings)?;
        let entries = said.entries.into_iter().filter(|entry| entry.round > made.round).collect();
        let (unreadable, has_journal) = (said.unreadable, said.is_there);
        Ok(Self { store, summary: made.summary, sending, entries, unreadable, has_journal, request, _lock: lock })
    }

    /// The store as it is so far. Not to be closed.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &self.store
    }

    /// Whether anything may have been sent of which the store does not know: after a backup, always.
    #[must_use]
    pub const fn sending(&self) -> Sending {
        self.sending
    }

    /// Whether there is a journal. One is begun with the first withdrawal or suppression, so a store may never have had one.
    #[must_use]
    pub const fn has_journal(&self) -> bool {
        self.has_journal
    }

    /// What the backup held.
    #[must_use]
    pub const fn summary(&self) -> &BackupSummary {
        &self.summary
    }

    /// Does again what the journal says that happened after the backup.
    ///
    /// # Errors
    /// The store failed.
    pub async fn reapply(&self) -> Result<Reapplied> {
        let mut done = reapply::reapply(&self.store, &self.entries, self.request.now).await?;
        done.unreadable = self.unreadable;
        Ok(done)
    }

    /// Lets nothing go on by itself that was under way, and nothing be made up for: deliveries are held, ticks end, what is
    /// planned and lived through begins with [`RestoreRequest::now`]. Answers how many deliveries are held.
    ///
    /// # Errors
    /// The store failed.
    pub async fn settle(&self) -> Result<u64> {
        settle::settle(&self.store, self.request.now).await
    }

    /// Puts the store in its place.
    ///
    /// # Errors
    /// The store failed; it is not in its place then, and the restore may be begun anew.
    pub async fn finish(self) -> Result<()> {
        self.store.close().await?;
        drop(self.store);
        put_in_place(&self.request.folder).map_err(StoreError::Io)
    }
}

/// That no store is there. One that was set aside is no hindrance, nor is what is left of a restore that was cut short.
fn check_free(folder: &Path) -> Result<()> {
    if folder.join("db").exists() || compact::is_under_way(folder) {
        Err(StoreError::Occupied(folder.to_owned()))
    } else {
        Ok(())
    }
}

struct Made {
    summary: BackupSummary,
    key: DeliveryKey,
    /// The last round of the backup.
    round: u64,
}

impl Made {
    fn of_export(from: &Path, manifest: &Manifest, request: &RestoreRequest, inside: &Path) -> Result<Self> {
        let key = export::fill(from, manifest, (inside, request.settings))?;
        Ok(Self { summary: manifest.summary(), key, round: manifest.round })
    }
}

/// Writes all rows of the backup.
fn make(file: &Path, request: &RestoreRequest, inside: &Path) -> Result<Made> {
    let fault = |fault: Fault| fault.into_error(&request.folder);
    let bad = |problem| StoreError::BadBackup { path: file.to_owned(), problem };
    let mut contents = Contents::open(file).map_err(bad)?;
    let db = open_sled(inside, request.settings).map_err(|refusal| refusal.into_error(inside))?;
    let mut disk = Disk::open(inside, BallastPolicy::Keep).map_err(fault)?;
    let mut unsynced = 0;
    while let Some(frame) = contents.next().map_err(bad)? {
        let mut batch = ::sled::Batch::default();
        for (key, value) in frame.rows() {
            unsynced += key.len() + value.map_or(0, <[u8]>::len);
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        disk.make_room(Need::News, 0).map_err(fault)?;
        db.apply_batch(batch).map_err(|error| fault(error.into()))?;
        if unsynced > AT_ONCE {
            unsynced = 0;
            db.flush().map_err(|error| fault(error.into()))?;
        }
    }
    let damaged = |what| bad(BackupProblem::Damaged { at: 0, what });
    let (Some(summary), Some(round)) = (contents.summary(), contents.round()) else {
        return Err(damaged("its end is not there"));
    };
    let row = Reader::new(&db).get(&keys::meta("delivery-key")).map_err(fault)?;
    let row = row.ok_or_else(|| damaged("the key of its delivery ids is not in it"))?;
    let key = DeliveryKey::new(rows::read::<Bytes>(&row).map_err(fault)?.0);
    if key.hash_of_store() != contents.head().store() {
        return Err(damaged("it holds another store than it says"));
    }
    db.flush().map_err(|error| fault(error.into()))?;
    disk.sync().map_err(fault)?;
    Ok(Made { summary, key, round })
}

/// So many rounds lie between two lives of a store.
const BETWEEN_LIVES: u64 = 1 << 40;

/// Rounds go on behind those of the journal: what it says is told from what is in a backup by them. And far behind, for a
/// backup of the lost store that is newer than this one may be restored yet.
fn set_round(inside: &Path, request: &RestoreRequest, (last, gap): (u64, u64)) -> std::result::Result<(), Fault> {
    let db = open_sled(inside, request.settings).map_err(Refusal::into_fault)?;
    let mut counts = Counts::load(Reader::new(&db))?;
    counts.round = counts.round.max(last).saturating_add(gap);
    db.insert(Counts::key(), rows::write(&counts)?)?;
    db.flush()?;
    Disk::open(inside, BallastPolicy::Keep)?.sync()?;
    disk::write_mark(inside, counts.round)
}

/// The mark first and the log last: whatever stops this half-way, what is there is seen to be no store.
fn put_in_place(folder: &Path) -> std::io::Result<()> {
    let inside = folder.join(INSIDE);
    let name = |file: &Path| file.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
    let mut files: Vec<(PathBuf, String)> =
        disk::store_files(&inside)?.into_iter().map(|file| (file.clone(), name(&file))).collect();
    files.sort_by_key(|(_, name)| match name.as_str() {
        disk::MARK => 0,
        "db" => 2,
        _ => 1,
    });
    for (file, name) in files {
        std::fs::rename(file, folder.join(&name))?;
        if name == disk::MARK {
            File::open(folder)?.sync_all()?;
        }
    }
    File::open(folder)?.sync_all()?;
    std::fs::remove_dir_all(&inside)
}

#[cfg(test)]
mod tests;
