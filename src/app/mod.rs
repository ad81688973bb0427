//! The composition root.
//!
//! What it is for: reading a project, building everything from it, the order of starting and stopping, reload, ticks, and
//! the operations that the admin interface and the command line share.
//! Invariants: nothing is sent before the store is open, what was being sent is found, and the rules are compiled; a
//! reload swaps everything or nothing; the store is closed last.
//! Deliberately not here: deciding, sending, keeping, parsing; and how a person sees any of it.

mod backup_file;
mod build;
mod compact;
mod daemon;
mod demo;
mod doctor;
mod export_folder;
mod follow;
mod init;
mod intake;
mod jumps;
mod live;
mod lost;
mod nightly;
mod operations;
mod pages;
mod project;
mod proposal;
mod reload;
mod restore;
mod run;
mod shared;
mod supervisor;
mod ticks;
mod watch;
mod webhook_body;
mod zones;

#[cfg(test)]
pub(crate) mod tests;

pub use crate::store::sled::{OpenMode as StoreMode, RestoreFrom, Sending};
pub use backup_file::BackupFile;
pub use build::world;
pub use compact::{CompactReport, compact};
pub use demo::{DemoReport, DemoRequest, MailReport, RuleReport, demo};
pub use doctor::{Finding, Level, examine};
pub use export_folder::{ExportFolder, ExportReport};
pub use init::{InitError, InitRequest, Playbook, init, playbooks};
pub use lost::Offer;
pub use project::{Loaded, Project, Seen, Tested, load, test, test_problems};

pub use restore::{BackupContents, RestoreReport, restore, verify_backup};

use crate::channels::webhook::WebhookError;
use crate::clock::{Clock, SystemClock};
use crate::config::{Admin, Settings};
use crate::delivery::Pauses;
use crate::domain::Diagnostic;
use crate::http::{AdminAddress, Operations};
use crate::store::StoreError;
use crate::store::sled::{Cache, OpenMode, SledSettings, SledStore};
use arc_swap::ArcSwap;
use std::path::Path;
use std::sync::Arc;

/// What must be done once in a process before anything else: choosing the cryptography of TLS.
pub fn prepare() {
    crate::channels::install_crypto();
}

/// Why nothing could be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Files of the project have errors: exit 78 when the settings do, else 65.
    #[error("the project has errors")]
    BadProject {
        /// All problems.
        diagnostics: Vec<Diagnostic>,
        /// Whether the settings are among them.
        bad_settings: bool,
    },
    /// A setting is well written and cannot be used: exit 78.
    #[error("the settings cannot be used")]
    Settings(#[source] anyhow::Error),
    /// The store failed: exit 74.
    #[error("the store cannot be used")]
    Store(#[source] StoreError),
    /// The store is damaged, and there is a backup: exit 74.
    #[error("the store cannot be used; {offer}")]
    Lost {
        /// The backup.
        offer: Box<Offer>,
        /// What is wrong.
        #[source]
        source: StoreError,
    },
    /// Webhooks cannot be sent.
    #[error("webhooks cannot be sent")]
    Webhooks(#[source] WebhookError),
}

/// The exit code for an error of this room: 65 bad rules or templates, 74 store, 78 settings, 1 anything else.
#[must_use]
pub fn exit_code(error: &anyhow::Error) -> u8 {
    for cause in error.chain() {
        if cause.downcast_ref::<StoreError>().is_some() {
            return 74;
        }
        match cause.downcast_ref::<StartError>() {
            Some(StartError::BadProject { bad_settings: true, .. } | StartError::Settings(_)) => return 78,
            Some(StartError::BadProject { .. }) => return 65,
            Some(StartError::Store(_) | StartError::Lost { .. }) => return 74,
            Some(StartError::Webhooks(_)) | None => {}
        }
    }
    1
}

/// Runs the daemon of a settings file until SIGTERM or SIGINT.
///
/// # Errors
/// What kept it from starting or stopped it; [`exit_code`] knows the code.
pub async fn run(settings_file: &Path) -> anyhow::Result<()> {
    run::run(settings_file).await
}

/// Where the daemon of these settings is found.
///
/// # Errors
/// The token cannot be read.
pub fn admin_address(settings: &Settings) -> anyhow::Result<AdminAddress> {
    Ok(match &settings.http.admin {
        Admin::Socket(path) => AdminAddress::Unix(path.clone()),
        Admin::Port { address, token } => {
            let token = token.reveal().map_err(|error| StartError::Settings(error.into()))?;
            AdminAddress::Tcp { address: *address, token }
        }
    })
}

/// Where the daemon of a settings file is found. Only the settings are read: a rule with an error does not keep a
/// command from a running daemon.
///
/// # Errors
/// The settings have errors.
pub fn admin_of(settings_file: &Path) -> anyhow::Result<AdminAddress> {
    admin_address(&project::load_settings(settings_file)?)
}

/// Operations without a daemon, on a store that is opened for one command.
///
/// # Errors
/// The project has errors, or the store cannot be opened.
pub async fn offline(settings_file: &Path, mode: StoreMode) -> anyhow::Result<(Arc<dyn Operations>, Closer)> {
    let loaded = daemon::read_project(settings_file).await?;
    // Only what needs the rules is refused when they have errors; the outbox can be looked at all the same.
    let (project, broken) = match loaded.project {
        Some(project) if !loaded.bad_settings => (project, loaded.diagnostics),
        _ => {
            let (diagnostics, bad_settings) = (loaded.diagnostics, true);
            return Err(StartError::BadProject { diagnostics, bad_settings }.into());
        }
    };
    // What may make a store fills it.
    let cache = if mode == StoreMode::Create { Cache::Large } else { Cache::OfStore };
    let of_command = SledSettings { cache, ..SledSettings::default() };
    let store: Arc<dyn crate::store::Store> = Arc::new(open_store(&project.settings, mode, of_command).await?);
    let core = shared::Shared {
        store: Arc::clone(&store),
        world: Arc::new(ArcSwap::from_pointee(build::without_channels(&project))),
        pauses: Arc::new(Pauses::default()),
        clock: Arc::new(SystemClock) as Arc<dyn Clock>,
        settings_file: settings_file.to_path_buf(),
        store_path: project.settings.store.path.clone(),
        broken,
        backup: project.settings.backup.clone(),
        daemon: None,
    };
    core.load_pauses().await.map_err(StartError::Store)?;
    Ok((Arc::new(operations::Ops(Arc::new(core))), Closer(store)))
}

/// Closes the store that [`offline`] opened.
pub struct Closer(Arc<dyn crate::store::Store>);

impl Closer {
    /// Makes everything durable and lets the files go.
    ///
    /// # Errors
    /// The store failed.
    pub async fn close(self) -> anyhow::Result<()> {
        self.0.close().await.map_err(|error| StartError::Store(error).into())
    }
}

/// Opens the store of the settings, with the given page cache if they name none.
async fn open_store(
    settings: &Settings,
    mode: OpenMode,
    SledSettings { cache, ballast }: SledSettings,
) -> anyhow::Result<SledStore> {
    let path = settings.store.path.clone();
    let cache = settings.store.cache.map_or(cache, |mebibytes| Cache::Bytes(mebibytes << 20));
    let settings_of_store = SledSettings { cache, ballast };
    let opened = tokio::task::spawn_blocking(move || SledStore::open_with(&path, mode, settings_of_store)).await?;
    match opened {
        Ok(store) => Ok(store),
        Err(error) => {
            let settings = settings.clone();
            Err(tokio::task::spawn_blocking(move || lost::explained(error, &settings)).await?.into())
        }
    }
}
