//! Making a store from a backup or an export, for a command: no daemon runs, and there is no store yet.

use super::shared::MARKETING_PAUSED;
use super::{StartError, project};
use crate::clock::{Clock, SystemClock};
use crate::domain::Time;
use crate::store::sled::{RestoreFrom, RestoreRequest, Restoring, Sending, SledSettings, verify_backup as read_whole};
use crate::store::{BackupSummary, StoreError};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What a backup holds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BackupContents {
    /// When it was begun.
    pub made_at: Time,
    /// The version of the program that made it.
    pub version: String,
    /// Customers in it.
    pub customers: u64,
    /// The file's length.
    pub bytes: u64,
}

impl From<BackupSummary> for BackupContents {
    fn from(summary: BackupSummary) -> Self {
        let BackupSummary { made_at, version, customers, bytes, rows: _, rounds: _ } = summary;
        Self { made_at, version, customers, bytes }
    }
}

/// What a restore came to.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RestoreReport {
    /// The store's folder.
    pub store: String,
    /// What the backup holds.
    pub backup: BackupContents,
    /// Whether the store is as it was and goes on: it was exported when nothing was sent any more. Else what was under way is
    /// held, nothing is made up for, and marketing is paused.
    pub goes_on: bool,
    /// Deliveries that are held as `restored`.
    pub held: u64,
    /// Consents that were withdrawn after the backup, and are so again.
    pub withdrawn: u64,
    /// Consents that were given again after it.
    pub granted: u64,
    /// Withdrawals of customers whom the backup does not know; they hold when the customer comes.
    pub kept: u64,
    /// Addresses that were suppressed after it.
    pub suppressed: u64,
    /// Addresses of which that ended after it.
    pub unsuppressed: u64,
    /// Customers who were erased after it.
    pub erased: u64,
    /// Lines of the journal that cannot be read: what they say is lost.
    pub unreadable: u64,
    /// Whether there was a journal. Without one nobody knows what customers withdrew after the backup.
    pub journal: bool,
}

/// Reads a backup as a whole and answers what it holds.
///
/// # Errors
/// It is not whole, or no backup; [`super::exit_code`] knows the code.
pub async fn verify_backup(file: &Path) -> anyhow::Result<BackupContents> {
    let file = file.to_owned();
    let verified = tokio::task::spawn_blocking(move || read_whole(&file)).await?;
    Ok(verified.map_err(StartError::Store)?.into())
}

/// Makes the store of a settings file from a backup or an export. `journal` is the folder of the lost store's journal, where that does
/// not lie beside the new one.
///
/// # Errors
/// The settings have errors, the backup is not whole, or a store is there; [`super::exit_code`] knows the code.
pub async fn restore(settings_file: &Path, from: RestoreFrom, journal: Option<&Path>) -> anyhow::Result<RestoreReport> {
    let settings = project::load_settings(settings_file)?;
    let now = SystemClock.now();
    let request = RestoreRequest {
        from,
        folder: settings.store.path.clone(),
        journal: journal.map(PathBuf::from),
        settings: SledSettings::default(),
        now,
    };
    let begun = tokio::task::spawn_blocking(move || Restoring::begin(request)).await?;
    let restoring = begun.map_err(StartError::Store)?;
    let report = finish(restoring).await.map_err(StartError::Store)?;
    Ok(RestoreReport { store: settings.store.path.display().to_string(), ..report })
}

async fn finish(restoring: Restoring) -> Result<RestoreReport, StoreError> {
    let done = restoring.reapply().await?;
    let backup = BackupContents::from(restoring.summary().clone());
    let goes_on = restoring.sending() == Sending::Rested;
    let has_journal = restoring.has_journal();
    let mut held = 0;
    if !goes_on {
        held = restoring.settle().await?;
        let why = format!("a backup of {} was restored", backup.made_at);
        restoring.store().set_flag(MARKETING_PAUSED, Some(&why)).await?;
    }
    restoring.finish().await?;
    Ok(RestoreReport {
        store: String::new(),
        backup,
        goes_on,
        held,
        withdrawn: done.withdrawn,
        granted: done.granted,
        kept: done.kept,
        suppressed: done.suppressed,
        unsuppressed: done.unsuppressed,
        erased: done.erased,
        unreadable: done.unreadable,
        journal: has_journal,
    })
}
