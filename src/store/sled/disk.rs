//! The files below sled: making them durable, and whether there is room for more.

use super::fault::Fault;
use crate::store::Room;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Room that is left free however small a round is: sled cannot be opened on a full disk, for opening writes.
const LEFT_FREE: u64 = 4 << 20;
/// A round is written as whole pages, and segments are cleaned meanwhile: so many bytes for each of its own.
const AMPLIFICATION: u64 = 32;
/// How many rounds go by before the mark is renewed: none, or a log that lost its end after a kill passes for a young one.
const MARK_EVERY: u64 = 1;
/// Name of the file that marks the folder as a store.
pub(super) const MARK: &str = "store.mark";

/// Our own handles of sled's files.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    log: File,
    blobs: PathBuf,
    durable_blobs: HashSet<OsString>,
}

impl Disk {
    /// Of the store in `folder`, which sled has opened.
    pub(super) fn open(folder: &Path) -> Result<Self, Fault> {
        let log = File::open(folder.join("db"))?;
        Ok(Self { folder: folder.to_owned(), log, blobs: folder.join("blobs"), durable_blobs: HashSet::new() })
    }

    /// Makes durable what sled wrote. Its own `flush` ends in `sync_file_range`, which neither empties the drive's
    /// cache nor writes the file's length; and values beyond its threshold stand in files of their own.
    pub(super) fn sync(&mut self) -> Result<(), Fault> {
        self.sync_all().map_err(|error| Fault::SyncFailed(Arc::new(error)))
    }

    fn sync_all(&mut self) -> std::io::Result<()> {
        let mut present = HashSet::new();
        for entry in std::fs::read_dir(&self.blobs)? {
            let entry = entry?;
            if !self.durable_blobs.contains(&entry.file_name()) {
                match File::open(entry.path()) {
                    Ok(blob) => blob.sync_data()?,
                    // sled removes those that it needs no more.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error),
                }
            }
            present.insert(entry.file_name());
        }
        if !present.is_subset(&self.durable_blobs) {
            File::open(&self.blobs)?.sync_all()?;
        }
        self.durable_blobs = present;
        self.log.sync_data()
    }

    /// Whether a round of that many bytes can be written without filling the disk.
    pub(super) fn check_room(&self, bytes: u64) -> Result<(), Fault> {
        check_room(&self.folder, bytes)
    }

    /// Renews the mark now and then. The round must be durable.
    pub(super) fn mark_now_and_then(&self, round: u64) -> Result<(), Fault> {
        if round.is_multiple_of(MARK_EVERY) { write_mark(&self.folder, round) } else { Ok(()) }
    }
}

/// The disk that a folder lies on.
pub(super) fn room(folder: &Path) -> Result<Room, Fault> {
    let found = rustix::fs::statvfs(folder).map_err(std::io::Error::from)?;
    let bytes = |blocks: u64| blocks.saturating_mul(found.f_frsize);
    Ok(Room { free_bytes: bytes(found.f_bavail), bytes: bytes(found.f_blocks) })
}

/// As [`Disk::check_room`], where there is no store yet.
pub(super) fn check_room(folder: &Path, bytes: u64) -> Result<(), Fault> {
    let room = rustix::fs::statvfs(folder).map_err(std::io::Error::from)?;
    if room.f_bavail.saturating_mul(room.f_frsize) < LEFT_FREE + bytes.saturating_mul(AMPLIFICATION) {
        return Err(Fault::NoSpace);
    }
    Ok(())
}

/// Writes into the folder that it holds a store which was durable up to that round. It is how a log that lost its end,
/// or all of it, is told from a young one.
pub(super) fn write_mark(folder: &Path, round: u64) -> Result<(), Fault> {
    use std::os::unix::fs::FileExt;
    let file = std::fs::OpenOptions::new().create(true).write(true).truncate(false).open(folder.join(MARK))?;
    // One write of a fixed length, in place: it is there or it is not.
    file.write_all_at(format!("retaind store\n{round:020}\n").as_bytes(), 0)?;
    Ok(())
}

/// The round of the mark; `None` where there is no mark.
pub(super) fn read_mark(folder: &Path) -> Result<Option<u64>, Fault> {
    match std::fs::read_to_string(folder.join(MARK)) {
        Ok(text) => Ok(Some(text.lines().nth(1).and_then(|round| round.parse().ok()).unwrap_or(0))),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        // Whatever stands there, it is not what was written.
        Err(error) if error.kind() == std::io::ErrorKind::InvalidData => Ok(Some(0)),
        Err(error) => Err(error.into()),
    }
}

/// The files of a store in a folder, without the lock and whatever else is there.
pub(super) fn store_files(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let ours = |name: &str| matches!(name, "db" | "conf" | "blobs" | MARK) || name.starts_with("snap.");
    let entries = std::fs::read_dir(folder)?.collect::<std::io::Result<Vec<_>>>()?;
    let entries = entries.into_iter().filter(|entry| entry.file_name().to_str().is_some_and(ours));
    Ok(entries.map(|entry| entry.path()).collect())
}

/// Bytes that a store's files take.
pub(super) fn bytes(folder: &Path) -> Result<u64, Fault> {
    let mut total = 0;
    for path in store_files(folder)? {
        total += if path.is_dir() {
            let blobs = std::fs::read_dir(&path)?.collect::<std::io::Result<Vec<_>>>()?;
            blobs.iter().filter_map(|blob| blob.metadata().ok()).map(|found| found.len()).sum()
        } else {
            path.metadata()?.len()
        };
    }
    Ok(total)
}

#[cfg(test)]
mod tests {
    use super::{Disk, Fault, read_mark, write_mark};
    use std::collections::HashSet;
    use std::fs::File;

    #[test]
    fn what_cannot_be_made_durable_is_a_failed_sync() {
        let folder = tempfile::tempdir().unwrap();
        // The kernel knows no way to sync it.
        let log = File::open("/proc/self/stat").unwrap();
        let blobs = folder.path().to_owned();
        let mut disk = Disk { folder: blobs.clone(), log, blobs, durable_blobs: HashSet::new() };
        assert!(matches!(disk.sync(), Err(Fault::SyncFailed(_))));
    }

    #[test]
    fn a_mark_is_read_back_and_never_missed() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(read_mark(folder.path()).unwrap(), None);
        write_mark(folder.path(), 4_711).unwrap();
        write_mark(folder.path(), 12).unwrap();
        assert_eq!(read_mark(folder.path()).unwrap(), Some(12));
        std::fs::write(folder.path().join("store.mark"), [0xff; 9]).unwrap();
        assert_eq!(read_mark(folder.path()).unwrap(), Some(0));
    }
}
