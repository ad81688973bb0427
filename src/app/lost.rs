//! What is offered when a store is damaged or was: the newest backup that is whole, and how it is put in its place.

use super::{StartError, nightly};
use crate::clock::{Clock, SystemClock};
use crate::config::Settings;
use crate::domain::Time;
use crate::store::StoreError;
use crate::store::sled::verify_backup;
use std::path::{Path, PathBuf};

/// A backup that can be restored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its file.
    pub file: PathBuf,
    /// When it was begun.
    pub at: Time,
    /// The folder of the damaged store, where that must be moved away first.
    pub in_the_way: Option<PathBuf>,
}

impl std::fmt::Display for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { file, at, in_the_way } = self;
        if let Some(folder) = in_the_way {
            write!(f, "move {} away, then ", folder.display())?;
        }
        write!(f, "`retaind restore {}` makes it anew from the newest backup, of {at}", file.display())
    }
}

/// The error of a store, with a backup if that is what helps and there is one in the folder of the settings. Blocks.
pub(super) fn explained(error: StoreError, settings: &Settings) -> StartError {
    let in_the_way = match &error {
        StoreError::Damaged { aside: None, path, .. } => Some(path.clone()),
        StoreError::Damaged { .. } | StoreError::SetAside { .. } => None,
        _ => return StartError::Store(error),
    };
    let folder = settings.backup.as_ref().map(|backup| backup.folder.as_path());
    match folder.and_then(|folder| newest(folder, in_the_way)) {
        Some(offer) => StartError::Lost { offer: Box::new(offer), source: error },
        None => StartError::Store(error),
    }
}

fn newest(folder: &Path, in_the_way: Option<PathBuf>) -> Option<Offer> {
    let whole =
        nightly::files(folder, SystemClock.now()).into_iter().rev().find(|kept| verify_backup(&kept.path).is_ok())?;
    Some(Offer { file: whole.path, at: whole.at, in_the_way })
}
