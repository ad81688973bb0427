//! A backup's file, from its first byte until it bears its name.

use super::StartError;
use super::restore::BackupContents;
use crate::store::StoreError;
use crate::store::sled::verify_backup;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// A file that bears another name until it is whole. Dropped before, it is removed.
#[derive(Debug)]
pub struct BackupFile {
    path: PathBuf,
    part: PathBuf,
    file: File,
    named: bool,
}

impl BackupFile {
    /// Makes it, for its owner alone: `NAME.part` beside what it is to be.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let (Some(name), false) = (path.file_name(), path.is_dir()) else {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "this is a folder; name the file to be made"));
        };
        let mut part = name.to_owned();
        part.push(".part");
        let part = path.with_file_name(part);
        let file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&part)?;
        Ok(Self { path: path.to_owned(), part, file, named: false })
    }

    /// What to write to.
    ///
    /// # Errors
    /// The process has too many files open.
    pub fn writer(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Makes it durable, reads all of it again, and gives it its name, in the place of what bore it. Blocks.
    ///
    /// # Errors
    /// It is not whole, or the disk does not take it.
    pub fn finish(mut self) -> anyhow::Result<BackupContents> {
        let cannot = |error| StartError::Store(StoreError::Backup(error));
        self.file.sync_all().map_err(cannot)?;
        let summary = verify_backup(&self.part).map_err(StartError::Store)?;
        std::fs::rename(&self.part, &self.path).map_err(cannot)?;
        self.named = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.map_err(cannot)?;
        Ok(summary.into())
    }
}

impl Drop for BackupFile {
    fn drop(&mut self) {
        if !self.named
            && let Err(error) = std::fs::remove_file(&self.part)
        {
            tracing::debug!(%error, "what there was of a backup could not be removed");
        }
    }
}
