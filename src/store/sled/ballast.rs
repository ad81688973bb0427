//! A file that takes room for nothing, so that there is some when the disk is full.
//!
//! It lies in the store's folder. What must be recorded although the disk is full may have its room, and until it is whole
//! again nothing else is taken. That survives a restart: a length that is no whole number of pieces tells that some was
//! given up.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

/// Name of the file.
pub(super) const NAME: &str = "ballast";
/// How long it is besides what opening the store takes: some ten thousand outcomes.
const LENGTH: u64 = 12 << 20;
/// Opening a store writes a list of its pages, which is so large a part of its log. Measured: 1.0 % with 10,000 and with
/// 100,000 customers, 1.7 % after many changes.
const PART_OF_LOG: u64 = 50;
/// It takes at most this part of a small disk.
const PART_OF_DISK: u64 = 4;
/// It is laid and given up in pieces of this length, for others who fill the disk take what they find.
const PIECE: u64 = 1 << 20;
/// It grows with the store by so much at a time.
const STEP: u64 = 4 << 20;

/// Bytes that opening a store with a log of so many bytes may take.
pub(super) const fn to_open(log_bytes: u64) -> u64 {
    log_bytes / PART_OF_LOG
}

/// The ballast of a store, as it now is.
#[derive(Debug)]
pub(super) struct Ballast {
    path: PathBuf,
    /// `None` where there is no file.
    length: Option<u64>,
}

impl Ballast {
    /// Of the store in `folder`.
    pub(super) fn of(folder: &Path) -> Self {
        let path = folder.join(NAME);
        let length = std::fs::metadata(&path).ok().map(|found| found.len());
        Self { path, length }
    }

    /// Whether some of it was given up.
    pub(super) fn is_spent(&self) -> bool {
        self.length.is_some_and(|length| !length.is_multiple_of(PIECE))
    }

    /// Whether there is one.
    pub(super) fn is_there(&self) -> bool {
        self.length.is_some()
    }

    /// Bytes that are to be had by giving it up.
    pub(super) fn left(&self) -> u64 {
        self.length.unwrap_or(0) / PIECE * PIECE
    }

    /// Bytes that it lacks, for a log of so many bytes on a disk of so many.
    pub(super) fn missing(&self, log_bytes: u64, disk_bytes: u64) -> u64 {
        let wanted = (LENGTH + to_open(log_bytes)).next_multiple_of(STEP);
        let wanted = wanted.min(disk_bytes / PART_OF_DISK / PIECE * PIECE);
        wanted.saturating_sub(self.left())
    }

    /// Gives up at least so many bytes of it, or what there is.
    pub(super) fn give_up(&mut self, bytes: u64) -> io::Result<()> {
        if self.left() == 0 {
            return Ok(());
        }
        // In one step, so that nothing ever tells it to be whole when it is not.
        let shorter = self.left().saturating_sub(bytes.next_multiple_of(PIECE)) + 1;
        File::options().write(true).open(&self.path)?.set_len(shorter)?;
        self.length = Some(shorter);
        Ok(())
    }

    /// Makes it so many bytes longer, and whole. Where that fails, it is as it was.
    pub(super) fn lay(&mut self, bytes: u64) -> io::Result<()> {
        let wanted = self.left() + bytes;
        let file = File::options().create(true).truncate(false).write(true).open(&self.path)?;
        let allocated = if bytes == 0 { Ok(()) } else { allocate(&file, self.left(), bytes) };
        if let Err(error) = allocated.and_then(|()| file.set_len(wanted)) {
            match self.length {
                Some(length) => file.set_len(length)?,
                None => std::fs::remove_file(&self.path)?,
            }
            return Err(error);
        }
        self.length = Some(wanted);
        Ok(())
    }
}

/// Has the file system set room aside; one that cannot do that is made to by writing what no compression makes small.
fn allocate(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    let allocated = rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), from, bytes);
    let Err(error) = allocated.map_err(io::Error::from) else { return Ok(()) };
    if !matches!(error.kind(), ErrorKind::Unsupported) {
        return Err(error);
    }
    let mut noise = vec![0; 64 << 10];
    let mut at = from;
    while at < from + bytes {
        getrandom::fill(&mut noise).map_err(io::Error::other)?;
        let piece = usize::try_from(from + bytes - at).map_or(noise.len(), |left| left.min(noise.len()));
        file.write_all_at(&noise[..piece], at)?;
        at += piece as u64;
    }
    file.sync_data()
}

#[cfg(test)]
mod tests {
    use super::{Ballast, PIECE};
    use std::os::unix::fs::MetadataExt;

    const LARGE: u64 = 1 << 40;

    #[test]
    fn it_takes_room_gives_it_up_in_pieces_and_tells_so_to_who_comes_later() {
        let folder = tempfile::tempdir().unwrap();
        let mut ballast = Ballast::of(folder.path());
        assert!(!ballast.is_spent() && ballast.left() == 0, "one that was never laid was not given up");
        let missing = ballast.missing(0, LARGE);
        ballast.lay(missing).unwrap();
        let file = folder.path().join("ballast");
        assert!(file.metadata().unwrap().blocks() * 512 >= missing, "the room is really taken");
        assert!(!ballast.is_spent() && ballast.missing(0, LARGE) == 0);
        ballast.give_up(1).unwrap();
        assert_eq!(ballast.left(), missing - PIECE);
        assert!(ballast.is_spent() && Ballast::of(folder.path()).is_spent());
        ballast.give_up(LARGE).unwrap();
        assert!(file.metadata().unwrap().len() < 2 && ballast.left() == 0 && ballast.is_spent());
        ballast.give_up(1).unwrap();
        ballast.lay(missing).unwrap();
        assert!(!Ballast::of(folder.path()).is_spent());
    }

    #[test]
    fn it_grows_with_the_store_and_takes_a_small_part_of_a_small_disk() {
        let folder = tempfile::tempdir().unwrap();
        let mut ballast = Ballast::of(folder.path());
        assert_eq!(ballast.missing(0, 16 << 20), 4 << 20);
        assert_eq!(ballast.missing(0, LARGE), 12 << 20);
        assert_eq!(ballast.missing(5 << 30, LARGE), 116 << 20);
        ballast.lay(12 << 20).unwrap();
        assert_eq!(ballast.missing(500 << 20, LARGE), 12 << 20);
        assert!(!ballast.is_spent(), "one that the store outgrew was not given up");
    }
}
