//! Damaged stores: moved out of the way and named, so that none is begun anew in silence.

use super::disk;
use super::lock::FolderLock;
use std::fs::{DirBuilder, File, TryLockError};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the folders of damaged stores begin with; a number from 1 on follows.
const PREFIX: &str = "damaged-";
/// How long to wait for sled's last thread to let its file go.
const PATIENCE: Duration = Duration::from_millis(1500);

/// The damaged store that was set aside last in a store's folder, if there is one.
pub(super) fn last(folder: &Path) -> io::Result<Option<PathBuf>> {
    Ok(all(folder)?.into_iter().max().map(|(_, path)| path))
}

/// Moves the files of a store that cannot be opened into a new folder inside its own, and answers that folder. Whatever
/// else is in the store's folder stays. The folder's lock must be held.
pub(super) fn set_aside(folder: &Path, _: &FolderLock) -> io::Result<PathBuf> {
    wait_for_sled(folder);
    let number = all(folder)?.into_iter().map(|(number, _)| number).max().unwrap_or(0) + 1;
    let aside = folder.join(format!("{PREFIX}{number}"));
    let mut files = disk::store_files(folder)?;
    // The log first and the mark last: whatever stops this half-way, what is left is still seen to be damaged.
    files.sort_by_key(|file| match file.file_name().and_then(|name| name.to_str()) {
        Some("db") => 0,
        Some(disk::MARK) => 2,
        _ => 1,
    });
    DirBuilder::new().mode(0o700).create(&aside)?;
    for file in files {
        if let Some(name) = file.file_name() {
            std::fs::rename(&file, aside.join(name))?;
        }
    }
    File::open(&aside)?.sync_all()?;
    File::open(folder)?.sync_all()?;
    Ok(aside)
}

/// All of them, each with its number; 0 for one that somebody has renamed.
pub(super) fn all(folder: &Path) -> io::Result<Vec<(u64, PathBuf)>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(PREFIX))
            && entry.file_type()?.is_dir()
        {
            found.push((rest.parse().unwrap_or(0), entry.path()));
        }
    }
    Ok(found)
}

/// One of sled's threads may outlive it by a moment. One that died with a panic never lets go, and does no harm either.
pub(super) fn wait_for_sled(folder: &Path) {
    let Ok(log) = File::open(folder.join("db")) else { return };
    let since = Instant::now();
    while matches!(log.try_lock(), Err(TryLockError::WouldBlock)) && since.elapsed() < PATIENCE {
        std::thread::sleep(Duration::from_millis(10));
    }
}
