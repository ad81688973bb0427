//! Writing the store anew, for a command: no daemon runs.

use super::{StartError, project};
use crate::store::sled::{Cache, Compacted, SledSettings, compact as write_anew};
use serde::Serialize;
use std::path::Path;

/// What became of the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CompactReport {
    /// The store's folder.
    pub store: String,
    /// Its rows, which are the same as before.
    pub rows: u64,
    /// Bytes that its files took before.
    pub before: u64,
    /// And now.
    pub after: u64,
}

/// Writes the store of a settings file anew.
///
/// # Errors
/// The settings have errors, a daemon runs, there is no room, or the store failed; [`super::exit_code`] knows the code.
pub async fn compact(settings_file: &Path) -> anyhow::Result<CompactReport> {
    let settings = project::load_settings(settings_file)?;
    let folder = settings.store.path;
    let store = folder.display().to_string();
    let done = tokio::task::spawn_blocking(move || {
        write_anew(&folder, SledSettings { cache: Cache::Large, ..SledSettings::default() })
    })
    .await?;
    let Compacted { rows, before, after } = done.map_err(StartError::Store)?;
    Ok(CompactReport { store, rows, before, after })
}
