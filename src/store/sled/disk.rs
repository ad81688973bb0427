//! The files below sled: making them durable, and whether there is room for more.

use super::ballast::{Ballast, to_open};
use super::fault::Fault;
use crate::store::Room;
use std::collections::HashSet;
use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Room that is left free however small a round is: sled cannot be opened on a full disk, for opening writes.
pub(super) const LEFT_FREE: u64 = 4 << 20;
/// What must be recorded may have some of it.
const LEFT_FREE_BY_RECORDS: u64 = 2 << 20;
/// The ballast is laid when so much more than its own room is free.
const LEFT_BY_BALLAST: u64 = 2 * LEFT_FREE;
/// How often is looked whether the ballast can be laid.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// A round is written as whole pages, and segments are cleaned meanwhile: so many bytes for each of its own.
const AMPLIFICATION: u64 = 32;
/// How many rounds go by before the mark is renewed: none, or a log that lost its end after a kill passes for a young one.
const MARK_EVERY: u64 = 1;
/// Name of the file that marks the folder as a store.
pub(super) const MARK: &str = "store.mark";

/// What room is needed for: the later ones may have room that is kept from those before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Need {
    /// What is new: events, decisions. The sender has it until then, and a decision can be made later.
    #[default]
    News,
    /// An attempt that begins. It may have the ballast's room.
    Attempt,
    /// What must be recorded: outcomes of attempts, withdrawals, what a person stops. It may have the last of it, too.
    Record,
}

impl Need {
    /// Bytes that stay free by all means, in a store with a log of so many bytes.
    const fn left_free(self, log_bytes: u64) -> u64 {
        match self {
            Self::News => LEFT_FREE,
            Self::Attempt => LEFT_FREE + to_open(log_bytes),
            Self::Record => LEFT_FREE_BY_RECORDS,
        }
    }
}

/// Whether a store's folder gets a ballast where there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BallastPolicy {
    /// No: for a command that ends. One that is there is kept.
    #[default]
    Keep,
    /// Yes: for a daemon.
    Lay,
}

/// Our own handles of sled's files.
#[derive(Debug)]
pub(super) struct Disk {
    folder: PathBuf,
    policy: BallastPolicy,
    ballast: Ballast,
    looked_at: Option<Instant>,
    log: File,
    blobs: PathBuf,
    durable_blobs: HashSet<OsString>,
}

impl Disk {
    /// Of the store in `folder`, which sled has opened.
    pub(super) fn open(folder: &Path, policy: BallastPolicy) -> Result<Self, Fault> {
        Ok(Self {
            folder: folder.to_owned(),
            policy,
            ballast: Ballast::of(folder),
            looked_at: None,
            log: File::open(folder.join("db"))?,
            blobs: folder.join("blobs"),
            durable_blobs: HashSet::new(),
        })
    }

    /// Makes durable what sled wrote. Its own `flush` ends in `sync_file_range`, which neither empties the drive's
    /// cache nor writes the file's length; and values beyond its threshold stand in files of their own.
    pub(super) fn sync(&mut self) -> Result<(), Fault> {
        // Only what the disk itself refused is lost for good. That no descriptor was free to ask it passes.
        let failed = |error| Fault::SyncFailed(Arc::new(error));
        let mut present = HashSet::new();
        for entry in std::fs::read_dir(&self.blobs)? {
            let entry = entry?;
            if !self.durable_blobs.contains(&entry.file_name()) {
                match File::open(entry.path()) {
                    Ok(blob) => blob.sync_data().map_err(failed)?,
                    // sled removes those that it needs no more.
                    Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
                    Err(error) => return Err(error.into()),
                }
            }
            present.insert(entry.file_name());
        }
        if !present.is_subset(&self.durable_blobs) {
            File::open(&self.blobs)?.sync_all().map_err(failed)?;
        }
        self.durable_blobs = present;
        self.log.sync_data().map_err(failed)
    }

    /// Sees to room for so many bytes of rows; what is not new may have that of the ballast.
    pub(super) fn make_room(&mut self, need: Need, bytes: u64) -> Result<(), Fault> {
        if need == Need::News && self.ballast.is_spent() {
            return Err(Fault::NoSpace);
        }
        let wanted = need.left_free(self.log_bytes()) + bytes.saturating_mul(AMPLIFICATION);
        make_room(&self.folder, &mut self.ballast, need, wanted)
    }

    fn log_bytes(&self) -> u64 {
        self.log.metadata().map_or(0, |found| found.len())
    }

    /// Lays the ballast if it is not whole and there is room.
    pub(super) fn tend(&mut self) {
        if self.looked_at.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return;
        }
        self.looked_at = Some(Instant::now());
        let is_wanted = self.policy == BallastPolicy::Lay || self.ballast.is_spent();
        let Ok(room) = room(&self.folder) else { return };
        let missing = self.ballast.missing(self.log_bytes(), room.bytes);
        let is_whole = missing == 0 && !self.ballast.is_spent();
        if !is_wanted || is_whole || room.free_bytes < missing + LEFT_BY_BALLAST {
            return;
        }
        if let Err(error) = self.ballast.lay(missing) {
            tracing::debug!(%error, "no room could be set aside for a full disk");
        }
    }

    /// Whether anything can be written at all: where that is seen, before sled is asked to.
    pub(super) fn probe(&self, round: u64) -> Result<(), Fault> {
        write_mark(&self.folder, round)
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

fn make_room(folder: &Path, ballast: &mut Ballast, need: Need, wanted: u64) -> Result<(), Fault> {
    let short = wanted.saturating_sub(free(folder)?);
    if short == 0 {
        return Ok(());
    }
    if need == Need::News || ballast.left() == 0 {
        return Err(Fault::NoSpace);
    }
    ballast.give_up(short)?;
    if free(folder)? < wanted { Err(Fault::NoSpace) } else { Ok(()) }
}

/// Bytes that are free for us on a disk that can be written.
fn free(folder: &Path) -> Result<u64, Fault> {
    let found = rustix::fs::statvfs(folder).map_err(std::io::Error::from)?;
    if found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY) {
        return Err(std::io::Error::from(std::io::ErrorKind::ReadOnlyFilesystem).into());
    }
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether there is too little room to open a store in, whatever the ballast once gave up.
pub(super) fn is_full(folder: &Path) -> bool {
    free(folder).is_ok_and(|free| free < LEFT_FREE)
}

/// Whether what is new can be written.
pub(super) fn check_room(folder: &Path) -> Result<(), Fault> {
    if Ballast::of(folder).is_spent() || free(folder)? < LEFT_FREE {
        return Err(Fault::NoSpace);
    }
    Ok(())
}

/// Gives up ballast where there is not enough room to open a store in; whether there is then, opening it shows.
pub(super) fn make_room_to_open(folder: &Path) -> Result<(), Fault> {
    let log_bytes = folder.join("db").metadata().map_or(0, |found| found.len());
    let wanted = Need::Attempt.left_free(log_bytes);
    match make_room(folder, &mut Ballast::of(folder), Need::Attempt, wanted) {
        Ok(()) | Err(Fault::NoSpace) => Ok(()),
        Err(fault) => Err(fault),
    }
}

/// What of a store can be seen from outside, whoever has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Survey {
    /// The disk that it lies on.
    pub room: Room,
    /// Whether that cannot be written at all.
    pub read_only: bool,
    /// Bytes set aside for the day on which the disk is full, if any are.
    pub ballast: Option<u64>,
    /// Whether some of that was given up, because the disk is full.
    pub ballast_spent: bool,
    /// Damaged stores that were set aside in its folder.
    pub damaged: Vec<PathBuf>,
}

/// Looks at the folder of a store; nothing is opened or changed.
///
/// # Errors
/// The folder cannot be read.
pub fn survey(folder: &Path) -> std::io::Result<Survey> {
    let room = room(folder).map_err(|fault| match fault {
        Fault::Io(error) => std::io::Error::new(error.kind(), error),
        other => std::io::Error::other(format!("{other:?}")),
    })?;
    let flags = rustix::fs::statvfs(folder)?.f_flag;
    let ballast = Ballast::of(folder);
    Ok(Survey {
        room,
        read_only: flags.contains(rustix::fs::StatVfsMountFlags::RDONLY),
        ballast: ballast.is_there().then(|| ballast.left()),
        ballast_spent: ballast.is_spent(),
        damaged: super::aside::all(folder)?.into_iter().map(|(_, path)| path).collect(),
    })
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
    use super::{Ballast, BallastPolicy, Disk, Fault, read_mark, write_mark};
    use std::collections::HashSet;
    use std::fs::File;

    #[test]
    fn what_cannot_be_made_durable_is_a_failed_sync() {
        let folder = tempfile::tempdir().unwrap();
        // The kernel knows no way to sync it.
        let log = File::open("/proc/self/stat").unwrap();
        let blobs = folder.path().to_owned();
        let ballast = Ballast::of(folder.path());
        let (policy, looked_at) = (BallastPolicy::Keep, None);
        let mut disk =
            Disk { folder: blobs.clone(), policy, ballast, looked_at, log, blobs, durable_blobs: HashSet::new() };
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
