//! The folder of an export, from its first file until it bears its name.

use super::StartError;
use crate::domain::Time;
use crate::store::StoreError;
use crate::store::sled::{Exported, Sending, export};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// Name of the backup that an export is made of, while it is made.
const BACKUP: &str = "backup";

/// What an export holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExportReport {
    /// The instant that it shows.
    pub made_at: Time,
    /// Customers in it.
    pub customers: u64,
    /// Bytes of its files.
    pub bytes: u64,
    /// Whether a daemon went on sending afterwards.
    pub sending: Sending,
    /// Lines by file.
    pub files: BTreeMap<String, u64>,
}

/// A folder that bears another name until it is whole. Dropped before, it is removed.
#[derive(Debug)]
pub struct ExportFolder {
    path: PathBuf,
    part: PathBuf,
    named: bool,
}

impl ExportFolder {
    /// Makes it, for its owner alone: `NAME.part` beside what it is to be, which must not be there, or be empty.
    ///
    /// # Errors
    /// It cannot be made.
    pub fn create(path: &Path) -> io::Result<Self> {
        let Some(name) = path.file_name() else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "name the folder to be made"));
        };
        match std::fs::read_dir(path) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return Err(io::Error::new(io::ErrorKind::AlreadyExists, "there is something in it already"));
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let mut part = name.to_owned();
        part.push(".part");
        let part = path.with_file_name(part);
        if part.exists() {
            let is_ours = part.join(BACKUP).is_file() || std::fs::read_dir(&part)?.next().is_none();
            if !is_ours {
                let message = format!("{} is in the way: move it elsewhere", part.display());
                return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
            }
            std::fs::remove_dir_all(&part)?;
        }
        DirBuilder::new().mode(0o700).create(&part)?;
        Ok(Self { path: path.to_owned(), part, named: false })
    }

    /// The file in it for the backup that it is made of.
    #[must_use]
    pub fn backup(&self) -> PathBuf {
        self.part.join(BACKUP)
    }

    /// Makes the export of that backup, removes it, and gives the folder its name. Blocks.
    ///
    /// # Errors
    /// The backup is not whole, or the disk does not take it.
    pub fn finish(mut self, sending: Sending) -> anyhow::Result<ExportReport> {
        let backup = self.backup();
        let Exported { made_at, customers, files, bytes, sending } =
            export(&backup, &self.part, sending).map_err(StartError::Store)?;
        let named = std::fs::remove_file(&backup)
            .and_then(|()| File::open(&self.part)?.sync_all())
            .and_then(|()| std::fs::rename(&self.part, &self.path));
        named.map_err(|error| StartError::Store(StoreError::Export(error)))?;
        self.named = true;
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let synced = File::open(folder.unwrap_or(Path::new("."))).and_then(|folder| folder.sync_all());
        synced.map_err(|error| StartError::Store(StoreError::Export(error)))?;
        Ok(ExportReport { made_at, customers, bytes, sending, files: files.into_iter().collect() })
    }
}

impl Drop for ExportFolder {
    fn drop(&mut self) {
        if !self.named
            && let Err(error) = std::fs::remove_dir_all(&self.part)
        {
            tracing::debug!(%error, "what there was of an export could not be removed");
        }
    }
}
