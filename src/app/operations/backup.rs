//! A backup of the store while it is in use.

use super::failure;
use crate::app::shared::Shared;
use crate::http::{BackupSink, Result};
use crate::store::{BackupStamp, BackupSummary};

/// Writes one.
pub(crate) async fn backup(core: &Shared, into: BackupSink) -> Result<BackupSummary> {
    let stamp = BackupStamp { made_at: core.clock.now(), version: env!("CARGO_PKG_VERSION").to_owned() };
    core.store.backup(stamp, into).await.map_err(failure)
}
