//! `retaind run`: from the settings file to the exit code.

use super::daemon::{self, read_project, require};
use super::{StartError, reload, supervisor};
use crate::clock::SystemClock;
use crate::http::{AdminListener, Operations};
use crate::store::SledStore;
use crate::store::OpenMode;
use crate::telemetry;
use anyhow::Context;
use std::path::Path;
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};

/// Runs the daemon until it is told to stop.
///
/// # Errors
/// What keeps it from starting, or made it stop; [`super::exit_code`] knows the code.
pub(super) async fn run(settings_file: &Path) -> anyhow::Result<()> {
    let project = require(read_project(settings_file).await?)?;
    let mut hangup = signal(SignalKind::hangup())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let recorder = telemetry::install_metrics();
    supervisor::starting_takes(120);
    let store = open(&project.settings, OpenMode::Create).await?;
    let admin_settings = project.settings.http.admin.clone();
    let mut daemon =
        daemon::start(project, settings_file, Arc::new(store), Arc::new(SystemClock), Some(recorder)).await?;
    let operations: Arc<dyn Operations> = daemon.operations();
    let admin = match super::admin::bind(&admin_settings).await? {
        Some(address) => Some(AdminListener::bind(&address, operations).await.context("the admin socket cannot be made")?),
        None => None,
    };
    supervisor::ready();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "ready");
    let ended = loop {
        tokio::select! {
            _ = terminate.recv() => break None,
            _ = interrupt.recv() => break None,
            error = daemon.failed() => break Some(error),
            _ = hangup.recv() => {
                supervisor::reloading();
                // Its problems are in the log; the old rules stay.
                let done = reload::reload(daemon.core()).await;
                tracing::debug!(ok = done.is_ok(), "SIGHUP handled");
                supervisor::ready();
            }
        }
    };
    supervisor::stopping();
    if let Some(error) = ended {
        return Err(StartError::Store(error).into());
    }
    tracing::info!("stopping");
    if let Some(admin) = admin {
        admin.stop().await;
    }
    daemon.drain().await
}
