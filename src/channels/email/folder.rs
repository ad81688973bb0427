//! Mail into a folder, one file each.

use crate::domain::{DeliveryId, Outcome};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// Writes `ID.eml`: whole or not at all, on disk when it answers. The same delivery again replaces its file, so a repeat
/// leaves one. What fails is transient.
pub(super) async fn store(folder: &Path, id: DeliveryId, message: Vec<u8>) -> Outcome {
    let folder: PathBuf = folder.to_owned();
    let written = tokio::task::spawn_blocking(move || write(&folder, id, &message)).await;
    match written.unwrap_or_else(|error| Err(io::Error::other(error))) {
        Ok(()) => Outcome::Accepted { detail: format!("written to {id}.eml") },
        Err(error) => Outcome::Transient { detail: format!("writing to the folder: {error}"), retry_after: None },
    }
}

fn write(folder: &Path, id: DeliveryId, message: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let unfinished = folder.join(format!(".{id}.tmp"));
    let mut file = File::create(&unfinished)?;
    file.write_all(message)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(format!("{id}.eml")))?;
    File::open(folder)?.sync_all()
}
